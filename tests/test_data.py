"""Data sets as they are loaded, and wrong labels."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import ff
from ff import archives, data
from ff.algorithm.streams import stream
from ff.data import CLASSES, Dataset, Split
from ff.switches.negatives import uniform

DIGITS_SHA256 = "535f5c71580d3c138e0231bf2bce3a72129ac9cb1e8b8a362e404f464eaca5fc"
MNIST_SHA256 = "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a"

# --- wrong labels

EQUAL = torch.ones(CLASSES, CLASSES)  # beliefs of no readout
label_lists = st.lists(st.integers(0, 9), min_size=1, max_size=40)
keys = st.integers(1, 2**31)


@given(label_lists, keys)
def test_a_wrong_label_is_never_the_true_one(labels, seed):
    true = torch.tensor(labels)
    wrong = uniform(true, EQUAL, stream("wrong", seed, 0))
    assert wrong.shape == true.shape
    assert wrong.dtype == true.dtype
    assert ((wrong >= 0) & (wrong < CLASSES)).all()
    assert (wrong != true).all(), "a negative sample carries the true label"


@pytest.mark.parametrize("label", [0, 4, 9])
def test_wrong_labels_are_uniform_over_the_nine_others(label):
    true = torch.full((45_000,), label)
    beliefs = torch.rand(CLASSES, CLASSES, generator=stream("beliefs", 1))  # are not looked at
    counts = torch.bincount(uniform(true, beliefs, stream("wrong", 1, 0)), minlength=CLASSES)
    assert counts[label] == 0
    others = torch.cat([counts[:label], counts[label + 1 :]]).numpy()
    assert chisquare(others).pvalue > 1e-3, f"counts of the nine other labels: {others}"


# --- digits


def splits(dataset: Dataset) -> tuple[Split, Split, Split]:
    return dataset.train, dataset.validation, dataset.test


def test_digits_are_1797_images_in_three_splits(digits):
    assert [len(split) for split in splits(digits)] == [1300, 247, 250]
    for split in splits(digits):
        assert split.images.shape == (len(split), 784)
        assert split.images.dtype == torch.uint8
        assert split.labels.dtype == torch.int64
        share = torch.bincount(split.labels, minlength=CLASSES) / len(split)
        assert share.min() > 0.05, f"a split hardly has some digit: {share.tolist()}"


def test_digits_splits_are_disjoint_and_complete(digits):
    from sklearn.datasets import load_digits

    # Enlarged by 3, the middle of each block of 3 x 3 pixels is a pixel of the original.
    images = torch.cat([split.images for split in splits(digits)]).view(-1, 28, 28)
    labels = torch.cat([split.labels for split in splits(digits)]).tolist()
    ours = Counter(
        (label, image.numpy().tobytes())
        for label, image in zip(labels, images[:, 3:26:3, 3:26:3], strict=True)
    )
    original = load_digits()
    small = (original.images * (255 / 16)).round().astype(np.uint8)  # pyright: ignore[reportAttributeAccessIssue]
    truth = original.target.tolist()  # pyright: ignore[reportAttributeAccessIssue]
    assert ours == Counter(
        (label, image.tobytes()) for label, image in zip(truth, small, strict=True)
    ), "an image is in two splits, or in none"


def test_digits_are_black_where_the_label_goes(digits):
    for split in splits(digits):
        assert split.images[:, :CLASSES].eq(0).all()
        assert split.images.view(-1, 28, 28)[:, :2].eq(0).all()
        assert split.images.amax() == 255


def test_the_checksum_of_digits_is_stable(digits):
    assert digits.checksum == data.load("digits").checksum
    assert digits.checksum == DIGITS_SHA256, "other images than those that were measured"


def test_a_copy_on_a_device_keeps_everything(few):
    copy = few.to("cpu")
    assert (copy.name, copy.checksum) == (few.name, few.checksum)
    for ours, theirs in zip(splits(copy), splits(few), strict=True):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.labels, theirs.labels)


# --- MNIST itself


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    if archives.find("mnist") is None:
        pytest.skip("MNIST is not on disk: run 'ff data fetch mnist' or set FF_DATA")
    return data.load("mnist")


def test_mnist_sizes_and_order(mnist):
    assert [len(split) for split in splits(mnist)] == [50_000, 10_000, 10_000]
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.validation.labels[-3:].tolist() == [5, 6, 8]  # the end of the training file
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert all(split.images.shape[1:] == (784,) for split in splits(mnist))


def test_the_checksum_of_mnist(mnist):
    assert mnist.checksum == MNIST_SHA256, "other bytes than those that were measured"


def test_mnist_is_black_where_the_label_goes(mnist):
    for split in splits(mnist):
        assert split.images[:, :CLASSES].eq(0).all()


def test_an_unknown_data_set():
    with pytest.raises(ff.DataError, match=r"unknown data set 'cifar'; .* or images:PATH"):
        data.load("cifar")


# --- an entry that reads something else than it says


def right() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(6, 30, dtype=torch.uint8), torch.arange(6) % 4


@pytest.mark.parametrize(
    ("change", "classes", "message"),
    [
        (lambda x, y: (x.float(), y), 4, r"images of torch.float32 .* needs torch.uint8, 0 to 255"),
        (lambda x, y: (x.view(6, 5, 6), y), 4, r".* shape \(6, 5, 6\); .* shape \(n, 30\)"),
        (lambda x, y: (x, y.int()), 4, "labels of torch.int32"),
        (lambda x, y: (x, y[:5]), 4, r"labels of torch.int64 and shape \(5,\); .* shape \(6,\)"),
        (lambda x, y: (x, y + 1), 4, "labels from 1 to 4; .* needs 0 to 3"),
        (lambda x, y: (x, y), 31, "31 classes; .* needs at most 30, a pixel each"),
    ],
)
def test_a_source_is_checked(monkeypatch, change, classes, message):
    def read() -> tuple[Split, Split, Split, str]:
        good, bad = Split(*right()), Split(*change(*right()))
        return good, bad, good, "checksum"

    monkeypatch.setitem(data.DATASETS, "mine", data.Source(read, (5, 6), classes, 2, "a test"))
    with pytest.raises(ff.DataError, match=f"the data set 'mine' has {message}"):
        data.load("mine")
