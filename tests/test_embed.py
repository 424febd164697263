"""Measurements as JSON for the site's scripts."""

import json
import re

import numpy as np
import pytest
import synthetic

import ff
from ff.book import embed
from ff.book.markup import Html
from ff.stats import correlation


def embedded(html: Html) -> dict:
    found = re.search(r'<script type="application/json">(.*?)</script>', html._repr_html_())
    assert found
    return json.loads(found[1])


@pytest.fixture(scope="module")
def records() -> ff.Records:
    return synthetic.records(hidden=(10, 100))


def test_traces_are_means_over_seeds_to_the_last_bit(records):
    found = embedded(embed.explorer(records))
    assert list(found) == ["10", "100"]
    for width, column in [("10", "train_accuracy"), ("100", "validation_accuracy")]:
        numbers = found[width]["accuracies"][column]
        rows = records.layers[records.layers["hidden"] == int(width)]
        means = rows.astype({column: float}).groupby(["layer", "epoch"])[column].mean().unstack()
        assert numbers["epochs"] == list(means.columns)
        shown = np.array(numbers["layers"], dtype=np.float32)
        assert np.array_equal(shown, means.to_numpy().astype(np.float32))
        assert list(numbers["networks"]) == ["2", "4"]
        assert found[width]["seeds"] == 5


def test_correlations_are_those_of_all_epochs_so_far(records):
    found = embed.measurements(records)["100"]["accuracies"]["train_accuracy"]
    for last in (3, 12):
        rows = [frame[frame["epoch"] <= last] for frame in (records.layers, records.readouts)]
        for row in correlation.pooled(*rows).query("hidden == 100").to_dict("records"):
            shown = found[row["coefficient"]][str(row["depth"])][row["layer"] - 1][last - 1]
            assert shown == pytest.approx(row["r"], abs=0.00051)
    assert [len(found["pearson"][depth]) for depth in ("2", "4")] == [2, 4]


def test_what_was_not_measured_is_left_out(records):
    """Synthetic records have no AUROC, and a column may be all NaN."""
    layers = records.layers.assign(validation_auroc=np.nan)
    found = embed.measurements(ff.Records(layers, records.readouts, ()))
    assert set(found["100"]["accuracies"]) == {"train_accuracy", "validation_accuracy"}


def test_a_correlation_that_does_not_exist_is_null():
    """In the first epoch of a single seed nothing varies."""
    found = embedded(embed.explorer(synthetic.records(seeds=1)))
    first = found["100"]["accuracies"]["train_accuracy"]["pearson"]["4"][0][0]
    assert first is None


def test_the_animation_shows_the_width_with_the_most_seeds(records):
    found = embedded(embed.awakening(records))
    assert (found["hidden"], len(found["layers"]), len(found["epochs"])) == (100, 4, 12)
    few = (records.layers["hidden"] == 10) | (records.layers["seed"] <= 2)
    found = embedded(embed.awakening(ff.Records(records.layers[few], records.readouts, ())))
    assert (found["hidden"], found["seeds"]) == (10, 5)
