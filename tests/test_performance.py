"""Measurements of speed, read back and shown."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic

import ff
from ff import records
from ff.book import pages
from ff.book import speed_figures as performance_figures
from ff.book.performance import speed, targets
from ff.speed import report as performance
from ff.speed.roofline import evaluation, operations, products, traffic
from ff.stats import agreement

EPOCH = "an epoch, 4 layers of 100, float32 / the published style"
PRODUCTS = "products, 4 layers of 1000, 1 seed, bf16 / alone"


def rows(*parts: tuple) -> pd.DataFrame:
    columns = ["row", "quantity", "value", "low", "high", "unit", "how", "target"]
    return pd.DataFrame(list(parts), columns=columns)


def measured(value: float, low: float = 1.0, high: float = 9.0) -> pd.DataFrame:
    return rows(
        (EPOCH, "ours", 2.0, 2.0, 2.0, "s", "measured", ""),
        (EPOCH, "compared", 8.0, 8.0, 8.0, "s", "measured", ""),
        (EPOCH, "ratio", value, low, high, "", "measured", "at least 3.5"),
        ("threads", "at 2", 0.5, 0.5, 0.5, "s", "measured", ""),
    )


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
        "versions": {"torch": torch, "commit": commit},
        "threads": threads,
        "full": full,
        "dataset": {"name": dataset},
        "started": f"2026-11-0{day}T10:00",
    }


@pytest.mark.parametrize(
    ("value", "target", "expected"),
    [
        (1.8, "at least 1.8", "met"),
        (1.79, "at least 1.8", "missed"),
        (119.0, "at most 120", "met"),
        (121.0, "at most 120", "missed"),
        (0.9, "0.9 to 1.1", "met"),
        (0.89, "0.9 to 1.1", "missed"),
        (1.11, "0.9 to 1.1", "missed"),
        (np.nan, "at most 120", "not measured"),
    ],
)
def test_a_target_is_met_or_missed(value, target, expected):
    assert performance.met(value, target) == expected


def test_the_table_has_a_line_for_each_target():
    (line,) = performance.table(measured(4.0)).to_dict("records")
    assert line == {
        "work": "an epoch, 4 layers of 100, float32",
        "beside": "the published style",
        "how": "",
        "verdict": "met",
        "ratio": "4.00 [1.00,\N{NO-BREAK SPACE}9.00]",
        "target": "at least 3.5",
        "ours": "2.00 s",
        "compared": "8.00 s",
    }
    (text,) = performance.lines(measured(4.0))
    shown = f"met 4.00 [1.00, 9.00] at least 3.5 2.00 s 8.00 s {EPOCH}"
    assert " ".join(text.split()) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5999, "0.600"), (14.0, "14.0"), (310.2, "310"), (0.01651, "0.0165"), (7706.4, "7,706")],
)
def test_numbers_have_three_digits(value, shown):
    (line,) = performance.table(measured(value, value, value)).to_dict("records")
    assert line["ratio"] == shown


def test_a_page_shows_what_was_measured_and_lists_what_was_not():
    unknown = np.nan, np.nan, np.nan, "", "not measured: no GPU", "at most 1"
    absent = rows(
        *(("memory / the least", name, *unknown) for name in ("ours", "compared", "ratio"))
    )
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
        assert f"<b>{value:.2f}</b> [1.00,\N{NO-BREAK SPACE}9.00]" in table
        assert "2.00 s beside 8.00 s" in table
        assert f">{badge}</span>" in table
        assert below == "<p>Not measured (no GPU): memory.</p>"


def test_what_is_compared_with_nothing_is_shown_alone():
    row, how = "300 runs on a GPU <&>, seconds", "extrapolated from 1 and 5 epochs"
    wall = rows(
        (row, "ours", 95.0, 95.0, 95.0, "s", how, ""),
        (row, "compared", np.nan, np.nan, np.nan, "s", how, ""),
        (row, "ratio", 95.0, 95.0, 95.0, "s", how, "at most 120"),
    )
    page = targets(wall)._repr_html_()
    assert "300 runs on a GPU &lt;&amp;&gt;, seconds<br><small>extrapolated from 1" in page
    assert "<small>95.0 s</small>" in page
    assert "beside" not in page


def test_a_sentence_says_how_fast_and_how_many_targets_are_met():
    for value, met in ((4.0, 1), (3.0, 0)):
        text = speed(measured(value))._repr_html_()
        assert f"takes 2.00 s, {value:.2f} times as fast as the published style" in text
        assert f"measured on this machine: 1, met in every run: {met}." in text
    split = measured(4.0).assign(files=3, met=2)
    assert "measured on this machine: 1, met in every run: 0." in speed(split)._repr_html_()


def test_equal_settings_are_said_beside_the_ratio():
    row = "the published style with our settings, 4 layers of 100"
    share = rows((row, "share", 0.5, 0.5, 0.5, "", "extrapolated from 20 steps", ""))
    text = performance.settings(pd.concat([measured(14.0), share]))
    assert "would take 0.50 of its time" in text
    assert "ours is 7.00 times as fast" in text


@pytest.mark.parametrize(("cores", "said"), [(0.0, ""), (0.19, ""), (1.26, "kept 1.3 cores busy")])
def test_other_programs_are_said_to_disturb(cores, said):
    frame = rows(("other programs", "busy", cores, cores, cores, "cores", "measured", ""))
    text = performance.disturbed(frame)
    assert said in text
    assert bool(text) == bool(said)
    assert performance.disturbed(measured(4.0)) == ""


def test_files_of_a_machine_are_taken_together(tmp_path):
    """The median of the files, the least and the greatest; most files first."""
    for i, (value, device) in enumerate([(3.0, "b"), (5.0, "b"), (9.0, "b"), (7.0, "a")]):
        frame = measured(value, value - 0.5, value + 0.5)
        records.save(frame, tmp_path / f"{i}.parquet", note(device, day=i + 1))
    found: Any = performance.read(tmp_path)
    ratio = found[found["quantity"] == "ratio"][["device", "value", "low", "high", "files"]]
    assert ratio.to_numpy().tolist() == [["b", 5, 2.5, 9.5, 3], ["a", 7, 6.5, 7.5, 1]]
    for device, verdict, day in (("b", "met in 2 of 3 runs", "03"), ("a", "met", "04")):
        own = found[found["device"] == device]
        assert performance.table(own)["verdict"].tolist() == [verdict]
        assert set(own["started"]) == {f"2026-11-{day}T10:00"}
        assert own["quantity"].tolist() == ["ours", "compared", "ratio", "at 2"]


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
        records.save(measured(3.0 + i), tmp_path / f"{i}.parquet", note("b", **other))
    found: Any = performance.read(tmp_path)
    assert found.groupby("machine", sort=False)["files"].max().tolist() == [2, 1]
    first, second = (own for _, own in found.groupby("machine", sort=False))
    assert performance.origin(first, first) == (
        "b, commit aaaaaaa, torch 2, 2 threads, mnist, 2026-11-01, runs of ff bench: 2."
    )
    said = " Another commit than aaaaaaa: the engine may differ" in performance.origin(
        second, first
    )
    assert said == ("commit" in changes)


def test_of_two_days_the_later_comes_first(tmp_path):
    for i, commit in enumerate("ab"):
        records.save(measured(3.0), tmp_path / f"{i}.parquet", note("m", day=i + 1, commit=commit))
    assert performance.read(tmp_path)["commit"].tolist() == 4 * ["b"] + 4 * ["a"]


def test_nothing_measured_yet_is_an_empty_table(tmp_path):
    found = performance.read(tmp_path / "absent")
    assert found.empty
    assert {"device", "row", "files"} <= set(found)
    assert performance.table(found).empty
    assert performance.settings(found) == ""
    assert performance.disturbed(found) == ""
    assert "<td>" not in targets(found)._repr_html_()
    assert "machine: 0" in speed(found)._repr_html_()
    figures = "baseline", "kinds", "shares", "straight", "threads"
    for draw in (getattr(performance_figures, name) for name in figures):
        assert repr(draw(found)).startswith("Not measured: ")


def test_the_floor_is_products_and_memory():
    facts = {"compared": (300.0, 400.0, "GFLOP/s"), "copy": (15.0, 20.0, "GB/s")}  # at best, 400
    facts |= {"a step": (0.2, 0.3, "s"), "side by side": (1.0, 1.0, "seeds")}
    facts |= {"made": (0.75, 0.75, "")}
    style = "an epoch, 4 layers of 1000, bf16 / the published style"
    parts = [
        (PRODUCTS, name, value, value, high, unit, "measured", "")
        for name, (value, high, unit) in facts.items()
    ]
    parts.append((style, "compared", 20.0, 20.0, 20.0, "s", "measured", ""))
    floor: Any = performance.floor(rows(*parts))["1000 units, 1 seed, bf16"]
    alone = operations(products([4], 1000, 1000)) / 400e9 * 1e3
    moved = traffic(4, 1000, 1000) / 20e9 * 1e3
    assert floor["share that is made"] == "75%"
    assert floor["time for these products alone"] == f"{0.75 * alone:.3g} ms"
    assert floor["floor"] == f"{0.75 * alone + moved:.3g} ms"
    assert floor["measured"] == "200 ms"
    assert floor["above the floor"] == f"{200 / (0.75 * alone + moved) - 1:.0%}"
    epoch = 50 * alone / 1e3 + operations(evaluation([4], 1000, 10_000, 1000)) / 400e9
    assert floor["all products of an epoch, one seed"] == f"{epoch:.3g} s"
    assert floor["published style, as many times that"] == f"{20 / epoch:.3g}"
    without = performance.floor(rows(*parts[:-1]))
    assert without.loc["published style, as many times that"].tolist() == [""]
    former = [part for part in parts if part[1] != "made"]
    assert performance.floor(rows(*former)).loc["share that is made"].tolist() == ["100%"]
    absent = [(PRODUCTS, "compared", np.nan, np.nan, np.nan, "", "not measured: why", "")]
    assert performance.floor(rows(*absent)).empty


def test_bf16_is_compared_where_a_width_was_measured_in_both_precisions(tmp_path):
    for name, precision, momentum in (
        ("one", "float32", 0.9),
        ("two", "bf16", 0.9),
        ("other", "bf16", 0.09),  # not the primary condition: would be the same seeds twice
    ):
        found = synthetic.records(hidden=(100,))
        run = {"config": {"hidden": 100, "precision": precision, "peer_momentum": momentum}}
        run |= {"versions": {"commit": 40 * "a"}}
        records.write(ff.Records(found.layers, found.readouts, (run,)), tmp_path / name)
    table: Any = agreement.rounding(tmp_path)
    assert set(table["hidden"]) == {100}
    assert (table["difference"] == 0).all()
    said = "Trained: width 100 in float32 at commit aaaaaaa and in bf16 at commit aaaaaaa."
    assert agreement.rounding_origin(tmp_path) == said
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
    name = "bf16 minus float32"
    assert accuracy[name] == "\N{MINUS SIGN}0.0029 [\N{MINUS SIGN}0.0053, 0.0003]"
    assert accuracy["within"] == "no"
    assert delay["float32"] == "0.50"
