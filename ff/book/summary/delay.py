"""What the sections on delay show, in a sentence or two for each width: all of it is computed."""

from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import (
    MINUS,
    Html,
    estimate,
    layer_numbers,
    listed,
    number,
    p_value,
    paragraphs,
)
from ff.book.summary.shared import name, whose, widths
from ff.stats.claims import CLAIMS
from ff.stats.delay import TARGET

__all__ = [
    "by_target",
    "compared",
    "constancy",
    "delays",
    "medians",
    "orders",
]

CONSTANT = next(claim for claim in CLAIMS if claim.key == "constant-change")
PLACES = {
    "supported": "lies within",
    "not supported": "lies outside",
    "undecided": "reaches beyond",
}


def delays(delay: pd.DataFrame, slope: pd.DataFrame) -> Html:
    """Which layers reach the target and when, and what a further layer costs.

    Parameters
    ----------
    delay
        Result of `ff.delay.mean_delay` at its default target.
    slope
        Result of `ff.delay.slope` of the same layers.
    """
    return paragraphs(_delays(own, slope) for own in widths(delay))


def medians(means: pd.DataFrame, medians: pd.DataFrame) -> Html:
    """How far the median over seeds is from the epoch of the mean trace.

    Parameters
    ----------
    means, medians
        Results of `ff.delay.mean_delay` and `ff.survival.median_delay` of the same layers.
    """

    def text(own: pd.DataFrame) -> str:
        apart: Any = abs(own["epoch"] - own["median"])
        if apart.isna().all():
            return f"{whose(own)} in no layer both half of the seeds and the mean reach {TARGET}."
        return (
            f"{whose(own)} {own['median'].notna().sum()} of {len(own)} layers reach {TARGET} in at "
            f"least half of the seeds; the mean over seeds reaches it in "
            f"{own['epoch'].notna().sum()}. Where both do, the epochs differ by at most "
            f"{apart.max():.0f}."
        )

    both = means.merge(medians[["hidden", "layer", "median"]], on=["hidden", "layer"])
    return paragraphs(text(own) for own in widths(both))


def orders(tests: pd.DataFrame) -> Html:
    """Whether the deeper of two layers is later in each seed.

    Parameters
    ----------
    tests
        Result of `ff.survival.sign_test`.
    """

    def text(own: pd.DataFrame) -> str:
        known = own.loc[own["later"] + own["earlier"] > 0]
        if known.empty:
            return f"{name(own)} no two layers can be compared."
        always = int(np.sum(known["earlier"] == 0))
        seeds = int((known["later"] + known["earlier"]).min())
        few = f"{seeds} seed{'s' if seeds > 1 else ''}"
        return (
            f"{name(own)} in {always} of {len(known)} comparisons the deeper layer is later in "
            f"every seed in which that is known. Adjusted by Holm, the greatest is "
            f"{p_value(known['p_holm'].max())}; with {few}, the fewest of a comparison, no "
            f"unadjusted p can be below {number(known['least_p'].max())}."
        )

    return paragraphs(text(own) for own in widths(tests))


def constancy(means: pd.DataFrame, ratios: pd.DataFrame) -> Html:
    """Whether the delay per layer is the same in the deeper half as in the shallower one.

    Parameters
    ----------
    means
        Result of `ff.delay.mean_delay`.
    ratios
        Rows of `ff.delay.slope` whose segment is "ratio", with the column `of`, which says what
        each is of.
    """

    def text(own: pd.DataFrame) -> str:
        there = own.dropna(subset="crossing")
        rows = ratios.loc[(ratios["hidden"] == own["hidden"].iloc[0]) & ratios["slope"].notna()]
        if len(there) < 3 or rows.empty:
            return f"{name(own)} too few layers reach {TARGET} for two slopes."
        r = np.corrcoef(there["layer"], there["crossing"])[0, 1]
        parts = [
            f"{estimate(row['slope'], row['low'], row['high'])} {row['of']}"
            for row in rows.to_dict("records")
        ]
        first = rows.iloc[0]
        text = f"{name(own)} the deeper half's slope over the shallower half's is {listed(parts)}."
        if not np.isnan(first["low"]):
            place = PLACES[CONSTANT.verdict(first["low"], first["high"])]
            text += f" The first interval {place} {CONSTANT.low} to {CONSTANT.high}, where the "
            text += "delay per layer counts as constant."
        return f"{text} A straight line through all delays has R² = {r**2:.2f}."

    return paragraphs(text(own) for own in widths(means))


def compared(means: pd.DataFrame) -> Html:
    """In which layers the second of two widths reaches the target earlier, and in which later.

    Parameters
    ----------
    means
        Result of `ff.delay.mean_delay`.
    """
    table: Any = means.assign(crossing=means["crossing"].fillna(np.inf)).pivot_table(
        index="layer", columns="hidden", values="crossing"
    )
    if table.shape[1] != 2:
        return Html("")
    narrow, wide = table.columns
    parts = [
        f"{word} in {layer_numbers(table.index[chosen])}"
        for word, chosen in (
            ("earlier", table[wide] < table[narrow]),
            ("later", table[wide] > table[narrow]),
        )
        if chosen.any()
    ]
    if not parts:
        return paragraphs(["No layer is earlier at one width than at the other."])
    neither: Any = np.isinf(table).all(axis=1)
    rest = f"; neither reaches it in {layer_numbers(table.index[neither])}" if neither.any() else ""
    return paragraphs([f"<b>{wide} units</b> reach {TARGET} {listed(parts)} than {narrow}{rest}."])


def by_target(slopes: pd.DataFrame) -> Html:
    """What a further layer costs at the lowest and the highest target.

    Parameters
    ----------
    slopes
        Result of `ff.delay.sensitivity` with `ff.delay.slope`.
    """

    def text(own: pd.DataFrame) -> str:
        rows = own.loc[(own["segment"] == "all") & own["slope"].notna()]
        if rows.empty:
            return f"{name(own)} no slope exists at any of these targets."
        ends = [_slope_at(row) for row in rows.iloc[[0, -1]].to_dict("records")]
        positive = int(np.sum(rows["low"] > 0))
        return (
            f"{name(own)} a further layer adds {listed(dict.fromkeys(ends))}. The interval lies "
            f"above 0 at {positive} of {len(rows)} targets at which a slope exists."
        )

    return paragraphs(text(own) for own in widths(slopes))


def _delays(delay: pd.DataFrame, slope: pd.DataFrame) -> str:
    there = delay.loc[~delay["censored"]]
    first: Any = delay.iloc[0]
    text = f"{whose(delay)} {len(there)} of {len(delay)} layers reach {TARGET} "
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
    return text.replace("-", MINUS) + "."


def _slope_at(row: dict[Any, Any]) -> str:
    return f"{estimate(row['slope'], row['low'], row['high'])} epochs at target {row['target']:g}"
