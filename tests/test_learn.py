"""The page that learns: its JavaScript computes what the library computes."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ff
import ff.quantities
from ff.algorithm.backprop import Backprop, neutral
from ff.algorithm.evaluation import evaluate
from ff.algorithm.network import Network
from ff.algorithm.readout import Probes, Readouts
from ff.algorithm.samples import candidates, samples
from ff.algorithm.samples import pixels as pixels_of
from ff.book import embed
from ff.data import Dataset, Split

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ASSETS = Path(__file__).parent.parent / "book" / "_assets"
ENGINE = [ASSETS / f"learn-{name}.js" for name in ("network", "backprop", "digits", "training")]
STEPS, BATCH, SEED = 20, 30, 7
CLOSE = {"rtol": 0, "atol": 1e-4}

# What the page lets one change, each in turn.
SWITCHES: list[dict[str, Any]] = [
    {},
    {"peer_normalization": 0.0},
    {"peer_normalization": 1.0, "peer_momentum": 0.09},
    {"threshold": 2.0},
    {"learning_rate": 3e-3},
    {"goodness": "absolute"},
    {"goodness": "game-theoretic"},
    {"activation": "leaky"},
    {"activation": "gelu"},
]


@pytest.fixture(scope="module")
def page(chromium) -> Iterator[Any]:
    """An empty page with the scripts that learn."""
    page = chromium.new_page()
    for script in ENGINE:
        page.add_script_tag(path=script)
    yield page
    page.close()


@pytest.fixture(scope="module")
def batches(digits: Dataset) -> dict[str, Any]:
    """Images of each step, their classes and the wrong labels of their negative samples."""
    generator = torch.Generator().manual_seed(SEED)
    chosen = torch.randint(len(digits.train), (STEPS, BATCH), generator=generator)
    labels = digits.train.labels[chosen]
    wrong = (labels + torch.randint(1, 10, labels.shape, generator=generator)) % 10
    return {"images": digits.train.images[chosen], "labels": labels, "wrong": wrong}


def configured(**changes: Any) -> ff.Config:
    return ff.Config(**{"dataset": "digits", "layers": 4, "hidden": 24, "device": "cpu"} | changes)


def transposed(weights: list[torch.Tensor]) -> list[list[float]]:
    """A network's weights, ``(1, D, I)`` each, as the page holds them: (I, D)."""
    return [weight[0].detach().mT.flatten().tolist() for weight in weights]


def told(config: ff.Config, weights: list[torch.Tensor], batches: dict[str, Any]) -> dict[str, Any]:
    """What the page needs to take the same steps."""
    told = {name: values.tolist() for name, values in batches.items()}
    return told | {"weights": transposed(weights), "c": config.model_dump(mode="json")}


