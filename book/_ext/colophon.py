"""Sphinx extension: a line at the foot of every page that says what the page was made from.

It holds the version of `ff`, the commit that the site was built from, the days of the measurements,
the license and, where they exist, links to the repository and to how to cite. The time of the build
is not among them: pages that did not change are not written again, and when the line of all pages
says something else it is replaced in them.
"""

import re
from html import escape
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from ff.provenance import Trained
from ff.records import below, noted
from ff.versions import commit, short_commit

SOURCES = ("book", "ff", "params", "_config.yml", "CITATION.cff")
# Folders of the book with measurements.
DATA = ("results", "precision", "devices", "variations", "backprop", "exercises")
FACTS = re.compile(r'(<ul class="ff-colophon">)(?:<li>[^<]*</li>)*')  # a link has a tag within
CITE = "how-to-cite"  # label of the section that the line links to


def origin(root: Path) -> str:
    """Version of the package, and commit of the repository in that folder if it is one."""
    package = metadata("ff")
    found = commit(root, *SOURCES)
    if found == "unknown":
        return f"ff {package['Version']}"
    edited = " with later edits" if found.endswith("+") else ""
    return f"ff {package['Version']}, commit {short_commit(found).removesuffix('+')}{edited}"


def measured(book: Path) -> str:
    """First and last day on which a run was started whose measurements the book holds."""
    days = {
        run["started"][:10]
        for name in DATA
        for folder in below(book / name)
        for run in noted(folder / "layers.parquet", Trained)
    }
    return " to ".join(dict.fromkeys([min(days), max(days)])) if days else ""


def collect(app: Sphinx, config: Config) -> None:
    """Find out what is the same on all pages."""
    days = measured(Path(app.srcdir))
    config.colophon = [
        f"© {config.copyright} {config.author}",
        f"{metadata('ff')['License-Expression']} license",
        origin(Path(app.srcdir).parent),
        *([f"measured {days}"] if days else []),
    ]


def line(facts: list[str], links: dict[str, str]) -> str:
    """The line as HTML: a list of facts, then of links by their text."""
    parts = [escape(fact) for fact in facts]
    parts += [f'<a href="{escape(url)}">{escape(text)}</a>' for text, url in links.items()]
    return f'<ul class="ff-colophon">{"".join(f"<li>{part}</li>" for part in parts)}</ul>'


def finish(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give a page its line, which the theme's template shows."""
    links = {}
    if url := app.config.html_theme_options.get("repository_url"):
        links["Repository"] = url
    cite, anchor = app.env.get_domain("std").anonlabels.get(CITE, ("", ""))  # type: ignore[attr-defined]
    if cite:
        links["How to cite"] = f"{app.builder.get_relative_uri(page, cite)}#{anchor}"
    context["theme_extra_footer"] = line(app.config.colophon, links)


def renew(app: Sphinx, exception: Exception | None) -> None:
    """Let pages that were not written again say what the others do."""
    if exception is not None or app.builder.format != "html":
        return
    now = "".join(f"<li>{escape(fact)}</li>" for fact in app.config.colophon)
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        renewed = FACTS.sub(lambda found: found[1] + now, text)
        if renewed != text:
            path.write_text(renewed, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("colophon", [], "", list)
    app.connect("config-inited", collect)
    app.connect("html-page-context", finish)
    app.connect("build-finished", renew)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
