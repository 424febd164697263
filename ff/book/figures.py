"""The paper's Figures 2 to 5 and ours: tables in, figures out.

Traces are averaged over seeds here; delays and correlations come from `ff.stats.delay` and
`ff.stats.correlation`. Widths that share a panel differ by color and by line style, depths by
marker. No function writes a file: the `savefig` of what it returns does.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import CARETUP

from ff.book.style import (
    INK,
    LINES,
    MARKERS,
    MUTED,
    PALETTE,
    Figure,
    count,
    entry,
    layer_colorbar,
    legend,
    shade,
    styled,
)
from ff.errors import RecordsError
from ff.stats.correlation import STRONG
from ff.stats.delay import TARGET, mean_delay
from ff.stats.resampling import Bootstrap, Cube, cubes

__all__ = [
    "auroc_beside_accuracy",
    "correlation_kinds",
    "correlations",
    "correlations_with_intervals",
    "delays",
    "delays_with_intervals",
    "panels",
    "sensitivity",
    "slope_sensitivity",
    "spread",
    "traces",
]

Coefficient = Literal["pearson", "spearman"]

DEPTHS = (2, 4, 8, 16, 32)  # Table 1 of the paper
_COEFFICIENTS = {"pearson": "Pearson's r", "spearman": "Spearman's ρ"}
_COLUMNS = {
    "train_accuracy": "training accuracy",
    "validation_accuracy": "validation accuracy",
    "validation_auroc": "validation AUROC",
    "goodness_accuracy": "accuracy by goodness alone",
    "dead_units": "share of dead units",
}


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
        line's band is the 95 % interval of the mean, by resampling seeds.

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
    figure = Figure(7, 4.2)
    axes = figure.subplots()
    seeds = len(layer.seeds)
    if seeds > 1:
        bootstrap, values = Bootstrap(), layer.values[:, :, :depth]
        _, draws = bootstrap.draw(lambda w: np.tensordot(w, values, axes=1) / seeds, seeds)
        low, high = bootstrap.interval(draws)  # (epochs, layers)
        for i in range(depth):
            _band(axes, layer.epochs, low[:, i], high[:, i], _layer_color(i + 1, depth))
    _draw_traces(axes, layer, _readout(readouts, layer.hidden, depth, column), depth, target)
    _epochs(axes, layer)
    _accuracies(axes, axes.dataLim.y0)
    axes.set(xlabel="epoch", ylabel=_name(column))
    mean = f"mean and 95 % interval of {seeds} seeds" if seeds > 1 else "1 seed"
    axes.set_title(f"{depth} layers of {layer.hidden} units, {mean}")
    legend(figure, axes.get_legend_handles_labels()[0])
    layer_colorbar(figure, axes, depth)
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
        Means over seeds, without intervals. A panel whose readout is not there stays empty.

    References
    ----------
    Figure 2 of the paper.
    """
    widths = list(cubes(layers, "layer", column))
    depths = [int(depth) for depth in np.unique(readouts["depth"])]
    height = 1.3 + 1.5 * len(depths)
    figure = Figure(7, height)
    grid = figure.subplots(len(depths), len(widths), squeeze=False, sharex=True, sharey=True)
    drawn = []
    for (i, j), axes in np.ndenumerate(grid):
        depth, layer = depths[i], widths[j]
        here = readouts.loc[readouts["hidden"] == layer.hidden, "depth"]
        if depth > layer.keys[-1] or not (here == depth).any():
            axes.set_axis_off()
            continue
        _draw_traces(axes, layer, _readout(readouts, layer.hidden, depth, column), depth, target)
        place = {"xycoords": "axes fraction", "ha": "right", "va": "bottom"}
        axes.annotate(f"{depth} layers", (0.99, 0.06), **place)
        drawn.append(axes)
    _accuracies(drawn[0], min(axes.dataLim.y0 for axes in drawn))
    for axes, layer in zip(grid[0], widths, strict=True):
        axes.set_title(f"{layer.hidden} units, mean of {_count([len(layer.seeds)], 'seed')}")
    for axes, layer in zip(grid[-1], widths, strict=True):
        axes.set_xlabel("epoch")
        _epochs(axes, layer)
    # Half way up the panels, which have the legend below them.
    figure.supylabel(_name(column), y=0.5 + 0.25 / height, fontsize="medium")
    legend(figure, drawn[0].get_legend_handles_labels()[0])
    layer_colorbar(figure, grid, None)
    return figure


