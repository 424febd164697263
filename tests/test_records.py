"""Tidy tables on disk: round trip, provenance, and what is refused."""

import itertools
import json
import random
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from synthetic import origin

import ff
from ff import parquet, records
from ff.quantities import LAYER_QUANTITIES, READOUT_QUANTITIES
from ff.versions import versions

TABLES = ("layers", "readouts")


def made(
    seeds: tuple[int, ...] = (1, 2), hidden: int = 4, value: float = 0.5, **config: Any
) -> ff.Records:
    """Records as a run leaves them, without the run."""
    values = {"hidden": hidden, "seeds": list(seeds), "layers": [2, 3], **config}
    epochs = config.get("epochs", 30)
    layers = torch.full((len(seeds), epochs, 3, len(LAYER_QUANTITIES)), value)
    layers *= torch.rand(layers.shape, generator=torch.Generator().manual_seed(0))
    readouts = torch.full((len(seeds), epochs, 2, len(READOUT_QUANTITIES)), value)
    readouts[:, :-1, :, 4] = torch.nan
    return ff.Records(
        records.table(layers.numpy(), LAYER_QUANTITIES, hidden, seeds, layer=range(1, 4)),
        records.table(readouts.numpy(), READOUT_QUANTITIES, hidden, seeds, depth=(2, 3)),
        (origin(values, batch_size=config.get("batch_size", 1000)),),
    )


def written(folder: Path, **changes: Any) -> Path:
    records.write(made(**changes), folder)
    return folder


def assert_equal(one: ff.Records, other: ff.Records) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)
    assert one.runs == other.runs


def test_written_records_are_read_back(tmp_path):
    original = made()
    records.write(original, tmp_path / "a" / "b")
    back = ff.read(tmp_path / "a" / "b")
    assert_equal(back, original)
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {
        "layers.parquet",
        "readouts.parquet",
    }


def test_records_of_a_run_are_read_back(tiny, tmp_path):
    ours = ff.train(tiny(batch_size=650, epochs=2, hidden=[4, 5]), tmp_path)
    assert_equal(ff.read(str(tmp_path)), ours)


def test_a_table_has_a_row_for_each_combination():
    values = torch.arange(2 * 3 * 2).view(2, 3, 2, 1).float().numpy()
    table = records.table(values, ["x"], 7, (5, 9), depth=(2, 8))
    assert list(table.columns) == ["hidden", "seed", "epoch", "depth", "x"]
    keys = itertools.product((7,), (5, 9), (1, 2, 3), (2, 8))
    expected = [(*key, float(i)) for i, key in enumerate(keys)]
    assert list(table.itertuples(index=False, name=None)) == expected


def test_provenance_is_complete(tiny, digits, tmp_path):
    config = tiny(batch_size=None, seeds=1, epochs=1)
    ff.train(config, tmp_path)
    for name in TABLES:
        note = json.loads(pq.read_schema(tmp_path / f"{name}.parquet").metadata[b"ff"])
        (run,) = note
        assert ff.Config(**run["config"]) == config, "the configuration cannot be run again"
        assert run["dataset"] == {"name": "digits", "sha256": digits.checksum}
        assert run["batch_size"] == 50, "null must be resolved"
        assert run["config"]["precision"] == "float32"
        assert run["device"].startswith("cpu")
        assert run["threads"] == torch.get_num_threads()
        assert 0 <= run["wall_seconds"] < 600
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", run["started"])
        for package in ("ff", "torch", "torchvision", "numpy", "pandas"):
            assert run["versions"][package] == version(package)
        assert re.fullmatch(r"[0-9a-f]{40}\+?|unknown", run["versions"]["commit"])


def test_a_run_of_a_former_version_has_the_defaults_of_later_switches(tiny, tmp_path):
    """It is finished, and of the same condition as a new run."""
    config = tiny(epochs=1, seeds=1)
    ff.train(config, tmp_path)
    for name in TABLES:
        path = tmp_path / f"{name}.parquet"
        rows, (run,) = pd.read_parquet(path), records.provenance(path)
        del run["config"]["goodness"], run["config"]["negatives"]
        parquet.save(rows, path, [run])
    assert ff.read(tmp_path).runs[0]["config"] == config.model_dump(mode="json")
    assert records.finished(tmp_path, config) is not None


def test_outside_a_repository_the_commit_is_unknown(monkeypatch):
    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", absent)
    assert versions()["commit"] == "unknown"


# --- together


