from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from synthetic import few, records, traces

from ff.stats.delay import TARGETS, mean_delay, seed_delays, sensitivity, slope
from ff.stats.resampling import Bootstrap
from ff.stats.survival import logrank, median_delay

FEW = Bootstrap(resamples=40)
CURVES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3)),
    elements=st.sampled_from([0.5, 0.6, 0.69, 0.7, 0.71, 0.8, 1.0]),
)


def reach(trace, target=0.7):
    """Return first epoch and crossing of one trace over epochs 1, 2, .., by a plain loop."""
    for i, value in enumerate(trace):
        if np.float32(value) >= np.float32(target):
            if i == 0:
                return 1, 1
            before = float(trace[i - 1])
            return i + 1, i + (target - before) / (float(value) - before)
    return np.nan, np.nan


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
        assert row["epoch"] == pytest.approx(first, nan_ok=True)
        assert row["crossing"] == pytest.approx(crossing, abs=1e-5, nan_ok=True)
        assert row["censored"] == np.isnan(first)
        assert row["last_epoch"] == accuracy.shape[1]


@few
@given(CURVES)
def test_mean_delays_are_those_of_the_mean_trace(accuracy):
    table = mean_delay(traces(accuracy), bootstrap=FEW)
    for row in table.to_dict("records"):
        first, crossing = reach(accuracy[:, :, row["layer"] - 1].mean(axis=0, dtype=float))
        assert row["epoch"] == pytest.approx(first, nan_ok=True)
        assert row["crossing"] == pytest.approx(crossing, abs=1e-5, nan_ok=True)


def test_intervals_of_the_mean_delay_are_those_of_a_loop_over_resamples():
    layers = records(seeds=5, jitter=1).layers
    row = mean_delay(layers, bootstrap=FEW).query("layer == 3").iloc[0]
    trace = layers[layers["layer"] == 3].pivot(index="seed", columns="epoch")["train_accuracy"]
    counts = np.random.default_rng(0).multinomial(5, [0.2] * 5, size=40)
    draws = [reach(np.repeat(trace.to_numpy(float), n, axis=0).mean(axis=0)) for n in counts]
    low, high = np.sort(draws, axis=0)[[0, 39]]  # ranks 0.975 and 38.025, rounded outward
    assert row[["epoch_low", "crossing_low"]].tolist() == pytest.approx(low, abs=1e-6)
    assert row[["epoch_high", "crossing_high"]].tolist() == pytest.approx(high, abs=1e-6)


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
    row = mean_delay(traces(np.full((4, 5, 1), 0.5)), bootstrap=FEW).iloc[0]
    assert row["censored"]
    assert row[["epoch", "crossing"]].isna().all()
    assert (row[["epoch_low", "epoch_high", "crossing_low", "crossing_high"]] == np.inf).all()
    assert row["last_epoch"] == 5


def test_an_interval_is_open_where_some_resamples_never_arrive():
    accuracy = np.full((10, 4, 1), 0.6)
    accuracy[:5, 2:] = 0.9  # half of the seeds: the mean of a resample may fall short of 0.7
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
    low, high = (mean_delay(traces(accuracy), target, bootstrap=FEW) for target in targets)
    for column in ["epoch", "epoch_low", "epoch_high", "crossing"]:
        if accuracy.shape[0] > 1 or "_" not in column:
            assert np.all(low[column].fillna(np.inf) <= high[column].fillna(np.inf) + 1e-6), column


@settings(max_examples=6)
@given(st.permutations(range(1, 6)))
def test_neither_order_of_rows_nor_names_of_seeds_matter(names):
    layers = records(seeds=5, jitter=1).layers
    shuffled = layers.sample(frac=1, random_state=names[0])
    straight, mixed = (mean_delay(table, bootstrap=FEW) for table in (layers, shuffled))
    pd.testing.assert_frame_equal(straight, mixed)
    renamed = shuffled.assign(seed=np.array(names)[shuffled["seed"] - 1])
    for analysis, columns in [
        (partial(mean_delay, bootstrap=FEW), ["hidden", "layer", "epoch", "crossing"]),
        (partial(slope, bootstrap=FEW), ["hidden", "segment", "slope", "scatter_low"]),
        (median_delay, ["hidden", "layer", "median", "low", "high"]),
        (logrank, ["hidden", "shallow", "deep", "statistic", "p_holm"]),
    ]:
        pd.testing.assert_frame_equal(analysis(layers)[columns], analysis(renamed)[columns])


