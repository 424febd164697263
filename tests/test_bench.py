"""`ff bench`: what it measures and the columns that it writes; and all of it, small, once."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

import ff
from ff import machine
from ff.__main__ import main
from ff.algorithm import precision
from ff.book.figures import speed as figures
from ff.book.performance import targets
from ff.data import DATASETS, from_arrays
from ff.speed import bench, columns, cpu, gpu, rate, report, runs, timing
from ff.speed.columns import Work
from ff.speed.effort import DEPTHS, FULL, QUICK, Effort
from ff.speed.floor import floor

SMALL = {"wide": 60, "narrow": 50}


class Fake:
    """Costs a second, to which no time passes."""

    def __init__(self, *args: object, precision: str = "float32", **more: object) -> None:
        self.depth = args[1]

    def learn(self) -> None: ...

    def cost(self, whole: object) -> float:
        return 1.0


class FakeBaseline(Fake):
    def cost(self, whole: object) -> float:
        return 2.0 + float(self.depth)  # pyright: ignore


class Idle:
    """A process that has ended."""

    def communicate(self) -> None: ...


@pytest.fixture
def bf16(monkeypatch):
    """A processor that multiplies bfloat16 numbers, or emulates it: these networks are small."""
    for module in (cpu, rate):
        monkeypatch.setattr(module, "multiplies_bf16", lambda device: True)


@pytest.fixture
def costs(monkeypatch, bf16):
    monkeypatch.setattr(cpu, "Ours", Fake)
    monkeypatch.setattr(cpu, "BaselineProcess", FakeBaseline)


def test_a_row_is_columns_of_names_and_numbers():
    work = Work("products", "alone", "cpu", 4, 100, 30, "bf16")
    rows = columns.rows(work, columns.compared([1.0, 2, 6], 4.0, 0.5, "s"), (0.6, np.inf))
    table = columns.table([*rows, *columns.curve(Work("threads"), [1, 2], [[3.0, 5.0], 2.0])])
    assert list(table) == columns.COLUMNS
    ours, beside, ratio, one, two = table.to_dict("records")
    assert (ours["work"], ours["precision"]) == ("products", "bf16")
    assert [ours[name] for name in ("layers", "hidden", "seeds")] == [4, 100, 30]
    assert [ours[name] for name in ("quantity", "unit", "how")] == ["ours", "s", "measured"]
    assert [ours[name] for name in ("value", "low", "high")] == [2, 1, 6]
    assert np.isnan([ours["target_low"], beside["target_high"], ours["at"]]).all()
    assert (ratio["target_low"], ratio["target_high"]) == (0.6, np.inf)
    assert (one["quantity"], one["at"], one["value"], two["at"]) == ("time", 1, 4, 2)
    assert np.isnan([one["layers"], one["target_low"]]).all()


def test_what_has_no_ratio_has_its_target_all_the_same():
    (row,) = columns.rows(Work("table 1"), {"ours": (9.0, "s")}, (-np.inf, 120))
    assert (row["target_low"], row["target_high"]) == (-np.inf, 120)


def test_an_epoch_is_compared_turn_by_turn(costs, few):
    rows, baseline = cpu._epochs(few, 1000, 3, {"float32": 1.8, "bf16": 3.5})
    ratios = rows[rows["quantity"] == "ratio"]
    assert ratios["value"].tolist() == [6, 6]
    assert ratios["target_low"].tolist() == [1.8, 3.5]
    assert set(ratios["target_high"]) == {np.inf}
    assert ratios["precision"].tolist() == ["float32", "bf16"]
    assert baseline.tolist() == [6, 6, 6]


def test_bf16_is_not_measured_where_it_would_be_emulated(costs, monkeypatch, few):
    for module in (cpu, rate):
        monkeypatch.setattr(module, "multiplies_bf16", lambda device: False)
    effort = Effort(1, 1, (32,), 1)
    epochs, baseline = cpu._epochs(few, 1000, 1, {"float32": 1.8, "bf16": 3.5})
    ten = cpu._table_1(few, effort, {1000: baseline, 100: baseline})
    work = Work("products", "alone", "cpu", 4, 100, 30, "bf16")
    products = rate.share(few, effort, work, [4], 0.6)
    ratios: Any = pd.concat([epochs, ten, products]).query("quantity == 'ratio'")
    measured = ratios["value"].notna()
    assert (ratios["precision"] == "float32").tolist() == measured.tolist()
    assert set(ratios["how"][~measured]) == {f"not measured: {rate.SLOW}"}
    assert ratios["target_low"][~measured].tolist() == [3.5, 7, 0.6]


@pytest.mark.parametrize("depths", [(32,), (2, 8, 16, 32)])
@pytest.mark.parametrize("steps", [None, 1])
def test_ten_runs_are_a_straight_line_in_depth(costs, digits, depths, steps):
    shallow = {width: np.full(2, 6.0) for width in (1000, 100)}
    rows = cpu._table_1(digits, Effort(2, steps, depths, 1), shallow)
    value = rows.set_index(["precision", "quantity"])["value"].unstack()
    ten = 2 * sum(2 + depth for depth in (2, 4, 8, 16, 32))
    np.testing.assert_allclose(value["compared"], 30 * ten)
    np.testing.assert_allclose(value["ours"], 30 * 2)
    np.testing.assert_allclose(value["ratio"], ten / 2)
    assert set(rows["how"]) == {
        "extrapolated from whole epochs" if steps is None else "extrapolated from 1 to 4 steps"
    }


def test_without_a_gpu_nothing_is_invented(monkeypatch, few):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    rows: Any = pd.concat(gpu.gpu(few, QUICK))
    assert np.isnan(rows["value"]).all()
    assert rows["target_low"].notna().all()
    assert set(rows["device"]) == {"cuda"}
    assert set(rows["how"]) == {"not measured: no CUDA device"}
    assert [line.split("  ")[0] for line in report.lines(rows)] == ["not measured"] * 3
    assert all(line.endswith("(no CUDA device)") for line in report.lines(rows))


@pytest.mark.parametrize("devices", [["cpu"], ["cuda"], ["cuda", "cpu"]])
def test_only_the_devices_that_are_named_are_measured(monkeypatch, few, devices):
    for name in ("cpu", "cuda"):
        rows = columns.table(columns.curve(Work("threads", device=name), [1], [1.0]))
        monkeypatch.setitem(bench.MEASURED, name, lambda *_, rows=rows: iter([rows]))
    assert [*pd.concat(bench.measure(few, QUICK, devices))["device"]] == sorted(devices, key=len)
    assert [*pd.concat(bench.measure(few, QUICK))["device"]] == ["cpu", "cuda"]


@pytest.mark.parametrize(
    ("card", "most"), [("NVIDIA H200", 120), ("NVIDIA H100 80GB HBM3", 150), ("another", 150)]
)
def test_a_card_is_judged_by_its_own_target(monkeypatch, few, card, most):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(machine, "name", lambda device: card)
    monkeypatch.setattr(gpu, "_wall", lambda dataset, effort: (130.0, "measured"))
    (line,) = report.lines(next(gpu.gpu(few, QUICK)))
    assert line.startswith("missed" if most == 120 else "met")
    assert f"at most {most} s" in line


def test_a_whole_run_is_extrapolated_from_some_epochs(digits, monkeypatch):
    """A line with a start: 5 s, and 2 s an epoch."""
    asked = []
    monkeypatch.setattr(gpu, "train", lambda config, out: asked.append(config.epochs))
    monkeypatch.setattr(gpu, "seconds", lambda work: 5 + 2 * (work() or asked[-1]))
    spent, how = gpu._wall(digits, QUICK)
    assert spent == 5 + 2 * 30
    assert how == "extrapolated from 1 and 5 epochs"
    assert gpu._wall(digits, FULL) == (65, "measured")


def test_a_part_of_an_epoch_counts_for_all_of_it(digits, monkeypatch):
    part = runs.part(digits, 2)
    assert (len(part.train), len(part.validation)) == (100, 50)
    ours = runs.Ours(part, 2, 5)
    monkeypatch.setattr(runs, "seconds", lambda work: 1.0)
    # 26 steps instead of 2; 247 validation images of three kinds and ten labels instead of 50.
    assert ours.cost(digits) == pytest.approx(13 + 247 / 50)


@pytest.mark.parametrize(("steps", "asked"), [(2, (2, 4)), (None, (26, 4))])
def test_some_steps_of_the_baseline_count_for_all(digits, monkeypatch, steps, asked):
    """Two seconds a step, and three a batch that is evaluated; 26 and 4 of them in an epoch."""
    seen = []

    def fake(self, few: int, check: int) -> list[float]:
        seen.append((few, check))
        return [2.0 * few, 3.0 * check]

    monkeypatch.setattr(runs.subprocess, "Popen", lambda *_, **__: Idle())
    monkeypatch.setattr(runs.BaselineProcess, "_seconds", fake)
    assert runs.BaselineProcess(digits, 2, 5, steps).cost(digits) == 26 * 2 + 4 * 3
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
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    monkeypatch.setattr(cpu, "timed", lambda rounds, works: np.full((1, rounds), chosen[-1]))
    rows = cpu._threads(digits, Effort(2, 4, (32,), 4, wide=5, narrow=4))
    assert rows["at"].tolist() == 2 * [1, 2, 4, 6]
    assert rows["hidden"].tolist() == 4 * [5] + 4 * [4]
    np.testing.assert_allclose(rows["value"], 2 * [1 / 3, 2 / 3, 4 / 3, 6 / 3])
    assert chosen == 2 * [1, 2, 4, 6, 6], "all of them again in the end"


def test_a_stopwatch_tells_operations_apart():
    a = torch.ones(2, 300, 300)
    with timing.Stopwatch() as watch:
        torch.bmm(a, a.mT).relu_()
    # Which of them takes longer is not asked: the machine may have been busy with something else.
    assert watch.seconds["bmm"] > 0
    assert watch.seconds["relu_"] > 0
    before = dict(watch.seconds)
    torch.bmm(a, a)
    assert watch.seconds == before


def test_what_operations_do_not_account_for_is_all_else(monkeypatch, digits):
    """A turn of six steps in 60 s, in which products take some and the update a little."""
    monkeypatch.setattr(cpu, "seconds", lambda work: 60.0)
    rows: Any = cpu._operations(digits, Effort(2, 4, (32,), 4, **SMALL))
    assert rows["hidden"].unique().tolist() == [60, 50]
    for _, own in rows.groupby("hidden"):
        value = own.set_index("quantity")["value"]
        assert list(value.index) == [*cpu.KINDS, "all else"]
        assert value.sum() == pytest.approx(10, rel=1e-3)


def test_all_names_of_operations_are_torchs(digits):
    ours = runs.Ours(runs.part(digits, 3), 4, 600)
    with timing.Stopwatch() as watch:
        ours.learn()
    assert {name for names in cpu.KINDS.values() for name in names} <= set(watch.seconds)


@pytest.mark.slow
def test_the_rows_of_a_gpu_are_measured_where_there_is_one(monkeypatch, digits):
    """Here on a processor that is called a GPU: everything but the device itself."""
    device, called = torch.device("cpu"), []
    monkeypatch.setattr(gpu, "CUDA", device)
    monkeypatch.setattr(machine, "choose", lambda name: device)
    for name, value in {"is_available": True, "max_memory_allocated": 10**8}.items():
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    for name in ("synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda name=name: called.append(name))
    rows = pd.concat(gpu.gpu(digits, Effort(1, 1, (32,), 1, seeds=3, **SMALL)))
    assert targets(rows)._repr_html_().count("</tr>") == 4
    lines: Any = report.table(rows)
    assert "not measured" not in set(lines["verdict"])
    assert lines["target"].tolist() == ["at most 150 s", "at least 0.5", "at most 1.5"]
    assert set(called) == {"synchronize", "reset_peak_memory_stats"}
    memory: Any = rows[rows["work"] == "memory"].set_index("quantity")["value"]
    inner = 31 * 60
    weights = 784 * 60 + inner * 60 + 60 * 32 * 3 / 2  # biases and running means: half a momentum
    readouts = 10 * 60 * sum(depth - 1 for depth in DEPTHS)
    probes = 10 * 60 * 32
    activities = 3 * 3 * 50 * 60
    least = 4 * 3 * (2 * (weights + readouts + probes) + activities) / 1e9
    assert memory["compared"] == pytest.approx(least, rel=1e-6)
    assert memory["ratio"] == pytest.approx(0.1 / least, rel=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="settings of GNU OpenMP")
def test_the_baseline_has_our_settings_only_if_asked(digits, monkeypatch, capfd):
    monkeypatch.setenv("OMP_DISPLAY_ENV", "VERBOSE")
    for plain in (True, False):
        baseline = runs.BaselineProcess(digits, 2, 5, 1, plain=plain)
        assert baseline.cost(digits) > 0
        process = baseline.process
        del baseline
        assert process.returncode is not None
        by_torch, *_ = capfd.readouterr().err.split("END")  # scikit-learn brings another OpenMP
        spins = f"GOMP_SPINCOUNT = '{runs.OWN['GOMP_SPINCOUNT']}'" in by_torch
        assert "GOMP_SPINCOUNT = " in by_torch
        assert spins is not plain


@pytest.mark.slow
def test_the_baseline_gives_up_an_answer_that_nobody_reads():
    config = json.dumps({"dataset": "digits", "layers": 32, "hidden": 1000})
    program = runs.WITHOUT_SETTINGS + "ff.speed.runs.serve()"
    call = [sys.executable, "-P", "-c", program, config, "1"]
    done = subprocess.run(call, input="1000 1\n", capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_an_end_of_the_baseline_is_an_error(digits, monkeypatch, capfd):
    monkeypatch.setattr(runs, "WITHOUT_SETTINGS", "raise SystemExit('no torch'); ")
    with pytest.raises(ff.TrainingError, match="ended with status 1: mend what its message"):
        runs.BaselineProcess(digits, 2, 5, 1)
    assert capfd.readouterr().err == "no torch\n"


def test_the_share_compares_training_with_the_products_beside_it(monkeypatch, digits):
    """Turn by turn; how fast the products were in another turn is of no importance."""
    spent = np.repeat([[4.0, 2, 2], [2, 1, 0.5], [1, 1, 1]], rate.STEPS, axis=1)
    monkeypatch.setattr(rate, "timed", lambda *_: spent)
    work = Work("products", "alone", "cpu", 2, 5, 1, "float32")
    rows = rate.share(digits, Effort(1, 1, (), 3, wide=5), work, [2], 0.6)
    found = rows.set_index("quantity")
    assert found.loc["ratio", ["value", "low", "high"]].tolist() == [0.5, 0.25, 0.5]
    assert found.loc["a step", ["value", "low", "high"]].tolist() == [2, 2, 4]
    assert found.loc["compared", "high"] == 4 * found.loc["ours", "low"] * 2
    assert found.loc["ratio", "target_low"] == 0.6


def test_training_in_bf16_is_compared_with_products_of_rounded_factors(monkeypatch, digits, bf16):
    """Also where training leaves the rounding to the processor: it takes part of the time."""
    monkeypatch.setattr(precision, "rounds_factors", lambda device: True)
    monkeypatch.setattr(precision, "ONEDNN", SimpleNamespace(fp32_precision="none"))
    monkeypatch.setattr(rate, "timed", lambda *_: np.ones((3, rate.STEPS)))
    seen = []
    monkeypatch.setattr(rate, "alone", lambda *arguments: seen.append(arguments[2]))
    for name in ("float32", "bf16"):
        work = Work("products", "alone", "cpu", 2, 5, 1, name)
        rate.share(digits, Effort(1, 1, (), 1, wide=5), work, [2], 0.6)
    assert seen == [torch.float32, torch.bfloat16]


def test_only_products_that_are_made_count(monkeypatch, digits):
    monkeypatch.setattr(rate, "timed", lambda *_: np.ones((3, rate.STEPS)))
    work = Work("products", "alone", "cpu", 2, 5, 1, "float32")
    arguments = digits, Effort(1, 1, (), 1, wide=5), work, [2], 0.6
    whole: Any = rate.share(*arguments).set_index("quantity")["value"]
    assert whole["made"] == 1
    assert whole["ratio"] == 1
    monkeypatch.setattr(rate, "_multiplied", lambda call: whole["compared"] * 1e9 / 4)
    part: Any = rate.share(*arguments).set_index("quantity")["value"]
    assert part["made"] == pytest.approx(1 / 4)
    assert part["ratio"] == pytest.approx(1 / 4)


def test_products_are_counted():
    a = torch.ones(2, 3, 4)
    assert rate._multiplied(lambda: torch.bmm(a, a.mT)) == 2 * 2 * 3 * 4 * 3


def test_a_straight_line_has_a_ratio_of_one(costs, monkeypatch, digits):
    points = np.array(cpu.POINTS)[:, None]
    straight, bent = 3.0 + 2 * points, points + 0.0
    bent[-1] += 16
    times = iter([straight, bent])
    monkeypatch.setattr(cpu, "timed", lambda *_: next(times))
    monkeypatch.setattr(cpu, "turns", lambda *_: np.ones((32, 1)))
    rows = cpu._straight(digits, QUICK)
    ratios: Any = rows[rows["quantity"] == "ratio"]
    assert ratios["value"].tolist() == [1, 2, 1]
    assert ratios["work"].tolist() == [f"straight: {n}" for n in ("layers", "seeds", "epochs")]
    assert set(zip(ratios["target_low"], ratios["target_high"], strict=True)) == {(0.9, 1.1)}
    first = next(report.lines(rows))
    assert first.endswith(
        "each of layers 17 to 32; ratio: times the cost of each of layers 5 to 16"
    )


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
        next(bench.bench(QUICK, tmp_path / "file" / "rows.parquet", "digits"))
    for folder in (Path(""), tmp_path):
        with pytest.raises(ff.RecordsError, match="it is no regular file; name another"):
            next(bench.bench(QUICK, folder, "digits"))


def test_the_command_warns_and_says_what_settings_do(monkeypatch, few):
    shape = {"layers": 4, "hidden": 100, "seeds": 1, "precision": "float32"}
    epoch = columns.compared(1.0, 14.0, 14.0, "s")
    parts = [
        columns.rows(Work("other programs"), {"busy": (1.3, "cores")}),
        columns.rows(Work("epoch", "baseline", **shape), epoch, (15, np.inf)),
        columns.rows(Work("settings", "baseline", **shape), {"share": (0.5, "")}),
    ]
    monkeypatch.setattr(bench, "bench", lambda *_: map(columns.table, parts))
    result = CliRunner().invoke(main, ["bench"])
    assert result.stderr.startswith("Warning: Other programs kept 1.3 cores busy at the start")
    verdict, more = result.stdout.splitlines()
    assert verdict.startswith("missed        14.0 ")
    assert more.endswith("ours would then be 7.00 times as fast.")


def test_provenance_names_machine_and_versions(few):
    note = bench._provenance(few, FULL, datetime.now(UTC))
    assert note["full"]
    assert note["dataset"] == {"name": "digits", "sha256": "few"}
    assert {"torch", "commit"} <= note["versions"].keys()
    assert "cores" in note["processor"]


@pytest.mark.slow
def test_everything_small(monkeypatch, tmp_path, bf16):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    out = tmp_path / "new" / "rows.parquet"
    yielded = pd.concat(bench.bench(Effort(1, 1, (32,), 1, **SMALL), out, "digits"))
    assert list(yielded) == columns.COLUMNS
    written = report.read(out.parent)
    assert len(written) == len(yielded)
    table = report.table(written)
    assert len(table) == 16
    measured = table[table["verdict"] != "not measured"]
    assert len(measured) == 13
    assert "" not in {*measured["ours"], *measured["compared"]}
    values = written.dropna(subset="value")
    assert np.array_equal(values["value"].clip(values["low"], values["high"]), values["value"])
    assert list(floor(written, batch=50)) == [
        "60 units, 1 seed, float32",
        "60 units, 1 seed, bf16",
        "50 units, 30 seeds, float32",
        "50 units, 30 seeds, bf16",
    ]
    for draw in (figures.baseline, figures.kinds, figures.shares, figures.straight):
        assert draw(written)._repr_svg_().startswith("<?xml")
    assert figures.threads(written)._repr_svg_().startswith("<?xml")


def test_a_data_set_smaller_than_a_batch_is_refused(monkeypatch):
    images, labels = np.zeros((60, 4, 5), np.uint8), np.arange(60) % 3
    monkeypatch.setitem(DATASETS, "mine", from_arrays(images, labels, images, labels))
    with pytest.raises(ff.DataError, match="needs 100 validation images, a batch, but mine has 9"):
        next(bench.bench(name="mine"))
