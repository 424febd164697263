"""The look of every figure: colors that a color-blind reader can tell apart, on white paper.

A figure has a white background, against which colors from dark to light differ. Dark pages of the
site invert its lightness and keep its hues, so that the contrasts stay. As SVG a figure is the
same, byte for byte, whenever it is drawn from the same numbers, so that a rebuilt page does not
change.
"""

import io
import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib as mpl
import matplotlib.figure
import matplotlib.style
import numpy as np
from matplotlib import cm, colors
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cbook import is_math_text
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator

__all__ = [
    "INK",
    "LINES",
    "MARKERS",
    "MUTED",
    "NEGATIVE",
    "PALETTE",
    "POSITIVE",
    "WIDTH",
    "Figure",
    "count",
    "entry",
    "layer_colorbar",
    "legend",
    "shade",
    "styled",
]

INK = "#222222"
MUTED = "#6b6b6b"
POSITIVE, NEGATIVE = "#c26a00", "#2b62b8"  # samples of this kind, as in book/_assets/network.svg
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe and Ito's, legible on white
LINES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
# Shapes that are told apart at the size of a phone, the first five above all: those of the five
# depths. Some look smaller than others of their size. Not the upward triangle, which means "not
# reached", and not the diamond, which a small plus sign looks like.
MARKERS = tuple(
    MarkerStyle(shape).scaled(scale)
    for shape, scale in zip("osvP*X<>hp", (1, 0.95, 1.15, 1.3, 1.65, 1.2, 1, 1, 1, 1), strict=True)
)
# Inches. A page scales a figure to its column: text of 9 points, 12 px at this width, is drawn with
# 8.6 px in the 372 px of a phone and with 16 px, as large as the page's own text, in 700 px.
WIDTH = 5.4
_RULE = "#b8b8b8"
ENTRY = 0.5  # inches of a legend's entry, without its label

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": _RULE,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.6,
    "legend.columnspacing": 1.2,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "lines.solid_capstyle": "butt",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # the same shapes on a machine that lacks the font
    "svg.hashsalt": "ff",
    "text.color": INK,
    "xtick.color": _RULE,
    "xtick.labelcolor": INK,
    "ytick.color": _RULE,
    "ytick.labelcolor": INK,
}

# Plasma without its ends: the dark one looks black; the yellow one is hard to see on white, and on
# dark pages, where it is inverted to brown.
_SCALE = colors.ListedColormap(mpl.colormaps["plasma"](np.linspace(0.02, 0.72, 256)))


# Decorator of functions that draw: inside, matplotlib has the book's settings, afterwards the
# user's again.
styled = matplotlib.style.context(_STYLE, after_reset=True)


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that brings its style along and shows itself in a notebook as SVG.

    pyplot does not know of the figure: there is none to close.

    Every figure is `WIDTH` inches wide, and a page scales it to its column.

    Parameters
    ----------
    height
        In inches.

    Attributes
    ----------
    alt
        What is seen, for who cannot see it. Title of the SVG; the book's pages take it from there.
    caption
        What is drawn, for all. Description in the SVG; likewise.
    """

    def __init__(self, height: float) -> None:
        super().__init__(figsize=(WIDTH, height), layout="constrained")
        self.alt = self.caption = ""

    @styled
    def draw(self, renderer: Any) -> None:
        """Draw with the book's settings: some ticks are made only now."""
        super().draw(renderer)

    @styled
    def _repr_svg_(self) -> str:
        file, nothing = io.StringIO(), dict.fromkeys(["Creator", "Date", "Format", "Type"])
        canvas, dpi, color = self.canvas, self.dpi, self.get_facecolor()
        self.set_facecolor(mpl.rcParams["savefig.facecolor"])
        try:
            FigureCanvasSVG(self).print_svg(file, metadata=nothing)  # savefig would draw it twice
        finally:
            self.set_canvas(canvas)
            self.set_facecolor(color)
            self.dpi = dpi
        said = {"title": self.alt, "desc": self.caption}
        words = "".join(f"<{tag}>{escape(text)}</{tag}>\n" for tag, text in said.items() if text)
        return re.sub(r"<svg [^>]*>\n", lambda svg: svg[0] + words, _compact(file.getvalue()))


