"""What other tools leave among our files is taken for none of them."""

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ff.files import foreign
from ff.results import tuning
from ff.sources import sources
from ff.speed import report

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import icons  # noqa: E402 # pyright: ignore[reportMissingImports]
import search_scripts  # noqa: E402 # pyright: ignore[reportMissingImports]

PLACES = ["._{}", ".ipynb_checkpoints/{}", "__MACOSX/{}"]  # names that keep the ending
LOOKS = {"glob", "iglob", "rglob", "iterdir", "scandir", "listdir", "walk"}
# Functions that look through a folder without `foreign`, and why they may.
OTHERWISE = {
    "ff/book/computed.py: files": "names begin with hidden-",
    "ff/images.py: _forget": "a folder of the cache, and what cannot be read stays",
    "ff/running/folder.py: checkpoint_files": "names begin with width-",
    "ff/running/folder.py: _halves": "names begin with .width-",
    "ff/archives.py: fetch": "names begin with .arriving-",
    "ff/sources.py: behavior": "walks through code",
    "ff/sources.py: imported": "walks through code",
    "book/_ext/colophon.py: renew": "pages of the site, which the build writes",
    "book/_ext/executed.py: fill_cache": "a cache that this alone fills",
    "book/_ext/executed.py: execute_stale": "deletes what is no page",
}


def leave(folder: Path, name: str) -> None:
    """Put files that cannot be read where other tools leave them."""
    for place in PLACES:
        path = folder / place.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x00\xff\xfe")


def test_a_package_has_no_modules_but_its_own(tmp_path):
    own = tmp_path / "pkg" / "own.py"
    own.parent.mkdir()
    own.touch()
    leave(tmp_path / "pkg", "other.py")
    assert sources("pkg", root=tmp_path) == [Path("pkg/own.py")]


def test_measurements_are_our_own(tmp_path):
    leave(tmp_path, "a.parquet")
    leave(tmp_path / "tuning", "a.parquet")
    assert report.read(tmp_path).empty
    assert tuning(tmp_path).empty


@pytest.mark.parametrize("finish", [icons.write, search_scripts.drop])
def test_pages_are_our_own(tmp_path, finish: Callable):
    static = tmp_path / "_static" / "scripts"
    static.mkdir(parents=True)
    leave(tmp_path, "page.html")
    leave(static, "theme.js")
    finish(SimpleNamespace(outdir=str(tmp_path), builder=SimpleNamespace(format="html")), None)


def looking(path: Path) -> set[str]:
    """Functions of a file that look through a folder and do not ask what is `foreign`."""
    found = set()
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef):
            words = {
                getattr(node, "attr", None) or getattr(node, "id", None)
                for node in ast.walk(function)
            }
            if words & LOOKS and not words & {"foreign", "hidden"}:
                found.add(function.name)
    return found


def test_who_looks_through_a_folder_leaves_out_what_is_not_ours():
    folders = [*(ROOT / "ff").rglob("*.py"), *(ROOT / "book" / "_ext").glob("*.py")]
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for path in folders
        if not foreign(path.relative_to(ROOT))
        for name in looking(path)
    }
    assert found == OTHERWISE.keys(), "leave out what is `ff.files.foreign`, or say here why not"
