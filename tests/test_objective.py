"""Goodness, losses and their slopes against autograd and plain formulas."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

import ff
from ff.algorithm import objective
from ff.algorithm.fast import normalized
from ff.algorithm.objective import Objective
from ff.switches.goodness import sum_of_squares
from ff.switches.normalization import NORMALIZATIONS

shapes = st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 8))
seeds = st.integers(0, 2**31)


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def of(theta: float, width: int = 1000) -> Objective:
    """The paper's objective with a threshold of its own."""
    return Objective(ff.Config(threshold=theta / width), width)


def targets(g: torch.Tensor) -> torch.Tensor:
    half = g.shape[-1] // 2
    return torch.cat([torch.ones(half), torch.zeros(half)]).double().expand_as(g)


@given(shapes, seeds)
def test_goodness_is_the_sum_of_squares(shape, seed):
    z = normal(seed, *shape)
    assert_close(sum_of_squares(z), (z * z).sum(-1))


@given(shapes, seeds, st.floats(0.1, 50))
def test_loss_is_binary_cross_entropy_and_its_slope_is_autograds(shape, seed, theta):
    s, b, _ = shape
    g = normal(seed, s, 2 * b).square().mul(theta).requires_grad_()
    ours = of(theta)
    loss = ours.loss(g)
    plain = F.binary_cross_entropy_with_logits(g - ours.theta, targets(g), reduction="none")
    assert_close(loss, plain.mean(-1))
    (slope,) = torch.autograd.grad(loss.sum(), g)
    assert_close(ours.slope(g.detach()), slope)


@pytest.mark.parametrize("g", [0.0, 1e4, 1e30])
def test_loss_and_slope_stay_finite(g):
    values = torch.tensor([g, g])
    assert of(1000.0).loss(values).isfinite(), "softplus overflows"
    assert of(1000.0).slope(values).isfinite().all()


def test_no_slope_is_a_denormal_number():
    """Products with them take many times as long: see `ff.algorithm.objective.drop_negligible`."""
    g = torch.linspace(0, 200, 2002).repeat(2)
    assert (torch.sigmoid(g - 150) / len(g)).lt(torch.finfo().tiny).any(), "nothing to cut off"
    slope = of(150.0).slope(g)
    assert (slope[slope != 0].abs() > 1e-25).all()
    assert_close(
        slope[slope.shape[0] // 2 :], torch.sigmoid(g[2002:] - 150) / len(g), atol=1e-20, rtol=0
    )


@given(shapes, seeds, st.floats(0, 0.99))
def test_peer_slope_is_autograds(shape, seed, momentum):
    s, b, d = shape
    old, z = normal(seed, s, d), normal(seed + 1, s, b, d).requires_grad_()
    r = momentum * old + (1 - momentum) * z.mean(1)
    (slope,) = torch.autograd.grad(objective.peer_loss(r).sum(), z)
    closed = objective.peer_slope(r.detach(), momentum, b)
    assert_close(closed.unsqueeze(1).expand_as(z), slope)


@given(shapes, seeds)
def test_peer_loss_is_the_mean_squared_distance_from_the_mean(shape, seed):
    r = normal(seed, *shape)
    assert_close(objective.peer_loss(r), r.var(-1, correction=0))


@given(shapes, seeds, st.floats(1e-3, 1e3))
def test_normalized_activity_has_mean_square_one(shape, seed, scale):
    z = normal(seed, *shape) * scale
    x = normalized(z, sum_of_squares(z), NORMALIZATIONS["rms"]).dense()
    assert_close(x, z / (z.square().mean(-1, keepdim=True).sqrt() + 1e-8))
    alive = z.square().mean(-1).sqrt() > 1e-5  # where the 1e-8 of the formula does not show
    assert_close(x.square().mean(-1)[alive], torch.ones_like(x[..., 0])[alive], rtol=3e-3, atol=0)


def test_a_silent_layer_hands_on_zeros():
    silent = normalized(torch.zeros(2, 3), torch.zeros(2), NORMALIZATIONS["rms"])
    assert silent.dense().eq(0).all(), "0 / 0 must be 0"


@given(st.integers(1, 6), st.lists(st.integers(-2, 2), min_size=12, max_size=12))
def test_accuracy_counts_samples_on_their_side(pairs, values):
    g = torch.tensor(values[: 2 * pairs]).float()
    right = sum(v > 0.5 for v in g[:pairs].tolist()) + sum(v < 0.5 for v in g[pairs:].tolist())
    assert_close(of(0.5).accuracy(g), torch.tensor(right / (2 * pairs)))


def test_a_sample_on_the_threshold_is_wrong():
    assert of(5.0, 5).accuracy(torch.tensor([5.0, 5.0])) == 0
