"""Two sets of records of the same seeds, compared by hand."""

from typing import Any

import numpy as np
import pytest
import synthetic
from scipy import stats

import ff
from ff.records import Records
from ff.stats.agreement import agreement, unpaired


def shifted(records: Records, by: float) -> Records:
    layers = records.layers.assign(train_accuracy=records.layers["train_accuracy"] + by)
    return Records(layers, records.readouts, records.runs)


def test_a_run_agrees_with_itself() -> None:
    records = synthetic.records()
    table: Any = agreement(records, records)
    assert (table[["difference", "low", "high"]] == 0).all(axis=None)
    assert (table["spread"] > 0).all()
    assert table["within"].all()
    far: Any = agreement(records, shifted(records, 0.2))
    assert not far.query("quantity.str.startswith('accuracy')")["within"].any()
    assert len(table) == 3 * records.layers["hidden"].nunique()


def test_the_differences_are_those_of_paired_seeds() -> None:
    records = synthetic.records()
    other = shifted(records, 0.01)
    other.layers.loc[other.layers["seed"] == 1, "train_accuracy"] += 0.02
    table: Any = agreement(records, other)
    row = table.query("quantity.str.startswith('accuracy')").iloc[0]
    seeds = row["seeds"]
    assert row["difference"] == pytest.approx(0.01 + 0.02 / seeds, abs=1e-6)
    hidden: Any = records.layers[records.layers["hidden"] == row["hidden"]]
    means: Any = hidden.groupby("seed")["train_accuracy"].mean()
    assert row["spread"] == pytest.approx(np.std(means, ddof=1), rel=1e-5)
    theirs: Any = other.layers.groupby("seed")["train_accuracy"].mean()
    paired: Any = stats.ttest_rel(theirs.astype(float), means.astype(float))
    interval = paired.confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), abs=1e-6)
    later = table.query("quantity.str.startswith('delay')").iloc[0]
    assert later["difference"] < 0, "higher traces cross the target earlier"


def test_a_layer_that_never_arrives_is_delayed_at_least_until_the_end() -> None:
    records = synthetic.records(layers=2, noise=0, jitter=0.1)
    never = records.layers.assign(train_accuracy=0.5)
    table: Any = agreement(records, Records(never, records.readouts, ())).set_index("quantity")
    row = table.loc["delay of layers, epochs"]
    assert row["reference"] + row["difference"] == pytest.approx(12)
    assert not row["within"]


def test_a_single_seed_has_no_interval_and_agrees_with_nothing() -> None:
    records = synthetic.records(seeds=1)
    table: Any = agreement(records, records)
    assert (table["difference"] == 0).all()
    assert table[["low", "high", "spread"]].isna().all(axis=None)
    assert not table["within"].any()


def test_only_common_seeds_and_layers_count() -> None:
    records = synthetic.records()
    fewer = Records(
        records.layers.query("seed != 1 and layer <= 4"),
        records.readouts.query("seed != 1 and depth <= 4"),
        records.runs,
    )
    table: Any = agreement(records, fewer)
    assert (table["layers"] == 4).all()
    assert (table["seeds"] == records.layers["seed"].nunique() - 1).all()
    assert (table["difference"] == 0).all()


def test_records_without_a_common_seed_are_refused() -> None:
    records = synthetic.records()
    one, rest = (
        Records(records.layers.query(which), records.readouts.query(which), ())
        for which in ("seed == 1", "seed != 1")
    )
    with pytest.raises(ff.RecordsError, match="no seed of a width in common; train the same"):
        agreement(one, rest)


def test_seeds_that_are_no_pairs_are_compared_as_two_samples() -> None:
    records = synthetic.records(seeds=12)
    fewer = Records(
        records.layers.query("seed <= 3"), records.readouts.query("seed <= 3"), records.runs
    )
    table: Any = unpaired(records, shifted(fewer, 0.05)).set_index("quantity")
    row: Any = table.loc["accuracy of layers, mean of epochs"]
    per_seed: Any = records.layers.groupby("seed")["train_accuracy"].mean()
    values = per_seed.to_numpy(float)
    x, y = values[:3] + 0.05, values
    assert (row["seeds"], row["layers"]) == (3, 4)
    assert row["difference"] == pytest.approx(x.mean() - y.mean(), abs=1e-6)
    pooled = (2 * x.var(ddof=1) + 11 * y.var(ddof=1)) / 13
    half = stats.t.ppf(0.975, 13) * np.sqrt(pooled * (1 / 3 + 1 / 12))
    assert row["high"] - row["difference"] == pytest.approx(half, rel=1e-5)
    assert row["spread"] == pytest.approx(values.std(ddof=1), rel=1e-5)
    assert table.loc["network's accuracy at the end", "difference"] != 0, "not paired by seed"
    assert table["within"].tolist()[:2] == [False, False], "far above"
    below = unpaired(records, shifted(fewer, -0.05))
    assert below["within"].tolist()[:2] == [False, False], "far below"
    with pytest.raises(ff.RecordsError, match="the reference has no width 100"):
        unpaired(synthetic.records(hidden=(7,)), fewer)
