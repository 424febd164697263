"""Research question 1: how much later does a deeper layer learn?

A layer's delay is the epoch at which its accuracy reaches a target, 0.7 in the paper (sections 2
and 3, Figure 4). A layer that has not reached it when training ends is right-censored: its delay
is NaN in an estimate, and counts as infinite, later than any epoch, in a resample or an interval.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from ff.resampling import Bootstrap, cubes, theil_sen

__all__ = ["TARGET", "logrank", "mean_delay", "seed_delays", "sensitivity", "slope", "survival"]

TARGET = 0.7


def _reach(traces: np.ndarray, epochs: np.ndarray, target: float) -> tuple[np.ndarray, np.ndarray]:
    """First epoch at which a trace reaches the target, and where it crosses it on the way.

    `traces` has shape (..., epochs); both results have shape (...) and are infinite where the
    target is never reached. Records hold float32, so that is the precision of the comparison: an
    accuracy of exactly 0.7 reaches 0.7. A trace already there when first measured crosses then.
    """
    reached = traces.astype(np.float32) >= np.float32(target)
    after = reached.argmax(axis=-1)
    before = np.maximum(after - 1, 0)
    high = np.take_along_axis(traces, after[..., None], axis=-1)[..., 0]
    low = np.take_along_axis(traces, before[..., None], axis=-1)[..., 0]
    share = np.ones(after.shape)
    np.divide(target - low, high - low, out=share, where=high > low)
    crossing = epochs[before] + np.clip(share, 0, 1) * (epochs[after] - epochs[before])
    never = ~reached.any(axis=-1)
    return np.where(never, np.inf, epochs[after]), np.where(never, np.inf, crossing)


def _mean_reach(
    values: np.ndarray, epochs: np.ndarray, target: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Weights (batch, seeds) to first epoch and crossing of the mean trace (batch, 2, layers)."""

    def statistic(weights: np.ndarray) -> np.ndarray:
        traces = np.tensordot(weights, values, axes=1) / len(values)  # (batch, epochs, layers)
        return np.stack(_reach(traces.swapaxes(1, 2), epochs, target), axis=1)

    return statistic


def _finite(delays: np.ndarray) -> np.ndarray:
    """Write a delay that was not observed as NaN."""
    return np.where(np.isfinite(delays), delays, np.nan)


def mean_delay(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
    bootstrap: Bootstrap = Bootstrap(),
) -> pd.DataFrame:
    """Delay of a layer's average trace.

    Estimand: the epoch at which a layer's accuracy, averaged over seeds, first reaches the target.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    target
        Accuracy to reach, between 0 and 1.
    column
        What counts as accuracy.
    bootstrap
        How seeds are resampled for the intervals.

    Returns
    -------
    DataFrame
        One row per (hidden, layer): hidden, layer, epoch, epoch_low, epoch_high, crossing,
        crossing_low, crossing_high, censored, last_epoch, seeds. `epoch` is the first measured
        epoch at or above the target, `crossing` the linear interpolation between it and the
        measured epoch before. An interval's end is infinite where so many resamples never reach
        the target that the end lies beyond `last_epoch`, and NaN with a single seed.

    Raises
    ------
    RecordsError
        If `layers` is not a complete grid of seeds, epochs and layers for each width.

    References
    ----------
    Section 3 and Figure 4 of the paper.
    """
    tables = []
    for hidden, seeds, epochs, keys, values in cubes(layers, "layer", column):
        estimate, draws = bootstrap.draw(_mean_reach(values, epochs, target), len(seeds))
        low, high = bootstrap.interval(draws)
        table: dict[str, Any] = {"hidden": hidden, "layer": keys}
        for i, name in enumerate(["epoch", "crossing"]):
            table |= {name: _finite(estimate[i]), f"{name}_low": low[i], f"{name}_high": high[i]}
        table |= {"censored": np.isinf(estimate[0]), "last_epoch": epochs[-1], "seeds": len(seeds)}
        tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True)


def seed_delays(
    layers: pd.DataFrame, target: float = TARGET, column: str = "train_accuracy"
) -> pd.DataFrame:
    """Delay of every single trace.

    Estimand: the epoch at which a layer's accuracy in one seed's run first reaches the target.

    Parameters
    ----------
    layers, target, column
        As in `mean_delay`.

    Returns
    -------
    DataFrame
        One row per (hidden, layer, seed): hidden, layer, seed, epoch, crossing, censored,
        last_epoch. `epoch` and `crossing` are NaN where `censored`: all that is known then is
        that the delay exceeds `last_epoch`.
    """
    tables = []
    for hidden, seeds, epochs, keys, values in cubes(layers, "layer", column):
        first, crossing = _reach(values.transpose(2, 0, 1), epochs, target)  # (layers, seeds)
        table = {
            "hidden": hidden,
            "layer": np.repeat(keys, len(seeds)),
            "seed": np.tile(seeds, len(keys)),
            "epoch": _finite(first).ravel(),
            "crossing": _finite(crossing).ravel(),
            "censored": np.isinf(first).ravel(),
            "last_epoch": epochs[-1],
        }
        tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True)


def _censored(delays: pd.DataFrame) -> stats.CensoredData:
    times = delays["epoch"].fillna(delays["last_epoch"])
    return stats.CensoredData.right_censored(times.to_numpy(), delays["censored"].to_numpy())


