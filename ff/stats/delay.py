"""Research question 1: how much later does a deeper layer learn?

A layer's delay is the epoch at which its accuracy reaches a target, 0.7 in the paper (sections 2
and 3, Figure 4). A layer that has not reached it when training ends is right-censored: its delay
is NaN in an estimate, and counts as infinite, later than any epoch, in an interval.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ff.errors import ConfigError
from ff.stats.cubes import cubes
from ff.stats.intervals import LEVEL, jackknife, leave_one_out, mean_band, theil_sen

__all__ = [
    "TARGET",
    "TARGETS",
    "delay_of_mean",
    "mean_delay",
    "reach_of_mean",
    "seed_delays",
    "sensitivity",
    "slope",
    "slopes_of_delays",
]

TARGET = 0.7
TARGETS = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


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


def reach_of_mean(
    values: np.ndarray, epochs: np.ndarray, target: float
) -> Callable[[np.ndarray], np.ndarray]:
    """Delay of the mean trace, as a statistic that `leave_one_out` takes.

    Parameters
    ----------
    values
        Accuracy, shape (seeds, epochs, layers).
    epochs
        The epochs' numbers, shape (epochs,).
    target
        Accuracy to reach, between 0 and 1.

    Returns
    -------
    Callable
        From weights, shape (batch, seeds), to first epoch and interpolated crossing, shape
        (batch, 2, layers), infinite where the target is never reached.
    """
    if not 0 <= target <= 1:
        raise ConfigError(f"target must be an accuracy from 0 to 1 but got {target!r}")

    def statistic(weights: np.ndarray) -> np.ndarray:
        shares = weights / weights.sum(axis=1, keepdims=True)
        traces = np.tensordot(shares, values, axes=1)  # (batch, epochs, layers)
        return np.stack(_reach(traces.swapaxes(1, 2), epochs, target), axis=1)

    return statistic


def delay_of_mean(
    values: np.ndarray, epochs: np.ndarray, target: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Delay of the mean trace, and the interval of epochs at which the mean may be at the target.

    Parameters
    ----------
    values, epochs, target
        As in `reach_of_mean`.

    Returns
    -------
    delay, low, high
        First epoch and interpolated crossing, shape (2, layers), infinite where the target is
        never reached. `low` is where the upper end of the mean's interval reaches the target,
        `high` where the lower end does. NaN with a single seed.
    """
    delay, high, low = (np.stack(_reach(end.T, epochs, target)) for end in mean_band(values))
    unknown = np.full_like(delay, np.nan)
    return (delay, low, high) if len(values) > 1 else (delay, unknown, unknown)


def slopes_of_delays(layers: np.ndarray, delays: np.ndarray) -> dict[str, np.ndarray]:
    """Theil-Sen slopes of delays over the layers that reach the target, and over their halves.

    Which layers these are is found anew in each row.

    Parameters
    ----------
    layers
        The layers' numbers, shape (layers,).
    delays
        Shape (batch, layers), infinite where the target is not reached.

    Returns
    -------
    dict
        Each of shape (batch,): "all", "shallow" and "deep" (an odd number's halves share the
        middle layer), "change" (deep minus shallow) and "ratio" (deep over shallow). NaN with fewer
        than two layers.
    """
    slopes = np.empty((3, len(delays)))
    ways, way = np.unique(np.isfinite(delays), axis=0, return_inverse=True)
    for i, reached in enumerate(ways):  # the same layers in most rows
        rows = way.reshape(-1) == i
        x, y = layers[reached], delays[rows][:, reached]
        slopes[:, rows] = [theil_sen(x[part], y[:, part]) for part in _halves(len(x)).values()]
    whole, shallow, deep = slopes
    with np.errstate(invalid="ignore", divide="ignore"):  # 0/0
        change, ratio = deep - shallow, deep / shallow
    return {"all": whole, "shallow": shallow, "deep": deep, "change": change, "ratio": ratio}


def _halves(layers: int) -> dict[str, slice]:
    """All of some layers, and their halves; those of an odd number share the middle one."""
    half = (layers + 1) // 2
    return {"all": slice(None), "shallow": slice(half), "deep": slice(layers - half, None)}


