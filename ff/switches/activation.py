"""Activations: what a unit makes of its input a = x Wᵀ + b."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ACTIVATIONS", "Activation"]

LEAK = 0.01  # slope of leaky relu below 0, as torch and TensorFlow have it


@dataclass(frozen=True)
class Activation:
    """An activation function of any shape.

    Attributes
    ----------
    value
        z = φ(a) of the input a. It may overwrite a, so that z and a are one tensor.
    slope
        φ'(a), exact, as a function of what `value` has left of a.
    straight_through
        φ' may be taken as 1 everywhere, which a configuration's ``relu_gradient`` decides.
    dies
        A unit may be silent on every sample, with φ' = 0 on all of them: only then are dead units
        counted.
    source
        Where it is published.
    """

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    straight_through: bool
    dies: bool
    source: str


def _leaky(a: Tensor) -> Tensor:
    """a where it is positive, else LEAK a; overwrites a."""
    import torch.nn.functional as F

    return F.leaky_relu_(a, LEAK)


def _leaky_slope(a: Tensor) -> Tensor:
    import torch

    return torch.where(a > 0, 1.0, LEAK)  # the sign of z is that of the input


def _gelu(a: Tensor) -> Tensor:
    """a Φ(a), with the normal distribution's Φ; leaves a as it is."""
    import torch.nn.functional as F

    return F.gelu(a)


def _gelu_slope(a: Tensor) -> Tensor:
    """Φ(a) + a Φ'(a)."""
    import torch

    density = torch.exp(a.square().mul_(-0.5)).mul_(0.3989422804014327)  # 1 / sqrt(2 pi)
    return torch.special.ndtr(a).addcmul_(a, density)


#: The activations, by the name that a configuration gives.
ACTIVATIONS = {
    "relu": Activation(
        value=lambda a: a.relu_(),
        slope=lambda z: z > 0,
        straight_through=True,
        dies=True,
        source="Hinton, The Forward-Forward Algorithm (2022), section 2",
    ),
    "leaky": Activation(
        value=_leaky,
        slope=_leaky_slope,
        straight_through=False,
        dies=False,
        source="Maas, Hannun & Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models "
        "(2013)",
    ),
    "tanh": Activation(
        value=lambda a: a.tanh_(),
        slope=lambda z: 1 - z * z,
        straight_through=False,
        dies=False,
        source="LeCun, Bottou, Orr & Müller, Efficient BackProp (1998), section 4.4",
    ),
    "gelu": Activation(
        value=_gelu,
        slope=_gelu_slope,
        straight_through=False,
        dies=False,
        source="Hendrycks & Gimpel, Gaussian Error Linear Units (2016)",
    ),
}
