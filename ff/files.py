"""Paths that a person gives, files that are read whole, and files that are complete or absent.

A file is written aside, then takes its place at one stroke.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ff.errors import RecordsError, reason
from ff.wording import quoted

__all__ = ["Words", "aside", "contents", "destination", "foreign", "hidden", "place", "replacing"]

# What file managers and systems leave in any folder, besides names that begin with a dot.
LEFT = {"__pycache__", "__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini"}


def place(path: str | Path) -> Path:
    """Path that a person gives, in which ``~`` is the home folder.

    Raises
    ------
    RecordsError
        Nothing can be there: it is empty or too long, or has characters that no name has; or this
        process may not look there.
    """
    own = path
    try:
        own = os.path.expanduser(path)
        if not own:
            raise ValueError("it is empty")
        os.lstat(own)
    except (FileNotFoundError, NotADirectoryError):  # for the caller to say, if it matters
        pass
    except (OSError, ValueError) as error:  # of ValueErrors, a NUL and half a character
        raise RecordsError(
            f"cannot use the path {quoted(str(path))} ({reason(error)}); choose another"
        ) from None
    return Path(own)


def destination(path: str | Path) -> Path:
    """As `place`, of a file that is to be written: a pipe or a device is not replaced by it.

    Raises
    ------
    RecordsError
        As `place`; or what lies there is no regular file.
    """
    own = place(path)
    if os.path.exists(own) and not os.path.isfile(own):
        raise RecordsError(f"cannot write {own}: it is no regular file; name another")
    return own


def hidden(path: str | Path) -> bool:
    """Whether a path has a part that systems leave, or that begins with a dot.

    Parameters
    ----------
    path
        Relative to the folder that is looked through: what lies above it does not count.
    """
    return any(part in LEFT or part.startswith(".") for part in Path(path).parts)


def foreign(path: str | Path) -> bool:
    """Whether a path has a part that other tools leave among files of code, text or parameters.

    These are `hidden` names (``.ipynb_checkpoints``, ``._x.yaml``, ``.DS_Store``) and editors'
    copies (``x.py~``, ``#x.py#``).

    Parameters
    ----------
    path
        As of `hidden`.
    """
    parts = Path(path).parts
    copies = (part.endswith("~") or (part[:1] == part[-1:] == "#") for part in parts)
    return hidden(path) or any(copies)


def contents(path: str | Path, most: int | None = None) -> bytes:
    """Bytes of a regular file. Of another kind, such as a pipe, reading might never end.

    Parameters
    ----------
    path
        The file.
    most
        Bytes that it may have; None for any number.

    Raises
    ------
    OSError
        It is absent, no regular file, or too large, also for this machine's memory, or cannot be
        read.
    """
    try:
        # A pipe would be waited for when it is opened, so that nobody could look at its kind.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except ValueError:  # a NUL character
        raise OSError(errno.EINVAL, "no file can have this name") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise OSError(errno.EINVAL, "it is not a regular file")
    try:
        with open(descriptor, "rb") as file:
            content = file.read(-1 if most is None else most + 1)
    except MemoryError:
        raise OSError(errno.EFBIG, "it is larger than the free memory") from None
    if most is not None and len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes")
    return content


def aside(path: Path) -> Path:
    """Where a file is written before it is complete; a killed process may leave it."""
    return path.with_name(f".{path.name}.writing")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield where to write, beside `path`; put that in its place once the block has succeeded.

    Until then, readers see the old file, or none. What a killed process has left aside is deleted
    first, and so is a link there: nothing is written to where it leads.

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
    beside = aside(path)
    beside.unlink(missing_ok=True)
    try:
        yield beside
        with open(beside, "rb") as file:  # on the disk before it has the name
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


class Words:
    """Where a run says something, as a file whose failures are nobody's business.

    Parameters
    ----------
    stream
        Standard output or error; None where it was closed before Python started.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        """Write what can be written; characters that the stream does not know as escapes."""
        with suppress(Exception):  # there may be no stream, or one of any kind
            try:
                self.stream.write(text)
            except UnicodeEncodeError as error:
                known = text.encode(error.encoding, "backslashreplace")
                self.stream.write(known.decode(error.encoding))

    def flush(self) -> None:
        """Hand on what was written; what cannot be now may be the next time."""
        with suppress(Exception):
            self.stream.flush()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        try:
            return self.stream.isatty()
        except Exception:
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
