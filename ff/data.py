"""Data sets: uint8 images with labels, in three splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ff import archives, images
from ff.arrays import BATCH_SIZE, Source, Split, checksum, from_arrays
from ff.errors import DataError, needing_torch

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

__all__ = [
    "DATASETS",
    "Dataset",
    "Source",
    "Split",
    "batch_size",
    "from_arrays",
    "from_folder",
    "load",
    "small_digits",
    "source",
]

VALIDATION = 10_000  # the last of MNIST's 60,000 training images
CLASSES = 10  # of every data set in the table, and of the paper's samples
DIGITS = (1300, 247, 250)  # training, validation and test images of the embedded digits
LAST = "the last 10,000 of the training file"
# Training, validation and test images of MNIST and data sets of its format, and of CIFAR-10.
MNIST = (60_000 - VALIDATION, VALIDATION, 10_000)
CIFAR10 = (50_000 - VALIDATION, VALIDATION, 10_000)


@dataclass(frozen=True)
class Dataset:
    """A data set in three splits.

    Attributes
    ----------
    name
        An entry of `DATASETS`, or ``images:PATH``.
    train, validation, test
        The splits.
    checksum
        SHA-256 of the bytes that it was read from.
    image_size
        Of a folder's images, as in a configuration.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    checksum: str
    image_size: Any = None

    @property
    def source(self) -> Source:
        """Where it is from, and its shapes."""
        return source(self.name, self.image_size)

    @property
    def keys(self) -> dict[str, Any]:
        """What names it in a configuration."""
        return {"dataset": self.name, "image_size": self.image_size}

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.source.classes

    def to(self, device: torch.device | str) -> Dataset:
        """Copy every split to a device."""
        moved = (
            Split(split.images.to(device), split.labels.to(device))
            for split in (self.train, self.validation, self.test)
        )
        return Dataset(self.name, *moved, checksum=self.checksum, image_size=self.image_size)

    def describe(self) -> str:
        """Say what is in it: classes, shape, and how many images learn, validate and test."""
        own = self.source
        rows, columns = own.shape[-2:]
        color = "color" if len(own.shape) == 3 else "gray"
        how = f" ({own.validation})" if own.validation else ""
        return (
            f"{self.name}, {own.classes} classes, {rows} x {columns}, {color}: "
            f"{len(self.train):,} training, {len(self.validation):,} validation{how} and "
            f"{len(self.test):,} test images"
        )


#: The data sets, by the name that a configuration gives.
DATASETS = {
    "mnist": Source(
        lambda: _archived("mnist"), (28, 28), CLASSES, 1000,
        source="LeCun, Cortes and Burges, The MNIST database of handwritten digits (1998)",
        validation=LAST, sizes=MNIST,
    ),
    "fashion-mnist": Source(
        lambda: _archived("fashion-mnist"), (28, 28), CLASSES, 1000,
        source="Xiao, Rasul and Vollgraf, Fashion-MNIST (2017)",
        validation=LAST, sizes=MNIST,
    ),
    "kmnist": Source(
        lambda: _archived("kmnist"), (28, 28), CLASSES, 1000,
        source="Clanuwat et al., Deep learning for classical Japanese literature (2018)",
        validation=LAST, sizes=MNIST,
    ),
    "cifar10": Source(
        lambda: _cifar10(), (3, 32, 32), CLASSES, 1000,
        source="Krizhevsky, Learning multiple layers of features from tiny images (2009)",
        validation=LAST, sizes=CIFAR10,
    ),
    "digits": Source(
        lambda: _digits(), (28, 28), CLASSES, 50,
        source="Alpaydin and Kaynak, Optical recognition of handwritten digits (1998), "
        "as embedded in scikit-learn",
        sizes=DIGITS,
    ),
}  # fmt: skip


def from_folder(path: str | Path, image_size: Any = None) -> Source:
    """Make a data set of a folder of pictures: an entry for `DATASETS`.

    Parameters
    ----------
    path
        Holds ``train/CLASS/*`` and ``test/CLASS/*``, jpg or png, as torchvision's ImageFolder has
        them. A folder ``validation`` (or ``val``) beside them validates; else a sixth of each
        class's training images does, drawn once and for all.
    image_size
        Rows and columns that images are resized to, or one number for both; None is 28 x 28.

    Returns
    -------
    Source
        In color if a training image has any, else gray. Its classes are numbered in alphabetical
        order.

    Raises
    ------
    DataError
        The folder is absent or otherwise arranged, or a picture cannot be read.
    """
    listing = images.listed(images.place(str(path)))
    return _arranged(listing, images.dimensions(image_size))


