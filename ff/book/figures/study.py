"""Variants and interventions: what changes the delay, what a layer waits for, and growing."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ff.book.figures.delay import delay_axes, delay_entries, draw_delay
from ff.book.figures.shared import greatest
from ff.book.style import INK, MARKERS, MUTED, PALETTE, Figure, count, entry, legend, shade, styled

__all__ = ["causes", "fall_sizes", "forest", "own_delays", "rates", "waiting"]

PANELS = (  # title, unit, factor, and the measures that are drawn in it
    ("delay per layer", "epochs per layer", 1, ("delay", "pair delay")),
    ("readout", "points", 100, ("readout",)),
    ("probes", "points", 100, ("probe",)),
)
COLUMNS = ["difference", "low", "high"]
WIDE, LETTERS = 6.6, 52  # of a cause's box, where the whole figure is 10; of its longest line
OPEN: dict[str, Any] = {"markerfacecolor": "white"}
ARROWS: dict[str, tuple[Any, str]] = {  # by what is known of an effect: style and color
    "more": ("-", PALETTE[0]),
    "less": ("-", PALETTE[0]),
    "none": (":", INK),
    "undecided": ((0, (5, 3)), INK),
    "not measured": (":", MUTED),
}


@styled
def forest(study: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Paired differences of every variant from the paper's network, with their intervals.

    Parameters
    ----------
    study
        Result of `ff.stats.study.study`.
    names
        Words for each variant; they are drawn in this order, from the top.

    Returns
    -------
    Figure
        Left, epochs of delay that each further layer adds: by Eq. 3 and by pair accuracy. Middle,
        test accuracy of the readout; right, mean validation accuracy of the layers' probes. Open
        marks are tests that do not remain after Holm's correction over the whole study; measures
        that only describe have small marks. A measure that a variant makes undefined, or that fewer
        than three layers share, has no mark; an interval without an end goes to the panel's edge.
    """
    figure = Figure(1.4 + 0.32 * len(names))
    figure.suptitle("difference from the paper's network", fontsize="medium")
    grid = figure.subplots(1, len(PANELS), sharey=True, width_ratios=[2, 1.4, 1.4])
    for axes, (title, unit, factor, measures) in zip(grid, PANELS, strict=True):
        axes.axvline(0, color=MUTED, linewidth=0.8)
        tables = [
            study[study["measure"] == measure].set_index("variant").reindex(list(names))
            for measure in measures
        ]
        numbers = factor * np.stack([rows[COLUMNS].to_numpy(float) for rows in tables])
        finite = numbers[np.isfinite(numbers)]
        low, high = finite.min(initial=0), finite.max(initial=0)
        edge = 0.04 * (high - low) or 1.0
        axes.set_xlim(low - edge, high + edge)
        numbers = numbers.clip(low - edge, high + edge)
        for i, (measure, rows) in enumerate(zip(measures, tables, strict=True)):
            y = np.arange(len(rows)) + (0.2 * (2 * i - 1) if len(measures) > 1 else 0)
            color, marker = PALETTE[i], MARKERS[i]
            style = {"color": color, "marker": marker, "linestyle": "none", "zorder": 3}
            axes.hlines(y, numbers[i, :, 1], numbers[i, :, 2], color=color, linewidth=1.2)
            p = rows["p_holm"].to_numpy(float)
            for kind, chosen in {
                "sure": p < 0.05,
                "unsure": p >= 0.05,
                "other": np.isnan(p),
            }.items():
                look = {"markerfacecolor": "white" if kind == "unsure" else color}
                look |= {"markersize": 3.5} if kind == "other" else {}
                at = numbers[i, chosen, 0], y[chosen]
                gid = f"{measure.replace(' ', '-')}-{kind}"
                axes.plot(*at, **style, **look, gid=gid)
        axes.set_title(title)
        axes.set_xlabel(unit)
        axes.grid(visible=False, axis="y")
    wrapped = [fill(name.replace(" *", "\N{NO-BREAK SPACE}*"), 26) for name in names.values()]
    grid[0].set_yticks(range(len(names)), wrapped, linespacing=1)
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    marks = [
        entry(label, color=PALETTE[i], marker=MARKERS[i], linestyle="none")
        for i, label in enumerate(("Eq. 3; readout; probes", "pair accuracy"))
    ]
    hollow = {"marker": "o", "linestyle": "none"} | OPEN
    unsure = entry("open: a test that fails after Holm", color=MUTED, **hollow)
    legend(figure, [*marks, unsure])
    return figure


