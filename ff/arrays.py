"""What a data set is: where its images come from, their shapes, its splits; and one of arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from ff.errors import DataError
from ff.values import plain
from ff.wording import quoted

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["BATCH_SIZE", "Source", "Split", "checksum", "from_arrays"]

BATCH_SIZE = 100  # images a step of one's own images, however many there are
PART = 6  # one of so many training images of a class validates, as 10,000 of MNIST's 60,000 do


@dataclass(frozen=True)
class Split:
    """n images of I pixels, ``(n, I)``, and their labels ``(n,)`` from 0, on one device."""

    images: Tensor  # uint8
    labels: Tensor  # int64

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, and the shapes of what is in it.

    Attributes
    ----------
    read
        Returns the training, validation and test split, on the CPU, and the SHA-256 of the bytes
        that they were read from. Images of I pixels are uint8 ``(n, I)``, row by row; those in
        color have three planes, red, green and blue, one after the other.
    shape
        Rows and columns of an image, or 3, rows and columns where it has color: I pixels in all.
        The first ones, as many as there are classes, hold the label.
    classes
        Number of classes; labels are from 0.
    batch_size
        Images a step when the configuration names none.
    source
        Where it is published.
    validation
        Which images validate, in words.
    sizes
        How many images learn, validate and test, where that is known before they are read.
    """

    read: Callable[[], tuple[Split, Split, Split, str]]
    shape: tuple[int, ...]
    classes: int
    batch_size: int
    source: str
    validation: str = ""
    sizes: tuple[int, int, int] | None = None

    @property
    def pixels(self) -> int:
        """Number of pixels of an image, three for each point of one in color."""
        return prod(self.shape)


def from_arrays(
    images: Any,
    labels: Any,
    test_images: Any,
    test_labels: Any,
    *,
    validation_images: Any = None,
    validation_labels: Any = None,
    batch_size: int = BATCH_SIZE,
    source: str = "arrays",
) -> Source:
    """Make a data set of arrays: an entry for `ff.data.DATASETS`.

    Parameters
    ----------
    images, test_images
        uint8, shape ``(n, rows, columns)``, or ``(n, rows, columns, 3)`` in color. They are copied.
    labels, test_labels
        Integers from 0, shape ``(n,)``.
    validation_images, validation_labels
        As the others. None: a sixth of each class's training images validates, at least one, drawn
        once and for all.
    batch_size
        Images a step when the configuration names none.
    source
        Where they are from.

    Raises
    ------
    DataError
        An array has another type or shape, there are fewer than two classes or a class without
        images, or an image has fewer pixels than there are classes.

    Examples
    --------
    >>> import numpy as np
    >>> images = np.zeros((12, 4, 5), np.uint8)
    >>> mine = from_arrays(images, np.arange(12) % 3, images, np.arange(12) % 3)
    >>> mine.classes, mine.shape, mine.pixels
    (3, (4, 5), 20)
    """
    batch_size = plain(batch_size)
    if type(batch_size) is not int or batch_size < 1:
        raise DataError(f"batch_size must be an integer of at least 1 but got {quoted(batch_size)}")
    own, given = validation_images is not None, validation_labels is not None
    if own != given:
        raise DataError(
            "validation_images and validation_labels must be given together; give both, or neither "
            "to split off a sixth of the training images"
        )
    train = _pair("", images, labels)
    size = train[0].shape[1:]
    test = _pair("test_", test_images, test_labels, size)
    classes = _classes(train[1], least=1 if own else 2)
    if own:
        validation = _pair("validation_", validation_images, validation_labels, size)
        said = ""
    else:
        held = _held_out(train[1], classes)
        validation = train[0][held], train[1][held]
        train = train[0][~held], train[1][~held]
        said = "a sixth of each class's training images, drawn once and for all"
    shape = (size[2], *size[:2]) if len(size) == 3 else size
    if classes > prod(shape):
        raise DataError(
            f"images must have at least {classes} pixels, one for each class, to hold the label "
            f"but have {prod(shape)}; give larger images, or fewer classes"
        )
    for name, own_labels in (("validation", validation[1]), ("test", test[1])):
        if own_labels.max() >= classes:
            raise DataError(
                f"{name}_labels must be from 0 to {classes - 1}, as the training labels are, but "
                f"got {own_labels.max()}; leave out those images, or add training images"
            )
    arrays = [(_flat(x), y) for x, y in (train, validation, test)]
    found = checksum(*(part.data for pair in arrays for part in pair))

    def read() -> tuple[Split, Split, Split, str]:
        import torch

        parts = (Split(torch.from_numpy(x), torch.from_numpy(y)) for x, y in arrays)
        return *parts, found  # pyright: ignore[reportReturnType]

    sizes = len(train[0]), len(validation[0]), len(test[0])
    return Source(read, shape, classes, batch_size, source, said, sizes)


