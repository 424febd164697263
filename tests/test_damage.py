"""Damaged files are named, not used: none is read as valid, none ends in a bare traceback."""

import gzip
import hashlib
import math
import pickle
from collections.abc import Callable
from pathlib import Path

import executed  # pyright: ignore[reportMissingImports]
import kept  # pyright: ignore[reportMissingImports]
import numpy as np
import pytest
import torch
import yaml
from damage import damages
from hypothesis import given
from hypothesis import strategies as st

import ff
from ff import archives, data
from ff.algorithm.training import Training
from ff.files import foreign
from ff.params import parse
from ff.running import checkpoint
from ff.running.begun import note_path
from ff.running.folder import checkpoint_files

ROOT = Path(__file__).parent.parent
PARAMS = sorted(path for path in (ROOT / "params").glob("*.yaml") if not foreign(path.name))

Case = tuple[Path, Callable[[], object]]  # a whole file, and what reads it


@pytest.fixture
def archive(monkeypatch, tmp_path) -> Case:
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(256, size=(7, 28, 28), dtype=np.uint8)
    packed = gzip.compress(bytes([0, 0, 8, 3, 0, 0, 0, 7, 0, 0, 0, 28, 0, 0, 0, 28]))
    packed = gzip.compress(gzip.decompress(packed) + images.tobytes(), mtime=0)
    labels = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 7]) + bytes(range(7)), mtime=0)
    contents = {"a": packed, "b": labels, "c": packed, "d": labels}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in contents.items()]
    monkeypatch.setattr(archives, "_files", lambda name: sums)
    monkeypatch.setattr(data, "VALIDATION", 3)
    monkeypatch.setenv("FF_DATA", str(tmp_path))
    return folder / "a", lambda: data.load("mnist")


def _parquet(tiny, few, monkeypatch, folder: Path, name: str) -> Case:
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    ff.train(tiny(epochs=2), folder)
    return folder / f"{name}.parquet", lambda: ff.train(tiny(epochs=2), folder)


@pytest.fixture
def layers(tiny, few, monkeypatch, tmp_path) -> Case:
    return _parquet(tiny, few, monkeypatch, tmp_path, "layers")


@pytest.fixture
def readouts(tiny, few, monkeypatch, tmp_path) -> Case:
    return _parquet(tiny, few, monkeypatch, tmp_path, "readouts")


@pytest.fixture
def begun(cut_off) -> Case:
    """The checkpoint of a run that was cut off."""
    folder, go_on = cut_off
    (path,) = checkpoint_files(folder)
    return path, go_on


@pytest.fixture
def note(cut_off) -> Case:
    """Its note."""
    folder, go_on = cut_off
    return note_path(folder), go_on


@pytest.fixture
def cut_off(tiny, few, monkeypatch, tmp_path) -> Case:
    """The folder of a run that was cut off."""
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", math.inf)
    run_epoch = Training.run_epoch

    def cut_off(self, on_step) -> None:
        if self.epoch == 2:
            raise KeyboardInterrupt
        run_epoch(self, on_step)

    monkeypatch.setattr(Training, "run_epoch", cut_off)
    with pytest.raises(KeyboardInterrupt):
        ff.train(tiny(), tmp_path)
    monkeypatch.setattr(Training, "run_epoch", run_epoch)
    return tmp_path, lambda: ff.train(tiny(), tmp_path)


@pytest.mark.parametrize("kind", ["archive", "layers", "readouts", "begun", "note"])
def test_a_damaged_file_is_named_and_not_used(request, kind):
    path, use = request.getfixturevalue(kind)
    whole, count = path.read_bytes(), 0
    for what, content in damages(whole, other=b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8):
        path.write_bytes(content)
        try:
            use()
        except ff.FFError as error:
            message = str(error)
        else:
            message = "used as if nothing were wrong"
        assert path.name in message, f"{what}: {message}"
        assert "\n" not in message, f"{what}: more than a sentence"
        assert "; " in message, f"{what}: no remedy"
        assert path.read_bytes() == content, f"{what}: the evidence was touched"
        count += 1
    assert count >= 18
    path.write_bytes(whole)
    use()


def test_a_table_of_another_run_in_its_place_is_refused(layers, tiny, tmp_path):
    path, use = layers
    ff.train(tiny(epochs=2, momentum=0.5), tmp_path / "other")
    path.write_bytes((tmp_path / "other" / "layers.parquet").read_bytes())
    with pytest.raises(ff.RecordsError, match="come from different runs"):
        use()


