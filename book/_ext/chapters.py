"""Sphinx extension: how a chapter that is a notebook is read.

Its code is folded, so that text and figures tell the story: one click opens a cell. Notebooks that
match `chapters_unfolded` are about their code, and show it. Neighboring cells whose metadata have a
``tab`` are one set of tabs: several views of the same numbers take the place of one. Figures are
numbered by page, since a reader counts no further back than that.
"""

from fnmatch import fnmatch
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors.toctree import TocTreeCollector
from sphinx_design.shared import create_component

NUMBER = TocTreeCollector.assign_figure_numbers
PROMPTS = {"prompt_show": "Code", "prompt_hide": "Hide the code"}


def arrange(app: Sphinx, doctree: nodes.document) -> None:
    """Fold the cells of a page and lay its tabs."""
    cells = [
        node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"
    ]
    if not any(fnmatch(app.env.docname, pattern) for pattern in app.config.chapters_unfolded):
        for cell in cells:
            cell["hide_mode"] = cell.get("hide_mode", "input")
            cell.attributes.update(PROMPTS)
    for parent in dict.fromkeys(cell.parent for cell in cells):
        lay_tabs(parent)


def lay_tabs(parent: nodes.Element) -> None:
    """Put neighboring cells that have a tab into a set of tabs."""
    children: list[nodes.Node] = []
    for tabbed, group in groupby(parent.children, lambda node: bool(tab(node))):
        run = list(group)
        children += [tabs(run)] if tabbed else run
    parent.children = []
    parent.extend(children)


def tab(node: Any) -> str:
    """What a cell's tab is called; empty for other nodes."""
    metadata = node.get("cell_metadata", {}) if isinstance(node, nodes.container) else {}
    return metadata.get("tab", "")


def tabs(cells: list[Any]) -> nodes.container:
    """Cells as a component of sphinx-design, as its directives make it."""
    items = []
    for cell in cells:
        label = nodes.rubric(tab(cell), nodes.Text(tab(cell)), classes=["sd-tab-label"])
        content = create_component("tab-content", classes=["sd-tab-content"], children=[cell])
        items.append(
            create_component("tab-item", classes=["sd-tab-item"], children=[label, content])
        )
    return create_component("tab-set", classes=["sd-tab-set"], children=items)


def number_by_page(collector: TocTreeCollector, env: BuildEnvironment) -> list[str]:
    """Number figures as Sphinx does, but anew on each page; return pages whose numbers changed."""
    before = env.toc_fignumbers
    if before and not env.read_now:  # to look through all pages takes a second
        return []
    NUMBER(collector, env)
    for kinds in env.toc_fignumbers.values():
        for numbers in kinds.values():
            numbers.update({name: (i,) for i, name in enumerate(numbers, start=1)})
    return [page for page, now in env.toc_fignumbers.items() if now != before.get(page)]


def note_reading(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    """Remember whether any page is read."""
    env.read_now = bool(pages)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("chapters_unfolded", [], "env", list)
    TocTreeCollector.assign_figure_numbers = number_by_page  # there is no setting for it
    app.connect("env-before-read-docs", note_reading)
    app.connect("doctree-read", arrange)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
