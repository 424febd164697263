"""What a chapter's tables say, in a sentence or two for each width."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import Html, paragraphs
from ff.stats.delay import TARGET

__all__ = ["correlations", "delays"]


def delays(delay: pd.DataFrame, slope: pd.DataFrame) -> Html:
    """Which layers reach the target and when, and what a further layer costs.

    Parameters
    ----------
    delay
        Result of `ff.delay.mean_delay` at its default target.
    slope
        Result of `ff.delay.slope` of the same layers.
    """
    return paragraphs(_delays(own, slope) for own in _widths(delay))


def correlations(pooled: pd.DataFrame, within: pd.DataFrame) -> Html:
    """How the correlation with the deepest network falls with depth, also within epochs.

    Parameters
    ----------
    pooled, within
        Results of `ff.correlation.pooled` and `within_epoch` of the same layers.
    """
    return paragraphs(_correlations(own, within) for own in _widths(pooled))


def _widths(table: pd.DataFrame) -> Iterable[pd.DataFrame]:
    return (own for _, own in table.groupby("hidden"))


def _delays(delay: pd.DataFrame, slope: pd.DataFrame) -> str:
    there = delay.loc[~delay["censored"]]
    first: Any = delay.iloc[0]
    text = f"{_whose(delay)} {len(there)} of {len(delay)} layers reach {TARGET} "
    text += f"within {first['last_epoch']} epochs"
    if len(there):
        text += ": " + " and ".join(
            f"layer {row['layer']} after {row['crossing']:.1f}"
            for _, row in there.iloc[sorted({0, len(there) - 1})].iterrows()
        )
    parts: Any = slope.loc[slope["hidden"] == first["hidden"]].set_index("segment")
    if np.isfinite(parts["slope"]["all"]):
        row = parts.loc["all"]
        text += f". A further layer adds {row['slope']:.2f} epochs"
        if np.isfinite(row["low"]):
            text += f" [{row['low']:.2f}, {row['high']:.2f}]"
    halves = parts["slope"][["shallow", "deep"]]
    if np.isfinite(halves).all():
        text += (
            f": {halves['shallow']:.2f} in the shallower half, {halves['deep']:.2f} in the deeper"
        )
    return text + "."


def _correlations(pooled: pd.DataFrame, within: pd.DataFrame) -> str:
    depth = int(np.max(pooled["depth"]))
    deepest = pooled.loc[pooled["depth"] == depth]
    r = deepest.pivot_table(index="layer", columns="coefficient", values="r")
    text = (
        f"{_whose(pooled)} over all pairs, Pearson's r with the accuracy of the network of {depth} "
        f"layers is {r['pearson'].iloc[0]:.2f} in layer 1 and {r['pearson'].iloc[-1]:.2f} in layer "
        f"{depth}; Spearman's ρ is {r['spearman'].iloc[0]:.2f} and {r['spearman'].iloc[-1]:.2f}"
    )
    own = within.loc[within["hidden"] == pooled["hidden"].iloc[0]]
    left = own.query("depth == @depth and coefficient == 'pearson'").set_index("layer")
    if np.isfinite(left["r"]).all():
        first, second = map(_with_interval, left.head(2).to_dict("records"))
        text += f". Between the seeds of one epoch r is {first} in layer 1 and {second} in layer 2"
        if depth > 2:
            text += f", and {left['r'].iloc[2:].mean():.2f} on average in those above"
    return text + "."


def _with_interval(row: dict[Any, Any]) -> str:
    interval = f" [{row['low']:.2f}, {row['high']:.2f}]" if np.isfinite(row["low"]) else ""
    return f"{row['r']:.2f}{interval}"


def _whose(table: pd.DataFrame) -> str:
    first: Any = table.iloc[0]
    seeds = f"{first['seeds']} seed{'s' if first['seeds'] > 1 else ''}"
    return f"<b>{first['hidden']} units</b> ({seeds}):"
