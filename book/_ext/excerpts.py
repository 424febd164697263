"""Sphinx extension: excerpts in the results of a search, also where the site is read from disk.

Sphinx's search page fetches each page that it has found to show some lines of it, which a browser
refuses for files. Here the text of all pages is part of the search page, and ``excerpts.js`` hands
it to Sphinx's search.
"""

import hashlib
import json
import re
from html.entities import html5
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag
from docutils import nodes
from sphinx.application import Sphinx

from ff.files import replacing

# Unreadable in a line of text: scripts, drawings, formulas, the code of notebooks, signs, tables of
# verdicts and targets, those behind a click, lists of parameters, links to files, and the theme's
# links beside headings.
LEFT_OUT = (
    "script, style, svg, div.math, details.hide, div.cell_input, .ff-matrix, .ff-numbers, "
    ".ff-verdicts, .ff-bars, .ff-fold, .ff-download, .headerlink, noscript, dl.field-list"
)
WORD = re.compile(r"[^\W\d_]{3}")  # what a cell of a table must have to be more than a number
# Elements within a line of text; before any other a word ends.
INLINE = {"a", "b", "code", "em", "i", "small", "span", "strong", "sub", "sup"}
PLACES = {"section", "dt", "span"}  # what a result may lead to

LOOKS = re.compile(r"math\w+|operatorname|hat|bar|big[lr]|cdot")  # TeX's commands without a sign


def spell(formula: str) -> str:
    """A formula in TeX as text: its letters, such as θ for ``theta``, and names such as ``max``."""

    def sign(command: re.Match[str]) -> str:
        name = re.sub(r"[lr](?=[vV]ert)", "", command[1])
        return "" if LOOKS.fullmatch(name) else html5.get(f"{name};", name)

    return re.sub(r"\\\W|[{}]", "", re.sub(r"\\([a-zA-Z]+)", sign, formula))


def article(html: str) -> str:
    """What is the page's own: without menus and what else the theme puts around it."""
    begin, end = html.find('<article class="bd-article"'), html.rfind("</article>")
    return html[begin:end] if 0 <= begin < end else ""


def extract(html: str) -> tuple[str, dict[str, int]]:
    """Text of an article, and where in it each place begins that a link can lead to."""
    soup = BeautifulSoup(html, "html.parser")
    for element in soup.select(LEFT_OUT):
        element.decompose()
    for cell in soup.select("table.dataframe :is(td, th)"):
        if not WORD.search(cell.get_text()):
            cell.decompose()
    for formula in soup.select("span.math"):
        formula.string = spell(formula.get_text())
    text, places = "", {}
    for node in soup.descendants:
        if isinstance(node, Tag) and node.name in PLACES and "id" in node.attrs:
            places[node["id"]] = len(text)
        if isinstance(node, Tag):
            more = "" if node.name in INLINE else " "
        else:
            more = str(node) if type(node) is NavigableString else ""  # others are comments
        text += re.sub(r"\s+", " ", f"{text[-1:]}{more}")[len(text[-1:]) :]
    return text, places


def supply(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put into the search page, which is written last, the text of the pages that it can find."""
    if page != "search":
        return
    names = sorted(
        name for name in app.env.found_docs if "nosearch" not in app.env.metadata.get(name, {})
    )
    kept = Path(app.doctreedir) / "excerpts.json"  # by hashes of an article and of this file
    try:
        before = json.loads(kept.read_text("utf-8"))
    except (OSError, ValueError):
        before = {}
    this = Path(__file__).read_bytes()
    found, texts = {}, {}
    for name in names:
        html = article((Path(app.outdir) / f"{name}.html").read_text("utf-8"))
        key = hashlib.sha256(this + html.encode()).hexdigest()
        found[key] = texts[f"./{name}.html"] = before.get(key) or extract(html)
    with replacing(kept) as aside:
        aside.write_text(json.dumps(found), encoding="utf-8")
    data = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    data = data.replace("<", "\\u003c")  # no text of a page may end the script
    app.add_js_file(None, body=f"const FF_PAGES = {data};")
    app.add_js_file("excerpts.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", supply)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
