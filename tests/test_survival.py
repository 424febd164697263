import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from synthetic import few, records, traces

from ff.stats.delay import seed_delays
from ff.stats.survival import median_delay, sign_test

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


PAIRS = st.lists(st.tuples(*[st.integers(1, EPOCHS + 1)] * 2), min_size=1, max_size=12)


@few
@given(PAIRS)
def test_the_sign_test_counts_the_seeds_in_which_the_deeper_layer_is_later(pairs):
    later = sum(deep > shallow for shallow, deep in pairs)
    earlier = sum(deep < shallow for shallow, deep in pairs)
    row = sign_test(arriving(*zip(*pairs, strict=True))).iloc[0]
    assert row[["shallow", "deep", "later", "earlier"]].tolist() == [1, 2, later, earlier]
    assert row["ties"] == len(pairs) - later - earlier
    if later + earlier:
        assert row["p_value"] == pytest.approx(stats.binomtest(later, later + earlier).pvalue)
        extreme = stats.binomtest(0, later + earlier).pvalue
        assert row["least_p"] == pytest.approx(extreme)
        assert row["p_value"] >= row["least_p"]
    else:
        assert row[["p_value", "least_p", "p_holm"]].isna().all()


def test_a_layer_that_never_arrives_is_later_than_one_that_does():
    row = sign_test(arriving([2] * 6, [EPOCHS + 1] * 6)).iloc[0]
    assert row[["later", "earlier", "ties"]].tolist() == [6, 0, 0]
    assert row["p_value"] == row["least_p"] == pytest.approx(2 / 2**6)
    back = sign_test(arriving([EPOCHS + 1] * 6, [2] * 6)).iloc[0]
    assert back[["later", "earlier", "ties"]].tolist() == [0, 6, 0]
    assert back["p_value"] == row["p_value"]


@pytest.mark.parametrize("constant", [3, EPOCHS + 1])
def test_seeds_whose_layers_arrive_together_or_never_are_ties(constant):
    row = sign_test(arriving([constant] * 4, [constant] * 4)).iloc[0]
    assert row["ties"] == 4
    assert row[["p_value", "least_p", "p_holm"]].isna().all()


def test_ties_neither_add_to_a_test_nor_take_from_it():
    tied = sign_test(arriving([1, 1, 1, 1, 3, EPOCHS + 1], [2, 2, 2, 2, 3, EPOCHS + 1])).iloc[0]
    alone = sign_test(arriving([1] * 4, [2] * 4)).iloc[0]
    assert tied["ties"] == 2
    assert tied["p_value"] == alone["p_value"] == 2 / 2**4


def test_layers_are_compared_within_a_seed():
    """What makes a whole network early or late, which is more than the layers differ, cancels."""
    early_or_late = np.array([1, 5, 2, 4, 3, 1, 5, 2])
    row = sign_test(arriving(early_or_late, early_or_late + 1)).iloc[0]
    assert row["p_value"] == 2 / 2**8
    unpaired = stats.mannwhitneyu(early_or_late, early_or_late + 1)
    assert unpaired.pvalue > 0.2


def test_between_two_epochs_the_crossing_tells_who_is_later():
    accuracy = np.array([[[0.5, 0.5], [0.9, 0.8]]] * 5)  # (seeds, epochs, layers)
    assert sign_test(traces(accuracy))["later"].item() == 5
    assert np.all(seed_delays(traces(accuracy))["epoch"] == 2)


def test_neighbors_are_a_doubling_or_one_layer_apart():
    layers = records(layers=9, depths=(9,)).layers
    pairs = {
        spacing: list(zip(table["shallow"], table["deep"], strict=True))
        for spacing in ("doubling", "adjacent")
        for table in [sign_test(layers, spacing=spacing)]
    }
    assert pairs["doubling"] == [(1, 2), (2, 4), (4, 8)]
    assert pairs["adjacent"] == [(layer, layer + 1) for layer in range(1, 9)]


def test_p_values_are_adjusted_for_the_comparisons_of_a_width():
    slow = {"delay": 0.3, "jitter": 0.0, "noise": 0.05, "seeds": 9}
    parts = [records(6, hidden=(100,), **slow).layers, records(3, hidden=(10,), **slow).layers]
    table = sign_test(pd.concat(parts), spacing="adjacent")
    assert len(np.unique(table["p_value"])) > 2
    for row in table.to_dict("records"):
        ordered = sorted(table.query(f"hidden == {row['hidden']}")["p_value"])
        rank = ordered.index(row["p_value"])
        steps = [(len(ordered) - i) * ordered[i] for i in range(rank + 1)]
        assert row["p_holm"] == pytest.approx(min(1, max(steps)))


def test_an_adjusted_p_value_is_at_most_one():
    table = sign_test(arriving([1, 2, 3], [2, 3, 1], [3, 1, 2]), spacing="adjacent")
    assert table["p_holm"].tolist() == [1, 1]


def test_a_single_layer_has_nothing_to_be_compared_with():
    table = sign_test(arriving([1, 2, 3]))
    assert table.empty
    counts = {"later", "earlier", "ties"}
    assert {"hidden", "shallow", "deep", *counts, "p_value", "least_p", "p_holm"} == set(table)
    assert pd.api.types.is_float_dtype(table["p_holm"])


def test_censored_seeds_are_not_left_out():
    layers = arriving([2, 2, 2, *[EPOCHS + 1] * 9])
    assert np.nanmedian(seed_delays(layers)["epoch"]) == 2  # what leaving them out would say
    assert np.isnan(median_delay(layers)["median"].item())
