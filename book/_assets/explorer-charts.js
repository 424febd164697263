/* The explorer's pictures: traces, delays and correlations of one or two networks. What is of the
   second is dashed or hollow.

   A scene is what a picture shows: kind, target and epoch as chosen, all `epochs` that there are, how
   many layers the `deepest` network has, and `shown`, for each network its numbers and its `rows`. */
"use strict";

const ExplorerCharts = (() => {
  const { svg, path, symbol, mark, count, chart } = Charts;
  const STRONG = 0.7; // as in ff.stats.correlation
  const LOW = 0.4; // bottom of the accuracy axis
  const ASIDE = 0.17; // of a layer's room: so far apart stand two networks' marks

  /** Append nodes; those of the second network say so. */
  function append(view, second, ...nodes) {
    for (const node of nodes) node.classList.toggle("is-second", second);
    view.drawn.append(...nodes);
  }

  const beside = (texts) => texts.filter(Boolean).join("; second network: ");

  /* ---- Views ------------------------------------------------------------------------------- */

  function traces() {
    const view = chart("ff-traces", 340);
    const height = (value) => view.y(Math.max(value, LOW));

    /** A line of two parts: up to the chosen epoch, and what comes later. */
    function line(name, trace, epochs, until) {
      // What lies below the axis comes in from beneath: an accuracy of the readout in its first epochs.
      const from = Math.max(trace.findIndex((value) => value >= LOW) - 1, 0);
      const points = trace.slice(from).map((value, i) => [view.x(epochs[from + i]), height(value)]);
      const seen = epochs.slice(from).filter((epoch) => epoch <= until).length;
      return [
        svg("polyline", { class: `${name} ff-later`, points: path(points.slice(Math.max(seen - 1, 0))) }),
        svg("polyline", { class: name, points: path(points.slice(0, seen)) }),
      ];
    }

    function band(trace, half, epochs) {
      const edge = (sign) =>
        trace.map((value, i) => [view.x(epochs[i]), height(value + sign * half[i])]);
      return svg("polygon", { class: "ff-band", points: path([...edge(1), ...edge(-1).reverse()]) });
    }

    view.draw = (scene) => {
      const { kind, target, epoch, epochs, deepest, shown } = scene;
      const [first, last] = [epochs[0], epochs.at(-1)];
      const ticks = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].map((value) => [value, value.toFixed(1)]);
      view.axes(count(first, last), ticks, [first, last], [LOW, 1], "epoch");
      for (const { network, series, second } of [...shown].reverse()) {
        for (let i = network.layers - 1; i >= 0; i--) {
          const parts = line("ff-line", series.layers[i], series.epochs, epoch);
          if (series.half) parts.unshift(band(series.layers[i], series.half[i], series.epochs));
          append(view, second, ...parts.map((part) => mark(part, i + 1, deepest)));
        }
        const readout = series.readouts?.[network.layers];
        if (readout) append(view, second, ...line("ff-readout", readout, series.epochs, epoch));
      }
      const { title } = ExplorerNetworks.KINDS[kind];
      view.caption.textContent = `${title} by epoch`;
      const reached = shown.map(
        ({ rows }) =>
          `${rows.filter((row) => row.epoch < Infinity).length} of ${rows.length} layers reach ` +
          target.toFixed(2),
      );
      view.describe(`${title} of each layer against the epoch. By epoch ${epoch}: ${beside(reached)}.`);
    };
    return view;
  }

  function delays() {
    const view = chart("ff-delays", 260);

    /** From where the upper end of the mean's interval reaches the target to where the lower does. */
    function whisker(x, { crossing_low: low, crossing_high: high }, end) {
      const y = (epoch) => (epoch < Infinity ? view.y(Math.min(epoch, end)) : view.top);
      return svg("line", { class: "ff-whisker", x1: x, x2: x, y1: y(low), y2: y(high) });
    }

    view.draw = ({ target, epoch, epochs, deepest, shown }) => {
      const [first, end] = [epochs[0], Math.max(epoch, epochs[0] + 1)];
      const ticks = count(first, end).map((value) => [value, String(value)]);
      const top = end + (end - first) * 0.06; // room for the triangles
      view.axes(count(1, deepest), ticks, [0.5, deepest + 0.5], [first, top], "layer");
      for (const { rows, second } of [...shown].reverse()) {
        const aside = shown.length > 1 ? (second ? ASIDE : -ASIDE) : 0;
        const x = (row) => view.x(row.layer + aside);
        const reached = rows.filter((row) => row.crossing < Infinity);
        const points = reached.map((row) => [x(row), view.y(row.crossing)]);
        append(view, second, svg("polyline", { class: "ff-path", points: path(points) }));
        for (const row of rows) {
          const known = row.crossing_low !== null && row.crossing_low < Infinity;
          const parts = known ? [whisker(x(row), row, end)] : [];
          parts.push(
            row.crossing < Infinity
              ? symbol("circle", x(row), view.y(row.crossing))
              : symbol("triangle", x(row), view.top + 7.5),
          );
          append(view, second, ...parts.map((part) => mark(part, row.layer, deepest)));
        }
      }
      view.caption.textContent =
        `Delay: epoch at which a layer crosses ${target.toFixed(2)}, with its 95 % interval over ` +
        "seeds; triangles: not yet";
      const texts = shown.map(({ rows }) => {
        const last = rows.findLast((row) => row.crossing < Infinity);
        return last
          ? `layer ${last.layer} is the deepest that crosses it, at ${last.crossing.toFixed(1)}`
          : "no layer crosses it";
      });
      view.describe(`Epoch at which each layer crosses ${target.toFixed(2)}, against the layer: ${beside(texts)}.`);
    };
    return view;
  }

  function correlations() {
    const view = chart("ff-correlations", 260);

    view.draw = ({ epoch, epochs, deepest, shown }) => {
      const names = ["spearman", "pearson"];
      const least = shown.flatMap(({ rows }) =>
        rows.flatMap((row) => names.map((name) => row[`${name}_low`] ?? row[name] ?? 0)),
      );
      const low = Math.min(0, Math.floor(Math.min(...least) * 4) / 4);
      const ticks = [];
      for (let r = low; r <= 1; r += 0.25) {
        ticks.push([r, r < 0 ? `\u2212${-r.toFixed(2)}` : r.toFixed(2)]);
      }
      view.axes(count(1, deepest), ticks, [0.5, deepest + 0.5], [low, 1], "layer");
      const y = view.y(STRONG);
      append(view, false, svg("line", { class: "ff-strong", x1: view.left, x2: view.right, y1: y, y2: y }));
      for (const { rows, second } of [...shown].reverse()) {
        const aside = shown.length > 1 ? (second ? ASIDE : -ASIDE) : 0;
        for (const name of names) {
          const there = rows.filter((row) => row[name] !== null);
          const points = there.map((row) => [view.x(row.layer + aside), view.y(row[name])]);
          append(view, second, svg("polyline", { class: "ff-path", points: path(points) }));
          there.forEach((row, i) => {
            const [x, y] = points[i];
            const parts = [symbol(name === "pearson" ? "circle" : "diamond", x, y)];
            if (row[`${name}_low`] !== null) {
              const ends = { y1: view.y(row[`${name}_low`]), y2: view.y(row[`${name}_high`]) };
              parts.unshift(svg("line", { class: "ff-whisker", x1: x, x2: x, ...ends }));
            }
            append(view, second, ...parts.map((part) => mark(part, row.layer, deepest)));
          });
        }
      }
      const absent = shown.filter(({ rows }) => rows.every((row) => row.pearson === null));
      view.caption.textContent =
        `Correlation with the network over epochs ${epochs[0]} to ${epoch}; circles Pearson, diamonds ` +
        `Spearman, dotted line ${STRONG}` +
        absent.map(({ network }) => `. Not here: that of ${network.name}`).join("");
      const texts = shown.map(({ rows }) => {
        const strong = rows.filter((row) => Math.abs(row.pearson) > STRONG).length;
        return `Pearson's exceeds ${STRONG} in ${strong} of ${rows.length} layers`;
      });
      view.describe(
        "Pearson and Spearman correlation of each layer's accuracy with the network's, against the " +
          `layer. ${beside(texts)}.`,
      );
    };
    return view;
  }

  return { LOW, traces, delays, correlations };
})();
