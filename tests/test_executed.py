"""The Sphinx extension that runs each chapter once for each configuration."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import executed  # pyright: ignore[reportMissingImports]
import nbformat
import pytest
import yaml
from building import build
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parent.parent

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


def test_pages_depend_on_every_folder_of_measurements():
    book = ROOT / "book"
    listed = subprocess.run(
        ["git", "ls-files", "*.parquet"], cwd=book, capture_output=True, text=True, check=False
    ).stdout.split()
    if not listed:
        pytest.skip("no git repository")
    assert {path.split("/")[0] for path in listed} == set(executed.DATA)


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


def test_the_digest_sees_a_file_that_is_renamed(book):
    path = book / "results" / "a.parquet"
    path.parent.mkdir()
    path.write_text("something")
    before = executed.digest(book)
    path.rename(path.with_name("b.parquet"))
    assert executed.digest(book) != before


def built(book: Path, failure: Exception | None = None, builder: str = "html") -> Path:
    """A site of that book, as far as the extension's seal on it is concerned."""
    site = book.parent / "_build" / "html"
    site.mkdir(parents=True, exist_ok=True)
    app = SimpleNamespace(
        srcdir=str(book),
        outdir=str(site),
        config=SimpleNamespace(),
        builder=SimpleNamespace(name=builder),
    )
    executed.unseal_site(app)
    executed.seal_site(app, failure)
    return site


@pytest.mark.parametrize(
    "name",
    [
        "method.md",
        "_toc.yml",
        "_assets/book.css",
        "../_config.yml",
        "../CITATION.cff",
        "../ff/new.py",
    ],
)
def test_a_site_is_stale_as_soon_as_a_source_is_another(book, name):
    site, path = built(book), book / name
    assert executed.is_current(site, book)
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((before or b"") + b"\n")
    assert not executed.is_current(site, book)
    if before is None:
        path.unlink()
    else:
        path.write_bytes(before)
    assert executed.is_current(site, book)
    if before is not None:
        path.unlink()
        assert not executed.is_current(site, book)


@pytest.mark.parametrize(
    "name",
    [
        "runs/delay/new.ipynb",
        "records/a.parquet",
        "_build/html/index.html",
        "_ext/__pycache__/x",
        ".ipynb_checkpoints/method-checkpoint.md",
        "results/._a.parquet",
        "results/.DS_Store",
        "../ff/.layer.py.swp",
        "../ff/layer.py~",
        "../params/#quick.yaml#",
        "../params/Thumbs.db",
    ],
)
def test_what_is_made_from_the_sources_leaves_a_site_current(book, name):
    site = built(book)
    (book / name).parent.mkdir(parents=True, exist_ok=True)
    (book / name).touch()
    assert executed.is_current(site, book)


@pytest.mark.parametrize("name", ["results/runs/a.parquet", "../ff/records/a.py"])
def test_only_the_books_own_folders_are_made_from_the_sources(book, name):
    site = built(book)
    (book / name).parent.mkdir(parents=True)
    (book / name).touch()
    assert not executed.is_current(site, book)


def test_only_a_builder_of_pages_makes_a_site_current(book):
    site = built(book, builder="linkcheck")
    assert not executed.is_current(site, book), "there are no pages"
    built(book)
    built(book, builder="linkcheck")
    assert executed.is_current(site, book), "its pages are as they were"


def test_folders_that_other_tools_leave_among_executed_copies_are_no_orphans(book):
    orphan = book / "runs" / "delay" / "._layers-0002.ipynb"
    left = [book / "runs" / place / ".ipynb_checkpoints" for place in (".", "delay")]
    for folder in left:
        folder.mkdir(parents=True)
    orphan.touch()
    config = {"examples": {}, "chapters": {}, "configurations": {}, "inputs": ""}
    app = SimpleNamespace(
        srcdir=str(book),
        config=SimpleNamespace(**{f"executed_{name}": value for name, value in config.items()}),
    )
    executed.execute_stale(app)
    assert all(folder.is_dir() for folder in left)
    assert not orphan.exists(), "the table of contents' glob would take it for a page"


