"""Linear classifiers beside the layers: a readout for each depth, a probe for each layer."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ff.algorithm import objective
from ff.algorithm.fast import SGD
from ff.algorithm.precision import operands, product
from ff.config import Config
from ff.switches.negatives import NEGATIVES

__all__ = ["Probes", "Readouts", "score"]


class Readouts:
    """Bias-free linear maps from normalized activities to the C classes.

    The readout of depth d sees layers F to d on the neutral sample, where F is 2 in the paper. It
    learns in the same step as the layers, and never influences them. Weights start at zero.

    Shapes: S seeds, K depths, B images, D units a layer. `weight[i]` belongs to layer i + F and
    has shape ``(S, C k, D)``, where k counts the depths that reach this layer: the last k of K.

    Parameters
    ----------
    config
        Depths, first layer, learning rate and weight decay; the data set, which has C classes.
    width
        Units in each layer.
    seeds
        Number of networks.
    device
        Where the tensors live.

    Attributes
    ----------
    beliefs
        ``(S, C, C)``: row i, column j adds up the probability that the deepest readout has given to
        class j on the epoch's images of class i. Ones where negative samples do not depend on it,
        and before it has learned.
    """

    def __init__(self, config: Config, width: int, seeds: int, device: torch.device) -> None:
        depths = config.depths
        self.classes = config.source.classes
        self.first, self.depths = config.readout_from, depths
        rows = [self.classes * sum(depth >= layer for depth in depths) for layer in self.layers]
        self.weight = [torch.zeros(seeds, row, width, device=device) for row in rows]
        self.velocity = [torch.zeros_like(weight) for weight in self.weight]
        self.one_hot = torch.eye(self.classes, device=device)  # of each class
        self.confused = NEGATIVES[config.negatives].confused
        self.beliefs = torch.ones(seeds, self.classes, self.classes, device=device)
        self.dtype = operands(config.precision, device)
        self.sgd = SGD(config.momentum, config.downstream_weight_decay)

    def forget(self) -> None:
        """Begin a new epoch's beliefs."""
        if self.confused:
            self.beliefs.zero_()

    @property
    def layers(self) -> range:
        """The layers that are seen, counted from 1."""
        return range(self.first, max(self.depths) + 1)

    def state(self) -> dict[str, Tensor]:
        """The tensors that learning changes, by name."""
        named = {}
        for layer, weight, velocity in zip(self.layers, self.weight, self.velocity, strict=True):
            named |= {f"readout.{layer}.weight": weight, f"readout.{layer}.velocity": velocity}
        return named | ({"readout.beliefs": self.beliefs} if self.confused else {})

    def logits(self, neutral: Sequence[Tensor]) -> Tensor:
        """Sum over the layers: L activities ``(S, B, D)`` -> ``(S, B, K, C)``."""
        seeds, images, _ = neutral[0].shape
        out = torch.zeros(seeds, self.classes * len(self.depths), images, device=neutral[0].device)
        for x, weight in zip(neutral[self.first - 1 :], self.weight, strict=True):
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
        if self.confused:
            belief = logits[:, :, -1].softmax(-1)  # (S, B, C)
            self.beliefs += F.embedding(labels, self.one_hot).mT @ belief
        slope = _slope(_stored(logits), labels, self.one_hot).flatten(1, 2)  # (S, C K, B)
        for x, weight, velocity in zip(
            neutral[self.first - 1 :], self.weight, self.velocity, strict=True
        ):
            gradient = product(slope[:, -weight.shape[1] :], x, self.dtype)
            self.sgd.step(weight, velocity, gradient, rate)
        return score(logits, labels)

    def contributions(self, neutral: Sequence[Tensor]) -> Tensor:
        """What each layer adds to the deepest readout's logits: ``(S, B, D) -> (S, L, C, B)``.

        L counts the layers that are seen. The sum over them is the readout's answer.
        """
        deepest = [weight[:, -self.classes :] for weight in self.weight]
        return _logits(deepest, neutral[self.first - 1 :], self.dtype)


class Probes:
    """A bias-free linear map from each layer's normalized activity to the C classes.

    A probe tells what a linear classifier finds in one layer alone. It is trained as a readout is:
    on neutral samples, in the same step, from zero, with the readout's learning rate and weight
    decay. It influences nothing.

    Parameters
    ----------
    config
        As for `Readouts`.
    width
        Units in each layer.
    seeds
        Number of networks.
    device
        Where the tensors live.
    """

    def __init__(self, config: Config, width: int, seeds: int, device: torch.device) -> None:
        classes, layers = config.source.classes, max(config.depths)
        self.weight = torch.zeros(layers, seeds, classes, width, device=device)
        self.velocity = torch.zeros_like(self.weight)
        self.one_hot = torch.eye(classes, device=device)
        self.dtype = operands(config.precision, device)
        self.sgd = SGD(config.momentum, config.downstream_weight_decay)

    def state(self) -> dict[str, Tensor]:
        """The tensors that learning changes, by name, the seed first."""
        return {
            f"probe.{at}.{name}": own
            for name, all_ in (("weight", self.weight), ("velocity", self.velocity))
            for at, own in enumerate(all_, start=1)
        }

    def logits(self, neutral: Sequence[Tensor]) -> Tensor:
        """Of each layer's activity ``(S, B, D)``: ``(S, L, C, B)``."""
        return _logits(self.weight, neutral, self.dtype)

    def learn(
        self, neutral: Sequence[Tensor], labels: Tensor, rate: float, only: int | None = None
    ) -> None:
        """One step down each cross-entropy.

        Arguments as of `Readouts.learn`, and the one layer, counted from 1, whose probe learns.
        """
        own = slice(None) if only is None else slice(only - 1, only)
        weight, velocity, neutral = self.weight[own], self.velocity[own], neutral[own]
        slope = _slope(_logits(weight, neutral, self.dtype), labels, self.one_hot)
        steps = [product(slope[:, at], x, self.dtype) for at, x in enumerate(neutral)]
        self.sgd.step(weight, velocity, torch.stack(steps), rate)


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


def _logits(weight: Sequence[Tensor] | Tensor, x: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Of n layers alone: weights ``(S, C, D)``, activities ``(S, B, D)``: ``(S, n, C, B)``."""
    pairs = zip(weight, x, strict=True)
    return torch.stack([product(own, seen.mT, dtype) for own, seen in pairs], dim=1)


def _slope(logits: Tensor, labels: Tensor, one_hot: Tensor) -> Tensor:
    """Of the cross-entropy, by logits ``(S, n, C, B)``; the same shape."""
    slope = logits.softmax(2)
    slope.sub_(F.embedding(labels, one_hot).mT.unsqueeze(1))
    return objective.drop_negligible(slope).div_(labels.shape[1])