def checksum(*parts: bytes | memoryview) -> str:
    """SHA-256 of bytes, one part after the other."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _pair(
    prefix: str, images: Any, labels: Any, size: tuple[int, ...] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images and their labels, int64, of which nothing is wrong by itself."""
    import numpy as np

    try:
        x, y = np.asarray(images), np.asarray(labels)
    except ValueError:
        raise DataError(
            f"{prefix}images and {prefix}labels must be arrays but their rows have different "
            "lengths; give every image the same shape"
        ) from None
    if x.dtype != np.uint8:
        raise DataError(
            f"{prefix}images must be uint8, from 0 to 255, but got {x.dtype}; of pixels from 0 to "
            "1, give (255 * images).round().astype('uint8')"
        )
    if not (x.ndim == 3 or (x.ndim == 4 and x.shape[3] == 3)) or 0 in x.shape:
        remedy = "at least one image, so arranged"
        if x.ndim == 4 and x.shape[1] == 3:
            remedy = f"{prefix}images.transpose(0, 2, 3, 1)"
        elif x.ndim == 4 and 1 in (x.shape[1], x.shape[3]):
            remedy = f"{prefix}images.squeeze({3 if x.shape[3] == 1 else 1})"
        raise DataError(
            f"{prefix}images must have the shape (n, rows, columns), or (n, rows, columns, 3) in "
            f"color, but got {x.shape}; give {remedy}"
        )
    if size is not None and x.shape[1:] != size:
        raise DataError(
            f"{prefix}images must have the shape (n, {', '.join(map(str, size))}), as the training "
            f"images have, but got {x.shape}; resize them, or give all in color or all in gray"
        )
    whole = y.dtype.kind in "iu" and y.size > 0
    if not whole or y.shape != x.shape[:1] or not 0 <= int(y.min()) <= int(y.max()) < 2**31:
        what = f"{y.min()} to {y.max()}" if whole else y.dtype
        raise DataError(
            f"{prefix}labels must be {len(x)} integers from 0, one for each image, but got "
            f"{what}, shape {y.shape}; number the classes from 0"
        )
    return x, y.astype(np.int64)


def _classes(labels: np.ndarray, least: int) -> int:
    """Number of classes, each of which has as many training images as are needed."""
    import numpy as np

    if labels.max() >= len(labels):
        raise DataError(
            f"labels must number the classes from 0 without gaps but go up to {labels.max()} for "
            f"{len(labels)} images; number them anew"
        )
    counts = np.bincount(labels)
    if len(counts) < 2:
        raise DataError("labels must name at least 2 classes but name 1; add images of another")
    if counts.min() < least:
        at = int(counts.argmin())
        why = " (one of them validates)" if least > 1 else ""
        raise DataError(
            f"each class from 0 to {len(counts) - 1} must have at least {least} training "
            f"image{'s' * (least > 1)}{why} but class {at} has {counts[at]}; add some, or number "
            "the classes without gaps"
        )
    return len(counts)


def _held_out(labels: np.ndarray, classes: int) -> np.ndarray:
    """Which training images validate: a draw that depends on the class's own images alone."""
    import numpy as np

    held = np.zeros(len(labels), bool)
    for label in range(classes):
        own = np.flatnonzero(labels == label)
        drawn = np.random.default_rng((PART, label)).permutation(own)
        held[drawn[: max(1, round(len(own) / PART))]] = True
    return held


def _flat(images: np.ndarray) -> np.ndarray:
    """A copy with a row for each image, plane by plane: ``(n, I)``."""
    import numpy as np

    planes = np.moveaxis(images, -1, 1) if images.ndim == 4 else images
    return np.array(planes, order="C").reshape(len(images), -1)
