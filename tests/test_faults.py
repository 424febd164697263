"""Full and read-only disks: what was there stays, one clear message, exit code not 0."""

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import executed  # pyright: ignore[reportMissingImports]
import pytest
import torch
import torchvision.datasets.utils
from click.testing import CliRunner
from disk import Disk, mounted
from nbformat.v4 import new_code_cell, new_notebook, new_output
from safetensors import safe_open

import ff
from ff import archives, records
from ff.__main__ import main
from ff.algorithm.training import Training
from ff.running import checkpoint
from ff.running.checkpoint import Checkpoint
from ff.running.folder import checkpoint_files
from ff.running.lock import claim

ROOT = Path(__file__).parent.parent


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk", "512k") as found:
        if found is None:
            pytest.skip("a file system can be mounted only by root, and on Linux")
        yield found


@pytest.fixture
def config(tiny, few, monkeypatch) -> ff.Config:
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", math.inf)
    return tiny()


def command(config: ff.Config, out: Path, *more: str) -> tuple[int, str]:
    """Exit code and messages of the command that trains a configuration."""
    changes = [
        f"--set={key}={value}" for key, value in config.model_dump(exclude_none=True).items()
    ]
    result = CliRunner().invoke(main, ["train", *changes, "--out", str(out), *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == (result.exit_code != 0), result.stderr
    return result.exit_code, "".join(errors)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_full_disk_stops_a_run_which_then_goes_on(config, disk, monkeypatch):
    """Full after the second checkpoint; the first words say so, and nothing is lost."""
    undisturbed = ff.train(config)
    save_file = checkpoint.save_file

    def save(tensors: object, path: Path, about: dict[str, str]) -> None:
        if about.get("epoch") == "2" and not (disk.folder / "filler").exists():
            disk.fill()
        save_file(tensors, path, about)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(checkpoint, "save_file", save)
    out = disk.folder / "out"
    code, message = command(config, out)
    assert code == 1
    assert "cannot write the checkpoint" in message
    assert "make room or choose another folder, then start the same run again" in message
    kept = {"checkpoints/run.json", "checkpoints/width-10-seeds-1-2.safetensors"}
    assert names(out) == kept, "half a file was left"
    code, message = command(config, out)
    assert code == 1, "the disk is still full"
    assert "No space left on device" in message
    disk.empty()
    monkeypatch.setattr(checkpoint, "save_file", save_file)
    begun = []
    run_epoch = Training.run_epoch
    monkeypatch.setattr(
        Training,
        "run_epoch",
        lambda self, *rest: (begun.append(self.epoch), run_epoch(self, *rest)),
    )
    assert command(config, out)[0] == 0
    assert begun == [1, 2], "the first epoch was lost"
    assert ff.read(out).layers.equals(undisturbed.layers)
    assert names(out) == {"layers.parquet", "readouts.parquet"}


def test_a_full_disk_leaves_the_old_tables(config, disk):
    ff.train(config, disk.folder)
    before = {name: (disk.folder / name).read_bytes() for name in names(disk.folder)}
    larger = ff.train(config.model_copy(update={"epochs": 8}))
    disk.fill()
    with pytest.raises(ff.RecordsError, match=r"cannot write .*No space left on device; choose"):
        records.write(larger, disk.folder)
    assert names(disk.folder) == {*before, "filler"}
    assert all((disk.folder / name).read_bytes() == content for name, content in before.items())


def test_a_full_disk_leaves_the_old_checkpoint(config, disk):
    chunk = Checkpoint(disk.folder / "width.safetensors", "run")
    chunk.save({"x": torch.ones(3)}, 3, 1.0, last=True)
    before = names(disk.folder)
    disk.fill()
    with pytest.raises(ff.TrainingError, match="No space left on device"):
        chunk.save({"x": torch.zeros(100_000)}, 3, 2.0, last=True)
    assert names(disk.folder) == {*before, "filler"}
    state = {"x": torch.zeros(3)}
    assert chunk.restore(state, 3) == (3, 1.0)
    assert state["x"].tolist() == [1, 1, 1]


def test_overwriting_on_a_full_disk_costs_nothing(config, disk, monkeypatch):
    """Neither the old tables, nor the checkpoints of a run that was cut off."""
    out = disk.folder / "out"
    ff.train(config, out)
    before = {name: (out / name).read_bytes() for name in names(out)}
    disk.fill()
    code, message = command(config, out, "--overwrite")
    assert (code, "No space left on device; " in message) == (1, True), message
    assert {name: (out / name).read_bytes() for name in names(out)} == before
    disk.empty()
    replace = os.replace

    def fill(source: Path, target: Path) -> None:  # when the last checkpoint is written
        replace(source, target)
        if "readouts" not in str(target) and target.suffix == ".safetensors" and last():
            disk.fill()

    def last() -> bool:
        (path,) = checkpoint_files(out)
        with safe_open(path, framework="pt") as file:
            return file.metadata()["epoch"] == "3"

    monkeypatch.setattr(os, "replace", fill)
    code, message = command(config, out, "--overwrite")
    assert (code, "cannot write records" in message) == (1, True), message
    assert {name: (out / name).read_bytes() for name in before} == before
    monkeypatch.setattr(os, "replace", replace)
    code, _ = command(config, out, "--overwrite")
    assert code == 1, "the disk is still full"
    assert checkpoint_files(out), "the checkpoint of a run that can go on was deleted"
    disk.empty()
    assert command(config, out) == (0, "")
    assert names(out) == {"layers.parquet", "readouts.parquet"}
    assert all((out / name).read_bytes() != content for name, content in before.items())


@pytest.mark.parametrize(
    "name",
    [
        ".layers.parquet.writing",
        ".readouts.parquet.writing",
        ".lock",
        ".holder.json",
        "..holder.json.writing",
        "checkpoints/run.json",
        "checkpoints/.run.json.writing",
        "checkpoints/width-10-seeds-1-2.safetensors",
        "checkpoints/.width-10-seeds-1-2.safetensors.writing",
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_written_to_where_a_link_leads(config, tmp_path, name, there):
    out, victim = tmp_path / "out", tmp_path / "victim"
    (out / "checkpoints").mkdir(parents=True)
    if there:
        victim.write_text("mine")
    (out / name).symlink_to(victim)
    code, message = command(config, out, "--overwrite")
    assert code == 0 or name == ".lock", message
    assert victim.exists() == there
    if there:
        assert victim.read_text() == "mine"


@pytest.mark.parametrize("again", [False, True])
def test_a_run_whose_folder_was_deleted_fails_and_touches_nothing(
    config, monkeypatch, tmp_path, again
):
    """Also where another run is in its place: its lock and its files are not the first one's."""
    out, run_epoch = tmp_path / "out", Training.run_epoch
    with ExitStack() as second:

        def deleted(self: Training, *rest) -> None:
            monkeypatch.setattr(Training, "run_epoch", run_epoch)
            shutil.rmtree(out)
            if again:
                second.enter_context(claim(out))
                (out / "layers.parquet").write_text("of the second run")
            run_epoch(self, *rest)

        monkeypatch.setattr(Training, "run_epoch", deleted)
        code, message = command(config, out)
        assert code == 1
        assert "is no longer this run's: it, or .holder.json in it, was deleted" in message
        assert "start the same run again" in message
        assert names(tmp_path) == (
            {"out/.lock", "out/.holder.json", "out/layers.parquet"} if again else set()
        )
        if again:
            with pytest.raises(ff.TrainingError, match="is writing to"), claim(out):
                pass
    assert not (out / ".lock").exists()


def test_a_read_only_disk_refuses_a_run_and_keeps_a_finished_one(config, disk):
    done, new = disk.folder / "done", disk.folder / "new"
    ff.train(config, done)
    disk.read_only()
    for out, more in ((new, ()), (done, ("--overwrite",))):
        code, message = command(config, out, *more)
        assert code == 1
        assert "Read-only file system" in message
        assert "choose" in message
    assert names(disk.folder) == {"done/layers.parquet", "done/readouts.parquet"}
    assert command(config, done) == (0, ""), "it has nothing to write"


@pytest.mark.parametrize("how", ["fill", "read_only"])
def test_a_data_set_that_cannot_be_stored(disk, how, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(disk.folder))
    sums = [(name, "0" * 32) for name in ("a", "b", "c", "d")]
    monkeypatch.setattr(archives, "_files", lambda name: sums)

    def download(url: str, root: str, filename: str, md5: str) -> None:
        (Path(root) / filename).write_bytes(bytes(1_000_000))

    monkeypatch.setattr(torchvision.datasets.utils, "download_url", download)
    (disk.folder / "MNIST" / "raw").mkdir(parents=True)
    (disk.folder / "MNIST" / "raw" / "a").write_text("mine")
    getattr(disk, how)()
    result = CliRunner().invoke(main, ["data", "fetch", "mnist"])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    (message,) = result.stderr.splitlines()
    assert message.startswith("Error: cannot write ")
    assert message.endswith("set FF_DATA to a folder that you may write to")
    assert names(disk.folder) - {"filler"} == {"MNIST/raw/a"}


@pytest.mark.parametrize("how", ["fill", "read_only"])
def test_a_page_that_cannot_be_written(disk, how, monkeypatch):
    notebook = new_notebook(cells=[new_code_cell("1")])
    page = executed.Page("a/b", disk.folder / "a.ipynb", disk.folder, notebook, copied=True)
    page.store.parent.mkdir(parents=True)
    page.store.write_text("old")
    made = new_notebook(cells=[new_code_cell("1", execution_count=1)])
    made.cells[0].outputs = [new_output("display_data", {"text/plain": "x" * 1_000_000})]
    monkeypatch.setattr(executed, "run", lambda *_: (made, False))
    getattr(disk, how)()
    with pytest.raises(executed.ExtensionError, match=r"a/b failed:\n.*(No space|Read-only)"):
        executed.execute([page])
    assert names(disk.folder) - {"filler"} == {"runs/.kept/a/b.json"}
    assert page.store.read_text() == "old"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_without_permission_is_refused(config, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    code, message = command(config, tmp_path / "locked" / "out")
    assert code == 1
    assert "Permission denied; choose a folder that you may write to" in message
