"""Pictures of a folder: found, decoded once, and kept as arrays in the user's cache folder."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ff.arrays import checksum
from ff.errors import DataError, needing_torch
from ff.files import hidden, replacing

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "PREFIX",
    "SIZE",
    "Listing",
    "Pictures",
    "decoded",
    "dimensions",
    "is_folder",
    "listed",
    "place",
]

PREFIX = "images:"  # of a data set's name, before the path of a folder
SIZE = 28  # rows and columns where no size is asked for, as of MNIST
ENDINGS = (".jpg", ".jpeg", ".png")
MOST = 100  # classes
LAYOUT = "train/CLASS/*.jpg and test/CLASS/*.jpg (or png)"
# What reading a damaged file of arrays may raise: also of a kind of compression that there is not.
DAMAGED = (
    *(OSError, ValueError, KeyError, EOFError, RuntimeError, TypeError, OverflowError),
    *(MemoryError, AttributeError, zipfile.BadZipFile, zlib.error),
)
VERSION = "2"  # of what is kept; another one is decoded anew


class Pictures(NamedTuple):
    """Images of a split, uint8 ``(n, rows, columns)`` or ``(n, rows, columns, 3)``, and labels."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Listing:
    """What a folder holds, not yet decoded.

    Attributes
    ----------
    folder
        Where.
    classes
        Their names in alphabetical order, which is that of the labels.
    files
        Path and label of each picture, by split: "train", "test" and, where there is one,
        "validation".
    state
        SHA-256 of names, sizes and times of change: another one tells that something has changed.
    """

    folder: Path
    classes: list[str]
    files: dict[str, list[tuple[str, int]]]
    state: str


def is_folder(name: str) -> bool:
    """Whether a data set's name is that of a folder, ``images:PATH``."""
    return name.startswith(PREFIX)


def place(name: str) -> Path:
    """The folder that ``images:PATH`` means; ``~`` is the home folder, and it is made absolute.

    Raises
    ------
    ValueError
        No path is named.
    """
    path = name.removeprefix(PREFIX).lstrip()
    if not path:
        raise ValueError("no path")
    return Path(os.path.abspath(os.path.expanduser(path)))


def dimensions(size: Any) -> tuple[int, int]:
    """Rows and columns that a configuration's ``image_size`` means."""
    rows, columns = size if isinstance(size, list | tuple) else (size or SIZE, size or SIZE)
    return rows, columns


@needing_torch()
def listed(folder: Path) -> Listing:
    """Find a folder's pictures, in the layout of torchvision's ImageFolder.

    Parameters
    ----------
    folder
        Holds ``train/CLASS/*`` and ``test/CLASS/*``, and may hold ``validation/CLASS/*`` or
        ``val/CLASS/*``: files that end in jpg, jpeg or png, also in folders below. Names that
        begin with a dot do not count.

    Raises
    ------
    DataError
        It is not there, or lacks one of these; it has fewer than 2 classes or more than 100; a
        class has too few pictures to learn from, or is not among those of ``train``.
    """
    from torchvision.datasets.folder import make_dataset

    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; name one that holds {LAYOUT}")
    places = {name: folder / name for name in ("train", "test", "validation")}
    if not places["validation"].is_dir():
        places["validation"] = folder / "val"
    for name in ("train", "test"):
        if not places[name].is_dir():
            raise DataError(f"{folder} has no folder {name}; it must hold {LAYOUT}")
    classes = _classes(places["train"])
    if not 2 <= len(classes) <= MOST:
        raise DataError(
            f"{places['train']} must hold 2 to {MOST} folders, one for each class, but holds "
            f"{len(classes)}; arrange its pictures as {LAYOUT}"
        )
    numbers, files = {name: label for label, name in enumerate(classes)}, {}
    for name, path in places.items():
        if not path.is_dir():
            continue
        if strange := [own for own in _classes(path) if own not in numbers]:
            raise DataError(
                f"{path / strange[0]} is a class that {places['train']} lacks; delete it, or add "
                "pictures to learn it from"
            )
        found = make_dataset(str(path), numbers, ENDINGS, allow_empty=True)
        files[name] = [item for item in found if not hidden(os.path.relpath(item[0], path))]
        places_of: dict[str, str] = {}  # of a picture, without the links that lead to it
        for own, _ in files[name]:
            if not os.path.exists(own):
                raise DataError(f"{own} is a link to nothing; delete it, or mend the link")
            if not os.path.isfile(own):  # a pipe would be waited for
                raise DataError(f"{own} is no regular file; delete it, or put a picture there")
            if (other := places_of.setdefault(os.path.realpath(own), own)) != own:
                raise DataError(f"{own} and {other} are one picture; delete the link to it")
        if not files[name]:
            raise DataError(f"{path} holds no jpg or png; arrange pictures as {LAYOUT}")
    counts = Counter(label for _, label in files["train"])
    for name, label in numbers.items():
        if not counts[label]:
            raise DataError(
                f"{places['train'] / name} holds no jpg or png; add some, or delete the folder"
            )
        if counts[label] == 1 and "validation" not in files:
            raise DataError(
                f"{places['train'] / name} must hold at least 2 pictures, of which one validates, "
                "but holds 1; add some, or a folder validation"
            )
    return Listing(folder, classes, files, _state(folder, files))


