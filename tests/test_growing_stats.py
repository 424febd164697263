"""What growing a network costs and brings, counted by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ff.quantities import READOUT_QUANTITIES
from ff.records import Records, table
from ff.stats import growing


def test_gains_are_paired_differences_of_neighboring_depths():
    depths, noise = [2, 3, 4], np.random.default_rng(3).normal(0, 0.01, (5, 1))
    values = np.zeros((5, 2, 3, len(READOUT_QUANTITIES)), np.float32)
    values[:, -1, :, 4] = np.array([0.8, 0.85, 0.85]) + noise
    values[:, -1, 2, 4] += np.array([0.001, -0.001, 0.002, -0.002, 0.0])
    readouts = table(values, READOUT_QUANTITIES, 100, [1, 2, 3, 4, 5], depth=depths)
    found: Any = growing.gains(readouts)
    assert found["gain"].tolist()[1:] == pytest.approx([0.05, 0.0], abs=1e-6)
    assert found["low"][1] > 0.049
    assert found["low"][2] < 0 < found["high"][2]
    assert np.isnan(found["gain"][0])


def test_the_cost_of_growing_is_counted_by_hand():
    """Two seeds: layer 1 takes 3 and 5 epochs, layer 2 takes 4 and 2."""
    took = {(1, 1): 3, (2, 1): 5, (1, 2): 4, (2, 2): 2}
    rows = [
        {"seed": s, "layer": k, "epoch": e, "pair_accuracy": 0.6 if e <= took[s, k] else np.nan}
        for s, k in took
        for e in range(1, 7)
    ]
    cost = growing.growth_cost(pd.DataFrame(rows), depth=2, classes=2)
    assert cost["updates"] == (7 + 7) / 2
    readout = 2 * 6 / 3  # in each epoch every layer passes one sample of an image in place of three
    learning = ((3 + 2 * 4) + (5 + 2 * 2)) / 2 * 2 / 3  # two samples of an image in place of three
    assert cost["forward"] == pytest.approx(learning + readout)
    kept = 2  # each layer once each image with two labels and with none
    assert cost["cached"] == pytest.approx(7 * 2 / 3 + kept)


def test_both_ways_are_compared_at_equal_updates_at_the_best_epoch_and_at_the_end():
    """Layers took 2 and 4 epochs: a network of 2 layers has had as many updates after 3."""
    seeds, validation = (1, 2), READOUT_QUANTITIES.index("validation_accuracy")
    own, other = np.zeros((2, 2, 4, 1, len(READOUT_QUANTITIES)), np.float32)
    own[..., validation] = 0.9
    other[..., validation] = np.array([0.5, 0.8, 0.7, 0.6])[:, None]
    other[1, ..., validation] += 0.02
    rows = [
        {"seed": s, "layer": k, "epoch": e, "pair_accuracy": 0.6 if e <= 2 * k else np.nan}
        for s in seeds
        for k in (1, 2)
        for e in (1, 2, 3, 4)
    ]
    grown, together = (
        Records(pd.DataFrame(rows), table(made, READOUT_QUANTITIES, 9, seeds, depth=[2]), runs=())
        for made in (own, other)
    )
    found: Any = growing.beside_together(grown, together).set_index("cost")
    assert found["epoch"].to_dict() == {"equal updates": 3, "best": 2, "whole": 4}
    expected = {"equal updates": 0.19, "best": 0.09, "whole": 0.29}
    assert found["difference"].to_dict() == pytest.approx(expected, abs=1e-6)
    assert (found["low"] < found["difference"]).all()
