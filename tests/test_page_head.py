"""The Sphinx extension that completes the head of a page."""

from types import SimpleNamespace

import page_head  # pyright: ignore[reportMissingImports]
from docutils.core import publish_doctree


def head(text: str, page: str = "method") -> dict[str, str]:
    context = {"metatags": "", "docstitle": "Book"}
    app = SimpleNamespace(config=SimpleNamespace(root_doc="intro"))
    page_head.finish(app, page, "", context, publish_doctree(text))
    return context


def test_the_first_paragraph_describes_a_page():
    context = head('Title\n=====\n\nLayers <learn>\n*"alone"*.\n\nMore.\n')
    assert context["metatags"].startswith('<meta name="description" content="Layers &lt;learn&gt;')
    assert context["metatags"].count('"') == 4, "quotation marks in the text are escaped"
    assert "More" not in context["metatags"]


def test_a_long_paragraph_ends_after_a_word():
    words = [f"word{number}" for number in range(100)]
    text = page_head.describe(publish_doctree(" ".join(words)))
    assert len(text) <= page_head.LONGEST
    assert text.removesuffix("…").split() == words[: len(text.split())]


def test_a_page_without_text_has_no_description():
    assert head("Title\n=====\n")["metatags"] == ""


def test_only_the_landing_page_goes_without_the_books_name():
    assert head("Text", "intro")["docstitle"] == ""
    assert head("Text")["docstitle"] == "Book"
