"""Two conditions beside each other, against plain loops over the seeds that are left out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ff
from ff.book import figures
from ff.book.summary import beside as words
from ff.stats.beside import Two, by_layer, differences, two
from tests.synthetic import reach, without
from tests.synthetic import records as synthetic

SEEDS = 6


def made(**changes: Any) -> ff.Records:
    shape = {"layers": 5, "depths": (2, 5), "seeds": SEEDS, "epochs": 14, "noise": 0.02}
    found = synthetic(**(shape | changes))
    rows = found.readouts
    rows["test_accuracy"] = (rows["train_accuracy"] - 0.1).where(
        rows["epoch"] == rows["epoch"].max()
    )
    return found


@pytest.fixture(scope="module")
def pair() -> Two:
    return two(made(delay=1.7), made(random_state=5, delay=1.2), "late", "soon")


def leaving_out(statistic: Any, pair: Two) -> tuple[float, float, float]:
    """Difference of a statistic of both, and its interval, by leaving out each seed in a loop."""
    ours, theirs = pair.ways.values()

    def of(seed: int | None) -> float:
        cut = [
            way
            if seed is None
            else ff.Records(without(way.layers, seed), without(way.readouts, seed), ())
            for way in (ours, theirs)
        ]
        return statistic(cut[0]) - statistic(cut[1])

    left = np.array([of(seed) for seed in range(1, SEEDS + 1)])
    error = np.sqrt((SEEDS - 1) / SEEDS * ((left - left.mean()) ** 2).sum())
    half = float(stats.t.ppf(0.975, SEEDS - 1)) * error
    value = of(None)
    return value, value - half, value + half


def mean_trace(records: ff.Records, layer: int) -> list[float]:
    rows: Any = records.layers[records.layers["layer"] == layer]
    return rows.groupby("epoch")["train_accuracy"].mean().tolist()


@pytest.mark.parametrize("layer", [1, 3, 5])
def test_a_delays_difference_is_that_of_mean_traces_of_the_same_seeds(pair, layer):
    table: Any = by_layer(pair).set_index(["quantity", "layer"])
    row = table.loc[("delay", layer)]
    expected = leaving_out(lambda one: reach(mean_trace(one, layer))[1], pair)
    assert row[["difference", "low", "high"]].tolist() == pytest.approx(expected, abs=1e-5)
    assert row["own"] - row["base"] == pytest.approx(row["difference"])
    assert row["own"] == pytest.approx(reach(mean_trace(pair.ways["late"], layer))[1], abs=1e-5)


@pytest.mark.parametrize("layer", [1, 5])
def test_a_correlations_difference_is_that_of_all_pairs(pair, layer):
    def strength(one: ff.Records) -> float:
        keys = ["seed", "epoch"]
        own: Any = one.layers[one.layers["layer"] == layer].set_index(keys)["train_accuracy"]
        network: Any = one.readouts.query("depth == 5").set_index(keys)["train_accuracy"]
        return abs(np.corrcoef(own, network.loc[own.index])[0, 1])

    table: Any = by_layer(pair).set_index(["quantity", "layer"])
    row = table.loc[("correlation", layer)]
    expected = leaving_out(strength, pair)
    assert row[["difference", "low", "high"]].tolist() == pytest.approx(expected, abs=1e-5)


def test_differences_of_networks_are_paired(pair):
    table: Any = differences(pair).set_index("quantity")
    for column in ("validation_accuracy", "test_accuracy"):

        def at_the_end(one: ff.Records, column: str = column) -> float:
            last: Any = one.readouts.query("depth == 5 and epoch == 14")[column]
            return float(last.mean())

        row = table.loc[f"readout's {column.replace('_', ' ')} at the end"]
        expected = leaving_out(at_the_end, pair)
        assert row[["difference", "low", "high"]].tolist() == pytest.approx(expected, abs=1e-6)

    def slope(one: ff.Records) -> float:
        delays = [reach(mean_trace(one, layer))[1] for layer in range(1, 6)]
        found: Any = stats.theilslopes(delays, range(1, 6))
        return float(found[0])

    row = table.loc["epochs of delay that a further layer adds"]
    expected = leaving_out(slope, pair)
    assert row[["difference", "low", "high"]].tolist() == pytest.approx(expected, abs=1e-4)
    assert set(table["seeds"]) == {SEEDS}


def test_the_same_beside_itself_differs_by_nothing():
    own = made()
    for table in (by_layer(two(own, own, "a", "a")), differences(two(own, own, "a", "a"))):
        assert table[["difference", "low", "high"]].abs().max(axis=None) == 0


def test_slopes_are_over_the_layers_that_both_reach():
    late = made(delay=4.0, random_state=3)
    pair = two(late, made(), "late", "soon")
    reached = [np.isfinite(reach(mean_trace(late, layer))[1]) for layer in range(1, 6)]
    assert 2 <= sum(reached) < 5
    count = sum(reached)
    delays = [reach(mean_trace(pair.ways["soon"], layer))[1] for layer in range(1, count + 1)]
    expected = stats.theilslopes(delays, range(1, count + 1))[0]
    row: Any = differences(pair).iloc[0]
    assert row["base"] == pytest.approx(expected, abs=1e-4)
    table: Any = by_layer(pair).query("quantity == 'delay'")
    assert table["difference"].isna().tolist() == [not there for there in reached]


def test_what_both_have_is_kept():
    own, base = made(layers=3, depths=(2, 3), hidden=(8, 9)), made(hidden=(9, 10))
    base = ff.Records(without(base.layers, 2), without(base.readouts, 2), ())
    for way in two(own, base, "a", "b").ways.values():
        assert set(way.layers["hidden"]) == set(way.readouts["hidden"]) == {9}
        assert set(way.layers["seed"]) == set(way.readouts["seed"]) == {1, 3, 4, 5, 6}
        assert set(way.layers["layer"]) == {1, 2}, "layers of the deepest network that both have"
        assert set(way.readouts["depth"]) == {2}


def test_without_a_common_width_the_nearest_one_by_ratio_stands_beside():
    pair = two(made(hidden=(20,)), made(hidden=(8, 45, 100)), "mine", "theirs")
    assert list(pair.ways) == ["mine (20 units)", "theirs (45 units)"]
    assert pair.apart == ["hidden 20 against 45"]
    assert not pair.alike
    theirs = pair.ways["theirs (45 units)"]
    assert set(theirs.layers["hidden"]) == set(theirs.readouts["hidden"]) == {20}
    expected: Any = made(hidden=(8, 45, 100)).layers.query("hidden == 45")["train_accuracy"]
    assert theirs.layers["train_accuracy"].tolist() == expected.tolist()


def run(**changes: Any) -> dict[str, Any]:
    """Provenance of a run on the CPU."""
    config = ff.Config(**changes)
    how = {"config": config.model_dump(mode="json"), "batch_size": config.batch, "dataset": {}}
    return how | {"device": "cpu (x86_64, 2 cores)"}


def test_seeds_are_alike_with_the_same_images_batch_width_and_device():
    ours = replace(made(), runs=(run(),))

    def beside(theirs: dict[str, Any]) -> Two:
        return two(ours, replace(made(), runs=(theirs,)), "a", "b")

    assert beside(run()).alike
    assert beside(run(learning_rate=0.1)).alike
    assert beside(run(learning_rate=0.1)).apart == ["learning_rate 0.001 against 0.1"]
    assert not beside(run(batch_size=10)).alike
    assert not beside(run() | {"device": "NVIDIA H100"}).alike
    assert not beside(run() | {"dataset": {"sha256": "other"}}).alike


def test_widths_without_a_counterpart_are_named():
    pair = two(made(hidden=(20, 80)), made(hidden=(20,)), "a", "b")
    assert pair.alone == [80]
    assert two(made(hidden=(20,)), made(hidden=(20, 80)), "a", "b").alone == []


def test_readouts_are_paired_by_seed_in_whatever_order_they_stand(pair):
    late, soon = pair.ways.values()
    rows = soon.readouts.sort_values("seed", ascending=False, kind="stable")
    other = two(late, replace(soon, readouts=rows), "late", "soon")
    pd.testing.assert_frame_equal(differences(other), differences(pair))


@pytest.mark.parametrize("turned", [False, True])
def test_what_one_of_two_does_not_reach_has_no_difference(turned):
    good, bad = made(), made(best=0.6)
    ways = (bad, good) if turned else (good, bad)
    pair = two(*ways, "a", "b")
    rows: Any = by_layer(pair).query("quantity == 'delay'")
    there, never = ("base", "own") if turned else ("own", "base")
    assert rows[there].notna().all()
    assert rows[[never, "difference", "low"]].isna().all(axis=None)
    slope: Any = differences(pair).iloc[0]
    assert np.isfinite(slope[there])
    assert slope[[never, "difference", "low"]].isna().all()
    said = words.of_networks(pair, differences(pair))._html
    assert "no difference that can be taken" in said.split(";")[0]


def test_without_a_common_seed_there_is_no_difference():
    base = made()
    layers, readouts = (t.assign(seed=t["seed"] + 6) for t in (base.layers, base.readouts))
    base = ff.Records(layers, readouts, ())
    with pytest.raises(ff.RecordsError, match="a has seeds 1, 2, 3, 4, 5, 6 and b 7, 8"):
        two(made(), base, "a", "b")


def test_without_a_common_depth_there_is_no_difference():
    with pytest.raises(ff.RecordsError, match="a has networks of 2 layers and b of 3, 5: train a"):
        two(made(layers=2, depths=(2,)), made(depths=(3, 5)), "a", "b")


def test_names_of_conditions_are_text_and_no_html(pair):
    ways = {name: pair.ways[way] for name, way in (("<b>x", "late"), ("y", "soon"))}
    named = replace(pair, ways=ways)
    for html in (
        words.of_layers(named, by_layer(named), "delay")._html,
        words.of_networks(named, differences(named))._html,
    ):
        assert "&lt;b&gt;x" in html
        assert "<b>x" not in html


def test_one_seed_gives_differences_without_intervals():
    pair = two(made(seeds=1), made(seeds=1, random_state=4), "a", "b")
    table: Any = pd.concat([by_layer(pair), differences(pair)])
    assert table["low"].isna().all()
    assert table["difference"].notna().any()
    assert "(no interval)" in words.of_networks(pair, differences(pair))._html
    assert "one seed tells no interval" in words.of_layers(pair, by_layer(pair), "delay")._html


def test_sentences_name_the_layers_that_differ_and_how(pair):
    table = by_layer(pair)
    later = table.query("quantity == 'delay' and low > 0")["layer"].tolist()
    assert later
    text = words.of_layers(pair, table, "delay")._html
    assert f"with late, layers {later[0]} to {later[-1]} are later" in text
    found = differences(pair)
    text = words.of_networks(pair, found)._html
    assert "late minus soon, of the same seeds.</p>" in text
    other = replace(pair, alike=False, apart=["epochs 30 against 60", "hidden 9 against 8"])
    said = words.of_networks(other, found)._html
    assert "late minus soon. It is that of 2 settings together: epochs 30 against 60;" in said
    for row in found.to_dict("records"):
        sign = "more" if row["low"] > 0 else "less" if row["high"] < 0 else "open"
        assert f"({sign})" in text.split(row["quantity"])[1].split(";")[0]


def test_the_figure_has_a_line_for_each_condition_and_width():
    pair = two(made(hidden=(8, 9)), made(hidden=(8, 9), random_state=2), "a", "b")
    drawn = figures.delays_of_two(
        {name: ff.delay.mean_delay(way.layers) for name, way in pair.ways.items()}
    )
    lines = {line.get_gid() for axes in drawn.axes for line in axes.lines if line.get_gid()}
    assert lines == {f"width-{width}-{i}" for width in (8, 9) for i in (0, 1)}
    assert "the target: a and b. Bands" in drawn.caption
