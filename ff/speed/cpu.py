"""What `ff bench` measures on a CPU: beside the baseline, and beside the machine's own limit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import psutil
import torch

from ff.algorithm.precision import multiplies_bf16
from ff.data import Dataset
from ff.speed import columns
from ff.speed.columns import Work
from ff.speed.effort import DEPTHS, EPOCHS, LAYERS, SHORT, Effort
from ff.speed.rate import SLOW, STEPS, share
from ff.speed.runs import BaselineProcess, Ours, chunks, part
from ff.speed.timing import Stopwatch, seconds, timed, turns

__all__ = ["cpu"]

CPU = torch.device("cpu")
POINTS = (4, 8, 16, 32)  # where a cost is measured that should be a straight line
KINDS = {  # of operations of a step, by torch's names
    "matrix products": ("bmm", "baddbmm", "baddbmm_"),
    "passes over activities": (
        *("mul", "mul_", "addcmul", "addcmul_", "relu_", "linalg_vector_norm", "sum"),
        *("index_select", "_to_copy"),
    ),
    "update of weights": ("_fused_sgd_",),
}


def cpu(dataset: Dataset, effort: Effort) -> Iterator[pd.DataFrame]:
    """Measure on the CPU, part by part.

    Parameters
    ----------
    dataset
        What is learned.
    effort
        How long to measure.

    Yields
    ------
    DataFrame
        Rows with ``ff.speed.columns.COLUMNS``.
    """
    yield _others()
    shallow = {}
    for hidden, rounds, targets in (
        (effort.wide, effort.rounds, {"float32": 1.8, "bf16": 3.5}),
        (effort.narrow, effort.rounds + 2, {"float32": 15.0, "bf16": 15.0}),
    ):
        epochs, shallow[hidden] = _epochs(dataset, hidden, rounds, targets)
        yield epochs
    yield _settings(dataset, effort)
    yield _table_1(dataset, effort, shallow)
    for hidden, seeds, precision, target in (
        (effort.wide, 1, "float32", 0.85),
        (effort.wide, 1, "bf16", 0.75),
        (effort.narrow, effort.seeds, "float32", 0.6),
        (effort.narrow, effort.seeds, "bf16", 0.6),
    ):
        work = Work("products", "alone", "cpu", LAYERS, hidden, seeds, precision)
        yield share(dataset, effort, work, [LAYERS], target)
    yield _operations(dataset, effort)
    yield _straight(dataset, effort)
    yield _threads(dataset, effort)


def _precisions() -> list[str]:
    """Precisions that this processor computes itself."""
    return ["float32", "bf16"] if multiplies_bf16(CPU) else ["float32"]


def _faster(
    work: Work,
    ours: Sequence[Any] | np.ndarray,
    baseline: Any,
    targets: Mapping[str, float],
    how: str = "measured",
) -> list[dict[str, Any]]:
    """Rows of our seconds, for each of `_precisions`, beside the baseline's."""
    rows, measured = [], dict(zip(_precisions(), ours, strict=True))
    for precision, least in targets.items():
        own, target = work._replace(precision=precision), (least, np.inf)
        if precision in measured:
            spent = measured[precision]
            both = columns.compared(spent, baseline, baseline / spent, "s")
            rows += columns.rows(own, both, target, how)
        else:
            rows += columns.missing(own, target, SLOW)
    return rows


def _others() -> pd.DataFrame:
    """How many cores other programs keep busy, while this one waits for a second."""
    cores = psutil.cpu_percent(interval=1) / 100 * (psutil.cpu_count() or 1)
    return columns.table(columns.rows(Work("other programs"), {"busy": (cores, "cores")}))


