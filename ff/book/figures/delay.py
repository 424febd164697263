"""Delay of each layer: Figure 4, with intervals, and for other targets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ff.book.figures.shared import (
    band,
    by_width,
    counted,
    depth_entries,
    ends,
    greatest,
    width_panels,
)
from ff.book.markup import listed
from ff.book.style import (
    LINES,
    MARKERS,
    MUTED,
    PALETTE,
    Figure,
    count,
    entry,
    legend,
    shade,
    styled,
)

__all__ = [
    "delay_axes",
    "delay_entries",
    "delays",
    "delays_of_two",
    "delays_with_intervals",
    "draw_delay",
    "limits",
    "median_delays",
    "sensitivity",
    "told",
]

DEPTHS = (2, 4, 8, 16, 32)  # Table 1 of the paper


@styled
def delays(delay: pd.DataFrame, depths: Sequence[int] = DEPTHS) -> Figure:
    """Epoch at which each layer's mean accuracy reaches the target: Figure 4 as in the paper.

    A layer is not changed by what is above it, so its delay is the same in networks of every
    depth: the paper's five traces of one width lie on each other. Each point has the marker of
    the shallowest network that has such a layer.

    Parameters
    ----------
    delay
        Result of `ff.delay.mean_delay`; drawn is its `epoch`.
    depths
        Depths to mark, as far as there are such layers.

    Returns
    -------
    Figure
        A layer that does not reach the target has no point; the legend says how many do.

    References
    ----------
    Figure 4 of the paper.
    """
    figure = Figure(4)
    axes = figure.subplots()
    markers = dict(zip([d for d in depths if d <= greatest(delay, "layer")], MARKERS, strict=False))
    for hidden, rows, look in by_width(delay):
        reached = rows.loc[~rows["censored"]]
        missing = f" ({len(reached)} of {len(rows)} layers reach the target)"
        label = f"{hidden} units" + (missing if len(reached) < len(rows) else "")
        axes.plot(rows["layer"], rows["epoch"], **look, label=label, gid=f"width-{hidden}")
        for above, (depth, marker) in zip([0, *markers], markers.items(), strict=False):
            own = reached.loc[reached["layer"].between(above + 1, depth)]
            style = {"color": look["color"], "marker": marker, "linestyle": "none"}
            style |= {"markeredgecolor": "white", "markersize": 7}
            gid = f"width-{hidden}-depth-{depth}"
            axes.plot(own["layer"], own["epoch"], **style, gid=gid)
    delay_axes([axes], delay)
    axes.set_title(f"mean accuracy of {counted(delay['seeds'], 'seed')}")
    axes.legend(loc="lower right")  # delays rise with depth
    legend(figure, depth_entries(markers))
    figure.alt = f"Epoch at which a layer reaches the target accuracy. {told(delay, 'epoch', 0)}"
    figure.caption = (
        "Epoch at which a layer reaches the target accuracy (the paper's Figure 4). Since a "
        "layer's delay does not depend on the layers above it, the paper's lines of several depths "
        "are one line here; each point has the marker of the shallowest network with such a layer."
    )
    return figure


@styled
def delays_with_intervals(delay: pd.DataFrame) -> Figure:
    """Interpolated delay of each layer, with its interval and with the layers that are censored.

    Parameters
    ----------
    delay
        Result of `ff.delay.mean_delay`; drawn are `crossing` and its interval.

    Returns
    -------
    Figure
        Bands are intervals over seeds, cut off at the last epoch. A layer that has not
        reached the target by then is an open upward triangle there: its delay is longer.
    """
    title = f"mean accuracy of {counted(delay['seeds'], 'seed')}, 95 % intervals"
    figure = _with_bands(delay, title)
    figure.alt = f"Epoch at which a layer crosses the target accuracy. {told(delay, 'crossing', 1)}"
    bands = (
        " Bands hold the epochs at which the mean of all possible seeds may cross it: they begin "
        "where the upper end of its 95 % interval (Student's t) reaches the target and end where "
        "the lower end does."
    )
    figure.caption = (
        "Epoch at which a layer's mean accuracy crosses the target, between epochs on a straight "
        f"line.{bands if _banded(delay) else ''}{limits(delay)}"
    )
    return figure


@styled
def delays_of_two(delays: Mapping[str, pd.DataFrame]) -> Figure:
    """Interpolated delay of each layer under two conditions, with intervals.

    Parameters
    ----------
    delays
        Results of `ff.delay.mean_delay` of the same widths, by the name of the condition.

    Returns
    -------
    Figure
        A panel a width and a line a condition. Bands are intervals over seeds, cut off at the last
        epoch; an open upward triangle is a layer that has not reached the target by then.
    """
    table = pd.concat(delays, names=["condition"]).reset_index("condition")
    figure, grid = width_panels(table)
    texts = []
    for axes, (hidden, own) in zip(grid, table.groupby("hidden"), strict=True):
        for i, (name, rows) in enumerate(own.groupby("condition", sort=False)):
            look: dict[str, Any] = {"color": PALETTE[i], "linestyle": LINES[i]}
            look |= {"marker": MARKERS[i], "label": str(name), "gid": f"width-{hidden}-{i}"}
            draw_delay(axes, rows, look, 0.3 * (i - 0.5))
            texts.append(f"{name}: {told(rows, 'crossing', 1)}")
    delay_axes(grid, table)
    legend(figure, delay_entries(grid[0], table))
    figure.alt = f"Epoch at which a layer crosses the target accuracy. {' '.join(texts)}"
    figure.caption = (
        f"Epoch at which a layer's mean accuracy crosses the target: {listed(delays)}."
        f"{' Bands: 95 % intervals over seeds.' if _banded(table) else ''}{limits(table)}"
    )
    return figure


@styled
def median_delays(medians: pd.DataFrame) -> Figure:
    """Epoch by which each layer has reached the target in half of the seeds.

    Parameters
    ----------
    medians
        Result of `ff.survival.median_delay`.

    Returns
    -------
    Figure
        Kaplan-Meier medians. Bands are exact intervals of the median (order statistics), cut off
        at the last epoch; an open upward triangle is a layer that half of the seeds do not bring
        to the target.
    """
    names = {"median": "crossing", "low": "crossing_low", "high": "crossing_high"}
    table = medians.rename(columns=names).assign(censored=medians["median"].isna())
    seeds = counted(table["seeds"], "seed")
    figure = _with_bands(table, f"median of {seeds}, intervals of at least 95 %")
    what = "Epoch by which a layer has reached the target accuracy in half of the seeds"
    figure.alt = f"{what}. {told(table, 'crossing', 0)}"
    bands = (
        " Bands are exact intervals of the median, between two of the seeds' delays, which cover "
        "95 % or more."
    )
    figure.caption = (
        f"{what} (Kaplan-Meier median).{bands if _banded(table) else ''}{limits(table)}"
    )
    return figure


@styled
def sensitivity(delay: pd.DataFrame) -> Figure:
    """Interpolated delay of each layer for several target accuracies.

    Parameters
    ----------
    delay
        Result of `ff.delay.sensitivity` with `ff.delay.mean_delay`.

    Returns
    -------
    Figure
        A panel a width and a line a target. A line has no point where a layer does not reach the
        target.
    """
    figure, grid = width_panels(delay)
    targets = np.unique(delay["target"])
    for axes, (hidden, table) in zip(grid, delay.groupby("hidden"), strict=True):
        for share, (target, rows) in zip(
            np.linspace(0, 1, len(targets)), table.groupby("target"), strict=True
        ):
            look = {"color": shade(share), "gid": f"width-{hidden}-target-{target:g}"}
            axes.plot(rows["layer"], rows["crossing"], **look, label=f"{target:g}")
    delay_axes(grid, delay)
    handles = grid[0].get_legend_handles_labels()[0]
    figure.legend(handles=handles[::-1], title="target", loc="outside right center")
    low, high = targets[0], targets[-1]
    reached: Any = (~delay["censored"]).groupby([delay["hidden"], delay["target"]]).sum()
    counts = [
        f"at width {hidden} {own[low]:.0f} reach {low:g} and {own[high]:.0f} reach {high:g}"
        for hidden, own in reached.unstack().iterrows()
    ]
    figure.alt = (
        f"Delay against layer, one line for each target from {low:g} to {high:g}: the higher the "
        f"target, the later. Of {greatest(delay, 'layer')} layers, {'; '.join(counts)}."
    )
    stop = " A line ends where a layer does not reach the target within the run."
    figure.caption = (
        f"Delay by depth for target accuracies from {low:g} to {high:g}."
        + stop * bool(np.any(delay["censored"]) and not np.all(delay["censored"]))
    )
    return figure


def told(delay: pd.DataFrame, column: str, digits: int) -> str:
    """The first and the last layer of each width that has a delay, and how many have none."""
    texts = []
    for hidden, rows in delay.groupby("hidden"):
        told = [
            f"layer {row['layer']} in epoch {row[column]:.{digits}f}" for row in ends(rows, column)
        ]
        late = int(np.isnan(rows[column]).sum())
        told += [f"{late} of {len(rows)} layers not within the run"] if late else []
        texts.append(f"At width {hidden}: {listed(told)}.")
    return " ".join(texts)


def _banded(delay: pd.DataFrame) -> bool:
    """Whether any band is seen: seeds that tell an interval, and a layer that may be there."""
    return bool(np.isfinite(delay["crossing_low"]).any())


def limits(delay: pd.DataFrame) -> str:
    """What bands and triangles at the last epoch mean, if there are any."""
    last = greatest(delay, "last_epoch")
    beyond = _banded(delay) and np.any(delay["crossing_high"] > delay["last_epoch"])
    end = f"epoch {last}" if _alike(delay) else "the last epoch"
    cut = f" They are cut at {end}." if beyond else ""
    late = " Open triangles: not reached by then." if np.any(delay["censored"]) else ""
    return cut + (late if cut else late.replace("by then", f"by {end}"))


def _alike(delay: pd.DataFrame) -> bool:
    """Whether all have the same last epoch."""
    return len(set(delay["last_epoch"])) == 1


def _with_bands(delay: pd.DataFrame, title: str) -> Figure:
    """Lines of all widths in one panel, each with the band of its intervals."""
    figure = Figure(4)
    axes = figure.subplots()
    widths = by_width(delay)
    for i, (hidden, rows, look) in enumerate(widths):
        shift = 0.3 * (i - (len(widths) - 1) / 2)  # the triangles of two widths lie side by side
        look |= {"marker": "o", "label": f"{hidden} units", "gid": f"width-{hidden}"}
        draw_delay(axes, rows, look, shift)
    delay_axes([axes], delay)
    last = greatest(delay, "last_epoch")
    cut = f", cut at epoch {last}" if np.any(delay["crossing_high"] > last) else ""
    axes.set_title(title + cut)
    legend(figure, delay_entries(axes, delay))
    return figure


def draw_delay(axes: Axes, rows: pd.DataFrame, look: dict[str, Any], shift: float = 0) -> None:
    """Draw crossings with their intervals, and an open triangle for each censored layer.

    `shift` moves the triangles sideways, so that those of two lines do not hide each other.
    """
    last, color = greatest(rows, "last_epoch"), look["color"]
    low, high = (rows[f"crossing_{end}"].clip(upper=last) for end in ("low", "high"))
    band(axes, rows["layer"], low, high, color)
    axes.plot(rows["layer"], rows["crossing"], **look)
    late = rows.loc[rows["censored"], "layer"] + shift
    axes.plot(late, np.full(len(late), last), "^", color=color, markerfacecolor="none")


def delay_axes(grid: Sequence[Axes], delay: pd.DataFrame) -> None:
    """Set the axes of panels that show delays against layers."""
    last, deepest = greatest(delay, "last_epoch"), greatest(delay, "layer")
    for axes in grid:
        count(axes.xaxis, deepest)
        count(axes.yaxis, last)
        axes.set(xlim=(0, deepest + 1), ylim=(0, last + max(1, 0.04 * last)))
        axes.set(xlabel="layer", ylabel="epoch at target accuracy")
        axes.label_outer()


def delay_entries(axes: Axes, delay: pd.DataFrame) -> list[Any]:
    """Legend entries of the panel's lines, and of the open triangle if any layer is censored."""
    handles = list(axes.get_legend_handles_labels()[0])
    if np.any(delay["censored"]):
        last = f"epoch {greatest(delay, 'last_epoch')}"
        label = f"not reached by {last if _alike(delay) else 'the last epoch'}"
        look = {"marker": "^", "markerfacecolor": "none", "linestyle": "none"}
        handles.append(entry(label, color=MUTED, **look))
    return handles
