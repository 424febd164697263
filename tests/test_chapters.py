"""How chapters are read: folded code, tabs, figures numbered by page, and one network at a time."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docutils import nodes
from docutils.utils import new_document

from tests.executing import outputs

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import chapters  # noqa: E402 # pyright: ignore[reportMissingImports]


def cell(source: str, **metadata: Any) -> nodes.container:
    own = nodes.container(nb_element="cell_code", cell_metadata=metadata, classes=["cell"])
    own += nodes.literal_block(source, source)
    return own


def arranged(page: str, *children: nodes.Node) -> Any:
    document = new_document(page)
    section = nodes.section()
    section.extend(children)
    document += section
    config = SimpleNamespace(chapters_unfolded=["runs/train/*", "explore"])
    app = SimpleNamespace(env=SimpleNamespace(docname=page), config=config)
    chapters.arrange(app, document)
    return section


def test_code_is_folded_but_where_a_notebook_is_about_it():
    for page, mode in (
        ("rq1_delay", "input"),
        ("runs/configuration/layers-0002-hidden-0100", "input"),
        ("explorer", "input"),
        ("explore", None),
        ("runs/train/quick", None),
    ):
        (own,) = arranged(page, cell("1 + 1"))
        assert own.get("hide_mode") == mode, page
        assert own.get("prompt_show") == (mode and "Code")


def test_a_cell_that_hides_more_than_its_code_stays_so():
    whole = cell("1 + 1")
    whole["hide_mode"] = "all"
    (own,) = arranged("rq1_delay", whole)
    assert own["hide_mode"] == "all"


def test_neighbors_with_a_tab_are_one_set_in_their_order():
    text = nodes.paragraph("", "between")
    found = arranged(
        "rq1_delay",
        cell("0"),
        cell("1", tab="ours"),
        cell("2", tab="theirs"),
        text,
        cell("3", tab="alone"),
    )
    assert [node.get("design_component") for node in found] == [None, "tab-set", None, "tab-set"]
    items = found[1].children
    assert [item["design_component"] for item in items] == ["tab-item", "tab-item"]
    assert [item[0].astext() for item in items] == ["ours", "theirs"]
    assert [item[1][0].astext() for item in items] == ["1", "2"]
    assert all(item[1][0]["hide_mode"] == "input" for item in items)


def test_figures_are_numbered_anew_on_each_page(monkeypatch):
    def sphinx(collector, env):
        env.toc_fignumbers = {
            "a": {"figure": {"one": (1,), "two": (2,)}, "table": {"t": (1,)}},
            "b": {"figure": {"three": (3,)}},
        }
        return ["a", "b"]

    monkeypatch.setattr(chapters, "NUMBER", sphinx)
    env: Any = SimpleNamespace(toc_fignumbers={}, read_now=True)
    assert chapters.number_by_page(None, env) == ["a", "b"]
    assert env.toc_fignumbers == {
        "a": {"figure": {"one": (1,), "two": (2,)}, "table": {"t": (1,)}},
        "b": {"figure": {"three": (1,)}},
    }
    assert chapters.number_by_page(None, env) == [], "nothing has changed: no page is written again"
    env.toc_fignumbers["b"]["figure"]["three"] = (7,)
    assert chapters.number_by_page(None, env) == ["b"]
    env.read_now = False
    monkeypatch.setattr(chapters, "NUMBER", None)
    assert chapters.number_by_page(None, env) == [], "no page was read: nothing is looked through"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rq1_delay", "rq2_correlation", "threats"])
def test_a_chapter_takes_one_network(name):
    text = outputs(name, layers=2, hidden=100)
    assert "Networks of 2 layers." in text
    assert "1000 units" not in text
    assert "nan" not in text.lower()
    if name == "rq1_delay":
        assert "for 2 of 2 layers of 100 units" in text, "the spread of both layers"
