"""Variants beside the paper's network: differences between the same seeds.

Two runs of one seed start from the same weights and see the same images in the same order, so that
what differs between them is what was changed. Every difference here is paired: a statistic of one
run minus the same statistic of the other, and both anew without each seed.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ff.errors import RecordsError
from ff.provenance import configuration
from ff.records import Records
from ff.stats.cubes import Cube, cubes, single_cube
from ff.stats.delay import TARGET, reach_of_mean
from ff.stats.intervals import Estimate, holm, jackknife, leave_one_out, theil_sen

__all__ = ["FEWEST", "HALVES", "LAYERS", "compared", "falls", "order_falls", "study"]

LAYERS = (2, 16)  # first and last layer of which delays are compared: layer 1 waits for nobody
HALVES = ((2, 9), (9, 16))
LATER = 0.8  # a target beside the paper's
FEWEST = 3  # layers that make a slope

Statistic = Callable[[np.ndarray], np.ndarray]  # of weights (batch, seeds): (batch,)


class _Measure(NamedTuple):
    """What is compared: its name, and the statistic of each of two records, on equal terms."""

    name: str
    statistics: Callable[[Records, Records], tuple[Statistic, Statistic, str]]


def study(pairs: Mapping[str, tuple[Records, Records]], planned: int | None = None) -> pd.DataFrame:
    """Compare variants with the paper's network, all measures in one table.

    Estimand: the difference that a variant makes, in networks of 16 layers trained from the same
    initial weights.

    Two measures of each variant are tests: the delay per layer (by pair accuracy where Eq. 3 is
    undefined) and the readout's accuracy. The others describe.

    Parameters
    ----------
    pairs
        By the name of what was changed: records of the variant, and of the network that differs
        in nothing else and has all its seeds. Where the variant's learning rate was chosen, that
        is the paper's network at its own best one.
    planned
        Number of variants of the whole study, if some are not measured yet. Two tests of each
        count, whether they are measured, have a p value, or not.

    Returns
    -------
    DataFrame
        Rows as of `compared` for each variant, with the first column `variant` and the last column
        `p_holm`: p values of the tests, adjusted for two of each variant (Holm).

    Raises
    ------
    RecordsError
        A variant and its base have no seed in common.
    """
    tables = {name: compared(own, base) for name, (own, base) in pairs.items()}
    found = pd.concat(tables, names=["variant"]).reset_index("variant").reset_index(drop=True)
    undefined = (found["measure"] == "delay") & (found["over"] == "")
    stand_in = found["variant"].isin(found.loc[undefined, "variant"])
    tests = found["measure"].isin(["delay", "readout"]) & ~undefined
    tests |= (found["measure"] == "pair delay") & stand_in
    p_values: Any = found["p"].where(tests)
    without = max(0, 2 * (planned or len(pairs)) - p_values.notna().sum())
    adjusted = holm(pd.concat([p_values, pd.Series(np.ones(without))], ignore_index=True))
    return found.assign(p_holm=adjusted.iloc[: len(found)])


def compared(own: Records, base: Records) -> pd.DataFrame:
    """Compare two conditions, seed by seed.

    Parameters
    ----------
    own, base
        Records of one width each. Seeds that one of them lacks, such as diverged ones, are left
        out.

    Returns
    -------
    DataFrame
        One row a measure: measure, own, base, difference, low, high, p, over, seeds.

        - ``delay``: epochs of delay that each further layer adds (Theil-Sen slope over layers 2 to
          16), of the interpolated crossing of the mean trace over seeds (`ff.delay`), by Eq. 3.
          As in the paper it is seen on training samples (``train_accuracy``); on validation
          samples (``validation_accuracy``) where the two differ in how they draw negative samples
          to learn from.
        - ``shallow delay``, ``deep delay``: the same over layers 2 to 9 and 9 to 16.
        - ``delay at 0.8``: the same with that target in place of 0.7.
        - ``pair delay``: as ``delay``, by ``pair_accuracy``. That is measured at the end of each
          epoch: a layer that is past the target then crosses in epoch 1, at the soonest.
        - ``wait``: interpolated crossing of each seed's own trace by Eq. 3, as `epoch` counts,
          which is from a layer's own start; mean over layers 2 to 16. A layer that does not reach
          the target counts as the last epoch (restricted mean survival time).
        - ``pair wait``: as ``wait``, by ``pair_accuracy``, on which nothing hangs but the order of
          a sample and its negative one.
        - ``layers``: how many of layers 2 to 16 reach the target in a seed, by Eq. 3.
        - ``readout``: test accuracy of the deepest readout that both have, at the end.
        - ``probe``, ``pairs``: ``probe_accuracy`` and ``pair_accuracy``, mean over layers 2 to 16,
          at the end.

        Slopes are over the layers whose mean trace over all seeds reaches the target in both, which
        `over` names; they stay the same when a seed is left out, and a layer that does not arrive
        then counts as infinite. With fewer than three there is no slope, in neither.
        From low to high is the 95 % interval of the jackknife over seeds (Student's t, one degree
        of freedom less than seeds), p is two-sided, against 0. What one of the two has not measured
        is NaN, and `over` is empty; p is NaN where the difference is the same in all seeds, such as
        0 by construction, or there is one seed.

    Raises
    ------
    RecordsError
        No seed is in both, or there is more than one width.
    """
    seeds, rows = _seeds(own, base), []
    depths = np.intersect1d(own.readouts["depth"], base.readouts["depth"])
    column = "train_accuracy" if _negatives(own) == _negatives(base) else "validation_accuracy"
    own, base = (_of(records, seeds, depths, column) for records in (own, base))
    for name, statistics in _MEASURES:
        try:
            ours, theirs, over = statistics(own, base)
        except RecordsError:  # a column that was not measured, or makes no sense
            rows.append({"measure": name, "over": "", "seeds": len(seeds)})
            continue
        values = [leave_one_out(one, len(seeds)) for one in (ours, theirs)]
        with np.errstate(invalid="ignore"):
            difference: Estimate = jackknife(values[0] - values[1])
        varies = difference.high - difference.low > 1e-9  # more than rounding
        rows.append(
            {
                "measure": name,
                "own": values[0][0],
                "base": values[1][0],
                "difference": float(difference.value),
                "low": float(difference.low),
                "high": float(difference.high),
                "p": float(difference.p(0.0)) if varies else np.nan,
                "over": over,
                "seeds": len(seeds),
            }
        )
    columns = ["measure", "own", "base", "difference", "low", "high", "p", "over", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def _seeds(own: Records, base: Records) -> np.ndarray:
    ours, theirs = (np.unique(records.layers["seed"]) for records in (own, base))
    both = np.intersect1d(ours, theirs)
    if not both.size:
        raise RecordsError(
            f"paired differences need the same seeds, but there are {ours.tolist()} and "
            f"{theirs.tolist()}"
        )
    return both


def _negatives(records: Records) -> set[str]:
    """How the negative samples were drawn that the layers have learned from."""
    return {configuration(run).negatives for run in records.runs}


def _of(records: Records, seeds: np.ndarray, depths: np.ndarray, column: str) -> Records:
    """Rows of these seeds and readouts; layers get a further column: the accuracy to compare."""
    rows: Any = records.layers[np.isin(records.layers["seed"], seeds)]
    seen = np.isin(records.readouts["seed"], seeds) & np.isin(records.readouts["depth"], depths)
    readouts: Any = records.readouts[seen]
    return Records(rows.assign(accuracy=rows[column]), readouts, runs=records.runs)


def _layers(records: Records, column: str, first: int = LAYERS[0], last: int = LAYERS[1]) -> Cube:
    """Traces of some layers."""
    rows: Any = records.layers[records.layers["layer"].between(first, last)]
    return single_cube(rows, "layer", column)


def _delays(
    column: str, layers: tuple[int, int] = LAYERS, target: float = TARGET
) -> Callable[[Records, Records], tuple[Statistic, Statistic, str]]:
    """Slope of the delay over the layers that reach the target in both."""

    def statistics(own: Records, base: Records) -> tuple[Statistic, Statistic, str]:
        both = [_layers(records, column, *layers) for records in (own, base)]
        crossings = [_crossing(cube, target) for cube in both]
        reached = [np.isfinite(one(np.ones((1, len(both[0].seeds))))[0]) for one in crossings]
        common = reached[0] & reached[1]
        numbers = both[0].keys[common]

        def slope(crossing: Statistic) -> Statistic:
            def statistic(weights: np.ndarray) -> np.ndarray:
                if len(numbers) < FEWEST:
                    return np.full(len(weights), np.nan)
                return theil_sen(numbers, crossing(weights)[:, common])

            return statistic

        return slope(crossings[0]), slope(crossings[1]), _named(numbers)

    return statistics


def _named(layers: np.ndarray) -> str:
    """Such as "2 to 5, 7"; "none" of none."""
    runs = np.split(layers, np.flatnonzero(np.diff(layers) > 1) + 1)
    ends = [(run[0], run[-1]) for run in runs if len(run)]
    named = [f"{first} to {last}" if last > first else f"{first}" for first, last in ends]
    return ", ".join(named) or "none"


def _crossing(cube: Cube, target: float = TARGET) -> Statistic:
    """Interpolated crossing of each layer's mean trace: ``(batch, seeds) -> (batch, layers)``."""
    reach = reach_of_mean(cube.values, cube.epochs, target)
    return lambda weights: reach(weights)[:, 1]


