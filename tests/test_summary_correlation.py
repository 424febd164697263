"""Sentences of the chapter on correlation: their numbers once more, and the cases they tell apart.

Numbers are compared with pandas and scipy.
"""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic import records as synthetic
from synthetic import without
from wording import MINUS, pearson, theil_sen, three, words

import ff
from ff.book import summary
from ff.stats import correlation
from ff.stats.evidence import Reading
from ff.stats.robustness import robustness

RECORDS = synthetic(seeds=6, hidden=(100, 1000), noise=0.03, best=0.9)
NARROW = ff.Records(
    RECORDS.layers.query("hidden == 100"), RECORDS.readouts.query("hidden == 100"), ()
)


def pairs(records: ff.Records, hidden: int = 100, depth: int = 4) -> Any:
    """Accuracies of layers and network: a row for each seed and epoch, the network last."""
    layers, readouts = records.layers, records.readouts
    own = layers[(layers["hidden"] == hidden) & (layers["layer"] <= depth)]
    network = readouts[(readouts["hidden"] == hidden) & (readouts["depth"] == depth)]
    table = own.astype(float).pivot_table("train_accuracy", ["seed", "epoch"], "layer")
    table["network"] = network.astype(float).set_index(["seed", "epoch"])["train_accuracy"]
    return table


def pooled_r(records: ff.Records, layer: int, method: Any = "pearson", **which: int) -> float:
    table = pairs(records, **which)
    return table[layer].corr(table["network"], method=method)


def within_r(records: ff.Records, layer: int) -> float:
    """Mean over epochs of Fisher's z between seeds."""
    table = pairs(records)
    z = [np.arctanh(pearson(own[layer], own["network"])) for _, own in table.groupby("epoch")]
    return float(np.tanh(np.mean(z)))


def between(records: ff.Records, layer: int, statistic: Any) -> tuple[float, float]:
    """Interval from leaving out each seed, on Fisher's scale."""
    seeds = records.layers["seed"].unique()
    left = np.arctanh(
        [
            statistic(
                ff.Records(without(records.layers, s), without(records.readouts, s), ()), layer
            )
            for s in seeds
        ]
    )
    n, first = len(seeds), np.arctanh(statistic(records, layer))
    half = stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2))
    return np.tanh(first - half), np.tanh(first + half)


def tables(records: ff.Records) -> tuple[pd.DataFrame, pd.DataFrame]:
    both = records.layers, records.readouts
    return correlation.pooled(*both), correlation.within_epoch(*both)


def two(value: float) -> str:
    return f"{value:.2f}".replace("-", MINUS)


# --- In short -------------------------------------------------------------------------------------


def test_correlations_are_told_for_the_deepest_network():
    narrow, wide = words(summary.correlations(*tables(RECORDS)))
    by_value = [two(pooled_r(RECORDS, layer)) for layer in (1, 4)]
    by_rank = [two(pooled_r(RECORDS, layer, "spearman")) for layer in (1, 4)]
    assert narrow.startswith(
        "100 units (6 seeds): over all pairs, Pearson's r with the accuracy of the network of 4 "
        f"layers is {by_value[0]} in layer 1 and {by_value[1]} in layer 4; Spearman's ρ is "
        f"{by_rank[0]} and {by_rank[1]}. Between the seeds of one epoch"
    )
    parts = []
    for layer in (1, 2):
        low, high = between(NARROW, layer, within_r)
        parts.append(f"{two(within_r(RECORDS, layer))} [{two(low)}, {two(high)}] in layer {layer}")
    above = np.mean([within_r(RECORDS, layer) for layer in (3, 4)])
    assert narrow.endswith(
        f"one epoch r is {parts[0]} and {parts[1]}, and {two(float(above))} on average in those "
        "above."
    )
    assert MINUS in narrow + wide, "an example worth its name"
    assert wide.startswith("1000 units (6 seeds): over all pairs")
    assert f"is {two(pooled_r(RECORDS, 1, hidden=1000))} in layer 1 and" in wide


def test_of_two_layers_there_are_none_above():
    two_layers = ff.Records(
        RECORDS.layers.query("layer <= 2"), RECORDS.readouts.query("depth == 2"), ()
    )
    for text in words(summary.correlations(*tables(two_layers))):
        assert "the network of 2 layers" in text
        assert "in layer 2." in text
        assert "above" not in text