LEARN = """({ weights, images, labels, wrong, c }) => {
  const { Network, Classifier, accuracy } = forwardForward();
  const { CLASSES, samples } = digitImages();
  const network = new Network(weights.map((own) => Float32Array.from(own)), c);
  const downstream = { momentum: c.momentum, decay: c.downstream_weight_decay };
  const make = (layers) => new Classifier(layers, c.hidden, CLASSES, downstream);
  const [readout, probes] = [make(c.layers - 1), network.layers.map(() => make(1))];
  const found = { losses: [], accuracies: [], readout: [] };
  images.forEach((shown, step) => {
    const codes = [...labels[step], ...wrong[step], ...labels[step].map(() => -1)];
    const seen = network.learn(samples(shown, codes), c.learning_rate);
    found.losses.push(seen.losses);
    found.accuracies.push(seen.goodness.map((g, at) => accuracy(g, network.layers[at].theta)));
    const rate = c.downstream_learning_rate;
    const score = readout.learn(seen.neutral.slice(1), labels[step], rate);
    found.readout.push([score.loss, score.accuracy]);
    probes.forEach((probe, at) => probe.learn([seen.neutral[at]], labels[step], rate));
  });
  const values = (owner) => owner.parts.flatMap((part) => Array.from(part.values));
  return {
    ...found,
    weights: network.layers.map(({ weight }) => Array.from(weight.values)),
    biases: network.layers.map(({ bias }) => Array.from(bias.values)),
    means: network.layers.map(({ runningMean }) => Array.from(runningMean)),
    read: values(readout),
    probes: probes.map(values),
  };
}"""


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_twenty_steps_are_the_librarys(switch, page, batches):
    config = configured(**switch)
    network = Network(config, 784, 24, (SEED,), torch.device("cpu"))
    readouts = Readouts(config, 24, 1, torch.device("cpu"))
    probes = Probes(config, 24, 1, torch.device("cpu"))
    before = [layer.weight.clone() for layer in network.layers]
    asked = told(config, before, batches)

    losses, accuracies, readout = [], [], []
    for images, labels, wrong in zip(*batches.values(), strict=True):
        x = samples(images[None], labels[None], wrong[None])
        goodness, seen = network.learn(x, config.learning_rate)
        losses.append([float(network.objective.loss(g)) for g in goodness[0].unsqueeze(1)])
        accuracies.append(network.objective.accuracy(goodness)[0].tolist())
        rate = config.downstream_learning_rate
        readout.append([float(score) for score in readouts.learn(seen, labels[None], rate)])
        probes.learn(seen, labels[None], rate)
    found = page.evaluate(LEARN, asked)

    np.testing.assert_allclose(found["losses"], losses, rtol=1e-4)  # some are hundreds
    np.testing.assert_allclose(found["accuracies"], accuracies, **CLOSE)
    np.testing.assert_allclose(found["readout"], readout, **CLOSE)
    after = [layer.weight for layer in network.layers]
    for own, theirs, start in zip(found["weights"], transposed(after), before, strict=True):
        np.testing.assert_allclose(own, theirs, **CLOSE)
        moved = np.abs(np.array(theirs) - np.array(transposed([start])[0])).max()
        assert moved > 10 * CLOSE["atol"], "steps this small would be equal to doing nothing"
    for layer, bias, mean in zip(network.layers, found["biases"], found["means"], strict=True):
        np.testing.assert_allclose(bias, layer.bias.flatten(), **CLOSE)
        np.testing.assert_allclose(mean, layer.running_mean.flatten(), **CLOSE)
    read = torch.cat([weight[0].mT.flatten() for weight in readouts.weight])
    np.testing.assert_allclose(found["read"], read, **CLOSE)
    np.testing.assert_allclose(found["probes"], probes.weight[:, 0].mT.flatten(1), **CLOSE)


LEARN_END_TO_END = """({ weights, images, labels, c }) => {
  const parts = forwardForward();
  const { Backprop } = backpropagation(parts);
  const { CLASSES, samples } = digitImages();
  const network = new Backprop(weights.map((own) => Float32Array.from(own)), CLASSES, c);
  const found = images.map((shown, step) => {
    const x = samples(shown, labels[step].map(() => -1));
    const { loss, accuracy } = network.learn(x, labels[step], c.learning_rate);
    return [loss, accuracy];
  });
  return {
    found,
    weights: network.layers.map(({ weight }) => Array.from(weight.values)),
    biases: network.layers.map(({ bias }) => Array.from(bias.values)),
    classifier: Array.from(network.classifier.parts[0].values),
  };
}"""


@pytest.mark.parametrize("activation", ["relu", "leaky", "gelu"])
def test_twenty_steps_of_backpropagation_are_the_librarys(activation, page, batches):
    config = configured(activation=activation, learning_rate=1e-2)
    network = Backprop(config, 784, 24, (SEED,), torch.device("cpu"))
    before = [weight.detach().clone() for weight in network.weights]
    asked = told(config, before, batches)

    scores = []
    for images, labels in zip(batches["images"], batches["labels"], strict=True):
        x = neutral(images[None], 10, 1.0)
        scores.append([float(own) for own in network.learn(x, labels[None], 1e-2, 1e-2)])
    found = page.evaluate(LEARN_END_TO_END, asked)

    np.testing.assert_allclose(found["found"], scores, **CLOSE)
    after = transposed(network.weights)
    for own, theirs, start in zip(found["weights"], after, transposed(before), strict=True):
        np.testing.assert_allclose(own, theirs, **CLOSE)
        assert np.abs(np.subtract(theirs, start)).max() > 10 * CLOSE["atol"]
    for own, bias in zip(found["biases"], network.biases, strict=True):
        np.testing.assert_allclose(own, bias.detach().flatten(), **CLOSE)
    classifier = network.classifier[0].detach().mT.flatten()
    np.testing.assert_allclose(found["classifier"], classifier, **CLOSE)


