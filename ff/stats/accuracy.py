"""An accuracy of every layer and epoch, whatever the loss and the schedule."""

import numpy as np

from ff.records import Records

__all__ = ["by_pairs", "comparable"]

KEYS = ["hidden", "seed", "layer"]
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
