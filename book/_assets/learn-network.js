/* Forward-Forward in plain JavaScript: what ff/algorithm/network.py and readout.py do, for one
   network. The comments there apply here; names are the same. A test compares every number.

   Matrices are Float32Arrays, row after row. Shapes: B images a step, N = 3B samples (B positive, B
   negative, B neutral), D units, I inputs of a layer, C classes. Weights are (I, D), transposed, so
   that every product runs along rows, and inputs that are 0 are passed over.

   A page that is opened from disk cannot start a worker from a file. So each part of the program
   that learns is a function, and learn.js makes the worker from their text. */
"use strict";

function forwardForward() {
  const LEAK = 0.01; // slope of leaky relu below 0
  const SHARED = 0.1; // what a unit's share of the activity adds to its weight
  const TINY = 1e-12; // the least activity that is divided by

  /* ---- Switches: ff/switches --------------------------------------------------------------- */

  // z = φ(a), and φ'(a).
  const ACTIVATIONS = {
    relu: { value: (a) => (a > 0 ? a : 0), slope: (a) => (a > 0 ? 1 : 0), straightThrough: true },
    leaky: { value: (a) => (a > 0 ? a : LEAK * a), slope: (a) => (a > 0 ? 1 : LEAK) },
    gelu: {
      value: (a) => a * normal(a),
      slope: (a) => normal(a) + (a * Math.exp((-a * a) / 2)) / Math.sqrt(2 * Math.PI),
    },
  };

  // Goodness is a sum over units, G = Σ_j term(z_j, Σ_k |z_k|). Its slope is ∂G/∂z_j; no gradient
  // passes through the second argument. `unit` is the goodness of D activities of 1.
  const GOODNESS = {
    squares: { term: (z) => z * z, slope: (z) => 2 * z, unit: (D) => D },
    absolute: { term: Math.abs, slope: Math.sign, unit: (D) => D },
    "game-theoretic": {
      term: (z, total) => z * z * (1 + (SHARED * Math.abs(z)) / total),
      slope: (z, total) => 2 * z * (1 + (SHARED * Math.abs(z)) / total),
      unit: (D) => D + SHARED,
    },
  };

  /** Distribution function of the standard normal, to 1e-7 (Abramowitz and Stegun 26.2.17). */
  function normal(a) {
    const t = 1 / (1 + 0.2316419 * Math.abs(a));
    const powers = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
    const tail = powers.reduceRight((rest, power) => (rest + power) * t, 0);
    const above = (Math.exp((-a * a) / 2) / Math.sqrt(2 * Math.PI)) * tail;
    return a > 0 ? 1 - above : above;
  }

  /* ---- Products ---------------------------------------------------------------------------- */

  /** Add a linear combination of rows to a row: out[at + j] += Σ_k factors[k] rows[offsets[k] + j].
      Four rows at a time, because reading and writing `out` takes longest. */
  function combine(out, at, width, rows, offsets, factors, count) {
    let k = 0;
    for (; k + 3 < count; k += 4) {
      const p = offsets[k];
      const q = offsets[k + 1];
      const r = offsets[k + 2];
      const s = offsets[k + 3];
      const e = factors[k];
      const f = factors[k + 1];
      const g = factors[k + 2];
      const h = factors[k + 3];
      for (let j = 0; j < width; j++) {
        out[at + j] += e * rows[p + j] + f * rows[q + j] + g * rows[r + j] + h * rows[s + j];
      }
    }
    for (; k < count; k++) {
      for (let j = 0; j < width; j++) out[at + j] += factors[k] * rows[offsets[k] + j];
    }
  }

  /** Find what is not 0 among some numbers of x, `step` apart, as factors of rows of a width. Returns
      how many there are. */
  function gather(x, from, step, length, width, offsets, factors) {
    let count = 0;
    for (let k = 0; k < length; k++) {
      const factor = x[from + k * step];
      if (factor === 0) continue;
      offsets[count] = k * width;
      factors[count++] = factor;
    }
    return count;
  }

  /** x W: (N, I), (I, D) -> (N, D), added to `out`. */
  function product(x, w, inputs, width, out) {
    const offsets = new Int32Array(inputs);
    const factors = new Float64Array(inputs);
    for (let n = 0; n < x.length / inputs; n++) {
      const count = gather(x, n * inputs, 1, inputs, width, offsets, factors);
      combine(out, n * width, width, w, offsets, factors, count);
    }
    return out;
  }

  /** xᵀ y: (N, I), (N, D) -> (I, D). */
  function transposed(x, y, inputs, width) {
    const out = new Float32Array(inputs * width);
    const rows = y.length / width;
    const offsets = new Int32Array(rows);
    const factors = new Float64Array(rows);
    for (let i = 0; i < inputs; i++) {
      const count = gather(x, i, inputs, rows, width, offsets, factors);
      combine(out, i * width, width, y, offsets, factors, count);
    }
    return out;
  }

  /** Sum over rows: (N, D) -> (D). */
  function total(x, width) {
    const out = new Float32Array(width);
    for (let at = 0; at < x.length; at++) out[at % width] += x[at];
    return out;
  }

  /** What normalizes a sample, `z` from one place on: 1 / (sqrt(mean_j z_j²) + 1e-8). */
  function scale(z, from, width) {
    let squares = 0;
    for (let at = from; at < from + width; at++) squares += z[at] * z[at];
    return 1 / (Math.sqrt(squares / width) + 1e-8);
  }

  /** Every sample times its scale: (N, D) -> (N, D). */
  function normalized(z, width) {
    const out = new Float32Array(z.length);
    for (let from = 0; from < z.length; from += width) {
      const factor = scale(z, from, width);
      for (let at = from; at < from + width; at++) out[at] = z[at] * factor;
    }
    return out;
  }

  /** A tensor that learns: v <- m v + gradient + decay p, then p <- p - rate v (torch.optim.SGD). */
  class Parameter {
    constructor(values) {
      this.values = values;
      this.velocity = new Float32Array(values.length);
    }

    descend(gradient, rate, momentum, decay) {
      const { values: p, velocity: v } = this;
      for (let i = 0; i < p.length; i++) {
        v[i] = momentum * v[i] + gradient[i] + decay * p[i];
        p[i] -= rate * v[i];
      }
    }
  }

  /* ---- One layer --------------------------------------------------------------------------- */

  class Layer {
    /** Weights (I, D) to begin with; `c` has the keys of ff.Config. */
    constructor(weight, width, c) {
      this.weight = new Parameter(weight);
      this.bias = new Parameter(new Float32Array(width));
      this.runningMean = new Float32Array(width).fill(0.5); // r
      Object.assign(this, { c, width, inputs: weight.length / width });
      this.activation = ACTIVATIONS[c.activation];
      this.goodness = GOODNESS[c.goodness];
      this.theta = c.threshold * this.goodness.unit(width);
    }

    /** a = x W + b and z = φ(a): (N, I) -> (N, D) each. */
    forward(x) {
      const { inputs, width, weight, bias } = this;
      const { value } = this.activation;
      const a = new Float32Array((x.length / inputs) * width);
      for (let at = 0; at < a.length; at += width) a.set(bias.values, at);
      product(x, weight.values, inputs, width, a);
      const z = new Float32Array(a.length);
      for (let at = 0; at < a.length; at++) z[at] = value(a[at]);
      return { a, z };
    }

    /** Goodness of each sample, (N, D) -> (N), and the sum of its absolute activities. */
    good(z) {
      const { goodness: { term }, width } = this;
      const g = new Float32Array(z.length / width);
      const totals = g.slice();
      for (let n = 0, at = 0; n < g.length; n++) {
        let total = TINY;
        for (let j = 0; j < width; j++) total += Math.abs(z[at + j]);
        let own = 0;
        for (let j = 0; j < width; j++, at++) own += term(z[at], total);
        g[n] = own;
        totals[n] = total;
      }
      return { g, totals };
    }

    /** Mean cross-entropy of y = σ(G - θ) (Eq. 1, 2), of B positive, then B negative samples. */
    loss(g) {
      const softplus = (m) => Math.max(m, 0) + Math.log1p(Math.exp(-Math.abs(m)));
      const side = (n) => (n < g.length / 2 ? -1 : 1);
      return g.reduce((sum, own, n) => sum + softplus(side(n) * (own - this.theta)), 0) / g.length;
    }

    /** One step down the layer's own loss: inputs (2B, I), and what they do to the layer. */
    learn(x, { a, z, g, totals }, rate) {
      const { c, width: D, activation, goodness } = this;
      const batch = x.length / this.inputs / 2; // B

      const r = this.runningMean;
      const positive = total(z.subarray(0, batch * D), D);
      for (let j = 0; j < D; j++) {
        r[j] = c.peer_momentum * r[j] + ((1 - c.peer_momentum) / batch) * positive[j];
      }
      const mean = r.reduce((sum, own) => sum + own, 0) / D;
      const push = (c.peer_normalization * (2 / D) * (1 - c.peer_momentum)) / batch;
      const peer = r.map((own) => push * (own - mean)); // λ ∂peer loss/∂z of each positive sample

      const da = new Float32Array(2 * batch * D); // ∂loss/∂a
      for (let n = 0, at = 0; n < 2 * batch; n++) {
        const t = n < batch ? 1 : 0;
        const slope = (1 / (1 + Math.exp(this.theta - g[n])) - t) / (2 * batch); // ∂loss/∂G
        for (let j = 0; j < D; j++, at++) {
          const dz = slope * goodness.slope(z[at], totals[n]) + t * peer[j];
          da[at] = activation.straightThrough ? dz : dz * activation.slope(a[at]);
        }
      }
      this.descend(x, da, rate);
    }

    /** Gradient descent by ∂loss/∂a, (N, D). */
    descend(x, da, rate) {
      const { c, inputs, width } = this;
      const gradient = transposed(x, da, inputs, width); // ∂loss/∂W = Σ_samples x ∂loss/∂aᵀ
      this.weight.descend(gradient, rate, c.momentum, c.weight_decay);
      this.bias.descend(total(da, width), rate, c.momentum, c.weight_decay);
    }
  }

  /* ---- The network ------------------------------------------------------------------------- */

  /** Send samples (N, pixels) upwards: what they do to each layer, from the first. */
  function* upwards(layers, x) {
    let inputs = normalized(x, layers[0].inputs);
    for (const layer of layers) {
      const { a, z } = layer.forward(inputs);
      const handedOn = normalized(z, layer.width);
      yield { layer, inputs, a, z, handedOn };
      inputs = handedOn; // plain data: no gradient comes back by itself
    }
  }

  class Network {
    /** Initial weights of each layer, (I, D). */
    constructor(weights, c) {
      this.layers = weights.map((weight) => new Layer(weight, c.hidden, c));
    }

    /** What samples (N, pixels) do to each layer, with their goodness. */
    *activity(x) {
      for (const seen of upwards(this.layers, x)) yield { ...seen, ...seen.layer.good(seen.z) };
    }

    /** Show one batch to every layer and let each take one step. Returns each layer's goodness (2B),
        loss, and normalized activity on the neutral samples (B, D), as they were before it. */
    learn(x, rate) {
      const seen = { goodness: [], losses: [], neutral: [] };
      for (const { layer, inputs, handedOn, ...own } of this.activity(x)) {
        const taught = (own.g.length / 3) * 2; // 2B
        const g = own.g.subarray(0, taught);
        seen.goodness.push(g);
        seen.losses.push(layer.loss(g));
        seen.neutral.push(handedOn.subarray(taught * layer.width));
        layer.learn(inputs.subarray(0, taught * layer.inputs), own, rate);
      }
      return seen;
    }
  }

  /** Share of samples on their side of θ (Eq. 3), of B positive, then B negative ones. */
  function accuracy(g, theta) {
    const right = g.filter((own, n) => (n < g.length / 2 ? own > theta : own < theta));
    return right.length / g.length;
  }

  /** A linear map without bias from the activities of some layers to C classes, which starts at 0 and
      learns by cross-entropy: the readout, which sees layers 2 to L, and a layer's probe. */
  class Classifier {
    constructor(layers, width, classes, { momentum, decay }) {
      this.parts = Array.from({ length: layers }, () => new Parameter(new Float32Array(width * classes)));
      Object.assign(this, { width, classes, momentum, decay });
    }

    /** Activities of each layer, (B, D) -> (B, C). */
    logits(xs) {
      const out = new Float32Array((xs[0].length / this.width) * this.classes);
      xs.forEach((x, k) => product(x, this.parts[k].values, this.width, this.classes, out));
      return out;
    }

    /** How probable each class is by the logits of one image. */
    chances(logits) {
      const most = Math.max(...logits);
      const powers = Array.from(logits, (own) => Math.exp(own - most));
      const total = powers.reduce((sum, own) => sum + own);
      return powers.map((own) => own / total);
    }

    /** Mean cross-entropy, accuracy, and the slope of the former by the logits, (B, C). */
    score(logits, labels) {
      const slope = new Float32Array(logits.length);
      let [loss, correct] = [0, 0];
      labels.forEach((label, n) => {
        const from = n * this.classes;
        const chances = this.chances(logits.subarray(from, from + this.classes));
        loss -= Math.log(chances[label]) / labels.length;
        correct += Number(chances.indexOf(Math.max(...chances)) === label);
        chances[label] -= 1;
        for (let k = 0; k < this.classes; k++) slope[from + k] = chances[k] / labels.length;
      });
      return { loss, accuracy: correct / labels.length, slope };
    }

    /** One step; loss and accuracy are those before it. */
    learn(xs, labels, rate) {
      const scored = this.score(this.logits(xs), labels);
      this.descend(xs, scored.slope, rate);
      return scored;
    }

    descend(xs, slope, rate) {
      xs.forEach((x, k) => {
        const gradient = transposed(x, slope, this.width, this.classes);
        this.parts[k].descend(gradient, rate, this.momentum, this.decay);
      });
    }
  }

  return { Layer, Network, Classifier, accuracy, scale, upwards };
}
