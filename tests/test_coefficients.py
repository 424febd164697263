import functools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats
from synthetic import few

from ff.stats.coefficients import (
    coefficients,
    fisher_mean,
    of_gains,
    of_lagged_gains,
    within_epochs,
    within_range,
)

STATES = st.integers(0, 2**32 - 1)


def series(state, seeds=4, epochs=5, decimals=1):
    """Return accuracies of two layers and three depths, rounded so that ranks are tied."""
    rng = np.random.default_rng(state)
    return (rng.normal(size=(seeds, epochs, n)).cumsum(1).round(decimals) for n in (2, 3))


def both(x, y):
    """Pearson's and Spearman's coefficient by scipy, NaN if either is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return [np.nan, np.nan]
    return [stats.pearsonr(x, y)[0], stats.spearmanr(x, y)[0]]


def left_out(seeds):
    """Weights that leave each seed out in turn."""
    return 1 - np.eye(seeds, dtype=int)


def check(analysis, oracle, x, y, state, repeated=True):
    """Compare an analysis of weighted seeds with an oracle's of the seeds counted so often.

    The weights count each seed once, leave one out, and, if `repeated`, count some several times.
    """
    seeds = len(x)
    drawn = np.random.default_rng(state).multinomial(seeds, [1 / seeds] * seeds)
    last = drawn if repeated else left_out(seeds)[0]
    weights = np.vstack([np.ones(seeds, int), left_out(seeds)[state % seeds], last])
    found = analysis(x, y)(weights.astype(float))
    assert found.shape == (3, 2, x.shape[2], y.shape[2])
    for row, weight in zip(found, weights, strict=True):
        drawn = np.repeat(np.arange(seeds), weight)
        for i in range(x.shape[2]):
            for j in range(y.shape[2]):
                expected = oracle(x[drawn, :, i], y[drawn, :, j])
                assert row[:, i, j] == pytest.approx(expected, abs=1e-9, nan_ok=True)


@few
@given(STATES)
def test_pooled_coefficients_are_those_of_scipy_whatever_the_weights(state):
    def oracle(x, y):
        return both(x.ravel(), y.ravel())

    x, y = series(state)
    check(coefficients, oracle, x, y, state)


@few
@given(STATES)
def test_coefficients_given_the_epoch_are_those_of_regression_on_every_epoch(state):
    def residuals(values, seeds, epochs):
        design = np.tile(np.eye(epochs), (seeds, 1))
        return values - design @ np.linalg.lstsq(design, values)[0]

    def oracle(x, y):
        raw_x, raw_y = (residuals(values.ravel(), *x.shape) for values in (x, y))
        if min(np.ptp(raw_x), np.ptp(raw_y)) < 1e-9:
            return [np.nan, np.nan]
        rank_x, rank_y = (residuals(stats.rankdata(values), *x.shape) for values in (x, y))
        return [stats.pearsonr(raw_x, raw_y)[0], stats.pearsonr(rank_x, rank_y)[0]]

    x, y = series(state)
    check(within_epochs, oracle, x, y, state)


@few
@given(STATES)
def test_coefficients_of_gains_are_those_of_scipy(state):
    def oracle(x, y):
        return both((x[:, 1:] - x[:, :-1]).ravel(), (y[:, 1:] - y[:, :-1]).ravel())

    # eighths have exact differences: equal gains are tied
    x, y = (np.round(values * 8) / 8 for values in series(state, decimals=3))
    check(of_gains, oracle, x, y, state)


@few
@given(STATES, st.integers(0, 3), st.integers(0, 3))
def test_coefficients_of_lagged_gains_are_those_of_scipy(state, one, other):
    lag, longest = sorted([one, other])

    def oracle(x, y):
        gains_x, gains_y = x[:, 1:] - x[:, :-1], y[:, 1:] - y[:, :-1]
        earlier = range(x.shape[1] - 1 - longest)  # the same at every lag
        epochs = [epoch + lag for epoch in earlier]
        return both(gains_x[:, epochs].ravel(), gains_y[:, earlier].ravel())

    x, y = (np.round(values * 8) / 8 for values in series(state, decimals=3))
    check(functools.partial(of_lagged_gains, lag=lag, longest=longest), oracle, x, y, state)


@few
@given(STATES, st.floats(-2, 0), st.floats(0, 2))
@example(21873, 0.0, 0.5)  # a mean of equal numbers that is not one of them
def test_coefficients_in_a_range_are_those_of_scipy(state, low, high):
    def oracle(x, y):
        inside = (low <= y) & (y <= high)
        return both(x[inside], y[inside]) if inside.sum() > 1 else [np.nan, np.nan]

    x, y = series(state)
    analysis = functools.partial(within_range, low=low, high=high)
    check(analysis, oracle, x, y, state, repeated=False)


@settings(max_examples=5)  # scipy's coefficients of each epoch: the slowest oracle here
@given(STATES)
def test_the_fisher_mean_averages_over_the_epochs_that_vary(state):
    def oracle(x, y):
        epochs = [both(*pair) for pair in zip(x.T, y.T, strict=True)]
        z = [np.arctanh(np.clip(r, -0.999999, 0.999999)) for r in epochs]
        defined = [row for row in z if not np.isnan(row[0])]
        return np.tanh(np.mean(defined, axis=0)) if defined else [np.nan, np.nan]

    x, y = series(state, seeds=5)
    x[:, 0] = 0.5
    check(fisher_mean, oracle, x, y, state)


@few
@given(STATES, st.floats(0.1, 10), st.floats(-5, 5))
def test_neither_unit_nor_order_of_seeds_matters(state, scale, offset):
    x, y = series(state, decimals=12)
    ones = np.ones((1, len(x)))
    order = np.random.default_rng(state).permutation(len(x))
    for analysis in (coefficients, within_epochs, of_gains, fisher_mean):
        expected = pytest.approx(analysis(x, y)(ones), abs=1e-6)
        assert analysis(scale * x + offset, y)(ones) == expected
        assert analysis(x[order], y[order])(ones) == expected
        assert -analysis(x, -y)(ones) == expected
    spearman = coefficients(x, y)(ones)[:, 1]
    assert coefficients(np.exp(x), y)(ones)[:, 1] == pytest.approx(spearman)


@pytest.mark.parametrize("analysis", [coefficients, within_epochs, of_gains, fisher_mean])
@pytest.mark.parametrize("value", [0.1, 0.7, 1.0, np.nan])
def test_a_constant_or_undefined_series_has_no_coefficient(analysis, value):
    x, y = series(1, seeds=30)
    x[:, :, 1] = value
    found = analysis(x, y)(np.random.default_rng(0).multinomial(30, [1 / 30] * 30, size=5) * 1.0)
    assert np.isnan(found[:, :, 1]).all()
    assert not np.isnan(found[:, :, 0]).any()


def test_one_epoch_has_no_gains():
    x, y = series(1, epochs=1)
    assert np.isnan(of_gains(x, y)(np.ones((1, len(x))))).all()


def test_a_perfect_correlation_at_one_epoch_leaves_the_mean_finite():
    x, y = series(1, seeds=6, decimals=3)
    y[:, 0, 0] = x[:, 0, 0]
    assert fisher_mean(x[:, :1], y[:, :1])(np.ones((1, 6)))[0, :, 0, 0] == pytest.approx(0.999999)
    assert (abs(fisher_mean(x, y)(np.ones((1, 6)))) < 1).all()


@pytest.mark.parametrize(("lag", "longest"), [(0, 4), (4, 4), (2, 5), (30, 30)])
def test_gains_further_apart_than_the_training_is_long_have_no_coefficient(lag, longest):
    x, y = series(1, epochs=5)
    found = of_lagged_gains(x, y, lag, longest)(np.ones((1, len(x))))
    assert found.shape == (1, 2, 2, 3)
    assert np.isnan(found).all()


@pytest.mark.parametrize("analysis", [coefficients, within_epochs, of_gains, fisher_mean])
def test_a_constant_series_has_no_coefficient_without_a_seed_either(analysis):
    x, y = series(1, seeds=30)
    x[:, :, 1] = 0.7
    found = analysis(x, y)(left_out(30) * 1.0)
    assert np.isnan(found[:, :, 1]).all()
