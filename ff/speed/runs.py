"""Our training and the baseline's, ready to be timed by the epoch or a part of it.

The baseline has a process of its own, without what `ff` sets for threads and memory, as public code
has. Threads then wait in other ways than ours, so that only an idle machine compares them fairly.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread
from typing import Any

import torch

from ff.algorithm.training import Training
from ff.config import Config
from ff.data import Dataset, Split, load
from ff.errors import TrainingError
from ff.quantities import CANDIDATES
from ff.running import memory
from ff.speed.timing import seconds

__all__ = ["BaselineProcess", "Ours", "chunks", "part", "serve"]

WORKERS = 4  # of the baseline: fewer batches than these would leave some idle
# OMP_WAIT_POLICY and GOMP_SPINCOUNT as `ff/__init__.py` sets them for OpenMP.
OWN = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "10000"}
# Ctrl-C is for the process that asks. OpenMP reads its settings when torch loads it.
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
WITHOUT_SETTINGS = "import torch, ff.speed.runs; "
WITH_SETTINGS = "import ff.machine, ff.speed.runs; ff.machine.keep_freed(); "


class Ours:
    """Our training after one warm-up step, of networks of one width.

    Parameters
    ----------
    dataset
        What to learn and validate; may be a part of what `cost` is asked for.
    layers, hidden, seeds, precision
        As in `ff.Config`, of one width.
    """

    def __init__(
        self,
        dataset: Dataset,
        layers: int | Sequence[int],
        hidden: int,
        seeds: Sequence[int] = (1,),
        precision: Any = "float32",
    ) -> None:
        rarely = {"epochs": 1000, "validation_index": 1000}  # `evaluate` is called and timed apart
        layers = layers if isinstance(layers, int) else list(layers)
        config = Config(**dataset.keys, layers=layers, precision=precision, **rarely)
        self.training = Training(config, hidden, tuple(seeds), dataset)
        self.steps = len(dataset.train) // self.training.batch
        next(self.training.steps())  # the first step takes memory from the system

    def learn(self) -> None:
        """Show the training images once."""
        self.training.run_epoch()

    def evaluate(self) -> None:
        """Measure on the validation images, as after an epoch."""
        self.training.evaluate(self.training.dataset.validation)

    def cost(self, whole: Dataset) -> float:
        """Seconds of an epoch on the whole data set, its evaluation included."""
        own = self.training.dataset
        more = _evaluated(whole) / _evaluated(own)
        steps = len(whole.train) // self.training.batch / self.steps
        return seconds(self.learn) * steps + seconds(self.evaluate) * more


class BaselineProcess:
    """The baseline, in a process of its own.

    Parameters
    ----------
    dataset
        What it loads, by its name.
    layers, hidden
        Its shape.
    steps
        How many steps of an epoch are timed; None for all of them.
    plain
        Without what `ff` sets for threads and memory.

    Raises
    ------
    TrainingError
        The process has ended, usually with a message of its own.
    """

    def __init__(
        self, dataset: Dataset, layers: int, hidden: int, steps: int | None, plain: bool = True
    ) -> None:
        self.batch, self.steps = dataset.source.batch_size, steps
        config = dataset.keys | {"layers": layers, "hidden": hidden}
        start = DEAF + (WITHOUT_SETTINGS if plain else WITH_SETTINGS) + "ff.speed.runs.serve()"
        kept = {n: v for n, v in os.environ.items() if not plain or OWN.get(n) != v}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", start, json.dumps(config), str(torch.get_num_threads())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=kept,
        )
        weakref.finalize(self, self.process.communicate)  # closes its input, at which it ends
        self._seconds(1, 1)  # starts the workers

    def cost(self, whole: Dataset) -> float:
        """Seconds of an epoch on the whole data set, its evaluation included."""
        steps, batches = (len(split) // self.batch for split in (whole.train, whole.validation))
        few, check = self.steps or steps, min(WORKERS, batches) if self.steps else batches
        learning, evaluating = self._seconds(few, check)
        return learning * steps / few + evaluating * batches / check

    def _seconds(self, steps: int, batches: int) -> list[float]:
        """Seconds of some steps, and of the evaluation of some batches."""
        assert self.process.stdin
        assert self.process.stdout
        with suppress(BrokenPipeError):
            print(steps, batches, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise TrainingError(
                f"the baseline ended with status {self.process.wait()}: mend what its message "
                "above names, or free memory if there is none, and run ff bench again"
            )
        return [float(part) for part in answer.split()]


def serve() -> None:
    """Be the process of `BaselineProcess`: learn and evaluate for each line, answer in seconds."""
    from ff.speed.baseline import Baseline  # torchvision takes a second to import

    config = Config(**json.loads(sys.argv[1]))
    torch.set_num_threads(int(sys.argv[2]))
    run = Baseline(config, load(config.dataset, config.image_size))
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_listen, args=(lines,), daemon=True).start()
    while line := lines.get():
        steps, batches = (int(part) for part in line.split())
        learning = seconds(lambda steps=steps: run.learn(steps))
        print(learning, seconds(lambda batches=batches: run.evaluate(batches)), flush=True)


def _listen(lines: SimpleQueue[str]) -> None:
    with open(0, closefd=False) as asked:  # workers close sys.stdin, which must not be in use then
        for line in asked:
            lines.put(line)
    lines.put("")  # the asking process is gone
    time.sleep(3)  # time to end by itself; an answer that takes longer has no reader any more
    # Nobody reads a message either: a worker that is just passing a batch would print that its
    # reader is gone, and this process that a worker is.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for worker in multiprocessing.active_children():
        worker.kill()
    os._exit(1)


def chunks(
    dataset: Dataset, layers: int | Sequence[int], hidden: int, seeds: int, device: torch.device
) -> list[tuple[int, ...]]:
    """Divide seeds into those that `ff.train` would train side by side.

    Parameters
    ----------
    dataset
        What is learned.
    layers, hidden, seeds
        As in `ff.Config`, of one width.
    device
        Where.
    """
    layers = layers if isinstance(layers, int) else list(layers)
    config = Config(**dataset.keys, layers=layers, seeds=seeds)
    return memory.chunks(config, hidden, device)


def part(dataset: Dataset, steps: int | None) -> Dataset:
    """Training images of some steps, and a batch of validation images; None for everything."""
    if steps is None:
        return dataset
    batch = dataset.source.batch_size
    train, validation = (
        Split(split.images[:count], split.labels[:count])
        for split, count in ((dataset.train, steps * batch), (dataset.validation, batch))
    )
    return replace(dataset, train=train, validation=validation)


def _evaluated(dataset: Dataset) -> int:
    """Samples that an evaluation sends through the network."""
    images = len(dataset.validation)
    return 3 * images + dataset.classes * min(images, CANDIDATES)
