"""Sentences of the chapter on delay: their numbers once more, and what else they may have to say.

Numbers are compared with plain loops, pandas and scipy.
"""

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from synthetic import grid, reach, traces, without
from synthetic import records as synthetic
from wording import MINUS, around, mean_traces, pearson, theil_sen, three, words

from ff.book import summary
from ff.stats import delay, survival

RECORDS = synthetic(hidden=(100, 1000))
LAYERS = RECORDS.layers
NARROW: Any = LAYERS[LAYERS["hidden"] == 100]


def crossings(layers: Any, target: float = 0.7) -> list[float]:
    """Where the mean trace of each layer crosses the target."""
    return [reach(list(trace), target)[1] for _, trace in mean_traces(layers).items()]


def slope(layers: Any, target: float = 0.7, part: slice = slice(None)) -> float:
    found = np.array(crossings(layers, target))
    number = np.flatnonzero(np.isfinite(found)) + 1
    return theil_sen(found[number - 1][part], number[part])


def slope_between(layers: Any, target: float = 0.7) -> tuple[float, float]:
    left = [slope(without(layers, seed), target) for seed in layers["seed"].unique()]
    return around([slope(layers, target), *left])


def told(layers: Any, target: float = 0.7) -> list[str]:
    return words(summary.delays(delay.mean_delay(layers, target), delay.slope(layers, target)))


