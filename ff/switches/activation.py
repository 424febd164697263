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
    backward
        d · φ'(a), exact, of any d and of what `value` has left of a; may overwrite d.
    straight_through
        φ' may be taken as 1 everywhere, which a configuration's ``relu_gradient`` decides.
    dies
        A unit can be silent: φ is 0 wherever φ' is 0. Only then are dead units counted.
    source
        Where it is published.
    """

    value: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]
    straight_through: bool
    dies: bool
    source: str


def _leaky(a: Tensor) -> Tensor:
    import torch.nn.functional as F

    return F.leaky_relu_(a, LEAK)


def _leaky_backward(d: Tensor, z: Tensor) -> Tensor:
    import torch

    backward = torch.ops.aten.leaky_relu_backward
    return backward.grad_input(d, z, LEAK, self_is_result=True, grad_input=d)


def _tanh_backward(d: Tensor, z: Tensor) -> Tensor:
    import torch

    return torch.ops.aten.tanh_backward.grad_input(d, z, grad_input=d)


def _gelu(a: Tensor) -> Tensor:
    import torch.nn.functional as F

    return F.gelu(a)


def _gelu_backward(d: Tensor, a: Tensor) -> Tensor:
    import torch

    return torch.ops.aten.gelu_backward.grad_input(d, a, grad_input=d)


#: The activations, by the name that a configuration gives.
ACTIVATIONS = {
    "relu": Activation(
        value=lambda a: a.relu_(),
        backward=lambda d, z: d.mul_(z > 0),
        straight_through=True,
        dies=True,
        source="Hinton, The Forward-Forward Algorithm (2022), section 2",
    ),
    "leaky": Activation(
        value=_leaky,
        backward=_leaky_backward,
        straight_through=False,
        dies=False,
        source="Maas, Hannun & Ng, Rectifier Nonlinearities Improve Neural Network Acoustic Models "
        "(2013)",
    ),
    "tanh": Activation(
        value=lambda a: a.tanh_(),
        backward=_tanh_backward,
        straight_through=False,
        dies=False,
        source="LeCun, Bottou, Orr & Müller, Efficient BackProp (1998), section 4.4",
    ),
    "gelu": Activation(
        value=_gelu,
        backward=_gelu_backward,
        straight_through=False,
        dies=False,
        source="Hendrycks & Gimpel, Gaussian Error Linear Units (2016)",
    ),
}
