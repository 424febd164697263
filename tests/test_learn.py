"""The page that learns: its JavaScript computes what the library computes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ff
from ff.algorithm.backprop import Backprop, neutral
from ff.algorithm.network import Network
from ff.algorithm.readout import Probes, Readouts
from ff.algorithm.samples import samples
from ff.data import Dataset

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ASSETS = Path(__file__).parent.parent / "book" / "_assets"
ENGINE = [ASSETS / f"learn-{name}.js" for name in ("network", "backprop", "digits")]
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

    np.testing.assert_allclose(found["losses"], losses, **CLOSE)
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
