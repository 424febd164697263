"""The Sphinx extension that runs the book's notebooks, and only when something has changed."""

import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import copies  # pyright: ignore[reportMissingImports]
import executed  # pyright: ignore[reportMissingImports]
import kept  # pyright: ignore[reportMissingImports]
import nbformat
import pytest
import site_seal  # pyright: ignore[reportMissingImports]
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


def copied(book: Path, notebook: nbformat.NotebookNode, **parameters: int):
    """What a page of 16 layers runs."""
    return copies.copy(notebook, book / "delay.ipynb", "layers-0016", "16 layers", parameters)


def page(book: Path) -> executed.Page:
    source = book / "delay.ipynb"
    notebook = copied(book, executed.read(source), layers=16)
    return executed.Page("runs/delay/layers-0016", source, book, notebook, copied=True)


def test_a_copy_has_its_own_title_labels_and_parameters(book):
    cells = copied(book, chapter("layers"), layers=16).cells
    assert cells[0].source == (
        TEXT.replace("# Delay", "# 16 layers")
        .replace("(eq-x)", "(eq-x-layers-0016)")
        .replace("{eq}`eq-x`", "{eq}`eq-x-layers-0016`")
        .replace("{numref}`fig-delay`", "{numref}`fig-delay-layers-0016`")
        .replace("sec-more", "sec-more-layers-0016")
    )
    assert "remove-cell" in cells[1].metadata.tags
    assert cells[2].source == "# Parameters\nlayers = 16\n"
    assert cells[3].metadata.mystnb.figure.name == "fig-delay-layers-0016"


def test_a_copy_is_the_same_each_time(book):
    one = chapter("1")
    assert copied(book, deepcopy(one), layers=2) == copied(book, deepcopy(one), layers=2)


def test_a_chapter_without_the_parameter_is_refused(book):
    with pytest.raises(copies.ExtensionError, match=r"delay.ipynb must set layer in a cell"):
        copied(book, chapter(), layer=16)


def test_copies_are_all_combinations_and_sort_by_number(book):
    both = chapter("1")
    both.cells[1].source += "\nhidden: int = 100"
    nbformat.write(both, book / "delay.ipynb")
    config = SimpleNamespace(
        executed_examples={},
        executed_chapters={"delay": "{layers} of {hidden}"},
        executed_configurations={"layers": [2, 16], "hidden": [100, 1000]},
    )
    found = executed.copies(config, book)
    titles = [page.notebook.cells[0].source.splitlines()[0] for page in found]
    assert titles == ["# 2 of 100", "# 2 of 1000", "# 16 of 100", "# 16 of 1000"]
    names = [page.target.name for page in found]
    assert names == sorted(names)