def both_tables(layers: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return delay.mean_delay(layers), survival.median_delay(layers)


# --- Delays ---------------------------------------------------------------------------------------


def test_delays_are_told_for_each_width():
    for text, (width, own) in zip(told(LAYERS), LAYERS.groupby("hidden"), strict=True):
        found, (low, high) = crossings(own), slope_between(own)
        halves = [slope(own, part=part) for part in (slice(2), slice(2, 4))]
        assert text == (
            f"{width} units (5 seeds): 4 of 4 layers reach 0.7 within 12 epochs: "
            f"layer 1 after {found[0]:.1f} and layer 4 after {found[3]:.1f}. "
            f"A further layer adds {slope(own):.2f} epochs [{low:.2f}, {high:.2f}]: "
            f"{halves[0]:.2f} in the shallower half, {halves[1]:.2f} in the deeper."
        )


@pytest.mark.parametrize(
    ("reached", "end"),
    [
        (0, "within 12 epochs."),
        (1, "within 12 epochs: layer 1 after 1.8."),
        (2, "and layer 2 after 1.8. A further layer adds 0.00 epochs [0.00, 0.00]."),
    ],
)
def test_layers_that_do_not_reach_the_target_are_counted(reached: int, end: str):
    accuracy = np.full((5, 12, 4), 0.5)
    accuracy[:, 1:, :reached] = 0.75
    (text,) = told(traces(accuracy))
    assert f"(5 seeds): {reached} of 4 layers reach 0.7 within 12 epochs" in text
    assert text.endswith(end)


def test_a_single_seed_has_no_interval():
    (text,) = told(synthetic(seeds=1).layers)
    assert text.startswith("100 units (1 seed): 4 of 4 layers")
    assert "[" not in text
    assert "nan" not in text


def test_two_layers_have_no_halves():
    (text,) = told(NARROW.query("layer <= 2"))
    assert text.count("A further layer adds") == 1
    assert "half" not in text


def test_layers_that_are_ever_earlier_have_a_negative_slope_with_a_true_minus():
    backwards = NARROW.assign(layer=5 - NARROW["layer"])
    (text,) = told(backwards)
    low, high = (f"{MINUS}{-end:.2f}" for end in slope_between(backwards))
    assert f"adds {MINUS}{-slope(backwards):.2f} epochs [{low}, {high}]: {MINUS}" in text


# --- Layers that wake up, and how far seeds are apart ---------------------------------------------


def test_layers_that_have_left_chance_are_counted_after_each_third():
    layers = synthetic(hidden=(100, 1000), delay=3).layers
    for text, (width, own) in zip(
        words(summary.awake(layers)), layers.groupby("hidden"), strict=True
    ):
        mean = mean_traces(own)
        counts = [sum(mean.loc[:epoch, n].max() >= 0.55 for n in mean) for epoch in (4, 8, 12)]
        assert counts[0] < counts[2], "an example worth its name"
        assert text == (
            f"{width} units: of 4 layers, {counts[0]} after 4 epochs, {counts[1]} after 8 epochs "
            f"and {counts[2]} after 12 epochs have passed a mean accuracy of 0.55; at the end "
            f"layer 1 is at {mean.loc[12, 1]:.2f} and layer 4 at {mean.loc[12, 4]:.2f}."
        )


def test_who_has_left_chance_once_is_counted_though_it_fell_back():
    accuracy = np.full((2, 6, 3), 0.5)
    accuracy[:, 1, 0] = 0.6
    accuracy[0, 4:, 1] = 0.65  # the mean of both seeds is 0.575
    accuracy[0, 4:, 2] = 0.58  # and 0.54
    (text,) = words(summary.awake(traces(accuracy)))
    assert "1 after 2 epochs and 2 after 6 epochs have passed" in text


@pytest.mark.parametrize(("epochs", "named"), [(1, 1), (2, 2), (3, 3)])
def test_an_epoch_is_not_told_twice(epochs: int, named: int):
    (text,) = words(summary.awake(synthetic(epochs=epochs).layers))
    assert text.count(" after ") == named


def test_another_accuracy_can_be_asked_for():
    layers = LAYERS.assign(validation_accuracy=0.5)
    assert all(
        "units: no layer has passed a mean accuracy of 0.55; " in text
        for text in words(summary.awake(layers, "validation_accuracy"))
    )
    for text in words(summary.spread(layers, "validation_accuracy")):
        assert text.endswith("units: no layer leaves chance.")


def test_the_spread_is_the_mean_of_the_epochs_since_a_layer_left_chance():
    for text, (width, own) in zip(
        words(summary.spread(LAYERS)), LAYERS.groupby("hidden"), strict=True
    ):
        values, spread = grid(own, "layer"), {}
        for n in range(4):
            since = next(e for e in range(12) if values[:, e, n].mean() >= 0.55)
            spread[n + 1] = np.mean([np.std(values[:, e, n], ddof=1) for e in range(since, 12)])
        least, most = min(spread, key=spread.__getitem__), max(spread, key=spread.__getitem__)
        assert text == (
            f"{width} units: from the epoch in which a layer passes 0.55, its standard deviation "
            f"over 5 seeds is {spread[least]:.3f} on average in layer {least}, which has the "
            f"least, and {spread[most]:.3f} in layer {most}, which has the most."
        )


def test_a_layer_that_never_leaves_chance_has_no_spread():
    accuracy = np.full((2, 6, 3), 0.5)
    accuracy[:, 2:, 0] = [[0.7], [0.8]]
    accuracy[:, 2:, 1] = [[0.7], [0.9]]
    accuracy[:, :, 2] = [[0.0], [1.0]]  # far apart, at chance on average
    (text,) = words(summary.spread(traces(accuracy)))
    assert "0.071 on average in layer 1" in text
    assert "0.141 in layer 2, which has the most." in text


def test_a_layer_that_leaves_chance_alone_is_compared_with_none():
    accuracy = np.full((2, 6, 3), 0.5)
    accuracy[:, 2:, 1] = [[0.7], [0.8]]
    assert words(summary.spread(traces(accuracy))) == [
        "100 units: only layer 2 passes 0.55; from then on its standard deviation over 2 seeds is "
        "0.071 on average."
    ]


def test_layers_that_are_spread_alike_have_all_left_chance():
    (text,) = words(summary.spread(traces(np.full((2, 6, 3), 0.75))))
    assert "only" not in text
    assert text.endswith("0.000 in layer 1, which has the most.")


def test_one_epoch_is_not_told_in_the_plural():
    (text,) = words(summary.awake(traces(np.full((2, 3, 2), 0.75))))
    assert "2 layers, 2 after 1 epoch have passed" in text


def test_one_seed_tells_no_spread():
    (text,) = words(summary.spread(synthetic(seeds=1).layers))
    assert text == "100 units: one seed tells no spread."


# --- Medians over seeds ---------------------------------------------------------------------------


def reaching(*epochs: list[int], of: int = 10, at: float = 0.7) -> Any:
    """Layers whose seeds reach 0.7 at these epochs, 0 for never: a list for each layer."""
    accuracy = np.full((len(epochs[0]), of, len(epochs)), 0.5)
    for layer, own in enumerate(epochs):
        for seed, epoch in enumerate(own):
            if epoch:
                accuracy[seed, epoch - 1 :, layer] = at
    return traces(accuracy)


def test_medians_are_told_beside_the_mean():
    layers = reaching([2, 3, 4], [4, 5, 9], [6, 0, 0], at=0.9)
    # The mean of 0.9, 0.9 and 0.5 is 0.77: the mean of a layer is there with its second seed.
    (text,) = words(summary.medians(*both_tables(layers)))
    assert text == (
        "100 units (3 seeds): 2 of 3 layers reach 0.7 in at least half of the seeds; the "
        "mean over seeds reaches it in 2. "
        "Where both do, the epochs differ by at most 0."
    )
    later = reaching([2, 3, 4], [4, 5, 9], at=0.75)  # the mean of 0.75, 0.75 and 0.5 is 0.67
    (text,) = words(summary.medians(*both_tables(later)))
    assert text.endswith(
        "the mean over seeds reaches it in 2. Where both do, the epochs differ by at most 4."
    )


def test_layers_that_half_of_the_seeds_bring_there_are_not_those_of_the_mean():
    layers = reaching([2, 3, 4], [4, 5, 0], [6, 0, 0], at=0.75)  # 0.75, 0.75 and 0.5 make 0.67
    (text,) = words(summary.medians(*both_tables(layers)))
    assert text == (
        "100 units (3 seeds): 2 of 3 layers reach 0.7 in at least half of the seeds; the "
        "mean over seeds reaches it in 1. "
        "Where both do, the epochs differ by at most 1."
    )


def test_medians_without_means_are_not_denied():
    (text,) = words(summary.medians(*both_tables(reaching([2, 3, 0], [5, 6, 0], at=0.75))))
    assert text == "100 units (3 seeds): in no layer both half of the seeds and the mean reach 0.7."


def test_medians_of_layers_of_which_none_is_there():
    (text,) = words(summary.medians(*both_tables(reaching([0], [0]))))
    assert text == "100 units (1 seed): in no layer both half of the seeds and the mean reach 0.7."


# --- The order of two layers in each seed ---------------------------------------------------------


def test_orders_are_counted_and_the_fewest_seeds_are_told():
    layers = reaching([1, 2, 3, 2, 4, 3], [2, 3, 5, 6, 7, 9], [9] * 6, [4, 5, 8, 3, 8, 9])
    (text,) = words(summary.orders(survival.sign_test(layers)))
    p = [stats.binomtest(count, 6).pvalue for count in (6, 4)]  # 1-2, and 2-4 with one tie
    ties = stats.binomtest(4, 5).pvalue
    assert p[0] * 2 < ties < p[1]
    assert text.startswith(
        "100 units: in 1 of 2 comparisons the deeper layer is later in every seed in which that is "
        "known. "
    )
    assert re.findall(r"0\.\d{3}\b", text)[0] == f"{ties:.3f}"
    least = f"{2**-4:.3g}"
    assert text.endswith(
        f"; with 5 seeds, the fewest of a comparison, no unadjusted p can be below {least}."
    )


def test_a_p_too_small_for_three_decimals_is_escaped():
    shown = summary.orders(survival.sign_test(reaching([1] * 12, [2] * 12)))
    assert f"{2.0**-11:.3g}" == "0.000488"
    assert " &lt; 0.001" in shown._repr_html_()
    (text,) = words(shown)
    assert (
        "; with 12 seeds, the fewest of a comparison, no unadjusted p can be below 0.000488" in text
    )


def test_layers_that_no_seed_reaches_are_not_compared():
    (text,) = words(summary.orders(survival.sign_test(reaching([0, 0], [0, 0]))))
    assert text == "100 units: no two layers can be compared."
    (text,) = words(summary.orders(survival.sign_test(reaching([3, 3], [0, 7], [0, 0], [0, 0]))))
    assert "in 1 of 2 comparisons" not in text
    assert text.startswith("100 units: in 2 of 2 comparisons")
    assert text.endswith(
        "; with 1 seed, the fewest of a comparison, no unadjusted p can be below 1."
    )


# --- Whether a further layer costs the same everywhere --------------------------------------------


def ratios(**layers: Any) -> Any:
    tables = {of.replace("_", " "): delay.slope(rows) for of, rows in layers.items()}
    return pd.concat(tables, names=["of"]).reset_index("of").query("segment == 'ratio'")


def ratio(layers: Any) -> float:
    return slope(layers, part=slice(2, 4)) / slope(layers, part=slice(2))


def test_ratios_are_told_with_the_line_through_all_delays():
    all_of, short = LAYERS, NARROW.query("epoch <= 11")
    narrow, wide = words(
        summary.constancy(
            delay.mean_delay(LAYERS), ratios(over_all_epochs=all_of, in_the_first_eleven=short)
        )
    )
    parts = []
    for own, of in ((NARROW, "over all epochs"), (short, "in the first eleven")):
        low, high = around([ratio(own), *(ratio(without(own, seed)) for seed in range(1, 6))])
        parts.append(f"{three(ratio(own))} [{three(low)}, {three(high)}] {of}")
    r = pearson([1, 2, 3, 4], crossings(NARROW))
    low, high = around([ratio(NARROW), *(ratio(without(NARROW, seed)) for seed in range(1, 6))])
    assert 0.8 < low < high < 1.25
    assert narrow == (
        "100 units: the deeper half's slope over the shallower half's is "
        f"{' and '.join(parts)}. The first interval lies within 0.8 to 1.25, where the delay per "
        f"layer counts as constant. A straight line through all delays has R² = {r**2:.2f}."
    )
    assert "eleven" not in wide, "not measured at this width"
    assert wide.count("[") == 1


def test_layers_that_miss_the_target_are_in_no_line():
    layers = reaching([2, 3], [4, 4], [8, 9], [0, 0], at=0.9)
    (text,) = words(summary.constancy(delay.mean_delay(layers), ratios(here=layers)))
    r = pearson([1, 2, 3], crossings(layers)[:3])
    assert text.endswith(f"R² = {r**2:.2f}.")
    assert "nan" not in text


def test_two_layers_and_two_that_reach_the_target_have_no_two_slopes():
    two = NARROW.query("layer <= 2")
    few = NARROW.assign(train_accuracy=NARROW["train_accuracy"].where(NARROW["layer"] <= 2, 0.5))
    for layers in (two, few):
        (text,) = words(summary.constancy(delay.mean_delay(layers), ratios(here=layers)))
        assert text == "100 units: too few layers reach 0.7 for two slopes."


def test_a_ratio_of_one_seed_has_no_brackets():
    layers = synthetic(seeds=1).layers
    (text,) = words(summary.constancy(delay.mean_delay(layers), ratios(here=layers)))
    assert f"half's is {three(ratio(layers))} here. A straight line" in text
    assert "factor" not in text
    assert "[" not in text
    assert "interval" not in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("low", "high", "place"),
    [
        (0.81, 1.24, "lies within"),
        (0.8, 1.2, "reaches beyond"),
        (0.9, 1.25, "reaches beyond"),
        (0.4, 1.5, "reaches beyond"),
        (1.26, 2.5, "lies outside"),
        (0.2, 0.79, "lies outside"),
        (-np.inf, np.inf, "reaches beyond"),
    ],
)
def test_the_first_interval_is_held_against_the_range_of_the_claim(
    low: float, high: float, place: str
):
    rows = [(100, 1.2, low, high, "first"), (100, 1.2, 0.9, 1.1, "second")]
    table = pd.DataFrame(rows, columns=["hidden", "slope", "low", "high", "of"])
    (text,) = words(summary.constancy(delay.mean_delay(NARROW), table))
    assert f"second. The first interval {place} 0.8 to 1.25, where the delay per layer" in text


