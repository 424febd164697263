"""A network that grows layer by layer: what each layer adds, and what it costs."""

from typing import Any

import numpy as np
import pandas as pd

from ff.records import Records
from ff.stats.cubes import single_cube
from ff.stats.intervals import holm, jackknife, leave_one_out, mean_band

__all__ = ["beside_together", "epochs_of_growth", "gains", "growth_cost"]


def gains(readouts: pd.DataFrame, column: str = "test_accuracy") -> pd.DataFrame:
    """What each further layer adds to the readout's accuracy at the end, paired by seed.

    Parameters
    ----------
    readouts
        The `readouts` table of `ff.Records`, of one width and consecutive depths.
    column
        Which accuracy; that on test images, since a grown network is chosen by validation images.

    Returns
    -------
    DataFrame
        One row a depth: depth, seeds, accuracy, and its gain over the next shallower network with
        low, high, p and p_holm (adjusted for the number of depths); NaN for the shallowest.
    """
    cube = single_cube(readouts, "depth", column)
    last = cube.values[:, -1]  # (seeds, depths)
    steps = np.diff(last)  # (seeds, depths - 1)

    def mean(weights: np.ndarray) -> np.ndarray:
        return weights @ steps / weights.sum(1, keepdims=True)

    gain = jackknife(leave_one_out(mean, len(last)))
    table = pd.DataFrame({"depth": cube.keys, "seeds": len(last), "accuracy": last.mean(0)})
    parts = {"gain": gain.value, "low": gain.low, "high": gain.high, "p": gain.p(0.0)}
    table = table.assign(**{name: [np.nan, *part] for name, part in parts.items()})
    p_values: Any = table["p"]
    return table.assign(p_holm=holm(p_values))


def epochs_of_growth(layers: pd.DataFrame) -> pd.DataFrame:
    """Epochs that each layer of each seed learns until it is frozen.

    Parameters
    ----------
    layers
        The `layers` table of a run with schedule "in-turn": a row is NaN once its layer is frozen.

    Returns
    -------
    DataFrame
        Counts, a row a seed and a column a layer.
    """
    own: Any = layers[layers["pair_accuracy"].notna()]
    return own.groupby(["seed", "layer"]).size().unstack("layer")


def beside_together(grown: Records, together: Records) -> pd.DataFrame:
    """Grown networks beside those whose layers learn together, of the same seeds, at three costs.

    Estimand: the mean difference in validation accuracy of the readout; test accuracy is only
    measured at the end. Grown networks are seen when their readouts have learned.

    Parameters
    ----------
    grown, together
        Records of one width and the same seeds and depths; those of `grown` have schedule
        "in-turn".

    Returns
    -------
    DataFrame
        Three rows a depth: depth, cost, epoch (of the network whose layers learn together, mean
        over seeds), grown, together, difference, low, high. The costs are ``equal updates`` (the
        epoch at which it has had as many updates of layers as the grown network of this depth, or
        the last one), ``best`` (the epoch of its highest mean accuracy) and ``whole`` (the last).
    """
    column = "validation_accuracy"
    own, other = (single_cube(both.readouts, "depth", column) for both in (grown, together))
    learned = epochs_of_growth(grown.layers).to_numpy().cumsum(axis=1)  # (seeds, layers)
    seeds, last = np.arange(len(own.seeds)), len(other.epochs) - 1
    rows = []
    for k, depth in enumerate(own.keys):
        trace = other.values[..., k]  # (seeds, epochs)
        same = np.rint(learned[:, depth - 1] / depth).astype(int)
        at = {
            "equal updates": np.clip(np.searchsorted(other.epochs, same), 0, last),
            "best": np.full(len(seeds), trace.mean(axis=0).argmax()),
            "whole": np.full(len(seeds), last),
        }
        for cost, chosen in at.items():
            ours, theirs = own.values[:, -1, k], trace[seeds, chosen]
            difference, low, high = mean_band((ours - theirs)[:, None])
            rows.append(
                {
                    "depth": depth,
                    "cost": cost,
                    "epoch": other.epochs[chosen].mean(),
                    "grown": ours.mean(),
                    "together": theirs.mean(),
                    "difference": difference[0],
                    "low": low[0],
                    "high": high[0],
                }
            )
    return pd.DataFrame(rows)


def growth_cost(layers: pd.DataFrame, depth: int, classes: int = 10) -> dict[str, float]:
    """What a grown network costs up to a depth, mean over seeds, in epochs of one layer.

    An epoch of one layer that learns together with others: three samples of each image pass it, the
    positive, the negative and one without a label, for the readout. A layer that grows needs the
    first two. With the epochs in which its readout learns, once the layers are frozen; without
    passes for what is only measured, such as probes and validation images.

    Parameters
    ----------
    layers
        The `layers` table of a run with schedule "in-turn": a row is NaN once its layer is frozen.
    depth
        Layers that are grown.
    classes
        Labels that a sample may show: a frozen layer's outputs are kept for each, and for none.

    Returns
    -------
    dict
        ``updates``; ``forward``, passes where every step goes through all frozen layers below; and
        ``cached``, where a frozen layer's outputs are kept, so that each image with each label
        passes it once.
    """
    readout = int(np.max(layers["epoch"]))
    epochs = epochs_of_growth(layers).to_numpy(float)[:, :depth]  # (seeds, depth)
    number = np.arange(1, depth + 1)
    sample = 1 / 3  # of an epoch's passes: one sample of each image
    once = (classes + 1) * sample
    return {
        "updates": float(epochs.sum(1).mean()),
        "forward": sample * float((2 * epochs * number).sum(1).mean() + depth * readout),
        "cached": float((2 * sample * epochs + once).sum(1).mean()),
    }