@styled
def spread(
    layers: pd.DataFrame,
    selected: Sequence[int] = (1, 4, 8, 16, 24, 32),
    hidden: int = 1000,
    column: str = "train_accuracy",
) -> Figure:
    """Accuracy of some layers, with one standard deviation over seeds: Figure 3.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    selected
        Layers to show; those that are not in the table are left out.
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
    figure = Figure(7, 4)
    axes = figure.subplots()
    shown = np.flatnonzero(np.isin(layer.keys, selected))
    for share, i in zip(np.linspace(0, 1, len(shown)), shown, strict=True):
        mean, name = layer.values[:, :, i].mean(axis=0), f"layer {layer.keys[i]}"
        axes.plot(layer.epochs, mean, color=shade(share), label=name, gid=name.replace(" ", "-"))
        if seeds > 1:
            std = layer.values[:, :, i].std(axis=0, ddof=1)
            _band(axes, layer.epochs, mean - std, mean + std, shade(share))
    _epochs(axes, layer)
    _accuracies(axes, axes.dataLim.y0)
    axes.set(xlabel="epoch", ylabel=_name(column))
    what = f"mean ± one standard deviation of {seeds} seeds" if seeds > 1 else "1 seed"
    axes.set_title(f"{layer.keys[-1]} layers of {layer.hidden} units, {what}")
    figure.legend(loc="outside right center")
    return figure


@styled
def delays(delay: pd.DataFrame, depths: Sequence[int] = DEPTHS) -> Figure:
    """Epoch at which each layer's mean accuracy reaches the target: Figure 4 as in the paper.

    A layer is not changed by what is above it, so its delay is the same in networks of every
    depth: the paper's five traces of one width lie on each other. Each point has the marker of
    the shallowest network that has such a layer.

    Parameters
    ----------
    delay
        Result of `ff.stats.delay.mean_delay`; drawn is its `epoch`.
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
    figure = Figure(7, 4)
    axes = figure.subplots()
    markers = dict(zip([d for d in depths if d <= _last(delay, "layer")], MARKERS, strict=False))
    for hidden, rows, look in _widths(delay):
        reached = rows.loc[~rows["censored"]]
        missing = f" ({len(reached)} of {len(rows)} layers reach the target)"
        label = f"{hidden} units" + (missing if len(reached) < len(rows) else "")
        axes.plot(rows["layer"], rows["epoch"], **look, label=label, gid=f"width-{hidden}")
        for above, (depth, marker) in zip([0, *markers], markers.items(), strict=False):
            own = reached.loc[reached["layer"].between(above + 1, depth)]
            style = {"color": look["color"], "markeredgecolor": "white", "markersize": 7}
            gid = f"width-{hidden}-depth-{depth}"
            axes.plot(own["layer"], own["epoch"], marker, **style, gid=gid)
    _delay_axes([axes], delay)
    axes.set_title(f"mean accuracy of {_count(delay['seeds'], 'seed')}")
    axes.legend(loc="upper left")
    legend(figure, _depth_entries(markers))
    return figure