@pytest.fixture(scope="module")
def embedded() -> dict[str, Any]:
    """What the page holds."""
    html = embed.learning(rate=0.01)._repr_html_()
    return json.loads(html.split(">", 2)[2].split("</script>")[0])


def pixels(text: str) -> torch.Tensor:
    """Images of 784 pixels that a page has told as text."""
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8).reshape(-1, 784)


DECODE = """(data) => {
  const { images } = digitImages().decode(data.images, data.labels);
  return btoa(images.map((image) => String.fromCharCode(...image)).join(""));
}"""


def test_the_images_are_the_data_sets(page, embedded, digits):
    found = pixels(page.evaluate(DECODE, embedded)).int()
    expected = torch.cat([digits.train.images, digits.validation.images]).int()
    # Where a grey level lies just between two numbers, torch may round it the other way.
    assert (found - expected).abs().max() <= 1
    assert (found != expected).float().mean() < 0.02
    labels = torch.cat([digits.train.labels, digits.validation.labels])
    assert embedded["labels"] == "".join(map(str, labels.tolist()))
    assert embedded["train"] == len(digits.train)


def test_the_images_travel_lightly(embedded):
    assert len(embedded["images"]) + len(embedded["labels"]) < 200_000


def test_the_page_begins_with_the_librarys_settings(embedded):
    config = ff.Config(dataset="digits", layers=8, hidden=100, cool_down=False)
    for name, value in embedded["config"].items():
        assert value == getattr(config, name)
    assert embedded["settings"].items() <= embedded["config"].items()
    assert config.readout_from == 2, "the page's readout leaves out the first layer only"


# One epoch in slices, as the worker of the page is asked for it.
EPOCH = """([data, c]) => {
  const parts = forwardForward();
  const { ForwardForward } = training(parts, backpropagation(parts), digitImages());
  const run = new ForwardForward(data, c);
  const weights = run.network.layers.map(({ weight }) => Array.from(weight.values));
  let found = run.advance(10);
  while (!found.epoch) found = run.advance(10);
  const { order, wrong } = run;
  const units = run.favorites({ layer: 1, count: 1 }).units.map((own) => Array.from(own));
  const first = Array.from(run.network.layers[0].weight.values);
  run.advance(1);
  const next = { order: run.order, wrong: run.wrong };
  const { layers: seen } = found;
  return { ...found, ...found.epoch, weights, order, wrong, next, units, first, seen };
}"""


def test_an_epoch_measures_what_the_library_does(page, embedded, digits):
    config = configured(hidden=24, layers=4)
    own = config.model_dump(mode="json") | {"seed": 5}
    found = page.evaluate(EPOCH, [embedded, own])
    images = pixels(page.evaluate(DECODE, embedded))
    train = Split(images[:1300], digits.train.labels)
    validation = Split(images[1300:], digits.validation.labels)

    network = Network(config, 784, 24, (1,), torch.device("cpu"))
    for layer, weight in zip(network.layers, found["weights"], strict=True):
        layer.weight.copy_(torch.tensor(weight).reshape(-1, 24).T)
    readouts = Readouts(config, 24, 1, torch.device("cpu"))
    probes = Probes(config, 24, 1, torch.device("cpu"))
    order, wrong = torch.tensor(found["order"]), torch.tensor(found["wrong"])
    assert order.sort().values.tolist() == list(range(1300))
    assert (wrong != train.labels).all()
    assert wrong.unique().tolist() == list(range(10))
    accuracies, recent = [], []
    for chosen in order.split(50):
        labels = train.labels[chosen][None]
        x = samples(train.images[chosen][None], labels, wrong[chosen][None])
        goodness, seen = network.learn(x, config.learning_rate)
        readouts.learn(seen, labels, config.downstream_learning_rate)
        probes.learn(seen, labels, config.downstream_learning_rate)
        accuracies.append(network.objective.accuracy(goodness)[0])
        recent = [*recent[-3:], goodness[0].unflatten(1, (2, -1)) / network.objective.theta]
    some = torch.zeros(1, len(validation), dtype=torch.int64)
    layers, depths = evaluate(config, network, readouts, probes, validation, some)

    assert found["step"] == 26
    epoch = found["epoch"]
    np.testing.assert_allclose(epoch["layers"], torch.stack(accuracies).mean(0), **CLOSE)
    positive, negative = torch.cat(recent, dim=-1).unbind(1)  # (L, 200) each
    for at, own in enumerate(found["seen"]):
        np.testing.assert_allclose(own["positive"], positive[at], rtol=1e-3)
        np.testing.assert_allclose(own["negative"], negative[at], rtol=1e-3)
    assert found["next"]["order"] != found["order"]
    assert found["next"]["wrong"] != found["wrong"]
    # The unit that training has connected most strongly to each label's pixel.
    change = np.subtract(found["first"], found["weights"][0]).reshape(784, 24)
    for label, unit in enumerate(found["units"]):
        expected = change[:, change[label].argmax()]
        np.testing.assert_allclose(unit[:10], 0)
        np.testing.assert_allclose(unit[10:], expected[10:], **CLOSE)
    # The layer quantities after the first: training accuracy is none of them.
    at = ff.quantities.LAYER_QUANTITIES.index("probe_accuracy") - 1
    np.testing.assert_allclose(found["probes"], layers[0, :, at], **CLOSE)
    np.testing.assert_allclose(found["network"], depths[0, -1, 1], **CLOSE)