def decoded(listing: Listing, size: tuple[int, int]) -> dict[str, Pictures]:
    """Decode a folder's pictures, or read what was decoded before.

    They are resized, whatever their proportions, and turned as the camera has noted. They stay in
    color if one that is learned from has any, else they have one plane. What is decoded is kept in
    the user's cache folder if that can be written, until the folder's listing changes; with it goes
    what is kept of folders that are no longer there.

    Parameters
    ----------
    listing
        As `listed` returns it.
    size
        Rows and columns.

    Returns
    -------
    dict
        By split, as in the listing.

    Raises
    ------
    DataError
        A picture cannot be read, or all of them do not fit the memory.
    """
    kept = _kept(listing.folder, size)
    if found := _read(kept, listing, size):
        return found
    pictures = _decoded(listing, size)
    with suppress(OSError):
        _write(kept, listing, pictures)
        _forget(kept.parent)
    return pictures


def _classes(folder: Path) -> list[str]:
    """Names of the folders in it."""
    try:
        with os.scandir(folder) as entries:
            return sorted(own.name for own in entries if own.is_dir() and not hidden(own.name))
    except OSError as error:
        raise DataError(
            f"cannot read {folder}: {error.strerror}; name a folder that you may read"
        ) from None


def _state(folder: Path, files: dict[str, list[tuple[str, int]]]) -> str:
    lines = [VERSION]
    for split, items in files.items():
        for path, label in items:
            seen = os.stat(path)
            name = os.path.relpath(path, folder)
            lines.append(f"{split} {name} {label} {seen.st_size} {seen.st_mtime_ns}")
    return checksum("\n".join(lines).encode(errors="surrogateescape"))


def _decoded(listing: Listing, size: tuple[int, int]) -> dict[str, Pictures]:
    import numpy as np
    import torch

    from ff.machine import available

    count = sum(map(len, listing.files.values()))
    needed, free = 2 * 3 * count * size[0] * size[1], available(torch.device("cpu"))
    if needed > free:
        raise DataError(
            f"{count:,} pictures of {size[0]} x {size[1]} take {needed / 1e9:.3g} GB while they "
            f"are read, and {free / 1e9:.3g} GB are free; choose a smaller image_size"
        )
    pictures = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes beside Python
        for name, items in listing.files.items():
            images = np.empty((len(items), *size, 3), np.uint8)
            decode = pool.map(lambda item: _picture(item[0], size), items)
            for at, picture in enumerate(decode):
                images[at] = picture
            pictures[name] = Pictures(images, np.array([label for _, label in items]))
    x = pictures["train"].images
    if (x[..., 1:] == x[..., :1]).all():  # gray
        return {name: Pictures(_gray(x), y) for name, (x, y) in pictures.items()}
    return pictures


