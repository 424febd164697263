"""Paired comparisons, checked on traces whose differences are known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

import ff
from ff.quantities import LAYER_QUANTITIES, READOUT_QUANTITIES
from ff.records import Records, table
from ff.stats import study

EPOCHS, LAYERS = 30, 16
SEEDS = (1, 2, 3, 4, 5, 6)


def made(slope: float, start: float = 2.0, seeds=SEEDS, **columns: float) -> Records:
    """Records in which layer l reaches 0.7 at epoch start + slope l + the seed's own."""
    epochs = np.arange(1, EPOCHS + 1)[:, None]
    own = {seed: 0.3 * np.random.default_rng(seed).standard_normal(LAYERS) for seed in range(1, 20)}
    cross = {s: start + slope * np.arange(1, LAYERS + 1) + own[s] for s in seeds}
    traces = np.stack([np.clip(0.7 + 0.05 * (epochs - cross[s]), 0.5, 0.99) for s in seeds])
    layers = np.full((len(seeds), EPOCHS, LAYERS, len(LAYER_QUANTITIES)), 0.5, np.float32)
    for name in ("train_accuracy", "pair_accuracy"):
        layers[..., LAYER_QUANTITIES.index(name)] = traces
    noise = np.stack([own[s].mean() for s in seeds])
    readouts = np.full((len(seeds), EPOCHS, 1, len(READOUT_QUANTITIES)), 0.5, np.float32)
    readouts[..., -1] = (columns.get("readout", 0.9) + 0.01 * noise)[:, None, None]
    return Records(
        table(layers, LAYER_QUANTITIES, 100, seeds, layer=range(1, LAYERS + 1)),
        table(readouts, READOUT_QUANTITIES, 100, seeds, depth=[16]),
        runs=(),
    )


def row(found: pd.DataFrame, measure: str) -> dict[str, Any]:
    rows: Any = found[found["measure"] == measure]
    (only,) = rows.to_dict("records")
    return only


def test_the_difference_of_slopes_is_found():
    delay = row(study.compared(made(1.2), made(0.8)), "delay")
    assert delay["own"] == pytest.approx(1.2, abs=0.05)
    assert delay["base"] == pytest.approx(0.8, abs=0.05)
    assert delay["difference"] == pytest.approx(0.4, abs=0.02)
    assert delay["low"] < 0.4 < delay["high"] + 0.02
    assert delay["p"] < 1e-4
    assert delay["over"] == "2 to 16"


def test_pairs_are_seeds_so_that_what_a_seed_has_of_its_own_falls_out():
    """Both share their seeds' noise: unpaired, the interval would be wider than the difference."""
    delay = row(study.compared(made(0.81), made(0.8)), "delay")
    assert delay["high"] - delay["low"] < 0.02


def test_accuracies_are_compared_as_a_paired_t_test_does():
    own, base = made(1.0, readout=0.93), made(1.0, readout=0.9)
    noise = np.random.default_rng(0).normal(0, 0.01, len(SEEDS)).astype(np.float32)
    for seed, more in zip(SEEDS, noise, strict=True):
        own.readouts.loc[own.readouts["seed"] == seed, "test_accuracy"] += more
    readout = row(study.compared(own, base), "readout")
    last = [r.readouts.query(f"epoch == {EPOCHS}")["test_accuracy"] for r in (own, base)]
    own_last, base_last = (np.asarray(values, float) for values in last)
    expected: Any = ttest_rel(own_last, base_last)
    assert readout["p"] == pytest.approx(expected.pvalue, rel=1e-3)
    low, high = expected.confidence_interval()
    assert (readout["low"], readout["high"]) == pytest.approx((low, high), rel=1e-3)


def test_readouts_are_compared_at_the_deepest_depth_that_both_have():
    own, base = made(1.0, readout=0.93), made(1.0, readout=0.9)
    deeper = own.readouts.assign(depth=32, test_accuracy=0.1)
    own = replace(own, readouts=pd.concat([own.readouts, deeper], ignore_index=True))
    assert row(study.compared(own, base), "readout")["difference"] == pytest.approx(0.03)
    apart = replace(base, readouts=base.readouts.assign(depth=8))
    assert np.isnan(row(study.compared(own, apart), "readout")["difference"])


def test_slopes_are_over_the_layers_that_reach_the_target_in_both():
    delay = study.compared(made(2.5), made(0.8))
    assert row(delay, "delay")["over"] == "2 to 11"
    assert row(delay, "delay")["base"] == pytest.approx(0.8, abs=0.1)
    layers = row(delay, "layers")
    assert layers["base"] == 15
    assert 9 <= layers["own"] <= 11


def test_a_layer_that_never_reaches_the_target_waits_until_the_end():
    wait = row(study.compared(made(50.0), made(0.0, start=5.0)), "wait")
    assert wait["own"] == EPOCHS
    assert wait["base"] == pytest.approx(5.0, abs=0.2)


def test_exactly_the_target_reaches_it():
    own = made(50.0)
    own.layers["train_accuracy"] = np.float32(0.7)
    assert row(study.compared(own, made(0.8)), "layers")["own"] == LAYERS - 1


def test_the_layers_of_a_slope_are_named_without_those_that_are_left_out():
    own = made(0.8)
    own.layers.loc[own.layers["layer"].isin([6, 16]), "train_accuracy"] = np.float32(0.5)
    assert row(study.compared(own, made(0.8)), "delay")["over"] == "2 to 5, 7 to 15"


def test_a_difference_that_varies_by_rounding_only_is_no_test():
    own, base = made(1.0), made(1.0)
    own.readouts["test_accuracy"] = base.readouts["test_accuracy"].astype(float) + 0.1
    assert np.isnan(row(study.compared(own, base), "readout")["p"])


