"""What the pages show of files: escaped, and complete."""

import json

import pytest
from synthetic import records as synthetic

import ff
from ff import records, results
from ff.book import pages
from ff.book.html import Note, download

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
