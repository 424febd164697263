"""Backpropagation against torch's own modules and optimizer, one network at a time."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.testing import assert_close

import ff
from ff.algorithm.backprop import Backprop, neutral
from ff.algorithm.network import Network
from ff.algorithm.samples import samples
from ff.algorithm.training import Training, cool_down
from ff.data import Dataset

CPU = torch.device("cpu")
PIXELS = 12
NONLINEAR: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "leaky": nn.LeakyReLU, "tanh": nn.Tanh, "gelu": nn.GELU,
}  # fmt: skip


def network(seeds: tuple[int, ...] = (5, 1, 9), width: int = 7, **changes: Any) -> Backprop:
    config = ff.Config(**{"layers": 3, "hidden": width, "device": "cpu", **changes})
    return Backprop(config, PIXELS, width, seeds, CPU)


def batches(seeds: int, count: int, images: int = 6) -> list[tuple[Tensor, Tensor]]:
    """Random samples (S, B, pixels) and their classes (S, B)."""
    source = torch.Generator().manual_seed(0)
    draw = [torch.rand(seeds, images, PIXELS, generator=source) for _ in range(count)]
    return [(x, torch.randint(10, x.shape[:2], generator=source)) for x in draw]


class Plain(nn.Module):
    """One network as one would write it with torch's modules, in float64."""

    def __init__(self, config: ff.Config, seed: int, inputs: int, width: int) -> None:
        super().__init__()
        theirs = Network(config, inputs, width, (seed,), CPU).layers
        self.layers = [nn.Linear(layer.weight.shape[2], width) for layer in theirs]
        for layer, start in zip(self.layers, theirs, strict=True):
            layer.weight.data.copy_(start.weight[0])
            layer.bias.data.zero_()
        self.nonlinear = NONLINEAR[config.activation]()
        self.how = config.normalization
        self.classifier = nn.Linear(width, 10, bias=False)
        self.probes = [nn.Linear(width, 10, bias=False) for _ in theirs]
        for linear in (self.classifier, *self.probes):
            linear.weight.data.zero_()
        self.learned = nn.ModuleList([*self.layers, self.classifier]).double()
        self.reading = nn.ModuleList(self.probes).double()

    def normalize(self, x: Tensor) -> Tensor:
        if self.how == "layer":
            x = x - x.mean(1, keepdim=True)
        return x if self.how == "none" else x / (x.square().mean(1, keepdim=True).sqrt() + 1e-8)

    def forward(self, x: Tensor) -> list[Tensor]:
        seen, x = [], self.normalize(x)
        for layer in self.layers:
            x = self.normalize(self.nonlinear(layer(x)))
            seen.append(x)
        return seen


@pytest.mark.parametrize(
    "changes",
    [{}, {"normalization": "layer"}, {"normalization": "none"}]
    + [{"activation": name} for name in NONLINEAR if name != "relu"],
    ids=str,
)
def test_training_is_a_loop_over_seeds_with_torchs_modules(changes):
    seeds, rates = (5, 1, 9), (0.5, 0.5, 0.1, 0.3)
    ours = network(seeds, **changes)
    config, data = ours.config, batches(len(seeds), len(rates))
    scores = [ours.learn(x, y, rate, rate / 2) for (x, y), rate in zip(data, rates, strict=True)]
    for at, seed in enumerate(seeds):
        plain = Plain(config, seed, PIXELS, 7)
        decays = config.weight_decay, config.downstream_weight_decay
        sgd, reading = (
            torch.optim.SGD(part.parameters(), momentum=config.momentum, weight_decay=decay)
            for part, decay in zip((plain.learned, plain.reading), decays, strict=True)
        )
        for (x, y), rate, (loss, accuracy) in zip(data, rates, scores, strict=True):
            seen, labels = plain(x[at].double()), y[at]
            logits = plain.classifier(seen[-1])
            plain_loss = F.cross_entropy(logits, labels)
            pairs = zip(plain.probes, seen, strict=True)
            read = [F.cross_entropy(probe(z.detach()), labels) for probe, z in pairs]
            for optimizer, step in ((sgd, rate), (reading, rate / 2)):
                optimizer.zero_grad()
                optimizer.param_groups[0]["lr"] = step
            torch.stack([plain_loss, *read]).sum().backward()
            sgd.step()
            reading.step()
            assert_close(loss[at].double(), plain_loss.detach(), rtol=1e-4, atol=1e-5)
            assert_close(accuracy[at], (logits.argmax(1) == labels).float().mean())
        pairs = [
            *zip(ours.weights, [layer.weight for layer in plain.layers], strict=True),
            *zip(ours.biases, [layer.bias[None] for layer in plain.layers], strict=True),
            (ours.classifier, plain.classifier.weight),
            *zip(ours.probes.weight[:, at], plain.reading.parameters(), strict=True),
        ]
        for mine, theirs in pairs:
            mine = mine[at] if mine.dim() == 3 else mine
            assert_close(mine.detach().double(), theirs.detach(), rtol=1e-3, atol=1e-5)


