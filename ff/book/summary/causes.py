"""What a layer's delay hangs on: what the interventions have measured, in tables.

`ff.book.summary.why` says it in sentences, and holds it against what was expected.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ff.book.markup import estimate, layer_numbers
from ff.book.summary.variations import BEST
from ff.records import Records
from ff.stats import study
from ff.stats.delay import TARGET, mean_delay, slope

__all__ = [
    "AT_ONCE",
    "LAYER_NORM",
    "MOST",
    "MOVING",
    "MOVING_PLACE",
    "TRAINING",
    "YARDSTICKS",
    "Yardstick",
    "by_measure",
    "decision",
    "delays_of",
    "difference_of",
    "effects",
    "frozen_runs",
    "misses",
    "network",
    "own_delays",
    "own_epochs",
    "per_layer",
    "place_of",
    "slope_of",
    "slopes",
    "wait_beside",
    "waits",
]

WAITED = 1.0  # epochs of waiting that matter, at least
MOST = 0.1  # epochs per layer that matter, at least; a delay on a trained network was to grow less
AT_ONCE = "all past 0.7 after the first epoch"
MOVING = "one-after-another"  # the run whose layers start one epoch after each other
# What a layer's delay may hang on, besides its place in a frozen network.
TRAINING, LAYER_NORM = "training of the layers below", "layer normalization"
MOVING_PLACE = "its place where each starts one epoch later"


class Yardstick(NamedTuple):
    """A way to tell positive from negative samples.

    Attributes
    ----------
    by
        Its name.
    learned, seen
        Columns of a layer's accuracy: the one whose delay is taken, and that on validation images.
    delay, wait
        Names of the delay per layer and of the wait among what `ff.stats.study` compares.
    """

    by: str
    learned: str
    seen: str
    delay: str
    wait: str


YARDSTICKS = (
    Yardstick("Eq. 3", "train_accuracy", "validation_accuracy", "delay", "wait"),
    Yardstick("pairs", "pair_accuracy", "pair_accuracy", "pair delay", "pair wait"),
)


def frozen_runs(records: Mapping[str, Records]) -> dict[int, Records]:
    """Runs on frozen networks, by the epochs for which the network below has learned."""
    found = {}
    for name, own in records.items():
        config = own.runs[0]["config"]
        if name.startswith("on-frozen") and config["normalization"] == "rms":
            found[config["frozen_after"]] = own
    return dict(sorted(found.items()))


def own_epochs(records: Records) -> Records:
    """Records whose epochs count from each layer's own start.

    Parameters
    ----------
    records
        Of a run that says in which epochs each layer learns (`ff.Config.learns`); others come back
        as they are. Only as many epochs are left as every layer has.
    """
    spans = records.runs[0]["config"]["learns"]
    if not spans:
        return records
    layers: Any = records.layers
    before = layers["layer"].map({layer: first - 1 for layer, (first, _) in enumerate(spans, 1)})
    counted = layers.assign(epoch=layers["epoch"] - before)
    last = counted.groupby("layer")["epoch"].max().min()
    return Records(counted[counted["epoch"].between(1, last)], records.readouts, records.runs)


def own_delays(runs: Mapping[str, Records]) -> dict[str, pd.DataFrame]:
    """Delays of each layer from its own start, of runs by words for each, by both yardsticks.

    Without layer 1 on a frozen network: nothing below it was frozen.

    Returns
    -------
    dict
        Results of `ff.delay.mean_delay` with a further column: by ("Eq. 3" or "pairs").
    """
    return {words: delays_of(own) for words, own in runs.items()}


def delays_of(own: Records) -> pd.DataFrame:
    """Delays of each layer of one run, as of `own_delays`."""
    own = own_epochs(own)
    first = 2 if own.runs[0]["config"]["schedule"] == "on-frozen" else 1
    tables = [
        mean_delay(own.layers, column=yardstick.learned).assign(by=yardstick.by)
        for yardstick in YARDSTICKS
    ]
    return pd.concat(tables, ignore_index=True).query(f"layer >= {first}")


def waits(records: Mapping[str, Records]) -> pd.DataFrame:
    """Delay of each layer on each frozen network, beside how well the layer below it does.

    Parameters
    ----------
    records
        Of the study: the paper's network and those on frozen networks, of which one was trained.

    Returns
    -------
    DataFrame
        One row a yardstick, a layer from 2 and a number of epochs: by ("Eq. 3" or "pairs"), epochs,
        layer, below (accuracy of the layer below on validation images when it was frozen; of an
        untrained network it was not measured, which is left out), crossing, censored, last_epoch.
    """
    together = records["paper"].layers.groupby(["epoch", "layer"])
    tables = []
    for epochs, own in frozen_runs(records).items():
        if epochs:
            delays = delays_of(own)
            for yardstick in YARDSTICKS:
                rows: Any = delays[delays["by"] == yardstick.by]
                accuracy: Any = together[yardstick.seen].mean()
                below = [accuracy[epochs, layer - 1] for layer in rows["layer"]]
                kept = rows[["by", "layer", "crossing", "censored", "last_epoch"]]
                tables.append(kept.assign(epochs=epochs, below=below))
    return pd.concat(tables, ignore_index=True)


def effects(records: Mapping[str, Records]) -> pd.DataFrame:
    """What the interventions say of each cause that the delay might have, by both yardsticks.

    Parameters
    ----------
    records
        Of the study.

    Returns
    -------
    DataFrame
        Rows for `ff.figures.causes`: cause, what (was measured), by ("Eq. 3" or "pairs"), found
        (in words) and decided: "more" or "less" where the whole interval is beyond the margin (0.1
        epochs per layer, one epoch of waiting), "none" where it is within, else "undecided", or
        "not measured".
    """
    runs = frozen_runs(records)
    rows = []
    for epochs, own in sorted(runs.items(), reverse=True):
        for yardstick in YARDSTICKS:
            found = per_layer(own, yardstick)
            rows.append((place_of(epochs), "epochs per layer", yardstick.by, *found))
    for yardstick in YARDSTICKS:
        known = MOVING in records
        found = per_layer(records[MOVING], yardstick) if known else ("not measured", "not measured")
        rows.append((MOVING_PLACE, "epochs per layer", yardstick.by, *found))
    last = max(runs, default=0)
    pairs = {
        (TRAINING, "epochs more if untrained"): (
            (runs[0], runs[last]) if last and 0 in runs else None
        ),
        (LAYER_NORM, "epochs more with it, together"): (
            (records["normalization-layer"], records[BEST])
            if {"normalization-layer", BEST} <= records.keys()
            else None
        ),
    }
    for (cause, what), pair in pairs.items():
        for yardstick in YARDSTICKS:
            found = wait_beside(*pair, yardstick) if pair else ("not measured", "not measured")
            rows.append((cause, what, yardstick.by, *found))
    return pd.DataFrame(rows, columns=["cause", "what", "by", "found", "decided"])


def network(epochs: int) -> str:
    """What a network is called that was frozen after so many epochs."""
    return f"a network frozen after {epochs} epochs" if epochs else "an untrained network"


def place_of(epochs: int) -> str:
    """What a layer's place is called in a network that was frozen after so many epochs."""
    return f"its place in {network(epochs)}"


