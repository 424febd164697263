"""The note of a run that has begun: what it must keep, to end with an undisturbed run's records."""

import re
import warnings
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import torch
from pydantic import BaseModel, ConfigDict, Field

from ff import machine
from ff.config import Config, canonical, with_defaults
from ff.errors import OVERWRITE, ResumptionWarning, TrainingError, printable, reason
from ff.files import contents, replacing
from ff.notes import check_shape
from ff.provenance import Configuration, Session
from ff.sources import digest
from ff.versions import versions

__all__ = ["CHECKPOINT", "Begun", "Plan", "about", "note_path", "read"]

MOST = 2**24  # bytes of a note: a plan of two million networks
CHECKPOINT = re.compile(r"width-\d+-seeds-\d+-\d+\.safetensors")  # names of `Begun.checkpoints`
# Width and seeds of each chunk, in their order.
Plan = list[tuple[int, Annotated[tuple[int, ...], Field(min_length=1)]]]


class Begun(BaseModel):
    """What a run goes on with when it has been cut off.

    How sums and products round depends on the number of threads and on how many seeds train side by
    side: both are kept. It also depends on the kind of processor and on the code, which the note
    lists.

    Attributes
    ----------
    id
        Tells this run from all others.
    config
        What the run trains, as JSON holds it.
    about
        What else must be as it was when the run goes on, as `about` returns it.
    plan
        Width and seeds of each chunk, in the order in which they train.
    threads
        Number of threads that it trains with.
    sessions
        When the run began, and each time that it went on.
    replaces
        Whether checkpoints of the run before this one are still to be deleted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(default_factory=lambda: uuid4().hex)
    config: dict[str, Any]
    about: dict[str, str]
    plan: Plan
    threads: Annotated[int, Field(ge=1, le=4096)]
    sessions: list[Session] = []
    replaces: bool = False

    def is_of(self, config: Config) -> bool:
        """Whether the run trains a configuration, however that is written."""
        with suppress(KeyError, TypeError, ValueError):  # a configuration that cannot be
            before, now = canonical(with_defaults(self.config)), config.model_dump(mode="json")
            return before | {"device": None} == canonical(now) | {"device": None}
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
        path, remedy = note_path(folder), f"{OVERWRITE}, or choose another folder"
        if not self.is_of(config):
            raise TrainingError(f"{path} is of another configuration; {remedy}")
        for key, value in about.items():
            if self.about.get(key) != value:
                raise TrainingError(f"{path} is of another {key}; {remedy}")
        whole = [(width, seed) for width in config.widths for seed in config.seed_list]
        if [(width, seed) for width, seeds in self.plan for seed in seeds] != whole:
            raise TrainingError(f"{path} is damaged (seeds are missing); {remedy}")

    def entered(self, device: torch.device) -> "Begun":
        """The same run with one more session; warns where that differs from the first.

        Parameters
        ----------
        device
            Where it trains now.
        """
        own = Session(
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            processor=machine.processor(device),
            commit=versions()["commit"],
            code=digest("ff.running.run")[:12],
        )
        first, threads = (self.sessions or [own])[0], torch.get_num_threads()
        if threads != self.threads:
            _warn(f"the run goes on with {self.threads} threads, as it began, not with {threads}")
        for words, before, now in (
            ("on another processor", first.processor, own.processor),
            ("with other code", first.code, own.code),
        ):
            if before != now:
                _warn(
                    f"the run goes on {words} ({now}) than it began ({before}): its records may "
                    "differ in rounding from those of a run that was not cut off, and name both"
                )
        return self.model_copy(update={"sessions": [*self.sessions, own]})

    def checkpoints(self, folder: Path) -> list[Path]:
        """Where the checkpoint of each chunk is, or will be, in the folder of the run's records."""
        names = (f"width-{width}-seeds-{seeds[0]}-{seeds[-1]}" for width, seeds in self.plan)
        return [note_path(folder).with_name(f"{name}.safetensors") for name in names]

    def write(self, folder: Path) -> None:
        """Write the note, whole or not at all.

        Parameters
        ----------
        folder
            Where the run's records go.

        Raises
        ------
        TrainingError
            It cannot be written.
        """
        path, text = note_path(folder), self.model_dump_json()
        try:
            with replacing(path) as aside:
                aside.write_text(f"{text}\n{_checksum(text)}", encoding="utf-8")
        except FileExistsError:
            raise TrainingError(
                f"{path.parent} has to be a folder, for checkpoints; move away what lies there"
            ) from None
        except OSError as error:
            raise TrainingError(
                f"cannot write checkpoints to {path.parent}: {reason(error)}; "
                "make room, or choose a folder that you may write to"
            ) from None


def about(device: torch.device, data: str) -> dict[str, str]:
    """What must be as it was when a run goes on, beside its configuration, by the words for it.

    Parameters
    ----------
    device
        Where it trains.
    data
        Checksum of the data set: pictures of a folder may change meanwhile.
    """
    return {
        "device": device.type,
        "data set": data,
        "version of ff": version("ff"),
        "version of torch": version("torch"),
    }


def note_path(folder: Path) -> Path:
    """File of the note in the folder that a run's records go to."""
    return folder / "checkpoints" / "run.json"


def read(folder: Path) -> Begun | None:
    """Read the note of the run that has begun in a folder; None if there is none.

    Raises
    ------
    TrainingError
        It is damaged.
    """
    path = note_path(folder)
    try:
        text, _, checksum = contents(path, MOST).decode("utf-8").rpartition("\n")
        if checksum != _checksum(text):
            raise ValueError("its checksum differs")
        run = Begun.model_validate_json(text)
        check_shape(run.config, Configuration)
        return run
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path} is damaged ({reason(error)}); {OVERWRITE}, or choose another folder"
        ) from None


def _warn(text: str) -> None:
    warnings.warn(printable(text), ResumptionWarning, stacklevel=4)


def _checksum(text: str) -> str:
    return str(zlib.crc32(text.encode()))
