"""Records with a known answer: logistic learning curves, each layer later than the one before."""

import numpy as np
import pandas as pd
from hypothesis import settings

import ff

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
    random_state: int = 0,
) -> ff.Records:
    """Accuracy (1 + p) / 2 with p logistic in the epoch: 0.75 at epoch `start + delay * (layer-1)`.

    `jitter` moves a whole seed, in epochs; `noise` moves single accuracies.
    """
    rng = np.random.default_rng(random_state)
    parts = {"layer": [], "depth": []}
    for width in hidden:
        shift = rng.normal(0, jitter, seeds)[:, None, None]
        for key, labels in {"layer": np.arange(1, layers + 1), "depth": np.array(depths)}.items():
            epoch = np.arange(1, epochs + 1)[:, None]
            late = epoch - start - delay * (labels - 1) - shift  # (seeds, epochs, labels)
            values = 0.5 + 0.5 / (1 + np.exp(-late)) + rng.normal(0, noise, late.shape)
            index = pd.MultiIndex.from_product(
                [[width], range(1, seeds + 1), range(1, epochs + 1), labels],
                names=["hidden", "seed", "epoch", key],
            )
            flat = values.clip(0, 1).ravel().astype(np.float32)
            columns = {"train_accuracy": flat, "validation_accuracy": flat - np.float32(0.01)}
            parts[key].append(pd.DataFrame(columns, index=index).reset_index())
    frames = [pd.concat(tables, ignore_index=True) for tables in parts.values()]
    return ff.Records(frames[0], frames[1], ())


def traces(accuracy: object, hidden: int = 100) -> pd.DataFrame:
    """Turn accuracies (seeds, epochs, layers) into a `layers` table."""
    values = np.asarray(accuracy, dtype=np.float32)
    axes = [range(1, size + 1) for size in values.shape]
    index = pd.MultiIndex.from_product(
        [[hidden], *axes], names=["hidden", "seed", "epoch", "layer"]
    )
    return pd.DataFrame({"train_accuracy": values.ravel()}, index=index).reset_index()
