"""The Sphinx extension that says at the foot of every page what it was made from."""

import re
import shutil
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import colophon  # pyright: ignore[reportMissingImports]
import pytest
import synthetic
import yaml
from bs4 import BeautifulSoup
from building import build

import ff
from ff import records

ROOT = Path(__file__).parent.parent


def git(folder: Path, *words: str) -> str:
    names = [f"{key}=test" for key in ("user.name", "user.email")]
    command = ["git", *(word for name in names for word in ("-c", name)), *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with one commit."""
    for name in colophon.SOURCES:
        if "." in name:
            (tmp_path / name).touch()
        else:
            (tmp_path / name).mkdir()
            (tmp_path / name / "intro.md").write_text("# Book\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "First")
    return tmp_path


def test_the_commit_is_that_of_the_repository(clone):
    head = git(clone, "rev-parse", "HEAD")[:7]
    assert colophon.origin(clone) == f"ff {version('ff')}, commit {head}"
    (clone / "notes.txt").touch()
    assert "edits" not in colophon.origin(clone), "that file is no source of the site"
    (clone / "book" / "new.md").touch()
    assert colophon.origin(clone) == f"ff {version('ff')}, commit {head} with later edits"


def test_the_commit_of_an_enclosing_repository_is_not_ours(clone):
    assert colophon.origin(clone / "book") == f"ff {version('ff')}"


def test_no_commit_is_named_without_a_repository(tmp_path):
    assert colophon.origin(tmp_path) == f"ff {version('ff')}"


def test_measurements_are_dated_from_the_first_to_the_last_run(tmp_path):
    assert colophon.measured(tmp_path) == ""
    made = synthetic.records()
    config = ff.Config(dataset="digits", layers=[2, 4], hidden=100, seeds=5, epochs=12)
    days = {"results/b": "2026-03-09", "results/a": "2026-03-11", "devices/c": "2026-01-30"}
    for name, day in days.items():
        started = f"{day}T23:59:00+00:00"
        run = synthetic.origin(config.model_dump(mode="json"), started=started)
        records.write(replace(made, runs=(run,)), tmp_path / name)
    assert colophon.measured(tmp_path) == "2026-01-30 to 2026-03-11"
    shutil.rmtree(tmp_path / "results")
    assert colophon.measured(tmp_path) == "2026-01-30"


def test_text_is_escaped_and_links_have_names():
    line = BeautifulSoup(colophon.line(["a < b"], {"There": "x?a=1&b=2"}), "html.parser")
    assert [part.get_text() for part in line("li")] == ["a < b", "There"]
    assert [link["href"] for link in line("a")] == ["x?a=1&b=2"]


@pytest.fixture
def book(clone: Path) -> Path:
    """A clone of a book of two pages, under the real configuration."""
    folder = clone / "book"
    shutil.copytree(ROOT / "book" / "_ext", folder / "_ext")
    shutil.copytree(ROOT / "book" / "_assets", folder / "_assets")
    shutil.copy(ROOT / "CITATION.cff", clone)
    (folder / "references.bib").touch()
    (folder / "intro.md").write_text(
        "# Book\n\nA first paragraph.\n\n(how-to-cite)=\n## How to cite\n\n```{citation}\n```\n"
    )
    (folder / "part").mkdir()
    (folder / "part" / "other.md").write_text("# Other\n\nA second one.\n")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: intro\nchapters: [file: part/other]\n")
    (clone / ".gitignore").write_text("_build\nbook/runs/\n__pycache__/\n")
    configure(clone)
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "A book")
    return folder


def configure(clone: Path, url: str = "") -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["repository"]["url"] = url
    config["sphinx"]["config"] |= {"executed_examples": {}, "executed_chapters": {}}
    (clone / "_config.yml").write_text(yaml.safe_dump(config))


def foot(page: Path) -> tuple[list[str], dict[str, str]]:
    """What the line at the foot of a page says, and its links."""
    line = BeautifulSoup(page.read_text("utf-8"), "html.parser").select_one("footer .ff-colophon")
    assert line, page
    parts = [part.get_text() for part in line("li")]
    return parts, {link.get_text(): str(link["href"]) for link in line("a")}


@pytest.mark.slow
def test_pages_are_written_again_only_when_the_line_says_something_else(book):
    site = book.parent / "_build" / "html"
    other = site / "part" / "other.html"
    done = build(book.parent, "-n")
    assert done.returncode == 0, done.stdout + done.stderr
    head = git(book, "rev-parse", "HEAD")[:7]
    parts, links = foot(other)
    assert parts[1:] == ["MIT license", f"ff {version('ff')}, commit {head}", "How to cite"]
    assert links == {"How to cite": "../intro.html#how-to-cite"}
    assert foot(site / "intro.html")[1] == {"How to cite": "#how-to-cite"}
    assert foot(site / "search.html")[1] == {"How to cite": "intro.html#how-to-cite"}

    written = other.stat().st_mtime_ns
    assert build(book.parent, "-n").returncode == 0
    assert other.stat().st_mtime_ns == written, "nothing has changed"

    git(book, "commit", "-qm", "Nothing", "--allow-empty")
    assert build(book.parent, "-n").returncode == 0
    assert foot(other)[0][2].endswith(f", commit {git(book, 'rev-parse', 'HEAD')[:7]}")

    configure(book.parent, "https://github.com/someone/forward")
    assert build(book.parent, "-n").returncode == 0
    assert foot(other)[0][2].endswith(" with later edits")
    assert foot(other)[1]["Repository"] == "https://github.com/someone/forward"


@pytest.mark.slow
def test_every_page_of_the_site_says_what_it_was_made_from(site):
    pages = [page for page in site.rglob("*.html") if "_static" not in page.parts]
    assert len(pages) > 10
    for page in pages:
        if page.name != "index.html":  # leads on to another page at once
            parts, links = foot(page)
            assert re.fullmatch(r"measured [\d-]{10} to [\d-]{10}", parts[3])
            assert links["How to cite"].endswith("intro.html#how-to-cite".removeprefix(page.name))
