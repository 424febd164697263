"""What a layer learns from: Eq. 1 to 3 and peer normalization, with their gradients.

G stands for a layer's goodness, whichever of `ff.switches.goodness` it is.

Shapes: S networks (one per seed), B images a step, D units a layer. Rows are B positive samples,
then B negative ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ff.config import Config
from ff.switches.goodness import GOODNESS
from ff.switches.loss import LOSSES

__all__ = [
    "Objective",
    "drop_negligible",
    "peer_loss",
    "peer_slope",
    "scale",
]


class Objective:
    """What the goodness of every layer of one width shall be: high on some samples, low on others.

    Parameters
    ----------
    config
        Goodness, threshold, loss, temperature, and whether positive samples shall have high or low
        goodness.
    width
        Units D in a layer.

    Attributes
    ----------
    theta
        Threshold θ, in the goodness function's own numbers; 0 where the loss has none.
    silent
        Goodness of a layer of which no unit responds.
    """

    def __init__(self, config: Config, width: int) -> None:
        goodness = GOODNESS[config.goodness]
        self.theta = config.threshold * goodness.unit(width) * LOSSES[config.loss].threshold
        self.silent = float(goodness.value(torch.zeros(width)))
        self.low = config.positive == "low"
        self.temperature = config.temperature
        self._loss = LOSSES[config.loss]

    def directed(self, g: Tensor) -> Tensor:
        """Goodness so that positive samples shall have the higher one: G or -G; any shape."""
        return -g if self.low else g

    def margin(self, g: Tensor) -> Tensor:
        """How far goodness is on the positive side of θ: G - θ, or θ - G; any shape."""
        return self.theta - g if self.low else g - self.theta

    def loss(self, g: Tensor) -> Tensor:
        """Mean loss: ``(S, 2B) -> (S,)``.

        In the paper, binary cross-entropy of y = σ(G - θ) (Eq. 1 and 2).
        """
        return self._loss.value(self.margin(g), self.temperature)

    def slope(self, g: Tensor) -> Tensor:
        """∂loss/∂G: ``(S, 2B)``.

        In the paper, (σ(G - θ) - t) / 2B with t = 1 for positive rows, 0 for negative.
        """
        slope = drop_negligible(self._loss.slope(self.margin(g), self.temperature))
        return slope.div_(-g.shape[-1] if self.low else g.shape[-1])

    def accuracy(self, g: Tensor) -> Tensor:
        """Share of samples on their side of θ: ``(..., 2B) -> (...)`` (paper, Eq. 3).

        NaN where the loss has no threshold.
        """
        positive, negative = g.chunk(2, dim=-1)
        if self.low:
            positive, negative = negative, positive
        above = (positive > self.theta).float().mean(-1)
        share = (above + (negative < self.theta).float().mean(-1)) / 2
        return share if self._loss.threshold else torch.full_like(share, torch.nan)


def scale(squares: Tensor, width: int) -> Tensor:
    """What normalization multiplies with: ``(...) -> (..., 1)``.

    It is 1 / (sqrt(mean_j z_j²) + 1e-8), where `squares` is Σ_j z_j² over D = `width` units.
    """
    return squares.div(width).sqrt_().add_(1e-8).reciprocal_().unsqueeze(-1)


def drop_negligible(slope: Tensor) -> Tensor:
    """Set slopes below 1e-20, which no weight would feel, to 0; any shape.

    Some of them would be denormal numbers, with which a processor multiplies many times more
    slowly: a few in a thousand make a product take half as long again.
    """
    return F.hardshrink(slope, 1e-20)


def peer_loss(r: Tensor) -> Tensor:
    """mean_j (mean(r) - r_j)² of the running mean activity r: ``(..., D) -> (...)``."""
    return (r.mean(-1, keepdim=True) - r).square().mean(-1)


def peer_slope(r: Tensor, momentum: float, batch: int) -> Tensor:
    """∂peer_loss/∂z_j of one positive sample, the same for each of them: shape of `r`.

    r_j was just updated to m r_j + (1 - m) mean over the batch of z_j; the gradient flows through
    that new term only, hence ∂r_j/∂z_j = (1 - m) / B, and ∂peer_loss/∂r_j = 2 (r_j - mean(r)) / D.
    """
    return (r - r.mean(-1, keepdim=True)) * (2 / r.shape[-1] * (1 - momentum) / batch)
