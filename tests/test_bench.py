"""`ff bench`: rows and labels; and all of it, small, once."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

import ff
from ff import machine
from ff.__main__ import main
from ff.book import speed_figures as figures
from ff.book.performance import targets
from ff.speed import bench, timing
from ff.speed import report as performance


class Fake:
    """Costs a second, to which no time passes."""

    def __init__(self, *args: object, precision: str = "float32", **more: object) -> None:
        self.depth = args[1]

    def cost(self, whole: object) -> float:
        return 1.0


class FakeTheirs(Fake):
    def cost(self, whole: object) -> float:
        return 2.0 + float(self.depth)  # pyright: ignore


class Idle:
    """A process that has ended."""

    def communicate(self) -> None: ...


@pytest.fixture
def bf16(monkeypatch):
    """A processor that multiplies bfloat16 numbers, or emulates it: these networks are small."""
    monkeypatch.setattr(bench, "multiplies_bf16", lambda device: True)


@pytest.fixture
def costs(monkeypatch, bf16):
    monkeypatch.setattr(bench, "Ours", Fake)
    monkeypatch.setattr(bench, "Theirs", FakeTheirs)


def test_an_epoch_is_compared_turn_by_turn(costs, few):
    rows, theirs = bench._epochs(few, 1000, 3, {"float32": 1.8, "bf16": 3.5})
    ratios = rows[rows["quantity"] == "ratio"]
    assert ratios["value"].tolist() == [6, 6]
    assert ratios["target"].tolist() == ["at least 1.8", "at least 3.5"]
    assert theirs.tolist() == [6, 6, 6]


def test_bf16_is_not_measured_where_it_would_be_emulated(costs, monkeypatch, few):
    monkeypatch.setattr(bench, "multiplies_bf16", lambda device: False)
    effort = bench.Effort(1, 1, (32,), 1)
    epochs, theirs = bench._epochs(few, 1000, 1, {"float32": 1.8, "bf16": 3.5})
    ten = bench._table_1(few, effort, {1000: theirs, 100: theirs})
    share = bench._share(few, effort, bench.CPU, [4], 100, 30, "bf16", 0.6)
    ratios: Any = pd.concat([epochs, ten, share]).query("quantity == 'ratio'")
    measured = ratios["value"].notna()
    assert ratios["row"].str.contains("float32").tolist() == measured.tolist()
    assert set(ratios["how"][~measured]) == {f"not measured: {bench.SLOW}"}
    assert ratios["target"][~measured].tolist() == [f"at least {n}" for n in (3.5, 7, 0.6)]


@pytest.mark.parametrize("depths", [(32,), (2, 8, 16, 32)])
@pytest.mark.parametrize("steps", [None, 1])
def test_ten_runs_are_a_straight_line_in_depth(costs, digits, depths, steps):
    shallow = {width: np.full(2, 6.0) for width in (1000, 100)}
    rows = bench._table_1(digits, bench.Effort(2, steps, depths, 1), shallow)
    value = rows.set_index(["row", "quantity"])["value"].unstack()
    ten = 2 * sum(2 + depth for depth in (2, 4, 8, 16, 32))
    np.testing.assert_allclose(value["compared"], 30 * ten)
    np.testing.assert_allclose(value["ours"], 30 * 2)
    np.testing.assert_allclose(value["ratio"], ten / 2)
    assert set(rows["how"]) == {
        "extrapolated from whole epochs" if steps is None else "extrapolated from 1 to 4 steps"
    }


def test_without_a_gpu_nothing_is_invented(monkeypatch, few):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rows = pd.concat(bench._gpu(few, bench.QUICK))
    assert np.isnan(rows["value"]).all()
    assert set(rows["how"]) == {"not measured: no CUDA device"}
    assert [line.split("  ")[0] for line in performance.lines(rows)] == ["not measured"] * 3
    assert all(line.endswith("(no CUDA device)") for line in performance.lines(rows))


def test_a_whole_run_is_extrapolated_from_some_epochs(monkeypatch):
    """A line with a start: 5 s, and 2 s an epoch."""
    asked = []
    monkeypatch.setattr(bench, "train", lambda config, out: asked.append(config.epochs))
    monkeypatch.setattr(bench, "seconds", lambda work: 5 + 2 * (work() or asked[-1]))
    spent, how = bench._wall("digits", torch.device("cpu"), bench.QUICK)
    assert spent == 5 + 2 * 30
    assert how == "extrapolated from 1 and 5 epochs"
    assert bench._wall("digits", torch.device("cpu"), bench.FULL) == (65, "measured")


def test_a_part_of_an_epoch_counts_for_all_of_it(digits, monkeypatch):
    part = timing.part(digits, 2)
    assert (len(part.train), len(part.validation)) == (100, 50)
    ours = timing.Ours(part, 2, 5)
    monkeypatch.setattr(timing, "seconds", lambda work: 1.0)
    # 26 steps instead of 2; 247 validation images of three kinds and ten labels instead of 50.
    assert ours.cost(digits) == pytest.approx(13 + 247 / 50)


@pytest.mark.parametrize(("steps", "asked"), [(2, (2, 4)), (None, (26, 4))])
def test_some_steps_of_the_published_style_count_for_all(digits, monkeypatch, steps, asked):
    """Two seconds a step, and three a batch that is evaluated; 26 and 4 of them in an epoch."""
    seen = []

    def fake(self, few: int, check: int) -> list[float]:
        seen.append((few, check))
        return [2.0 * few, 3.0 * check]

    monkeypatch.setattr(timing.subprocess, "Popen", lambda *_, **__: Idle())
    monkeypatch.setattr(timing.Theirs, "_seconds", fake)
    assert timing.Theirs(digits, 2, 5, steps).cost(digits) == 26 * 2 + 4 * 3
    assert seen == [(1, 1), asked], "the first starts the workers"


def test_a_time_ends_when_the_gpu_has_finished(monkeypatch):
    ends = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: time.sleep(0.05) or ends.append(1))
    assert timing.seconds(lambda: ends.append(0)) >= 0.05
    assert ends == [0, 1]


def test_a_step_is_timed_with_each_number_of_threads(monkeypatch, digits):
    """Each turn of three steps takes as many seconds as it has threads."""
    chosen = []
    monkeypatch.setattr(bench, "WIDE", 5)
    monkeypatch.setattr(bench, "NARROW", 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    monkeypatch.setattr(bench, "timed", lambda rounds, works: np.full((1, rounds), chosen[-1]))
    rows = bench._threads(digits, bench.QUICK)
    assert rows["quantity"].tolist() == 2 * ["at 1", "at 2", "at 4", "at 6"]
    np.testing.assert_allclose(rows["value"], 2 * [1 / 3, 2 / 3, 4 / 3, 6 / 3])
    assert chosen == 2 * [1, 2, 4, 6, 6], "all of them again in the end"


def test_a_stopwatch_tells_operations_apart():
    a = torch.ones(2, 300, 300)
    with timing.Stopwatch() as watch:
        torch.bmm(a, a.mT).relu_()
    assert watch.seconds["bmm"] > watch.seconds["relu_"] > 0
    before = dict(watch.seconds)
    torch.bmm(a, a)
    assert watch.seconds == before


def test_what_operations_do_not_account_for_is_all_else(monkeypatch, digits):
    """A turn of six steps in 60 s, in which products take some and the update a little."""
    monkeypatch.setattr(bench, "WIDE", 60)
    monkeypatch.setattr(bench, "NARROW", 50)
    monkeypatch.setattr(bench, "seconds", lambda work: 60.0)
    rows: Any = bench._kinds(digits, bench.QUICK)
    assert rows["row"].unique().tolist() == [
        f"a step by operations, 4 layers of {width}, float32" for width in (60, 50)
    ]
    for _, own in rows.groupby("row"):
        value = own.set_index("quantity")["value"]
        assert list(value.index) == [*bench.KINDS, "all else"]
        assert value.sum() == pytest.approx(10, rel=1e-3)


def test_all_names_of_operations_are_torchs(digits):
    ours = timing.Ours(timing.part(digits, 3), 4, 600)
    with timing.Stopwatch() as watch:
        ours.learn()
    assert {name for names in bench.KINDS.values() for name in names} <= set(watch.seconds)


@pytest.mark.slow
def test_the_rows_of_a_gpu_are_measured_where_there_is_one(monkeypatch, digits):
    """Here on a processor that is called a GPU: everything but the device itself."""
    cpu, called = torch.device("cpu"), []
    monkeypatch.setattr(bench, "CUDA", cpu)
    monkeypatch.setattr(bench, "WIDE", 60)
    monkeypatch.setattr(bench, "NARROW", 50)
    monkeypatch.setattr(bench, "SEEDS", 3)
    monkeypatch.setattr(machine, "choose", lambda name: cpu)
    for name, value in {"is_available": True, "max_memory_allocated": 10**8}.items():
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    for name in ("synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda name=name: called.append(name))
    rows = pd.concat(bench._gpu(digits, bench.Effort(1, 1, (32,), 1)))
    assert targets(rows)._repr_html_().count("</tr>") == 4
    lines: Any = performance.table(rows)
    assert "not measured" not in set(lines["verdict"])
    assert lines["target"].tolist() == ["at most 120", "at least 0.5", "at most 1.5"]
    assert set(called) == {"synchronize", "reset_peak_memory_stats"}
    memory: Any = rows[rows["row"].str.startswith("memory")].set_index("quantity")["value"]
    inner = 31 * 60
    weights = 784 * 60 + inner * 60 + 60 * 32 * 3 / 2  # biases and running means: half a momentum
    readouts = 10 * 60 * sum(depth - 1 for depth in bench.DEPTHS)
    activities = 3 * 3 * 50 * 60
    least = 4 * 3 * (2 * (weights + readouts) + activities) / 1e9
    assert memory["compared"] == pytest.approx(least, rel=1e-6)
    assert memory["ratio"] == pytest.approx(0.1 / least, rel=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="settings of GNU OpenMP")
def test_the_published_style_has_our_settings_only_if_asked(digits, monkeypatch, capfd):
    monkeypatch.setenv("OMP_DISPLAY_ENV", "VERBOSE")
    for plain in (True, False):
        theirs = timing.Theirs(digits, 2, 5, 1, plain=plain)
        assert theirs.cost(digits) > 0
        process = theirs.process
        del theirs
        assert process.returncode is not None
        by_torch, *_ = capfd.readouterr().err.split("END")  # scikit-learn brings another OpenMP
        spins = f"GOMP_SPINCOUNT = '{timing.OWN['GOMP_SPINCOUNT']}'" in by_torch
        assert "GOMP_SPINCOUNT = " in by_torch
        assert spins is not plain


@pytest.mark.slow
def test_the_published_style_gives_an_answer_up_that_nobody_reads():
    config = json.dumps({"dataset": "digits", "layers": 32, "hidden": 1000})
    call = [sys.executable, "-P", "-c", timing.PLAIN + "ff.speed.timing.serve()", config, "1"]
    done = subprocess.run(call, input="1000 1\n", capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_an_end_of_the_published_style_is_an_error(digits, monkeypatch, capfd):
    monkeypatch.setattr(timing, "PLAIN", "raise SystemExit('no torch'); ")
    with pytest.raises(ff.TrainingError, match="ended with status 1: mend what its message"):
        timing.Theirs(digits, 2, 5, 1)
    assert capfd.readouterr().err == "no torch\n"


def test_the_share_compares_training_with_the_products_beside_it(monkeypatch, digits):
    """Turn by turn; how fast the products were in another turn is of no importance."""
    spent = np.repeat([[4.0, 2, 2], [2, 1, 0.5], [1, 1, 1]], bench.STEPS, axis=1)
    monkeypatch.setattr(bench, "timed", lambda *_: spent)
    monkeypatch.setattr(bench, "WIDE", 5)
    rows = bench._share(
        digits, bench.Effort(1, 1, (), 3), bench.CPU, [2], 5, 1, "float32", target=0.6
    )
    found = rows.set_index("quantity")
    assert found.loc["ratio", ["value", "low", "high"]].tolist() == [0.5, 0.25, 0.5]
    assert found.loc["a step", ["value", "low", "high"]].tolist() == [2, 2, 4]
    assert found.loc["compared", "high"] == 4 * found.loc["ours", "low"] * 2


def test_only_products_that_are_made_count(monkeypatch, digits):
    monkeypatch.setattr(bench, "timed", lambda *_: np.ones((3, bench.STEPS)))
    monkeypatch.setattr(bench, "WIDE", 5)
    arguments = digits, bench.Effort(1, 1, (), 1), bench.CPU, [2], 5, 1, "float32", 0.6
    whole: Any = bench._share(*arguments).set_index("quantity")["value"]
    assert whole["made"] == 1
    assert whole["ratio"] == 1
    monkeypatch.setattr(bench, "_multiplied", lambda work: whole["compared"] * 1e9 / 4)
    part: Any = bench._share(*arguments).set_index("quantity")["value"]
    assert part["made"] == pytest.approx(1 / 4)
    assert part["ratio"] == pytest.approx(1 / 4)


def test_products_are_counted():
    a = torch.ones(2, 3, 4)
    assert bench._multiplied(lambda: torch.bmm(a, a.mT)) == 2 * 2 * 3 * 4 * 3


def test_a_straight_line_has_a_ratio_of_one(monkeypatch, digits):
    points = np.array(bench.POINTS)[:, None]
    straight, bent = 3.0 + 2 * points, points + 0.0
    bent[-1] += 16
    times = iter([straight, bent])
    monkeypatch.setattr(bench, "timed", lambda *_: next(times))
    monkeypatch.setattr(bench, "turns", lambda *_: np.ones((32, 1)))
    rows = bench._straight(digits, bench.QUICK)
    ratios: Any = rows[rows["quantity"] == "ratio"]
    assert ratios["value"].tolist() == [1, 2, 1]
    assert ratios["row"].iloc[0] == "one of layers 17 to 32 / one of layers 5 to 16"


def test_without_mnist_there_is_one_message(offline):
    result = CliRunner().invoke(main, ["bench"])
    assert result.exit_code == 1
    assert result.stdout == ""
    expected = (
        "Error: ff bench needs mnist, which is not on this machine; run 'ff data fetch mnist'"
    )
    assert result.stderr.startswith(expected)


def test_a_file_that_cannot_be_written_is_known_before_the_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "measure", lambda *_: pytest.fail("has begun to measure"))
    (tmp_path / "file").touch()
    with pytest.raises(ff.RecordsError, match="cannot write"):
        next(bench.bench(bench.QUICK, tmp_path / "file" / "rows.parquet", "digits"))
    for folder in (Path(""), tmp_path):
        with pytest.raises(ff.RecordsError, match="it is a folder; name a file"):
            next(bench.bench(bench.QUICK, folder, "digits"))


def test_the_command_warns_and_says_what_settings_do(monkeypatch, few):
    epoch, settings = "an epoch, 4 layers of 100, float32 / the published style", "the published "
    settings += "style with our settings, 4 layers of 100"
    parts = [
        bench._rows("other programs", {"busy": (1.3, "cores")}),
        bench._rows(epoch, bench._ratio(1.0, 14.0, 14.0, "s"), "at least 15"),
        bench._rows(settings, {"share": (0.5, "")}),
    ]
    monkeypatch.setattr(bench, "bench", lambda *_: map(pd.DataFrame, parts))
    result = CliRunner().invoke(main, ["bench"])
    assert result.stderr.startswith("Warning: Other programs kept 1.3 cores busy at the start")
    verdict, more = result.stdout.splitlines()
    assert verdict.startswith("missed        14.0 ")
    assert more.endswith("beside that, ours is 7.00 times as fast.")


def test_provenance_names_machine_and_versions(few):
    note = bench._provenance(few, bench.FULL, datetime.now(UTC))
    assert note["full"]
    assert note["dataset"] == {"name": "digits", "sha256": "few"}
    assert {"torch", "commit"} <= note["versions"].keys()
    assert "cores" in note["processor"]


@pytest.mark.slow
def test_everything_small(monkeypatch, tmp_path, bf16):
    monkeypatch.setattr(bench, "WIDE", 60)
    monkeypatch.setattr(bench, "NARROW", 50)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    out = tmp_path / "new" / "rows.parquet"
    yielded = pd.concat(bench.bench(bench.Effort(1, 1, (32,), 1), out, "digits"))
    written = performance.read(out.parent)
    assert len(written) == len(yielded)
    table = performance.table(written)
    assert len(table) == 16
    measured = table[table["verdict"] != "not measured"]
    assert len(measured) == 13
    assert "" not in {*measured["ours"], *measured["compared"]}
    values = written.dropna(subset="value")
    assert np.array_equal(values["value"].clip(values["low"], values["high"]), values["value"])
    floor = performance.floor(written, batch=50)
    assert list(floor) == [
        "60 units, 1 seed, float32",
        "60 units, 1 seed, bf16",
        "50 units, 30 seeds, float32",
        "50 units, 30 seeds, bf16",
    ]
    for draw in (figures.baseline, figures.kinds, figures.shares, figures.straight):
        assert draw(written)._repr_svg_().startswith("<?xml")
    assert figures.threads(written)._repr_svg_().startswith("<?xml")