@styled
def delays_with_intervals(delay: pd.DataFrame) -> Figure:
    """Interpolated delay of each layer, with its interval and with the layers that are censored.

    Parameters
    ----------
    delay
        Result of `ff.stats.delay.mean_delay`; drawn are `crossing` and its interval.

    Returns
    -------
    Figure
        Bands are intervals by resampling seeds, cut off at the last epoch. A layer that has not
        reached the target by then is an open upward triangle there: its delay is longer.
    """
    figure = Figure(7, 4)
    axes = figure.subplots()
    widths = _widths(delay)
    for i, (hidden, rows, look) in enumerate(widths):
        shift = 0.3 * (i - (len(widths) - 1) / 2)  # triangles of two widths beside each other
        look |= {"marker": "o", "label": f"{hidden} units", "gid": f"width-{hidden}"}
        _draw_delay(axes, rows, look, shift)
    _delay_axes([axes], delay)
    axes.set_title(f"mean accuracy of {_count(delay['seeds'], 'seed')}, 95 % intervals")
    legend(figure, _delay_entries(axes, delay))
    return figure


@styled
def sensitivity(delay: pd.DataFrame) -> Figure:
    """Interpolated delay of each layer for several target accuracies.

    Parameters
    ----------
    delay
        Result of `ff.stats.delay.sensitivity` with `ff.stats.delay.mean_delay`.

    Returns
    -------
    Figure
        A panel a width and a line a target. A line has no point where a layer does not reach the
        target.
    """
    figure, grid = _width_panels(delay)
    targets = np.unique(delay["target"])
    for axes, (hidden, table) in zip(grid, delay.groupby("hidden"), strict=True):
        for share, (target, rows) in zip(
            np.linspace(0, 1, len(targets)), table.groupby("target"), strict=True
        ):
            look = {"color": shade(share), "gid": f"width-{hidden}-target-{target:g}"}
            axes.plot(rows["layer"], rows["crossing"], **look, label=f"{target:g}")
    _delay_axes(grid, delay)
    handles = grid[0].get_legend_handles_labels()[0]
    figure.legend(handles=handles[::-1], title="target", loc="outside right center")
    return figure


@styled
def slope_sensitivity(slope: pd.DataFrame) -> Figure:
    """Epochs of delay that each further layer adds, for several target accuracies.

    Parameters
    ----------
    slope
        Result of `ff.stats.delay.sensitivity` with `ff.stats.delay.slope`; drawn is its segment
        "all".

    Returns
    -------
    Figure
        A line a width, with intervals by resampling seeds. An interval without an upper end, as
        too many resamples miss the target, ends in an arrowhead.
    """
    figure = Figure(7, 3.6)
    axes = figure.subplots()
    rows = slope.loc[slope["segment"] == "all"]
    numbers = rows[["slope", "low", "high"]].to_numpy(float)
    top = 1.08 * np.max(numbers, where=np.isfinite(numbers), initial=0)
    widths = _widths(rows)
    for i, (hidden, own, look) in enumerate(widths):
        x = own["target"] + 0.006 * (i - (len(widths) - 1) / 2)
        axes.plot(x, own["slope"], **look, marker="o", label=f"{hidden} units")
        axes.vlines(x, own["low"], own["high"].clip(upper=top), color=look["color"])
        ends = x[np.isinf(own["high"])]
        style = {"color": look["color"], "marker": CARETUP, "linestyle": "none"}
        axes.plot(ends, np.full(len(ends), top), **style, gid=f"open-{hidden}")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_title(f"mean accuracy of {_count(slope['seeds'], 'seed')}, 95 % intervals")
    axes.set(xlabel="target accuracy", ylabel="epochs of delay per layer")
    legend(figure, axes.get_legend_handles_labels()[0])
    return figure


