"""Layers that do not all learn in every epoch: their own epochs, on frozen ones, in turn."""

import warnings
from typing import Any

import pytest
import torch
from torch.testing import assert_close

import ff
from ff.algorithm.growing import OF_READOUTS, Growing
from ff.algorithm.training import Training
from ff.quantities import LAYER_QUANTITIES

VALIDATION = LAYER_QUANTITIES.index("validation_accuracy")


def trained(config: ff.Config, dataset, seeds=(1, 2), epochs: int | None = None) -> Any:
    kind = Growing if config.schedule == "in-turn" else Training
    training = kind(config, config.widths[0], seeds, dataset)
    for _ in range(config.total_epochs if epochs is None else epochs):
        if training.passed < training.total:
            training.run_epoch()
    return training


# --- in epochs of their own


def test_a_layer_takes_steps_in_its_epochs_only(tiny, few):
    config = tiny(epochs=3, learns=[[1, 3], [2, 2], [1, 1]])
    before, moved = None, []
    for epochs in range(4):
        layers = trained(config, few, epochs=epochs).network.layers
        now = [layer.weight.clone() for layer in layers]
        if before:
            moved.append([not torch.equal(*pair) for pair in zip(before, now, strict=True)])
        before = now
    own = [[first <= epoch <= last for first, last in config.learns] for epoch in (1, 2, 3)]
    assert moved == own


def test_layers_that_learn_in_every_epoch_learn_together(tiny, few):
    together = trained(tiny(epochs=2), few)
    named = trained(tiny(epochs=2, learns=[[1, 2]] * 3), few)
    for name, tensor in together.state().items():
        assert_close(named.state()[name], tensor, rtol=0, atol=0, equal_nan=True, msg=name)


def test_a_layer_that_has_not_begun_is_measured(tiny):
    records: Any = ff.train(tiny(epochs=2, learns=[[1, 2], [2, 2], [2, 2]]))
    assert records.layers.notna().all(axis=None)


# --- on a frozen network


@pytest.mark.parametrize("after", [0, 2])
def test_the_network_below_is_the_one_that_learns_together(tiny, few, after):
    together = trained(tiny(epochs=3), few, epochs=after)
    frozen = trained(tiny(epochs=3, schedule="on-frozen", frozen_after=after), few)
    below = frozen.network.below
    assert below is not None
    for name, tensor in together.network.state().items():
        assert torch.equal(tensor, below.state()[name]), name
    assert frozen.epoch == 3


def test_the_first_layer_learns_as_without_a_network_below(tiny, few):
    """It sees the same pixels; what differs begins with layer 2."""
    together = trained(tiny(epochs=3), few)
    frozen = trained(tiny(epochs=3, schedule="on-frozen", frozen_after=2), few)
    of_layer = [at for at in range(len(LAYER_QUANTITIES)) if at not in OF_READOUTS]
    assert torch.equal(together.layers[:, :, 0, of_layer], frozen.layers[:, :, 0, of_layer])
    assert not torch.equal(together.layers[:, :, 1, of_layer], frozen.layers[:, :, 1, of_layer])


def test_each_layer_sees_the_frozen_layer_below(tiny, few):
    training = trained(tiny(epochs=2, schedule="on-frozen", frozen_after=1), few)
    network = training.network
    assert network.below is not None
    x, _ = next(training._batches(0))
    ours, below = list(network.activity(x)), list(network.below.activity(x))
    for one, before in zip(ours[1:], below, strict=False):
        assert torch.equal(one.inputs.dense(), before.handed_on.dense())
    assert not torch.equal(ours[0].z, below[0].z), "both have learned the same"


def test_only_the_measured_epochs_are_recorded(tiny):
    records: Any = ff.train(tiny(epochs=2, schedule="on-frozen", frozen_after=2))
    assert sorted(records.layers["epoch"].unique()) == [1, 2]
    assert records.layers.notna().all(axis=None)
    assert records.readouts["train_loss"].notna().all()


# --- in turn


def growing(tiny, **changes) -> ff.Config:
    return tiny(schedule="in-turn", epochs=6, patience=2, hidden=20, batch_size=50, **changes)


def test_one_layer_after_the_other_learns(tiny, few):
    training = Growing(growing(tiny), 20, (1, 2), few)
    before = {name: tensor.clone() for name, tensor in training.network.state().items()}
    seen = []
    while training.passed < training.total:
        at = training.frozen
        seen.append(at)
        training.run_epoch()
        for name, tensor in training.network.state().items():
            number = int(name.split(".")[1])
            if number - 1 > at:
                assert torch.equal(tensor, before[name]), f"{name} changed in the turn of {at + 1}"
            if number - 1 < at and name.endswith(("weight", "bias")):
                assert torch.equal(tensor, training.kept[number - 1][name.endswith("bias")])
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2, 3}, "three layers, then the readouts"
    assert seen.count(3) == 6


