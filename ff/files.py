"""Paths that a person gives; and files that are complete or absent.

A file is written aside, then takes its place at one stroke.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["place", "replacing"]


def place(path: str | Path) -> Path:
    """Path that a person gives, in which ``~`` is the home folder."""
    return Path(os.path.expanduser(path))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield where to write, beside `path`; put that in its place once the block has succeeded.

    Until then, readers see the old file, or none. What a killed process has left aside is
    overwritten by the next one.

    Parameters
    ----------
    path
        What to write. Its folder is made where it is missing.

    Raises
    ------
    OSError
        The file cannot be written; the old one is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.writing")
    try:
        yield aside
        with open(aside, "rb") as file:  # on the disk before it has the name
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
