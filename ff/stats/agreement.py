"""Do two ways to run the same seeds agree? For a precision, a device or a version."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ff.config import Config
from ff.errors import RecordsError
from ff.provenance import configuration
from ff.records import Records, below, condition, device, provenance, read
from ff.results import PRECISION, RESULTS
from ff.stats.delay import TARGET, seed_delays
from ff.stats.intervals import mean_band
from ff.versions import short_commit

__all__ = ["agreement", "rounding", "rounding_origin", "unpaired"]


def agreement(reference: Records, other: Records, target: float = TARGET) -> pd.DataFrame:
    """Compare traces, delays and final accuracies of the seeds that two sets of records share.

    Rounding makes two runs of a seed part ways, in deep layers as far as two seeds are apart. What
    must not differ is the mean: a difference that is small beside the spread over seeds changes
    no conclusion that rests on that spread.

    Parameters
    ----------
    reference, other
        Records of the same configuration but for what is compared. Only widths, seeds and layers
        that both hold are compared.
    target
        Accuracy that counts as reached.

    Returns
    -------
    DataFrame
        A row for each width and quantity: `hidden`, `quantity`, `seeds`, `layers`, the mean of
        `reference`, `difference` (other minus reference, mean over seeds) with `low` and `high`,
        `spread`, the standard deviation over seeds of the reference (n - 1), and `within`: the
        whole interval lies closer to 0 than the spread.

    Raises
    ------
    RecordsError
        They have no seed of a width in common.
    """
    deepest = min(int(np.max(records.layers["layer"])) for records in (reference, other))
    both = [_summaries(records, deepest, target) for records in (reference, other)]
    paired = both[0].join(both[1].add_suffix("_other"), how="inner")
    if paired.empty:
        raise RecordsError(
            "the records have no seed of a width in common; train the same seeds both ways"
        )
    rows = []
    for hidden, seeds in paired.groupby("hidden"):
        for quantity in both[0]:
            values = seeds[quantity].to_numpy(float)
            found = mean_band(seeds[f"{quantity}_other"].to_numpy(float) - values)
            rows.append(_row(hidden, quantity, len(seeds), deepest, values, found))
    return pd.DataFrame(rows)


def unpaired(reference: Records, other: Records, target: float = TARGET) -> pd.DataFrame:
    """Compare records of which a seed is two different runs, such as on two kinds of device.

    Parameters
    ----------
    reference, other
        Records of the same configuration and widths.
    target
        Accuracy that counts as reached.

    Returns
    -------
    DataFrame
        As `agreement`, but `seeds` are those of `other`, and `low` and `high` are Student's 95 %
        interval for the difference of two means, of seeds that vary alike on both sides.

    Raises
    ------
    RecordsError
        `other` has a width that `reference` lacks.
    """
    from scipy import stats  # takes a second: only where it is used

    deepest = min(int(np.max(records.layers["layer"])) for records in (reference, other))
    both = [_summaries(records, deepest, target) for records in (reference, other)]
    shared = set(both[0].index.get_level_values("hidden"))
    rows = []
    for hidden, theirs in both[1].groupby("hidden"):
        if hidden not in shared:
            raise RecordsError(f"the reference has no width {hidden}; compare the same widths")
        for quantity in theirs:
            x, y = theirs[quantity], both[0].loc[hidden, quantity]
            test: Any = stats.ttest_ind(x, y)
            found = (np.mean(x) - np.mean(y), *test.confidence_interval())
            rows.append(_row(hidden, quantity, len(x), deepest, y, found))
    return pd.DataFrame(rows)


def rounding(*folders: Path) -> pd.DataFrame:
    """What a coarser precision changes, beside the spread over seeds.

    Parameters
    ----------
    *folders
        Each holds folders of records; the book's results and ``book/precision`` by default.

    Returns
    -------
    DataFrame
        As `agreement`, with float32 as the reference, and before its columns the `device` and the
        other `precision`: for each width, device and precision that was measured beside float32 in
        the default condition. Without any, the table is empty.
    """
    compared = []
    for where, reference, other in _pairs(folders):
        table = agreement(reference, other)
        table.insert(0, "device", where)
        table.insert(1, "precision", other.runs[0]["config"]["precision"])
        compared.append(table)
    return pd.concat(compared, ignore_index=True) if compared else pd.DataFrame()


def rounding_origin(*folders: Path) -> str:
    """Sentence that says at which commits the two sides of `rounding` were trained.

    Parameters
    ----------
    *folders
        As in `rounding`.
    """
    said = []
    for where, *both in _pairs(folders):
        width = both[0].runs[0]["config"]["hidden"]
        sides = (
            f"{side.runs[0]['config']['precision']} at commit "
            + " and ".join(sorted({short_commit(run["versions"]["commit"]) for run in side.runs}))
            for side in both
        )
        said.append(f"width {width}, {where}, in {' and in '.join(sides)}")
    return f"Trained: {'; '.join(said)}." if said else ""


def _pairs(folders: Sequence[Path]) -> list[tuple[str, Records, Records]]:
    """Device, records in float32 and in another precision, in the default condition else.

    A seed orders the images differently on another kind of device: only runs of one kind are pairs.
    """
    found: dict[tuple[int, str, str], dict[Path, set[int]]] = {}
    for folder in folders or (RESULTS, PRECISION):
        for path in below(folder):
            run = provenance(path / "layers.parquet")[0]
            config = configuration(run)
            if condition(run) == Config(precision=config.precision).condition:
                key = (config.widths[0], device(run), config.precision)
                found.setdefault(key, {})[path] = set(config.seed_list)
    pairs = []
    for (width, where, precision), paths in sorted(found.items()):
        seeds = set().union(*paths.values())
        reference = found.get((width, where, "float32"), {})
        shared = [path for path, own in reference.items() if own & seeds]
        if precision != "float32" and shared:
            pairs.append((where, read(*shared), read(*paths)))
    return pairs


def _row(
    hidden: object, quantity: str, seeds: int, deepest: int, reference: Any, found: Sequence[Any]
) -> dict[str, object]:
    """What is `found`, difference and interval, beside the values of the reference's seeds."""
    difference, low, high = map(float, found)
    spread = float(np.std(reference, ddof=1)) if len(reference) > 1 else np.nan
    return {
        "hidden": hidden,
        "quantity": quantity,
        "seeds": seeds,
        "layers": deepest,
        "reference": float(np.mean(reference)),
        "difference": difference,
        "low": low,
        "high": high,
        "spread": spread,
        "within": bool(max(-low, high) < spread),
    }


def _summaries(records: Records, deepest: int, target: float) -> pd.DataFrame:
    """One row for each width and seed."""
    layers = records.layers.loc[records.layers["layer"] <= deepest]
    readouts = records.readouts.loc[records.readouts["depth"] == deepest]
    last = readouts.loc[readouts["epoch"] == readouts["epoch"].max()]
    delays = seed_delays(layers, target)
    delays["crossing"] = delays["crossing"].fillna(delays["last_epoch"])  # not reached: at least
    key = ["hidden", "seed"]
    return pd.DataFrame(
        {
            "accuracy of layers, mean of epochs": layers.groupby(key)["train_accuracy"].mean(),
            "delay of layers, epochs": delays.groupby(key)["crossing"].mean(),
            "network's accuracy at the end": last.groupby(key)["validation_accuracy"].mean(),
        }
    )
