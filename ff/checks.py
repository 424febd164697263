"""What tables of a run must hold: the rows that it asks for, in order, and possible values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from math import inf, prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ff.config import Config
from ff.provenance import configuration
from ff.switches.activation import ACTIVATIONS
from ff.switches.loss import LOSSES

if TYPE_CHECKING:  # its import takes a third of a second, which only tables are worth
    import pandas as pd

__all__ = ["SHARE", "check_length", "check_table"]

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


def check_length(rows: int, key: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Check that a table has as many rows as its runs have measured.

    Parameters
    ----------
    rows
        Their number.
    key, runs
        As of `check_table`.

    Raises
    ------
    ValueError
        As of `check_table`.
    """
    due = sum(prod(map(len, _grid(configuration(run), key))) for run in runs)
    if rows != due:
        raise ValueError(f"has {rows:,} rows but its run has measured {due:,}")


def check_table(rows: pd.DataFrame, key: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Check that a table holds what its runs have measured: each row once, in order, and sound.

    Parameters
    ----------
    rows
        The table.
    key
        Its fourth key, "layer" or "depth".
    runs
        Where it comes from, which `ff.provenance.check_runs` has checked.

    Raises
    ------
    ValueError
        What is wrong with the table, which completes a sentence about it.
    """
    keys = ["hidden", "seed", "epoch", key]
    if absent := [name for name in keys if name not in rows]:
        raise ValueError(f"has no column {absent[0]!r}")
    check_length(len(rows), key, runs)
    grids = [_grid(configuration(run), key) for run in runs]
    sizes = [tuple(map(len, grid)) for grid in grids]
    ends = accumulate(map(prod, sizes), initial=0)
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
    config, (_, _, epochs, _) = configuration(run), grid
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
