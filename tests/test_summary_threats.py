"""Sentences of the chapter on threats: their numbers once more, and what counts as a change."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import records as synthetic
from wording import MINUS, three, words

from ff.book import summary
from ff.stats import correlation, delay
from ff.stats.agreement import unpaired

RECORDS = synthetic(hidden=(100, 1000))

# --- What a further layer costs under several conditions ------------------------------------------


def slopes(*rows: tuple[int, str, float, float, float]) -> Any:
    table = pd.DataFrame(rows, columns=["hidden", "way", "slope", "low", "high"])
    return table.assign(first_layer=1.0, last_layer=np.arange(len(rows)) + 20.0)


@pytest.mark.parametrize(
    ("low", "high", "end"),
    [
        (0.5, 1.5, "the conclusion stays."),
        (-0.5, 1.5, "the conclusion does not stay."),
        (-1.5, -0.5, "the conclusion does not stay."),
        (-np.inf, np.inf, "the conclusion does not stay."),
    ],
)
def test_a_conclusion_stays_if_the_interval_lies_on_the_same_side_of_0(
    low: float, high: float, end: str
):
    table = slopes((100, "this", 2, 1, 3), (100, "that", (low + high) / 2, low, high))
    (text,) = words(summary.slopes_of(table.fillna({"slope": 0.4}), "way"))
    assert text.startswith(
        "100 units: the epochs that a further layer adds are 2 [1, 3] with this (layers 1 to 20) "
        "and "
    )
    assert f"[{three(low)}, {three(high)}] with that (layers 1 to 21): " in text
    assert text.endswith(end)


def test_a_condition_that_was_not_measured_at_a_width_is_no_change():
    table = slopes((100, "this", 2, 1, 3), (100, "that", 2, 1, 3), (1000, "this", 2, 1, 3))
    narrow, wide = words(summary.slopes_of(table, "way"))
    assert narrow.endswith("the conclusion stays.")
    assert wide == (
        "1000 units: the epochs that a further layer adds are 2 [1, 3] with this (layers 1 to "
        "22); without two intervals there is nothing to compare."
    )


def test_a_condition_without_a_slope_is_not_told():
    nan = np.nan
    table = slopes((100, "this", 2, 1, 3), (100, "that", nan, nan, nan))
    (text,) = words(summary.slopes_of(table, "way"))
    assert text.endswith(
        "2 [1, 3] with this (layers 1 to 20); without two intervals there is nothing to compare."
    )
    assert "that (" not in text


def test_a_slope_without_an_interval_is_told_and_compared_with_none():
    table = slopes((100, "this", 2, 1, 3), (100, "that", 2.5, np.nan, np.nan))
    (text,) = words(summary.slopes_of(table, "way"))
    assert text.endswith(
        "are 2 [1, 3] with this (layers 1 to 20) and 2.5 with that (layers 1 to 21); without two "
        "intervals there is nothing to compare."
    )


def test_slopes_of_a_single_seed_have_no_brackets_and_no_conclusion():
    layers = synthetic(seeds=1).layers
    ways = {"training": "train_accuracy", "validation": "validation_accuracy"}
    table: Any = pd.concat(
        {way: delay.slope(layers, column=name) for way, name in ways.items()}, names=["way"]
    ).reset_index("way")
    (text,) = words(summary.slopes_of(table[table["segment"] == "all"], "way"))
    assert text.startswith("100 units: the epochs that a further layer adds are 1")
    assert " with training (layers 1 to 4) and 1" in text
    assert text.endswith(
        " with validation (layers 1 to 4); without two intervals there is nothing to compare."
    )
    assert "[" not in text
    assert "nan" not in text


def test_no_slope_at_all_is_no_conclusion():
    nan = np.nan
    table = slopes((100, "this", nan, nan, nan), (100, "that", nan, nan, nan))
    assert words(summary.slopes_of(table, "way")) == [
        "100 units: too few layers reach 0.7 for a slope."
    ]


def test_slopes_of_records_are_those_of_the_chapter():
    ways = {"training": "train_accuracy", "validation": "validation_accuracy"}
    table: Any = pd.concat(
        {way: delay.slope(RECORDS.layers, column=name) for way, name in ways.items()}, names=["way"]
    ).reset_index("way")
    table = table[table["segment"] == "all"]
    for text, (width, own) in zip(
        words(summary.slopes_of(table, "way")), table.groupby("hidden"), strict=True
    ):
        parts = [
            f"{three(row['slope'])} [{three(row['low'])}, {three(row['high'])}] with {way} (layers "
            "1 to 4)"
            for way, row in zip(ways, own.to_dict("records"), strict=True)
        ]
        assert text == (
            f"{width} units: the epochs that a further layer adds are {' and '.join(parts)}: the "
            "conclusion stays."
        )


# --- The sign of the trend over layers ------------------------------------------------------------


def trends(*rows: tuple[str, int, float, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["accuracy", "depth", "low", "high"])
    return table.assign(hidden=100)


def test_networks_in_which_the_conclusion_changes_are_named():
    same = [("one", 2, 1, 2), ("other", 2, 3, 4), ("one", 32, -1, 1), ("other", 32, -5, 2)]
    assert words(summary.accuracies(trends(*same))) == [
        "100 units: the conclusion is the same in every network."
    ]
    turned = [("one", 4, 1, 2), ("other", 4, -2, -1), ("one", 8, 1, 2), ("other", 8, -1, 2)]
    assert words(summary.accuracies(trends(*turned, *same))) == [
        "100 units: the conclusion is not the same in networks of 4 and 8 layers."
    ]


def test_what_is_varied_may_have_another_name():
    table = trends(("one", 4, 1, 2), ("other", 4, -2, -1)).rename(columns={"accuracy": "rate"})
    assert words(summary.accuracies(table, "rate")) == [
        "100 units: the conclusion is not the same in networks of 4 layers."
    ]


def test_without_any_interval_no_conclusion_is_the_same():
    nan = np.nan
    none = [("one", 4, nan, nan), ("other", 4, nan, nan)]
    table = pd.concat(
        [trends(*none), trends(("one", 4, 1, 2), ("other", 4, 2, 3)).assign(hidden=1000)]
    )
    assert words(summary.accuracies(table)) == [
        "100 units: there are no intervals to compare.",
        "1000 units: the conclusion is the same in every network.",
    ]


# --- The epochs that enter ------------------------------------------------------------------------


def test_spans_are_told_with_the_share_of_the_first_epochs():
    spans = [(1, 5), (1, 12), (4, 12)]
    deepest = RECORDS.readouts.query("depth == 4")
    table = correlation.by_span(RECORDS.layers, deepest, spans=spans)
    found = words(summary.spans(table, RECORDS.readouts))
    for text, width in zip(found, (100, 1000), strict=True):
        layer = RECORDS.layers.query("hidden == @width and layer == 4").astype(float)
        network = deepest.query("hidden == @width").astype(float)
        both = layer.merge(network, on=["seed", "epoch"])
        parts = []
        for first, last in spans:
            part = both[both["epoch"].between(first, last)]
            r = np.corrcoef(part["train_accuracy_x"], part["train_accuracy_y"])[0, 1]
            parts.append(f"{three(r)} over epochs {first} to {last}")
        value = both["train_accuracy_y"].to_numpy()
        squares = (value - value.mean()) ** 2
        early = squares[both["epoch"] <= 3].sum() / squares.sum()
        assert 0.05 < early < 0.95
        assert text == (
            f"{width} units (5 seeds): r of the deepest layer is {parts[0]}, {parts[1]} and "
            f"{parts[2]}. Epochs 1 to 3 hold {100 * early:.0f} % of the variance of the network's "
            "accuracy over all epochs, and every span that begins with epoch 1 contains them."
        )


def test_spans_without_a_correlation_are_left_out():
    records = synthetic()
    still = records.layers["epoch"] <= 3
    layers = records.layers.assign(
        train_accuracy=records.layers["train_accuracy"].where(~still, 0.5)
    )
    deepest = records.readouts.query("depth == 4")
    table = correlation.by_span(layers, deepest, spans=[(1, 3), (1, 12)])
    (text,) = words(summary.spans(table, records.readouts))
    assert "nan" not in text
    assert "over epochs 1 to 12. Epochs" in text
    assert "1 to 3 hold" in text
    assert "over epochs 1 to 3" not in text


def test_without_any_correlation_no_span_is_told():
    records = synthetic()
    layers = records.layers.assign(train_accuracy=0.5)
    deepest = records.readouts.query("depth == 4")
    table = correlation.by_span(layers, deepest, spans=[(1, 3), (1, 12)])
    assert np.isnan(table["r"]).all()
    assert words(summary.spans(table, records.readouts)) == [
        "100 units (5 seeds): no correlation exists: an accuracy never varies."
    ]


# --- Separability, and devices --------------------------------------------------------------------


def reached(crossing: list[float], hidden: int = 100) -> pd.DataFrame:
    table = pd.DataFrame({"crossing": crossing, "layer": range(1, len(crossing) + 1)})
    return table.assign(hidden=hidden, seeds=5, censored=table["crossing"].isna())


def test_the_accuracy_is_told_after_the_auroc_where_both_are_reached():
    nan = np.nan
    auroc, accuracy = reached([1, 2.5, 4, nan, 6]), reached([1.5, 2, 7, 8, nan])
    assert words(summary.auroc({"auroc": auroc, "accuracy": accuracy})) == [
        "100 units (5 seeds): of 5 layers, 4 reach the AUROC and 4 the accuracy. Of those that "
        "reach both, the epoch of the accuracy minus that of the AUROC is 1 on average "
        f"({MINUS}0.5 to 3). The first and the last of them reach the accuracy 5.5 epochs "
        "apart."
    ]


def test_widths_and_seeds_are_whole_in_a_table_of_numbers_alone():
    """A row of such a table, taken by itself, is one of floats."""
    table = reached([1, 2.5]).drop(columns="censored")
    assert table.iloc[0].dtype == float, "an example worth its name"
    (text,) = words(summary.auroc({"auroc": table, "accuracy": table}))
    assert text.startswith("100 units (5 seeds): of 2 layers")
    single = table.assign(seeds=1)
    (text,) = words(summary.auroc({"auroc": single, "accuracy": single}))
    assert text.startswith("100 units (1 seed): of 2 layers")


def test_layers_that_reach_one_of_two_have_no_difference():
    nan = np.nan
    auroc = pd.concat([reached([1, nan]), reached([1, 2], 1000)])
    accuracy = pd.concat([reached([nan, 2]), reached([3, 3], 1000)])
    narrow, wide = words(summary.auroc({"auroc": auroc, "accuracy": accuracy}))
    assert narrow == "100 units (5 seeds): no layer reaches both."
    assert wide.endswith(
        "is 1.5 on average (1 to 2). The first and the last of them reach the accuracy 0 epochs "
        "apart."
    )


def test_differences_between_devices_are_counted():
    table = pd.DataFrame({"low": [-1, 0, 1, -2], "high": [1, 2, 2, -1.0]})
    table["within"] = [True, False, False, False]
    assert words(summary.devices(table)) == [
        "The intervals of 2 of 4 differences hold 0, and 1 lie whole within the spread over seeds. "
        "A difference that does the first and not the second is undecided."
    ]


def test_records_of_one_kind_of_device_do_not_differ():
    table = unpaired(RECORDS, RECORDS)
    (text,) = words(summary.devices(table))
    n, within = len(table), table["within"].sum()
    assert text.startswith(
        f"The intervals of {n} of {n} differences hold 0, and {within} lie whole"
    )


# --- Every verdict under every variation ----------------------------------------------------------

YES, NO, OPEN = "supported", "not supported", "undecided"


def varied(*rows: tuple[str, str, str], **same: Any) -> pd.DataFrame:
    """Cells of key, main verdict and verdict."""
    table = pd.DataFrame(rows, columns=["key", "main", "verdict"])
    return table.assign(**{"width": "100", "counted": True, "concerned": True, **same})


CELLS = varied(
    ("stays", YES, YES),
    ("stays", YES, "not measured"),
    ("stays open", OPEN, OPEN),
    ("fades", NO, OPEN),
    ("fades", NO, NO),
    ("opens", OPEN, NO),
    ("turns", YES, NO),
    ("turns", YES, OPEN),
    ("turns", YES, NO),
    ("turns back", NO, YES),
)


def test_verdicts_are_counted_that_stay_and_that_turn():
    assert words(summary.robust(CELLS)) == [
        "2 of 6 verdicts stay the same under every variation that enters their number and reaches "
        "a verdict. 2 turn into the opposite under some variation (3 of 9 cells); the others "
        "change only to or from undecided."
    ]


def test_what_counts_elsewhere_or_is_not_concerned_enters_no_count():
    other = [
        varied(("turns", YES, NO), ("opposite", YES, NO), counted=False),
        varied(("stays", YES, NO), ("unconcerned", YES, YES), concerned=False),
        varied(("unknown", YES, "not measured"), ("few", YES, "too few seeds")),
    ]
    assert words(summary.robust(pd.concat([CELLS, *other]))) == words(summary.robust(CELLS))


def test_a_key_counts_for_each_width():
    both = pd.concat([CELLS, varied(("turns", YES, YES), width="1000")])
    (text,) = words(summary.robust(both))
    assert text.startswith("3 of 7 verdicts stay the same")
