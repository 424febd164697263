"""Where networks come from: what a table says of its runs, and the shape that this must have."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from ff.config import Config, choices
from ff.notes import check_shape

__all__ = ["Configuration", "DataSet", "Measured", "Run", "Session", "Trained", "check_runs"]
__all__ += ["configuration"]

# Keys of a configuration that every version has noted; those that came later have defaults.
FIRST = {
    *("dataset", "layers", "hidden", "seeds", "epochs", "batch_size", "learning_rate"),
    *("weight_decay", "momentum", "peer_normalization", "peer_momentum", "validation_index"),
    *("downstream_learning_rate", "downstream_weight_decay", "threshold", "relu_gradient"),
    *("precision", "device"),
}
KEY = re.compile(r"(?!cls$)[a-z]\w{,99}")  # what may be an argument of a later version's `Config`

_Text = Annotated[str, Field(max_length=5000)]  # the path of a folder is the longest
_Count = Annotated[int, Field(ge=1, le=2**31)]


class _Note(BaseModel):
    """A part of a note. Later versions may add keys."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Versions(_Note):
    python: _Text
    torch: _Text
    commit: _Text


class DataSet(_Note):
    """Which images: a name may come to stand for others."""

    name: _Text
    sha256: _Text


class _Stopped(_Note):
    hidden: _Count
    seed: _Count
    epoch: _Count
    layer: _Count = 1  # or depth
    depth: _Count = 1
    reason: _Text


class _Keys(_Note):
    @model_validator(mode="after")
    def _are_keys(self) -> Self:
        """Refuse those that no version of `Config` can have."""
        if strange := [key for key in self.model_extra or () if not KEY.fullmatch(key)]:
            raise ValueError(f"{strange[0][:60]!r} is no key")
        return self


def _noted(key: str) -> Any:
    """Type of a key in a noted configuration: it may name a switch that this process lacks."""
    field = Config.model_fields[key]
    if choices(key):
        kind: Any = _Text
    else:
        kind = Annotated[field.annotation, field]  # pyright: ignore[reportInvalidTypeForm]
    return kind if key in FIRST else (kind, field.default)


Configuration: Any = create_model(
    "Configuration", __base__=_Keys, **{key: _noted(key) for key in Config.model_fields}
)


class Measured(_Note):
    """Where measurements of any kind come from."""

    device: _Text
    threads: _Count
    versions: _Versions
    started: _Text
    wall_seconds: Annotated[float, Field(ge=0, le=1e12)]


class Trained(Measured):
    """Where networks of any learner come from."""

    config: Configuration  # pyright: ignore[reportInvalidTypeForm]


class Session(_Note):
    """When a run began or went on, and where; `code` is a checksum of what decides its numbers."""

    started: _Text
    processor: _Text
    commit: _Text
    code: _Text


class Run(Trained):
    """An entry of `ff.Records.runs`. Files of former versions lack what has a default."""

    dataset: DataSet
    batch_size: _Count
    id: _Text = ""
    sessions: Annotated[list[Session], Field(fail_fast=True)] = []
    # After its first error, the others are not looked for.
    diverged: Annotated[list[_Stopped], Field(fail_fast=True)] = []


def check_runs(note: Any, shape: type[Trained]) -> list[dict[str, Any]]:
    """Check what a table says of its runs.

    Parameters
    ----------
    note
        Any value that JSON can hold.
    shape
        Of each run: `Run`, or `Trained` where another learner has trained.

    Returns
    -------
    list of dict
        The note.

    Raises
    ------
    ValueError
        What is wrong with it, in a few words.
    """
    if not isinstance(note, list) or not note:
        raise ValueError("it is no list of runs")
    for run in note:
        check_shape(run, shape)
        if not _are_of(run.get("diverged", []), configuration(run)):
            raise ValueError("diverged: it names what was not trained, or a network twice")
    return note


def configuration(run: Mapping[str, Any]) -> Config:
    """Configuration of a run, not validated: it may name what this process does not know.

    Parameters
    ----------
    run
        An entry of `ff.Records.runs`.
    """
    return Config.model_construct(**run["config"])


def _are_of(stopped: Sequence[Mapping[str, Any]], config: Config) -> bool:
    """Whether all that has diverged is of a network that a configuration asks for, once each."""
    widths, seeds, depths = set(config.widths), set(config.seed_list), set(config.depths)
    places = {("layer", layer) for layer in range(1, max(depths) + 1)}
    places |= {("depth", depth) for depth in depths}
    networks = {(row["hidden"], row["seed"]) for row in stopped}
    return len(networks) == len(stopped) and all(
        row["hidden"] in widths
        and row["seed"] in seeds
        and row["epoch"] <= config.epochs
        and len(found := [(key, row[key]) for key in ("layer", "depth") if key in row]) == 1
        and found[0] in places
        for row in stopped
    )
