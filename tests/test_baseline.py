"""The baseline against ours: the same algorithm, number for number."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import DataLoader

import ff
from ff.algorithm.network import Network
from ff.algorithm.readout import Readouts
from ff.algorithm.samples import samples
from ff.data import DATASETS, from_arrays, load
from ff.speed.baseline import Baseline, Images

CPU = torch.device("cpu")


def test_a_step_is_ours(few):
    config = ff.Config(dataset="digits", layers=3, hidden=20, seeds=1, batch_size=40)
    ours, readouts = Network(config, 784, 20, (1,), CPU), Readouts(config, 20, 1, CPU)
    baseline = Baseline(config, few)
    for layer, own in zip(baseline.model.layers, ours.layers, strict=True):
        layer.linear.weight.data.copy_(own.weight[0])  # pyright: ignore
    before = [own.weight.clone() for own in ours.layers]
    for step in range(4):
        at = slice(30 * step, 30 * (step + 1))
        images, labels = few.train.images[None, at], few.train.labels[None, at]
        wrong = (labels + 3) % 10
        x = samples(images, labels, wrong)
        goodness, neutral = ours.learn(x, config.learning_rate)
        _, accuracy = readouts.learn(neutral, labels, config.downstream_learning_rate)
        seen = baseline.step(*x.dense()[0].chunk(3), labels[0])
        assert_close(seen[:-1], ours.objective.accuracy(goodness)[0])
        assert_close(seen[-1], accuracy[0, 0])
    for i, (layer, own) in enumerate(zip(baseline.model.layers, ours.layers, strict=True)):
        state = {"weight": own.weight[0], "bias": own.bias[0, 0]}
        for name, expected in state.items():
            assert_close(
                layer.linear.get_parameter(name).data,  # pyright: ignore
                expected,
                rtol=1e-4,
                atol=1e-6,
                msg=lambda text, i=i, name=name: f"{name} of layer {i + 1}: {text}",
            )
        assert (own.weight - before[i]).abs().max() > 1e-4, "nothing was learned"
        assert_close(layer.running_mean, own.running_mean[0, 0])
    expected = torch.cat(readouts.weight, dim=2)[0]
    assert expected.abs().max() > 1e-3
    assert_close(baseline.model.readout.weight.data, expected, rtol=1e-4, atol=1e-7)


def test_four_processes_make_the_samples(few):
    """As in public code; with fewer the baseline would be slower, and ours look faster."""
    baseline = Baseline(ff.Config(dataset="digits", layers=2, hidden=5, batch_size=40), few)
    loaders = [value for value in vars(baseline).values() if isinstance(value, DataLoader)]
    assert loaders
    assert {loader.num_workers for loader in loaders} == {4}


def test_samples_are_those_of_ours(few):
    for at in range(5):
        positive, negative, neutral, label = Images(few.train, DATASETS["digits"])[at]
        wrong = torch.tensor([[int(negative[:10].argmax())]])
        assert wrong.item() != label == few.train.labels[at]
        one = torch.stack([positive, negative, neutral])
        ours = samples(few.train.images[None, at : at + 1], torch.tensor([[label]]), wrong)
        assert_close(one, ours.dense()[0])


def test_samples_in_color_are_those_of_ours(monkeypatch):
    images = np.random.default_rng(0).integers(256, size=(24, 4, 5, 3), dtype=np.uint8)
    labels = np.arange(24) % 12
    monkeypatch.setitem(DATASETS, "mine", from_arrays(images, labels, images, labels))
    mine = load("mine")
    for at in range(5):
        positive, negative, neutral, label = Images(mine.train, mine.source)[at]
        wrong = torch.tensor([[int(negative[:12].argmax())]])
        assert wrong.item() != label == mine.train.labels[at]
        one = torch.stack([positive, negative, neutral])
        ours = samples(mine.train.images[None, at : at + 1], torch.tensor([[label]]), wrong, 12)
        assert_close(one, ours.dense()[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # workers fork
def test_it_learns_and_evaluates(digits):
    torch.manual_seed(0)
    baseline = Baseline(ff.Config(dataset="digits", layers=2, hidden=50), digits)
    first = baseline.learn(2)
    for _ in range(15):
        baseline.learn()
    weight = baseline.model.readout.weight.clone()
    later, checked = baseline.learn(), baseline.evaluate()
    assert first.shape == later.shape == checked.shape == (3,)
    assert later[0] > first[0] + 0.05
    assert checked[-1] > 0.5
    before = [layer.running_mean.clone() for layer in baseline.model.layers]  # pyright: ignore
    weight = baseline.model.readout.weight.clone()
    baseline.evaluate(2)
    assert torch.equal(weight, baseline.model.readout.weight), "evaluation has learned"
    for layer, mean in zip(baseline.model.layers, before, strict=True):
        assert torch.equal(layer.running_mean, mean)  # pyright: ignore
    assert [len(list(images)) for images in (baseline.training, baseline.validation)] == [26, 2]
