/* Networks that the explorer can show, from the numbers embedded in a page or from a reader's CSV,
   and what follows from their numbers. Delays and their intervals are those of ff.stats.delay;
   correlations come computed, with intervals as ff.stats.intervals has them. */
"use strict";

const ExplorerNetworks = (() => {
  const ACCURACY = 1e-5; // units of the embedded numbers, as in ff.book.embed
  const CORRELATION = 1e-3;

  /** What counts as accuracy: in an address, as a title, at the head of a column. */
  const KINDS = {
    train_accuracy: { slug: "training", title: "Training accuracy", head: "Accuracy (training)" },
    validation_accuracy: {
      slug: "validation",
      title: "Validation accuracy",
      head: "Accuracy (validation)",
    },
    validation_auroc: { slug: "auroc", title: "Validation AUROC", head: "AUROC (validation)" },
  };

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const distinct = (values) => [...new Set(values)].sort((a, b) => a - b);

  /* ---- Embedded networks ------------------------------------------------------------------ */

  const scaled = (lists, unit, shift = 0) =>
    lists?.map((list) => list.map((value) => (value === null ? null : (value + shift) * unit)));
  const each = (lists, change) =>
    lists && Object.fromEntries(Object.entries(lists).map(([key, value]) => [key, change(value)]));

  function decode({ epochs, layers, half, readouts, ...correlations }) {
    // Means are rounded down: their middle lies half a unit above.
    const means = (lists) => scaled(lists, ACCURACY, 0.5);
    return {
      epochs,
      layers: means(layers),
      half: half && scaled(half, ACCURACY),
      readouts: each(readouts, (trace) => means([trace])[0]),
      ...each(correlations, (depths) => each(depths, (lists) => scaled(lists, CORRELATION))),
    };
  }

  /** What a reader calls a network; the defaults are no condition, and a file may name no width. */
  const called = (layers, hidden, condition) =>
    `${layers} layer${layers === 1 ? "" : "s"}${hidden ? ` of ${hidden}` : ""}` +
    (condition && `, ${condition}`);

  /** A network for each depth of each width, the shallow ones first. */
  function embedded(widths) {
    return widths.flatMap(({ condition, hidden, seeds, measures }) => {
      const decoded = each(measures, decode);
      const [{ readouts }] = Object.values(decoded);
      return distinct(Object.keys(readouts).map(Number)).map((layers) => ({
        name: called(layers, hidden, condition),
        condition,
        hidden,
        layers,
        seeds,
        measures: decoded,
      }));
    });
  }

  /* ---- Numbers of a network ---------------------------------------------------------------- */

  /** First epoch at which a trace reaches the target and where it crosses it on the way, among its
      first `count` values; infinite if it does not. Compared as float32, like the records. */
  function reach(trace, epochs, target, count) {
    const aim = Math.fround(target);
    const after = trace.findIndex((value, i) => i < count && Math.fround(value) >= aim);
    if (after < 0) return { epoch: Infinity, crossing: Infinity };
    const before = Math.max(after - 1, 0);
    const rise = trace[after] - trace[before];
    const share = rise > 0 ? clamp((target - trace[before]) / rise, 0, 1) : 1;
    const crossing = epochs[before] + share * (epochs[after] - epochs[before]);
    return { epoch: epochs[after], crossing };
  }

  /** A correlation and the ends of its interval, symmetric on Fisher's scale. */
  function correlation(series, name, depth, layer, at) {
    const r = series[name]?.[depth][layer][at] ?? null;
    const half = series[`${name}_half`]?.[depth][layer][at] ?? null;
    const z = Math.atanh(clamp(r, -0.9995, 0.9995)); // a correlation has three decimals
    const known = r !== null && half !== null;
    return {
      [name]: r,
      [`${name}_low`]: known ? Math.tanh(z - half) : null,
      [`${name}_high`]: known ? Math.tanh(z + half) : null,
    };
  }

  /** A row for each layer of a network, as if training had ended at an epoch. Null is what is not
      known; infinite is the epoch of what has not happened yet. */
  function rows(network, { kind, target, epoch }) {
    const series = network.measures[kind];
    const { epochs, layers, half } = series;
    const seen = epochs.filter((value) => value <= epoch).length;
    return layers.slice(0, network.layers).map((trace, i) => {
      const end = (sign) => {
        if (!half) return null;
        const moved = trace.map((value, j) => value + sign * half[i][j]);
        return reach(moved, epochs, target, seen).crossing;
      };
      return {
        layer: i + 1,
        accuracy: seen ? trace[seen - 1] : null,
        ...reach(trace, epochs, target, seen),
        crossing_low: end(1),
        crossing_high: end(-1),
        ...correlation(series, "pearson", network.layers, i, seen - 1),
        ...correlation(series, "spearman", network.layers, i, seen - 1),
      };
    });
  }

  /** Student's t between whose two signs 95 % lie: bisection of the distribution, in its closed form
      for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4). */
  function student(freedom) {
    const inside = (t) => {
      const angle = Math.atan(t / Math.sqrt(freedom));
      const cosine = Math.cos(angle);
      const odd = freedom % 2;
      let sum = 0;
      for (let k = odd, term = odd ? cosine : 1; k <= freedom - 2; k += 2) {
        sum += term;
        term *= ((k + 1) / (k + 2)) * cosine ** 2;
      }
      return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
    };
    let [low, high] = [0, 13]; // 12.7 with one degree of freedom
    for (let i = 0; i < 50; i++) {
      const middle = (low + high) / 2;
      if (inside(middle) < 0.95) low = middle;
      else high = middle;
    }
    return low;
  }

  /* ---- A reader's own CSV ------------------------------------------------------------------- */

  const MEANS = { mean: "train_accuracy", accuracy: "train_accuracy" }; // other names of a measure
  const WHOLE = { layer: 1, epoch: 0, hidden: 1, seed: 0, seeds: 1 }; // columns and their least values
  const NOTHING = new Set(["", "nan", "NaN"]); // not measured

  /** The rows of a file as objects of numbers, each with its line; an error names what is wrong. */
  function table(text) {
    const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
    const split = (line) => line.split(",").map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
    const heads = split(lines[0]);
    for (const needed of ["layer", "epoch"]) {
      if (!heads.includes(needed)) {
        throw new Error(
          `There is no column "${needed}"; the first line names ${heads.join(", ") || "nothing"}, ` +
            "and columns are separated by commas.",
        );
      }
    }
    const measured = heads.filter((head) => head in MEANS || head in KINDS);
    if (!measured.length) {
      const names = [...Object.keys(MEANS), ...Object.keys(KINDS)].join(", ");
      throw new Error(`There is no column of accuracies; name one of ${names}.`);
    }
    const read = (cell, head, line) => {
      const value = NOTHING.has(cell) ? NaN : Number(cell);
      const wrong = (right) => {
        throw new Error(`Line ${line}, column "${head}": "${cell ?? ""}" is not ${right}.`);
      };
      if (head in WHOLE) {
        if (!(Number.isInteger(value) && value >= WHOLE[head])) {
          wrong(`a whole number from ${WHOLE[head]} on`);
        }
      } else if (!NOTHING.has(cell) && !(value >= 0 && value <= 1)) {
        wrong("a number from 0 to 1");
      }
      return value;
    };
    const kept = [...Object.keys(WHOLE), "std", ...measured].filter((head) => heads.includes(head));
    const rows = [];
    lines.forEach((text, i) => {
      if (i === 0 || !text.trim()) return;
      const cells = split(text);
      const row = { line: i + 1 };
      for (const head of kept) row[head] = read(cells[heads.indexOf(head)], head, i + 1);
      rows.push(row);
    });
    if (!rows.length) throw new Error("There are no rows below the first line.");
    return { rows, measured };
  }

  /** Mean and half the width of its 95 % interval, from one value a seed or from a row's own std. */
  function summary(values, { std, seeds }) {
    const n = values.length;
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    if (n > 1) {
      const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      return { mean, half: (student(n - 1) * Math.sqrt(squares / (n - 1))) / Math.sqrt(n) };
    }
    return { mean, half: seeds > 1 && std >= 0 ? (student(seeds - 1) * std) / Math.sqrt(seeds) : null };
  }

  /** One measure of one width: every layer at every epoch, with the same number of seeds. */
  function measure(rows, column, width) {
    const places = new Map();
    for (const row of rows.filter((row) => !Number.isNaN(row[column]))) {
      const place = `${row.layer} ${row.epoch}`;
      const found = places.get(place) ?? places.set(place, { row, values: [] }).get(place);
      found.values.push(row[column]);
    }
    if (!places.size) return null;
    const epochs = distinct([...places.values()].map(({ row }) => row.epoch));
    const count = places.values().next().value.values.length;
    const layers = [];
    const half = [];
    for (let layer = 1; layer <= Math.max(...distinct(rows.map((row) => row.layer))); layer++) {
      const found = epochs.map((epoch) => {
        const place = places.get(`${layer} ${epoch}`);
        const there = place?.values.length ?? 0;
        if (there !== count) {
          const values = (n) => `${n || "no"} value${n === 1 ? "" : "s"}`;
          throw new Error(
            `${width}layer ${layer} has ${values(there)} of "${column}" at epoch ${epoch} and ` +
              `elsewhere ${values(count)}; each layer from 1 on needs the same epochs and seeds.`,
          );
        }
        return summary(place.values, place.row);
      });
      layers.push(found.map(({ mean }) => mean));
      half.push(found.map((one) => one.half));
    }
    return { epochs, layers, half: half.flat().includes(null) ? null : half, seeds: count };
  }

  /** The networks of a file, one for each width, of as many layers as it has rows for. */
  function own(text, file) {
    const { rows, measured } = table(text);
    const lines = new Map();
    for (const { line, hidden, seed, layer, epoch } of rows) {
      const place = [hidden, seed, layer, epoch].join();
      if (lines.has(place)) {
        throw new Error(
          `Lines ${lines.get(place)} and ${line} are both of layer ${layer} at epoch ${epoch}; ` +
            'columns "hidden" and "seed" tell networks and seeds apart.',
        );
      }
      lines.set(place, line);
    }
    return distinct(rows.map((row) => row.hidden)).map((hidden) => {
      const of = rows.filter((row) => Object.is(row.hidden, hidden));
      const layers = Math.max(...distinct(of.map((row) => row.layer)));
      const series = measured.map((column) => [
        MEANS[column] ?? column,
        measure(of, column, hidden === undefined ? "In the file, " : `Of width ${hidden}, `),
      ]);
      const measures = Object.fromEntries(series.filter(([, found]) => found));
      if (!Object.keys(measures).length) throw new Error("There is no accuracy in any row.");
      return {
        name: called(layers, hidden, file),
        condition: file,
        hidden,
        layers,
        seeds: of[0].seeds ?? (of[0].seed === undefined ? null : Object.values(measures)[0].seeds),
        measures,
      };
    });
  }

  return { KINDS, clamp, distinct, embedded, own, rows, student };
})();