def test_one_seed_says_nothing_of_one_epoch():
    (text,) = words(summary.correlations(*tables(synthetic(seeds=1))))
    assert text.startswith("100 units (1 seed): over all pairs")
    assert "one epoch" not in text
    assert "nan" not in text


def test_between_two_seeds_there_is_no_interval():
    (text,) = words(summary.correlations(*tables(synthetic(seeds=2))))
    assert "one epoch r is" in text
    assert "[" not in text
    assert "nan" not in text


# --- Strong ones ----------------------------------------------------------------------------------


def test_layers_are_counted_whose_whole_interval_is_strong():
    (text, _) = words(summary.strong(tables(RECORDS)[0]))
    counts = {}
    for method in ("pearson", "spearman"):
        ends = [
            between(NARROW, layer, lambda r, n, m=method: pooled_r(r, n, m))
            for layer in (1, 2, 3, 4)
        ]
        counts[method] = sum(low > 0.7 or high < -0.7 for low, high in ends)
    assert text == (
        "100 units (6 seeds): in the network of 4 layers the whole interval lies beyond 0.7 in "
        f"{counts['pearson']} of 4 layers by Pearson's coefficient and {counts['spearman']} of 4 "
        "layers by Spearman's coefficient."
    )
    assert set(counts.values()) - {0, 4}, "an example worth its name"


def strengths(low: dict[int, list[float]]) -> pd.DataFrame:
    rows = [
        (100, depth, layer, "pearson", 5, value)
        for depth, values in low.items()
        for layer, value in enumerate(values, 1)
    ]
    columns = ["hidden", "depth", "layer", "coefficient", "seeds", "strength_low"]
    return pd.DataFrame(rows, columns=columns)


def test_only_the_deepest_network_counts_and_an_unknown_interval_is_not_strong():
    table = strengths({2: [0.9, 0.9], 4: [0.71, 0.7, 0.69, np.nan]})
    assert words(summary.strong(table)) == [
        "100 units (5 seeds): in the network of 4 layers the whole interval lies beyond 0.7 in 1 "
        "of 4 layers by Pearson's coefficient."
    ]


# --- Trends ---------------------------------------------------------------------------------------


def trend(*rows: tuple[int, int, str, float, float]) -> pd.DataFrame:
    columns = ["hidden", "depth", "coefficient", "low", "high"]
    return pd.DataFrame(rows, columns=columns).assign(seeds=5)


def test_networks_are_sorted_by_the_sign_of_their_trend():
    table = trend(
        (100, 2, "pearson", -2, -1),
        (100, 4, "pearson", 1, 2),
        (100, 8, "pearson", -3, -1),
        (100, 16, "pearson", -1, 1),
        (100, 32, "pearson", -2, -1),
        (100, 32, "spearman", 0, 1),
        (1000, 2, "pearson", np.nan, np.nan),
    )
    assert words(summary.trends(table)) == [
        "100 units (5 seeds): deeper layers correlate, by Pearson's coefficient, less in networks "
        "of 2, 8 and 32 layers, more in networks of 4 layers, undecided in networks of 16 "
        "layers; by Spearman's coefficient, undecided in networks of 32 layers.",
        "1000 units (5 seeds): deeper layers correlate, by Pearson's coefficient, undecided "
        "in networks of 2 layers.",
    ]


def test_trends_of_records_are_those_of_their_slopes():
    records = synthetic(8, (4, 8), seeds=8, noise=0.005, epochs=20)
    found = correlation.depth_trend(records.layers, records.readouts)
    (text,) = words(summary.trends(found))
    for depth in (4, 8):
        r = [abs(pooled_r(records, layer, depth=depth)) for layer in range(1, depth + 1)]
        assert theil_sen(r, range(1, depth + 1)) > 0
    assert "by Pearson's coefficient, more in networks of 4 and 8 layers" in text


# --- What is left once progress is removed --------------------------------------------------------


def ends(low: list[float], high: list[float], depth: int = 4, **columns: Any) -> pd.DataFrame:
    table = pd.DataFrame({"low": low, "high": high, "layer": range(1, len(low) + 1)})
    same: dict[str, Any] = {"hidden": 100, "depth": depth, "seeds": 5, "coefficient": "pearson"}
    return table.assign(**{**same, **columns})