# --- Two widths, layer by layer -------------------------------------------------------------------


def two_widths(narrow: list[int], wide: list[int]) -> Any:
    """Tables of delay: a layer for each epoch, 0 for never."""
    layers = [reaching(*([epoch] * 2 for epoch in own)) for own in (narrow, wide)]
    return delay.mean_delay(pd.concat([layers[0], layers[1].assign(hidden=1000)]))


def test_layers_are_named_in_which_the_wider_one_is_earlier_or_later():
    means = two_widths([2, 5, 7, 3, 0, 0, 0, 8, 9], [1, 6, 6, 3, 0, 4, 0, 9, 10])
    assert words(summary.compared(means)) == [
        "1000 units reach 0.7 earlier in layers 1, 3 and 6 and later in layers 2, 8 and 9 than "
        "100; neither reaches it in layers 5 and 7."
    ]
    assert words(summary.compared(means.iloc[::-1])) == words(summary.compared(means))


def test_widths_are_compared_between_epochs():
    """Both means are there in epoch 2, of which the wider one's comes from a lower accuracy."""
    accuracy = np.array([[[0.6], [0.8]]])
    layers = pd.concat([traces(accuracy), traces(accuracy - [[[0.05], [0]]], hidden=1000)])
    means: Any = delay.mean_delay(layers)
    assert means["epoch"].tolist() == [2, 2]
    assert words(summary.compared(means)) == ["1000 units reach 0.7 later in layer 1 than 100."]


