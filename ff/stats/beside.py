"""Two conditions beside each other: how they differ, seed by seed.

Two runs of a seed with the same images, batch, width and kind of device start from the same weights
and see the images in the same order, so that what is common to both cancels in their difference.
Where one of these differs, a seed has nothing in common but its number; intervals are right, and
no narrower than of other seeds. Every quantity is computed of both from the same seeds, and anew
without each one of these.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ff.errors import RecordsError
from ff.records import Records, apart, device
from ff.stats.delay import slopes_of_delays
from ff.stats.evidence import Evidence, Reading, evidence
from ff.stats.intervals import jackknife, leave_one_out

__all__ = ["Two", "by_layer", "differences", "two"]

KEYS = ["hidden", "seed"]


@dataclass(frozen=True)
class Two:
    """Two conditions on equal terms.

    Attributes
    ----------
    ways
        Records of the same widths, seeds, layers and depths of networks, by what the condition is
        called: first the one of interest, then the one that it is compared with.
    apart
        Settings in which they differ, such as "epochs 30 against 60", the first condition first.
    alike
        Whether a seed starts from the same weights and sees the images in the same order in both,
        so that what it has in common in both cancels in a difference.
    alone
        Widths of the first condition of which the other one has no network with the same seed.
    """

    ways: dict[str, Records]
    apart: list[str]
    alike: bool
    alone: list[int]

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table of `by_layer` or `differences` with the conditions' names over own and base."""
        return table.rename(columns=dict(zip(("own", "base"), self.ways, strict=True)))


def two(own: Records, base: Records, name: str, other: str) -> Two:
    """Keep what two conditions have in common.

    Parameters
    ----------
    own, base
        Records of two conditions. If they have no width in common, each of the first stands beside
        the nearest one of the second (by their ratio), which then goes by the width of the first.
    name, other
        What they are called.

    Raises
    ------
    RecordsError
        They have no seed or no depth of a network in common.
    """
    ours, theirs = (np.unique(records.layers["hidden"]) for records in (own, base))
    differs, alike = _apart(own.runs, base.runs)
    if not set(ours) & set(theirs):
        alike = False
        nearest = {width: theirs[np.argmin(abs(np.log(theirs / width)))] for width in ours}
        units = _listed(ours), _listed(np.unique([*nearest.values()]))
        differs.append(f"hidden {units[0]} against {units[1]}")
        name, other = f"{name} ({units[0]} units)", f"{other} ({units[1]} units)"
        tables = (
            pd.concat([rows[rows["hidden"] == at].assign(hidden=to) for to, at in nearest.items()])
            for rows in (base.layers, base.readouts)
        )
        base = Records(*tables, runs=base.runs)
    layers = _common(own.layers, base.layers, "layer")
    readouts = _common(own.readouts, base.readouts, "depth")
    if len(layers[0]) and readouts[0].empty:
        ours, theirs = (np.unique(records.readouts["depth"]) for records in (own, base))
        raise RecordsError(
            f"{name} has networks of {_listed(ours)} layers and {other} of {_listed(theirs)}: "
            "train a depth that both have"
        )
    deepest = readouts[0]["depth"].max()  # a layer is compared in a network that it is in
    layers = [rows.loc[rows["layer"] <= deepest, :] for rows in layers]
    if layers[0].empty:
        ours, theirs = (np.unique(records.layers["seed"]) for records in (own, base))
        raise RecordsError(
            f"differences are taken seed by seed, but {name} has seeds {_listed(ours)} and {other} "
            f"{_listed(theirs)}: train seeds that both have"
        )
    if other == name:
        name, other = f"{name} (records)", f"{other} (beside)"
    return Two(
        {
            name: Records(layers[0], readouts[0], own.runs),
            other: Records(layers[1], readouts[1], base.runs),
        },
        differs,
        alike,
        sorted(set(ours.tolist()) - set(layers[0]["hidden"].tolist())),
    )


def by_layer(pair: Two, reading: Reading = Reading()) -> pd.DataFrame:
    """How much later each layer is, and how much more it correlates with the network.

    Estimand: the difference, the first condition minus the second, of the delays of two mean
    traces, between epochs on a straight line; and of the absolute correlations over all pairs of
    seed and epoch, with the deepest network that both have.

    Parameters
    ----------
    pair
        Result of `two`.
    reading
        Accuracy, target and coefficient.

    Returns
    -------
    DataFrame
        A row for each quantity ("delay" or "correlation"), width and layer: quantity, hidden,
        layer, seeds, own, base, difference, low, high (95 %, Student's t, jackknife over seeds).
        A difference is NaN where one of the two does not reach the target or does not vary; an
        interval is infinite where a layer does not reach it without some seed, and NaN with a
        single seed.
    """
    quantities: dict[str, Callable[[Evidence], np.ndarray]] = {
        "delay": lambda e: e.delay,
        "correlation": lambda e: e.strength,
    }
    pairs, tables = _evidence(pair, reading), []
    for quantity, values in quantities.items():
        for own, base in pairs:
            table = {"quantity": quantity, "hidden": own.layers.hidden, "layer": own.number}
            table |= {"seeds": own.seeds} | _difference(values(own), values(base))
            tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True)


