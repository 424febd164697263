"""What the sections on correlation show, in a sentence or two for each width."""

from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import MINUS, Html, estimate, layer_numbers, listed, number, paragraphs
from ff.book.summary.shared import deepest, sign_of, whose, widths
from ff.stats.correlation import STRONG

__all__ = [
    "confounder",
    "correlations",
    "following",
    "kinds",
    "matched",
    "strong",
    "trends",
    "within",
]


def correlations(pooled: pd.DataFrame, within: pd.DataFrame) -> Html:
    """How the correlation with the deepest network falls with depth, also within epochs.

    Parameters
    ----------
    pooled, within
        Results of `ff.correlation.pooled` and `within_epoch` of the same layers.
    """
    return paragraphs(_correlations(own, within) for own in widths(pooled))


def strong(pooled: pd.DataFrame) -> Html:
    """How many layers of the deepest network correlate strongly, by either coefficient.

    Parameters
    ----------
    pooled
        Result of `ff.correlation.pooled`.
    """

    def text(own: pd.DataFrame) -> str:
        depth = int(np.max(own["depth"]))
        rows = own.loc[own["depth"] == depth]
        beyond = rows["strength_low"] > STRONG
        parts = [
            f"{count} of {depth} layers by {str(kind).capitalize()}'s coefficient"
            for kind, count in beyond.groupby(rows["coefficient"]).sum().items()
        ]
        return (
            f"{whose(own)} in the network of {depth} layers the whole interval lies beyond "
            f"{STRONG} in {listed(parts)}."
        )

    return paragraphs(text(own) for own in widths(pooled))


def trends(trend: pd.DataFrame) -> Html:
    """In which networks deeper layers correlate less, and in which more.

    Parameters
    ----------
    trend
        Result of `ff.correlation.depth_trend`.
    """

    def text(own: pd.DataFrame) -> str:
        parts = []
        for kind, rows in own.groupby("coefficient"):
            signs = list(map(sign_of, rows["low"], rows["high"]))
            told = []
            for word, found in (("less", -1), ("more", 1), ("undecided", 0)):
                depths = [
                    str(depth)
                    for depth, sign in zip(rows["depth"], signs, strict=True)
                    if sign == found
                ]
                told += [f"{word} in networks of {listed(depths)} layers"] if depths else []
            parts.append(f"by {str(kind).capitalize()}'s coefficient, {', '.join(told)}")
        return f"{whose(own)} deeper layers correlate, {'; '.join(parts)}."

    return paragraphs(text(own) for own in widths(trend))


def kinds(tables: dict[str, pd.DataFrame]) -> Html:
    """In which layers of the deepest network a correlation is left, by what is removed.

    Parameters
    ----------
    tables
        Results of analyses of `ff.correlation`, by their names.
    """
    table = pd.concat(tables, names=["kind"]).reset_index("kind")

    def text(own: pd.DataFrame) -> str:
        rows = deepest(own)
        parts = []
        for kind, found in rows.groupby("kind", sort=False):
            above = found.loc[found["low"] > 0, "layer"].tolist()
            below = found.loc[found["high"] < 0, "layer"].tolist()
            told = [
                f"{word} in {layer_numbers(numbers)}"
                for word, numbers in (("positive", above), ("negative", below))
                if numbers
            ]
            parts.append(f"{kind}, {' and '.join(told) or 'no interval leaves out 0'}")
        return f"{whose(own)} {'; '.join(parts)} (Pearson, 95 % intervals, each layer alone)."

    return paragraphs(text(own) for own in widths(table))


def matched(tables: dict[str, pd.DataFrame]) -> Html:
    """The mean strength over layers of each width, where networks are equally accurate.

    Parameters
    ----------
    tables
        Results of `ff.correlation.pooled` and `ff.correlation.matched`, by their names.
    """
    texts = []
    for name, table in tables.items():
        rows = deepest(table)
        means: Any = rows.groupby("hidden")["strength"].mean()
        pairs = rows.groupby("hidden")["pairs"].first() if "pairs" in rows else {}
        told = [
            f"{mean:.2f} at width {width}" + (f" ({pairs[width]} pairs)" if len(pairs) else "")
            for width, mean in means.items()
            if mean == mean
        ]
        texts.append(f"{name}, {listed(told) if told else 'none'}")
    return paragraphs([f"Mean |r| of the layers: over {'; over '.join(texts)}."])


