"""Every verdict of the book once more, from the published files and in the plainest way.

Nothing of the library is used here: numbers are computed from the words of their claims.
``python tests/referee.py`` prints the verdicts, and ``test_published.py`` compares them.
"""

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy import stats

RESULTS = Path(__file__).parent.parent / "book" / "results"
TARGET, ROSE, LAST = 0.7, 0.55, 30
DEPTHS = (2, 4, 8, 16, 32)
LADDER = (1, 2, 4, 8, 16, 32)
FIGURE_3 = (1, 4, 8, 16, 24, 32)
PAIR = "1000 - 100"
# How networks were trained; a run that does not name one of these is older, and had this value.
CONDITION = {
    "dataset": "mnist",
    "epochs": 30,
    "learning_rate": 0.001,
    "cool_down": True,
    "weight_decay": 0.0003,
    "momentum": 0.9,
    "peer_normalization": 0.03,
    "peer_momentum": 0.9,
    "downstream_learning_rate": 0.01,
    "downstream_weight_decay": 0.003,
    "validation_index": 1,
    "threshold": 1.0,
    "goodness": "squares",
    "positive": "high",
    "loss": "cross-entropy",
    "temperature": 1.0,
    "normalization": "rms",
    "label_intensity": 1.0,
    "activation": "relu",
    "negatives": "uniform",
    "readout_from": 2,
    "schedule": "together",
    "frozen_after": 0,
    "patience": 3,
    "tolerance": 0.002,
    "relu_gradient": "straight-through",
    "precision": "float32",
    "batch_size": 1000,
}
WHICH = ("layers", "hidden", "seeds", "device")  # say which networks are trained and where, not how


def tables(momentum: float = 0.9) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of ``layers.parquet`` and of ``readouts.parquet``, of all runs of a condition."""
    layers, readouts = [], []
    for file in sorted(RESULTS.glob("*/layers.parquet")):
        (run,) = json.loads(pq.read_schema(file).metadata[b"ff"])
        config = {key: value for key, value in run["config"].items() if key not in WHICH}
        config["batch_size"] = run["batch_size"]
        if CONDITION | config == CONDITION | {"peer_momentum": momentum}:
            layers.append(pd.read_parquet(file))
            readouts.append(pd.read_parquet(file.with_name("readouts.parquet")))
    return pd.concat(layers), pd.concat(readouts)


# --- The numbers of one width ---------------------------------------------------------------------


def first_epoch(trace: np.ndarray) -> float:
    """First epoch, counted from 1, at which a trace reaches 0.7; infinite if it never does."""
    reached = np.flatnonzero(trace.astype(np.float32) >= np.float32(TARGET))
    return float(reached[0] + 1) if len(reached) else np.inf


def crossing(trace: np.ndarray) -> float:
    """The same, on the straight line from the epoch before."""
    epoch = first_epoch(trace)
    if epoch in (1, np.inf):
        return epoch
    before = int(epoch) - 2
    return float(np.interp(TARGET, trace[before : before + 2], [epoch - 1, epoch]))


def theil_sen(y: np.ndarray, layers: np.ndarray | None = None) -> float:
    """Median of the slopes of all pairs of layers; infinity minus infinity is none."""
    x = np.arange(1, len(y) + 1) if layers is None else layers
    slopes = []
    for i, j in combinations(x, 2):
        with np.errstate(invalid="ignore"):
            slopes.append((y[j - 1] - y[i - 1]) / (j - i))
    return float(np.nanmedian(slopes))


def shallow(y: np.ndarray) -> float:
    return y[: len(y) // 2].mean()


def deep(y: np.ndarray) -> float:
    return y[len(y) // 2 :].mean()


@dataclass
class Networks:
    """Accuracy of all networks of one width, or of those that are left without a seed."""

    layers: np.ndarray  # (seed, epoch, layer)
    overall: dict[int, np.ndarray]  # of the network of so many layers: (seed, epoch)

    @property
    def seeds(self) -> int:
        return len(self.layers)

    @cached_property
    def left_out(self) -> list["Networks"]:
        """Without each one of the seeds."""
        found = []
        for seed in range(self.seeds):
            overall = {depth: np.delete(own, seed, 0) for depth, own in self.overall.items()}
            found.append(Networks(np.delete(self.layers, seed, 0), overall))
        return found

    @cached_property
    def delays(self) -> np.ndarray:
        """Of each layer, where the mean trace crosses 0.7."""
        return np.array([crossing(trace) for trace in self.layers.mean(axis=0).T])

    @property
    def capped(self) -> np.ndarray:
        """Delays, the last epoch for a layer that does not reach 0.7."""
        return np.minimum(self.delays, LAST)

    @property
    def reached(self) -> np.ndarray:
        """Numbers of the layers that reach 0.7."""
        return np.flatnonzero(np.isfinite(self.delays)) + 1

    def rose(self, layer: int) -> list[int]:
        """Epochs, counted from 0, from the first on in which a layer's mean is at least 0.55."""
        above = np.flatnonzero(self.layers[:, :, layer - 1].mean(axis=0) >= ROSE)
        return list(range(above[0], LAST)) if len(above) else []

    @cached_property
    def pearson(self) -> np.ndarray:
        """Of each layer, |Pearson| with the network of 32 layers over all seeds and epochs."""
        return self._correlations(stats.pearsonr)

    @cached_property
    def spearman(self) -> np.ndarray:
        return self._correlations(stats.spearmanr)

    def _correlations(self, coefficient: Any) -> np.ndarray:
        y = self.overall[32].ravel()
        return np.abs([coefficient(x, y)[0] for x in self.layers.reshape(-1, 32).T])


