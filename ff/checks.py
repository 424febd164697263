"""What records of a run must hold: a note of known shape, the rows it asks for, possible values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from math import inf, prod
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model

from ff.config import Config, choices
from ff.notes import check_shape
from ff.switches.activation import ACTIVATIONS
from ff.switches.loss import LOSSES

if TYPE_CHECKING:  # its import takes a third of a second, which only tables are worth
    import pandas as pd

__all__ = ["SHARE", "Run", "Session", "Trained", "runs", "table"]

# Keys of a configuration that every version has noted; those that came later have defaults.
FIRST = {
    *("dataset", "layers", "hidden", "seeds", "epochs", "batch_size", "learning_rate"),
    *("weight_decay", "momentum", "peer_normalization", "peer_momentum", "validation_index"),
    *("downstream_learning_rate", "downstream_weight_decay", "threshold", "relu_gradient"),
    *("precision", "device"),
}
KEY = re.compile(r"(?!cls$)[a-z]\w{,99}")  # what may be an argument of a later version's `Config`
LARGEST = float(np.finfo(np.float32).max)
# Means are sums in float32 of as many parts as an epoch has steps: of many, they may pass 1.
SHARE = (-0.01, 1.01)
SHARES = ("train_accuracy", "validation_accuracy", "validation_auroc", "dead_units")
SHARES += ("goodness_accuracy", "pair_accuracy", "probe_accuracy", "accuracy_without")
SHARES += ("test_accuracy",)
# Least and greatest value of a quantity; any of one that is not named.
RANGES = dict.fromkeys(SHARES, SHARE) | {
    "goodness_positive_mean": (-LARGEST, LARGEST),
    "goodness_negative_mean": (-LARGEST, LARGEST),
    "goodness_positive_std": (0.0, LARGEST),
    "goodness_negative_std": (0.0, LARGEST),
    "train_loss": (0.0, LARGEST),
    "validation_loss": (0.0, LARGEST),
}
# NaN where a logit is not finite, or no logit varies: that stops no seed.
UNCERTAIN = {"probe_accuracy", "logit_share", "accuracy_without"}

_Text = Annotated[str, Field(max_length=5000)]  # the path of a folder is the longest
_Count = Annotated[int, Field(ge=1, le=2**31)]


class _Note(BaseModel):
    """A part of a note. Later versions may add keys."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Versions(_Note):
    python: _Text
    torch: _Text
    commit: _Text


class _DataSet(_Note):
    name: _Text
    sha256: _Text


class _Stopped(_Note):
    hidden: _Count
    seed: _Count
    epoch: _Count
    layer: _Count = 1  # or depth
    depth: _Count = 1
    reason: _Text


def _noted(key: str) -> Any:
    """Type of a key in a noted configuration: it may name a switch that this process lacks."""
    field = Config.model_fields[key]
    if choices(key):
        kind: Any = _Text
    else:
        kind = Annotated[field.annotation, field]  # pyright: ignore[reportInvalidTypeForm]
    return kind if key in FIRST else (kind, field.default)


_Configuration: Any = create_model(
    "_Configuration", __base__=_Note, **{key: _noted(key) for key in Config.model_fields}
)


class Trained(_Note):
    """Where networks of any learner come from."""

    config: _Configuration  # pyright: ignore[reportInvalidTypeForm]
    device: _Text
    threads: _Count
    versions: _Versions
    started: _Text
    wall_seconds: Annotated[float, Field(ge=0, le=1e12)]


class Session(_Note):
    """When a run began or went on, and where; `code` is a checksum of what decides its numbers."""

    started: _Text
    processor: _Text
    commit: _Text
    code: _Text


class Run(Trained):
    """An entry of `ff.Records.runs`. Files of former versions lack what has a default."""

    dataset: _DataSet
    batch_size: _Count
    id: _Text = ""
    sessions: Annotated[list[Session], Field(fail_fast=True)] = []
    # After its first error, the others are not looked for.
    diverged: Annotated[list[_Stopped], Field(fail_fast=True)] = []


def runs(note: Any, shape: type[Trained]) -> list[dict[str, Any]]:
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
        if strange := [key for key in run["config"] if not KEY.fullmatch(key)]:
            raise ValueError(f"config: {strange[0][:80]!r} is no key")
        if not _are_of(run.get("diverged", []), _configuration(run)):
            raise ValueError("diverged: it names what was not trained, or a network twice")
    return note


