"""The paper's Figures 2 to 5 and ours: tables in, figures out.

Nothing is computed here but means over seeds and their intervals; delays and correlations come
from `ff.delay` and `ff.correlation`. No function writes a file.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import MaxNLocator

from ff.delay import TARGET
from ff.errors import RecordsError
from ff.resampling import Bootstrap, Cube, cubes
from ff.style import INK, MUTED, Figure, layer_color, layer_colorbar, styled

__all__ = ["traces"]

_NAMES = {
    "train_accuracy": "training accuracy",
    "validation_accuracy": "validation accuracy",
    "validation_auroc": "validation AUROC",
    "goodness_accuracy": "accuracy by goodness alone",
    "dead_units": "share of dead units",
}


def _name(column: str) -> str:
    return _NAMES.get(column, column.replace("_", " "))


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"


def _one_width(layers: pd.DataFrame, column: str) -> Cube:
    found = list(cubes(layers, "layer", column))
    if len(found) != 1:
        widths = ", ".join(str(cube.hidden) for cube in found)
        raise RecordsError(
            f"one figure shows one width but the records hold {widths or 'none'}, "
            "select the rows of one value of `hidden`"
        )
    return found[0]


def _readout(readouts: pd.DataFrame, hidden: int, depth: int, column: str) -> Cube:
    rows = readouts.loc[(readouts["hidden"] == hidden) & (readouts["depth"] == depth)]
    if rows.empty:
        depths = readouts.loc[readouts["hidden"] == hidden, "depth"].unique()
        raise RecordsError(
            f"no readout of depth {depth} for hidden {hidden}, "
            f"choose one of {', '.join(map(str, sorted(depths))) or 'another width'}"
        )
    return next(cubes(rows, "depth", column if column in rows else "validation_accuracy"))


def _count(axis: Axis, last: int) -> None:
    """Ticks at 1 and at round numbers up to the last."""
    steps = MaxNLocator(8, steps=[1, 2, 5, 10], integer=True).tick_values(0, last)
    axis.set_ticks([1, *(step for step in steps if 1 < step <= last)])


def _limits(axes: Axes, epochs: np.ndarray) -> None:
    """Whole epochs and accuracies up to 1; the lower end makes room for a readout that starts."""
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    _count(axes.xaxis, epochs[-1])
    axes.set_ylim(min(0.45, axes.dataLim.y0 - 0.02), 1.01)


def _draw_traces(axes: Axes, layer: Cube, readout: Cube, depth: int, target: float | None) -> None:
    if target is not None:
        axes.axhline(target, color=MUTED, linewidth=0.8, label=f"target {target:g}", zorder=1.5)
    for i in range(depth):
        color = layer_color(layer.keys[i], depth)
        mean = layer.values[:, :, i].mean(axis=0)
        axes.plot(layer.epochs, mean, color=color, gid=f"layer-{layer.keys[i]}")
    mean = readout.values[:, :, 0].mean(axis=0)
    axes.plot(
        readout.epochs, mean, color=INK, linestyle=(0, (4, 2)), label="readout", gid="readout"
    )


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
        The network's number of layers; a deeper network's records serve, see `ff.Records`.
    column
        What is drawn for a layer. The readout's dashed line is its column of the same name, or
        `validation_accuracy` where it has none.
    target
        Accuracy to mark by a thin line, or None.

    Returns
    -------
    Figure
        Mean over seeds, one line a layer, colored by relative depth. With several seeds, each
        line's band is the 95 % interval of the mean, by resampling seeds.

    Raises
    ------
    RecordsError
        If the records hold several widths, fewer layers than `depth` or no readout of it.

    References
    ----------
    Figure 2 of the paper.
    """
    layer = _one_width(layers, column)
    if layer.keys[-1] < depth:
        raise RecordsError(
            f"a network of {depth} layers was asked for but the records hold {layer.keys[-1]}, "
            "choose a smaller depth"
        )
    readout = _readout(readouts, layer.hidden, depth, column)
    figure = Figure(7, 4.2)
    axes = figure.subplots()
    seeds = len(layer.seeds)
    if seeds > 1:
        bootstrap = Bootstrap()
        values = layer.values[:, :, :depth]
        _, draws = bootstrap.draw(lambda w: np.tensordot(w, values, axes=1) / seeds, seeds)
        for i, (low, high) in enumerate(
            zip(*(v.T for v in bootstrap.interval(draws)), strict=True)
        ):
            color = layer_color(layer.keys[i], depth)
            axes.fill_between(layer.epochs, low, high, color=color, alpha=0.18, linewidth=0)
    _draw_traces(axes, layer, readout, depth, target)
    _limits(axes, layer.epochs)
    axes.set(xlabel="epoch", ylabel=_name(column))
    mean = f"mean and 95 % interval of {seeds} seeds" if seeds > 1 else "1 seed"
    axes.set_title(f"{depth} layers of {layer.hidden} units, {mean}")
    figure.legend(loc="outside lower center", ncols=3)
    layer_colorbar(figure, axes, depth)
    return figure