def test_what_no_layer_does_is_not_told():
    (text,) = words(summary.compared(two_widths([3, 4, 5], [2, 3, 4])))
    assert text == "1000 units reach 0.7 earlier in layers 1 to 3 than 100."


def test_layers_of_records_are_compared_as_in_a_loop():
    turned = LAYERS.assign(hidden=1100 - LAYERS["hidden"])
    for layers, word in ((LAYERS, "earlier"), (turned, "later")):
        narrow, wide = (crossings(own) for _, own in layers.groupby("hidden"))
        ahead = {one > other for one, other in zip(narrow, wide, strict=True)}
        assert ahead == {word == "earlier"}, "an example worth its name"
        (text,) = words(summary.compared(delay.mean_delay(layers)))
        assert text == f"1000 units reach 0.7 {word} in layers 1 to 4 than 100."


@pytest.mark.parametrize("same", [0, 3])
def test_where_neither_width_is_earlier_none_is_said_to_be(same: int):
    assert words(summary.compared(two_widths([same] * 2, [same] * 2))) == [
        "No layer is earlier at one width than at the other."
    ]


def test_one_width_and_three_are_not_two():
    three_widths = pd.concat([LAYERS, NARROW.assign(hidden=500)])
    for layers in (NARROW, three_widths):
        assert summary.compared(delay.mean_delay(layers))._repr_html_() == ""


