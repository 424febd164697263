"""Variants and interventions: what changes the delay, what a layer waits for, and growing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ff.book.figures.delay import delay_axes, delay_entries, draw_delay
from ff.book.figures.shared import greatest
from ff.book.markup import estimate
from ff.book.style import INK, MARKERS, MUTED, PALETTE, Figure, count, entry, legend, shade, styled

__all__ = ["causes", "fall_sizes", "forest", "own_delays", "waiting"]

PANELS = (  # title, unit, factor, and the measures that are drawn in it
    ("delay per layer", "epochs per layer", 1, ("delay", "pair delay")),
    ("accuracy at the end", "percentage points", 100, ("readout", "probe")),
)


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
        Left, epochs of delay that each further layer adds: by Eq. 3 and by pair accuracy. Right,
        test accuracy of the readout and mean validation accuracy of the layers' probes. Filled
        marks are differences that remain after Holm's correction over the whole study. A measure
        that a variant makes undefined, or that fewer than three layers share, has no mark.
    """
    figure = Figure(7.4, 1.1 + 0.3 * len(names))
    grid = figure.subplots(1, 2, sharey=True)
    for axes, (title, unit, factor, measures) in zip(grid, PANELS, strict=True):
        axes.axvline(0, color=MUTED, linewidth=0.8)
        for i, measure in enumerate(measures):
            rows = study[study["measure"] == measure].set_index("variant").reindex(list(names))
            numbers = factor * rows[["difference", "low", "high"]].to_numpy(float)
            y = np.arange(len(rows)) + 0.2 * (2 * i - 1)
            color, marker = PALETTE[i], MARKERS[i]
            style = {"color": color, "zorder": 3}
            axes.hlines(y, numbers[:, 1], numbers[:, 2], color=color, linewidth=1.2)
            for sure in (True, False):
                chosen = (rows["p_holm"].to_numpy(float) < 0.05) == sure
                face = color if sure else "white"
                gid = f"{measure.replace(' ', '-')}-{'sure' if sure else 'unsure'}"
                at = numbers[chosen, 0], y[chosen]
                axes.plot(*at, marker, **style, markerfacecolor=face, gid=gid)
        axes.set_title(title)
        axes.set_xlabel(f"difference, {unit}")
        axes.grid(visible=False, axis="y")
    grid[0].set_yticks(range(len(names)), list(names.values()))
    grid[0].set_ylim(len(names) - 0.5, -0.5)
    marks = [
        entry(label, color=PALETTE[i], marker=MARKERS[i], linestyle="none")
        for i, label in enumerate(("Eq. 3; readout", "pair accuracy; probes"))
    ]
    hollow = {"marker": "o", "markerfacecolor": "white", "linestyle": "none"}
    unsure = entry("open: not after Holm", color=MUTED, **hollow)
    legend(figure, [*marks, unsure])
    return figure


@styled
def own_delays(delays: Mapping[str, pd.DataFrame]) -> Figure:
    """Epochs from each layer's own start to the target, under several interventions.

    Parameters
    ----------
    delays
        Results of `ff.delay.mean_delay` of one width each, by what was done; drawn from dark to
        light, the last one, where all layers learn together, in the color of text.

    Returns
    -------
    Figure
        Bands are intervals over seeds; an open triangle is a layer that does not reach the target.
    """
    figure = Figure(7, 4.2)
    axes = figure.subplots()
    everything = pd.concat(list(delays.values()))
    last = len(delays) - 1
    for i, (name, rows) in enumerate(delays.items()):
        look: dict[str, Any] = {"label": name, "marker": MARKERS[i], "gid": f"own-{i}"}
        if i == last:
            look |= {"color": INK, "linestyle": (0, (4, 1.5))}
        else:
            look |= {"color": shade(i / last)}
        draw_delay(axes, rows, look, 0.12 * (i - last / 2))
    delay_axes([axes], everything)
    axes.set_ylabel("epochs from its own start")
    axes.set_title("mean accuracy over seeds, 95 % intervals")
    legend(figure, delay_entries(axes, everything))
    return figure


