"""Archives on disk and off, in miniature."""

import errno
import gzip
import hashlib
import io
import os
import pickle
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchvision.datasets.utils
from torchvision.datasets import CIFAR10

import ff
from ff import archives, data


def idx(values: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Four archives like MNIST's: 7 training images, 3 of which validate, and 2 test images."""
    rng = np.random.default_rng(0)
    contents = [
        rng.integers(256, size=(7, 28, 28), dtype=np.uint8),
        np.arange(7, dtype=np.uint8),
        rng.integers(256, size=(2, 28, 28), dtype=np.uint8),
        np.array([8, 9], dtype=np.uint8),
    ]
    names = [
        f"{name}.gz" for name in ("train-images", "train-labels", "t10k-images", "t10k-labels")
    ]
    files = {
        name: gzip.compress(idx(values), mtime=0)
        for name, values in zip(names, contents, strict=True)
    }
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    monkeypatch.setattr(archives, "_files", lambda name: sums)
    monkeypatch.setattr(data, "VALIDATION", 3)
    return files


def put(packed: dict[str, bytes], root: Path) -> Path:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in packed.items():
        (folder / name).write_bytes(content)
    return folder


def test_archives_are_read_into_splits(packed, offline, monkeypatch):
    put(packed, offline)
    monkeypatch.setenv("FF_DATA", str(offline))
    dataset = data.load("mnist")
    assert dataset.train.labels.tolist() == [0, 1, 2, 3]
    assert dataset.validation.labels.tolist() == [4, 5, 6]
    assert dataset.test.labels.tolist() == [8, 9]
    content = gzip.decompress(packed["train-images.gz"])
    assert dataset.train.images[1].numpy().tobytes() == content[16 + 784 : 16 + 2 * 784]
    raw = b"".join(gzip.decompress(content) for content in packed.values())
    assert dataset.checksum == hashlib.sha256(raw).hexdigest()


def test_ff_data_is_preferred_and_the_cache_is_found(packed, offline, monkeypatch):
    monkeypatch.setattr(archives.platformdirs, "user_cache_dir", lambda name: str(offline / name))
    cached = put(packed, offline / "ff")
    assert archives.find("mnist") == cached
    monkeypatch.setenv("FF_DATA", str(offline / "own"))
    assert archives.find("mnist") == cached, "FF_DATA without the archives must not hide the cache"
    assert put(packed, offline / "own") == archives.find("mnist")


def test_a_tilde_in_ff_data_is_the_home_folder(packed, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", "~/own")
    assert put(packed, offline / "own") == archives.find("mnist")


def test_a_relative_ff_data_is_refused_wherever_a_notebook_runs(offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", "sets")
    monkeypatch.chdir(offline)
    for look in (archives.find, archives.fetch, data.load):
        with pytest.raises(ff.DataError, match=r"FF_DATA must be an absolute path.* got 'sets'"):
            look("mnist")
    assert not list(offline.iterdir())


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "another file"])
@pytest.mark.parametrize("name", ["train-images.gz", "t10k-labels.gz"])
def test_a_damaged_archive_is_refused(packed, offline, monkeypatch, name, damage):
    content = packed[name]
    middle = len(content) // 2
    wrong = {
        "truncated": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "empty": b"",
        "another file": gzip.compress(b"\0\0\x08\x01\0\0\0\0"),
    }
    folder = put(packed, offline)
    (folder / name).write_bytes(wrong[damage])
    monkeypatch.setenv("FF_DATA", str(offline))
    with pytest.raises(ff.DataError) as caught:
        data.load("mnist")
    message = str(caught.value)
    assert str(folder / name) in message
    assert "damaged" in message
    assert "ff data fetch mnist" in message, "the remedy must be a command that can be typed"


def test_an_archive_that_cannot_be_read_is_refused(packed, offline, monkeypatch):
    folder = put(packed, offline)
    monkeypatch.setenv("FF_DATA", str(offline))

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("ff.files.contents", refuse)
    with pytest.raises(ff.DataError, match=r"cannot read .*Permission denied; set FF_DATA"):
        data.load("mnist")
    assert folder.exists()


# --- files that are not packed


def unpack(folder: Path, *names: str) -> None:
    for name in names:
        packed = folder / name
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()


@pytest.mark.parametrize("count", [1, 4])
def test_files_may_be_unpacked(packed, offline, monkeypatch, count):
    folder = put(packed, offline)
    monkeypatch.setenv("FF_DATA", str(offline))
    before = data.load("mnist")
    unpack(folder, *list(packed)[:count])
    monkeypatch.setitem(archives.UNPACKED, "mnist", before.checksum)
    after = data.load("mnist")
    assert after.checksum == before.checksum, "records of both must agree"
    assert after.train.images.equal(before.train.images)


@pytest.mark.parametrize("damage", ["truncated", "longer", "empty", "another file", "flipped"])
def test_a_damaged_unpacked_file_is_refused(packed, offline, monkeypatch, damage):
    folder = put(packed, offline)
    monkeypatch.setenv("FF_DATA", str(offline))
    monkeypatch.setitem(archives.UNPACKED, "mnist", data.load("mnist").checksum)
    unpack(folder, *packed)
    content = (folder / "train-images").read_bytes()
    wrong = {
        "truncated": content[:-1],
        "longer": content + b"1",
        "empty": b"",
        "another file": b"GIF89a, and so on",
        "flipped": content[:-1] + bytes([content[-1] ^ 1]),
    }
    (folder / "train-images").write_bytes(wrong[damage])
    with pytest.raises(ff.DataError, match=r"damaged.*; delete .*run 'ff data fetch mnist'"):
        data.load("mnist")


def test_fashion_mnist_is_what_its_checksums_say():
    if archives.find("fashion-mnist") is None:
        pytest.skip("Fashion-MNIST is not on disk: run 'ff data fetch fashion-mnist'")
    fashion = data.load("fashion-mnist")
    assert fashion.checksum == archives.UNPACKED["fashion-mnist"]
    assert [len(own) for own in (fashion.train, fashion.validation, fashion.test)] == [
        50_000,
        10_000,
        10_000,
    ]
    assert fashion.train.labels[:5].tolist() == [9, 0, 0, 3, 0]


# --- CIFAR-10


@pytest.fixture
def cifar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An archive like CIFAR-10's: 15 training images, 3 of which validate, and 2 test images."""
    rng, folder = np.random.default_rng(0), tmp_path / "made" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for name, count in {**{f"data_batch_{n}": 3 for n in range(1, 6)}, "test_batch": 2}.items():
        pixels = rng.integers(256, size=(count, 3072), dtype=np.uint8)
        made = {"data": pixels, "labels": [(at + int(pixels[0, 0])) % 10 for at in range(count)]}
        (folder / name).write_bytes(pickle.dumps(made))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["airplane"] * 10}))
    sums = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    for kind in ("train_list", "test_list"):
        own = [[name, sums[name]] for name, _ in getattr(CIFAR10, kind)]
        monkeypatch.setattr(CIFAR10, kind, own)
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})
    monkeypatch.setattr(data, "VALIDATION", 3)
    packed = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(folder, folder.name)
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(packed.read_bytes()).hexdigest())
    archives._files.cache_clear()
    yield packed
    archives._files.cache_clear()


