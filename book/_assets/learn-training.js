/* Training on the page's digits, in slices: epochs of batches, and what is measured of them. This is
   what the worker of learn.js runs, one for Forward-Forward and one for backpropagation. */
"use strict";

function training({ Network, Classifier, accuracy }, { Backprop }, digits) {
  const { BATCH, CLASSES, PIXELS, decode, samples, stream, gaussian, shuffled } = digits;
  const RECENT = 4; // batches whose goodness is shown: 200 positive and 200 negative samples
  const SEARCHED = 300; // training images among which a layer's favorites are looked for
  const EVENLY = Array.from({ length: CLASSES }, (_, label) => label);

  /** Weights of every layer, (I, D): Normal(0, 1 / sqrt(D)). A layer's depend on its seed and number
      alone, so that a deep network contains every shallower one. */
  const initial = ({ layers, hidden, seed }) =>
    Array.from({ length: layers }, (_, at) => {
      const inputs = at ? hidden : PIXELS;
      return gaussian(inputs * hidden, hidden ** -0.5, stream("weights", seed, at));
    });

  /** What both ways to train have in common. `data` has texts of images and labels, and how many of
      them are to learn from; the others validate. `c` has the keys of ff.Config, and one seed. */
  class Training {
    constructor({ images, labels, train }, c) {
      const all = decode(images, labels);
      this.train = { images: all.images.slice(0, train), labels: all.labels.slice(0, train) };
      this.validation = { images: all.images.slice(train), labels: all.labels.slice(train) };
      this.c = c;
      this.step = 0;
      this.lost = null; // the layer that has diverged, and how
      this.batches = Math.floor(train / BATCH); // of an epoch
      const downstream = { momentum: c.momentum, decay: c.downstream_weight_decay };
      this.classifier = (layers) => new Classifier(layers, c.hidden, CLASSES, downstream);
      this.probes = Array.from({ length: c.layers }, () => this.classifier(1));
    }

    /** Take some steps, at most to the end of the epoch. */
    advance(steps) {
      const end = (Math.floor(this.step / this.batches) + 1) * this.batches;
      const until = Math.min(this.step + steps, end);
      while (this.step < until && !this.lost) {
        const at = this.step % this.batches;
        if (at === 0) this.begin(this.step / this.batches);
        const chosen = this.order.slice(at * BATCH, (at + 1) * BATCH);
        const images = chosen.map((image) => this.train.images[image]);
        const labels = chosen.map((image) => this.train.labels[image]);
        this.learn(images, labels, chosen);
        this.step += 1;
      }
      const epoch = this.step === end ? this.measure() : null;
      return { step: this.step, epoch, ...this.now() };
    }

    /** A new epoch, counted from 0. */
    begin(epoch) {
      this.order = shuffled(this.train.images.length, stream("order", this.c.seed, epoch));
    }

    learnProbes(neutral, labels) {
      const rate = this.c.downstream_learning_rate;
      this.probes.forEach((probe, at) => probe.learn([neutral[at]], labels, rate));
    }

    /** Accuracy on the validation images: of the network's own answer, and of each layer's probe. */
    measure() {
      const { images, labels } = this.validation;
      const neutral = this.neutral(images);
      const right = (classifier, seen) => classifier.score(classifier.logits(seen), labels).accuracy;
      const probes = this.probes.map((probe, at) => right(probe, [neutral[at]]));
      return { network: right(...this.answering(neutral)), probes };
    }

    /** Each layer's normalized activity on images without a label. */
    neutral(images) {
      const x = samples(images, images.map(() => -1));
      return Array.from(this.network.activity(x), ({ handedOn }) => handedOn);
    }

    /** How probable the network takes each class to be for one image. */
    answer(image) {
      const [classifier, seen] = this.answering(this.neutral([image]));
      return classifier.chances(classifier.logits(seen));
    }
  }

  class ForwardForward extends Training {
    constructor(data, c) {
      super(data, c);
      this.network = new Network(initial(c), c);
      this.first = this.network.layers[0].weight.values.slice(); // the first layer's, before training
      this.readout = this.classifier(c.layers - 1); // it does not see the first layer
      this.recent = []; // of the last batches, goodness of each layer
    }

    begin(epoch) {
      super.begin(epoch);
      const next = stream("wrong", this.c.seed, epoch);
      this.wrong = Array.from(
        this.train.labels,
        (label) => (label + 1 + Math.floor(next() * (CLASSES - 1))) % CLASSES,
      );
      this.sums = new Float64Array(this.c.layers); // of the batches' accuracies
      this.responds = new Uint8Array(this.c.layers); // to any sample in the epoch's second half
    }

    learn(images, labels, chosen) {
      const codes = [...labels, ...chosen.map((image) => this.wrong[image]), ...labels.map(() => -1)];
      const seen = this.network.learn(samples(images, codes), this.c.learning_rate);
      this.readout.learn(seen.neutral.slice(1), labels, this.c.downstream_learning_rate);
      this.learnProbes(seen.neutral, labels);
      this.recent = [...this.recent.slice(1 - RECENT), seen.goodness];
      this.shown = { image: chosen[0], label: labels[0], wrong: this.wrong[chosen[0]] };
      seen.goodness.forEach((g, at) => {
        this.sums[at] += accuracy(g, this.network.layers[at].theta);
        const late = 2 * ((this.step % this.batches) + 1) > this.batches;
        if (late && g.some((own) => own !== 0)) this.responds[at] = 1;
        if (!g.every(Number.isFinite)) this.lost = { layer: at + 1, reason: "not finite" };
      });
    }

    answering(neutral) {
      return [this.readout, neutral.slice(1)];
    }

    /** As `Training`'s, and each layer's accuracy over the epoch's batches as they were seen. */
    measure() {
      const silent = this.responds.indexOf(0);
      if (silent >= 0) this.lost ??= { layer: silent + 1, reason: "silent" };
      return { ...super.measure(), layers: Array.from(this.sums, (sum) => sum / this.batches) };
    }

    /** Goodness of each layer on the last batches, in thresholds: of positive, of negative samples. */
    now() {
      const layers = this.network.layers.map(({ theta }, at) => {
        const half = (from) =>
          this.recent.flatMap((goodness) => {
            const g = goodness[at];
            return Array.from(g.subarray(from * BATCH, (from + 1) * BATCH), (own) => own / theta);
          });
        return { positive: half(0), negative: half(1) };
      });
      return { layers, shown: this.shown, lost: this.lost };
    }

    /** What the network makes of one image: each layer's goodness with each label, in thresholds, and
        the readout's answer. */
    classify(image) {
      const x = samples([image], EVENLY);
      const goodness = Array.from(this.network.activity(x), ({ g, layer }) =>
        Array.from(g, (own) => own / layer.theta),
      );
      return { goodness, chances: this.answer(image) };
    }

    /** What a layer responds to: the training images with the most and the least goodness under their
        own label, as their numbers; of the first layer also what training has changed in its weights. */
    favorites({ layer, count }) {
      const { images, labels } = this.train;
      const x = samples(images.slice(0, SEARCHED), Array.from(labels.slice(0, SEARCHED)));
      const { g } = Array.from(this.network.activity(x))[layer - 1];
      const order = Array.from(g.keys()).sort((a, b) => g[b] - g[a]);
      const found = { most: order.slice(0, count), least: order.slice(-count).reverse() };
      return layer > 1 ? found : { ...found, units: EVENLY.map((label) => this.excitedBy(label)) };
    }

    /** Of the unit of the first layer whose weight to a label's pixel training has raised most: how
        its weights to all pixels have changed. */
    excitedBy(label) {
      const { weight, inputs, width } = this.network.layers[0];
      const change = (pixel, unit) => weight.values[pixel * width + unit] - this.first[pixel * width + unit];
      const raised = Array.from({ length: width }, (_, unit) => change(label, unit));
      const unit = raised.indexOf(Math.max(...raised));
      return Float32Array.from({ length: inputs }, (_, pixel) => (pixel < CLASSES ? 0 : change(pixel, unit)));
    }
  }

  class EndToEnd extends Training {
    constructor(data, c) {
      super(data, c);
      this.network = new Backprop(initial(c), CLASSES, c);
    }

    learn(images, labels) {
      const x = samples(images, labels.map(() => -1));
      const { loss, neutral } = this.network.learn(x, labels, this.c.learning_rate);
      if (!Number.isFinite(loss)) this.lost = { layer: null, reason: "not finite" };
      this.learnProbes(neutral, labels);
    }

    answering(neutral) {
      return [this.network.classifier, neutral.slice(-1)];
    }

    now() {
      return { lost: this.lost };
    }
  }

  return { ForwardForward, EndToEnd };
}
