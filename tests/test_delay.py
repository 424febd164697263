from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from synthetic import few, grid, reach, records, traces, without

from ff.stats.delay import (
    TARGETS,
    delay_of_mean,
    mean_delay,
    reach_of_mean,
    seed_delays,
    sensitivity,
    slope,
)
from ff.stats.survival import median_delay, sign_test

CURVES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3)),
    elements=st.sampled_from([0.5, 0.6, 0.69, 0.7, 0.71, 0.8, 1.0]),
)


def finite(value):
    """What a table holds: NaN where the target is never reached."""
    return pytest.approx(value if np.isfinite(value) else np.nan, abs=1e-5, nan_ok=True)


def alone(trace, **options):
    """Delay of a single seed and layer."""
    return seed_delays(traces(np.reshape(trace, (1, -1, 1))), **options).iloc[0]


@few
@given(CURVES, st.sampled_from([0.55, 0.7, 0.75]))
def test_seed_delays_are_those_of_a_plain_loop(accuracy, target):
    table = seed_delays(traces(accuracy), target)
    assert len(table) == accuracy.shape[0] * accuracy.shape[2]
    for row in table.to_dict("records"):
        first, crossing = reach(accuracy[row["seed"] - 1, :, row["layer"] - 1], target)
        assert row["epoch"] == finite(first)
        assert row["crossing"] == finite(crossing)
        assert row["censored"] == np.isinf(first)
        assert row["last_epoch"] == accuracy.shape[1]


@few
@given(CURVES)
def test_mean_delays_are_those_of_the_mean_trace(accuracy):
    table = mean_delay(traces(accuracy))
    for row in table.to_dict("records"):
        first, crossing = reach(accuracy[:, :, row["layer"] - 1].mean(axis=0, dtype=float))
        assert row["epoch"] == finite(first)
        assert row["crossing"] == finite(crossing)


@few
@given(st.integers(0, 99), st.sampled_from([0.6, 0.7, 0.9]))
def test_the_interval_is_where_the_band_of_the_mean_reaches_the_target(state, target):
    layers = records(seeds=5, jitter=1, epochs=9, random_state=state).layers
    table = mean_delay(layers, target)
    values = grid(layers, "layer")
    mean, half = values.mean(axis=0), stats.t.ppf(0.975, 4) * values.std(axis=0, ddof=1) / 5**0.5
    for row in table.to_dict("records"):
        ends = mean + half, mean - half
        early, late = (reach(end[:, row["layer"] - 1], target) for end in ends)
        assert [row["epoch_low"], row["crossing_low"]] == pytest.approx(early)
        assert [row["epoch_high"], row["crossing_high"]] == pytest.approx(late)


@few
@given(CURVES)
def test_a_delay_lies_in_its_interval(accuracy):
    epochs = np.arange(1, accuracy.shape[1] + 1)
    delay, low, high = delay_of_mean(accuracy.astype(float), epochs, 0.7)
    assert delay.shape == low.shape == high.shape == (2, accuracy.shape[2])
    if len(accuracy) == 1:
        assert np.isnan([low, high]).all()
    else:
        assert np.all(low <= delay + 1e-9)
        assert np.all(delay <= high + 1e-9)


def test_a_weight_counts_a_seed_so_often():
    values = grid(records(seeds=3, epochs=20, jitter=2).layers, "layer")
    statistic = reach_of_mean(values, np.arange(1, 21), 0.7)
    weights = np.array([[1, 1, 1], [2, 0, 1], [0, 0, 5]])
    for found, weight in zip(statistic(weights), weights, strict=True):
        mean = np.repeat(values, weight, axis=0).mean(axis=0)
        assert found == pytest.approx(np.transpose([reach(trace) for trace in mean.T]))


def test_the_delay_put_in_comes_out():
    layers = records(seeds=30, epochs=20, layers=8, start=3, delay=1.5, noise=0.003).layers
    table = mean_delay(layers, target=0.75)
    truth = 3 + 1.5 * np.arange(8)
    crossing = table["crossing"].to_numpy()
    assert crossing == pytest.approx(truth, abs=0.25)
    assert np.all(table["crossing_low"] < truth)
    assert np.all(table["crossing_high"] > truth)
    assert table["epoch"].tolist() == np.ceil(crossing).tolist()


def test_exactly_the_target_is_enough_although_float32_falls_short_of_it():
    assert float(np.float32(0.7)) < 0.7
    assert alone([0.5, 0.7, 0.9])[["epoch", "crossing"]].tolist() == [2, 2]
    assert mean_delay(traces(np.full((30, 2, 1), 0.7)))["epoch"].tolist() == [1]


def test_reached_at_the_first_epoch():
    assert alone([0.8, 0.9])[["epoch", "crossing"]].tolist() == [1, 1]