def test_runs_are_read_together(tmp_path):
    together = ff.read(written(tmp_path / "a"), written(tmp_path / "b", seeds=(3,)))
    assert together.layers["seed"].unique().tolist() == [1, 2, 3]
    assert len(together.layers) == 3 * 30 * 3
    assert len(together.readouts) == 3 * 30 * 2
    assert [run["config"]["seeds"] for run in together.runs] == [[1, 2], [3]]
    assert together.layers.index.is_unique


def test_the_same_seed_twice_is_refused(tmp_path):
    one, other = written(tmp_path / "a"), written(tmp_path / "b", seeds=(2, 3))
    with pytest.raises(ff.RecordsError, match=r"width 4, seed 2 is in more than one .*each once"):
        ff.read(one, other)
    with pytest.raises(ff.RecordsError, match="seed 1"):
        ff.read(one, one)


def test_the_same_seed_of_another_width_is_not_refused(tmp_path):
    both = ff.read(written(tmp_path / "a"), written(tmp_path / "b", hidden=5))
    assert both.layers["hidden"].unique().tolist() == [4, 5]


# --- what is refused


def test_nothing_to_read():
    with pytest.raises(ff.RecordsError, match="name at least one folder"):
        ff.read()


@pytest.mark.parametrize("name", ["absent", "empty", "file"])
def test_a_folder_without_records_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ff.RecordsError, match=r"there is no .*layers.parquet; name a folder that"):
        ff.read(tmp_path / name)


def test_a_folder_with_half_the_records_is_refused(tmp_path):
    (written(tmp_path) / "readouts.parquet").unlink()
    with pytest.raises(ff.RecordsError, match=r"there is no .*readouts.parquet"):
        ff.read(tmp_path)


@pytest.mark.parametrize("name", TABLES)
def test_of_several_runs_half_a_one_is_not_left_out(tmp_path, name):
    for run, seeds in {"a": (1, 2), "b": (3, 4)}.items():
        written(tmp_path / run, seeds=seeds)
    (tmp_path / "b" / f"{name}.parquet").unlink()
    with pytest.raises(ff.RecordsError, match=rf"there is no .*b/{name}.parquet"):
        ff.read(tmp_path)
    (tmp_path / "b" / f"{name}.parquet").symlink_to("nowhere")
    with pytest.raises(ff.RecordsError, match=rf"there is no .*b/{name}.parquet"):
        ff.read(tmp_path)


def test_tables_of_different_runs_are_refused(tmp_path):
    one, other = written(tmp_path / "a"), written(tmp_path / "b", peer_momentum=0.09)
    shutil.copy(other / "readouts.parquet", one / "readouts.parquet")
    with pytest.raises(ff.RecordsError, match="come from different runs") as caught:
        ff.read(one)
    assert str(one) in str(caught.value)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_table_is_refused(tmp_path, name, share):
    path = written(tmp_path) / f"{name}.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ff.RecordsError, match=f"{name}.parquet is damaged") as caught:
        ff.read(tmp_path)
    assert "\n" not in str(caught.value)
    assert "restore it, or train again" in str(caught.value)


@pytest.mark.parametrize("name", TABLES)
def test_no_flipped_bit_passes_for_a_measurement(tmp_path, name):
    """Wherever it is: in the values, the columns' names, the provenance or the checksum."""
    path = written(tmp_path) / f"{name}.parquet"
    whole, chance = path.read_bytes(), random.Random(0)
    for _ in range(60):
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        with pytest.raises(ff.RecordsError, match=name):
            ff.read(tmp_path)


def test_results_written_before_files_had_a_checksum_are_read(tmp_path):
    """Their columns are verified by name and type."""
    whole = made()
    for name in TABLES:
        table = pa.Table.from_pandas(getattr(whole, name), preserve_index=False)
        note = {b"ff": json.dumps(whole.runs)}
        pq.write_table(table.replace_schema_metadata(note), tmp_path / f"{name}.parquet")
    assert_equal(ff.read(tmp_path), whole)
    path = tmp_path / "layers.parquet"
    path.write_bytes(path.read_bytes().replace(b"pair_accuracy", b"pear_accuracy"))
    with pytest.raises(ff.RecordsError, match="a column 'pear_accuracy' of type float, which"):
        ff.read(tmp_path)


def test_a_column_of_another_type_is_refused(tmp_path):
    whole = made()
    layers = whole.layers.astype({"dead_units": "float64"})
    records.write(ff.Records(layers, whole.readouts, whole.runs), tmp_path)
    with pytest.raises(ff.RecordsError, match="a column 'dead_units' of type double, which is"):
        ff.read(tmp_path)