# --- Bands of neighbors ---------------------------------------------------------------------------


def apart(own: Any, layers: tuple[int, ...]) -> tuple[int, dict[tuple[int, int], int]]:
    """How many comparisons there are, and between which neighbors so many are not clear.

    They are where the band of the shallower one lies above that of the deeper one.
    """
    values, of, meet = grid(own, "layer"), 0, {}
    for shallow, deep in pairwise(layers):
        rose = False
        for epoch in range(values.shape[1]):
            one, two = values[:, epoch, shallow - 1], values[:, epoch, deep - 1]
            rose = rose or one.mean() >= 0.55
            if rose:
                of += 1
                above = one.mean() - one.std(ddof=1) > two.mean() + two.std(ddof=1)
                meet[shallow, deep] = meet.get((shallow, deep), 0) + (not above)
    return of, meet


def test_bands_are_counted_that_are_apart():
    layers = synthetic(9, hidden=(100, 1000), delay=0.7, jitter=0.8).layers
    for text, (width, own) in zip(
        words(summary.overlaps(layers)), layers.groupby("hidden"), strict=True
    ):
        of, meet = apart(own, (1, 3, 4, 6, 7, 9))
        assert 0 < sum(meet.values()) < of < 60, "an example worth its name"
        where = [f"layers {a} and {b} ({n})" for (a, b), n in meet.items() if n]
        assert len(where) > 2
        assert text == (
            f"{width} units: the shallower neighbor's band lies above the deeper one's in "
            f"{of - sum(meet.values())} of {of} comparisons, one for each pair and epoch "
            f"once the shallower layer has left chance. Those in which it does not are between "
            f"{', '.join(where[:-1])} and {where[-1]}."
        )


