import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic import records

import ff
from ff.stats.correlation import (
    by_span,
    depth_trend,
    first_differences,
    partial,
    pooled,
    within_epoch,
)
from ff.stats.resampling import Bootstrap

FEW = Bootstrap(resamples=40)
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
    table = pooled(run.layers, run.readouts, bootstrap=FEW)
    for row in table.to_dict("records"):
        pairs = paired(run, row["depth"], row["layer"])
        assert row["r"] == pytest.approx(COEFFICIENTS[row["coefficient"]](*pairs)[0])
        assert (row["seeds"], row["epochs"]) == (5, 12)


def test_intervals_are_those_of_a_loop_over_resampled_seeds():
    run = records(jitter=1, noise=0.05)
    table = pooled(run.layers, run.readouts, bootstrap=FEW).query("depth == 4 and layer == 3")
    x, y = paired(run, 4, 3).reshape(2, 5, 12)
    counts = np.random.default_rng(0).multinomial(5, [0.2] * 5, size=40)
    drawn = [np.repeat(np.arange(5), count) for count in counts]
    for row in table.to_dict("records"):
        r = COEFFICIENTS[row["coefficient"]]
        low, high = np.sort([r(x[own].ravel(), y[own].ravel())[0] for own in drawn])[[0, 39]]
        assert (row["low"], row["high"]) == pytest.approx((low, high))


def test_the_strength_of_a_negative_correlation_is_positive():
    run = records()
    falling = run.readouts.assign(train_accuracy=1 - run.readouts["train_accuracy"])
    up, down = (pooled(run.layers, table, bootstrap=FEW) for table in (run.readouts, falling))
    assert down["r"].to_numpy() == pytest.approx(-up["r"].to_numpy())
    assert down["low"].to_numpy() == pytest.approx(-up["high"].to_numpy())
    for column in ["strength", "strength_low", "strength_high"]:
        assert down[column].to_numpy() == pytest.approx(up[column].to_numpy())
        assert np.all(down[column] > 0)
    trends = [
        depth_trend(run.layers, table, bootstrap=FEW).to_numpy()[:, 3:].astype(float)
        for table in (run.readouts, falling)
    ]
    assert trends[0] == pytest.approx(trends[1])


def test_a_network_is_paired_with_its_own_layers():
    run = records(layers=8, depths=(2, 4, 8))
    table = pooled(run.layers, run.readouts, bootstrap=FEW)
    pairs = table.query("coefficient == 'pearson'")[["depth", "layer"]].to_numpy().tolist()
    assert pairs == [[depth, layer] for depth in (2, 4, 8) for layer in range(1, depth + 1)]


@pytest.mark.parametrize("analysis", [*ANALYSES, depth_trend])
def test_order_of_rows_does_not_matter_and_widths_are_kept_apart(analysis):
    run = records(hidden=(30, 100), jitter=1)
    expected = analysis(run.layers, run.readouts, bootstrap=FEW)
    mixed = (table.sample(frac=1, random_state=1) for table in (run.layers, run.readouts))
    pd.testing.assert_frame_equal(analysis(*mixed, bootstrap=FEW), expected)
    apart = [
        analysis(
            *(t.query(f"hidden == {width}") for t in (run.layers, run.readouts)), bootstrap=FEW
        )
        for width in (30, 100)
    ]
    pd.testing.assert_frame_equal(pd.concat(apart, ignore_index=True), expected)


def test_shared_progress_alone_correlates_until_it_is_removed():
    run = records(seeds=30, jitter=0, noise=0.02)  # seeds differ by noise that is not shared
    arguments = (run.layers, run.readouts)
    assert np.all(pooled(*arguments, bootstrap=FEW)["low"] > 0.6)
    for analysis in (within_epoch, partial):
        table = analysis(*arguments, bootstrap=Bootstrap(200, level=0.999))
        assert np.all(abs(table["r"]) < 0.2)
        assert np.all((table["low"] < 0) & (table["high"] > 0))
    gains = first_differences(*arguments, bootstrap=FEW)
    assert np.all(gains.query("layer == depth")["low"] > 0.3)  # still rise at the same epochs
    assert np.all(gains.query("layer == 1 and depth == 4")["high"] < 0.1)  # take turns


