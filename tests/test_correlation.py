import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic import few, records, without

import ff
from ff.stats.correlation import (
    by_span,
    depth_trend,
    first_differences,
    lagged,
    matched,
    partial,
    pooled,
    within_epoch,
)

ANALYSES = [pooled, within_epoch, partial, first_differences]
COEFFICIENTS = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}


def paired(run, depth, layer):
    """Return accuracies (layer, network) of the pairs of seed and epoch, by a join."""
    layers = run.layers.query(f"layer == {layer}")
    readouts = run.readouts.query(f"depth == {depth}")
    both = layers.merge(readouts, on=["hidden", "seed", "epoch"], suffixes=("", "_overall"))
    ordered = both.set_index(["seed", "epoch"]).sort_index()
    return ordered[["train_accuracy", "train_accuracy_overall"]].to_numpy().T


def test_pooled_is_the_correlation_of_the_joined_tables():
    run = records(jitter=1, noise=0.05)
    table = pooled(run.layers, run.readouts)
    for row in table.to_dict("records"):
        pairs = paired(run, row["depth"], row["layer"])
        assert row["r"] == pytest.approx(COEFFICIENTS[row["coefficient"]](*pairs)[0])
        assert (row["seeds"], row["epochs"]) == (5, 12)


def by_seed(analysis, run, seeds):
    """Return values of an analysis without each seed in turn: (seeds, rows)."""
    column = "slope" if analysis is depth_trend else "r"
    left = [
        analysis(*(without(table, seed) for table in (run.layers, run.readouts)))
        for seed in range(1, seeds + 1)
    ]
    return np.array([table[column] for table in left])


@few
@given(st.sampled_from([*ANALYSES, depth_trend]), st.integers(3, 6), st.integers(0, 99))
def test_intervals_leave_out_one_seed_after_the_other(analysis, seeds, state):
    run = records(seeds=seeds, jitter=1, noise=0.05, epochs=8, random_state=state)
    table = analysis(run.layers, run.readouts)
    left = by_seed(analysis, run, seeds)
    plain = analysis is depth_trend
    value = table["slope" if plain else "r"].to_numpy()
    if not plain:  # an interval is symmetric on Fisher's scale
        left, value = np.arctanh(left), np.arctanh(value)
    error = np.sqrt((seeds - 1) * left.var(axis=0))
    for column, side in (("low", -1), ("high", 1)):
        end = value + side * stats.t.ppf(0.975, seeds - 1) * error
        assert table[column].to_numpy() == pytest.approx(end if plain else np.tanh(end), abs=1e-6)


def test_the_strength_of_a_negative_correlation_is_positive():
    run = records()
    falling = run.readouts.assign(train_accuracy=1 - run.readouts["train_accuracy"])
    up, down = (pooled(run.layers, table) for table in (run.readouts, falling))
    assert down["r"].to_numpy() == pytest.approx(-up["r"].to_numpy())
    assert down["low"].to_numpy() == pytest.approx(-up["high"].to_numpy())
    for column in ["strength", "strength_low", "strength_high"]:
        assert down[column].to_numpy() == pytest.approx(up[column].to_numpy())
        assert np.all(down[column] > 0)
    trends = [
        depth_trend(run.layers, table).to_numpy()[:, 3:].astype(float)
        for table in (run.readouts, falling)
    ]
    assert trends[0] == pytest.approx(trends[1])


def test_a_network_is_paired_with_its_own_layers():
    run = records(layers=8, depths=(2, 4, 8))
    table = pooled(run.layers, run.readouts)
    pairs = table.query("coefficient == 'pearson'")[["depth", "layer"]].to_numpy().tolist()
    assert pairs == [[depth, layer] for depth in (2, 4, 8) for layer in range(1, depth + 1)]


@pytest.mark.parametrize("analysis", [*ANALYSES, depth_trend])
def test_order_of_rows_does_not_matter_and_widths_are_kept_apart(analysis):
    run = records(hidden=(30, 100), jitter=1)
    expected = analysis(run.layers, run.readouts)
    mixed = (table.sample(frac=1, random_state=1) for table in (run.layers, run.readouts))
    pd.testing.assert_frame_equal(analysis(*mixed), expected)
    apart = [
        analysis(*(t.query(f"hidden == {width}") for t in (run.layers, run.readouts)))
        for width in (30, 100)
    ]
    pd.testing.assert_frame_equal(pd.concat(apart, ignore_index=True), expected)


