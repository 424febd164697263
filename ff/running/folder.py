"""What lies in a run's folder: records, a run that was cut off, and what a killed one has left."""

import os
from contextlib import suppress
from pathlib import Path

from ff import records
from ff.config import Config
from ff.errors import OVERWRITE, TrainingError, reason
from ff.files import aside
from ff.records import TABLES, Records
from ff.running.begun import Begun, note_path, read
from ff.running.lock import LOCKS, claim

__all__ = ["checkpoint_files", "clear", "finished", "forget", "refuse_strangers", "resumable"]
__all__ += ["tidy"]


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
    """Checkpoints that are complete."""
    return list(note_path(folder).parent.glob("width-*.safetensors"))


def refuse_strangers(folder: Path, known: set[Path]) -> None:
    """Refuse a folder with other checkpoints than those of a run.

    Raises
    ------
    TrainingError
        It has some.
    """
    if strangers := set(checkpoint_files(folder)) - known:
        raise TrainingError(
            f"{min(strangers)} is of no run that {note_path(folder)} tells of; {OVERWRITE}, or "
            "choose another folder"
        )


def _halves(folder: Path) -> list[Path]:
    """Files that a killed run was writing, and that never took their place."""
    tables = [aside(folder / f"{table}.parquet") for table in TABLES]
    return [
        *filter(os.path.lexists, tables),
        *note_path(folder).parent.glob(".width-*.writing"),
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
                f"cannot delete {path}: {reason(error)}; choose another folder"
            ) from None


def tidy(folder: Path) -> None:
    """Delete what a run no longer needs once its records are written."""
    for path in _left(folder):
        with suppress(OSError):  # nothing depends on it
            path.unlink()
    with suppress(OSError):  # something else is in it
        note_path(folder).parent.rmdir()


def clear(folder: Path) -> None:
    """Delete what a finished run was killed before it could delete, where that is possible."""
    locks = [folder / name for name in LOCKS]
    if any(map(os.path.lexists, [*_left(folder), *locks, *map(aside, locks)])):
        with suppress(TrainingError), claim(folder):  # another run may hold it; or it is read-only
            if not _cut_off(folder):  # nor has one begun since the caller has looked
                tidy(folder)  # the locks go when the claim ends


def _left(folder: Path) -> list[Path]:
    """What is not needed beside records; the note, which tells what the others are of, last."""
    notes = [aside(note_path(folder)), note_path(folder)]
    return [*_halves(folder), *checkpoint_files(folder), *filter(os.path.lexists, notes)]
