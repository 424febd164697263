"""What a layer learns from: Eq. 1 to 3 and peer normalization, with their gradients.

G stands for a layer's goodness, whichever of `ff.switches.goodness` it is.

Shapes: S networks (one per seed), B images a step, D units a layer. Rows are B positive samples,
then B negative ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ff.switches.goodness import sum_of_squares

__all__ = [
    "accuracy",
    "drop_negligible",
    "loss",
    "loss_slope",
    "normalize",
    "peer_loss",
    "peer_slope",
    "scale",
]


def normalize(z: Tensor) -> Tensor:
    """What the next layer sees: z / (sqrt(mean_j z_j²) + 1e-8), so that no length leaks upwards.

    Of shape ``(..., D)``, as z is. The mean square is that of every network, whatever its goodness.
    """
    return z * scale(sum_of_squares(z), z.shape[-1])


def scale(squares: Tensor, width: int) -> Tensor:
    """What normalization multiplies with: ``(...) -> (..., 1)``.

    It is 1 / (sqrt(mean_j z_j²) + 1e-8), where `squares` is Σ_j z_j² over D = `width` units.
    """
    return squares.div(width).sqrt_().add_(1e-8).reciprocal_().unsqueeze(-1)


def loss(g: Tensor, theta: float) -> Tensor:
    """Mean binary cross-entropy of y = σ(G - θ): ``(S, 2B) -> (S,)`` (paper, Eq. 1 and 2)."""
    positive, negative = (g - theta).chunk(2, dim=-1)
    return torch.cat([F.softplus(-positive), F.softplus(negative)], dim=-1).mean(-1)


def loss_slope(g: Tensor, theta: float) -> Tensor:
    """∂loss/∂G = (σ(G - θ) - t) / 2B with t = 1 for positive rows, 0 for negative: ``(S, 2B)``."""
    slope = torch.sigmoid(g - theta)
    slope[..., : g.shape[-1] // 2].sub_(1)
    return drop_negligible(slope).div_(g.shape[-1])


def drop_negligible(slope: Tensor) -> Tensor:
    """Set slopes below 1e-20, which no weight would feel, to 0; any shape.

    Some of them would be denormal numbers, with which a processor multiplies many times more
    slowly: a few in a thousand make a product take half as long again.
    """
    return F.hardshrink(slope, 1e-20)


def accuracy(g: Tensor, theta: float) -> Tensor:
    """Share of samples on their side of the threshold: ``(..., 2B) -> (...)`` (paper, Eq. 3)."""
    positive, negative = g.chunk(2, dim=-1)
    return ((positive > theta).float().mean(-1) + (negative < theta).float().mean(-1)) / 2


def peer_loss(r: Tensor) -> Tensor:
    """mean_j (mean(r) - r_j)² of the running mean activity r: ``(..., D) -> (...)``."""
    return (r.mean(-1, keepdim=True) - r).square().mean(-1)


def peer_slope(r: Tensor, momentum: float, batch: int) -> Tensor:
    """∂peer_loss/∂z_j of one positive sample, the same for each of them: shape of `r`.

    r_j was just updated to m r_j + (1 - m) mean over the batch of z_j; the gradient flows through
    that new term only, hence ∂r_j/∂z_j = (1 - m) / B, and ∂peer_loss/∂r_j = 2 (r_j - mean(r)) / D.
    """
    return (r - r.mean(-1, keepdim=True)) * (2 / r.shape[-1] * (1 - momentum) / batch)
