"""Archives on disk and off, in miniature."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets.utils

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

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ff.DataError, match=r"cannot read .*Permission denied; set FF_DATA"):
        data.load("mnist")
    assert folder.exists()


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_absent_files_without_network(offline, monkeypatch, name):
    monkeypatch.setenv("FF_DATA", str(offline / "mine"))
    with pytest.raises(ff.DataError) as caught:
        data.load(name)
    message = str(caught.value)
    folder = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}[name]
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
