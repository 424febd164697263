import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic import few, records, traces

import ff
from ff.stats.resampling import Bootstrap, cubes, theil_sen

RNG = np.random.default_rng(0)


def test_a_cube_holds_each_row_in_its_place():
    layers = records(hidden=(100, 30)).layers.sample(frac=1, random_state=0)
    narrow, wide = cubes(layers, "layer", "train_accuracy")
    assert (narrow.hidden, wide.hidden) == (30, 100)
    row = layers.iloc[7]
    cube = wide if row["hidden"] == 100 else narrow
    at = tuple(
        int(np.searchsorted(labels, row[name]))
        for name, labels in [("seed", cube.seeds), ("epoch", cube.epochs), ("layer", cube.keys)]
    )
    assert cube.values[at] == row["train_accuracy"]


def test_epochs_without_a_measurement_are_left_out():
    accuracy = RNG.random((2, 5, 3))
    accuracy[:, [0, 2, 4]] = np.nan
    layers = traces(accuracy).assign(train_loss=0.5)  # without any number, a seed has diverged
    (cube,) = cubes(layers, "layer", "train_accuracy")
    assert cube.epochs.tolist() == [2, 4]
    assert np.array_equal(cube.values, accuracy[:, [1, 3]].astype(np.float32))


def test_tables_that_are_no_grid_are_refused():
    layers = records().layers
    twice = layers.iloc[[*range(len(layers)), 0]]
    empty = layers.assign(train_accuracy=np.nan)
    diverged = layers.copy()
    diverged.loc[(diverged["seed"] == 3) & (diverged["epoch"] > 9), "train_accuracy"] = np.nan
    ended = layers.copy()  # every seed in epoch 9: not a run of 9 epochs
    ended.loc[ended["epoch"] > 9, ["train_accuracy", "validation_accuracy"]] = np.nan
    for table, column, message in [
        (ended, "train_accuracy", "seed 1 of hidden 100 has no measurements in epoch 12, as one"),
        (twice, "train_accuracy", "more than one row .* one configuration at a time"),
        (layers.iloc[1:], "train_accuracy", "239 rows where 5 seeds x 12 epochs x 4 layers"),
        (empty, "train_accuracy", "never measured, choose another column"),
        (diverged, "train_accuracy", "seed 3 of hidden 100 lacks .*ff.records.complete"),
        (layers, "accuracy", "choose one of .*train_accuracy"),
    ]:
        with pytest.raises(ff.RecordsError, match=message):
            list(cubes(table, "layer", column))


def test_draws_are_the_statistic_of_resampled_seeds():
    data = RNG.random((6, 3))
    bootstrap = Bootstrap(resamples=70)
    estimate, draws = bootstrap.draw(lambda weights: weights @ data / 6, 6)
    counts = np.random.default_rng(0).multinomial(6, [1 / 6] * 6, size=70)
    assert estimate == pytest.approx(data.mean(axis=0))
    for count, draw in zip(counts, draws, strict=True):
        assert draw == pytest.approx(np.repeat(data, count, axis=0).mean(axis=0))


def test_the_interval_of_a_mean_is_that_of_scipy():
    data = RNG.normal(size=30)
    low, high = Bootstrap(4000).interval(Bootstrap(4000).draw(lambda w: w @ data / 30, 30)[1])
    reference = stats.bootstrap((data,), np.mean, method="percentile", rng=1).confidence_interval
    assert (low, high) == pytest.approx(tuple(reference), abs=0.03)


def test_one_seed_has_no_interval():
    estimate, draws = Bootstrap(10).draw(lambda weights: weights * [[2.0]], 1)
    assert estimate == [2]
    assert np.isnan(Bootstrap().interval(draws)).all()


def test_an_interval_leaves_out_nan_and_may_end_at_infinity():
    draws = np.column_stack([np.arange(101.0), np.arange(101.0), np.full(101, np.nan)])
    draws[70:, 0] = np.inf
    draws[::2, 1] = np.nan  # leaves 1, 3, .., 99
    low, high = Bootstrap(level=0.5).interval(draws)
    assert low.tolist()[:2] == [25, 25]
    assert high.tolist()[:2] == [np.inf, 75]
    assert np.isnan([low[2], high[2]]).all()


@few
@given(st.lists(st.floats(-10, 10, width=16), min_size=2, max_size=9))
def test_theil_sen_is_that_of_scipy(y):
    x = np.arange(len(y)) ** 2
    assert theil_sen(x, np.array([y]))[0] == pytest.approx(stats.theilslopes(y, x)[0])


def test_theil_sen_takes_infinity_as_beyond_every_number():
    inf, nan = np.inf, np.nan
    y = np.array([[1, 2, 4, inf], [1, 2, inf, inf], [0, 2, 4, nan], [nan, inf, 2, nan], [inf] * 4])
    # pairs of the first row: 1, 1.5, 2 and three infinite ones
    expected = [inf, inf, 2, -inf, nan]
    assert theil_sen(np.arange(4), y) == pytest.approx(expected, nan_ok=True)
    assert np.isnan(theil_sen(np.arange(1), y[:, :1])).all()
