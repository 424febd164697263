"""The table of the variations study once more, from the published files and in the plainest way.

Nothing of the library is used to compute it: what is compared is what the words of
``ff.stats.study`` say with what its code does.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ff.results import variants
from ff.stats.study import study

VARIATIONS = Path(__file__).parent.parent / "book" / "variations"
LONGER = "-60-epochs"  # ends the name of a run that was trained for longer
PAPER, BEST = "paper", "learning-rate-3x"  # the paper's network, and the same at its best rate
WIDE = "width-1000-"  # begins the name of a run with 1000 units
KEYS = ["hidden", "seed", "epoch", "layer", "depth"]
TARGET = 0.7
FEWEST = 3  # layers that make a slope

Row = dict[str, Any]  # by column of the table; a column that is missing is NaN


class Traces(NamedTuple):
    """Accuracy of the layers of a run, with the numbers of its epochs."""

    epochs: np.ndarray
    values: np.ndarray  # (seed, epoch, layer)

    def without(self, seed: int) -> "Traces":
        return Traces(self.epochs, np.delete(self.values, seed, 0))


class Run:
    """The published numbers of one folder."""

    def __init__(self, name: str):
        layers, readouts = (
            pd.read_parquet(VARIATIONS / name / f"{table}.parquet")
            for table in ("layers", "readouts")
        )
        self.seeds = set(layers["seed"])
        for rows in (layers, readouts):
            stopped = rows.drop(columns=KEYS, errors="ignore").isna().all(axis=1)
            self.seeds -= set(rows.loc[stopped, "seed"])
        compared: Any = layers[layers["layer"].between(2, 16)]
        self.layers: Any = compared.pivot(index=["seed", "epoch"], columns="layer")
        self.readouts: Any = readouts.pivot(index=["seed", "epoch"], columns="depth")
        self.depths = set(readouts["depth"])

    def traces(self, column: str, seeds: list[int]) -> Traces | None:
        """A column of layers 2 to 16, in the epochs in which it was measured, if it was."""
        rows = self.layers[column].loc[seeds].dropna(how="all").astype(float)
        epochs = rows.index.unique("epoch").to_numpy()
        shape = (len(seeds), len(epochs), rows.shape[1])
        return Traces(epochs, rows.to_numpy().reshape(shape)) if len(epochs) else None

    def readout(self, depth: int, seeds: list[int]) -> np.ndarray:
        """Test accuracy of a readout at the end, of each seed."""
        rows = self.readouts["test_accuracy"][depth].unstack("epoch")
        return rows.loc[seeds].to_numpy(float)[:, -1]


# --- The numbers of one run -----------------------------------------------------------------------


def reaches(trace: np.ndarray, target: float = TARGET) -> np.ndarray:
    """Where a trace is at the target or above, as exactly as float32 can tell."""
    return trace.astype(np.float32) >= np.float32(target)


def crossing(trace: np.ndarray, epochs: np.ndarray, target: float = TARGET) -> float:
    """Where the line between epochs crosses the target; infinite if the trace never reaches it."""
    reached = np.flatnonzero(reaches(trace, target))
    if not len(reached):
        return np.inf
    first = reached[0]
    if first == 0:
        return float(epochs[0])
    return float(np.interp(target, trace[first - 1 : first + 1], epochs[first - 1 : first + 1]))


def delays(run: Traces, target: float = TARGET) -> np.ndarray:
    """Of each layer, where the mean trace over seeds crosses the target."""
    return np.array([crossing(trace, run.epochs, target) for trace in run.values.mean(axis=0).T])


def waits(run: Traces) -> np.ndarray:
    """Of each seed, the mean over layers of the crossing, the last epoch where there is none."""
    each = [[crossing(trace, run.epochs) for trace in seed.T] for seed in run.values]
    return np.minimum(each, run.epochs[-1]).mean(axis=1)


def reaching(run: Traces) -> np.ndarray:
    """Of each seed, how many layers reach 0.7."""
    return reaches(run.values).any(axis=1).sum(axis=1)


def at_the_end(run: Traces) -> np.ndarray:
    """Of each seed, the mean over layers in the last epoch."""
    return run.values[:, -1].mean(axis=1)


def theil_sen(x: np.ndarray, y: np.ndarray) -> float:
    """Median of the slopes of all pairs of points; infinity minus infinity is none."""
    with np.errstate(invalid="ignore"):
        slopes = np.subtract.outer(y, y) / np.subtract.outer(x, x)
    slopes = slopes[~np.isnan(slopes)]
    return float(np.median(slopes)) if len(slopes) else np.nan


# --- Differences of two runs ----------------------------------------------------------------------


def paired(own: np.ndarray, base: np.ndarray) -> Row:
    """The t interval of the textbooks, of the differences of a number of each seed."""
    apart = own - base
    row: Row = {"own": own.mean(), "base": base.mean(), "difference": apart.mean()}
    if len(apart) == 1:
        return row
    if np.ptp(apart) == 0:
        return row | {"low": apart[0], "high": apart[0]}
    test: Any = stats.ttest_rel(own, base)
    interval = test.confidence_interval(0.95)
    return row | {"low": interval.low, "high": interval.high, "p": test.pvalue}


def of_each(number: Callable[[Traces], np.ndarray]) -> Callable[[Traces, Traces], Row]:
    """Compare a number of each seed's layers 2 to 16."""
    return lambda own, base: paired(number(own), number(base)) | {"over": "2 to 16"}


