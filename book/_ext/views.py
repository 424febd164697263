"""Sphinx extension: a page that holds an explorer loads its scripts, wherever the page lies."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

SCRIPTS = ("explorer-networks.js", "explorer-charts.js", "explorer.js")


def load(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the scripts to a page; Sphinx writes the way to them."""
    if 'class="ff-explorer' in context.get("body", ""):
        for script in SCRIPTS:
            app.add_js_file(script, loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
