/* Layers lighting up: a network as a tower of lamps, and beside it what the lamps have shown so
   far, an epoch a column, with axes. Colors and the still picture for print are the style sheet's. */
"use strict";

{
  const STEP = 220; // milliseconds an epoch

  const root = document.querySelector(".ff-awakening");
  const { hidden, seeds, target, epochs, layers } = JSON.parse(
    root.querySelector("script").textContent,
  );
  const SVG = "http://www.w3.org/2000/svg";
  const depth = layers.length;

  function make(tag, attributes, ...children) {
    const picture = ["svg", "rect", "path"].includes(tag);
    const node = picture ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  /** How brightly an accuracy shines: 0 at chance, 1 when everything is right. */
  const light = (accuracy) => `--light:${Math.max(0, 2 * accuracy - 1).toFixed(3)}`;
  const awake = (accuracy) => Math.fround(accuracy) >= Math.fround(target);
  const row = (layer) => depth - 1 - layer; // the first layer is at the bottom

  const lamps = layers.map((_, layer) =>
    make("rect", { x: 0, y: row(layer) + 0.1, width: 1, height: 0.8, rx: 0.06, ry: 0.4 }),
  );
  const columns = epochs.map((_, epoch) =>
    layers.map((trace, layer) =>
      make("rect", { x: epoch, y: row(layer), width: 1.02, height: 1.02, style: light(trace[epoch]) }),
    ),
  );
  // Where the field passes from asleep to awake: the delay of each layer, as a staircase.
  const woke = layers.map((trace) => trace.findIndex(awake)).map((at) => (at < 0 ? epochs.length : at));
  const stairs = woke.map((at, layer) => `${layer ? "L" : "M"}${at},${row(layer) + 1}V${row(layer)}`);

  const tower = make("svg", {
    class: "ff-tower",
    viewBox: `0 0 1 ${depth}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  }, ...lamps);
  const field = make("svg", {
    class: "ff-field",
    viewBox: `0 0 ${epochs.length} ${depth}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label":
      `Accuracy as light: ${depth} layers upwards, ${epochs.length} epochs to the right. Layer 1 lights up first, deeper layers later: ` +
      `${woke.filter((at) => at < epochs.length).length} of ${depth} reach ${target} within ${epochs.at(-1)} epochs.`,
  }, ...columns.flat(), make("path", { d: stairs.join("") }));

  /** Numbers along an axis: the first, the last, and round ones that keep a distance from these. */
  function axis(name, numbers, step, place) {
    const last = numbers.length - 1;
    const ticks = numbers.flatMap((number, i) => {
      const round = number % step === 0 && Math.min(i, last - i) >= step / 2;
      if (!round && i !== 0 && i !== last) return [];
      return [make("span", { style: `${place}:${((i + 0.5) / numbers.length) * 100}%` }, String(number))];
    });
    return make("div", { class: `ff-ticks ff-${name}s`, "aria-hidden": "true" }, ...ticks);
  }
  const layerAxis = axis("layer", layers.map((_, layer) => layer + 1), 8, "bottom");
  const epochAxis = axis("epoch", epochs, 5, "left");
  const named = (name) => make("span", { class: `ff-${name}-name`, "aria-hidden": "true" }, name);
  const play = make("button", { type: "button", class: "ff-play" });
  const scrub = make("input", {
    type: "range",
    min: 0,
    max: epochs.length - 1,
    step: 1,
    "aria-label": "Epoch",
  });
  const status = make("p", { class: "ff-status" });
  const note = make("p", { class: "ff-note-small" },
    `Each of ${depth} layers of ${hidden} units is a lamp: dark at chance `,
    make("i", {}), // all colors between the two
    " bright when always right. " +
    `The line is where accuracy reaches ${target}. Mean over ${seeds} seed${seeds > 1 ? "s" : ""}.`);

  let at = 0;
  function show(epoch) {
    at = epoch;
    scrub.value = epoch;
    scrub.setAttribute("aria-valuetext", `epoch ${epochs[epoch]}`);
    layers.forEach((trace, layer) => {
      lamps[layer].setAttribute("style", light(trace[epoch]));
      lamps[layer].classList.toggle("is-awake", awake(trace[epoch]));
    });
    columns.forEach((column, i) => {
      for (const cell of column) cell.classList.toggle("is-later", i > epoch);
    });
    const count = layers.filter((trace) => awake(trace[epoch])).length;
    status.replaceChildren(
      make("span", {}, "Epoch ", make("b", {}, String(epochs[epoch]))),
      make("span", {}, make("b", {}, String(count)), ` of ${depth} layers awake`),
    );
  }

  let timer = 0;
  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }
  function start() {
    if (at === epochs.length - 1) show(0);
    play.textContent = "Pause";
    timer = setInterval(() => {
      show(at + 1);
      if (at === epochs.length - 1) pause();
    }, STEP);
  }
  play.addEventListener("click", () => (timer ? pause() : start()));
  scrub.addEventListener("input", () => {
    pause();
    show(scrub.valueAsNumber);
  });
  const reach = (event) => {
    const box = field.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * epochs.length);
    pause();
    show(Math.min(Math.max(column, 0), epochs.length - 1));
  };
  field.addEventListener("pointerdown", (event) => {
    field.setPointerCapture(event.pointerId);
    reach(event);
  });
  field.addEventListener("pointermove", (event) => {
    if (field.hasPointerCapture(event.pointerId)) reach(event);
  });

  root.append(
    status,
    make("div", { class: "ff-stage" }, named("layer"), layerAxis, tower, field, epochAxis, named("epoch")),
    make("div", { class: "ff-transport" }, play, scrub),
    note,
  );
  pause();
  show(epochs.length - 1);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) start();
}