def test_cifar10_is_read_in_color(cifar, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(cifar.parent / "made"))
    mine = data.load("cifar10")
    assert [len(own) for own in (mine.train, mine.validation, mine.test)] == [12, 3, 2]
    assert mine.source.shape == (3, 32, 32)
    folder = cifar.parent / "made" / "cifar-10-batches-py"
    for name, images, labels in (
        ("data_batch_5", mine.validation.images, mine.validation.labels),
        ("test_batch", mine.test.images, mine.test.labels),
    ):
        made = pickle.loads((folder / name).read_bytes())
        np.testing.assert_array_equal(images, made["data"])  # red, green, blue, as it is there
        assert labels.tolist() == made["labels"]


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_a_damaged_file_of_cifar10_is_refused_unread(cifar, offline, monkeypatch, name):
    monkeypatch.setenv("FF_DATA", str(cifar.parent / "made"))
    path = cifar.parent / "made" / "cifar-10-batches-py" / name
    path.write_bytes(path.read_bytes() + b"1")
    with pytest.raises(ff.DataError, match=r"cifar-10-batches-py is damaged; .*fetch cifar10'"):
        data.load("cifar10")


def test_cifar10_is_fetched(cifar, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(offline / "mine"))
    asked = []

    def download(url: str, root: str, filename: str, md5: str) -> None:
        asked.append(url)
        (Path(root) / filename).write_bytes(cifar.read_bytes())
        if hashlib.md5(cifar.read_bytes()).hexdigest() != md5:
            raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", download)
    folder = archives.fetch("cifar10")
    assert folder == offline / "mine" / "cifar-10-batches-py" == archives.find("cifar10")
    assert len(list(folder.iterdir())) == 7, "something else was left there"
    assert len(data.load("cifar10").train) == 12
    assert archives.fetch("cifar10") == folder
    assert asked == [CIFAR10.url], "one archive, and no more once it is there"
    (folder / "data_batch_1").write_bytes(b"damaged")
    archives.fetch("cifar10")
    assert len(data.load("cifar10").train) == 12
    monkeypatch.setattr(CIFAR10, "tgz_md5", "another")
    (folder / "data_batch_1").unlink()
    with pytest.raises(ff.DataError, match="cannot be downloaded"):
        archives.fetch("cifar10")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "cifar10"])
