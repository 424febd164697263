/* How long a training takes: the model of ff/speed/estimate.py, for the network, the images and the
   machine that a reader chooses. */
"use strict";

/** Seconds of a training of one width that is evaluated after each epoch, as `ff.speed.estimate` has it. */
function trainingSeconds({ layers, hidden, seeds, epochs }, images, machine) {
  const { train, validation, shown, pixels, classes, batch } = images;
  const steps = epochs * Math.floor(train / batch);
  const linear = (2 * layers - 1) * 2 * classes * hidden; // of an image: a probe of each layer, the readout's part
  const step = 4 * batch * hidden * pixels + (layers - 1) * 10 * batch * hidden ** 2 + 2 * batch * linear;
  const check =
    2 * (validation + shown) * hidden * pixels +
    (layers - 1) * 2 * ((3 * validation + classes * shown) * hidden ** 2 + validation * classes * hidden) +
    validation * linear;
  const weights = hidden * (pixels + (layers - 1) * hidden);
  const moved = batch * (pixels + 3 * layers * hidden) + weights;
  const looked = (validation + shown) * pixels + (3 * validation + classes * shown) * layers * hidden;
  const together = Math.max(1, Math.floor(machine.room / (3 * batch * hidden * 4)));
  const [operation, number, layer] = machine.costs;
  return (
    seeds * (steps * step + epochs * check) * operation +
    seeds * (steps * moved + epochs * looked) * number +
    Math.ceil(seeds / together) * steps * layers * layer
  );
}

/** The same words as `ff.speed.estimate.duration`. */
function duration(seconds) {
  const units = [["s", 1, 90], ["min", 60, 5400], ["h", 3600, 172800], ["days", 86400, 63072000], ["years", 31536000, Infinity]];
  const [unit, length] = units.find(([, , most]) => seconds < most);
  const number = seconds / length;
  return `${number.toFixed(number < 9.95 ? 1 : 0)} ${unit}`;
}

document.querySelectorAll(".ff-calculator").forEach((root, place) => {
  const { html } = Charts;
  const data = JSON.parse(root.querySelector("script").textContent);
  const LABELS = { layers: "Layers", hidden: "Units a layer", seeds: "Seeds", epochs: "Epochs" };
  const labelled = (name, text, control) => {
    control.id = `ff-calculator-${place}-${name}`;
    return html("div", {}, html("label", { for: control.id }, text), control);
  };

  const numbers = Object.keys(LABELS).map((name) => {
    const [min, max] = data.limits[name];
    return [name, html("input", { type: "number", min, max, step: 1, value: data.start[name] })];
  });
  const choose = (items) =>
    html("select", {}, ...items.map(({ name }, at) => html("option", { value: at }, name)));
  const [images, machine] = [choose(data.images), choose(data.machines)];
  const answer = html("output", {
    "aria-live": "polite",
    for: [...Object.keys(LABELS), "images", "machine"].map((name) => `ff-calculator-${place}-${name}`).join(" "),
  });

  function show() {
    const wrong = numbers.filter(([, input]) => !input.validity.valid || input.value === "");
    for (const own of numbers) own[1].setAttribute("aria-invalid", wrong.includes(own));
    if (wrong.length) {
      const said = wrong.map(([name]) => {
        const [least, most] = data.limits[name];
        return `${LABELS[name]}: a whole number from ${least} to ${most}.`;
      });
      answer.replaceChildren(said.join(" "));
      return;
    }
    const asked = Object.fromEntries(numbers.map(([name, input]) => [name, input.valueAsNumber]));
    const where = data.machines[machine.value];
    const seconds = trainingSeconds(asked, data.images[images.value], where);
    answer.replaceChildren(
      "About ",
      html("b", {}, duration(seconds)),
      `, ${duration(seconds / asked.epochs)} an epoch of all seeds, if the machine does nothing else.`,
    );
  }

  const controls = html(
    "div",
    { class: "ff-controls" },
    html("div", {}, labelled("machine", "Precision and machine", machine), labelled("images", "Data set", images)),
    html("div", {}, ...numbers.map(([name, input]) => labelled(name, LABELS[name], input))),
    answer,
  );
  controls.addEventListener("input", show);
  root.append(controls);
  show();
});
