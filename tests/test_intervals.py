"""Intervals, beside those of scipy and those of plain loops over the seeds."""

import warnings
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic import few

import ff
from ff.stats.intervals import (
    FISHER,
    PLAIN,
    Estimate,
    holm,
    jackknife,
    leave_one_out,
    mean_band,
    share,
    theil_sen,
)

INF, NAN = np.inf, np.nan
STATES = st.integers(0, 2**32 - 1)
SEEDS = st.integers(2, 40)
TRUTHS = st.floats(-3, 3)


def sample(state: int, seeds: int) -> np.ndarray:
    """One number of each seed."""
    return np.random.default_rng(state).normal(1, 2, seeds)


def mean_of(data: np.ndarray) -> Estimate:
    """Mean over seeds with its jackknife interval."""
    return jackknife(leave_one_out(lambda w: w @ data / w.sum(axis=1), len(data)))


def ends(found: Estimate) -> tuple[float, float]:
    return float(found.low), float(found.high)


@few
@given(STATES, st.sampled_from([2, 3, 31, 32, 33, 70]))
def test_a_seed_is_left_out_as_if_it_had_never_been_trained(state, seeds):
    data = np.random.default_rng(state).normal(size=(seeds, 3, 2))

    def variance(weights):
        w = weights[:, :, None, None]
        mean = (w * data).sum(axis=1, keepdims=True) / w.sum(axis=1, keepdims=True)
        return (w * (data - mean) ** 2).sum(axis=1) / w.sum(axis=1)

    found = leave_one_out(variance, seeds)
    expected = [data.var(axis=0)]
    expected += [np.delete(data, seed, axis=0).var(axis=0) for seed in range(seeds)]
    assert found.shape == (1 + seeds, 3, 2)
    assert found == pytest.approx(np.array(expected))


@pytest.mark.parametrize("seeds", [1, 4])
def test_a_statistic_that_forgets_its_weights_is_refused(seeds):
    statistics: Any = (lambda w: 0.5, lambda w: np.ones(9))
    for forgetful in statistics:
        with pytest.raises(ff.ConfigError, match="a value for each row of its weights"):
            leave_one_out(forgetful, seeds)


def test_of_a_single_seed_nothing_is_left():
    asked = []

    def statistic(weights):
        asked.append(weights)
        return np.full((len(weights), 2), 7)

    found = leave_one_out(statistic, 1)
    assert np.array_equal(np.concatenate(asked), [[1]]), "a mean of no seeds is never taken"
    assert np.array_equal(found, [[7, 7], [NAN, NAN]], equal_nan=True)
    assert np.array_equal(jackknife(found).value, [7, 7])
    assert np.isnan([*jackknife(found).low, *jackknife(found).high]).all()


@few
@given(STATES, SEEDS, TRUTHS)
def test_the_interval_of_a_mean_is_student_s(state, seeds, true):
    data = sample(state, seeds)
    found, test = mean_of(data), cast(Any, stats.ttest_1samp(data, true))
    assert found.value == pytest.approx(data.mean())
    assert ends(found) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert found.p(true) == pytest.approx(test.pvalue)
    assert found.error == pytest.approx(stats.sem(data))
    assert found.freedom == seeds - 1


@few
@given(STATES, SEEDS, st.sampled_from([PLAIN, FISHER]))
def test_a_statistic_s_interval_is_that_of_a_loop_over_the_seeds_left_out(state, seeds, scale):
    x, y = np.random.default_rng(state).normal(size=(2, seeds + 2))

    def correlation(kept):
        return np.corrcoef(x[kept], y[kept])[0, 1]

    everything = np.arange(seeds + 2)
    values = [correlation(everything)]
    values += [correlation(np.delete(everything, i)) for i in everything]
    found = jackknife(np.array(values), scale)
    z = np.arctanh(np.clip(values, -0.999999, 0.999999)) if scale is FISHER else np.array(values)
    n = len(everything)
    total = sum((left - z[1:].mean()) ** 2 for left in z[1:])
    half = stats.t.ppf(0.975, n - 1) * (total * (n - 1) / n) ** 0.5
    expected = np.array([z[0] - half, z[0] + half])
    expected = np.tanh(expected) if scale is FISHER else expected
    assert ends(found) == pytest.approx(tuple(expected))


@few
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=9))
def test_a_correlation_s_interval_stays_between_minus_one_and_one(values):
    found = jackknife(np.array(values), FISHER)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(values[0], abs=2e-6)