@styled
def own_delays(delays: Mapping[str, pd.DataFrame]) -> Figure:
    """Epochs from each layer's own start to the target, under several interventions.

    Parameters
    ----------
    delays
        Results of `ff.delay.mean_delay` of one width each with a further column ``by``, the
        yardstick ("Eq. 3" or "pairs"), by what was done; drawn from dark to light, the last one,
        where all layers learn together, in the color of text.

    Returns
    -------
    Figure
        A panel a yardstick. Bands are intervals over seeds; an open triangle is a layer that does
        not reach the target.
    """
    everything = pd.concat(delays, names=["name"]).reset_index("name")
    figure, grid = _by_yardstick(everything)
    last = len(delays) - 1
    for panel, (_, part) in enumerate(everything.groupby("by", sort=False)):
        for i, (name, rows) in enumerate(part.groupby("name", sort=False)):
            gid = f"own-{panel}-{i}"
            look: dict[str, Any] = {"label": name, "marker": MARKERS[i], "gid": gid}
            if i == last:
                look |= {"color": INK, "linestyle": (0, (4, 1.5))}
            else:
                look |= {"color": shade(i / last)}
            draw_delay(grid[panel], rows, look, 0.12 * (i - last / 2))
    delay_axes(grid, everything)
    for axes in grid:
        axes.set_ylabel("epochs from its own start")
    legend(figure, delay_entries(grid[0], everything))
    return figure


@styled
def waiting(table: pd.DataFrame) -> Figure:
    """How long a layer takes, against how well the frozen layer below it does.

    Parameters
    ----------
    table
        Columns by (the yardstick, "Eq. 3" or "pairs"), layer, epochs (for which the network below
        has learned), below (accuracy of the layer below on validation images), crossing, censored
        and last_epoch.

    Returns
    -------
    Figure
        A panel a yardstick, with a point for each layer on each frozen network, in the colors of
        `own_delays`; layer 2, which stands on one that sees the images, is open. Open triangles do
        not reach the target.
    """
    figure, grid = _by_yardstick(table)
    epochs = np.unique(table["epochs"])
    top = greatest(table, "last_epoch")
    for panel, (_, part) in enumerate(table.groupby("by", sort=False)):
        axes = grid[panel]
        for i, (number, rows) in enumerate(part.groupby("epochs"), start=1):  # 0: the untrained
            color = shade(i / (len(epochs) + 1))
            reached = rows[~rows["censored"]]
            look: dict[str, Any] = {"color": color, "linestyle": "none", "marker": MARKERS[i]}
            named: dict[str, Any] = {"label": f"after {number}", "gid": f"frozen-{panel}-{number}"}
            axes.plot(reached["below"], reached["crossing"], **look, **named)
            second: Any = reached[reached["layer"] == 2]
            axes.plot(second["below"], second["crossing"], **look, **OPEN)
            late = rows.loc[rows["censored"], "below"]
            axes.plot(late, np.full(len(late), top), "^", color=color, markerfacecolor="none")
        axes.set(xlabel="validation accuracy of the layer below", ylabel="epochs to the target")
        axes.set_ylim(0, top + 1)
        axes.label_outer()
    handles = list(grid[0].get_legend_handles_labels()[0])
    handles.append(entry("open: layer 2", color=MUTED, marker="o", linestyle="none", **OPEN))
    if np.any(table["censored"]):
        look = {"marker": "^", "markerfacecolor": "none", "linestyle": "none"}
        handles.append(entry("not reached", color=MUTED, **look))
    legend(figure, handles)
    return figure


def _by_yardstick(table: pd.DataFrame) -> tuple[Figure, list[Axes]]:
    """A panel for each way to tell positive from negative samples, in the table's order."""
    ways = table["by"].unique()
    figure = Figure(1.2 + 2.1 * len(ways))
    grid = list(figure.subplots(len(ways), sharex=True, sharey=True, squeeze=False)[:, 0])
    for axes, by in zip(grid, ways, strict=True):
        axes.set_title(f"by {by}")
    return figure, grid


