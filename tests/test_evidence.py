"""The quantities that claims are about, each beside a plain loop over seeds, epochs and layers."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic import grid, reach, records, traces, without

import ff
from ff.stats.evidence import Evidence, Reading, evidence
from ff.stats.intervals import jackknife

PLAIN = Reading(depth=8)
# A value of each option but the default; depth is tested on its own, for it changes shapes.
OTHER = {
    "column": "validation_accuracy",
    "target": 0.62,
    "first_epoch": 4,
    "overall": (0.55, 0.9),
    "coefficient": "spearman",
    "shallow": 1,
    "rose": 0.7,
    "selected": (2, 4),
    "widths": (20, 50),
}
CONCERNS = {  # what an option is about, of all quantities
    "column": {
        "delay", "restricted_delay", "crossings", "both", "strength", "within", "deviation",
        "clearance", "gaps",
    },
    "target": {"delay", "restricted_delay", "crossings"},
    "first_epoch": {"both", "strength", "within", "gaps"},
    "overall": {"both", "strength"},
    "coefficient": {"strength", "within"},
    "shallow": {"gaps"},
    "rose": {"deviation", "clearance"},
    "selected": {"clearance"},
    "widths": set(),  # it says which evidence a claim takes
}  # fmt: skip
READINGS = [
    PLAIN,
    *(replace(PLAIN, **{option: value}) for option, value in OTHER.items()),
    Reading(depth=4),
    Reading(depth=4, **OTHER),
]


@pytest.fixture(scope="module")
def run() -> ff.Records:
    """Eight layers, of which the deepest do not reach 0.7; seeds that differ as networks do."""
    made = records(8, (2, 4, 8), seeds=6, epochs=10, delay=1.2, jitter=0.7, noise=0.03, best=0.9)
    rng = np.random.default_rng(3)
    for table in (made.layers, made.readouts):  # not the training's accuracy and a constant
        table["validation_accuracy"] -= 0.03 * rng.random(len(table))
    return made


def alone(made: ff.Records, reading: Reading) -> Evidence:
    ((_, own),) = evidence(made, reading)
    return own


Arrays = tuple[np.ndarray, np.ndarray]  # (seeds, epochs, layers) and (seeds, epochs, depths)


def arrays(made: ff.Records, reading: Reading) -> Arrays:
    return (
        grid(made.layers.query("layer <= @reading.depth"), "layer", reading.column),
        grid(made.readouts.query("depth <= @reading.depth"), "depth", reading.column),
    )


def layer_by_layer(x: np.ndarray) -> list[np.ndarray]:
    return [x[:, :, layer] for layer in range(x.shape[2])]


def delay(x: np.ndarray, y: np.ndarray, reading: Reading) -> list:
    return [reach(own.mean(axis=0), reading.target)[1] for own in layer_by_layer(x)]


def restricted_delay(x: np.ndarray, y: np.ndarray, reading: Reading) -> list:
    return [min(epoch, 10) for epoch in delay(x, y, reading)]


def both(x: np.ndarray, y: np.ndarray, reading: Reading) -> list:
    late = slice(reading.first_epoch - 1, None)
    network = y[:, late, -1].ravel()
    low, high = reading.overall
    kept = [low <= value <= high for value in network]
    pairs = [(own[:, late].ravel()[kept], network[kept]) for own in layer_by_layer(x)]
    coefficients: tuple[Any, Any] = stats.pearsonr, stats.spearmanr
    return [[abs(r(*pair)[0]) for pair in pairs] for r in coefficients]


def strength(x: np.ndarray, y: np.ndarray, reading: Reading) -> list:
    return both(x, y, reading)[reading.coefficient == "spearman"]


def within(x: np.ndarray, y: np.ndarray, reading: Reading) -> list:
    coefficient = stats.spearmanr if reading.coefficient == "spearman" else stats.pearsonr
    late = range(reading.first_epoch - 1, x.shape[1])
    found = []
    for own in layer_by_layer(x):
        r = [coefficient(own[:, epoch], y[:, epoch, -1])[0] for epoch in late]
        found.append(np.tanh(np.mean(np.arctanh(np.clip(r, -0.999999, 0.999999)))))
    return found


def first_risen(own: np.ndarray, reading: Reading) -> int:
    return next(i for i, value in enumerate(own.mean(axis=0)) if value >= reading.rose)


def deviation(x: np.ndarray, y: np.ndarray, reading: Reading) -> list:
    return [
        np.mean([own[:, epoch].std(ddof=1) for epoch in range(first_risen(own, reading), 10)])
        for own in layer_by_layer(x)
    ]


def clearance(x: np.ndarray, y: np.ndarray, reading: Reading) -> float:
    apart = []
    for shallow, deep in pairwise(layer for layer in reading.selected if layer <= x.shape[2]):
        upper, lower = x[:, :, shallow - 1], x[:, :, deep - 1]
        for epoch in range(first_risen(upper, reading), 10):
            one, two = upper[:, epoch], lower[:, epoch]
            apart.append((one.mean() - two.mean()) / (one.std(ddof=1) + two.std(ddof=1)))
    return float(np.quantile(apart, 0.05))


def gaps(x: np.ndarray, y: np.ndarray, reading: Reading) -> list:
    late = range(reading.first_epoch - 1, x.shape[1])
    found = []
    for k, depth in enumerate([2, 4, 8][: y.shape[2]]):
        half = min(reading.shallow or x.shape[2] // 2, depth // 2)
        distances = [
            np.mean([abs(x[:, epoch, layer] - y[:, epoch, k]) for epoch in late])
            for layer in range(depth)
        ]
        found.append(np.mean(distances[depth - half :]) - np.mean(distances[:half]))
    return found


Oracle = Callable[[np.ndarray, np.ndarray, Reading], object]
ORACLES: list[Oracle] = [
    delay,
    restricted_delay,
    both,
    strength,
    within,
    deviation,
    clearance,
    gaps,
]


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("reading", READINGS)
def test_a_quantity_is_that_of_a_loop_with_all_seeds_and_without_each(run, oracle, reading):
    x, y = arrays(run, reading)
    if reading.rose > 0.6 and oracle in (deviation, clearance):  # let every layer get there
        reading = replace(reading, depth=4)
        x, y = arrays(run, reading)
    expected = [oracle(x, y, reading)]
    expected += [
        oracle(*(np.delete(part, seed, 0) for part in (x, y)), reading) for seed in range(6)
    ]
    found = getattr(alone(run, reading), oracle.__name__)
    assert found == pytest.approx(np.array(expected), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", [oracle.__name__ for oracle in ORACLES])
def test_what_a_quantity_is_without_a_seed_is_what_it_is_of_the_others_alone(run, name):
    found = getattr(alone(run, PLAIN), name)
    for seed in range(1, 7):
        fewer = ff.Records(without(run.layers, seed), without(run.readouts, seed), ())
        rest = getattr(alone(fewer, PLAIN), name)
        assert found[seed] == pytest.approx(rest[0], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("reading", [PLAIN, Reading(depth=8, target=0.62)])
def test_crossings_are_those_of_each_seed(run, reading):
    x, _ = arrays(run, reading)
    expected = [[reach(trace, reading.target)[1] for trace in own.T] for own in x]
    assert np.isinf(expected).any()
    assert alone(run, reading).crossings == pytest.approx(np.array(expected))


def test_a_layer_that_does_not_arrive_is_delayed_until_the_last_epoch(run):
    own = alone(run, PLAIN)
    never = np.isinf(own.delay[0])
    assert never.tolist() == sorted(never.tolist()), "the deepest ones"
    assert 0 < never.sum() < 8
    assert np.all(own.restricted_delay[0, never] == 10)
    assert np.array_equal(own.restricted_delay[0, ~never], own.delay[0, ~never])


@pytest.mark.parametrize("option", OTHER)
def test_an_option_changes_what_it_is_about_and_nothing_else(run, option):
    plain = alone(run, PLAIN)
    other = alone(run, replace(PLAIN, **{option: OTHER[option]}))
    changed = {
        name
        for name in CONCERNS["column"]
        if not np.array_equal(getattr(plain, name), getattr(other, name), equal_nan=True)
    }
    assert changed == CONCERNS[option]


def test_every_option_is_tested():
    assert {*OTHER, "depth"} == set(Reading.__dataclass_fields__)


def test_a_shallower_reading_leaves_deeper_layers_and_networks_out(run):
    deep, shallow = alone(run, PLAIN), alone(run, Reading(depth=4))
    assert shallow.number.tolist() == [1, 2, 3, 4]
    assert shallow.networks.keys.tolist() == [2, 4]
    assert (deep.half, shallow.half) == (4, 2)
    assert np.array_equal(shallow.delay, deep.delay[:, :4])
    assert np.array_equal(shallow.deviation, deep.deviation[:, :4])
    assert not np.allclose(shallow.strength, deep.strength[:, :4]), "another network is deepest"
    untouched = ff.Records(run.layers.query("layer <= 4"), run.readouts.query("depth <= 4"), ())
    assert np.array_equal(alone(untouched, PLAIN).strength, shallow.strength)


@pytest.mark.parametrize(("shallow", "half"), [(None, 4), (1, 1), (3, 3)])
def test_as_many_layers_are_shallow_as_deep(run, shallow, half):
    assert alone(run, replace(PLAIN, shallow=shallow)).half == half


def test_each_width_has_its_own_evidence():
    both_widths = records(hidden=(100, 1000), jitter=1)
    found = dict(evidence(both_widths))
    assert list(found) == [100, 1000]
    for width, own in found.items():
        layers, readouts = (
            part.query(f"hidden == {width}") for part in (both_widths.layers, both_widths.readouts)
        )
        only = alone(ff.Records(layers, readouts, ()), Reading())
        assert own.seeds == only.seeds == 5
        assert np.array_equal(own.strength, only.strength)
        assert np.array_equal(own.delay, only.delay)


def test_more_seeds_than_are_evaluated_at_once_are_all_left_out_in_turn():
    made = records(seeds=40, jitter=1, epochs=6)
    own = alone(made, Reading())
    x, y = arrays(made, Reading())
    assert own.gaps.shape == (41, 2)
    last = [both(x, y, Reading()), both(x[:-1], y[:-1], Reading())]
    assert own.both[[0, -1]] == pytest.approx(np.array(last))


def test_layers_are_compared_with_networks_in_the_epochs_that_both_have(run):
    """Measured every second epoch, and later than layers; layers lack epoch 6."""
    late = run.readouts.query("epoch % 2 == 0")
    late = pd.concat([late, late.query("epoch == 10").assign(epoch=12)])
    layers = run.layers.query("epoch != 6")
    shared = ff.Records(
        layers.query("epoch % 2 == 0"), late.query("epoch != 6 and epoch <= 10"), ()
    )
    assert sorted(shared.layers["epoch"].unique()) == [2, 4, 8, 10]
    for reading in (PLAIN, replace(PLAIN, first_epoch=4), replace(PLAIN, overall=(0.55, 0.9))):
        found, expected = (alone(made, reading) for made in (ff.Records(layers, late, ()), shared))
        for name in ("both", "strength", "within", "gaps"):
            assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    for name in ("delay", "deviation", "clearance"):  # of layers alone, in all of their epochs
        unshared = getattr(alone(ff.Records(layers, run.readouts, ()), PLAIN), name)
        assert np.array_equal(getattr(found, name), unshared), name


def test_a_layer_that_never_leaves_chance_has_no_deviation(run):
    layers = run.layers.copy()
    layers.loc[layers["layer"] == 8, "train_accuracy"] = 0.51
    own = alone(ff.Records(layers, run.readouts, ()), PLAIN)
    assert np.isnan(own.deviation).all(axis=0).tolist() == [False] * 7 + [True]
    assert np.isfinite(own.clearance).all(), "layer 4 is compared with it all the same"


def test_a_layer_that_has_left_chance_stays_so_though_it_falls_back(run):
    x = np.full((3, 4, 1), 0.5)
    x[:, 1] += 0.2
    spread = np.array([5, 1, 2, 3])  # of the four epochs
    x += 0.01 * np.array([-1, 0, 1])[:, None, None] * spread[:, None]
    layers = run.layers.query("seed <= 3 and epoch <= 4 and layer == 1")
    layers = layers.sort_values(["seed", "epoch"]).assign(train_accuracy=x.ravel())
    readouts = run.readouts.query("seed <= 3 and epoch <= 4")
    own = alone(ff.Records(layers, readouts, ()), PLAIN)
    assert own.deviation[0] == pytest.approx(0.01 * (1 + 2 + 3) / 3, rel=1e-5)


def test_layers_that_no_band_separates_are_not_clear_of_each_other():
    apart, together = (
        alone(records(8, (8,), delay=delay, epochs=10, jitter=0.1), PLAIN) for delay in (1.3, 0)
    )
    assert abs(together.clearance[0]) < 1
    assert apart.clearance[0] > together.clearance[0]


def test_what_is_clear_without_a_seed_does_not_hang_on_another(run):
    """Without seed 3, which alone leaves chance, there is nothing to compare."""
    accuracy = 0.5 + np.random.default_rng(0).normal(0, 0.01, (4, 10, 4))
    accuracy[2] += [[0.4, 0.3, 0.2, 0.1]]
    own = alone(ff.Records(traces(accuracy), run.readouts.query("seed <= 4"), ()), PLAIN)
    assert np.isnan(own.clearance).tolist() == [False, False, False, True, False]
    for seed in (0, 1, 3):
        rest = np.delete(accuracy, seed, 0)
        assert own.clearance[1 + seed] == pytest.approx(clearance(rest, rest, PLAIN), rel=1e-5)
    found = jackknife(own.clearance)
    assert np.isfinite(found.value)
    assert np.isnan([found.low, found.high]).all()


def test_the_selected_layers_are_those_of_figure_3_unless_others_are_asked_for(run):
    own = alone(run, PLAIN)
    for selected, same in (((1, 4, 8), True), ((1, 4, 8, 16), True), ((4, 8), False)):
        other = alone(run, replace(PLAIN, selected=selected))
        assert np.array_equal(other.clearance, own.clearance) == same


@pytest.mark.parametrize("selected", [(), (4,), (4, 16)])
def test_a_layer_without_a_neighbor_is_clear_of_none(run, selected):
    assert np.isnan(alone(run, replace(PLAIN, selected=selected)).clearance).all()


def test_where_nothing_deviates_nothing_is_clear(run):
    accuracy = np.full((3, 5, 4), 0.5)
    accuracy[..., 0] = 0.9
    own = alone(
        ff.Records(traces(accuracy), run.readouts.query("seed <= 3 and epoch <= 5"), ()), PLAIN
    )
    assert np.isnan(own.clearance).all()


def test_where_no_layer_leaves_chance_nothing_is_compared(run):
    still = run.layers.assign(train_accuracy=0.5)
    own = alone(ff.Records(still, run.readouts, ()), PLAIN)
    assert np.isnan(own.clearance).all()
    assert np.isnan(own.deviation).all()
    assert np.isinf(own.delay).all()
    assert np.isnan(own.both[0]).all()


def test_a_single_seed_has_estimates_of_what_does_not_need_another():
    own = alone(records(seeds=1), Reading())
    for name in ("delay", "restricted_delay", "both", "strength", "gaps"):
        assert np.isfinite(getattr(own, name)[0]).all(), name
        assert np.isnan(getattr(own, name)[1]).all(), name
    for name in ("within", "deviation", "clearance"):
        assert np.isnan(getattr(own, name)).all(), name
