"""Sentences that are computed: the numbers in them are those of the tables."""

import re
from typing import Any

import numpy as np
import pytest
import synthetic

from ff.book import summary
from ff.stats import correlation, delay
from ff.stats.resampling import Bootstrap

FEW = Bootstrap(50)
RECORDS = synthetic.records(hidden=(100, 1000))


def words(html: Any) -> list[str]:
    """Paragraphs without their tags."""
    return [re.sub("<[^>]+>", "", text) for text in html._repr_html_().split("</p>")[:-1]]


def test_delays_are_told_for_each_width():
    means: Any = delay.mean_delay(RECORDS.layers, bootstrap=FEW)
    slopes: Any = delay.slope(RECORDS.layers, bootstrap=FEW)
    narrow, wide = words(summary.delays(means, slopes))
    assert wide.startswith("1000 units (5 seeds): 4 of 4 layers reach 0.7 within 12 epochs")
    crossing = means.query("hidden == 100")["crossing"].to_numpy()
    assert f"layer 1 after {crossing[0]:.1f} and layer 4 after {crossing[-1]:.1f}." in narrow
    slope = slopes.query("hidden == 100 and segment == 'all'")["slope"].item()
    assert f"A further layer adds {slope:.2f} epochs [" in narrow


@pytest.mark.parametrize(("target", "reached"), [(0.999, 0), (0.75, 1)])
def test_layers_that_do_not_reach_the_target_are_counted(target, reached):
    layers = RECORDS.layers.query("hidden == 100")
    rows = layers.assign(train_accuracy=np.where(layers["layer"] == 1, 0.75, 0.5))
    rows.loc[rows["epoch"] == 1, "train_accuracy"] = 0.5
    means, slopes = (f(rows, target, bootstrap=FEW) for f in (delay.mean_delay, delay.slope))
    (text,) = words(summary.delays(means, slopes))
    assert f"{reached} of 4 layers reach 0.7 within 12 epochs" in text
    assert ("layer 1 after" in text) == bool(reached)
    assert "nan" not in text


def test_correlations_are_told_for_the_deepest_network():
    pooled: Any = correlation.pooled(RECORDS.layers, RECORDS.readouts, bootstrap=FEW)
    within: Any = correlation.within_epoch(RECORDS.layers, RECORDS.readouts, bootstrap=FEW)
    narrow, wide = words(summary.correlations(pooled, within))
    assert wide.startswith("1000 units")
    rows = pooled.query("hidden == 100 and depth == 4 and coefficient == 'pearson'")["r"]
    assert f"r with the accuracy of the network of 4 layers is {rows.iloc[0]:.2f} in" in narrow
    assert f"and {rows.iloc[-1]:.2f} in layer 4; Spearman" in narrow
    rows = within.query("hidden == 100 and depth == 4 and coefficient == 'pearson'")["r"]
    assert f" r is {rows.iloc[0]:.2f} in layer 1 and {rows.iloc[1]:.2f} in layer 2" in narrow
    assert f", and {rows.iloc[2:].mean():.2f} on average in those above." in narrow


def test_correlations_between_many_seeds_have_an_interval():
    many = synthetic.records(seeds=10)
    pooled, within = (
        f(many.layers, many.readouts, bootstrap=FEW)
        for f in (correlation.pooled, correlation.within_epoch)
    )
    (text,) = words(summary.correlations(pooled, within))
    row: Any = within.query("depth == 4 and layer == 2 and coefficient == 'pearson'").iloc[0]
    assert f"{row['r']:.2f} [{row['low']:.2f}, {row['high']:.2f}] in layer 2" in text
