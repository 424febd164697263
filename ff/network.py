"""Forward-Forward, on one page.

A network is a stack of layers, each of which learns alone (Hinton 2022). With z = relu(W x + b),
goodness G = Σ z_j² and threshold θ, a layer's loss is the cross-entropy of y = σ(G - θ) (Eq. 1, 2
of the paper) plus the peer normalization of its running mean activity r. Its gradient is::

    ∂loss/∂z = 2 z (σ(G - θ) - t) / 2B                    t = 1 on positive samples, 0 on negative
             + λ 2 (r - mean(r)) / D (1 - m) / B          on positive samples only
    ∂loss/∂W = Σ_samples ∂loss/∂z xᵀ                      relu's derivative taken as 1

and that is all: nothing is propagated back, since the next layer sees z / rms(z) as plain data.
The straight-through relu and the step follow the public implementation (Löwe 2023).

Shapes: S seeds, B images a step, D units a layer, I inputs of a layer. S networks, one per seed,
are trained side by side: the seed is the first dimension of every tensor. A batch has 3B rows: B
positive, B negative and B neutral samples. Neutral ones teach the layers nothing; what the layers
make of them is what the readout sees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim.sgd import sgd

from ff import objective
from ff.config import Config
from ff.precision import operands, product
from ff.random import stream
from ff.samples import Samples

__all__ = ["SGD", "Layer", "Network"]


class Layer:
    """One layer of S networks, and all that it needs to learn.

    Parameters
    ----------
    weight
        Initial weights ``(S, D, I)``. Biases start at 0, the running mean activity at 0.5.
    config
        Threshold, learning rates and switches.
    """

    def __init__(self, weight: Tensor, config: Config) -> None:
        self.weight = weight  # (S, D, I)
        self.bias = weight.new_zeros(weight.shape[0], 1, weight.shape[1])  # (S, 1, D)
        self.running_mean = torch.full_like(self.bias, 0.5)  # r, (S, 1, D)
        self.weight_velocity = torch.zeros_like(self.weight)
        self.bias_velocity = torch.zeros_like(self.bias)
        self.theta = config.threshold * weight.shape[1]
        self.config = config
        self.dtype = operands(config.precision)
        self.sgd = SGD(config.momentum, config.weight_decay)

    def state(self) -> dict[str, Tensor]:
        """The tensors that learning changes."""
        kept = ("weight", "bias", "running_mean", "weight_velocity", "bias_velocity")
        return {name: getattr(self, name) for name in kept}

    def forward(self, x: Tensor | Samples) -> Tensor:
        """Activity z = relu(x Wᵀ + b): ``(S, N, I) -> (S, N, D)``."""
        if isinstance(x, Samples):
            xw = x.project(self.weight, self.dtype)
        else:
            xw = product(x, self.weight.mT, self.dtype)
        return xw.add_(self.bias).relu_()

    def learn(self, x: Tensor | Samples, z: Tensor, g: Tensor, rate: float) -> None:
        """One step down the layer's own loss; the gradient is closed-form.

        Parameters
        ----------
        x, z, g
            Inputs ``(S, N, I)``, activities ``(S, 2B, D)`` and goodness ``(S, 2B)`` of B
            positive, then B negative samples. Further inputs teach nothing.
        rate
            Learning rate.
        """
        c, batch = self.config, z.shape[1] // 2  # B

        r = self.running_mean.mul_(c.peer_momentum)  # (S, 1, D)
        r.add_(z[:, :batch].mean(1, keepdim=True), alpha=1 - c.peer_momentum)
        peer = objective.peer_slope(r, c.peer_momentum, batch) * c.peer_normalization
        if c.relu_gradient == "exact":  # (S, B, D) instead of (S, 1, D)
            peer = peer * (z[:, :batch] > 0)

        slope = objective.loss_slope(g, self.theta)  # ∂loss/∂G of Eq. 1 and 2, (S, 2B)
        dz = z * (2 * slope.unsqueeze(-1))  # ∂G/∂z = 2z, (S, 2B, D)
        dz[:, :batch] += peer
        db = dz.sum(1, keepdim=True)  # (S, 1, D)

        if isinstance(x, Samples):
            dw = x.correlate(dz, self.dtype)  # (S, D, I)
        else:
            dw = product(dz.mT, x[:, : 2 * batch], self.dtype)
        self.sgd.step(self.weight, self.weight_velocity, dw, rate)
        self.sgd.step(self.bias, self.bias_velocity, db, rate)


class Network:
    """S networks of the same shape, one per seed.

    Parameters
    ----------
    config
        Depth, learning rates and switches.
    inputs
        Number of input pixels.
    width
        Units in each layer.
    seeds
        One for each network. A layer's weights depend on (seed, layer) alone, so a deep network
        contains every shallower one.
    device
        Where the tensors live.
    """

    def __init__(
        self, config: Config, inputs: int, width: int, seeds: tuple[int, ...], device: torch.device
    ) -> None:
        self.dtype = operands(config.precision)
        self.layers = [
            Layer(_weights(seeds, depth, width, width if depth else inputs, device), config)
            for depth in range(max(config.depths))
        ]

    def learn(self, x: Tensor | Samples, rate: float) -> tuple[Tensor, list[Tensor]]:
        """Show one batch to every layer, and let each take one step.

        Parameters
        ----------
        x
            Samples ``(S, 3B, pixels)`` as `ff.samples.samples` makes them.
        rate
            Learning rate.

        Returns
        -------
        tuple of Tensor and list of Tensor
            Goodness ``(S, L, 2B)`` and each layer's normalized activity on the neutral samples,
            ``(S, B, D)``: both as they were before the step.
        """
        goodness, neutral = [], []
        for layer, (x_in, z, g) in zip(self.layers, self.activity(x), strict=True):
            taught = z.shape[1] // 3 * 2  # 2B
            layer.learn(x_in, z[:, :taught], g[:, :taught], rate)
            goodness.append(g[:, :taught])
            neutral.append(objective.normalize(z[:, taught:], g[:, taught:]).to(self.dtype))
        return torch.stack(goodness, dim=1), neutral

    def activity(self, x: Tensor | Samples) -> Iterator[tuple[Any, Tensor, Tensor]]:
        """Send samples upwards: yields each layer's inputs, activity and goodness.

        Parameters
        ----------
        x
            Samples ``(S, N, pixels)`` in [0, 1].

        Yields
        ------
        tuple of Tensor
            ``(S, N, I)``, ``(S, N, D)`` and ``(S, N)``. The activity, normalized, is the next
            layer's input. It is normalized in place as the iterator goes on: who wants to keep an
            activity copies it.
        """
        x = x.normalized() if isinstance(x, Samples) else objective.normalize(x).to(self.dtype)
        for layer in self.layers:
            z = layer.forward(x)  # (S, N, D)
            g = objective.goodness(z)  # (S, N)
            yield x, z, g
            if layer is not self.layers[-1]:
                x = z.mul_(objective.scale(g, z.shape[-1]).unsqueeze(-1)).to(self.dtype)

    def state(self) -> dict[str, Tensor]:
        """The tensors that learning changes, by name."""
        return {
            f"layer.{i}.{name}": tensor
            for i, layer in enumerate(self.layers, start=1)
            for name, tensor in layer.state().items()
        }


def _weights(
    seeds: tuple[int, ...], depth: int, width: int, inputs: int, device: torch.device
) -> Tensor:
    """Normal(0, 1 / sqrt(out features)): ``(S, out, in)``."""
    # Drawn on the CPU, so that a seed means the same weights on every device.
    weights = torch.empty(len(seeds), width, inputs)
    for weight, seed in zip(weights, seeds, strict=True):
        torch.randn(width, inputs, generator=stream("weights", seed, depth), out=weight)
    return weights.div_(width**0.5).to(device)


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum and weight decay, as torch.optim.SGD defines it."""

    momentum: float
    weight_decay: float

    def step(self, parameter: Tensor, velocity: Tensor, gradient: Tensor, rate: float) -> None:
        """Update in place, in one pass: v <- m v + gradient + decay p, then p <- p - rate v.

        The three are contiguous tensors of one shape. Without momentum, v stays as it is.
        """
        for tensor in (parameter, velocity, gradient):  # the kernel does not look
            assert tensor.is_contiguous()
            assert tensor.shape == parameter.shape
        sgd(
            [parameter],
            [gradient],
            [velocity],
            lr=rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            fused=True,
        )
