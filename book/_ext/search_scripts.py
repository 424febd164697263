"""Sphinx extension: load the scripts of the search on the search page alone.

The theme has every page load them and the index of the whole site, for a search as one types, which
this site does not have.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

from ff.files import foreign

SCRIPTS = re.compile(
    r'\s*<script src="[./]*(?:_static/searchtools|_static/language_data|searchindex)\.js"></script>'
)


def drop(app: Sphinx, exception: Exception | None) -> None:
    """Take the scripts out of the other pages."""
    if exception or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        if foreign(page.relative_to(app.outdir)):
            continue
        html = page.read_text("utf-8")
        if page.name != "search.html" and SCRIPTS.search(html):
            page.write_text(SCRIPTS.sub("", html), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", drop)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
