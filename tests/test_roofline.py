"""What a step must cost, against products that were really made."""

import torch

import ff
from ff.algorithm import precision
from ff.algorithm.evaluation import evaluate
from ff.algorithm.network import Network
from ff.algorithm.readout import Readouts
from ff.algorithm.samples import samples
from ff.speed import roofline

CPU = torch.device("cpu")


def test_counted_by_hand():
    found = roofline.products([2], width=3, batch=5, pixels=7)
    first, second, readout = 2 * 2 * 5 * 7 * 3, 2 * (15 + 10) * 3 * 3, 2 * 2 * 5 * 3 * 10
    assert roofline.operations(found) == first + second + readout


def test_training_makes_these_products(few, monkeypatch):
    """Every large product of a step, in the order of the network."""
    made = []

    def watched(a, b, dtype):
        made.append((a.shape[1], a.shape[2], b.shape[2]))
        return torch.bmm(a, b)

    for module in ("ff.algorithm.network", "ff.algorithm.samples", "ff.algorithm.readout"):
        monkeypatch.setattr(f"{module}.product", watched)
    assert precision.product is not watched
    depths, width, batch = [2, 3], 6, 20
    config = ff.Config(dataset="digits", layers=depths, hidden=width, batch_size=batch)
    network, readouts = Network(config, 784, width, (1, 2), CPU), Readouts(config, width, 2, CPU)
    images = few.train.images[:batch].expand(2, -1, -1)
    labels = few.train.labels[:batch].expand(2, -1)
    _, neutral = network.learn(samples(images, labels, (labels + 1) % 10), 1e-3)
    readouts.learn(neutral, labels, 1e-2)
    counted = [
        (s.rows, s.inputs, s.outputs) if s.kind == "forward" else (s.outputs, s.rows, s.inputs)
        for s in roofline.products(depths, width, batch)
    ]
    assert sorted(made) == sorted(counted)


def test_evaluation_makes_these_products(few, monkeypatch):
    made = []

    def watched(a, b, dtype):
        made.append(2 * a.shape[1] * a.shape[2] * b.shape[2])
        return torch.bmm(a, b)

    for module in ("ff.algorithm.samples", "ff.algorithm.network", "ff.algorithm.readout"):
        monkeypatch.setattr(f"{module}.product", watched)
    monkeypatch.setattr("ff.algorithm.evaluation.CANDIDATES", 30)
    depths, width, split = [2, 3], 6, few.validation
    config = ff.Config(dataset="digits", layers=depths, hidden=width)
    network, readouts = Network(config, 784, width, (1,), CPU), Readouts(config, width, 1, CPU)
    evaluate(network, readouts, split, (split.labels.expand(1, -1) + 1) % 10)
    shapes = roofline.evaluation(depths, width, len(split), min(len(split), 30))
    assert sum(made) == roofline.operations(shapes)


def test_the_roofline_makes_every_product(monkeypatch):
    shapes = roofline.products([3], width=6, batch=4, pixels=9)
    step = roofline.alone(shapes, 2, torch.float32, CPU)
    made = []
    real = torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b, out: made.append(real(a, b, out=out)))
    step()
    sizes = [
        (2, s.rows, s.outputs) if s.kind == "forward" else (2, s.outputs, s.inputs) for s in shapes
    ]
    assert [tuple(out.shape) for out in made] == sizes


def test_traffic_grows_by_a_layer():
    at = [roofline.traffic(layers, width=10, batch=8) for layers in (2, 3)]
    activities, slopes, update = 3 * 8 * 10, 2 * 2 * 8 * 10, 5 * 10 * 10
    assert at[1] - at[0] == 4 * (activities + slopes + update)