def test_a_foreign_table_is_refused(tmp_path):
    for name in TABLES:
        getattr(made(), name).to_parquet(written(tmp_path) / f"{name}.parquet")
    with pytest.raises(ff.RecordsError, match="carries no provenance of a run"):
        ff.read(tmp_path)


@pytest.mark.parametrize("key", ["hidden", "seed", "epoch", "layer"])
def test_a_table_without_a_key_is_refused(tmp_path, key):
    whole = made()
    layers = whole.layers.rename(columns={key: "other"})
    with pytest.raises(
        ff.RecordsError, match=f"could not be read: the table has no column '{key}'"
    ):
        records.write(ff.Records(layers, whole.readouts, whole.runs), tmp_path)
    records.write(whole, tmp_path)
    parquet.save(layers, tmp_path / "layers.parquet", whole.runs)
    with pytest.raises(ff.RecordsError, match=f"has no column '{key}'"):
        ff.read(tmp_path)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ff.RecordsError, match=r"cannot write records to .*choose a folder that"):
        records.write(made(), tmp_path / "file" / "out")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_leaves_the_old_records_whole(tmp_path, monkeypatch):
    written(tmp_path)
    before = ff.read(tmp_path)
    write_bytes = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if "readouts" in path.name:
            write_bytes(path, content[: len(content) // 2])
            raise OSError(28, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ff.RecordsError, match="No space left on device"):
        records.write(made(value=0.7), tmp_path)
    assert_equal(ff.read(tmp_path), before)
    assert len(list(tmp_path.iterdir())) == 2, "something half-written was left"


def test_tables_tell_which_run_has_written_them(tiny, tmp_path):
    config = tiny(batch_size=1300, epochs=1)
    run = ff.train(config, tmp_path / "one").runs[0]
    other = ff.train(config, tmp_path / "other").runs[0]
    assert records.written(tmp_path / "one") == {run["id"]} != {other["id"]}
    shutil.copy(tmp_path / "other" / "layers.parquet", tmp_path / "one")
    assert records.written(tmp_path / "one") == {run["id"], other["id"]}
    (tmp_path / "one" / "readouts.parquet").unlink()
    assert records.written(tmp_path / "one") == set()
    for name in TABLES:  # of a former version
        path = tmp_path / "other" / f"{name}.parquet"
        parquet.save(pd.read_parquet(path), path, [{k: v for k, v in other.items() if k != "id"}])
    assert records.written(tmp_path / "other") == {None}


def test_a_finished_folder_of_another_configuration_names_the_difference(tiny, tmp_path):
    config = tiny(batch_size=1300, epochs=1)
    ff.train(config, tmp_path)
    assert records.finished(tmp_path, config) is not None
    other = tiny(batch_size=1300, epochs=1, momentum=0.5)
    with pytest.raises(ff.RecordsError, match=r"\(momentum 0.9 instead of 0.5\)"):
        records.finished(tmp_path, other)
    assert records.finished(tmp_path / "empty", config) is None


def test_of_a_long_difference_the_beginning_is_named(tiny, tmp_path):
    config = tiny(batch_size=1300, epochs=1)
    ff.train(config, tmp_path)
    with pytest.raises(ff.RecordsError, match="seeds 2 instead of") as caught:
        records.finished(tmp_path, tiny(batch_size=1300, epochs=1, seeds=list(range(2, 9000))))
    assert len(str(caught.value)) < 800 + len(str(tmp_path))


@pytest.mark.parametrize("same", [{"seeds": [2, 1]}, {"layers": [3]}, {"device": "auto"}])
def test_a_finished_folder_of_the_same_written_otherwise_is_read(tiny, monkeypatch, tmp_path, same):
    monkeypatch.setattr("ff.machine.choose", lambda device: torch.device("cpu"))
    ff.train(tiny(batch_size=1300, epochs=1), tmp_path)
    assert records.finished(tmp_path, tiny(batch_size=1300, epochs=1, **same)) is not None


def test_auto_is_the_device_that_a_finished_run_was_trained_on(tiny, monkeypatch, tmp_path):
    """On a machine of its own: what auto would choose here does not matter."""
    config = tiny(batch_size=1300, epochs=1, device="auto")
    ff.train(config, tmp_path)
    for name in TABLES:
        path = tmp_path / f"{name}.parquet"
        rows, (run,) = pd.read_parquet(path), records.provenance(path)
        parquet.save(rows, path, [run | {"device": "NVIDIA H100"}])
    monkeypatch.setattr("ff.machine.choose", lambda device: torch.device("cpu"))
    assert records.finished(tmp_path, config) is not None
    with pytest.raises(ff.RecordsError, match="device 'auto' instead of 'cpu'"):
        records.finished(tmp_path, tiny(batch_size=1300, epochs=1, device="cpu"))
    there = tiny(batch_size=1300, epochs=1, device="cuda")
    assert records.finished(tmp_path, there) is not None


def test_a_tilde_is_the_home_folder(tiny, offline, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = ff.train(tiny(batch_size=1300, epochs=1), "~/mine")
    assert sorted(path.name for path in (offline / "mine").glob("*.parquet")) == [
        "layers.parquet",
        "readouts.parquet",
    ]
    assert ff.read("~/mine").runs == found.runs
    asked = tiny(batch_size=1300, epochs=1).model_dump(exclude={"hidden"})
    assert ff.published(10, folder="~", **asked).runs == found.runs
    records.write(found, Path("~", "again"))
    assert [path.name for path in records.below("~")] == ["again", "mine"]
    assert not list(tmp_path.glob("~*"))


# --- published results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    written(tmp_path / "one", hidden=100)
    written(tmp_path / "more", hidden=100, seeds=(3, 4))
    written(tmp_path / "wide", hidden=1000)
    written(tmp_path / "other", hidden=100, peer_momentum=0.09)
    return tmp_path


def test_published_results_of_a_width(results):
    found = ff.published(100, folder=results)
    assert found.layers["hidden"].unique().tolist() == [100]
    assert sorted(found.layers["seed"].unique()) == [1, 2, 3, 4]
    assert {run["config"]["peer_momentum"] for run in found.runs} == {0.9}


def test_published_results_of_all_widths(results):
    assert sorted(ff.published(folder=results).layers["hidden"].unique()) == [100, 1000]


def test_published_results_of_table_1s_momentum(results):
    found = ff.published(100, peer_momentum=0.09, folder=results)
    assert [run["config"]["peer_momentum"] for run in found.runs] == [0.09]


def test_a_run_with_a_lost_seed_is_not_published(results):
    whole = made(hidden=200)
    row = {"hidden": 200, "seed": 2, "layer": 3, "epoch": 1, "reason": "not finite"}
    records.write(
        ff.Records(whole.layers, whole.readouts, ({**whole.runs[0], "diverged": [row]},)),
        results / "lost",
    )
    with pytest.raises(ff.RecordsError, match="seed 2 of width 200 has diverged"):
        ff.published(folder=results)
    assert len(ff.published(100, folder=results).runs) == 2, "another width is not concerned"
    assert len(ff.published(200, folder=results, seeds=1).runs) == 1, "nor is another seed"
    with pytest.raises(ff.RecordsError, match="no results of layers="):
        ff.published(100, folder=results, layers=[3, 4])
    left = records.complete(ff.read(results / "lost", results / "one"))
    assert left.layers.groupby("hidden")["seed"].unique().map(list).to_dict() == {
        100: [1, 2],
        200: [1],
    }


def test_one_width_of_a_run_of_several(tiny, tmp_path):
    config = tiny(hidden=[4, 5], batch_size=1300, epochs=1)
    ff.train(config, tmp_path / "both")
    found = ff.published(5, folder=tmp_path, **config.condition)
    assert found.layers["hidden"].unique().tolist() == [5]
    assert found.readouts["hidden"].unique().tolist() == [5]
    assert len(found.runs) == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"hidden": 7},
            "no results of hidden=7 in .* condition hidden 100, 1000, seeds 1, 2, 3, 4 and layers",
        ),
        ({"seeds": [9]}, r"no results of seeds=\[9\] in"),
        (
            {"layers": 4},
            "no results of layers=4 in .*condition hidden 100, 1000, .* and layers 2, 3;",
        ),
        ({"hidden": [100, 7]}, r"no results of hidden=\[7\] in"),
        ({"seeds": 5, "hidden": 100}, r"no results of seeds=\[5\], hidden=100 in"),
        ({"device": "cuda"}, "no results of device='cuda' in"),
        (
            {"dataset": "digits"},
            "which has those of the defaults and of peer_momentum=0.09; measure",
        ),
    ],
)
def test_results_that_were_never_measured(results, asked, message):
    with pytest.raises(ff.RecordsError, match=message):
        ff.published(folder=results, **asked)
    with pytest.raises(ff.RecordsError, match="which has no records; measure them with"):
        ff.published(folder=results / "empty", **asked)