@styled
def waiting(table: pd.DataFrame) -> Figure:
    """How long a layer takes, against how well the frozen layer below it does.

    Parameters
    ----------
    table
        Columns layer, epochs (for which the network below has learned), below (validation accuracy
        of the layer below, by Eq. 3), crossing, censored and last_epoch.

    Returns
    -------
    Figure
        A point for each layer on each frozen network; open triangles do not reach the target.
    """
    figure = Figure(7, 3.8)
    axes = figure.subplots()
    epochs = np.unique(table["epochs"])
    top = greatest(table, "last_epoch")
    for i, (number, rows) in enumerate(table.groupby("epochs")):
        color = shade(i / max(len(epochs) - 1, 1))
        reached = rows[~rows["censored"]]
        look = {
            "color": color,
            "linestyle": "none",
            "marker": MARKERS[i],
            "gid": f"frozen-{number}",
        }
        axes.plot(reached["below"], reached["crossing"], **look, label=f"after {number}")
        late = rows.loc[rows["censored"], "below"]
        axes.plot(late, np.full(len(late), top), "^", color=color, markerfacecolor="none")
    axes.set(xlabel="validation accuracy of the frozen layer below (Eq. 3)", ylim=(0, top + 1))
    axes.set_ylabel("epochs to the target")
    handles = list(axes.get_legend_handles_labels()[0])
    if np.any(table["censored"]):
        look = {"marker": "^", "markerfacecolor": "none", "linestyle": "none"}
        handles.append(entry("not reached", color=MUTED, **look))
    legend(figure, handles)
    return figure


@styled
def causes(effects: pd.DataFrame) -> Figure:
    """What a layer's delay hangs on, as the interventions decide it.

    Parameters
    ----------
    effects
        One row a cause: cause, what (was done), effect, low, high and margin, in epochs: the
        smallest effect that matters. A row without numbers was not measured.

    Returns
    -------
    Figure
        An arrow from each cause to the delay: solid where the whole interval is beyond the margin,
        dotted and gray where it is not, or where nothing was measured.
    """
    figure = Figure(7, 0.6 + 0.75 * len(effects))
    axes = figure.subplots()
    axes.set_axis_off()
    middle = (len(effects) - 1) / 2
    axes.set(xlim=(0, 10), ylim=(len(effects) - 0.4, -0.6))
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white"}
    axes.text(
        9.1, middle, "delay of\na layer", ha="center", va="center", bbox=box | {"edgecolor": INK}
    )
    for at, row in enumerate(effects.to_dict("records")):
        known = not np.isnan(row["effect"])
        sure = known and (row["low"] > row["margin"] or row["high"] < -row["margin"])
        color = PALETTE[0] if sure else MUTED
        axes.text(0.1, at, row["cause"], va="center", bbox=box | {"edgecolor": color})
        look = {
            "arrowstyle": "-|>",
            "color": color,
            "linestyle": "-" if sure else ":",
            "linewidth": 1.6,
        }
        axes.annotate("", (8.3, middle), (2.3, at), arrowprops=look, gid=f"cause-{at}")
        value = estimate(row["effect"], row["low"], row["high"]) if known else "not measured"
        style = {"ha": "center", "va": "center", "fontsize": 8, "color": INK}
        place = (5.6, at + 0.46 * (middle - at))
        axes.text(
            *place,
            f"{row['what']}:\n{value}",
            **style,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
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
    figure = Figure(7, 3.6)
    grid = figure.subplots(1, len(widths), sharey=True, squeeze=False)[0]
    for axes, (hidden, part) in zip(grid, falls.groupby("hidden"), strict=True):
        for i, (rate, rows) in enumerate(part.groupby("rate")):
            at = list(rates).index(rate)
            look = {"color": shade(at / max(len(rates) - 1, 1)), "marker": MARKERS[at]}
            mean: Any = rows.groupby("layer")["largest"].mean()
            dots = {"color": look["color"], "alpha": 0.25, "markersize": 3}
            axes.plot(rows["layer"], rows["largest"], ".", **dots)
            axes.plot(mean.index, mean, **look, label=f"rate x {rate:g}", gid=f"width-{hidden}-{i}")
        axes.set(title=f"{hidden} units", xlabel="layer")
        count(axes.xaxis, greatest(part, "layer"))
    grid[0].set(ylabel="largest fall of accuracy", ylim=(0, None))
    legend(figure, max((axes.get_legend_handles_labels()[0] for axes in grid), key=len))
    return figure