@styled
def auroc_beside_accuracy(
    layers: pd.DataFrame,
    target: float = TARGET,
    auroc_target: float = 0.77,
    bootstrap: Bootstrap = Bootstrap(),
) -> Figure:
    """When goodness tells positive from negative samples, and when its threshold does: by layer.

    Accuracy needs the goodness of positive and of negative samples on the right sides of a fixed
    threshold; AUROC only needs them apart. A layer whose AUROC rises long before its accuracy has
    learned to tell them apart, but not at the threshold.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    target
        Validation accuracy to reach.
    auroc_target
        Validation AUROC to reach. Two normal distributions of the same variance that a threshold
        half way separates with accuracy 0.7 have an AUROC of 0.77.
    bootstrap
        How seeds are resampled for the intervals.

    Returns
    -------
    Figure
        A panel a width; otherwise as `delays_with_intervals`.
    """
    accuracy = mean_delay(layers, target, "validation_accuracy", bootstrap)
    auroc = mean_delay(layers, auroc_target, "validation_auroc", bootstrap)
    both = pd.concat([accuracy, auroc])
    figure, grid = _width_panels(both)
    criteria = [
        (accuracy, -0.15, f"validation accuracy {target:g}"),
        (auroc, 0.15, f"validation AUROC {auroc_target:g}"),
    ]
    looks = zip(PALETTE[2:], LINES, MARKERS, strict=False)
    for (color, line, marker), (table, shift, label) in zip(looks, criteria, strict=False):
        look = {"color": color, "linestyle": line, "marker": marker, "label": label}
        for axes, (_, rows) in zip(grid, table.groupby("hidden"), strict=True):
            _draw_delay(axes, rows, look, shift)
    _delay_axes(grid, both)
    grid[0].set_ylabel("epoch at target")
    legend(figure, _delay_entries(grid[0], both))
    return figure


@styled
def correlations(correlation: pd.DataFrame, coefficient: Coefficient = "pearson") -> Figure:
    """Correlation of each layer's accuracy with its network's: Figure 5 as in the paper.

    Parameters
    ----------
    correlation
        Result of `ff.stats.correlation.pooled`; drawn is the signed `r`.
    coefficient
        Figure 5a is "pearson", 5b is "spearman".

    Returns
    -------
    Figure
        A line a width and depth: color and line style by width, marker by depth.

    References
    ----------
    Figures 5a and 5b of the paper.
    """
    table = correlation.loc[correlation["coefficient"] == coefficient]
    figure = Figure(7, 4.2)
    axes = figure.subplots()
    markers = dict(zip(np.unique(table["depth"]), MARKERS, strict=False))
    for hidden, own, look in _widths(table):
        for depth, rows in own.groupby("depth"):
            look |= {"marker": markers[depth], "gid": f"width-{hidden}-depth-{depth}"}
            axes.plot(rows["layer"], rows["r"], **look, linewidth=1.1)
    _correlation_axes([axes], table, coefficient)
    pairs = _count(table["seeds"] * table["epochs"], "pair")
    axes.set_title(f"{_count(table['seeds'], 'seed')}, {pairs}")
    entries = [entry(f"{hidden} units", **look) for hidden, _, look in _widths(table)]
    axes.legend(handles=[*entries, _strong()], loc="best")
    legend(figure, _depth_entries(markers))
    return figure


@styled
def correlations_with_intervals(
    correlation: pd.DataFrame, coefficient: Coefficient = "pearson"
) -> Figure:
    """Correlation of each layer's accuracy with its network's, with intervals.

    Parameters
    ----------
    correlation
        Result of `ff.stats.correlation.pooled` or of another analysis of that module.
    coefficient
        "pearson" or "spearman".

    Returns
    -------
    Figure
        A panel a width, a line and a marker a depth; bands are intervals by resampling seeds.
    """
    table = correlation.loc[correlation["coefficient"] == coefficient]
    figure, grid = _width_panels(table)
    depths = np.unique(table["depth"])
    shades = dict(zip(depths, map(shade, np.linspace(0, 1, len(depths))), strict=True))
    markers = dict(zip(depths, MARKERS, strict=False))
    for axes, (_, own) in zip(grid, table.groupby("hidden"), strict=True):
        for depth, rows in own.groupby("depth"):
            look = {"color": shades[depth], "marker": markers[depth]}
            _draw_correlation(axes, rows, look, f"{depth} layers")
    _correlation_axes(grid, table, coefficient)
    _correlation_legend(figure, grid)
    return figure


