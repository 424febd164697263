"""Runs that are cut off, continued, damaged, or not theirs."""

import itertools
import json
import math
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import ff
from ff import machine
from ff.algorithm.training import Training
from ff.data import Dataset
from ff.running import begun, checkpoint, memory
from ff.running.checkpoint import Checkpoint
from ff.running.folder import checkpoint_files

CHANGES = {"batch_size": 60, "hidden": [4, 8], "seeds": [2, 5], "layers": [2, 3]}


class Cut(BaseException):
    """What a person's Ctrl-C or a cluster's time limit is to the program."""


@contextmanager
def cut(chunk: int, epoch: int) -> Iterator[None]:
    """Expect the run inside to end in that epoch of that chunk, counted from 0, after a step."""
    run_epoch, begun = Training.run_epoch, []

    def cut_off(self: Training, on_step: Callable[[float], object]) -> None:
        if self.epoch == 0:
            begun.append(self)

        def step(share: float) -> None:
            if (len(begun) - 1, self.epoch) == (chunk, epoch):
                raise Cut
            on_step(share)

        run_epoch(self, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "run_epoch", cut_off)
        with pytest.raises(Cut):
            yield


def often(patch: pytest.MonkeyPatch, few: Dataset) -> None:
    """Let each seed train alone, and be written after every epoch."""
    patch.setattr(checkpoint, "EVERY", 0.0)
    patch.setattr(checkpoint, "SHARE", math.inf)
    patch.setattr(memory, "CACHE", 1)
    patch.setattr("ff.running.run.load", lambda *asked: few)


@pytest.fixture
def config(monkeypatch, tiny, few) -> ff.Config:
    """Two widths and two chunks of seeds each."""
    often(monkeypatch, few)
    return tiny(**CHANGES)


@pytest.fixture(scope="module")
def undisturbed(tiny, few) -> ff.Records:
    """What that configuration ends with when nobody cuts it off."""
    with pytest.MonkeyPatch.context() as patch:
        often(patch, few)
        return ff.train(tiny(**CHANGES))


def assert_equal(one: ff.Records, other: ff.Records) -> None:
    pd.testing.assert_frame_equal(one.layers, other.layers, check_exact=True)
    pd.testing.assert_frame_equal(one.readouts, other.readouts, check_exact=True)


def test_a_run_does_not_go_on_with_other_images(config, few, monkeypatch, tmp_path):
    """A folder of pictures may change while a run is cut off."""
    with cut(1, 1):
        ff.train(config, tmp_path)
    other = replace(few, checksum="other")
    monkeypatch.setattr("ff.running.run.load", lambda *asked: other)
    with pytest.raises(ff.TrainingError, match="is of another data set; train again with overwr"):
        ff.train(config, tmp_path)


@pytest.mark.parametrize(("chunk", "epoch"), [(0, 0), (0, 1), (1, 0), (2, 2), (3, 1)])
def test_an_interrupted_run_continues_bit_for_bit(
    config, undisturbed, monkeypatch, tmp_path, chunk, epoch
):
    with cut(chunk, epoch):
        ff.train(config, tmp_path)
    assert not list(tmp_path.glob("*.parquet")), "records of an unfinished run"
    assert len(checkpoint_files(tmp_path)) == chunk + (epoch > 0)
    run_epoch, epochs = Training.run_epoch, []

    def count(self: Training, *rest) -> None:
        epochs.append(self.epoch)
        run_epoch(self, *rest)

    monkeypatch.setattr(Training, "run_epoch", count)
    continued = ff.train(config, tmp_path)
    assert len(epochs) == 4 * 3 - 3 * chunk - epoch, "epochs were trained again"
    assert_equal(continued, undisturbed)
    assert_equal(ff.read(tmp_path), undisturbed)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["layers.parquet", "readouts.parquet"], "checkpoints stay behind"


def test_a_run_may_be_cut_off_after_each_epoch(config, undisturbed, monkeypatch, tmp_path):
    run_epoch, left = Training.run_epoch, 0

    def one_epoch(self: Training, *rest) -> None:
        nonlocal left
        if left == 0:
            raise Cut
        left -= 1
        run_epoch(self, *rest)

    monkeypatch.setattr(Training, "run_epoch", one_epoch)
    for _ in range(4 * 3 - 1):
        left = 1
        with pytest.raises(Cut):
            ff.train(config, tmp_path)
    left = 1
    assert_equal(ff.train(config, tmp_path), undisturbed)


