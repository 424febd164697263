"""Losses: what a layer's goodness on positive and negative samples should be.

A loss sees a margin for each sample: G - θ, or θ - G where goodness shall be low on positive
samples. Of the 2B margins in the last dimension the first B are of positive samples, the others of
the negative samples of the same images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LOSSES", "Loss"]


@dataclass(frozen=True)
class Loss:
    """A loss as a function of margins and of a temperature T, by which they are divided.

    Attributes
    ----------
    value
        Mean loss: ``(..., 2B), T -> (...)``.
    slope
        2B · ∂loss/∂margin: ``(..., 2B), T -> (..., 2B)``; may overwrite the margins.
    threshold
        Whether it asks on which side of θ a sample is. Where it does not, accuracy by Eq. 3 means
        nothing, and is not measured.
    source
        Where it is published.
    """

    value: Callable[[Tensor, float], Tensor]
    slope: Callable[[Tensor, float], Tensor]
    threshold: bool
    source: str


def _cross_entropy(margin: Tensor, temperature: float) -> Tensor:
    """Of y = σ(margin / T), which shall be 1 on positive samples, 0 on negative ones (Eq. 2)."""
    import torch
    import torch.nn.functional as F

    positive, negative = (margin / temperature).chunk(2, dim=-1)
    return torch.cat([F.softplus(-positive), F.softplus(negative)], dim=-1).mean(-1)


def _cross_entropy_slope(margin: Tensor, temperature: float) -> Tensor:
    """(y - t) / T with t = 1 on positive samples, else 0."""
    slope = margin.div_(temperature).sigmoid_()
    slope[..., : slope.shape[-1] // 2].sub_(1)
    return slope.div_(temperature)


def _pairwise(margin: Tensor, temperature: float) -> Tensor:
    """softplus((negative - positive) / T) of the two samples of each image."""
    import torch.nn.functional as F

    positive, negative = margin.chunk(2, dim=-1)
    return F.softplus((negative - positive) / temperature).mean(-1)


def _pairwise_slope(margin: Tensor, temperature: float) -> Tensor:
    """2 / T times ∓σ((negative - positive) / T)."""
    import torch

    positive, negative = margin.chunk(2, dim=-1)
    slope = ((negative - positive) / temperature).sigmoid_().mul_(2 / temperature)
    return torch.cat([-slope, slope], dim=-1)


#: The losses, by the name that a configuration gives.
LOSSES = {
    "cross-entropy": Loss(
        _cross_entropy,
        _cross_entropy_slope,
        threshold=True,
        source="Hinton, The Forward-Forward Algorithm (2022), section 2; the paper, Eq. 1 and 2",
    ),
    "pairwise": Loss(
        _pairwise,
        _pairwise_slope,
        threshold=False,
        source="Lee & Song, SymBa: Symmetric Backpropagation-Free Contrastive Learning (2023), "
        "whose α is 1 / T",
    ),
}
