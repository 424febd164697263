"""An accuracy of every layer and epoch, whatever the loss and the schedule."""

from typing import Any

import numpy as np

from ff.records import Records
from ff.stats.evidence import ROSE

__all__ = ["advice", "by_pairs", "comparable"]

KEYS = ["hidden", "seed", "layer"]
BRIGHT = 10  # times as bright a label, which is seen in most images
PAIRS = {"train_accuracy": "pair_accuracy", "validation_accuracy": "pair_accuracy"}


def by_pairs(records: Records) -> bool:
    """Whether the loss has no threshold, so that Eq. 3 is undefined."""
    return bool(np.isnan(records.layers["train_accuracy"]).all())


def comparable(records: Records) -> Records:
    """Fill in the accuracies that the statistics need.

    Parameters
    ----------
    records
        Of complete seeds.

    Returns
    -------
    Records
        A frozen layer stays what it was (schedule in-turn). Where Eq. 3 is undefined
        (`by_pairs`), the accuracy of pairs takes its place.
    """
    layers = records.layers
    if any(run["config"]["schedule"] == "in-turn" for run in records.runs):
        layers = layers.fillna(layers.groupby(KEYS).ffill())
    if by_pairs(records):
        layers = layers.assign(**{name: layers[pairs] for name, pairs in PAIRS.items()})
    return Records(layers, records.readouts, records.runs)


def advice(records: Records) -> str:
    """What may help networks of which no layer has left chance, in words.

    Parameters
    ----------
    records
        Of complete seeds.

    Returns
    -------
    str
        Empty if a layer of each width has left chance.
    """
    layers = comparable(records).layers
    means: Any = layers.groupby(["hidden", "layer", "epoch"])["train_accuracy"].mean()
    best = means.groupby("hidden").max()
    asleep = best[best < ROSE]
    if asleep.empty:
        return ""
    widths = ", ".join(map(str, asleep.index))
    remedies = ["more epochs", "a lower or a higher learning_rate", "a lower threshold"]
    config = records.runs[0]["config"] if records.runs else {}
    if config.get("normalization") != "layer":
        remedies.append("normalization=layer")
    if config.get("label_intensity", 0) < BRIGHT:
        remedies.append(f"label_intensity={BRIGHT}, with which the label stands out of the image")
    return (
        f"No layer of {widths} units has left chance: the best one is right on {asleep.max():.3f} "
        f"of the samples, where guessing is on 0.5. Try {', '.join(remedies[:-1])} or "
        f"{remedies[-1]}."
    )