def test_dipping_below_again_changes_nothing():
    assert alone([0.6, 0.8, 0.5, 0.9])[["epoch", "crossing"]].tolist() == pytest.approx([2, 1.5])


def test_skipped_epochs_are_bridged():
    row = alone([np.nan, 0.5, np.nan, 0.9])
    assert row[["epoch", "crossing", "last_epoch"]].tolist() == pytest.approx([4, 3, 4])


def test_a_layer_that_never_arrives_is_censored():
    row = mean_delay(traces(np.full((4, 5, 1), 0.5))).iloc[0]
    assert row["censored"]
    assert row[["epoch", "crossing"]].isna().all()
    assert (row[["epoch_low", "epoch_high", "crossing_low", "crossing_high"]] == np.inf).all()
    assert row["last_epoch"] == 5


def test_an_interval_is_open_where_the_mean_may_never_arrive():
    accuracy = np.full((10, 4, 1), 0.6)
    accuracy[:5, 2:] = 0.9  # half of the seeds: the mean may as well be 0.64
    row = mean_delay(traces(accuracy)).iloc[0]
    assert row[["epoch", "epoch_low", "epoch_high"]].tolist() == [3, 3, np.inf]
    assert not row["censored"]


def test_a_layer_that_does_not_arrive_may_have_done_so_with_other_seeds():
    accuracy = np.full((10, 4, 1), 0.5)
    accuracy[:6, 2:] = 0.82  # the mean is 0.692
    row = mean_delay(traces(accuracy)).iloc[0]
    assert row["censored"]
    assert np.isnan(row["epoch"])
    assert row[["epoch_low", "epoch_high"]].tolist() == [3, np.inf]


def test_one_seed_gives_estimates_without_intervals():
    layers = records(seeds=1).layers
    table = mean_delay(layers)
    assert np.all(table["crossing"].notna())
    assert np.all(table[["epoch_low", "epoch_high", "crossing_low", "crossing_high"]].isna())
    assert not np.any(table["censored"])
    lines = slope(layers).set_index("segment")
    assert np.all(lines["slope"].notna())
    assert np.all(lines[["low", "high"]].isna())


def test_another_column_is_another_delay():
    layers = records(noise=0).layers
    train, validation = (
        mean_delay(layers, column=f"{c}_accuracy") for c in ("train", "validation")
    )
    assert np.all(validation["crossing"] > train["crossing"])


@few
@given(CURVES, st.tuples(*[st.floats(0.5, 1, width=32)] * 2).map(sorted))
def test_a_higher_target_is_never_reached_sooner(accuracy, targets):
    low, high = (mean_delay(traces(accuracy), target) for target in targets)
    for column in ["epoch", "epoch_low", "epoch_high", "crossing"]:
        if accuracy.shape[0] > 1 or "_" not in column:
            assert np.all(low[column].fillna(np.inf) <= high[column].fillna(np.inf) + 1e-6), column


@settings(max_examples=6)
@given(st.permutations(range(1, 6)))
def test_neither_order_of_rows_nor_names_of_seeds_matter(names):
    layers = records(seeds=5, jitter=1).layers
    shuffled = layers.sample(frac=1, random_state=names[0])
    straight, mixed = (mean_delay(table) for table in (layers, shuffled))
    pd.testing.assert_frame_equal(straight, mixed)
    renamed = shuffled.assign(seed=np.array(names)[shuffled["seed"] - 1])
    for analysis, columns in [
        (mean_delay, ["hidden", "layer", "epoch", "crossing"]),
        (slope, ["hidden", "segment", "slope", "low", "scatter_low"]),
        (median_delay, ["hidden", "layer", "median", "low", "high"]),
        (sign_test, ["hidden", "shallow", "deep", "later", "p_holm"]),
    ]:
        pd.testing.assert_frame_equal(analysis(layers)[columns], analysis(renamed)[columns])


def test_a_layer_keeps_its_delay_in_a_shallower_network():
    layers = records().layers
    shallow = mean_delay(layers.query("layer <= 2"))
    pd.testing.assert_frame_equal(shallow, mean_delay(layers).iloc[:2])


def test_the_slope_is_that_of_scipy_with_its_interval():
    layers = records(layers=7).layers
    table = mean_delay(layers)
    line = slope(layers).iloc[0]
    middle, _, low, high = stats.theilslopes(table["crossing"], table["layer"], 0.95)
    found = line[["slope", "scatter_low", "scatter_high"]].tolist()
    assert found == pytest.approx([middle, low, high])


def test_segments_share_the_middle_layer_of_an_odd_number():
    lines = slope(records(layers=5, epochs=15).layers).set_index("segment")
    ends = lines[["first_layer", "last_layer"]].to_numpy().tolist()
    assert dict(zip(lines.index, ends, strict=True)) == {
        "all": [1, 5],
        "shallow": [1, 3],
        "deep": [3, 5],
        "change": [1, 5],
        "ratio": [1, 5],
    }


