"""The tables of switches: autograd checks each entry, and what is added from outside trains."""

import json
import re
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

import ff
from ff.algorithm.network import Layer, Network
from ff.algorithm.objective import Objective
from ff.algorithm.readout import Readouts
from ff.algorithm.slopes import check
from ff.config import schema
from ff.data import DATASETS, Source, Split, load
from ff.switches.activation import ACTIVATIONS, Activation
from ff.switches.goodness import GOODNESS, Goodness
from ff.switches.loss import LOSSES, Loss
from ff.switches.negatives import NEGATIVES, Negatives
from ff.switches.normalization import NORMALIZATIONS, Normalization

CUBES = Goodness(lambda z: z.pow(3).sum(-1), torch.square, factor=3.0, unit=float, source="a test")
SOFTPLUS = Activation(
    F.softplus, lambda d, a: d * a.sigmoid(), straight_through=False, dies=False, source="a test"
)
NEXT = Negatives(lambda labels, b, g: (labels + 1) % len(b), confused=False, source="a test")
HINGE = Loss(
    lambda m, t: F.relu(1 - m / t * sign(m)).mean(-1),
    lambda m, t: -(m / t * sign(m) < 1).float() * sign(m) / t,
    threshold=True,
    source="a test",
)
CENTER = Normalization(center=True, divide=False, source="a test")
CPU = torch.device("cpu")