def source(name: str, image_size: Any = None) -> Source:
    """Where a data set comes from and its shapes; a folder is read for that.

    Parameters
    ----------
    name
        An entry of `DATASETS`, or ``images:PATH``, a folder as for `from_folder`. What was last
        read of a folder counts until `load` looks at it again.
    image_size
        As for `from_folder`.

    Raises
    ------
    DataError
        The name is unknown, or there is something wrong with the folder.
    """
    if images.is_folder(name):
        return _folder(name, image_size, again=False)
    if name not in DATASETS:
        raise DataError(
            f"unknown data set {name!r}; choose one of {', '.join(DATASETS)} or images:PATH"
        )
    return DATASETS[name]


def batch_size(name: str) -> int:
    """Images a step when a configuration names none: known without reading anything.

    Parameters
    ----------
    name
        An entry of `DATASETS`, or ``images:PATH``: 100.
    """
    return BATCH_SIZE if images.is_folder(name) else source(name).batch_size


@needing_torch()
def load(name: str, image_size: Any = None) -> Dataset:
    """Read a data set, downloading it if it is nowhere on disk.

    Parameters
    ----------
    name
        An entry of `DATASETS`: ``"mnist"``, ``"fashion-mnist"``, ``"kmnist"`` (60,000 training
        images, of which the last 10,000 validate, and 10,000 test images), ``"cifar10"`` (10,000
        training images less) or ``"digits"`` (1300, 247 and 250 images); or ``"images:PATH"``, a
        folder as for `from_folder`, which is looked at anew.
    image_size
        As for `from_folder`.

    Returns
    -------
    Dataset
        On the CPU.

    Raises
    ------
    DataError
        The name is unknown, the archives can neither be found nor downloaded, one is damaged,
        there is something wrong with the folder, or an entry reads something else than it says.
    """
    again = images.is_folder(name)
    own = _folder(name, image_size, again) if again else source(name)
    train, validation, test, checksum = own.read()
    for split in (train, validation, test):
        _check(name, own, split)
    return Dataset(name, train, validation, test, checksum, image_size)


# The folder that was read last, by its name and size: its state, and what was made of it.
_last: dict[tuple[str, tuple[int, int]], tuple[str, Source]] = {}


def _folder(name: str, image_size: Any, again: bool) -> Source:
    """What a folder holds; `again` says to look whether it has changed."""
    key = str(path := images.place(name)), images.dimensions(image_size)
    if again or key not in _last:
        listing = images.listed(path)
        if key not in _last or _last[key][0] != listing.state:
            made = _arranged(listing, key[1])
            _last.clear()
            _last[key] = listing.state, made
    return _last[key][1]


def _arranged(listing: images.Listing, size: tuple[int, int]) -> Source:
    """A folder's pictures as a data set."""
    pictures = images.decoded(listing, size)
    own = pictures.get("validation", (None, None))
    return from_arrays(
        *pictures["train"],
        *pictures["test"],
        validation_images=own[0],
        validation_labels=own[1],
        source=str(listing.folder),
    )


def _check(name: str, source: Source, split: Split) -> None:
    """Refuse what would train on other samples than one thinks, or end in an error of torch's."""
    import torch

    images, labels = split.images, split.labels
    if source.classes > source.pixels:
        what, right = f"{source.classes} classes", f"at most {source.pixels}, a pixel each"
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
    """MNIST or a data set of its format, from the files on disk or downloaded."""
    files = archives.contents(name)
    x, y, test_x, test_y = (_parse(content) for content in files)
    x, y = x.flatten(1), y.long()
    return (
        Split(x[:-VALIDATION], y[:-VALIDATION]),
        Split(x[-VALIDATION:], y[-VALIDATION:]),
        Split(test_x.flatten(1), test_y.long()),
        checksum(*files),
    )


def _cifar10() -> tuple[Split, Split, Split, str]:
    """CIFAR-10 as torchvision reads it, from disk or downloaded."""
    import torch
    from torchvision.datasets import CIFAR10

    folder = archives.find("cifar10") or archives.fetch("cifar10")
    try:
        both = [CIFAR10(folder.parent, train=train) for train in (True, False)]
    except RuntimeError:  # a checksum is another one
        raise DataError(f"{folder} is damaged; delete it and run 'ff data fetch cifar10'") from None
    (x, y), (test_x, test_y) = (
        # Plane by plane, as all images in color are here: (n, 3, 32, 32), flattened.
        (torch.from_numpy(own.data).movedim(-1, 1).flatten(1), torch.tensor(own.targets))
        for own in both
    )
    return (
        Split(x[:-VALIDATION], y[:-VALIDATION]),
        Split(x[-VALIDATION:], y[-VALIDATION:]),
        Split(test_x, test_y),
        checksum(*(part.numpy().tobytes() for part in (x, y, test_x, test_y))),
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
        checksum(images.numpy().tobytes(), labels.byte().numpy().tobytes()),
    )