def delay_slope(n: Networks) -> float:
    return theil_sen(n.delays, n.reached)


def span(n: Networks) -> float:
    return n.capped[-1] - n.capped[0]


def least_doubling(n: Networks) -> float:
    return min(n.capped[j - 1] - n.capped[i - 1] for i, j in pairwise(LADDER) if i in n.reached)


def seeds_in_order(n: Networks) -> int:
    """In how many seeds each rung of the ladder is later than the one before, if either comes."""
    count = 0
    for seed in range(n.seeds):
        epochs = [crossing(n.layers[seed, :, layer - 1]) for layer in LADDER]
        count += all(i < j or i == j == np.inf for i, j in pairwise(epochs))
    return count


def constancy(n: Networks) -> float:
    half = (len(n.reached) + 1) // 2
    return theil_sen(n.delays, n.reached[-half:]) / theil_sen(n.delays, n.reached[:half])


def deviation(n: Networks) -> float:
    found = np.full(32, np.nan)
    for layer in range(1, 33):
        if epochs := n.rose(layer):
            found[layer - 1] = n.layers[:, epochs, layer - 1].std(axis=0, ddof=1).mean()
    return 1000 * theil_sen(found, np.flatnonzero(np.isfinite(found)) + 1)


def clearance(n: Networks) -> float:
    mean, sd = n.layers.mean(axis=0), n.layers.std(axis=0, ddof=1)
    apart = []
    for i, j in pairwise(FIGURE_3):
        for e in n.rose(i):
            distance = mean[e, i - 1] - mean[e, j - 1]  # negative if the deeper one is ahead
            apart.append(distance / (sd[e, i - 1] + sd[e, j - 1]))
    return float(np.quantile(apart, 0.05))


def weakest(n: Networks) -> float:
    return np.maximum(n.pearson, n.spearman).min()


def strongest(n: Networks) -> float:
    return np.maximum(n.pearson, n.spearman).max()


def trend(n: Networks) -> float:
    return 1000 * theil_sen(n.pearson)


def alignment(n: Networks) -> float:
    contrasts = []
    for depth in DEPTHS:
        distance = np.abs(n.layers[:, :, :depth] - n.overall[depth][:, :, None]).mean(axis=(0, 1))
        contrasts.append(deep(distance) - shallow(distance))
    return min(contrasts)


def within_epoch(n: Networks) -> float:
    with warnings.catch_warnings():  # all seeds are the same in an epoch: it does not count
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        r: Any = stats.pearsonr(n.layers, n.overall[32][:, :, None], axis=0)[0]  # (epoch, layer)
    return np.tanh(np.nanmean(np.arctanh(r), axis=0)).mean()


# --- Intervals ------------------------------------------------------------------------------------


