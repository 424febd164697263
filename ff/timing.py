"""Ours and the published style, ready to be timed: turn by turn, by the epoch or a part of it.

Whatever slows the machine down meets both. The baseline runs in the same process as ours, and so
profits from how `ff` sets threads and memory.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ff.config import Config
from ff.data import Dataset, Split, own_batch_size, wrong_labels
from ff.evaluation import CANDIDATES, evaluate
from ff.random import stream
from ff.samples import CLASSES
from ff.train import Training

__all__ = ["Ours", "Theirs", "Work", "part", "seconds", "timed", "turns"]

Work = Callable[[], object]
WORKERS = 4  # of the baseline: fewer batches than these would leave some idle


class Ours:
    """Networks in training. `dataset` may be a part of the whole, for which `cost` then counts."""

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

    def learn(self) -> None:
        """Show the training images once."""
        self.training.run_epoch()

    def evaluate(self) -> None:
        """Measure on the validation images, as after an epoch."""
        run, split = self.training, self.training.dataset.validation
        labels = split.labels.expand(len(run.seeds), -1)
        wrong = wrong_labels(labels, stream("evaluation", 1, device=run.device))
        evaluate(run.network, run.readouts, split, wrong)

    def cost(self, whole: Dataset) -> float:
        """Seconds of an epoch on the whole data set, its evaluation included."""
        part = self.training.dataset
        more = _evaluated(whole) / _evaluated(part)
        steps = len(whole.train) // self.training.batch / self.steps
        return seconds(self.learn) * steps + seconds(self.evaluate) * more


class Theirs:
    """The baseline, its workers started, learning a part of an epoch: None for all of it."""

    def __init__(self, dataset: Dataset, layers: int, hidden: int, steps: int | None) -> None:
        from ff.baseline import Baseline  # torchvision takes a second to import

        config = Config(dataset=dataset.name, layers=layers, hidden=hidden)
        self.run, self.steps = Baseline(config, dataset), steps
        self.run.learn(1)
        self.run.evaluate(1)

    def cost(self, whole: Dataset) -> float:
        """Seconds of an epoch on the whole data set, its evaluation included."""
        steps = len(whole.train) // self.run.batch
        batches = len(whole.validation) // self.run.batch
        few, check = self.steps or steps, min(WORKERS, batches) if self.steps else batches
        learning = seconds(lambda: self.run.learn(few)) * steps / few
        return learning + seconds(lambda: self.run.evaluate(check)) * batches / check


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