def _compact(svg: str) -> str:
    """Drop comments, indentation, numbered ids, groups of one, and digits below a tenth of a point.

    Lines and the outlines of letters become relative steps between points, marks of a line share
    its style, names are short.
    """
    svg = re.sub(r'<!--.*?-->|^ +| id="[a-z]+(2d)?_\d+"', "", svg, flags=re.MULTILINE | re.DOTALL)
    letter = r' d="(M[^"]+)" transform="scale\(0\.015625\)"'  # that is 1 / 64
    svg = re.sub(letter, lambda d: f' d="{_by_steps(d[1], 8, 1)}" transform="scale(0.125)"', svg)
    svg = re.sub(r'(?<= d=")M[-\d.\sLz]+(?=")', lambda d: _by_steps(d[0], 0.1, 0.1), svg)
    svg = re.sub(r'(?: [xy]="|translate\()[^")]+', _rounded, svg)
    svg = re.sub(r'(<use [^<>]*)transform="translate\(([-\d.]+) 0(?:\.0)?\)"', r'\1x="\2"', svg)
    svg = re.sub(r"<g([^<>]*)>\s*((?:<use [^<>]*/>\s*){2,})</g>", _share_style, svg)
    for _ in range(2):  # a group in a group
        svg = re.sub(r"<g>\n(<(?:use|path) [^<>]*/>\n)</g>\n", r"\1", svg)
    names = {name: f"n{i}" for i, name in enumerate(re.findall(r' id="([^"]+)"', svg))}
    return re.sub(r'(?<= id=")[^"]+|(?<=#)[\w-]+', lambda n: names.get(n[0], n[0]), svg)


def _rounded(place: re.Match[str]) -> str:
    return re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.1f}", place[0])


def _by_steps(path: str, unit: float, shown: float) -> str:
    """Turn "M 1.04 2 L 3.11 1.5" into "M1 2l2.1-.5": steps between the rounded points.

    Points are rounded to multiples of `unit`, each of which is written as `shown`.
    """
    written, before, at = "", "", (0, 0)
    for command, numbers in re.findall(r"([MLQz])([^MLQz]*)", path):
        units = [round(float(number) / unit) for number in numbers.split()]
        points = list(zip(units[::2], units[1::2], strict=True))
        origin = (0, 0) if command == "M" else at
        steps = [
            value - start for point in points for value, start in zip(point, origin, strict=True)
        ]
        line = "".join(f"{step * shown: g}" for step in steps)
        line = re.sub(r"\b0(?=\.)", "", line).replace(" -", "-")
        name = command if command == "M" else command.lower()
        written += line if name == before else name + line.lstrip()
        before, at = name, points[-1] if points else at
    return written


def _share_style(group: re.Match[str]) -> str:
    """Move the style that all marks of a group have to the group itself."""
    styles = set(re.findall(r' style="[^"]*"', group[2]))
    if len(styles) != 1 or "style" in group[1] or "; opacity" in str(styles):
        return group[0]  # opacity is not inherited: marks that overlap would look different
    (style,) = styles
    return f"<g{group[1]}{style}>\n{group[2].replace(style, '')}</g>"


def shade(share: float) -> tuple[float, float, float, float]:
    """Color of an ordered thing, dark at 0 and light at 1."""
    return _SCALE(float(share))  # an integer would be taken as an index


def layer_colorbar(figure: Figure, axes: Any, depth: int | None) -> None:
    """Put a scale of layers, one step each, beside the axes; without a depth, of relative depth."""
    steps = depth or 32
    shades = colors.ListedColormap([shade(i / max(steps - 1, 1)) for i in range(steps)])
    scale = cm.ScalarMappable(colors.BoundaryNorm(np.arange(steps + 1) + 0.5, steps), shades)
    stride = max(1, steps // 8)
    ticks = sorted({1, steps, *range(stride, steps + 1, stride)}) if depth else [1, steps]
    bar = figure.colorbar(scale, ax=axes, ticks=ticks, pad=0.02, aspect=30 if depth else 60)
    bar.set_label("layer", labelpad=4 if depth else -10)
    if not depth:
        bar.set_ticklabels(["first", "last"])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.ax.minorticks_off()
    bar.ax.invert_yaxis()  # the first layer on top, as its trace is


def count(axis: Axis, last: int) -> None:
    """Ticks at 1 and at round numbers up to the last."""
    steps = MaxNLocator(8, steps=[1, 2, 5, 10], integer=True).tick_values(0, last)
    axis.set_ticks([1, *(step for step in steps if 1 < step <= last)])


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Put entries below everything else, in as few rows as they fit into."""
    widths = [ENTRY + _inches(str(handle.get_label())) for handle in handles]
    columns = len(handles)
    for rows in range(1, len(handles) + 1):
        columns = math.ceil(len(handles) / rows)
        if sum(max(column) for column in np.array_split(widths, columns)) <= WIDTH:
            break
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def _inches(text: str) -> float:
    """Width of a line of text in a legend."""
    font = FontProperties(size=_STYLE["legend.fontsize"])
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, is_math_text(text))
    return width / 72


def entry(label: str, **look: Any) -> Line2D:
    """Make a legend entry that belongs to no drawn line."""
    return Line2D([], [], label=label, **look)