def test_a_layer_keeps_its_delay_in_a_shallower_network():
    layers = records().layers
    shallow = mean_delay(layers.query("layer <= 2"))
    pd.testing.assert_frame_equal(shallow, mean_delay(layers).iloc[:2])


def test_the_slope_is_that_of_scipy_with_its_interval():
    layers = records(layers=7).layers
    table = mean_delay(layers, bootstrap=FEW)
    line = slope(layers, bootstrap=FEW).iloc[0]
    middle, _, low, high = stats.theilslopes(table["crossing"], table["layer"], 0.95)
    found = line[["slope", "scatter_low", "scatter_high"]].tolist()
    assert found == pytest.approx([middle, low, high])


def test_segments_share_the_middle_layer_of_an_odd_number():
    lines = slope(records(layers=5, epochs=15).layers, bootstrap=FEW).set_index("segment")
    ends = lines[["first_layer", "last_layer"]].to_numpy().tolist()
    assert dict(zip(lines.index, ends, strict=True)) == {
        "all": [1, 5],
        "shallow": [1, 3],
        "deep": [3, 5],
        "change": [1, 5],
    }


@pytest.mark.parametrize(("bend", "constant"), [(0, True), (0.1, False), (-0.1, False)])
def test_the_change_of_slope_tells_a_line_from_a_curve(bend, constant):
    layer, epoch = np.arange(8), np.arange(1, 31)[:, None]
    arrival = 3 + 1.5 * layer + bend * layer**2
    noise = np.random.default_rng(0).normal(0, 0.01, (20, 30, 8))
    lines = slope(traces(0.5 + 0.5 / (1 + np.exp(arrival - epoch)) + noise)).set_index("segment")
    change = lines.loc["change"]
    assert change["slope"] == pytest.approx(bend * 8, abs=0.1)  # 2 bend x layers between the halves
    assert change["low"] <= change["slope"] <= change["high"]
    assert (change["low"] <= 0 <= change["high"]) == constant
    assert lines.loc["all", "low"] > 0


def test_the_slope_is_over_the_layers_that_arrive():
    layers = records(layers=8, epochs=8, start=2, delay=1.5, noise=0).layers
    arrived = len(mean_delay(layers).dropna())
    assert 2 < arrived < 8
    line = slope(layers, bootstrap=FEW).iloc[0]
    assert line["last_layer"] == arrived
    assert line["slope"] == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize("arriving", [0, 1, 2])
def test_too_few_layers_have_no_slope(arriving):
    accuracy = np.full((3, 4, 3), 0.5)
    for layer in range(arriving):
        accuracy[:, layer + 1 :, layer] = 0.9
    lines = slope(traces(accuracy), bootstrap=FEW).set_index("segment")
    assert lines.loc["all", "slope"] == pytest.approx(1 if arriving == 2 else np.nan, nan_ok=True)
    assert np.isnan(lines.loc["change", "slope"])
    assert np.all(lines[["scatter_low", "scatter_high"]].isna())  # two points lie on their line


@pytest.mark.parametrize("analysis", [mean_delay, seed_delays, slope, median_delay, logrank])
def test_sensitivity_repeats_an_analysis_for_every_target(analysis):
    layers = records().layers
    table = sensitivity(layers, analysis)
    assert table["target"].unique().tolist() == list(TARGETS)
    one = table.query("target == 0.8").drop(columns="target")
    pd.testing.assert_frame_equal(one.reset_index(drop=True), analysis(layers, 0.8))


def test_widths_are_kept_apart():
    both = records(hidden=(100, 1000), jitter=1).layers
    for analysis in (mean_delay, slope, seed_delays, median_delay, logrank):
        apart = [analysis(both.query(f"hidden == {width}")) for width in (100, 1000)]
        together = analysis(both)
        pd.testing.assert_frame_equal(together, pd.concat(apart, ignore_index=True))
