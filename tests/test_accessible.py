"""The Sphinx extension that mends pages for a screen reader."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "book" / "_ext"))

import accessible  # pyright: ignore[reportMissingImports]


def test_the_corner_of_a_table_is_no_header():
    table = "<table><thead><tr><th></th><th>slope</th></tr></thead></table>"
    assert accessible.mend(table) == table.replace("<th></th>", "<td></td>")


def test_references_have_no_role_that_aria_has_given_up():
    start = '<div role="list" class="citation-list">'
    entry = start + '<div class="citation" id="x" role="doc-biblioentry">'
    assert "role" not in accessible.mend(entry)
