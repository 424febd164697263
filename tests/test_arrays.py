"""Data sets made of arrays."""

import hashlib

import numpy as np
import pytest
import torch

import ff
from ff import data
from ff.data import from_arrays


def arrays(
    count: int = 30, classes: int = 3, shape: tuple[int, ...] = (4, 5)
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, then a third as many to test."""
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(count + count // 3, *shape), dtype=np.uint8)
    labels = np.arange(len(images)) % classes
    return images[:count], labels[:count], images[count:], labels[count:]


@pytest.mark.parametrize("color", [False, True])
def test_arrays_become_a_data_set(monkeypatch, color):
    given = arrays(shape=(4, 5, 3) if color else (4, 5))
    monkeypatch.setitem(data.DATASETS, "mine", from_arrays(*given))
    mine = data.load("mine")
    assert (mine.classes, mine.source.batch_size) == (3, 100)
    assert mine.source.shape == ((3, 4, 5) if color else (4, 5))
    assert [len(split) for split in (mine.train, mine.validation, mine.test)] == [24, 6, 10]
    assert torch.bincount(mine.validation.labels).tolist() == [2, 2, 2]
    # Planes first: as torch has pictures in color.
    images, labels, test_images, test_labels = given
    planes = test_images.transpose(0, 3, 1, 2) if color else test_images
    np.testing.assert_array_equal(mine.test.images.unflatten(1, mine.source.shape), planes)
    assert mine.test.labels.tolist() == test_labels.tolist()
    rows = np.vstack([mine.train.images.numpy(), mine.validation.images.numpy()])
    both = torch.cat([mine.train.labels, mine.validation.labels]).tolist()
    flat = (images.transpose(0, 3, 1, 2) if color else images).reshape(30, -1)
    assert sorted(zip(map(bytes, rows), both, strict=True)) == sorted(
        zip(map(bytes, flat), labels.tolist(), strict=True)
    ), "an image is in both splits, or in none"
    assert mine.describe() == (
        f"mine, 3 classes, 4 x 5, {'color' if color else 'gray'}: 24 training, 6 validation (a "
        "sixth of each class's training images, drawn once and for all) and 10 test images"
    )


def test_the_draw_and_the_checksum_stay():
    first, second = (from_arrays(*arrays()).read() for _ in range(2))
    assert first[3] == second[3]
    assert first[3] == "b07f5fad5f6ea787c10f277615c6c1c2a63fe5944e973bfb299c6ab5ed84df6c", (
        "other images than before"
    )
    assert torch.equal(first[1].images, second[1].images)
    changed = arrays()
    changed[2][0, 0, 0] ^= 1
    assert from_arrays(*changed).read()[3] != first[3]


def test_a_class_is_split_whatever_the_others_are():
    few, more = (from_arrays(*arrays(24 + 12 * n, classes=3 + n)) for n in (0, 1))
    for source in (few, more):
        train, validation, *_ = source.read()
        kept = torch.bincount(train.labels) + torch.bincount(validation.labels)
        assert (torch.bincount(validation.labels) == (kept / 6).round()).all()


def test_what_is_given_is_copied():
    images, *others = arrays()
    source = from_arrays(images, *others)
    before = source.read()[0].images.clone()
    images[:] = 0
    assert torch.equal(source.read()[0].images, before)


def test_validation_images_may_be_given():
    images, labels, test_images, test_labels = arrays()
    source = from_arrays(
        images, labels, test_images, test_labels,
        validation_images=images[:5], validation_labels=labels[:5],
    )  # fmt: skip
    train, validation, *_ = source.read()
    assert (len(train), len(validation), source.validation) == (30, 5, "")
    np.testing.assert_array_equal(validation.images, images[:5].reshape(5, -1))


def test_tensors_and_lists_are_taken():
    given = [torch.from_numpy(own) for own in arrays()]
    assert from_arrays(*given).read()[3] == from_arrays(*arrays()).read()[3]
    images, labels, test_images, test_labels = arrays()
    listed = from_arrays(images, labels.tolist(), test_images, test_labels.astype(np.uint8))
    assert listed.read()[3] == from_arrays(*arrays()).read()[3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": lambda x: x / 255}, r"images must be uint8, .* float64; .*255 \* images"),
        ({"images": lambda x: x.reshape(30, 20)}, r"images must have the shape .* got \(30, 20\)"),
        ({"images": lambda x: x[:0]}, "images must have the shape .* give at least one image"),
        (
            {"images": lambda x: np.stack([x] * 3, axis=1)},
            r"got \(30, 3, 4, 5\); give images.transpose\(0, 2, 3, 1\)",
        ),
        ({"images": lambda x: x[..., None]}, r"got \(30, 4, 5, 1\); give images.squeeze\(3\)"),
        ({"images": lambda x: [[1, 2], [3]]}, "rows have different lengths; give every image"),
        (
            {"labels": lambda y: y.astype(np.uint64) + np.uint64(2**63)},
            "labels must be 30 integers from 0.* but got 9223372036854775808",
        ),
        (
            {"test_images": lambda x: np.stack([x] * 3, axis=-1)},
            r"test_images must have the shape \(n, 4, 5\), as the training .*\(10, 4, 5, 3\)",
        ),
        ({"labels": lambda y: y.astype(float)}, "labels must be 30 integers .* got float64"),
        ({"labels": lambda y: y[1:]}, r"labels must be 30 integers .* shape \(29,\)"),
        ({"labels": lambda y: y - 1}, "labels must be 30 integers from 0.* got -1 to "),
        ({"labels": lambda y: y * 0}, "labels must name at least 2 classes but name 1"),
        (
            {"labels": lambda y: y * 2},
            r"each class from 0 to 4 must have at least 2 .* class 1 has 0; .* without gaps",
        ),
        (
            {"labels": lambda y: np.r_[3, y[1:]]},
            r"at least 2 training images \(one of them validates\) but class 3 has 1",
        ),
        ({"test_labels": lambda y: y + 1}, "test_labels must be from 0 to 2, .* but got 3"),
        (
            {"images": lambda x: x[:, :1, :2], "test_images": lambda x: x[:, :1, :2]},
            "images must have at least 3 pixels, one for each class, .* have 2; give larger",
        ),
        ({"validation_labels": lambda _: [0]}, "must be given together; give both, or neither"),
    ],
)
def test_what_is_wrong_is_said(change, message):
    names = ("images", "labels", "test_images", "test_labels")
    given = dict(zip(names, arrays(), strict=True))
    given |= {name: own(given.get(name)) for name, own in change.items()}
    with pytest.raises(ff.DataError, match=message):
        from_arrays(**given)


def test_the_checksum_is_of_all_parts():
    assert ff.data.checksum(b"ab", b"c") == hashlib.sha256(b"abc").hexdigest()  # pyright: ignore
