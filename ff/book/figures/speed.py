"""What `ff bench` has measured, as figures."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import Note
from ff.book.style import INK, LINES, MARKERS, MUTED, PALETTE, Figure, entry, legend, styled
from ff.speed import labels
from ff.speed.columns import KEYS

__all__ = ["baseline", "kinds", "shares", "straight", "threads"]

LEGIBLE = 0.06  # of a bar: room for a number


def _drawn(*works: str) -> Callable[[Callable[[Any], Figure]], Callable[[pd.DataFrame], Any]]:
    """Hand a figure the rows of some work alone; without any, a note takes its place."""
    absent = Note(f"Not measured: {', '.join(map(labels.kind, works))}.")

    def decorate(draw: Callable[[Any], Figure]) -> Callable[[pd.DataFrame], Any]:
        @wraps(draw)
        def drawn(rows: pd.DataFrame) -> Figure | Note:
            own = rows[rows["work"].isin(works) & rows["value"].notna()]
            return styled(draw)(own) if len(own) else absent

        return drawn

    return decorate


@_drawn("epoch")
def baseline(own: Any) -> Figure:
    """Draw the seconds of an epoch: ours in both precisions, and the baseline.

    Parameters
    ----------
    own
        What `ff.speed.report.read` returns, of one machine.
    """
    figure = Figure(2.2)
    panels = figure.subplots(1, own["hidden"].nunique(), squeeze=False)[0]
    for axes, (width, group) in zip(panels, own.groupby("hidden", sort=False), strict=True):
        ours = group[group["quantity"] == "ours"]
        baseline = group[group["quantity"] == "compared"].iloc[:1]
        names = [*(f"ours, {precision}" for precision in ours["precision"]), "baseline"]
        both = pd.concat([ours, baseline])
        colors = [*PALETTE[: len(ours)], MUTED]
        _bars(axes, both, names, colors)
        for y, (value, high) in enumerate(zip(both["value"], both["high"], strict=True)):
            axes.annotate(
                f"{value:.3g} s", (high, y), (4, 0), textcoords="offset points", va="center"
            )
        layers = group["layers"].iloc[0]
        axes.set(title=f"{layers:.0f} layers of {width:.0f} units", xlabel="seconds for an epoch")
        axes.margins(x=0.3)  # for the longest bar's number
    return figure


@_drawn("operations")
def kinds(own: Any) -> Figure:
    """Draw where the time of a step goes, by kind of operation: a bar for each width.

    Parameters
    ----------
    own
        What `ff.speed.report.read` returns, of one machine.
    """
    networks = own.apply(labels.network, axis=1).unique()
    figure = Figure(1.2 + 0.4 * len(networks))
    axes, y, handles = figure.subplots(), np.arange(len(networks)), []
    left, whole = (
        np.zeros(len(networks)),
        own.groupby("hidden", sort=False)["value"].sum().to_numpy(),
    )
    colors = [*PALETTE[: own["quantity"].nunique() - 1], MUTED]
    for color, (kind, group) in zip(colors, own.groupby("quantity", sort=False), strict=True):
        share = group["value"].to_numpy() / whole
        axes.barh(y, share, left=left, color=color, height=0.62)
        handles.append(entry(str(kind), color=color, linewidth=7))
        middle = (left + share / 2).tolist()
        for at, (x, part) in enumerate(zip(middle, share, strict=True)):
            if part > LEGIBLE:
                axes.text(x, at, f"{part:.0%}", ha="center", va="center", color="w")
        left += share
    axes.set(yticks=y, yticklabels=networks, xlim=(0, 1), xlabel="share of a step's time")
    axes.invert_yaxis()
    axes.grid(visible=False)
    legend(figure, handles)
    return figure


@_drawn("products")
def shares(own: Any) -> Figure:
    """Draw the share of the products' own rate that training reaches, and the targets.

    Parameters
    ----------
    own
        What `ff.speed.report.read` returns, of one machine.
    """
    own = own[own["quantity"] == "ratio"]
    figure = Figure(0.9 + 0.4 * len(own))
    axes = figure.subplots()
    _bars(axes, own, own.apply(labels.network, axis=1).tolist(), [PALETTE[0]] * len(own))
    y = np.arange(len(own))
    axes.vlines(own["target_low"], y - 0.42, y + 0.42, color=PALETTE[1], linewidth=2)
    axes.set(xlim=(0, None), xlabel="share of the rate of the matrix products alone")
    legend(
        figure,
        [
            entry("measured", color=PALETTE[0], linewidth=7),
            entry("target", color=PALETTE[1], linewidth=2),
        ],
    )
    return figure


@_drawn(*labels.STRAIGHT)
def straight(own: Any) -> Figure:
    """Draw the cost against the number of layers, seeds and epochs, beside a straight line.

    Parameters
    ----------
    own
        What `ff.speed.report.read` returns, of one machine.
    """
    figure = Figure(2.6)
    panels = figure.subplots(1, own["work"].nunique(), squeeze=False)[0]
    for axes, (work, group) in zip(panels, own.groupby("work", sort=False), strict=True):
        points = group[group["quantity"] == "time"].sort_values("at")
        x, y = points["at"].to_numpy(), points["value"].to_numpy()
        slope, start = np.polyfit(x[[0, -1]], y[[0, -1]], 1)
        axes.plot(x, slope * x + start, color=MUTED, linestyle=LINES[1])
        axes.vlines(x, points["low"], points["high"], color=PALETTE[0])
        axes.plot(x, y, color=PALETTE[0], marker=MARKERS[0], linestyle="none")
        axes.set(
            xlabel=f"number of {labels.STRAIGHT[str(work)]}",
            xticks=x,
            xlim=(0, None),
            ylim=(0, None),
        )
    panels[0].set_ylabel("seconds")
    return figure


@_drawn("threads")
def threads(own: Any) -> Figure:
    """Draw how many times faster a step is with more threads, beside the ideal.

    Parameters
    ----------
    own
        What `ff.speed.report.read` returns, of one machine.
    """
    figure = Figure(2.8)
    axes = figure.subplots()
    most, handles = 1, []
    looks = zip(PALETTE, LINES, MARKERS, strict=False)
    for (color, line, marker), (_, group) in zip(
        looks, own.groupby(KEYS, sort=False), strict=False
    ):
        points = group.sort_values("at")
        x = points["at"].to_numpy()
        one = points["value"].iloc[0]
        axes.vlines(x, one / points["high"], one / points["low"], color=color)
        look = {"color": color, "linestyle": line, "marker": marker}
        handles += axes.plot(x, one / points["value"], **look, label=labels.network(points.iloc[0]))
        most = max(most, x[-1])
        axes.set_xticks(x)
    ideal = axes.plot([1, most], [1, most], color=INK, linewidth=0.8, label="ideal")
    axes.set(xlabel="number of threads", ylabel="times as fast as with one", ylim=(0, None))
    legend(figure, [*handles, *ideal])
    return figure


def _bars(axes: Any, rows: Any, names: list[str], colors: list[str]) -> None:
    """Draw a bar for each row, from the top down, with a whisker from its least to its greatest."""
    y = np.arange(len(rows))
    axes.barh(y, rows["value"], color=colors, height=0.62)
    axes.hlines(y, rows["low"], rows["high"], color=INK, linewidth=1)
    axes.set_yticks(y, names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
