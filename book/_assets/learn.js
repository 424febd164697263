/* The page that learns: what a reader chooses, in controls and an address, and the loop that asks two
   workers to train and shows what they have measured. The learning is in learn-network.js. */
"use strict";

{
  const { html, set } = Charts;
  const { percent, paint, grey, labelled } = LearnViews;
  const SLICE = 80; // milliseconds of training between two pictures
  const EPOCHS = 100; // enough for every network of the page; then training ends

  const root = document.querySelector(".ff-learn");
  const place = (name) => document.querySelector(`.ff-learn-${name}`);
  const data = JSON.parse(root.querySelector("script").textContent);
  const digits = digitImages();
  const known = digits.decode(data.images, data.labels);
  const batches = Math.floor(data.train / digits.BATCH); // of an epoch

  /* ---- Settings and their address ------------------------------------------------------------ */

  // Name in the address, label, and what can be chosen: values, and their names where they differ.
  // Those of the network are keys of ff.Config; to change one begins a new network.
  const NETWORK = {
    layers: { label: "Layers", values: [2, 3, 4, 6, 8, 10, 12] },
    hidden: { label: "Units a layer", values: [32, 64, 100, 200] },
    learning_rate: { label: "Learning rate", values: [1e-4, 3e-4, 5e-4, 1e-3, 2e-3, 3e-3, 1e-2] },
    threshold: { label: "Threshold θ", values: [0.25, 0.5, 1, 2, 4] },
    peer_normalization: { label: "Peer norm.", values: [0, 0.03, 0.3, 1] },
    goodness: { label: "Goodness", values: ["squares", "absolute", "game-theoretic"] },
    activation: { label: "Activation", values: ["relu", "leaky", "gelu"] },
    seed: { label: "Seed", values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
  };
  const SPEEDS = { slow: 8, medium: batches, fast: Infinity }; // steps a second, at most
  const VIEW = {
    speed: { label: "Speed", values: Object.keys(SPEEDS) },
    target: { label: "Target", values: [0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9] },
    backpropagation: { label: "Backpropagation", values: ["off", "on"] },
  };
  const DEFAULTS = { ...data.settings, seed: 1, speed: "fast", target: 0.7, backpropagation: "off" };
  const CHOICES = { ...NETWORK, ...VIEW };

  /** Settings that an address asks for; what it does not say, or says wrongly, is the default. */
  function parse(text) {
    const asked = new URLSearchParams(text.replace(/^#/, ""));
    const chosen = Object.entries(CHOICES).map(([name, { values }]) => {
      const value = values.find((own) => String(own) === asked.get(name));
      return [name, value ?? DEFAULTS[name]];
    });
    return Object.fromEntries(chosen);
  }

  let settings = parse(location.hash);

  /** Keep the settings in the address: those that are not the default. */
  function tell() {
    const changed = Object.keys(CHOICES).filter((name) => settings[name] !== DEFAULTS[name]);
    const text = new URLSearchParams(changed.map((name) => [name, settings[name]]));
    history.replaceState(null, "", changed.length ? `#${text}` : location.pathname + location.search);
  }

  /* ---- Workers ------------------------------------------------------------------------------- */

  const PROGRAM = `"use strict";
    const parts = (${forwardForward})();
    const kinds = (${training})(parts, (${backpropagation})(parts), (${digitImages})());
    let own;
    onmessage = ({ data: [number, name, ...values] }) => {
      if (name === "begin") own = new kinds[values[0]](...values.slice(1));
      postMessage([number, name === "begin" ? own.now() : own[name](...values)]);
    };`;

  /** A network of one kind in a worker; `ask` calls one of its methods there. */
  function start(kind, c) {
    const address = URL.createObjectURL(new Blob([PROGRAM], { type: "text/javascript" }));
    const worker = new Worker(address);
    URL.revokeObjectURL(address);
    const waiting = new Map();
    let asked = 0;
    worker.onmessage = ({ data: [number, answer] }) => {
      waiting.get(number)(answer);
      waiting.delete(number);
    };
    worker.onerror = ({ message }) => {
      pause();
      say(`Training has stopped: ${message}. Press Reset.`);
    };
    const ask = (...question) =>
      new Promise((resolve) => {
        waiting.set(++asked, resolve);
        worker.postMessage([asked, ...question]);
      });
    ask("begin", kind, data, c);
    return { ask, step: 0, epochs: [], end: () => worker.terminate() };
  }

  /* ---- One run ------------------------------------------------------------------------------- */

  let run = null; // the networks in training, and what was measured of them
  let loop = null; // what trains them slice by slice; null while the run is paused
  let drawing = false;

  const configuration = () => ({ ...data.config, ...settings });
  const over = () => Boolean(run.forward.lost) || run.forward.epochs.length >= EPOCHS;

  function begin() {
    // When layers woke up in the network before, if it had learned something and had as many of them.
    const last = run?.forward.epochs.length ? awake(lines(run.forward.epochs, "layers", run.depth)) : run?.before;
    const before = last?.length === settings.layers ? last : null;
    run?.forward.end();
    run?.backward?.end();
    const forward = start("ForwardForward", configuration());
    run = { forward, backward: null, now: null, depth: settings.layers, before };
    const of = run;
    run.forward.ask("now").then((now) => show(of, now));
    say("");
    schedule();
    look();
  }

  /** Take what a slice has brought, unless another network has begun meanwhile. */
  function show(of, now) {
    if (run === of) of.now = now;
    schedule();
  }

  async function advance(network, steps) {
    const found = await network.ask("advance", steps);
    network.step = found.step;
    if (found.epoch) network.epochs.push(found.epoch);
    network.lost = found.lost;
    return found;
  }

  /** Let backpropagation take the steps that Forward-Forward has taken. */
  async function follow(of) {
    of.backward ??= start("EndToEnd", { ...configuration(), learning_rate: data.rate });
    const { forward, backward } = of;
    if (backward.busy) return;
    backward.busy = true;
    const behind = () => (backward.lost ? 0 : forward.step - backward.step);
    while (run === of && of.backward === backward && behind() > 0) {
      await advance(backward, behind());
      schedule();
    }
    backward.busy = false;
  }

  /** Train slice by slice until the run is paused or over, or, for one step, to the epoch's end. */
  async function play(once) {
    const [of, own] = [run, { once }];
    loop = own;
    schedule();
    let steps = 1;
    while (loop === own && !over()) {
      const began = performance.now();
      const before = of.forward.step;
      const found = await advance(of.forward, steps);
      if (run !== of) return;
      show(of, found);
      if (settings.backpropagation === "on") follow(of);
      if (found.epoch) look();
      if (found.epoch && once) break;
      const took = performance.now() - began;
      const speed = SPEEDS[settings.speed];
      const due = ((of.forward.step - before) / speed) * 1000;
      if (due > took) await new Promise((resolve) => setTimeout(resolve, due - took));
      const most = Math.min(batches, Math.max(1, Math.round((speed * SLICE) / 1000)));
      steps = Math.min(most, Math.max(1, Math.round((steps * SLICE) / took)));
    }
    if (loop === own) pause();
  }

  function pause() {
    loop = null;
    schedule();
  }

  /** Change a setting: another network begins, unless it is only of the view. */
  function change(name, value) {
    settings = { ...settings, [name]: value };
    tell();
    if (name in NETWORK) renew();
    if (name === "backpropagation") toggle();
    schedule();
  }

  /** Begin or end what is trained by backpropagation, as the setting says. */
  function toggle() {
    if (settings.backpropagation === "on") return follow(run);
    run.backward?.end();
    run.backward = null;
  }

  /** Another network, with the settings as they are now; it learns at once if this one did. */
  function renew() {
    const went = loop !== null && !loop.once;
    pause();
    begin();
    if (went) play(false);
  }

  /* ---- Controls ------------------------------------------------------------------------------ */

  const button = (text, action) => {
    const made = html("button", { type: "button" }, text);
    made.addEventListener("click", action);
    return made;
  };
  // One above the network, and one beside the pad.
  const playButtons = [1, 2].map(() =>
    button("Play", () => {
      if (loop) pause();
      else if (!over()) play(false);
    }),
  );
  const stepButton = button("Step", () => over() || play(true));
  const resetButton = button("Reset", () => {
    pause();
    begin();
  });
  set(stepButton, { title: "Train to the end of an epoch" });
  set(resetButton, { title: "Begin anew with these settings" });
  for (const one of playButtons) one.classList.add("ff-primary");

  const inputs = {};
  function choice(name) {
    const { label, values } = CHOICES[name];
    const input = html("select", { id: `ff-${name}` });
    input.append(...values.map((value, at) => html("option", { value: at }, String(value))));
    input.addEventListener("change", () => change(name, values[input.value]));
    inputs[name] = input;
    return html("div", {}, html("label", { for: `ff-${name}` }, label), input);
  }

  const status = html("p", { class: "ff-status" });
  const spoken = html("p", { class: "ff-hidden", role: "status" });
  const notice = html("p", { class: "ff-notice", role: "alert" });
  function say(text) {
    if (notice.textContent !== text) notice.textContent = text; // or it is read aloud again
  }

  /* ---- Views --------------------------------------------------------------------------------- */

  const stack = LearnViews.stack();
  const traces = LearnViews.traces("ff-own", 380, 0.4);
  const probes = {
    forward: LearnViews.traces("ff-probes", 260, 0),
    backward: LearnViews.traces("ff-probes", 260, 0),
  };
  /** An image with its label, which is shown once more, larger than its pixels are. */
  function sample(kind) {
    const canvas = html("canvas", { role: "img" });
    const text = html("figcaption", { class: `ff-${kind}` });
    const strip = html("span", { class: `ff-strip ff-${kind}`, "aria-hidden": "true" });
    strip.append(...Array.from({ length: digits.CLASSES }, (_, label) => html("i", {}, String(label))));
    const node = html("figure", {}, html("div", {}, strip, canvas), text);
    const draw = (image, truth, label) => {
      paint(canvas, digits.SIDE, grey(labelled(image, label, digits.CLASSES)));
      set(canvas, { "aria-label": `an image of ${truth} with the label ${label}` });
      [...strip.children].forEach((cell, at) => cell.classList.toggle("is-lit", at === label));
      text.replaceChildren(html("b", {}, kind), ` a ${truth} with the ${truth === label ? "true" : "wrong"} label ${label}`);
    };
    return { node, draw };
  }
  const samples = { positive: sample("positive"), negative: sample("negative") };

  /** First epoch at which each layer's accuracy has reached the target; null: not yet. */
  const awake = (lines) =>
    lines.map((line) => {
      const at = line.findIndex((value) => value >= settings.target);
      return at < 0 ? null : at + 1;
    });
  const lines = (epochs, name, depth = settings.layers) =>
    Array.from({ length: depth }, (_, at) => epochs.map((epoch) => epoch[name][at]));
  const many = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;

  function drawStack() {
    const { now, forward } = run;
    const woke = awake(lines(forward.epochs, "layers"));
    const accuracies = forward.epochs.at(-1)?.layers ?? [];
    stack.draw({ depth: settings.layers, layers: now?.layers ?? [], accuracies, awake: woke, before: run.before });
    const shown = now?.shown ?? { image: 0, label: known.labels[0], wrong: (known.labels[0] + 1) % 10 };
    samples.positive.draw(known.images[shown.image], shown.label, shown.label);
    samples.negative.draw(known.images[shown.image], shown.label, shown.wrong);
    return woke;
  }

  function drawTraces(woke) {
    const { epochs } = run.forward;
    const reached = woke.filter((epoch) => epoch !== null).length;
    const target = settings.target.toFixed(2);
    traces.draw({
      lines: lines(epochs, "layers"),
      dotted: epochs.map(({ network }) => network),
      target: settings.target,
      chance: 0.5,
      depth: settings.layers,
      title: "Training accuracy of layers, in the colors of their numbers; dotted, the readout on validation images",
      text: "",
      description: `Accuracy of each layer by epoch. After ${many(epochs.length, "epoch")}, ${reached} of ${settings.layers} layers have reached ${target}.`,
    });
    const read = epochs.length ? `; the readout names ${percent(epochs.at(-1).network)} of new digits` : "";
    status.replaceChildren(
      html("span", {}, "Epoch ", html("b", {}, String(epochs.length))),
      html("span", {}, html("b", {}, String(reached)), ` of ${settings.layers} layers awake${read}`),
    );
    const text = `Epoch ${epochs.length}: ${reached} of ${settings.layers} layers have reached ${target}.`;
    if (spoken.textContent !== text && (!loop || epochs.length % 5 === 0)) spoken.textContent = text;
  }

  /** When the probes have reached the target, layer by layer. */
  function reachedBy(found) {
    const names = found.map((epoch, at) => `layer ${at + 1}: ${epoch ?? "not yet"}`);
    return `Epoch at ${settings.target}: ${names.join(", ")}`;
  }

  function drawProbes() {
    for (const [name, title] of [["forward", "Forward-Forward"], ["backward", "Backpropagation"]]) {
      const epochs = run[name]?.epochs ?? [];
      const found = awake(lines(epochs, "probes"));
      probes[name].draw({
        lines: lines(epochs, "probes"),
        dotted: epochs.map(({ network }) => network),
        target: settings.target,
        chance: 0.1,
        depth: settings.layers,
        title: `${title}: a linear probe on each layer`,
        text: epochs.length ? reachedBy(found) : "",
        description: `${title}, probes on ${many(settings.layers, "layer")} after ${many(epochs.length, "epoch")}.`,
      });
      probes[name].figure.classList.toggle("is-off", name === "backward" && settings.backpropagation === "off");
    }
  }

  function drawNotice() {
    const { lost, epochs } = run.forward;
    if (lost) {
      const what = lost.reason === "silent" ? "has died: none of its units responds to any image" : "has diverged";
      say(`Layer ${lost.layer} ${what}. Choose a smaller learning rate, or other settings.`);
    } else if (epochs.length >= EPOCHS) {
      say(`${EPOCHS} epochs are over. Reset begins anew.`);
    } else if (run.backward?.lost) {
      say("The network that backpropagation trains has diverged. Choose other settings.");
    }
  }

  function draw() {
    drawing = false;
    for (const [name, input] of Object.entries(inputs)) {
      input.value = CHOICES[name].values.indexOf(settings[name]);
    }
    for (const one of playButtons) {
      one.textContent = loop ? "Pause" : "Play";
      one.ariaDisabled = over(); // `disabled` would take the focus away
    }
    stepButton.ariaDisabled = over();
    drawTraces(drawStack());
    drawProbes();
    drawNotice();
  }

  function schedule() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(draw);
  }

  /* ---- One image of the reader's, and what a layer responds to ------------------------------- */

  const others = known.images.map((image, at) => ({ image, label: known.labels[at] })).slice(data.train);
  const pad = LearnPad.make(digits, others, look);
  const answers = LearnViews.answers(digits.CLASSES);
  const favorites = LearnViews.favorites(digits);
  const asked = html("select", { id: "ff-layer" });
  asked.addEventListener("change", look);

  /** Ask the network for what it makes of the drawing and what one layer responds to. */
  async function look() {
    const of = run;
    if (asked.options.length !== settings.layers) {
      const chosen = Math.min(Math.max(asked.selectedIndex, 0), settings.layers - 1);
      asked.replaceChildren(
        ...Array.from({ length: settings.layers }, (_, at) => html("option", { value: at + 1 }, `layer ${at + 1}`)),
      );
      asked.selectedIndex = chosen;
    }
    const layer = Number(asked.value);
    const image = pad.image();
    if (!image) answers.clear(settings.layers);
    const [found, made] = await Promise.all([
      of.forward.ask("favorites", { layer, count: 10 }),
      image ? of.forward.ask("classify", image) : null,
    ]);
    if (run !== of) return;
    favorites.draw({ layer, ...found, ...known });
    if (made && pad.image()) answers.draw(made);
  }

  /* ---- The page ------------------------------------------------------------------------------ */

  root.append(
    html("div", { class: "ff-bar" }, playButtons[0], stepButton, resetButton, choice("speed"), choice("target")),
    html("div", { class: "ff-settings" }, ...Object.keys(NETWORK).map(choice)),
    notice,
    status,
    spoken,
    html(
      "div",
      { class: "ff-network" },
      html(
        "div",
        {},
        html("p", { class: "ff-heads", "aria-hidden": "true" }, html("span", {}, "layer"), html("span", {}, "goodness"), html("span", {}, "accuracy"), html("span", {}, "awake since")),
        stack.node,
        html("p", { class: "ff-scale", "aria-hidden": "true" }, html("span", {}, "½ θ"), html("span", {}, "θ"), html("span", {}, "1½ θ")),
        html("div", { class: "ff-samples" }, samples.positive.node, samples.negative.node),
      ),
      traces.figure,
    ),
  );
  place("beside").append(
    html("div", { class: "ff-bar" }, choice("backpropagation")),
    html("div", { class: "ff-pair" }, probes.forward.figure, probes.backward.figure),
  );
  place("draw").append(html("div", {}, html("div", { class: "ff-bar" }, playButtons[1]), pad.node), html("div", { class: "ff-scroll-x" }, answers.node));
  place("favorites").append(
    html("div", { class: "ff-bar" }, html("div", {}, html("label", { for: "ff-layer" }, "Layer"), asked)),
    favorites.node,
  );

  // The target can be dragged in each picture; the menu says the same for the keyboard.
  for (const view of [traces, probes.forward, probes.backward]) {
    view.dragged((wanted) => {
      const distance = (own) => Math.abs(own - wanted);
      const nearest = VIEW.target.values.reduce((best, own) => (distance(own) < distance(best) ? own : best));
      if (nearest !== settings.target) change("target", nearest);
    });
  }

  /** Take the settings that an address asks for. */
  function apply(text) {
    // Another address is a place on the page, to which a link has led.
    const asked = new URLSearchParams(text.replace(/^#/, ""));
    if (!Object.keys(CHOICES).some((name) => asked.has(name))) return;
    const before = settings;
    settings = parse(text);
    tell();
    if (Object.keys(NETWORK).some((name) => settings[name] !== before[name])) renew();
    toggle();
    schedule();
  }
  addEventListener("hashchange", () => apply(location.hash));

  // The exercises set up what they ask for, and show where it is seen.
  for (const one of document.querySelectorAll("button.ff-set")) {
    one.addEventListener("click", () => {
      apply(one.dataset.settings);
      if (!loop) play(false);
      (settings.backpropagation === "on" ? place("beside") : root).scrollIntoView();
    });
  }

  if (typeof Worker === "undefined") {
    say("This browser cannot train in the background, which this page needs.");
  } else {
    new ResizeObserver(schedule).observe(root);
    begin();
    tell();
  }
}