def _epochs(
    dataset: Dataset, hidden: int, rounds: int, targets: Mapping[str, float]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Whole epochs with their evaluation; and what they cost the baseline."""
    runs: list[Any] = [Ours(dataset, LAYERS, hidden, precision=p) for p in _precisions()]
    runs.append(BaselineProcess(dataset, LAYERS, hidden, None))
    *ours, baseline = turns(rounds, [lambda run=run: run.cost(dataset) for run in runs])
    work = Work("epoch", "baseline", layers=LAYERS, hidden=hidden, seeds=1)
    return columns.table(_faster(work, ours, baseline, targets)), baseline


def _settings(dataset: Dataset, effort: Effort) -> pd.DataFrame:
    """What our settings of threads and memory would do for the baseline."""
    hidden = effort.narrow
    runs = [BaselineProcess(dataset, LAYERS, hidden, 20, plain=plain) for plain in (True, False)]
    without, with_settings = turns(2, [lambda run=run: run.cost(dataset) for run in runs])
    work = Work("settings", "baseline", "cpu", LAYERS, hidden, 1, "float32")
    quantities = {
        "with": (with_settings, "s"),
        "without": (without, "s"),
        "share": (with_settings / without, ""),
    }
    return columns.table(columns.rows(work, quantities, how="extrapolated from 20 steps"))


def _table_1(dataset: Dataset, effort: Effort, shallow: dict[int, np.ndarray]) -> pd.DataFrame:
    """Ten networks, one seed: each width once with five readouts, against ten baseline runs.

    `shallow` is what an epoch of `LAYERS` layers costs the baseline, by width.
    """
    ours, baseline = np.zeros((len(_precisions()), effort.rounds)), np.zeros(effort.rounds)
    for hidden, more in ((effort.wide, 1), (effort.narrow, 4)):
        steps = effort.steps and effort.steps * more
        few = part(dataset, steps)
        runs: list[Any] = [Ours(few, DEPTHS, hidden, precision=p) for p in _precisions()]
        runs += [BaselineProcess(dataset, depth, hidden, steps) for depth in effort.depths]
        costs = turns(effort.rounds, [lambda run=run: run.cost(dataset) for run in runs])
        ours += costs[: len(ours)]
        points = [shallow[hidden][: effort.rounds], *costs[len(ours) :]]
        slope, start = np.polyfit((LAYERS, *effort.depths), points, 1)
        baseline += sum(slope * depth + start for depth in DEPTHS)
    counted = f"{effort.steps} to {4 * effort.steps} steps" if effort.steps else "whole epochs"
    work, targets = Work("table 1", "baseline", seeds=1), {"float32": 4.0, "bf16": 7.0}
    how = f"extrapolated from {counted}"
    return columns.table(_faster(work, ours * EPOCHS, baseline * EPOCHS, targets, how))


def _operations(dataset: Dataset, effort: Effort) -> pd.DataFrame:
    """Where the time of a step goes: by kind of operation.

    Operations are timed in epochs of their own, of some steps, because timing each operation slows
    the epoch down. What they do not account for in the epochs beside them is Python, torch's way to
    an operation, small ones, and the check of all weights with which an epoch ends.
    """
    rows = []
    for hidden in (effort.wide, effort.narrow):
        run = Ours(part(dataset, STEPS), LAYERS, hidden)
        spent = []
        for _ in range(effort.turns):
            whole = seconds(run.learn)
            with Stopwatch() as watch:
                run.learn()
            kinds = [sum(watch.seconds[name] for name in names) for names in KINDS.values()]
            spent.append([*kinds, whole - sum(kinds)])
        per_step = np.array(spent).T / run.steps
        names = [*KINDS, "all else"]
        quantities = {name: (times, "s") for name, times in zip(names, per_step, strict=True)}
        rows += columns.rows(
            Work("operations", "", "cpu", LAYERS, hidden, 1, "float32"), quantities
        )
    return columns.table(rows)


def _straight(dataset: Dataset, effort: Effort) -> pd.DataFrame:
    """Cost of a further layer, seed or epoch: where there are many, against where there are few."""
    short, hidden = part(dataset, SHORT), effort.narrow
    together = chunks(dataset, LAYERS, hidden, effort.seeds, CPU)[0]
    deep = {n: Ours(short, n, hidden, together) for n in POINTS}
    many = {
        n: [Ours(short, LAYERS, hidden, seeds) for seeds in chunks(dataset, LAYERS, hidden, n, CPU)]
        for n in POINTS
    }
    seeds: list[Callable[[], object]] = [
        lambda n=n: [run.learn() for run in many[n]] for n in POINTS
    ]
    one = Ours(short, LAYERS, hidden)
    epochs = turns(effort.turns, [lambda: one.cost(short)] * POINTS[-1])
    shape = {"hidden": hidden, "precision": "float32"}
    lines = {
        Work("straight: layers", seeds=len(together), **shape): timed(
            2 * effort.turns, [deep[n].learn for n in POINTS]
        ),
        Work("straight: seeds", layers=LAYERS, **shape): timed(2 * effort.turns, seeds),
        Work("straight: epochs", layers=LAYERS, seeds=1, **shape): epochs.cumsum(0)[
            np.array(POINTS) - 1
        ],
    }
    rows, ends = [], (POINTS[0], POINTS[-2], POINTS[-1])  # the first two alone are too close
    for work, times in lines.items():
        few, further = np.diff(times[[0, -2, -1]], axis=0) / np.diff(ends)[:, None]
        work = work._replace(beside=f"{ends[0] + 1} to {ends[1]}")
        rows += columns.rows(work, columns.compared(further, few, further / few, "s"), (0.9, 1.1))
        rows += columns.curve(work, POINTS, list(times))
    return columns.table(rows)


def _threads(dataset: Dataset, effort: Effort) -> pd.DataFrame:
    """Seconds a step with one thread, with all, and with the powers of two between."""
    most, rows = torch.get_num_threads(), []
    for hidden in (effort.wide, effort.narrow):
        run = Ours(part(dataset, 3), LAYERS, hidden)
        points = sorted({most, *(2**i for i in range(most.bit_length()))})
        times = []
        for threads in points:
            torch.set_num_threads(threads)
            times.append(timed(effort.turns, [run.learn])[0] / run.steps)
        torch.set_num_threads(most)
        work = Work("threads", "", "cpu", LAYERS, hidden, 1, "float32")
        rows += columns.curve(work, points, times)
    return columns.table(rows)