def test_what_is_asked_for_by_a_wrong_name_is_refused(results):
    with pytest.raises(ff.ConfigError, match="did you mean 'peer_momentum'"):
        ff.published(folder=results, peer_momentums=0.09)
    with pytest.raises(ff.ConfigError, match="threshold must be a number above 0"):
        ff.published(folder=results, threshold=-1.0)


def test_seeds_and_depths_are_chosen_among_what_was_measured(results):
    width: Any = np.int64(100)
    found = ff.published(width, folder=results, seeds=[2, 3], layers=2)
    assert (
        sorted(found.layers["seed"].unique()) == sorted(found.readouts["seed"].unique()) == [2, 3]
    )
    assert sorted(found.layers["layer"].unique()) == [1, 2]
    assert found.readouts["depth"].unique().tolist() == [2]
    for device in ("auto", "cpu"):
        assert len(ff.published(folder=results, device=device).runs) == 3


def test_a_folder_of_two_runs_is_read_whole(results):
    records.write(ff.read(results / "one", results / "wide"), results / "both")
    for name in ("one", "wide"):
        shutil.rmtree(results / name)
    assert ff.published(1000, folder=results).layers["hidden"].unique().tolist() == [1000]
    assert sorted(ff.published(100, folder=results).layers["seed"].unique()) == [1, 2, 3, 4]