def test_too_few_layers_make_no_slope():
    delay = row(study.compared(made(50.0), made(0.8)), "delay")
    assert np.isnan(delay["difference"])
    assert delay["over"] == "none"


def test_what_was_not_measured_is_missing_and_the_rest_is_there():
    own = made(1.0)
    own.layers["train_accuracy"] = np.nan
    found = study.compared(own, made(0.8))
    assert np.isnan(row(found, "delay")["difference"])
    assert row(found, "pair delay")["difference"] == pytest.approx(0.2, abs=0.02)


def test_where_negative_samples_differ_both_are_seen_on_validation_images():
    """There negative samples are drawn alike: harder ones to learn from are not a later layer."""
    own, base = made(1.2), made(0.8)
    for records, slope in ((own, 1.0), (base, 0.9)):
        records.layers["validation_accuracy"] = made(slope).layers["train_accuracy"]
    hard, uniform = ({"config": {"negatives": kind}} for kind in ("hard", "uniform"))
    own, base = replace(own, runs=(hard,)), replace(base, runs=(uniform,))
    assert row(study.compared(own, base), "delay")["difference"] == pytest.approx(0.1, abs=0.02)
    own = replace(own, runs=(uniform,))
    assert row(study.compared(own, base), "delay")["difference"] == pytest.approx(0.4, abs=0.02)


def test_seeds_that_have_diverged_are_left_out_of_both():
    found = study.compared(made(1.2, seeds=SEEDS[:4]), made(0.8))
    assert set(found["seeds"]) == {4}
    found = study.compared(made(1.2, seeds=(1, 2, 9)), made(0.8))
    assert set(found["seeds"]) == {2}
    with pytest.raises(ff.RecordsError, match="same seeds"):
        study.compared(made(1.2, seeds=(9,)), made(0.8))


def test_what_is_equal_by_construction_has_no_p():
    found = study.study({"the same": (made(0.8), made(0.8))})
    assert np.asarray(found["difference"]).tolist() == [0.0] * len(found)
    assert np.isnan(np.asarray(found["p_holm"], float)).all()


def test_holms_correction_is_over_the_whole_study():
    base = made(0.8)
    found = study.study({"steeper": (made(1.2), base), "the same": (made(0.8), base)})
    assert list(found["variant"].unique()) == ["steeper", "the same"]
    tests = found["measure"].isin(["delay", "readout"])
    assert found.loc[~tests, "p_holm"].isna().all(), "the others describe"
    rows: Any = found[tests & found["p"].notna()]
    known = rows.sort_values("p")
    adjusted = (known["p"] * (2 * 2 - np.arange(len(known)))).cummax().clip(upper=1)
    np.testing.assert_allclose(known["p_holm"], adjusted)


def test_the_tests_of_variants_that_are_not_measured_yet_count():
    pairs = {"steeper": (made(1.2), made(0.8))}
    alone, planned = study.study(pairs), study.study(pairs, planned=10)
    assert len(alone) == len(planned)
    p, first = row(alone, "delay")["p"], row(planned, "delay")["p_holm"]
    assert first == pytest.approx(20 * p)


def test_pair_accuracy_is_tested_where_eq_3_is_undefined():
    own = made(1.2)
    own.layers["train_accuracy"] = np.nan
    found = study.study({"pairwise": (own, made(0.8))})
    assert row(found, "pair delay")["p_holm"] < 0.05
    assert np.isnan(row(found, "delay")["p_holm"])


def test_a_slope_that_bends_is_seen_in_its_halves_and_at_another_target():
    own, base = made(0.8), made(0.8)
    late = own.layers["layer"] > 9
    own.layers.loc[late, "train_accuracy"] = made(1.6, start=-4.5).layers["train_accuracy"][late]
    found = study.compared(own, base)
    assert row(found, "shallow delay")["difference"] == pytest.approx(0, abs=0.02)
    assert row(found, "deep delay")["difference"] > 0.5
    assert row(study.compared(made(0.8), made(0.8)), "delay at 0.8")["own"] == pytest.approx(
        0.8, abs=0.05
    )


def test_falls_are_counted_between_neighboring_epochs_of_a_seed():
    records = made(0.8, seeds=(1, 2))
    rows = records.layers
    at = (rows["seed"] == 2) & (rows["layer"] == 3) & (rows["epoch"] == 20)
    before = rows.loc[(rows["seed"] == 2) & (rows["layer"] == 3) & (rows["epoch"] == 19)]
    rows.loc[at, "train_accuracy"] = float(before["train_accuracy"].iloc[0]) - 0.12
    found: Any = study.falls(rows)
    one = found[(found["seed"] == 2) & (found["layer"] == 3)].iloc[0]
    assert one["falls"] == 1
    assert one["largest"] == pytest.approx(0.12, abs=1e-6)
    assert found["falls"].sum() == 1


def test_order_falls_where_the_area_under_the_roc_curve_falls_along():
    rows = made(0.8, seeds=(1, 2)).layers
    rows["validation_auroc"] = rows["validation_accuracy"] = 0.9

    def fall(layer: int, columns: list[str]) -> None:
        rows.loc[rows["seed"].eq(2) & rows["layer"].eq(layer) & rows["epoch"].eq(20), columns] = 0.8

    assert study.order_falls(rows)[0] == 0
    fall(3, ["validation_accuracy"])
    assert study.order_falls(rows) == (1, 0.0)
    fall(4, ["validation_accuracy", "validation_auroc"])
    assert study.order_falls(rows) == (2, 0.5)
    assert study.order_falls(rows, by=0.2)[0] == 0
