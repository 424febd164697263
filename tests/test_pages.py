"""What pages show of files, escaped and complete, and what the reference says of the package."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from synthetic import records as synthetic

import ff
from ff import parquet, records, results
from ff.book import pages
from ff.book.markup import Note, download
from ff.records import shown

BOOK = Path(__file__).parent.parent / "book"
PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def hostile(tiny, few, monkeypatch, tmp_path) -> ff.Records:
    """Published records with a payload in every text of their provenance."""

    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
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
        pages.provenance(tmp_path)._repr_html_(),
        pages.measured(hostile)._repr_html_(),
        download(hostile.layers, PAYLOAD)._repr_html_(),
        Note(PAYLOAD)._repr_html_(),
    ]
    for html in shown:
        assert "&lt;script&gt;" in html, "the payload is not shown at all"
        assert "<script" not in html
        assert "<img" not in html


def publish(folder: Path, *, device: str = "cpu", commit: str = "0" * 40, **changes: Any) -> None:
    """Write records of a run; `changes` are keys of its configuration."""
    config = {"layers": 4, "hidden": 100, "seeds": 2, **changes}
    run = {
        "config": ff.Config().model_dump(mode="json") | config,
        "batch_size": changes.get("batch_size", 1000),
        "dataset": {"name": "mnist", "sha256": "d" * 64},
        "device": device,
        "threads": 1,
        "versions": {"python": "3.12.0", "torch": "2.11.0", "commit": commit},
        "started": "2026-11-23T22:03:29+00:00",
        "wall_seconds": 90.0,
    }
    few = synthetic(seeds=1, epochs=1)  # pages on provenance read no rows
    folder.mkdir(parents=True)
    for name in records.TABLES:
        parquet.save(getattr(few, name), folder / f"{name}.parquet", [run])


def tables(folder: Path) -> dict[str, dict[str, list[list[str]]]]:
    """Rows of the page, below the headings of their tables and of the parts of these."""
    found = BeautifulSoup(pages.provenance(folder)._repr_html_(), "html.parser")

    def title(part: Tag) -> str:
        return str(part.find(string=True))

    shown: dict[str, dict[str, list[list[str]]]] = {}
    for table in found("table"):
        parts = shown.setdefault(title(table.select("caption")[0]), {})
        for part in table("tbody"):
            rows = [[cell.text for cell in row(["th", "td"])] for row in part("tr")[1:]]
            parts.setdefault(title(part), []).extend(rows)
    return shown


@pytest.mark.parametrize("folder", [results.RESULTS, results.PRECISION, results.DEVICES])
def test_every_run_is_shown_with_seeds_precision_device_commit_and_date(folder):
    shown = [
        (part.rpartition(" on ")[2], *row)
        for parts in tables(folder).values()
        for part, rows in parts.items()
        for row in rows
    ]
    expected = []
    for path in records.below(folder):
        (run,) = records.provenance(path / "layers.parquet")
        seeds = ff.Config.model_construct(**run["config"]).seed_list
        first, last = min(seeds), max(seeds)
        assert len(seeds) == last - first + 1
        named = f"{first} to {last}" if first < last else str(first)
        commit, date = run["versions"]["commit"][:7], run["started"][:10]
        minutes = f"{run['wall_seconds'] / 60:.1f}"
        precision = run["config"]["precision"]
        expected.append((run["device"], named, precision, commit, date, minutes))
    assert sorted(shown) == sorted(expected)


def test_runs_are_grouped_by_condition_and_sorted(tmp_path):
    publish(tmp_path / "a", hidden=1000, device="gpu")
    publish(tmp_path / "b", hidden=100, seeds=[1, 3, 4, 5], commit="1" * 40 + "+")
    publish(tmp_path / "c", hidden=20, seeds=[10])
    publish(tmp_path / "d", hidden=20, seeds=[9])
    publish(tmp_path / "e", goodness="sum", hidden=20)
    publish(tmp_path / "f" / "deeper", peer_momentum=0.09, precision="bf16")
    publish(tmp_path / ".copy", peer_momentum=0.5)
    end, plain = ["2026-11-23", "1.5"], ["float32", "0000000", "2026-11-23", "1.5"]
    found = tables(tmp_path)
    assert found == {
        "The default configuration": {
            "20 units a layer on cpu": [["9", *plain], ["10", *plain]],
            "100 units a layer on cpu": [["1, 3 to 5", "float32", "1111111+", *end]],
            "1000 units a layer on gpu": [["1 to 2", *plain]],
        },
        "goodness: sum instead of squares": {"20 units a layer on cpu": [["1 to 2", *plain]]},
        "peer_momentum: 0.09 instead of 0.9, precision: bf16 instead of float32": {
            "100 units a layer on cpu": [["1 to 2", "bf16", "0000000", *end]]
        },
    }
    assert list(found) == sorted(
        found, key=lambda title: (title != "The default configuration", title)
    )
    assert [part.split()[0] for part in found["The default configuration"]] == ["20", "100", "1000"]


@pytest.mark.parametrize("key", sorted(ff.Config().condition))
def test_every_key_of_a_condition_makes_a_table_of_its_own(tmp_path, key):
    usual = ff.Config().condition[key]
    known = {"learns": [[1, 30]] * 4, "momentum": 0.5, "peer_momentum": 0.5, "readout_from": 1}
    other: Any = not usual if isinstance(usual, bool) else 2 * (usual or 0) or 1
    other = known.get(key, other)
    publish(tmp_path / "a", **{key: other})
    publish(tmp_path / "b")
    standard, title = tables(tmp_path)
    assert standard == "The default configuration"
    assert title == f"{key}: {shown(other)} instead of {shown(usual)}"


def test_the_disturbances_of_the_page_are_those_of_the_file(tmp_path):
    table = pages.disturbances()
    assert not table.isna().any(axis=None)
    assert "100 runs were killed (SIGKILL)" in table.iloc[0, 0]
    found = json.loads((results.RESULTS / "reliability.json").read_text(encoding="utf-8"))
    found["killed"]["equal"] = 17
    (tmp_path / "reliability.json").write_text(json.dumps(found))
    assert pages.disturbances(tmp_path).iloc[0, 1].startswith("17 ended with the records")


def test_silent_layers_are_counted_by_stretches(tmp_path):
    rows = [(1, 3, 7), (1, 3, 8), (1, 3, 9), (1, 3, 11), (1, 4, 9), (2, 3, 10)]
    silent = [dict(zip(("seed", "layer", "step"), row, strict=True)) for row in rows]
    run = {"hidden": 5, "seeds": [1, 2], "device": "card", "steps": 30, "silent": silent}
    (tmp_path / "silence.json").write_text(json.dumps([run, run | {"silent": []}]))
    text = pages.silences(tmp_path).text
    assert "In 4 trainings of 30 steps (32 layers of 5 units, card), a layer" in text
    assert text.endswith("fell silent 4 times, for at most 3 steps in a row.")
    assert "at most 2 steps" in pages.silences().text


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
