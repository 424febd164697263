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
from ff.quantities import words
from ff.records import Records, below, condition, configuration, device, read
from ff.results import RESULTS
from ff.stats import correlation, delay
from ff.stats.cubes import cubes

__all__ = ["KINDS", "Selection", "conditions"]

KINDS = {words(column): column for column in ACCURACIES}


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
        values = [f"{key.replace('_', ' ')} {settings[path][key]}" for key in apart]
        named.setdefault(", ".join(values) or "all runs", []).append(path)
    return {name: read(*folders) for name, folders in named.items()}


@dataclass(frozen=True)
class Selection:
    """Some seeds and epochs of one network.

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
        """What counts as the whole network's accuracy: the readout has no AUROC."""
        return ACCURACIES[self.column]

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
        """Mean accuracy over seeds: a row an epoch, a column a layer."""
        cube = next(cubes(self.layers, "layer", self.column))
        return pd.DataFrame(cube.values.mean(axis=0), index=cube.epochs, columns=cube.keys)

    @cached_property
    def network(self) -> pd.Series:
        """Mean accuracy of the readout over seeds, by epoch."""
        cube = next(cubes(self.readouts, "depth", self.overall))
        return pd.Series(cube.values.mean(axis=0)[:, 0], index=cube.epochs)

    @cached_property
    def correlations(self) -> pd.DataFrame:
        """Pooled correlation with the network: a row a layer, columns ``pearson``, ``spearman``."""
        table = correlation.pooled(self.layers, self.readouts, self.column, self.overall)
        return table.pivot(index="layer", columns="coefficient", values="r")

    def numbers(self, target: float) -> pd.DataFrame:
        """What is shown, as a table.

        Parameters
        ----------
        target
            Accuracy to reach, between 0 and 1.

        Returns
        -------
        DataFrame
            A row a layer: layer, accuracy (mean over seeds at the last epoch), epoch and crossing
            with its interval (see `ff.delay.mean_delay`), censored, pearson, spearman.
        """
        table = delay.mean_delay(self.layers, target, self.column).set_index("layer")
        table = table[["epoch", "crossing", "crossing_low", "crossing_high", "censored"]]
        table.insert(0, "accuracy", self.traces.iloc[-1])
        return table.join(self.correlations).reset_index()

    def hints(self, numbers: pd.DataFrame) -> list[str]:
        """Sentences that say which `numbers` could not be computed, and what would help."""
        found = []
        if np.all(numbers["censored"]):
            found.append("No layer reaches the target: lower it, or take in more epochs.")
        if np.all(np.isnan(numbers["pearson"])):
            found.append(
                "A correlation needs accuracies that vary: take in more epochs, or more seeds."
            )
        return found

    def config(self) -> Config:
        """Configuration that trains the selected network and seeds again.

        It has all epochs of the original run: the learning rate's schedule depends on their number.
        """
        run = next(
            run
            for run in self.records.runs
            if self.hidden in np.atleast_1d(run["config"]["hidden"])
        )
        chosen = {"layers": self.depth, "hidden": self.hidden, "seeds": list(self.seeds)}
        return Config(**{**run["config"], **chosen, "device": "auto"})

    def described(self, table: pd.DataFrame, target: float) -> pd.DataFrame:
        """Add columns that say what was selected, so that the table can be read on its own."""
        config = self.config()
        chosen: dict[str, Any] = {
            "dataset": config.dataset,
            "hidden": self.hidden,
            "depth": self.depth,
            "kind": self.column,
            "target": target,
            "first_epoch": self.epochs[0],
            "last_epoch": self.epochs[1],
            "seeds": len(self.seeds),
        }
        return pd.DataFrame(chosen, index=table.index).join(table)

    def _chosen(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.loc[
            (frame["hidden"] == self.hidden)
            & frame["epoch"].between(*self.epochs)
            & frame["seed"].isin(self.seeds)
        ]