def test_wall_time_adds_up_over_interruptions(config, few, tmp_path):
    with cut(0, 0):
        ff.train(config, tmp_path)
    run = begun.read(tmp_path)
    assert run is not None
    training = Training(config, 4, (2,), few)
    training.run_epoch()
    chunk = Checkpoint(run.checkpoints(tmp_path)[0], run.id)
    chunk.save(training.state(), 1, seconds=1e6, last=False)
    assert ff.train(config, tmp_path).runs[0]["wall_seconds"] >= 1e6


def test_a_checkpoint_is_written_once_a_minute_and_at_the_end(monkeypatch, tmp_path):
    times = iter((100.0, 110.0, 161.0, 161.0, 200.0, 220.0, 221.0, 221.0))
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: next(times))
    chunk = Checkpoint(tmp_path / "width.safetensors", "run")
    assert chunk.path is not None
    written = []
    for epoch in range(1, 6):
        chunk.save({"x": torch.zeros(1)}, epoch, seconds=0.0, last=epoch == 5)
        written.append(chunk.path.exists())
        chunk.path.unlink(missing_ok=True)
    assert written == [False, True, False, False, True]


def test_checkpoints_that_take_long_are_written_less_often(monkeypatch, tmp_path):
    """At 6 s a write, two in 200 s at most: they may cost 3 % of a run."""
    clock, written = 0.0, []
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: clock)
    chunk = Checkpoint(tmp_path / "width.safetensors", "run")

    def slow(tensors: object, path: Path, about: object) -> None:
        nonlocal clock
        written.append(clock)
        path.touch()
        clock += 6.0

    monkeypatch.setattr(checkpoint, "save_file", slow)
    for epoch in range(1, 600):
        clock += 1.0
        chunk.save({"x": torch.zeros(1)}, epoch, seconds=0.0, last=False)
    assert written[0] == 60.0, "the first costs nobody knows what"
    assert [later - before for before, later in itertools.pairwise(written)] == [206.0, 206.0]


def test_the_state_holds_all_that_a_run_depends_on(tiny, few):
    """Restored into a fresh training, it continues as if nothing had happened."""
    one, other = (Training(tiny(layers=[2, 3]), 10, (1, 4), few) for _ in range(2))
    one.run_epoch()
    for name, tensor in other.state().items():
        assert tensor.shape == one.state()[name].shape
        tensor.copy_(one.state()[name])
    other.passed = 1
    for training in (one, other):
        training.run_epoch()
        training.run_epoch()
    for name, tensor in one.state().items():
        assert torch.equal(tensor.nan_to_num(), other.state()[name].nan_to_num()), name


# --- finished runs


def test_a_finished_run_is_read_back_without_training(config, monkeypatch, tmp_path):
    first = ff.train(config, tmp_path)

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("ff.running.run.Training", refuse)
    monkeypatch.setattr("ff.running.run.load", refuse)
    monkeypatch.setattr(machine, "choose", refuse)  # read on a machine without the device
    again = ff.train(config, tmp_path)
    assert_equal(again, first)
    assert again.runs == first.runs


def test_records_of_another_configuration_are_kept(config, tiny, tmp_path):
    ff.train(config, tmp_path)
    before = (tmp_path / "layers.parquet").read_bytes()
    with pytest.raises(ff.RecordsError, match=r"\(epochs 3 instead of 4\)") as caught:
        ff.train(config.model_copy(update={"epochs": 4}), tmp_path)
    assert "overwrite" in str(caught.value)
    assert (tmp_path / "layers.parquet").read_bytes() == before


def test_overwrite_starts_afresh(config, tmp_path):
    ff.train(config, tmp_path)
    longer = config.model_copy(update={"epochs": 4})
    assert set(ff.train(longer, tmp_path, overwrite=True).layers["epoch"]) == {1, 2, 3, 4}
    assert ff.read(tmp_path).runs[0]["config"]["epochs"] == 4


