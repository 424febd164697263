"""One run at a time writes to a folder."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from ff.errors import TrainingError, reason
from ff.files import contents, replacing

__all__ = ["LOCKS", "claim"]

LOCK, HOLDER = LOCKS = ".lock", ".holder.json"


@contextmanager
def claim(folder: str | Path) -> Iterator[Callable[[], None]]:
    """Keep other runs out of a folder while the block runs.

    The lock is the operating system's, which frees it when its process dies, however that
    happens. A file beside it names the process.

    Parameters
    ----------
    folder
        Made where it is missing.

    Yields
    ------
    callable
        Raises `TrainingError` if the folder is no longer this run's, because it was deleted
        meanwhile. To be called before something is written.

    Raises
    ------
    TrainingError
        Another run writes there, or may do so on another machine, or the folder cannot be written.
    """
    folder = Path(folder)
    lock, holder = FileLock(folder / LOCK), folder / HOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        about, patience = _read(holder), 20
        while not about and patience:  # it may have begun this very moment
            time.sleep(0.01)
            about, patience = _read(holder), patience - 1
        raise TrainingError(
            f"{_describe(about)} is writing to {folder}; "
            "wait until it has ended, or choose another folder"
        ) from None
    except OSError as error:
        raise TrainingError(
            f"cannot write to {folder}: {reason(error)}; choose a folder that you may write to"
        ) from None
    mine = True
    try:
        before = _read(holder)
        # The lock was free, so the run that is named there has died. But some network file systems
        # do not tell one machine of another's locks.
        if before.get("host", socket.gethostname()) != socket.gethostname():
            raise TrainingError(
                f"{_describe(before)} may still be writing to {folder}; make sure that it has "
                f"ended and delete {holder}, or choose another folder"
            )
        own = _name(holder)

        def check() -> None:
            if not _is(holder, own):
                raise TrainingError(
                    f"{folder} is no longer this run's: it, or {holder.name} in it, was deleted "
                    "or moved, and another run may have taken it; start the same run again"
                )

        try:
            yield check
        finally:
            if mine := _is(holder, own):
                with suppress(OSError):  # the next run overwrites it
                    holder.unlink()
    finally:
        if mine:
            with suppress(OSError):  # Windows refuses to delete an open file
                (folder / LOCK).unlink()
        lock.release()


def _name(holder: Path) -> dict[str, object]:
    """Write down who this is."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    about = {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "id": uuid4().hex}
    try:
        with replacing(holder) as beside:
            beside.write_text(json.dumps(about))
    except OSError as error:
        raise TrainingError(
            f"cannot write {holder}: {reason(error)}; "
            "make room, or choose a folder that you may write to"
        ) from None
    return about


def _is(holder: Path, own: dict[str, object]) -> bool:
    """Whether a folder is still a run's own; what cannot be read just now counts as its own."""
    try:
        return json.loads(contents(holder, most=10_000)) == own
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return False
    except OSError:
        return True


def _read(holder: Path) -> dict[str, object]:
    """What a run has written about itself; nothing if there is none, or it is just writing it."""
    try:
        about = json.loads(contents(holder, most=10_000))
    except (OSError, ValueError, RecursionError):  # the last from nesting without end
        return {}
    return about if isinstance(about, dict) else {}


def _describe(about: dict[str, object]) -> str:
    if not about:
        return "another process"
    return "process {pid} on {host} (since {since})".format(
        **{"pid": "?", "host": "?", "since": "?"} | about
    )
