"""One epoch of training after another: the order of the images, the schedule, what is measured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import reduce
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ff import machine, records
from ff.algorithm.evaluation import evaluate
from ff.algorithm.network import Network
from ff.algorithm.precision import multiplying
from ff.algorithm.readout import Probes, Readouts
from ff.algorithm.samples import Samples, samples
from ff.algorithm.streams import orders, stream
from ff.config import Config
from ff.data import Dataset, Split
from ff.errors import ConfigError, DivergenceWarning
from ff.quantities import LAYER_QUANTITIES, READOUT_QUANTITIES
from ff.switches.activation import ACTIVATIONS
from ff.switches.negatives import NEGATIVES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Training", "batch_size", "cool_down"]


class Training:
    """Networks of one width that train side by side, one epoch at a time.

    Parameters
    ----------
    config
        Everything but width and seeds, of which a configuration may hold several.
    width
        Units in each layer.
    seeds
        One for each network.
    dataset
        On the device where the networks shall live.

    Attributes
    ----------
    passed
        Number of completed epochs, with those before the first that is measured.
    layers, depths
        What was measured so far of S seeds, on the CPU: of L layers in each of E epochs the
        ``ff.quantities.LAYER_QUANTITIES``, ``(S, E, L, 13)``, and of K readouts the
        ``READOUT_QUANTITIES``, ``(S, E, K, 5)``. NaN where nothing was measured.
    diverged
        Per seed: part, epoch, reason; ``(S, 3)``. Part 1 to L is a layer, those after it are the
        readouts; epochs count from 1; reason is 1 if the layer was dead, 0 if a number was not
        finite. Zeros while the seed trains.

    Raises
    ------
    ConfigError
        The batch is larger than the data set.
    """

    def __init__(
        self, config: Config, width: int, seeds: tuple[int, ...], dataset: Dataset
    ) -> None:
        machine.keep_freed()
        self.config, self.width, self.seeds, self.dataset = config, width, seeds, dataset
        self.batch = batch_size(config, dataset)
        self.device = dataset.train.images.device
        pixels = dataset.train.images.shape[1]
        shape = (config, pixels, width, seeds, self.device)
        below = Network(*shape) if config.schedule == "on-frozen" else None
        self.network = Network(*shape, below)
        self.readouts = Readouts(config, width, len(seeds), self.device)
        self.probes = Probes(config, width, len(seeds), self.device)
        self.passed = 0
        seen = (len(seeds), config.epochs)
        self.layers = torch.full((*seen, max(config.depths), len(LAYER_QUANTITIES)), torch.nan)
        self.depths = torch.full((*seen, len(config.depths), len(READOUT_QUANTITIES)), torch.nan)
        self.diverged = torch.zeros(len(seeds), 3, dtype=torch.int64)

    @property
    def epoch(self) -> int:
        """Number of completed epochs that were measured."""
        return max(0, self.passed - self.config.frozen_after)

    @property
    def total(self) -> int:
        """Number of all epochs."""
        return self.config.total_epochs

    def run_epoch(self, on_step: Callable[[float], object] = lambda share: None) -> None:
        """Show the training images, but for those that do not fill a batch, then measure.

        Parameters
        ----------
        on_step
            Called after each step with the share of the epoch that is done.
        """
        for share in self.steps():
            on_step(share)

    def steps(self) -> Iterator[float]:
        """One epoch in slices: a step for each item that is taken, then the measurement.

        Yields
        ------
        float
            The share of the epoch that is done, up to 1. The epoch is over, and its measurements
            are there, when the iterator ends. `config` is read anew for every step: a learning
            rate may be changed in between.
        """
        if self.passed < self.config.frozen_after:
            yield from self._prepare()
            return
        epoch, steps = self.epoch, len(self.dataset.train) // self.batch
        layers, depths, goodness = [], [], torch.empty(0)
        dead = torch.ones(len(self.seeds), len(self.network.layers), device=self.device).bool()
        dead &= ACTIVATIONS[self.config.activation].dies
        batches, learning = self._batches(epoch), self._learning(epoch)
        self.readouts.forget()
        for step, (x, labels) in enumerate(batches):
            config, cooled = self.config, self._cooled(epoch)
            with multiplying(config.precision, self.device):
                rate = config.learning_rate * cooled
                goodness, neutral = self.network.learn(x, rate, learning=learning)
                rate = config.downstream_learning_rate * cooled
                scores = self.readouts.learn(neutral, labels, rate)
                self.probes.learn(neutral, labels, rate)
            del neutral  # the next step, or the evaluation, makes as much of its own
            if 2 * (step + 1) > steps:
                dead &= (goodness == self.network.objective.silent).all(-1)
            layers.append(self.network.objective.accuracy(goodness))
            depths.append(torch.stack(scores, dim=-1))
            yield (step + 1) / steps
        # Added one by one: how a reduction rounds would depend on the number of layers and seeds.
        self.layers[:, epoch, :, 0] = reduce(torch.add, layers).div_(steps).cpu()
        self.depths[:, epoch, :, :2] = reduce(torch.add, depths).div_(steps).cpu()
        self.passed += 1
        finite = self._sound(goodness).cpu()
        finite[:, len(self.network.layers) :] &= self.depths[:, epoch, :, :2].isfinite().all(-1)
        last = self.epoch == self.config.epochs
        if last or self.epoch % self.config.validation_index == 0:
            layer_values, depth_values = self.evaluate(self.dataset.validation)
            self.layers[:, epoch, :, 1:] = layer_values.cpu()
            self.depths[:, epoch, :, 2:4] = depth_values.cpu()
            finite &= _finite(layer_values, depth_values)
        if last:
            layer_values, depth_values = self.evaluate(self.dataset.test)
            self.depths[:, epoch, :, 4] = depth_values[..., 1].cpu()
            finite &= _finite(layer_values, depth_values)
        self._stop_diverged(finite, dead.cpu())

    def _prepare(self) -> Iterator[float]:
        """One epoch of the network that will be frozen, as it is without this schedule."""
        below, config = self.network.below, self.config
        assert below is not None
        steps = len(self.dataset.train) // self.batch
        for step, (x, _) in enumerate(self._batches(self.passed)):
            with multiplying(config.precision, self.device):
                below.learn(x, config.learning_rate * self._cooled(self.passed))
            yield (step + 1) / steps
        self.passed += 1

    def _learning(self, epoch: int) -> list[int] | None:
        """Layers that learn in an epoch, counted from 1; None for all."""
        if self.config.learns is None:
            return None
        spans = enumerate(self.config.learns, start=1)
        return [layer for layer, (first, last) in spans if first <= epoch + 1 <= last]

    def _batches(self, epoch: int) -> Iterator[tuple[Samples, Tensor]]:
        """Samples of each step of an epoch, and the classes of their images, ``(S, B)``."""
        split, intensity = self.dataset.train, self.config.label_intensity
        order, wrong = self._order(epoch), self.wrong("wrong", split, epoch)

        def batch(step: int) -> tuple[Samples, Tensor]:
            chosen = order[:, step * self.batch : (step + 1) * self.batch]  # (S, B)
            labels = split.labels[chosen]
            images = split.images.index_select(0, chosen.flatten()).unflatten(0, chosen.shape)
            drawn = wrong.gather(1, chosen)
            return samples(images, labels, drawn, self.dataset.classes, intensity), labels

        return map(batch, range(len(split) // self.batch))

    def _cooled(self, epoch: int) -> float:
        """Factor on the learning rates."""
        return cool_down(epoch, self.config.epochs) if self.config.cool_down else 1.0

    def divergences(self) -> list[dict[str, Any]]:
        """Each seed that was stopped, with the layer or the readout's depth, epoch and reason."""
        return [self._divergence(s) for s in self.diverged[:, 1].nonzero().flatten().tolist()]

    def _divergence(self, s: int) -> dict[str, Any]:
        part, epoch, dead = self.diverged[s].tolist()
        above = part - len(self.network.layers)  # the readouts are counted on
        where = {"depth": self.config.depths[above - 1]} if above > 0 else {"layer": part}
        reason = "all units dead" if dead else "not finite"
        stopped = {"hidden": self.width, "seed": self.seeds[s]}
        return stopped | where | {"epoch": epoch, "reason": reason}

    def _sound(self, goodness: Tensor) -> Tensor:
        """Which layers and readouts have finite numbers: ``(S, L + K)``.

        Looks at the last step's goodness, ``(S, L, 2B)``, and at the weights after it.
        """
        weights = [layer.weight.flatten(1).isfinite().all(-1) for layer in self.network.layers]
        finite = goodness.isfinite().all(-1) & torch.stack(weights, dim=1)
        return torch.cat([finite, self.readouts.finite()], dim=1)

    def _stop_diverged(self, finite: Tensor, dead: Tensor) -> None:
        """End the seeds of which a part has diverged; a network that has no seed left ends whole.

        Dead is a layer of which no unit has responded to any sample in the epoch's second half. One
        that was silent for some steps trains on: it can come back when the layers below it change.

        A diverged layer measures nothing: it is on no side of any threshold. Nor do the layers
        and readouts above it, which see nothing else. A diverged readout says nothing about any
        other part. The tensors keep their shapes, because how a batched product rounds depends on
        the number of seeds: the others go on bit for bit.
        """
        epoch, layers = self.epoch - 1, dead.shape[1]
        before = self.diverged[:, 1] > 0
        self.layers[before, epoch] = self.depths[before, epoch] = torch.nan
        lost = ~finite
        lost[:, :layers] |= dead
        for s in (lost.any(1) & ~before).nonzero().flatten().tolist():
            part = int(lost[s].int().argmax())  # the lowest: those above follow from it
            all_dead = finite[s, part]  # what is lost with finite numbers is dead
            self.diverged[s] = torch.tensor([part + 1, self.epoch, all_dead])
            warnings.warn(records.describe(self._divergence(s)), DivergenceWarning, stacklevel=4)
            self.layers[s, epoch, part:] = torch.nan
            blind = [depth > part for depth in self.config.depths]
            self.depths[s, epoch, torch.tensor(blind) | lost[s, layers:]] = torch.nan
            for tensor in self._state().values():
                tensor[s] = 0
        if (self.diverged[:, 1] > 0).all():
            self.passed = self.total

    def state(self) -> dict[str, Tensor]:
        """Every tensor that the rest of the run depends on; copy into them to restore it.

        No random state is among them: each stream depends on (seed, layer) or (seed, epoch) alone.
        """
        measured = {"measured.layers": self.layers, "measured.depths": self.depths}
        measured["measured.diverged"] = self.diverged
        return measured | self._state()

    def _state(self) -> dict[str, Tensor]:
        """Tensors that learning changes, each with a seed's own part first."""
        state = self.network.state() | self.readouts.state() | self.probes.state()
        below = self.network.below.state() if self.network.below else {}
        return state | {f"below.{name}": tensor for name, tensor in below.items()}

    def layer_table(self) -> pd.DataFrame:
        """The `layers` table of `ff.Records`."""
        index = {"layer": range(1, self.layers.shape[2] + 1)}
        return records.table(self.layers.numpy(), LAYER_QUANTITIES, self.width, self.seeds, **index)

    def readout_table(self) -> pd.DataFrame:
        """The `readouts` table of `ff.Records`."""
        index = {"depth": self.config.depths}
        return records.table(
            self.depths.numpy(), READOUT_QUANTITIES, self.width, self.seeds, **index
        )

    def _order(self, epoch: int) -> Tensor:
        """Each seed's order of the training images: ``(S, n)``."""
        return orders(self.seeds, epoch, len(self.dataset.train), self.device)

    def wrong(self, purpose: str, split: Split, *key: int) -> Tensor:
        """Draw the labels of negative samples.

        Parameters
        ----------
        purpose, *key
            What they are for, and the numbers that tell one draw for it from another, such as the
            epoch. They and the seed alone decide the labels.
        split
            The n images.

        Returns
        -------
        Tensor
            A wrong label for each seed and image, ``(S, n)``.
        """
        kind = NEGATIVES["uniform" if purpose == "evaluation" else self.config.negatives]
        drawn = [
            kind.draw(split.labels, beliefs, stream(purpose, seed, *key, device=self.device))
            for seed, beliefs in zip(self.seeds, self.readouts.beliefs, strict=True)
        ]
        return torch.stack(drawn)

    def evaluate(self, split: Split) -> tuple[Tensor, Tensor]:
        """Measure the networks as they are on a split, as `ff.algorithm.evaluation.evaluate` does.

        Returns its two tensors, ``(S, L, 12)`` and ``(S, K, 2)``.
        """
        # The same negative samples every epoch: differences are the network's, not the draw's.
        wrong = self.wrong("evaluation", split)
        with multiplying(self.config.precision, self.device):
            return evaluate(self.config, self.network, self.readouts, self.probes, split, wrong)


def _finite(layers: Tensor, depths: Tensor) -> Tensor:
    """Whether each layer's goodness and each readout's numbers are finite: ``(S, L + K)``."""
    goodness = [i - 1 for i, name in enumerate(LAYER_QUANTITIES) if name.startswith("goodness_")]
    parts = [layers[..., goodness].isfinite().all(-1), depths.isfinite().all(-1)]
    return torch.cat(parts, dim=1).cpu()


def cool_down(epoch: int, epochs: int) -> float:
    """Factor on the learning rates: 1 up to epoch E // 2 (from 0), then 2 (1 + E - epoch) / E."""
    return 1.0 if epoch <= epochs // 2 else 2 * (1 + epochs - epoch) / epochs


def batch_size(config: Config, dataset: Dataset) -> int:
    """Images a step: the configuration's, or the data set's own.

    Raises
    ------
    ConfigError
        It is larger than the data set.
    """
    batch = config.batch
    if batch > len(dataset.train):
        raise ConfigError(
            f"batch_size must be at most {len(dataset.train)} (the training images of "
            f"{dataset.name}) but got {batch}"
        )
    return batch
