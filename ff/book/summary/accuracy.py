"""What the sections on accuracy show, in a sentence or two for each width."""

from itertools import pairwise
from typing import Any

import pandas as pd

from ff.book.markup import Html, listed, paragraphs
from ff.book.summary.shared import name, widths
from ff.stats.evidence import ROSE, neighbors

__all__ = ["awake", "overlaps", "spread"]


def awake(layers: pd.DataFrame, column: str = "train_accuracy") -> Html:
    """How many layers have left chance after a third, two thirds and all of the epochs, if more.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    column
        What counts as accuracy.
    """

    def text(own: pd.DataFrame) -> str:
        mean, _, rose = _over_seeds(own, column)
        last = int(mean.index[-1])
        counts: dict[int, int] = {}  # of layers, and the first of these epochs that has so many
        for epoch in (last // 3, 2 * last // 3, last):
            if epoch >= mean.index[0]:
                counts.setdefault(int(rose.loc[:epoch].iloc[-1].sum()), epoch)
        parts = [
            f"{count} after {epoch} epoch{'s' if epoch > 1 else ''}"
            for count, epoch in counts.items()
        ]
        passed = (
            f"of {mean.shape[1]} layers, {listed(parts)} have passed"
            if max(counts)
            else "no layer has passed"
        )
        return (
            f"{name(own)} {passed} a mean accuracy of {ROSE}; at the end layer 1 is at "
            f"{mean.iloc[-1, 0]:.2f} and layer {mean.columns[-1]} at {mean.iloc[-1, -1]:.2f}."
        )

    return paragraphs(text(own) for own in widths(layers))


def spread(layers: pd.DataFrame, column: str = "train_accuracy") -> Html:
    """Between which layers the spread over seeds is least and greatest, once they have left chance.

    Parameters
    ----------
    layers, column
        As in `awake`.
    """

    def text(own: Any) -> str:
        seeds = own["seed"].nunique()
        if seeds == 1:
            return f"{name(own)} one seed tells no spread."
        _, deviation, rose = _over_seeds(own, column)
        std = deviation.where(rose).mean().dropna()
        if not len(std):
            return f"{name(own)} no layer leaves chance."
        least, most = std.idxmin(), std.idxmax()
        if len(std) == 1:
            return (
                f"{name(own)} only layer {least} passes {ROSE}; from then on its standard "
                f"deviation over {seeds} seeds is {std[least]:.3f} on average."
            )
        return (
            f"{name(own)} from the epoch in which a layer passes {ROSE}, its standard deviation "
            f"over {seeds} seeds is {std[least]:.3f} on average in layer {least}, which has the "
            f"least, and {std[most]:.3f} in layer {most}, which has the most."
        )

    return paragraphs(text(own) for own in widths(layers))


def overlaps(layers: pd.DataFrame, column: str = "train_accuracy") -> Html:
    """In how many epochs bands of one deviation of neighbors in Figure 3 are apart.

    Parameters
    ----------
    layers, column
        As in `awake`.
    """

    def text(own: pd.DataFrame) -> str:
        mean, std, rose = _over_seeds(own, column)
        if std.isna().all(axis=None):
            return f"{name(own)} one seed has no band."
        chosen = neighbors(mean.columns[-1])
        meet, epochs = {}, 0
        for shallow, deep in pairwise(chosen):
            counted = rose[shallow]
            close = mean[shallow] - mean[deep] <= std[shallow] + std[deep]
            meet[shallow, deep] = int((close & counted).sum())
            epochs += int(counted.sum())
        if not epochs:
            return f"{name(own)} there are no neighbors to compare."
        where = [f"layers {a} and {b} ({n})" for (a, b), n in meet.items() if n]
        told = f" Those in which it does not are between {listed(where)}." if where else ""
        return (
            f"{name(own)} the shallower neighbor's band lies above the deeper one's in "
            f"{epochs - sum(meet.values())} of {epochs} comparisons, one for each pair and epoch "
            f"once the shallower layer has left chance.{told}"
        )

    return paragraphs(text(own) for own in widths(layers))


def _over_seeds(own: pd.DataFrame, column: str) -> tuple[Any, Any, Any]:
    """Mean and standard deviation over seeds, and whether a layer has left chance, by epoch."""
    over: Any = own.groupby(["epoch", "layer"])[column].agg(["mean", "std"]).unstack()
    return over["mean"], over["std"], (over["mean"] >= ROSE).cummax()
