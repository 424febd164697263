"""Sphinx extension: a figure of `ff` brings its alt text and its caption along.

They are the title and the description inside the SVG, made by the function that drew it, so that
they say what is drawn on this page. What a cell's own metadata say comes first.
"""

import re
from html import unescape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

WORDS = re.compile(r"<(title|desc)>(.*?)</\1>", re.DOTALL)


def describe(app: Sphinx, doctree: nodes.document) -> None:
    """Take over what the figures of a page say of themselves."""
    for image in doctree.findall(nodes.image):
        path = Path(app.srcdir) / image["uri"].lstrip("/")
        if path.suffix != ".svg" or not path.is_file():
            continue
        said = {tag: unescape(text) for tag, text in WORDS.findall(path.read_text("utf-8"))}
        if "title" in said and not image.get("alt"):
            image["alt"] = said["title"]
        figure = image.parent
        while figure is not None and not isinstance(figure, nodes.figure):
            figure = figure.parent  # between them, containers of the notebook's output
        if figure is None or "desc" not in said:
            continue
        if figure.first_child_matching_class(nodes.caption) is None:
            figure += nodes.caption("", said["desc"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("doctree-read", describe, priority=400)  # before figures are collected
    return {"parallel_read_safe": True, "parallel_write_safe": True}
