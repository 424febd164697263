"""What a file says is checked, also where its checksum is right: nonsense is refused by name."""

import itertools
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import ff
from ff import archives, images, notes, parquet, records
from ff.provenance import Run, check_runs
from ff.records import KEYS, TABLES
from ff.results import BACKPROP, VARIANTS, backprop, tuning
from ff.speed import report

ONLY_POSIX = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
Change = Callable[[Any], Any]  # of a table


@pytest.fixture(scope="module")
def run(tiny, few, tmp_path_factory) -> ff.Records:
    """What a tiny run has measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ff.running.run.load", lambda *asked: few)
        return ff.train(tiny(hidden=[4, 5], layers=[2, 3]), tmp_path_factory.mktemp("run"))


def sealed(run: ff.Records, folder: Path, **changed: Any) -> Path:
    """Write the tables of a run, some of them changed, each with a checksum that is right."""
    folder.mkdir(exist_ok=True)
    for name in TABLES:
        rows = changed.get(name, getattr(run, name))
        parquet.save(rows, folder / f"{name}.parquet", changed.get("note", run.runs))
    return folder


def refused(folder: Path, name: str = "layers") -> str:
    """What is said of a folder that must be refused, at once and in a sentence."""
    begin = time.process_time()
    with pytest.raises(ff.RecordsError) as caught:
        ff.read(folder)
    message = str(caught.value)
    assert time.process_time() - begin < 4  # up to 0.7 on one machine; others are slower
    assert len(message) < 500 + len(str(folder))
    assert "\n" not in message
    assert f"{name}.parquet" in message, message
    assert message.endswith("restore it, or train again in another folder"), message
    return message


# --- rows


def seed_dropped(rows: Any) -> Any:
    return rows[rows["seed"] != 2]


def row_doubled(rows: Any) -> Any:
    return pd.concat([rows.iloc[:3], rows.iloc[2:]])


def swapped(rows: Any) -> Any:
    return rows.iloc[[1, 0, *range(2, len(rows))]]


def renamed(key: str, old: int, new: int) -> Change:
    return lambda rows: rows.assign(**{key: rows[key].replace(old, new)})


ROWS: dict[str, tuple[Change, str]] = {
    "none": (lambda rows: rows.iloc[:0], "has 0 rows but its run has measured [0-9]"),
    "the first dropped": (lambda rows: rows.iloc[1:], "rows but its run has measured"),
    "the last dropped": (lambda rows: rows.iloc[:-1], "rows but its run has measured"),
    "one twice": (row_doubled, "rows but its run has measured"),
    "one instead of another": (
        lambda rows: rows.iloc[[0, 0, *range(2, len(rows))]],
        "has the row of hidden 4, seed 1, epoch 1, .* where that of hidden 4, seed 1, .* is due",
    ),
    "all twice": (lambda rows: pd.concat([rows, rows]), "rows but its run has measured"),
    "two swapped": (swapped, "is due"),
    "reversed": (lambda rows: rows.iloc[::-1], "has the row of hidden 5, seed 2, epoch 3"),
    "a seed dropped": (seed_dropped, "rows but its run has measured"),
    "another seed": (renamed("seed", 2, 7), "has the row of hidden 4, seed 7"),
    "another width": (renamed("hidden", 5, 6), "has the row of hidden 6"),
    "a width dropped": (lambda rows: rows[rows["hidden"] == 4], "rows but its run has measured"),
    "epoch 0": (renamed("epoch", 1, 0), "epoch 0, .* where that of hidden 4, seed 1, epoch 1"),
    "an epoch too many": (
        lambda rows: pd.concat([rows, rows.tail(1).assign(epoch=4)]),
        "rows but its run has measured",
    ),
    "a negative seed": (renamed("seed", 1, -(2**63)), "where that of hidden 4, seed 1"),
}


def test_rows_that_are_too_many_are_not_looked_at(run, tmp_path, monkeypatch):
    """A small file may stand for billions of equal ones."""
    folder = sealed(run, tmp_path, layers=pd.concat([run.layers] * 2))
    monkeypatch.setattr(parquet.Stored, "table", None)  # fails if it is reached
    assert "has 72 rows but its run has measured 36" in refused(folder)


@pytest.mark.parametrize("value", ["x", ["x"], b"x", True], ids=repr)
def test_columns_of_any_kind_are_not_looked_at(run, tmp_path, monkeypatch, value):
    """Nor does a value of a few bytes that stands for billions."""
    more = run.layers.assign(more=[value] * len(run.layers))
    folder = sealed(run, tmp_path, layers=more)
    monkeypatch.setattr(parquet.Stored, "table", None)  # fails if it is reached
    with pytest.raises(ff.RecordsError, match=r"a column 'more' of type .*, which is unknown"):
        ff.read(folder)


def test_no_number_of_rows_makes_up_for_another(run, tmp_path, monkeypatch):
    """In a table without a seal, as former versions wrote: 56 rows, and a group that says -20."""
    path = sealed(run, tmp_path) / "layers.parquet"
    rows = pa.Table.from_pandas(pd.concat([run.layers] * 3), preserve_index=False)
    rows = rows.replace_schema_metadata({parquet.KEY: json.dumps(run.runs)})
    with pq.ParquetWriter(path, rows.schema) as writer:
        writer.write_table(rows.slice(0, 56))
        writer.write_table(rows.slice(56, 36))
    content = path.read_bytes()
    for match in re.finditer(b"\x16\x48", content):  # a number in the last bytes, 36 in Thrift
        path.write_bytes(content[: match.start()] + b"\x16\x27" + content[match.end() :])
        with suppress(OSError, pa.ArrowException):
            if pq.read_metadata(path).row_group(1).num_rows == -20:
                break
    else:
        pytest.fail("the number was not found")
    monkeypatch.setattr(parquet.Stored, "table", None)  # fails if it is reached
    assert "is damaged (it says that it has fewer than no rows)" in refused(tmp_path)


def test_a_lack_of_memory_is_no_damage(run, tmp_path, monkeypatch):
    folder = sealed(run, tmp_path)

    def full(*_: object, **__: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 8000000000 failed")

    monkeypatch.setattr(parquet.pq, "read_table", full)
    with pytest.raises(ff.RecordsError, match=r"parquet is larger than the free memory; end"):
        ff.read(folder)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("what", ROWS)
def test_other_rows_than_the_run_has_trained_are_refused(run, tmp_path, name, what):
    change, words = ROWS[what]
    folder = sealed(run, tmp_path, **{name: change(getattr(run, name))})
    message = refused(folder, name)
    assert re.search(words, message), message
    with pytest.raises(ff.RecordsError, match=name):
        records.finished(folder, ff.Config(**run.runs[0]["config"]))
    with pytest.raises(ff.RecordsError, match="cannot write records that could not be read"):
        records.write(replace(run, **{name: change(getattr(run, name))}), tmp_path / "again")


@pytest.mark.parametrize("name", TABLES)
def test_a_layer_or_depth_too_many_is_refused(run, tmp_path, name):
    rows, key = getattr(run, name), KEYS[name][-1]
    more = pd.concat([rows, rows[rows[key] == 3].assign(**{key: 4})])
    refused(sealed(run, tmp_path, **{name: more.sort_values(list(KEYS[name]))}), name)


def test_a_note_that_asks_for_more_rows_than_memory_holds_is_refused_at_once(run, tmp_path):
    whole = run.runs[0]["config"] | {"seeds": 10_000, "epochs": 100_000}
    whole |= {"hidden": list(range(1, 65_000)), "layers": list(range(2, 1025))}
    refused(sealed(run, tmp_path, note=[run.runs[0] | {"config": whole}]))


def test_a_network_of_two_runs_in_one_file_is_not_said_to_be_in_two_folders(run, tmp_path):
    twice = {name: records.joined([getattr(run, name)] * 2) for name in TABLES}
    folder = sealed(run, tmp_path, note=run.runs * 2, **twice)
    assert "has the row of hidden 4, seed 1, epoch 1, layer 1 twice" in refused(folder)


# --- values


@pytest.mark.parametrize("value", [7, -1, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(("name", "column"), [
    (name, column) for name in TABLES for column in records.QUANTITIES[name]
])  # fmt: skip
def test_values_that_cannot_be_are_refused(run, tmp_path, name, column, value):
    goodness = column.startswith("goodness_") and column != "goodness_accuracy"
    legitimate = (
        column == "logit_share"
        or (np.isnan(value) and column in ("probe_accuracy", "accuracy_without"))
        or (value == 7 and (goodness or column.endswith("_loss")))
        or (value == -1 and goodness and column.endswith("_mean"))
    )
    rows = getattr(run, name).copy()
    rows.loc[rows.index[-1], column] = np.float32(value)
    folder = sealed(run, tmp_path, **{name: rows})
    if legitimate:
        assert ff.read(folder).runs == run.runs
    else:
        message = refused(folder, name)
        assert f"has {column} {np.float32(value):.4g} at hidden 5, seed 2" in message


@pytest.mark.parametrize("name", TABLES)
def test_a_column_that_every_version_has_measured_must_be_there(run, tmp_path, name):
    rows = getattr(run, name).drop(columns="train_accuracy")
    with pytest.raises(ff.RecordsError, match=f"{name}.*has no column 'train_accuracy'"):
        ff.read(sealed(run, tmp_path, **{name: rows}))


STOPPED = {"hidden": 4, "seed": 2, "layer": 2, "epoch": 2, "reason": "not finite"}


@pytest.mark.parametrize(
    ("lost", "sound"),
    [
        ("seed == 2 and hidden == 4 and (epoch == 3 or epoch == 2 and layer >= 2)", True),
        ("seed == 2 and hidden == 4 and epoch == 2 and layer == 1", False),
        ("seed == 2 and hidden == 4 and epoch == 1 and layer == 3", False),
        ("seed == 1 and hidden == 4 and epoch == 3", False),
        ("seed == 2 and hidden == 5 and epoch == 3", False),
    ],
)
def test_nothing_is_measured_of_a_seed_that_has_diverged_from_there_on(run, tmp_path, lost, sound):
    rows = run.layers.copy()
    rows.loc[rows.eval(lost), list(records.QUANTITIES["layers"])] = np.nan
    note = [run.runs[0] | {"diverged": [STOPPED]}]
    folder = sealed(run, tmp_path, layers=rows, note=note)
    if sound:
        assert ff.read(folder).runs == tuple(note)
    else:
        assert "nan at " in refused(folder)


# --- what training writes is never refused


def matrix() -> Iterator[dict[str, Any]]:
    """Runs of every switch, which end well, diverge, or die."""
    schedules = ("together", "on-frozen", "in-turn")
    yield from ({"schedule": name, "layers": [2, 3]} for name in schedules)
    yield from ({"schedule": name, "learning_rate": 1e30} for name in schedules)
    yield from ({"schedule": name, "downstream_learning_rate": 1e37} for name in schedules)
    for goodness, loss in itertools.product(
        ("log-sum-exp", "fourth"), ("cross-entropy", "pairwise")
    ):
        yield {"goodness": goodness, "loss": loss}
        yield {"goodness": goodness, "loss": loss, "learning_rate": 1.0, "schedule": "in-turn"}
    for activation in ("relu", "leaky", "tanh", "gelu"):
        yield {"activation": activation, "normalization": "none", "learning_rate": 1.0}
    yield {"normalization": "layer", "positive": "low", "negatives": "hard", "layers": 2}
    yield {"learns": [[1, 1], [2, 4], [1, 4]]}
    for every in (2, 3):
        yield {"validation_index": every}
        yield {"validation_index": every, "learning_rate": 1e10}
    yield {"hidden": [3, 10], "layers": [2, 8], "seeds": [7, 3, 1], "learning_rate": 0.1}
    yield {"schedule": "in-turn", "patience": 1, "seeds": 4, "epochs": 6}


@pytest.mark.parametrize("changes", list(matrix()), ids=str)
@pytest.mark.filterwarnings("ignore::ff.DivergenceWarning")
def test_what_training_has_written_is_read(tiny, few, monkeypatch, tmp_path, changes):
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    config = tiny(**{"epochs": 4, **changes})
    made = ff.train(config, tmp_path)
    back = ff.read(tmp_path)
    assert all(getattr(back, name).equals(getattr(made, name)) for name in TABLES)
    assert ff.train(config, tmp_path).runs == made.runs


def test_published_measurements_of_all_kinds_are_sound():
    folders = [
        path
        for name in ("results", "precision", "devices", "variations", "exercises")
        for path in records.below(records.BOOK / name)
    ]
    assert len(folders) > 80
    for path in folders:
        ff.read(path)


# --- provenance

DEEP: Any = json.loads("[" * 50 + "]" * 50)
WRONG = {
    "a list of lists": [[]],
    "an object": {"a": [1]},
    "nested deeply": DEEP,
    "long text": "x" * 6000,
    "an infinite number": float("inf"),
    "no number": float("nan"),
    "a huge number": 10**400,
    "a list of truths": [True],
}
NEEDED = ("config", "dataset", "batch_size", "device", "threads", "versions", "started")
NEEDED += ("wall_seconds",)
LATER = ("diverged", "id", "sessions")
NESTED = (("dataset", "name"), ("dataset", "sha256"), ("versions", "torch"), ("versions", "commit"))
NESTED += tuple(("config", key) for key in ff.Config.model_fields)
PATHS = (*((key,) for key in (*NEEDED, *LATER)), *NESTED)


def changed(run: dict[str, Any], path: tuple[str, ...], *values: Any) -> dict[str, Any]:
    """A run with another value at a path; without a value, lacking it."""
    (key, *rest), out = path, dict(run)
    if rest:
        out[key] = changed(run[key], tuple(rest), *values)
    elif values:
        (out[key],) = values
    else:
        del out[key]
    return out


@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_a_note_with_a_wrong_value_is_refused(run, path):
    for what, value in WRONG.items():
        note = [changed(run.runs[0], path, value)]
        with pytest.raises(ValueError, match=r"\S: ") as caught:  # where, and what is wrong
            check_runs(note, Run)
        assert len(str(caught.value)) < 300, what


@pytest.mark.parametrize("key", ["layers", "hidden", "seeds", "epochs", "validation_index"])
@pytest.mark.parametrize("value", [0, -1, 0.5, "1", True, None, [], [1, 1], 10**30])
def test_a_note_of_networks_that_cannot_be_is_refused(run, key, value):
    with pytest.raises(ValueError, match=rf"config.{key}"):
        check_runs([changed(run.runs[0], ("config", key), value)], Run)


ABSENT = [path for path in PATHS if path[0] not in ("config", *LATER)]
ABSENT += [("config", key) for key in ("dataset", "layers", "hidden", "seeds", "epochs", "device")]


@pytest.mark.parametrize("path", ABSENT, ids=".".join)
def test_a_note_without_what_is_needed_is_refused(run, tmp_path, path):
    refused(sealed(run, tmp_path, note=[changed(run.runs[0], path)]))


@pytest.mark.parametrize(
    "row",
    [
        {"hidden": 6}, {"seed": 3}, {"epoch": 4}, {"epoch": 0}, {"layer": 4}, {"layer": "2"},
        {"depth": 2}, {"reason": 3}, {"layer": None},
    ],
)  # fmt: skip
def test_a_network_that_was_not_trained_cannot_have_diverged(run, tmp_path, row):
    refused(sealed(run, tmp_path, note=[run.runs[0] | {"diverged": [STOPPED | row]}]))


def test_a_network_diverges_once(run, tmp_path):
    refused(sealed(run, tmp_path, note=[run.runs[0] | {"diverged": [STOPPED, STOPPED]}]))


@pytest.mark.parametrize("key", ["_fields_set", "cls", "not a key", "", "x" * 10_000])
def test_a_key_that_no_configuration_can_have_is_refused(run, tmp_path, key):
    refused(sealed(run, tmp_path, note=[changed(run.runs[0], ("config", key), 1)]))


@pytest.mark.parametrize("note", [None, [], {}, 3, "a", [None], [[]], ["config"], [{}], [3, 4]])
def test_a_note_of_another_kind_is_refused(run, tmp_path, note):
    refused(sealed(run, tmp_path, note=note))


def raw(text: str, monkeypatch: pytest.MonkeyPatch, run: ff.Records, folder: Path) -> Path:
    """Tables whose note is some text."""
    with monkeypatch.context() as patch:
        patch.setattr(parquet.json, "dumps", lambda note: text)
        return sealed(run, folder)


def test_a_note_that_is_no_sound_json_is_refused(run, monkeypatch, tmp_path):
    whole = json.dumps(run.runs)
    texts = {
        "nested without end": "[" * 100_000 + "]" * 100_000,
        "objects without end": '[{"a":' * 100_000,
        "cut off": whole[:-9],
        "nothing": "",
        "a key twice": whole.replace('"device"', '"device": "x", "device"', 1),
        "a number too large": whole.replace('"threads": ', '"more": 1e999, "threads": '),
        "a number of 5,000 digits": whole.replace('"threads": ', '"threads": ' + "9" * 5000),
        "NaN in a new key": whole.replace('"threads": ', '"more": NaN, "threads": '),
        "20 MB": whole.replace('"threads": ', f'"more": "{"x" * 20_000_000}", "threads": '),
        "many errors": whole.replace('"hidden": [4, 5]', f'"hidden": [{"9.5, " * 700_000}1]'),
        "some errors": whole.replace('"hidden": [4, 5]', f'"hidden": [{"9.5, " * 60_000}1]'),
        "many diverged": whole.replace('"diverged": [', f'"diverged": [{"{}, " * 65_000}{{}}'),
    }
    for what, text in texts.items():
        assert text != whole, what
        assert "provenance" in refused(raw(text, monkeypatch, run, tmp_path)), what


def test_what_a_later_version_adds_to_a_note_is_kept(run, tmp_path):
    session = {"started": "2026-11-28", "processor": "a", "commit": "b", "code": "c", "steps": 3}
    more = {"id": "a", "sessions": [session], "note": None}
    note = [changed(run.runs[0], ("config", "dropout"), 0.5) | more]
    assert ff.read(sealed(run, tmp_path, note=note)).runs == tuple(note)


def test_a_former_version_lacks_later_keys(run, tmp_path):
    note = [changed(changed(run.runs[0], ("diverged",)), ("config", "schedule"))]
    assert ff.read(sealed(run, tmp_path, note=note)).runs[0]["config"]["schedule"] == "together"


# --- what is no regular file, and other files


@ONLY_POSIX
@pytest.mark.parametrize("name", TABLES)
def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(run, tmp_path, name):
    path = sealed(run, tmp_path) / f"{name}.parquet"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ff.RecordsError, match=f"{name}.*not a regular file; name a folder that"):
        ff.read(tmp_path)
    with pytest.raises(ff.RecordsError, match=f"{name}.*regular"):
        records.provenance(path)


@pytest.mark.parametrize("value", [7.0, -1.0, np.inf])
def test_a_grid_with_an_accuracy_that_cannot_be_is_refused(tmp_path, value):
    (tmp_path / "tuning").mkdir()
    rows = tuning(VARIANTS).head(3)
    rows.assign(validation_accuracy=value).to_parquet(tmp_path / "tuning" / "a.parquet")
    with pytest.raises(ff.RecordsError, match=r"a.parquet has no validation_accuracy from 0 to 1"):
        tuning(tmp_path)
    rows.drop(columns="seed").to_parquet(tmp_path / "tuning" / "a.parquet")
    with pytest.raises(ff.RecordsError, match=r"a.parquet has no column 'seed'"):
        tuning(tmp_path)
    (tmp_path / "tuning" / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ff.RecordsError, match=r"a.parquet is damaged"):
        tuning(tmp_path)


def test_backpropagation_says_where_it_comes_from(tmp_path):
    assert backprop("digits").runs
    (tmp_path / "digits").mkdir()
    for name in ("layers", "classifiers"):
        rows = parquet.read(BACKPROP / "digits" / f"{name}.parquet").table()
        parquet.save(rows, tmp_path / "digits" / f"{name}.parquet", [{"config": {}}])
    with pytest.raises(ff.RecordsError, match=r"layers.parquet carries no provenance"):
        backprop("digits", tmp_path)


@pytest.mark.parametrize("note", [None, [], {"device": "x"}, {"device": 3, "versions": {}}])
def test_a_benchmark_must_say_where_it_was_measured(tmp_path, note):
    path = next((records.BOOK / "results" / "bench").glob("*.parquet"))
    parquet.save(parquet.read(path).table(), tmp_path / "a.parquet", note)
    with pytest.raises(ff.RecordsError, match=r"a.parquet does not say where .*measure anew"):
        report.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_damaged_file_of_the_repository_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ff.RecordsError, match=r"cannot read .*a.json .*; restore it"):
        notes.stored(tmp_path / "a.json")
    with pytest.raises(ff.RecordsError, match=r"cannot read .*b.json .*; restore it"):
        notes.stored(tmp_path / "b.json")


@ONLY_POSIX
def test_a_pipe_among_pictures_is_refused(offline, tmp_path):
    from picturing import folder

    place = folder(tmp_path / "pictures")
    pipe = next((place / "train").iterdir()) / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(ff.DataError, match=r"pipe.png is no regular file; delete it"):
        images.listed(place)


@ONLY_POSIX
@pytest.mark.parametrize("name", ["", ".gz"])
def test_a_pipe_in_the_place_of_an_archive_is_refused(offline, monkeypatch, tmp_path, name):
    place = tmp_path / "KMNIST" / "raw"
    place.mkdir(parents=True)
    for file, _ in archives._files("kmnist"):
        os.mkfifo(place / file.replace(".gz", name))
    monkeypatch.setenv("FF_DATA", str(tmp_path))
    with pytest.raises(ff.DataError, match=r"cannot read .*it is not a regular file; set FF_DATA"):
        archives.contents("kmnist")


def test_labels_in_the_place_of_images_are_refused(offline, monkeypatch, tmp_path):
    place = tmp_path / "KMNIST" / "raw"
    place.mkdir(parents=True)
    for file, _ in archives._files("kmnist"):
        (place / file.removesuffix(".gz")).write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 6]))
    monkeypatch.setenv("FF_DATA", str(tmp_path))
    with pytest.raises(ff.DataError, match=r"images-idx3-ubyte is damaged"):
        ff.data.load("kmnist")


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: (x, 99 - y),
        lambda x, y: (x[:1], y),
        lambda x, y: (x.astype(float), y),
        lambda x, y: (x[:, :5], y),
        lambda x, y: (x, y.astype(float)),
    ],
)
def test_kept_pictures_that_cannot_be_are_decoded_anew(offline, tmp_path, change):
    from picturing import folder

    listing = images.listed(folder(tmp_path / "pictures"))
    right = images.decoded(listing, (12, 20))
    wrong = {name: images.Pictures(*change(*own)) for name, own in right.items()}
    wrong = {name: images.Pictures(*map(np.ascontiguousarray, own)) for name, own in wrong.items()}
    images._write(images._kept(listing.folder, (12, 20)), listing, wrong)
    again = images.decoded(listing, (12, 20))
    for name, own in right.items():
        for one, other in zip(own, again[name], strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
