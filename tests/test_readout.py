"""The linear classifiers against autograd, torch.optim.SGD and one classifier at a time."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

import ff
from ff.algorithm.readout import Readouts, score

CPU = torch.device("cpu")


def readouts(layers: int | list[int], width: int, seeds: int, **changes: Any) -> Readouts:
    return Readouts(ff.Config(layers=layers, hidden=width, **changes), width, seeds, CPU)


def batch(depth: int, seeds: int, images: int, width: int, key: int) -> tuple[list[Tensor], Tensor]:
    source = torch.Generator().manual_seed(key)
    neutral = [torch.rand(seeds, images, width, generator=source) for _ in range(depth)]
    return neutral, torch.randint(10, (seeds, images), generator=source)


depth_lists = st.lists(st.integers(2, 6), min_size=1, max_size=4, unique=True)


@given(depth_lists, st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**31))
def test_gradients_are_autograds_for_each_depth_alone(depths, seeds, images, width, key):
    ours = readouts(depths, width, seeds, downstream_weight_decay=0.0)
    source = torch.Generator().manual_seed(key)
    for weight in ours.weight:
        weight.normal_(generator=source)
    neutral, labels = batch(max(depths), seeds, images, width, key + 1)
    before = [weight.clone() for weight in ours.weight]
    logits = ours.logits(neutral)
    loss, accuracy = ours.learn(neutral, labels, rate=0.1)
    for k, depth in enumerate(sorted(depths)):
        # Rows of this readout: it is the k-th of K, and only the deeper ones reach each layer.
        slices = [slice(len(w[0]) - 10 * (len(depths) - k), None) for w in before[: depth - 1]]
        slices = [slice(s.start, s.start + 10) for s in slices]
        alone = [
            weight[:, rows].clone().requires_grad_()
            for weight, rows in zip(before[: depth - 1], slices, strict=True)
        ]
        x = torch.cat(neutral[1:depth], dim=-1)  # layers 2 to d, not the first
        plain = torch.einsum("sbi,soi->sbo", x, torch.cat(alone, dim=-1))
        assert_close(logits[:, :, k], plain, rtol=1e-4, atol=1e-5)
        each = F.cross_entropy(plain.transpose(1, 2), labels, reduction="none").mean(1)
        assert_close(loss[:, k], each, rtol=1e-4, atol=1e-5)
        assert_close(accuracy[:, k], (plain.argmax(-1) == labels).float().mean(1))
        slopes = torch.autograd.grad(each.sum(), alone)
        for velocity, rows, slope in zip(ours.velocity, slices, slopes, strict=False):
            assert_close(velocity[:, rows], slope, rtol=1e-4, atol=1e-5)


def test_steps_are_torchs_sgd():
    depth, seeds, images, width = 4, 2, 6, 5
    ours = readouts(depth, width, seeds)
    layers = [torch.zeros(seeds, 10, width, requires_grad=True) for _ in range(depth - 1)]
    optimizer = torch.optim.SGD(layers, lr=1.0, momentum=0.9, weight_decay=3e-3)
    for step, rate in enumerate((0.5, 0.5, 0.2, 1.0)):
        neutral, labels = batch(depth, seeds, images, width, step)
        ours.learn(neutral, labels, rate)
        logits = sum(x @ w.mT for x, w in zip(neutral[1:], layers, strict=True))
        assert isinstance(logits, Tensor)
        optimizer.zero_grad()
        # The mean is over the images of one seed, hence the sum over seeds.
        F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum").div(
            images
        ).backward()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        for weight, theirs in zip(ours.weight, layers, strict=True):
            assert_close(weight, theirs.detach(), rtol=1e-4, atol=1e-6)


def test_a_readout_learns_the_same_beside_others_and_alone():
    together = readouts([2, 3, 5], 4, 2)
    alone = {depth: readouts(depth, 4, 2) for depth in (2, 3, 5)}
    for step in range(4):
        neutral, labels = batch(5, 2, 6, 4, step)
        loss, _ = together.learn(neutral, labels, 0.5)
        for k, (depth, single) in enumerate(alone.items()):
            assert_close(single.learn(neutral[:depth], labels, 0.5)[0][:, 0], loss[:, k])


def test_readouts_start_at_zero_and_so_at_chance():
    ours = readouts([2, 4], 3, 2)
    neutral, labels = batch(4, 2, 6, 3, key=0)
    loss, _ = ours.learn(neutral, labels, 0.1)
    assert_close(loss, torch.full((2, 2), 10.0).log())


def test_the_first_layer_is_not_seen():
    ours = readouts([2, 3], 4, 1)
    neutral, labels = batch(3, 1, 6, 4, key=0)
    ours.learn(neutral, labels, 0.5)
    changed = [neutral[0] + 1, *neutral[1:]]
    assert torch.equal(ours.logits(neutral), ours.logits(changed))
    changed = [neutral[0], neutral[1] + 1, neutral[2]]
    assert not torch.equal(ours.logits(neutral), ours.logits(changed))


def test_only_the_deepest_readout_sees_the_deepest_layer():
    ours = readouts([2, 3], 4, 1)
    neutral, labels = batch(3, 1, 6, 4, key=0)
    ours.learn(neutral, labels, 0.5)
    changed = ours.logits([*neutral[:2], neutral[2] + 1])
    assert torch.equal(ours.logits(neutral)[:, :, 0], changed[:, :, 0])
    assert not torch.equal(ours.logits(neutral)[:, :, 1], changed[:, :, 1])


def test_neither_activities_nor_labels_are_changed():
    ours = readouts([2, 3], 4, 2)
    neutral, labels = batch(3, 2, 6, 4, key=0)
    copies = [x.clone() for x in [*neutral, labels]]
    ours.learn(neutral, labels, 0.5)
    for tensor, copy in zip([*neutral, labels], copies, strict=True):
        assert torch.equal(tensor, copy)


def test_no_gradient_is_a_denormal_number():
    ours = readouts(2, width=1, seeds=1, downstream_weight_decay=0.0)
    ours.weight[0][0, 1:] = -95.0  # probabilities of 1e-41 for all classes but the first
    neutral = [torch.ones(1, 1, 1)] * 2
    ours.learn(neutral, torch.tensor([[0]]), rate=1.0)
    assert ours.velocity[0].eq(0).all()


def test_score_is_a_loop_over_images():
    source = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 3, 10, generator=source)
    labels = torch.randint(10, (2, 5), generator=source)
    loss, accuracy = score(logits, labels)
    for s in range(2):
        for k in range(3):
            p = logits[s, :, k].softmax(-1)
            each = [-p[b, labels[s, b]].log().item() for b in range(5)]
            hits = [int(p[b].argmax() == labels[s, b]) for b in range(5)]
            assert loss[s, k].item() == pytest.approx(sum(each) / 5, rel=1e-5)
            assert accuracy[s, k].item() == pytest.approx(sum(hits) / 5)


def test_state_names_every_weight_and_velocity():
    ours = readouts([2, 4], 3, 2)
    state = ours.state()
    assert list(state) == [
        f"readout.{i}.{name}" for i in (2, 3, 4) for name in ("weight", "velocity")
    ]
    state["readout.3.weight"].fill_(1)
    assert ours.weight[1].eq(1).all(), "a restored checkpoint must reach the readout"
