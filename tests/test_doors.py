"""Ways to build and to clean a book besides the README's."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from building import COMMAND, build

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import listed  # noqa: E402 # pyright: ignore[reportMissingImports]
import site_folder  # noqa: E402 # pyright: ignore[reportMissingImports]

UNREADABLE = b"\xff\xfe\x00"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A book of one page, beside which others lie, in a folder whose name is a pattern."""
    project = tmp_path / "a [1]*?"
    book = project / "book"
    for name in ("_ext", "_assets"):
        shutil.copytree(ROOT / "book" / name, book / name)
    (book / "references.bib").touch()
    (book / "method.md").write_text("# Method\n")
    (book / "unlisted.md").write_text("# Not in the table of contents\n")
    (book / "._method.md").write_bytes(UNREADABLE)
    (book / ".#method.md").symlink_to("somebody@somewhere")
    (book / "_toc.yml").write_text("format: jb-book\nroot: method\n")
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["sphinx"]["config"] |= {"executed_examples": {}, "executed_chapters": {}}
    (project / "_config.yml").write_text(yaml.safe_dump(config))
    return project


def call(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Another command of Jupyter Book."""
    command = [*COMMAND[:-1], *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def pages(site: Path) -> set[str]:
    return {path.stem for path in site.glob("*.html")} - {"genindex", "index", "search"}


@pytest.mark.slow
def test_a_book_is_built_in_any_folder_and_cleaned_by_the_name_that_built_it(project):
    for arguments in (["clean", "book/"], ["clean", "book/", "--html"], []):
        result = build(project, "-n")
        assert result.returncode == 0, result.stdout + result.stderr
        assert pages(project / "_build" / "html") == {"method"}
        if arguments:
            assert call(project, *arguments).returncode == 0
            assert not (project / "_build" / "html").exists()


@pytest.mark.slow
def test_a_build_that_failed_leaves_nothing_in_the_way_of_the_next(project):
    method = project / "book" / "method.md"
    right = method.read_text()
    method.write_text(
        "---\nkernelspec: {name: python3, display_name: p}\njupytext:\n"
        "  text_representation: {extension: .md, format_name: myst}\n---\n\n# Method\n\n"
        "```{code-cell} ipython3\n1 / 0\n```\n"
    )
    assert build(project, "-n").returncode != 0
    method.write_text(right)
    result = build(project, "-n")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_a_page_is_built_alone(project):
    command = [*COMMAND, "book/method.md", "-W"]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert pages(project / "_build" / "_page" / "book-method" / "html") == {"method"}


@pytest.mark.slow
@pytest.mark.parametrize("builder", ["dirhtml", "singlehtml", "pdfhtml"])
def test_a_builder_that_names_pages_otherwise_is_refused(project, builder):
    result = build(project, "--builder", builder)
    assert result.returncode != 0
    assert "build it with --builder html" in result.stderr + result.stdout
    assert not list((project / "_build").glob("*html/*.html"))


def app(project: Path, outdir: str = "_build/html", builder: str = "html") -> SimpleNamespace:
    (project / "book").mkdir(exist_ok=True)
    kind = SimpleNamespace(name=builder, format="html")
    return SimpleNamespace(srcdir=str(project / "book"), outdir=str(project / outdir), builder=kind)


def test_what_lies_where_files_are_copied_is_replaced_by_a_folder(tmp_path):
    static = tmp_path / "_build" / "html" / "_static"
    for _ in range(2):
        site_folder.make_static(app(tmp_path))
        assert static.is_dir()
    static.rmdir()
    static.write_text("a logo")
    site_folder.make_static(app(tmp_path))
    assert static.is_dir()


def test_a_link_leads_to_what_was_built_there_and_replaces_nothing(tmp_path, monkeypatch):
    link = tmp_path / "book" / "_build"
    site_folder.link_build(app(tmp_path, outdir="elsewhere/html"), None)
    assert not link.is_symlink()
    for _ in range(2):  # the second time it leads to nothing yet
        site_folder.link_build(app(tmp_path), None)
        assert link.is_symlink()
    (tmp_path / "_build").mkdir()
    assert link.samefile(tmp_path / "_build")
    link.unlink()
    link.mkdir()
    site_folder.link_build(app(tmp_path), None)
    assert not link.is_symlink()
    link.rmdir()

    def refuse(*_: object, **__: object) -> None:
        raise OSError("A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    site_folder.link_build(app(tmp_path), None)
    assert not link.exists()


class Toc(dict):
    """A table of contents, as sphinx-external-toc gives it."""

    def globs(self) -> set[str]:
        return {"runs/delay/*"}


def test_what_is_read_is_what_is_listed_with_each_ending_that_a_page_may_have():
    config = SimpleNamespace(
        external_site_map=Toc({"method": 1, "own.ipynb": 2}),
        source_suffix={".md": "", ".ipynb": ""},
        exclude_patterns=[],
    )
    listed.read_listed(SimpleNamespace(), config)
    assert set(config.include_patterns) == {
        "method.md",
        "method.ipynb",
        "own.ipynb",
        "runs/delay/*.md",
        "runs/delay/*.ipynb",
    }
