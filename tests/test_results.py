"""What was trained in another way, as the book reads it."""

import pytest

import ff
from ff.records import condition
from ff.results import variations


@pytest.fixture(scope="module")
def found() -> dict[str, ff.Records]:
    return variations()


CHANGED = {
    "momentum 0.09": {"peer_momentum": 0.09},
    "constant rates": {"cool_down": False},
    "bf16": {"precision": "bf16"},
}


def test_every_variation_changes_what_its_name_says_and_nothing_else(found):
    assert set(found) == set(CHANGED)
    for name, records in found.items():
        expected = ff.Config(**CHANGED[name]).condition
        assert records.runs
        assert all(condition(run) == expected for run in records.runs)


def test_all_are_of_32_layers_and_enough_seeds_for_a_verdict(found):
    for name, records in found.items():
        assert set(records.layers["hidden"]) <= {100, 1000}
        for _, own in records.layers.groupby("hidden"):
            assert own["layer"].max() == 32
            assert own["seed"].nunique() >= 5
            assert set(own.groupby("seed").size()) == {30 * 32}, f"{name}: every seed is complete"
        for _, own in records.readouts.groupby("hidden"):
            assert set(own["depth"]) == {2, 4, 8, 16, 32}


def test_a_seed_is_there_once(found):
    for records in found.values():
        assert not records.layers.duplicated(["hidden", "seed", "epoch", "layer"]).any()
        assert not records.readouts.duplicated(["hidden", "seed", "epoch", "depth"]).any()


def test_both_widths_were_trained_in_bf16_and_the_narrow_one_at_constant_rates(found):
    assert set(found["bf16"].layers["hidden"]) == {100, 1000}
    assert set(found["momentum 0.09"].layers["hidden"]) == {100, 1000}
    assert 100 in set(found["constant rates"].layers["hidden"])


def test_layers_and_readouts_of_bf16_are_of_the_same_seeds(found):
    records = found["bf16"]
    for _, own in records.layers.groupby("hidden"):
        width = own["hidden"].iloc[0]
        readouts = records.readouts[records.readouts["hidden"] == width]
        assert set(own["seed"]) == set(readouts["seed"])
