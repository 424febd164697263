"""How long a training takes, from what `ff bench` has measured on a machine.

Three costs make up the time: of an operation of the matrix products, of a number that is passed
over, and of a layer that is passed through, however small it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from ff.data import DATASETS, Source
from ff.provenance import configuration
from ff.quantities import CANDIDATES
from ff.records import below, provenance
from ff.results import DEVICES, EXERCISES, PRECISION, RESULTS, VARIANTS
from ff.running.side_by_side import BUSY, CACHE, side_by_side
from ff.speed.effort import DEPTHS, EPOCHS, QUICK, SHORT
from ff.speed.report import measured
from ff.speed.roofline import evaluation, operations, products

__all__ = ["Costs", "Load", "Machine", "compared", "costs", "duration", "lines", "machines"]
__all__ += ["trained", "training"]

MNIST = DATASETS["mnist"]
UNITS = (  # each with its length, and when the next one begins, in seconds
    ("s", 1, 90),
    ("min", 60, 5400),
    ("h", 3600, 172_800),
    ("days", 86_400, 63_072_000),
    ("years", 31_536_000, np.inf),
)
FOLDERS = (RESULTS, VARIANTS, PRECISION, DEVICES, EXERCISES)


@dataclass(frozen=True)
class Load:
    """What is to be computed: training steps and evaluations of networks of one width.

    Attributes
    ----------
    depths
        Depths that have a readout; the deepest is the number of layers.
    width, seeds
        Units in each layer, and number of networks.
    steps, evaluations
        How many of both, of each network.
    source
        The images, whose numbers it knows.
    batch
        Images a step; None for the data set's own.
    device
        "cpu" or "cuda", on which it depends how many networks train side by side.
    """

    depths: Sequence[int]
    width: int
    seeds: int
    steps: int
    evaluations: int = 0
    source: Source = MNIST
    batch: int | None = None
    device: str = "cpu"

    @property
    def counts(self) -> np.ndarray:
        """Operations of matrix products, numbers passed over, and layers passed through, ``(3,)``.

        Numbers passed over are the pixels of each image, the activities of each sample, and in a
        step the weights. Networks that train side by side pass through a layer together.
        """
        assert self.source.sizes
        pixels, classes = self.source.pixels, self.source.classes
        batch, images = self.batch or self.source.batch_size, self.source.sizes[1]
        layers, width, shown = max(self.depths), self.width, min(images, CANDIDATES)
        step = operations(products(self.depths, width, batch, pixels, classes))
        check = operations(evaluation(self.depths, width, images, shown, pixels, classes))
        weights = width * (pixels + (layers - 1) * width)
        moved = batch * (pixels + 3 * layers * width) + weights
        looked = (images + shown) * pixels + (3 * images + classes * shown) * layers * width
        room = CACHE if self.device == "cpu" else BUSY
        together = -(-self.seeds // side_by_side(batch, width, room))
        return np.array(
            [
                self.seeds * (self.steps * step + self.evaluations * check),
                self.seeds * (self.steps * moved + self.evaluations * looked),
                together * self.steps * layers,
            ],
            dtype=float,
        )


class Costs(NamedTuple):
    """Seconds: of an operation, of a number passed over, and of a layer passed through."""

    operation: float
    number: float
    layer: float

    def seconds(self, *loads: Load) -> float:
        """How long these take, one after the other."""
        return float(sum(load.counts @ np.array(self) for load in loads))


@dataclass(frozen=True)
class Machine:
    """A device that `ff bench` has measured, in one precision.

    Attributes
    ----------
    device_name, precision
        Which.
    device
        "cpu" or "cuda".
    costs
        What training costs there.
    error
        By which share of its estimate a time that ff bench measured differs from it, at most; NaN
        where there are so few that the costs fit them whatever they are.
    rows
        What `ff.speed.report.read` returns of it.
    """

    device_name: str
    precision: str
    device: str
    costs: Costs
    error: float
    rows: pd.DataFrame

    @property
    def name(self) -> str:
        """What a reader calls it."""
        return f"{self.precision} on {self.device_name}"


def training(
    depths: Sequence[int],
    width: int,
    seeds: int = 1,
    epochs: int = EPOCHS,
    source: Source = MNIST,
    batch: int | None = None,
    device: str = "cpu",
) -> Load:
    """A whole training, evaluated after each epoch.

    Parameters
    ----------
    depths, width, seeds, source, batch, device
        As in `Load`.
    epochs
        Passes over the training images.
    """
    assert source.sizes
    steps = source.sizes[0] // (batch or source.batch_size)
    return Load(depths, width, seeds, epochs * steps, epochs, source, batch, device)


def duration(seconds: float) -> str:
    """Say how long something takes in a few digits: "45 s", "2.5 min", "17 h", "12 days".

    Parameters
    ----------
    seconds
        At least 0.
    """
    unit, length = next((unit, length) for unit, length, most in UNITS if seconds < most)
    number = seconds / length
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


def costs(
    rows: pd.DataFrame, precision: str, threads: int | None = None, source: Source = MNIST
) -> Costs | None:
    """What an operation, a number and a layer cost on a machine.

    An operation costs what it does in the products of a step of the widest network, made alone. The
    others are fitted to all times that were measured: the sum of the squared relative errors is the
    least. With fewer threads than ff bench had, operations and numbers cost more, by a factor that
    is fitted in the same way to the steps that were measured with so many.

    Parameters
    ----------
    rows
        What ``ff bench`` has measured, or `ff.speed.report.read` returns, of one machine.
    precision
        Of the training.
    threads
        None for all that ff bench had.
    source
        The images that ff bench had.

    Returns
    -------
    Costs or None
        None where too little was measured.
    """
    own = measured(_in(rows, precision), "products")
    widest = own[own["hidden"] == own["hidden"].max()].set_index("quantity")["value"]
    times = list(_times(rows, precision, source))
    if "compared" not in widest or len(times) < 2:
        return None
    # Only a share of the operations is carried out, and a load counts all of them.
    operation = widest.get("made", 1) / (1e9 * widest["compared"])
    spent = np.array([seconds for _, seconds in times])
    counts = np.array([sum(load.counts for load in loads) for loads, _ in times]) / spent[:, None]
    scale = counts.max(0)
    found, _ = nnls(counts[:, 1:] / scale[1:], 1 - counts[:, 0] * operation)
    full = Costs(operation, *(found / scale[1:]).tolist())
    if threads is None:
        return full
    few = list(_steps(rows, precision, source, threads))
    if not few:
        return None
    fixed = np.array([full.layer * load.counts[2] / seconds for load, seconds in few])
    grows = np.array([full.seconds(load) / seconds for load, seconds in few]) - fixed
    factor = float(grows @ (1 - fixed) / (grows @ grows))
    return full._replace(operation=factor * full.operation, number=factor * full.number)


def machines(rows: pd.DataFrame) -> list[Machine]:
    """What training costs on each device that ff bench has measured, in each precision.

    Parameters
    ----------
    rows
        What `ff.speed.report.read` returns. Of a device that was measured at several commits, the
        first counts.
    """
    found = []
    groups: Any = rows.groupby("device_name", sort=False)
    for device_name, own in groups:
        own = own[own["machine"] == own["machine"].iloc[0]]
        source = DATASETS.get(own["dataset"].iloc[0])
        if source is None:  # a folder of one's own, whose images nobody has counted here
            continue
        for precision, device in _kinds(own):
            if model := costs(own, precision, source=source):
                times = list(_times(own, precision, source))
                errors = [abs(spent / model.seconds(*loads) - 1) for loads, spent in times]
                error = max(errors) if len(errors) > 2 else np.nan
                found.append(Machine(str(device_name), precision, device, model, error, own))
    return found


def lines(rows: pd.DataFrame) -> Iterator[str]:
    """Say how long a training of Table 1's deepest networks takes on the machine just measured.

    Parameters
    ----------
    rows
        What ``ff bench`` has measured, of MNIST.

    Yields
    ------
    str
        A line for each precision.
    """
    for precision, device in _kinds(rows):
        if model := costs(rows, precision):
            said = [
                f"{duration(model.seconds(training([max(DEPTHS)], width, device=device)))} with "
                f"{width} units a layer"
                for width in (QUICK.narrow, QUICK.wide)
            ]
            yield (
                f"A training of {max(DEPTHS)} layers, {EPOCHS} epochs of one seed of MNIST in "
                f"{precision}, takes about {' and '.join(said)}."
            )


def trained(folders: Sequence[Path] = FOLDERS) -> list[dict[str, Any]]:
    """What all records below some folders say of their runs, as in ``ff.Records.runs``.

    Parameters
    ----------
    folders
        Where runs of `ff.train` are; the book's by default.
    """
    paths = [path / "layers.parquet" for folder in folders for path in below(folder)]
    return [run for path in paths for run in provenance(path)]


def compared(machine: Machine, runs: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """How many times as long as estimated trainings took, sorted, ``(n,)``.

    Compared are those on a device of the machine's name, in its precision, in which all layers
    learn in all epochs, each of which is evaluated, and with a number of threads for which ff bench
    has measured steps.

    Parameters
    ----------
    machine
        One of `machines`.
    runs
        Result of `trained`.
    """
    found, bench = [], DATASETS[machine.rows["dataset"].iloc[0]]
    models = cache(lambda threads: costs(machine.rows, machine.precision, threads, bench))
    most = measured(machine.rows, "threads", "time")["at"].max()
    for run in runs:
        config, source = configuration(run), DATASETS.get(run["config"]["dataset"])
        same = run["device"] == machine.device_name and config.precision == machine.precision
        whole = config.schedule == "together" and not config.learns and config.validation_index == 1
        if not (same and whole and source) or run["threads"] > most:
            continue
        threads = run["threads"] if run["threads"] < most else None
        if model := models(threads):
            shape = len(config.seed_list), config.epochs, source, run["batch_size"], machine.device
            loads = [training(config.depths, width, *shape) for width in config.widths]
            found.append(run["wall_seconds"] / model.seconds(*loads))
    return np.sort(found)


def _kinds(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Precision and device of the products that were measured, each pair once."""
    own = measured(rows, "products", "compared")
    return list(dict.fromkeys(zip(own["precision"], own["device"], strict=True)))


