"""Forward-Forward beside backpropagation: what is read, drawn and told."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from wording import three

import ff
from ff.book import figures
from ff.book.summary import learners
from ff.records import Records
from ff.results import VARIANTS, backprop, backprop_grids, best_rate, two_learners
from ff.stats import paired

EXPECTED = {key: f"{key}?" for key in ("reached", "delay", "end", "answer")}
PROBE = "probe_accuracy"


def learner(test: float = 0.9, **kind: Any) -> Records:
    """Four layers whose probes learn one after the other."""
    records = synthetic.records(**{"epochs": 20, "delay": 2.0, **kind})
    layers = records.layers.rename(columns={"train_accuracy": PROBE})
    readouts: Any = records.readouts.query("depth == 4").assign(test_accuracy=np.nan)
    last = readouts["epoch"] == readouts["epoch"].max()
    readouts.loc[last, "test_accuracy"] = test + readouts["seed"] / 1000
    return Records(layers, readouts, ())


def tables(ways: dict[str, Records]) -> tuple[pd.DataFrame, pd.DataFrame]:
    layers = {name: own.layers for name, own in ways.items()}
    of: Any = (paired.delays, paired.slopes)
    probes, costs = (
        pd.concat([table(layers, target, PROBE) for target in (0.7, 0.9)]) for table in of
    )
    return probes, costs


def both(**kind: Any) -> dict[str, Records]:
    quick = {"delay": 0.3, "best": 0.98, "random_state": 1, "test": 0.95}
    return {"Forward-Forward": learner(), "backpropagation": learner(**(quick | kind))}


# --- what was measured


def test_the_two_learners_differ_in_nothing_else():
    ways = two_learners()
    (theirs,), (own,) = (ways[name].runs for name in ("Forward-Forward", "backpropagation"))
    for key in theirs["config"].keys() - {"learning_rate", "device"}:
        assert own["config"][key] == theirs["config"][key], key
    for name, (run,) in ((name, records.runs) for name, records in ways.items()):
        rate = best_rate(backprop_grids(), name, "mnist")
        assert run["config"]["learning_rate"] == rate
    one, other = (records.layers for records in ways.values())
    index = ["hidden", "seed", "epoch", "layer"]
    assert one[index].to_numpy().tolist() == other[index].to_numpy().tolist()


@pytest.mark.parametrize("dataset", ["mnist", "digits"])
def test_what_was_measured_of_backpropagation_is_complete(dataset):
    found = backprop(dataset)
    config = ff.Config(**found.runs[0]["config"])
    seeds, layers = len(config.seed_list), max(config.depths)
    assert len(found.layers) == seeds * config.epochs * layers
    assert len(found.readouts) == seeds * config.epochs
    assert found.layers[PROBE].between(0, 1).all()
    assert found.readouts["validation_accuracy"].between(0, 1).all()
    last = found.readouts["epoch"] == config.epochs
    assert np.array_equal(found.readouts["test_accuracy"].notna(), last)


def test_the_best_rates_lie_inside_their_grids_and_their_seeds_are_not_shown():
    grids = backprop_grids()
    for (learner, dataset), own in grids.groupby(["learner", "dataset"]):  # pyright: ignore[reportGeneralTypeIssues]
        rates = sorted(set(own["learning_rate"]))
        assert rates[0] < best_rate(grids, learner, dataset) < rates[-1]
    shown = {*two_learners()["backpropagation"].layers["seed"], *backprop("digits").layers["seed"]}
    assert shown.isdisjoint(grids["seed"])


def test_the_best_rate_is_of_the_deepest_networks_and_of_no_seed_that_died():
    columns = ["learner", "dataset", "layers", "learning_rate", "seed", "validation_accuracy"]
    rows = [("a", "x", 4, 0.1, 1, 0.99), ("a", "x", 8, 0.1, 1, 0.5), ("a", "x", 8, 0.2, 1, 0.6)]
    rows += [("a", "x", 8, 0.3, 1, 0.9), ("a", "x", 8, 0.3, 2, np.nan), ("b", "x", 8, 0.4, 1, 1)]
    rows += [("a", "x", 8, 0.1, 2, 0.5), ("a", "x", 8, 0.2, 2, 0.6)]
    assert best_rate(pd.DataFrame(rows, columns=columns), "a", "x") == 0.2


# --- what is told


def test_a_smaller_delay_is_told_with_both_slopes():
    _, costs = tables(both())
    text = learners.answer(costs)
    assert text.startswith(
        "<b>With backpropagation deeper layers are later at 0.7 and at 0.9; a further layer adds "
        "less than with Forward-Forward at 0.7 and at 0.9.</b>"
    )
    for row in costs.to_dict("records"):
        assert f"{three(row['slope'])} [{three(row['low'])}, {three(row['high'])}]" in text


@pytest.mark.parametrize(
    ("kind", "later", "beside"),
    [
        ({"delay": 0.0, "noise": 0.02, "start": 4.0}, "neither later nor earlier", "less than"),
        ({"delay": -0.3, "start": 6.0}, "earlier", "less than"),
        ({"delay": 2.0, "best": 1.0}, "later", "about as much as"),
        ({"delay": 4.0}, "later", "more than"),
    ],
)
def test_the_claim_follows_from_the_intervals(kind, later, beside):
    claim = f"deeper layers are {later} at 0.7; a further layer adds {beside} with Forward-Forward"
    assert claim in learners.answer(tables(both(**kind))[1].query("target == 0.7"))


def test_what_holds_at_one_target_only_is_told_for_each():
    _, costs = tables(both())
    costs.loc[(costs["target"] == 0.9) & (costs["way"] == "backpropagation"), ["low", "high"]] = -1
    assert "deeper layers are later at 0.7 and earlier at 0.9" in learners.answer(costs)


def test_layers_that_never_arrive_or_are_there_at_once_are_named():
    probes, _ = tables(both(start=-4.0))
    text = learners.missing(probes)
    assert "ayers 1 to 4 reach 0.7 in the first epoch with backpropagation" in text
    probes, _ = tables(both(best=0.85, delay=1.0))
    assert "ayers 1 to 4 never reach 0.9 with backpropagation" in learners.missing(probes)
    probes, _ = tables({"backpropagation": learner(start=4.0, delay=0.5)})
    assert learners.missing(probes) == ""


def test_accuracies_are_means_over_seeds_in_percent():
    text = learners.accuracies(both())
    assert "names 90.3 % [90.1, 90.5] of the test images" in text
    assert text.endswith("classifier 95.3 % [95.1, 95.5].")
    ways = both()
    last: Any = ways["Forward-Forward"].layers.query("epoch == 20").groupby("layer")[PROBE].mean()
    assert f"from {100 * last[1]:.1f} % [" in learners.ends(ways)


def test_rates_are_told_with_their_grids():
    text = learners.rates(backprop_grids())
    for name in ("Forward-Forward", "backpropagation"):
        assert f"{best_rate(backprop_grids(), name, 'mnist'):g} for {name} (the best of" in text
    assert "in seeds 101 and 102" in text


def test_the_table_has_a_row_a_layer_and_a_dash_where_none_is_reached():
    probes, _ = tables(both(best=0.85))
    table = learners.delay_table(probes)
    assert list(table.index) == [f"layer {layer}" for layer in range(1, 5)]
    assert set(table["to 0.9", "backpropagation"]) == {"\N{EN DASH}"}
    first = probes.iloc[0]
    assert str(table.iloc[0, 0]).startswith(three(first["crossing"]))
    assert not table.map(lambda cell: "inf" in cell or "nan" in cell).any(axis=None)


def ending(own: Records, first: float, last: float) -> Records:
    """The same with other probes of layers 1 and 4 after the last epoch."""
    layers = own.layers.copy()
    for layer, accuracy in ((1, first), (4, last)):
        at = (layers["epoch"] == 20) & (layers["layer"] == layer)
        layers.loc[at, PROBE] = np.float32(accuracy)
    return Records(layers, own.readouts, ())


def test_predictions_come_true_or_not():
    ways = both(delay=0.05, start=6.0, jitter=0.0, noise=0.0005, best=0.999)
    ways["Forward-Forward"] = ending(ways["Forward-Forward"], 0.99, 0.98)
    ways["backpropagation"] = ending(ways["backpropagation"], 0.98, 0.99)
    found = learners.outcomes(ways, *tables(ways), EXPECTED)
    assert [one.expected for one in found] == list(EXPECTED.values())
    assert [one.holds for one in found] == [True, True, True, True]
    ways = both(best=0.85, delay=3.0, test=0.91)
    found = learners.outcomes(ways, *tables(ways), EXPECTED)
    assert [found[0].holds, found[2].holds, found[3].holds] == [False, False, False]
    assert found[0].found == "4 of 4 layers reach 0.7 and 0 of 4 layers reach 0.9."


def test_the_gain_is_paired_by_seed():
    ways = both()
    found = learners.outcomes(ways, *tables(ways), EXPECTED)
    assert "exceeds the readout by 5 [5, 5] points" in found[2].found


# --- what is drawn


def test_the_figure_has_a_panel_a_target_and_a_line_a_learner():
    probes, _ = tables(both(best=0.85))
    figure = figures.probe_delays(probes)
    assert len(figure.axes) == 2
    for axes, target in zip(figure.axes, (0.7, 0.9), strict=True):
        lines = {str(line.get_gid()): line for line in axes.lines}
        for i, name in enumerate(("Forward-Forward", "backpropagation")):
            rows = probes[(probes["target"] == target) & (probes["way"] == name)]
            drawn = np.asarray(lines[f"learner-{i}-target-{target:g}"].get_ydata(), float)
            np.testing.assert_allclose(drawn, rows["crossing"])
    assert "backpropagation, accuracy 0.9: 4 of 4 layers not within the run." in figure.alt
    assert "Open triangles" in figure.caption


def test_the_papers_own_rate_is_told_too():
    said = learners.at_the_papers_rate(two_learners()["backpropagation"])
    paper = pd.read_parquet(VARIANTS / "paper" / "layers.parquet")
    last = paper.query("layer == 16 and epoch == 30")["probe_accuracy"].mean()
    assert said.startswith("At Table 1's learning rate, 0.001, a further layer adds ")
    assert said.endswith(f"the probe on layer 16 ends at {100 * last:.1f}\N{NO-BREAK SPACE}%.")
