"""What becomes of the conclusions when something is varied, in a sentence or two."""

from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import Html, estimate, listed, number, paragraphs
from ff.book.summary.shared import deepest, name, sign_of, whose, widths
from ff.stats.delay import TARGET
from ff.stats.robustness import reached

__all__ = ["accuracies", "auroc", "devices", "prediction", "robust", "slopes_of", "spans"]

EARLY = 3  # epochs in which a network gains most
# What was expected of constant learning rates before they were tried: when the last layer crosses,
# and the ratio of the slopes.
LAST = (25, 28)
EXPECTED = (1.1, 1.35)


def slopes_of(slopes: pd.DataFrame, by: str) -> Html:
    """What a further layer adds to the delay under several conditions, and whether its sign stays.

    Parameters
    ----------
    slopes
        Rows of `ff.delay.slope`, one for each width and condition.
    by
        Column that names the condition.
    """

    def text(own: pd.DataFrame) -> str:
        rows = own.loc[own["slope"].notna()].to_dict("records")
        if not rows:
            return f"{name(own)} too few layers reach {TARGET} for a slope."
        parts = [
            f"{estimate(row['slope'], row['low'], row['high'])} with {row[by]} (layers "
            f"{row['first_layer']:.0f} to {row['last_layer']:.0f})"
            for row in rows
        ]
        text = f"{name(own)} the epochs that a further layer adds are {listed(parts)}"
        signs = [sign_of(row["low"], row["high"]) for row in rows if not np.isnan(row["low"])]
        if len(signs) < 2:
            return f"{text}; without two intervals there is nothing to compare."
        same = "the conclusion stays" if len(set(signs)) == 1 else "the conclusion does not stay"
        return f"{text}: {same}."

    return paragraphs(text(own) for own in widths(slopes))


def prediction(means: pd.DataFrame, ratio: pd.DataFrame) -> Html:
    """Whether what was expected of constant learning rates before they were tried came true.

    Parameters
    ----------
    means
        Result of `ff.delay.mean_delay` at constant rates.
    ratio
        The row of `ff.delay.slope` with the segment "ratio".
    """
    reached, row = int(np.sum(means["crossing"].notna())), ratio.iloc[0]
    crossing: Any = means["crossing"]
    last = crossing.iloc[-1]
    true = [
        reached == len(means),
        LAST[0] <= last <= LAST[1],
        EXPECTED[0] <= row["slope"] <= EXPECTED[1],
    ]
    return paragraphs(
        [
            f"{sum(true) or 'None'} of the three predictions came true: {reached} of {len(means)} "
            f"layers reach {TARGET}, the last of them after {number(crossing.max())} epochs, and "
            f"the ratio is {estimate(row['slope'], row['low'], row['high'])}."
        ]
    )


def accuracies(trends: pd.DataFrame, by: str = "accuracy") -> Html:
    """Whether the trend of the correlation over layers keeps its sign in each network.

    Parameters
    ----------
    trends
        Rows of `ff.correlation.depth_trend` of one coefficient, below a column that is varied.
    by
        That column.
    """

    def text(own: pd.DataFrame) -> str:
        signs = own.assign(sign=list(map(sign_of, own["low"], own["high"])))
        table = signs.pivot_table(index="depth", columns=by, values="sign", aggfunc="first")
        other = [str(depth) for depth in table.index[table.nunique(axis=1) > 1]]
        if np.all(own["low"].isna()):
            return f"{name(own)} there are no intervals to compare."
        if not other:
            return f"{name(own)} the conclusion is the same in every network."
        return f"{name(own)} the conclusion is not the same in networks of {listed(other)} layers."

    return paragraphs(text(own) for own in widths(trends))


