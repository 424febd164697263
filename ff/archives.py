"""Files of the data sets that torchvision offers, MNIST's format and CIFAR-10: found or fetched."""

import functools
import gzip
import hashlib
import os
import shutil
import socket
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from http.client import HTTPException
from math import prod
from pathlib import Path
from urllib.error import URLError

import platformdirs

from ff import files
from ff.errors import DataError, needing_torch, reason
from ff.files import Words, place

__all__ = ["ARCHIVED", "contents", "fetch", "find"]

#: The data sets that are fetched: the name of torchvision's class for ours.
ARCHIVED = {
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "kmnist": "KMNIST",
    "cifar10": "CIFAR10",
}
ARRIVING, DAY = ".arriving-", 86_400  # folders of downloads; seconds until they are nobody's
DIMENSIONS = (3, 1, 3, 1)  # of the four files of MNIST's format: images, labels, images, labels
# SHA-256 of the four files of MNIST's format, unpacked, one after the other. torchvision knows the
# packed ones alone; KMNIST's unpacked ones are checked for their sizes.
UNPACKED = {
    "mnist": "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a",
    "fashion-mnist": "14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214",
}


@needing_torch()
def find(name: str) -> Path | None:
    """Folder that holds the files of a data set, or None.

    In MNIST's format, a file may be packed (.gz) or not.
    """
    for folder in _folders(name):
        if all(_there(folder / file) for file, _ in _files(name)):
            return folder
    return None


@needing_torch()
def fetch(name: str) -> Path:
    """Download a data set's files, checksums verified, into the first data folder.

    Parameters
    ----------
    name
        ``"mnist"``, ``"fashion-mnist"``, ``"kmnist"`` or ``"cifar10"`` (170 MB).

    Returns
    -------
    Path
        The folder that holds the files: below ``$FF_DATA`` if that is set, else in the user's
        cache folder. Files that are there and intact are kept.

    Raises
    ------
    DataError
        No mirror answers, an archive arrives damaged, or the folder cannot be written.
    """
    from torchvision.datasets.utils import check_integrity

    wanted = _files(name)
    folder = _folders(name)[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{ARRIVING}*"):  # by a process that was killed
            with suppress(FileNotFoundError):  # another process may delete it, too
                if time.time() - left.stat().st_mtime > DAY:
                    shutil.rmtree(left, ignore_errors=True)
        with (
            _patience(seconds=5),
            redirect_stderr(Words(sys.stderr)),  # pyright: ignore[reportArgumentType] (progress)
            tempfile.TemporaryDirectory(prefix=ARRIVING, dir=folder) as arriving,
        ):
            # The smallest archive first: without a network, that is where it ends, within seconds.
            for file, md5 in reversed(wanted):
                if check_integrity(folder / file, md5):
                    continue
                os.replace(_arrive(name, file, md5, Path(arriving)), folder / file)
    except OSError as error:
        raise DataError(
            f"cannot write {folder}: {reason(error)}; set FF_DATA to a folder that you may write to"
        ) from None
    return folder


def contents(name: str) -> list[bytes]:
    """Read the files of a data set of MNIST's format, downloading them if they are nowhere on disk.

    Parameters
    ----------
    name
        ``"mnist"``, ``"fashion-mnist"`` or ``"kmnist"``.

    Returns
    -------
    list of bytes
        Unpacked files: training images, training labels, test images, test labels.

    Raises
    ------
    DataError
        The files can neither be found nor downloaded, or one is damaged.
    """
    folder = find(name) or fetch(name)
    found = [
        _read(folder / file, md5, name, dimensions)
        for (file, md5), dimensions in zip(_files(name), DIMENSIONS, strict=True)
    ]
    packed = all((folder / file).exists() for file, _ in _files(name))
    known = None if packed else UNPACKED.get(name)
    if known and hashlib.sha256(b"".join(found)).hexdigest() != known:
        raise DataError(
            f"a file in {folder} that is not packed is damaged, or not of {name}; delete those "
            f"without .gz and run 'ff data fetch {name}'"
        )
    return found


def _torchvision(name: str) -> str:
    if name not in ARCHIVED:
        raise DataError(f"unknown data set {name!r}; choose one of {', '.join(ARCHIVED)}")
    return ARCHIVED[name]


@functools.cache
def _files(name: str) -> list[tuple[str, str]]:
    """File name and MD5 of training images, training labels, test images, test labels.

    Of CIFAR-10: of the batches and of what names the classes.
    """
    import torchvision.datasets

    own = getattr(torchvision.datasets, _torchvision(name))
    if name == "cifar10":
        names = own.meta["filename"], own.meta["md5"]
        return [tuple(file) for file in (*own.train_list, *own.test_list, names)]
    return own.resources


def _folders(name: str) -> list[Path]:
    """Where the files may be, in torchvision's layout, the preferred place first."""
    roots = [Path(platformdirs.user_cache_dir("ff"))]
    if own := os.environ.get("FF_DATA"):
        roots.insert(0, place(own))
    if not roots[0].is_absolute():
        raise DataError(
            f"FF_DATA must be an absolute path, or begin with ~, because notebooks run in folders "
            f'of their own, but got {own!r}; write FF_DATA="$PWD/{own}" in the folder that holds it'
        )
    return [root / _layout(name) for root in roots]


def _layout(name: str) -> str:
    """Folder of a data set's files below a folder of data sets."""
    own = _torchvision(name)
    return "cifar-10-batches-py" if name == "cifar10" else f"{own}/raw"


def _there(path: Path) -> bool:
    return os.access(path, os.R_OK) or os.access(_unpacked(path), os.R_OK)


def _unpacked(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".gz"))


