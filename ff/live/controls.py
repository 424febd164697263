"""Controls of `ff.explore`: labelled, aligned, and with options that follow the data.

Widgets that have a `value` are typed as Any, since ipywidgets declares no type for it.
"""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from ff.live.labels import LABELS

__all__ = ["button", "choice", "grid", "htmls", "look", "offer", "offer_span", "row", "span"]


def look(key: str) -> dict[str, Any]:
    """Options of every control: its label, to the left of it and aligned with the others."""
    style = {"description_width": "92px"}
    return {"description": LABELS[key], "style": style, "layout": widgets.Layout(width="auto")}


def choice(key: str, options: list[str], tooltip: str) -> Any:
    """Menu to pick one of several; `offer` replaces its options."""
    return widgets.Dropdown(options=options, tooltip=tooltip, **look(key))


def span(key: str, tooltip: str) -> Any:
    """Slider with two ends over a list of numbers, which `offer_span` sets."""
    return widgets.SelectionRangeSlider(
        options=[0], index=(0, 0), continuous_update=False, tooltip=tooltip, **look(key)
    )


def offer(widget: Any, options: list[Any]) -> None:
    """Replace the options; what is chosen stays chosen if it is among them."""
    if list(widget.options) == options:
        return
    before = widget.value
    widget.options = options
    values = [option[1] if isinstance(option, tuple) else option for option in options]
    widget.value = before if before in values else values[0]


def offer_span(widget: Any, options: list[int]) -> None:
    """Replace the numbers, and select all of them."""
    if list(widget.options) != options:
        widget.options = options
        widget.index = (0, len(options) - 1)


def button(
    description: str, icon: str, tooltip: str, action: Callable[[Any], object]
) -> widgets.Button:
    """Button that calls `action` when it is pressed."""
    layout = widgets.Layout(width="100px")
    made = widgets.Button(description=description, icon=icon, tooltip=tooltip, layout=layout)
    made.on_click(action)
    return made


def htmls(count: int) -> list[widgets.HTML]:
    """Empty places for text and charts."""
    return [widgets.HTML(layout=widgets.Layout(margin="0", width="auto")) for _ in range(count)]


def grid(*children: widgets.Widget, least: int) -> widgets.GridBox:
    """Side by side where there is room for `least` pixels each, else below each other."""
    columns = f"repeat(auto-fit, minmax(min({least}px, 100%), 1fr))"
    layout = widgets.Layout(grid_template_columns=columns, grid_gap="8px 16px", width="100%")
    layout.align_content = "flex-start"  # no gaps beside something higher
    return widgets.GridBox(children, layout=layout)


def row(*children: widgets.Widget) -> widgets.HBox:
    """Side by side, as wide as they are."""
    return widgets.HBox(children, layout=widgets.Layout(flex_flow="row wrap"))
