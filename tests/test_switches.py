"""The tables of switches: autograd checks each entry, and what is added from outside trains."""

import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

import ff
from ff.algorithm.network import Layer, Network
from ff.config import schema
from ff.data import DATASETS, Source, Split, load
from ff.switches.activation import ACTIVATIONS, Activation
from ff.switches.goodness import GOODNESS, Goodness
from ff.switches.negatives import NEGATIVES, Negatives

ABSOLUTE = Goodness(
    lambda z: z.abs().sum(-1), torch.sign, factor=1.0, unit=lambda d: d / 2, source="a test"
)
CUBES = Goodness(lambda z: z.pow(3).sum(-1), torch.square, factor=3.0, unit=float, source="a test")
TANH = Activation(torch.tanh, lambda z: 1 - z * z, straight_through=False, source="a test")
NEXT = Negatives(lambda labels, classes, generator: (labels + 1) % classes, source="a test")


def stripes() -> tuple[Split, Split, Split, str]:
    """Images of 5 x 6 pixels in four classes, each with its own bright row."""
    images = torch.zeros(4, 5, 6, dtype=torch.uint8)
    images[range(4), range(1, 5)] = 200
    split = Split(images.flatten(1).repeat(20, 1), torch.arange(4).repeat(20))
    return split, split, split, "stripes"


@pytest.fixture
def added(monkeypatch) -> dict[str, str]:
    """An entry in each table, and the configuration that chooses them."""
    monkeypatch.setitem(GOODNESS, "absolute", ABSOLUTE)
    monkeypatch.setitem(ACTIVATIONS, "tanh", TANH)
    monkeypatch.setitem(NEGATIVES, "next", NEXT)
    monkeypatch.setitem(DATASETS, "stripes", Source(stripes, (5, 6), 4, 20, source="a test"))
    return {"goodness": "absolute", "activation": "tanh", "negatives": "next", "dataset": "stripes"}


@pytest.mark.parametrize("goodness", [*GOODNESS.values(), ABSOLUTE, CUBES])
def test_the_slope_of_each_goodness_is_autograds(goodness):
    z = torch.randn(7, 5, generator=torch.Generator().manual_seed(1)).double().requires_grad_()
    (exact,) = torch.autograd.grad(goodness.value(z).sum(), z)
    assert_close(goodness.factor * goodness.slope(z.detach()), exact)


@pytest.mark.parametrize("activation", [*ACTIVATIONS.values(), TANH])
def test_the_slope_of_each_activation_is_autograds(activation):
    a = torch.randn(7, 5, generator=torch.Generator().manual_seed(2)).double().requires_grad_()
    z = activation.value(a.clone())
    (exact,) = torch.autograd.grad(z.sum(), a)
    assert_close(activation.slope(z.detach()).double(), exact)


@pytest.mark.parametrize("labels", [(30,), (2, 3, 40)])
@pytest.mark.parametrize("kind", [*NEGATIVES.values(), NEXT])
def test_each_kind_of_negative_sample_has_a_wrong_label(kind, labels):
    generator = torch.Generator().manual_seed(3)
    true = torch.randint(4, labels, generator=generator)
    wrong = kind.draw(true, 4, generator)
    assert wrong.shape == true.shape
    assert wrong.dtype == torch.int64
    assert ((wrong != true) & (wrong >= 0) & (wrong < 4)).all()


@pytest.mark.parametrize("table", [GOODNESS, ACTIVATIONS, NEGATIVES, DATASETS])
def test_each_entry_has_a_source(table):
    assert all(entry.source for entry in table.values())


