"""Measurements of speed, read back and shown."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic

import ff
from ff import performance, records
from ff.roofline import evaluation, operations, products, traffic

PRODUCTS = "products, 4 layers of 1000, 1 seed, bf16 / alone"


def rows(*parts: tuple) -> pd.DataFrame:
    columns = ["row", "quantity", "value", "low", "high", "unit", "how", "target"]
    return pd.DataFrame(list(parts), columns=columns)


def measured(value: float, low: float = 1.0, high: float = 9.0) -> pd.DataFrame:
    return rows(
        ("an epoch", "ours", 2.0, 2.0, 2.0, "s", "measured", ""),
        ("an epoch", "compared", 8.0, 8.0, 8.0, "s", "measured", ""),
        ("an epoch", "ratio", value, low, high, "", "measured", "at least 3.5"),
        ("threads", "at 2", 0.5, 0.5, 0.5, "s", "measured", ""),
    )


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
        "": "met",
        "ratio": "4 [1,\N{NO-BREAK SPACE}9]",
        "target": "at least 3.5",
        "ours": "2 s",
        "compared": "8 s",
        "work / compared with": "an epoch",
    }
    (text,) = performance.lines(measured(4.0))
    assert " ".join(text.split()) == "met 4 [1, 9] at least 3.5 2 s 8 s an epoch"


def test_files_of_a_machine_are_taken_together(tmp_path):
    """The median of the files, the least and the greatest; most files first."""
    for i, (value, device) in enumerate([(3.0, "b"), (5.0, "b"), (9.0, "b"), (7.0, "a")]):
        frame = measured(value, value - 0.5, value + 0.5)
        versions = {"torch": "2", "commit": 40 * "a"}
        note = {"device": device, "versions": versions, "started": f"2026-11-0{i + 1}T10:00"}
        records.save(frame, tmp_path / f"{i}.parquet", note)
    found: Any = performance.read(tmp_path)
    ratio = found[found["quantity"] == "ratio"][["device", "value", "low", "high", "files"]]
    assert ratio.to_numpy().tolist() == [["b", 5, 2.5, 9.5, 3], ["a", 7, 6.5, 7.5, 1]]
    for device, verdict, made in (("b", "met (met in 2 of 3 runs)", "03"), ("a", "met", "04")):
        own = found[found["device"] == device]
        assert performance.table(own)[""].tolist() == [verdict]
        assert set(own["made"]) == {f"2026-11-{made}, torch 2, commit aaaaaaa"}


def test_nothing_measured_yet_is_an_empty_table(tmp_path):
    found = performance.read(tmp_path / "absent")
    assert found.empty
    assert {"device", "row", "files"} <= set(found)
    assert performance.table(found).empty


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
    assert floor["of these made"] == "75%"
    assert floor["their products alone"] == f"{0.75 * alone:.3g} ms"
    assert floor["floor"] == f"{0.75 * alone + moved:.3g} ms"
    assert floor["measured"] == "200 ms"
    assert floor["above the floor"] == f"{200 / (0.75 * alone + moved) - 1:.0%}"
    epoch = 50 * alone / 1e3 + operations(evaluation([4], 1000, 10_000, 1000)) / 400e9
    assert floor["all products of an epoch, one seed"] == f"{epoch:.3g} s"
    assert floor["published style / these"] == f"{20 / epoch:.3g}"
    assert performance.floor(rows(*parts[:-1])).loc["published style / these"].tolist() == [""]
    former = [part for part in parts if part[1] != "made"]
    assert performance.floor(rows(*former)).loc["of these made"].tolist() == ["100%"]
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
        records.write(ff.Records(found.layers, found.readouts, (run,)), tmp_path / name)
    table: Any = performance.rounding(tmp_path)
    assert set(table["hidden"]) == {100}
    assert (table["difference"] == 0).all()
    assert performance.rounding(tmp_path / "one").empty
