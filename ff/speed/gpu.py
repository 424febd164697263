"""What `ff bench` measures where there is a GPU: all of Table 1, the products' rate, memory."""

import tempfile
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from ff import machine
from ff.config import Config
from ff.data import Dataset
from ff.running.run import train
from ff.speed import columns
from ff.speed.columns import Work
from ff.speed.effort import DEPTHS, EPOCHS, Effort
from ff.speed.rate import share
from ff.speed.runs import Ours, chunks, part
from ff.speed.timing import seconds

__all__ = ["gpu", "target"]

CUDA = torch.device("cuda")


def gpu(dataset: Dataset, effort: Effort) -> Iterator[pd.DataFrame]:
    """Measure on a GPU, or say that there is none.

    Parameters
    ----------
    dataset
        What is learned.
    effort
        How long to measure.

    Yields
    ------
    DataFrame
        Rows of Table 1, of its heaviest network's products, and of that network's memory.
    """
    runs = Work("table 1", "", CUDA.type, seeds=effort.seeds, precision="tf32")
    heaviest = runs._replace(layers=max(DEPTHS), hidden=effort.wide)
    products = heaviest._replace(work="products", beside="alone")
    peak = heaviest._replace(work="memory", beside="least")
    there = torch.cuda.is_available()
    within = (-np.inf, target(machine.name(CUDA) if there else ""))
    least, memory = 0.5, (-np.inf, 1.5)
    if not there:
        why = "no CUDA device"
        yield columns.table(columns.missing(runs, within, why, "ours"))
        yield columns.table(columns.missing(products, (least, np.inf), why))
        yield columns.table(columns.missing(peak, memory, why))
        return
    spent, how = _wall(dataset, effort)
    yield columns.table(columns.rows(runs, {"ours": (spent, "s")}, within, how))
    yield share(dataset, effort, products, DEPTHS, least)
    yield columns.table(columns.rows(peak, _memory(dataset, effort), memory))


def target(name: str) -> float:
    """Seconds in which a GPU should train all of Table 1 in tf32, 30 seeds of ten networks.

    Parameters
    ----------
    name
        What the GPU is called. An H200 has a target of its own; an H100's holds for all others.
    """
    return 120.0 if "H200" in name else 150.0


def _wall(dataset: Dataset, effort: Effort) -> tuple[float, str]:
    """Seconds of all runs of Table 1, written to disk; from how many epochs."""

    def run(epochs: int) -> float:
        config = Config(
            **dataset.keys,
            layers=list(DEPTHS),
            hidden=[effort.narrow, effort.wide],
            seeds=effort.seeds,
            epochs=epochs,
            precision="tf32",
            device=CUDA.type,
        )
        with tempfile.TemporaryDirectory() as folder:
            return seconds(lambda: train(config, folder))

    if effort.steps is None:
        return run(EPOCHS), "measured"
    run(1)  # starts the device
    one, several = run(1), run(1 + effort.steps)
    line = one + (several - one) / effort.steps * (EPOCHS - 1)
    return line, f"extrapolated from 1 and {1 + effort.steps} epochs"


def _memory(dataset: Dataset, effort: Effort) -> columns.Quantities:
    """Peak of the heaviest network, against what it keeps and one layer's step beside that."""
    torch.cuda.reset_peak_memory_stats()
    chunk = chunks(dataset, DEPTHS, effort.wide, effort.seeds, CUDA)[0]
    ours = Ours(part(dataset, 3).to(CUDA), DEPTHS, effort.wide, chunk, "tf32")
    ours.cost(ours.training.dataset)
    trained = ours.training.network, ours.training.readouts, ours.training.probes
    kept = [tensor for own in trained for tensor in own.state().values()]
    activity = 4 * len(chunk) * 3 * ours.training.batch * effort.wide  # bytes of a layer's
    least = (sum(tensor.nbytes for tensor in kept) + 3 * activity) / 1e9
    peak = torch.cuda.max_memory_allocated() / 1e9
    return columns.compared(peak, least, peak / least, "GB")