def table(rows: pd.DataFrame, key: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Check that a table holds what its runs have measured: each row once, in order, and sound.

    Parameters
    ----------
    rows
        The table.
    key
        Its fourth key, "layer" or "depth".
    runs
        Where it comes from, which `runs` has checked.

    Raises
    ------
    ValueError
        What is wrong with the table, which completes a sentence about it.
    """
    keys = ["hidden", "seed", "epoch", key]
    if absent := [name for name in keys if name not in rows]:
        raise ValueError(f"has no column {absent[0]!r}")
    grids = [_grid(_configuration(run), key) for run in runs]
    sizes = [tuple(map(len, grid)) for grid in grids]
    ends = list(accumulate(map(prod, sizes), initial=0))
    if ends[-1] != len(rows):
        raise ValueError(f"has {len(rows):,} rows but its run has measured {ends[-1]:,}")
    columns = {name: rows[name].to_numpy() for name in rows}
    for run, grid, size, (start, end) in zip(runs, grids, sizes, pairwise(ends), strict=True):
        part = {name: own[start:end].reshape(size) for name, own in columns.items()}
        _check_rows({name: part.pop(name) for name in keys}, grid)
        for name, values in part.items():
            low, high = _range(name, run["config"]["schedule"])
            wrong = ~((values >= low) & (values <= high))
            if wrong.any():
                wrong &= ~(np.isnan(values) & _may_lack(name, key, run, grid))
            if wrong.any():
                at = np.unravel_index(int(np.argmax(wrong)), size)
                where = _named(keys, [own[int(i)] for own, i in zip(grid, at, strict=True)])
                raise ValueError(f"has {name} {values[at]:.4g} at {where}, which cannot be")
    if len(runs) > 1 and (twice := rows.duplicated(keys)).any():
        where = _named(keys, rows.loc[twice, keys].iloc[0])
        raise ValueError(f"has the row of {where} twice")


def _configuration(run: Mapping[str, Any]) -> Config:
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


def _grid(config: Config, key: str) -> tuple[Sequence[int], ...]:
    """Values of the four keys, of which there is a row for each combination, the last fastest."""
    layers = range(1, max(config.depths) + 1)
    last = layers if key == "layer" else config.depths
    return config.widths, config.seed_list, range(1, config.epochs + 1), last


def _check_rows(keys: Mapping[str, np.ndarray], grid: Sequence[Sequence[int]]) -> None:
    """Refuse rows that are not those of each combination, in order; names the first that is not."""
    due = np.ix_(*map(np.asarray, grid))
    wrong = [own != values for own, values in zip(keys.values(), due, strict=True)]
    if any(part.any() for part in wrong):
        first = np.logical_or.reduce(wrong)
        at = np.unravel_index(int(np.argmax(first)), first.shape)
        there, right = (
            [own[at] for own in keys.values()],
            [own[int(i)] for own, i in zip(grid, at, strict=True)],
        )
        raise ValueError(
            f"has the row of {_named(keys, there)} where that of {_named(keys, right)} is due"
        )


def _named(keys: Iterable[str], row: Iterable[int]) -> str:
    return ", ".join(f"{key} {value}" for key, value in zip(keys, row, strict=True))


def _range(name: str, schedule: str) -> tuple[float, float]:
    """Least and greatest value of a quantity."""
    grows = schedule == "in-turn"  # where numbers that are not finite stop no seed
    if grows and ((name.startswith("goodness_") and name in RANGES) or name.endswith("_loss")):
        return -inf, inf
    return RANGES.get(name, (-inf, inf))


def _may_lack(name: str, key: str, run: Mapping[str, Any], grid: Sequence[Sequence[int]]) -> Any:
    """Where a quantity may be NaN: of the shape of a grid's combinations, or broadcast to it."""
    config, (_, _, epochs, _) = _configuration(run), grid
    epoch = np.asarray(epochs)[:, None]
    last = epoch == config.epochs
    lost = _lost(run, grid, key)
    if name in UNCERTAIN or (key == "depth" and config.schedule == "in-turn"):
        lost = lost | True
    elif config.schedule == "in-turn":  # each layer for as long as it learned, at least an epoch
        lost = lost | (epoch > 1) | (name in RANGES)
    if name == "test_accuracy":
        lost = lost | ~last
    elif not name.startswith("train_"):
        lost = lost | (epoch % config.validation_index > 0) & ~last
    if key == "layer" and name in ("train_accuracy", "validation_accuracy"):
        lost = lost | (config.loss not in LOSSES or not LOSSES[config.loss].threshold)
    if name == "dead_units":
        lost = lost | (
            config.activation not in ACTIVATIONS or not ACTIVATIONS[config.activation].dies
        )
    return lost


def _lost(run: Mapping[str, Any], grid: Sequence[Sequence[int]], key: str) -> np.ndarray:
    """Rows of seeds that have diverged: from that epoch on, and in it from that layer up."""
    widths, seeds = ({value: i for i, value in enumerate(values)} for values in grid[:2])
    lost = np.zeros(tuple(map(len, grid)), bool)
    for row in run.get("diverged", []):
        own = lost[widths[row["hidden"]], seeds[row["seed"]]]
        own[row["epoch"] :] = True
        if key == "depth":
            own[row["epoch"] - 1] = True
        elif row.get("layer"):
            own[row["epoch"] - 1, row["layer"] - 1 :] = True
    return lost
