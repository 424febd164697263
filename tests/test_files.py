"""A file is complete or absent."""

import os
from pathlib import Path

import pytest

import ff
from ff.files import destination, place, replacing


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 300, "x/" * 3000, "~\0"])
def test_a_name_that_no_file_can_have_is_refused(name):
    """At every door, so that nobody else has to think of it."""
    for door in (place, destination, ff.read):
        with pytest.raises(
            ff.RecordsError, match=r"cannot use the path .*; choose another"
        ) as caught:
            door(name)
        assert len(str(caught.value)) < 500


def test_an_empty_name_is_not_the_current_folder(tiny):
    with pytest.raises(ff.RecordsError, match=r"the path '' .it is empty"):
        ff.train(tiny(), "")
    assert place(Path()) == Path()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_is_not_replaced_by_a_file_that_is_to_be_written(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(ff.RecordsError, match="is no regular file; name another"):
            destination(tmp_path / name)
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("new", "link"):
        assert destination(tmp_path / name) == tmp_path / name


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
