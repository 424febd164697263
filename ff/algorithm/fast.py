"""What makes a step fast and leaves its result as it is, but for rounding.

- The division by rms(z) between two layers is one factor a sample. To multiply it into z would be
  one more pass over memory: `Scaled` keeps the factor, and the next layer takes it into its
  product and its gradient.
- For samples far on the right side of θ, σ(G - θ) - t rounds to 0. Wide layers leave them out of
  their weights' gradient: `samples_with_slope` finds the others, and `gradient_from_few` sums over
  these.
- `SGD` updates a tensor in one pass.

Shapes are those of `ff.algorithm.network`: S seeds, N samples, D units, I inputs of a layer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.sgd import sgd

from ff.algorithm import objective
from ff.algorithm.precision import product
from ff.algorithm.samples import Samples, take
from ff.switches.goodness import sum_of_squares
from ff.switches.normalization import Normalization

__all__ = ["SGD", "Scaled", "gradient_from_few", "inputs_of", "normalized", "samples_with_slope"]

# With fewer units nothing is gained: narrow layers have few samples without a slope.
WIDE = 500
MOST = 0.75  # largest share of the rows that is worth copying out


@dataclass(frozen=True)
class Scaled:
    """A layer's inputs as factors: sample n is ``scale[n] * rows[n]``.

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

    def linear(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        """Map to x Wᵀ + b with weights ``(S, D, I)`` and biases ``(S, 1, D)``: ``(S, N, D)``."""
        xw = product(self.rows, weight.mT, dtype)
        return torch.addcmul(bias, xw, self.scale, out=xw)

    def weight_gradient(self, scaled_da: Tensor, dtype: torch.dtype) -> Tensor:
        """∂loss/∂W = Σ_n ∂loss/∂a_n x_nᵀ over the first M samples: ``(S, M, D) -> (S, D, I)``.

        `scaled_da` holds ∂loss/∂a of these samples, with a = x Wᵀ + b, each already multiplied by
        the sample's scale.
        """
        return product(scaled_da.mT, self.rows[:, : scaled_da.shape[1]], dtype)

    def take(self, chosen: Tensor) -> "Scaled":
        """The chosen samples, ``(n,)``; of a single seed."""
        return Scaled(take(self.rows, chosen), take(self.scale, chosen))

    def since(self, sample: int) -> "Scaled":
        """All samples from one on."""
        return Scaled(self.rows[:, sample:], self.scale[:, sample:])

    def to(self, dtype: torch.dtype) -> "Scaled":
        """The same with rows of another type."""
        return Scaled(self.rows.to(dtype), self.scale)


def normalized(z: Tensor, squares: Tensor, how: Normalization) -> Scaled:
    """Normalize samples, so that no length leaks upwards; factors of the same shape.

    Parameters
    ----------
    z
        Activities or pixels, ``(S, N, D)``.
    squares
        Σ_j z_j², ``(S, N)``.
    how
        In the paper, z / (sqrt(mean_j z_j²) + 1e-8).
    """
    if how.center:
        z = z - z.mean(-1, keepdim=True)
        squares = sum_of_squares(z)
    if how.divide:
        return Scaled(z, objective.scale(squares, z.shape[-1]))
    return Scaled(z, torch.ones_like(z[..., :1]))


def inputs_of(x: Tensor | Samples | Scaled) -> Samples | Scaled:
    """Rows ``(S, N, I)`` as inputs of a layer, each with the factor 1; factors as they are."""
    return Scaled(x, torch.ones_like(x[..., :1])) if isinstance(x, Tensor) else x


def samples_with_slope(slope: Tensor, width: int, distinct: int) -> Tensor | None:
    """Which samples have a slope, ``(n,)``; None where the product shall take all of them.

    None also for several seeds, each of which would leave out other samples, and on a GPU, which
    would have to report their number first.

    Parameters
    ----------
    slope
        ∂loss/∂G of each sample, ``(S, 2B, 1)``.
    width
        Units in the layer.
    distinct
        Rows of the product of all samples.
    """
    if width < WIDE or slope.shape[0] > 1 or not slope.is_cpu:
        return None
    found = slope.flatten().nonzero().flatten()
    return found if len(found) <= MOST * min(distinct, slope.shape[1]) else None


def gradient_from_few(
    chosen: Tensor,
    x: Samples | Scaled,
    slope: Tensor,
    dg: Tensor,
    peer: Tensor,
    peer_weight: float,
    dtype: torch.dtype,
) -> Tensor:
    """∂loss/∂W of a single seed, ``(1, D, I)``, where all but a few samples have no slope.

    ∂loss/∂a of sample n is slope[n] · dg[n], and on a positive sample + peer_weight · peer. What
    the second term adds to ∂loss/∂W is an outer product: of peer and the sum of positive inputs.

    Parameters
    ----------
    chosen
        The samples that have one, ``(n,)``.
    x
        Inputs, of which the first B are positive samples, the next B negative ones.
    slope, dg
        The two factors of each sample's own term, ``(1, 2B, 1)`` and ``(1, 2B, D)``.
    peer, peer_weight
        The term that all positive samples share, ``(1, 1, D)``, and the weight λ of peer
        normalization.
    dtype
        Type to which the product's factors are rounded.
    """
    few = x.take(chosen)
    scaled_da = take(dg, chosen).mul_(take(slope, chosen) * few.scale)  # (1, n, D)
    dw = few.weight_gradient(scaled_da, dtype)
    total = x.weight_gradient(x.scale[:, : slope.shape[1] // 2], dtype)  # Σ x, (1, 1, I)
    return dw.addcmul_(peer.mT, total, value=peer_weight)


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum and weight decay, as torch.optim.SGD defines it."""

    momentum: float
    weight_decay: float

    def step(self, parameter: Tensor, velocity: Tensor, gradient: Tensor, rate: float) -> None:
        """Update in place, in one pass: v <- m v + gradient + decay p, then p <- p - rate v.

        The three are contiguous tensors of one shape. Without momentum, v stays as it is.
        """
        for tensor in (parameter, velocity, gradient):  # torch's function does not check
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
