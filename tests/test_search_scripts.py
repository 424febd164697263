"""The Sphinx extension that keeps the search's scripts to the search page."""

import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent.parent / "book" / "_ext"))

import search_scripts  # pyright: ignore[reportMissingImports]

HEAD = """<head>
    <script src="{up}_static/searchtools.js"></script>
    <script src="{up}_static/language_data.js"></script>
    <script src="{up}searchindex.js"></script>
    <script src="{up}_static/doctools.js"></script></head>"""


def test_only_the_search_page_loads_what_it_searches_with(tmp_path):
    pages = {"intro.html": "", "deep/er/page.html": "../../", "search.html": ""}
    for name, up in pages.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(HEAD.format(up=up), encoding="utf-8")
    app = SimpleNamespace(outdir=str(tmp_path), builder=SimpleNamespace(format="html"))
    search_scripts.drop(app, None)
    for name, up in pages.items():
        kept = (tmp_path / name).read_text(encoding="utf-8")
        if name == "search.html":
            assert kept == HEAD.format(up=up)
        else:
            assert kept.count("<script") == 1
            assert f'src="{up}_static/doctools.js"' in kept