def test_layers_are_named_whose_interval_leaves_out_0():
    some = ends([0.1, -0.2, 0.1, -0.4], [0.2, 0.3, 0.4, -0.1])
    none = ends([-0.1, 0, -0.3, np.nan], [0.2, 0.3, 0, np.nan])
    noise = [
        ends([0.1, 0.1], [0.2, 0.2], depth=2),  # not of the deepest network
        ends([0.1] * 4, [0.2] * 4, coefficient="spearman"),
    ]
    wide = ends([0.1] * 4, [0.2] * 4, hidden=1000, seeds=6)
    found = words(summary.kinds({"one kind": pd.concat([some, *noise, wide]), "other": none}))
    assert found == [
        "100 units (5 seeds): one kind, positive in layers 1 and 3 and negative in layer 4; "
        "other, no interval leaves out 0 (Pearson, 95 % intervals, each layer alone).",
        "1000 units (6 seeds): one kind, positive in layers 1 to 4 (Pearson, 95 % intervals, each "
        "layer alone).",
    ]


def test_what_is_left_in_records_is_that_of_their_intervals():
    found = tables(NARROW)[1]
    signs = {}
    for layer in (1, 2, 3, 4):
        low, high = between(NARROW, layer, within_r)
        signs[layer] = int(low > 0) - int(high < 0)
    (text,) = words(summary.kinds({"within epoch": found}))
    for sign, word in ((1, "positive in"), (-1, "negative in")):
        assert (word in text) == (sign in signs.values())
    assert ("no interval" in text) == (set(signs.values()) == {0})


# --- At equal overall accuracy, and lags ----------------------------------------------------------


def test_the_mean_strength_of_layers_is_told_beside_that_of_equal_accuracy():
    layers, readouts = RECORDS.layers, RECORDS.readouts.query("depth == 4")
    found = {
        "all pairs": correlation.pooled(layers, readouts),
        "0.6 to 0.85": correlation.matched(layers, readouts, 0.6, 0.85),
    }
    means, count = {}, {}
    for width in (100, 1000):
        table = pairs(RECORDS, width)
        part = table[table["network"].between(0.6, 0.85)]
        assert 10 < len(part) < len(table), "an example worth its name"
        count[width] = len(part)
        means[width] = [
            np.mean([abs(pearson(rows[n], rows["network"])) for n in (1, 2, 3, 4)])
            for rows in (table, part)
        ]
    assert count[100] != count[1000]
    assert words(summary.matched(found)) == [
        f"Mean |r| of the layers: over all pairs, {means[100][0]:.2f} at width 100 and "
        f"{means[1000][0]:.2f} at width 1000; over 0.6 to 0.85, {means[100][1]:.2f} at width 100 "
        f"({count[100]} pairs) and {means[1000][1]:.2f} at width 1000 ({count[1000]} pairs)."
    ]


def test_where_no_network_is_so_accurate_there_is_no_mean():
    layers, readouts = RECORDS.layers, RECORDS.readouts.query("depth == 4")
    wide = (readouts["hidden"] == 1000) & (readouts["train_accuracy"] > 0.8)
    readouts = readouts.assign(train_accuracy=readouts["train_accuracy"].mask(wide, 0.8))
    found = {
        name: correlation.matched(layers, readouts, low, 1.5)
        for name, low in (("above 0.81", 0.81), ("above 1", 1.01))
    }
    assert np.isnan(found["above 1"]["r"]).all()
    (text,) = words(summary.matched(found))
    inside = len(readouts.query("hidden == 100 and 0.81 <= train_accuracy <= 1.5"))
    assert re.fullmatch(
        rf"Mean \|r\| of the layers: over above 0.81, 0\.\d\d at width 100 \({inside} pairs\); "
        r"over above 1, none\.",
        text,
    )


def test_one_width_is_named_alone():
    layers, readouts = NARROW.layers, NARROW.readouts.query("depth == 2")
    (text,) = words(summary.matched({"all": correlation.pooled(layers, readouts)}))
    assert re.fullmatch(r"Mean \|r\| of the layers: over all, 0\.\d\d at width 100\.", text)
    assert " and " not in text


