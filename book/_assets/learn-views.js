/* What the page that learns shows: the stack of layers with their goodness, traces, and what the
   layers make of one image. Each view is made once, and `draw` gives it what to show. */
"use strict";

const LearnViews = (() => {
  const { html, svg, set, path, mark, count, chart } = Charts;
  const [LOW, HIGH, BINS] = [0.5, 1.5, 40]; // axis of goodness, in thresholds
  const REACH = 0.1; // in thresholds, what the highest bar of a label stands for at least
  const [POSITIVE, NEGATIVE] = [[208, 118, 10], [64, 122, 210]]; // of the samples, on light and dark
  const SPANS = [30, 60, 100]; // epochs that the axis shows, one after the other

  const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
  const span = (epochs) => SPANS.find((end) => epochs <= end) ?? epochs;

  /** Pixels of an image, each red, green, blue and opacity from 0 to 255, on a canvas of their size,
      which the style sheet enlarges. */
  function paint(canvas, side, color) {
    set(canvas, { width: side, height: side });
    const context = canvas.getContext("2d");
    const image = context.createImageData(side, side);
    for (let at = 0; at < side * side; at++) image.data.set(color(at), 4 * at);
    context.putImageData(image, 0, 0);
    return canvas;
  }
  const grey = (pixels) => (at) => [pixels[at], pixels[at], pixels[at], 255];

  /** An image as the network sees it: the first pixels hold the label, or a little of each. */
  function labelled(image, label, classes) {
    const pixels = Uint8Array.from(image);
    pixels.fill(label < 0 ? 255 / classes : 0, 0, classes);
    if (label >= 0) pixels[label] = 255;
    return pixels;
  }

  /** How brightly an accuracy shines: 0 at chance, 1 from nine in ten on. */
  const light = (accuracy) => Math.min(Math.max((accuracy - 0.5) / 0.4, 0), 1).toFixed(3);

  /* ---- The stack --------------------------------------------------------------------------- */

  /** Outline of a histogram of goodness, as an SVG path in a box of BINS by 1; what lies beyond the
      axis counts at its ends. */
  function outline(values) {
    const bins = new Array(BINS).fill(0);
    for (const value of values) {
      const place = Math.floor(((value - LOW) / (HIGH - LOW)) * BINS);
      bins[Math.min(Math.max(place, 0), BINS - 1)] += 1 / values.length;
    }
    const steps = bins.map((share, at) => `V${(1 - Math.min(share / 0.4, 1)).toFixed(3)}H${at + 1}`);
    return `M0,1${steps.join("")}V1Z`;
  }

  function stack() {
    const rows = html("ol", { class: "ff-stack", reversed: "" });
    let made = [];

    function row(layer, deepest) {
      const positive = svg("path", { class: "ff-positive" });
      const negative = svg("path", { class: "ff-negative" });
      const theta = svg("line", { x1: BINS / 2, x2: BINS / 2, y1: 0, y2: 1 });
      const box = { viewBox: `0 0 ${BINS} 1`, preserveAspectRatio: "none", role: "img" };
      const histogram = svg("svg", box, negative, positive, theta);
      const lamp = html("span", { class: "ff-lamp" });
      const name = mark(html("span", { class: "ff-number" }, String(layer)), layer, deepest);
      const [right, woke] = [html("span", { class: "ff-right" }), html("span", { class: "ff-woke" })];
      const item = html("li", {}, name, lamp, histogram, right, woke);
      return { item, positive, negative, histogram, lamp, right, woke };
    }

    function draw({ depth, layers, accuracies, awake, before }) {
      if (made.length !== depth) {
        made = Array.from({ length: depth }, (_, at) => row(at + 1, depth));
        rows.replaceChildren(...made.map(({ item }) => item).reverse());
      }
      made.forEach(({ item, positive, negative, histogram, lamp, right, woke }, at) => {
        const accuracy = accuracies[at];
        const seen = layers[at]?.positive.length;
        positive.setAttribute("d", seen ? outline(layers[at].positive) : "");
        negative.setAttribute("d", seen ? outline(layers[at].negative) : "");
        lamp.style.setProperty("--light", light(accuracy ?? 0.5));
        item.classList.toggle("is-awake", awake[at] !== null);
        right.textContent = accuracy?.toFixed(2) ?? "–";
        const was = before && html("small", {}, before[at] === null ? "was asleep" : `was ${before[at]}`);
        woke.replaceChildren(awake[at] === null ? "" : `epoch ${awake[at]}`, was || "");
        const words = [`Layer ${at + 1}: goodness of positive and negative samples`];
        if (accuracy !== undefined) words.push(`accuracy ${accuracy.toFixed(2)}`);
        if (awake[at] !== null) words.push(`awake since epoch ${awake[at]}`);
        histogram.setAttribute("aria-label", words.join(", "));
      });
    }
    return { node: rows, draw };
  }

  /* ---- Traces ------------------------------------------------------------------------------ */

  /** Lines by epoch from 1 on, one a layer; `dotted` is of the network, `target` is marked. What lies
      below `low` is not drawn. */
  function traces(name, height, low) {
    const view = chart(`ff-traces ${name}`, height);
    const below = html("p", { class: "ff-reached" });
    view.figure.append(below);
    // Where a finger takes hold of the target; it stays when the rest is drawn anew.
    const grip = view.picture.appendChild(svg("line", { class: "ff-reach" }));
    // `touch-action` does not count for a line in SVG: the page would scroll and take the touch away.
    grip.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    const ticks = low ? [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1] : [0, 0.2, 0.4, 0.6, 0.8, 1];

    view.draw = ({ lines, dotted, target, chance, depth, title, text, description }) => {
      const epochs = dotted.length;
      const marks = ticks.map((tick) => [tick, tick.toFixed(1)]);
      view.axes(count(1, span(epochs)), marks, [1, span(epochs)], [low, 1], "epoch");
      const level = (value, look) => {
        const y = view.y(value);
        return svg("line", { class: look, x1: view.left, x2: view.right, y1: y, y2: y });
      };
      const line = (values, look) => {
        const points = values.flatMap((value, at) => (value < low ? [] : [[view.x(at + 1), view.y(value)]]));
        return svg("polyline", { class: look, points: path(points) });
      };
      view.drawn.append(
        level(chance, "ff-chance"),
        svg("text", { class: "ff-chance", x: view.right, y: view.y(chance) - 4, "text-anchor": "end" }, "chance"),
      );
      for (let at = lines.length - 1; at >= 0; at--) {
        const parts = [line(lines[at], "ff-line")];
        if (epochs === 1) {
          const [cx, cy] = [view.x(1), view.y(lines[at][0])];
          parts.push(svg("circle", { class: "ff-dot", cx, cy, r: 2.5 }));
        }
        view.drawn.append(...parts.map((part) => mark(part, at + 1, depth)));
      }
      const knob = svg("circle", { class: "ff-knob", cx: view.right, cy: view.y(target), r: 6 });
      view.drawn.append(line(dotted, "ff-readout"), level(target, "ff-target"), knob);
      set(grip, { x1: view.left, x2: view.right, y1: view.y(target), y2: view.y(target) });
      view.caption.textContent = title;
      below.textContent = text;
      view.describe(description);
    };

    /** Call with the accuracy to which the target is dragged: with a mouse from anywhere, with a finger
        from its line, since elsewhere a finger scrolls the page. */
    view.dragged = (aim) => {
      let held = null; // the pointer that drags
      const reach = (event) => aim(view.from.y(view.at(event)[1]));
      view.picture.addEventListener("pointerdown", (event) => {
        if (event.pointerType !== "mouse" && event.target !== grip) return;
        held = event.pointerId;
        view.picture.setPointerCapture(held);
        reach(event);
      });
      view.picture.addEventListener("pointermove", (event) => {
        if (event.pointerId === held) reach(event);
      });
      view.picture.addEventListener("lostpointercapture", () => {
        held = null;
      });
    };
    return view;
  }

  /* ---- One image --------------------------------------------------------------------------- */

  /** A row of ten bars for the readout and for each layer, the deepest first. */
  function answers(classes) {
    const table = html("table", { class: "ff-answers" });
    const heads = Array.from({ length: classes }, (_, label) => html("th", { scope: "col" }, String(label)));
    const head = html("tr", {}, html("td"), ...heads, html("th", { scope: "col" }, "answer"));
    const body = html("tbody");
    table.append(html("thead", {}, head), body);

    /** One bar, from a middle line up or down, or from the bottom up; `size` is at most 1. */
    function bar(size, kind, best, text) {
      const drawn = html("i", { class: kind, style: `--size:${Math.min(Math.abs(size), 1).toFixed(3)}` });
      const hidden = html("span", { class: "ff-hidden" }, text);
      const cell = html("td", { title: text }, drawn, hidden);
      cell.classList.toggle("is-best", best);
      return cell;
    }
    function row(name, values, bars) {
      const best = values.indexOf(Math.max(...values));
      const cells = values.map((value, label) => {
        const [size, kind, text] = bars(value);
        return bar(size, kind, label === best, text);
      });
      return html("tr", {}, html("th", { scope: "row" }, name), ...cells, html("td", { class: "ff-said" }, String(best)));
    }

    function draw({ goodness, chances }) {
      const rows = goodness.map((own, at) => {
        const mean = own.reduce((sum, value) => sum + value) / own.length;
        const full = own.reduce((most, value) => Math.max(most, Math.abs(value - mean)), REACH);
        return row(`layer ${at + 1}`, own, (value) => [
          (value - mean) / full,
          value > mean ? "is-up" : "is-down",
          `${value.toFixed(2)} thresholds`,
        ]);
      });
      const top = row("readout", chances, (value) => [value, "is-share", percent(value)]);
      top.classList.add("ff-top");
      body.replaceChildren(top, ...rows.reverse());
    }
    /** Rows without bars, so that nothing moves when there is a drawing. */
    function clear(depth) {
      const names = ["readout", ...Array.from({ length: depth }, (_, at) => `layer ${depth - at}`)];
      const blank = () => Array.from({ length: classes + 1 }, () => html("td"));
      body.replaceChildren(...names.map((name) => html("tr", {}, html("th", { scope: "row" }, name), ...blank())));
    }
    return { node: table, draw, clear };
  }

  /* ---- What a layer responds to ------------------------------------------------------------ */

  /** Changes of one unit's weights as an image: orange where they have grown, blue where they have
      fallen, and nothing where they are as before training. */
  function weights(changes, label, side) {
    const largest = changes.reduce((most, own) => Math.max(most, Math.abs(own)), 1e-9);
    const canvas = html("canvas", { role: "img", "aria-label": `changed weights of a unit for label ${label}` });
    return paint(canvas, side, (at) => [
      ...(changes[at] > 0 ? POSITIVE : NEGATIVE),
      255 * Math.abs(changes[at] / largest),
    ]);
  }

  function favorites(digits) {
    const node = html("div", { class: "ff-favorites" });
    const { SIDE, CLASSES } = digits;
    const row = (title, pictures) =>
      html("figure", {}, html("figcaption", {}, title), html("div", { class: "ff-pictures" }, ...pictures));

    function draw({ layer, most, least, units, images, labels }) {
      const picture = (at) =>
        paint(
          html("canvas", { role: "img", "aria-label": `an image of ${labels[at]}` }),
          SIDE,
          grey(labelled(images[at], labels[at], CLASSES)),
        );
      const rows = [
        row("training images with the most goodness", most.map(picture)),
        row("training images with the least goodness", least.map(picture)),
      ];
      if (units) {
        const named = units.map((own, label) => html("span", {}, weights(own, label, SIDE), String(label)));
        rows.unshift(row("changed weights of the unit that each label excites most", named));
      }
      node.replaceChildren(...rows);
      node.setAttribute("aria-label", `What layer ${layer} responds to`);
    }
    return { node, draw };
  }

  return { percent, paint, grey, labelled, stack, traces, answers, favorites };
})();
