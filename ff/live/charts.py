"""Small charts as SVG, light enough to be drawn anew several times a second.

Matplotlib, which draws the figures of the book, takes about half a second for one; what moves here
is a few kilobytes of text. Everything that shows layer k, in a chart or a table, has the class
``layer-k``, so that a style sheet alone can highlight the layer in all views at once.
"""

from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from ff.book.style import INK, MUTED, shade

__all__ = ["STYLE", "Axis", "Plot", "group", "highlight", "panel", "tint"]

HOVERED = 64  # layers that the pointer can highlight; each costs the browser some style rules

STYLE = f"""
.ff-panel {{ margin: 0; padding: 8px 10px; background: #fff; color: {INK}; border-radius: 6px; }}
.ff-panel figcaption {{ font-size: 12.5px; line-height: 1.4; }}
.ff-panel figcaption small {{ display: block; font-size: 11.5px; color: {MUTED}; }}
.ff-panel svg {{ display: block; width: 100%; height: auto; }}
.ff-panel text {{ font: 11px var(--jp-ui-font-family, sans-serif); fill: {INK}; }}
.ff-panel .grid {{ stroke: #e8e8e8; }}
.ff-panel .rule {{ stroke: {MUTED}; stroke-dasharray: 4 3; }}
.ff-panel .line {{ fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linejoin: round; }}
.ff-panel .reach {{ fill: none; stroke: transparent; stroke-width: 9; }}
.ff-panel .dot {{ stroke: currentColor; stroke-width: 1.4; }}
"""


@dataclass(frozen=True)
class Axis:
    """A linear scale.

    Attributes
    ----------
    name
        What it measures; an axis without a name has no ticks either.
    low, high
        Its ends.
    whole
        Whether ticks lie at integers only.
    """

    name: str
    low: float
    high: float
    whole: bool = False

    def ticks(self) -> list[float]:
        """Where ticks are, about six."""
        locator = MaxNLocator(6, steps=[1, 2, 5, 10], integer=self.whole)
        values = locator.tick_values(self.low, self.high) if self.name else []
        return [float(value) for value in values if self.low <= value <= self.high]


