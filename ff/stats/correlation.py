"""Research question 2: how strongly does a layer's accuracy go with the whole network's?

A layer's accuracy is paired with the accuracy of the readout of a network, seed by seed and epoch
by epoch. Both rise as training goes on, so any two learning curves correlate; the analyses here
differ in how much of that shared progress they take out. The estimand of each is given for one
(hidden, depth, layer): layer `layer` of a network with `depth` layers of `hidden` units.
"""

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
    within_epochs,
)
from ff.stats.resampling import Bootstrap, cubes, theil_sen

__all__ = [
    "STRONG",
    "by_span",
    "depth_trend",
    "first_differences",
    "partial",
    "pooled",
    "within_epoch",
]

STRONG = 0.7  # section 2 of the paper: a greater absolute value is a strong correlation
POINTS = 10  # fewest seeds for an interval of a correlation between them


def _pairs(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str,
    overall: str,
    bootstrap: Bootstrap,
    analysis: Callable[[np.ndarray, np.ndarray], Statistic],
) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]]:
    """For each width and coefficient: labels of P pairs, estimates (P,), draws (resamples, P)."""
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
        estimate, draws = bootstrap.draw(statistic, len(cube.seeds))
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
            yield labels, estimate[i, layer, depth], draws[:, i, layer, depth]


def _table(
    pairs: Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]], bootstrap: Bootstrap
) -> pd.DataFrame:
    """Estimates with intervals, signed and absolute."""
    tables = []
    for labels, r, draws in pairs:
        low, high = bootstrap.interval(draws)
        weak, strong = bootstrap.interval(abs(draws))
        values = {"r": r, "low": low, "high": high}
        values |= {"strength": abs(r), "strength_low": weak, "strength_high": strong}
        tables.append(labels.assign(**values))
    return pd.concat(tables, ignore_index=True)


def pooled(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
    bootstrap: Bootstrap = Bootstrap(),
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
    bootstrap
        How seeds are resampled for the intervals.

    Returns
    -------
    DataFrame
        One row per (hidden, depth, layer, coefficient): hidden, depth, layer, coefficient
        ("pearson" or "spearman"), seeds, epochs, r, low, high, strength, strength_low,
        strength_high. `r` is signed and `strength` is its absolute value, each with its own
        percentile interval. NaN where an accuracy is constant; intervals are NaN with one seed.

    Raises
    ------
    RecordsError
        If a table is not a complete grid for each width, or the two do not belong together.

    References
    ----------
    Section 3 and Figure 5 of the paper: 30 seeds and 30 epochs make 900 pairs.
    """
    return _table(_pairs(layers, readouts, column, overall, bootstrap, coefficients), bootstrap)


def within_epoch(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
    bootstrap: Bootstrap = Bootstrap(),
) -> pd.DataFrame:
    """Correlate across seeds at one epoch, and average over epochs.

    Estimand: the correlation over seeds at equal training time, as the mean of Fisher's z over
    epochs with equal weights, turned back into a correlation.

    Epochs at which either accuracy is the same in all seeds are left out. A perfect correlation
    has an infinite z and counts as 0.999999.

    Parameters and result are those of `pooled`. With fewer than ten seeds there is no interval: so
    few points say little, and a tenth of the resamples of five seeds hold only two different ones,
    which always correlate perfectly.
    """
    table = _table(_pairs(layers, readouts, column, overall, bootstrap, fisher_mean), bootstrap)
    ends = ["low", "high", "strength_low", "strength_high"]
    table[ends] = table[ends].where(table["seeds"] >= POINTS)
    return table


def partial(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
    bootstrap: Bootstrap = Bootstrap(),
) -> pd.DataFrame:
    """Correlate over all pairs of seed and epoch, given the epoch.

    Estimand: the correlation of what is left of both accuracies when each epoch's mean over seeds
    is subtracted.

    The epoch is a categorical covariate: progress of any shape is removed, not only a linear one.
    Spearman's coefficient does the same to the ranks among all pairs. Unlike in `within_epoch`,
    epochs count by how much the seeds differ at them.

    Parameters and result are those of `pooled`.
    """
    return _table(_pairs(layers, readouts, column, overall, bootstrap, within_epochs), bootstrap)


def first_differences(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
    bootstrap: Bootstrap = Bootstrap(),
) -> pd.DataFrame:
    """Correlate the gains from one measured epoch to the next.

    Estimand: the correlation over every seed and epoch of a layer's gain in accuracy with its
    network's gain.

    This removes the level of accuracy, but not the shape of the curves: accuracies that rise at the
    same epochs still correlate, and those that take turns correlate negatively.

    Parameters and result are those of `pooled`; `epochs` counts the epochs between which the
    gains are taken.
    """
    return _table(_pairs(layers, readouts, column, overall, bootstrap, of_gains), bootstrap)


def depth_trend(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    overall: str = "train_accuracy",
    bootstrap: Bootstrap = Bootstrap(),
) -> pd.DataFrame:
    """Change in the strength of the pooled correlation from one layer to the next.

    Estimand: the Theil-Sen slope of a layer's absolute pooled correlation over its number.

    Parameters
    ----------
    layers, readouts, column, overall, bootstrap
        As in `pooled`.

    Returns
    -------
    DataFrame
        One row per (hidden, depth, coefficient): hidden, depth, coefficient, seeds, slope, low,
        high.
        Negative if deeper layers correlate less. All layers share each resample of the seeds,
        so what they have in common cancels. Layers without a correlation are left out.

    References
    ----------
    Research Question 2, Hypothesis 3 of the paper.
    """
    rows = []
    for labels, r, draws in _pairs(layers, readouts, column, overall, bootstrap, coefficients):
        strength = abs(np.vstack([r, draws]))  # the data first, then the resamples
        for depth in labels["depth"].unique():
            own = labels["depth"] == depth
            slopes = theil_sen(labels["layer"].to_numpy()[own], strength[:, own])
            first = labels.iloc[0]
            key = (first["hidden"], depth, first["coefficient"], first["seeds"])
            rows.append((*key, slopes[0], *bootstrap.interval(slopes[1:])))
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
