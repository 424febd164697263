"""Delays of two ways of training beside each other, against loops over seeds."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from scipy import special
from scipy.stats import theilslopes

from ff.stats import delay, paired

SEEDS = 5


@pytest.fixture(scope="module")
def ways() -> dict[str, pd.DataFrame]:
    """The second is twice as slow; in neither are all six layers in time."""
    slow = synthetic.records(layers=6, seeds=SEEDS, delay=3.0, random_state=1)
    return {"quick": synthetic.records(layers=6, seeds=SEEDS).layers, "slow": slow.layers}


def crossings(table: pd.DataFrame) -> np.ndarray:
    """Of each layer's mean trace, by a plain loop."""
    return np.array(
        [synthetic.reach(trace)[1] for trace in synthetic.grid(table, "layer").mean(0).T]
    )


def interval(values: list[float]) -> tuple[float, float]:
    """Student's, of a number of all seeds and of what it is without each one."""
    first, left = values[0], np.array(values[1:])
    error = np.sqrt((SEEDS - 1) / SEEDS * ((left - left.mean()) ** 2).sum())
    half = special.stdtrit(SEEDS - 1, 0.975) * error
    return first - half, first + half


def left_out(table: pd.DataFrame) -> list[pd.DataFrame]:
    return [table, *(synthetic.without(table, seed) for seed in range(1, SEEDS + 1))]


def test_delays_are_those_of_each_way_alone(ways):
    found = paired.delays(ways, 0.8)
    assert list(found["way"].unique()) == ["quick", "slow"]
    assert set(found["target"]) == {0.8}
    for name, layers in ways.items():
        own: Any = found[found["way"] == name].drop(columns=["way", "target"])
        own = own.reset_index(drop=True)
        pd.testing.assert_frame_equal(own, delay.mean_delay(layers, 0.8))


def test_slopes_are_over_the_layers_that_arrive_in_both(ways):
    found: Any = paired.slopes(ways).set_index("way")
    both = [[crossings(table) for table in left_out(layers)] for layers in ways.values()]
    there = np.isfinite(both[0][0]) & np.isfinite(both[1][0])
    assert 2 < there.sum() < 6
    assert set(found["layers"]) == {there.sum()}
    rows = []
    for one, other in zip(*both, strict=True):
        common = np.isfinite(one) & np.isfinite(other)
        at = np.arange(1, 7)[common]
        rows.append([theilslopes(delays[common], at)[0] for delays in (one, other)])
    quick, slow = np.array(rows).T
    for name, values in {"quick": quick, "slow": slow, "difference": quick - slow}.items():
        assert found["slope"][name] == pytest.approx(values[0])
        ends = found["low"][name], found["high"][name]
        assert ends == pytest.approx(interval(list(values)))
    assert found["high"]["difference"] < 0


def test_changes_are_of_mean_traces_and_leave_out_the_same_seed(ways):
    found: Any = paired.changes(ways["quick"], ways["slow"]).set_index("layer")
    quick, slow = ([crossings(table) for table in left_out(layers)] for layers in ways.values())
    for layer in range(1, 7):
        before, after = (np.array([row[layer - 1] for row in rows]) for rows in (quick, slow))
        if not np.isfinite(after).all():
            continue
        for name, values in {"difference": after - before, "ratio": after / before}.items():
            assert found[name][layer] == pytest.approx(values[0])
            ends = found[f"{name}_low"][layer], found[f"{name}_high"][layer]
            assert ends == pytest.approx(interval(list(values)))
    assert found["ratio"][1] == pytest.approx(1, abs=0.3)
    assert found["ratio"][3] > 1.2


def test_a_layer_that_never_arrives_has_no_change(ways):
    found = paired.changes(ways["quick"], ways["slow"])
    assert found.iloc[-1].drop("layer").isna().all()


def test_ways_have_the_same_seeds(ways):
    with pytest.raises(AssertionError):
        paired.changes(ways["quick"], synthetic.without(ways["slow"], 1))
