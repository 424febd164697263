"""Measurements of speed, read back and shown."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic

import ff
from ff import parquet, records
from ff.book import pages
from ff.book.figures import speed as performance_figures
from ff.book.performance import speed, targets
from ff.speed import columns, labels, report
from ff.speed.columns import Work
from ff.speed.floor import floor
from ff.stats import agreement

SHAPE = {"layers": 4, "hidden": 100, "seeds": 1, "precision": "float32"}
EPOCH = Work("epoch", "baseline", **SHAPE)
PRODUCTS = Work("products", "alone", "cpu", 4, 1000, 1, "bf16")
MEMORY = Work("memory", "least", "cuda", 32, 1000, 30, "tf32")


def rows(work: Work, target: tuple[float, float] | None = None, **quantities: Any) -> pd.DataFrame:
    """Quantities as (values, unit) of one piece of work."""
    return columns.table(columns.rows(work, quantities, target))


def measured(value: float, low: float = 1.0, high: float = 9.0) -> pd.DataFrame:
    """An epoch of 2 s beside one of 8 s, whose ratio is said to be `value`; and another row."""
    both = rows(EPOCH, (3.5, np.inf), **columns.compared(2.0, 8.0, value, "s"))
    both.loc[both["quantity"] == "ratio", ["low", "high"]] = low, high
    threads = columns.table(columns.curve(Work("threads", **SHAPE), [2], [0.5]))
    return pd.concat([both, threads], ignore_index=True)


def note(
    device: str,
    day: int = 1,
    commit: str = 40 * "a",
    torch: str = "2",
    threads: int = 2,
    full: bool = False,
    dataset: str = "mnist",
) -> dict:
    """Metadata of a file that `ff bench` writes."""
    return {
        "device": device,
        "versions": {"python": "3", "torch": torch, "commit": commit},
        "threads": threads,
        "full": full,
        "dataset": {"name": dataset, "sha256": dataset},
        "started": f"2026-11-0{day}T10:00",
        "wall_seconds": 1.0,
    }


@pytest.mark.parametrize(
    ("value", "target", "words", "expected"),
    [
        (1.8, (1.8, np.inf), "at least 1.8", "met"),
        (1.79, (1.8, np.inf), "at least 1.8", "missed"),
        (119.0, (-np.inf, 120.0), "at most 120", "met"),
        (121.0, (-np.inf, 120.0), "at most 120", "missed"),
        (0.9, (0.9, 1.1), "0.9 to 1.1", "met"),
        (0.89, (0.9, 1.1), "0.9 to 1.1", "missed"),
        (1.11, (0.9, 1.1), "0.9 to 1.1", "missed"),
        (np.nan, (-np.inf, 120.0), "at most 120", "not measured"),
    ],
)
def test_a_target_is_met_or_missed(value, target, words, expected):
    assert labels.target(*target) == words
    assert labels.target(target[0], target[1], "s") == f"{words} s"
    assert labels.verdict(value, *target) == expected


@pytest.mark.parametrize(
    ("work", "label", "means"),
    [
        (
            EPOCH,
            "an epoch, 4 layers of 100 units, 1 seed, float32",
            "times as fast as the baseline",
        ),
        (
            Work("table 1", "", "cuda", seeds=30, precision="tf32"),
            "all networks of Table 1, 30 seeds, tf32, on a GPU",
            "",
        ),
        (
            MEMORY,
            "peak memory, 32 layers of 1000 units, 30 seeds, tf32, on a GPU",
            "times the least memory",
        ),
        (Work("other programs"), "other programs", ""),
    ],
    ids=lambda work: work[0] if isinstance(work, Work) else "",
)
def test_a_label_is_made_of_columns(work, label, means):
    own = rows(work, ours=(1.0, "s"))
    assert (labels.work(own), labels.means(own.iloc[0])) == (label, means)


def test_a_straight_line_names_the_spans_that_it_compares():
    work = Work("straight: seeds", "5 to 16", layers=4, hidden=100, precision="float32")
    own = columns.table(
        [
            *columns.rows(work, columns.compared(1.0, 1.0, 1.0, "s")),
            *columns.curve(work, [4, 8, 16, 32], [1.0, 2.0, 4.0, 8.0]),
        ]
    )
    assert labels.work(own) == "each of seeds 17 to 32"
    assert labels.means(own.iloc[0]) == "times the cost of each of seeds 5 to 16"


def test_the_table_has_a_line_for_each_target():
    (line,) = report.table(measured(4.0)).to_dict("records")
    assert line == EPOCH._asdict() | {
        "label": "an epoch, 4 layers of 100 units, 1 seed, float32",
        "means": "times as fast as the baseline",
        "how": "",
        "verdict": "met",
        "ratio": "4.00",
        "spread": "[1.00,\N{NO-BREAK SPACE}9.00]",
        "target": "at least 3.5",
        "ours": "2.00 s",
        "compared": "8.00 s",
    }
    (text,) = report.lines(measured(4.0))
    shown = "met 4.00 [1.00, 9.00] at least 3.5 2.00 s 8.00 s "
    shown += "an epoch, 4 layers of 100 units, 1 seed, float32; "
    shown += "ratio: times as fast as the baseline"
    assert " ".join(text.split()) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5999, "0.600"), (14.0, "14.0"), (310.2, "310"), (0.01651, "0.0165"), (7706.4, "7,706")],
)
def test_numbers_have_three_digits(value, shown):
    (line,) = report.table(measured(value, value, value)).to_dict("records")
    assert line["ratio"] == shown


def test_a_page_shows_what_was_measured_and_lists_what_was_not():
    absent = columns.table(columns.missing(MEMORY, (-np.inf, 1.5), "no GPU"))
    for value, badge, runs in (
        (4.0, "\N{CHECK MARK} met", 3),
        (3.0, "\N{MULTIPLICATION X} missed", 0),
        (4.0, "met in 2 of 3 runs", 2),
        (3.0, "missed in 2 of 3 runs", 1),
    ):
        found = pd.concat([measured(value).assign(met=runs), absent.assign(met=0)])
        page = targets(found.assign(files=3))._repr_html_()
        table, below = page.split("</table>")
        assert table.count("<tr>") == 2
        ratio = f"<b>{value:.2f}</b> times as fast as the baseline [1.00,\N{NO-BREAK SPACE}9.00]"
        assert ratio in table
        assert "2.00 s against 8.00 s" in table
        assert f">{badge}</span>" in table
        assert below == f"<p>Not measured (no GPU): {labels.work(absent)}.</p>"


def test_what_is_compared_with_nothing_is_shown_alone():
    how = "extrapolated from 1 and 5 epochs <&>"
    work = Work("table 1", "", "cuda", seeds=30, precision="tf32")
    wall = columns.table(columns.rows(work, {"ours": (95.0, "s")}, (-np.inf, 120), how))
    page = targets(wall)._repr_html_()
    assert "on a GPU<br><small>extrapolated from 1 and 5 epochs &lt;&amp;&gt;</small>" in page
    assert "<b>95.0 s</b>" in page
    assert '<td data-head="Our target">at most 120 s<br>' in page
    assert "against" not in page


def test_a_sentence_says_how_fast_and_how_many_targets_are_met():
    for value, met in ((4.0, 1), (3.0, 0)):
        text = speed(measured(value))._repr_html_()
        assert f"takes 2.00 s, {value:.2f} times as fast as the baseline." in text
        assert f"measured on this machine: 1; met in every run: {met}." in text
    split = measured(4.0).assign(files=3, met=2)
    assert "measured on this machine: 1; met in every run: 0." in speed(split)._repr_html_()


def test_equal_settings_are_said_beside_the_ratio():
    share = rows(Work("settings", "baseline", **SHAPE), share=(0.5, ""))
    text = report.settings(pd.concat([measured(14.0), share]))
    assert "would take 0.50 of its time" in text
    assert "ours would then be 7.00 times as fast" in text


@pytest.mark.parametrize(("cores", "said"), [(0.0, ""), (0.19, ""), (1.26, "kept 1.3 cores busy")])
def test_other_programs_are_said_to_disturb(cores, said):
    frame = rows(Work("other programs"), busy=(cores, "cores"))
    text = report.disturbed(frame)
    assert said in text
    assert bool(text) == bool(said)
    assert report.disturbed(measured(4.0)) == ""


def test_files_of_a_machine_are_taken_together(tmp_path):
    """The median of the files, the least and the greatest; most files first."""
    for i, (value, device) in enumerate([(3.0, "b"), (5.0, "b"), (9.0, "b"), (7.0, "a")]):
        frame = measured(value, value - 0.5, value + 0.5)
        parquet.save(frame, tmp_path / f"{i}.parquet", note(device, day=i + 1))
    found: Any = report.read(tmp_path)
    ratio = found[found["quantity"] == "ratio"][["device_name", "value", "low", "high", "files"]]
    assert ratio.to_numpy().tolist() == [["b", 5, 2.5, 9.5, 3], ["a", 7, 6.5, 7.5, 1]]
    for device, verdict, day in (("b", "met in 2 of 3 runs", "03"), ("a", "met", "04")):
        own = found[found["device_name"] == device]
        assert report.table(own)["verdict"].tolist() == [verdict]
        assert set(own["started"]) == {f"2026-11-{day}T10:00"}
        assert own["quantity"].tolist() == ["ours", "compared", "ratio", "time"]


@pytest.mark.parametrize(
    "changes",
    [
        {"commit": 40 * "b"},
        {"commit": 40 * "a" + "+"},  # edited since
        {"torch": "3"},
        {"threads": 4},
        {"full": True},
        {"dataset": "fashion"},
    ],
    ids=str,
)
def test_what_was_measured_otherwise_is_not_mixed(tmp_path, changes):
    for i, other in enumerate([{}, {}, changes]):
        parquet.save(measured(3.0 + i), tmp_path / f"{i}.parquet", note("b", **other))
    found: Any = report.read(tmp_path)
    assert found.groupby("machine", sort=False)["files"].max().tolist() == [2, 1]
    first, second = (own for _, own in found.groupby("machine", sort=False))
    assert report.origin(first, first) == (
        "b, commit aaaaaaa, torch 2, 2 threads, mnist. Runs of ff bench: 2, the last on 2026-11-01."
    )
    said = " The first table is of another commit, aaaaaaa; training" in report.origin(
        second, first
    )
    assert said == ("commit" in changes)


def test_of_two_days_the_later_comes_first(tmp_path):
    for i, commit in enumerate("ab"):
        parquet.save(measured(3.0), tmp_path / f"{i}.parquet", note("m", day=i + 1, commit=commit))
    assert report.read(tmp_path)["commit"].tolist() == 4 * ["b"] + 4 * ["a"]


def test_a_file_of_other_columns_is_refused(tmp_path):
    former = measured(3.0).drop(columns="target_low")
    parquet.save(former, tmp_path / "former.parquet", note("b"))
    with pytest.raises(ff.RecordsError, match=r"no column 'target_low'.*measure anew with 'ff ben"):
        report.read(tmp_path)


def test_nothing_measured_yet_is_an_empty_table(tmp_path):
    found = report.read(tmp_path / "absent")
    assert found.empty
    assert {"device_name", *columns.COLUMNS, "files"} <= set(found)
    assert report.table(found).empty
    assert report.settings(found) == ""
    assert report.disturbed(found) == ""
    assert "<td>" not in targets(found)._repr_html_()
    assert "machine: 0" in speed(found)._repr_html_()
    figures = "baseline", "kinds", "shares", "straight", "threads"
    for draw in (getattr(performance_figures, name) for name in figures):
        assert repr(draw(found)).startswith("Not measured: ")


def test_what_was_measured_on_a_gpu_alone_says_so():
    gpu = rows(MEMORY, (-np.inf, 1.5), ratio=(1.4, ""))
    whole = {"machine": "m", "commit": "a", "started": "2026-11-01T10:00", "files": 1}
    said = "Only the work that needs a GPU was measured."
    assert said in report.origin(gpu.assign(**whole), gpu.assign(**whole))
    both = pd.concat([gpu, measured(4.0)]).assign(**whole)
    assert said not in report.origin(both, both)


def test_the_floor_is_products_and_memory():
    """Worked by hand: 1000 images, 4 layers of 1000, which is 33.256 GFLOP and 187.68 MB."""
    facts = {
        "compared": ((200.0, 300, 400), "GFLOP/s"),  # the best turn counts
        "copy": ((10.0, 15, 20), "GB/s"),
        "a step": (0.2, "s"),
        "side by side": (1.0, "seeds"),
    }
    epoch = rows(EPOCH._replace(hidden=1000, precision="bf16"), compared=(20.0, "s"))
    own = pd.concat([rows(PRODUCTS, made=(0.75, ""), **facts), epoch])
    found: Any = floor(own)["1000 units, 1 seed, bf16"]
    # Twice: 2 x 784 rows of the first layer, 3 x 5 x 1000 of the others, 3 x 2 x 10 of the readout.
    assert found["operations of a step's products"] == "33.3 GFLOP"
    # Of 4 bytes: 7 activities of each image and layer, and 5 numbers for each weight.
    assert found["memory traffic"] == "188 MB"
    assert found["share of them carried out"] == "75%"
    assert found["time for that share"] == "62.4 ms"  # 0.75 * 33.256 / 400 s
    assert found["time for this traffic"] == "9.38 ms"  # 187.68 / 20e3 s
    assert found["floor, the sum of both times"] == "71.7 ms"
    assert found["share of the products' own rate at the floor"] == "0.87"  # 62.4 of 71.7 ms
    assert found["measured time of a step"] == "200 ms"
    assert found["measured above the floor"] == "179%"
    # 50 steps take 4.157 s. 10,000 images of three kinds, 1000 of them shown with ten labels, too,
    # are 257.8 GFLOP, which take 0.645 s.
    assert found["time for all products of an epoch, one seed"] == "4.8 s"
    assert found["the baseline's epoch, as a multiple"] == "4.17"  # 20 s / 4.802 s
    # A probe of each layer: 2 x 4 x 2 x 10 million more in a step. Forward, they and the 3 layers'
    # parts in the readout's answer are 7 x 0.2 GFLOP more in an evaluation.
    probed: Any = floor(pd.concat([own, rows(PRODUCTS, operations=(33.416, "GFLOP"))]))
    assert probed["1000 units, 1 seed, bf16"]["operations of a step's products"] == "33.4 GFLOP"
    assert (
        probed["1000 units, 1 seed, bf16"]["time for all products of an epoch, one seed"]
        == "4.83 s"
    )
    former: Any = floor(rows(PRODUCTS, **facts))["1000 units, 1 seed, bf16"]
    assert former["the baseline's epoch, as a multiple"] == ""
    assert former["share of them carried out"] == "100%"
    absent = columns.missing(PRODUCTS, (0.75, np.inf), "why")
    assert floor(columns.table(absent)).empty
    assert floor(rows(PRODUCTS._replace(device="cuda"), **facts)).empty


def test_precisions_are_compared_where_a_width_was_measured_in_both_on_one_device(tmp_path):
    for name, device, changes in (
        ("one", "cpu (x86_64, 2 cores)", {}),
        ("two", "cpu (arm64, 8 cores)", {"precision": "bf16"}),
        ("three", "cpu (arm64, 8 cores)", {"precision": "tf32"}),
        ("card", "NVIDIA H100", {"precision": "bf16"}),  # another order of the images: no pair
        ("other", "cpu", {"precision": "bf16", "peer_momentum": 0.09}),  # another condition
        (".copy", "cpu", {}),  # nobody's
    ):
        found = synthetic.whole(synthetic.records(hidden=(100,), epochs=30))
        config = ff.Config(hidden=100, layers=[2, 4], seeds=5, **changes)
        versions = {"python": "3.12.0", "torch": "2.11.0", "commit": 40 * "a"}
        run = synthetic.origin(config.model_dump(mode="json"), device=device, versions=versions)
        records.write(ff.Records(found.layers, found.readouts, (run,)), tmp_path / name)
    table: Any = agreement.rounding(tmp_path)
    assert table.groupby(["hidden", "device", "precision"]).size().to_dict() == {
        (100, "CPU", "bf16"): 3,
        (100, "CPU", "tf32"): 3,
    }
    assert (table["difference"] == 0).all()
    said = "Trained: width 100, CPU, in float32 at commit aaaaaaa and in bf16 at commit aaaaaaa; "
    assert agreement.rounding_origin(tmp_path).startswith(said)
    run = {**run, "config": run["config"] | {"seeds": [9], "peer_momentum": 0.9}}
    run |= {"device": "cpu", "versions": versions | {"commit": 40 * "b"}}  # a seed without a pair
    alone = (rows.assign(seed=9) for rows in (found.layers, found.readouts))
    alone = [
        rows.drop_duplicates(["epoch", key])
        for rows, key in zip(alone, ("layer", "depth"), strict=True)
    ]
    records.write(ff.Records(*alone, runs=(run,)), tmp_path / "alone")
    assert "bbbbbbb" not in agreement.rounding_origin(tmp_path)
    assert agreement.rounding_origin(tmp_path / "one") == ""
    assert agreement.rounding(tmp_path / "one").empty


def test_differences_are_shown_with_their_intervals():
    row = {"hidden": 100, "seeds": 5, "layers": 4, "reference": 0.5, "difference": -0.00286}
    row |= {"low": -0.00535, "high": 0.0003, "spread": 0.0049, "within": False}
    parts = [
        row | {"quantity": name}
        for name in ("accuracy of layers, mean of epochs", "delay of layers, epochs")
    ]
    accuracy, delay = pages.differences(pd.DataFrame(parts)).to_dict("records")
    name = "difference [95 % interval]"
    assert accuracy[name] == "\N{MINUS SIGN}0.0029 [\N{MINUS SIGN}0.0053,\N{NO-BREAK SPACE}0.0003]"
    assert accuracy["within"] == "no"
    assert delay["mean of the reference"] == "0.50"