def test_overwrite_forgets_checkpoints(config, undisturbed, tmp_path):
    with cut(1, 1):
        ff.train(config, tmp_path)
    for path in (tmp_path / "checkpoints").iterdir():  # and the run's note
        path.write_bytes(b"damaged")
    assert_equal(ff.train(config, tmp_path, overwrite=True), undisturbed)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("chunk", [0, 2])
def test_an_overwriting_run_can_be_cut_off_and_continued(config, undisturbed, tmp_path, chunk):
    """Until it is complete, the old records are there, also where it has no checkpoint yet."""
    shorter = config.model_copy(update={"epochs": 1})
    ff.train(shorter, tmp_path)
    before = ff.read(tmp_path)
    with cut(chunk, 1 if chunk else 0):
        ff.train(config, tmp_path, overwrite=True)
    assert_equal(ff.read(tmp_path), before)
    if chunk:
        with cut(0, 0):  # the third chunk is at its second epoch: the first new one is the fourth
            ff.train(config, tmp_path)
    assert_equal(ff.train(config, tmp_path), undisturbed)
    assert_equal(ff.read(tmp_path), undisturbed)


def test_a_run_cut_off_between_its_two_tables_replaces_both(config, undisturbed, tmp_path):
    """When it takes its place before the old one of another run."""
    ff.train(config.model_copy(update={"epochs": 1}), tmp_path)
    replace_, names = os.replace, []

    def once(source: Path, target: Path) -> None:
        names.append(target.name)
        replace_(source, target)
        if names[-1].endswith(".parquet"):
            raise Cut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", once)
        with pytest.raises(Cut):
            ff.train(config, tmp_path, overwrite=True)
    with pytest.raises(ff.RecordsError, match="come from different runs"):
        ff.read(tmp_path)
    assert_equal(ff.train(config, tmp_path), undisturbed)


def test_a_run_of_another_configuration_that_has_nothing_to_lose_is_none(config, tmp_path):
    """Stopped at once, because a key was wrong."""
    with cut(0, 0):
        ff.train(config, tmp_path)
    other = config.model_copy(update={"epochs": 1})
    assert set(ff.train(other, tmp_path).layers["epoch"]) == {1}


def test_what_a_finished_run_was_killed_before_deleting_goes_with_the_next_call(
    config, undisturbed, monkeypatch, tmp_path
):
    with monkeypatch.context() as patch:
        patch.setattr("ff.running.run.tidy", lambda *_: None)
        ff.train(config, tmp_path)
    aside = tmp_path / ".layers.parquet.writing"
    aside.write_text("half")
    (tmp_path / ".lock").touch()
    (tmp_path / ".holder.json").write_text("{}")
    (tmp_path / "checkpoints" / ".width-4-seeds-2-2.safetensors.writing").write_text("half")
    assert len(list((tmp_path / "checkpoints").iterdir())) == 4 + 1 + 1
    assert_equal(ff.train(config, tmp_path), undisturbed)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["layers.parquet", "readouts.parquet"]


def test_what_cannot_be_deleted_keeps_nothing_else(config, undisturbed, tmp_path):
    (tmp_path / "checkpoints" / ".width-1.writing" / "folder").mkdir(parents=True)
    assert_equal(ff.train(config, tmp_path), undisturbed)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [".width-1.writing"]


def test_another_run_that_begins_meanwhile_keeps_its_checkpoints(config, monkeypatch, tmp_path):
    """Between the look at what is finished and the deletion of what it has left."""
    ff.train(config, tmp_path)
    (tmp_path / ".lock").touch()

    def another(*_: object) -> None:
        with cut(1, 1):
            ff.train(config, tmp_path, overwrite=True)

    monkeypatch.setattr("ff.running.run._check_images", another)
    ff.train(config, tmp_path)
    assert len(checkpoint_files(tmp_path)) == 2
    assert begun.note_path(tmp_path).exists()


def test_checkpoints_that_no_note_tells_of_stay_beside_records(config, folder, tmp_path):
    """They may be another run's, and files of a person may have names like these."""
    (kept,) = checkpoint_files(folder)
    begun.note_path(folder).unlink()
    (kept.parent / "width-best.safetensors").write_text("mine")
    finished = ff.train(config, tmp_path / "other")
    for table in (tmp_path / "other").glob("*.parquet"):
        shutil.copy(table, folder)
    assert_equal(ff.train(config, folder), finished)
    assert_equal(ff.train(config, folder), finished)
    assert {path.name for path in kept.parent.iterdir()} == {kept.name, "width-best.safetensors"}


