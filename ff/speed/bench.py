"""How fast training is on this machine: beside the published style, and beside its own limit."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import torch
from torch.utils.flop_counter import FlopCounterMode

from ff import machine, records
from ff.algorithm.precision import multiplies_bf16, multiplying, operands
from ff.config import Config
from ff.data import Dataset, find, load, own_batch_size
from ff.errors import DataError, RecordsError
from ff.files import replacing
from ff.running import memory
from ff.running.run import train
from ff.speed.roofline import alone, operations, products
from ff.speed.timing import Ours, Stopwatch, Theirs, Work, part, seconds, timed, turns

__all__ = ["FULL", "QUICK", "Effort", "bench", "measure"]

DEPTHS, SEEDS, EPOCHS = (2, 4, 8, 16, 32), 30, 30  # Table 1
WIDE, NARROW = 1000, 100
LAYERS = 4  # of the networks whose epochs and products are timed
POINTS = (4, 8, 16, 32)  # where a cost is measured that should be a straight line
STEPS = 6  # a turn of what is compared step after step
KINDS = {  # of operations of a step, by torch's names
    "matrix products": ("bmm", "baddbmm", "baddbmm_"),
    "passes over activities": (
        *("mul", "mul_", "addcmul", "addcmul_", "relu_", "linalg_vector_norm", "sum"),
        *("index_select", "_to_copy"),
    ),
    "update of weights": ("_fused_sgd_",),
}
SLOW = "no bfloat16 products known of this processor"
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    rounds
        Turns of what takes long: ours and theirs. Two more of the epochs of narrow networks.
    steps
        Steps in place of an epoch where networks are deep (four times as many where they are
        narrow), and epochs in place of a whole run on a GPU; None for whole ones.
    depths
        Where the baseline's cost is measured beside 4 layers. A straight line gives the others.
    turns
        Turns of what takes a second or a few; twice or four times as many where it takes less.
    """

    rounds: int
    steps: int | None
    depths: tuple[int, ...]
    turns: int


QUICK = Effort(rounds=2, steps=4, depths=(32,), turns=4)
FULL = Effort(rounds=5, steps=None, depths=(2, 8, 16, 32), turns=12)


def bench(
    effort: Effort = QUICK, out: Path | None = None, name: str = "mnist"
) -> Iterator[pd.DataFrame]:
    """Measure everything, part by part, and write it down in the end.

    Parameters
    ----------
    effort
        How long to measure.
    out
        File for the rows, parquet with the machine and the versions in its metadata.
    name
        The data set. The targets are meant for MNIST.

    Yields
    ------
    DataFrame
        As `measure`.

    Raises
    ------
    DataError
        The data set is not on this machine.
    RecordsError
        The file cannot be written.
    TrainingError
        The published style has not come to its end.
    """
    if name != "digits" and find(name) is None:
        raise DataError(
            f"ff bench needs {name}, which is not on this machine; run 'ff data fetch {name}' first"
        )
    dataset, started, parts = load(name), datetime.now(UTC), []
    if out:
        if out.is_dir():
            raise RecordsError(f"cannot write {out}: it is a folder; name a file")
        with _writing(out):  # tried before the wait
            out.parent.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=out.parent).close()
    for rows in measure(dataset, effort):
        parts.append(rows)
        yield rows
    if out:
        with _writing(out), replacing(out) as aside:
            note = _provenance(dataset, effort, started)
            records.save(pd.concat(parts, ignore_index=True), aside, note)


