"""Epochs of training: what holds whatever trains beside or above."""

import itertools
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

import ff
from ff.algorithm import fast, network
from ff.algorithm.evaluation import evaluate
from ff.algorithm.readout import Probes, Readouts
from ff.algorithm.samples import samples
from ff.algorithm.streams import stream
from ff.algorithm.training import Training, cool_down
from ff.data import Split
from ff.quantities import LAYER_QUANTITIES
from ff.records import complete

# Of the network's readouts and probes, not of a layer alone.
LINEAR = ("probe_accuracy", "logit_share", "accuracy_without")
ALONE = tuple(name for name in LAYER_QUANTITIES if name not in LINEAR)
# Rounding decides between equal goodness.
RANKS = ("pair_accuracy", "validation_auroc", "goodness_accuracy")


def run(config: ff.Config, dataset, seeds=(1,), epochs: int | None = None) -> Training:
    training = Training(config, config.widths[0], tuple(seeds), dataset)
    for _ in range(config.epochs if epochs is None else epochs):
        training.run_epoch()
    return training


def assert_same_bits(ours: torch.Tensor, theirs: torch.Tensor, names, what: str) -> None:
    """Compare measurements (..., quantities), NaN where both are NaN."""
    equal = (ours == theirs) | (ours.isnan() & theirs.isnan())
    differ = [name for i, name in enumerate(names) if not equal[..., i].all()]
    assert not differ, f"{what}: {differ} differ, by at most {(ours - theirs).abs().max()}"


# --- a network contains every shallower one


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
def test_a_deep_network_contains_every_shallower_one(tiny, few, seeds):
    """The paper finds that delay does not depend on the depth: here it cannot."""
    deep = run(tiny(layers=[2, 4, 8, 16, 32], hidden=12, epochs=2), few, seeds)
    spread = deep.layers[..., LAYER_QUANTITIES.index("goodness_positive_std")]
    assert spread.median() > 0.1, "these networks are dead: equality would prove nothing"
    for depth in (2, 5, 16):
        shallow = run(tiny(layers=depth, hidden=12, epochs=2), few, seeds)
        assert shallow.layers[..., :-1].isfinite().any()
        assert_same_bits(
            shallow.layers[..., : len(ALONE)],
            deep.layers[:, :, :depth, : len(ALONE)],
            ALONE,
            f"the first {depth} of 32 layers and a network of {depth}",
        )
        for name, tensor in shallow.network.state().items():
            assert torch.equal(tensor, deep.network.state()[name]), f"{name} depends on the depth"
        if depth in (2, 16):
            # The readouts of all depths are one matrix product, hence equal to rounding only.
            k = deep.config.depths.index(depth)
            ours, theirs = shallow.depths[:, :, 0], deep.depths[:, :, k]
            assert_close(ours, theirs, rtol=1e-4, atol=1e-6, equal_nan=True)


def test_the_readout_never_changes_the_layers(tiny, few):
    slow, fast = (run(tiny(downstream_learning_rate=rate), few) for rate in (1e-6, 10.0))
    assert not torch.equal(slow.depths[:, -1, :, 0], fast.depths[:, -1, :, 0])
    assert_same_bits(
        slow.layers[..., : len(ALONE)], fast.layers[..., : len(ALONE)], ALONE, "another readout"
    )
    for name, tensor in slow.network.state().items():
        assert torch.equal(tensor, fast.network.state()[name]), f"{name} depends on the readout"


# --- seeds


def test_a_seed_does_not_depend_on_the_seeds_beside_it(tiny, few):
    """Weights, goodness and accuracies are equal to rounding.

    Ranks (AUROC, classification by goodness) jump where rounding parts equal goodness, and
    batched matrix products round differently for other numbers of seeds: not bit for bit.
    """
    together, alone = run(tiny(), few, (1, 2, 3)), run(tiny(), few, (2,))
    for name, tensor in alone.network.state().items():
        beside = together.network.state()[name][1:2]
        assert_close(beside, tensor, rtol=1e-3, atol=1e-5, msg=lambda m, name=name: f"{name}: {m}")
    for i, name in enumerate(LAYER_QUANTITIES):
        leeway = 0.1 if name in RANKS else 1e-4
        difference = (together.layers[1, ..., i] - alone.layers[0, ..., i]).abs().max()
        assert difference < leeway * max(1, alone.layers[..., i].max()), name
    assert_close(together.depths[1:2], alone.depths, rtol=1e-3, atol=1e-4, equal_nan=True)


