"""Accuracy of each layer as training goes on: Figures 2 and 3."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ff.book.figures.shared import band, counted
from ff.book.markup import listed
from ff.book.style import INK, MUTED, Figure, count, layer_colorbar, legend, shade, styled
from ff.errors import RecordsError
from ff.quantities import words
from ff.stats.cubes import Cube, cubes, single_cube
from ff.stats.delay import TARGET
from ff.stats.evidence import neighbors
from ff.stats.intervals import mean_band

__all__ = ["panels", "spread", "traces"]

CHANCE = 0.47  # a little below a layer's chance of 1/2, where the vertical axis begins


@styled
def traces(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    depth: int,
    column: str = "train_accuracy",
    target: float | None = TARGET,
) -> Figure:
    """Accuracy of each layer of one network as training goes on: one panel of Figure 2.

    Parameters
    ----------
    layers, readouts
        The tables of `ff.Records`, rows of one width.
    depth
        The network's number of layers. A deeper network's records serve: its first layers are
        those of this one.
    column
        What is drawn for a layer. The readout's dashed line is its column of the same name, or
        `validation_accuracy` where it has none.
    target
        Accuracy to mark by a thin line, or None.

    Returns
    -------
    Figure
        Mean over seeds, one line a layer, colored by relative depth. With several seeds, each
        line's band is the 95 % interval of the mean (Student's t). A readout that starts far below
        the layers comes in from beneath.

    Raises
    ------
    RecordsError
        If the records hold several widths, fewer layers than `depth` or no readout of it.

    References
    ----------
    Figure 2 of the paper.
    """
    found = list(cubes(layers, "layer", column))
    if len(found) != 1:
        widths = ", ".join(str(layer.hidden) for layer in found) or "none"
        raise RecordsError(
            f"one figure shows one width but the records hold {widths}, "
            "select the rows of one value of `hidden`"
        )
    layer = found[0]
    if layer.keys[-1] < depth:
        raise RecordsError(
            f"a network of {depth} layers was asked for but the records hold {layer.keys[-1]}, "
            "choose a smaller depth"
        )
    figure = Figure(4.2)
    axes = figure.subplots()
    seeds = len(layer.seeds)
    if seeds > 1:
        _, low, high = mean_band(layer.values)  # (epochs, layers)
        for i in range(depth):
            band(axes, layer.epochs, low[:, i], high[:, i], _layer_color(i + 1, depth))
    readout = _readout(readouts, layer.hidden, depth, column)
    bottom = _draw_traces(axes, layer, readout, depth, target)
    _epochs(axes, layer)
    axes.set_ylim(bottom, 1.01)
    axes.set(xlabel="epoch", ylabel=words(column))
    mean = f"mean and 95 % interval of {seeds} seeds" if seeds > 1 else "1 seed"
    axes.set_title(f"{depth} layers of {layer.hidden} units, {mean}")
    legend(figure, axes.get_legend_handles_labels()[0])
    layer_colorbar(figure, axes, depth)
    figure.alt = (
        f"{words(column).capitalize()} against epoch, one line for each of {depth} layers of "
        f"{layer.hidden} units. {_at_the_end(layer, [1, depth])}. The dashed line of the readout "
        f"ends at {readout.values[:, -1, 0].mean():.2f}."
    )
    bands = f" Bands: 95 % intervals of the mean of {seeds} seeds (Student's t)."
    figure.caption = (
        f"{words(column).capitalize()} of each layer as training goes on. The dashed line is the "
        f"accuracy of the readout, that is, of the whole network.{bands if seeds > 1 else ''}"
    )
    return figure


@styled
def panels(
    layers: pd.DataFrame,
    readouts: pd.DataFrame,
    column: str = "train_accuracy",
    target: float | None = TARGET,
) -> Figure:
    """Accuracy of each layer of every network: Figure 2, a row a depth and a column a width.

    Parameters
    ----------
    layers, readouts, column, target
        As in `traces`, but of any number of widths.

    Returns
    -------
    Figure
        Means over seeds, without intervals. A panel whose readout is not there stays empty. A
        readout that starts far below the layers comes in from beneath.

    References
    ----------
    Figure 2 of the paper.
    """
    widths = list(cubes(layers, "layer", column))
    depths = [int(depth) for depth in np.unique(readouts["depth"])]
    height = 1.2 + 1.2 * len(depths)
    figure = Figure(height)
    grid = figure.subplots(len(depths), len(widths), squeeze=False, sharex=True, sharey=True)
    drawn, bottoms, named = [], [], set()
    for (i, j), axes in np.ndenumerate(grid):
        depth, layer = depths[i], widths[j]
        here = readouts.loc[readouts["hidden"] == layer.hidden, "depth"]
        if depth > layer.keys[-1] or not (here == depth).any():
            axes.set_axis_off()
            continue
        readout = _readout(readouts, layer.hidden, depth, column)
        bottoms.append(_draw_traces(axes, layer, readout, depth, target))
        if i not in named:  # the first panel of a row has its name
            axes.set_ylabel(f"{depth} layers")
            named.add(i)
        drawn.append(axes)
    drawn[0].set_ylim(min(bottoms), 1.01)
    for axes, layer in zip(grid[0], widths, strict=True):
        axes.set_title(f"{layer.hidden} units, mean of {counted([len(layer.seeds)], 'seed')}")
    for axes, layer in zip(grid[-1], widths, strict=True):
        axes.set_xlabel("epoch")
        _epochs(axes, layer)
    # Half way up the panels, which have the legend below them.
    figure.supylabel(words(column), y=0.5 + 0.25 / height, fontsize="medium")
    legend(figure, drawn[0].get_legend_handles_labels()[0])
    layer_colorbar(figure, grid, None)
    figure.alt = (
        f"{words(column).capitalize()} against epoch, one line for each layer, in a panel for each "
        f"network: {listed(map(str, depths))} layers from top to bottom. "
        + " ".join(f"{_at_the_end(own, depths)} of {own.hidden} units." for own in widths)
    )
    figure.caption = (
        "Layer accuracy as training goes on, mean over seeds (the paper's Figure 2). Color is the "
        "layer's depth relative to the network's; the dashed line is the accuracy of the whole "
        "network. A shallower network's layers are those of the deepest one, bit for bit: no layer "
        "sees what is above it."
    )
    return figure


@styled
def spread(
    layers: pd.DataFrame,
    selected: Sequence[int] | None = None,
    hidden: int = 1000,
    column: str = "train_accuracy",
) -> Figure:
    """Accuracy of some layers, with one standard deviation over seeds: Figure 3.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    selected
        Layers to show; those that are not in the table are left out. By default the paper's of a
        network of 32 layers, else the first, the last and up to four between them.
    hidden
        Width to show; where it is not in the table, the widest that is.
    column
        What counts as accuracy.

    Returns
    -------
    Figure
        A line a layer, and a band of one standard deviation (n - 1) to either side.

    References
    ----------
    Figure 3 of the paper.
    """
    widths = {layer.hidden: layer for layer in cubes(layers, "layer", column)}
    layer = widths.get(hidden, widths[max(widths)])
    seeds = len(layer.seeds)
    figure = Figure(4)
    axes = figure.subplots()
    chosen = neighbors(int(layer.keys[-1])) if selected is None else selected
    shown = np.flatnonzero(np.isin(layer.keys, chosen))
    for share, i in zip(np.linspace(0, 1, len(shown)), shown, strict=True):
        mean, name = layer.values[:, :, i].mean(axis=0), f"layer {layer.keys[i]}"
        axes.plot(layer.epochs, mean, color=shade(share), label=name, gid=name.replace(" ", "-"))
        if seeds > 1:
            std = layer.values[:, :, i].std(axis=0, ddof=1)
            band(axes, layer.epochs, mean - std, mean + std, shade(share))
    _epochs(axes, layer)
    axes.set_ylim(min(CHANCE, axes.dataLim.y0 - 0.02), 1.01)
    axes.set(xlabel="epoch", ylabel=words(column))
    what = f"mean ± one standard deviation of {seeds} seeds" if seeds > 1 else "1 seed"
    axes.set_title(f"{layer.keys[-1]} layers of {layer.hidden} units, {what}")
    figure.legend(loc="outside right center")
    figure.alt = (
        f"{words(column).capitalize()} against epoch for {len(shown)} of {len(layer.keys)} layers "
        f"of {layer.hidden} units. {_at_the_end(layer, layer.keys[shown].tolist())}."
    )
    bands = ", and one standard deviation over seeds to either side" if seeds > 1 else ""
    which = "each layer" if len(shown) == len(layer.keys) else "some layers"
    figure.caption = f"Mean accuracy of {which}{bands} (in the form of the paper's Figure 3)."
    return figure


def _at_the_end(cube: Cube, layers: Sequence[int]) -> str:
    """Mean accuracy of some layers after the last epoch."""
    last = dict(zip(cube.keys.tolist(), cube.values[:, -1].mean(axis=0), strict=True))
    told = listed(f"{last[layer]:.2f} in layer {layer}" for layer in dict.fromkeys(layers))
    return f"After {cube.epochs[-1]} epochs it is {told}"


def _layer_color(layer: int, depth: int) -> Any:
    return shade((layer - 1) / max(depth - 1, 1))


def _readout(readouts: pd.DataFrame, hidden: int, depth: int, column: str) -> Cube:
    width = readouts.loc[readouts["hidden"] == hidden]
    rows = width.loc[width["depth"] == depth]
    if rows.empty:
        known = ", ".join(map(str, np.unique(width["depth"]))) or "another width"
        raise RecordsError(f"no readout of depth {depth} for hidden {hidden}, choose from {known}")
    return single_cube(rows, "depth", column if column in rows else "validation_accuracy")


def _draw_traces(axes: Axes, layer: Cube, readout: Cube, depth: int, target: float | None) -> float:
    """Draw a network's layers and its readout; return where the vertical axis should begin.

    That is below all layers and below where the readout ends. The readout's chance is far below a
    layer's: it may come in from beneath, and leaves the room to the layers.
    """
    if target is not None:
        axes.axhline(target, color=MUTED, linewidth=0.8, label=f"target {target:g}", zorder=1.5)
    gid = f"width-{layer.hidden}-depth-{depth}"
    marker = "o" if len(layer.epochs) == 1 else ""  # a single point makes no line
    for i in range(depth):
        mean, color = layer.values[:, :, i].mean(axis=0), _layer_color(i + 1, depth)
        axes.plot(layer.epochs, mean, marker=marker, color=color, gid=f"{gid}-layer-{i + 1}")
    mean, gid = readout.values[:, :, 0].mean(axis=0), f"{gid}-readout"
    axes.plot(readout.epochs, mean, "--", marker=marker, color=INK, label="readout", gid=gid)
    lowest = layer.values[:, :, :depth].mean(axis=0).min()
    return min(CHANCE, lowest - 0.02, mean[-1] - 0.02)


def _epochs(axes: Axes, layer: Cube) -> None:
    axes.set_xlim(layer.epochs[0] - 0.5, layer.epochs[-1] + 0.5)
    count(axes.xaxis, layer.epochs[-1])
