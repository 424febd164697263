"""Checkpoints: a run that is cut off loses at most the last minute."""

import json
import os
import time
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ff.config import Config
from ff.errors import TrainingError

__all__ = ["Checkpoint"]

EVERY = 60.0  # seconds


class Checkpoint:
    """The file that holds one chunk of a run: one width, some seeds.

    Parameters
    ----------
    folder
        Where the run's records go; None keeps no checkpoint.
    config, width, seeds
        What the chunk trains.
    fresh
        Forget what is there.
    """

    def __init__(
        self,
        folder: str | Path | None,
        config: Config,
        width: int,
        seeds: tuple[int, ...],
        fresh: bool = False,
    ) -> None:
        name = f"width-{width}-seeds-{seeds[0]}-{seeds[-1]}.safetensors"
        self.path = None if folder is None else Path(folder) / "checkpoints" / name
        self.about = {"config": config.model_dump_json(), "seeds": json.dumps(seeds)}
        self.epochs = config.epochs
        self._saved = time.monotonic()
        if fresh:
            self.remove()

    def save(self, state: dict[str, Tensor], epoch: int, seconds: float) -> None:
        """Write the state if a minute has passed, or the chunk is complete; whole or not at all."""
        if self.path is None:
            return
        if epoch < self.epochs and time.monotonic() - self._saved < EVERY:
            return
        progress = {"epoch": str(epoch), "seconds": str(seconds)}
        aside = self.path.with_suffix(".writing")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            whole = {name: value.contiguous() for name, value in state.items()}
            save_file(whole, aside, {**self.about, **progress})
            os.replace(aside, self.path)
        except (OSError, SafetensorError) as error:
            aside.unlink(missing_ok=True)
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
                if any(about.get(key) != value for key, value in self.about.items()):
                    raise TrainingError(f"{self.path} is of another configuration; {remedy}")
                for name, value in state.items():
                    value.copy_(file.get_tensor(name))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise TrainingError(f"{self.path} is damaged ({error}); {remedy}") from None
        return int(about["epoch"]), float(about["seconds"])

    def remove(self) -> None:
        """Delete the file, and its folder once that is empty."""
        if self.path is None:
            return
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()
