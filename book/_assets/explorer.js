/* The explorer: mean traces of every layer, their delays and correlations, drawn from the numbers
   embedded in the page. Delays are those of ff.delay.mean_delay; correlations come computed.
   Colors are style sheet matters, so that the page's theme switch needs no script. */
"use strict";

{
  const KINDS = {
    train_accuracy: ["training", "Training accuracy"], // in an address, on the page
    validation_accuracy: ["validation", "Validation accuracy"],
    validation_auroc: ["auroc", "Validation AUROC"],
  };
  const STRONG = 0.7; // as in ff.correlation
  const LOW = 0.4; // bottom of the accuracy axis
  const TARGETS = { min: 0.5, max: 0.99, step: 0.01 };

  const root = document.querySelector(".ff-explorer");
  const data = JSON.parse(root.querySelector("script").textContent);
  const networks = Object.keys(data)
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((width) => {
      const [first] = Object.values(data[width].accuracies);
      const depths = Object.keys(first.networks).map(Number);
      return depths.sort((a, b) => a - b).map((layers) => ({ width, layers }));
    });

  /* ---- State and its address ------------------------------------------------------------- */

  const accuracies = (state) => data[state.width].accuracies;
  const series = (state) => accuracies(state)[state.kind];
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  const DEFAULTS = { ...networks.at(-1), kind: "train_accuracy", target: 0.7, layer: 0 };
  DEFAULTS.epoch = series(DEFAULTS).epochs.at(-1);

  /** State that an address asks for; whatever it does not say, or says wrongly, is the default. */
  function parse(hash) {
    const asked = new URLSearchParams(hash.slice(1));
    const number = (name) => {
      const text = asked.get(name);
      return text && /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
    };
    const width = number("width") in data ? number("width") : DEFAULTS.width;
    const depths = networks.filter((one) => one.width === width).map((one) => one.layers);
    const layers = depths.includes(number("layers")) ? number("layers") : depths.at(-1);
    const state = { ...DEFAULTS, width, layers };
    const kind = Object.keys(KINDS).find((key) => KINDS[key][0] === asked.get("accuracy"));
    if (kind in accuracies(state)) state.kind = kind;
    const target = number("target");
    if (target >= TARGETS.min && target <= TARGETS.max) state.target = Math.round(target * 100) / 100;
    const { epochs } = series(state);
    state.epoch = epochs.includes(number("epoch")) ? number("epoch") : epochs.at(-1);
    const layer = number("layer");
    if (Number.isInteger(layer) && layer <= state.layers) state.layer = layer;
    return state;
  }

  function address(state) {
    const parts = {
      width: state.width,
      layers: state.layers,
      accuracy: KINDS[state.kind][0],
      target: state.target.toFixed(2),
      epoch: state.epoch,
      ...(state.layer && { layer: state.layer }),
    };
    return `#${new URLSearchParams(parts)}`;
  }

  /* ---- Numbers ---------------------------------------------------------------------------- */

  /** First epoch at which a trace reaches the target and where it crosses it on the way, among its
      first `count` values. Compared as float32, like the records. */
  function reach(trace, epochs, target, count) {
    const aim = Math.fround(target);
    const after = trace.findIndex((value, i) => i < count && Math.fround(value) >= aim);
    if (after < 0) return { epoch: null, crossing: null };
    const before = Math.max(after - 1, 0);
    const rise = trace[after] - trace[before];
    const share = rise > 0 ? clamp((target - trace[before]) / rise, 0, 1) : 1;
    const crossing = epochs[before] + share * (epochs[after] - epochs[before]);
    return { epoch: epochs[after], crossing };
  }

  /** A row for each layer of the chosen network, as if training had ended at the chosen epoch. */
  function numbers(state) {
    const { epochs, layers, pearson, spearman } = series(state);
    const at = epochs.indexOf(state.epoch);
    return layers.slice(0, state.layers).map((trace, i) => ({
      layer: i + 1,
      accuracy: trace[at],
      ...reach(trace, epochs, state.target, at + 1),
      pearson: pearson[state.layers][i][at],
      spearman: spearman[state.layers][i][at],
    }));
  }

  /* ---- Making elements -------------------------------------------------------------------- */

  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }
  const html = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);
  const path = (points) => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");

  /** Where a layer's color lies between the first's and the last's. */
  const share = (layer, layers) => `--share:${((layer - 1) / Math.max(layers - 1, 1)).toFixed(3)}`;

  /** Ticks at 1 and at round numbers up to the last. */
  function count(last) {
    const step = [1, 2, 5, 10, 20, 50, 100].find((size) => last / size <= 8) ?? last;
    const round = Array.from({ length: Math.floor(last / step) }, (_, i) => (i + 1) * step);
    return [...new Set([1, ...round])];
  }

  /* ---- Controls --------------------------------------------------------------------------- */

  let state = parse(location.hash);
  const tell = () => history.replaceState(null, "", address(state));
  if (location.hash) tell(); // what it says wrongly is not kept

  function change(part) {
    state = { ...state, ...part };
    const { epochs } = series(state);
    if (!epochs.includes(state.epoch)) state.epoch = epochs.at(-1);
    state.layer = Math.min(state.layer, state.layers);
    tell();
    schedule();
  }

  function choice(label, id, options, choose) {
    const items = options.map((text, value) => html("option", { value }, text));
    const input = html("select", { id: `ff-${id}` }, ...items);
    input.addEventListener("change", () => choose(Number(input.value)));
    return { input, box: html("div", {}, html("label", { for: `ff-${id}` }, label), input) };
  }

  function slider(label, id, attributes, choose) {
    const input = html("input", { type: "range", id: `ff-${id}`, ...attributes });
    const output = html("output", { for: `ff-${id}` });
    input.addEventListener("input", () => choose(input.valueAsNumber));
    const text = html("label", { for: `ff-${id}` }, `${label} `);
    return { input, output, box: html("div", {}, html("span", {}, text, output), input) };
  }

  const network = choice(
    "Network",
    "network",
    networks.map(({ width, layers }) => `${layers} layers of ${width}`),
    (i) => change(networks[i]),
  );
  const kind = choice(
    "Measure",
    "accuracy",
    Object.values(KINDS).map(([, name]) => name),
    (i) => change({ kind: Object.keys(KINDS)[i] }),
  );
  const target = slider("Target", "target", TARGETS, (value) => change({ target: value }));
  const epoch = slider("Epoch", "epoch", { min: 0, step: 1 }, (at) =>
    change({ epoch: series(state).epochs[at] }),
  );
  const layer = slider("Layer", "layer", { min: 0, step: 1 }, (value) => change({ layer: value }));

  /* ---- Charts ----------------------------------------------------------------------------- */

  const MARGIN = { top: 12, right: 14, bottom: 40, left: 46 };

  /** An empty chart that knows its size in CSS pixels, and scales of its own. */
  function chart(title, name, height) {
    const picture = svg("svg", { role: "img", height });
    const figure = html("figure", { class: name }, html("figcaption", {}, title), picture);
    return {
      figure,
      picture,
      caption: figure.firstChild,
      drawn: picture.appendChild(svg("g")),
      height,
      /** Draw the axes anew and return functions from values to pixels. */
      axes(xTicks, yTicks, [x0, x1], [y0, y1], xLabel) {
        const width = Math.max(picture.clientWidth, 200);
        picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
        const right = width - MARGIN.right;
        const bottom = height - MARGIN.bottom;
        const x = (value) =>
          MARGIN.left + ((value - x0) / (x1 - x0 || 1)) * (right - MARGIN.left);
        const y = (value) => bottom - ((value - y0) / (y1 - y0 || 1)) * (bottom - MARGIN.top);
        const axis = svg("g", { class: "ff-axis" });
        for (const [value, text] of yTicks) {
          axis.append(
            svg("line", { x1: MARGIN.left, x2: right, y1: y(value), y2: y(value) }),
            svg("text", { x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, text),
          );
        }
        for (const value of xTicks) {
          axis.append(svg("text", { x: x(value), y: bottom + 18, "text-anchor": "middle" }, value));
        }
        const middle = (MARGIN.left + right) / 2;
        axis.append(
          svg("text", { x: middle, y: height - 5, "text-anchor": "middle" }, xLabel),
        );
        this.drawn.replaceChildren(axis);
        Object.assign(this, { x, y, left: MARGIN.left, right, top: MARGIN.top, bottom });
        this.from = {
          x: (pixel) => x0 + ((pixel - MARGIN.left) / (right - MARGIN.left)) * (x1 - x0),
          y: (pixel) => y0 + ((bottom - pixel) / (bottom - MARGIN.top)) * (y1 - y0),
        };
      },
      /** The pointer's place in the chart's own pixels. */
      at(event) {
        const box = picture.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
      },
    };
  }

  const traces = chart("", "ff-traces", 340);
  const delays = chart("", "ff-delays", 260);
  const correlations = chart("", "ff-correlations", 260);

  const mark = (number, node) => {
    node.dataset.layer = number;
    node.setAttribute("style", share(number, state.layers));
    return node;
  };

  function drawTraces(rows) {
    const { epochs, layers, networks: whole } = series(state);
    const last = epochs.at(-1);
    const ticks = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].map((value) => [value, value.toFixed(1)]);
    traces.axes(count(last), ticks, [epochs[0], last], [LOW, 1], "epoch");
    const seen = epochs.indexOf(state.epoch) + 1;
    const line = (trace, name, from, to) => {
      const points = trace.slice(from, to).map((value, i) => [
        traces.x(epochs[from + i]),
        traces.y(Math.max(value, LOW)),
      ]);
      return svg("polyline", { class: name, points: path(points) });
    };
    const both = (trace, name) => [
      line(trace, `${name} ff-later`, Math.max(seen - 1, 0), epochs.length),
      line(trace, name, 0, seen),
    ];
    traces.drawn.append(...both(whole[state.layers], "ff-network"));
    for (const row of [...rows].reverse()) {
      for (const part of both(layers[row.layer - 1], "ff-line")) {
        traces.drawn.append(mark(row.layer, part));
      }
    }
    const x = traces.x(state.epoch);
    const y = traces.y(state.target);
    for (const handle of [epochLine, epochGrip]) {
      fill(handle, { x1: x, x2: x, y1: traces.top, y2: traces.bottom }, []);
    }
    fill(epochKnob, { cx: x, cy: traces.bottom }, []);
    for (const handle of [targetLine, targetGrip]) {
      fill(handle, { x1: traces.left, x2: traces.right, y1: y, y2: y }, []);
    }
    fill(targetKnob, { cx: traces.left, cy: y }, []);
    const awake = rows.filter((row) => row.epoch !== null).length;
    const reached = `${awake} of ${state.layers} layers have reached ${state.target.toFixed(2)}`;
    status.textContent = `By epoch ${state.epoch}, ${reached}.`;
    traces.picture.setAttribute(
      "aria-label",
      `${KINDS[state.kind][1]} of each layer against the epoch. By epoch ${state.epoch}, ${reached}.`,
    );
  }

  function drawDelays(rows) {
    const { epochs } = series(state);
    const end = Math.max(state.epoch, epochs[0] + 1);
    const ticks = count(end).map((value) => [value, String(value)]);
    const top = end + (end - epochs[0]) * 0.06; // room for the triangles
    delays.axes(count(state.layers), ticks, [0.5, state.layers + 0.5], [epochs[0], top], "layer");
    const reached = rows.filter((row) => row.crossing !== null);
    const points = reached.map((row) => [delays.x(row.layer), delays.y(row.crossing)]);
    delays.drawn.append(svg("polyline", { class: "ff-path", points: path(points) }));
    for (const row of rows) {
      const x = delays.x(row.layer);
      const shape =
        row.crossing === null
          ? svg("path", { class: "ff-missed", d: `M${x - 5},${delays.top + 11}h10l-5,-9z` })
          : svg("circle", { class: "ff-dot", cx: x, cy: delays.y(row.crossing), r: 4.5 });
      delays.drawn.append(mark(row.layer, shape));
    }
    const deepest = reached.length
      ? `Layer ${reached.at(-1).layer} reached it at ${reached.at(-1).crossing.toFixed(1)}.`
      : "No layer has reached it.";
    delays.picture.setAttribute(
      "aria-label",
      `Epoch at which each layer reaches ${state.target.toFixed(2)}, against the layer. ${deepest}`,
    );
  }

  function drawCorrelations(rows) {
    const values = rows.flatMap((row) => [row.pearson, row.spearman]).filter((r) => r !== null);
    const low = Math.min(0, Math.floor(Math.min(...values, 0) * 4) / 4);
    const ticks = [];
    for (let r = low; r <= 1; r += 0.25) {
      ticks.push([r, r < 0 ? `\u2212${-r.toFixed(2)}` : r.toFixed(2)]);
    }
    const chart = correlations;
    chart.axes(count(state.layers), ticks, [0.5, state.layers + 0.5], [low, 1], "layer");
    const y = chart.y(STRONG);
    chart.drawn.append(
      svg("line", { class: "ff-strong", x1: chart.left, x2: chart.right, y1: y, y2: y }),
    );
    for (const [coefficient, name] of [["spearman", "ff-ring"], ["pearson", "ff-dot"]]) {
      const shown = rows.filter((row) => row[coefficient] !== null);
      const points = shown.map((row) => [chart.x(row.layer), chart.y(row[coefficient])]);
      chart.drawn.append(svg("polyline", { class: "ff-path", points: path(points) }));
      shown.forEach((row, i) => {
        const [cx, cy] = points[i];
        chart.drawn.append(mark(row.layer, svg("circle", { class: name, cx, cy, r: 4 })));
      });
    }
    const strong = rows.filter((row) => Math.abs(row.pearson) > STRONG).length;
    chart.picture.setAttribute(
      "aria-label",
      "Pearson and Spearman correlation of each layer's accuracy with the network's, against the " +
        `layer. Pearson's exceeds ${STRONG} in ${strong} of ${state.layers} layers.`,
    );
  }

  /* ---- Table ------------------------------------------------------------------------------ */

  const HEADS = ["Layer", "Accuracy", "Epoch reached", "Crossing", "Pearson", "Spearman"];
  const body = html("tbody");
  const caption = html("caption");
  const table = html(
    "table",
    { class: "table" },
    caption,
    html("thead", {}, html("tr", {}, ...HEADS.map((head) => html("th", { scope: "col" }, head)))),
    body,
  );

  /** The cells of one row as a person reads them. */
  function cells(row) {
    const digits = (value, places, none) =>
      value === null ? none : value.toFixed(places).replace("-", "\u2212");
    return [
      digits(row.accuracy, 4),
      row.epoch === null ? "not reached" : String(row.epoch),
      digits(row.crossing, 2, "\u2013"),
      digits(row.pearson, 3, "\u2013"),
      digits(row.spearman, 3, "\u2013"),
    ];
  }

  function drawTable(rows) {
    while (body.rows.length > rows.length) body.lastChild.remove();
    while (body.rows.length < rows.length) {
      const number = body.rows.length + 1;
      const pick = html("button", { type: "button" }, String(number));
      pick.addEventListener("click", () => toggle(number));
      pick.addEventListener("focus", () => highlight(number));
      pick.addEventListener("blur", () => highlight(null));
      const row = html("tr", {}, html("th", { scope: "row" }, pick), ...HEADS.slice(1).map(() => html("td")));
      row.addEventListener("pointerenter", () => highlight(number));
      row.addEventListener("pointerleave", () => highlight(null));
      body.append(row);
    }
    rows.forEach((row, i) => {
      const line = mark(row.layer, body.rows[i]);
      line.querySelector("button").setAttribute("aria-pressed", row.layer === state.layer);
      cells(row).forEach((text, j) => (line.cells[j + 1].textContent = text));
    });
    const { seeds } = data[state.width];
    const many = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;
    caption.textContent =
      `${KINDS[state.kind][1]} of ${state.layers} layers of ${state.width} units after ` +
      `${many(state.epoch, "epoch")}, mean over ${many(seeds, "seed")}. Target ${state.target.toFixed(2)}.`;
  }

  const save = html("a", { download: "explorer.csv" }, "Download these numbers as CSV");
  save.addEventListener("click", () => {
    const keys = ["layer", "accuracy", "epoch", "crossing", "pearson", "spearman"];
    const lines = [keys, ...numbers(state).map((row) => keys.map((key) => row[key] ?? ""))];
    save.href = `data:text/csv,${encodeURIComponent(lines.map((line) => line.join()).join("\n"))}`;
  });
  save.href = "data:text/csv,"; // a link only with an address; the click writes the numbers

  /* ---- Highlighting ----------------------------------------------------------------------- */

  let pointed = null;

  function highlight(number) {
    pointed = number;
    const shown = pointed ?? (state.layer || null);
    root.classList.toggle("has-pick", shown !== null);
    for (const node of root.querySelectorAll("[data-layer]")) {
      node.classList.toggle("is-picked", Number(node.dataset.layer) === shown);
    }
    layer.output.textContent = shown ?? "all";
  }

  const toggle = (number) => change({ layer: state.layer === number ? 0 : number });

  /** The layer whose trace is nearest to the pointer, if one is near. */
  function nearestTrace(event) {
    const [x, y] = traces.at(event);
    const { epochs, layers } = series(state);
    const at = epochs.reduce(
      (best, value, i) =>
        Math.abs(traces.x(value) - x) < Math.abs(traces.x(epochs[best]) - x) ? i : best,
      0,
    );
    const away = layers
      .slice(0, state.layers)
      .map((trace) => Math.abs(traces.y(Math.max(trace[at], LOW)) - y));
    const nearest = away.indexOf(Math.min(...away));
    return away[nearest] < 16 ? nearest + 1 : null;
  }

  function nearestColumn(event, view) {
    const number = Math.round(view.from.x(view.at(event)[0]));
    return number >= 1 && number <= state.layers ? number : null;
  }

  for (const [view, nearest] of [
    [traces, nearestTrace],
    [delays, (event) => nearestColumn(event, delays)],
    [correlations, (event) => nearestColumn(event, correlations)],
  ]) {
    view.picture.addEventListener("pointermove", (event) => {
      if (!event.target.closest(".ff-grip")) highlight(nearest(event));
    });
    view.picture.addEventListener("pointerleave", () => highlight(null));
    view.picture.addEventListener("click", (event) => {
      const number = event.target.closest(".ff-grip") ? null : nearest(event);
      if (number) toggle(number);
    });
  }

  /* ---- Lines to drag ---------------------------------------------------------------------- */

  const epochLine = svg("line", { class: "ff-epoch" });
  const targetLine = svg("line", { class: "ff-target" });
  const epochGrip = svg("line", { class: "ff-grip ff-grip-epoch" });
  const targetGrip = svg("line", { class: "ff-grip ff-grip-target" });
  const epochKnob = svg("circle", { class: "ff-knob", r: 6 });
  const targetKnob = svg("circle", { class: "ff-knob", r: 6 });
  traces.picture.append(epochLine, targetLine, epochKnob, targetKnob, epochGrip, targetGrip);

  function drag(grip, move) {
    // `touch-action` does not count for a line in SVG: the page would scroll and take the touch away.
    grip.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    grip.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // no selection of text
      grip.setPointerCapture(event.pointerId);
    });
    grip.addEventListener("pointermove", (event) => {
      if (grip.hasPointerCapture(event.pointerId)) move(...traces.at(event));
    });
  }

  drag(targetGrip, (_, y) => {
    const value = Math.round(traces.from.y(y) * 100) / 100;
    change({ target: clamp(value, TARGETS.min, TARGETS.max) });
  });
  drag(epochGrip, (x) => {
    const wanted = traces.from.x(x);
    const { epochs } = series(state);
    const nearest = epochs.reduce((best, value) =>
      Math.abs(value - wanted) < Math.abs(best - wanted) ? value : best,
    );
    change({ epoch: nearest });
  });

  /* ---- The page --------------------------------------------------------------------------- */

  const status = html("p", { class: "ff-status", role: "status" });

  function draw() {
    const { epochs } = series(state);
    const at = epochs.indexOf(state.epoch);
    network.input.value = networks.findIndex(
      ({ width, layers }) => width === state.width && layers === state.layers,
    );
    kind.input.value = Object.keys(KINDS).indexOf(state.kind);
    Object.keys(KINDS).forEach((key, i) => {
      kind.input.options[i].disabled = !(key in accuracies(state));
    });
    target.input.value = state.target;
    target.output.textContent = state.target.toFixed(2);
    epoch.input.max = epochs.length - 1;
    epoch.input.value = at;
    epoch.input.setAttribute("aria-valuetext", `epoch ${state.epoch}`);
    epoch.output.textContent = state.epoch;
    layer.input.max = state.layers;
    layer.input.value = state.layer;
    layer.input.setAttribute("aria-valuetext", state.layer ? `layer ${state.layer}` : "all layers");

    traces.caption.textContent = `${KINDS[state.kind][1]} by epoch; dashed: the network's readout`;
    delays.caption.textContent = `Delay: epoch at which a layer crosses ${state.target.toFixed(2)}; triangles: not yet`;
    correlations.caption.textContent = `Correlation with the network over epochs ${epochs[0]} to ${state.epoch}; filled Pearson, open Spearman`;
    const rows = numbers(state);
    drawTraces(rows);
    drawDelays(rows);
    drawCorrelations(rows);
    drawTable(rows);
    highlight(pointed);
  }

  let waiting = 0;
  /** Draw once before the next frame, however many changes come until then. */
  function schedule() {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(draw);
  }

  const controls = html("div", { class: "ff-controls", role: "group", "aria-label": "What is shown" });
  controls.append(network.box, kind.box, target.box, epoch.box, layer.box);
  root.append(
    controls,
    traces.figure,
    status,
    html("div", { class: "ff-pair" }, delays.figure, correlations.figure),
    html("div", { class: "ff-scroll", tabindex: 0, role: "region", "aria-label": "Numbers shown" }, table),
    html("p", { class: "ff-download" }, save),
  );
  addEventListener("hashchange", () => {
    // A link to a part of the page ("skip to main content") says nothing about what is shown.
    if (location.hash.includes("=")) state = parse(location.hash);
    tell();
    schedule();
  });
  new ResizeObserver(schedule).observe(root);
  draw();
}