@pytest.mark.parametrize("relu", ["straight-through", "exact"])
@pytest.mark.parametrize(
    "chosen", [("absolute", "tanh"), ("absolute", "relu"), ("squares", "tanh")]
)
def test_a_layer_steps_down_the_gradient_of_what_was_added(added, chosen, relu):
    """Against autograd, in the units of each goodness, with peer normalization."""
    goodness, activation = GOODNESS[chosen[0]], ACTIVATIONS[chosen[1]]
    config = ff.Config(
        goodness=chosen[0],
        activation=chosen[1],
        relu_gradient=relu,
        weight_decay=0.0,
        threshold=0.5,
    )
    source = torch.Generator().manual_seed(4)
    weight, x = torch.randn(1, 6, 9, generator=source), torch.randn(1, 8, 9, generator=source)
    layer = Layer(weight.clone(), config)
    z = layer.forward(x)
    layer.learn(x, z, goodness.value(z), rate=0.1)

    w, b = weight[0].double().requires_grad_(), torch.zeros(6).double().requires_grad_()
    a = x[0].double() @ w.T + b
    out = activation.value(a.clone())
    if activation.straight_through and relu == "straight-through":
        out = a + (out - a).detach()
    logits = goodness.value(out) - config.threshold * goodness.unit(6)
    r = config.peer_momentum * 0.5 + (1 - config.peer_momentum) * out[:4].mean(0)
    peer = (r.mean() - r).square().mean()
    target = torch.tensor([1.0] * 4 + [0.0] * 4).double()
    loss = F.binary_cross_entropy_with_logits(logits, target) + config.peer_normalization * peer
    dw, db = torch.autograd.grad(loss, (w, b))
    assert dw.abs().max() > 1e-3
    assert_close(layer.weight_velocity[0].double(), dw, rtol=1e-4, atol=1e-6)
    assert_close(layer.bias_velocity[0, 0].double(), db, rtol=1e-4, atol=1e-6)


def test_another_goodness_leaves_the_normalization_between_layers_as_it_is(added):
    """The mean square of what layers 2, 3 and 4 see is 1, whatever the first ones' goodness."""
    config = ff.Config(goodness="absolute", layers=4, hidden=50)
    network = Network(config, 30, 50, (1, 2), torch.device("cpu"))
    x = torch.rand(2, 12, 30, generator=torch.Generator().manual_seed(5))
    seen = [inputs.dense() for inputs, *_ in network.activity(x)]
    for inputs in seen:
        assert_close(inputs.square().mean(-1), torch.ones(2, 12), rtol=1e-5, atol=1e-5)
    plain = Network(ff.Config(layers=4, hidden=50), 30, 50, (1, 2), torch.device("cpu"))
    for ours, theirs in zip(seen, plain.activity(x), strict=True):
        assert torch.equal(ours, theirs[0].dense())


def test_what_is_added_from_outside_trains_and_is_read_back(added, tmp_path):
    config = ff.Config(
        **added, layers=[2, 3], hidden=20, seeds=2, epochs=8, learning_rate=0.01, threshold=1.0
    )
    records = ff.train(config, tmp_path)
    assert records.runs[0]["config"] | added == records.runs[0]["config"]
    assert records.runs[0]["batch_size"] == 20
    assert ff.read(tmp_path).layers.equals(records.layers)
    last: Any = records.layers.query("epoch == 8")
    assert last["train_accuracy"].min() > 0.8, "the layers learn nothing"
    assert last["goodness_positive_mean"].max() < 20, "Σ|tanh| of 20 units is below 20"
    network: Any = records.readouts.query("epoch == 8")
    assert network["validation_accuracy"].min() > 2 / load("stripes").classes


@pytest.mark.parametrize("kind", ["goodness", "activation", "negatives", "dataset"])
def test_names_are_taken_from_the_tables(added, kind):
    """By the configuration, its refusals and its schema, without a second list."""
    assert getattr(ff.Config(**{kind: added[kind]}), kind) == added[kind]
    assert added[kind] in json.loads(schema())["properties"][kind]["enum"]
    with pytest.raises(ff.ConfigError, match=rf"{kind} must be .*\b{added[kind]} but got 'none'"):
        ff.Config(**{kind: "none"})


def test_units_that_answer_with_negative_numbers_are_not_dead(monkeypatch):
    """A unit is dead if no sample gives it a slope, whatever its activity is."""
    negative = Activation(lambda a: a - 500, torch.ones_like, False, "a test")
    monkeypatch.setitem(ACTIVATIONS, "negative", negative)
    config = ff.Config(
        dataset="digits", activation="negative", layers=2, hidden=9, seeds=1, epochs=1,
        learning_rate=1e-9,
    )  # fmt: skip
    records: Any = ff.train(config)
    assert records.layers["dead_units"].max() == 0
    assert not records.runs[0]["diverged"]
