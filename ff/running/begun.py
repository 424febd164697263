"""The note of a run that has begun: what it must keep, to end with an undisturbed run's records."""

import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import torch
from pydantic import BaseModel, ConfigDict, Field

from ff.config import Config, canonical, with_defaults
from ff.errors import OVERWRITE, TrainingError
from ff.files import contents, replacing

__all__ = ["Begun", "Plan", "about", "note", "read"]

Plan = list[tuple[int, tuple[int, ...]]]  # width and seeds of each chunk, in their order
CONFIGURATION = "configuration"


class Begun(BaseModel):
    """What a run goes on with when it has been cut off.

    How sums and products round depends on the number of threads and on how many seeds train side by
    side: both are kept. It also depends on the kind of processor and on the code, which the note
    lists.

    Attributes
    ----------
    id
        Tells this run from all others.
    about
        What the run must be of when it goes on, as `about` returns it.
    plan
        Width and seeds of each chunk, in the order in which they train.
    threads
        Number of threads that it trains with.
    sessions
        When the run began and each time that it went on: "started", "processor" and "commit".
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(default_factory=lambda: uuid4().hex)
    about: dict[str, str]
    plan: Plan
    threads: Annotated[int, Field(ge=1, le=4096)]
    sessions: list[dict[str, str]] = []

    def is_of(self, config: Config) -> bool:
        """Whether the run trains a configuration, however that is written."""
        with suppress(KeyError, TypeError, ValueError):  # else it is of what nobody knows
            before = with_defaults(json.loads(self.about[CONFIGURATION]))
            return _how(before) == _how(config.model_dump(mode="json"))
        return False

    def check(self, config: Config, about: dict[str, str], folder: Path) -> None:
        """Refuse to go on as something else.

        Parameters
        ----------
        config
            What is to be trained now.
        about
            What `about` returns of it.
        folder
            Where the run's records go.

        Raises
        ------
        TrainingError
            Something differs.
        """
        remedy = f"{OVERWRITE}, or choose another folder"
        if not self.is_of(config):
            raise TrainingError(f"{note(folder)} is of another {CONFIGURATION}; {remedy}")
        for key, value in about.items():
            if key != CONFIGURATION and self.about.get(key) != value:
                raise TrainingError(f"{note(folder)} is of another {key}; {remedy}")
        whole = [(width, seed) for width in config.widths for seed in config.seed_list]
        if [(width, seed) for width, seeds in self.plan for seed in seeds] != whole:
            raise TrainingError(f"{note(folder)} is damaged (seeds are missing); {remedy}")

    def write(self, folder: Path, instead_of: Sequence[Path] = ()) -> None:
        """Write the note, whole or not at all.

        Parameters
        ----------
        folder
            Where the run's records go.
        instead_of
            Checkpoints of another run: deleted, once it is sure that the note can be written.

        Raises
        ------
        TrainingError
            It cannot be written. Then nothing has been deleted.
        """
        path, text = note(folder), self.model_dump_json()
        try:
            with replacing(path) as aside:
                aside.write_text(f"{text}\n{_checksum(text)}", encoding="utf-8")
                for other in instead_of:
                    other.unlink()
        except OSError as error:
            raise TrainingError(
                f"cannot write checkpoints to {path.parent}: {error.strerror or error}; "
                "make room, or choose a folder that you may write to"
            ) from None


def about(config: Config, device: torch.device, data: str) -> dict[str, str]:
    """What a run must be of when it goes on, by the words for it.

    Parameters
    ----------
    config
        What is trained.
    device
        Where.
    data
        Checksum of the data set: pictures of a folder may change meanwhile.
    """
    return {
        CONFIGURATION: json.dumps(config.model_dump(mode="json")),
        "device": device.type,
        "data set": data,
        "version of ff": version("ff"),
        "version of torch": version("torch"),
    }


def note(folder: Path) -> Path:
    """File of the note in the folder that a run's records go to."""
    return folder / "checkpoints" / "run.json"


def read(folder: Path) -> Begun | None:
    """Read the note of the run that has begun in a folder; None if there is none.

    Raises
    ------
    TrainingError
        It is damaged.
    """
    path = note(folder)
    try:
        text, checksum = contents(path).decode("utf-8").splitlines()
        if checksum != _checksum(text):
            raise ValueError("its checksum differs")
        return Begun.model_validate_json(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise TrainingError(
            f"{path} is damaged ({reason}); {OVERWRITE}, or choose another folder"
        ) from None


def _how(config: dict[str, Any]) -> dict[str, Any]:
    """What a configuration trains, and how; the device is compared on its own."""
    return canonical(config) | {"device": None}


def _checksum(text: str) -> str:
    return str(zlib.crc32(text.encode()))