def test_the_first_layer_learns_from_the_last():
    """Else no gradient would have flowed through the layers: the classifier starts at zero."""
    ours = network()
    first = ours.weights[0].detach().clone()
    (x, labels), again = batches(3, 2)
    ours.learn(x, labels, 0.5, 0.1)
    decay = 1 - 0.5 * ours.config.weight_decay
    assert_close(ours.weights[0].detach(), first * decay)
    ours.learn(*again, 0.5, 0.1)
    assert not torch.allclose(ours.weights[0].detach(), first, atol=1e-3)


def test_probes_influence_nothing():
    reading, blind = network(), network()
    for x, labels in batches(3, 3):
        reading.learn(x, labels, 0.5, 0.1)
        blind.learn(x, labels, 0.5, 0.0)
    assert reading.probes.weight.any()
    assert not blind.probes.weight.any()
    for one, other in zip(reading.weights, blind.weights, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(reading.classifier, blind.classifier)


def test_seeds_do_not_influence_each_other():
    together, alone = network((5, 1, 9)), network((1,))
    for x, labels in batches(3, 3):
        together.learn(x, labels, 0.5, 0.1)
        alone.learn(x[1:2], labels[1:2], 0.5, 0.1)
    for one, other in zip(together.weights, alone.weights, strict=True):
        assert_close(one[1:2], other, rtol=1e-4, atol=1e-6)


def test_a_silent_layer_leaves_numbers_finite():
    """0 / 0 would be the slope of its norm."""
    ours = network()
    ours.biases[1].data[0] = -100.0
    for x, labels in batches(3, 2):
        ours.learn(x, labels, 0.5, 0.1)
    assert all(weight.isfinite().all() for weight in ours.weights)


def test_neutral_samples_are_forward_forwards(few: Dataset):
    images, labels = few.train.images[None, :5], few.train.labels[None, :5]
    theirs = samples(images, labels, labels, 10, 3.0).neutral().dense()
    assert_close(neutral(images, 10, 3.0), theirs)


def test_an_epoch_takes_forward_forwards_images_in_its_order(few: Dataset, tiny, monkeypatch):
    config = tiny(epochs=4)
    seeds, pixels = (3, 8), few.train.images.shape[1]
    theirs = Training(config, 10, seeds, few)
    ours = Backprop(config, pixels, 10, seeds, CPU)
    steps = []
    monkeypatch.setattr(ours, "learn", lambda *step: steps.append(step))
    ours.run_epoch(few.train, 3)
    for (x, labels, rate, probe_rate), (theirs_x, theirs_labels) in zip(
        steps, theirs._batches(3), strict=True
    ):
        assert_close(x, theirs_x.neutral().dense())
        assert torch.equal(labels, theirs_labels)
        assert rate == config.learning_rate * cool_down(3, 4)
        assert probe_rate == config.downstream_learning_rate * cool_down(3, 4)


def test_it_learns_the_digits_and_is_measured_on_images_it_has_not_seen(few: Dataset, tiny):
    config = tiny(learning_rate=0.05, cool_down=False)
    ours = Backprop(config, few.train.images.shape[1], 30, (1, 2), CPU)
    for epoch in range(30):
        ours.run_epoch(few.train, epoch)
    classifier, probes = ours.evaluate(few.test)
    assert classifier.min() > 0.5
    assert probes.shape == (2, 3)
    x = neutral(few.test.images, 10, 1.0).expand(2, -1, -1)
    seen = [layer.detach() for layer in ours.activity(x)]
    for at, layer in enumerate(seen):
        answers = (layer @ ours.probes.weight[at].mT).argmax(-1)
        assert_close(probes[:, at], (answers == few.test.labels).float().mean(-1))
    answers = (seen[-1] @ ours.classifier.detach().mT).argmax(-1)
    assert_close(classifier, (answers == few.test.labels).float().mean(-1))
