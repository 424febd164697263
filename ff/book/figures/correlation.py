"""Correlation of each layer's accuracy with its network's: Figures 5a and 5b."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ff.book.figures.shared import (
    band,
    by_width,
    counted,
    depth_entries,
    ends,
    greatest,
    width_panels,
)
from ff.book.markup import MINUS, listed
from ff.book.style import MARKERS, MUTED, PALETTE, Figure, count, entry, legend, shade, styled
from ff.stats.correlation import STRONG

__all__ = [
    "Coefficient",
    "correlation_kinds",
    "correlations",
    "correlations_with_intervals",
    "lags",
]

Coefficient = Literal["pearson", "spearman"]

_WHAT = {
    "pearson": "Pearson correlation of each layer's accuracy with that of the network",
    "spearman": "Spearman's rank correlation of each layer's accuracy with that of the network",
}
_BAR = "Dotted: the paper's bar for a strong correlation."
_SYMBOLS = {"pearson": "Pearson's r", "spearman": "Spearman's ρ"}


@styled
def correlations(correlation: pd.DataFrame, coefficient: Coefficient = "pearson") -> Figure:
    """Correlation of each layer's accuracy with its network's: Figure 5 as in the paper.

    Parameters
    ----------
    correlation
        Result of `ff.correlation.pooled`; drawn is the signed `r`.
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
    figure = Figure(4.2)
    axes = figure.subplots()
    markers = dict(zip(np.unique(table["depth"]), MARKERS, strict=False))
    for hidden, own, look in by_width(table):
        for depth, rows in own.groupby("depth"):
            look |= {"marker": markers[depth], "gid": f"width-{hidden}-depth-{depth}"}
            axes.plot(rows["layer"], rows["r"], **look, linewidth=1.1, markevery=_every(rows))
    _correlation_axes([axes], table, coefficient)
    pairs = counted(table["seeds"] * table["epochs"], "pair")
    axes.set_title(f"{counted(table['seeds'], 'seed')}, {pairs}")
    entries = [entry(f"{hidden} units", **look) for hidden, _, look in by_width(table)]
    axes.legend(handles=[*entries, _strong()], loc="best")
    legend(figure, depth_entries(markers))
    figure.alt = f"Correlation against layer, a line for each depth of network. {_told(table)}"
    form = {"pearson": "5a", "spearman": "5b"}[coefficient]
    figure.caption = f"{_WHAT[coefficient]} (the paper's Figure {form}). {_BAR}"
    return figure


@styled
def correlations_with_intervals(
    correlation: pd.DataFrame, coefficient: Coefficient = "pearson"
) -> Figure:
    """Correlation of each layer's accuracy with its network's, with intervals.

    Parameters
    ----------
    correlation
        Result of `ff.correlation.pooled` or of another analysis of that module.
    coefficient
        "pearson" or "spearman".

    Returns
    -------
    Figure
        A panel a width, a line and a marker a depth; bands are intervals over seeds.
    """
    table = correlation.loc[correlation["coefficient"] == coefficient]
    figure, grid = width_panels(table)
    depths = np.unique(table["depth"])
    shades = dict(zip(depths, map(shade, np.linspace(0, 1, len(depths))), strict=True))
    markers = dict(zip(depths, MARKERS, strict=False))
    for axes, (_, own) in zip(grid, table.groupby("hidden"), strict=True):
        for depth, rows in own.groupby("depth"):
            look = {"color": shades[depth], "marker": markers[depth]}
            _draw_correlation(axes, rows, look, f"{depth} layers")
    _correlation_axes(grid, table, coefficient)
    _correlation_legend(figure, grid)
    figure.alt = f"Correlation against layer, a line for each depth of network. {_told(table)}"
    figure.caption = f"{_WHAT[coefficient]}.{_bands(table)} {_BAR}"
    return figure


@styled
def correlation_kinds(
    kinds: Mapping[str, pd.DataFrame],
    depth: int | None = None,
    coefficient: Coefficient = "pearson",
) -> Figure:
    """Correlation of layers with one network, by how much of training's progress is removed.

    Parameters
    ----------
    kinds
        Results of analyses of `ff.correlation` by the name that the legend gives them, for
        example ``{"pooled": pooled(...), "within epoch": within_epoch(...)}``; four at most.
    depth
        Depth of the network; by default the deepest.
    coefficient
        "pearson" or "spearman".

    Returns
    -------
    Figure
        A panel a width, a line and a marker a kind; bands are intervals over seeds.
    """
    table = pd.concat(kinds, names=["kind"]).reset_index("kind")
    depth = depth or greatest(table, "depth")
    table = table.loc[(table["coefficient"] == coefficient) & (table["depth"] == depth)]
    figure, grid = width_panels(table)
    for axes, (_, own) in zip(grid, table.groupby("hidden"), strict=True):
        for kind, color, marker in zip(kinds, PALETTE, MARKERS, strict=False):
            rows = own.loc[own["kind"] == kind]
            _draw_correlation(axes, rows, {"color": color, "marker": marker}, kind)
        axes.set_title(f"{depth} layers of {axes.get_title('left')}")
    _correlation_axes(grid, table, coefficient)
    _correlation_legend(figure, grid)
    figure.alt = "Correlation against layer. " + " ".join(
        f"{str(kind).capitalize()}: {_told(rows)}"
        for kind, rows in table.groupby("kind", sort=False)
    )
    figure.caption = (
        f"{_WHAT[coefficient]} of {depth} layers: {listed(kinds)}.{_bands(table)} {_BAR}"
    )
    return figure