def test_shared_progress_alone_correlates_until_it_is_removed():
    run = records(seeds=30, jitter=0, noise=0.02)  # seeds differ by noise that is not shared
    arguments = (run.layers, run.readouts)
    assert np.all(pooled(*arguments)["low"] > 0.6)
    for analysis in (within_epoch, partial):
        table = analysis(*arguments)
        assert np.all(abs(table["r"]) < 0.2)
        holds = (table["low"] < 0) & (table["high"] > 0)
        assert np.mean(holds) >= 0.75, "of 12 intervals, a few may miss"
    gains = first_differences(*arguments)
    assert np.all(gains.query("layer == depth")["low"] > 0.3)  # still rise at the same epochs
    assert np.all(gains.query("layer == 1 and depth == 4")["high"] < 0.1)  # take turns


def test_what_seeds_share_beyond_progress_is_kept():
    run = records(seeds=30, jitter=1, noise=0.001)
    for analysis in (within_epoch, partial):
        table = analysis(run.layers, run.readouts)
        assert np.all(table.query("layer == depth and coefficient == 'pearson'")["low"] > 0.8)


def test_within_epochs_every_epoch_counts_the_same():
    run = records(jitter=1)
    table = within_epoch(run.layers, run.readouts)
    x, y = paired(run, 4, 3).reshape(2, 5, 12)
    for row in table.query("depth == 4 and layer == 3").to_dict("records"):
        r = [COEFFICIENTS[row["coefficient"]](a, b)[0] for a, b in zip(x.T, y.T, strict=True)]
        z = np.arctanh(np.clip(r, -0.999999, 0.999999))
        assert row["r"] == pytest.approx(np.tanh(z.mean()))


def test_other_columns_can_be_paired_and_skipped_epochs_are_left_out():
    run = records(jitter=1)
    odd = run.layers["epoch"] % 2 == 1
    layers = run.layers.assign(
        validation_accuracy=np.where(odd, np.nan, run.layers["validation_accuracy"])
    )
    readouts = run.readouts.assign(error=1 - run.readouts["train_accuracy"])
    found = pooled(layers, readouts, "validation_accuracy", "error")
    even, readouts = (table.query("epoch % 2 == 0") for table in (run.layers, run.readouts))
    expected = pooled(even, readouts)
    assert found["epochs"].unique().tolist() == expected["epochs"].unique().tolist() == [6]
    assert found["r"].to_numpy() == pytest.approx(-expected["r"].to_numpy(), abs=1e-6)


@pytest.mark.parametrize("analysis", ANALYSES)
def test_a_layer_that_never_moves_has_no_correlation(analysis):
    run = records(seeds=10)
    still = run.layers.assign(
        train_accuracy=np.where(run.layers["layer"] == 4, 0.7, run.layers["train_accuracy"])
    )
    table = analysis(still, run.readouts)
    values = table[["r", "low", "high", "strength", "strength_low", "strength_high"]]
    assert np.array_equal(values.isna().all(axis=1), table["layer"] == 4)
    assert np.array_equal(values.isna().any(axis=1), table["layer"] == 4)


@pytest.mark.parametrize(("seeds", "known"), [(2, False), (3, True)])
def test_within_epochs_two_seeds_have_no_interval(seeds, known):
    run = records(seeds=seeds)
    table = within_epoch(run.layers, run.readouts)
    assert not np.isnan(table["r"]).any()
    ends = table[["low", "high", "strength_low", "strength_high"]].to_numpy()
    assert (np.isfinite(ends) == known).all()


def test_an_interval_that_holds_zero_has_no_least_strength():
    run = records(seeds=6, jitter=0, noise=0.02)
    table = within_epoch(run.layers, run.readouts)
    both = (table["low"] < 0) & (table["high"] > 0)
    assert np.any(both)
    ends = table[["low", "high"]].abs().to_numpy()
    least = np.where(both, 0, ends.min(axis=1))
    assert table["strength_low"].to_numpy() == pytest.approx(least)
    assert table["strength_high"].to_numpy() == pytest.approx(ends.max(axis=1))


@pytest.mark.parametrize("analysis", ANALYSES)
def test_intervals_stay_between_minus_one_and_one(analysis):
    run = records(seeds=3, jitter=2, noise=0.2)
    table = analysis(run.layers, run.readouts)
    assert (table["high"] - table["low"]).max() > 0.8, "three seeds say little"
    assert table[["r", "low", "high"]].abs().max(axis=None) <= 1
    assert np.all((table["low"] < table["r"]) & (table["r"] < table["high"]))


@pytest.mark.parametrize("analysis", [pooled, first_differences, depth_trend])
def test_one_seed_gives_estimates_without_intervals(analysis):
    run = records(seeds=1)
    table = analysis(run.layers, run.readouts)
    assert np.all(table.iloc[:, -1 if analysis is depth_trend else -4].isna())
    assert np.all(table["slope" if analysis is depth_trend else "r"].notna())