def test_a_layer_stops_when_it_no_longer_improves_and_goes_back_to_its_best(tiny, few):
    training = trained(growing(tiny, tolerance=0.01), few)
    accuracy = training.layers[..., VALIDATION]
    for seed in range(2):
        for layer in range(3):
            own = int(training.stopped[seed, layer])
            trace = accuracy[seed, :own, layer].tolist()
            assert training.layers[seed, own:, layer, :11].isnan().all(), "rows after it stopped"
            best, at = 0.0, 0
            for epoch, value in enumerate(trace):
                if value > best + 0.01:
                    best, at = value, epoch
                assert epoch - at < 2 or epoch == own - 1, "it went on without progress"
            assert own == 6 or own - 1 - at == 2, "it stopped too early"
    values, _ = training.evaluate(few.validation)
    for seed in range(2):
        for layer in range(3):
            reached = values[seed, layer, VALIDATION - 1]
            assert reached >= accuracy[seed, :, layer].nan_to_num().max() - 0.0101


def test_a_seed_does_not_depend_on_the_seeds_that_it_waits_for(tiny, few):
    config = growing(tiny)
    together, alone = trained(config, few, (1, 2, 3)), trained(config, few, (2,))
    assert together.stopped[1].tolist() == alone.stopped[0].tolist()
    for name, tensor in alone.network.state().items():
        if name.endswith("weight"):
            assert_close(together.network.state()[name][1:2], tensor, rtol=1e-3, atol=1e-5)


def test_readouts_learn_on_the_frozen_layers(tiny, few):
    training = trained(growing(tiny, layers=[2, 3]), few)
    assert training.depths.isfinite()[..., :4].all()
    assert training.depths[:, -1, :, 3].min() > 0.2, "they learn nothing"
    assert training.layers[:, -1, :, OF_READOUTS].isfinite().all()


def test_a_growth_that_is_cut_off_goes_on(tiny, few):
    config = growing(tiny)
    whole = trained(config, few)
    for cut in (1, 4, whole.passed - 3):
        begun = trained(config, few, epochs=cut)
        other = Growing(config, 20, (1, 2), few)
        for name, tensor in other.state().items():
            tensor.copy_(begun.state()[name])
        other.passed = begun.passed
        while other.passed < other.total:
            other.run_epoch()
        for name, tensor in whole.state().items():
            assert torch.equal(tensor.nan_to_num(), other.state()[name].nan_to_num()), (cut, name)


def test_a_layer_whose_numbers_overflow_goes_back(tiny, few):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        training = trained(growing(tiny, learning_rate=1e30), few)
    assert all(layer.weight.isfinite().all() for layer in training.network.layers)
    assert training.depths[:, -1, :, 3].isfinite().all()


def test_a_readout_that_diverges_is_named(tiny, few):
    with pytest.warns(ff.DivergenceWarning, match="readout of depth 3"):
        training = trained(growing(tiny, downstream_learning_rate=1e30), few)
    assert [row["seed"] for row in training.divergences()] == [1, 2]
    assert training.depths[..., 3].isnan().all()


def test_what_was_measured_of_layers_outlives_their_readout(tiny, few):
    """One seed's readout diverges in its third epoch, the other's goes on."""
    whole = trained(growing(tiny), few)
    layers = int(whole.stopped.amax(0).sum())  # epochs before the readouts begin
    training = trained(growing(tiny), few, epochs=layers + 2)
    training.readouts.weight[0][0] = torch.inf
    with pytest.warns(ff.DivergenceWarning, match="readout"):
        training.run_epoch()
    while training.passed < training.total:
        training.run_epoch()
    own, as_was = (run.layers[0, ..., : OF_READOUTS[0]].nan_to_num() for run in (training, whole))
    assert torch.equal(own, as_was)
    assert training.layers[0, 3:, :, OF_READOUTS].isnan().all()
    assert torch.equal(training.layers[1].nan_to_num(), whole.layers[1].nan_to_num())


def test_a_growth_is_a_run_like_any(tiny, tmp_path):
    records: Any = ff.train(growing(tiny, layers=[2, 3], seeds=2), tmp_path)
    assert ff.read(tmp_path).layers.equals(records.layers)
    assert records.readouts.query("epoch == 6")["test_accuracy"].notna().all()
