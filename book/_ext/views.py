"""Sphinx extension: a page loads the scripts of what it holds, wherever the page lies."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

# By the class of the element that they fill; in this order, since later ones use earlier ones.
SCRIPTS = {
    "ff-calculator": ("charts.js", "calculator.js"),
    "ff-explorer": ("charts.js", "explorer-networks.js", "explorer-charts.js", "explorer.js"),
    "ff-learn": (
        "charts.js",
        "learn-network.js",
        "learn-backprop.js",
        "learn-digits.js",
        "learn-training.js",
        "learn-views.js",
        "learn-pad.js",
        "learn.js",
    ),
}
STYLES = {"ff-learn": "learn.css"}


def load(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add scripts and styles to a page; Sphinx writes the way to them."""
    held = [name for name in SCRIPTS if f'<div class="{name}' in context.get("body", "")]
    for name in held:
        for script in SCRIPTS[name]:
            app.add_js_file(script, loading_method="defer")
        if name in STYLES:
            app.add_css_file(STYLES[name])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
