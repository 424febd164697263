"""Data sets on disk and off, and wrong labels."""

import gzip
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets.utils
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import ff
from ff import data
from ff.algorithm.streams import stream
from ff.data import CLASSES, Dataset, Split
from ff.switches.negatives import uniform

DIGITS_SHA256 = "535f5c71580d3c138e0231bf2bce3a72129ac9cb1e8b8a362e404f464eaca5fc"
MNIST_SHA256 = "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a"

# --- wrong labels

label_lists = st.lists(st.integers(0, 9), min_size=1, max_size=40)
keys = st.integers(1, 2**31)


@given(label_lists, keys)
def test_a_wrong_label_is_never_the_true_one(labels, seed):
    true = torch.tensor(labels)
    wrong = uniform(true, CLASSES, stream("wrong", seed, 0))
    assert wrong.shape == true.shape
    assert wrong.dtype == true.dtype
    assert ((wrong >= 0) & (wrong < CLASSES)).all()
    assert (wrong != true).all(), "a negative sample carries the true label"


@pytest.mark.parametrize("label", [0, 4, 9])
def test_wrong_labels_are_uniform_over_the_nine_others(label):
    true = torch.full((45_000,), label)
    counts = torch.bincount(uniform(true, CLASSES, stream("wrong", 1, 0)), minlength=CLASSES)
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
    if data.find("mnist") is None:
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


# --- archives, in miniature


def idx(values: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes()


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
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
    packed = {
        name: gzip.compress(idx(values), mtime=0)
        for name, values in zip(names, contents, strict=True)
    }
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in packed.items()]
    monkeypatch.setattr(data, "_archives", lambda name: sums)
    monkeypatch.setattr(data, "VALIDATION", 3)
    return packed


def put(archives: dict[str, bytes], root: Path) -> Path:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in archives.items():
        (folder / name).write_bytes(content)
    return folder


def test_archives_are_read_into_splits(archives, offline, monkeypatch):
    put(archives, offline)
    monkeypatch.setenv("FF_DATA", str(offline))
    dataset = data.load("mnist")
    assert dataset.train.labels.tolist() == [0, 1, 2, 3]
    assert dataset.validation.labels.tolist() == [4, 5, 6]
    assert dataset.test.labels.tolist() == [8, 9]
    content = gzip.decompress(archives["train-images.gz"])
    assert dataset.train.images[1].numpy().tobytes() == content[16 + 784 : 16 + 2 * 784]
    raw = b"".join(gzip.decompress(packed) for packed in archives.values())
    assert dataset.checksum == hashlib.sha256(raw).hexdigest()


def test_ff_data_is_preferred_and_the_cache_is_found(archives, offline, monkeypatch):
    monkeypatch.setattr(data.platformdirs, "user_cache_dir", lambda name: str(offline / name))
    cached = put(archives, offline / "ff")
    assert data.find("mnist") == cached
    monkeypatch.setenv("FF_DATA", str(offline / "own"))
    assert data.find("mnist") == cached, "FF_DATA without the archives must not hide the cache"
    assert put(archives, offline / "own") == data.find("mnist")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "another file"])
@pytest.mark.parametrize("name", ["train-images.gz", "t10k-labels.gz"])
def test_a_damaged_archive_is_refused(archives, offline, monkeypatch, name, damage):
    content = archives[name]
    middle = len(content) // 2
    wrong = {
        "truncated": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "empty": b"",
        "another file": gzip.compress(b"\0\0\x08\x01\0\0\0\0"),
    }
    folder = put(archives, offline)
    (folder / name).write_bytes(wrong[damage])
    monkeypatch.setenv("FF_DATA", str(offline))
    with pytest.raises(ff.DataError) as caught:
        data.load("mnist")
    message = str(caught.value)
    assert str(folder / name) in message
    assert "damaged" in message
    assert "ff data fetch mnist" in message, "the remedy must be a command that can be typed"


def test_an_archive_that_cannot_be_read_is_refused(archives, offline, monkeypatch):
    folder = put(archives, offline)
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


def test_an_unknown_data_set():
    with pytest.raises(ff.DataError, match="unknown data set 'cifar'; choose one of mnist"):
        data.load("cifar")


# --- fetch


@pytest.fixture
def server(archives: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the mirrors deliver: change it to deliver something else."""
    delivered = dict(archives)

    def download(url: str, root: str, filename: str, md5: str) -> None:
        content = delivered[filename]
        (Path(root) / filename).write_bytes(content)
        if hashlib.md5(content).hexdigest() != md5:
            raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", download)
    return delivered


def test_fetch_puts_the_archives_where_load_finds_them(server, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(offline / "mine"))
    folder = data.fetch("mnist")
    assert folder == offline / "mine" / "MNIST" / "raw" == data.find("mnist")
    assert {path.name for path in folder.iterdir()} == set(server), "something else was left there"
    assert len(data.load("mnist").train) == 4


def test_fetch_replaces_damaged_archives_only(server, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(offline))
    folder = put(server, offline)
    (folder / "t10k-images.gz").write_bytes(b"damaged")
    good = folder / "train-images.gz"
    before = good.stat().st_mtime_ns
    data.fetch("mnist")
    assert (folder / "t10k-images.gz").read_bytes() == server["t10k-images.gz"]
    assert good.stat().st_mtime_ns == before


def test_a_damaged_download_is_refused_and_leaves_nothing(server, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(offline))
    server["train-images.gz"] = server["train-images.gz"][:100]
    with pytest.raises(ff.DataError, match="cannot be downloaded"):
        data.fetch("mnist")
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
    data.fetch("mnist")
    assert len(asked) == 8
    assert data.find("mnist")


def test_a_data_folder_below_a_file_is_refused(server, offline, monkeypatch):
    (offline / "file").touch()
    monkeypatch.setenv("FF_DATA", str(offline / "file"))
    with pytest.raises(ff.DataError, match=r"cannot write .*set FF_DATA to a folder that you may"):
        data.fetch("mnist")


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
        (lambda x, y: (x, y), 7, "7 classes; .* needs at most 6, a pixel each in row 1"),
    ],
)
def test_a_source_is_checked(monkeypatch, change, classes, message):
    def read() -> tuple[Split, Split, Split, str]:
        good, bad = Split(*right()), Split(*change(*right()))
        return good, bad, good, "checksum"

    monkeypatch.setitem(data.DATASETS, "mine", data.Source(read, (5, 6), classes, 2, "a test"))
    with pytest.raises(ff.DataError, match=f"the data set 'mine' has {message}"):
        data.load("mine")