def sign(margin: Tensor) -> Tensor:
    """1 for positive samples, -1 for negative ones."""
    out = torch.ones_like(margin)
    out[..., out.shape[-1] // 2 :] = -1
    return out


def stripes() -> tuple[Split, Split, Split, str]:
    """Images of 5 x 6 pixels in four classes, each with its own bright row."""
    images = torch.zeros(4, 5, 6, dtype=torch.uint8)
    images[range(4), range(1, 5)] = 200
    split = Split(images.flatten(1).repeat(20, 1), torch.arange(4).repeat(20))
    return split, split, split, "stripes"


@pytest.fixture
def added(monkeypatch) -> dict[str, str]:
    """An entry in each table, and the configuration that chooses them."""
    monkeypatch.setitem(GOODNESS, "cubes", CUBES)
    monkeypatch.setitem(ACTIVATIONS, "softplus", SOFTPLUS)
    monkeypatch.setitem(NEGATIVES, "next", NEXT)
    monkeypatch.setitem(LOSSES, "hinge", HINGE)
    monkeypatch.setitem(NORMALIZATIONS, "center", CENTER)
    monkeypatch.setitem(DATASETS, "stripes", Source(stripes, (5, 6), 4, 20, source="a test"))
    return {
        "goodness": "cubes",
        "activation": "softplus",
        "negatives": "next",
        "loss": "hinge",
        "normalization": "center",
        "dataset": "stripes",
    }


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("goodness", [*GOODNESS.values(), CUBES])
def test_the_slope_of_each_goodness_is_autograds(goodness):
    z = random(7, 5).requires_grad_()
    (exact,) = torch.autograd.grad(goodness.value(z).sum(), z)
    assert_close(goodness.factor * goodness.slope(z.detach()), exact)


@pytest.mark.parametrize("name", GOODNESS)
def test_a_threshold_of_1_is_the_goodness_of_activities_of_1(name):
    assert_close(GOODNESS[name].value(torch.ones(2, 30)), torch.full((2,), GOODNESS[name].unit(30)))


def test_a_units_share_weighs_its_square():
    z = torch.tensor([3.0, -1.0, 0.0])
    assert GOODNESS["game-theoretic"].value(z) == pytest.approx(9 * 1.075 + 1 * 1.025)
    assert_close(GOODNESS["game-theoretic"].value(torch.zeros(2, 3)), torch.zeros(2))


@pytest.mark.parametrize("activation", [*ACTIVATIONS.values(), SOFTPLUS])
def test_the_slope_of_each_activation_is_autograds(activation):
    a, d = random(7, 5).requires_grad_(), random(7, 5, seed=2)
    (exact,) = torch.autograd.grad(activation.value(a.clone()), a, d)
    left = a.detach().clone()
    value = activation.value(left)
    assert_close(value, activation.value(a.detach().clone()))
    assert_close(activation.backward(d.clone(), left), exact)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_only_an_activation_without_slope_where_it_is_0_dies(name):
    activation = ACTIVATIONS[name]
    left = torch.linspace(-30, 30, 6001).double()
    value = activation.value(left)
    flat = activation.backward(torch.ones_like(left), left) == 0
    assert activation.dies == (flat.float().mean().item() > 0.4)
    assert not activation.dies or torch.equal(flat, value == 0)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("loss", [*LOSSES.values(), HINGE])
def test_the_slope_of_each_loss_is_autograds(loss, temperature):
    margin = random(3, 8).requires_grad_()
    (exact,) = torch.autograd.grad(loss.value(margin, temperature).sum(), margin)
    assert_close(loss.slope(margin.detach().clone(), temperature) / 8, exact)


@pytest.mark.parametrize("entry", list(product(GOODNESS, ACTIVATIONS, LOSSES)))
def test_every_choice_passes_the_check_of_a_run(entry):
    check(ff.Config(**dict(zip(("goodness", "activation", "loss"), entry, strict=True))))


WRONG = [
    ("goodness", {"slope": lambda z: z}, "goodness 'added': slope must be the derivative"),
    ("goodness", {"slope": lambda z: 1.03 * z * z}, "slope must be the derivative"),
    ("goodness", {"factor": 2.0}, "but is"),
    ("goodness", {"slope": lambda z: z.square().sum(-1)}, "must have the shape (7, 5)"),
    ("goodness", {"slope": lambda z: None}, "slope failed: TypeError"),
    ("goodness", {"slope": lambda z: z * z * (z / z)}, "must be finite at 0"),
    ("goodness", {"value": lambda z: z.pow(3).sum()}, "value must make (7,) of (7, 5)"),
    ("goodness", {"value": lambda z: z.detach().pow(3).sum(-1)}, "made of torch's functions"),
    ("goodness", {"value": lambda z: (z - z.mean(0)).pow(3).sum(-1)}, "whatever the others are"),
    ("goodness", {"value": lambda z: z.summ(-1)}, "value failed: AttributeError: 'Tensor'"),
    ("goodness", {"unit": 0.7}, "unit failed: TypeError"),
    ("goodness", {"unit": str}, "unit must return a number"),
    (
        "goodness",
        {"value": lambda z: 1e-7 * z.sum(-1), "slope": lambda z: 0 * z},
        "must be the der",
    ),
    ("activation", {"backward": lambda d, a: d}, "activation 'added': slope must be the"),
    ("activation", {"backward": lambda d, a: a.sigmoid()}, "slope must be the derivative"),
    ("loss", {"slope": lambda m, t: m}, "loss 'added': slope must be the derivative"),
]


@pytest.mark.parametrize(("key", "wrong", "said"), WRONG)
def test_a_run_with_a_wrong_slope_is_refused(monkeypatch, key, wrong, said):
    tables = {"goodness": (GOODNESS, CUBES), "activation": (ACTIVATIONS, SOFTPLUS)}
    table, right = tables.get(key, (LOSSES, HINGE))
    monkeypatch.setitem(table, "added", right)
    config = ff.Config(**{"dataset": "digits", "layers": 2, "hidden": 5, key: "added"})
    check(config)
    monkeypatch.setitem(table, "added", replace(right, **wrong))
    with pytest.raises(ff.ConfigError, match=re.escape(said)):
        ff.train(config)


@pytest.mark.parametrize(
    "right",
    [
        {"value": lambda z: z.square().mean(-1), "slope": lambda z: z, "factor": 2 / 40},
        {"value": lambda z: z @ torch.linspace(0.5, 1.5, 40), "factor": 1.0}
        | {"slope": lambda z: torch.linspace(0.5, 1.5, 40).expand(z.shape)},
        {"value": lambda z: z.clamp_min(0).sum(-1), "factor": 1.0}
        | {"slope": lambda z: (z > 0).float()},
    ],
)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_what_depends_on_the_width_is_checked_at_the_width(monkeypatch, right, mode):
    monkeypatch.setitem(GOODNESS, "added", replace(CUBES, **right))
    with mode():
        check(ff.Config(hidden=40, goodness="added"))


@pytest.mark.parametrize("loss", LOSSES.values())
def test_each_loss_falls_when_positive_samples_gain_and_negative_ones_lose(loss):
    margin = random(3, 8)
    assert (loss.value(margin + 0.1 * sign(margin), 1.0) < loss.value(margin, 1.0)).all()


@pytest.mark.parametrize("labels", [(30,), (2, 3, 40)])
@pytest.mark.parametrize("kind", [*NEGATIVES.values(), NEXT])
def test_each_kind_of_negative_sample_has_a_wrong_label(kind, labels):
    generator = torch.Generator().manual_seed(3)
    true = torch.randint(4, labels, generator=generator)
    for beliefs in (torch.ones(4, 4), torch.eye(4), torch.rand(4, 4, generator=generator)):
        wrong = kind.draw(true, beliefs, generator)
        assert wrong.shape == true.shape
        assert wrong.dtype == torch.int64
        assert ((wrong != true) & (wrong >= 0) & (wrong < 4)).all()


def test_hard_negatives_are_drawn_as_the_readout_confuses_classes():
    true = torch.arange(3).repeat(20_000)
    beliefs = torch.tensor([[90.0, 8, 2], [0, 5, 5], [30, 10, 60]])
    wrong = NEGATIVES["hard"].draw(true, beliefs, torch.Generator().manual_seed(1))
    table = torch.zeros(3, 3).index_put_((true, wrong), torch.tensor(1.0), accumulate=True)
    expected = torch.tensor([[0, 0.8, 0.2], [0, 0, 1], [0.75, 0.25, 0]])
    assert_close(table / 20_000, expected, atol=0.01, rtol=0)


def test_the_deepest_readouts_beliefs_are_kept_for_an_epoch():
    config = ff.Config(dataset="digits", layers=3, negatives="hard")
    readouts = Readouts(config, 6, 2, CPU)
    neutral = [random(2, 20, 6, seed=seed).float() for seed in range(3)]
    labels = torch.arange(20).remainder(10).expand(2, -1)
    before = readouts.beliefs.clone()
    assert torch.equal(before, torch.ones(2, 10, 10)), "all classes are as likely at first"
    readouts.learn(neutral, labels, 1.0)
    readouts.forget()
    chances = readouts.logits(neutral)[:, :, -1].softmax(-1)
    readouts.learn(neutral, labels, 1.0)
    for seed, true in product(range(2), range(10)):
        of_class = chances[seed, labels[seed] == true].sum(0)
        assert_close(readouts.beliefs[seed, true], of_class)


@pytest.mark.parametrize(
    "table", [GOODNESS, ACTIVATIONS, NEGATIVES, LOSSES, NORMALIZATIONS, DATASETS]
)
def test_each_entry_has_a_source(table):
    assert all(entry.source for entry in table.values())


# --- one step of a layer, against autograd


CHOICES = [
    {},
    *({"goodness": name} for name in (*GOODNESS, "cubes")),
    *({"activation": name} for name in (*ACTIVATIONS, "softplus")),
    *({"loss": name, "temperature": t} for name in (*LOSSES, "hinge") for t in (0.5, 7.0)),
    *({"positive": "low", "loss": name} for name in LOSSES),
    {"goodness": "absolute", "activation": "tanh", "loss": "pairwise", "positive": "low"},
    {"goodness": "log-sum-exp", "activation": "gelu", "temperature": 0.3},
    {"goodness": "cubes", "activation": "softplus", "loss": "hinge"},
]


EXACT = [{**chosen, "relu_gradient": "exact"} for chosen in CHOICES if "activation" not in chosen]


@pytest.mark.parametrize("chosen", [*CHOICES, *EXACT], ids=str)
def test_a_layer_steps_down_the_gradient_of_what_was_chosen(added, chosen):
    """With peer normalization, and the factors of its inputs."""
    threshold = {} if chosen.get("loss") == "pairwise" else {"threshold": 0.5}
    config = ff.Config(**chosen, **threshold, weight_decay=0.0)
    goodness, activation = GOODNESS[config.goodness], ACTIVATIONS[config.activation]
    weight, x = random(1, 6, 9, seed=4).float(), random(1, 8, 9, seed=5).float()
    layer = Layer(weight.clone(), config)
    a, z = layer.forward(x)
    layer.learn(x, a, z, goodness.value(z), rate=0.1)

    w, b = weight[0].double().requires_grad_(), torch.zeros(6).double().requires_grad_()
    a = x[0].double() @ w.T + b
    out = activation.value(a.clone())
    if activation.straight_through and config.relu_gradient == "straight-through":
        out = a + (out - a).detach()
    margin = goodness.value(out) - config.threshold * goodness.unit(6)
    margin = -margin if config.positive == "low" else margin
    if config.loss == "cross-entropy":
        target = torch.tensor([1.0] * 4 + [0.0] * 4).double()
        loss = F.binary_cross_entropy_with_logits(margin / config.temperature, target)
    elif config.loss == "pairwise":
        loss = F.softplus((margin[4:] - margin[:4]) / config.temperature).mean()
    else:
        loss = HINGE.value(margin, config.temperature)
    r = config.peer_momentum * 0.5 + (1 - config.peer_momentum) * out[:4].mean(0)
    peer = (r.mean() - r).square().mean()
    dw, db = torch.autograd.grad(loss + config.peer_normalization * peer, (w, b))
    assert dw.abs().max() > 1e-3
    assert_close(layer.weight_velocity[0].double(), dw, rtol=1e-4, atol=1e-6)
    assert_close(layer.bias_velocity[0, 0].double(), db, rtol=1e-4, atol=1e-6)


def test_accuracy_is_undefined_where_the_loss_has_no_threshold():
    g = random(2, 10)
    assert Objective(ff.Config(loss="pairwise"), 5).accuracy(g).isnan().all()


def test_low_goodness_of_positive_samples_turns_accuracy_around():
    high, low = (Objective(ff.Config(positive=way, threshold=0.1), 3) for way in ("high", "low"))
    g = random(4, 10)
    assert_close(low.accuracy(g), 1 - high.accuracy(g))
    assert_close(low.margin(g), -high.margin(g))
    swapped = g.roll(5, dims=-1)  # negative samples first
    assert_close(low.loss(g), high.loss(swapped))


# --- what the layers hand on


HOW = {
    "rms": lambda x: x / (x.square().mean(-1, keepdim=True).sqrt() + 1e-8),
    "layer": lambda x: HOW["rms"](HOW["center"](x)),
    "none": lambda x: x,
    "center": lambda x: x - x.mean(-1, keepdim=True),
}  # fmt: skip


@pytest.mark.parametrize("dense", [True, False], ids=["dense", "samples"])
@pytest.mark.parametrize("how", [*NORMALIZATIONS, "center"])
def test_each_layer_and_the_readout_see_what_the_normalization_makes(added, how, dense):
    config = ff.Config(layers=3, hidden=40, normalization=how, label_intensity=0.7)
    network = Network(config, 30, 40, (1, 2), CPU)
    x: Any = drawn(0.7)
    seen = list(network.activity(x.dense() if dense else x))
    expected = HOW[how](x.dense().double())
    for activity in seen:
        assert_close(activity.inputs.dense().double(), expected, rtol=1e-4, atol=1e-5)
        expected = HOW[how](activity.z.double())
        assert_close(activity.handed_on.dense().double(), expected, rtol=1e-4, atol=1e-5)
    _, neutral = network.learn(x, 1e-9)
    assert_close(neutral[-1].double(), expected[:, 14:], rtol=1e-4, atol=1e-5)


def drawn(intensity: float) -> Any:
    from ff.algorithm.samples import samples

    source = torch.Generator().manual_seed(7)
    images = torch.randint(256, (2, 7, 30), generator=source, dtype=torch.uint8)
    labels = torch.randint(4, (2, 2, 7), generator=source)
    return samples(images, labels[0], labels[1], 4, intensity)


def test_label_pixels_are_as_bright_as_asked_for():
    x = drawn(0.3).dense()
    assert_close(x[..., :4].sum(-1), torch.full((2, 21), 0.3))
    assert_close(x[:, :14, :4].amax(-1), torch.full((2, 14), 0.3))
    assert_close(x[:, 14:, :4], torch.full((2, 7, 4), 0.3 / 4))
    assert torch.equal(x[..., 4:], drawn(1.0).dense()[..., 4:])


def test_another_goodness_leaves_the_normalization_between_layers_as_it_is(added):
    """Layers 2, 3 and 4 see the same, whatever the first ones' goodness."""
    config = ff.Config(goodness="cubes", layers=4, hidden=50)
    network = Network(config, 30, 50, (1, 2), CPU)
    plain = Network(ff.Config(layers=4, hidden=50), 30, 50, (1, 2), CPU)
    x = torch.rand(2, 12, 30, generator=torch.Generator().manual_seed(5))
    for ours, theirs in zip(network.activity(x), plain.activity(x), strict=True):
        assert torch.equal(ours.inputs.dense(), theirs.inputs.dense())


def test_the_readouts_may_see_the_first_layer(added):
    config = ff.Config(dataset="stripes", layers=[2, 3], readout_from=1)
    readouts = Readouts(config, 5, 1, CPU)
    assert [tuple(weight.shape) for weight in readouts.weight] == [(1, 8, 5), (1, 8, 5), (1, 4, 5)]
    neutral = [random(1, 6, 5, seed=seed).float() for seed in range(3)]
    readouts.learn(neutral, torch.zeros(1, 6, dtype=torch.int64), 0.1)
    parts = readouts.contributions(neutral)
    assert parts.shape == (1, 3, 4, 6)
    assert parts[:, 0].abs().min() > 0
    assert_close(parts.sum(1), readouts.logits(neutral)[:, :, -1].mT)


# --- what is added from outside


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
    network: Any = records.readouts.query("epoch == 8")
    assert network["validation_accuracy"].min() > 2 / load("stripes").classes


@pytest.mark.parametrize(
    "kind", ["goodness", "activation", "negatives", "loss", "normalization", "dataset"]
)
def test_names_are_taken_from_the_tables(added, kind):
    """By the configuration, its refusals and its schema, without a second list."""
    assert getattr(ff.Config(layers=2, **{kind: added[kind]}), kind) == added[kind]
    own = json.loads(schema())["properties"][kind]
    assert added[kind] in (own["anyOf"][0] if kind == "dataset" else own)["enum"]
    with pytest.raises(ff.ConfigError, match=rf"{kind} must be .*\b{added[kind]} .*but got 'nil'"):
        ff.Config(**{kind: "nil"})


# --- what a switch makes undefined


@pytest.mark.parametrize(
    ("changed", "undefined"),
    [
        ({}, set()),
        ({"activation": "tanh"}, {"dead_units"}),
        ({"activation": "gelu"}, {"dead_units"}),
        ({"loss": "pairwise"}, {"train_accuracy", "validation_accuracy"}),
        ({"positive": "low"}, set()),
        ({"negatives": "hard"}, set()),
        ({"normalization": "layer", "readout_from": 1}, set()),
    ],
    ids=str,
)
def test_what_a_switch_makes_undefined_is_not_measured(changed, undefined):
    config = ff.Config(dataset="digits", layers=3, hidden=20, seeds=2, epochs=2, **changed)
    records = ff.train(config)
    assert not records.runs[0]["diverged"]
    empty = {name for name, column in records.layers.items() if column.isna().all()}
    assert empty == undefined
    unseen = records.layers["layer"] < config.readout_from
    assert (records.layers.loc[unseen, "logit_share"] == 0).all()
    assert (records.layers.loc[~unseen, "logit_share"] != 0).all()
    shares: Any = records.layers.groupby(["seed", "epoch"])["logit_share"].sum()
    assert shares.between(1 - 1e-4, 1 + 1e-4).all()


def test_units_that_answer_with_negative_numbers_are_not_dead(monkeypatch):
    negative = Activation(lambda a: a - 500, lambda d, a: d, False, dies=True, source="a test")
    monkeypatch.setitem(ACTIVATIONS, "negative", negative)
    config = ff.Config(
        dataset="digits", activation="negative", layers=2, hidden=9, seeds=1, epochs=1,
        learning_rate=1e-9,
    )  # fmt: skip
    records: Any = ff.train(config)
    assert records.layers["dead_units"].max() == 0
    assert not records.runs[0]["diverged"]


def test_hard_negatives_survive_a_seed_whose_readout_is_gone():
    """A diverged seed's beliefs are zeros, as are those of a class that no batch has shown."""
    true = torch.arange(4).repeat(5)
    wrong = NEGATIVES["hard"].draw(true, torch.zeros(4, 4), torch.Generator().manual_seed(1))
    assert ((wrong != true) & (wrong >= 0) & (wrong < 4)).all()
    rate = {"learning_rate": 3e-3, "layers": 4, "hidden": 50, "seeds": 3, "epochs": 8}
    with pytest.warns(ff.DivergenceWarning):
        records = ff.train(ff.Config(dataset="digits", negatives="hard", **rate))
    assert 0 < len(records.runs[0]["diverged"]) < 3, "all or none have diverged: nothing is shown"


def test_a_layer_whose_units_are_silent_is_dead_whatever_its_goodness_is():
    for name in GOODNESS:
        objective = Objective(ff.Config(goodness=name), 30)
        assert objective.silent == GOODNESS[name].value(torch.zeros(2, 30))[0]