def _own_crossings(cube: Cube) -> np.ndarray:
    """Interpolated crossing of each seed's own traces, ``(seeds, layers)``."""
    return _crossing(cube)(np.eye(len(cube.seeds)))


def _each(
    of: Callable[[Records], Statistic], over: str
) -> Callable[[Records, Records], tuple[Statistic, Statistic, str]]:
    """A measure that looks at each of the two alone."""
    return lambda own, base: (of(own), of(base), over)


def _reaching(records: Records) -> Statistic:
    """How many layers of a seed reach the target."""
    reached = np.isfinite(_own_crossings(_layers(records, "accuracy")))
    return _mean(reached.sum(axis=1).astype(float))


def _wait(column: str) -> Callable[[Records], Statistic]:
    """Mean delay of a seed's layers, at most that of the last epoch."""

    def statistic(records: Records) -> Statistic:
        cube = _layers(records, column)
        return _mean(np.minimum(_own_crossings(cube), cube.epochs[-1]).mean(axis=1))

    return statistic


def _readout(records: Records) -> Statistic:
    """Test accuracy of the deepest readout that both have."""
    return _mean(single_cube(records.readouts, "depth", "test_accuracy").values[:, -1, -1])


def _at_the_end(column: str) -> Callable[[Records], Statistic]:
    """A layer's last measurement, mean over layers."""
    return lambda records: _mean(_layers(records, column).values[:, -1].mean(1))