def test_a_perfect_correlation_counts_as_one_that_is_nearly_so():
    found = jackknife(np.array([1, 1, 0.99999, 1, 1]), FISHER)
    assert found.value == pytest.approx(0.999999)
    assert 0 < found.low < 0.99999
    assert found.p(1) == found.p(0.999999) == 1
    assert found.p(0) < 0.05


def test_a_statistic_that_no_seed_moves_is_certain():
    found = jackknife(np.full(6, 0.5))
    assert (found.value, *ends(found)) == (0.5, 0.5, 0.5)
    assert found.p(0.4) == 0
    assert found.p(0.5) == 1


@pytest.mark.parametrize("seeds", [(6, 6), (6, 4), (2, 9)])
def test_a_difference_of_two_numbers_that_no_seed_moves_is_certain(seeds):
    one, two = (
        jackknife(np.full((1 + n, 2), value)) for n, value in zip(seeds, (0.5, 0.25), strict=True)
    )
    found = one - two
    for part in (found.value, found.low, found.high):
        assert part.tolist() == [0.25, 0.25]
    assert found.p(0.25).tolist() == [1, 1]
    assert found.p(0).tolist() == [0, 0]


@few
@given(STATES, SEEDS, SEEDS)
def test_what_no_seed_moves_adds_nothing_to_the_error_of_a_difference(state, one, two):
    data = sample(state, one)
    found = mean_of(data) - mean_of(np.full(two, 0.5))
    assert found.freedom == pytest.approx(one - 1)
    assert ends(found) == pytest.approx(ends(mean_of(data - 0.5)))


def test_of_a_number_that_a_single_seed_gives_there_is_no_p_value():
    found = jackknife(np.array([0.5, NAN]))
    assert np.isnan([found.p(0.5), found.p(0)]).all()


def test_where_a_statistic_is_infinite_without_a_seed_nothing_is_known():
    found = jackknife(np.array([[2.0], [1], [INF], [3]]))
    assert (found.value.item(), found.low.item(), found.high.item()) == (2, -INF, INF)
    assert found.p(99) == 1
    assert found.p(2) == 1, "its own value, too"
    both = jackknife(np.array([2.0, -INF, INF, 3]))
    assert ends(both) == (-INF, INF)


def test_an_infinite_number_at_infinity_has_no_p_value_and_warns_of_nothing():
    found = jackknife(np.array([INF, 1, 2]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan([found.p(INF), found.p(0)]).all()


@pytest.mark.parametrize("values", [[INF, 1, 2, 3], [INF, INF, INF], [NAN, 1, 2], [2, 1, NAN, 3]])
def test_what_does_not_exist_has_no_interval(values):
    found = jackknife(np.array(values))
    assert found.value == pytest.approx(values[0], nan_ok=True)
    assert np.isnan([*ends(found), float(found.p(0))]).all()


def test_each_number_of_an_array_has_its_own_interval():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(7, 2, 3))
    values[3, 0, 1], values[2, 1, 0] = INF, NAN
    found = jackknife(values)
    for i, j in np.ndindex(2, 3):
        alone = jackknife(values[:, i, j])
        for name in ("value", "low", "high", "error"):
            together = getattr(found, name)[i, j]
            assert together == pytest.approx(float(getattr(alone, name)), nan_ok=True), name
        assert found.p(0.3)[i, j] == pytest.approx(float(alone.p(0.3)), nan_ok=True)


@few
@given(STATES, SEEDS, SEEDS, TRUTHS)
def test_the_difference_of_two_means_is_welch_s(state, one, two, true):
    x, y = sample(state, one), 3 * sample(state + 1, two)
    found = mean_of(x) - mean_of(y)
    test: Any = stats.ttest_ind(x, y, equal_var=False)
    assert found.value == pytest.approx(x.mean() - y.mean())
    assert ends(found) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert found.freedom == pytest.approx(test.df)
    shifted: Any = stats.ttest_ind(x - true, y, equal_var=False)
    assert found.p(true) == pytest.approx(shifted.pvalue)


def test_a_difference_from_a_single_seed_is_unknown():
    found = mean_of(np.array([1.0, 2, 4])) - mean_of(np.array([1.0]))
    assert found.value == pytest.approx(4 / 3)
    assert np.isnan(ends(found)).all()


@few
@given(STATES, SEEDS, st.sampled_from([PLAIN, FISHER]))
def test_p_is_the_level_at_which_an_interval_ends(state, seeds, scale):
    values = np.tanh(np.random.default_rng(state).normal(0.5, 0.3, seeds + 1))
    found = jackknife(values, scale)
    for end, inward in zip(ends(found), (1, -1), strict=True):
        assert found.p(end) == pytest.approx(0.05)
        width = float(found.high - found.low)
        assert found.p(end + inward * width / 9) > 0.05 > found.p(end - inward * width / 9)


@few
@given(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0, 1)
)
def test_a_share_has_the_exact_interval(counts, true):
    count, of = counts
    found = share(count, of)
    expected = stats.binomtest(count, of).proportion_ci(0.95, method="exact")
    assert found.value == pytest.approx(count / of)
    assert ends(found) == pytest.approx((expected.low, expected.high))
    tails = [stats.binomtest(count, of, true, tail).pvalue for tail in ("less", "greater")]
    assert found.p(true) == pytest.approx(min(1, 2 * min(tails)), abs=1e-12)


