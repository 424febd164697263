/* The same network, trained end to end: what ff/algorithm/backprop.py does, for one network. Its
   layers are those of learn-network.js; only where their ∂loss/∂a comes from differs: from a
   classifier on the last layer, through all layers above. Shapes are as there. */
"use strict";

function backpropagation({ Layer, Classifier, scale, upwards }) {
  class Backprop {
    constructor(weights, classes, c) {
      const { hidden, momentum, weight_decay: decay } = c;
      this.layers = weights.map((weight) => new Layer(weight, hidden, c));
      this.classifier = new Classifier(1, hidden, classes, { momentum, decay });
    }

    /** What samples (B, pixels) do to each layer. */
    activity(x) {
      return upwards(this.layers, x);
    }

    /** One step of all layers and the classifier. Returns loss and accuracy of the classifier and each
        layer's normalized activity (B, D), as they were before it. */
    learn(x, labels, rate) {
      const seen = [...this.activity(x)];
      const top = [seen.at(-1).handedOn];
      const scored = this.classifier.score(this.classifier.logits(top), labels);
      let dh = back(scored.slope, this.classifier.parts[0].values, this.classifier.classes); // ∂loss/∂(handed on)
      this.classifier.descend(top, scored.slope, rate);
      for (const { layer, inputs, a, z } of seen.toReversed()) {
        const dz = throughNormalization(dh, z, layer.width);
        const da = dz.map((own, at) => own * layer.activation.slope(a[at]));
        if (layer !== this.layers[0]) dh = back(da, layer.weight.values, layer.width);
        layer.descend(inputs, da, rate);
      }
      return { ...scored, neutral: seen.map(({ handedOn }) => handedOn) };
    }
  }

  /** ∂loss/∂x = ∂loss/∂a Wᵀ: (N, D), (I, D) -> (N, I). */
  function back(da, w, width) {
    const inputs = w.length / width;
    const out = new Float32Array((da.length / width) * inputs);
    for (let n = 0; n < da.length / width; n++) {
      for (let i = 0; i < inputs; i++) {
        let dot = 0;
        for (let j = 0; j < width; j++) dot += da[n * width + j] * w[i * width + j];
        out[n * inputs + i] = dot;
      }
    }
    return out;
  }

  /** From the gradient by z s to that by z, where s is 1 / (rms(z) + 1e-8): (N, D) each. */
  function throughNormalization(dh, z, width) {
    const out = new Float32Array(z.length);
    for (let from = 0; from < z.length; from += width) {
      const s = scale(z, from, width);
      const rms = 1 / s - 1e-8;
      let along = 0;
      for (let at = from; at < from + width; at++) along += z[at] * dh[at];
      const share = rms > 0 ? (along * s * s) / (width * rms) : 0; // of a silent sample: nothing
      for (let at = from; at < from + width; at++) out[at] = s * dh[at] - share * z[at];
    }
    return out;
  }

  return { Backprop };
}