def test_a_checkpoint_that_cannot_be_deleted_now_goes_with_a_later_call(
    config, undisturbed, monkeypatch, tmp_path
):
    """On Windows, somebody may have it open."""
    unlink = Path.unlink

    def busy(self: Path, missing_ok: bool = False) -> None:
        if self.name == "width-8-seeds-2-2.safetensors":
            raise PermissionError(13, "Permission denied")
        unlink(self, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", busy)
        ff.train(config, tmp_path)
    assert len(checkpoint_files(tmp_path)) == 1
    assert_equal(ff.train(config, tmp_path), undisturbed)
    assert {path.name for path in tmp_path.iterdir()} == {"layers.parquet", "readouts.parquet"}


@pytest.mark.parametrize("nth", range(4))
@pytest.mark.parametrize("other", [{}, {"momentum": 0.5}], ids=str)
def test_a_run_that_is_killed_while_it_deletes_checkpoints_goes_on(
    config, undisturbed, monkeypatch, tmp_path, nth, other
):
    """They are of the run before it, and it says so; the last kill is after them."""
    with cut(2, 1):
        ff.train(config.model_copy(update=other), tmp_path)
    write, unlink, left = begun.Begun.write, Path.unlink, nth

    def killed(self: Path, missing_ok: bool = False) -> None:
        nonlocal left
        if self.suffix == ".safetensors":
            if left == 0:
                raise Cut
            left -= 1
        unlink(self, missing_ok)

    def second(self: begun.Begun, folder: Path) -> None:
        if not self.replaces:
            raise Cut
        write(self, folder)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        patch.setattr(begun.Begun, "write", second)
        with pytest.raises(Cut):
            ff.train(config, tmp_path, overwrite=True)
    assert len(checkpoint_files(tmp_path)) == 3 - nth
    assert_equal(ff.train(config, tmp_path), undisturbed)
    assert {path.name for path in tmp_path.iterdir()} == {"layers.parquet", "readouts.parquet"}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("finished", [False, True])
def test_a_link_in_the_place_of_the_checkpoints_is_refused(
    config, folder, tmp_path, finished, overwrite
):
    """Behind it, no lock keeps this run and another one apart."""
    other = tmp_path / "other"
    if finished:
        ff.train(config, other)
    else:
        other.mkdir()
    (other / "checkpoints").symlink_to(folder / "checkpoints")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ff.TrainingError, match=r"other/checkpoints is a link, .* choose an"):
        ff.train(config, other, overwrite=overwrite)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_file_in_the_place_of_the_checkpoints_is_refused(config, tmp_path):
    (tmp_path / "checkpoints").write_text("mine")
    with pytest.raises(ff.TrainingError, match=r"checkpoints has to be a folder.* move away what"):
        ff.train(config, tmp_path)
    assert (tmp_path / "checkpoints").read_text() == "mine"


def test_a_damaged_note_costs_no_finished_records(config, undisturbed, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr("ff.running.run.tidy", lambda *_: None)
        ff.train(config, tmp_path)
    for path in checkpoint_files(tmp_path):
        path.unlink()
    begun.note_path(tmp_path).write_text("damaged")
    assert_equal(ff.train(config, tmp_path), undisturbed)
    assert not begun.note_path(tmp_path).exists()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="files are told by Linux's /proc")