def test_records_of_other_images_under_the_same_name_are_not_read_together(tmp_path):
    for name, digest in (("one", "a"), ("two", "b")):
        own = made(seeds=(1,) if name == "one" else (2,))
        run = {**own.runs[0], "dataset": {"name": "mnist", "sha256": digest}}
        records.write(ff.Records(own.layers, own.readouts, (run,)), tmp_path / name)
    with pytest.raises(ff.RecordsError, match=r"differ in the images' SHA-256 \('a', 'b'\)"):
        ff.read(tmp_path / "one", tmp_path / "two")


OTHERS = {
    "dataset": "fashion-mnist",
    "epochs": 31,
    "batch_size": 50,
    "learning_rate": 0.01,
    "threshold": 2.0,
    "goodness": "of my own",  # an entry of a table that this process does not have
    "precision": "bf16",
    "dropout": 0.5,  # of a later version, which this one does not know
}


@pytest.mark.parametrize("key", OTHERS)
def test_another_condition_beside_the_results_changes_none_of_them(results, key):
    before = ff.published(folder=results)
    written(results / "another", hidden=100, seeds=(5,), **{key: OTHERS[key]})
    assert_equal(ff.published(folder=results), before)
    if key not in ("goodness", "dropout"):
        (run,) = ff.published(folder=results, **{key: OTHERS[key]}).runs
        assert run["config"]["seeds"] == [5]
    both = (results / "one", results / "another")
    was = before.runs[0]["config"].get(key) if key != "batch_size" else 1000
    named = re.escape(f"they differ in {key} ({was!r}, {OTHERS[key]!r})")
    with pytest.raises(ff.RecordsError, match=named):
        ff.read(*both)


@pytest.mark.parametrize("name", [".one", ".ipynb_checkpoints/one", "deep/.trash/one"])
def test_what_lies_below_a_name_that_begins_with_a_dot_is_nobodys(results, name):
    before = ff.published(folder=results)
    shutil.copytree(results / "one", results / name)  # would be the same seeds twice
    assert_equal(ff.published(folder=results), before)
    assert records.below(results / name) == [results / name], "named, it is read"


@pytest.mark.parametrize("name", ["#7", "one~", "#one#", "a (1)"])
def test_what_a_person_calls_their_own_is_read(tmp_path, name):
    written(tmp_path / name)
    assert records.below(tmp_path) == [tmp_path / name]


def test_runs_of_a_batch_size_named_or_left_to_the_data_set_are_of_one_condition(results):
    written(results / "named", hidden=100, seeds=(5,), batch_size=1000)
    assert 5 in set(ff.published(100, folder=results).layers["seed"])


def test_records_are_told_in_a_line():
    found = made(hidden=100)
    assert "\n" not in repr(found)
    assert f"readouts: {len(found.readouts)} rows, runs: {len(found.runs)})" in repr(found)
