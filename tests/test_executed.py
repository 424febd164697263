"""The Sphinx extension that runs each chapter once for each configuration."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import executed  # noqa: E402 # pyright: ignore[reportMissingImports]

TEXT = """# Delay

$$ x = 1 $$ (eq-x)

(sec-more)=
See {numref}`fig-delay`, {eq}`eq-x`, {ref}`this <sec-more>`, [that](#sec-more), {doc}`/method`,
`fig-delay` and {ref}`fig-other` (fig-delay).
"""


def chapter(*sources: str) -> nbformat.NotebookNode:
    parameters = new_code_cell("layers: int = 4", metadata={"tags": ["parameters"]})
    figure = {"figure": {"name": "fig-delay", "caption": "."}, "image": {"alt": "Seven"}}
    cells = [new_code_cell(source, metadata={"mystnb": figure}) for source in sources]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(
        cells=[new_markdown_cell(TEXT), parameters, *cells], metadata={"kernelspec": kernel}
    )


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of a landing page and one chapter, under the real configuration."""
    folder = tmp_path / "book"
    shutil.copytree(ROOT / "book" / "_ext", folder / "_ext")
    shutil.copytree(ROOT / "book" / "_assets", folder / "_assets")
    (folder / "references.bib").touch()
    (folder / "method.md").write_text("# Method\n\n(fig-other)=\n## Other\n")
    nbformat.write(chapter("layers * 7"), folder / "delay.ipynb")
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: method\nchapters:\n"
        "  - file: delay\n    sections: [glob: runs/delay/*]\n"
    )
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["sphinx"]["config"] |= {
        "executed_examples": {},
        "executed_chapters": {"delay": "{layers} layers"},
        "executed_configurations": {"layers": [2, 16]},
    }
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(config))
    return folder


def build(book: Path) -> subprocess.CompletedProcess[str]:
    start = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    options = ["book/", "-W", "--keep-going", "-n"]
    return subprocess.run([*start, *options], cwd=book.parent, capture_output=True, text=True)


def page(book: Path) -> executed.Page:
    target = book / "runs" / "delay" / "layers-0016.ipynb"
    return executed.Page(book / "delay.ipynb", target, "16 layers", {"layers": 16}, "digest")


def test_a_copy_has_its_own_title_and_labels(book):
    cells = executed.prepare(chapter("layers"), page(book)).cells
    assert cells[0].source == (
        TEXT.replace("# Delay", "# 16 layers")
        .replace("(eq-x)", "(eq-x-layers-0016)")
        .replace("{eq}`eq-x`", "{eq}`eq-x-layers-0016`")
        .replace("{numref}`fig-delay`", "{numref}`fig-delay-layers-0016`")
        .replace("sec-more", "sec-more-layers-0016")
    )
    assert cells[2].metadata.mystnb.figure.name == "fig-delay-layers-0016"


def test_a_chapter_without_the_parameter_is_refused(book):
    wrong = replace(page(book), parameters={"layer": 16})
    with pytest.raises(executed.ExtensionError, match=r"delay.ipynb must set layer in a cell"):
        executed.prepare(chapter(), wrong)


def test_pages_are_all_combinations_and_sort_by_number(book):
    config = SimpleNamespace(
        executed_examples={},
        executed_chapters={"delay": "{layers} of {hidden}"},
        executed_configurations={"layers": [2, 16], "hidden": [100, 1000]},
        executed_inputs="digest",
    )
    found = executed.pages(config, book)
    assert [page.title for page in found] == ["2 of 100", "2 of 1000", "16 of 100", "16 of 1000"]
    names = [page.target.name for page in found]
    assert names == sorted(names)


@pytest.mark.parametrize("name", ["../ff/layer.py", "../params/quick.yaml", "results/a.parquet"])
def test_the_digest_sees_code_params_and_results(book, name):
    before = executed.digest(book)
    path = book / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("something")
    assert executed.digest(book) != before
    path.unlink()
    assert executed.digest(book) == before


@pytest.mark.slow
def test_a_build_runs_what_is_stale_and_removes_orphans(book):
    orphan = book / "runs" / "delay" / "layers-0099.ipynb"
    orphan.parent.mkdir(parents=True)
    nbformat.write(new_notebook(), orphan)
    first = build(book)
    assert first.returncode == 0, first.stdout + first.stderr
    assert not orphan.exists()
    html = (book.parent / "_build" / "html" / "runs" / "delay" / "layers-0016.html").read_text()
    assert "16 layers" in html
    assert "112" in html, "16 * 7 must have been computed"
    assert "[executed]" not in build(book).stdout, "nothing had changed"

    (book / "results").mkdir()
    (book / "results" / "new.parquet").touch()
    assert build(book).stdout.count("[executed]") == 2


@pytest.mark.slow
def test_a_failed_run_fails_the_build_and_leaves_no_page(book):
    nbformat.write(chapter("1 / (layers - 16)"), book / "delay.ipynb")
    result = build(book)
    assert result.returncode != 0
    assert "runs/delay/layers-0016.ipynb failed" in result.stdout + result.stderr
    assert "ZeroDivisionError" in result.stdout + result.stderr
    assert not (book / "runs" / "delay" / "layers-0016.ipynb").exists()