@styled
def correlation_kinds(
    kinds: Mapping[str, pd.DataFrame],
    depth: int | None = None,
    coefficient: Coefficient = "pearson",
) -> Figure:
    """Correlation of layers with one network, by how much of the shared progress is taken out.

    Parameters
    ----------
    kinds
        Results of analyses of `ff.stats.correlation` by the name that the legend gives them, for
        example ``{"pooled": pooled(...), "within epoch": within_epoch(...)}``; four at most.
    depth
        Depth of the network; by default the deepest.
    coefficient
        "pearson" or "spearman".

    Returns
    -------
    Figure
        A panel a width, a line and a marker a kind; bands are intervals by resampling seeds.
    """
    table = pd.concat(kinds, names=["kind"]).reset_index("kind")
    depth = depth or _last(table, "depth")
    table = table.loc[(table["coefficient"] == coefficient) & (table["depth"] == depth)]
    figure, grid = _width_panels(table)
    for axes, (_, own) in zip(grid, table.groupby("hidden"), strict=True):
        for kind, color, marker in zip(kinds, PALETTE, MARKERS, strict=False):
            rows = own.loc[own["kind"] == kind]
            _draw_correlation(axes, rows, {"color": color, "marker": marker}, kind)
        axes.set_title(f"{depth} layers of {axes.get_title('left')}")
    _correlation_axes(grid, table, coefficient)
    _correlation_legend(figure, grid)
    return figure


def _name(column: str) -> str:
    return _COLUMNS.get(column, column.replace("_", " "))


def _count(numbers: Any, noun: str) -> str:
    found = [int(number) for number in dict.fromkeys(numbers)]  # widths in their order
    if len(found) > 2:
        return f"{min(found)} to {max(found)} {noun}s"
    return " and ".join(map(str, found)) + f" {noun}{'' if found == [1] else 's'}"


def _last(table: pd.DataFrame, column: str) -> int:
    return int(np.max(table[column]))


def _layer_color(layer: int, depth: int) -> Any:
    return shade((layer - 1) / max(depth - 1, 1))


def _band(axes: Axes, x: Any, low: Any, high: Any, color: Any) -> None:
    axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)


def _readout(readouts: pd.DataFrame, hidden: int, depth: int, column: str) -> Cube:
    width = readouts.loc[readouts["hidden"] == hidden]
    rows = width.loc[width["depth"] == depth]
    if rows.empty:
        known = ", ".join(map(str, np.unique(width["depth"]))) or "another width"
        raise RecordsError(f"no readout of depth {depth} for hidden {hidden}, choose from {known}")
    return next(cubes(rows, "depth", column if column in rows else "validation_accuracy"))


def _draw_traces(axes: Axes, layer: Cube, readout: Cube, depth: int, target: float | None) -> None:
    if target is not None:
        axes.axhline(target, color=MUTED, linewidth=0.8, label=f"target {target:g}", zorder=1.5)
    gid = f"width-{layer.hidden}-depth-{depth}"
    marker = "o" if len(layer.epochs) == 1 else ""  # a single point makes no line
    for i in range(depth):
        mean, color = layer.values[:, :, i].mean(axis=0), _layer_color(i + 1, depth)
        axes.plot(layer.epochs, mean, marker=marker, color=color, gid=f"{gid}-layer-{i + 1}")
    mean, gid = readout.values[:, :, 0].mean(axis=0), f"{gid}-readout"
    axes.plot(readout.epochs, mean, "--", marker=marker, color=INK, label="readout", gid=gid)


def _epochs(axes: Axes, layer: Cube) -> None:
    axes.set_xlim(layer.epochs[0] - 0.5, layer.epochs[-1] + 0.5)
    count(axes.xaxis, layer.epochs[-1])


def _accuracies(axes: Axes, bottom: float) -> None:
    """From a layer's chance, or below where a readout starts there, to 1."""
    axes.set_ylim(min(0.45, bottom - 0.02), 1.01)


