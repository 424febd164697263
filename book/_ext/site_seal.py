"""Sphinx extension: a built site holds the hash of all that it was built from.

`is_current` tells whether a site is that of the files that are here now.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from ff.files import foreign

# What the site depends on, and where it keeps the hash of that.
SOURCES = (".", "../ff", "../params", "../_config.yml", "../CITATION.cff")
BUILT_FROM = ".built-from"
# Folders of the book that git ignores, because they are made from the others.
MADE = {"runs", "records", "_build"}


def files(book: Path, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files that are called by these names or lie below them, each with its own name."""
    for name in names:
        root = book / name
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            made = path.relative_to(book).parts[0] in MADE
            if path.is_file() and not made and not foreign(path.relative_to(root)):
                yield path.relative_to(book.parent).as_posix(), path


def digest(book: Path, names: Iterable[str] = SOURCES) -> str:
    """Hash of the names and contents of those files."""
    sha = hashlib.sha256()
    for name, path in files(book, names):
        sha.update(f"{name}\0".encode())
        sha.update(hashlib.sha256(path.read_bytes()).digest())
    return sha.hexdigest()


def is_current(site: Path, book: Path) -> bool:
    """Whether a site was built, whole and without an error, from what is in the book's folder."""
    note = site / BUILT_FROM
    return note.is_file() and note.read_text(encoding="utf-8") == digest(book)


def unseal(app: Sphinx) -> None:
    """Remember what is there before anything is read; a build that fails leaves no hash."""
    if app.builder.name != "html":  # what checks links, say, writes no pages
        return
    app.config.built_from = digest(Path(app.srcdir))
    (Path(app.outdir) / BUILT_FROM).unlink(missing_ok=True)


def seal(app: Sphinx, exception: Exception | None) -> None:
    """Leave in the site the hash of what it was built from, unless pages lack something."""
    lacking = any(kept.lacking for kept in app.config.executed_kept.values())
    if exception is None and app.builder.name == "html" and not lacking:
        note = Path(app.outdir) / BUILT_FROM
        note.write_text(app.config.built_from, encoding="utf-8")


def note_extensions(app: Sphinx, config: Config) -> None:
    """Let Sphinx read all pages again when one of these extensions has changed."""
    config.extension_code = digest(Path(app.srcdir), ["_ext"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("built_from", "", "", str)
    app.add_config_value("extension_code", "", "env", str)
    app.connect("config-inited", note_extensions)
    app.connect("builder-inited", unseal, priority=400)  # before pages are run
    app.connect("build-finished", seal)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