@few
@given(st.integers(0, 99), st.integers(4, 8))
def test_the_interval_of_a_slope_leaves_out_one_seed_after_the_other(state, count):
    layers = records(count, seeds=6, epochs=20, jitter=1, noise=0.03, random_state=state).layers
    lines = slope(layers).set_index("segment")
    left = [slope(without(layers, seed)).set_index("segment")["slope"] for seed in range(1, 7)]
    for name, line in lines.to_dict("index").items():
        own = np.array([values[name] for values in left])
        half = stats.t.ppf(0.975, 5) * np.sqrt(5 / 6 * np.sum((own - own.mean()) ** 2))
        assert line["high"] - line["slope"] == pytest.approx(half)
        assert line["slope"] - line["low"] == pytest.approx(half)


def test_a_layer_that_one_seed_alone_carries_leaves_no_interval_of_the_slope():
    """Without that seed there is one layer, and no slope."""
    accuracy = np.full((5, 6, 2), 0.5)
    accuracy[:, 1:, 0] = 0.9
    accuracy[0, 3:, 1] = 1.0
    accuracy[1:, 3:, 1] = 0.65  # the mean is 0.72 with the first seed, 0.65 without it
    line = slope(traces(accuracy)).iloc[0]
    assert line["slope"] > 0
    assert np.isnan([line["low"], line["high"]]).all()


@few
@given(st.integers(0, 99), st.integers(4, 8))
def test_change_and_ratio_compare_the_two_halves(state, count):
    lines: Any = slope(records(count, epochs=20, noise=0.03, random_state=state).layers)
    found = lines.set_index("segment")["slope"]
    assert found["change"] == pytest.approx(found["deep"] - found["shallow"])
    assert found["ratio"] == pytest.approx(found["deep"] / found["shallow"])


@pytest.mark.parametrize(("bend", "constant"), [(0, True), (0.1, False), (-0.1, False)])
def test_the_change_of_slope_tells_a_line_from_a_curve(bend, constant):
    layer, epoch = np.arange(8), np.arange(1, 31)[:, None]
    arrival = 3 + 1.5 * layer + bend * layer**2
    noise = np.random.default_rng(0).normal(0, 0.01, (20, 30, 8))
    lines = slope(traces(0.5 + 0.5 / (1 + np.exp(arrival - epoch)) + noise)).set_index("segment")
    change = lines.loc["change"]
    assert change["slope"] == pytest.approx(bend * 8, abs=0.1)  # 2 bend x layers between the halves
    assert (change["low"] <= 0 <= change["high"]) == constant
    ratio = lines.loc["ratio"]
    assert (ratio["low"] <= 1 <= ratio["high"]) == constant
    assert ratio["slope"] == pytest.approx((1.5 + 11 * bend) / (1.5 + 3 * bend), abs=0.1)
    assert lines.loc["all", "low"] > 0


def test_the_slope_is_over_the_layers_that_arrive():
    layers = records(layers=8, epochs=8, start=2, delay=1.5, noise=0).layers
    arrived = len(mean_delay(layers).dropna())
    assert 2 < arrived < 8
    line = slope(layers).iloc[0]
    assert line["last_layer"] == arrived
    assert line["slope"] == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize("arriving", [0, 1, 2])
def test_too_few_layers_have_no_slope(arriving):
    accuracy = np.full((3, 4, 3), 0.5)
    for layer in range(arriving):
        accuracy[:, layer + 1 :, layer] = 0.9
    lines = slope(traces(accuracy)).set_index("segment")
    assert lines.loc["all", "slope"] == pytest.approx(1 if arriving == 2 else np.nan, nan_ok=True)
    assert lines.loc[["change", "ratio"], "slope"].isna().all()
    assert np.all(lines[["scatter_low", "scatter_high"]].isna())  # two points lie on their line


@pytest.mark.parametrize("analysis", [mean_delay, seed_delays, slope, median_delay, sign_test])
def test_sensitivity_repeats_an_analysis_for_every_target(analysis):
    layers = records().layers
    table = sensitivity(layers, analysis)
    assert table["target"].unique().tolist() == list(TARGETS)
    one = table.query("target == 0.8").drop(columns="target")
    pd.testing.assert_frame_equal(one.reset_index(drop=True), analysis(layers, 0.8))


def test_widths_are_kept_apart():
    both = records(hidden=(100, 1000), jitter=1).layers
    for analysis in (mean_delay, slope, seed_delays, median_delay, sign_test):
        apart = [analysis(both.query(f"hidden == {width}")) for width in (100, 1000)]
        together = analysis(both)
        pd.testing.assert_frame_equal(together, pd.concat(apart, ignore_index=True))
