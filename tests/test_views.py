"""The Sphinx extension that gives a page the scripts of its explorer."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import views  # noqa: E402 # pyright: ignore[reportMissingImports]


@pytest.mark.parametrize(
    ("body", "loaded"),
    [
        ('<div class="ff-explorer is-part"><script>', list(views.SCRIPTS)),
        ('<div class="ff-awakening">', []),
    ],
)
def test_only_a_page_that_holds_an_explorer_loads_it(body, loaded):
    found = []
    app = SimpleNamespace(add_js_file=lambda name, loading_method: found.append(name))
    views.load(app, "page", "page.html", {"body": body}, None)
    assert found == loaded
    views.load(app, "genindex", "genindex.html", {}, None)
    assert found == loaded


def test_the_scripts_are_there():
    assert all((ROOT / "book" / "_assets" / name).is_file() for name in views.SCRIPTS)