@dataclass(frozen=True)
class Plot:
    """Two axes to place shapes on; each method that draws returns a piece of SVG.

    Attributes
    ----------
    x, y
        The axes.
    width, height
        In the chart's own units; on the page it becomes as wide as there is room.
    """

    x: Axis
    y: Axis
    width: int = 480
    height: int = 260

    @property
    def _box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the field between the axes."""
        left, below = 44 if self.y.name else 4, 34 if self.x.name else 4
        return left, 8, self.width - 6, self.height - below

    def _place(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        left, top, right, bottom = self._box
        a = (np.asarray(x, float) - self.x.low) / (self.x.high - self.x.low)
        b = (np.asarray(y, float) - self.y.low) / (self.y.high - self.y.low)
        return left + a * (right - left), bottom - b * (bottom - top)

    def line(self, x: ArrayLike, y: ArrayLike, dashed: bool = False) -> str:
        """Polyline through the points whose y is a number, and a wide invisible one to point at."""
        there = np.isfinite(np.asarray(y, float))
        across, down = self._place(np.asarray(x, float)[there], np.asarray(y, float)[there])
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
        dash = ' stroke-dasharray="5 3"' if dashed else ""
        return (
            f'<polyline class="reach" points="{points}"/>'
            f'<polyline class="line" points="{points}"{dash}/>'
        )

    def dot(self, x: float, y: float, shape: str = "circle", filled: bool = True) -> str:
        """Marker; nothing where y is not a number. The shape is ``circle`` or ``triangle``."""
        if not np.isfinite(y):
            return ""
        (a,), (b,) = self._place([x], [y])
        look = f'class="dot" fill="{"currentColor" if filled else "#fff"}"'
        if shape == "circle":
            return f'<circle {look} cx="{a:.1f}" cy="{b:.1f}" r="3.2"/>'
        return f'<path {look} d="M{a:.1f} {b - 4:.1f}l4 7h-8z"/>'

    def whisker(self, x: float, low: float, high: float) -> str:
        """Interval, cut off at the ends of the axis; nothing where it does not exist."""
        if np.isnan(low) or np.isnan(high):
            return ""
        across, down = self._place([x, x], np.clip([low, high], self.y.low, self.y.high))
        return f'<path class="line" d="M{across[0]:.1f} {down[0]:.1f}V{down[1]:.1f}"/>'

    def steps(self, edges: ArrayLike, heights: ArrayLike, look: str) -> str:
        """Area of a histogram; `look` is SVG attributes, such as ``fill="#888"``."""
        x, y = np.repeat(edges, 2), np.concatenate([[0], np.repeat(heights, 2), [0]])
        across, down = self._place(x, y)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
        return f'<polygon points="{points}" {look}/>'

    def rule(self, *, x: float | None = None, y: float | None = None) -> str:
        """Dashed line across the whole field at one x or one y."""
        left, top, right, bottom = self._box
        if x is not None:
            (at,), _ = self._place([x], [self.y.low])
            return f'<path class="rule" d="M{at:.1f} {top}V{bottom}"/>'
        _, (at,) = self._place([self.x.low], [self.y.low if y is None else y])
        return f'<path class="rule" d="M{left} {at:.1f}H{right}"/>'

    def svg(self, alt: str, *shapes: str) -> str:
        """Compose the chart: grid and axes below the shapes, and a text for screen readers."""
        left, top, right, bottom = self._box
        parts = []
        for tick in self.x.ticks():
            (a,), _ = self._place([tick], [self.y.low])
            parts.append(f'<path class="grid" d="M{a:.1f} {top}V{bottom}"/>')
            parts.append(
                f'<text x="{a:.1f}" y="{bottom + 14}" text-anchor="middle">{tick:g}</text>'
            )
        for tick in self.y.ticks():
            _, (b,) = self._place([self.x.low], [tick])
            parts.append(f'<path class="grid" d="M{left} {b:.1f}H{right}"/>')
            parts.append(f'<text x="{left - 6}" y="{b + 4:.1f}" text-anchor="end">{tick:g}</text>')
        middle, center = (left + right) / 2, (top + bottom) / 2
        names = (
            f'<text x="{middle:.0f}" y="{self.height - 4}" text-anchor="middle">'
            f"{escape(self.x.name)}</text>"
            f'<text transform="translate(11 {center:.0f}) rotate(-90)" text-anchor="middle">'
            f"{escape(self.y.name)}</text>"
        )
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(alt)}">{"".join(parts)}{names}{"".join(shapes)}</svg>'
        )


def panel(caption: str, content: str) -> str:
    """A chart under its caption (HTML), on white ground: see `ff.book.style`."""
    return f'<figure class="ff-panel"><figcaption>{caption}</figcaption>{content}</figure>'


def tint(layer: int, depth: int) -> str:
    """Color of a layer by its relative depth, as in the figures of the book."""
    return to_hex(shade((layer - 1) / max(depth - 1, 1)))


def group(layer: int, depth: int, title: str, *shapes: str) -> str:
    """Shapes of one layer: they share its color, stand out together and show a title."""
    return (
        f'<g class="layer layer-{layer}" color="{tint(layer, depth)}">'
        f"<title>{escape(title)}</title>{''.join(shapes)}</g>"
    )


def highlight(scope: str, depth: int, picked: int | None = None) -> str:
    """Style sheet that highlights one layer in all views: the one pointed at, else the picked one.

    Parameters
    ----------
    scope
        Class of the element around all the views.
    depth
        Number of layers.
    picked
        The layer that stands out while none is pointed at.
    """
    conditions = [(k, f":has(.layer-{k}:hover)") for k in range(1, min(depth, HOVERED) + 1)]
    if picked:
        conditions.append((picked, ":not(:has(.layer:hover))"))
    rules = [
        f".{scope}{when} svg .layer:not(.layer-{k}){{opacity:.2}}"
        f".{scope}{when} .layer-{k} .line{{stroke-width:3}}"
        f".{scope}{when} .layer-{k} .dot{{stroke-width:4}}"
        f".{scope}{when} tr.layer-{k}{{background:var(--jp-layout-color2, #eee)}}"
        for k, when in conditions
    ]
    return f"<style>{''.join(rules)}</style>"
