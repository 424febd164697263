"""What pages show of files, escaped and complete, and what the reference says of the package."""

import json
import re
from pathlib import Path

import pytest
from synthetic import records as synthetic

import ff
from ff import records, results
from ff.book import pages
from ff.book.markup import Note, download

BOOK = Path(__file__).parent.parent / "book"
PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def hostile(tiny, few, monkeypatch, tmp_path) -> ff.Records:
    """Published records with a payload in every text of their provenance."""

    monkeypatch.setattr("ff.running.run.load", lambda name: few)
    made = ff.train(tiny(seeds=1, epochs=1))
    run = json.loads(json.dumps(made.runs[0]))
    run |= {"device": PAYLOAD, "started": PAYLOAD, "dataset": {"name": PAYLOAD, "sha256": PAYLOAD}}
    run["config"] |= {"dataset": PAYLOAD, "precision": PAYLOAD}
    run["versions"] |= {"torch": PAYLOAD, "commit": PAYLOAD}
    hostile = ff.Records(made.layers, made.readouts, (run,))
    records.write(hostile, tmp_path / PAYLOAD.replace("/", ""))
    return hostile


def test_markup_in_provenance_is_shown_as_text(hostile, tmp_path):
    shown = [
        pages.provenance(tmp_path)._repr_html_(),  # pyright: ignore[reportCallIssue]
        pages.measured(hostile)._repr_html_(),
        pages.grid(synthetic(), {"delay": PAYLOAD})._repr_html_(),
        download(hostile.layers, PAYLOAD)._repr_html_(),
        Note(PAYLOAD)._repr_html_(),
    ]
    for html in shown:
        assert "&lt;script&gt;" in html, "the payload is not shown at all"
        assert "<script" not in html
        assert "<img" not in html


def test_the_disturbances_of_the_page_are_those_of_the_file(tmp_path):
    table = pages.disturbances()
    assert not table.isna().any(axis=None)
    assert "50 runs killed (SIGKILL)" in table.iloc[0, 0]
    found = json.loads((results.RESULTS / "reliability.json").read_text(encoding="utf-8"))
    found["killed"]["equal"] = 17
    (tmp_path / "reliability.json").write_text(json.dumps(found))
    assert pages.disturbances(tmp_path).iloc[0, 1].startswith("17 with the records")


def test_the_reference_has_every_name_that_ff_offers():
    text = "".join(path.read_text(encoding="utf-8") for path in BOOK.glob("api*.md"))
    absent = set(ff.__all__) - set(re.findall(r"^\.\. auto\w+:: ff\.(\w+)$", text, re.MULTILINE))
    assert not absent, f"give {sorted(absent)} a place in book/api*.md"


def test_the_start_of_the_reference_works(tmp_path, monkeypatch):
    text = (BOOK / "api.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    short = code.replace("seeds=3", "seeds=2, epochs=2")
    assert short != code
    monkeypatch.chdir(tmp_path)
    exec(short, {})
    assert set(ff.read("records/first").layers["epoch"]) == {1, 2}
    assert Path("correlations.svg").read_text(encoding="utf-8").startswith("<?xml")