# --- data order and wrong labels


def test_order_and_wrong_labels_are_new_every_epoch_and_for_every_seed(tiny, few):
    training = Training(tiny(), 10, (1, 2), few)
    orders = [training._order(epoch) for epoch in range(3)]
    wrongs = [training.wrong("wrong", few.train, epoch) for epoch in range(3)]
    for drawn in (orders, wrongs):
        flat = [rows for one in drawn for rows in one]
        for one, other in itertools.combinations(flat, 2):
            assert (one == other).float().mean() < 0.5, "the same draw twice"
    for order in orders:
        for row in order:
            assert torch.equal(row.sort().values, torch.arange(len(few.train)))


def test_negatives_are_drawn_anew_in_every_epoch_and_for_every_seed(tiny, few, monkeypatch):
    """As the steps make them, with the images in the same order: it is not what differs."""
    training, drawn = Training(tiny(batch_size=120), 10, (1, 2), few), []

    def spy(images, labels, wrong, *more):
        drawn.extend(wrong)
        return samples(images, labels, wrong, *more)

    monkeypatch.setattr("ff.algorithm.training.samples", spy)
    monkeypatch.setattr(training, "_order", lambda epoch: torch.arange(120).expand(2, 120))
    for _ in range(2):
        training.run_epoch()
    assert len(drawn) == 4, "a step in each of two epochs, of two seeds"
    for one, other in itertools.combinations(drawn, 2):
        assert (one == other).float().mean() < 0.5, "the same draw twice"


def test_order_and_wrong_labels_are_independent_of_each_other(tiny, few):
    """A stream consumed by one purpose must not move another."""
    training, other = (Training(tiny(), 10, (1,), few) for _ in range(2))
    first = training._order(0)
    other.wrong("wrong", few.train, 0)
    assert torch.equal(other._order(0), first), "drawing wrong labels changes the order"
    keys = [("order", 1, 0), ("wrong", 1, 0), ("weights", 1, 0), ("evaluation", 1), ("order", 10)]
    draws = [torch.rand(4, generator=stream(purpose, *key)) for purpose, *key in keys]
    for one, two in itertools.combinations(draws, 2):
        assert not torch.equal(one, two), "two purposes share a stream"


def test_a_stream_is_pinned():
    """Records that were measured stay reproducible: changing this invalidates all of them."""
    assert stream("order", 1, 0).initial_seed() % 2**64 == 5007385566924895425


def test_evaluation_uses_the_same_negative_samples_every_epoch(tiny, few, monkeypatch):
    seen = []

    def spy(*networks_split_wrong):
        *_, split, wrong = networks_split_wrong
        seen.append((len(split), wrong.clone()))
        return evaluate(*networks_split_wrong)

    monkeypatch.setattr("ff.algorithm.training.evaluate", spy)
    run(tiny(), few, (1, 2))
    assert [n for n, _ in seen] == [45, 45, 45, 30], "the test set is touched once, at the end"
    assert torch.equal(seen[0][1], seen[1][1])
    assert not torch.equal(seen[0][1][0], seen[0][1][1]), "two seeds share their wrong labels"


def test_no_network_ever_sees_a_negative_sample_with_the_true_label(tiny, few, monkeypatch):
    """Images, labels and wrong labels must stay together through the shuffling."""
    training, shown = Training(tiny(), 10, (1, 2), few), []
    learn = training.network.learn
    monkeypatch.setattr(
        training.network,
        "learn",
        lambda x, rate, **options: (shown.append(x.dense()), learn(x, rate, **options))[1],
    )
    training.run_epoch()
    truth = {
        image.numpy().tobytes(): label.item()
        for image, label in zip(few.train.images, few.train.labels, strict=True)
    }
    seen = []
    for x in shown:
        pixels = x.mul(255).round().to(torch.uint8)
        pixels[..., :10] = 0
        for s in range(2):
            for row in range(20):
                image = pixels[s, row].numpy().tobytes()
                assert x[s, row, :10].argmax() == truth[image], (
                    "a positive sample with another label"
                )
                assert x[s, row + 20, :10].argmax() != truth[image], (
                    "a negative one with the true label"
                )
                assert pixels[s, row + 20].numpy().tobytes() == image
                assert pixels[s, row + 40].numpy().tobytes() == image
                seen.append((s, image))
    assert len(set(seen)) == len(seen) == 2 * 120, "an epoch shows every image once"


