"""Research question 2: how strongly does a layer's accuracy go with the whole network's?

A layer's accuracy is paired with the accuracy of the readout of a network, seed by seed and epoch
by epoch. Both rise as training goes on, so any two learning curves correlate; the analyses here
differ in how much of that shared progress they take out. The estimand of each is given for one
(hidden, depth, layer): layer `layer` of a network with `depth` layers of `hidden` units.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ff.errors import RecordsError
from ff.stats.coefficients import (
    COEFFICIENTS,
    Statistic,
    coefficients,
    fisher_mean,
    of_gains,
    of_lagged_gains,
    within_epochs,
    within_range,
)
from ff.stats.cubes import cubes
from ff.stats.intervals import FISHER, jackknife, leave_one_out, theil_sen

__all__ = [
    "STRONG",
    "by_span",
    "depth_trend",
    "first_differences",
    "lagged",
    "matched",
    "partial",
    "pooled",
    "within_epoch",
]

STRONG = 0.7  # section 2 of the paper: a greater absolute value is a strong correlation


def _pairs(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str,
    overall: str,
    analysis: Callable[[np.ndarray, np.ndarray], Statistic],
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """For each width and coefficient: labels of P pairs, `leave_one_out` of them (1 + seeds, P)."""
    networks = {network.hidden: network for network in cubes(readouts, "depth", overall)}
    for cube in cubes(layers, "layer", column):
        network = networks.get(cube.hidden)
        if network is None or not np.array_equal(network.seeds, cube.seeds):
            raise RecordsError(
                f"layers and readouts of hidden {cube.hidden} are not of the same seeds, "
                "take both from the same records"
            )
        epochs, at, there = np.intersect1d(cube.epochs, network.epochs, return_indices=True)
        depth, layer = np.nonzero(network.keys[:, None] >= cube.keys)  # a network ends at its depth
        statistic = analysis(cube.values[:, at], network.values[:, there])
        values = leave_one_out(statistic, len(cube.seeds))
        for i, coefficient in enumerate(COEFFICIENTS):
            labels = pd.DataFrame(
                {
                    "hidden": cube.hidden,
                    "depth": network.keys[depth],
                    "layer": cube.keys[layer],
                    "coefficient": coefficient,
                    "seeds": len(cube.seeds),
                    "epochs": len(epochs),
                }
            )
            yield labels, values[:, i, layer, depth]


def _table(pairs: Iterator[tuple[pd.DataFrame, np.ndarray]]) -> pd.DataFrame:
    """Estimates with intervals, signed and absolute."""
    tables = []
    for labels, values in pairs:
        found = jackknife(values, FISHER)
        r, low, high = values[0], found.low, found.high
        weak, strong = np.minimum(abs(low), abs(high)), np.maximum(abs(low), abs(high))
        weak = np.where(low * high < 0, 0.0, weak)  # an interval that holds 0 on both sides
        signed = {"r": r, "low": low, "high": high}
        strength = {"strength": abs(r), "strength_low": weak, "strength_high": strong}
        tables.append(labels.assign(**signed, **strength))
    return pd.concat(tables, ignore_index=True)


def pooled(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
) -> pd.DataFrame:
    """Correlate over all pairs of seed and epoch, as the paper does.

    Estimand: the correlation of a layer's accuracy with its network's over every seed and epoch.

    Parameters
    ----------
    layers, readouts
        The tables of `ff.Records`.
    column
        What counts as a layer's accuracy.
    overall
        What counts as the network's: a column of `readouts`.

    Returns
    -------
    DataFrame
        One row per (hidden, depth, layer, coefficient): hidden, depth, layer, coefficient
        ("pearson" or "spearman"), seeds, epochs, r, low, high, strength, strength_low,
        strength_high. `r` is signed, with an interval that leaves out seeds and is symmetric on
        Fisher's scale; `strength` is its absolute value with that of the same interval. NaN where
        an accuracy is constant; intervals are NaN with one seed.

    Raises
    ------
    RecordsError
        If a table is not a complete grid for each width, or the two do not belong together.

    References
    ----------
    Section 3 and Figure 5 of the paper: 30 seeds and 30 epochs make 900 pairs.
    """
    return _table(_pairs(layers, readouts, column, overall, coefficients))


def within_epoch(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
) -> pd.DataFrame:
    """Correlate across seeds at one epoch, and average over epochs.

    Estimand: the correlation over seeds at equal training time, as the mean of Fisher's z over
    epochs with equal weights, turned back into a correlation.

    Epochs at which either accuracy is the same in all seeds are left out. A perfect correlation
    has an infinite z and counts as 0.999999.

    Parameters and result are those of `pooled`. With two seeds there is no interval: without
    either one, a single seed is left, which correlates with nothing.
    """
    return _table(_pairs(layers, readouts, column, overall, fisher_mean))


def partial(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
) -> pd.DataFrame:
    """Correlate over all pairs of seed and epoch, given the epoch.

    Estimand: the correlation of what is left of both accuracies when each epoch's mean over seeds
    is subtracted.

    The epoch is a categorical covariate: progress of any shape is removed, not only a linear one.
    Spearman's coefficient does the same to the ranks among all pairs. Unlike in `within_epoch`,
    epochs count by how much the seeds differ at them.

    Parameters and result are those of `pooled`.
    """
    return _table(_pairs(layers, readouts, column, overall, within_epochs))


def first_differences(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
) -> pd.DataFrame:
    """Correlate the gains from one measured epoch to the next.

    Estimand: the correlation over every seed and epoch of a layer's gain in accuracy with its
    network's gain.

    This removes the level of accuracy, but not the shape of the curves: accuracies that rise at the
    same epochs still correlate, and those that take turns correlate negatively.

    Parameters and result are those of `pooled`; `epochs` counts the epochs between which the
    gains are taken.
    """
    return _table(_pairs(layers, readouts, column, overall, of_gains))


def lagged(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    longest: int | None = None,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
) -> pd.DataFrame:
    """Correlate a layer's gains with its network's gains of some epochs before.

    Estimand: the correlation over every seed and epoch of a layer's gain in accuracy with its
    network's gain `lag` epochs earlier.

    If a layer only repeats later what the network did, its correlation is small at lag 0 and
    great at its delay. All lags are compared on the same gains of the network, the early ones that
    have a gain of the layer at every lag.

    Parameters
    ----------
    layers, readouts, column, overall
        As in `pooled`.
    longest
        Greatest number of measured epochs by which the layer follows the network; by default half
        of those between which gains are taken.

    Returns
    -------
    DataFrame
        That of `pooled`, with the first column `lag`, from 0 to the longest.
    """
    gains = len(np.unique(layers["epoch"])) - 1
    most = gains // 2 if longest is None else longest
    tables = []
    for lag in range(most + 1):
        analysis = functools.partial(of_lagged_gains, lag=lag, longest=most)
        table = _table(_pairs(layers, readouts, column, overall, analysis))
        table.insert(0, "lag", lag)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def matched(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    low: float,
    high: float,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
) -> pd.DataFrame:
    """Correlate over the pairs of seed and epoch at which the network is equally accurate.

    Estimand: the correlation of a layer's accuracy with its network's over every seed and epoch at
    which the network's accuracy lies in a range.

    Parameters
    ----------
    layers, readouts, column, overall
        As in `pooled`.
    low, high
        The range, both ends included.

    Returns
    -------
    DataFrame
        That of `pooled`, with the column `pairs`, the number of pairs in the range; `epochs`
        counts those that the records have.

    References
    ----------
    Section 5 of the paper: "the influence of overall model accuracy on correlation strength is not
    evaluated and may be a confounding variable".
    """
    analysis = functools.partial(within_range, low=low, high=high)
    table = _table(_pairs(layers, readouts, column, overall, analysis))
    inside = readouts.loc[readouts[overall].between(low, high)]
    pairs = inside.groupby(["hidden", "depth"]).size().rename("pairs")
    table = table.merge(pairs.reset_index(), on=["hidden", "depth"], how="left")
    return table.fillna({"pairs": 0}).astype({"pairs": int})


def depth_trend(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
) -> pd.DataFrame:
    """Change in the strength of the pooled correlation from one layer to the next.

    Estimand: the Theil-Sen slope of a layer's absolute pooled correlation over its number.

    Parameters
    ----------
    layers, readouts, column, overall
        As in `pooled`.

    Returns
    -------
    DataFrame
        One row per (hidden, depth, coefficient): hidden, depth, coefficient, seeds, slope, low,
        high.
        Negative if deeper layers correlate less. A seed is left out of all layers at once, so
        that what they have in common cancels. Layers without a correlation are left out.

    References
    ----------
    Research Question 2, Hypothesis 3 of the paper.
    """
    rows = []
    for labels, values in _pairs(layers, readouts, column, overall, coefficients):
        for depth in labels["depth"].unique():
            own = labels["depth"] == depth
            slopes = theil_sen(labels["layer"].to_numpy()[own], abs(values[:, own]))
            found, first = jackknife(slopes), labels.iloc[0]
            key = (first["hidden"], depth, first["coefficient"], first["seeds"])
            rows.append((*key, slopes[0], float(found.low), float(found.high)))
    columns = ["hidden", "depth", "coefficient", "seeds", "slope", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def by_span(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    analysis: Callable[..., pd.DataFrame] = pooled,
    spans: Sequence[tuple[int, int]] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Repeat an analysis on several spans of epochs.

    Estimand: that of the analysis, as a function of the epochs that enter it.

    Parameters
    ----------
    layers, readouts
        The tables of `ff.Records`.
    analysis
        Any other function of this module.
    spans
        First and last epoch of each span, both included; by default from 1 to 5, 10, 15, ... and
        the last epoch.
    **options
        Passed on to the analysis.

    Returns
    -------
    DataFrame
        The tables of the analysis below each other, with first columns `first_epoch` and
        `last_epoch`.

    References
    ----------
    Section 5 of the paper: the relationship "may be different depending on the number of epochs
    or span of epochs evaluated".
    """
    if spans is None:
        final = int(np.max(layers["epoch"]))
        spans = [(1, last) for last in [*range(5, final, 5), final]]
    tables = []
    for first, last in spans:
        part = [frame[frame["epoch"].between(first, last)] for frame in (layers, readouts)]
        table = analysis(*part, **options)
        table.insert(0, "first_epoch", first)
        table.insert(1, "last_epoch", last)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