@pytest.mark.parametrize(("count", "of"), [(0, 5), (3, 10), (29, 30), (30, 30)])
def test_the_p_value_of_a_share_is_that_of_its_interval(count, of):
    found = share(count, of)
    for end in ends(found):
        assert found.p(end) == pytest.approx(1 if end in (0, 1) else 0.05)


@few
@given(STATES, SEEDS)
def test_the_band_of_a_mean_is_student_s_at_every_point(state, seeds):
    values = np.random.default_rng(state).normal(size=(seeds, 4, 2))
    mean, low, high = mean_band(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean == pytest.approx(values.mean(axis=0))
    assert low == pytest.approx(expected.low)
    assert high == pytest.approx(expected.high)


def test_the_band_of_a_single_seed_is_unknown():
    mean, low, high = mean_band(np.array([[3.0, 4.0]]))
    assert mean.tolist() == [3, 4]
    assert np.isnan([low, high]).all()
    assert low.shape == high.shape == (2,)


@few
@given(
    st.lists(st.sampled_from([NAN, 0, 1e-4, 0.01, 0.02, 0.025, 0.3, 0.3001, 1]), max_size=9),
    st.sampled_from([0.001, 0.05, 0.3]),
)
def test_holm_rejects_what_stepping_down_rejects(p_values, level):
    labels = [f"test {i}" for i in range(len(p_values))]
    adjusted: Any = holm(pd.Series(p_values, labels, dtype=float))
    assert adjusted.index.tolist() == labels
    tests = sorted((p, label) for p, label in zip(p_values, labels, strict=True) if p == p)
    going, largest = True, 0.0
    for rank, (p, label) in enumerate(tests):  # the textbook: stop at the first that is too great
        left = len(tests) - rank
        going = going and p <= level / left
        largest = max(largest, left * p)
        assert adjusted[label] == pytest.approx(min(1, largest))
        if abs(largest - level) > 1e-9:
            assert (adjusted[label] <= level) == going
    assert adjusted.isna().to_numpy().tolist() == np.isnan(p_values).tolist()


def test_adjusted_p_values_stay_with_their_tests():
    p_values = pd.Series([0.04, NAN, 0.01, 0.03], ["a", "b", "c", "d"])
    assert holm(p_values).to_dict() == pytest.approx(
        {"a": 0.06, "b": NAN, "c": 0.03, "d": 0.06}, nan_ok=True
    )


def test_an_adjusted_p_value_is_at_most_one():
    adjusted: Any = holm(pd.Series([0.9, 0.3, 1.0]))
    assert adjusted.tolist() == pytest.approx([1, 0.9, 1])


@few
@given(st.lists(st.floats(-10, 10, width=16), min_size=2, max_size=9))
def test_theil_sen_is_that_of_scipy(y):
    x = np.arange(len(y)) ** 2
    assert theil_sen(x, np.array([y]))[0] == pytest.approx(stats.theilslopes(y, x)[0])


def test_theil_sen_takes_infinity_as_beyond_every_number():
    y = np.array([[1, 2, 4, INF], [1, 2, INF, INF], [0, 2, 4, NAN], [NAN, INF, 2, NAN], [INF] * 4])
    # pairs of the first row: 1, 1.5, 2 and three infinite ones
    expected = [INF, INF, 2, -INF, NAN]
    assert theil_sen(np.arange(4), y) == pytest.approx(expected, nan_ok=True)
    assert np.isnan(theil_sen(np.arange(1), y[:, :1])).all()
