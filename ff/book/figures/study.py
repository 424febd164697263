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
        test accuracy of the readout and mean validation accuracy of the layers' probes. Open marks
        are tests that do not remain after Holm's correction over the whole study; measures that
        only describe have small marks. A measure that a variant makes undefined, or that fewer than
        three layers share, has no mark.
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
            p = rows["p_holm"].to_numpy(float)
            for kind, chosen in {
                "sure": p < 0.05,
                "unsure": p >= 0.05,
                "other": np.isnan(p),
            }.items():
                look = {"markerfacecolor": "white" if kind == "unsure" else color}
                look |= {"markersize": 3.5} if kind == "other" else {}
                at = numbers[chosen, 0], y[chosen]
                gid = f"{measure.replace(' ', '-')}-{kind}"
                axes.plot(*at, marker, **style, **look, gid=gid)
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
    unsure = entry("open: a test that fails after Holm", color=MUTED, **hollow)
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
        A point for each layer on each frozen network, in the colors of `own_delays`; layer 2 is
        named. Open triangles do not reach the target.
    """
    figure = Figure(7, 3.8)
    axes = figure.subplots()
    epochs = np.unique(table["epochs"])
    top = greatest(table, "last_epoch")
    for i, (number, rows) in enumerate(table.groupby("epochs"), start=1):  # 0: the untrained
        color = shade(i / (len(epochs) + 1))
        reached = rows[~rows["censored"]]
        look = {
            "color": color,
            "linestyle": "none",
            "marker": MARKERS[i],
            "gid": f"frozen-{number}",
        }
        axes.plot(reached["below"], reached["crossing"], **look, label=f"after {number}")
        second: Any = reached[reached["layer"] == 2]
        for place in second[["below", "crossing"]].itertuples(index=False):
            axes.annotate("layer 2", place, (5, 4), textcoords="offset points", fontsize=8)
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
        smallest effect that matters. Without low and high the effect is at least what is given; a
        row without numbers was not measured.

    Returns
    -------
    Figure
        All causes act on what a layer sees, and that on its delay. An arrow is solid where the
        effect is beyond the margin, dotted where it is within, dashed where that is undecided, and
        gray where nothing was measured.
    """
    figure = Figure(7.4, 0.6 + 0.8 * len(effects))
    axes = figure.subplots()
    axes.set_axis_off()
    middle = (len(effects) - 1) / 2
    axes.set(xlim=(0, 10), ylim=(len(effects) - 0.4, -0.6))
    box = {"boxstyle": "round,pad=0.5", "facecolor": "white"}
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "linewidth": 1.6}
    middles = ((7.3, "what the\nlayer sees"), (9.4, "its delay"))
    for x, text in middles:
        look = {"ha": "center", "va": "center", "bbox": box | {"edgecolor": INK}}
        axes.text(x, middle, text, **look)
    axes.annotate("", (8.9, middle), (8.0, middle), arrowprops=arrow | {"color": INK})
    for at, row in enumerate(effects.to_dict("records")):
        line, color = _decided(row)
        axes.text(0.1, at, row["cause"], va="center", bbox=box | {"edgecolor": color})
        style = arrow | {"color": color, "linestyle": line}
        axes.annotate("", (6.55, middle), (2.3, at), arrowprops=style, gid=f"cause-{at}")
        text = {"ha": "center", "va": "center", "fontsize": 8, "color": INK}
        around = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        place = (4.0, at + 0.4 * (middle - at))
        axes.text(*place, f"{row['what']}:\n{_effect(row)}", **text, bbox=around)
    return figure


def _decided(row: Mapping[str, Any]) -> tuple[Any, str]:
    """Line style and color of an arrow."""
    effect, margin = row["effect"], row["margin"]
    if np.isnan(effect):
        return ":", MUTED
    low, high = (row["low"], row["high"]) if np.isfinite(row["low"]) else (effect, effect)
    if low > margin or high < -margin:
        return "-", PALETTE[0]
    return (":", INK) if -margin < low and high < margin else ((0, (5, 3)), INK)


def _effect(row: Mapping[str, Any]) -> str:
    if np.isnan(row["effect"]):
        return "not measured"
    least = "" if np.isfinite(row["low"]) else "at least "
    return least + estimate(row["effect"], row["low"], row["high"])


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