CELL = "from pathlib import Path; Path('results/a.txt').read_text() + str(7 * layers)"


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book after its page was run, which imports a module and reads a file."""
    book = tmp_path_factory.mktemp("project") / "book"
    (book / "results").mkdir(parents=True)
    (book / "_ext").mkdir()
    (book / "_ext" / "executed.py").write_text("# Sphinx")
    (book / "method.md").write_text("# Other")
    (book / "results" / "a.txt").write_text("read")
    package = book.parent / "ff"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "used.py").write_text('"""Doc."""\nX = 1  # one\n')
    (package / "unused.py").write_text("X = 1\n")
    cell = f"if False:\n    from ff import used\n{CELL}"
    nbformat.write(chapter(cell), book / "delay.ipynb")
    page(book).execute()
    return book


@pytest.fixture
def ran(run_once: Path, tmp_path: Path) -> Path:
    """A copy of it; what is computed once in a process is computed anew."""
    forget()
    return shutil.copytree(run_once.parent, tmp_path / "project") / "book"


def forget() -> None:
    kept._fingerprint.cache_clear()
    kept.behavior.cache_clear()


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def test_what_cells_gave_is_kept(ran):
    found = page(ran).current()
    assert found.cells[-1][1][0]["data"]["text/plain"] == "'read112'"
    assert set(found.imported) == {"ff/__init__.py", "ff/used.py"}
    assert set(found.read) == {"book/results", "book/results/a.txt"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("delay.ipynb", "that", "this"),
        ("delay.ipynb", "Seven", "Eight"),  # the words for a figure
        ("../ff/used.py", "# one", "# a number"),
        ("../ff/used.py", "Doc.", "A module."),
        ("../ff/unused.py", "1", "2"),
        ("method.md", "Other", "Another"),
        ("_ext/executed.py", "Sphinx", "sphinx"),
    ],
)
def test_words_and_what_is_not_used_leave_a_page_as_it_is(ran, name, old, new):
    edit(ran / name, old, new)
    assert page(ran).current() is not None


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("delay.ipynb", "7 * layers", "8 * layers"),
        ("../ff/used.py", "X = 1", "X = 2"),
        ("results/a.txt", "read", "changed"),
    ],
)
def test_an_edit_of_code_or_data_makes_a_page_stale(ran, name, old, new):
    assert page(ran).current() is not None
    forget()
    edit(ran / name, old, new)
    assert page(ran).current() is None


def test_a_module_that_is_taken_away_or_broken_makes_a_page_stale(ran):
    module = ran.parent / "ff" / "used.py"
    module.write_text("X = (")
    assert page(ran).current() is None
    forget()
    module.unlink()
    assert page(ran).current() is None


def test_an_edit_after_the_process_that_imports_has_begun_leaves_a_page_stale(ran):
    own = page(ran)
    assert own.imported
    edit(ran.parent / "ff" / "used.py", "X = 1", "X = 2")
    forget()
    own.execute()
    assert page(ran).current() is None


def test_a_cache_that_was_damaged_is_filled_again(ran, tmp_path):
    notebook = executed.read(ran / "delay.ipynb")
    document = executed.Page("delay", ran / "delay.ipynb", ran, notebook, copied=False)
    outputs, folder = {"delay": page(ran).current()}, tmp_path / "cache"
    outputs["delay"].cells.pop(1)  # the injected parameters
    executed.fill_cache([document], outputs, folder)
    (entry,) = (folder / "executed").glob("*/base.ipynb")
    for lost in (entry, folder / "global.db"):
        before = entry.read_text()
        executed.fill_cache([document], outputs, folder)
        lost.unlink()
        executed.fill_cache([document], outputs, folder)
        assert entry.read_text() == before
        assert lost.exists()


def test_a_file_beside_one_that_was_read_makes_a_page_stale(ran):
    (ran / "results" / "b.txt").touch()
    assert page(ran).current() is None


def test_another_parameter_makes_a_page_stale(ran):
    other = copied(ran, executed.read(ran / "delay.ipynb"), layers=2)
    assert executed.Page("runs/delay/layers-0016", ran, ran, other, copied=True).current() is None


def test_what_has_changed_while_a_page_ran_is_read_again(tmp_path):
    path = tmp_path / "book" / "results" / "a.txt"
    path.parent.mkdir(parents=True)
    path.touch()
    written = path.stat().st_mtime
    for since, known in ((written + 1, True), (written - 1, False)):
        found = kept.seen([str(path)], tmp_path, since)
        assert bool(found["book/results/a.txt"]) == known


def test_a_page_that_needs_what_is_absent_says_so_until_it_is_there(book, monkeypatch):
    nbformat.write(chapter("import lacking_here"), book / "delay.ipynb")
    monkeypatch.setattr(executed, "HEAVY", "lacking_here")
    monkeypatch.setattr(executed, "TORCH", {"lacking_here"})
    found = page(book).execute()
    assert found.lacking
    assert found.cells[-1] == (None, [])
    assert page(book).current() is not None, "it is not run again and again"
    monkeypatch.setattr(executed, "HEAVY", "json")  # installed by now
    assert page(book).current() is None


def test_only_the_absent_package_is_excused(book, monkeypatch):
    monkeypatch.setattr(executed, "HEAVY", "absent_too")
    nbformat.write(chapter("import lacking_here"), book / "delay.ipynb")
    with pytest.raises(Exception, match="lacking_here"):
        page(book).execute()


def test_copies_that_stay_the_same_are_not_written_again(ran):
    own = page(ran)
    pages, outputs = [own], {own.name: own.current()}
    executed.write_copies(pages, outputs)
    before = own.target.stat().st_mtime_ns
    assert "read112" in own.target.read_text()
    executed.write_copies(pages, outputs)
    assert own.target.stat().st_mtime_ns == before
    own.target.write_text("damaged")
    executed.write_copies(pages, outputs)
    assert "read112" in own.target.read_text()


def built(
    book: Path, failure: Exception | None = None, builder: str = "html", lacking: bool = False
) -> Path:
    """A site of that book, as far as the extension's seal on it is concerned."""
    site = book.parent / "_build" / "html"
    site.mkdir(parents=True, exist_ok=True)
    app = SimpleNamespace(
        srcdir=str(book),
        outdir=str(site),
        config=SimpleNamespace(executed_kept={"a": SimpleNamespace(lacking=lacking)}),
        builder=SimpleNamespace(name=builder),
    )
    site_seal.unseal(app)
    site_seal.seal(app, failure)
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
    assert site_seal.is_current(site, book)
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((before or b"") + b"\n")
    assert not site_seal.is_current(site, book)
    if before is None:
        path.unlink()
    else:
        path.write_bytes(before)
    assert site_seal.is_current(site, book)
    if before is not None:
        path.unlink()
        assert not site_seal.is_current(site, book)


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
    assert site_seal.is_current(site, book)


@pytest.mark.parametrize("name", ["results/runs/a.parquet", "../ff/records/a.py"])
def test_only_the_books_own_folders_are_made_from_the_sources(book, name):
    site = built(book)
    (book / name).parent.mkdir(parents=True)
    (book / name).touch()
    assert not site_seal.is_current(site, book)


