"""Which commit a number is from: that of the package's own repository, or none."""

import subprocess
from pathlib import Path

import pytest

from ff.versions import commit


def git(folder: Path, *words: str) -> str:
    who = [word for key in ("name", "email") for word in ("-c", f"user.{key}=test")]
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, check=True)
    return done.stdout.decode().strip()


def repository(folder: Path, package: bool) -> str:
    """A repository with a file, or with a package, too; its commit."""
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text(folder.name)
    if package:
        (folder / "ff").mkdir()
        (folder / "ff" / "versions.py").touch()
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "First")
    return git(folder, "rev-parse", "HEAD")


def test_a_clone_has_a_commit_and_a_mark_where_it_was_edited(tmp_path):
    own = repository(tmp_path / "own", package=True)
    assert commit(tmp_path / "own", "ff") == own
    (tmp_path / "own" / "notes.txt").write_text("edited")
    assert commit(tmp_path / "own", "ff") == own
    (tmp_path / "own" / "ff" / "versions.py").write_text("edited")
    assert commit(tmp_path / "own", "ff") == own + "+"


@pytest.mark.parametrize("place", [".", "lib/python3/site-packages"])
@pytest.mark.parametrize("ignored", [False, True])
def test_a_repository_around_an_installed_package_does_not_answer(tmp_path, place, ignored):
    """As after ``pip install --target .``, or in an environment within a project."""
    repository(tmp_path / "theirs", package=False)
    root = tmp_path / "theirs" / place
    (root / "ff").mkdir(parents=True)
    (root / "ff" / "versions.py").touch()
    if ignored:
        (tmp_path / "theirs" / ".gitignore").write_text("ff/\n")
    assert commit(root, "ff") == "unknown"


@pytest.mark.parametrize("inside", ["clone", "nothing"])
def test_the_environment_names_no_other_repository(tmp_path, monkeypatch, inside):
    """Git itself sets these for its hooks, so that a test or a training in one sees them."""
    own = repository(tmp_path / "own", package=True)
    repository(tmp_path / "theirs", package=True)
    (tmp_path / "nothing" / "ff").mkdir(parents=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "theirs" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "theirs"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "theirs" / ".git" / "index"))
    if inside == "clone":
        assert commit(tmp_path / "own", "ff") == own
    else:
        assert commit(tmp_path / "nothing", "ff") == "unknown"
