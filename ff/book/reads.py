"""Which files of a project a notebook reads, so that it is run again when one of them changes."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from ff.files import foreign

__all__ = ["fingerprint", "watch"]

CODE = (".py", ".pyc")  # `ff.sources` tells which of these a notebook depends on
WRITING = os.O_WRONLY | os.O_RDWR


def watch(root: str, note: str) -> None:
    """Note from now on which files this process reads, and which folders it lists.

    It lasts as long as the process: Python has no way to end it.

    Parameters
    ----------
    root
        Only what lies below this folder is noted.
    note
        File to write, a path on each line.
    """
    top = os.path.join(os.path.realpath(root), "")
    out = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    seen = set()

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & WRITING:
                return
        elif event in ("os.listdir", "os.scandir"):
            path = arguments[0] or "."
        else:
            return
        if isinstance(path, int) or path in seen:
            return
        seen.add(path)
        full = os.path.realpath(os.fsdecode(path))
        if full.startswith(top) and not full.endswith(CODE):
            os.write(out, f"{full}\n".encode(errors="surrogateescape"))

    sys.addaudithook(look)


def fingerprint(path: Path) -> str:
    """What a notebook sees at a path: hash of a file's content, or of the names in a folder.

    Names that other tools leave there do not count. Empty if there is nothing.
    """
    if path.is_dir():
        names = sorted(one.name for one in path.iterdir() if not foreign(one.name))
        return hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
