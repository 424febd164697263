"""`ff verdicts` of folders, and the page that `ff report` writes."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner, Result
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook, new_output

import ff
from ff.__main__ import main
from ff.book import report
from ff.stats.claims import CLAIMS, verdicts


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mine")
    config = {"dataset": "digits", "hidden": [8, 12], "layers": [2, 3], "epochs": 4, "seeds": 2}
    ff.train(ff.Config(**config, device="cpu"), folder)
    return folder


# --- verdicts


def test_each_statement_is_told_once_with_every_width(mine):
    done = invoke("verdicts", mine)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith(f"{mine}: Measured on the digits of scikit-learn over 4 epochs; ")
    assert "not the defaults: dataset digits, epochs 4. No layer of 8, 12 units has" in lines[0]
    for claim in CLAIMS:
        assert lines.count(claim.statement) == 1
    assert sum("width 8: " in line or "width 8, " in line for line in lines) > 5
    assert "needs 5 seeds, has 2; 3 layers, the paper has 32" in done.output
    assert "Warning" not in done.output


def test_the_published_verdicts_tell_what_the_paper_concludes():
    done = invoke("verdicts")
    assert done.exit_code == 0, done.output
    assert "width 100, 30 seeds: 0.757 [0.715, 0.799]: supported, as the paper" in done.output
    assert "unlike the paper" in done.output
    assert "needs" not in done.output


def test_json_holds_each_statement_once_and_no_number_that_json_has_not(mine):
    done = invoke("verdicts", mine, "--format", "json")
    assert "NaN" not in done.output
    found = json.loads(done.output)
    assert found["records"] == str(mine)
    assert found["runs"][0]["config"]["epochs"] == 4
    found = found["statements"]
    assert [own["key"] for own in found] == [claim.key for claim in CLAIMS]
    widths = {row["width"] for own in found for row in own["widths"]}
    assert widths == {"8", "12", "12 - 8", "8 and 12", "any"}
    assert all({"verdict", "value", "lacks"} <= set(row) for own in found for row in own["widths"])


def test_csv_has_a_row_for_each_number(mine):
    done = invoke("verdicts", mine, "--format", "csv")
    rows: list[Any] = list(csv.DictReader(io.StringIO(done.output)))
    table: Any = verdicts(ff.read(mine))
    assert {row["key"] for row in rows} == set(table["key"])
    assert {row["records"] for row in rows} == {str(mine)}
    assert {row["width"] for row in rows if row["key"] == "rq1-h1"} == {"8", "12"}


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_no_form_commands_the_terminal(mine, tmp_path, form):
    hostile = tmp_path / "a\x1b[31m\x9b2J\u202e"
    shutil.copytree(mine, hostile)
    done = invoke("verdicts", hostile, "--format", form)
    assert done.exit_code == 0, done.output
    assert r"a\x1b[31m" in done.output.replace(r"\u001b", r"\x1b")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.output)


@pytest.mark.parametrize("command", [["verdicts"], ["report", "--out", "x.html"]])
def test_a_folder_without_records_is_refused(tmp_path, command):
    done = invoke(*command, tmp_path)
    assert done.exit_code == 1
    assert f"Error: there is no {tmp_path}" in done.output


def test_records_of_two_conditions_are_refused(mine, tmp_path):
    config = {"dataset": "digits", "hidden": 8, "layers": 2, "epochs": 1, "seeds": 1}
    ff.train(ff.Config(**config, device="cpu"), tmp_path)
    done = invoke("verdicts", mine, tmp_path)
    assert done.exit_code == 1
    assert "they differ in epochs (4, 1)" in done.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_full_disk_is_told_in_a_sentence(mine, form):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ff", "verdicts", str(mine), "--format", form],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said[-1].startswith("Error: cannot print: No space left on device; make room")
    assert not [line for line in said if "Traceback" in line or "Exception" in line]


# --- report


def test_a_folder_whose_name_is_no_utf_8_is_refused(mine, tmp_path):
    """Notebooks could not name it."""
    hostile = tmp_path / os.fsdecode(b"\xffmine")
    shutil.copytree(mine, hostile)
    done = invoke("report", hostile, "--out", tmp_path / "x.html")
    assert done.exit_code == 1
    assert r"\udcffmine is not UTF-8; rename it" in done.output


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_report_replaces_no_pipe(mine, tmp_path):
    os.mkfifo(tmp_path / "x.html")
    done = invoke("report", mine, "--out", tmp_path / "x.html")
    assert done.exit_code == 1
    assert "is no regular file; name another" in done.output


@pytest.mark.slow
def test_a_report_is_one_page_that_needs_no_other(mine, tmp_path):
    out = tmp_path / "mine.html"
    done = invoke("report", mine, "--out", out)
    assert done.exit_code == 0, done.output
    text = out.read_text("utf-8")
    assert out.stat().st_size < 2_000_000
    page = BeautifulSoup(text, "html.parser")
    places: list[Any] = [tag.get(name) for tag in page.find_all(True) for name in ("src", "href")]
    assert {place.partition(":")[0] for place in places if place and place[0] != "#"} == {"data"}
    assert not page.find_all(["script", "link", "iframe"])
    assert not re.search(r"@import|url\((?![\"']?(data:|#))", text)
    assert not re.search(r"\{(ref|doc|eq)\}|^\(\w+\)=", page.get_text(), re.MULTILINE)
    heads = [head.get_text() for head in page.find_all("h1")]
    assert heads[0] == f"Report on “{mine.name}”"
    run = page.find(class_="ff-runs")
    assert run is not None
    assert "epochs: 4 instead of 30" in run.get_text()
    assert ff.read(mine).runs[0]["versions"]["commit"][:7] in run.get_text()
    assert "learning_rate: 0.001" in str(page.find("details"))
    assert len(heads) == 1 + len(report.CHAPTERS)
    names = [str(tag["id"]) for tag in page.find_all(id=True)]
    assert len(names) == len(set(names))
    assert page.get_text().count("not the published measurements") == 1, "said once"
    targets = [place for place in places if place and place[0] == "#"]
    assert len(targets) == len(report.CHAPTERS)
    assert all(page.find(id=unquote(target[1:])) for target in targets)
    assert "8 units" in text
    assert "12 units" in text
    assert "Beside them stand the published networks" in text
    assert "about the published networks: it stands in the book" not in text
    assert all(image["alt"] for image in page.find_all("img"))
    assert len(page.find_all("figure")) > 8, "those of delays are left out: no layer arrives"
    assert len(page.find_all(class_="ff-verdicts")) == 2


def test_a_chapter_that_ends_early_makes_no_report(mine, tmp_path, monkeypatch):
    out = tmp_path / "mine.html"
    error = new_output("error", ename="SystemExit", evalue="0", traceback=[])
    cell = new_code_cell("sys.exit(0)", execution_count=1, outputs=[error])
    monkeypatch.setattr("papermill.execute_notebook", lambda *_, **__: new_notebook(cells=[cell]))
    done = invoke("report", mine, "--out", out)
    assert done.exit_code == 1
    assert "Error: rq1_delay.ipynb failed: the cell 'sys.exit(0)' ended with" in done.output
    assert not out.exists()


def test_a_process_that_dies_makes_no_report(mine, tmp_path, monkeypatch):
    def die(*_: object, **__: object) -> None:
        raise DeadKernelError("Kernel died")

    monkeypatch.setattr("papermill.execute_notebook", die)
    done = invoke("report", mine, "--out", tmp_path / "mine.html")
    assert done.exit_code == 1
    assert "Error: the process that ran rq1_delay.ipynb died; free some memory" in done.output


@pytest.mark.slow
def test_a_folders_name_is_text_and_no_html(mine, tmp_path):
    folder = tmp_path / "<img src=x onerror=y> *a* [b](c)"
    shutil.copytree(mine, folder)
    out = tmp_path / "x.html"
    done = invoke("report", folder, "--out", out, "--beside", mine)
    assert done.exit_code == 0, done.output
    page = BeautifulSoup(out.read_text("utf-8"), "html.parser")
    head = page.find("h1")
    assert head is not None
    assert head.get_text() == f"Report on “{folder.name}”"
    assert all(str(image["src"]).startswith("data:") for image in page.find_all("img"))


def test_an_error_in_a_chapter_is_one_sentence(mine, tmp_path):
    other = {"dataset": "digits", "hidden": 8, "layers": 2, "epochs": 1, "seeds": [7]}
    ff.train(ff.Config(**other, device="cpu"), tmp_path / "other")
    done = invoke("report", mine, "--out", tmp_path / "x.html", "--beside", tmp_path / "other")
    assert done.exit_code == 1
    assert "Traceback" not in done.output
    assert "train seeds that both have" in done.output


def test_a_report_without_notebooks_names_a_clone(mine, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "BOOK", tmp_path)
    done = invoke("report", mine, "--out", tmp_path / "x.html")
    assert done.exit_code == 1
    assert "in a clone of the repository" in done.output
