"""The linear classifiers on top: one readout for each depth, trained beside the layers."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ff.algorithm import objective
from ff.algorithm.fast import SGD
from ff.algorithm.precision import operands, product
from ff.config import Config
from ff.data import DATASETS

__all__ = ["Readouts"]


class Readouts:
    """Bias-free linear maps from normalized activities to the C classes.

    The readout of depth d sees layers 2 to d on the neutral sample. It learns in the same step
    as the layers, and never influences them. Weights start at zero.

    Shapes: S seeds, K depths, B images, D units a layer. `weight[i]` belongs to layer i + 2 and
    has shape ``(S, C k, D)``, where k counts the depths that reach this layer: the last k of K.

    Parameters
    ----------
    config
        Depths, learning rate and weight decay; the data set, which has C classes.
    width
        Units in each layer.
    seeds
        Number of networks.
    device
        Where the tensors live.
    """

    def __init__(self, config: Config, width: int, seeds: int, device: torch.device) -> None:
        depths = config.depths
        self.classes = DATASETS[config.dataset].classes
        rows = [self.classes * sum(depth >= layer for depth in depths) for layer in _layers(depths)]
        self.depths = depths
        self.weight = [torch.zeros(seeds, row, width, device=device) for row in rows]
        self.velocity = [torch.zeros_like(weight) for weight in self.weight]
        self.one_hot = torch.eye(self.classes, device=device)  # of each class
        self.dtype = operands(config.precision)
        self.sgd = SGD(config.momentum, config.downstream_weight_decay)

    def state(self) -> dict[str, Tensor]:
        """The tensors that learning changes, by name."""
        named = {}
        for layer, weight, velocity in zip(
            _layers(self.depths), self.weight, self.velocity, strict=True
        ):
            named |= {f"readout.{layer}.weight": weight, f"readout.{layer}.velocity": velocity}
        return named

    def logits(self, neutral: Sequence[Tensor]) -> Tensor:
        """Sum over the layers: L activities ``(S, B, D)`` -> ``(S, B, K, C)``."""
        seeds, images, _ = neutral[0].shape
        out = torch.zeros(seeds, self.classes * len(self.depths), images, device=neutral[0].device)
        for x, weight in zip(neutral[1:], self.weight, strict=True):
            out[:, -weight.shape[1] :].add_(product(weight, x.mT, self.dtype))
        return out.unflatten(1, (len(self.depths), self.classes)).permute(0, 3, 1, 2)

    def finite(self) -> Tensor:
        """Whether all weights of a depth are finite: ``(S, K)``."""
        finite = self.weight[0].new_ones(len(self.weight[0]), len(self.depths), dtype=torch.bool)
        for weight in self.weight:
            rows = weight.isfinite().all(-1).unflatten(1, (-1, self.classes)).all(-1)  # (S, k)
            finite[:, -rows.shape[1] :] &= rows
        return finite

    def learn(
        self, neutral: Sequence[Tensor], labels: Tensor, rate: float
    ) -> tuple[Tensor, Tensor]:
        """One step down the cross-entropy.

        Parameters
        ----------
        neutral
            What `ff.algorithm.network.Network.learn` returns: L tensors ``(S, B, D)``.
        labels
            True classes, int64 ``(S, B)``.
        rate
            Learning rate.

        Returns
        -------
        tuple of Tensor
            Cross-entropy and accuracy ``(S, K)``, as they were before the step.
        """
        logits = self.logits(neutral)
        slope = _stored(logits).softmax(2)
        slope.sub_(F.embedding(labels, self.one_hot).mT.unsqueeze(1))
        slope = objective.drop_negligible(slope).div_(labels.shape[1]).flatten(1, 2)  # (S, C K, B)
        for x, weight, velocity in zip(neutral[1:], self.weight, self.velocity, strict=True):
            gradient = product(slope[:, -weight.shape[1] :], x, self.dtype)
            self.sgd.step(weight, velocity, gradient, rate)
        return score(logits, labels)


def score(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy and accuracy, mean over images: ``(S, B, K, C), (S, B) -> (S, K)`` each."""
    logits = _stored(logits)
    labels = labels.unsqueeze(1).expand(-1, logits.shape[1], -1)  # (S, K, B)
    loss = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none")  # (S, K, B)
    # A readout that has diverged is right about nothing, not about every image of class 0.
    correct = (logits.max(2).indices == labels).float().where(loss.isfinite(), torch.nan)
    return loss.mean(-1), correct.mean(-1)


def _stored(logits: Tensor) -> Tensor:
    """Logits ``(S, B, K, C)`` as they lie in memory, ``(S, K, C, B)``."""
    return logits.permute(0, 2, 3, 1)


def _layers(depths: tuple[int, ...]) -> range:
    return range(2, max(depths) + 1)
