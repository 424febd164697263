"""Sphinx extension: mend what pandas and docutils write that a screen reader stumbles over.

The corner of a table of pandas is a header of nothing, and docutils marks the list of references
with a role that its entries do not fit, and them with one that ARIA has given up.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

MENDED = {
    "<th></th>": "<td></td>",
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
}


def mend(body: str) -> str:
    """Rewrite what is known to be wrong."""
    for found, better in MENDED.items():
        body = body.replace(found, better)
    return body


def finish(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Mend a page."""
    if doctree is not None:
        context["body"] = mend(context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
