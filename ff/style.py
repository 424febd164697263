"""The look of every figure: colors that a color-blind reader can tell apart, on white paper.

A figure is drawn on a white ground in light and in dark pages alike: a scale of lightness needs one
ground to stand out from. As SVG a figure is the same, byte for byte, whenever it is drawn from the
same numbers, so that a rebuilt page does not change.
"""

import io
import re
from typing import Any

import matplotlib as mpl
import matplotlib.figure
import numpy as np
from matplotlib import cm, colors
from matplotlib.axes import Axes

__all__ = ["INK", "MUTED", "WIDTHS", "Figure", "layer_color", "layer_colorbar", "styled"]

INK = "#222222"
MUTED = "#6b6b6b"
WIDTHS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe and Ito's, one a width
_RULE = "#b8b8b8"

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
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",  # the same shapes on a machine that lacks the font
    "svg.hashsalt": "ff",
    "text.color": INK,
    "xtick.color": _RULE,
    "xtick.labelcolor": INK,
    "ytick.color": _RULE,
    "ytick.labelcolor": INK,
}

# From plasma, without the dark end that looks black and the yellow one that vanishes on white.
_LAYERS = colors.ListedColormap(mpl.colormaps["plasma"](np.linspace(0.02, 0.8, 256)), "layers")


styled = mpl.rc_context(_STYLE)  # decorates a function that draws; settings are back afterwards


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure that brings its style along and shows itself in a notebook as SVG.

    pyplot does not know of the figure: there is none to close.

    Parameters
    ----------
    width, height
        Size in inches. A page's column is about 7 inches wide.
    """

    def __init__(self, width: float = 7.0, height: float = 4.0) -> None:
        super().__init__(figsize=(width, height), layout="constrained")

    @styled
    def draw(self, renderer: Any) -> None:
        """Draw in the style: some ticks come into being only now."""
        super().draw(renderer)

    @styled
    def _repr_svg_(self) -> str:
        file = io.StringIO()
        self.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        # A hundredth of a point is far below what a screen shows.
        return re.sub(r' d="[^"]*"', lambda d: re.sub(r"(\.\d\d)\d+", r"\1", d[0]), file.getvalue())


def layer_color(layer: int, depth: int) -> tuple[float, float, float, float]:
    """Color of a layer by its relative depth: the first layer is dark, the last one light."""
    return _LAYERS((layer - 1) / max(depth - 1, 1))


def layer_colorbar(figure: Figure, axes: Axes, depth: int) -> None:
    """Put a scale of layers, one step each, beside the axes."""
    steps = colors.ListedColormap([layer_color(layer, depth) for layer in range(1, depth + 1)])
    norm = colors.BoundaryNorm(np.arange(depth + 1) + 0.5, depth)
    stride = max(1, depth // 8)
    ticks = sorted({1, depth, *range(stride, depth + 1, stride)})
    scale = cm.ScalarMappable(norm, steps)
    bar = figure.colorbar(scale, ax=axes, label="layer", ticks=ticks, pad=0.02, aspect=30)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    bar.ax.minorticks_off()
    bar.ax.invert_yaxis()  # the first layer on top, as its trace is