@styled
def lags(lagged: pd.DataFrame, coefficient: Coefficient = "pearson") -> Figure:
    """Correlation of layers' gains with the network's gains of some epochs before.

    Parameters
    ----------
    lagged
        Result of `ff.correlation.lagged`, of one depth of networks.
    coefficient
        "pearson" or "spearman".

    Returns
    -------
    Figure
        A panel a width; a line for each of layers 1, 2, 4, 8, ..., with its interval over seeds
        as a band.
    """
    table = lagged.loc[lagged["coefficient"] == coefficient]
    layers = [n for n in np.unique(table["layer"]) if n.bit_count() == 1]
    figure, grid = width_panels(table)
    for axes, (hidden, own) in zip(grid, table.groupby("hidden"), strict=True):
        axes.axhline(0, color=MUTED, linewidth=0.8, zorder=1.5)
        for share, layer, marker in zip(
            np.linspace(0, 1, len(layers)), layers, MARKERS * 2, strict=False
        ):
            rows, color = own.loc[own["layer"] == layer], shade(share)
            band(axes, rows["lag"], rows["low"], rows["high"], color)
            look = {"color": color, "marker": marker, "markersize": 3.5, "linewidth": 1.1}
            gid = f"width-{hidden}-layer-{layer}"
            axes.plot(rows["lag"], rows["r"], **look, label=f"layer {layer}", gid=gid)
        axes.set(
            xlabel="epochs by which the layer follows", ylabel=f"{_SYMBOLS[coefficient]} of gains"
        )
        axes.label_outer()
    legend(figure, grid[0].get_legend_handles_labels()[0])
    sure = table.loc[table["layer"].isin(layers) & (table["low"] > 0)].sort_values("r")
    parts = []
    for hidden, own in sure.groupby("hidden"):
        best = own.groupby("layer")["lag"].last()
        lags = listed(f"{lag:.0f} (layer {layer})" for layer, lag in best.items())
        parts.append(f"at width {hidden}, {lags}")
    figure.alt = (
        f"Correlation of gains against lag, a line for each of layers {listed(map(str, layers))}. "
        "Lags of the greatest correlation, where an interval lies above 0: "
        f"{'; '.join(parts) or 'none'}."
    )
    figure.caption = (
        f"Correlation ({_SYMBOLS[coefficient]}) of the gains of some layers with the gains of the "
        f"network of {greatest(table, 'depth')} layers, by how many epochs the layer follows."
        f"{_bands(table)}"
    )
    return figure


def _told(table: pd.DataFrame) -> str:
    """The first and the last layer of the deepest network of each width."""
    texts = []
    for hidden, rows in table.loc[table["depth"] == table["depth"].max()].groupby("hidden"):
        told = [
            f"{row['r']:.2f} in layer {row['layer']}".replace("-", MINUS) for row in ends(rows, "r")
        ]
        texts.append(f"at width {hidden} {' and '.join(told) or 'there is none'}")
    return f"In the network of {greatest(table, 'depth')} layers, it is {'; '.join(texts)}."


def _bands(table: pd.DataFrame) -> str:
    return " Bands are 95 % intervals over seeds." if np.any(table["low"].notna()) else ""


def _draw_correlation(axes: Axes, rows: pd.DataFrame, look: dict[str, Any], label: str) -> None:
    band(axes, rows["layer"], rows["low"], rows["high"], look["color"])
    look |= {"linewidth": 1.1, "label": label, "markevery": _every(rows)}
    axes.plot(rows["layer"], rows["r"], **look)


def _every(rows: pd.DataFrame) -> slice:
    """Which points of a line have a marker: every other one of many, and the last."""
    return slice(1, None, 2) if len(rows) > 16 else slice(None)


def _correlation_axes(grid: Sequence[Axes], table: pd.DataFrame, coefficient: str) -> None:
    low = np.nanmin(table[["r", "low"]].to_numpy(float), initial=0)
    deepest = greatest(table, "layer")
    for axes in grid:
        for strong in (STRONG, -STRONG) if low < 0 else (STRONG,):
            axes.axhline(strong, color=MUTED, linewidth=0.9, linestyle=":", zorder=1.5)
        count(axes.xaxis, deepest)
        axes.set(xlim=(0, deepest + 1), ylim=(low - 0.05 if low < 0 else 0, 1.02))
        axes.set(xlabel="layer", ylabel=f"correlation ({_SYMBOLS[coefficient]})")
        axes.label_outer()


def _strong() -> Line2D:
    return entry(f"strong: beyond {STRONG:g}", color=MUTED, linewidth=0.9, linestyle=":")


def _correlation_legend(figure: Figure, grid: Sequence[Axes]) -> None:
    handles = max((axes.get_legend_handles_labels()[0] for axes in grid), key=len)
    legend(figure, [*handles, _strong()])
