"""Measurements as compact JSON inside a page, for the scripts of the site to draw without a kernel.

The scripts compute delays from the mean traces. Correlations need every seed, thirty times the
data, so they are computed here, for each epoch at which a run could have ended.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import Html
from ff.records import Records
from ff.stats.correlation import by_span
from ff.stats.cubes import Cube, cubes
from ff.stats.delay import TARGET

__all__ = ["ACCURACIES", "awakening", "explorer", "measurements"]

# What counts as a layer's accuracy, and what it is compared with of the network.
ACCURACIES = {
    "train_accuracy": "train_accuracy",
    "validation_accuracy": "validation_accuracy",
    "validation_auroc": "validation_accuracy",
}


def measurements(records: Records) -> dict[str, Any]:
    """Everything that the explorer page shows, as lists of numbers.

    Parameters
    ----------
    records
        Measurements of any number of widths and depths.

    Returns
    -------
    dict
        For each width ``seeds`` and ``accuracies``; for each of `ACCURACIES` that was measured
        ``epochs``, ``layers`` (mean over seeds: a list of epochs for each layer), ``networks``
        (the same for each depth), and for each depth ``pearson`` and ``spearman``: for each layer
        the pooled correlation over all epochs up to the first, the second, ... and the last.
        None stands for what does not exist. Accuracies have the precision of the records,
        correlations three decimals.
    """
    found: dict[str, Any] = {}
    for column, overall in ACCURACIES.items():
        if _unmeasured(records.layers, column) or _unmeasured(records.readouts, overall):
            continue
        networks = {cube.hidden: cube for cube in cubes(records.readouts, "depth", overall)}
        for layers in cubes(records.layers, "layer", column):
            network = networks[layers.hidden]
            width = found.setdefault(
                str(layers.hidden), {"seeds": len(layers.seeds), "accuracies": {}}
            )
            width["accuracies"][column] = {
                "epochs": layers.epochs.tolist(),
                "layers": _means(layers),
                "networks": dict(zip(map(str, network.keys), _means(network), strict=True)),
                **_correlations(records, layers, column, overall),
            }
    return found


def explorer(records: Records) -> Html:
    """What ``explorer.js`` turns into the explorer.

    Parameters
    ----------
    records
        As in `measurements`.
    """
    return _embed("ff-explorer", measurements(records))


def awakening(records: Records) -> Html:
    """What ``awakening.js`` turns into the animation of layers that light up.

    Parameters
    ----------
    records
        Measurements; shown is the width with the most seeds, and the widest of such.
    """
    found = cubes(records.layers, "layer", "train_accuracy")
    layers = max(found, key=lambda cube: (len(cube.seeds), cube.hidden))
    return _embed(
        "ff-awakening",
        {
            "hidden": layers.hidden,
            "seeds": len(layers.seeds),
            "target": TARGET,
            "epochs": layers.epochs.tolist(),
            "layers": _means(layers),
        },
    )


def _embed(name: str, data: Mapping[str, Any]) -> Html:
    numbers = json.dumps(data, separators=(",", ":"))
    return Html(
        f'<div class="{name}"><script type="application/json">{numbers}</script>'
        "<noscript>This view needs JavaScript; the chapters show the same numbers as figures."
        "</noscript></div>"
    )


def _unmeasured(rows: pd.DataFrame, column: str) -> bool:
    return column not in rows or bool(rows[column].isna().all())


def _means(cube: Cube) -> list[list[float]]:
    """Mean over seeds: for each key a list by epoch, in the fewest digits that name the float32."""
    means = cube.values.mean(axis=0).T.astype(np.float32)
    return [[float(str(value)) for value in trace] for trace in means]


def _correlations(
    records: Records, layers: Cube, column: str, overall: str
) -> dict[str, dict[str, list[list[float | None]]]]:
    tables: list[Any] = [records.layers, records.readouts]
    rows = [
        table[(table["hidden"] == layers.hidden) & table["epoch"].isin(layers.epochs)]
        for table in tables
    ]
    spans = [(int(layers.epochs[0]), int(last)) for last in layers.epochs]
    table = by_span(*rows, spans=spans, column=column, overall=overall)
    found: dict[str, dict[str, list[list[float | None]]]] = {}
    keys = ["coefficient", "depth", "layer"]
    parts: Any = table.sort_values([*keys, "last_epoch"]).groupby(keys)
    for (coefficient, depth, _), part in parts:
        values = [None if np.isnan(r) else round(float(r), 3) for r in part["r"]]
        found.setdefault(coefficient, {}).setdefault(str(depth), []).append(values)
    return found
