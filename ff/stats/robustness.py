"""Do verdicts hang on choices? The same claims read in other ways, and on other trainings."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ff.records import Records
from ff.stats.claims import TESTED, verdicts
from ff.stats.evidence import Reading

__all__ = ["READINGS", "robustness"]

# What is varied of the reading, by the name of its kind and then its own.
READINGS = {
    "accuracy": {"validation": Reading(column="validation_accuracy")},
    "target": {f"{target:g}": Reading(target=target) for target in (0.6, 0.65, 0.75, 0.8)},
    "epochs": {f"{first} to 30": Reading(first_epoch=first) for first in (4, 11, 16)},
    "overall accuracy": {
        f"{low:g} to {high:g}": Reading(overall=(low, high))
        for low, high in ((0.3, 0.85), (0.7, 0.88))
    },
    "layers": {str(depth): Reading(depth=depth) for depth in (2, 4, 8, 16)},
    "coefficient": {"Spearman": Reading(coefficient="spearman")},
    "shallow": {f"1 to {last}": Reading(shallow=last) for last in (4, 8)},
    "left chance": {"all epochs": Reading(rose=0), "at 0.6": Reading(rose=0.6)},
}
TRAINING = "training"


def robustness(
    records: Records,
    others: Mapping[str, Records],
    readings: Mapping[str, Mapping[str, Reading]] = READINGS,
) -> pd.DataFrame:
    """Every verdict under every variation, of the reading or of the training.

    Parameters
    ----------
    records
        Measurements of networks of 32 layers.
    others
        The same, trained in another way, by what is different.
    readings
        Other ways to read the claims, by the name of a kind and then their own.

    Returns
    -------
    DataFrame
        A row for each number of `ff.claims.verdicts` and each variation: key, chapter, width, kind
        and variation (names of `readings`, or "training" and a name of `others`), verdict, value,
        low, high, main (the verdict without variation), counted (as in `verdicts`) and concerned:
        False where the variation does not enter the number, which is exactly the same then.
    """
    main = verdicts(records)
    varied = [
        (kind, name, verdicts(records, reading))
        for kind, named in readings.items()
        for name, reading in named.items()
    ]
    varied += [(TRAINING, name, verdicts(other)) for name, other in others.items()]
    numbers = ["value", "low", "high"]
    labels = ["key", "chapter", "width", "counted"]
    tables = []
    for kind, name, table in varied:
        table = main[[*labels, "verdict", *numbers]].merge(
            table[["key", "width", "verdict", *numbers]],
            on=["key", "width"],
            how="left",
            suffixes=("_main", ""),
        )
        before = table[[f"{number}_main" for number in numbers]].to_numpy()
        table["concerned"] = (before != table[numbers].to_numpy()).any(axis=1)
        table["verdict"] = table["verdict"].fillna("not measured")
        table = table.rename(columns={"verdict_main": "main"}).assign(kind=kind, variation=name)
        tables.append(table)
    columns = [*labels, "kind", "variation", "verdict", *numbers, "main", "concerned"]
    found: Any = pd.concat(tables, ignore_index=True)[columns]
    return found.loc[found["main"].isin(TESTED)].reset_index(drop=True)