def differences(pair: Two, reading: Reading = Reading()) -> pd.DataFrame:
    """Differences of whole networks.

    Parameters
    ----------
    pair, reading
        As of `by_layer`.

    Returns
    -------
    DataFrame
        A row for each width and quantity: quantity, own, base, difference, low, high, hidden,
        seeds. Quantities: epochs of delay that a further layer adds (Theil-Sen slope over the
        layers that reach the target in both, found anew without each seed; where fewer than two do,
        each over its own layers, without a difference); the mean of the layers' absolute
        correlations; and the deepest readout's accuracies at the end.
    """
    tables = []
    for own, base in _evidence(pair, reading):
        both = np.isfinite(own.delay) & np.isfinite(base.delay)
        slopes = [
            slopes_of_delays(one.number, np.where(both, one.delay, np.inf))["all"]
            for one in (own, base)
        ]
        alone = [slopes_of_delays(one.number, one.delay)["all"][0] for one in (own, base)]
        values = {
            "epochs of delay that a further layer adds": slopes,
            f"|{reading.coefficient.capitalize()}|, mean of the layers": [
                one.strength.mean(axis=1) for one in (own, base)
            ],
        }
        hidden = own.layers.hidden
        for column in ("validation_accuracy", "test_accuracy"):
            values[f"readout's {column.replace('_', ' ')} at the end"] = [
                _at_the_end(records.readouts, hidden, column) for records in pair.ways.values()
            ]
        for quantity, (ours, theirs) in values.items():
            found = {name: float(of) for name, of in _difference(ours, theirs).items()}
            if ours is slopes[0] and np.isnan(found["difference"]):
                found["own"], found["base"] = map(float, alone)
            tables.append({"quantity": quantity} | found | {"hidden": hidden, "seeds": own.seeds})
    return pd.DataFrame(tables)


def _apart(own: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]]) -> tuple[list[str], bool]:
    """Settings that differ between runs, and whether a seed means the same in both."""
    if not own or not base:  # numbers that no run has measured
        return [], True
    same = all(own[0][key] == base[0][key] for key in ("dataset", "batch_size"))
    return apart(own[0], base[0]), same and set(map(device, own)) == set(map(device, base))


def _evidence(pair: Two, reading: Reading) -> list[tuple[Evidence, Evidence]]:
    """Evidence of both, a pair a width."""
    ours, theirs = (dict(evidence(records, reading)) for records in pair.ways.values())
    return [(ours[width], theirs[width]) for width in ours]


def _difference(own: np.ndarray, base: np.ndarray) -> dict[str, np.ndarray]:
    """Difference of two quantities, each (1 + seeds, ...): of all seeds, and without each."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        found = jackknife(own - base)
    there = np.isfinite(own[0]) & np.isfinite(base[0])
    each = {"own": own[0], "base": base[0]}
    parts = {name: np.where(np.isfinite(of), of, np.nan) for name, of in each.items()}
    of_both = {"difference": found.value, "low": found.low, "high": found.high}
    return parts | {name: np.where(there, of, np.nan) for name, of in of_both.items()}


def _at_the_end(readouts: pd.DataFrame, hidden: int, column: str) -> np.ndarray:
    """Accuracy of the deepest network after the last epoch, of all seeds and without each one."""
    rows: Any = readouts[readouts["hidden"] == hidden]
    rows = rows[(rows["depth"] == rows["depth"].max()) & (rows["epoch"] == rows["epoch"].max())]
    values = rows.sort_values("seed")[column].to_numpy(float)
    return leave_one_out(lambda weights: weights @ values / weights.sum(axis=1), len(values))


def _common(own: pd.DataFrame, base: pd.DataFrame, key: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the networks, and of their layers or depths, that both tables have."""
    columns = [*KEYS, key]
    ours, theirs = (pd.MultiIndex.from_arrays([t[c] for c in columns]) for t in (own, base))
    return own.loc[ours.isin(theirs)], base.loc[theirs.isin(ours)]


def _listed(numbers: np.ndarray) -> str:
    return ", ".join(map(str, numbers))