def test_what_seeds_share_beyond_progress_is_kept():
    run = records(seeds=30, jitter=1, noise=0.001)
    for analysis in (within_epoch, partial):
        table = analysis(run.layers, run.readouts, bootstrap=FEW)
        assert np.all(table.query("layer == depth and coefficient == 'pearson'")["low"] > 0.8)


def test_within_epochs_every_epoch_counts_the_same():
    run = records(jitter=1)
    table = within_epoch(run.layers, run.readouts, bootstrap=FEW)
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
    found = pooled(layers, readouts, "validation_accuracy", "error", FEW)
    even, readouts = (table.query("epoch % 2 == 0") for table in (run.layers, run.readouts))
    expected = pooled(even, readouts, bootstrap=FEW)
    assert found["epochs"].unique().tolist() == expected["epochs"].unique().tolist() == [6]
    assert found["r"].to_numpy() == pytest.approx(-expected["r"].to_numpy(), abs=1e-6)


@pytest.mark.parametrize("analysis", ANALYSES)
def test_a_layer_that_never_moves_has_no_correlation(analysis):
    run = records(seeds=10)
    still = run.layers.assign(
        train_accuracy=np.where(run.layers["layer"] == 4, 0.7, run.layers["train_accuracy"])
    )
    table = analysis(still, run.readouts, bootstrap=FEW)
    values = table[["r", "low", "high", "strength", "strength_low", "strength_high"]]
    assert np.array_equal(values.isna().all(axis=1), table["layer"] == 4)
    assert np.array_equal(values.isna().any(axis=1), table["layer"] == 4)


def test_correlations_over_few_seeds_have_no_interval():
    for seeds, known in ((9, False), (10, True)):
        run = records(seeds=seeds)
        table = within_epoch(run.layers, run.readouts, bootstrap=FEW)
        assert not np.isnan(table["r"]).any()
        ends = table[["low", "high", "strength_low", "strength_high"]].to_numpy()
        assert (np.isfinite(ends) == known).all()


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
    trend = depth_trend(run.layers, run.readouts, bootstrap=FEW)
    table = pooled(run.layers, run.readouts, bootstrap=FEW)
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
        depth_trend(run.layers, readouts, bootstrap=FEW) for readouts in (first, run.readouts)
    )
    assert np.all(like_first["high"] < 0)
    assert np.all(like_last["low"] > 0)


def test_the_trend_leaves_out_a_layer_without_a_correlation():
    run = records(layers=4, depths=(4,))
    still = run.layers.assign(
        train_accuracy=np.where(run.layers["layer"] == 2, 0.5, run.layers["train_accuracy"])
    )
    expected = depth_trend(still.query("layer != 2"), run.readouts, bootstrap=FEW)
    pd.testing.assert_frame_equal(depth_trend(still, run.readouts, bootstrap=FEW), expected)


def test_spans_end_every_five_epochs_and_at_the_last():
    run = records()
    table = by_span(run.layers, run.readouts, bootstrap=FEW)
    assert table["first_epoch"].unique().tolist() == [1]
    assert table["last_epoch"].unique().tolist() == [5, 10, 12]
    last = table.query("last_epoch == 12").drop(columns=["first_epoch", "last_epoch"])
    expected = pooled(run.layers, run.readouts, bootstrap=FEW)
    pd.testing.assert_frame_equal(last.reset_index(drop=True), expected)


@pytest.mark.parametrize("analysis", [*ANALYSES, depth_trend])
def test_a_span_holds_both_its_ends(analysis):
    run = records()
    table = by_span(run.layers, run.readouts, analysis, spans=[(4, 9)], bootstrap=FEW)
    inside = (frame.query("epoch >= 4 and epoch <= 9") for frame in (run.layers, run.readouts))
    expected = analysis(*inside, bootstrap=FEW)
    pd.testing.assert_frame_equal(table.drop(columns=["first_epoch", "last_epoch"]), expected)
    if analysis is not depth_trend:
        assert table["epochs"].unique().tolist() == [6]
