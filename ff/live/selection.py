"""What the results explorer shows: a part of the records, and its numbers."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ff.book.embed import ACCURACIES
from ff.config import Config
from ff.errors import RecordsError
from ff.live.labels import LABELS
from ff.provenance import configuration
from ff.quantities import words
from ff.records import Records, below, condition, device, diverged, read
from ff.results import RESULTS
from ff.stats import correlation, delay
from ff.stats.coefficients import COEFFICIENTS
from ff.stats.cubes import single_cube

__all__ = ["KINDS", "Selection", "conditions", "kinds"]

# Where a loss has no threshold, and Eq. 3 means nothing, pair accuracy is the first that there is.
KINDS = {
    words(column): column
    for column in (
        "train_accuracy",
        "validation_accuracy",
        "pair_accuracy",
        "validation_auroc",
        "probe_accuracy",
    )
}


def conditions(folder: str | Path = RESULTS) -> dict[str, dict[str, Records]]:
    """All records below a folder, by data set, then by the other settings in which runs differ.

    Parameters
    ----------
    folder
        Where ``ff train --out`` has written, at any depth; the book's results by default.

    Returns
    -------
    dict of dict of Records
        The inner names are such as ``"peer momentum 0.9"``, defaults first, or ``"all runs"``
        where the runs differ in nothing but data set, width, seeds and device. Runs that trained
        the same seeds on two devices are told apart, too.

    Raises
    ------
    RecordsError
        There are none, or some cannot be read or put together.
    """
    paths = below(folder)
    if not paths:
        raise RecordsError(
            f"there are no records below {folder}; measure some with 'ff train --out' there"
        )
    datasets: dict[str, dict[Path, dict[str, Any]]] = {}
    for path in paths:
        run = read(path).runs[0]
        datasets.setdefault(run["config"]["dataset"], {})[path] = run
    return {dataset: _conditions(runs) for dataset, runs in datasets.items()}


def _conditions(runs: dict[Path, dict[str, Any]]) -> dict[str, Records]:
    """The records of one data set, by the settings in which its runs differ."""
    # The same seed of a width cannot be read together twice: of two depths, or of two devices.
    settings = {p: condition(run) | {"layers": run["config"]["layers"]} for p, run in runs.items()}
    seeds = [
        (str(settings[path]), width, seed)
        for path, own in ((path, configuration(run)) for path, run in runs.items())
        for width in own.widths
        for seed in own.seed_list
    ]
    if len(set(seeds)) < len(seeds):
        settings = {path: own | {"device": device(runs[path])} for path, own in settings.items()}
    apart = [
        key
        for key in Config.model_fields
        if len({str(own.get(key)) for own in settings.values()}) > 1
    ]
    standard = Config()
    unusual = {
        path: [run["config"][key] != getattr(standard, key) for key in apart]
        for path, run in runs.items()
    }
    named: dict[str, list[Path]] = {}
    for path in sorted(runs, key=lambda path: unusual[path]):
        values = [f"{_words(key)} {settings[path][key]}" for key in apart]
        named.setdefault(", ".join(values) or "all runs", []).append(path)
    return {name: read(*folders) for name, folders in named.items()}


def _words(key: str) -> str:
    """Name of a setting: that of its control if there is one."""
    return LABELS.get(key, key.replace("_", " ")).lower()


def kinds(layers: pd.DataFrame) -> list[str]:
    """Names of the `KINDS` that a `layers` table holds; all of them if it holds none."""
    there = set(layers.columns[layers.notna().any()])
    return [name for name, column in KINDS.items() if column in there] or list(KINDS)


@dataclass(frozen=True)
class Selection:
    """Some seeds and epochs of one network.

    Every number is about all chosen seeds: a layer's end where the first of them has none any more,
    because that layer was frozen (schedule: in-turn) or the seed has diverged.

    Attributes
    ----------
    records
        Of one condition.
    hidden, depth
        Width, and number of layers.
    column
        What counts as a layer's accuracy: a value of `KINDS`.
    epochs
        First and last, both included.
    seeds
        Which of them.
    """

    records: Records
    hidden: int
    depth: int
    column: str
    epochs: tuple[int, int]
    seeds: tuple[int, ...]

    @property
    def overall(self) -> str:
        """What counts as the whole network's accuracy: the readout has no AUROC, and no pairs."""
        return ACCURACIES.get(self.column, "validation_accuracy")

    @cached_property
    def layers(self) -> pd.DataFrame:
        """The rows of the `layers` table."""
        rows = self._chosen(self.records.layers)
        return rows.loc[rows["layer"] <= self.depth]

    @cached_property
    def readouts(self) -> pd.DataFrame:
        """The rows of the `readouts` table."""
        rows = self._chosen(self.records.readouts)
        return rows.loc[rows["depth"] == self.depth]

    @cached_property
    def traces(self) -> pd.DataFrame:
        """Mean accuracy over seeds: a row an epoch, a column a layer; NaN where there is none.

        Raises
        ------
        RecordsError
            No layer was measured in all chosen seeds at any of the epochs.
        """
        found = [single_cube(part, "layer", self.column) for part in self._measured_layers]
        means = [pd.DataFrame(c.values.mean(axis=0), index=c.epochs, columns=c.keys) for c in found]
        return pd.concat(means, axis=1).sort_index().reindex(columns=range(1, self.depth + 1))

    @cached_property
    def network(self) -> pd.Series:
        """Mean accuracy of the readout over seeds, by epoch; empty if it was not measured."""
        found = [single_cube(part, "depth", self.overall) for part in self._measured_readouts]
        means = [pd.Series(c.values.mean(axis=0)[:, 0], index=c.epochs) for c in found]
        return means[0] if means else pd.Series(dtype=float)

    @cached_property
    def correlations(self) -> pd.DataFrame:
        """Pooled correlation with the network: a row a layer, columns ``pearson``, ``spearman``.

        There are no rows where layers and readout do not learn in the same epochs.
        """
        tables = [
            correlation.pooled(layers, readouts, self.column, self.overall)
            for layers in self._measured_layers
            for readouts in self._measured_readouts
            if not self._in_turn
        ]
        if not tables:
            return pd.DataFrame(columns=list(COEFFICIENTS), dtype=float)
        return pd.concat(tables).pivot(index="layer", columns="coefficient", values="r")

    def numbers(self, target: float) -> pd.DataFrame:
        """What is shown, as a table.

        Parameters
        ----------
        target
            Accuracy to reach, between 0 and 1.

        Returns
        -------
        DataFrame
            A row a layer: layer, accuracy (mean over seeds at the epoch `until`), epoch and
            crossing with its interval (see `ff.delay.mean_delay`), until (the last epoch at which
            the layer was measured), censored (not reached until then), pearson, spearman. NaN where
            the layer was not measured at all.

        Raises
        ------
        RecordsError
            As `traces` does.
        """
        traces = self.traces
        found = [delay.mean_delay(part, target, self.column) for part in self._measured_layers]
        table: Any = pd.concat(found).set_index("layer").reindex(traces.columns)
        table["until"] = table["last_epoch"]
        table = table[["epoch", "crossing", "crossing_low", "crossing_high", "until"]]
        table["censored"] = table["epoch"].isna() & table["until"].notna()
        table.insert(0, "accuracy", traces.ffill().iloc[-1])
        return table.join(self.correlations).rename_axis("layer").reset_index()

    def hints(self, numbers: pd.DataFrame) -> list[str]:
        """Sentences that say which `numbers` could not be computed, and what would help."""
        found = []
        if np.all(np.isnan(numbers["epoch"])):
            found.append("No layer reaches the target: lower it, or take in more epochs.")
        if self._in_turn:
            found.append(
                "Layers learn one after the other, then the readout (schedule: in-turn): epochs "
                "count from each one's own start, no layer can be correlated with the whole "
                "network, and a layer's numbers end when the first of these seeds has frozen it."
            )
        elif np.all(np.isnan(numbers["pearson"])):
            found.append(
                "A correlation needs accuracies that vary: take in more epochs, or more seeds."
            )
        return found + self.stopped()

    def stopped(self) -> list[str]:
        """Say where numbers end because a chosen seed has diverged; empty if they do not."""
        found = [
            (row["epoch"], row["seed"])
            for row in diverged(self.records)
            if row["hidden"] == self.hidden
            and row["seed"] in self.seeds
            and row["epoch"] <= self.epochs[1]
        ]
        return [
            f"Seed {seed} diverged in epoch {epoch}, where the numbers of these seeds end: choose "
            "other seeds to see more."
            for epoch, seed in sorted(found)[:1]
        ]

    def config(self) -> Config:
        """Configuration that trains the selected network and seeds again.

        It has all epochs of the original run: the learning rate's schedule depends on their number.
        """
        chosen = {"layers": self.depth, "hidden": self.hidden, "seeds": list(self.seeds)}
        return Config(**{**self._run, **chosen, "device": "auto"})

    def described(self, table: pd.DataFrame, target: float) -> pd.DataFrame:
        """Add columns that say what was selected, so that the table can be read on its own."""
        chosen: dict[str, Any] = {
            "dataset": self._run["dataset"],
            "hidden": self.hidden,
            "depth": self.depth,
            "kind": self.column,
            "target": target,
            "first_epoch": self.epochs[0],
            "last_epoch": self.epochs[1],
            "seeds": len(self.seeds),
        }
        return pd.DataFrame(chosen, index=table.index).join(table)

    @property
    def _run(self) -> dict[str, Any]:
        """What the run of this width has noted as its configuration."""
        configs = (run["config"] for run in self.records.runs)
        return next(config for config in configs if self.hidden in np.atleast_1d(config["hidden"]))

    @property
    def _in_turn(self) -> bool:
        """Whether layers learn one after the other: their epochs are not the readout's."""
        return self._run["schedule"] == "in-turn"

    @cached_property
    def _measured_layers(self) -> list[pd.DataFrame]:
        """The rows of `layers` that all chosen seeds have: a table for those of the same epochs."""
        if found := _measured(self.layers, "layer", self.column, len(self.seeds)):
            return found
        first, last = self.epochs
        raise RecordsError(
            f"no layer has a {words(self.column)} in all of these seeds at any epoch from {first} "
            f"to {last}; choose other epochs or seeds"
        )

    @cached_property
    def _measured_readouts(self) -> list[pd.DataFrame]:
        """The rows of `readouts` that all chosen seeds have: one table, or none."""
        return _measured(self.readouts, "depth", self.overall, len(self.seeds))

    def _chosen(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.loc[
            (frame["hidden"] == self.hidden)
            & frame["epoch"].between(*self.epochs)
            & frame["seed"].isin(self.seeds)
        ]


def _measured(rows: pd.DataFrame, key: str, column: str, seeds: int) -> list[pd.DataFrame]:
    """Rows at the epochs at which a column was measured in all seeds.

    A table for all the keys (layers or depths) with the same epochs: the statistics take nothing
    that has gaps.
    """
    if column not in rows:
        return []
    counts: Any = rows.groupby(["epoch", key])[column].count().unstack(key)
    alike: dict[tuple[int, ...], list[int]] = {}
    for label, whole in (counts == seeds).items():
        alike.setdefault(tuple(counts.index[whole]), []).append(label)
    return [
        rows.loc[rows[key].isin(labels) & rows["epoch"].isin(epochs)]
        for epochs, labels in alike.items()
        if epochs
    ]