def bands(*means: float, half: float = 0.1) -> Any:
    """Two layers over three epochs, which have these means in the last two."""
    accuracy = np.full((2, 3, 2), 0.5)
    accuracy[:, 1:] = means
    accuracy += np.array([-half, half])[:, None, None] / 2**0.5  # their deviation
    return traces(accuracy)


@pytest.mark.parametrize(
    ("means", "told"),
    [
        ((0.9, 0.6), "2 of 2"),
        ((0.9, 0.75), "0 of 2"),
        ((0.6, 0.9), "0 of 2"),  # the deeper one is ahead, however far
        ((0.75, 0.9), "0 of 2"),
    ],
)
def test_the_band_of_the_shallower_layer_is_to_lie_above(means: tuple[float, float], told: str):
    (text,) = words(summary.overlaps(bands(*means)))
    assert f"lies above the deeper one's in {told} comparisons, one for each pair and epoch" in text
    assert ("does not are between layers 1 and 2 (2)." in text) == told.startswith("0")
    assert ("does not" in text) == told.startswith("0")


def test_bands_that_touch_do_not_lie_above_one_another():
    (text,) = words(summary.overlaps(bands(0.75, 0.75, half=0)))
    assert "in 0 of 2 comparisons" in text


def test_epochs_count_as_soon_as_the_shallower_layer_has_left_chance_once():
    layers = bands(0.9, 0.5)
    fallen = layers["train_accuracy"].mask((layers["epoch"] == 3) & (layers["layer"] == 1), 0.5)
    (text,) = words(summary.overlaps(layers.assign(train_accuracy=fallen)))
    assert "in 1 of 2 comparisons" in text


def test_another_accuracy_has_other_bands():
    layers = bands(0.9, 0.6).assign(validation_accuracy=bands(0.9, 0.8)["train_accuracy"])
    (text,) = words(summary.overlaps(layers, "validation_accuracy"))
    assert "in 0 of 2 comparisons" in text


def test_without_neighbors_or_a_layer_that_leaves_chance_nothing_is_compared():
    for layers in (LAYERS.query("layer == 1"), LAYERS.assign(train_accuracy=0.5)):
        assert words(summary.overlaps(layers)) == [
            f"{width} units: there are no neighbors to compare." for width in (100, 1000)
        ]


def test_one_seed_has_no_band():
    (text,) = words(summary.overlaps(synthetic(seeds=1).layers))
    assert text == "100 units: one seed has no band."