def _mean(values: np.ndarray) -> Statistic:
    """Mean over seeds of a number each, ``(seeds,)``."""
    return lambda weights: weights @ values / weights.sum(1)


_ALL = f"{LAYERS[0]} to {LAYERS[1]}"
_MEASURES = (
    _Measure("delay", _delays("accuracy")),
    _Measure("shallow delay", _delays("accuracy", HALVES[0])),
    _Measure("deep delay", _delays("accuracy", HALVES[1])),
    _Measure("delay at 0.8", _delays("accuracy", target=LATER)),
    _Measure("layers", _each(_reaching, _ALL)),
    _Measure("wait", _each(_wait("accuracy"), _ALL)),
    _Measure("pair delay", _delays("pair_accuracy")),
    _Measure("pair wait", _each(_wait("pair_accuracy"), _ALL)),
    _Measure("readout", _each(_readout, "the deepest")),
    _Measure("probe", _each(_at_the_end("probe_accuracy"), _ALL)),
    _Measure("pairs", _each(_at_the_end("pair_accuracy"), _ALL)),
)


def falls(layers: pd.DataFrame, column: str = "train_accuracy", by: float = 0.05) -> pd.DataFrame:
    """How often, and how far, a single seed's accuracy falls from one epoch to the next.

    Estimand: that of a single training run. Means over seeds hide it.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    column
        What counts as accuracy.
    by
        Least fall that counts, from 0 to 1.

    Returns
    -------
    DataFrame
        One row for each (hidden, seed, layer): hidden, seed, layer, falls (their number), largest
        (0 where accuracy never falls) and highest (accuracy): what stays at chance cannot fall.
    """
    tables = []
    for hidden, seeds, _, keys, values in cubes(layers, "layer", column):
        down = -np.diff(values, axis=1)  # (seeds, epochs - 1, layers)
        table: dict[str, Any] = {
            "hidden": hidden,
            "seed": np.repeat(seeds, len(keys)),
            "layer": np.tile(keys, len(seeds)),
            "falls": (down > by).sum(axis=1).ravel(),
            "largest": down.max(axis=1, initial=0).ravel(),
            "highest": values.max(axis=1).ravel(),
        }
        tables.append(pd.DataFrame(table))
    return pd.concat(tables, ignore_index=True)


def order_falls(layers: pd.DataFrame, by: float = 0.05) -> tuple[int, float]:
    """How many falls of a seed's accuracy there are, and how often the samples' order falls along.

    Accuracy by Eq. 3 falls if the goodness of all samples swings over the threshold, too; the area
    under the ROC curve falls only if positive and negative samples are told apart less well.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    by
        Least fall of `validation_accuracy`, and of `validation_auroc`, that counts, from 0 to 1.

    Returns
    -------
    tuple
        The number of falls of accuracy from one epoch to the next, of all layers and seeds, and the
        share of those in which the area falls as well, from 0 to 1; NaN without falls.
    """
    traces = layers.sort_values("epoch").groupby(["hidden", "seed", "layer"])
    steps = traces[["validation_accuracy", "validation_auroc"]].diff()
    along: Any = steps.loc[steps["validation_accuracy"] < -by, "validation_auroc"] < -by
    return len(along), float(along.mean())