def test_initial_weights_are_normal_and_do_not_depend_on_depth(page, embedded):
    c = configured().model_dump(mode="json") | {"seed": 2}
    few, many = (
        page.evaluate(EPOCH, [embedded, c | {"layers": layers}])["weights"] for layers in (2, 3)
    )
    assert few == many[:2]
    first = np.array(few[0]) * 24**0.5  # each unit has 784 of them
    assert abs(first.mean()) < 0.02
    assert abs(first.std() - 1) < 0.02
    assert abs((np.abs(first) < 1).mean() - 0.683) < 0.02


CLASSIFY = """([data, c, image]) => {
  const parts = forwardForward();
  const { ForwardForward } = training(parts, backpropagation(parts), digitImages());
  const run = new ForwardForward(data, c);
  const before = run.classify(Uint8Array.from(image));
  const favorites = run.favorites({ layer: 2, count: 5 });
  const layers = run.network.layers.map(({ weight }) => Array.from(weight.values));
  return { ...before, favorites, weights: layers };
}"""


def test_an_image_is_classified_as_the_library_does(page, embedded, digits):
    config = configured(hidden=24, layers=4)
    own = config.model_dump(mode="json") | {"seed": 5}
    image = digits.validation.images[3]
    found = page.evaluate(CLASSIFY, [embedded, own, image.tolist()])
    network = Network(config, 784, 24, (1,), torch.device("cpu"))
    for layer, weight in zip(network.layers, found["weights"], strict=True):
        layer.weight.copy_(torch.tensor(weight).reshape(-1, 24).T)

    x = candidates(pixels_of(image[None, None]), 10, 1.0)
    goodness = torch.stack([seen.g[0] for seen in network.activity(x)]) / network.objective.theta
    np.testing.assert_allclose(found["goodness"], goodness, rtol=1e-4)
    np.testing.assert_allclose(found["chances"], 0.1, rtol=1e-6)  # the readout starts at zero

    # What layer 2 responds to most and least, of the first 300 training images.
    labels = digits.train.labels[:300]
    x = samples(digits.train.images[None, :300], labels[None], labels[None])
    second = [seen.g[0, :300] for seen in network.activity(x)][1]
    order = second.argsort(descending=True)
    chosen = found["favorites"]
    np.testing.assert_allclose(second[chosen["most"]], second[order[:5]], rtol=1e-2)
    np.testing.assert_allclose(second[chosen["least"]], second[order.flip(0)[:5]], rtol=1e-2)


BOTH = """([data, c]) => {
  const parts = forwardForward();
  const { ForwardForward, EndToEnd } = training(parts, backpropagation(parts), digitImages());
  const runs = [new ForwardForward(data, c), new EndToEnd(data, { ...c, learning_rate: 3e-3 })];
  const weights = runs.map(({ network }) =>
    network.layers.map(({ weight }) => Array.from(weight.values)));
  const orders = runs.map((run) => (run.advance(1), run.order));
  return { weights, orders };
}"""


def test_both_networks_begin_alike_and_see_the_same_images(page, embedded):
    own = configured().model_dump(mode="json") | {"seed": 4}
    found = page.evaluate(BOTH, [embedded, own])
    assert found["weights"][0] == found["weights"][1]
    assert found["orders"][0] == found["orders"][1]
