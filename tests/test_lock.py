"""Two runs never write to one folder."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

import ff
from ff.algorithm.training import Training
from ff.running.lock import claim

HOLD = """
import sys
from ff.running.lock import claim
with claim(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds `tmp_path`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_held_folder_is_refused_naming_the_holder_and_free_after_its_death(holder, tmp_path):
    with pytest.raises(ff.TrainingError) as caught, claim(tmp_path):
        pass
    message = str(caught.value)
    assert f"process {holder.pid} on {socket.gethostname()} (since 20" in message
    assert f"is writing to {tmp_path}; wait until it has ended" in message
    about = json.loads((tmp_path / ".holder.json").read_text())
    assert about["pid"] == holder.pid, "the refused one has written its own name"
    holder.kill()
    holder.wait()
    assert (tmp_path / ".holder.json").exists(), "the dead process has tidied up: no proof"
    with claim(tmp_path):
        assert json.loads((tmp_path / ".holder.json").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_left_behind(tmp_path, fails):
    with pytest.raises(ZeroDivisionError) if fails else nullcontext(), claim(tmp_path / "new"):
        assert {path.name for path in (tmp_path / "new").iterdir()} == {".lock", ".holder.json"}
        if fails:
            raise ZeroDivisionError
    assert not list((tmp_path / "new").iterdir())


def test_the_same_process_is_refused_too(tmp_path):
    with claim(tmp_path):
        with pytest.raises(ff.TrainingError, match=f"process {os.getpid()} on"), claim(tmp_path):
            pass
        with pytest.raises(ff.TrainingError, match="is writing"), claim(tmp_path):
            raise AssertionError("the refusal has freed the other's lock")


def test_a_run_on_another_machine_is_not_guessed_to_be_dead(monkeypatch, tmp_path):
    """A network file system may not know of its lock."""
    about = {"pid": 7, "host": "elsewhere", "since": "2025-01-01T00:00:00+00:00"}
    path = tmp_path / ".holder.json"
    path.write_text(json.dumps(about))
    refused = pytest.raises(ff.TrainingError, match=r"process 7 on elsewhere .*may still be")
    with refused as caught, claim(tmp_path):
        pass
    assert f"delete {path}" in str(caught.value)
    assert json.loads(path.read_text()) == about
    path.unlink()
    with claim(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"pid": 1}', "\0", "[" * 100_000])
def test_a_damaged_name_is_of_nobody(tmp_path, content):
    (tmp_path / ".holder.json").write_text(content)
    with claim(tmp_path):
        (tmp_path / ".holder.json").write_text(content)
        match = r"(another process|process [1?] on .*) is writ"
        with pytest.raises(ff.TrainingError, match=match), claim(tmp_path):
            pass


def test_what_a_file_says_of_its_holder_does_not_command_the_terminal(holder, tmp_path):
    about = {"pid": 7, "host": "here\x1b]0;mine\x07\x9b31m\u202egnihton", "since": "\x1b[2J\r"}
    (tmp_path / ".holder.json").write_text(json.dumps(about))
    with pytest.raises(ff.TrainingError, match="is writing to") as caught, claim(tmp_path):
        pass
    message = str(caught.value)
    assert message.isprintable(), repr(message)
    assert r"here\x1b]0;mine\x07\x9b31m\u202egnihton" in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", [".holder.json", "..holder.json.writing"])
def test_a_pipe_in_the_place_of_a_name_keeps_nobody_waiting(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with claim(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_name_of_any_length_is_not_read_whole(holder, tmp_path):
    with open(tmp_path / ".holder.json", "w") as file:
        file.write('{"host": "' + "x" * 1_000_000 + '"}')
    with pytest.raises(ff.TrainingError, match="another process is writing to") as caught:
        claim(tmp_path).__enter__()
    assert len(str(caught.value)) < 1000


def test_a_deleted_folder_is_noticed_and_left_to_whom_it_belongs(tmp_path):
    folder = tmp_path / "run"
    with claim(folder) as check:
        check()
        shutil.rmtree(folder)
        with pytest.raises(ff.TrainingError, match=r"is no longer this run's: it, or .holder"):
            check()
        with claim(folder) as other:
            other()
            with pytest.raises(ff.TrainingError, match="is no longer this run's"):
                check()
        folder.mkdir(exist_ok=True)
        (folder / ".holder.json").write_text("another's")
        (folder / ".lock").touch()
    assert {path.name for path in folder.iterdir()} == {".holder.json", ".lock"}


def test_a_name_that_cannot_be_read_just_now_ends_no_run(monkeypatch, tmp_path):
    """Too many open files, or a network that is away for a moment."""

    def away(*_: object, **__: object) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    with claim(tmp_path) as check:
        with monkeypatch.context() as patch:
            patch.setattr("ff.running.lock.contents", away)
            check()
        check()
    assert not list(tmp_path.iterdir())


def test_a_run_holds_its_folder(tiny, few, monkeypatch, tmp_path):
    """Refused: a second run, also with overwrite, before it has touched anything."""
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    refused, run_epoch = [], Training.run_epoch

    def rival(self, *rest) -> None:
        monkeypatch.setattr(Training, "run_epoch", run_epoch)
        for overwrite in (False, True):
            with pytest.raises(ff.TrainingError, match="is writing to"):
                ff.train(tiny(), tmp_path, overwrite=overwrite)
            refused.append(overwrite)
        run_epoch(self, *rest)

    monkeypatch.setattr(Training, "run_epoch", rival)
    ff.train(tiny(), tmp_path)
    assert refused == [False, True]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "layers.parquet",
        "readouts.parquet",
    ]
    with claim(tmp_path):  # what is finished can be read while another holds the folder
        assert len(ff.train(tiny(), tmp_path).runs) == 1
