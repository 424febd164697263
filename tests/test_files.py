"""A file is complete or absent."""

import os
from pathlib import Path

import pytest

from ff.files import replacing


class Fault(BaseException):
    """As Ctrl-C is to a writer."""


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), Fault()])
@pytest.mark.parametrize("where", ["writing", "fsync", "replace"])
@pytest.mark.parametrize("old", ["old", None])
def test_what_was_there_stays_until_the_new_file_is_whole(monkeypatch, tmp_path, fault, where, old):
    path = tmp_path / "file"
    if old:
        path.write_text(old)

    def fail(*_: object) -> None:
        raise fault

    if where != "writing":
        monkeypatch.setattr(os, where, fail)
    with pytest.raises(type(fault)), replacing(path) as aside:  # noqa: PT012
        aside.write_text("half")
        if where == "writing":
            raise fault
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"] * bool(old)
    assert not old or path.read_text() == old


def test_a_whole_file_takes_its_place(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    for content in ("one", "two"):
        with replacing(path) as aside:
            aside.write_text(content)
            assert not path.exists() or path.read_text() == "one", "a reader sees half a file"
        assert path.read_text() == content
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_is_overwritten(tmp_path):
    path = tmp_path / "file"
    with replacing(path) as aside:
        left: Path = aside
        aside.write_text("first")
    left.write_text("what a killed process had written so far, and much more than that")
    with replacing(path) as aside:
        aside.write_text("second")
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]
