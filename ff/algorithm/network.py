"""Forward-Forward, on one page.

A network is a stack of layers, each of which learns alone (Hinton 2022). With z = relu(W x + b),
goodness G = Σ z_j² and threshold θ, a layer's loss is the cross-entropy of y = σ(G - θ) (Eq. 1, 2
of the paper) plus the peer normalization of its running mean activity r. Its gradient is::

    ∂loss/∂z = 2 z (σ(G - θ) - t) / 2B                    t = 1 on positive samples, 0 on negative
             + λ 2 (r - mean(r)) / D (1 - m) / B          on positive samples only
    ∂loss/∂W = Σ_samples ∂loss/∂z xᵀ                      relu's derivative taken as 1

and that is all: nothing is propagated back, since the next layer sees z / rms(z) as plain data.
The straight-through relu and the step follow the public implementation (Löwe 2023).

The division by rms(z) is one factor a sample. To multiply it into z would be one more pass over
memory: the next layer takes it into its product and its slopes instead. Of samples whose goodness
is far on their side of θ, σ(G - θ) - t rounds to 0: wide layers leave them out of the sum.

Shapes: S seeds, B images a step, D units a layer, I inputs of a layer. S networks, one per seed,
are trained side by side: the seed is the first dimension of every tensor. A batch has 3B rows: B
positive, B negative and B neutral samples. Neutral ones teach the layers nothing; what the layers
make of them is what the readout sees.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.sgd import sgd

from ff.algorithm import objective
from ff.algorithm.precision import operands, product
from ff.algorithm.samples import Samples, take
from ff.algorithm.streams import stream
from ff.config import Config

__all__ = ["SGD", "Layer", "Network", "Scaled"]

# Layers of fewer units gain nothing by leaving out samples without a slope: they have few of them.
WIDE = 500
MOST = 0.75  # of the rows that the whole product has; more are not worth their copies


@dataclass(frozen=True)
class Scaled:
    """What a layer sees, as factors: row n of x is ``scale[n] * rows[n]``.

    Attributes
    ----------
    rows
        Activities of the layer below, ``(S, N, I)``.
    scale
        What normalizes them, ``(S, N, 1)``.
    """

    rows: Tensor
    scale: Tensor

    @property
    def distinct(self) -> int:
        """Number of rows that products are made of."""
        return self.rows.shape[1]

    def dense(self) -> Tensor:
        """Multiply out: ``(S, N, I)``."""
        return self.rows * self.scale

    def project(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        """Map to x Wᵀ + b with weights ``(S, D, I)`` and biases ``(S, 1, D)``: ``(S, N, D)``."""
        xw = product(self.rows, weight.mT, dtype)
        return torch.addcmul(bias, xw, self.scale, out=xw)

    def correlate(self, scaled_dz: Tensor, dtype: torch.dtype) -> Tensor:
        """dzᵀ x of the first rows, as many as have slopes, ``(S, n, D)``: ``(S, D, I)``.

        The slopes dz come multiplied with the rows' scale.
        """
        return product(scaled_dz.mT, self.rows[:, : scaled_dz.shape[1]], dtype)

    def take(self, chosen: Tensor) -> "Scaled":
        """The chosen rows, ``(n,)``; of a single seed."""
        return Scaled(take(self.rows, chosen), take(self.scale, chosen))


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

    def forward(self, x: Tensor | Samples | Scaled) -> Tensor:
        """Activity z = relu(x Wᵀ + b): ``(S, N, I) -> (S, N, D)``."""
        return _factors(x).project(self.weight, self.bias, self.dtype).relu_()

    def learn(self, x: Tensor | Samples | Scaled, z: Tensor, g: Tensor, rate: float) -> None:
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
        x = _factors(x)

        r = self.running_mean.mul_(c.peer_momentum)  # (S, 1, D)
        r.add_(z[:, :batch].sum(1, keepdim=True), alpha=(1 - c.peer_momentum) / batch)
        peer = objective.peer_slope(r, c.peer_momentum, batch)  # of each positive sample
        peers = batch * peer  # of all, (S, 1, D)
        if c.relu_gradient == "exact":
            peer = peer * (z[:, :batch] > 0)  # (S, B, D) instead of (S, 1, D)
            peers = peer.sum(1, keepdim=True)

        # ∂loss/∂z = slope z, on positive samples + λ peer; slope = 2 ∂loss/∂G of Eq. 1 and 2
        slope = objective.loss_slope(g, self.theta).mul_(2).unsqueeze(-1)  # (S, 2B, 1)
        db = torch.baddbmm(peers, slope.mT, z, beta=c.peer_normalization)  # (S, 1, D)
        teaching = self._teaching(slope, x.distinct)
        if teaching is None:
            scale = x.scale[:, : 2 * batch]
            scaled_dz = z * (slope * scale)  # (S, 2B, D)
            scaled_dz[:, :batch].addcmul_(peer, scale[:, :batch], value=c.peer_normalization)
            dw = x.correlate(scaled_dz, self.dtype)  # (S, D, I)
        else:
            dw = self._from_few(teaching, x, z, slope, peer)
        self.sgd.step(self.weight, self.weight_velocity, dw, rate)
        self.sgd.step(self.bias, self.bias_velocity, db, rate)

    def _teaching(self, slope: Tensor, distinct: int) -> Tensor | None:
        """Which samples have a slope, ``(n,)``; None where all shall be multiplied.

        Networks side by side have learned different samples, a GPU would wait for their number, and
        with relu's exact derivative peer normalization is another on each positive sample.
        """
        shared = self.config.relu_gradient != "exact"
        if not (shared and self.weight.shape[1] >= WIDE and slope.shape[0] == 1 and slope.is_cpu):
            return None
        found = slope.flatten().nonzero().flatten()
        return found if len(found) <= MOST * min(distinct, slope.shape[1]) else None

    def _from_few(
        self, teaching: Tensor, x: Samples | Scaled, z: Tensor, slope: Tensor, peer: Tensor
    ) -> Tensor:
        """∂loss/∂W from the samples that have a slope, and all positive ones' λ peer xᵀ.

        The latter have peer in common: their sum is an outer product.
        """
        few = x.take(teaching)
        scaled_dz = take(z, teaching).mul_(take(slope, teaching) * few.scale)  # (S, n, D)
        dw = few.correlate(scaled_dz, self.dtype)  # (S, D, I)
        total = x.correlate(x.scale[:, : z.shape[1] // 2], self.dtype)  # Σ x, (S, 1, I)
        return dw.addcmul_(peer.mT, total, value=self.config.peer_normalization)


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
            Samples ``(S, 3B, pixels)`` as `ff.algorithm.samples.samples` makes them.
        rate
            Learning rate.

        Returns
        -------
        tuple of Tensor and list of Tensor
            Goodness ``(S, L, 2B)`` and each layer's normalized activity on the neutral samples,
            ``(S, B, D)``: both as they were before the step.
        """
        goodness, neutral = [], []
        for layer, (x_in, z, g, scale) in zip(self.layers, self.activity(x), strict=True):
            taught = z.shape[1] // 3 * 2  # 2B
            goodness.append(g[:, :taught])
            layer.learn(x_in, z[:, :taught], goodness[-1], rate)
            neutral.append(self.handed_on(z[:, taught:], scale[:, taught:]))
        return torch.stack(goodness, dim=1), neutral

    def handed_on(self, z: Tensor, scale: Tensor) -> Tensor:
        """Normalized activity, multiplied out for the readout: ``(S, N, D), (S, N, 1)``."""
        return Scaled(z, scale).dense().to(self.dtype)

    def activity(
        self, x: Tensor | Samples
    ) -> Iterator[tuple[Samples | Scaled, Tensor, Tensor, Tensor]]:
        """Send samples upwards: yields each layer's inputs, activity, goodness and scale.

        Parameters
        ----------
        x
            Samples ``(S, N, pixels)`` in [0, 1].

        Yields
        ------
        tuple
            ``(S, N, I)`` in factors, ``(S, N, D)``, ``(S, N)``, and ``(S, N, 1)``, which normalizes
            the activity: the product of both is the next layer's input.
        """
        if isinstance(x, Samples):
            inputs = x.normalized()
        else:
            inputs = _factors(objective.normalize(x).to(self.dtype))
        for layer in self.layers:
            z = layer.forward(inputs)  # (S, N, D)
            g = objective.goodness(z)  # (S, N)
            scale = objective.scale(g, z.shape[-1])  # (S, N, 1)
            yield inputs, z, g, scale
            if layer is not self.layers[-1]:
                inputs = Scaled(z.to(self.dtype), scale)

    def state(self) -> dict[str, Tensor]:
        """The tensors that learning changes, by name."""
        return {
            f"layer.{i}.{name}": tensor
            for i, layer in enumerate(self.layers, start=1)
            for name, tensor in layer.state().items()
        }


def _factors(x: Tensor | Samples | Scaled) -> Samples | Scaled:
    return Scaled(x, torch.ones_like(x[..., :1])) if isinstance(x, Tensor) else x


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
