"""The Sphinx extension that lets a figure say what it shows."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docutils import nodes
from docutils.utils import new_document

from ff.book.style import Figure

sys.path.insert(0, str(Path(__file__).parent.parent / "book" / "_ext"))

import described  # pyright: ignore[reportMissingImports]


def described_as(folder: Path, figure: Figure, alt: str = "", caption: str = "") -> Any:
    """A figure on a page, after the extension has seen it."""
    (folder / "drawn.svg").write_text(figure._repr_svg_(), encoding="utf-8")
    document, node, output = new_document("page"), nodes.figure(), nodes.container()
    output += nodes.image(uri="/drawn.svg", **({"alt": alt} if alt else {}))
    node += output
    if caption:
        node += nodes.caption("", caption)
    document += node
    described.describe(SimpleNamespace(srcdir=str(folder)), document)
    return node


def drawn(alt: str = "", caption: str = "") -> Figure:
    figure = Figure(1)
    figure.alt, figure.caption = alt, caption
    return figure


def test_a_figure_brings_its_words_along(tmp_path):
    node = described_as(tmp_path, drawn("a < b & c", "What is drawn: x < y."))
    assert node[0][0]["alt"] == "a < b & c"
    assert [child.astext() for child in node[1:]] == ["What is drawn: x < y."]
    assert isinstance(node[1], nodes.caption)


def test_what_a_cell_says_comes_first(tmp_path):
    node = described_as(tmp_path, drawn("general", "general"), "of this page", "of this page, too")
    assert node[0][0]["alt"] == "of this page"
    assert [child.astext() for child in node[1:]] == ["of this page, too"]


def test_a_figure_without_words_is_left_alone(tmp_path):
    node = described_as(tmp_path, drawn())
    assert "alt" not in node[0][0]
    assert len(node) == 1