def _finite(delays: np.ndarray) -> np.ndarray:
    """Write a delay that was not observed as NaN."""
    return np.where(np.isfinite(delays), delays, np.nan)


def mean_delay(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
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

    Returns
    -------
    DataFrame
        One row per (hidden, layer): hidden, layer, epoch, epoch_low, epoch_high, crossing,
        crossing_low, crossing_high, censored, last_epoch, seeds. `epoch` is the first measured
        epoch at or above the target, `crossing` the linear interpolation between it and the
        measured epoch before; both are that first epoch if the trace starts above the target.
        An interval holds the epochs at which the mean accuracy may be the target: it begins where
        the upper end of the mean's 95 % interval (Student's t over seeds) reaches the target, and
        ends where the lower end does, which is infinite if that lies beyond `last_epoch`. It is NaN
        with a single seed.

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
        mean, low, high = delay_of_mean(values, epochs, target)
        table: dict[str, Any] = {"hidden": hidden, "layer": keys}
        for i, name in enumerate(["epoch", "crossing"]):
            table |= {name: _finite(mean[i]), f"{name}_low": low[i], f"{name}_high": high[i]}
        table |= {"censored": np.isinf(mean[0]), "last_epoch": epochs[-1], "seeds": len(seeds)}
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


def slope(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
) -> pd.DataFrame:
    """Epochs of delay that each further layer adds.

    Estimand: the Theil-Sen slope, in epochs per layer, of the mean trace's interpolated delay over
    the layers whose mean trace reaches the target at all.

    Parameters
    ----------
    layers, target, column
        As in `mean_delay`.

    Returns
    -------
    DataFrame
        Five rows per hidden: hidden, segment, seeds, first_layer, last_layer, slope, low, high,
        scatter_low, scatter_high. Segment "all" is every such layer, "shallow" and "deep" are its
        halves (which share the middle layer of an odd number). "change" is deep minus shallow, and
        "ratio" deep over shallow: 0 and 1 if the delay per layer is constant over depth. `low` and
        `high` leave out seeds and are the interval to report: what another set of seeds would
        give. `scatter_low` and `scatter_high` are scipy's, from the scatter of the layers about the
        line; they take layers as independent, which layers of the same networks are not. Which
        layers reach the target is found anew without each seed. NaN with fewer than two layers.
        Layers already there at the first epoch share one delay, which flattens the slope.

    References
    ----------
    Section 4 of the paper: "the change in delay across network depths appears largely constant".
    """
    from scipy.stats import theilslopes  # scipy.stats takes a second: only where it is used

    rows = []
    for hidden, seeds, epochs, keys, values in cubes(layers, "layer", column):
        delays = leave_one_out(reach_of_mean(values, epochs, target), len(seeds))[:, 1]
        reached = np.isfinite(delays[0])
        x, y = keys[reached], delays[0, reached]
        parts = _halves(len(x))
        for name, values in slopes_of_delays(keys, delays).items():
            own, scatter = x[parts.get(name, slice(None))], (np.nan, np.nan)
            if name in parts and len(own) > 2:
                scatter = theilslopes(y[parts[name]], own, LEVEL)[2:]
            ends = (own[0], own[-1]) if len(own) else (np.nan, np.nan)
            found = jackknife(values)
            interval = float(found.low), float(found.high), *scatter
            rows.append((hidden, name, len(seeds), *ends, values[0], *interval))
    columns = ["hidden", "segment", "seeds", "first_layer", "last_layer", "slope", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "scatter_low", "scatter_high"])


def sensitivity(
    layers: pd.DataFrame,
    analysis: Callable[..., pd.DataFrame] = mean_delay,
    targets: Sequence[float] = TARGETS,
    **options: Any,
) -> pd.DataFrame:
    """Repeat an analysis of delay for several targets.

    Estimand: that of the analysis, as a function of the target accuracy.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    analysis
        `mean_delay`, `seed_delays`, `slope`, or a function of `ff.survival`.
    targets
        Accuracies to reach, between 0 and 1.
    **options
        Passed on to the analysis.

    Returns
    -------
    DataFrame
        The tables of the analysis below each other, with the first column `target`.
    """
    tables = []
    for target in targets:
        table = analysis(layers, target, **options)
        table.insert(0, "target", target)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
