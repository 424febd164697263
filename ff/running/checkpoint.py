"""Checkpoints: a run that is cut off loses at most the last minute."""

import json
import time
import zlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ff.config import Config, canonical, with_defaults
from ff.errors import OVERWRITE, TrainingError
from ff.files import replacing

__all__ = ["Checkpoint", "checkpoints", "found", "side_by_side"]

EVERY = 60.0  # seconds
SHARE = 0.03  # of a run's time that its checkpoints may cost
CPU = torch.device("cpu")


def checkpoints(
    folder: str | Path | None,
    config: Config,
    plan: list[tuple[int, tuple[int, ...]]],
    fresh: bool,
    device: torch.device = CPU,
    data: str = "",
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
    device
        Where the run trains.
    data
        Checksum of the data set.

    Raises
    ------
    TrainingError
        The folder cannot be written, or holds checkpoints of another plan.
    """
    chunks = [Checkpoint(folder, config, *chunk, device, data) for chunk in plan]
    if folder is None:
        return chunks
    place = Path(folder) / "checkpoints"
    try:  # a folder that cannot be written shows now, not after an hour of training
        place.mkdir(parents=True, exist_ok=True)
        there = set(found(folder))
        if fresh:
            for path in place.glob("*width-*"):  # and what a killed process has left aside
                path.unlink()
        elif strangers := there - {chunk.path for chunk in chunks}:
            raise TrainingError(
                f"{min(strangers)} is of another configuration; "
                f"{OVERWRITE}, or choose another folder"
            )
    except OSError as error:
        raise TrainingError(
            f"cannot write checkpoints to {place}: {error.strerror or error}; "
            "choose a folder that you may write to"
        ) from None
    return chunks


def found(folder: str | Path) -> list[Path]:
    """Checkpoints that a run has left.

    Parameters
    ----------
    folder
        Where its records go.
    """
    return list((Path(folder) / "checkpoints").glob("width-*.safetensors"))


def side_by_side(folder: str | Path | None, width: int, seeds: tuple[int, ...]) -> int | None:
    """How many seeds an unfinished run trains side by side; None where there is none.

    It goes on with them, whatever would fit now: how products round depends on their number.

    Parameters
    ----------
    folder
        Where the run's records go.
    width, seeds
        Of the run.
    """
    place = Path(folder or "") / "checkpoints"
    for count in range(1, len(seeds) + 1):
        if folder is not None and (place / _name(width, seeds[:count])).exists():
            return count
    return None


class Checkpoint:
    """The file that holds one chunk of a run: one width, some seeds.

    Parameters
    ----------
    folder
        Where the run's records go; None keeps no checkpoint.
    config, width, seeds, device
        What the chunk trains, and where.
    data
        Checksum of the data set: pictures of a folder may change meanwhile.
    """

    def __init__(
        self,
        folder: str | Path | None,
        config: Config,
        width: int,
        seeds: tuple[int, ...],
        device: torch.device = CPU,
        data: str = "",
    ) -> None:
        self.path = None if folder is None else Path(folder) / "checkpoints" / _name(width, seeds)
        self.about = {  # a run that goes on as another would not end with the same records
            "configuration": json.dumps(config.model_dump(mode="json")),
            "choice of seeds": json.dumps(seeds),
            "device": device.type,
            "data set": data,
            "version of ff": version("ff"),
            "version of torch": version("torch"),
        }
        self.epochs = config.total_epochs
        self._saved = time.monotonic()
        self._pause = EVERY

    def save(self, state: dict[str, Tensor], epoch: int, seconds: float) -> None:
        """Write the state if a minute has passed, or the chunk is complete; whole or not at all.

        Where a write takes longer than 3 % of a minute, the next one waits longer.
        """
        if self.path is None:
            return
        begin = time.monotonic()
        if epoch < self.epochs and begin - self._saved < self._pause:
            return
        whole = {name: value.cpu().contiguous() for name, value in state.items()}
        about = {**self.about, "epoch": str(epoch), "seconds": str(seconds)}
        try:
            with replacing(self.path) as aside:
                save_file(whole, aside, {**about, "crc32": _crc32(about, whole)})
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"cannot write the checkpoint {self.path}: {error}; "
                "make room or choose another folder, then start the same run again"
            ) from None
        self._saved = time.monotonic()
        self._pause = max(EVERY, (self._saved - begin) / SHARE)

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
        remedy = f"{OVERWRITE}, or choose another folder"
        try:
            with safe_open(self.path, framework="pt") as file:
                about = file.metadata() or {}
                whole = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"{self.path} is damaged ({error}); {remedy}") from None
        if about.pop("crc32", None) != _crc32(about, whole):
            raise TrainingError(f"{self.path} is damaged (its checksum differs); {remedy}")
        with suppress(KeyError, TypeError, ValueError):  # else it differs
            before = _how(with_defaults(json.loads(about["configuration"])))
            if before == _how(json.loads(self.about["configuration"])):  # written otherwise
                about["configuration"] = self.about["configuration"]
        about.setdefault("data set", self.about["data set"])  # former versions did not note it
        for key, value in self.about.items():
            if about.get(key) != value:
                raise TrainingError(f"{self.path} is of another {key}; {remedy}")
        if {n: v.shape for n, v in state.items()} != {n: v.shape for n, v in whole.items()}:
            raise TrainingError(f"{self.path} is of another version of ff; {remedy}")
        for name, value in state.items():
            value.copy_(whole[name])
        return int(about["epoch"]), float(about["seconds"])

    def remove(self) -> None:
        """Delete the file, and its folder once that is empty."""
        if self.path is None:
            return
        with suppress(OSError):  # the records are written: nothing depends on it
            self.path.unlink(missing_ok=True)
            if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
                self.path.parent.rmdir()


def _name(width: int, seeds: tuple[int, ...]) -> str:
    return f"width-{width}-seeds-{seeds[0]}-{seeds[-1]}.safetensors"


def _how(config: dict[str, Any]) -> dict[str, Any]:
    """What a configuration trains, and how; the device is compared on its own."""
    return canonical(config) | {"device": None}


def _crc32(about: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """Checksum of everything that a file holds."""
    value = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].numpy().data, value)
    return str(value)
