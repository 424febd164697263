"""What a page's cells gave, kept in a file until something changes that they depend on."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from ff.book.reads import fingerprint
from ff.files import foreign, replacing
from ff.sources import behavior, imported

# Parts of the project that the build itself writes, or runs, or that `ff.sources` looks at.
OTHER = {"_build", "_ext", "ff", "runs", "records"}


@dataclass(frozen=True)
class Kept:
    """What a page's cells gave.

    Attributes
    ----------
    cells
        Of each cell with code its number and its outputs, as a notebook has them.
    language
        Of the kernel, as a notebook's metadata have it.
    seconds
        How long they ran.
    lacking
        Whether they were not run, because a package is absent.
    imported
        Files of `ff` that they import, each with its fingerprint and that of its behavior.
    read
        Files and folders of the project that they have read, with their fingerprints.
    """

    cells: list[tuple[int | None, list[dict[str, Any]]]]
    language: dict[str, Any]
    seconds: float
    lacking: bool
    imported: dict[str, tuple[str, str]]
    read: dict[str, str]

    @cached_property
    def digest(self) -> str:
        """Hash of the outputs."""
        return hashlib.sha256(json.dumps(self.cells).encode()).hexdigest()

    def complete(self, notebook: NotebookNode) -> NotebookNode:
        """Put it into a notebook, which is changed."""
        notebook.metadata.language_info = nbformat.from_dict(self.language)
        for cell, (count, outputs) in zip(code(notebook), self.cells, strict=True):
            cell.execution_count, cell.outputs = count, nbformat.from_dict(outputs)
        return notebook

    def unchanged(self, root: Path) -> bool:
        """Whether what they import does the same as before, and what they have read is the same."""
        try:
            return all(
                _fingerprint(root / path) == whole or behavior(root / path) == does
                for path, (whole, does) in self.imported.items()
            ) and all(_fingerprint(root / path) == found for path, found in self.read.items())
        except (OSError, SyntaxError):  # a module was taken away, or is being edited
            return False

    def save(self, path: Path, key: str) -> None:
        """Write it to a file, with a hash of it and of what it depends on."""
        text = json.dumps(asdict(self))
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            aside.write_text(f"{_seal(text, key)}\n{text}", encoding="utf-8")


def load(path: Path, key: str) -> Kept | None:
    """What is kept in a file; None if it is absent or damaged, or depends on something else."""
    try:
        seal, text = path.read_text(encoding="utf-8").split("\n", 1)
        return Kept(**json.loads(text)) if seal == _seal(text, key) else None
    except (OSError, ValueError, TypeError):  # TypeError: of another version of this file
        return None


def behaviors(program: str, root: Path) -> dict[str, tuple[str, str]]:
    """Files of `ff` that a program imports, each with its fingerprint and that of its behavior."""
    try:
        paths = imported(program, root)
    except SyntaxError:  # it is run, and says so
        return {}
    return {path.as_posix(): (_fingerprint(root / path), behavior(root / path)) for path in paths}


def code(notebook: NotebookNode) -> list[NotebookNode]:
    """Cells with code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def seen(names: Iterable[str], root: Path, since: float) -> dict[str, str]:
    """Fingerprints of files that cells have read and folders they have listed, and of those around.

    What has changed since then is given none, so that the cells are run again.

    Parameters
    ----------
    names
        Full paths below the root.
    root
        The project's folder.
    since
        When the cells began to run, in seconds since 1970.
    """
    paths = {Path(name).relative_to(root.resolve()) for name in names}
    paths |= {path.parent for path in paths}
    found = {}
    for path in sorted(paths):
        own = len(path.parts) > 1 and OTHER.isdisjoint(path.parts) and not foreign(path)
        whole = root / path
        if own and whole.exists():
            late = whole.stat().st_mtime > since
            found[path.as_posix()] = "" if late else fingerprint(whole)
    return found


_fingerprint = cache(fingerprint)  # many pages read the same files


def _seal(text: str, key: str) -> str:
    return hashlib.sha256(f"{key}\n{text}".encode()).hexdigest()