def within(table: pd.DataFrame) -> Html:
    """What is left within epochs in the network of each depth.

    Parameters
    ----------
    table
        Result of `ff.correlation.within_epoch`.
    """

    def text(own: pd.DataFrame) -> str:
        rows = own.loc[own["coefficient"] == "pearson"]
        parts = [
            f"{found['r'].mean():.2f} in that of {depth} layers".replace("-", MINUS)
            for depth, found in rows.groupby("depth")
            if found["r"].notna().any()
        ]
        if not parts:
            return f"{whose(own)} within epochs, there is nothing to correlate."
        return (
            f"{whose(own)} the mean r of the layers within epochs is, by network, {listed(parts)}."
        )

    return paragraphs(text(own) for own in widths(table))


def confounder(varied: pd.DataFrame) -> Html:
    """Whether width weakens the correlation also where networks are equally accurate.

    Parameters
    ----------
    varied
        Result of `ff.stats.robustness.robustness`.
    """
    rows = varied.loc[(varied["key"] == "width-weakens") & (varied["kind"] == "overall accuracy")]
    parts = []
    for row in rows.to_dict("records"):
        difference = estimate(row["value"], row["low"], row["high"])
        parts.append(f"{difference} at {row['variation']} ({row['verdict']})")
    if not parts:
        return paragraphs(["The widths were not both measured."])
    return paragraphs(
        [
            "That width weakens the correlation (mean of the layers at width 1000 minus that at "
            f"width 100) is, by overall accuracy: {listed(parts)}. Over all pairs it is "
            f"{rows['main'].iloc[0]}."
        ]
    )


def following(lagged: pd.DataFrame) -> Html:
    """At which lag the gains of a layer correlate most with the network's.

    Parameters
    ----------
    lagged
        Result of `ff.correlation.lagged`, of one depth of networks.
    """

    def text(own: pd.DataFrame) -> str:
        rows = own.loc[own["coefficient"] == "pearson"]
        parts = []
        for layer, found in rows.groupby("layer"):
            if int(str(layer)).bit_count() == 1 and (found["low"] > 0).any():
                best: Any = found.loc[found["r"].idxmax()]
                zero = found.loc[found["lag"] == 0, "r"].item()
                parts.append(
                    f"{number(best['r'])} in layer {layer} at lag {number(best['lag'])} "
                    f"({number(zero)} at lag 0)"
                )
        if not parts:
            return f"{whose(own)} no layer has an interval above 0 at any lag."
        return (
            f"{whose(own)} over lags of 0 to {rows['lag'].max()} epochs, the greatest correlation "
            f"of a layer's gains with the network's is {listed(parts)}. A layer without an "
            "interval above 0 is left out; at the longest lag the true maximum may lie beyond."
        )

    return paragraphs(text(own) for own in widths(lagged))


def _correlations(pooled: pd.DataFrame, within: pd.DataFrame) -> str:
    depth = int(np.max(pooled["depth"]))
    r = pooled.loc[pooled["depth"] == depth].pivot(index="layer", columns="coefficient", values="r")
    (pearson, pearson_last), (spearman, spearman_last) = (
        [f"{value:.2f}" if np.isfinite(value) else "undefined" for value in r[name].iloc[[0, -1]]]
        for name in ("pearson", "spearman")
    )
    text = (
        f"{whose(pooled)} over all pairs, Pearson's r with the accuracy of the network of {depth} "
        f"layers is {pearson} in layer 1 and {pearson_last} in layer {depth}; Spearman's ρ is "
        f"{spearman} and {spearman_last}"
    )
    own = within.loc[within["hidden"] == pooled["hidden"].iloc[0]]
    left = deepest(own).set_index("layer")
    if np.isfinite(left["r"]).all() and len(left) > 1:
        first, second = map(_with_interval, left.head(2).to_dict("records"))
        text += f". Between the seeds of one epoch r is {first} in layer 1 and {second} in layer 2"
        if depth > 2:
            text += f", and {left['r'].iloc[2:].mean():.2f} on average in those above"
    return text.replace("-", MINUS) + "."


def _with_interval(row: dict[Any, Any]) -> str:
    interval = f" [{row['low']:.2f}, {row['high']:.2f}]" if np.isfinite(row["low"]) else ""
    return f"{row['r']:.2f}{interval}"
