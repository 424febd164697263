"""Checkpoints: a run that is cut off loses at most the last minute."""

import json
import os
import time
import zlib
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ff.config import Config
from ff.errors import TrainingError

__all__ = ["Checkpoint", "checkpoints"]

EVERY = 60.0  # seconds


def checkpoints(
    folder: str | Path | None, config: Config, plan: list[tuple[int, tuple[int, ...]]], fresh: bool
) -> list["Checkpoint"]:
    """Prepare the checkpoints of all chunks of a run.

    Parameters
    ----------
    folder
        Where the run's records go; None keeps no checkpoint.
    config
        What the run trains.
    plan
        Width and seeds of each chunk.
    fresh
        Forget what is there.

    Raises
    ------
    TrainingError
        The folder cannot be written, or holds checkpoints of another plan.
    """
    chunks = [Checkpoint(folder, config, *chunk) for chunk in plan]
    if folder is None:
        return chunks
    place = Path(folder) / "checkpoints"
    try:  # a folder that cannot be written shows now, not after an hour of training
        place.mkdir(parents=True, exist_ok=True)
        there = set(place.glob("width-*.safetensors"))
        if fresh:
            for path in there:
                path.unlink()
        elif strangers := there - {chunk.path for chunk in chunks}:
            raise TrainingError(
                f"{min(strangers)} is of another configuration or device; "
                "start with --overwrite, or choose another folder"
            )
    except OSError as error:
        raise TrainingError(
            f"cannot write checkpoints to {place}: {error.strerror or error}; "
            "choose a folder that you may write to"
        ) from None
    return chunks


class Checkpoint:
    """The file that holds one chunk of a run: one width, some seeds.

    Parameters
    ----------
    folder
        Where the run's records go; None keeps no checkpoint.
    config, width, seeds
        What the chunk trains.
    """

    def __init__(
        self, folder: str | Path | None, config: Config, width: int, seeds: tuple[int, ...]
    ) -> None:
        name = f"width-{width}-seeds-{seeds[0]}-{seeds[-1]}.safetensors"
        self.path = None if folder is None else Path(folder) / "checkpoints" / name
        self.about = {"config": config.model_dump_json(), "seeds": json.dumps(seeds)}
        self.epochs = config.epochs
        self._saved = time.monotonic()

    def save(self, state: dict[str, Tensor], epoch: int, seconds: float) -> None:
        """Write the state if a minute has passed, or the chunk is complete; whole or not at all."""
        if self.path is None:
            return
        if epoch < self.epochs and time.monotonic() - self._saved < EVERY:
            return
        whole = {name: value.cpu().contiguous() for name, value in state.items()}
        about = {**self.about, "epoch": str(epoch), "seconds": str(seconds)}
        aside = self.path.with_suffix(".writing")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(whole, aside, {**about, "crc32": _crc32(about, whole)})
            os.replace(aside, self.path)
        except (OSError, SafetensorError) as error:
            with suppress(OSError):
                aside.unlink()
            raise TrainingError(
                f"cannot write the checkpoint {self.path}: {error}; "
                "make room or choose another folder, then start the same run again"
            ) from None
        self._saved = time.monotonic()

    def restore(self, state: dict[str, Tensor]) -> tuple[int, float]:
        """Copy the file's tensors into `state`.

        Returns
        -------
        tuple of int and float
            Completed epochs and the seconds they took; zeros where there is no file.

        Raises
        ------
        TrainingError
            The file is damaged or belongs to another configuration.
        """
        if self.path is None or not self.path.exists():
            return 0, 0.0
        remedy = "start with --overwrite, or choose another folder"
        try:
            with safe_open(self.path, framework="pt") as file:
                about = file.metadata() or {}
                whole = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"{self.path} is damaged ({error}); {remedy}") from None
        if about.pop("crc32", None) != _crc32(about, whole):
            raise TrainingError(f"{self.path} is damaged (its checksum differs); {remedy}")
        if any(about.get(key) != value for key, value in self.about.items()):
            raise TrainingError(f"{self.path} is of another configuration; {remedy}")
        if {n: v.shape for n, v in state.items()} != {n: v.shape for n, v in whole.items()}:
            raise TrainingError(f"{self.path} is of another version of ff; {remedy}")
        for name, value in state.items():
            value.copy_(whole[name])
        return int(about["epoch"]), float(about["seconds"])

    def remove(self) -> None:
        """Delete the file, and its folder once that is empty."""
        if self.path is None:
            return
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()


def _crc32(about: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """Checksum of everything that a file holds."""
    value = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].numpy().tobytes(), value)
    return str(value)