@dataclass
class Number:
    """An estimate with its standard error, on Fisher's scale if it is a correlation."""

    estimate: float
    error: float
    freedom: float
    fisher: bool = False

    @property
    def value(self) -> float:
        return float(np.tanh(self.estimate)) if self.fisher else self.estimate

    @property
    def interval(self) -> tuple[float, float]:
        half = float(stats.t.ppf(0.975, self.freedom)) * self.error
        low, high = self.estimate - half, self.estimate + half
        return (float(np.tanh(low)), float(np.tanh(high))) if self.fisher else (low, high)

    def p(self, end: float) -> float:
        """Two-sided p value of a true value."""
        end = np.arctanh(end) if self.fisher else end
        return 2 * float(stats.t.sf(abs(self.estimate - end) / self.error, self.freedom))


@dataclass
class Share:
    """How many of n seeds, with the interval of Clopper and Pearson."""

    count: int
    n: int

    @property
    def value(self) -> float:
        return self.count / self.n

    @property
    def interval(self) -> tuple[float, float]:
        exact = stats.binomtest(self.count, self.n).proportion_ci(0.95, method="exact")
        return exact.low, exact.high

    def p(self, end: float) -> float:
        """Twice the smaller of the chances of so many or fewer, and of so many or more."""
        fewer = stats.binom.cdf(self.count, self.n, end)
        more = stats.binom.sf(self.count - 1, self.n, end)
        return min(1.0, 2 * float(min(fewer, more)))


@dataclass
class Extreme:
    """The least or the greatest of two numbers, which either may be."""

    one: Number
    two: Number
    choose: Callable[..., Any]

    @property
    def value(self) -> float:
        return self.choose(self.one.value, self.two.value)

    @property
    def interval(self) -> tuple[float, float]:
        low, high = zip(self.one.interval, self.two.interval, strict=True)
        return self.choose(low), self.choose(high)

    def p(self, end: float) -> float:
        """Of the sides on which both lie, the lesser p where one of them is enough."""
        above = [n.p(end) for n in (self.one, self.two) if n.value > end]
        below = [n.p(end) for n in (self.one, self.two) if n.value <= end]
        if self.choose is min:
            return min(below) if below else max(above)
        return min(above) if above else max(below)


def jackknife(statistic: Callable[[Networks], float], n: Networks, fisher: bool = False) -> Number:
    scale: Any = np.arctanh if fisher else float
    left_out = np.array([scale(statistic(rest)) for rest in n.left_out])
    squares = ((left_out - left_out.mean()) ** 2).sum()
    error = np.sqrt((n.seeds - 1) / n.seeds * squares)
    return Number(scale(statistic(n)), error, n.seeds - 1, fisher)


def welch(wide: Number, narrow: Number) -> Number:
    x, y = wide.error**2, narrow.error**2
    freedom = (x + y) ** 2 / (x**2 / wide.freedom + y**2 / narrow.freedom)
    return Number(wide.estimate - narrow.estimate, np.sqrt(x + y), freedom)


# --- Verdicts -------------------------------------------------------------------------------------

# Key, statistic, ends of the range in which the claim holds, and what is special.
CLAIMS: tuple[tuple[str, Any, float, float, str], ...] = (
    ("rq1-h1", delay_slope, 0, np.inf, ""),
    ("rq1-h2", span, -1, 1, ""),
    ("rq1-h3", delay_slope, -np.inf, 0, "repeats"),
    ("delay-every-doubling", least_doubling, 0, np.inf, ""),
    ("delay-every-seed", seeds_in_order, 0.8, np.inf, "share"),
    ("any-depth", None, -np.inf, np.inf, ""),
    ("width-shallow", lambda n: shallow(n.capped), -np.inf, 0, "compared"),
    ("width-deep", lambda n: deep(n.capped), 0, np.inf, "compared"),
    ("constant-change", constancy, 0.8, 1.25, ""),
    ("deviation-grows", deviation, 0, np.inf, "wide"),
    ("no-overlap", clearance, 1, np.inf, "wide"),
    ("rq2-h1", weakest, 0.7, np.inf, "least"),
    ("rq2-h2", strongest, -np.inf, 0.7, "greatest"),
    ("rq2-h3", trend, 0, np.inf, ""),
    ("pearson-weakens", trend, -np.inf, 0, "repeats"),
    ("spearman-strong", lambda n: n.spearman.min(), 0.7, np.inf, "fisher"),
    ("width-weakens", lambda n: n.pearson.mean(), -np.inf, 0, "compared"),
    ("width-weakens-deep", lambda n: deep(n.pearson) - shallow(n.pearson), -np.inf, 0, "compared"),
    ("shallow-aligns", alignment, 0, np.inf, ""),
    ("shallow-correlates", lambda n: shallow(n.pearson), 0.7, np.inf, "fisher"),
    ("shallow-correlates-more", lambda n: shallow(n.pearson) - deep(n.pearson), 0, np.inf, ""),
    ("within-epoch", within_epoch, 0.7, np.inf, "fisher"),
)