def test_absent_files_without_network(offline, monkeypatch, name):
    monkeypatch.setenv("FF_DATA", str(offline / "mine"))
    with pytest.raises(ff.DataError) as caught:
        data.load(name)
    message = str(caught.value)
    folder = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}.get(
        name, "cifar-10-batches-py"
    )
    for place in (offline / "mine" / folder, offline / "cache"):
        assert str(place) in message, f"does not say that it looked in {place}: {message}"
    for remedy in (f"ff data fetch {name}", "FF_DATA", "dataset: digits"):
        assert remedy in message, f"does not offer {remedy}: {message}"
    assert not list(offline.rglob("*.gz"))


# --- fetch


@pytest.fixture
def server(packed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the mirrors deliver: change it to deliver something else."""
    delivered = dict(packed)

    def download(url: str, root: str, filename: str, md5: str) -> None:
        content = delivered[filename]
        (Path(root) / filename).write_bytes(content)
        if hashlib.md5(content).hexdigest() != md5:
            raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", download)
    return delivered


def test_fetch_puts_the_archives_where_load_finds_them(server, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(offline / "mine"))
    folder = archives.fetch("mnist")
    assert folder == offline / "mine" / "MNIST" / "raw" == archives.find("mnist")
    assert {path.name for path in folder.iterdir()} == set(server), "something else was left there"
    assert len(data.load("mnist").train) == 4


def test_fetch_replaces_damaged_archives_only(server, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(offline))
    folder = put(server, offline)
    (folder / "t10k-images.gz").write_bytes(b"damaged")
    good = folder / "train-images.gz"
    before = good.stat().st_mtime_ns
    archives.fetch("mnist")
    assert (folder / "t10k-images.gz").read_bytes() == server["t10k-images.gz"]
    assert good.stat().st_mtime_ns == before


def test_a_download_goes_on_where_nobody_sees_how_far_it_is(server, offline, monkeypatch):
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    arrive = torchvision.datasets.utils.download_url

    def told(*arguments: Any) -> None:
        print("10 %", file=sys.stderr)
        arrive(*arguments)

    monkeypatch.setenv("FF_DATA", str(offline / "data"))
    monkeypatch.setattr(torchvision.datasets.utils, "download_url", told)
    monkeypatch.setattr(sys, "stderr", Gone())
    assert archives.fetch("mnist") == offline / "data" / "MNIST" / "raw"


def test_what_a_killed_download_has_left_goes_after_a_day(server, offline, monkeypatch):
    """A younger one may be another process's, which is downloading now."""
    monkeypatch.setenv("FF_DATA", str(offline / "data"))
    folder = offline / "data" / "MNIST" / "raw"
    for name, age in (("old", 2 * archives.DAY), ("young", 0)):
        (folder / f".arriving-{name}").mkdir(parents=True)
        (folder / f".arriving-{name}" / "half").touch()
        then = time.time() - age
        os.utime(folder / f".arriving-{name}", (then, then))
    archives.fetch("mnist")
    assert [path.name for path in folder.glob(".arriving-*")] == [".arriving-young"]


def test_a_damaged_download_is_refused_and_leaves_nothing(server, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(offline))
    server["train-images.gz"] = server["train-images.gz"][:100]
    with pytest.raises(ff.DataError, match="cannot be downloaded"):
        archives.fetch("mnist")
    left = {path.name for path in (offline / "MNIST" / "raw").iterdir()}
    assert left == {"train-labels.gz", "t10k-images.gz", "t10k-labels.gz"}, "whole or not at all"


def test_a_second_mirror_is_tried(server, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(offline))
    download, asked = torchvision.datasets.utils.download_url, []

    def first_is_down(url: str, root: str, filename: str, md5: str) -> None:
        asked.append(url)
        if len(asked) % 2:
            raise TimeoutError
        download(url, root, filename, md5)

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", first_is_down)
    archives.fetch("mnist")
    assert len(asked) == 8
    assert archives.find("mnist")


def test_a_data_folder_below_a_file_is_refused(server, offline, monkeypatch):
    (offline / "file").touch()
    monkeypatch.setenv("FF_DATA", str(offline / "file"))
    with pytest.raises(ff.DataError, match=r"cannot write .*set FF_DATA to a folder that you may"):
        archives.fetch("mnist")
