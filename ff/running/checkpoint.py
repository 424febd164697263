"""Checkpoints: a run that is cut off loses at most the last minute."""

import json
import time
import zlib
from math import inf
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ff.errors import OVERWRITE, TrainingError, reason
from ff.files import replacing

__all__ = ["Checkpoint"]

EVERY = 60.0  # seconds
SHARE = 0.03  # of a run's time that its checkpoints may cost


class Checkpoint:
    """The file of one chunk of a run: one width, some seeds.

    Parameters
    ----------
    path
        Where it is, one of `Begun.checkpoints`; None keeps no checkpoint.
    run
        `Begun.id` of the run.
    """

    def __init__(self, path: Path | None, run: str) -> None:
        self.path = path
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

    def restore(self, state: dict[str, Tensor], epochs: int) -> tuple[int, float]:
        """Copy the file's tensors into `state`.

        Parameters
        ----------
        state
            What goes on.
        epochs
            How many it trains at most.

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
        try:
            epoch, seconds = int(about["epoch"]), float(about["seconds"])
            if not (0 < epoch <= epochs and 0 <= seconds < inf):
                raise ValueError(f"{epoch} epochs in {seconds} s")
        except (KeyError, ValueError) as error:
            raise TrainingError(f"{self.path} is damaged ({reason(error)}); {remedy}") from None
        for name, value in state.items():
            value.copy_(whole[name])
        return epoch, seconds


def _shapes(state: dict[str, Tensor]) -> dict[str, object]:
    return {name: (value.shape, value.dtype) for name, value in state.items()}


def _crc32(about: dict[str, str], tensors: dict[str, Tensor]) -> str:
    """Checksum of everything that a file holds."""
    value = zlib.crc32(json.dumps(about, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        value = zlib.crc32(f"{name} {tensor.dtype} {list(tensor.shape)}".encode(), value)
        value = zlib.crc32(tensor.numpy().data, value)
    return str(value)
