"""Measurements as JSON for the site's scripts."""

import json
import re
from typing import Any

import numpy as np
import pytest
import synthetic

import ff
from ff.book import embed
from ff.book.markup import Html
from ff.stats import correlation
from ff.stats.delay import reach_of_mean
from ff.stats.intervals import FISHER, mean_band


def embedded(html: Html) -> Any:
    found = re.search(r'<script type="application/json">(.*?)</script>', html._repr_html_())
    assert found
    return json.loads(found[1])


@pytest.fixture(scope="module")
def records() -> ff.Records:
    return synthetic.records(hidden=(10, 100))


def measure(widths: list[dict], hidden: int, column: str = "train_accuracy") -> dict:
    (width,) = (one for one in widths if one["hidden"] == hidden)
    return width["measures"][column]


def test_traces_are_means_over_seeds_with_their_bands(records):
    data = embedded(embed.explorer(records))
    assert data["views"] == ["traces", "delays", "correlations", "table"]
    widths = data["widths"]
    assert [(one["condition"], one["hidden"], one["seeds"]) for one in widths] == [
        ("", 10, 5),
        ("", 100, 5),
    ]
    for hidden, column in [(10, "train_accuracy"), (100, "validation_accuracy")]:
        numbers = measure(widths, hidden, column)
        rows: Any = records.layers[records.layers["hidden"] == hidden]
        mean, low, _ = mean_band(synthetic.grid(rows, "layer", column))
        shown = (np.array(numbers["layers"]) + 0.5) * embed.ACCURACY
        np.testing.assert_allclose(shown.T, mean, rtol=0, atol=0.51 * embed.ACCURACY)
        half = np.array(numbers["half"]).T * embed.ACCURACY
        np.testing.assert_allclose(half, mean - low, rtol=0, atol=0.51 * embed.ACCURACY)
        assert numbers["epochs"] == list(range(1, 13))
        assert list(numbers["readouts"]) == ["2", "4"]


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_mean_reaches_a_target_exactly_when_its_number_does(seeds):
    """Also where float32 lies a little above or below the target that it stands for."""
    hundredths = np.arange(50, 100, dtype=np.float32) / np.float32(100)
    around = np.stack(
        [hundredths, np.nextafter(hundredths, 0), np.nextafter(hundredths, 1)], axis=1
    ).reshape(1, -1, 1)
    layers = synthetic.traces(np.repeat(around, seeds, axis=0)).assign(layer=1)
    readouts = layers.rename(columns={"layer": "depth"})
    found = embed.measurements(ff.Records(layers, readouts, ()), correlated=())
    (numbers,) = measure(found, 100)["layers"]
    values = synthetic.grid(layers, "layer")
    for percent in range(50, 100):
        alone = [
            reach_of_mean(values[:, [i]], np.array([1]), percent / 100)(np.ones((1, seeds)))
            for i in range(values.shape[1])
        ]
        reached = np.isfinite(np.array(alone)[:, 0, 0, 0])
        assert ((np.array(numbers) >= percent * 1000) == reached).all(), percent


def test_correlations_are_those_of_all_epochs_so_far(records):
    found = measure(embed.measurements(records), 100)
    for last in (3, 12):
        rows = [frame[frame["epoch"] <= last] for frame in (records.layers, records.readouts)]
        for row in correlation.pooled(*rows).query("hidden == 100").to_dict("records"):
            at = str(row["depth"]), row["layer"] - 1, last - 1
            r, half = (
                found[name][at[0]][at[1]][at[2]]
                for name in (row["coefficient"], f"{row['coefficient']}_half")
            )
            assert r * embed.CORRELATION == pytest.approx(row["r"], abs=0.00051)
            ends = [float(FISHER.forward(np.array(row[end]))) for end in ("low", "high")]
            assert half * embed.CORRELATION == pytest.approx((ends[1] - ends[0]) / 2, abs=0.00051)
    assert [len(found["pearson"][depth]) for depth in ("2", "4")] == [2, 4]


def test_what_was_not_measured_is_left_out(records):
    """Synthetic records have no AUROC, and a column may be all NaN."""
    layers = records.layers.assign(validation_auroc=np.nan)
    found = embed.measurements(ff.Records(layers, records.readouts, ()))
    assert set(found[1]["measures"]) == {"train_accuracy", "validation_accuracy"}


def test_of_a_single_seed_there_are_no_bands_and_not_every_correlation():
    """In the first epoch of a single seed nothing varies."""
    numbers = measure(embed.measurements(synthetic.records(seeds=1)), 100)
    assert numbers["pearson"]["4"][0][0] is None
    assert numbers["half"] is None
    assert "pearson_half" not in numbers


def test_of_other_conditions_there_are_correlations_of_training_alone(records):
    data = embedded(embed.explorer(records, {"constant <rates>": records}))
    names = ["", "", "constant <rates>", "constant <rates>"]
    assert [one["condition"] for one in data["widths"]] == names
    for column, correlated in [("train_accuracy", True), ("validation_accuracy", False)]:
        numbers = measure(data["widths"][2:], 100, column)
        assert ("pearson" in numbers) == correlated
        assert "pearson_half" not in numbers
        assert "half" in numbers


def test_some_views_hold_what_they_need(records):
    html = embed.explorer(
        records, views=("delays", "traces"), measures=("train_accuracy",), shown="target=0.80"
    )
    assert '<div class="ff-explorer is-part">' in html._repr_html_()
    data = embedded(html)
    assert (data["views"], data["shown"]) == (["traces", "delays"], "target=0.80")
    assert set(data["widths"][0]["measures"]) == {"train_accuracy"}
    assert "pearson" not in measure(data["widths"], 100)
    data = embedded(embed.explorer(records, views=["correlations"]))
    numbers = measure(data["widths"], 100)
    assert "pearson" in numbers
    assert "pearson_half" not in numbers, "a chapter has these intervals in its figures"


@pytest.mark.parametrize("wrong", [{"views": ["delay"]}, {"measures": ["delay"]}])
def test_unknown_views_and_measures_are_refused(records, wrong):
    with pytest.raises(ValueError, match="but not delay"):
        embed.explorer(records, **wrong)


def test_the_animation_shows_the_width_with_the_most_seeds(records):
    found = embedded(embed.awakening(records))
    assert (found["hidden"], len(found["layers"]), len(found["epochs"])) == (100, 4, 12)
    few = (records.layers["hidden"] == 10) | (records.layers["seed"] <= 2)
    found = embedded(embed.awakening(ff.Records(records.layers[few], records.readouts, ())))
    assert (found["hidden"], found["seeds"]) == (10, 5)
