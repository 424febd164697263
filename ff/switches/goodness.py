"""Goodness: the number that a layer's loss raises on positive samples and lowers on negative ones.

It is all that the loss sees of a layer. What a layer hands on is normalized as
`ff.switches.normalization` says, whatever its goodness is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GOODNESS", "Goodness", "sum_of_squares"]

# What a unit's share of the activity adds to its weight ("game-theoretic"), and the least activity.
SHARED, TINY = 0.1, 1e-12


@dataclass(frozen=True)
class Goodness:
    """A goodness function G of the activities z of D units, which its functions leave unchanged.

    Attributes
    ----------
    value
        G: ``(..., D) -> (...)``.
    slope
        ∂G/∂z_j without its constant factor: ``(..., D) -> (..., D)``.
    factor
        That factor: ∂G/∂z_j = factor · slope(z)_j.
    unit
        Goodness of one unit of a configuration's ``threshold``, as a function of D; in this table,
        the goodness of D activities of 1.
    source
        Where it is published.
    """

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    factor: float
    unit: Callable[[int], float]
    source: str


def sum_of_squares(z: Tensor) -> Tensor:
    """G = Σ_j z_j²: ``(..., D) -> (...)`` (paper, Eq. 1).

    It is also what normalization between layers divides by, whatever a layer's goodness is: for
    another goodness, write another function.
    """
    import torch

    return torch.linalg.vector_norm(z, dim=-1).square()  # reads z once, writes no z²


def by_shares(z: Tensor) -> Tensor:
    """z_j (1 + 0.1 p_j), where p_j = |z_j| / Σ_k |z_k| is a unit's share: ``(..., D)`` as z.

    No gradient passes through the share.
    """
    import torch

    shares = z.detach().abs()
    shares.mul_(SHARED / shares.sum(-1, keepdim=True).clamp_min(TINY))
    return torch.addcmul(z, shares, z)


#: The goodness functions, by the name that a configuration gives.
GOODNESS = {
    "squares": Goodness(
        value=sum_of_squares,
        slope=lambda z: z,
        factor=2.0,
        unit=float,
        source="Hinton, The Forward-Forward Algorithm (2022), section 2; the paper, Eq. 1",
    ),
    "absolute": Goodness(
        value=lambda z: z.abs().sum(-1),
        slope=lambda z: z.sign(),
        factor=1.0,
        unit=float,
        source="Hinton, The Forward-Forward Algorithm (2022), section 8: the unsquared activities",
    ),
    "fourth": Goodness(
        value=lambda z: z.square().square().sum(-1),
        slope=lambda z: z * z * z,
        factor=4.0,
        unit=float,
        source="Hinton (2022), section 8, asks which goodness is best; few active units count more "
        "than with squares",
    ),
    "log-sum-exp": Goodness(
        value=lambda z: z.logsumexp(-1),
        slope=lambda z: z.softmax(-1),
        factor=1.0,
        unit=lambda width: 1 + math.log(width),
        source="LeCun, Chopra, Hadsell, Ranzato & Huang, A Tutorial on Energy-Based Learning "
        "(2006): a smooth maximum, the negative free energy",
    ),
    "game-theoretic": Goodness(
        value=lambda z: by_shares(z).mul(z).sum(-1),
        slope=by_shares,
        factor=2.0,
        unit=lambda width: width + SHARED,
        source="Shah & Tripathi, In Search of Goodness (2025): the best of 21 functions on MNIST, "
        "as their code has it; units with a greater share of the activity count more",
    ),
}
