"""The table of the variations study once more, from the published files and in the plainest way.

Nothing of the library is used to compute it: what is compared is what the words of
``ff.stats.study`` say with what its code does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ff.results import variants
from ff.stats.study import study

VARIATIONS = Path(__file__).parent.parent / "book" / "variations"
PAPER, BEST = "paper", "learning-rate-3x"  # the paper's network, and the same at its best rate
KEYS = ["hidden", "seed", "epoch", "layer", "depth"]
TARGET = 0.7
FEWEST = 3  # layers that make a slope

Row = dict[str, Any]  # by column of the table; a column that is missing is NaN


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
        deepest: Any = readouts[readouts["depth"] == readouts["depth"].max()]
        compared: Any = layers[layers["layer"].between(2, 16)]
        self.deepest = deepest.pivot(index=["seed", "epoch"], columns="depth")
        self.layers = compared.pivot(index=["seed", "epoch"], columns="layer")

    def traces(self, column: str, seeds: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Epochs, and a column of layers 2 to 16: (seed, epoch, layer). Empty if not measured."""
        return measured(self.layers[column], seeds)

    def readout(self, seeds: list[int]) -> np.ndarray:
        """Test accuracy of the deepest readout at the end, of each seed."""
        return measured(self.deepest["test_accuracy"], seeds)[1][:, -1, 0]


def measured(rows: Any, seeds: list[int]) -> tuple[np.ndarray, np.ndarray]:
    rows = rows.loc[seeds].dropna(how="all").astype(float)
    epochs = rows.index.unique("epoch").to_numpy()
    return epochs, rows.to_numpy().reshape(len(seeds), len(epochs), rows.shape[1])


# --- The numbers of one run -----------------------------------------------------------------------


def reaches(trace: np.ndarray) -> np.ndarray:
    """Where a trace is at 0.7 or above, as exactly as float32 can tell."""
    return trace.astype(np.float32) >= np.float32(TARGET)


def crossing(trace: np.ndarray, epochs: np.ndarray) -> float:
    """Where the line between epochs crosses 0.7; infinite if the trace never reaches it."""
    reached = np.flatnonzero(reaches(trace))
    if not len(reached):
        return np.inf
    first = reached[0]
    if first == 0:
        return float(epochs[0])
    return float(np.interp(TARGET, trace[first - 1 : first + 1], epochs[first - 1 : first + 1]))


def delays(traces: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    """Of each layer, where the mean trace over seeds crosses 0.7."""
    return np.array([crossing(trace, epochs) for trace in traces.mean(axis=0).T])


def waits(traces: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    """Of each seed, the mean over layers of the crossing, the last epoch where there is none."""
    each = [[crossing(trace, epochs) for trace in seed.T] for seed in traces]
    return np.minimum(each, epochs[-1]).mean(axis=1)


def reaching(traces: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Of each seed, how many layers reach 0.7."""
    return reaches(traces).any(axis=1).sum(axis=1)


def at_the_end(traces: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Of each seed, the mean over layers in the last epoch."""
    return traces[:, -1].mean(axis=1)


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


def of_each(number: Callable[..., np.ndarray]) -> Callable[..., Row]:
    """Compare a number of each seed's layers 2 to 16."""
    return lambda own, base, epochs: (
        paired(number(own, epochs), number(base, epochs)) | {"over": "2 to 16"}
    )


def slopes(own: np.ndarray, base: np.ndarray, epochs: np.ndarray) -> Row:
    """Slopes of delay over the layers that reach 0.7 in both, and the jackknife's interval."""
    common = np.isfinite(delays(own, epochs)) & np.isfinite(delays(base, epochs))
    layers = np.arange(2, 17)[common]
    over = f"{layers[0]} to {layers[-1]}" if len(layers) else "none"
    if len(layers) < FEWEST:
        return {"over": over}

    def slope(traces: np.ndarray) -> float:
        return theil_sen(layers, delays(traces, epochs)[common])

    n, ours, theirs = len(own), slope(own), slope(base)
    row: Row = {"own": ours, "base": theirs, "difference": ours - theirs, "over": over}
    if n == 1:
        return row
    each = np.array([[slope(np.delete(run, seed, 0)) for seed in range(n)] for run in (own, base)])
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
        ("layers", accuracy, of_each(reaching)),
        ("wait", accuracy, of_each(waits)),
        ("pair delay", "pair_accuracy", slopes),
        ("pair layers", "pair_accuracy", of_each(reaching)),
        ("probe", "probe_accuracy", of_each(at_the_end)),
    ):
        (epochs, ours), (_, theirs) = (run.traces(column, seeds) for run in (own, base))
        there = ours.size and theirs.size
        rows[measure] = compare(ours, theirs, epochs) if there else {"over": ""}
    rows["readout"] = paired(own.readout(seeds), base.readout(seeds)) | {"over": "the deepest"}
    return pd.DataFrame.from_dict(rows, orient="index").assign(seeds=len(seeds))


def holm(p_values: pd.Series) -> pd.Series:
    """The least p times their number, the next times one less, ..., each at least the former."""
    ordered: Any = p_values.dropna().sort_values()
    adjusted = (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1)
    return adjusted.reindex(p_values.index)


def base_of(name: str) -> str:
    """What a variant is compared with: where its learning rate was chosen, so is that of this."""
    return BEST if (VARIATIONS / "tuning" / f"{name}.parquet").exists() else PAPER


def is_compared(name: str) -> bool:
    return name not in (PAPER, "growing") and not name.startswith("width-1000")


def test_the_study_is_what_its_words_say():
    runs = {file.parent.name: Run(file.parent.name) for file in VARIATIONS.glob("*/layers.parquet")}
    names = sorted(name for name, run in runs.items() if is_compared(name) and run.seeds)
    records = variants(VARIATIONS)
    assert names == sorted(filter(is_compared, records))

    tables = {}
    for name in names:
        accuracy = "validation_accuracy" if name == "negatives-hard" else "train_accuracy"
        tables[name] = differences(runs[name], runs[base_of(name)], accuracy)
    expected: Any = pd.concat(tables, names=["variant", "measure"]).sort_index()
    expected["p_holm"] = holm(expected["p"])

    found = study({name: (records[name], records[base_of(name)]) for name in names})
    found = found.set_index(["variant", "measure"]).sort_index()
    pd.testing.assert_frame_equal(found, expected, check_like=True, rtol=1e-5, atol=0)
