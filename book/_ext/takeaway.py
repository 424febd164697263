"""Sphinx extension: what a reader can take along from a page, or open elsewhere.

Every SVG figure gets a link that saves it. The numbers of a table, which a notebook holds in their
link, become a file beside the page: who does not want them need not load them.

Where `_config.yml` names a repository, notebooks get the theme's buttons for Binder and Colab;
without one there is nothing to open, and no button. An executed copy is not in the repository: its
buttons open the notebook that it is a copy of. Colab opens the notebook alone: its page says how to
fetch the rest.
"""

import re
from html import escape, unescape
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

# Docutils puts an image with a given size into a link to itself, which ours replaces.
IMAGE = re.compile(
    r'(?:<a class="[^"]*image-reference[^>]*>\s*)?'
    r'(?P<image><img [^>]*?src="(?P<file>[^"]*_images/[^"]+\.svg)"[^>]*>)(?:\s*</a>)?'
)
# A table as `ff.book.markup.download` writes it.
TABLE = re.compile(
    r'<a download="(?P<name>[^"]+)\.csv" href="data:text/csv;charset=utf-8,(?P<data>[^"]*)">'
)
NAME = re.compile(r'<figure [^>]*?id="([\w-]+)"[^>]*>\s*$')
COPY = re.compile(r"runs/([^/]+)/[^/]+(?=\.ipynb$)")
LAUNCHERS = ("binderhub_url", "colab_url")
# Of the library, only the clone has measurements: -e leads to it, also after a restart.
COLAB = """
<details class="ff-colab"><summary>On Colab, begin with this cell</summary>
<p>It installs the packages of requirements-train.lock, each file checked against its hash, in place
of Colab's own, PyTorch among them: several gigabytes. Then choose Restart session in the menu
Runtime, and go on with the cells below.</p>
<div class="highlight"><pre>!git clone --depth 1 --branch {branch} {url} forward-forward
%cd forward-forward
%pip install --quiet --require-hashes -r requirements-train.lock
%pip install --quiet --no-build-isolation --no-deps -e .</pre></div></details>
"""


def drop_launchers(app: Sphinx, config: Config) -> None:
    """Without a repository, configure no button that would open it (the theme would fail)."""
    options = config.html_theme_options
    if not options.get("repository_url"):
        buttons = options.get("launch_buttons", {}).items()
        options["launch_buttons"] = {key: url for key, url in buttons if key not in LAUNCHERS}


def point_launchers(buttons: list[dict[str, Any]], source: str) -> list[dict[str, Any]]:
    """Let a page's launch buttons open what is in the repository; none where that cannot run."""
    kept = []
    for button in buttons:
        if button.get("label") == "launch-buttons":
            if not source.endswith(".ipynb"):
                continue
            links = [
                link | {"url": COPY.sub(r"\1", link["url"])} if "url" in link else link
                for link in button["buttons"]
            ]
            button = button | {"buttons": links}
        kept.append(button)
    return kept


def explain_colab(body: str, buttons: list[dict[str, Any]], url: str, branch: str) -> str:
    """Put below the title what a notebook needs that Colab has opened."""
    links = [link for button in buttons for link in button.get("buttons", [])]
    if not any(link.get("text") == "Colab" for link in links):
        return body
    note = COLAB.format(url=escape(url), branch=escape(branch))
    return body.replace("</h1>", f"</h1>{note}", 1)


def offer_figures(body: str, page: str) -> str:
    """Put a link that saves the file behind every SVG image."""
    numbers = count(1)

    def offer(image: re.Match[str]) -> str:
        named = NAME.search(body, max(0, image.start() - 500), image.start())
        name = named[1] if named else f"{page}-{next(numbers)}"
        link = (
            f'<a class="ff-save" href="{image["file"]}" download="{name}.svg" '
            f'aria-label="Save {name} as SVG">SVG</a>'
        )
        return f'<span class="ff-figure">{image["image"]}{link}</span>'

    return IMAGE.sub(offer, body)


def offer_tables(body: str, page: str, out: Path) -> str:
    """Put the tables that a page's links hold into files, to which the links lead then."""
    folder = Path("_downloads", *PurePosixPath(page).parts)
    up = "../" * page.count("/")

    def offer(link: re.Match[str]) -> str:
        file = out / folder / f"{unescape(link['name'])}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(unquote(unescape(link["data"])), encoding="utf-8")
        place = quote(f"{up}{(folder / file.name).as_posix()}")
        return f'<a download="{link["name"]}.csv" href="{place}">'

    return TABLE.sub(offer, body)


def finish(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Complete what the theme has prepared for a page."""
    if doctree is not None:
        buttons = point_launchers(context.get("header_buttons", []), context.get("sourcename", ""))
        options = app.config.html_theme_options
        place = options.get("repository_url", ""), options.get("repository_branch", "main")
        body = explain_colab(context["body"], buttons, *place)
        context["header_buttons"] = buttons
        body = offer_tables(body, page, Path(app.outdir))
        context["body"] = offer_figures(body, PurePosixPath(page).name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", drop_launchers)
    app.connect("html-page-context", finish, priority=900)  # after the theme's buttons
    return {"parallel_read_safe": True, "parallel_write_safe": True}