def test_a_run_that_ends_early_makes_no_page(book):
    nbformat.write(chapter("import sys; sys.exit(0)", "layers * 7"), book / "delay.ipynb")
    with pytest.raises(executed.ExtensionError, match=r"sys\.exit.* ended with SystemExit; let"):
        page(book).execute()
    assert not page(book).target.exists()


def test_a_site_whose_build_failed_is_stale(book):
    site = built(book)
    assert executed.is_current(site, book)
    assert not executed.is_current(built(book, failure=ValueError()), book)
    assert not executed.is_current(site.parent, book), "there is no site"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
def test_the_sources_are_the_files_that_git_does_not_ignore():
    places = ["book", "ff", "params", "_config.yml", "CITATION.cff"]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *places]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    expected = {path for name in listed.split("\0") if name and (path := ROOT / name).is_file()}
    assert {
        path.resolve() for _, path in executed.files(ROOT / "book", executed.SOURCES)
    } == expected


@pytest.mark.slow
def test_a_build_runs_what_is_stale_and_removes_orphans(book):
    orphan = book / "runs" / "delay" / "layers-0099.ipynb"
    orphan.parent.mkdir(parents=True)
    nbformat.write(new_notebook(), orphan)
    site = book.parent / "_build" / "html"
    first = build(book.parent, "-n")
    assert first.returncode == 0, first.stdout + first.stderr
    assert not orphan.exists()
    html = (site / "runs" / "delay" / "layers-0016.html").read_text()
    assert "16 layers" in html
    assert "112" in html, "16 * 7 must have been computed"
    assert executed.is_current(site, book)
    assert "[executed]" not in build(book.parent, "-n").stdout, "nothing had changed"

    (book / "results").mkdir()
    (book / "results" / "new.parquet").touch()
    assert not executed.is_current(site, book)
    assert build(book.parent, "-n").stdout.count("[executed]") == 2
    assert executed.is_current(site, book)


@pytest.mark.slow
def test_a_failed_run_fails_the_build_and_leaves_no_page(book):
    nbformat.write(chapter("1 / (layers - 16)"), book / "delay.ipynb")
    result = build(book.parent, "-n")
    assert result.returncode != 0
    assert "runs/delay/layers-0016.ipynb failed" in result.stdout + result.stderr
    assert "ZeroDivisionError" in result.stdout + result.stderr
    assert not (book / "runs" / "delay" / "layers-0016.ipynb").exists()
    assert not executed.is_current(book.parent / "_build" / "html", book)


def myst(source: str, tag: str) -> str:
    """A page of Markdown with a cell."""
    kernel = "kernelspec: {name: python3, display_name: Python 3}\n"
    text = "jupytext: {text_representation: {extension: .md, format_name: myst}}\n"
    cell = f"```{{code-cell}} ipython3\n:tags: [{tag}]\n{source}\n```\n"
    return f"---\n{kernel}{text}---\n\n# Page\n\n{cell}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "tag", "reason"),
    [
        ("1 / 0", "raises-exception, remove-output", "ended with ZeroDivisionError"),
        ("import sys; sys.exit()", "raises-exception", "ended with SystemExit"),
        ("7", "skip-execution", "was not executed"),
        ("import os; os._exit(0)", "hide-input", "Kernel died"),
    ],
)
def test_what_myst_nb_runs_is_a_page_only_if_every_cell_ran(book, source, tag, reason):
    """However its cell is tagged, and from the cache no more than at first."""
    (book / "page.md").write_text(myst(source, tag))
    (book / "_toc.yml").write_text("format: jb-book\nroot: method\nchapters: [file: page]\n")
    for _ in range(2):
        result = build(book.parent, "-n")
        assert result.returncode != 0
        assert reason in result.stdout + result.stderr
        assert not executed.is_current(book.parent / "_build" / "html", book)
    (book / "page.md").write_text(myst("6 * 7", "hide-input"))
    result = build(book.parent, "-n")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "42" in (book.parent / "_build" / "html" / "page.html").read_text()