def strength(records: ff.Records, hidden: int, low: float, high: float) -> float:
    """Mean |r| of the layers where the network's accuracy lies between the two."""
    table = pairs(records, hidden)
    part = table[table["network"].between(low, high)]
    return float(np.mean([abs(pearson(part[n], part["network"])) for n in (1, 2, 3, 4)]))


def difference(records: ff.Records, low: float, high: float) -> tuple[float, float, float]:
    """That of width 1000 minus that of width 100, with Welch's interval from leaving out seeds."""
    values, squares = {}, []
    for width in (1000, 100):
        values[width] = strength(records, width, low, high)
        left = [
            strength(
                ff.Records(without(records.layers, s), without(records.readouts, s), ()),
                width, low, high,
            )
            for s in range(1, 7)
        ]  # fmt: skip
        squares.append(5 / 6 * np.sum((np.array(left) - np.mean(left)) ** 2))
    freedom = sum(squares) ** 2 / sum(square**2 / 5 for square in squares)
    half = stats.t.ppf(0.975, freedom) * sum(squares) ** 0.5
    apart = values[1000] - values[100]
    return apart, apart - half, apart + half


def decision(low: float, high: float) -> str:
    """On whether a difference is below 0."""
    return "supported" if high < 0 else "not supported" if low > 0 else "undecided"


def test_the_difference_of_widths_is_told_at_each_accuracy_beside_that_over_all_pairs():
    ranges = {"0.6 to 0.85": (0.6, 0.85), "0.7 to 0.88": (0.7, 0.88)}
    readings = {
        "target": {"0.8": Reading(target=0.8)},
        "overall accuracy": {name: Reading(overall=ends) for name, ends in ranges.items()},
    }
    parts = []
    for name, own in ranges.items():
        value, low, high = difference(RECORDS, *own)
        ends = f"[{three(low)}, {three(high)}]"
        parts.append(f"{three(value)} {ends} at {name} ({decision(low, high)})")
    main = decision(*difference(RECORDS, 0, 1)[1:])
    assert words(summary.confounder(robustness(RECORDS, {}, readings))) == [
        "That width weakens the correlation (mean of the layers at width 1000 minus that at width "
        f"100) is, by overall accuracy: {' and '.join(parts)}. Over all pairs it is {main}."
    ]


def test_other_claims_and_other_variations_are_not_about_equal_accuracy():
    columns = ["key", "kind", "variation", "verdict", "main", "value", "low", "high"]
    rows = [
        ("width-weakens", "target", "0.8", "undecided", "not supported", 1, 0, 2),
        ("width-weakens-deep", "overall accuracy", "low", "undecided", "undecided", 2, 1, 3),
        (
            "width-weakens",
            "overall accuracy",
            "low",
            "supported",
            "not supported",
            -0.2,
            -0.3,
            -0.1,
        ),
    ]
    (text,) = words(summary.confounder(pd.DataFrame(rows, columns=columns)))
    assert f": {MINUS}0.2 [{MINUS}0.3, {MINUS}0.1] at low (supported). Over" in text
    assert text.endswith("Over all pairs it is not supported.")
    others = pd.DataFrame(rows[:2], columns=columns)
    assert words(summary.confounder(others)) == ["The widths were not both measured."]


# --- Within epochs, in networks of each depth -----------------------------------------------------


def test_what_is_left_within_epochs_is_told_of_each_network():
    found = words(summary.within(tables(RECORDS)[1]))
    for text, width in zip(found, (100, 1000), strict=True):
        parts = []
        for depth in (2, 4):
            r = []
            for layer in range(1, depth + 1):
                epochs = pairs(RECORDS, width, depth).groupby("epoch")
                z = [np.arctanh(pearson(own[layer], own["network"])) for _, own in epochs]
                r.append(np.tanh(np.mean(z)))
            parts.append(f"{two(float(np.mean(r)))} in that of {depth} layers")
        assert text == (
            f"{width} units (6 seeds): the mean r of the layers within epochs is, by network, "
            f"{' and '.join(parts)}."
        )


def test_ranks_and_layers_without_a_coefficient_enter_no_mean_within_epochs():
    table = ends([0.0] * 3, [1.0] * 3).assign(r=[0.2, np.nan, 0.6])
    other = table.assign(coefficient="spearman", r=-0.9)
    alone = table.assign(hidden=1000, depth=2, r=[-0.5, -0.5, -0.5])
    assert words(summary.within(pd.concat([other, table, alone]))) == [
        "100 units (5 seeds): the mean r of the layers within epochs is, by network, 0.40 in "
        "that of 4 layers.",
        "1000 units (5 seeds): the mean r of the layers within epochs is, by network, "
        f"{MINUS}0.50 in that of 2 layers.",
    ]


