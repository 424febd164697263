"""Ours and the published style, ready to be timed: turn by turn, by the epoch or a part of it.

The baseline has a process of its own, without what `ff` sets for threads and memory: so it runs
where it is published. Threads then wait in other ways than ours: only an idle machine is fair.
"""

import json
import os
import subprocess
import sys
import time
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ff.algorithm.samples import CLASSES
from ff.algorithm.training import Training
from ff.config import Config
from ff.data import Dataset, Split, load, own_batch_size
from ff.errors import TrainingError
from ff.quantities import CANDIDATES

__all__ = ["Ours", "Stopwatch", "Theirs", "Work", "part", "seconds", "serve", "timed", "turns"]

Work = Callable[[], object]
WORKERS = 4  # of the baseline: fewer batches than these would leave some idle
OWN = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "10000"}  # what `ff` sets for OpenMP
# Ctrl-C is for the process that asks. OpenMP reads its settings when torch loads it.
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
PLAIN = "import torch, ff.speed.timing; "
SERVED = "import ff.machine, ff.speed.timing; ff.machine.keep_freed(); "


class Ours:
    """Networks in training, a step old; `cost` counts for the data set that theirs is a part of."""

    def __init__(
        self,
        dataset: Dataset,
        layers: int | Sequence[int],
        hidden: int,
        seeds: Sequence[int] = (1,),
        precision: Any = "float32",
    ) -> None:
        rarely = {"epochs": 1000, "validation_index": 1000}  # `evaluate` is called for apart
        layers = layers if isinstance(layers, int) else list(layers)
        config = Config(dataset=dataset.name, layers=layers, precision=precision, **rarely)
        self.training = Training(config, hidden, tuple(seeds), dataset)
        self.steps = len(dataset.train) // self.training.batch
        next(self.training.steps())  # the first one takes memory from the system

    def learn(self) -> None:
        """Show the training images once."""
        self.training.run_epoch()

    def evaluate(self) -> None:
        """Measure on the validation images, as after an epoch."""
        self.training.evaluate(self.training.dataset.validation)

    def cost(self, whole: Dataset) -> float:
        """Seconds of an epoch on the whole data set, its evaluation included."""
        part = self.training.dataset
        more = _evaluated(whole) / _evaluated(part)
        steps = len(whole.train) // self.training.batch / self.steps
        return seconds(self.learn) * steps + seconds(self.evaluate) * more


class Theirs:
    """The baseline, in a process of its own.

    Parameters
    ----------
    dataset
        What it loads, by its name.
    layers, hidden
        Its shape.
    steps
        How much of an epoch it learns to be timed; None for all of it.
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
        self.batch, self.steps = own_batch_size(dataset.name), steps
        config = {"dataset": dataset.name, "layers": layers, "hidden": hidden}
        start = DEAF + (PLAIN if plain else SERVED) + "ff.speed.timing.serve()"
        kept = {n: v for n, v in os.environ.items() if not plain or OWN.get(n) != v}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", start, json.dumps(config), str(torch.get_num_threads())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=kept,
        )
        weakref.finalize(self, self.process.communicate)  # it ends with its input
        self._seconds(1, 1)  # starts the workers

    def cost(self, whole: Dataset) -> float:
        """Seconds of an epoch on the whole data set, its evaluation included."""
        steps, batches = (len(split) // self.batch for split in (whole.train, whole.validation))
        few, check = self.steps or steps, min(WORKERS, batches) if self.steps else batches
        learning, evaluating = self._seconds(few, check)
        return learning * steps / few + evaluating * batches / check

    def _seconds(self, steps: int, batches: int) -> list[float]:
        """Of so many steps, and of the evaluation of so many batches."""
        assert self.process.stdin
        assert self.process.stdout
        with suppress(BrokenPipeError):
            print(steps, batches, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise TrainingError(
                f"the published style ended with status {self.process.wait()}: mend what its "
                "message above names, or free memory if there is none, and run ff bench again"
            )
        return [float(part) for part in answer.split()]


def serve() -> None:
    """Be the process of `Theirs`: for each line, learn, evaluate and answer with the seconds."""
    from ff.speed.baseline import Baseline  # torchvision takes a second to import

    config = Config(**json.loads(sys.argv[1]))
    torch.set_num_threads(int(sys.argv[2]))
    run = Baseline(config, load(config.dataset))
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
    lines.put("")  # whoever asked is gone; an answer that is on its way is given up
    time.sleep(3)
    os._exit(1)


def seconds(work: Work) -> float:
    """Time from the call until everything is done, on a GPU too."""
    begin = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def turns(rounds: int, costs: Sequence[Callable[[], float]]) -> np.ndarray:
    """Seconds of each ``(n, rounds)``, taken turn by turn."""
    return np.array([[cost() for cost in costs] for _ in range(rounds)]).T


def timed(rounds: int, works: Sequence[Work]) -> np.ndarray:
    """Seconds of each piece of work, taken turn by turn, after one turn that does not count."""
    return turns(rounds + 1, [lambda work=work: seconds(work) for work in works])[:, 1:]


def _evaluated(dataset: Dataset) -> int:
    """Samples that an evaluation sends through the network."""
    images = len(dataset.validation)
    return 3 * images + CLASSES * min(images, CANDIDATES)


class Stopwatch(TorchDispatchMode):
    """Measures, within its context, how long each of torch's operations takes, on a CPU.

    Attributes
    ----------
    seconds
        By the operation's name, such as "bmm", of all its calls.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call an operation and add its time."""
        begin = time.perf_counter()
        result = func(*args, **(kwargs or {}))
        self.seconds[func.overloadpacket.__name__] += time.perf_counter() - begin
        return result


def part(dataset: Dataset, steps: int | None) -> Dataset:
    """Training images of some steps, and a batch of validation images; None for everything."""
    if steps is None:
        return dataset
    batch = own_batch_size(dataset.name)
    train, validation = (
        Split(split.images[:count], split.labels[:count])
        for split, count in ((dataset.train, steps * batch), (dataset.validation, batch))
    )
    return replace(dataset, train=train, validation=validation)