# --- What was expected ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crossing", "slope", "true"),
    [
        ([2.5, 9, 26], 1.2, 3),
        ([2.5, 9, 25], 1.1, 3),
        ([2.5, 9, 28], 1.35, 3),
        ([2.5, 9, 28.1], 1.35, 2),
        ([2.5, 9, 24.9], 1.2, 2),
        ([2.5, 9, 26], 1.36, 2),
        ([2.5, 26, 9], 1.36, 1),  # the last layer counts
        ([2.5, np.nan, 26], 1.36, 1),
        ([2.5, 26, np.nan], 1.2, 1),
        ([2.5, 26, np.nan], 1.09, 0),
        ([np.nan] * 3, np.nan, 0),
    ],
)
def test_what_was_expected_comes_true_or_not(crossing: list[float], slope: float, true: int):
    means = pd.DataFrame({"crossing": crossing})
    row = pd.DataFrame({"slope": [slope], "low": [slope - 0.5], "high": [slope + 0.5]})
    (text,) = words(summary.prediction(means, row))
    known = [value for value in crossing if value == value]
    last = three(max(known)) if known else "\N{EN DASH}"
    ends = f"[{three(slope - 0.5)}, {three(slope + 0.5)}]"
    told = f"{three(slope)} {ends}" if known else "\N{EN DASH}"
    assert text == (
        f"{true or 'None'} of the three predictions came true: {len(known)} of 3 layers reach 0.7, "
        f"the last of them after {last} epochs, and the ratio is {told}."
    )


def test_a_prediction_is_held_against_records():
    layers: Any = synthetic(seeds=1).layers
    row = delay.slope(layers).query("segment == 'ratio'")
    assert not 1.1 <= ratio(layers) <= 1.35, "an example worth its name"
    (text,) = words(summary.prediction(delay.mean_delay(layers), row))
    assert text == (
        "1 of the three predictions came true: 4 of 4 layers reach 0.7, the last of them after "
        f"{three(max(crossings(layers)))} epochs, and the ratio is {three(ratio(layers))}."
    )


# --- Other targets --------------------------------------------------------------------------------


def by_target(layers: Any, *targets: float) -> list[str]:
    return words(summary.by_target(delay.sensitivity(layers, delay.slope, targets)))


def test_the_lowest_and_the_highest_target_are_told():
    text, _ = by_target(LAYERS, 0.6, 0.7, 0.8, 1.0)
    ends = [
        f"{three(slope(NARROW, target))} [{', '.join(map(three, slope_between(NARROW, target)))}] "
        f"epochs at target {target}"
        for target in (0.6, 0.8)
    ]
    assert text == (
        f"100 units: a further layer adds {' and '.join(ends)}. The interval lies above 0 at 3 of "
        "3 targets at which a slope exists."
    )


def test_one_target_is_told_once_and_one_seed_without_brackets():
    layers = synthetic(seeds=1).layers
    (text,) = by_target(layers, 0.7)
    assert text == (
        f"100 units: a further layer adds {three(slope(layers))} epochs at target 0.7. The "
        "interval lies above 0 at 0 of 1 targets at which a slope exists."
    )


def test_an_interval_below_0_is_not_above_it():
    (text,) = by_target(NARROW.assign(layer=5 - NARROW["layer"]), 0.6, 0.7)
    assert f"adds {MINUS}" in text
    assert "above 0 at 0 of 2 targets" in text


def test_targets_that_fewer_than_two_layers_reach_have_no_slope():
    assert by_target(NARROW, 1.0) == ["100 units: no slope exists at any of these targets."]


def test_seeds_are_counted_once_whatever_they_are_called():
    """Names of seeds are no order: the first of each width may be any."""
    renamed: Any = LAYERS.assign(seed=LAYERS["seed"] * 7 + LAYERS["hidden"])
    assert told(renamed) == told(LAYERS)
    assert words(summary.spread(renamed)) == words(summary.spread(LAYERS))