def spans(table: pd.DataFrame, readouts: pd.DataFrame) -> Html:
    """How the correlation depends on the epochs that enter it.

    Parameters
    ----------
    table
        Result of `ff.correlation.by_span`.
    readouts
        The `readouts` table of the same records.
    """

    def text(own: pd.DataFrame) -> str:
        rows = deepest(own)
        last = rows.loc[rows["layer"] == rows["layer"].max()]
        told = [
            f"{number(row['r'])} over epochs {row['first_epoch']} to {row['last_epoch']}"
            for row in last.to_dict("records")
            if np.isfinite(row["r"])
        ]
        if not told:
            return f"{whose(own)} no correlation exists: an accuracy never varies."
        width, depth = own["hidden"].iloc[0], own["depth"].max()
        network = readouts.loc[(readouts["hidden"] == width) & (readouts["depth"] == depth)]
        value = network["train_accuracy"]
        squares = (value - value.mean()) ** 2
        early = squares[network["epoch"] <= EARLY].sum() / squares.sum()
        return (
            f"{whose(own)} r of the deepest layer is {listed(told)}. Epochs 1 to {EARLY} hold "
            f"{100 * early:.0f} % of the variance of the network's accuracy over all epochs, and "
            "every span that begins with epoch 1 contains them."
        )

    return paragraphs(text(own) for own in widths(table))


def auroc(sides: dict[str, pd.DataFrame]) -> Html:
    """By how much sooner layers tell samples apart than they do so at the threshold.

    Parameters
    ----------
    sides
        Results of `ff.delay.mean_delay` by measure, of AUROC first.
    """
    first, second = sides.values()
    both = first.merge(second, on=["hidden", "layer"], suffixes=("", "_other"))

    def text(own: pd.DataFrame) -> str:
        sooner: Any = (own["crossing_other"] - own["crossing"]).dropna()
        reached = [int(np.sum(own[column].notna())) for column in ("crossing", "crossing_other")]
        if sooner.empty:
            return f"{whose(own)} no layer reaches both."
        reach = "reaches" if reached[0] == 1 else "reach"
        text = (
            f"{whose(own)} of {len(own)} layers, {reached[0]} {reach} the AUROC and {reached[1]} "
            "the accuracy. "
        )
        if len(sooner) == 1:
            return (
                f"{text}In the one that reaches both, the epoch of the accuracy minus that of the "
                f"AUROC is {number(sooner.iloc[0])}."
            )
        return (
            f"{text}Of those that reach both, the epoch of the accuracy minus that of the AUROC "
            f"is {number(sooner.mean())} on average ({number(sooner.min())} to "
            f"{number(sooner.max())}). The first and the last of them reach the accuracy "
            f"{number(np.ptp(own['crossing_other'][sooner.index]))} epochs apart."
        )

    return paragraphs(text(own) for own in widths(both))


def devices(table: pd.DataFrame) -> Html:
    """How many quantities lie within the spread over seeds on another kind of device.

    Parameters
    ----------
    table
        Result of `ff.agreement.unpaired`.
    """
    holds = (table["low"] <= 0) & (table["high"] >= 0)
    return paragraphs(
        [
            f"The intervals of {holds.sum()} of {len(table)} differences hold 0, and "
            f"{table['within'].sum()} lie whole within the spread over seeds. A difference that "
            "does the first and not the second is undecided."
        ]
    )


def robust(varied: pd.DataFrame) -> Html:
    """How many verdicts stay under every variation, and which turn into their opposite.

    Parameters
    ----------
    varied
        Result of `ff.stats.robustness.robustness`.
    """
    rows = reached(varied.loc[varied["counted"]])
    by_number = rows.groupby(["key", "width"])
    stays, turns = by_number["same"].all(), by_number["opposite"].any()
    return paragraphs(
        [
            f"{stays.sum()} of {len(stays)} verdicts stay the same under every variation that "
            f"enters their number and reaches a verdict. {turns.sum()} turn into the opposite "
            f"under some variation ({rows['opposite'].sum()} of {len(rows)} cells); the others "
            "change only to or from undecided."
        ]
    )