def test_a_damaged_page_is_run_again(tmp_path):
    path = tmp_path / "a.json"
    data = {"text/plain": "2"}
    cells: list = [[1, [{"output_type": "execute_result", "data": data, "metadata": {}}]]]
    made = kept.Kept(cells, {"name": "python"}, 1.5, False, {}, {"book/results": "a" * 64})
    made.save(path, "key")
    assert kept.load(path, "key") == made
    assert kept.load(path, "another key") is None
    whole = path.read_bytes()
    for what, content in damages(whole, other=b"x\ny"):
        path.write_bytes(content)
        if content != whole:
            assert kept.load(path, "key") is None, f"a page with {what} would be shown"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff", b'{"cells": 3, "nbformat": 4}', b"PAR1"]
)
def test_a_damaged_chapter_is_named(tmp_path, content):
    path = tmp_path / "chapter.ipynb"
    path.write_bytes(content)
    with pytest.raises(executed.ExtensionError, match=r"chapter.ipynb is no notebook \(.*restore"):
        executed.read(path)


# --- payloads


class Payload:
    """What runs a command when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("kind", ["archive", "layers", "readouts", "begun", "note"])
@pytest.mark.parametrize("how", ["pickle", "torch", "numpy"])
def test_a_file_that_would_run_code_is_refused_unread(request, tmp_path, kind, how):
    path, use = request.getfixturevalue(kind)
    marker = tmp_path / "it-ran"
    if how == "pickle":
        path.write_bytes(pickle.dumps(Payload(marker)))
    elif how == "torch":
        torch.save(Payload(marker), path)
    else:
        with open(path, "wb") as file:
            np.save(file, np.array([Payload(marker)], dtype=object), allow_pickle=True)
    with pytest.raises(ff.FFError, match=path.name):
        use()
    assert not marker.exists(), "code from a file was run"


def test_a_payload_is_a_payload(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "it-ran")))
    assert (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("key", ["layers", "dataset", "out"])
def test_params_that_would_run_code_are_refused_unread(tmp_path, key):
    marker, path = tmp_path / "it-ran", tmp_path / "params.yaml"
    path.write_text(f"{key}: !!python/object/apply:os.mknod ['{marker}']\n")
    with pytest.raises(ff.ConfigError, match="is a tag"):
        ff.Config.load(path)
    with pytest.raises(ff.ConfigError, match="is a tag"):
        parse(f"!!python/object/apply:os.mknod ['{marker}']", "--set")
    assert not marker.exists()


# --- params: text that a person edits has no checksum; what it says is taken exactly, or refused


@pytest.mark.parametrize("path", PARAMS, ids=lambda p: p.name)
def test_damaged_params_are_refused(tmp_path, path):
    content = path.read_bytes()
    keys = content.index(b"\ndataset") + 1
    damaged = {
        "a high bit flipped": content[:keys] + bytes([content[keys] | 0x80]) + content[keys + 1 :],
        "a comment's high bit flipped": bytes([content[0] | 0x80]) + content[1:],
        "cut off within a key": content[: keys + 4],
        "nothing left": b"",
        "another file in its place": (ROOT / "book" / "_assets" / "favicon.svg").read_bytes(),
        "zeros": bytes(len(content)),
        "a line twice": content + content[keys:],
        "a key's bit flipped": content.replace(b"\nlayers", b"\nlaxers"),
    }
    copy = tmp_path / path.name
    for what, text in damaged.items():
        copy.write_bytes(text)
        with pytest.raises(ff.ConfigError) as caught:
            ff.Config.load(copy)
        assert str(copy) in str(caught.value), what


VALID = (ROOT / "params" / "quick.yaml").read_text(encoding="utf-8")
BODY = VALID[VALID.index("\ndataset") :]
edits = st.tuples(
    st.integers(0, len(BODY)), st.integers(0, 3), st.text("0123456789abelsy:-.[], \n#'", max_size=3)
)


@given(edits)
def test_an_edited_params_file_means_what_it_says_or_is_refused(tmp_path_factory, edit):
    at, removed, added = edit
    text = BODY[:at] + added + BODY[at + removed :]
    path = tmp_path_factory.getbasetemp() / "edited.yaml"
    path.write_text(text, encoding="utf-8")
    config, message = None, ""
    try:
        config = ff.Config.load(path)
    except ff.ConfigError as error:
        message = str(error)
    if config is None:
        assert message.startswith(str(path)), "it does not say what was refused"
    else:
        assert config == ff.Config(**yaml.safe_load(text)), "read as something else than it says"