def survival(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
    level: float = 0.95,
) -> pd.DataFrame:
    """Median delay over seeds.

    Estimand: the epoch by which a layer has reached the target in half of all seeds.

    Parameters
    ----------
    layers, target, column
        As in `mean_delay`.
    level
        Least coverage of the interval, between 0 and 1.

    Returns
    -------
    DataFrame
        One row per (hidden, layer): hidden, layer, median, low, high, reached, seeds. `median`
        is where the Kaplan-Meier curve falls to one half, NaN if it does not. `low` and `high`
        are the order statistics between which the median lies with probability `level` or more
        (sign test; exact because every seed of a width is watched equally long); infinite
        beyond the last epoch, NaN with too few seeds for the level (5 or fewer at 0.95).

    References
    ----------
    Kaplan and Meier, "Nonparametric estimation from incomplete observations", JASA 53 (1958).
    """
    rows = []
    delays = seed_delays(layers, target, column)
    for (hidden, layer), group in delays.groupby(["hidden", "layer"]):
        curve = stats.ecdf(_censored(group)).sf
        half = curve.quantiles[curve.probabilities <= 0.5 + 1e-9]  # forgive rounded products
        rank = int(stats.binom.ppf((1 - level) / 2, len(group), 0.5))  # 1 is the smallest delay
        times = np.sort(group["epoch"].fillna(np.inf))
        rows.append(
            {
                "hidden": hidden,
                "layer": layer,
                "median": half[0] if len(half) else np.nan,
                "low": times[rank - 1] if rank else np.nan,
                "high": times[-rank] if rank else np.nan,
                "reached": int((~group["censored"]).sum()),
                "seeds": len(group),
            }
        )
    return pd.DataFrame(rows)


def logrank(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
    spacing: Literal["doubling", "adjacent"] = "doubling",
) -> pd.DataFrame:
    """Test whether two neighboring layers share one distribution of delays.

    Estimand: how far the number of seeds in which the shallower layer reached the target exceeds
    what is expected, epoch by epoch, if both layers had the same delays; in standard errors.

    The test takes the two samples as independent. Both layers belong to the same networks, whose
    delays vary together, which makes the test conservative.

    Parameters
    ----------
    layers, target, column
        As in `mean_delay`.
    spacing
        Compare layers 1-2, 2-4, 4-8, ... ("doubling") or 1-2, 2-3, 3-4, ... ("adjacent").

    Returns
    -------
    DataFrame
        One row per (hidden, shallow, deep): hidden, shallow, deep, statistic, p_value, p_holm.
        `statistic` is positive if the deeper layer is later; `p_value` is two-sided, `p_holm`
        adjusted for the number of comparisons within the width. NaN where the delays of both
        layers are one constant or none was observed.

    References
    ----------
    Mantel, "Evaluation of survival data and two new rank order statistics", 1966; Holm, "A simple
    sequentially rejective multiple test procedure", 1979.
    """
    tables = []
    for hidden, delays in seed_delays(layers, target, column).groupby("hidden"):
        samples = {layer: _censored(group) for layer, group in delays.groupby("layer")}
        step = {layer: 2 * layer if spacing == "doubling" else layer + 1 for layer in samples}
        powers = {2**i for i in range(max(samples).bit_length())}
        rows = []
        for shallow, deep in step.items():
            if deep not in samples or (spacing == "doubling" and shallow not in powers):
                continue
            with np.errstate(invalid="ignore"):  # 0/0 where nothing varies
                test = stats.logrank(samples[shallow], samples[deep])
            rows.append((hidden, shallow, deep, test.statistic, test.pvalue))
        columns = ["hidden", "shallow", "deep", "statistic", "p_value"]
        table = pd.DataFrame(rows, columns=columns).sort_values("p_value")
        remaining = table["p_value"].notna().sum() - np.arange(len(table))
        table["p_holm"] = (table["p_value"] * remaining).cummax().clip(upper=1)
        tables.append(table.sort_values("shallow"))
    return pd.concat(tables, ignore_index=True)


def slope(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
    bootstrap: Bootstrap = Bootstrap(),
) -> pd.DataFrame:
    """Epochs of delay that each further layer adds.

    Estimand: the Theil-Sen slope, in epochs per layer, of the mean trace's interpolated delay over
    the layers whose mean trace reaches the target at all.

    Parameters
    ----------
    layers, target, column, bootstrap
        As in `mean_delay`.

    Returns
    -------
    DataFrame
        Four rows per hidden: hidden, segment, first_layer, last_layer, slope, low, high,
        scatter_low, scatter_high. Segment "all" is every such layer, "shallow" and "deep" are its
        halves (which share the middle layer of an odd number), and "change" is deep minus shallow:
        zero if the delay per layer is constant over depth. `low` and `high` resample seeds and
        are the interval to report: what another set of seeds would give. `scatter_low` and
        `scatter_high` are scipy's, from the scatter of the layers about the line; they take
        layers as independent, which layers of the same networks are not. In a resample, a layer
        that misses the target counts as infinitely late. NaN with fewer than two layers.

    References
    ----------
    Section 4 of the paper: "the change in delay across network depths appears largely constant".
    """
    rows = []
    for hidden, seeds, epochs, keys, values in cubes(layers, "layer", column):
        estimate, draws = bootstrap.draw(_mean_reach(values, epochs, target), len(seeds))
        reached = np.flatnonzero(np.isfinite(estimate[1]))
        half = (len(reached) + 1) // 2
        segments = {
            "all": reached,
            "shallow": reached[:half],
            "deep": reached[len(reached) - half :],
        }
        slopes = {}
        for name, chosen in segments.items():
            x, y = keys[chosen], np.vstack([estimate[1], draws[:, 1]])[:, chosen]
            slopes[name] = theil_sen(x, y)
            scatter = stats.theilslopes(y[0], x, 0.95)[2:] if len(x) > 2 else (np.nan, np.nan)
