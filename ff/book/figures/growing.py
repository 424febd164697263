"""A network by its layers: what each contributes to the readout, and one that grows."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ff.book.figures.shared import band, greatest
from ff.book.style import MARKERS, MUTED, PALETTE, Figure, count, legend, shade, styled
from ff.stats.cubes import single_cube
from ff.stats.intervals import mean_band

__all__ = ["beside_together", "contributions", "grown"]

COSTS = {
    "equal updates": "after as many updates",
    "best": "at their best epoch",
    "whole": "after all epochs",
}
COLUMNS = ("logit_share", "accuracy_without", "probe_accuracy")


@styled
def contributions(layers: pd.DataFrame, readouts: pd.DataFrame, epochs: Sequence[int]) -> Figure:
    """What each layer contributes to the deepest readout's answer, as training goes on.

    Parameters
    ----------
    layers, readouts
        The tables of `ff.Records`, of one width.
    epochs
        Which to draw, from dark to light.

    Returns
    -------
    Figure
        Three panels over depth, from the top: share of the variance of the logits; accuracy that
        is lost without the layer, in percentage points; accuracy of a linear probe on that layer
        alone. Bands are 95 % intervals over seeds.
    """
    figure = Figure(5.8)
    grid = figure.subplots(3, sharex=True)
    titles = ("share of the logits' variance", "points lost without it", "accuracy of its probe")
    rows: Any = layers[layers["layer"] > 1]  # the readout does not see layer 1
    share, without, probe = (single_cube(rows, "layer", name) for name in COLUMNS)
    whole = single_cube(readouts, "depth", "validation_accuracy").values[..., -1:]
    lost = 100 * (whole - without.values)
    for i, epoch in enumerate(epochs):
        look: dict[str, Any] = {"color": shade(i / max(len(epochs) - 1, 1))}
        at = list(share.epochs).index(epoch)
        for axes, values in zip(grid, (share.values, lost, probe.values), strict=True):
            mean, low, high = mean_band(values[:, at])
            band(axes, share.keys, low, high, **look)
            axes.plot(share.keys, mean, **look, label=f"epoch {epoch}", gid=f"epoch-{epoch}")
    for axes, title in zip(grid, titles, strict=True):
        axes.set_title(title)
        count(axes.xaxis, int(share.keys[-1]))
    grid[-1].set_xlabel("layer")
    legend(figure, grid[0].get_legend_handles_labels()[0])
    return figure


@styled
def grown(accuracy: Mapping[str, pd.DataFrame], epochs: pd.DataFrame) -> Figure:
    """A network that grows beside one whose layers learn together, by depth.

    Parameters
    ----------
    accuracy
        For each way of training, a table with depth, mean, low and high of the readout's accuracy.
    epochs
        Of the grown network: layer, mean, low and high of the epochs until it is frozen.

    Returns
    -------
    Figure
        Left, accuracy by depth; right, epochs of each layer. Bands are 95 % intervals over seeds.
    """
    figure = Figure(3.4)
    left, right = figure.subplots(1, 2)
    for i, (name, rows) in enumerate(accuracy.items()):
        band(left, rows["depth"], rows["low"], rows["high"], PALETTE[i])
        look = {"color": PALETTE[i], "marker": MARKERS[i], "label": name}
        left.plot(rows["depth"], rows["mean"], **look, gid=f"grown-{i}")
    _by_layer(right, epochs, PALETTE[0])
    left.set(title="accuracy of the readout", xlabel="layers of the network")
    right.set(title="epochs until a layer is frozen", xlabel="layer", ylim=(0, None))
    count(left.xaxis, greatest(epochs, "layer"))
    legend(figure, left.get_legend_handles_labels()[0])
    return figure


@styled
def beside_together(table: pd.DataFrame) -> Figure:
    """How far a grown network is ahead of one whose layers learn together, by depth and cost.

    Parameters
    ----------
    table
        Result of `ff.stats.growing.beside_together`.

    Returns
    -------
    Figure
        A line for each cost: mean difference in percentage points, with its interval as a band.
    """
    figure = Figure(3.4)
    axes = figure.subplots()
    axes.axhline(0, color=MUTED, linewidth=0.8)
    for i, (cost, rows) in enumerate(table.groupby("cost", sort=False)):
        percent = 100 * rows[["difference", "low", "high"]]
        band(axes, rows["depth"], percent["low"], percent["high"], PALETTE[i])
        look: dict[str, Any] = {"color": PALETTE[i], "marker": MARKERS[i]}
        look |= {"label": COSTS[str(cost)], "gid": f"cost-{i}"}
        axes.plot(rows["depth"], percent["difference"], **look)
    axes.set(xlabel="layers of the network", ylabel="points ahead")
    axes.set_title("grown, less layers that learn together")
    count(axes.xaxis, greatest(table, "depth"))
    legend(figure, axes.get_legend_handles_labels()[0])
    return figure


def _by_layer(axes: Axes, rows: pd.DataFrame, color: str) -> None:
    band(axes, rows["layer"], rows["low"], rows["high"], color)
    axes.plot(rows["layer"], rows["mean"], color=color, marker="o", gid="epochs")
    count(axes.xaxis, greatest(rows, "layer"))
