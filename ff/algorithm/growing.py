"""A network that grows: one layer after the other learns and is frozen, then the readouts learn.

This is the last idea of the paper's section 6. A layer learns on the frozen layers below it until
its validation accuracy has not risen by `tolerance` for `patience` epochs, and goes back to the
last epoch in which it had. That is decided for each seed alone: those that are done wait for the
others, and nothing of a seed depends on the seeds beside it. Once all layers are frozen, the
readouts of all depths learn.

A layer whose numbers are no longer finite goes back, too: no seed is lost by it.

What each layer has added is seen afterwards, in the readouts' validation accuracy by depth.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ff.algorithm.precision import multiplying
from ff.algorithm.training import Training
from ff.config import Config
from ff.data import Dataset
from ff.quantities import LAYER_QUANTITIES
from ff.switches.loss import LOSSES

__all__ = ["Growing"]

OF_READOUTS = [LAYER_QUANTITIES.index(name) for name in ("logit_share", "accuracy_without")]


class Growing(Training):
    """Networks whose layers learn in turn; parameters and attributes as of `Training`.

    Epochs count from the start of each layer, and of the readouts: a row of `layers` is NaN once
    the layer of that seed is frozen. What a row says of the readout belongs to the readout's epoch.

    Attributes
    ----------
    stopped
        Own epochs of each seed and layer, ``(S, L)``; 0 while it learns.
    best
        Accuracy in the last epoch that has raised it by `tolerance`, and that epoch, of each seed's
        layer that learns, ``(S, 2)``.
    kept
        Weights ``(S, D, I)`` and biases ``(S, 1, D)`` of that epoch, two for each layer.
    """

    def __init__(
        self, config: Config, width: int, seeds: tuple[int, ...], dataset: Dataset
    ) -> None:
        super().__init__(config, width, seeds, dataset)
        self.stopped = torch.zeros(len(seeds), len(self.network.layers), dtype=torch.int64)
        self.best = torch.zeros(len(seeds), 2)
        self.kept = [(layer.weight.clone(), layer.bias.clone()) for layer in self.network.layers]
        threshold = LOSSES[config.loss].threshold
        accuracy = "validation_accuracy" if threshold else "pair_accuracy"
        self.judged_by = LAYER_QUANTITIES.index(accuracy)

    @property
    def frozen(self) -> int:
        """Number of layers that are frozen in all seeds."""
        return int((self.stopped > 0).all(0).sum())

    @property
    def epoch(self) -> int:
        """Number of completed epochs of the layer that learns, or of the readouts."""
        before = int(self.stopped.amax(0)[: self.frozen].sum())
        return min(self.passed - before, self.config.epochs)

    def steps(self) -> Iterator[float]:
        """One epoch of the layer that learns, or of the readouts; see `Training.steps`."""
        return self._layer_steps() if self.frozen < self.stopped.shape[1] else self._readout_steps()

    def _layer_steps(self) -> Iterator[float]:
        layer, epoch, config = self.frozen, self.epoch, self.config
        steps = len(self.dataset.train) // self.batch
        accuracy = torch.zeros(len(self.seeds), device=self.device)
        for step, (x, labels) in enumerate(self._batches(epoch)):
            with multiplying(config.precision, self.device):
                rate = config.learning_rate * self._cooled(epoch)
                goodness, neutral = self.network.learn(x, rate, [layer + 1], last=layer + 1)
                downstream = config.downstream_learning_rate * self._cooled(epoch)
                self.probes.learn(neutral, labels, downstream, only=layer + 1)
            accuracy += self.network.objective.accuracy(goodness[:, layer]) / steps
            yield (step + 1) / steps
        self.passed += 1
        values, _ = self.evaluate(self.dataset.validation)
        values[..., [at - 1 for at in OF_READOUTS]] = torch.nan  # they have not learned yet
        learns = self.stopped[:, layer] == 0
        self.layers[learns, epoch, layer, 0] = accuracy.cpu()[learns]
        self.layers[learns, epoch, layer, 1:] = values[:, layer].cpu()[learns]
        self._judge(layer, epoch)

    def _judge(self, layer: int, epoch: int) -> None:
        """Keep weights that are progress, stop seeds whose layer no longer improves, freeze it."""
        learns = self.stopped[:, layer] == 0
        accuracy = self.layers[:, epoch, layer, self.judged_by]
        better = learns & (accuracy > self.best[:, 0] + self.config.tolerance)
        self.best[better] = torch.stack([accuracy, torch.full_like(accuracy, epoch)], 1)[better]
        own = self.network.layers[layer]
        for kept, now in zip(self.kept[layer], (own.weight, own.bias), strict=True):
            kept[better] = now[better]
        waited = epoch - self.best[:, 1] >= self.config.patience
        over = waited | (epoch + 1 == self.config.epochs)
        self.stopped[learns & over, layer] = epoch + 1
        if (self.stopped[:, layer] > 0).all():
            own.weight.copy_(self.kept[layer][0])
            own.bias.copy_(self.kept[layer][1])
            self.best.zero_()

    def _readout_steps(self) -> Iterator[float]:
        epoch, config = self.epoch, self.config
        steps = len(self.dataset.train) // self.batch
        scores = torch.zeros(len(self.seeds), len(config.depths), 2, device=self.device)
        rate = config.downstream_learning_rate * self._cooled(epoch)
        for step, (x, labels) in enumerate(self._batches(epoch)):
            with multiplying(config.precision, self.device):
                seen = self.network.activity(x.neutral())
                neutral = [self.network.for_readout(one.handed_on) for one in seen]
                loss_and_accuracy = self.readouts.learn(neutral, labels, rate)
            scores += torch.stack(loss_and_accuracy, dim=-1) / steps
            yield (step + 1) / steps
        self.passed += 1
        values, depths = self.evaluate(self.dataset.validation)
        self.layers[:, epoch, :, OF_READOUTS] = values[..., [at - 1 for at in OF_READOUTS]].cpu()
        self.depths[:, epoch, :, :2], self.depths[:, epoch, :, 2:4] = scores.cpu(), depths.cpu()
        finite = torch.ones(len(self.seeds), self.stopped.shape[1] + len(config.depths)).bool()
        finite[:, self.stopped.shape[1] :] = self.readouts.finite().cpu()
        self._stop_diverged(finite, torch.zeros_like(self.stopped).bool())
        if epoch + 1 == config.epochs:
            self.depths[:, epoch, :, 4] = self.evaluate(self.dataset.test)[1][..., 1].cpu()
            self.passed = self.total

    def _stop_diverged(self, finite: Tensor, dead: Tensor) -> None:
        """As of `Training`; what was measured of the layers before the readouts began stays."""
        measured = self.layers.clone()
        super()._stop_diverged(finite, dead)
        measured[..., OF_READOUTS] = self.layers[..., OF_READOUTS]
        self.layers.copy_(measured)

    def state(self) -> dict[str, Tensor]:
        """As `Training.state`, with what the growth has come to."""
        grown = {"grown.stopped": self.stopped, "grown.best": self.best}
        for number, (weight, bias) in enumerate(self.kept, start=1):
            grown |= {f"kept.{number}.weight": weight, f"kept.{number}.bias": bias}
        return super().state() | grown
