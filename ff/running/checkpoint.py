"""Checkpoints: a run that is cut off loses at most the last minute."""

import json
import time
import zlib
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ff.errors import OVERWRITE, TrainingError
from ff.files import replacing
from ff.running.begun import note_path

__all__ = ["Checkpoint"]

EVERY = 60.0  # seconds
SHARE = 0.03  # of a run's time that its checkpoints may cost


class Checkpoint:
    """The file that holds one chunk of a run: one width, some seeds.

    Parameters
    ----------
    folder
        Where the run's records go; None keeps no checkpoint.
    run
        `Begun.id` of the run.
    width, seeds
        What the chunk trains.
    """

    def __init__(self, folder: Path | None, run: str, width: int, seeds: tuple[int, ...]) -> None:
        name = f"width-{width}-seeds-{seeds[0]}-{seeds[-1]}.safetensors"
        self.path = None if folder is None else note_path(folder).with_name(name)
        self.run = run
        self._saved = time.monotonic()
        self._pause = EVERY

    def save(self, state: dict[str, Tensor], epoch: int, seconds: float, last: bool) -> None:
        """Write the state if a minute has passed, or the chunk is complete; whole or not at all.

        Where a write takes longer than 3 % of a minute, the next one waits longer.
        """
        if self.path is None:
            return
        begin = time.monotonic()
        if not last and begin - self._saved < self._pause:
            return
        whole = {name: value.cpu().contiguous() for name, value in state.items()}
        about = {"run": self.run, "chunk": self.path.stem}
        about |= {"epoch": str(epoch), "seconds": str(seconds)}
        try:
            with replacing(self.path) as beside:
                save_file(whole, beside, {**about, "crc32": _crc32(about, whole)})
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
            The file is damaged or belongs to another run.
        """
        if self.path is None or not self.path.exists():
            return 0, 0.0
        remedy = f"{OVERWRITE}, or choose another folder"
        try:
            if not self.path.is_file():  # opening a pipe would wait for somebody to write
                raise OSError("it is not a regular file")
            with safe_open(self.path, framework="pt") as file:
                about = file.metadata() or {}
                whole = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise TrainingError(f"{self.path} is damaged ({error}); {remedy}") from None
        if about.pop("crc32", None) != _crc32(about, whole):
            raise TrainingError(f"{self.path} is damaged (its checksum differs); {remedy}")
        if (about.get("run"), about.get("chunk")) != (self.run, self.path.stem):
            raise TrainingError(f"{self.path} is of another run or other seeds; {remedy}")
        if _shapes(state) != _shapes(whole):
            raise TrainingError(f"{self.path} is of another version of ff; {remedy}")
        for name, value in state.items():
            value.copy_(whole[name])
        return int(about["epoch"]), float(about["seconds"])


def _shapes(state: dict[str, Tensor]) -> dict[str, object]:
    return {name: (value.shape, value.dtype) for name, value in state.items()}


def _crc32(about: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """Checksum of everything that a file holds."""
    value = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        value = zlib.crc32(f"{name} {tensor.dtype} {list(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.numpy().data, value)
    return str(value)