def test_only_a_builder_of_pages_makes_a_site_current(book):
    site = built(book, builder="linkcheck")
    assert not site_seal.is_current(site, book), "there are no pages"
    built(book)
    built(book, builder="linkcheck")
    assert site_seal.is_current(site, book), "its pages are as they were"


def test_a_run_that_ends_early_makes_no_page(book):
    nbformat.write(chapter("import sys; sys.exit(0)", "layers * 7"), book / "delay.ipynb")
    with pytest.raises(executed.ExtensionError, match=r"sys\.exit.* ended with SystemExit; let"):
        page(book).execute()
    assert not page(book).store.exists()


def test_a_site_with_a_page_that_lacks_something_is_not_current(book):
    assert not site_seal.is_current(built(book, lacking=True), book)


def test_a_site_whose_build_failed_is_stale(book):
    site = built(book)
    assert site_seal.is_current(site, book)
    assert not site_seal.is_current(built(book, failure=ValueError()), book)
    assert not site_seal.is_current(site.parent, book), "there is no site"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
def test_the_sources_are_the_files_that_git_does_not_ignore():
    places = ["book", "ff", "params", "_config.yml", "CITATION.cff"]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *places]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    expected = {path for name in listed.split("\0") if name and (path := ROOT / name).is_file()}
    assert {
        path.resolve() for _, path in site_seal.files(ROOT / "book", site_seal.SOURCES)
    } == expected


@pytest.mark.slow
def test_a_build_runs_what_is_stale_and_removes_orphans(book):
    orphan = book / "runs" / "delay" / "layers-0099.ipynb"
    orphan.parent.mkdir(parents=True)
    nbformat.write(new_notebook(), orphan)
    kept = [book / "runs" / ".kept" / name for name in ("gone.json", "runs/delay/layers-0099.json")]
    kept[1].parent.mkdir(parents=True)
    for path in kept:
        path.write_text("{}")
    site = book.parent / "_build" / "html"
    first = build(book.parent, "-n")
    assert first.returncode == 0, first.stdout + first.stderr
    assert not any(path.exists() for path in (orphan, *kept))
    html = (site / "runs" / "delay" / "layers-0016.html").read_text()
    assert "16 layers" in html
    assert "112" in html, "16 * 7 must have been computed"
    assert site_seal.is_current(site, book)
    assert "[executed]" not in build(book.parent, "-n").stdout, "nothing had changed"

    source = book / "delay.ipynb"
    source.write_text(source.read_text().replace("See {numref}", "Look at {numref}"))
    assert not site_seal.is_current(site, book)
    assert "[executed]" not in build(book.parent, "-n").stdout, "text alone had changed"
    for name in ("delay", "runs/delay/layers-0016"):
        assert "Look at" in (site / f"{name}.html").read_text()
    assert "112" in (site / "runs" / "delay" / "layers-0016.html").read_text()

    source.write_text(source.read_text().replace("layers * 7", "layers * 9"))
    assert build(book.parent, "-n").stdout.count("[executed]") == 3
    assert "144" in (site / "runs" / "delay" / "layers-0016.html").read_text()
    assert "36" in (site / "delay.html").read_text(), "a document is read again with new outputs"
    assert site_seal.is_current(site, book)


@pytest.mark.slow
def test_a_failed_run_fails_the_build_and_leaves_no_page(book):
    nbformat.write(chapter("1 / (layers - 16)"), book / "delay.ipynb")
    result = build(book.parent, "-n")
    assert result.returncode != 0
    assert "runs/delay/layers-0016 failed" in result.stdout + result.stderr
    assert "ZeroDivisionError" in result.stdout + result.stderr
    assert not (book / "runs" / "delay" / "layers-0016.ipynb").exists()
    assert not site_seal.is_current(book.parent / "_build" / "html", book)


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
        ("1 / 0", "raises-exception, remove-output", "ZeroDivisionError"),
        ("import sys; sys.exit()", "raises-exception", "ended with SystemExit"),
        ("7", "skip-execution", "was not executed"),
        ("import os; os._exit(0)", "hide-input", "Kernel died"),
    ],
)
def test_a_document_is_a_page_only_if_every_cell_ran(book, source, tag, reason):
    """However its cell is tagged, and from the cache no more than at first."""
    (book / "page.md").write_text(myst(source, tag))
    (book / "_toc.yml").write_text("format: jb-book\nroot: method\nchapters: [file: page]\n")
    for _ in range(2):
        result = build(book.parent, "-n")
        assert result.returncode != 0
        assert reason in result.stdout + result.stderr
        assert not site_seal.is_current(book.parent / "_build" / "html", book)
    (book / "page.md").write_text(myst("6 * 7", "hide-input"))
    result = build(book.parent, "-n")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "42" in (book.parent / "_build" / "html" / "page.html").read_text()