@pytest.mark.parametrize("analysis", [within_epoch, partial])
def test_one_seed_does_not_vary_within_an_epoch(analysis):
    run = records(seeds=1)
    assert np.all(analysis(run.layers, run.readouts)["r"].isna())


def test_tables_that_do_not_belong_together_are_refused():
    run = records()
    others = run.readouts.assign(seed=run.readouts["seed"] + 1)
    for readouts in (others, run.readouts.assign(hidden=7)):
        with pytest.raises(ff.RecordsError, match=r"hidden 100 .* take both from the same records"):
            pooled(run.layers, readouts)


def test_the_trend_is_the_slope_of_strength_over_layers():
    run = records(layers=8, depths=(1, 2, 8), seeds=20, epochs=20)
    trend = depth_trend(run.layers, run.readouts)
    table = pooled(run.layers, run.readouts)
    for row in trend.to_dict("records"):
        own = table.query(f"depth == {row['depth']} and coefficient == '{row['coefficient']}'")
        if row["depth"] == 1:
            assert np.isnan(row["slope"])
        else:
            slope = stats.theilslopes(own["strength"], own["layer"])[0]
            assert row["slope"] == pytest.approx(slope)
            assert row["low"] <= row["slope"] <= row["high"]
    assert len(trend) == 6


def test_the_trend_tells_which_layers_learn_with_the_network():
    run = records(layers=8, depths=(8,), seeds=20, epochs=20)
    first = run.layers.query("layer == 1").rename(columns={"layer": "depth"}).assign(depth=8)
    like_first, like_last = (
        depth_trend(run.layers, readouts) for readouts in (first, run.readouts)
    )
    assert np.all(like_first["high"] < 0)
    assert np.all(like_last["low"] > 0)


def test_the_trend_leaves_out_a_layer_without_a_correlation():
    run = records(layers=4, depths=(4,))
    still = run.layers.assign(
        train_accuracy=np.where(run.layers["layer"] == 2, 0.5, run.layers["train_accuracy"])
    )
    expected = depth_trend(still.query("layer != 2"), run.readouts)
    pd.testing.assert_frame_equal(depth_trend(still, run.readouts), expected)


def later(run, by, seeds=5):
    """Return `run` with layers 1 and 2 whose gains are its network's `by` epochs earlier.

    Layer 2 also repeats them upside down. Gains before the first epoch are noise.
    """
    rng = np.random.default_rng(1)
    network = run.readouts.query("depth == 4").pivot(index="seed", columns="epoch")
    gains = np.diff(network["train_accuracy"].to_numpy(float), axis=1)
    n = gains.shape[1]
    own = rng.normal(0, 0.02, gains.shape)
    own[:, max(by, 0) : n + min(by, 0)] = gains[:, max(-by, 0) : n - max(by, 0)]
    curves = np.concatenate([np.full((seeds, 1), 0.5), 0.5 + own.cumsum(axis=1)], axis=1)
    layers = run.layers.query("layer <= 2").sort_values(["layer", "seed", "epoch"])
    both = np.concatenate([curves.ravel(), 1 - curves.ravel()])
    return layers.assign(train_accuracy=both), run.readouts.query("depth == 4")


@pytest.mark.parametrize("by", [0, 1, 4])
def test_a_layer_that_repeats_the_network_s_gains_correlates_at_its_delay(by):
    table = lagged(*later(records(noise=0.05, epochs=15), by), 5)
    assert table.columns[0] == "lag"
    assert table["lag"].unique().tolist() == list(range(6))
    first, second = (table.query(f"lag == {by} and layer == {layer}") for layer in (1, 2))
    assert first["r"].to_numpy() == pytest.approx(1, abs=1e-6)
    assert second["r"].to_numpy() == pytest.approx(-1, abs=1e-6)
    assert np.all(table.query(f"lag != {by}")["strength"] < 0.9)


def test_a_layer_that_is_its_network_correlates_less_the_longer_the_lag():
    run = records(epochs=20, start=6, jitter=1, noise=0)
    network = run.readouts.query("depth == 4")
    table = lagged(network.rename(columns={"depth": "layer"}), network)
    assert table["lag"].unique().tolist() == list(range(10)), "half of 19 gains"
    for _, own in table.groupby("coefficient"):
        r = own["r"].to_numpy()
        assert r[0] == pytest.approx(1)
        assert np.all(r[1:] < r[0])
        falling = r[: np.argmin(r) + 1]
        assert len(falling) > 3
        assert np.all(np.diff(falling) < 0)


