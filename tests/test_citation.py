"""The Sphinx extension that makes BibTeX from CITATION.cff."""

from pathlib import Path
from typing import Any

import citation  # pyright: ignore[reportMissingImports]
import pytest
from pybtex.database import parse_string

from ff.params import read_yaml

ROOT = Path(__file__).parent.parent
OURS = read_yaml(ROOT / "CITATION.cff")


def parsed(work: dict) -> tuple[str, Any]:
    ((key, entry),) = parse_string(citation.bibtex(work), "bibtex").entries.items()
    return key, entry


def test_bibtex_of_this_software_says_what_the_file_says():
    key, entry = parsed(OURS)
    assert key == "ff"
    assert entry.fields["title"] == f"{{{OURS['title']}}}"
    assert entry.fields["note"] == f"Version {OURS['version']}"
    assert [str(person) for person in entry.persons["author"]] == ["{The ff authors}"]


def test_the_paper_is_the_one_that_the_book_cites():
    key, entry = parsed(OURS["references"][0])
    text = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    cited = parse_string(text, "bibtex").entries[key]
    for name in ("year", "eprint", "archiveprefix"):
        assert entry.fields[name] == cited.fields[name]
    plain = [
        each.fields["title"].lower().replace("{", "").replace("}", "") for each in (entry, cited)
    ]
    assert plain[0] == plain[1]
    assert entry.persons == cited.persons


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        ({"date-released": "2026-12-01"}, "year", "2026"),
        ({"repository-code": "https://there"}, "url", "https://there"),
    ],
)
def test_what_a_release_adds_is_cited(more, name, value):
    assert name not in parsed(OURS)[1].fields
    assert parsed(OURS | more)[1].fields[name] == value


def test_several_authors_are_told_apart():
    people = [{"given-names": "Ada", "family-names": "King"}, {"name": "The ff authors"}]
    key, entry = parsed({"title": "A: b", "authors": people, "year": 1843})
    assert key == "king1843"
    assert [str(person) for person in entry.persons["author"]] == ["King, Ada", "{The ff authors}"]


@pytest.mark.slow
@pytest.mark.browser
def test_one_press_copies_both_entries(site, chromium):
    tab = chromium.new_page()
    tab.goto((site / "intro.html").as_uri())
    block = tab.locator("section#how-to-cite .highlight-bibtex")
    block.hover()
    block.get_by_role("button", name="Copy").click()
    tab.evaluate("document.body.append(document.createElement('textarea'))")
    tab.locator("body > textarea").focus()
    tab.keyboard.press("Control+V")
    copied = parse_string(tab.locator("body > textarea").input_value(), "bibtex")
    assert list(copied.entries) == ["ff", "adamson2025"]
    tab.close()
