"""Forward-Forward, on one page.

A network is a stack of layers, each of which learns alone (Hinton 2022). With a = x Wᵀ + b,
activity z = φ(a), goodness G(z) and threshold θ, a layer's loss is the cross-entropy of
y = σ(G - θ) (Eq. 1, 2 of the paper) plus the peer normalization of its running mean activity r.
The paper is R. Adamson, The Forward-Forward Algorithm: Characterizing Training Behavior
(arXiv 2504.11229). The loss has the gradient::

    ∂loss/∂z = (σ(G - θ) - t) / (2B) · ∂G/∂z                 t = 1 on positive samples, else 0
             + λ · 2 (r - mean(r)) / D · (1 - m) / B         on positive samples only
    ∂loss/∂W = Σ_samples φ'(a) · ∂loss/∂z xᵀ

and that is all: nothing is propagated back, since the next layer sees z / rms(z) as plain data.
In the paper φ is relu, whose derivative is taken as 1 everywhere (straight-through), and
G = Σ z_j², hence ∂G/∂z = 2 z. Straight-through relu and the order of the steps follow the public
implementation (Löwe 2023). Other goodness functions, activations, losses and normalizations stand
in `ff.switches`.

Shapes: S seeds, B images a step, D units a layer, I inputs of a layer. S networks, one per seed,
are trained side by side: the seed is the first dimension of every tensor. A batch has 3B rows: B
positive, B negative and B neutral samples. Neutral ones teach the layers nothing; what the layers
make of them is what the readout sees.

`ff.algorithm.objective` has the formulas, and `ff.algorithm.fast` what makes a step fast and
changes no result but its rounding: inputs in factors, samples left out, the update in one pass.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ff.algorithm import objective
from ff.algorithm.fast import (
    SGD,
    Scaled,
    gradient_from_few,
    inputs_of,
    normalized,
    samples_with_slope,
)
from ff.algorithm.objective import Objective
from ff.algorithm.precision import operands
from ff.algorithm.samples import Samples
from ff.algorithm.streams import stream
from ff.config import Config
from ff.switches.activation import ACTIVATIONS
from ff.switches.goodness import GOODNESS, sum_of_squares
from ff.switches.normalization import NORMALIZATIONS

__all__ = ["Activity", "Layer", "Network", "initial_weights"]


@dataclass(frozen=True)
class Activity:
    """What N samples do to one layer.

    Attributes
    ----------
    inputs
        x, ``(S, N, I)`` in factors.
    a
        The units' inputs x Wᵀ + b, or what the activation has left of them, ``(S, N, D)``.
    z
        Activity φ(a), ``(S, N, D)``.
    g
        Goodness, ``(S, N)``.
    handed_on
        Normalized activity, ``(S, N, D)`` in factors: the next layer's inputs.
    """

    inputs: Samples | Scaled
    a: Tensor
    z: Tensor
    g: Tensor
    handed_on: Scaled


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
        self.weight = weight  # W, (S, D, I)
        self.bias = weight.new_zeros(weight.shape[0], 1, weight.shape[1])  # b, (S, 1, D)
        self.running_mean = torch.full_like(self.bias, 0.5)  # r, (S, 1, D)
        self.weight_velocity = torch.zeros_like(self.weight)
        self.bias_velocity = torch.zeros_like(self.bias)
        self.config = config
        self.goodness = GOODNESS[config.goodness]
        self.activation = ACTIVATIONS[config.activation]
        self.straight_through = (
            self.activation.straight_through and config.relu_gradient == "straight-through"
        )
        self.objective = Objective(config, weight.shape[1])
        self.dtype = operands(config.precision, weight.device)
        self.sgd = SGD(config.momentum, config.weight_decay)

    def state(self) -> dict[str, Tensor]:
        """The tensors that learning changes."""
        kept = ("weight", "bias", "running_mean", "weight_velocity", "bias_velocity")
        return {name: getattr(self, name) for name in kept}

    def forward(self, x: Tensor | Samples | Scaled) -> tuple[Tensor, Tensor]:
        """What the activation leaves of a = x Wᵀ + b, and z = φ(a): ``(S, N, I) -> (S, N, D)``."""
        a = inputs_of(x).linear(self.weight, self.bias, self.dtype)
        z = self.activation.value(a)
        return a, z

    def learn(
        self, x: Tensor | Samples | Scaled, a: Tensor, z: Tensor, g: Tensor, rate: float
    ) -> None:
        """One step down the layer's own loss; the gradient is closed-form.

        Parameters
        ----------
        x, a, z, g
            Inputs ``(S, N, I)``, what `forward` makes of them, ``(S, 2B, D)``, and goodness
            ``(S, 2B)`` of B positive, then B negative samples. Further inputs teach nothing.
        rate
            Learning rate.
        """
        c, batch = self.config, z.shape[1] // 2  # B
        x = inputs_of(x)

        r = self.running_mean.mul_(c.peer_momentum)  # (S, 1, D)
        r.add_(z[:, :batch].sum(1, keepdim=True), alpha=(1 - c.peer_momentum) / batch)
        peer = objective.peer_slope(r, c.peer_momentum, batch)  # of each positive sample, (S, 1, D)

        # ∂loss/∂a = slope · dg, on positive samples + λ peer. The constant factor of ∂G/∂z is in
        # slope, what is left of it in dg: slope · dg = ∂loss/∂G · ∂G/∂z (Eq. 1, 2)
        slope = self.objective.slope(g).mul_(self.goodness.factor).unsqueeze(-1)
        dg = self.goodness.slope(z)  # (S, 2B, D)
        if self.straight_through:
            dw, db = self._straight_through(x, slope, dg, peer)
        else:
            dz = dg * slope
            dz[:, :batch].add_(peer, alpha=c.peer_normalization)
            da = self.activation.backward(dz, a)
            db = da.sum(1, keepdim=True)
            dw = x.weight_gradient(da.mul_(x.scale[:, : 2 * batch]), self.dtype)
        self.sgd.step(self.weight, self.weight_velocity, dw, rate)
        self.sgd.step(self.bias, self.bias_velocity, db, rate)

    def _straight_through(
        self, x: Samples | Scaled, slope: Tensor, dg: Tensor, peer: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients of weights and biases where φ' is 1: ∂loss/∂a is a product of two factors."""
        weight, half = self.config.peer_normalization, slope.shape[1] // 2
        db = torch.baddbmm(half * peer, slope.mT, dg, beta=weight)  # (S, 1, D)
        few = samples_with_slope(slope, dg.shape[2], x.distinct)
        if few is not None:
            return gradient_from_few(few, x, slope, dg, peer, weight, self.dtype), db
        scale = x.scale[:, : 2 * half]
        scaled_da = dg * (slope * scale)  # (S, 2B, D)
        scaled_da[:, :half].addcmul_(peer, scale[:, :half], value=weight)
        return x.weight_gradient(scaled_da, self.dtype), db


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
    below
        Networks that do not learn, from which each layer takes what it sees: layer l is on top of
        their layer l - 1. None, as in the paper, for this network's own.
    """

    def __init__(
        self,
        config: Config,
        inputs: int,
        width: int,
        seeds: tuple[int, ...],
        device: torch.device,
        below: "Network | None" = None,
    ) -> None:
        self.below = below
        self.dtype = operands(config.precision, device)
        self.normalization = NORMALIZATIONS[config.normalization]
        self.layers = [
            Layer(initial_weights(seeds, depth, width, width if depth else inputs, device), config)
            for depth in range(max(config.depths))
        ]
        self.objective = self.layers[0].objective  # of every layer: all have one width

    def learn(
        self,
        x: Tensor | Samples,
        rate: float,
        learning: Collection[int] | None = None,
        last: int | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Show one batch to every layer, and let each take one step.

        Parameters
        ----------
        x
            Samples ``(S, 3B, pixels)`` as `ff.algorithm.samples.samples` makes them.
        rate
            Learning rate.
        learning
            Layers that take it, counted from 1; None for all.
        last
            The last layer that is looked at; None for the deepest.

        Returns
        -------
        tuple of Tensor and list of Tensor
            Goodness ``(S, L, 2B)`` and each layer's normalized activity on the neutral samples,
            ``(S, B, D)``: both as they were before the step.
        """
        goodness, neutral = [], []
        for number, (layer, seen) in enumerate(zip(self.layers, self.activity(x), strict=True), 1):
            taught = seen.z.shape[1] // 3 * 2  # 2B
            goodness.append(seen.g[:, :taught])
            if learning is None or number in learning:
                a, z = seen.a[:, :taught], seen.z[:, :taught]
                layer.learn(seen.inputs, a, z, goodness[-1], rate)
            neutral.append(self.for_readout(seen.handed_on.since(taught)))
            if number == last:
                break
        return torch.stack(goodness, dim=1), neutral

    def for_readout(self, handed_on: Scaled) -> Tensor:
        """Normalized activity, multiplied out and rounded as the readout's products take it."""
        return handed_on.dense().to(self.dtype)

    def activity(self, x: Tensor | Samples) -> Iterator[Activity]:
        """Send samples upwards.

        Parameters
        ----------
        x
            Samples ``(S, N, pixels)`` in [0, 1].

        Yields
        ------
        Activity
            Of each layer, from the first.
        """
        below = self.below and self.below.activity(x)
        if isinstance(x, Samples):
            inputs = x.normalized(self.normalization)
        else:
            inputs = normalized(x, sum_of_squares(x), self.normalization).to(self.dtype)
        for layer in self.layers:
            a, z = layer.forward(inputs)  # (S, N, D)
            squares = sum_of_squares(z)  # (S, N)
            own = layer.goodness.value
            g = squares if own is sum_of_squares else own(z)  # (S, N)
            handed_on = normalized(z, squares, self.normalization)
            yield Activity(inputs, a, z, g, handed_on)
            if layer is not self.layers[-1]:
                inputs = (next(below).handed_on if below else handed_on).to(self.dtype)

    def state(self) -> dict[str, Tensor]:
        """The tensors that learning changes, by name."""
        return {
            f"layer.{i}.{name}": tensor
            for i, layer in enumerate(self.layers, start=1)
            for name, tensor in layer.state().items()
        }


def initial_weights(
    seeds: tuple[int, ...], depth: int, width: int, inputs: int, device: torch.device
) -> Tensor:
    """One layer's weights before training, Normal(0, 1 / sqrt(width)).

    Parameters
    ----------
    seeds
        One for each of S networks.
    depth
        Number of the layer, counted from 0.
    width, inputs
        Units of the layer, and of what it sees.
    device
        Where the tensor shall live.

    Returns
    -------
    Tensor
        Shape ``(S, width, inputs)``.
    """
    # Drawn on the CPU, so that a seed means the same weights on every device.
    weights = torch.empty(len(seeds), width, inputs)
    for weight, seed in zip(weights, seeds, strict=True):
        torch.randn(width, inputs, generator=stream("weights", seed, depth), out=weight)
    return weights.div_(width**0.5).to(device)
