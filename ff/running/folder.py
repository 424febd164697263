"""What lies in a run's folder: records, a run that was cut off, and what a killed one has left."""

import os
import re
from contextlib import suppress
from pathlib import Path

from ff import records
from ff.config import Config
from ff.errors import OVERWRITE, TrainingError, reason
from ff.files import aside
from ff.records import TABLES, Records
from ff.running.begun import CHECKPOINT, Begun, note_path, read
from ff.running.lock import LOCKS, claim

__all__ = ["checkpoint_files", "clear", "finished", "forget", "refuse_link", "refuse_strangers"]
__all__ += ["resumable", "tidy"]

HALF = re.compile(rf"\.{CHECKPOINT.pattern}\.writing")


def finished(config: Config, folder: Path) -> Records | None:
    """Records of a configuration, unless a run has begun there since.

    Raises
    ------
    RecordsError
        The folder holds records of another configuration, or damaged ones.
    """
    return None if resumable(config, folder) else records.finished(folder, config)


def resumable(config: Config, folder: Path) -> Begun | None:
    """The run that was cut off in a folder, if it is of a configuration or has anything to lose.

    Raises
    ------
    TrainingError
        There are checkpoints, and what tells of them is damaged.
    """
    run = _cut_off(folder)
    return run if run and (run.is_of(config) or checkpoint_files(folder)) else None


def _cut_off(folder: Path) -> Begun | None:
    """The run that has begun in a folder and has not written its records."""
    try:
        run = read(folder)
    except TrainingError:
        if checkpoint_files(folder):
            raise
        return None  # it tells of nothing
    return None if run is None or records.written(folder) == {run.id} else run


def checkpoint_files(folder: Path) -> list[Path]:
    """Checkpoints that are complete, of whichever run."""
    found = note_path(folder).parent.glob("width-*")
    return [path for path in found if CHECKPOINT.fullmatch(path.name)]


def refuse_link(folder: Path) -> None:
    """Refuse a link in the place of the checkpoints: behind it may lie another run's.

    Raises
    ------
    TrainingError
        There is one.
    """
    own = note_path(folder).parent
    if os.path.islink(own):
        raise TrainingError(
            f"{own} is a link, and behind it may lie another run's; move the link away, or choose "
            "another folder"
        )


def refuse_strangers(folder: Path, known: list[Path]) -> None:
    """Refuse a folder with other checkpoints than those of a run.

    Raises
    ------
    TrainingError
        It has some.
    """
    if strangers := set(checkpoint_files(folder)) - set(known):
        raise TrainingError(
            f"{min(strangers)} is of no run that {note_path(folder)} tells of; move it away, or "
            f"{OVERWRITE}, which deletes it"
        )


def _halves(folder: Path) -> list[Path]:
    """Files that a killed run was writing, and that never took their place."""
    named = [*(folder / f"{table}.parquet" for table in TABLES), note_path(folder)]
    found = note_path(folder).parent.glob(".width-*")
    return [
        *filter(os.path.lexists, map(aside, named)),
        *(path for path in found if HALF.fullmatch(path.name)),
    ]


def forget(folder: Path) -> None:
    """Delete the checkpoints of a run that another one takes the place of.

    Raises
    ------
    TrainingError
        One cannot be deleted.
    """
    for path in [*checkpoint_files(folder), *_halves(folder)]:
        try:
            path.unlink()
        except OSError as error:
            raise TrainingError(
                f"cannot delete {path}: {reason(error)}; delete it yourself and start the same run "
                "again, or choose another folder"
            ) from None


def tidy(folder: Path, run: Begun | None) -> None:
    """Delete what is no longer needed once records are written; the note, which tells of it, last.

    Parameters
    ----------
    folder
        Where the records are.
    run
        The run that has written them; None where no note tells of one: no checkpoint is its.
    """
    own = run.checkpoints(folder) if run else []
    for path in [*_halves(folder), *own]:
        with suppress(OSError):  # it is not there, or cannot be deleted now
            path.unlink()
    if not any(map(os.path.lexists, own)):
        with suppress(OSError):
            note_path(folder).unlink()
    with suppress(OSError):  # something else is in it
        note_path(folder).parent.rmdir()


def clear(folder: Path) -> None:
    """Delete what a finished run was killed before it could delete, where that is possible.

    Checkpoints that no note tells of are not its own, and stay.
    """
    locks = [folder / name for name in LOCKS]
    left = [*_halves(folder), note_path(folder).parent, *locks, *map(aside, locks)]
    if any(map(os.path.lexists, left)):
        with suppress(TrainingError), claim(folder):  # another run may hold it; or it is read-only
            try:
                run = read(folder)
            except TrainingError:  # it tells of nothing
                run = None
            if run is None or records.written(folder) == {run.id}:  # nor has one begun since
                tidy(folder, run)  # the locks go when the claim ends
