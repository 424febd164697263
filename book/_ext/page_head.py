"""Sphinx extension: what search engines and browser tabs show of a page.

A page is described by its first paragraph. The landing page's title names the book, which Sphinx
would append to it once more.
"""

import textwrap
from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 200  # characters; search engines show no more


def describe(doctree: nodes.document) -> str:
    """Beginning of the first paragraph, up to the end of a word."""
    text = next((paragraph.astext() for paragraph in doctree.findall(nodes.paragraph)), "")
    return textwrap.shorten(text, LONGEST, placeholder="\N{HORIZONTAL ELLIPSIS}")


def finish(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Complete the head of a page."""
    if page == app.config.root_doc:
        context["docstitle"] = ""
    if doctree is not None and (text := describe(doctree)):
        context["metatags"] += f'<meta name="description" content="{escape(text)}" />\n'


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