def slopes(layers: pd.DataFrame, column: str = "train_accuracy") -> pd.DataFrame:
    """Rows of `ff.delay.slope` over layers from 2 on; none where fewer than three arrive."""
    rows: Any = layers.query("layer > 1")
    censored: Any = mean_delay(rows, column=column)["censored"]
    table: Any = slope(rows, column=column)
    return table if (~censored).sum() >= study.FEWEST else table[:0]


def slope_of(own: Records, yardstick: Yardstick) -> dict[str, Any] | None:
    """Epochs that each further layer adds from its own start; None where too few arrive."""
    table: Any = slopes(own_epochs(own).layers, yardstick.learned)
    rows = table.query("segment == 'all'").to_dict("records")
    return rows[0] if rows else None


def per_layer(own: Records, yardstick: Yardstick) -> tuple[str, str]:
    """Epochs that each further layer adds from its own start: in words, and what they decide."""
    row = slope_of(own, yardstick)
    if row is None:
        return "too few layers arrive", "undecided"
    delays: Any = delays_of(own).query(f"by == '{yardstick.by}' and layer > 1")
    first = int(np.min(own.layers["epoch"]))
    if (delays["crossing"] <= first).all():
        return AT_ONCE, "none"  # no more than that between any two
    arrived = delays.loc[~delays["censored"], "layer"].tolist()
    over = "" if len(arrived) == len(delays) else f" ({layer_numbers(arrived)})"
    words = estimate(row["slope"], row["low"], row["high"]) + over
    return words, decision(row["low"], row["high"], MOST)


def wait_beside(own: Records, base: Records, yardstick: Yardstick) -> tuple[str, str]:
    """How many epochs longer the layers of one wait: in words, and what that decides.

    A wait counts the last epoch where a layer does not arrive. So the difference is a bound where
    that happens in one of the two, and nothing is decided where it happens in both.
    """
    row = by_measure(own, base)[yardstick.wait]
    decided = decision(row["low"], row["high"], WAITED)
    late, early = misses(own, yardstick.learned), misses(base, yardstick.learned)
    if late and early:
        return f"{difference_of(row)} (not all arrive in either)", "undecided"
    if late:
        return f"{difference_of(row)} (lower bound)", "more" if decided == "more" else "undecided"
    if early:
        return f"{difference_of(row)} (upper bound)", "less" if decided == "less" else "undecided"
    return difference_of(row), decided


def misses(own: Records, column: str) -> bool:
    """Whether a seed's layer above the first does not arrive."""
    highest: Any = own.layers.query("layer > 1").groupby(["seed", "layer"])[column].max()
    return bool(highest.min() < TARGET)


def decision(low: float, high: float, margin: float) -> str:
    """What an interval decides: "more", "less", "none" (within the margin) or "undecided"."""
    if low > margin or high < -margin:
        return "more" if low > margin else "less"
    return "none" if -margin < low and high < margin else "undecided"


def by_measure(own: Records, base: Records) -> dict[str, dict]:
    """Rows of `ff.stats.study.compared`, by what is measured."""
    return {row["measure"]: row for row in study.compared(own, base).to_dict("records")}


def difference_of(row: Mapping) -> str:
    """A difference and its interval, as text."""
    return estimate(row["difference"], row["low"], row["high"])