@styled
def causes(effects: pd.DataFrame) -> Figure:
    """What a layer's delay hangs on, as the interventions decide it.

    Parameters
    ----------
    effects
        Rows for each cause, one a yardstick: cause, what (was measured), by, found (in words) and
        decided: a key of `ARROWS`.

    Returns
    -------
    Figure
        All causes act on what a layer sees, and that on its delay. An arrow is solid where the
        effect is beyond the margin by each yardstick, dotted where it is within, dashed where that
        is undecided or they disagree, and gray and dotted where nothing was measured.
    """
    grouped = effects.groupby("cause", sort=False)
    texts = []
    for cause, part in grouped:
        rows = part.to_dict("records")
        found = [f"{row['found']} by {row['by']}" for row in rows]
        parts = [f"{cause}:", rows[0]["what"], *found]
        texts.append("\n".join(fill(words, LETTERS) for words in parts))
    lines = max(text.count("\n") + 1 for text in texts)
    figure = Figure(0.2 + grouped.ngroups * (0.25 + 0.15 * lines))
    axes = figure.subplots()
    axes.set_axis_off()
    middle = (grouped.ngroups - 1) / 2
    axes.set(xlim=(0, 10), ylim=(grouped.ngroups - 0.5, -0.5))
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white"}
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "linewidth": 1.6, "shrinkA": 0}
    look: dict[str, Any] = {"ha": "center", "va": "center", "bbox": box | {"edgecolor": INK}}
    below = middle + 2
    seen, delay = (
        axes.text(8.9, y, text, **look).get_bbox_patch()
        for y, text in ((middle, "what the\nlayer sees"), (below, "its delay"))
    )
    ends = {"color": INK, "patchA": seen, "patchB": delay}
    axes.annotate("", (8.9, below), (8.9, middle), arrowprops=arrow | ends)
    for at, (text, (_, part)) in enumerate(zip(texts, grouped, strict=True)):
        decided = set(part["decided"])
        line, color = ARROWS[decided.pop() if len(decided) == 1 else "undecided"]
        axes.text(0.2, at, text, va="center", linespacing=1.1)
        box = Rectangle((0.05, at - 0.4), WIDE, 0.8, facecolor="none", edgecolor=color)
        axes.add_patch(box)
        ends = {"color": color, "linestyle": line, "patchB": seen}
        start = (0.05 + WIDE, at)
        axes.annotate("", (8.9, middle), start, arrowprops=arrow | ends, gid=f"cause-{at}")
    return figure


@styled
def fall_sizes(falls: pd.DataFrame) -> Figure:
    """Largest fall of a single seed's accuracy between two epochs, by layer and learning rate.

    Parameters
    ----------
    falls
        Results of `ff.stats.study.falls` with a further column ``rate``, the learning rate in units
        of the paper's.

    Returns
    -------
    Figure
        A panel a width, a line a learning rate: mean over seeds, with each seed as a dot.
    """
    widths, rates = np.unique(falls["hidden"]), np.unique(falls["rate"])
    figure = Figure(1 + 2.1 * len(widths))
    grid = figure.subplots(len(widths), sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (hidden, part) in zip(grid, falls.groupby("hidden"), strict=True):
        for i, (rate, rows) in enumerate(part.groupby("rate")):
            at = list(rates).index(rate)
            look = {"color": shade(at / max(len(rates) - 1, 1)), "marker": MARKERS[at]}
            mean: Any = rows.groupby("layer")["largest"].mean()
            dots = {"color": look["color"], "alpha": 0.25, "markersize": 3}
            axes.plot(rows["layer"], rows["largest"], ".", **dots)
            axes.plot(mean.index, mean, **look, label=f"rate x {rate:g}", gid=f"width-{hidden}-{i}")
        axes.set(title=f"{hidden} units", xlabel="layer", ylabel="largest fall of accuracy")
        axes.label_outer()
    grid[0].set_ylim(0, None)
    count(grid[0].xaxis, greatest(falls, "layer"))
    legend(figure, max((axes.get_legend_handles_labels()[0] for axes in grid), key=len))
    return figure


@styled
def rates(slopes: pd.DataFrame) -> Figure:
    """Delay per layer against the learning rate, in shallow and in deep layers.

    Parameters
    ----------
    slopes
        Rows of `ff.delay.slope` with a further column ``rate``, the learning rate in units of the
        paper's. Drawn are its segments "shallow" and "deep".

    Returns
    -------
    Figure
        A panel a half of the layers that arrive, a line a width, with 95 % intervals over seeds.
    """
    figure = Figure(3.6)
    grid = figure.subplots(1, 2, sharey=True)
    ticks = np.unique(slopes["rate"])
    halves = {"shallow": "shallower half of the layers", "deep": "deeper half"}
    for axes, (segment, title) in zip(grid, halves.items(), strict=True):
        part: Any = slopes[slopes["segment"] == segment]
        part = part.sort_values("rate")
        for i, (hidden, rows) in enumerate(part.groupby("hidden")):
            x = rows["rate"] * 1.04**i  # intervals of two widths stand side by side
            look: dict[str, Any] = {"color": PALETTE[i], "label": f"{hidden} units"}
            axes.vlines(x, rows["low"], rows["high"], color=PALETTE[i])
            axes.plot(x, rows["slope"], **look, marker=MARKERS[i], gid=f"{segment}-{hidden}")
        axes.axhline(0, color=MUTED, linewidth=0.8)
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{rate:g}" for rate in ticks], minor=False)
        axes.set_xticks([], minor=True)
        axes.set(title=title, xlabel="times the paper's learning rate")
    grid[0].set_ylabel("epochs per layer")
    legend(figure, grid[0].get_legend_handles_labels()[0])
    return figure
