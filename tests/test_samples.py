"""The samples of each image, and products with them, against samples that are written out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

import ff
from ff.algorithm.fast import normalized
from ff.algorithm.network import Network
from ff.algorithm.samples import Samples, candidates, pixels, samples
from ff.algorithm.streams import stream
from ff.data import CLASSES
from ff.switches.negatives import uniform
from ff.switches.normalization import NORMALIZATIONS

RMS = NORMALIZATIONS["rms"]

label_lists = st.lists(st.integers(0, 9), min_size=1, max_size=40)
keys = st.integers(1, 2**31)


def drawn(seeds: int = 2, images: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """Random images, labels and wrong labels."""
    source = torch.Generator().manual_seed(seeds)
    pixels = torch.randint(256, (seeds, images, 784), generator=source, dtype=torch.uint8)
    labels = torch.randint(CLASSES, (seeds, images), generator=source)
    return pixels, labels, (labels + 1) % CLASSES


@given(st.integers(1, 3), label_lists, keys)
def test_label_pixels_and_the_rest_of_the_image(seeds, labels, seed):
    true = torch.tensor(labels).expand(seeds, -1)
    wrong = uniform(true, torch.ones(CLASSES, CLASSES), stream("wrong", seed, 0))
    source = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (seeds, len(labels), 784), generator=source, dtype=torch.uint8)
    before = images.clone()
    x = samples(images, true, wrong).dense()
    assert x.shape == (seeds, 3 * len(labels), 784)
    assert x.dtype == torch.float32
    positive, negative, neutral = x.chunk(3, dim=1)
    one_hot = torch.eye(CLASSES)
    assert torch.equal(positive[..., :CLASSES], one_hot[true]), "positive: one-hot, true class"
    assert torch.equal(negative[..., :CLASSES], one_hot[wrong]), "negative: one-hot, wrong class"
    assert (neutral[..., :CLASSES] == torch.tensor(0.1)).all(), "neutral: 0.1 in each label pixel"
    for kind in (positive, negative, neutral):
        assert torch.equal(kind[..., CLASSES:], before[..., CLASSES:].float() / 255)
    assert torch.equal(images, before), "the data set itself was overwritten"


def test_pixels_are_a_copy():
    images = torch.full((2, 784), 255.0)
    assert pixels(images).sum() == 2 * 774 * 255
    assert images.eq(255).all()


def test_prepared_pixels_make_the_same_samples():
    images, labels, wrong = drawn()
    one, other = samples(images, labels, wrong), samples(pixels(images), labels, wrong)
    assert torch.equal(one.dense(), other.dense())


def test_candidates_are_each_image_with_each_label():
    images = torch.randint(256, (2, 3, 784), dtype=torch.uint8)
    x = candidates(images).dense().unflatten(1, (CLASSES, 3))
    for label in range(CLASSES):
        true = torch.full((2, 3), label)
        assert torch.equal(x[:, label], samples(images, true, true).dense()[:, :3])


@pytest.mark.parametrize("make", [samples, lambda images, *_: candidates(images)])
def test_normalized_samples_are_the_normalized_dense_ones(make):
    x: Samples = make(*drawn())
    dense = x.dense()
    expected = normalized(dense, dense.square().sum(-1), RMS).dense()
    assert_close(x.normalized(RMS).dense(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("make", [samples, lambda images, *_: candidates(images)])
def test_products_are_those_of_dense_samples(make):
    x: Samples = make(*drawn()).normalized(RMS)
    dense = x.dense().double()
    source = torch.Generator().manual_seed(0)
    weight = torch.randn(2, 6, 784, generator=source)
    bias = torch.randn(2, 1, 6, generator=source)
    expected = dense @ weight.mT.double() + bias
    assert_close(x.linear(weight, bias, torch.float32).double(), expected, rtol=1e-4, atol=1e-4)
    for rows in (5, 10):  # of the first samples only
        dz = torch.randn(2, rows, 6, generator=source)
        expected = dz.mT.double() @ dense[:, :rows]
        scaled = dz * x.scale[:, :rows]
        kept = scaled.clone()
        assert_close(
            x.weight_gradient(scaled, torch.float32).double(), expected, rtol=1e-4, atol=1e-4
        )
        assert torch.equal(scaled, kept), "the slopes were overwritten"


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_network_learns_the_same_from_samples_and_from_dense_ones(precision):
    config = ff.Config(layers=3, hidden=20, device="cpu", precision=precision)
    one, other = (Network(config, 784, 20, (1, 2), torch.device("cpu")) for _ in range(2))
    x = samples(*drawn(images=30))
    leeway = {"float32": 1e-5, "bf16": 0.02}[precision]  # a unit may fall on either side of 0
    for _ in range(3):
        for shared, dense in zip(one.learn(x, 1e-3), other.learn(x.dense(), 1e-3), strict=True):
            for ours, theirs in zip(shared, dense, strict=True):
                ours, theirs = ours.float(), theirs.float()
                assert (ours - theirs).norm() <= leeway * theirs.norm()
