"""Records with a known answer: logistic learning curves, each layer later than the one before."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import settings

import ff
from ff.quantities import LAYER_QUANTITIES, READOUT_QUANTITIES
from ff.records import MEASURED

few = settings(max_examples=12, deadline=None)  # a table takes milliseconds, more on a busy machine


def records(
    layers: int = 4,
    depths: tuple[int, ...] = (2, 4),
    seeds: int = 5,
    epochs: int = 12,
    hidden: tuple[int, ...] = (100,),
    start: float = 2.0,
    delay: float = 1.5,
    jitter: float = 0.5,
    noise: float = 0.01,
    best: float = 1.0,
    random_state: int = 0,
) -> ff.Records:
    """Accuracy (1 + p) / 2 with p logistic in the epoch: 0.75 at epoch `start + delay * (layer-1)`.

    `jitter` moves a whole seed, in epochs; `noise` moves single accuracies. `best` is the accuracy
    that curves approach; well below 1, noise is not cut off there.
    """
    rng = np.random.default_rng(random_state)
    parts = {"layer": [], "depth": []}
    for width in hidden:
        shift = rng.normal(0, jitter, seeds)[:, None, None]
        for key, labels in {"layer": np.arange(1, layers + 1), "depth": np.array(depths)}.items():
            epoch = np.arange(1, epochs + 1)[:, None]
            late = epoch - start - delay * (labels - 1) - shift  # (seeds, epochs, labels)
            values = 0.5 + (best - 0.5) / (1 + np.exp(-late)) + rng.normal(0, noise, late.shape)
            index = pd.MultiIndex.from_product(
                [[width], range(1, seeds + 1), range(1, epochs + 1), labels],
                names=["hidden", "seed", "epoch", key],
            )
            flat = values.clip(0, 1).ravel().astype(np.float32)
            columns = {"train_accuracy": flat, "validation_accuracy": flat - np.float32(0.01)}
            parts[key].append(pd.DataFrame(columns, index=index).reset_index())
    frames = [pd.concat(tables, ignore_index=True) for tables in parts.values()]
    return ff.Records(frames[0], frames[1], ())


def origin(config: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Provenance of a run, as training notes it."""
    whole = ff.Config().model_dump(mode="json") | dict(config)
    return {
        "config": whole,
        "dataset": {"name": whole["dataset"], "sha256": "d" * 64},
        "batch_size": ff.Config.model_construct(**whole).batch,
        "device": "cpu (x86_64, 2 cores)",
        "threads": 1,
        "versions": {"python": "3.12.0", "torch": "2.11.0", "commit": "0" * 40},
        "started": "2026-11-23T22:03:29+00:00",
        "wall_seconds": 90.0,
        "diverged": [],
        **changes,
    }


def whole(records: ff.Records) -> ff.Records:
    """The same with the columns that no version lacks, where they are missing 0.5 throughout."""
    tables = zip(
        (records.layers, records.readouts),
        (LAYER_QUANTITIES[:MEASURED], READOUT_QUANTITIES),
        strict=True,
    )
    filled = (
        rows.assign(**{name: np.float32(0.5) for name in quantities if name not in rows})
        for rows, quantities in tables
    )
    return ff.Records(*filled, runs=records.runs)


def traces(accuracy: object, hidden: int = 100) -> pd.DataFrame:
    """Turn accuracies (seeds, epochs, layers) into a `layers` table."""
    values = np.asarray(accuracy, dtype=np.float32)
    axes = [range(1, size + 1) for size in values.shape]
    index = pd.MultiIndex.from_product(
        [[hidden], *axes], names=["hidden", "seed", "epoch", "layer"]
    )
    return pd.DataFrame({"train_accuracy": values.ravel()}, index=index).reset_index()


def grid(table: pd.DataFrame, key: str, column: str = "train_accuracy") -> np.ndarray:
    """Turn a table of one width into an array (seeds, epochs, layers or depths), by a pivot."""
    wide = table.pivot_table(column, ["seed", "epoch"], key)
    return wide.to_numpy(float).reshape(len(np.unique(table["seed"])), -1, wide.shape[1])


def without(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Leave a seed out of a table."""
    return table.loc[table["seed"] != seed]


def reach(trace: Sequence[float], target: float = 0.7) -> tuple[float, float]:
    """Return first epoch and crossing of one trace over epochs 1, 2, .., by a plain loop.

    Both are infinite if it never reaches the target.
    """
    for i, value in enumerate(trace):
        if np.float32(value) >= np.float32(target):
            if i == 0:
                return 1, 1
            before = float(trace[i - 1])
            return i + 1, i + (target - before) / (float(value) - before)
    return np.inf, np.inf
