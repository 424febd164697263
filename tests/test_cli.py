"""The `ff` command: what it does, and how it refuses."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

import ff
from ff.__main__ import main
from ff.algorithm.training import Training
from ff.running import checkpoint
from ff.switches.goodness import GOODNESS

ROOT = Path(__file__).parent.parent
QUICK = ("dataset=digits", "layers=2", "hidden=4", "seeds=1", "epochs=1", "batch_size=650")
QUICK += ("device=cpu",)


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def settings(*changes: str) -> list[str]:
    return [part for change in changes for part in ("--set", change)]


def assert_refused(result: Result, *expected: str, code: int = 1) -> None:
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit), f"a traceback: {result.exception!r}"
    assert "Traceback" not in result.output
    assert result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith(("Error: ", "Aborted!")), result.stderr
    for part in expected:
        assert part in last, f"{part!r} is not in {last!r}"


# --- what it does


def test_train_writes_records_and_says_where(tmp_path):
    result = invoke("train", *settings(*QUICK), "--out", tmp_path / "a" / "b")
    assert result.exit_code == 0, result.output
    first, last = result.stdout.splitlines()
    records = ff.read(tmp_path / "a" / "b")
    accuracy = records.readouts["validation_accuracy"].item()
    assert first.startswith("width 4, 2 layers, 1 seed: readout accuracy ")
    assert f"{accuracy:.3f} (validation)" in first
    assert last == f"records: {tmp_path / 'a' / 'b'}"
    assert "epoch 1/1" in result.stderr


def test_train_reads_a_file_and_changes_it(tmp_path):
    changes = settings("layers=[2, 3]", "hidden=4", "seeds=[5]", "epochs=1", "batch_size=1300")
    file = ROOT / "params" / "quick.yaml"
    result = invoke("train", "-f", file, *changes, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    config = ff.read(tmp_path).runs[0]["config"]
    assert config["dataset"] == "digits"
    assert (config["layers"], config["seeds"]) == ([2, 3], [5])
    assert len(result.stdout.splitlines()) == 3, "one line for each depth, one for the folder"


def test_a_file_of_ones_own_adds_a_goodness(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(
        "from ff.switches.goodness import GOODNESS, Goodness\n"
        "GOODNESS['mine'] = Goodness(lambda z: z.pow(4).sum(-1), lambda z: z**3, 4.0, float, '')\n"
    )
    options = [*settings(*QUICK, "goodness=mine"), "--out", tmp_path / "out"]
    assert_refused(invoke("train", *options), "goodness must be squares, absolute")
    try:
        done = invoke("train", "--import", mine, *options)
    finally:
        GOODNESS.pop("mine", None)
    assert done.exit_code == 0, done.output
    assert ff.read(tmp_path / "out").runs[0]["config"]["goodness"] == "mine"
    done = invoke("train", "--import", tmp_path / "none.py", *options)
    assert_refused(done, "does not exist", code=2)


def test_a_tilde_is_the_home_folder_where_the_shell_leaves_it(offline, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (offline / "mine.yaml").write_text("layers: 2\n")
    for said in (False, True):
        result = invoke("train", "--file=~/mine.yaml", *settings(*QUICK), "--out=~/out")
        assert result.exit_code == 0, result.output
        assert f"records: {offline / 'out'}" in result.stdout
        assert ("finished before" in result.stdout) == said
    assert not list(tmp_path.glob("~*"))


def test_a_finished_run_is_not_trained_again(tmp_path):
    seen = []
    for more in ([], [], ["--overwrite"]):
        result = invoke("train", *settings(*QUICK), "--out", tmp_path, *more)
        assert result.exit_code == 0, result.output
        said = "finished before; --overwrite trains again" in result.stdout
        seen.append((said, (tmp_path / "layers.parquet").stat().st_mtime_ns))
    assert [said for said, _ in seen] == [False, True, False]
    assert seen[0][1] == seen[1][1] < seen[2][1]


def test_a_seed_that_diverges_is_named_now_and_later(tmp_path):
    """At this rate, the layer of one unit dies, and the one of eight does not."""
    changes = ("learning_rate=1e-2", "hidden=[1, 8]", "epochs=2")
    for _ in range(2):
        result = invoke("train", *settings(*QUICK, *changes), "--out", tmp_path)
        assert result.exit_code == 0, result.output
        assert "Warning: seed 1 of width 1 has diverged in epoch " in result.stderr
        assert "; try a lower learning_rate\n" in result.stderr
        assert "width 1, 2 layers, 0 seeds: readout accuracy nan" in result.stdout
        assert "width 8, 2 layers, 1 seed: readout accuracy 0." in result.stdout


def test_a_run_of_which_nothing_is_left_fails_and_keeps_its_records(tmp_path):
    for _ in range(2):
        changes = settings(*QUICK, "learning_rate=1e10", "seeds=2")
        result = invoke("train", *changes, "--out", tmp_path)
        assert_refused(result, "no network is complete: seed 1 of width 4 has diverged in epoch 1")
        assert result.stderr.endswith("was stopped; try a lower learning_rate\n")
        assert "Warning" not in result.stderr, "said more than once"
        assert len(ff.read(tmp_path).runs[0]["diverged"]) == 2


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["train", "-h"], ["data", "--help"]])
def test_help(arguments):
    result = invoke(*arguments)
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert "\\b" not in result.stdout


def test_version():
    assert invoke("--version").stdout.strip().endswith(version("ff"))


def test_ctrl_c_ends_a_run_that_then_continues(tmp_path, monkeypatch):
    run_epoch, begun = Training.run_epoch, []

    def cut_off(self: Training, *rest) -> None:
        begun.append(self.epoch)
        if len(begun) == 2:
            raise KeyboardInterrupt
        run_epoch(self, *rest)

    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(Training, "run_epoch", cut_off)
    result = invoke("train", *settings(*QUICK, "epochs=3"), "--out", tmp_path)
    assert_refused(result, "Aborted!", code=130)
    result = invoke("train", *settings(*QUICK, "epochs=3"), "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert begun == [0, 1, 1, 2], "an epoch was trained twice"


# --- how it refuses

# What a value may be, and what a file, tests/test_config.py goes through. Here: how --set reads its
# text, and that whatever is refused ends the command in the same way.
BAD_SETTINGS = [
    ("layers=1", "layers must be an integer of at least 2", "but got 1"),
    ("epoch=3", "unknown key 'epoch'; did you mean 'epochs'?"),
    ("layers=deep", "layers must be an integer", "but got 'deep'"),
    ("layers=", "layers must be an integer", "but got None"),
    ("learning_rate=.nan", "learning_rate must be a number above 0", "but got nan"),
    ("batch_size=1301", "batch_size must be at most 1300 (the training images of digits)", "1301"),
    ("layers=[2", "--set layers=[2 is not plain YAML"),
    ("layers=!!int 4", "is a tag"),
    ("layers", "--set takes KEY=VALUE, such as layers=16, but got 'layers'"),
    ("=4", "unknown key ''"),
]


@pytest.mark.parametrize(("change", "expected"), [(bad[0], bad[1:]) for bad in BAD_SETTINGS])
def test_a_wrong_setting_is_refused(tmp_path, change, expected):
    out = tmp_path / "out"
    result = invoke("train", *settings(*QUICK, change), "--out", out)
    assert_refused(result, *expected)
    assert not out.exists(), "something half-written was left"


def test_two_wrong_settings_are_both_named(tmp_path):
    result = invoke("train", *settings("layers=1", "epoch=3"), "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "layers must be" in result.stderr
    assert "did you mean 'epochs'?" in result.stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"layers: !!python/object/apply:os.system [exit]", "is a tag"),
        (b"layer: 4", "did you mean 'layers'?"),
        (None, "No such file or directory; name an existing file"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, content, expected):
    path = tmp_path / "params.yaml"
    if content:
        path.write_bytes(content)
    result = invoke("train", "-f", path, "--out", tmp_path / "out")
    assert_refused(result, expected)
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = invoke("train", *settings(*QUICK, "device=cuda"), "--out", tmp_path / "out")
    assert_refused(result, "there is no cuda device here; choose device: auto or cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path, more):
    """Permissions mean nothing to root; a path below a file means the same to everyone."""
    (tmp_path / "file").write_text("mine")
    result = invoke("train", *settings(*QUICK), "--out", tmp_path / "file" / "out", *more)
    assert_refused(result, "cannot write", "choose a folder that you may write to")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_as_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    result = invoke("train", *settings(*QUICK), "--out", tmp_path / "file")
    assert_refused(result, "is a file", code=2)
    assert (tmp_path / "file").read_text() == "mine"


def test_records_of_another_configuration_are_not_overwritten(tmp_path):
    assert invoke("train", *settings(*QUICK), "--out", tmp_path).exit_code == 0
    before = (tmp_path / "layers.parquet").read_bytes()
    result = invoke("train", *settings(*QUICK, "momentum=0.5"), "--out", tmp_path)
    assert_refused(result, "another configuration (momentum 0.9", "overwrite=True", "--overwrite")
    assert (tmp_path / "layers.parquet").read_bytes() == before


@pytest.mark.parametrize("name", ["layers", "readouts"])
def test_damaged_records_are_not_overwritten(tmp_path, name):
    assert invoke("train", *settings(*QUICK), "--out", tmp_path).exit_code == 0
    (tmp_path / f"{name}.parquet").write_bytes(b"PAR1")
    result = invoke("train", *settings(*QUICK), "--out", tmp_path)
    assert_refused(result, f"{name}.parquet is damaged")


def test_half_the_records_are_not_called_finished(tmp_path):
    """As a run leaves them that was cut off between writing its two tables."""
    assert invoke("train", *settings(*QUICK), "--out", tmp_path).exit_code == 0
    (tmp_path / "readouts.parquet").unlink()
    result = invoke("train", *settings(*QUICK), "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "finished before" not in result.stdout
    assert (tmp_path / "readouts.parquet").exists()


def test_a_data_set_that_is_nowhere_is_refused(offline, tmp_path):
    result = invoke("train", *settings(*QUICK, "dataset=mnist"), "--out", tmp_path / "out")
    assert_refused(result, "mnist is not in", "ff data fetch mnist", "FF_DATA", "dataset: digits")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b not an archive"])
def test_a_damaged_archive_is_refused(offline, monkeypatch, tmp_path, content):
    folder = offline / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for kind in ("train", "t10k"):
        for part in ("images-idx3", "labels-idx1"):
            (folder / f"{kind}-{part}-ubyte.gz").write_bytes(content)
    monkeypatch.setenv("FF_DATA", str(offline))
    result = invoke("train", *settings(*QUICK, "dataset=mnist"), "--out", tmp_path / "out")
    assert_refused(result, "train-images-idx3-ubyte.gz is damaged", "ff data fetch mnist")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["digits", "imagenet", ""])
def test_fetching_an_unknown_data_set_is_refused(name):
    assert_refused(invoke("data", "fetch", name), f"unknown data set {name!r}", "mnist")


def test_fetching_without_network_is_refused(offline):
    assert_refused(invoke("data", "fetch", "kmnist"), "cannot be downloaded")
    assert not list(offline.rglob("*.gz"))


@pytest.mark.parametrize(
    "arguments", [["train"], ["trian"], ["train", "--outt", "x"], ["data", "fetch"]]
)
def test_a_wrong_command_line_is_refused(arguments):
    result = invoke(*arguments)
    assert_refused(result, code=2)
    assert "Usage:" in result.stderr


# --- as a process


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "ff", *arguments],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
    )


@pytest.mark.slow
def test_a_real_run(tmp_path):
    done = run("train", *settings(*QUICK), "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("records: out\n")
    assert len(ff.read(tmp_path / "out").layers) == 2


def test_a_real_refusal(tmp_path):
    done = run("train", *settings("layers"), "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: --set takes KEY=VALUE, such as layers=16, but got 'layers'\n"
    assert not list(tmp_path.iterdir())