def _gray(x: np.ndarray) -> np.ndarray:
    """One plane of three: their luminance as of television (ITU-R 601), which Pillow takes, too."""
    import numpy as np

    if (x[..., 1:] == x[..., :1]).all():
        return x[..., 0].copy()
    return (x @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)


def _picture(path: str, size: tuple[int, int]) -> np.ndarray:
    """One picture, uint8 ``(rows, columns, 3)``."""
    import numpy as np
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            file.draft(None, (2 * max(size), 2 * max(size)))  # a large JPEG is decoded in part
            image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I"):  # 16 bits of gray
                image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
            if "transparency" in image.info:  # in a palette, which is converted so without warning
                image = image.convert("RGBA")
            image = image.convert("RGB").resize((size[1], size[0]), Image.Resampling.BILINEAR)
            return np.asarray(image)
    except Exception as error:  # of a damaged picture, Pillow raises some of any kind
        raise DataError(
            f"cannot read {path} as a picture ({error}); delete it, or put a jpg or png in its "
            "place"
        ) from None


def _kept(folder: Path, size: tuple[int, int]) -> Path:
    """File for the arrays of one folder at one size."""
    import platformdirs

    key = checksum(f"{folder} {size}".encode(errors="surrogateescape"))[:16]
    return Path(platformdirs.user_cache_dir("ff")) / "images" / f"{key}.npz"


def _read(path: Path, listing: Listing, size: tuple[int, int]) -> dict[str, Pictures] | None:
    """What is kept; None if it is absent, damaged, or of another state of the folder."""
    import numpy as np

    if not path.is_file():
        return None
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            if str(file["state"]) != listing.state:
                return None
            names = [name for name in file.files if not name.endswith("_labels")]
            pictures = {
                name: Pictures(file[name], file[f"{name}_labels"])
                for name in names
                if name not in ("folder", "state", "sum")
            }
            whole = str(file["sum"]) == _sum(pictures.values()) and _fit(pictures, listing, size)
            return pictures if whole else None
    except DAMAGED:
        return None


def _fit(pictures: dict[str, Pictures], listing: Listing, size: tuple[int, int]) -> bool:
    """Whether arrays are such as a listing's pictures are decoded to."""
    labels = {name: [label for _, label in items] for name, items in listing.files.items()}
    planes = {x.shape[3:] for x, _ in pictures.values()}
    return (
        {name: y.tolist() for name, (_, y) in pictures.items()} == labels
        and len(planes) == 1
        and planes <= {(), (3,)}
        and all(
            str(x.dtype) == "uint8" and x.shape[:3] == (len(y), *size) and y.dtype == int
            for x, y in pictures.values()
        )
    )


def _write(path: Path, listing: Listing, pictures: dict[str, Pictures]) -> None:
    import numpy as np

    said = {"folder": str(listing.folder), "state": listing.state, "sum": _sum(pictures.values())}
    arrays: dict[str, Any] = {name: np.array(text) for name, text in said.items()}
    for name, (images, labels) in pictures.items():
        arrays |= {name: images, f"{name}_labels": labels}
    with replacing(path) as aside, open(aside, "wb") as file:
        np.savez(file, **arrays)


def _forget(cache: Path) -> None:
    """Delete what is kept of folders that are no longer there."""
    import numpy as np

    for path in cache.glob("*.npz"):
        with suppress(*DAMAGED):
            if not path.is_file():
                continue
            with np.load(path, allow_pickle=False) as file:
                gone = not os.path.isdir(str(file["folder"]))
            if gone:
                path.unlink(missing_ok=True)


def _sum(pictures: Iterable[Pictures]) -> str:
    return checksum(*(part.data for own in pictures for part in own))