def test_a_note_that_does_not_reach_the_disk_costs_no_checkpoint(config, monkeypatch, tmp_path):
    """A disk may be found full no sooner than that."""
    with cut(1, 1):
        ff.train(config, tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    fsync = os.fsync

    def full(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("run.json.writing"):
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ff.TrainingError, match="No space left on device; make room"):
            ff.train(config, tmp_path, overwrite=True)
    assert {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == before


def test_of_the_folder_nothing_but_its_own_is_deleted(config, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    mine = [tmp_path / ".notes.txt.writing", tmp_path / "checkpoints" / "notes.txt"]
    for path in mine:
        path.write_text("mine")
    ff.train(config, tmp_path)
    ff.train(config, tmp_path, overwrite=True)
    ff.train(config, tmp_path)
    assert [path.read_text() for path in mine] == ["mine", "mine"]


# --- what decides the bits


def test_a_run_goes_on_with_its_own_number_of_threads(monkeypatch, digits, tmp_path):
    """At this width sums of two threads are not those of one."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", math.inf)
    monkeypatch.setattr("ff.running.run.load", lambda *asked: digits)
    values = {"dataset": "digits", "layers": 2, "hidden": 500, "seeds": 1, "epochs": 2}
    config = ff.Config(**values, batch_size=325, learning_rate=1e-4, device="cpu")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = ff.train(config)
        with cut(0, 1):
            ff.train(config, tmp_path)
        torch.set_num_threads(2)
        differ = not ff.train(config).layers.equals(one.layers)
        with pytest.warns(ff.ResumptionWarning, match="goes on with 1 threads, as it began, not w"):
            assert_equal(ff.train(config, tmp_path), one)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert ff.read(tmp_path).runs[0]["threads"] == 1
    if not differ:
        pytest.skip("on this processor, the bits do not depend on the number of threads")


@pytest.mark.parametrize("key", ["processor", "code"])
def test_another_processor_or_code_is_told_and_noted(
    config, undisturbed, monkeypatch, tmp_path, key
):
    with cut(1, 1):
        ff.train(config, tmp_path)
    another = {"processor": "ff.machine.processor", "code": "ff.running.begun.digest"}[key]
    monkeypatch.setattr(another, lambda _: "another \x1b[31m")
    with pytest.warns(ff.ResumptionWarning, match=rf"on (on another|with other) {key} .another "):
        ff.train(config, tmp_path)
    sessions = ff.read(tmp_path).runs[0]["sessions"]
    assert len(sessions) == 2
    assert sessions[1][key].startswith("another \x1b")
    assert sessions[0][key] != sessions[1][key]


def test_a_run_notes_when_it_began(config, tmp_path):
    with cut(0, 0):
        ff.train(config, tmp_path)
    run = begun.read(tmp_path)
    assert run is not None
    (session,) = run.sessions
    records = ff.train(config, tmp_path)
    assert records.runs[0]["id"] == run.id
    assert records.runs[0]["started"] == session.started
    assert records.runs[0]["sessions"][0] == session.model_dump()


def test_the_processor_is_named_with_what_its_settings_forbid(monkeypatch):
    for name in machine.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    plain = machine.processor(torch.device("cpu"))
    assert torch.backends.cpu.get_cpu_capability() in plain
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setenv("OMP_MAX_ACTIVE_LEVELS", "0")  # it changes bits, too
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # is kept apart
    monkeypatch.setenv("KMP_DUPLICATE_LIB_OK", "True")  # as scikit-learn does
    settings = ", ONEDNN_MAX_CPU_ISA=AVX2, OMP_MAX_ACTIVE_LEVELS=0)"
    assert machine.processor(torch.device("cpu")) == plain[:-1] + settings


def test_settings_of_any_length_can_be_noted_and_told_apart(monkeypatch):
    found = set()
    for end in ("a", "b"):
        monkeypatch.setenv("MKL_CBWR", "\x1b" * 100_000 + end)
        found.add(own := machine.processor(torch.device("cpu")))
        assert len(own) < 2000
    assert len(found) == 2


def test_a_plan_that_no_longer_fits_is_refused(tiny, few, monkeypatch, tmp_path):
    """It has to go on with five seeds side by side, and there is no room for them."""
    often(monkeypatch, few)
    monkeypatch.setattr(memory, "CACHE", 1e9)
    config = tiny(seeds=5)
    with cut(0, 1):
        ff.train(config, tmp_path)
    least = memory.needed(config, 10)
    monkeypatch.setattr(machine, "available", lambda device: 4 * least)
    with pytest.raises(ff.TrainingError, match="5 seeds of width 10 train side by side since"):
        ff.train(config, tmp_path)
    monkeypatch.undo()
    often(monkeypatch, few)
    ff.train(config, tmp_path)


# --- checkpoints that are refused


@pytest.fixture(scope="module")
def cut_off(tiny, few, tmp_path_factory) -> Path:
    """The folder of a run that was cut off in its second epoch."""
    folder = tmp_path_factory.mktemp("cut-off")
    with pytest.MonkeyPatch.context() as patch, cut(0, 1):
        often(patch, few)
        ff.train(tiny(**CHANGES), folder)
    return folder


@pytest.fixture
def folder(cut_off, tmp_path) -> Path:
    """A copy of it."""
    shutil.copytree(cut_off, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(params=["checkpoint", "note"])
def file(folder, request) -> Path:
    """The only checkpoint there, or the run's note."""
    (path,) = checkpoint_files(folder)
    return path if request.param == "checkpoint" else begun.note_path(folder)


def resealed(folder: Path, **changes: object) -> None:
    """Change a run's note as if it had been written so."""
    run = begun.read(folder)
    assert run is not None
    run.model_copy(update=changes).write(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.1},
        {"epochs": 9},
        {"layers": 3},
        {"seeds": [2, 6]},
        {"seeds": [1, 5]},
        {"hidden": 9},
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(config, folder, change):
    (path,) = checkpoint_files(folder)
    before = path.read_bytes()
    with pytest.raises(ff.TrainingError, match="is of another configuration") as caught:
        ff.train(ff.Config(**{**config.model_dump(), **change}), folder)
    assert str(folder) in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert path.read_bytes() == before


def test_a_run_goes_on_however_its_configuration_is_written(tiny, few, monkeypatch, tmp_path):
    often(monkeypatch, few)
    undisturbed = ff.train(tiny(layers=3, seeds=2, device="cpu"))
    with cut(1, 1):
        ff.train(tiny(layers=3, seeds=2, device="cpu"), tmp_path)
    monkeypatch.setattr(machine, "choose", lambda device: torch.device("cpu"))
    first = {path: path.read_bytes() for path in checkpoint_files(tmp_path)}
    with cut(-1, 1):  # in the epoch in which the first run was cut off; no chunk has begun anew
        ff.train(tiny(layers=[3], seeds=[2, 1], device="auto"), tmp_path)
    assert first == {path: path.read_bytes() for path in checkpoint_files(tmp_path)}
    assert_equal(ff.train(tiny(layers=[3], seeds=[2, 1], device="auto"), tmp_path), undisturbed)


def test_a_checkpoint_of_before_a_switch_came_is_continued(tiny, few, monkeypatch, tmp_path):
    """It names no such key, and was trained with its default."""
    often(monkeypatch, few)
    config = tiny(epochs=2)
    undisturbed = ff.train(config)
    with monkeypatch.context() as patch:  # the version that has begun the run
        former = config.model_dump(mode="json", exclude={"goodness", "negatives"})
        patch.setattr(ff.Config, "model_dump", lambda *_, **__: former)
        with cut(1, 1):
            ff.train(config, tmp_path)
    run = begun.read(tmp_path)
    assert run is not None
    assert "goodness" not in run.config
    assert_equal(ff.train(config, tmp_path), undisturbed)


def test_a_run_goes_on_with_its_own_division_of_seeds(tiny, few, monkeypatch, tmp_path):
    """Whatever fits now: how products round depends on how many seeds train side by side."""
    often(monkeypatch, few)
    config = tiny(seeds=5, epochs=2)
    two = 3 * 20 * 10 * 4 * 2  # bytes of the activities of two seeds
    monkeypatch.setattr(memory, "CACHE", two)
    undisturbed = ff.train(config)
    with cut(1, 1):
        ff.train(config, tmp_path)
    monkeypatch.setattr(memory, "CACHE", 1e9)
    assert_equal(ff.train(config, tmp_path), undisturbed)


def test_a_width_that_had_not_begun_keeps_its_division_of_seeds(tiny, few, monkeypatch, tmp_path):
    """It was planned when the run began."""
    often(monkeypatch, few)
    config = tiny(seeds=5, hidden=[4, 8], epochs=2)
    monkeypatch.setattr(memory, "CACHE", 3 * 20 * 8 * 4 * 2)  # two seeds of width 8, four of 4
    undisturbed = ff.train(config)
    with cut(0, 1):
        ff.train(config, tmp_path)
    run = begun.read(tmp_path)
    assert run is not None
    assert run.plan == [(4, (1, 2, 3, 4)), (4, (5,)), (8, (1, 2)), (8, (3, 4)), (8, (5,))]
    monkeypatch.setattr(memory, "CACHE", 1e9)
    assert_equal(ff.train(config, tmp_path), undisturbed)


@pytest.mark.parametrize("key", ["device", "version of ff", "version of torch", "data set"])
def test_a_run_on_another_device_or_version_is_refused(config, folder, key):
    run = begun.read(folder)
    assert run is not None
    resealed(folder, about={**run.about, key: "another"})
    with pytest.raises(ff.TrainingError, match=f"of another {key}; train again with overwrite"):
        ff.train(config, folder)


def test_a_plan_that_leaves_out_a_seed_is_refused(config, folder):
    run = begun.read(folder)
    assert run is not None
    resealed(folder, plan=run.plan[:-1])
    with pytest.raises(ff.TrainingError, match=r"is damaged .seeds are missing"):
        ff.train(config, folder)


@pytest.mark.parametrize("changes", [{"plan": [(4, ())]}, {"config": {"_fields_set": {}}}], ids=str)
def test_a_note_that_no_run_can_have_written_is_refused(config, folder, changes):
    run = begun.read(folder)
    assert run is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        resealed(folder, **changes)
    with pytest.raises(ff.TrainingError, match=r"run.json is damaged"):
        ff.train(config, folder)


def test_a_note_of_many_networks_is_read(config, tmp_path):
    """Each of 200 widths with 10,000 seeds: what is written can be read."""
    plan = [(width, tuple(range(1, 10_001))) for width in range(1, 201)]
    run = begun.Begun(config=config.model_dump(mode="json"), about={}, plan=plan, threads=1)
    run.write(tmp_path)
    assert begun.read(tmp_path) == run


@pytest.mark.parametrize("threads", [0, -1, 10**9])
def test_a_number_of_threads_that_cannot_be_is_refused(config, folder, threads):
    resealed(folder, threads=threads)
    with pytest.raises(ff.TrainingError, match=r"run.json is damaged"):
        ff.train(config, folder)


def test_a_checkpoint_of_another_run_is_refused(config, folder):
    resealed(folder, id="another")
    with pytest.raises(
        ff.TrainingError, match=r"seeds-2-2.safetensors is of another run or other seeds; train ag"
    ):
        ff.train(config, folder)


def test_a_checkpoint_of_other_seeds_of_the_run_is_refused(config, tmp_path):
    with cut(2, 1):
        ff.train(config, tmp_path)
    one, other, *_ = sorted(checkpoint_files(tmp_path))
    shutil.copy(one, other)
    with pytest.raises(ff.TrainingError, match=r"seeds-5-5.* is of another run or other seeds"):
        ff.train(config, tmp_path)


@pytest.mark.parametrize("sessions", [[{}], ["x"], [{"started": "now"}], None])
def test_a_note_without_what_it_must_say_is_refused(config, folder, sessions):
    path = begun.note_path(folder)
    said = json.loads(path.read_text().splitlines()[0]) | {"sessions": sessions}
    text = json.dumps(said)
    path.write_text(f"{text}\n{begun._checksum(text)}")
    with pytest.raises(ff.TrainingError, match=r"run.json is damaged"):
        ff.train(config, folder)


def test_a_run_whose_note_was_deleted_writes_it_again(config, undisturbed, tmp_path):
    run_epoch, count = Training.run_epoch, itertools.count()

    def deleted(self: Training, *rest) -> None:
        if next(count) == 4:
            shutil.rmtree(tmp_path / "checkpoints")
        run_epoch(self, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "run_epoch", deleted)
        with cut(2, 1):
            ff.train(config, tmp_path)
    assert_equal(ff.train(config, tmp_path), undisturbed)


def test_a_checkpoint_without_its_note_is_refused(config, folder):
    begun.note_path(folder).unlink()
    with pytest.raises(ff.TrainingError, match=r"is of no run that .*; move it away, or train ag"):
        ff.train(config, folder)
    assert not begun.note_path(folder).exists()


@pytest.mark.parametrize("where", [0.0, 0.001, 0.02, 0.3, 0.6, 0.999])
def test_a_file_with_a_flipped_bit_is_refused(config, folder, file, where):
    content = bytearray(file.read_bytes())
    content[int(where * len(content))] ^= 1
    file.write_bytes(content)
    with pytest.raises(ff.TrainingError, match="is damaged") as caught:
        ff.train(config, folder)
    assert str(file) in str(caught.value)
    assert "--overwrite" in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(config, folder, file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * (len(content) - 1))])
    with pytest.raises(ff.TrainingError, match="is damaged"):
        ff.train(config, folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_a_file_is_refused(config, folder, file):
    """Opening one waits for somebody who writes."""
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ff.TrainingError, match=r"is damaged \(it is not a regular file\)"):
        ff.train(config, folder)


def inside(folder: Path) -> tuple[Path, dict[str, str], dict[str, torch.Tensor]]:
    """The only checkpoint in a folder, with what it says and its tensors."""
    (path,) = checkpoint_files(folder)
    with safe_open(path, framework="pt") as file:
        return path, file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("epoch", value) for value in ("-1", "0", "4", "1.5", "x", "9" * 5000, None)),
        *(("seconds", value) for value in ("-1", "nan", "inf", "x", None)),
    ],
)
def test_a_checkpoint_that_says_what_cannot_be_is_refused(config, folder, key, value):
    """Also where its checksum is right."""
    path, about, tensors = inside(folder)
    del about["crc32"], about[key]
    about |= {} if value is None else {key: value}
    save_file(tensors, path, {**about, "crc32": checkpoint._crc32(about, tensors)})
    with pytest.raises(ff.TrainingError, match=rf"{path} is damaged \(") as caught:
        ff.train(config, folder)
    assert len(str(caught.value)) < 700