def measure(dataset: Dataset, effort: Effort) -> Iterator[pd.DataFrame]:
    """Measure everything, part by part.

    Parameters
    ----------
    dataset
        The images; the targets are meant for MNIST.
    effort
        How long to measure.

    Yields
    ------
    DataFrame
        Columns `row` (the work), `quantity` ("ours", "compared", "ratio" and others), `value`
        (median over the turns), `low` and `high` (least and greatest), `unit`, `how` ("measured",
        "extrapolated from ..." or "not measured: ...") and `target` (of the ratio, or empty).
    """
    yield _others()
    shallow = {}
    for hidden, rounds, targets in (
        (WIDE, effort.rounds, {"float32": 1.8, "bf16": 3.5}),
        (NARROW, effort.rounds + 2, {"float32": 15, "bf16": 15}),
    ):
        epochs, shallow[hidden] = _epochs(dataset, hidden, rounds, targets)
        yield epochs
    yield _settings(dataset)
    yield _table_1(dataset, effort, shallow)
    for hidden, seeds, precision, target in (
        (WIDE, 1, "float32", 0.85),
        (WIDE, 1, "bf16", 0.75),
        (NARROW, SEEDS, "float32", 0.6),
        (NARROW, SEEDS, "bf16", 0.6),
    ):
        yield _share(dataset, effort, CPU, [LAYERS], hidden, seeds, precision, target)
    yield _kinds(dataset, effort)
    yield _straight(dataset, effort)
    yield _threads(dataset, effort)
    yield from _gpu(dataset, effort)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecordsError(
            f"cannot write {out}: {error.strerror or error}; name a file that you may write"
        ) from None


def _provenance(dataset: Dataset, effort: Effort, started: datetime) -> dict[str, Any]:
    """Where and of what the measurements are, that began at `started`."""
    able = "with" if multiplies_bf16(CPU) else "without"
    processor = (
        f"{machine.name(CPU)}, {torch.backends.cpu.get_cpu_capability()} {able} bfloat16 products"
    )
    return {
        "device": machine.name(CUDA) if torch.cuda.is_available() else processor,
        "processor": processor,
        "threads": torch.get_num_threads(),
        "dataset": {"name": dataset.name, "sha256": dataset.checksum},
        "full": effort == FULL,
        "versions": records.versions(),
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
    }


Quantities = dict[str, tuple[Any, str]]  # what was measured, many times or once, and its unit


def _rows(
    row: str, quantities: Quantities, target: str = "", how: str = "measured"
) -> list[dict[str, Any]]:
    """Rows of one piece of work."""
    return [
        {
            "row": row,
            "quantity": name,
            "value": float(np.median(values)),
            "low": float(np.min(values)),
            "high": float(np.max(values)),
            "unit": unit,
            "how": how,
            "target": target if name == "ratio" else "",
        }
        for name, (values, unit) in quantities.items()
    ]


def _ratio(ours: Any, compared: Any, ratio: Any, unit: str) -> Quantities:
    return {"ours": (ours, unit), "compared": (compared, unit), "ratio": (ratio, "")}


def _missing(row: str, target: str, why: str) -> list[dict[str, Any]]:
    """Rows of a piece of work that is not measured here."""
    nothing = _ratio(np.nan, np.nan, np.nan, "")
    return _rows(row, nothing, target, f"not measured: {why}")


def _precisions() -> list[str]:
    """What is worth measuring on this processor."""
    return ["float32", "bf16"] if multiplies_bf16(CPU) else ["float32"]


def _faster(
    work: str,
    ours: Sequence[Any] | np.ndarray,
    theirs: Any,
    targets: Mapping[str, float],
    how: str = "measured",
) -> list[dict[str, Any]]:
    """Rows of our seconds, for each of `_precisions`, beside the published style's."""
    rows, measured = [], dict(zip(_precisions(), ours, strict=True))
    for precision, least in targets.items():
        row, target = work.format(precision), f"at least {least}"
        if precision in measured:
            own = measured[precision]
            rows += _rows(row, _ratio(own, theirs, theirs / own, "s"), target, how)
        else:
            rows += _missing(row, target, SLOW)
    return rows


