"""Networks trained in several ways from the same seeds: how each layer's delay changes.

A seed means the same initial weights and the same order of the images in each way, so what one seed
has that makes its layers early or late cancels in a difference or a ratio of the same seeds.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ff.stats.cubes import Cube, single_cube
from ff.stats.delay import TARGET, mean_delay, reach_of_mean, slopes_of_delays
from ff.stats.intervals import jackknife, leave_one_out

__all__ = ["changes", "delays", "slopes"]


def delays(
    ways: Mapping[str, pd.DataFrame], target: float = TARGET, column: str = "train_accuracy"
) -> pd.DataFrame:
    """Delay of each layer's average trace in each way.

    Parameters
    ----------
    ways
        `layers` tables of one width, by the name of the way.
    target
        Accuracy to reach, between 0 and 1.
    column
        What counts as accuracy.

    Returns
    -------
    DataFrame
        What `ff.delay.mean_delay` says of each, below each other, with the first columns way
        and target.
    """
    tables = [
        mean_delay(layers, target, column).assign(way=name, target=target)
        for name, layers in ways.items()
    ]
    columns = ["way", "target", *tables[0].columns[:-2]]
    return pd.concat(tables, ignore_index=True).reindex(columns=columns)


def slopes(
    ways: Mapping[str, pd.DataFrame], target: float = TARGET, column: str = "train_accuracy"
) -> pd.DataFrame:
    """Epochs that each further layer adds in each way, over the same layers.

    Estimand: the Theil-Sen slope of the mean trace's interpolated delay, in epochs per layer, over
    the layers whose mean trace reaches the target in every way.

    Parameters
    ----------
    ways, target, column
        As of `delays`; the ways have the same seeds and layers.

    Returns
    -------
    DataFrame
        A row a way, and one for the "difference", the first minus the last, paired by seed: way,
        target, layers (how many reach it in every way), slope, low, high. Which layers these are is
        found anew without each seed. NaN with fewer than two.
    """
    cubes = _cubes(ways, column)
    left = np.stack([_left_out(cube, target) for cube in cubes])  # (ways, 1 + seeds, layers)
    common = np.isfinite(left).all(axis=0)
    found = [slopes_of_delays(cubes[0].keys, np.where(common, own, np.inf))["all"] for own in left]
    estimate = jackknife(np.stack([*found, found[0] - found[-1]], axis=1))
    table = {"way": [*ways, "difference"], "target": target, "layers": common.sum(axis=1)[0]}
    ends = {"slope": estimate.value, "low": estimate.low, "high": estimate.high}
    return pd.DataFrame(table | ends)


def changes(
    base: pd.DataFrame,
    other: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
) -> pd.DataFrame:
    """How much later each layer is in another way than in the base, and how many times as late.

    Estimand: the difference and the ratio of the delays of the two mean traces, between epochs on a
    straight line.

    Parameters
    ----------
    base, other
        `layers` tables of one width, of the same seeds and layers.
    target, column
        As of `delays`.

    Returns
    -------
    DataFrame
        A row a layer: layer, difference, difference_low, difference_high (epochs), ratio,
        ratio_low, ratio_high. Intervals leave out the same seed in both. NaN where a mean trace
        does not reach the target; intervals are infinite where one does not without some seed.
    """
    cubes = _cubes({"base": base, "other": other}, column)
    before, after = (_left_out(cube, target) for cube in cubes)  # (1 + seeds, layers)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        parts = {"difference": after - before, "ratio": after / before}
    table = {"layer": cubes[0].keys}
    there = np.isfinite(before[0]) & np.isfinite(after[0])
    for name, values in parts.items():
        found = jackknife(values)
        for end, of in {"": found.value, "_low": found.low, "_high": found.high}.items():
            table[name + end] = np.where(there, of, np.nan)
    return pd.DataFrame(table)


def _cubes(ways: Mapping[str, pd.DataFrame], column: str) -> list[Cube]:
    """One column of each way, of which all have the same seeds and layers."""
    cubes = [single_cube(layers, "layer", column) for layers in ways.values()]
    for cube in cubes:
        assert np.array_equal(cube.seeds, cubes[0].seeds)
        assert np.array_equal(cube.keys, cubes[0].keys)
    return cubes


def _left_out(cube: Cube, target: float) -> np.ndarray:
    """Crossing of the mean trace of all seeds, then without each one, ``(1 + seeds, layers)``."""
    statistic = reach_of_mean(cube.values, cube.epochs, target)
    return leave_one_out(statistic, len(cube.seeds))[:, 1]
