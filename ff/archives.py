"""Archives of the data sets that torchvision offers in MNIST's format: on disk, or downloaded."""

import functools
import gzip
import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

import platformdirs

from ff.errors import DataError
from ff.files import place

__all__ = ["ARCHIVED", "contents", "fetch", "find"]

#: All that torchvision has in this format: the name of its class, and of the folder, for ours.
ARCHIVED = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}


def find(name: str) -> Path | None:
    """Folder that holds the four archives of a data set, or None."""
    for folder in _folders(name):
        if all(os.access(folder / file, os.R_OK) for file, _ in _files(name)):
            return folder
    return None


def fetch(name: str) -> Path:
    """Download a data set's archives, checksums verified, into the first data folder.

    Parameters
    ----------
    name
        ``"mnist"``, ``"fashion-mnist"`` or ``"kmnist"``.

    Returns
    -------
    Path
        The folder that holds the four archives: below ``$FF_DATA`` if that is set, else in the
        user's cache folder. Archives that are there and intact are kept.

    Raises
    ------
    DataError
        No mirror answers, an archive arrives damaged, or the folder cannot be written.
    """
    import torchvision.datasets
    from torchvision.datasets.utils import check_integrity, download_url

    files = _files(name)
    folder = _folders(name)[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _patience(seconds=5), tempfile.TemporaryDirectory(dir=folder) as arriving:
            # The smallest archive first: without a network, that is where it ends, within seconds.
            for file, md5 in reversed(files):
                if check_integrity(folder / file, md5):
                    continue
                for mirror in getattr(torchvision.datasets, _torchvision(name)).mirrors:
                    try:
                        download_url(mirror + file, arriving, file, md5)
                        break
                    except (URLError, TimeoutError, ConnectionError, HTTPException, RuntimeError):
                        continue
                else:
                    raise _absent(name)
                os.replace(Path(arriving) / file, folder / file)
    except OSError as error:
        raise DataError(
            f"cannot write {folder}: {error.strerror or error}; "
            "set FF_DATA to a folder that you may write to"
        ) from None
    return folder


def contents(name: str) -> list[bytes]:
    """Read a data set's archives, downloading them if they are nowhere on disk.

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
        The archives can neither be found nor downloaded, or one is damaged.
    """
    folder = find(name) or fetch(name)
    return [_read(folder / file, md5, name) for file, md5 in _files(name)]


def _torchvision(name: str) -> str:
    if name not in ARCHIVED:
        raise DataError(f"unknown data set {name!r}; choose one of {', '.join(ARCHIVED)}")
    return ARCHIVED[name]


@functools.cache
def _files(name: str) -> list[tuple[str, str]]:
    """File name and MD5 of training images, training labels, test images, test labels."""
    import torchvision.datasets

    return getattr(torchvision.datasets, _torchvision(name)).resources


def _folders(name: str) -> list[Path]:
    """Where the archives may be, in torchvision's layout, the preferred place first."""
    roots = [Path(platformdirs.user_cache_dir("ff"))]
    if own := os.environ.get("FF_DATA"):
        roots.insert(0, place(own))
    if not roots[0].is_absolute():
        raise DataError(
            f"FF_DATA must be an absolute path, or begin with ~, because notebooks run in folders "
            f'of their own, but got {own!r}; write FF_DATA="$PWD/{own}" in the folder that holds it'
        )
    return [root / _torchvision(name) / "raw" for root in roots]


def _read(path: Path, md5: str, name: str) -> bytes:
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; set FF_DATA to a folder that you may read"
        ) from None
    if hashlib.md5(packed, usedforsecurity=False).hexdigest() != md5:
        raise DataError(
            f"{path} is damaged (its MD5 is not {md5}); delete it and run 'ff data fetch {name}'"
        )
    return gzip.decompress(packed)


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
    folder = _torchvision(name)
    looked = " and ".join(str(folder) for folder in _folders(name))
    return DataError(
        f"{name} is not in {looked} and cannot be downloaded; run 'ff data fetch {name}' where "
        f"there is a network, set FF_DATA to a folder that holds {folder}/raw/*.gz, or choose "
        "dataset: digits, which needs no files"
    )
