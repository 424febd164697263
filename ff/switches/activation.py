"""Activations: what a unit makes of its input x Wᵀ + b."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ACTIVATIONS", "Activation"]


@dataclass(frozen=True)
class Activation:
    """An activation function of any shape.

    Attributes
    ----------
    value
        z = φ(a) of the input a, which it may overwrite.
    slope
        φ'(a) as a function of the value z, exact.
    straight_through
        φ' may be taken as 1 everywhere, which a configuration's ``relu_gradient`` decides.
    source
        Where it is published.
    """

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    straight_through: bool
    source: str


#: The activations, by the name that a configuration gives.
ACTIVATIONS = {
    "relu": Activation(
        value=lambda a: a.relu_(),
        slope=lambda z: z > 0,
        straight_through=True,
        source="Hinton, The Forward-Forward Algorithm (2022), section 2",
    ),
}
