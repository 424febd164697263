import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic import few, records, traces

from ff.stats.delay import seed_delays
from ff.stats.survival import logrank, median_delay

EPOCHS = 6
# the delay of each seed in epochs; EPOCHS + 1 stands for never
DELAYS = st.lists(st.integers(1, EPOCHS + 1), min_size=1, max_size=12)


def arriving(*delays):
    """Return a table in which each seed of each layer reaches 0.7 at the epoch given."""
    epoch = np.arange(1, EPOCHS + 1)
    accuracy = np.where(epoch >= np.array(delays)[..., None], 0.9, 0.5)  # (layers, seeds, epochs)
    return traces(accuracy.transpose(1, 2, 0))


@few
@given(DELAYS)
def test_the_median_is_the_middle_of_the_sorted_delays(delays):
    row = median_delay(arriving(delays)).iloc[0]
    middle = sorted(delays)[(len(delays) - 1) // 2]
    assert row["median"] == pytest.approx(middle if middle <= EPOCHS else np.nan, nan_ok=True)
    assert row["reached"] == sum(delay <= EPOCHS for delay in delays)
    assert row["seeds"] == len(delays)


@pytest.mark.parametrize("seeds", range(2, 41, 2))
def test_reached_by_exactly_half_of_the_seeds_is_a_median(seeds):
    delays = [2 + seed % 2 for seed in range(seeds // 2)] + [EPOCHS + 1] * (seeds // 2)
    assert median_delay(arriving(delays))["median"].tolist() == [max(delays[: seeds // 2])]


def test_the_interval_of_thirty_seeds_runs_from_the_tenth_to_the_twenty_first():
    delays = [1] * 9 + [2] + [3] * 10 + [4] + [5] * 9
    row = median_delay(arriving(delays)).iloc[0]
    assert row[["low", "median", "high"]].tolist() == [2, 3, 4]
    coverage = 1 - 2 * stats.binom.cdf(9, 30, 0.5)
    assert coverage > 0.95 > 1 - 2 * stats.binom.cdf(10, 30, 0.5)


def test_the_interval_is_open_where_the_layer_may_not_arrive_in_half_of_the_seeds():
    row = median_delay(arriving([3] * 16 + [EPOCHS + 1] * 14)).iloc[0]
    assert row[["low", "median", "high"]].tolist() == [3, 3, np.inf]


def test_a_layer_that_never_arrives_has_no_median():
    row = median_delay(arriving([EPOCHS + 1] * 8)).iloc[0]
    assert np.isnan(row["median"])
    assert row[["low", "high", "reached"]].tolist() == [np.inf, np.inf, 0]


@pytest.mark.parametrize(("seeds", "known"), [(1, False), (5, False), (6, True)])
def test_few_seeds_have_no_interval(seeds, known):
    row = median_delay(arriving([3] * seeds)).iloc[0]
    assert row["median"] == 3
    assert row[["low", "high"]].notna().all() == known


@few
@given(st.tuples(DELAYS, DELAYS).map(lambda both: list(zip(*both, strict=False))))
def test_the_log_rank_statistic_is_that_of_its_definition(pairs):
    shallow, deep = np.array(pairs).T
    excess = variance = 0.0
    for epoch in range(1, EPOCHS + 1):
        risk_1, risk_2 = (shallow >= epoch).sum(), (deep >= epoch).sum()
        risk, events = risk_1 + risk_2, (shallow == epoch).sum() + (deep == epoch).sum()
        if risk:
            excess += (shallow == epoch).sum() - events * risk_1 / risk
        if risk > 1:
            variance += events * risk_1 * risk_2 * (risk - events) / (risk**2 * (risk - 1))
    row = logrank(arriving(shallow, deep)).iloc[0]
    expected = excess / variance**0.5 if variance else np.nan
    assert row["statistic"] == pytest.approx(expected, nan_ok=True)
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(abs(expected)), nan_ok=True)


def test_a_later_layer_has_a_positive_statistic():
    early, late = [1, 2, 2, 3, 3], [4, 4, 5, 6, 6]
    assert logrank(arriving(early, late))["statistic"].item() > 2
    assert logrank(arriving(late, early))["statistic"].item() < -2


@pytest.mark.parametrize("constant", [3, EPOCHS + 1])
def test_layers_that_do_not_vary_cannot_be_compared(constant):
    row = logrank(arriving([constant] * 4, [constant] * 4)).iloc[0]
    assert row[["statistic", "p_value", "p_holm"]].isna().all()


def test_neighbors_are_a_doubling_or_one_layer_apart():
    layers = records(layers=9, depths=(9,)).layers
    pairs = {
        spacing: list(zip(table["shallow"], table["deep"], strict=True))
        for spacing in ("doubling", "adjacent")
        for table in [logrank(layers, spacing=spacing)]
    }
    assert pairs["doubling"] == [(1, 2), (2, 4), (4, 8)]
    assert pairs["adjacent"] == [(layer, layer + 1) for layer in range(1, 9)]


def test_p_values_are_adjusted_for_the_comparisons_of_a_width():
    layers = pd.concat([records(6, hidden=(100,)).layers, records(3, hidden=(10,)).layers])
    table = logrank(layers, spacing="adjacent")
    for row in table.to_dict("records"):
        ordered = sorted(table.query(f"hidden == {row['hidden']}")["p_value"])
        rank = ordered.index(row["p_value"])
        steps = [(len(ordered) - i) * ordered[i] for i in range(rank + 1)]
        assert row["p_holm"] == pytest.approx(min(1, max(steps)))


def test_an_adjusted_p_value_is_at_most_one():
    table = logrank(arriving([1, 2, 3], [2, 3, 1], [3, 1, 2]), spacing="adjacent")
    assert table["p_holm"].tolist() == [1, 1]


def test_a_single_layer_has_nothing_to_be_compared_with():
    table = logrank(arriving([1, 2, 3]))
    assert table.empty
    assert {"hidden", "shallow", "deep", "statistic", "p_value", "p_holm"} == set(table)
    assert pd.api.types.is_float_dtype(table["p_holm"])


def test_censored_seeds_are_not_left_out():
    layers = arriving([2, 2, 2, *[EPOCHS + 1] * 9])
    assert np.nanmedian(seed_delays(layers)["epoch"]) == 2  # what leaving them out would say
    assert np.isnan(median_delay(layers)["median"].item())
