"""Data sets: uint8 images with labels, in three splits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from ff import archives
from ff.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

__all__ = ["DATASETS", "Dataset", "Source", "Split", "load", "small_digits"]

VALIDATION = 10_000  # the last of MNIST's 60,000 training images
CLASSES = 10  # of every data set in the table, and of the paper's samples
DIGITS = (1300, 247, 250)  # training, validation and test images of the embedded digits


@dataclass(frozen=True)
class Split:
    """n images of I pixels, ``(n, I)``, and their labels ``(n,)`` from 0, on one device."""

    images: Tensor  # uint8
    labels: Tensor  # int64

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """A data set in three splits; `checksum` is the SHA-256 of the bytes it was read from."""

    name: str
    train: Split
    validation: Split
    test: Split
    checksum: str

    @property
    def classes(self) -> int:
        """Number of classes."""
        return DATASETS[self.name].classes

    def to(self, device: torch.device | str) -> Dataset:
        """Copy every split to a device."""
        moved = (
            Split(split.images.to(device), split.labels.to(device))
            for split in (self.train, self.validation, self.test)
        )
        return Dataset(self.name, *moved, checksum=self.checksum)


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, and the shapes of what is in it.

    Attributes
    ----------
    read
        Returns the training, validation and test split, on the CPU, and the SHA-256 of the bytes
        that they were read from. Images of I pixels are uint8 ``(n, I)``, row by row.
    shape
        Rows and columns of an image, I pixels in all. The first row has a pixel for each class:
        there the label is drawn.
    classes
        Number of classes; labels are from 0.
    batch_size
        Images a step when the configuration names none.
    source
        Where it is published.
    """

    read: Callable[[], tuple[Split, Split, Split, str]]
    shape: tuple[int, int]
    classes: int
    batch_size: int
    source: str

    @property
    def pixels(self) -> int:
        """Number of pixels of an image."""
        return prod(self.shape)


#: The data sets, by the name that a configuration gives.
DATASETS = {
    "mnist": Source(
        lambda: _archived("mnist"), (28, 28), CLASSES, 1000,
        source="LeCun, Cortes and Burges, The MNIST database of handwritten digits (1998)",
    ),
    "fashion-mnist": Source(
        lambda: _archived("fashion-mnist"), (28, 28), CLASSES, 1000,
        source="Xiao, Rasul and Vollgraf, Fashion-MNIST (2017)",
    ),
    "kmnist": Source(
        lambda: _archived("kmnist"), (28, 28), CLASSES, 1000,
        source="Clanuwat et al., Deep learning for classical Japanese literature (2018)",
    ),
    "digits": Source(
        lambda: _digits(), (28, 28), CLASSES, 50,
        source="Alpaydin and Kaynak, Optical recognition of handwritten digits (1998), "
        "as embedded in scikit-learn",
    ),
}  # fmt: skip


def load(name: str) -> Dataset:
    """Read a data set, downloading it if it is nowhere on disk.

    Parameters
    ----------
    name
        An entry of `DATASETS`: ``"mnist"``, ``"fashion-mnist"``, ``"kmnist"`` (60,000 training
        images, of which the last 10,000 validate, and 10,000 test images) or ``"digits"`` (1300,
        247 and 250 images).

    Returns
    -------
    Dataset
        On the CPU.

    Raises
    ------
    DataError
        The name is unknown, the archives can neither be found nor downloaded, one is damaged, or
        an entry reads something else than it says.
    """
    if name not in DATASETS:
        raise DataError(f"unknown data set {name!r}; choose one of {', '.join(DATASETS)}")
    source = DATASETS[name]
    train, validation, test, checksum = source.read()
    for split in (train, validation, test):
        _check(name, source, split)
    return Dataset(name, train, validation, test, checksum)


def _check(name: str, source: Source, split: Split) -> None:
    """Refuse what would train on other samples than one thinks, or end in an error of torch's."""
    import torch

    images, labels = split.images, split.labels
    if source.classes > source.shape[1]:
        what, right = (
            f"{source.classes} classes",
            f"at most {source.shape[1]}, a pixel each in row 1",
        )
    elif images.dtype != torch.uint8 or images.shape[1:] != (source.pixels,):
        what = f"images of {images.dtype} and shape {tuple(images.shape)}"
        right = f"torch.uint8, 0 to 255, and shape (n, {source.pixels})"
    elif labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        what = f"labels of {labels.dtype} and shape {tuple(labels.shape)}"
        right = f"torch.int64 and shape ({len(images)},)"
    elif len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < source.classes:
        what = f"labels from {int(labels.min())} to {int(labels.max())}"
        right = f"0 to {source.classes - 1}"
    else:
        return
    raise DataError(f"the data set {name!r} has {what}; its entry in DATASETS needs {right}")


def _archived(name: str) -> tuple[Split, Split, Split, str]:
    """MNIST or a data set of its format, from the archives on disk or downloaded."""
    files = archives.contents(name)
    images, labels, test_images, test_labels = (_parse(content) for content in files)
    images, labels = images.flatten(1), labels.long()
    return (
        Split(images[:-VALIDATION], labels[:-VALIDATION]),
        Split(images[-VALIDATION:], labels[-VALIDATION:]),
        Split(test_images.flatten(1), test_labels.long()),
        _checksum(*files),
    )


def _parse(content: bytes) -> Tensor:
    """An IDX file: magic number with the number of dimensions, sizes, then bytes."""
    import numpy as np
    import torch

    dimensions = content[3]
    shape = np.frombuffer(content, ">i4", count=dimensions, offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    return torch.from_numpy(values.reshape(shape).copy())


def small_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 real 8 x 8 digits of scikit-learn, in the order of the data set `"digits"`.

    Returns
    -------
    tuple of ndarray
        Counts from 0 to 16, uint8 ``(n, 8, 8)``, and labels, int64 ``(n,)``. The first 1300 are
        training images, the next 247 validate.
    """
    import numpy as np
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    # The file goes writer by writer: a stride of 7 (prime to 1,797) gives each split all of them.
    spread = np.arange(len(digits.target)) * 7 % len(digits.target)
    return digits.images[spread].astype(np.uint8), digits.target[spread]


def _digits() -> tuple[Split, Split, Split, str]:
    """The small digits, enlarged to 24 x 24 in a frame of 28 x 28."""
    import torch
    import torch.nn.functional as F

    counts, classes = small_digits()
    small = torch.from_numpy(counts).float()[:, None] * (255 / 16)
    large = F.interpolate(small, size=(24, 24), mode="bilinear", align_corners=False)
    images = F.pad(large, (2, 2, 2, 2)).round().to(torch.uint8).flatten(1)
    labels = torch.from_numpy(classes).long()
    train, validation, test = (
        Split(*pair) for pair in zip(images.split(DIGITS), labels.split(DIGITS), strict=True)
    )
    return (
        train,
        validation,
        test,
        _checksum(images.numpy().tobytes(), labels.byte().numpy().tobytes()),
    )


def _checksum(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()
