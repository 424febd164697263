"""Do verdicts hang on choices? The same claims read in other ways, and on other trainings."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pandas as pd

from ff.records import Records
from ff.stats.claims import CLAIMS, TESTED, verdicts
from ff.stats.evidence import Reading

__all__ = ["READINGS", "differing", "reached", "robustness"]

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
    "coefficient": {
        f"Spearman{words}": Reading(coefficient="spearman", depth=depth)
        for depth, words in ((32, ""), *((n, f", {n} layers") for n in (2, 4, 8, 16)))
    },
    "shallow": {f"1 to {last}": Reading(shallow=last) for last in (4, 8)},
    "spread": {
        "all epochs": Reading(rose=0),
        "from 0.6 on": Reading(rose=0.6),
        "without layer 1": Reading(selected=(4, 8, 16, 24, 32)),
    },
}
TRAINING = "training"
ALWAYS = ("column", "depth", TRAINING)  # enter every number


def robustness(
    records: Records,
    others: Mapping[str, Records],
    readings: Mapping[str, Mapping[str, Reading]] = READINGS,
    usual: Reading = Reading(),
    chapter: str | None = None,
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
    usual
        The way that they are varied from.
    chapter
        Only the claims that this chapter computes, such as "rq1_delay"; None for all.

    Returns
    -------
    DataFrame
        A row for each number of `ff.claims.verdicts` and each variation: key, chapter, width, kind
        and variation (names of `readings`, or "training" and a name of `others`), verdict, value,
        low, high, main (the verdict without variation), counted (as in `verdicts`) and concerned:
        False where the variation does not enter the number.
    """
    claims = [claim for claim in CLAIMS if chapter in (None, claim.chapter)]
    main: Any = verdicts(records, usual, claims)
    main = main[main["verdict"].isin(TESTED)]
    varied = [
        (kind, name, records, reading, differing(reading, usual))
        for kind, named in readings.items()
        for name, reading in named.items()
    ]
    varied += [(TRAINING, name, other, usual, {TRAINING}) for name, other in others.items()]
    labels = ["key", "chapter", "width", "counted"]
    numbers = ["verdict", "value", "low", "high"]
    tables = []
    for kind, name, of, reading, changed in varied:
        concerned = [claim for claim in claims if changed <= {*claim.reads, *ALWAYS}]
        table = main[[*labels, *numbers]].assign(main=main["verdict"], kind=kind, variation=name)
        table["concerned"] = table["key"].isin([claim.key for claim in concerned])
        if concerned:
            found = verdicts(of, reading, concerned).set_index(["key", "width"])[numbers]
            here = pd.MultiIndex.from_frame(table[["key", "width"]])
            own: Any = found.reindex(here).fillna({"verdict": "not measured"}).set_axis(table.index)
            for number in numbers:
                table[number] = own[number].where(table["concerned"], table[number])
        tables.append(table)
    columns = [*labels, "kind", "variation", "verdict", "value", "low", "high", "main", "concerned"]
    return pd.concat(tables or [pd.DataFrame(columns=columns)], ignore_index=True).loc[:, columns]


def reached(varied: pd.DataFrame) -> pd.DataFrame:
    """The rows in which a variation enters a number and a verdict is reached.

    Parameters
    ----------
    varied
        Result of `robustness`.

    Returns
    -------
    DataFrame
        These rows, with the columns `same` and `opposite`: whether the verdict is the one without
        variation, or decided the other way.
    """
    rows: Any = varied.loc[varied["concerned"] & varied["verdict"].isin(TESTED)]
    same = rows["verdict"] == rows["main"]
    both = (rows[["verdict", "main"]] != "undecided").all(axis=1)
    return rows.assign(same=same, opposite=both & ~same)


def differing(reading: Reading, usual: Reading) -> set[str]:
    """Names of the choices in which a reading is not the usual one.

    Parameters
    ----------
    reading, usual
        Two readings.
    """
    names = [field.name for field in fields(Reading)]
    return {name for name in names if getattr(reading, name) != getattr(usual, name)}
