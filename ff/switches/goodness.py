"""Goodness: the number that a layer's loss raises on positive samples and lowers on negative ones.

It is all that the loss sees of a layer. What a layer hands on is normalized by its root mean
square, whatever its goodness is; see `ff.algorithm.objective.normalize`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GOODNESS", "Goodness", "sum_of_squares"]


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
        Goodness of one unit of a configuration's ``threshold``, as a function of D.
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


#: The goodness functions, by the name that a configuration gives.
GOODNESS = {
    "squares": Goodness(
        value=sum_of_squares,
        slope=lambda z: z,
        factor=2.0,
        unit=float,
        source="Hinton, The Forward-Forward Algorithm (2022), section 2; the paper, Eq. 1",
    ),
}
