/* The explorer: what a reader chooses, in controls and an address, and the views that follow. Each
   .ff-explorer of a page is one. With all views it is a page of its own, whose address keeps what is
   shown; with some of them it is part of a chapter and links to that page. */
"use strict";

{
  const { KINDS, clamp, distinct } = ExplorerNetworks;
  const { html, svg, set, symbol, mark } = Charts;
  const { LOW } = ExplorerCharts;
  const TARGETS = { min: 0.5, max: 0.99, step: 0.01 };
  const LARGEST = 50e6; // bytes of a file that a browser reads at once without effort

  document.querySelectorAll(".ff-explorer").forEach((root, place) => {
    const data = JSON.parse(root.querySelector("script").textContent);
    const whole = data.views.length === 4;
    const aims = data.views.some((view) => view !== "correlations"); // whether a target matters
    const embedded = ExplorerNetworks.embedded(data.widths);
    let own = []; // networks of the reader's file

    /* ---- State and its address ----------------------------------------------------------- */

    const networks = () => [...embedded, ...own];
    const pair = ({ first, second }) => (second ? [first, second] : [first]);
    const kinds = (state) =>
      Object.keys(KINDS).filter((kind) => pair(state).every(({ measures }) => kind in measures));
    const epochs = (state) =>
      distinct(pair(state).flatMap(({ measures }) => measures[state.kind].epochs));
    const deepest = (state) => Math.max(...pair(state).map(({ layers }) => layers));

    const DEFAULTS = {
      first: embedded.findLast(({ condition }) => condition === embedded[0].condition),
      second: null,
      target: 0.7,
      layer: 0,
    };
    DEFAULTS.kind = kinds(DEFAULTS)[0];
    DEFAULTS.epoch = epochs(DEFAULTS).at(-1);

    /** State that an address asks for; whatever it does not say, or says wrongly, is the default. */
    function parse(text) {
      const asked = new URLSearchParams(text.replace(/^#/, ""));
      const number = (name) =>
        /^\d+(\.\d+)?$/.test(asked.get(name) ?? "") ? Number(asked.get(name)) : NaN;
      const narrow = (list, key, ...wanted) => {
        const found = wanted.map((value) => list.filter((network) => network[key] === value));
        return found.find(({ length }) => length) ?? list;
      };
      const network = (which) => {
        const { first } = DEFAULTS;
        const same = narrow(embedded, "condition", asked.get(`condition${which}`), first.condition);
        const wide = narrow(same, "hidden", number(`width${which}`), first.hidden);
        return narrow(wide, "layers", number(`layers${which}`)).at(-1);
      };
      const state = { ...DEFAULTS, first: network("") };
      if (embedded.some(({ hidden }) => hidden === number("width2"))) state.second = network("2");
      const kind = kinds(state).find((key) => KINDS[key].slug === asked.get("accuracy"));
      if (kind) state.kind = kind;
      const target = number("target");
      if (target >= TARGETS.min && target <= TARGETS.max) {
        state.target = Math.round(target * 100) / 100;
      }
      const all = epochs(state);
      state.epoch = all.includes(number("epoch")) ? number("epoch") : all.at(-1);
      const layer = number("layer");
      if (Number.isInteger(layer) && layer <= deepest(state)) state.layer = layer;
      return state;
    }

    /** The address of a state. A network of the reader's file is nowhere but here: it is left out. */
    function address(state) {
      const network = (one, which) =>
        one && !own.includes(one)
          ? {
              [`width${which}`]: one.hidden,
              [`layers${which}`]: one.layers,
              ...(one.condition && { [`condition${which}`]: one.condition }),
            }
          : {};
      const parts = {
        ...network(state.first, ""),
        ...network(state.second, "2"),
        accuracy: KINDS[state.kind].slug,
        target: state.target.toFixed(2),
        epoch: state.epoch,
        ...(state.layer && { layer: state.layer }),
      };
      return `#${new URLSearchParams(parts)}`;
    }

    let state = parse((whole && location.hash) || data.shown);
    function tell() {
      if (whole) history.replaceState(null, "", address(state));
    }
    if (location.hash) tell(); // what it says wrongly is not kept

    function change(part) {
      const ended = state.epoch === epochs(state).at(-1);
      state = { ...state, ...part };
      if (!kinds(state).includes(state.kind)) state.kind = kinds(state)[0];
      const all = epochs(state);
      if (ended || !all.includes(state.epoch)) state.epoch = part.epoch ?? all.at(-1);
      state.layer = Math.min(state.layer, deepest(state));
      tell();
      schedule();
    }

    /* ---- Controls ------------------------------------------------------------------------ */

    const id = (name) => `ff-${name}${place ? `-${place + 1}` : ""}`;

    function choice(label, name, choose) {
      const input = html("select", { id: id(name) });
      input.addEventListener("change", () => choose(Number(input.value)));
      return { input, box: html("div", {}, html("label", { for: id(name) }, label), input) };
    }
    function offer({ input }, texts) {
      input.replaceChildren(...texts.map((text, value) => html("option", { value }, text)));
    }

    function slider(label, name, attributes, choose) {
      const input = html("input", { type: "range", id: id(name), ...attributes });
      const output = html("output", { for: id(name) });
      input.addEventListener("input", () => choose(input.valueAsNumber));
      const text = html("label", { for: id(name) }, `${label} `);
      return { input, output, box: html("div", {}, html("span", {}, text, output), input) };
    }

    const network = choice("Network", "network", (i) => change({ first: networks()[i] }));
    const compared = choice("Compare with", "compare", (i) =>
      change({ second: networks()[i - 1] ?? null }),
    );
    const kind = choice("Measure", "accuracy", (i) => change({ kind: Object.keys(KINDS)[i] }));
    const target = slider("Target", "target", TARGETS, (value) => change({ target: value }));
    const epoch = slider("Epoch", "epoch", { min: 0, step: 1 }, (at) =>
      change({ epoch: epochs(state)[at] }),
    );
    const layer = slider("Layer", "layer", { min: 0, step: 1 }, (value) => change({ layer: value }));

    function offerNetworks() {
      const names = networks().map(({ name }) => name);
      offer(network, names);
      offer(compared, ["none", ...names]);
    }
    offerNetworks();
    offer(kind, Object.values(KINDS).map(({ title }) => title));

    function drawControls() {
      const all = epochs(state);
      network.input.value = networks().indexOf(state.first);
      compared.input.value = networks().indexOf(state.second) + 1;
      kind.input.value = Object.keys(KINDS).indexOf(state.kind);
      Object.keys(KINDS).forEach((key, i) => {
        kind.input.options[i].disabled = !kinds(state).includes(key);
      });
      target.input.value = state.target;
      target.output.textContent = state.target.toFixed(2);
      epoch.input.max = all.length - 1;
      epoch.input.value = all.indexOf(state.epoch);
      epoch.input.setAttribute("aria-valuetext", `epoch ${state.epoch}`);
      epoch.output.textContent = state.epoch;
      layer.input.max = deepest(state);
      layer.input.value = state.layer;
    }

    /* ---- The reader's own file ------------------------------------------------------------ */

    const file = html("input", { type: "file", accept: ".csv,text/csv", id: id("file") });
    const said = html("span", { role: "status" });
    const ownFile = html(
      "p",
      { class: "ff-own" },
      html("label", { for: id("file") }, "Your own CSV, dropped here or chosen:"),
      file,
      said,
    );

    async function take(given) {
      try {
        if (given.size > LARGEST) throw new Error(`It is larger than ${LARGEST / 1e6} MB.`);
        const found = ExplorerNetworks.own(await given.text(), given.name);
        own = found;
        offerNetworks();
        const first = networks().includes(state.first) ? state.first : DEFAULTS.first;
        change({ first, second: own.at(-1) });
        said.classList.remove("is-wrong");
        said.textContent = `${own.map(({ name }) => name).join("; ")}. Read here and sent nowhere.`;
      } catch (error) {
        said.textContent = `${given.name} cannot be compared. ${error.message}`;
        said.classList.add("is-wrong");
      }
    }
    file.addEventListener("click", () => (file.value = "")); // the same file, changed, counts again
    file.addEventListener("change", () => file.files[0] && take(file.files[0]));

    function acceptDrops() {
      const carries = (event) => event.dataTransfer.types.includes("Files");
      addEventListener("dragover", (event) => {
        if (!carries(event)) return;
        event.preventDefault(); // or the browser opens the file in place of the page
        root.classList.add("is-target");
      });
      addEventListener("dragleave", (event) => {
        if (!event.relatedTarget) root.classList.remove("is-target"); // out of the window
      });
      addEventListener("drop", (event) => {
        if (!carries(event)) return;
        event.preventDefault();
        root.classList.remove("is-target");
        const [given] = event.dataTransfer.files;
        if (given) take(given);
      });
    }

    /* ---- Words ----------------------------------------------------------------------------- */

    const digits = (value, places) =>
      value === null || value === Infinity ? "\u2013" : value.toFixed(places).replace("-", "\u2212");
    const interval = (low, high, places) =>
      low === null || low === Infinity
        ? "\u2013"
        : `[${digits(low, places)}, ${high === Infinity ? `> ${state.epoch}` : digits(high, places)}]`;
    const known = (text) => (text === "\u2013" ? "" : ` ${text}`);
    const many = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;

    const key = html("p", { class: "ff-key" });
    const status = html("p", { class: "ff-status", role: "status" });
    const picked = html("p", { class: "ff-picked" });

    /** What line and mark stand for. */
    function drawKey(shown) {
      const sample = (name, second, ...marks) => {
        const line = svg("line", { class: name, x1: 0, x2: 34, y1: 6, y2: 6 });
        for (const node of [line, ...marks]) node.classList.toggle("is-second", second);
        return svg("svg", { viewBox: "0 0 34 12", "aria-hidden": "true" }, line, ...marks);
      };
      const entries = shown.map(({ network, second }) =>
        html("span", {}, sample("ff-line", second, symbol("circle", 17, 6)), network.name),
      );
      if (data.views.includes("traces")) {
        for (const { network, series, second } of shown) {
          if (!series.readouts?.[network.layers]) continue;
          const text = shown.length > 1 ? `readout of ${network.name}` : "the network's readout";
          entries.push(html("span", {}, sample("ff-readout", second), text));
        }
      }
      key.replaceChildren(...entries);
    }

    function drawStatus(shown) {
      const [first, ...others] = shown.map(({ rows }) => {
        const reached = rows.filter((row) => row.epoch < Infinity).length;
        return `${reached} of ${rows.length} layers`;
      });
      const second = others.map((text) => `; of the second network, ${text}`).join("");
      status.textContent = `By epoch ${state.epoch}, ${first} have reached ${state.target.toFixed(2)}${second}.`;
    }

    /** All that is known of a layer. */
    function describe(number) {
      const texts = shown.map(({ rows }) => {
        const row = rows[number - 1];
        if (!row) return "no such layer";
        const crosses =
          row.crossing < Infinity
            ? `crosses ${state.target.toFixed(2)} at epoch ${digits(row.crossing, 2)}`
            : `has not reached ${state.target.toFixed(2)}`;
        const delay = crosses + known(interval(row.crossing_low, row.crossing_high, 2));
        const parts = aims ? [delay] : [];
        for (const name of ["pearson", "spearman"]) {
          if (row[name] === null) continue;
          const ends = known(interval(row[`${name}_low`], row[`${name}_high`], 3));
          parts.push(`${name[0].toUpperCase()}${name.slice(1)} ${digits(row[name], 3)}${ends}`);
        }
        return parts.join(", ");
      });
      return `Layer ${number}: ${texts.join("; second network: ")}.`;
    }

    /* ---- Table ------------------------------------------------------------------------------ */

    const head = html("thead");
    const body = html("tbody");
    // Above what scrolls, where all of it can be read.
    const caption = html("p", { class: "ff-caption", id: id("caption") });
    const table = html("table", { class: "table", "aria-labelledby": id("caption") }, head, body);

    const heads = () => [
      KINDS[state.kind].head,
      "Epoch reached",
      "Crossing",
      "95\u00a0% interval",
      "Pearson",
      "Spearman",
    ];
    const cells = (row) => [
      digits(row.accuracy, 4),
      row.epoch < Infinity ? String(row.epoch) : "not reached",
      digits(row.crossing, 2),
      interval(row.crossing_low, row.crossing_high, 2),
      digits(row.pearson, 3),
      digits(row.spearman, 3),
    ];

    function line(number, columns) {
      const pick = html("button", { type: "button" }, String(number));
      pick.addEventListener("click", () => toggle(number));
      pick.addEventListener("focus", () => highlight(number));
      pick.addEventListener("blur", () => highlight(null));
      const data = Array.from({ length: columns }, () => html("td"));
      const row = html("tr", {}, html("th", { scope: "row" }, pick), ...data);
      row.addEventListener("pointerenter", () => highlight(number));
      row.addEventListener("pointerleave", () => highlight(null));
      return row;
    }

    function drawTable(shown) {
      const columns = shown.flatMap(heads);
      const layers = html("th", { scope: "col", rowspan: shown.length }, "Layer");
      const titles = columns.map((text) => html("th", { scope: "col" }, text));
      if (shown.length > 1) {
        const span = { scope: "colgroup", colspan: heads().length };
        const groups = shown.map(({ network }) => html("th", span, network.name));
        head.replaceChildren(html("tr", {}, layers, ...groups), html("tr", {}, ...titles));
      } else {
        head.replaceChildren(html("tr", {}, layers, ...titles));
      }
      table.classList.toggle("is-pair", shown.length > 1);
      if (body.rows[0]?.cells.length !== columns.length + 1) body.replaceChildren();
      while (body.rows.length > deepest(state)) body.lastChild.remove();
      while (body.rows.length < deepest(state)) {
        body.append(line(body.rows.length + 1, columns.length));
      }
      [...body.rows].forEach((row, i) => {
        mark(row, i + 1, deepest(state));
        row.querySelector("button").setAttribute("aria-pressed", i + 1 === state.layer);
        const texts = shown.flatMap(({ rows }) => (rows[i] ? cells(rows[i]) : heads().map(() => "")));
        texts.forEach((text, j) => (row.cells[j + 1].textContent = text));
      });
      const names = shown.map(({ network: { name, seeds }, series }) => {
        const last = series.epochs.at(-1);
        const notes = [
          ...(seeds ? [`mean over ${many(seeds, "seed")}`] : []),
          ...(last < state.epoch ? [`measured up to epoch ${last}`] : []),
        ];
        return name + (notes.length ? ` (${notes.join(", ")})` : "");
      });
      caption.textContent =
        `${KINDS[state.kind].title} after ${many(state.epoch, "epoch")} of ${names.join(" and of ")}. ` +
        `Target ${state.target.toFixed(2)}.`;
    }

    const save = html("a", { download: "explorer.csv" }, "Download these numbers as CSV");
    save.addEventListener("click", () => {
      const ends = ["crossing", "pearson", "spearman"].flatMap((name) =>
        ["", "_low", "_high"].map((end) => name + end),
      );
      const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
      const written = (value, key) => {
        if (value === Infinity) return /_(low|high)$/.test(key) ? "inf" : ""; // as the chapters do
        return value === null ? "" : Number(value.toPrecision(6));
      };
      const lines = scene().shown.flatMap(({ network, rows }) => {
        const { condition, hidden = "", layers } = network;
        return rows.map((row) => [
          ...[quoted(condition), hidden, layers, row.layer],
          ...["accuracy", "epoch", ...ends].map((key) => written(row[key], key)),
        ]);
      });
      const names = ["condition", "hidden", "layers", "layer", state.kind, "epoch", ...ends];
      const text = [names, ...lines].map((line) => line.join()).join("\n");
      save.href = `data:text/csv;charset=utf-8,${encodeURIComponent(text)}`;
    });
    save.href = "data:text/csv,"; // a link only with an address; the click writes the numbers

    const more = html("a", {}, "Open in the explorer, with every view and measure");

    /* ---- Highlighting ----------------------------------------------------------------------- */

    let pointed = null;

    function highlight(number) {
      pointed = number;
      const one = pointed ?? (state.layer || null);
      root.classList.toggle("has-pick", one !== null);
      for (const node of root.querySelectorAll("[data-layer]")) {
        node.classList.toggle("is-picked", Number(node.dataset.layer) === one);
      }
      layer.output.textContent = one ?? "all";
      picked.textContent = one ? describe(one) : "Point at a layer to find it in every view; press it to keep it.";
      const text = state.layer ? describe(state.layer) : "all layers";
      layer.input.setAttribute("aria-valuetext", text);
    }

    const toggle = (number) => change({ layer: state.layer === number ? 0 : number });

    /** The layer whose trace is nearest to the pointer, if one is near. */
    function nearestTrace(event) {
      const [x, y] = views.traces.at(event);
      let best = { away: 16, number: null }; // pixels
      for (const { network, series } of shown) {
        const place = (value) => Math.abs(views.traces.x(value) - x);
        const near = series.epochs.reduce((a, b) => (place(b) < place(a) ? b : a));
        const at = series.epochs.indexOf(near);
        series.layers.slice(0, network.layers).forEach((trace, i) => {
          const away = Math.abs(views.traces.y(Math.max(trace[at], LOW)) - y);
          if (away < best.away) best = { away, number: i + 1 };
        });
      }
      return best.number;
    }

    function nearestColumn(event, view) {
      const number = Math.round(view.from.x(view.at(event)[0]));
      return number >= 1 && number <= deepest(state) ? number : null;
    }

    function follow(view, nearest) {
      view.picture.addEventListener("pointermove", (event) => {
        if (!event.target.closest(".ff-grip")) highlight(nearest(event, view));
      });
      view.picture.addEventListener("pointerleave", () => highlight(null));
      view.picture.addEventListener("click", (event) => {
        const number = event.target.closest(".ff-grip") ? null : nearest(event, view);
        if (number) toggle(number);
      });
    }

    /* ---- Lines to drag ---------------------------------------------------------------------- */

    /** A line over the traces with its knob, and a broad one without color to take hold of. */
    function handle(name, move) {
      const line = svg("line", { class: `ff-${name}` });
      const knob = svg("circle", { class: "ff-knob", r: 6 });
      const grip = svg("line", { class: `ff-grip ff-grip-${name}` });
      // `touch-action` does not count for a line in SVG: the page would scroll and take the touch away.
      grip.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
      grip.addEventListener("pointerdown", (event) => {
        event.preventDefault(); // no selection of text
        grip.setPointerCapture(event.pointerId);
      });
      grip.addEventListener("pointermove", (event) => {
        if (grip.hasPointerCapture(event.pointerId)) move(...views.traces.at(event));
      });
      return {
        nodes: [line, knob, grip],
        put(ends, [cx, cy]) {
          set(line, ends);
          set(grip, ends);
          set(knob, { cx, cy });
        },
      };
    }

    const targetLine = handle("target", (_, y) => {
      const value = Math.round(views.traces.from.y(y) * 100) / 100;
      change({ target: clamp(value, TARGETS.min, TARGETS.max) });
    });
    const epochLine = handle("epoch", (x) => {
      const wanted = views.traces.from.x(x);
      const away = (value) => Math.abs(value - wanted);
      change({ epoch: epochs(state).reduce((a, b) => (away(b) < away(a) ? b : a)) });
    });

    function drawHandles({ x, y, left, right, top, bottom }) {
      const [at, aim] = [x(state.epoch), y(state.target)];
      epochLine.put({ x1: at, x2: at, y1: top, y2: bottom }, [at, bottom]);
      targetLine.put({ x1: left, x2: right, y1: aim, y2: aim }, [left, aim]);
    }

    /* ---- The page --------------------------------------------------------------------------- */

    const views = {};
    for (const name of ["traces", "delays", "correlations"]) {
      if (!data.views.includes(name)) continue;
      views[name] = ExplorerCharts[name]();
      follow(views[name], name === "traces" ? nearestTrace : nearestColumn);
    }
    views.traces?.picture.append(...epochLine.nodes, ...targetLine.nodes);

    let shown = []; // as in the scene that is drawn

    function scene() {
      const shown = pair(state).map((network, i) => ({
        network,
        series: network.measures[state.kind],
        rows: ExplorerNetworks.rows(network, state),
        second: i === 1,
      }));
      return { ...state, epochs: epochs(state), deepest: deepest(state), shown };
    }

    function draw() {
      const now = scene();
      shown = now.shown;
      drawControls();
      drawKey(shown);
      for (const view of Object.values(views)) view.draw(now);
      if (views.traces) drawHandles(views.traces);
      drawStatus(shown);
      if (data.views.includes("table")) drawTable(shown);
      const there = document.documentElement.dataset.content_root ?? "";
      more.href = `${there}explorer.html${address(state)}`;
      root.classList.toggle("has-few", deepest(state) <= 4);
      highlight(pointed);
    }

    let waiting = 0;
    /** Draw once before the next frame, however many changes come until then. */
    function schedule() {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(draw);
    }

    const several = Object.keys(embedded[0].measures).length > 1;
    const group = { class: "ff-controls", role: "group", "aria-label": "What is shown" };
    const choices = [network.box, compared.box, ...(several ? [kind.box] : [])];
    const sliders = [...(aims ? [target.box] : []), epoch.box, layer.box];
    root.append(
      html("div", group, html("div", {}, ...choices), html("div", {}, ...sliders)),
      ...(whole ? [ownFile] : []),
      key,
      ...(views.traces ? [views.traces.figure] : []),
      ...(aims ? [status] : []),
      picked,
    );
    const others = [views.delays, views.correlations].filter(Boolean);
    if (others.length) root.append(html("div", { class: "ff-pair" }, ...others.map((view) => view.figure)));
    if (data.views.includes("table")) {
      const numbers = { class: "ff-scroll", tabindex: 0, role: "region", "aria-label": "Numbers shown" };
      root.append(caption, html("div", numbers, table), html("p", { class: "ff-download" }, save));
    }
    if (whole) {
      acceptDrops();
      addEventListener("hashchange", () => {
        // A link to a part of the page ("skip to main content") says nothing about what is shown.
        if (location.hash.includes("=")) state = parse(location.hash);
        tell();
        schedule();
      });
    } else {
      root.append(html("p", { class: "ff-download" }, more));
    }
    new ResizeObserver(schedule).observe(root);
    draw();
  });
}