def ranges(layers: np.ndarray) -> str:
    """Layers as text: "2 to 5, 7"."""
    runs = pd.Series(layers).groupby(np.cumsum(np.diff(layers, prepend=0) != 1))
    ends = [(run.iloc[0], run.iloc[-1]) for _, run in runs]
    return ", ".join(f"{a} to {b}" if a < b else f"{a}" for a, b in ends) or "none"


def slopes(
    own: Traces, base: Traces, first: int = 2, last: int = 16, target: float = TARGET
) -> Row:
    """Slopes of delay over the layers that reach the target in both; the jackknife's interval."""
    numbers = np.arange(2, 17)
    common = np.isfinite(delays(own, target)) & np.isfinite(delays(base, target))
    common &= (first <= numbers) & (numbers <= last)
    layers = numbers[common]
    over = ranges(layers)
    if len(layers) < FEWEST:
        return {"over": over}

    def slope(run: Traces) -> float:
        return theil_sen(layers, delays(run, target)[common])

    n, ours, theirs = len(own.values), slope(own), slope(base)
    row: Row = {"own": ours, "base": theirs, "difference": ours - theirs, "over": over}
    if n == 1:
        return row
    each = np.array([[slope(run.without(seed)) for seed in range(n)] for run in (own, base)])
    if np.isinf(each).any():
        return row | {"low": -np.inf, "high": np.inf, "p": 1.0}
    left_out = each[0] - each[1]
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, n - 1) * error
    row |= {"low": row["difference"] - half, "high": row["difference"] + half}
    if np.ptp(left_out) > 0:
        row["p"] = 2 * stats.t.sf(abs(row["difference"]) / error, n - 1)
    return row


def differences(own: Run, base: Run, accuracy: str) -> pd.DataFrame:
    """A row for each measure, of the seeds that are complete in both."""
    seeds, rows = sorted(own.seeds & base.seeds), {}
    for measure, column, compare in (
        ("delay", accuracy, slopes),
        ("shallow delay", accuracy, partial(slopes, last=9)),
        ("deep delay", accuracy, partial(slopes, first=9)),
        ("delay at 0.8", accuracy, partial(slopes, target=0.8)),
        ("layers", accuracy, of_each(reaching)),
        ("wait", accuracy, of_each(waits)),
        ("pair delay", "pair_accuracy", slopes),
        ("pair wait", "pair_accuracy", of_each(waits)),
        ("probe", "probe_accuracy", of_each(at_the_end)),
        ("pairs", "pair_accuracy", of_each(at_the_end)),
    ):
        ours, theirs = (run.traces(column, seeds) for run in (own, base))
        rows[measure] = compare(ours, theirs) if ours and theirs else {"over": ""}
    depth = max(own.depths & base.depths)
    rows["readout"] = paired(*(run.readout(depth, seeds) for run in (own, base)))
    rows["readout"]["over"] = "the deepest"
    return pd.DataFrame.from_dict(rows, orient="index").assign(seeds=len(seeds))


def holm(p_values: pd.Series, tests: int) -> pd.Series:
    """The least p times the number of tests, the next times one less, each at least the former."""
    ordered: Any = p_values.dropna().sort_values()
    adjusted = (ordered * (tests - np.arange(len(ordered)))).cummax().clip(upper=1)
    return adjusted.reindex(p_values.index)


def base_of(name: str) -> str:
    """What a variant is compared with: where its learning rate was chosen, so is that of this.

    What was trained for longer is compared with what was trained for as long, and networks of 1000
    units with the paper's of that width.
    """
    if name.startswith(WIDE):
        return WIDE + PAPER
    if name.endswith(LONGER):
        return base_of(name.removesuffix(LONGER)) + LONGER
    return BEST if (VARIATIONS / "tuning" / f"{name}.parquet").exists() else PAPER


def is_compared(name: str, wide: bool) -> bool:
    others = (PAPER, PAPER + LONGER, WIDE + PAPER, "growing")
    other = name in others or name.startswith("digits")
    return not other and name.startswith(WIDE) == wide


@pytest.mark.parametrize("wide", [False, True])
def test_the_study_is_what_its_words_say(wide):
    runs = {file.parent.name: Run(file.parent.name) for file in VARIATIONS.glob("*/layers.parquet")}
    names = sorted(name for name, run in runs.items() if is_compared(name, wide) and run.seeds)
    records = variants(VARIATIONS)
    assert names == sorted(name for name in records if is_compared(name, wide))

    tables = {}
    for name in names:
        accuracy = "validation_accuracy" if name == "negatives-hard" else "train_accuracy"
        tables[name] = differences(runs[name], runs[base_of(name)], accuracy)
    expected: Any = pd.concat(tables, names=["variant", "measure"]).sort_index()
    # Two tests a variant; where Eq. 3 is undefined, pair accuracy stands in.
    measures = expected.index.get_level_values("measure")
    undefined = expected.xs("delay", level="measure")["over"] == ""
    stand_in = expected.index.get_level_values("variant").isin(undefined[undefined].index)
    tests = (measures == "readout") | (measures == np.where(stand_in, "pair delay", "delay"))
    expected["p_holm"] = holm(expected["p"].where(tests), tests=2 * len(names))

    found = study({name: (records[name], records[base_of(name)]) for name in names})
    found = found.set_index(["variant", "measure"]).sort_index()
    pd.testing.assert_frame_equal(found, expected, check_like=True, rtol=1e-5, atol=0)
