"""A training run that can be watched: played, paused, stepped through and changed as it goes."""

import time
from typing import Literal

import numpy as np
import torch

from ff.algorithm.samples import samples
from ff.algorithm.training import Training
from ff.config import Config
from ff.data import Dataset, Split
from ff.errors import ConfigError
from ff.switches.loss import LOSSES

__all__ = ["Lab", "Phase"]

Phase = Literal["ready", "playing", "paused", "finished", "diverged"]

WEIGHTS = 50_000_000  # at most, in all layers: 32 layers of 1000 units fit
WATCHED = 200  # validation images whose goodness is looked at
FAR = 10  # a threshold this many times below or above all goodness has hardly any gradient


class Lab:
    """One network that learns in small slices, so that whoever shows it is never kept waiting.

    `play`, `pause` and `step` only say how far to train and return at once; `advance` trains. They
    may be called from another thread than `advance`, which notices between two steps.

    Parameters
    ----------
    config
        What to train: one width and one seed of it, the first.
    dataset
        On the device where the network shall live.

    Attributes
    ----------
    training
        The run itself.
    share
        Share of the current epoch that is done, from 0 to 1.
    images, labels, wrong
        The first validation images, with the labels of their positive and negative samples.
    goodness
        Of those positive and negative samples in the threshold's unit, shape (2, layers,
        images), as it was when `advance` returned; of a network that has diverged, as it was
        before that.

    Raises
    ------
    ConfigError
        The layers learn one after the other, the loss has no threshold, the network is too large
        to watch, or the batch is larger than the data set.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        if config.schedule == "in-turn":
            raise ConfigError(
                "schedule must be together or on-frozen to be watched here, where no layer waits "
                f"for another to end, but got {config.schedule!r}"
            )
        if not LOSSES[config.loss].threshold:
            known = " or ".join(name for name, loss in LOSSES.items() if loss.threshold)
            raise ConfigError(
                f"loss must be {known} to be watched here, where goodness is seen beside its "
                f"threshold, but got {config.loss!r}"
            )
        depth, width = max(config.depths), config.widths[0]
        weights = dataset.train.images.shape[1] * width + (depth - 1) * width**2
        if weights > WEIGHTS:
            raise ConfigError(
                f"layers and hidden must make at most {WEIGHTS:,} weights to be watched here but "
                f"{depth} layers of {width} units have {weights:,}; choose fewer or smaller layers"
            )
        self.training = Training(config, width, config.seed_list[:1], dataset)
        self.share = 0.0
        self.images = dataset.validation.images[:WATCHED]
        self.labels = dataset.validation.labels[:WATCHED]
        (self.wrong,) = self.training.wrong("watched", Split(self.images, self.labels))
        self._goal = 0  # train until this epoch is completed
        self._steps = iter(())
        self._look()
        self._first = float(self.goodness.min()), float(self.goodness.max())

    @property
    def config(self) -> Config:
        """What is trained, with the learning rate of the next step."""
        return self.training.config

    @property
    def epoch(self) -> int:
        """Number of completed epochs, the last one being that in which the network diverged."""
        return min([self.training.epoch, *(row["epoch"] for row in self.training.divergences())])

    @property
    def running(self) -> bool:
        """Whether `advance` has something to do."""
        return self.training.epoch < self._goal  # which is never so once it has diverged

    @property
    def phase(self) -> Phase:
        """State of the run, in one word."""
        if self.running:
            return "playing"
        if self.training.divergences():
            return "diverged"
        if self.epoch == self.config.epochs:
            return "finished"
        return "paused" if self.training.passed or self.share else "ready"

    def play(self) -> None:
        """Train until all epochs are completed."""
        self._goal = self.config.epochs

    def step(self) -> None:
        """Train to the end of this epoch, or a whole one."""
        self._goal = min(self.epoch + 1, self.config.epochs)

    def pause(self) -> None:
        """Train no further; in the middle of an epoch, go on from there later."""
        self._goal = 0

    def change_rate(self, learning_rate: float) -> None:
        """Give the layers another learning rate from the next step on.

        Raises
        ------
        ConfigError
            It is not a number above 0.
        """
        values = self.config.model_dump() | {"learning_rate": learning_rate}
        self.training.config = Config(**values)

    def advance(self, seconds: float) -> None:
        """Train for some seconds, at most to the end of the epoch, then measure goodness.

        Parameters
        ----------
        seconds
            About how long. At least one step is taken, and an epoch's end adds its evaluation.
        """
        until = time.monotonic() + seconds
        while self.running:
            if self.share == 0:
                self._steps = self.training.steps()
            self.share = next(self._steps, 0.0)
            if self.share == 0 or time.monotonic() >= until:
                break
        if self.phase != "diverged":  # then the weights are zero, and so would goodness be
            self._look()

    def hints(self) -> list[str]:
        """What keeps this network from learning, and what would help; a sentence each."""
        said = []
        (low, high), threshold = self._first, self.config.threshold
        if not low / FAR <= threshold <= high * FAR:
            said.append(
                f"Threshold {threshold:g} is far from the goodness that samples have before "
                f"training, {low:.2g} to {high:.2g}, and hardly learned from: set it nearer to 1."
            )
        for row in self.training.divergences():
            where = f"layer {row['layer']}" if "layer" in row else "the readout"
            said.append(
                f"Training ended in epoch {row['epoch']} because {where} diverged "
                f"({row['reason']}): lower the learning rate or change the settings, and reset. "
                "Goodness is shown as it was before."
            )
        return said

    def traces(self) -> np.ndarray:
        """Training accuracy of the completed epochs, shape (epochs, layers)."""
        return self.training.layers[0, : self.epoch, :, 0].numpy()

    def network(self) -> np.ndarray:
        """Training accuracy of the readout on top, shape (epochs,)."""
        return self.training.depths[0, : self.epoch, -1, 1].numpy()

    def _look(self) -> None:
        training = self.training
        network, classes = training.network, training.dataset.classes
        intensity = self.config.label_intensity
        x = samples(self.images[None], self.labels[None], self.wrong[None], classes, intensity)
        goodness = torch.stack([seen.g[0] for seen in network.activity(x)])  # (L, 3n)
        split = goodness.unflatten(1, (3, -1)).movedim(1, 0)[:2]  # without the neutral samples
        unit = network.layers[0].goodness.unit(training.width)
        self.goodness = (split / unit).cpu().numpy()