def test_a_batch_that_does_not_divide_the_images_leaves_some_out(tiny, few):
    steps = []
    training = Training(tiny(batch_size=50), 10, (1,), few)
    training.run_epoch(steps.append)
    assert steps == [0.5, 1.0], "120 images are two steps of 50"


# --- schedule


@given(st.integers(1, 200))
def test_cool_down_is_constant_up_to_the_middle_then_falls_in_a_line(epochs):
    factors = np.array([cool_down(epoch, epochs) for epoch in range(epochs)])
    late = factors[epochs // 2 + 1 :]
    assert (factors[: epochs // 2 + 1] == 1).all()
    np.testing.assert_allclose(np.diff(late), -2 / epochs)
    np.testing.assert_allclose(late[-1:], 4 / epochs)


def test_cool_down_of_thirty_epochs():
    factors = [cool_down(epoch, 30) for epoch in range(30)]
    assert factors[:17] == [1.0] * 17
    assert factors[17:19] == pytest.approx([28 / 30, 26 / 30])
    assert factors[-1] == pytest.approx(4 / 30)
    assert factors == sorted(factors, reverse=True)


@pytest.mark.parametrize(
    ("cool_down", "rates"),
    [(True, [1e-4, 1e-2, 5e-5, 5e-3]), (False, [1e-4, 1e-2, 1e-4, 1e-2])],
)
def test_both_learning_rates_are_cooled_down(tiny, few, monkeypatch, cool_down, rates):
    seen = []
    training = Training(tiny(epochs=4, batch_size=120, cool_down=cool_down), 10, (1,), few)
    for part in (training.network, training.readouts):

        def spy(*given, learn=part.learn, **options):
            seen.append(given[-1])
            return learn(*given, **options)

        monkeypatch.setattr(part, "learn", spy)
    monkeypatch.setattr("ff.algorithm.training.cool_down", lambda epoch, epochs: 1 / (1 + epoch))
    for _ in range(2):
        training.run_epoch()
    assert seen == pytest.approx(rates)


# --- records of a run


@pytest.mark.parametrize(("every", "measured"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])])
def test_validation_index(tiny, few, every, measured):
    training = run(tiny(epochs=5, validation_index=every, batch_size=60), few)
    layers, readouts = training.layer_table(), training.readout_table()
    assert len(layers["train_accuracy"].dropna()) == len(layers)
    for table in (layers, readouts):
        seen = table.dropna(subset=["validation_accuracy"])["epoch"].unique()
        assert seen.tolist() == measured
    assert readouts.dropna(subset=["test_accuracy"])["epoch"].unique().tolist() == [5]


def test_how_often_is_evaluated_changes_nothing_else(tiny, few):
    often, rarely = (run(tiny(validation_index=n), few) for n in (1, 3))
    assert torch.equal(often.layers[..., 0], rarely.layers[..., 0])
    assert_same_bits(often.layers[:, -1], rarely.layers[:, -1], LAYER_QUANTITIES, "the last epoch")


def test_one_epoch_of_two_layers_is_enough(tiny, few):
    training = run(tiny(layers=2, epochs=1), few)
    assert training.layers.isfinite().all()
    assert training.depths.isfinite().all()


def test_training_accuracy_is_the_mean_over_the_steps(tiny, few, monkeypatch):
    training, seen = Training(tiny(), 10, (1,), few), []
    learn = training.network.learn

    def spy(x, rate, **options):
        goodness, neutral = learn(x, rate, **options)
        seen.append(training.network.objective.accuracy(goodness))
        return goodness, neutral

    monkeypatch.setattr(training.network, "learn", spy)
    training.run_epoch()
    assert_close(training.layers[:, 0, :, 0], torch.stack(seen).mean(0))


def test_the_first_layers_learn(tiny):
    """A run that learns nothing would pass every test of shapes.

    The mean over seeds, because rounding alone moves one seed by a tenth.
    """
    records = ff.train(
        tiny(hidden=50, layers=2, seeds=6, epochs=16, batch_size=50, learning_rate=1e-3)
    )
    last: Any = records.layers.query("epoch == 16 and layer == 1")
    assert last["validation_accuracy"].mean() > 0.7
    assert last["goodness_positive_mean"].mean() > 50 > last["goodness_negative_mean"].mean()
    readouts: Any = records.readouts.query("epoch == 16")
    assert readouts["test_accuracy"].mean() > 0.5


# --- divergence


def test_a_layer_that_diverges_is_recorded_as_lost(tiny, few):
    """Not as one that is right half the time; the other seeds are not touched."""
    training = Training(tiny(), 10, (1, 2), few)
    training.network.layers[1].weight[0] *= 1e30  # layer 2 of seed 1
    with pytest.warns(ff.DivergenceWarning, match=r"seed 1 of width 10 .* epoch 1, layer 2 \(not"):
        training.run_epoch()
    assert training.layers[0, 0, 0].isfinite().all(), "layer 1 is below it"
    assert training.layers[0, 0, 1:].isnan().all(), "its goodness is infinite; layer 3 sees it"
    assert training.depths[0, 0].isnan().all(), "the readout sees it"
    assert training.layers[1, 0].isfinite().all(), "another seed"
    assert training.depths[1, 0, :, :4].isfinite().all(), "another seed"
    training.run_epoch()
    assert training.layers[0, 1].isnan().all(), "it has not stopped"
    assert training.layers[1, 1].isfinite().all(), "the other has stopped, too"


@pytest.mark.parametrize("every", [1, 3])
def test_divergence_is_noticed_in_its_epoch_whether_or_not_it_is_evaluated(tiny, few, every):
    training = Training(tiny(validation_index=every, epochs=4), 10, (1, 2, 3), few)
    training.run_epoch()
    training.network.layers[2].weight[1, 0, 0] = torch.nan
    training.network.layers[0].weight[2] = -1.0  # relu of anything is 0
    with pytest.warns(ff.DivergenceWarning, match="diverged"):
        training.run_epoch()
    assert training.divergences() == [
        {"hidden": 10, "seed": 2, "layer": 3, "epoch": 2, "reason": "not finite"},
        {"hidden": 10, "seed": 3, "layer": 1, "epoch": 2, "reason": "all units dead"},
    ]
    training.run_epoch()
    assert [row["epoch"] for row in training.divergences()] == [2, 2], "recorded anew"
    assert training.layers[0, 2, :, 0].isfinite().all()
    assert all(tensor.isfinite().all() for tensor in training.network.state().values())


def test_a_layer_that_is_silent_for_some_steps_only_trains_on(tiny, few):
    """Deep layers of wide networks are: no unit of one responds, until those below it change."""
    training = Training(tiny(epochs=2), 10, (1, 2), few)
    weight = training.network.layers[2].weight
    for share in training.steps():
        if share > 0.5:  # after a step of the second half in which every layer has responded
            weight[0] = -1.0  # relu of anything is 0
    silent = training.layers[0, 0, 2]
    assert silent[LAYER_QUANTITIES.index("dead_units")] == 1, "it responds: this proves nothing"
    assert silent[LAYER_QUANTITIES.index("validation_accuracy")] == 0.5
    assert training.divergences() == []
    weight[0] = weight[1]
    training.run_epoch()
    assert training.layers[0].isfinite().all()


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_of_several_readouts_the_one_that_diverges_is_named(tiny, few, layer):
    """Whichever of the layers that it sees its broken weight belongs to."""
    training = Training(tiny(layers=[2, 4], epochs=4), 10, (1, 2, 3), few)
    training.run_epoch()
    training.readouts.weight[layer][1, -1, 0] = torch.inf  # the last rows are the deepest's
    with pytest.warns(ff.DivergenceWarning, match="seed 2 .* readout of depth 4"):
        training.run_epoch()
    assert [row["seed"] for row in training.divergences()] == [2], "another seed has stopped"
    assert training.depths[1, 1, 1].isnan().all()
    assert training.depths[1, 1, 0, :4].isfinite().all(), "the shallow readout is sound"
    assert training.layers[1, 1, :, : len(ALONE)].isfinite().all()
    assert all(tensor.isfinite().all() for tensor in training.readouts.state().values())


@pytest.mark.parametrize("precision", ["bf16", "tf32"])
def test_other_precisions_train_on_the_cpu(tiny, precision):
    records = ff.train(tiny(precision=precision, batch_size=650, epochs=2))
    assert len(records.layers.dropna()) == len(records.layers)
    assert records.runs[0]["config"]["precision"] == precision


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
@pytest.mark.parametrize("changes", [{}, {"precision": "bf16"}, {"relu_gradient": "exact"}])
def test_nothing_waits_for_a_gpu_in_a_step_or_an_evaluation(monkeypatch, changes, seeds):
    """On a device without numbers, whoever wants to look at one fails; layers are wide here."""
    meta = torch.device("meta")
    monkeypatch.setattr(fast, "sgd", lambda *_, **__: None)  # is not made for it
    config = ff.Config(dataset="digits", layers=[2, 4], hidden=600, batch_size=20, **changes)
    layers = network.Network(config, 784, 600, seeds, meta)
    readouts = Readouts(config, 600, len(seeds), meta)
    probes = Probes(config, 600, len(seeds), meta)
    images = torch.empty(50, 784, dtype=torch.uint8, device=meta)
    labels = torch.empty(50, dtype=torch.int64, device=meta)
    chosen = torch.empty(len(seeds), 20, dtype=torch.int64, device=meta)
    picked = images.index_select(0, chosen.flatten()).unflatten(0, chosen.shape)
    goodness, neutral = layers.learn(samples(picked, labels[chosen], labels[chosen]), rate=0.1)
    scores = readouts.learn(neutral, labels[chosen], rate=0.1)
    probes.learn(neutral, labels[chosen], rate=0.1)
    assert layers.objective.accuracy(goodness).shape == (len(seeds), 4)
    assert [score.shape for score in scores] == 2 * [(len(seeds), 2)]
    wrong = torch.empty(len(seeds), 50, dtype=torch.int64, device=meta)
    measured = evaluate(config, layers, readouts, probes, Split(images, labels), wrong)
    assert [part.shape for part in measured] == [(len(seeds), 4, 12), (len(seeds), 2, 2)]
    assert {part.device for part in measured} == {meta}


def test_products_of_steps_and_evaluation_are_of_the_precision_asked_for(tiny, digits, monkeypatch):
    """In Training itself, which the lab uses without `ff.train`; and not between two steps."""
    set_to, seen = [], []

    @contextmanager
    def multiplying(precision, device):
        set_to.append((precision, device.type))
        yield
        set_to.pop()

    def noted(self, x, *args):
        seen.extend(set_to)
        return activity(self, x, *args)

    activity = network.Network.activity
    monkeypatch.setattr(network.Network, "activity", noted)
    monkeypatch.setattr("ff.algorithm.training.multiplying", multiplying)
    config = tiny(precision="tf32", batch_size=650, epochs=1)
    training = Training(config, config.widths[0], (1,), digits)
    for _ in training.steps():
        assert seen
        assert not set_to
    training.evaluate(digits.validation)
    assert len(seen) > 2
    assert set(seen) == {("tf32", "cpu")}


def test_a_learning_rate_of_1000_on_one_seed_of_eight(tiny, few, monkeypatch):
    """The seven others are, bit for bit, those of a run in which nothing diverges."""

    class Fast(fast.SGD):
        def step(self, parameter, velocity, gradient, rate):
            before = parameter[4].clone()
            super().step(parameter, velocity, gradient, rate)
            parameter[4] = before - 1e3 * velocity[4]

    config = tiny(seeds=8, layers=[2, 3, 4])
    undisturbed = run(config, few, config.seed_list)
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    monkeypatch.setattr(network, "SGD", Fast)
    with pytest.warns(ff.DivergenceWarning, match="seed 5 of width 10 has diverged") as caught:
        records = ff.train(config)
    assert len(caught) == 1, "said once"
    (found,) = records.runs[0]["diverged"]
    assert found.items() >= {"hidden": 10, "seed": 5, "epoch": 1}.items()
    assert found["layer"] in (1, 2, 3, 4)
    for name, expected in (
        ("layers", undisturbed.layer_table()),
        ("readouts", undisturbed.readout_table()),
    ):
        rows, left = getattr(records, name), getattr(complete(records), name)
        assert left.equals(rows.query("seed != 5"))
        assert left.equals(expected.query("seed != 5")), "not the bits of an undisturbed run"
        assert rows.query("seed == 5 and epoch > 1").iloc[:, 4:].isna().all(axis=None)
