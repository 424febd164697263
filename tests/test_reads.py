"""Which files of a project a notebook reads."""

import subprocess
import sys
from pathlib import Path

import pytest

from ff.book.reads import fingerprint

PROGRAM = """
import os, pathlib, sys
from ff.book.reads import watch
root, note = sys.argv[1:]
watch(root, note)
os.chdir(f"{root}/data")
"""


def reads(tmp_path: Path, code: str) -> set[str]:
    """Files and folders that some code reads, in a project with two of them."""
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "module.py"):
        (root / "data" / name).write_text("x")
    (tmp_path / "elsewhere.txt").touch()
    note = tmp_path / "note"
    command = [sys.executable, "-P", "-c", PROGRAM + code, str(root), str(note)]
    subprocess.run(command, check=True)
    return {Path(line).relative_to(root).as_posix() for line in note.read_text().splitlines()}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("open('a.txt').close()", {"data/a.txt"}),
        ("pathlib.Path('a.txt').read_bytes()", {"data/a.txt"}),
        ("open(b'../data/a.txt').close()", {"data/a.txt"}),
        ("os.listdir()", {"data"}),
        ("list(pathlib.Path(root).glob('data/*.txt'))", {"data"}),
        ("import pandas; pandas.read_csv('a.txt')", {"data/a.txt"}),
        ("open('c.txt', 'w').close(); open('b.txt', 'r+').close()", set()),
        ("open('module.py').close(); open('../../elsewhere.txt').close()", set()),
        ("pathlib.Path('a.txt').exists()", set()),
    ],
)
def test_what_is_read_is_noted(tmp_path, code, found):
    assert reads(tmp_path, code) == found


def test_a_fingerprint_is_that_of_content_or_of_names(tmp_path):
    path = tmp_path / "a.txt"
    assert fingerprint(path) == ""
    path.write_text("1")
    one, names = fingerprint(path), fingerprint(tmp_path)
    path.write_text("2")
    assert fingerprint(path) != one
    assert fingerprint(tmp_path) == names
    (tmp_path / ".DS_Store").touch()
    assert fingerprint(tmp_path) == names
    (tmp_path / "b.txt").touch()
    assert fingerprint(tmp_path) != names