def _arrive(name: str, file: str, md5: str, folder: Path) -> Path:
    """Download a file into a folder; CIFAR-10's all come in one archive."""
    import torchvision.datasets

    own = getattr(torchvision.datasets, _torchvision(name))
    if name != "cifar10":
        _download([mirror + file for mirror in own.mirrors], folder / file, md5, name)
        return folder / file
    archive = folder / own.filename
    if not archive.exists():
        _download([own.url], archive, own.tgz_md5, name)
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    return folder / own.base_folder / file


def _download(urls: list[str], path: Path, md5: str, name: str) -> None:
    """Take a file from the first that delivers it intact."""
    from torchvision.datasets.utils import download_url

    for url in urls:
        try:
            return download_url(url, str(path.parent), path.name, md5)
        except (URLError, TimeoutError, ConnectionError, HTTPException, RuntimeError):
            continue
    raise _absent(name)


def _read(path: Path, md5: str, name: str, dimensions: int) -> bytes:
    """A file's content; packed if it is there like that, else as far as can be seen intact."""
    packed = path.exists() or not _unpacked(path).exists()
    path = path if packed else _unpacked(path)
    try:
        content = files.contents(path)
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; set FF_DATA to a folder that you may read"
        ) from None
    if packed and hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DataError(
            f"{path} is damaged (its MD5 is not {md5}); delete it and run 'ff data fetch {name}'"
        )
    if not packed and not _whole(content, dimensions):
        raise DataError(
            f"{path} is damaged (its size is not what it says); delete it and run 'ff data fetch "
            f"{name}'"
        )
    return gzip.decompress(content) if packed else content


def _whole(content: bytes, dimensions: int) -> bool:
    """Whether this is an IDX file of bytes, of so many dimensions, as long as its head says."""
    head = 4 + 4 * dimensions
    sizes = [int.from_bytes(content[at : at + 4], "big") for at in range(4, head, 4)]
    return (
        content[:4] == bytes([0, 0, 8, dimensions])
        and all(sizes)
        and len(content) == head + prod(sizes)
    )


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Bound the wait for a server that does not answer."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _absent(name: str) -> DataError:
    looked = " and ".join(str(folder) for folder in _folders(name))
    what = _layout(name) + "/*.gz" * (name != "cifar10")
    return DataError(
        f"{name} is not in {looked} and cannot be downloaded; run 'ff data fetch {name}' where "
        f"there is a network, set FF_DATA to a folder that holds {what}, or choose "
        "dataset: digits, which needs no files"
    )