def _widths(table: pd.DataFrame) -> list[tuple[int, pd.DataFrame, dict[str, Any]]]:
    """Each width, its rows, and how its line looks."""
    looks = [{"color": c, "linestyle": line} for c, line in zip(PALETTE, LINES, strict=True)]
    parts = enumerate(table.groupby("hidden"))
    return [(int(str(hidden)), rows, dict(looks[i % 4])) for i, (hidden, rows) in parts]


def _width_panels(table: pd.DataFrame) -> tuple[Figure, list[Axes]]:
    widths = table.groupby("hidden")["seeds"]
    figure = Figure(7, 3.8)
    grid = list(figure.subplots(1, len(widths), squeeze=False, sharey=True)[0])
    for axes, (hidden, seeds) in zip(grid, widths, strict=True):
        axes.set_title(f"{hidden} units, {_count(seeds, 'seed')}")
    return figure, grid


def _depth_entries(markers: Mapping[int, str]) -> list[Line2D]:
    look = {"color": MUTED, "linestyle": "none"}
    return [entry(f"{depth} layers", marker=m, **look) for depth, m in markers.items()]


def _draw_delay(axes: Axes, rows: pd.DataFrame, look: dict[str, Any], shift: float = 0) -> None:
    last, color = _last(rows, "last_epoch"), look["color"]
    low, high = (rows[f"crossing_{end}"].clip(upper=last) for end in ("low", "high"))
    _band(axes, rows["layer"], low, high, color)
    axes.plot(rows["layer"], rows["crossing"], **look)
    late = rows.loc[rows["censored"], "layer"] + shift
    axes.plot(late, np.full(len(late), last), "^", color=color, markerfacecolor="none")


def _delay_axes(grid: Sequence[Axes], delay: pd.DataFrame) -> None:
    last, deepest = _last(delay, "last_epoch"), _last(delay, "layer")
    for axes in grid:
        count(axes.xaxis, deepest)
        count(axes.yaxis, last)
        axes.set(xlim=(0, deepest + 1), ylim=(0, last + max(1, 0.04 * last)), xlabel="layer")
    grid[0].set_ylabel("epoch at target accuracy")


def _delay_entries(axes: Axes, delay: pd.DataFrame) -> list[Any]:
    handles = list(axes.get_legend_handles_labels()[0])
    if np.any(delay["censored"]):
        label = f"not reached by epoch {_last(delay, 'last_epoch')}"
        look = {"marker": "^", "markerfacecolor": "none", "linestyle": "none"}
        handles.append(entry(label, color=MUTED, **look))
    return handles


def _draw_correlation(axes: Axes, rows: pd.DataFrame, look: dict[str, Any], label: str) -> None:
    _band(axes, rows["layer"], rows["low"], rows["high"], look["color"])
    axes.plot(rows["layer"], rows["r"], **look, linewidth=1.1, label=label)


def _correlation_axes(grid: Sequence[Axes], table: pd.DataFrame, coefficient: str) -> None:
    low, deepest = np.nanmin(table[["r", "low"]].to_numpy(float), initial=0), _last(table, "layer")
    for axes in grid:
        for strong in (STRONG, -STRONG) if low < 0 else (STRONG,):
            axes.axhline(strong, color=MUTED, linewidth=0.9, linestyle=":", zorder=1.5)
        count(axes.xaxis, deepest)
        axes.set(xlim=(0, deepest + 1), ylim=(low - 0.05 if low < 0 else 0, 1.02), xlabel="layer")
    grid[0].set_ylabel(f"correlation ({_COEFFICIENTS[coefficient]})")


def _strong() -> Line2D:
    return entry(f"strong: beyond {STRONG:g}", color=MUTED, linewidth=0.9, linestyle=":")


def _correlation_legend(figure: Figure, grid: Sequence[Axes]) -> None:
    handles = max((axes.get_legend_handles_labels()[0] for axes in grid), key=len)
    legend(figure, [*handles, _strong()])
