"""The Sphinx extension that gives a page the scripts of its explorer."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import views  # noqa: E402 # pyright: ignore[reportMissingImports]


@pytest.mark.parametrize(
    ("body", "scripts", "styles"),
    [
        ('<div class="ff-explorer is-part"><script>', views.SCRIPTS["ff-explorer"], ()),
        ('<div class="ff-learn"><script>', views.SCRIPTS["ff-learn"], ("learn.css",)),
        ('<div class="ff-calculator">', views.SCRIPTS["ff-calculator"], ()),
        ('<div class="ff-awakening">', (), ()),
    ],
)
def test_a_page_loads_the_scripts_of_what_it_holds(body, scripts, styles):
    found, styled = [], []
    app = SimpleNamespace(
        add_js_file=lambda name, loading_method: found.append(name), add_css_file=styled.append
    )
    views.load(app, "page", "page.html", {"body": body}, None)
    assert (found, styled) == (list(scripts), list(styles))
    views.load(app, "genindex", "genindex.html", {}, None)
    assert (found, styled) == (list(scripts), list(styles))


def test_the_scripts_and_styles_are_there():
    names = [name for scripts in views.SCRIPTS.values() for name in scripts]
    for name in [*names, *views.STYLES.values()]:
        assert (ROOT / "book" / "_assets" / name).is_file()