@pytest.mark.parametrize("longest", [0, 2, 7])
def test_lagged_gains_correlate_as_scipy_says(longest):
    """At every lag of as many gains, the network's being the same."""
    run = records(jitter=1, noise=0.05)
    table = lagged(run.layers, run.readouts, longest)
    assert table["lag"].unique().tolist() == list(range(longest + 1))
    for row in table.to_dict("records"):
        lag = row["lag"]
        x, y = paired(run, row["depth"], row["layer"]).astype(float).reshape(2, 5, 12)
        pairs = [
            (x[seed, epoch + lag] - x[seed, epoch + lag - 1], y[seed, epoch] - y[seed, epoch - 1])
            for seed in range(5)
            for epoch in range(1, 12 - longest)
        ]
        assert len(pairs) == 5 * (11 - longest)
        r = COEFFICIENTS[row["coefficient"]](*zip(*pairs, strict=True))[0]
        assert row["r"] == pytest.approx(r)


def test_without_lag_gains_are_first_differences():
    run = records()
    table = lagged(run.layers, run.readouts, 0).drop(columns="lag")
    pd.testing.assert_frame_equal(table, first_differences(run.layers, run.readouts))


def test_a_lag_beyond_the_training_has_no_correlation():
    run = records(epochs=5)  # four gains
    for longest in (3, 4, 15):
        table = lagged(run.layers, run.readouts, longest)
        assert np.max(table["lag"]) == longest
        assert table["r"].notna().unique().tolist() == [longest == 3], "else none is followed"


@pytest.mark.parametrize(("epochs", "longest"), [(1, 0), (2, 0), (3, 1), (5, 2), (12, 5)])
def test_by_default_lags_go_up_to_half_of_the_gains(epochs, longest):
    run = records(epochs=epochs)
    table = lagged(run.layers, run.readouts)
    assert table["lag"].unique().tolist() == list(range(longest + 1))
    assert table["r"].notna().unique().tolist() == [epochs > 1]


@pytest.mark.parametrize(("low", "high"), [(0.6, 0.9), (0.75, 0.8), (0, 1)])
def test_matched_is_the_correlation_of_the_pairs_in_the_range(low, high):
    run = records(jitter=1, noise=0.05)
    for row in matched(run.layers, run.readouts, low, high).to_dict("records"):
        layer, network = paired(run, row["depth"], row["layer"])
        inside = (low <= network) & (network <= high)
        assert inside.all() == ((low, high) == (0, 1))
        r = COEFFICIENTS[row["coefficient"]](layer[inside], network[inside])[0]
        assert row["r"] == pytest.approx(r)
        assert row["epochs"] == 12
        assert row["pairs"] == inside.sum()


def test_matched_intervals_leave_out_one_seed_after_the_other():
    run = records(jitter=1, noise=0.05)

    def analysis(layers, readouts):
        return matched(layers, readouts, 0.6, 0.9)

    table = analysis(run.layers, run.readouts)
    left = np.arctanh(by_seed(analysis, run, 5))
    half = stats.t.ppf(0.975, 4) * np.sqrt(4 * left.var(axis=0))
    r = np.arctanh(table["r"].to_numpy())
    assert table["low"].to_numpy() == pytest.approx(np.tanh(r - half))
    assert table["high"].to_numpy() == pytest.approx(np.tanh(r + half))


def test_both_ends_of_a_range_belong_to_it():
    run = records(noise=0)
    found = np.sort(run.readouts["train_accuracy"].astype(float))
    everything = pooled(run.layers, run.readouts)["r"].to_numpy()
    at_ends = matched(run.layers, run.readouts, found[0], found[-1])["r"].to_numpy()
    assert at_ends == pytest.approx(everything)


def test_a_range_in_which_no_network_is_has_no_correlation():
    run = records()
    table = matched(run.layers, run.readouts, 0.1, 0.2)
    assert table["pairs"].tolist() == [0] * len(table)
    assert table[["r", "low", "high", "strength"]].isna().to_numpy().all()


def test_spans_end_every_five_epochs_and_at_the_last():
    run = records()
    table = by_span(run.layers, run.readouts)
    assert table["first_epoch"].unique().tolist() == [1]
    assert table["last_epoch"].unique().tolist() == [5, 10, 12]
    last = table.query("last_epoch == 12").drop(columns=["first_epoch", "last_epoch"])
    expected = pooled(run.layers, run.readouts)
    pd.testing.assert_frame_equal(last.reset_index(drop=True), expected)


@pytest.mark.parametrize("analysis", [*ANALYSES, depth_trend])
def test_a_span_holds_both_its_ends(analysis):
    run = records()
    table = by_span(run.layers, run.readouts, analysis, spans=[(4, 9)])
    inside = (frame.query("epoch >= 4 and epoch <= 9") for frame in (run.layers, run.readouts))
    expected = analysis(*inside)
    pd.testing.assert_frame_equal(table.drop(columns=["first_epoch", "last_epoch"]), expected)
    if analysis is not depth_trend:
        assert table["epochs"].unique().tolist() == [6]