def _others() -> pd.DataFrame:
    """How many cores other programs keep busy, while this one waits for a second."""
    cores = psutil.cpu_percent(interval=1) / 100 * (psutil.cpu_count() or 1)
    return pd.DataFrame(_rows("other programs", {"busy": (cores, "cores")}))


def _epochs(
    dataset: Dataset, hidden: int, rounds: int, targets: Mapping[str, float]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Whole epochs with their evaluation; and what they cost in the published style."""
    runs: list[Any] = [Ours(dataset, LAYERS, hidden, precision=p) for p in _precisions()]
    runs.append(Theirs(dataset, LAYERS, hidden, None))
    *ours, theirs = turns(rounds, [lambda run=run: run.cost(dataset) for run in runs])
    work = f"an epoch, {LAYERS} layers of {hidden}, {{}} / the published style"
    return pd.DataFrame(_faster(work, ours, theirs, targets)), theirs


def _settings(dataset: Dataset) -> pd.DataFrame:
    """What our settings of threads and memory would do for the published style."""
    runs = [Theirs(dataset, LAYERS, NARROW, 20, plain=plain) for plain in (True, False)]
    plain, served = turns(2, [lambda run=run: run.cost(dataset) for run in runs])
    row = f"the published style with our settings, {LAYERS} layers of {NARROW}"
    quantities: Quantities = {"with": (served, "s"), "without": (plain, "s")}
    quantities["share"] = (served / plain, "")
    return pd.DataFrame(_rows(row, quantities, how="extrapolated from 20 steps"))


def _table_1(dataset: Dataset, effort: Effort, shallow: dict[int, np.ndarray]) -> pd.DataFrame:
    """Ten configurations, one seed: each width once with five readouts, against ten runs.

    `shallow` is what an epoch of `LAYERS` layers costs in the published style, by width.
    """
    ours, theirs = np.zeros((len(_precisions()), effort.rounds)), np.zeros(effort.rounds)
    for hidden, more in ((WIDE, 1), (NARROW, 4)):
        steps = effort.steps and effort.steps * more
        few = part(dataset, steps)
        runs: list[Any] = [Ours(few, DEPTHS, hidden, precision=p) for p in _precisions()]
        runs += [Theirs(dataset, depth, hidden, steps) for depth in effort.depths]
        costs = turns(effort.rounds, [lambda run=run: run.cost(dataset) for run in runs])
        ours += costs[: len(ours)]
        points = [shallow[hidden][: effort.rounds], *costs[len(ours) :]]
        slope, start = np.polyfit((LAYERS, *effort.depths), points, 1)
        theirs += sum(slope * depth + start for depth in DEPTHS)
    counted = f"{effort.steps} to {4 * effort.steps} steps" if effort.steps else "whole epochs"
    rows = _faster(
        "ten configurations, one seed, {} / ten runs of the published style",
        ours * EPOCHS,
        theirs * EPOCHS,
        {"float32": 4, "bf16": 7},
        f"extrapolated from {counted}",
    )
    return pd.DataFrame(rows)


def _share(
    dataset: Dataset,
    effort: Effort,
    device: torch.device,
    layers: Sequence[int],
    hidden: int,
    seeds: int,
    precision: str,
    target: float,
) -> pd.DataFrame:
    """Rate of the products in training, against that of the products alone: step after step.

    A turn is some steps, each with its products alone and a copy after it: the machine's own rate
    changes from second to second. Only products that training makes count for its rate: as many as
    in steps before and after, on the average.
    """
    row, least = _products_row(device, layers, hidden, seeds, precision), f"at least {target}"
    if precision == "bf16" and not multiplies_bf16(device):
        return pd.DataFrame(_missing(row, least, SLOW))
    config = Config(dataset=dataset.name, layers=list(layers), seeds=seeds)
    batch = own_batch_size(dataset.name)
    chunk = memory.chunks(config, hidden, device)[0]  # the seeds that train side by side
    ours = Ours(dataset.to(device), layers, hidden, chunk, precision)
    steps = chain.from_iterable(iter(ours.training.steps, None))
    shapes = products(layers, hidden, batch)
    alone_too = alone(shapes, len(chunk), operands(precision), device)
    block = torch.ones(2, len(chunk), 3 * batch, hidden, device=device)  # activities, twice
    works = (lambda: next(steps), alone_too, lambda: block[1].copy_(block[0]))

    def counted() -> float:
        return float(np.mean([_multiplied(works[0]) for _ in range(STEPS)])) / 1e9

    before = counted()
    count = effort.turns if hidden == WIDE else 4 * effort.turns  # a narrow step takes an instant
    with multiplying(precision, device):  # the products alone, too
        spent = timed(count * STEPS, works).reshape(3, count, STEPS)
    learning, bare, copying = spent.mean(-1)
    work = operations(shapes) * len(chunk) / 1e9
    # At most all: small products, 0.6 % at width 100, are counted that `products` leaves out.
    made = min(1.0, (before + counted()) / 2 / work)
    rate, limit = made * work / learning, work / bare
    facts = {
        "a step": (learning, "s"),
        "made": (made, ""),  # share of the operations, the others being left out
        "side by side": (len(chunk), "seeds"),
        "copy": (block.nbytes / 1e9 / copying, "GB/s"),  # half of it read, half written
    }
    facts = _ratio(rate, limit, rate / limit, "GFLOP/s") | facts
    return pd.DataFrame(_rows(row, facts, least))


def _multiplied(work: Work) -> int:
    """Floating-point operations of the batched products that some work makes."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_flop_counts()["Global"][torch.ops.aten.bmm]


def _kinds(dataset: Dataset, effort: Effort) -> pd.DataFrame:
    """Where the time of a step goes, on a CPU: by kind of operation.

    Operations are timed in epochs of their own, of some steps, since the watch takes time itself.
    What they do not account for in the epochs beside them is Python, torch's way to an operation,
    small ones, and the check of all weights with which an epoch ends.
    """
    rows = []
    for hidden in (WIDE, NARROW):
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
        rows += _rows(f"a step by operations, {LAYERS} layers of {hidden}, float32", quantities)
    return pd.DataFrame(rows)


def _straight(dataset: Dataset, effort: Effort) -> pd.DataFrame:
    """Cost of a further layer, seed or epoch: where there are many, against where there are few."""
    short = part(dataset, 5)

    def chunks(seeds: int) -> list[tuple[int, ...]]:
        return memory.chunks(Config(dataset=dataset.name, seeds=seeds), NARROW, CPU)

    deep = {n: Ours(short, n, NARROW, chunks(SEEDS)[0]) for n in POINTS}
    many = {n: [Ours(short, LAYERS, NARROW, seeds) for seeds in chunks(n)] for n in POINTS}
    seeds: list[Work] = [lambda n=n: [run.learn() for run in many[n]] for n in POINTS]
    one = Ours(short, LAYERS, NARROW)
    epochs = turns(effort.turns, [lambda: one.cost(short)] * POINTS[-1])
    costs = {
        "layers": timed(2 * effort.turns, [deep[n].learn for n in POINTS]),
        "seeds": timed(2 * effort.turns, seeds),
        "epochs": epochs.cumsum(0)[np.array(POINTS) - 1],
    }
    rows = []
    for what, times in costs.items():
        ends = POINTS[0], POINTS[-2], POINTS[-1]  # the first two points alone are too close
        few, many = np.diff(times[[0, -2, -1]], axis=0) / np.diff(ends)[:, None]
        few_of, many_of = (f"{before + 1} to {n}" for before, n in pairwise(ends))
        quantities = _ratio(many, few, many / few, "s")
        quantities |= {f"at {n}": (spent, "s") for n, spent in zip(POINTS, times, strict=True)}
        row = f"one of {what} {many_of} / one of {what} {few_of}"
        rows += _rows(row, quantities, "0.9 to 1.1")
    return pd.DataFrame(rows)


def _threads(dataset: Dataset, effort: Effort) -> pd.DataFrame:
    """Seconds a step with one thread, with all, and with the powers of two between."""
    most, rows = torch.get_num_threads(), []
    for hidden in (WIDE, NARROW):
        run, at = Ours(part(dataset, 3), LAYERS, hidden), {}
        for threads in sorted({most, *(2**i for i in range(most.bit_length()))}):
            torch.set_num_threads(threads)
            at[f"at {threads}"] = (timed(effort.turns, [run.learn])[0] / run.steps, "s")
        torch.set_num_threads(most)
        rows += _rows(f"a step by threads, {LAYERS} layers of {hidden}, float32", at)
    return pd.DataFrame(rows)


def _gpu(dataset: Dataset, effort: Effort) -> Iterator[pd.DataFrame]:
    """Table 1 whole, the share of the device's rate, and the peak of memory against the least."""
    runs = f"{2 * len(DEPTHS) * SEEDS} runs of Table 1 on a GPU, seconds"
    heaviest = f"memory on a GPU, {max(DEPTHS)} layers of {WIDE}, {SEEDS} seeds / the least"
    shared = CUDA, DEPTHS, WIDE, SEEDS, "tf32"
    if not torch.cuda.is_available():
        targets = {runs: "at most 120", _products_row(*shared): "at least 0.5"}
        for row, target in (targets | {heaviest: "at most 1.5"}).items():
            yield pd.DataFrame(_missing(row, target, "no CUDA device"))
        return
    spent, how = _wall(dataset.name, CUDA, effort)
    wall = _ratio(spent, np.nan, spent, "s") | {"ratio": (spent, "s")}
    yield pd.DataFrame(_rows(runs, wall, "at most 120", how))
    yield _share(dataset, effort, *shared, 0.5)
    torch.cuda.reset_peak_memory_stats()
    config = Config(dataset=dataset.name, layers=list(DEPTHS), seeds=SEEDS)
    chunk = memory.chunks(config, WIDE, CUDA)[0]
    ours = Ours(part(dataset, 3).to(CUDA), DEPTHS, WIDE, chunk, "tf32")
    ours.cost(ours.training.dataset)
    kept = ours.training.network.state() | ours.training.readouts.state()
    activity = 4 * len(chunk) * 3 * ours.training.batch * WIDE
    least = (sum(tensor.nbytes for tensor in kept.values()) + 3 * activity) / 1e9
    peak = torch.cuda.max_memory_allocated() / 1e9
    yield pd.DataFrame(_rows(heaviest, _ratio(peak, least, peak / least, "GB"), "at most 1.5"))


def _wall(name: str, device: torch.device, effort: Effort) -> tuple[float, str]:
    """Seconds of all runs of Table 1, written to disk; from how many epochs."""

    def run(epochs: int) -> float:
        config = Config(
            dataset=name,
            layers=list(DEPTHS),
            hidden=[NARROW, WIDE],
            seeds=SEEDS,
            epochs=epochs,
            precision="tf32",
            device=device.type,
        )
        with tempfile.TemporaryDirectory() as folder:
            return seconds(lambda: train(config, folder))

    if effort.steps is None:
        return run(EPOCHS), "measured"
    run(1)  # starts the device
    one, several = run(1), run(1 + effort.steps)
    line = one + (several - one) / effort.steps * (EPOCHS - 1)
    return line, f"extrapolated from 1 and {1 + effort.steps} epochs"


def _products_row(
    device: torch.device, layers: Sequence[int], hidden: int, seeds: int, precision: str
) -> str:
    where = "" if device.type == "cpu" else "on a GPU, "
    count = f"{seeds} seed{'s' if seeds > 1 else ''}"
    return f"products, {where}{max(layers)} layers of {hidden}, {count}, {precision} / alone"