def test_a_checkpoint_with_another_epoch_written_into_it_is_refused(config, folder):
    path, about, tensors = inside(folder)
    assert about["epoch"] == "1"
    save_file(tensors, path, {**about, "epoch": "2"})
    with pytest.raises(ff.TrainingError, match="is damaged"):
        ff.train(config, folder)


def test_a_checkpoint_of_another_version_is_refused(config, tmp_path, few):
    """With the same configuration, but tensors of another shape, or of other numbers."""
    training = Training(config, 4, (2,), few)
    state = training.state()
    for other in (torch.zeros(1), state["layer.1.bias"].double()):
        chunk = Checkpoint(tmp_path / "width.safetensors", "run")
        chunk.save({**state, "layer.1.bias": other}, 1, 0.0, last=True)
        with pytest.raises(ff.TrainingError, match="is of another version of ff"):
            chunk.restore(state, 1)


def test_a_run_cut_off_between_its_two_tables_continues(config, tmp_path):
    whole = ff.train(config, tmp_path)
    (tmp_path / "readouts.parquet").unlink()
    assert_equal(ff.train(config, tmp_path), whole)
    assert_equal(ff.read(tmp_path), whole)


# --- writing


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_cannot_be_made_is_refused_before_training(
    config, monkeypatch, tmp_path, overwrite
):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("ff.running.run.Training", None)  # fails if it is reached
    with pytest.raises(ff.TrainingError, match=r"cannot write .*choose a folder that you may"):
        ff.train(config, tmp_path / "file" / "out", overwrite=overwrite)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_leaves_the_last_checkpoint_whole(config, monkeypatch, tmp_path):
    chunk = Checkpoint(tmp_path / "width.safetensors", "run")
    state = {"x": torch.arange(4.0)}
    chunk.save(state, 1, 0.5, last=True)

    def full(tensors: object, path: Path, about: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(ff.TrainingError, match="No space left on device") as caught:
        chunk.save({"x": torch.zeros(4)}, 2, 1.0, last=True)
    assert "start the same run again" in str(caught.value)
    assert chunk.path is not None
    assert list(chunk.path.parent.iterdir()) == [chunk.path], "half a checkpoint was left"
    restored = {"x": torch.zeros(4)}
    assert chunk.restore(restored, 1) == (1, 0.5)
    assert torch.equal(restored["x"], state["x"])


def test_without_a_folder_nothing_is_written(config, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ff.train(config)
    assert not list(tmp_path.iterdir())