def test_within_epochs_one_seed_has_no_mean():
    (text,) = words(summary.within(tables(synthetic(seeds=1))[1]))
    assert text == "100 units (1 seed): within epochs, there is nothing to correlate."


LONGEST = 6
# The network learns with layer 2: layer 4 follows three epochs later, and layer 1 is ahead.
BEFORE = synthetic(seeds=6, start=4, epochs=14, noise=0.02, best=0.9)
BEFORE = ff.Records(BEFORE.layers, BEFORE.readouts.query("depth == 2").assign(depth=4), ())


def gains_r(layer: int, lag: int, records: ff.Records = BEFORE) -> float:
    """Correlation of a layer's gains with the network's of so many epochs before.

    Of the network, with those that have a gain of the layer up to the longest lag after them.
    """
    x, y = [], []
    for _, own in pairs(records).groupby("seed"):
        layer_gains, network_gains = (np.diff(own[key].to_numpy()) for key in (layer, "network"))
        for epoch in range(len(network_gains) - LONGEST):
            x.append(layer_gains[epoch + lag])
            y.append(network_gains[epoch])
    return pearson(x, y)


def gains_between(layer: int, lag: int) -> tuple[float, float]:
    """Its interval, from leaving out each seed."""
    return between(BEFORE, layer, lambda records, n: gains_r(n, lag, records))


def test_the_lag_of_the_greatest_correlation_is_told_of_layers_with_one_above_0():
    lags = range(LONGEST + 1)
    table = correlation.lagged(BEFORE.layers, BEFORE.readouts, LONGEST)
    (text,) = words(summary.following(table))
    parts = []
    for layer in (1, 2, 4):
        if not any(gains_between(layer, lag)[0] > 0 for lag in lags):
            continue
        r = {lag: gains_r(layer, lag) for lag in lags}
        best = max(r, key=lambda lag: r[lag])
        parts.append(f"{three(r[best])} in layer {layer} at lag {best} ({three(r[0])} at lag 0)")
    assert len(parts) == 2, "an example worth its name"
    assert text == (
        "100 units (6 seeds): over lags of 0 to 6 epochs, the greatest correlation of a layer's "
        f"gains with the network's is {parts[0]} and {parts[1]}. A layer without an interval above "
        "0 is left out; at the longest lag the true maximum may lie beyond."
    )


def lagged(r: list[float], half: float, **same: Any) -> pd.DataFrame:
    """One layer's correlations at lags 0, 1 and 2, each with an interval half of which is so."""
    columns: dict[str, Any] = {"depth": 2, "layer": 1, "coefficient": "pearson", "seeds": 5}
    table = pd.DataFrame({"lag": [0, 1, 2], "r": r}).assign(hidden=100, **{**columns, **same})
    return table.assign(low=table["r"] - half, high=table["r"] + half)


def test_unknown_lags_and_layers_are_skipped():
    unknown = lagged([np.nan] * 3, 0.1, layer=2)
    (text,) = words(summary.following(pd.concat([lagged([0.1, 0.2, np.nan], 0.1), unknown])))
    assert "over lags of 0 to 2 epochs" in text
    assert "network's is 0.2 in layer 1 at lag 1 (0.1 at lag 0). A" in text
    assert "layer 2" not in text


@pytest.mark.parametrize(
    ("r", "half"),
    [([-0.5, -0.2, -0.3], 0.1), ([0.1, 0.2, 0.3], 0.4), ([0.3] * 3, np.nan), ([np.nan] * 3, 0.1)],
)
def test_without_an_interval_above_0_no_lag_is_told(r: list[float], half: float):
    assert words(summary.following(lagged(r, half))) == [
        "100 units (5 seeds): no layer has an interval above 0 at any lag."
    ]


def test_the_gains_of_one_seed_have_no_intervals():
    alone = synthetic(seeds=1)
    (text,) = words(summary.following(correlation.lagged(alone.layers, alone.readouts, 1)))
    assert text == "100 units (1 seed): no layer has an interval above 0 at any lag."