def _times(
    rows: pd.DataFrame, precision: str, source: Source
) -> Iterator[tuple[list[Load], float]]:
    """What ff bench has timed in a precision, and how long it took with all threads."""
    assert source.sizes
    epoch, own = source.sizes[0] // source.batch_size, _in(rows, precision)
    wanted: Any = pd.concat(
        [
            measured(own, "epoch", "ours"),
            measured(own, "products", "a step"),
            measured(own, "straight: layers", "time"),
            measured(own, "straight: seeds", "time"),
            measured(own, "table 1", "ours"),
        ]
    )
    beside = measured(own, "products", "side by side").set_index(["device", "hidden"])["value"]
    for row in _whole(wanted):
        device, work, hidden = row["device"], row["work"], row["hidden"]
        depths = [row["layers"]] if device == "cpu" else DEPTHS
        if work == "table 1":
            shape = row["seeds"], EPOCHS, source, None, device
            loads = [training(DEPTHS, width, *shape) for width in (QUICK.wide, QUICK.narrow)]
        elif work == "epoch":
            loads = [Load(depths, hidden, 1, epoch, 1, source)]
        elif work == "products":
            together = int(beside[device, hidden])
            loads = [Load(depths, hidden, together, 1, source=source, device=device)]
        elif work == "straight: layers":
            loads = [Load([row["at"]], hidden, row["seeds"], SHORT, source=source)]
        else:
            loads = [Load(depths, hidden, row["at"], SHORT, source=source)]
        yield loads, row["value"]
    threads = measured(own, "threads", "time")["at"]
    for load, seconds in _steps(rows, precision, source, threads.max()):
        yield [load], seconds


def _steps(
    rows: pd.DataFrame, precision: str, source: Source, threads: float
) -> Iterator[tuple[Load, float]]:
    """Steps of one network that ff bench has timed with a number of threads, and their seconds."""
    own = _in(rows, precision)
    own = measured(own, "threads", "time")
    for row in _whole(own[own["at"] == threads]):
        yield Load([row["layers"]], row["hidden"], 1, 1, source=source), row["value"]


def _in(rows: Any, precision: str) -> Any:
    """Rows in a precision."""
    return rows[rows["precision"] == precision]


def _whole(rows: Any) -> list[dict[str, Any]]:
    """Rows with whole numbers of layers, units, seeds and points; 0 where there is none."""
    numbers = rows[["layers", "hidden", "seeds", "at"]].fillna(0).astype(int)
    return rows.assign(**numbers).to_dict("records")
