"""Nothing that a run says is needed for its records: closed output and full disks do not end it."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import ff
from ff.files import Words
from ff.running import progress
from ff.running.progress import Bar


class Broken(io.StringIO):
    """A stream that fails, as a pipe without a reader or a file on a full disk does."""

    def __init__(self, error: Exception, terminal: bool = False) -> None:
        super().__init__()
        self.error, self.terminal, self.tried = error, terminal, 0

    def write(self, text: str) -> int:
        self.tried += 1
        raise self.error

    def flush(self) -> None:
        raise self.error

    def isatty(self) -> bool:
        if not isinstance(self.error, OSError):
            raise self.error
        return self.terminal


STREAMS = {
    "closed before Python started": None,
    "no reader": Broken(BrokenPipeError(errno.EPIPE, "Broken pipe")),
    "a full disk": Broken(OSError(errno.ENOSPC, "No space left on device")),
    "closed": Broken(ValueError("I/O operation on closed file")),
    "a notebook's that fails": Broken(RuntimeError("no kernel")),
    "a terminal that has gone": Broken(OSError(errno.EIO, "Input/output error"), terminal=True),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_run_goes_on_where_it_cannot_say_how_far_it_is(tiny, few, monkeypatch, name):
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    monkeypatch.setattr(sys, "stderr", STREAMS[name])
    assert len(ff.train(tiny(), progress=True).runs) == 1
    if stream := STREAMS[name]:
        assert stream.tried, "it was not even tried"


def test_what_cannot_be_said_now_may_be_the_next_time(monkeypatch):
    """Somebody makes room on the disk of a log."""
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    stream = Broken(OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(sys, "stderr", stream)
    with Bar(1, 2, shown=True) as bar:
        bar.enter(0)
        bar.show(1, torch.tensor([[0.5]]))
        for name in ("write", "flush"):
            monkeypatch.setattr(
                stream, name, lambda *text, name=name: getattr(io.StringIO, name)(stream, *text)
            )
        bar.show(2, torch.tensor([[0.75]]))
    assert "epoch 2/2: 100%" in stream.getvalue()


def test_words_reach_a_stream_that_works():
    stream = io.StringIO()
    words = Words(stream)
    words.write("said")
    words.flush()
    assert stream.getvalue() == "said"
    assert not words.isatty()


def test_characters_that_a_stream_does_not_know_are_written_as_escapes():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    words = Words(stream)
    words.write("records: \N{GREEK SMALL LETTER ALPHA}\n")
    words.flush()
    assert stream.buffer.getvalue() == b"records: \\u03b1\n"  # type: ignore[attr-defined]


SETTINGS = {"dataset": "digits", "layers": 2, "hidden": 10, "seeds": 1, "epochs": 3}
SETTINGS |= {"learning_rate": 1e-4, "device": "cpu"}
COMMAND = " ".join(
    [f"{sys.executable} -m ff train", *(f"--set {key}={value}" for key, value in SETTINGS.items())]
)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a shell's redirections")
@pytest.mark.parametrize(
    "redirected",
    ["2>&1 | head -c 20", "2>&- >&-", "2>&- >&- <&-", ">/dev/full 2>&1", "2>/dev/full", ">&-"],
)
def test_the_command_ends_well_where_nobody_reads_what_it_says(tmp_path: Path, redirected: str):
    """Told at each epoch, so that there is something to be said while it trains."""
    out = tmp_path / "out"
    hurry = "import ff.running.progress as p; p.PAUSE = 0.0; from ff.__main__ import main; main()"
    command = COMMAND.replace("-m ff", f'-c "{hurry}"')
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} --out {out} {redirected}"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(ff.read(out).layers["epoch"]) == {1, 2, 3}
    assert {path.name for path in out.iterdir()} == {"layers.parquet", "readouts.parquet"}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_command_whose_words_are_its_result_fails_where_they_are_lost():
    command = [sys.executable, "-m", "ff", "train", "--help"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode != 0