def decide(interval: tuple[float, float], low: float, high: float) -> str:
    if low < interval[0] and interval[1] < high:
        return "supported"
    if interval[1] <= low or high <= interval[0]:
        return "not supported"
    return "undecided"


def significance(number: Number | Share | Extreme, low: float, high: float) -> float:
    """Least level of significance from which on the interval decides."""
    if number.value <= low:
        return number.p(low)
    if number.value >= high:
        return number.p(high)
    return max(number.p(end) for end in (low, high) if np.isfinite(end))


def holm(p_values: pd.Series) -> pd.Series:
    """The least p times their number, the next times one less, ..., each at least the former."""
    ordered: Any = p_values.sort_values()
    return (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1)


def networks(momentum: float = 0.9) -> dict[int, Networks]:
    """All published networks of a condition, by width."""
    layers, readouts = tables(momentum)
    found: dict[int, Networks] = {}
    for width in (100, 1000):
        parts = []
        for rows, key in ((layers, "layer"), (readouts, "depth")):
            rows = rows[rows["hidden"] == width].astype({"train_accuracy": float})
            wide = rows.pivot(index=["seed", "epoch"], columns=key, values="train_accuracy")
            parts.append(wide.to_numpy().reshape(-1, LAST, wide.shape[1]))
        overall = {depth: parts[1][:, :, k] for k, depth in enumerate(DEPTHS)}
        found[width] = Networks(parts[0], overall)
    return found


def verdicts(momentum: float = 0.9) -> pd.DataFrame:
    """A row for each claim and width: key, width, value, low, high, p, p_holm, verdict."""
    found, rows = networks(momentum), []
    for key, statistic, low, high, special in CLAIMS:
        numbers: dict[str, Number | Share | Extreme] = {}
        if statistic is None:
            rows.append({"key": key, "width": "any", "verdict": "by construction"})
        elif special == "compared":
            wide, narrow = (jackknife(statistic, found[width]) for width in (1000, 100))
            numbers[PAIR] = welch(wide, narrow)
        elif special in ("least", "greatest"):
            narrow, wide = (
                jackknife(statistic, found[width], fisher=True) for width in (100, 1000)
            )
            choose = min if special == "least" else max
            numbers["100 and 1000"] = Extreme(narrow, wide, choose)
        else:
            for width in (1000,) if special == "wide" else (100, 1000):
                n = found[width]
                numbers[str(width)] = (
                    Share(statistic(n), n.seeds)
                    if special == "share"
                    else jackknife(statistic, n, special == "fisher")
                )
        for width, number in numbers.items():
            row = {"key": key, "width": width, "value": number.value}
            row["low"], row["high"] = number.interval
            row["p"] = significance(number, low, high)
            row["verdict"] = decide(number.interval, low, high)
            rows.append(row)
    table: Any = pd.DataFrame(rows)
    repeats = [key for key, *_, special in CLAIMS if special == "repeats"]
    counted = table[table["p"].notna() & ~table["key"].isin(repeats)]
    return table.assign(p_holm=holm(counted["p"]))


if __name__ == "__main__":
    shown = verdicts(float(sys.argv[1]) if sys.argv[1:] else 0.9)
    shown = shown[["key", "width", "value", "low", "high", "p_holm", "verdict"]]
    print(shown.to_string(index=False, float_format="%.4g"))
