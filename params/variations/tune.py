"""Choose learning rates (and thresholds) of variants that change the scale of gradients.

    python params/variations/tune.py [VARIANT ...]

Each is trained for 10 epochs with 8 layers of 100 units, on seeds that no chapter reports, at
each point of its grid. The chapter on variations shows the whole grid; a variant's own file
beside this script holds the point with the highest validation accuracy of the readout. The
default is among them: the paper's own learning rate gets the same chance. What was measured stays
when a grid is extended.
"""

import sys
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import ff
from ff.results import POINT

OUT = Path(__file__).parents[2] / "book" / "variations" / "tuning"
SEEDS, EPOCHS, LAYERS, WIDTH = [101, 102], 10, 8, 100
RATES = {"learning_rate": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]}
# What a variant sets, and its grids.
GRIDS: dict[str, tuple[dict[str, Any], ...]] = {
    "paper": ({}, RATES),
    "normalization-layer": ({"normalization": "layer"}, RATES),
    "normalization-none": (
        {"normalization": "none"},
        {
            "learning_rate": [1e-4, 1e-3, 3e-3, 1e-2, 3e-2],
            "downstream_learning_rate": [1e-3, 1e-2, 1e-1],
        },
    ),
    "positive-low": ({"positive": "low"}, RATES),
    "goodness-absolute": (
        {"goodness": "absolute"},
        {"learning_rate": [1e-7, 1e-6, 1e-5, 3e-5, 1e-4, 3e-4], "threshold": [0.5, 1.0, 2.0]},
        {"learning_rate": [1e-7, 1e-6, 1e-5], "threshold": [4.0, 8.0]},
    ),
    "goodness-fourth": (
        {"goodness": "fourth"},
        RATES | {"threshold": [1.0, 3.0]},
        {
            "learning_rate": [1e-6, 1e-5, 1e-4, 1e-3],
            "threshold": [1.0, 3.0, 10.0],
            "temperature": [1.0, 100.0],
        },
        {"learning_rate": [1e-5, 1e-4, 3e-4, 1e-3], "threshold": [10.0, 30.0, 100.0]},
    ),
    "goodness-log-sum-exp": (
        {"goodness": "log-sum-exp"},
        {"learning_rate": [1e-2, 1e-1, 3e-1], "threshold": [0.9, 1.0, 1.1, 1.2, 1.4, 1.7]},
        {"learning_rate": [1e-1, 3e-1, 1.0], "threshold": [1.7, 2.0, 2.4]},
    ),
    "temperature-100": (
        {"temperature": 100.0},
        {"learning_rate": [1e-2, 1e-1, 3e-1, 1.0, 3.0]},
    ),
    "loss-pairwise": (
        {"loss": "pairwise"},
        {
            "learning_rate": [3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0],
            "temperature": [0.25, 1.0, 10.0, 30.0, 100.0],
        },
    ),
    "activation-leaky": ({"activation": "leaky"}, RATES),
    "activation-tanh": (
        {"activation": "tanh"},
        {"learning_rate": [*RATES["learning_rate"], 3e-2, 1e-1], "threshold": [0.3, 0.6, 0.8]},
        {"learning_rate": [3e-2, 1e-1, 3e-1], "threshold": [0.8, 0.9]},
    ),
    "activation-gelu": ({"activation": "gelu"}, RATES),
}


def points(name: str, rows: list[dict]) -> list[dict]:
    """Measure each point of a variant's grid that is not among the rows."""
    fixed, *grids = GRIDS[name]
    known = {tuple(row[key] for key in POINT) for row in rows}
    chosen = [dict(zip(grid, at, strict=True)) for grid in grids for at in product(*grid.values())]
    for values in chosen:
        changed = fixed | values
        config = ff.Config(
            layers=LAYERS, hidden=WIDTH, seeds=SEEDS, epochs=EPOCHS, validation_index=EPOCHS,
            **changed,
        )  # fmt: skip
        point = {key: getattr(config, key) for key in POINT}
        if tuple(point.values()) in known:
            continue
        known.add(tuple(point.values()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ff.DivergenceWarning)  # its accuracy is missing: enough
            records = ff.train(config)
        last = records.readouts.query("epoch == @EPOCHS")["validation_accuracy"]
        rows += [
            {"variant": name, **point, "seed": seed, "validation_accuracy": accuracy}
            for seed, accuracy in zip(SEEDS, last, strict=True)
        ]
        print(name, changed, f"{last.mean():.4f}", flush=True)
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    for variant in sys.argv[1:] or GRIDS:
        path = OUT / f"{variant}.parquet"
        before = pd.read_parquet(path).to_dict("records") if path.exists() else []
        pd.DataFrame(points(variant, before)).to_parquet(path, index=False)
