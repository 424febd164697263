"""What figures of several chapters share: widths as lines or panels, bands, and legends."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle

from ff.book.style import LINES, MUTED, PALETTE, Figure, entry

__all__ = ["band", "by_width", "counted", "depth_entries", "ends", "greatest", "width_panels"]


def band(axes: Axes, x: Any, low: Any, high: Any, color: Any) -> None:
    """Fill between two lines, such as the ends of intervals."""
    axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)


def counted(numbers: Any, noun: str) -> str:
    """Say how many, as "3 seeds"; "3 and 30 seeds" or "3 to 30 seeds" if widths differ."""
    found = [int(number) for number in dict.fromkeys(numbers)]  # in the order of the widths
    if len(found) > 2:
        return f"{min(found)} to {max(found)} {noun}s"
    return " and ".join(map(str, found)) + f" {noun}{'' if found == [1] else 's'}"


def greatest(table: pd.DataFrame, column: str) -> int:
    """Greatest whole number of a column, such as the deepest layer."""
    return int(np.max(table[column]))


def ends(table: pd.DataFrame, column: str) -> list[dict[Any, Any]]:
    """First and last of the rows that have a number in a column: two, one or none."""
    there = table.dropna(subset=column)
    return (there if len(there) < 2 else there.iloc[[0, -1]]).to_dict("records")


def by_width(table: pd.DataFrame) -> list[tuple[int, pd.DataFrame, dict[str, Any]]]:
    """Each width, its rows, and the color and style of its line."""
    looks = [{"color": c, "linestyle": line} for c, line in zip(PALETTE, LINES, strict=True)]
    parts = enumerate(table.groupby("hidden"))
    return [(int(str(hidden)), rows, dict(looks[i % 4])) for i, (hidden, rows) in parts]


def width_panels(table: pd.DataFrame) -> tuple[Figure, list[Axes]]:
    """Make a figure with one panel for each width, one below the other, which share their axes."""
    widths = table.groupby("hidden")["seeds"]
    figure = Figure(1 + 2.2 * len(widths))
    grid = list(figure.subplots(len(widths), squeeze=False, sharex=True, sharey=True)[:, 0])
    for axes, (hidden, seeds) in zip(grid, widths, strict=True):
        axes.set_title(f"{hidden} units, {counted(seeds, 'seed')}")
    return figure, grid


def depth_entries(markers: Mapping[int, MarkerStyle]) -> list[Line2D]:
    """Legend entries of depths: a gray marker each."""
    look = {"color": MUTED, "linestyle": "none"}
    return [entry(f"{depth} layers", marker=m, **look) for depth, m in markers.items()]
