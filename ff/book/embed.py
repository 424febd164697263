"""Measurements as compact JSON inside a page, for the scripts of the site to draw without a kernel.

The scripts compute delays and their intervals from mean traces and their bands. Correlations need
every seed, thirty times the data, so they are computed here, for each epoch at which a run could
have ended. Numbers are whole multiples of a small unit, which takes half the bytes of decimals.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import Html
from ff.config import Config
from ff.data import DIGITS, small_digits
from ff.records import Records
from ff.stats.coefficients import COEFFICIENTS, coefficients
from ff.stats.cubes import Cube, cubes
from ff.stats.delay import TARGET
from ff.stats.intervals import FISHER, jackknife, leave_one_out, mean_band

__all__ = [
    "ACCURACIES",
    "ACCURACY",
    "CORRELATION",
    "VIEWS",
    "awakening",
    "embedded",
    "explorer",
    "learning",
    "measurements",
]

# What counts as a layer's accuracy, and what it is compared with of the network.
ACCURACIES = {
    "train_accuracy": "train_accuracy",
    "validation_accuracy": "validation_accuracy",
    "validation_auroc": "validation_accuracy",
}
VIEWS = ("traces", "delays", "correlations", "table")
# Of `ff.Config`, what a reader of the page that learns can choose, and what its network needs, too.
CHOSEN = (
    "layers",
    "hidden",
    "learning_rate",
    "threshold",
    "peer_normalization",
    "goodness",
    "activation",
)
FIXED = (
    "peer_momentum",
    "momentum",
    "weight_decay",
    "downstream_learning_rate",
    "downstream_weight_decay",
)
CHAPTERS = "what was measured stands in the chapters, too"
ACCURACY, CORRELATION = 1e-5, 1e-3  # units of the numbers, as in explorer-networks.js


def measurements(
    records: Records,
    condition: str = "",
    *,
    measures: Collection[str] = tuple(ACCURACIES),
    correlated: Collection[str] = tuple(ACCURACIES),
    intervals: bool = True,
) -> list[dict[str, Any]]:
    """What the explorer shows of one condition, as lists of whole numbers.

    Parameters
    ----------
    records
        Measurements of any number of widths and depths.
    condition
        What a reader calls it; empty for the defaults.
    measures
        Which of `ACCURACIES` to take; what was not measured is left out.
    correlated
        Of which of them the correlations are taken, too.
    intervals
        Whether the default condition's training accuracy has intervals of its correlations.

    Returns
    -------
    list of dict
        One for each width: condition, hidden, seeds and ``measures``; there for each measure
        ``epochs``, ``layers`` (mean over seeds: a list by epoch for each layer), ``half`` (the same
        of half the width of the mean's 95 % interval; None with a single seed) and ``readouts``
        (mean of the network's accuracy, for each depth). Accuracies count `ACCURACY`; means are
        rounded down, so that a mean reaches a target of two decimals exactly when its number does.
        Of a correlated measure also, for each depth, ``pearson`` and ``spearman``: for each layer
        the pooled correlation over all epochs up to the first, the second, ... and the last, in
        units of `CORRELATION`, None where it does not exist. Of the default condition's training
        accuracy there are ``pearson_half`` and ``spearman_half``, too: half the width of its 95 %
        interval on Fisher's scale, where it is symmetric.
    """
    widths: dict[int, dict[str, Any]] = {}
    for column, overall in ACCURACIES.items():
        absent = _unmeasured(records.layers, column) or _unmeasured(records.readouts, overall)
        if column not in measures or absent:
            continue
        networks = {cube.hidden: cube for cube in cubes(records.readouts, "depth", overall)}
        for layers in cubes(records.layers, "layer", column):
            network = networks[layers.hidden]
            own = {"condition": condition, "hidden": layers.hidden, "seeds": len(layers.seeds)}
            found = widths.setdefault(layers.hidden, own | {"measures": {}})
            found["measures"][column] = {
                "epochs": layers.epochs.tolist(),
                "layers": _means(layers),
                "half": _halves(layers),
                "readouts": dict(zip(map(str, network.keys), _means(network), strict=True)),
            }
            if column in correlated:
                first = column == "train_accuracy" and not condition
                bands = intervals and first and len(layers.seeds) > 1
                found["measures"][column] |= _correlations(layers, network, bands)
    return list(widths.values())


def explorer(
    records: Records,
    others: Mapping[str, Records] | None = None,
    *,
    views: Collection[str] = VIEWS,
    measures: Collection[str] = tuple(ACCURACIES),
    shown: str = "",
) -> Html:
    """What ``explorer.js`` turns into the explorer, or into some of its views on a chapter's page.

    Parameters
    ----------
    records
        Measurements of the default condition, of any number of widths and depths.
    others
        Those of other conditions, by what a reader calls them. Their correlations are those of
        training accuracy alone, without intervals.
    views
        Which of `VIEWS` to show. Some alone are for a page of text: they leave the page's address
        alone, have no file to choose and link to the explorer's own page, which shows the same.
    measures
        Which of `ACCURACIES` a reader can choose among.
    shown
        What to begin with, as the address of the explorer's page has it behind the ``#``:
        ``"width=1000&layers=32&width2=100&layers2=32&target=0.80"``.

    Raises
    ------
    ValueError
        There is no such view or measure.
    """
    for asked, known in [(views, VIEWS), (measures, ACCURACIES)]:
        if unknown := sorted(set(asked) - set(known)):
            raise ValueError(f"take some of {', '.join(known)} but not {', '.join(unknown)}")
    ordered = [view for view in VIEWS if view in views]
    whole = len(ordered) == len(VIEWS)
    conditions = {"": records, **(others or {})}
    widths = []
    for name, own in conditions.items():
        # Correlations are most of the bytes.
        chosen = ("train_accuracy",) if name else measures
        correlated = chosen if {"correlations", "table"} & set(views) else ()
        # A chapter has the intervals of its correlations in figures of its own.
        widths += measurements(own, name, measures=measures, correlated=correlated, intervals=whole)
    name = "ff-explorer" if whole else "ff-explorer is-part"
    return embedded(name, {"views": ordered, "shown": shown, "widths": widths})


def awakening(records: Records) -> Html:
    """What ``awakening.js`` turns into the animation of layers that light up.

    Parameters
    ----------
    records
        Measurements; shown is the width with the most seeds, and the widest of such.
    """
    found = cubes(records.layers, "layer", "train_accuracy")
    layers = max(found, key=lambda cube: (len(cube.seeds), cube.hidden))
    means = layers.values.mean(axis=0).T.astype(np.float32)
    return embedded(
        "ff-awakening",
        {
            "hidden": layers.hidden,
            "seeds": len(layers.seeds),
            "target": TARGET,
            "epochs": layers.epochs.tolist(),
            # In the fewest digits that name the float32.
            "layers": [[float(str(value)) for value in trace] for trace in means],
        },
    )


def learning(rate: float) -> Html:
    """What ``learn.js`` turns into a network that learns in the reader's browser.

    It holds the digits of 8 x 8 pixels to learn from and to validate with, a letter a pixel, and
    the configuration to begin with: `ff.Config`'s, of 8 layers of 100 units at constant learning
    rates.

    Parameters
    ----------
    rate
        Learning rate of the same network trained by backpropagation.
    """
    config = Config(dataset="digits", layers=8, hidden=100, cool_down=False).model_dump(mode="json")
    train, validation, _ = DIGITS
    counts, labels = (values[: train + validation] for values in small_digits())
    return embedded(
        "ff-learn",
        {
            "config": {name: config[name] for name in (*FIXED, *CHOSEN)},
            "settings": {name: config[name] for name in CHOSEN},
            "rate": rate,
            "train": train,
            "labels": "".join(map(str, labels)),
            "images": "".join(chr(ord("a") + count) for count in counts.flat),
        },
    )


def embedded(name: str, data: Mapping[str, Any], instead: str = CHAPTERS) -> Html:
    """An element that a script of the site finds by its class, with the data that it draws.

    Parameters
    ----------
    name
        The class.
    data
        Anything that JSON can hold.
    instead
        Where a reader without JavaScript finds the same.
    """
    # A "</script>" within a name must not end the element.
    numbers = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return Html(
        f'<div class="{name}"><script type="application/json">{numbers}</script>'
        f"<noscript>This view needs JavaScript; {instead}.</noscript></div>"
    )


def _unmeasured(rows: pd.DataFrame, column: str) -> bool:
    return column not in rows or bool(rows[column].isna().all())


def _means(cube: Cube) -> list[list[int]]:
    """Mean over seeds: for each key a list by epoch."""
    means = cube.values.mean(axis=0).T.astype(np.float32)
    # The fewest digits that name the float32: that of 0.7 is not a little less than 0.7. They end
    # before the ninth decimal, so that a hundredth of that is lost in no product.
    exact = np.array([[float(str(value)) for value in trace] for trace in means])
    return np.floor(exact / ACCURACY + 1e-5).astype(int).tolist()


def _halves(cube: Cube) -> list[list[int]] | None:
    if len(cube.seeds) == 1:
        return None
    mean, _, high = mean_band(cube.values)
    return np.rint((high - mean).T / ACCURACY).astype(int).tolist()


def _correlations(
    layers: Cube, networks: Cube, bands: bool
) -> dict[str, dict[str, list[list[int | None]]]]:
    """Pooled correlations up to each epoch, and if asked for, half of their intervals."""
    epochs, at, there = np.intersect1d(layers.epochs, networks.epochs, return_indices=True)
    x, y, seeds = layers.values[:, at], networks.values[:, there], len(layers.seeds)
    numbers: dict[str, list[np.ndarray]] = {}  # for each epoch, of (layers, depths)
    for last in layers.epochs:
        count = int((epochs <= last).sum())
        statistic = coefficients(x[:, :count], y[:, :count])
        values = leave_one_out(statistic, seeds) if bands else statistic(np.ones((1, seeds)))
        for i, coefficient in enumerate(COEFFICIENTS):
            numbers.setdefault(coefficient, []).append(values[0, i])
            if bands:
                high = FISHER.forward(jackknife(values[:, i], FISHER).high)
                half = high - FISHER.forward(values[0, i])
                numbers.setdefault(f"{coefficient}_half", []).append(half)
    return {
        name: {
            str(depth): [
                [None if np.isnan(own[i, k]) else round(own[i, k] / CORRELATION) for own in traces]
                for i in np.flatnonzero(layers.keys <= depth)
            ]
            for k, depth in enumerate(networks.keys)
        }
        for name, traces in numbers.items()
    }
