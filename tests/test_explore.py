"""The applications for JupyterLab without a browser: numbers, commands, settings and the lab."""

import asyncio
import io
import itertools
import re
import shlex
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import ipywidgets as widgets
import numpy as np
import pandas as pd
import pytest
import synthetic
import torch
import yaml
from papermill.cli import _resolve_type
from scipy import stats
from torch.testing import assert_close

import ff
from ff import records
from ff.algorithm.training import Training
from ff.book import style
from ff.book.notebook import configure, papermill
from ff.data import DATASETS
from ff.live import explore, lab_views, training_lab, views
from ff.live.lab import Lab
from ff.live.labels import LABELS
from ff.live.selection import KINDS, Selection, conditions
from ff.quantities import LAYER_QUANTITIES
from ff.results import RESULTS

USUAL = "depth [2, 4], epochs 12, peer momentum 0.9"
OTHER = "depth 2, epochs 6, peer momentum 0.5"


def provenance(**changes: Any) -> tuple[dict[str, Any], ...]:
    config = ff.Config(dataset="digits", layers=[2, 4], hidden=100, seeds=5, epochs=12)
    return (synthetic.origin(config.model_dump(mode="json") | changes),)


def keep(measured: ff.Records, folder: Path) -> None:
    records.write(synthetic.whole(measured), folder)


@pytest.fixture
def measured() -> ff.Records:
    found = synthetic.records()
    layers = found.layers.assign(validation_auroc=found.layers["train_accuracy"] ** 2)
    return ff.Records(layers, found.readouts, provenance())


@pytest.fixture
def folder(measured: ff.Records, tmp_path) -> Any:
    """Two conditions: the synthetic records, and the same with other noise at another momentum."""
    keep(measured, tmp_path / "z")
    other = synthetic.records(layers=2, depths=(2,), seeds=3, epochs=6, random_state=1)
    config = provenance(layers=2, seeds=3, epochs=6, peer_momentum=0.5)
    keep(ff.Records(other.layers, other.readouts, config), tmp_path / "a" / "b")
    return tmp_path


# --- selection


def independent(
    tables: Any, hidden: int, depth: int, column: str, epochs: Any, seeds: Any, target: float
) -> pd.DataFrame:
    """The numbers of the explorer by plain pandas and scipy, a row a layer."""
    overall = "train_accuracy" if column == "train_accuracy" else "validation_accuracy"
    chosen = "hidden == @hidden and @epochs[0] <= epoch <= @epochs[1] and seed in @seeds"
    layers = tables.layers.query(chosen).query("layer <= @depth")
    network = tables.readouts.query(chosen).query("depth == @depth")
    network = network[["seed", "epoch", overall]].rename(columns={overall: "overall"})
    pairs = layers.merge(network, on=["seed", "epoch"])
    rows = {}
    for layer, own in pairs.groupby("layer"):
        mean: Any = own.astype({column: float}).groupby("epoch")[column].mean()
        reached = mean[mean >= target]
        a, b = own[column].to_numpy(float), own["overall"].to_numpy(float)
        rows[layer] = {
            "accuracy": mean.iloc[-1],
            "epoch": reached.index[0] if len(reached) else np.nan,
            "pearson": stats.pearsonr(a, b)[0],
            "spearman": stats.spearmanr(a, b)[0],
        }
    return pd.DataFrame(rows).T


@pytest.mark.parametrize(
    ("depth", "column", "epochs", "seeds", "target"),
    [
        (4, "train_accuracy", (1, 12), (1, 2, 3, 4, 5), 0.7),
        (2, "validation_accuracy", (2, 9), (2, 3), 0.83),
        (4, "validation_auroc", (1, 7), (1, 2, 3, 4), 0.61),
    ],
)
def test_numbers_are_those_of_pandas(measured, depth, column, epochs, seeds, target):
    ours = Selection(measured, 100, depth, column, epochs, seeds).numbers(target)
    theirs = independent(measured, 100, depth, column, epochs, seeds, target)
    assert ours["layer"].tolist() == list(range(1, depth + 1))
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-7, err_msg=name)
    assert np.all(ours["censored"] == ours["epoch"].isna())


@pytest.mark.skipif(not list(RESULTS.glob("*/layers.parquet")), reason="nothing is published")
def test_numbers_of_the_published_measurements_are_those_of_pandas():
    found = ff.published()
    width = int(np.min(found.layers["hidden"]))
    arguments = (width, 16, "validation_accuracy", (1, 20), tuple(range(1, 11)))
    ours = Selection(found, *arguments).numbers(0.75)
    theirs = independent(found, *arguments, target=0.75)
    assert np.isfinite(theirs["epoch"]).any()
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6, err_msg=name)


def test_traces_are_means_over_the_chosen_seeds(measured):
    selection = Selection(measured, 100, 4, "train_accuracy", (3, 8), (1, 4))
    rows = measured.layers.query("3 <= epoch <= 8 and seed in (1, 4)")
    expected = rows.pivot_table(index="epoch", columns="layer", values="train_accuracy")
    np.testing.assert_allclose(selection.traces, expected, atol=1e-7)
    assert selection.traces.index.tolist() == [3, 4, 5, 6, 7, 8]


def test_what_cannot_be_seen_is_explained(measured):
    one = Selection(measured, 100, 4, "train_accuracy", (1, 1), (1,))
    first, second = one.hints(one.numbers(1.0))
    assert "No layer reaches the target: lower it" in first
    assert "take in more epochs, or more seeds" in second
    whole = Selection(measured, 100, 4, "train_accuracy", (1, 12), (1, 2))
    assert whole.hints(whole.numbers(0.7)) == []


def in_turn(measured: ff.Records, ends: Any) -> ff.Records:
    """The same records, as if each layer of each seed had been frozen after so many epochs.

    `ends` has the shape (seeds, layers).
    """
    layers = measured.layers.assign(logit_share=0.25)  # of the readout, which learns on
    frozen = layers["epoch"] > ends[layers["seed"] - 1, layers["layer"] - 1]
    layers.loc[frozen, ["train_accuracy", "validation_accuracy", "validation_auroc"]] = np.nan
    return ff.Records(layers, measured.readouts, provenance(schedule="in-turn"))


ENDS = np.array([[5, 9, 12, 5], [6, 9, 3, 7], [5, 8, 12, 6]])  # of three seeds' four layers


def test_a_layer_ends_where_the_first_seed_has_frozen_it(measured):
    grown = in_turn(measured, np.vstack([ENDS, ENDS[:2]]))
    selection = Selection(grown, 100, 4, "train_accuracy", (1, 12), (1, 2, 3))
    numbers = selection.numbers(0.7)
    assert numbers["until"].tolist() == [5, 8, 3, 5]
    trained = measured.layers.query("seed <= 3").groupby(["epoch", "layer"])["train_accuracy"]
    means: Any = trained.agg("mean").unstack("layer")
    rows: Any = numbers.set_index("layer").to_dict("index")
    for layer, until in numbers[["layer", "until"]].itertuples(index=False):
        trace = means.loc[:until, layer]
        np.testing.assert_allclose(selection.traces[layer].dropna(), trace, atol=1e-7)
        reached = trace.index[trace >= 0.7]
        row = rows[int(layer)]
        assert row["accuracy"] == pytest.approx(trace.iloc[-1], abs=1e-7)
        assert row["censored"] == (not len(reached))
        np.testing.assert_equal(row["epoch"], reached[0] if len(reached) else np.nan)
    assert set(numbers["censored"]) == {False, True}
    assert np.isnan(numbers[["pearson", "spearman"]].to_numpy(float)).all()
    (said,) = selection.hints(numbers)
    assert "(schedule: in-turn): epochs count from each one's own start" in said


def test_a_layer_that_no_chosen_epoch_has_is_missing_beside_the_others(measured):
    grown = in_turn(measured, np.vstack([ENDS, ENDS[:2]]))
    selection = Selection(grown, 100, 4, "train_accuracy", (4, 8), (1, 2, 3))
    numbers = selection.numbers(0.7)
    assert numbers["until"].tolist() == pytest.approx([5, 8, np.nan, 5], nan_ok=True)
    assert numbers["censored"].tolist() == [False, False, False, True]
    assert cells(views.table(numbers))[2] == ["3", *["–"] * 6]
    delays = views.delays(numbers.assign(crossing_low=4.0, crossing_high=np.inf), (4, 8), 0.7)
    assert "not by epoch 5" in delays
    whiskers = re.findall(r'class="line" d="M[\d.]+ [\d.]+V([\d.]+)"', delays)
    tops = [float(top) for top in whiskers]
    assert tops[0] == tops[2] > tops[1], "each ends with its layer: at epoch 5, 8 and 5"
    assert "Layer 3 was not measured in all of these" in views.sentence(numbers, 3, 0.7)
    assert "Layer 4 does not reach 0.7 by epoch 5." in views.sentence(numbers, 4, 0.7)
    assert "nan" not in views.delays(numbers, (4, 8), 0.7) + views.correlations(numbers)


def test_numbers_end_where_a_seed_diverged_and_say_so(measured):
    layers, readouts = measured.layers.copy(), measured.readouts.copy()
    for rows in (layers, readouts):
        rows.loc[(rows["seed"] == 2) & (rows["epoch"] > 6), rows.columns[4:]] = np.nan
    stopped = {"hidden": 100, "seed": 2, "epoch": 6, "depth": 4, "reason": "not finite"}
    run = measured.runs[0] | {"diverged": [stopped]}
    broken = ff.Records(layers, readouts, (run,))
    cut = Selection(broken, 100, 4, "train_accuracy", (1, 12), (1, 2, 3))
    whole = Selection(measured, 100, 4, "train_accuracy", (1, 6), (1, 2, 3))
    pd.testing.assert_frame_equal(cut.numbers(0.7), whole.numbers(0.7))
    (said,) = cut.hints(cut.numbers(0.7))
    assert said.startswith("Seed 2 diverged in epoch 6, where the numbers of these seeds end")
    others = Selection(broken, 100, 4, "train_accuracy", (1, 12), (3, 4))
    assert others.hints(others.numbers(0.7)) == []


def test_conditions_are_told_apart_with_the_usual_one_first(folder):
    found = conditions(folder)
    assert {name: list(named) for name, named in found.items()} == {"digits": [USUAL, OTHER]}
    assert len(found["digits"][OTHER].layers) == 2 * 3 * 6


def test_the_same_seeds_on_two_devices_are_two_conditions(measured, tmp_path):
    for name, device in (("one", "cpu (x86_64, 2 cores)"), ("two", "NVIDIA H100")):
        run = measured.runs[0] | {"device": device}
        keep(ff.Records(measured.layers, measured.readouts, (run,)), tmp_path / name)
    keep(measured, tmp_path / ".copy")  # nobody's
    assert list(conditions(tmp_path)["digits"]) == ["device CPU", "device NVIDIA H100"]


def test_a_batch_size_named_or_left_to_the_data_set_is_one_condition(measured, tmp_path):
    config = measured.runs[0]["config"] | {"seeds": [6], "batch_size": 50}
    run = measured.runs[0] | {"config": config}
    other = (
        rows[rows["seed"] == 1].assign(seed=6) for rows in (measured.layers, measured.readouts)
    )
    keep(measured, tmp_path / "one")
    keep(ff.Records(*other, runs=(run,)), tmp_path / "two")
    assert list(conditions(tmp_path)["digits"]) == ["all runs"]


def test_runs_that_differ_in_nothing_are_one_condition(measured, tmp_path):
    keep(measured, tmp_path / "one")
    assert list(conditions(tmp_path)["digits"]) == ["all runs"]


def test_the_same_seeds_at_two_depths_are_two_conditions(measured, tmp_path):
    keep(measured, tmp_path / "one")
    other = synthetic.records(layers=3, depths=(3,))
    keep(ff.Records(other.layers, other.readouts, provenance(layers=3)), tmp_path / "two")
    assert list(conditions(tmp_path)["digits"]) == ["depth [2, 4]", "depth 3"]


def test_no_records_are_an_error_with_a_remedy(tmp_path):
    with pytest.raises(ff.RecordsError, match=r"no records below .*; measure some with 'ff train"):
        conditions(tmp_path)


# --- papermill command


def parameters(command: str) -> dict[str, Any]:
    """What papermill makes of a command's parameters."""
    words = iter(shlex.split(command))
    found = {}
    for word in words:
        if word == "-p":
            name, value = next(words), next(words)
            found[name] = _resolve_type(value)
        elif word == "-y":
            found |= yaml.safe_load(next(words))
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layers": [2, 4, 8], "hidden": 100, "seeds": [3, 7], "dataset": "digits"},
        {"seeds": [1, 2, 3], "learning_rate": 1e-5, "peer_normalization": 0.0},
        {"relu_gradient": "exact", "precision": "bf16", "peer_momentum": 0.09, "batch_size": 20},
    ],
)
def test_the_command_trains_the_configuration(changes):
    config = ff.Config(**changes)
    command = papermill(config)
    assert command.startswith("papermill book/train.ipynb out.ipynb -p dataset ")
    again, _ = configure(parameters(command))
    assert again.seed_list == config.seed_list
    assert again.model_dump(exclude={"seeds"}) == config.model_dump(exclude={"seeds"})


def test_the_command_of_a_selection_keeps_the_run_and_takes_its_part(measured):
    selection = Selection(measured, 100, 2, "train_accuracy", (3, 8), (2, 3))
    found = parameters(papermill(selection.config()))
    assert found == {"dataset": "digits", "layers": 2, "hidden": 100, "seeds": [2, 3], "epochs": 12}
    # the run's own epochs: with fewer, the learning rate would fall earlier


# --- results explorer


def cells(table: str) -> list[list[str]]:
    """Numbers in a table of the explorer."""
    rows = re.findall(r'<tr class="layer.*?</tr>', table, flags=re.DOTALL)
    return [re.findall(r"(?:</span>|<td>)([^<]+)</t", row) for row in rows]


def test_the_explorer_offers_what_there_is(folder):
    app = explore.ResultsExplorer(folder)
    assert app.dataset.options == ("digits",)
    assert app.condition.value == USUAL
    assert (app.hidden.options, app.depth.options) == ((100,), (4, 2))
    assert (app.epochs.value, app.seeds.value, app.layer.options[-1]) == ((1, 12), (1, 5), ("4", 4))
    app.condition.value = OTHER
    assert (app.depth.options, app.epochs.value, app.seeds.value) == ((2,), (1, 6), (1, 3))
    assert len(cells(app.table.value)) == 2


def test_views_follow_the_target(folder, measured):
    app = explore.ResultsExplorer(folder)
    before = app.delays.value
    for target in (0.6, 0.9):
        app.target.value = target
        arguments = (100, 4, "train_accuracy", (1, 12), (1, 2, 3, 4, 5), target)
        expected = independent(measured, *arguments)
        for shown, (layer, row) in zip(cells(app.table.value), expected.iterrows(), strict=True):
            epoch = "never" if np.isnan(row["epoch"]) else f"{row['epoch']:.0f}"
            assert (shown[0], shown[1], shown[2]) == (str(layer), f"{row['accuracy']:.3f}", epoch)
            assert shown[5:] == [f"{row['pearson']:.3f}", f"{row['spearman']:.3f}"]
        assert app.delays.value != before
        assert f"target {target:g}" in app.traces.value


def test_a_line_in_the_chart_lies_where_its_numbers_are(folder, measured):
    """Read back from the SVG's points with the ends of the axes."""
    app = explore.ResultsExplorer(folder)
    points = re.findall(r'class="line" points="([^"]+)"', app.traces.value)
    assert len(points) == 5, "four layers and the network"
    means = measured.layers.groupby(["layer", "epoch"])["train_accuracy"].agg("mean").unstack()
    network = measured.readouts.query("depth == 4").groupby("epoch")["train_accuracy"].agg("mean")
    drawn = np.array([[p.split(",") for p in line.split()] for line in points], float)
    assert drawn.shape == (5, 12, 2)
    expected = np.vstack([means, network])
    # Down the page is linear in the accuracy: one line through all points, sloping downwards.
    fit = np.corrcoef(expected.ravel(), drawn[..., 1].ravel())
    assert fit[0, 1] == pytest.approx(-1, abs=1e-5)
    assert (np.diff(drawn[..., 0], axis=1) > 0).all()


def test_picking_a_layer_brings_it_out_and_redraws_nothing(folder):
    app = explore.ResultsExplorer(folder)
    charts = (app.traces.value, app.delays.value, app.table.value)
    rule = "svg .layer:not(.layer-3){opacity"
    assert app.picked.value == ""
    assert f":not(:has(.layer:hover)) {rule}" not in app._highlight.value
    app.layer.value = 3
    assert f":not(:has(.layer:hover)) {rule}" in app._highlight.value
    epoch = app.selection.numbers(0.7)["epoch"][2]
    assert f"Layer 3 reaches 0.7 in epoch {epoch:.0f};" in app.picked.value
    assert (app.traces.value, app.delays.value, app.table.value) == charts
    for view in (app.traces, app.delays, app.correlations, app.table):
        assert "layer-3" in view.value


def test_csv_holds_the_numbers_and_what_was_chosen(folder):
    app = explore.ResultsExplorer(folder)
    app.kind.value, app.epochs.value = "validation AUROC", (2, 10)
    (data,) = re.findall(r"data:text/csv;charset=utf-8,([^\"]+)", app.downloads.value)
    table = pd.read_csv(io.StringIO(unquote(data)))
    expected = app.selection.numbers(app.target.value)
    for name in ("layer", "accuracy", "crossing", "pearson", "spearman"):
        # Written with 4 digits, as the link says.
        np.testing.assert_allclose(table[name], expected[name], rtol=5.1e-4, err_msg=name)
    chosen = table[["dataset", "hidden", "depth", "kind", "first_epoch", "last_epoch", "seeds"]]
    assert {tuple(row) for row in chosen.to_numpy()} == {
        ("digits", 100, 4, "validation_auroc", 2, 10, 5)
    }


def test_the_explorer_offers_the_accuracies_that_there_are(measured, folder):
    layers = measured.layers.assign(pair_accuracy=np.float32(0.5))
    keep(ff.Records(layers, measured.readouts, measured.runs), folder / "z")
    app = explore.ResultsExplorer(folder)
    accuracies = ("training accuracy", "validation accuracy")
    assert app.kind.options == (*accuracies, "pair accuracy", "validation AUROC")
    app.kind.value = "pair accuracy"
    app.condition.value = OTHER  # whose records, of a former version, have none
    assert app.kind.options == (*accuracies, "validation AUROC")
    assert app.kind.value == "training accuracy"
    assert app.notice.value == ""


def test_what_cannot_be_shown_explains_itself_and_leaves_no_view_of_something_else(
    measured, tmp_path
):
    layers, readouts = measured.layers.copy(), measured.readouts.copy()
    for rows in (layers, readouts):  # as with validation_index: 5
        rows.loc[~rows["epoch"].isin([5, 10, 12]), "validation_accuracy"] = np.nan
    keep(ff.Records(layers, readouts, provenance(validation_index=5)), tmp_path / "one")
    app = explore.ResultsExplorer(tmp_path)
    app.layer.value, app.kind.value = 2, "validation accuracy"
    assert app.notice.value == ""
    assert "Layer 2 reaches 0.7" in app.picked.value
    app.epochs.value = (6, 9)
    assert "no layer has a validation accuracy in all of these seeds" in app.notice.value
    shown = (app.traces, app.delays, app.correlations, app.table, app.downloads, app.command)
    assert [view.value for view in (*shown, app.picked)] == [""] * 7
    app.layer.value = 3
    assert app.picked.value == ""
    app.epochs.value = (6, 11)  # a single measurement: a dot of each layer, and of the network
    assert app.traces.value.count('class="dot"') == 5
    assert "Layer 3 reaches 0.7 in epoch 10" in app.picked.value


def test_a_run_with_an_entry_that_is_not_here_is_shown(measured, tmp_path):
    run = provenance(goodness="from elsewhere")
    keep(ff.Records(measured.layers, measured.readouts, run), tmp_path / "one")
    app = explore.ResultsExplorer(tmp_path)
    assert "No command can train this here: goodness must be" in app.notice.value
    assert len(cells(app.table.value)) == 4
    assert "digits-4x100-train_accuracy" in app.downloads.value


@pytest.mark.parametrize(
    ("changes", "accuracies"),
    [
        ({"schedule": "in-turn", "patience": 1}, list(KINDS)),
        ({"loss": "pairwise"}, ["pair accuracy", "validation AUROC", "probe accuracy"]),
        ({"validation_index": 2}, list(KINDS)),
    ],
)
def test_records_with_gaps_can_be_looked_through(
    monkeypatch, tiny, few, tmp_path, changes, accuracies
):
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    ff.train(tiny(layers=[2, 3], hidden=20, epochs=4, **changes), tmp_path / "one")
    app = explore.ResultsExplorer(tmp_path)
    assert list(app.kind.options) == accuracies
    assert accuracies[0] in app.traces.value.lower()
    assert len(cells(app.table.value)) == 3
    choices = itertools.product(
        app.kind.options, app.depth.options, [(1, 4), (1, 1), (4, 4)], [(1, 2), (2, 2)]
    )
    for kind, depth, epochs, seeds in choices:
        app.kind.value, app.depth.value = kind, depth
        app.epochs.value, app.seeds.value = epochs, seeds
        for layer in range(1, depth + 1):
            app.layer.value = layer
            assert app.notice.value or app.table.value
            assert bool(app.table.value) == bool(app.picked.value)
            assert "nan" not in app.table.value + app.picked.value


def test_every_kind_is_a_column_that_training_records():

    assert set(KINDS.values()) <= set(LAYER_QUANTITIES)


# --- training lab: the run


@pytest.fixture
def lab(tiny, few) -> Lab:
    return Lab(tiny(epochs=4, seeds=1), few)


def finish(lab: Lab) -> None:
    while lab.running:
        lab.advance(0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"positive": "low"},
        {"schedule": "on-frozen"},
        {"schedule": "on-frozen", "frozen_after": 2},
        {"negatives": "hard"},
    ],
)
def test_a_lab_trains_what_a_run_trains(tiny, few, changes):
    config = tiny(epochs=4, seeds=1, **changes)
    lab = Lab(config, few)
    lab.play()
    finish(lab)
    whole = Training(config, 10, (1,), few)
    while whole.passed < whole.total:
        whole.run_epoch()
    assert lab.phase == "finished"
    assert_close(lab.training.layers, whole.layers, rtol=0, atol=0, equal_nan=True)
    np.testing.assert_array_equal(lab.traces(), whole.layers[0, :, :, 0])
    np.testing.assert_array_equal(lab.network(), whole.depths[0, :, 0, 1])


def test_a_lab_is_paused_within_an_epoch_and_stepped_to_its_end(lab):
    assert (lab.phase, lab.traces().shape) == ("ready", (0, 3))
    lab.play()
    lab.advance(0)
    assert (lab.phase, lab.epoch, lab.share) == ("playing", 0, pytest.approx(1 / 6))
    lab.pause()
    lab.advance(10)
    assert (lab.phase, lab.share) == ("paused", pytest.approx(1 / 6)), "it must not go on"
    lab.step()
    finish(lab)
    assert (lab.phase, lab.epoch, lab.share) == ("paused", 1, 0)
    lab.step()
    finish(lab)
    assert lab.epoch == 2


def test_a_lab_has_begun_with_the_network_that_will_be_frozen(tiny, few):
    lab = Lab(tiny(epochs=4, seeds=1, schedule="on-frozen", frozen_after=2), few)
    assert lab.phase == "ready"
    lab.play()
    lab.advance(60)
    lab.pause()
    assert (lab.phase, lab.epoch, lab.share) == ("paused", 0, 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schedule": "in-turn"}, "schedule must be together or on-frozen .* but got 'in-turn'"),
        ({"loss": "pairwise"}, "loss must be cross-entropy .* but got 'pairwise'"),
    ],
)
def test_what_cannot_be_watched_is_refused(tiny, few, changes, said):
    with pytest.raises(ff.ConfigError, match=said):
        Lab(tiny(seeds=1, **changes), few)


def test_a_slice_ends_with_the_epoch(lab):
    lab.play()
    lab.advance(60)
    assert (lab.epoch, lab.share, lab.phase) == (1, 0, "playing")


def test_a_finished_lab_goes_no_further(lab):
    lab.play()
    finish(lab)
    lab.step()
    assert not lab.running
    assert lab.phase == "finished"


def test_the_learning_rate_changes_from_the_next_step_on(tiny, few):
    states = []
    for change_after in (None, 0, 3):
        lab = Lab(tiny(epochs=4, seeds=1), few)
        lab.step()
        for step in range(4):
            if step == change_after:
                lab.change_rate(0.5)
            lab.advance(0)
        states.append(lab.training.network.layers[0].weight.clone())
    usual, early, late = states
    assert (usual != early).any()
    assert (usual != late).any()
    assert abs(early - usual).max() > abs(late - usual).max()


def test_an_impossible_learning_rate_is_refused(lab):
    with pytest.raises(ff.ConfigError, match="learning_rate must be a number above 0"):
        lab.change_rate(0.0)
    assert lab.config.learning_rate == 1e-4


def test_a_network_that_fills_the_memory_is_refused(few):
    with pytest.raises(ff.ConfigError, match=r"8 layers of 20000 units have .*; choose fewer or"):
        Lab(ff.Config(dataset="digits", layers=8, hidden=20_000, seeds=1), few)


@pytest.mark.parametrize("threshold", [1e9, 1e-3])
def test_a_threshold_that_cannot_be_learned_from_is_explained(tiny, few, threshold):
    lab = Lab(tiny(seeds=1, threshold=threshold), few)
    (said,) = lab.hints()
    assert f"Threshold {threshold:g} is far from" in said
    low, high = map(float, re.findall(r"training, (\S+) to (\S+),", said)[0])
    assert low == pytest.approx(lab.goodness.min(), rel=0.05)
    assert high == pytest.approx(lab.goodness.max(), rel=0.05)
    assert Lab(tiny(seeds=1), few).hints() == []


def test_a_lab_that_diverges_says_so(tiny, few):
    lab = Lab(tiny(seeds=1, learning_rate=1e3), few)
    lab.play()
    with pytest.warns(ff.DivergenceWarning):
        finish(lab)
    (found,) = lab.training.divergences()
    ended = f"Training ended in epoch {found['epoch']} because layer {found['layer']} diverged"
    assert ended in lab.hints()[0]


def test_goodness_is_that_of_the_samples(lab):
    """A positive sample by hand through the first layer."""
    lab.play()
    lab.advance(10)
    x = lab.images[3].float() / 255
    for kind, label in enumerate((lab.labels[3], lab.wrong[3])):
        x[:10] = 0
        x[label] = 1
        layer = lab.training.network.layers[0]
        z = (x / x.square().mean().sqrt()) @ layer.weight[0].T + layer.bias[0, 0]
        assert lab.goodness[kind, 0, 3] == pytest.approx(float(z.relu().square().mean()), rel=1e-4)
    assert lab.goodness.shape == (2, 3, 45)


# --- training lab: the application


@pytest.fixture
def application(monkeypatch, tiny, few) -> Callable[[], explore.TrainingLab]:
    """The application on few digits, whose networks train in a blink."""
    monkeypatch.setattr("ff.live.training_lab.load", lambda *asked: few)
    return explore.TrainingLab


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


async def done(app: explore.TrainingLab) -> None:
    assert app.task is not None
    await asyncio.wait_for(app.task, 60)


def test_the_lab_plays_pauses_steps_and_resets(application):
    async def scenario() -> None:
        app = application()
        assert (app.pause.disabled, app.play.disabled) == (True, False)
        app.play.click()
        assert (app.pause.disabled, app.play.disabled) == (False, True)
        await until(lambda: app.lab.epoch >= 5)
        app.pause.click()
        await done(app)
        epoch = app.lab.epoch
        assert "<b>Paused</b>" in app.status.value
        assert f"{epoch} of 30 epochs" in app.status.value
        shown = app.lab.traces()[-1]
        assert f"layer 1: {shown[0]:.2f}, 2: {shown[1]:.2f}" in app.status.value
        app.step.click()
        await done(app)
        assert (app.lab.epoch, app.lab.share) == (epoch + 1, 0)
        assert f"{epoch + 1} of 30 epochs" in app.status.value
        points = re.findall(r'class="line" points="([^"]+)"', app.traces.value)
        assert [len(line.split()) for line in points] == [epoch + 1] * 9
        app.reset.click()
        await done(app)
        assert app.lab.phase == "ready"
        assert "0 of 30 epochs" in app.status.value

    run(scenario())


def test_the_event_loop_is_free_while_the_network_trains(application, monkeypatch):
    """A slice that lasts until it is told to end: only a free loop can tell it."""
    begun, release, told = threading.Event(), threading.Event(), []

    def advance(lab: Lab, seconds: float) -> None:
        begun.set()
        told.append(release.wait(10))
        lab.pause()

    async def scenario() -> None:
        app = application()
        monkeypatch.setattr(Lab, "advance", advance)
        app.play.click()
        await until(begun.is_set)
        release.set()
        await done(app)

    run(scenario())
    assert told == [True]


def test_an_impossible_setting_explains_itself_and_can_be_put_right(application):
    async def scenario() -> None:
        app = application()
        app.layers.value = 1
        assert "Depth must be an integer of at least 2" in app.notice.value
        assert app.play.disabled
        assert app.reset.disabled
        app.layers.value = 3
        await done(app)
        assert app.notice.value == ""
        assert not app.play.disabled
        assert app.lab.traces().shape == (0, 3)
        app.hidden.value = 60_000
        await done(app)
        assert "choose fewer or smaller layers" in app.notice.value
        assert app.play.disabled
        app.hidden.value = 10
        await done(app)
        assert not app.play.disabled
        assert app.lab.training.width == 10

    run(scenario())


def test_a_useless_setting_explains_itself(application):
    async def scenario() -> None:
        app = application()
        app.threshold.value = 1e9
        await done(app)
        assert "Threshold 1e+09 is far from" in app.notice.value
        app.step.click()
        await done(app)
        assert "Threshold 1e+09 is far from" in app.notice.value
        app.threshold.value = 1.0
        assert "Press Reset" in app.notice.value
        app.reset.click()
        await done(app)
        assert app.notice.value == ""

    run(scenario())


def test_a_reset_with_an_impossible_setting_is_refused_like_the_setting(application):
    """A press of the button can arrive before the browser knows that it is disabled."""

    async def scenario() -> None:
        app = application()
        app.layers.value = 1
        app.reset.click()
        assert "Depth must be an integer of at least 2" in app.notice.value
        assert app.task is None
        assert app.lab.config.depths == (8,)

    run(scenario())


def test_a_refused_setting_also_withdraws_the_one_that_is_being_prepared(application, monkeypatch):
    begun, release, prepare = threading.Event(), threading.Event(), training_lab._new_lab

    def prepare_slowly(config: ff.Config) -> Lab:
        begun.set()
        assert release.wait(60)
        return prepare(config)

    async def scenario() -> None:
        app = application()
        monkeypatch.setattr("ff.live.training_lab._new_lab", prepare_slowly)
        app.hidden.value = 20
        await until(begun.is_set)
        app.layers.value = 1
        release.set()
        await done(app)
        assert "Depth must be an integer of at least 2" in app.notice.value
        assert app.lab.training.width == 100
        assert app.play.disabled
        app.layers.value = 3
        await done(app)
        assert (app.lab.training.width, app.notice.value) == (20, "")

    run(scenario())


def test_an_absent_data_set_explains_itself(application, monkeypatch):
    def refuse(name: str, image_size: Any = None) -> None:
        raise ff.DataError(f"{name} is not here; choose dataset: digits")

    async def scenario() -> None:
        app = application()
        monkeypatch.setattr("ff.live.training_lab.load", refuse)
        app.dataset.value = "mnist"
        await done(app)
        assert "mnist is not here; choose Data set: digits" in app.notice.value
        assert app.play.disabled

    run(scenario())


ENABLED = {  # buttons, by the word of the status line
    "Ready": {"play", "step", "reset"},
    "Playing": {"pause", "step", "reset"},
    "Paused": {"play", "step", "reset"},
    "Finished": {"reset"},
    "Diverged": {"reset"},
    "Preparing": set(),
    "Refused": {"reset"},
}


def word(app: explore.TrainingLab) -> str:
    """The state in the status line, with which the buttons must agree."""
    (found,) = re.findall(r"<b>(\w+)</b>: ", app.status.value)
    enabled = {name for name in ENABLED["Ready"] | {"pause"} if not getattr(app, name).disabled}
    hopeless = {"reset"} if " must " in app.notice.value else set()  # a reset would not help
    assert enabled == ENABLED[found] - hopeless, found
    assert found != "Refused" or app.notice.value, "the notice says why"
    return found


def test_status_buttons_and_notice_agree(application, monkeypatch, few):
    """Around a training that is begun, refused, resumed, reset and ended."""

    def refuse(name: str, image_size: Any = None) -> None:
        raise ff.DataError(f"{name} is not here")

    async def scenario() -> None:
        app = application()
        assert word(app) == "Ready"
        monkeypatch.setattr("ff.live.training_lab.load", refuse)
        app.hidden.value = 20
        assert word(app) == "Preparing"
        await done(app)
        assert (word(app), app.notice.value) == ("Refused", views.trouble("digits is not here"))
        monkeypatch.setattr("ff.live.training_lab.load", lambda *asked: few)
        app.reset.click()  # it may be there now
        assert word(app) == "Preparing"
        await done(app)
        assert (word(app), app.notice.value) == ("Ready", "")
        app.threshold.value = -1.0
        assert word(app) == "Refused"
        app.play.click()  # before the browser hears of it
        assert word(app) == "Refused"
        app.threshold.value = 1.5
        assert word(app) == "Preparing"
        await done(app)
        app.play.click()
        assert word(app) == "Playing"
        await until(lambda: app.lab.epoch >= 2)
        assert word(app) == "Playing"
        app.pause.click()  # in the middle of a slice
        assert word(app) == "Paused"
        await done(app)
        app.layers.value = 1  # the network that has begun can go on
        assert word(app) == "Paused"
        assert "Depth must be" in app.notice.value
        app.play.click()
        assert word(app) == "Playing"
        assert "Depth must be" in app.notice.value
        await done(app)
        assert word(app) == "Finished"
        app.layers.value = 3
        assert word(app) == "Finished"
        assert "Press Reset" in app.notice.value
        app.reset.click()
        assert word(app) == "Preparing"
        await done(app)
        assert (word(app), app.notice.value) == ("Ready", "")

    run(scenario())


def test_settings_that_change_while_a_reset_is_prepared_are_those_that_are_trained(application):
    async def scenario() -> None:
        app = application()
        app.step.click()
        await done(app)
        app.reset.click()
        app.hidden.value = 20
        assert word(app) == "Preparing"
        await done(app)
        assert (app.lab.training.width, word(app), app.notice.value) == (20, "Ready", "")

    run(scenario())


@pytest.mark.parametrize("said", ["", "out of memory"])
def test_a_failure_that_is_not_of_ff_is_said_with_a_remedy(application, monkeypatch, said):
    def fail(*_: object) -> None:
        raise MemoryError(said)

    async def scenario() -> None:
        app = application()
        with monkeypatch.context() as patch:
            patch.setattr("ff.live.training_lab._new_lab", fail)
            app.hidden.value = 20
            await done(app)
        assert word(app) == "Refused"
        remedy = f"({said or 'MemoryError'}): choose a smaller Depth or Width"
        assert remedy in app.notice.value
        app.hidden.value = 10
        await done(app)
        with monkeypatch.context() as patch:
            patch.setattr(Lab, "advance", fail)
            app.play.click()
            await done(app)
        assert word(app) == "Refused", "nothing was trained"
        assert remedy in app.notice.value
        app.reset.click()
        await done(app)
        assert (word(app), app.notice.value) == ("Ready", "")
        app.step.click()
        await done(app)
        with monkeypatch.context() as patch:
            patch.setattr(Lab, "advance", fail)
            app.play.click()
            await done(app)
        assert word(app) == "Paused"
        assert remedy in app.notice.value
        app.step.click()
        assert app.notice.value == "", "it is tried again"
        await done(app)
        assert (word(app), app.lab.epoch) == ("Paused", 2)

    run(scenario())


@pytest.mark.parametrize(
    ("control", "value", "said"),
    [
        ("layers", 1, "Depth must be an integer of at least 2 (the readout skips the first"),
        ("hidden", 0, "Width must be an integer of at least 1"),
        ("hidden", 60_000, "Depth and Width must make at most 50,000,000 weights"),
        ("peer", -0.5, "Peer norm. must be a number of at least 0 and at most 1e30 but got -0.5"),
        ("threshold", 0.0, "Threshold must be a number above 0 but got 0.0"),
    ],
)
def test_an_error_names_the_control_as_the_screen_does(application, control, value, said):
    async def scenario() -> None:
        app = application()
        widget = getattr(app, control)
        widget.value = value
        if app.task:
            await done(app)
        assert widget.description in said
        assert said in app.notice.value
        assert not re.search(r"layers (must|and)|hidden|peer_norm|threshold must", app.notice.value)

    run(scenario())


def test_all_keys_of_an_error_are_named_and_nothing_else():
    said = "layers and hidden must fit; or choose dataset: digits; 8 layers are hidden"
    assert views.trouble(said, "threshold must be above 0") == views.trouble(
        "Depth and Width must fit; or choose Data set: digits; 8 layers are hidden",
        "Threshold must be above 0",
    )


def test_every_control_has_the_label_of_its_key(application, folder):
    app, other = application(), explore.ResultsExplorer(folder)
    for own in (app, other):
        for key, label in LABELS.items():
            widget = getattr(own, "depth" if key == "layers" and own is other else key, None)
            if widget is not None and not isinstance(widget, widgets.HTML):
                assert widget.description == label
    assert (app.rate.description, app.peer.description) == ("Learning rate", "Peer norm.")


def diverging(**changes: Any) -> Callable[[explore.TrainingLab], ff.Config]:
    """Configuration of an application whose networks diverge in their first epoch."""
    return lambda app: ff.Config(dataset="digits", layers=3, hidden=10, seeds=1, **changes)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"learning_rate": 1e30}, "layer 1"),
        ({"downstream_learning_rate": 1e38}, "the readout"),
    ],
)
def test_a_network_that_diverges_is_shown_as_far_as_it_came(
    application, monkeypatch, changes, where
):
    async def scenario() -> None:
        monkeypatch.setattr(explore.TrainingLab, "_config", diverging(**changes))
        monkeypatch.setattr(Lab, "change_rate", lambda lab, rate: None)
        app = application()
        before = app.histograms.value
        app.play.click()
        with pytest.warns(ff.DivergenceWarning):
            await done(app)
        assert word(app) == "Diverged"
        assert "1 of 30 epochs completed" in app.status.value
        assert f"Training ended in epoch 1 because {where} diverged" in app.notice.value
        shown = (app.status, app.notice, app.traces, app.histograms)
        assert not any("nan" in view.value for view in shown)
        assert app.traces.value.count('class="dot"') == (3 if where == "the readout" else 0)
        assert app.histograms.value == before, "not the zeros that are left of the network"
        app.reset.click()
        await done(app)
        assert word(app) == "Ready"

    run(scenario())


def test_settings_wait_for_a_reset_once_training_has_begun(application):
    async def scenario() -> None:
        app = application()
        app.step.click()
        await done(app)
        app.hidden.value, app.threshold.value, app.peer.value = 20, 2.0, 0.0
        assert "Press Reset" in app.notice.value
        assert app.lab.training.width == 100
        app.reset.click()
        await done(app)
        config = app.lab.config
        assert (app.lab.training.width, config.threshold, config.peer_normalization) == (20, 2, 0)
        assert app.notice.value == ""

    run(scenario())


def test_the_learning_rate_can_be_moved_while_the_network_trains(application):
    async def scenario() -> None:
        app = application()
        app.play.click()
        await until(lambda: app.lab.epoch >= 1)
        app.rate.value = 0.01
        assert app.lab.config.learning_rate == 0.01
        app.pause.click()
        await done(app)
        assert app.lab.config.learning_rate == 0.01
        assert parameters(re.sub("<.*?>", " ", app.command.value))["learning_rate"] == 0.01
        app.reset.click()
        app.rate.value = 0.002  # before the new network is there
        await done(app)
        assert app.lab.phase == "ready"
        assert app.lab.config.learning_rate == 0.002

    run(scenario())


# --- what is shown


def test_histograms_say_how_many_samples_are_right():
    goodness = np.array([[[1.2, 1.4, 0.9, 1.1]], [[0.8, 0.7, 0.6, 1.3]]])  # 3 of 4, 3 of 4
    html = lab_views.histograms(goodness, ff.Config())
    assert "layer 1: 0.75" in html
    assert "4 validation images as last seen; number: accuracy on them" in html
    assert "layer 1: 0.50" in lab_views.histograms(goodness, ff.Config(threshold=2.0))


def test_histograms_have_one_axis_that_changes_seldom_and_says_so():
    def axis(*goodness: float) -> tuple[list[str], str]:
        """Texts of the axis, and caption."""
        html = lab_views.histograms(np.array([[goodness], [goodness]]), ff.Config())
        return re.findall("<text[^>]*>([^<]+)</text>", html), html.split("</figcaption>")[0]

    usual, caption = axis(0.9, 1.1)
    assert usual == ["0", "0.5", "1", "1.5", "2", "goodness, in thresholds"]
    assert axis(0.2, 1.9) == (usual, caption), "the same as long as it holds them"
    assert "axis" not in caption
    wide, caption = axis(0.3, 4.8)
    assert wide == ["0", "1", "2", "3", "4", "5", usual[-1]]
    assert "axis to 5, since goodness goes beyond 2" in caption
    assert "axis to 100" in axis(1e9, 1e9)[1]


def test_each_accuracy_is_named_where_it_stands():
    traces = pd.DataFrame([[0.5, 0.6], [0.7, 0.8]], [1, 2], [1, 2])
    line = lab_views.status("paused", 30, traces, pd.Series([0.2, 0.9], [1, 2]))
    assert "Training accuracy in epoch 2: layer 1: 0.70, 2: 0.80; whole network: 0.90." in line
    html = lab_views.histograms(np.ones((2, 2, 5)), ff.Config())
    assert "5 validation images as last seen; number: accuracy on them" in html


def test_samples_have_the_colors_of_the_diagram_on_the_first_page(few):
    diagram = (Path(__file__).parent.parent / "book/_assets/network.svg").read_text()
    colors = dict(re.findall(r"\.(pos|neg) { fill: (#\w+) }", diagram))
    assert colors == {"pos": style.POSITIVE, "neg": style.NEGATIVE}
    html = lab_views.histograms(np.ones((2, 2, 5)), ff.Config())
    assert f'background:{colors["pos"]}"></span>positive' in html
    assert f'background:{colors["neg"]}"></span>negative' in html
    first, second = re.findall(r'<polygon [^>]*fill="(#\w+)"', html)[:2]
    assert (first, second) == (colors["pos"], colors["neg"])
    html = lab_views.pictures(few.validation.images[:1], [3], [4], DATASETS["digits"])
    assert re.findall(r"border-color:(#\w+)", html)[:2] == [colors["pos"], colors["neg"]]


@pytest.mark.parametrize("positive", ["high", "low"])
def test_histograms_count_as_the_network_does(tiny, few, positive):
    lab = Lab(tiny(seeds=1, positive=positive), few)
    lab.play()
    lab.advance(60)
    shown = re.findall(r"layer \d: ([.\d]+)", lab_views.histograms(lab.goodness, lab.config))
    goodness = torch.from_numpy(np.hstack(list(lab.goodness))) * lab.training.width
    right = lab.training.network.objective.accuracy(goodness)
    assert shown == [f"{share:.2f}" for share in right.tolist()]
    assert shown[0] != "0.50"


def test_a_layer_that_has_diverged_says_so():
    goodness = np.full((2, 2, 3), np.nan)
    goodness[:, 0] = 1.5
    html = lab_views.histograms(goodness, ff.Config())
    assert "layer 2 has diverged" in html
    assert "layer 1 has diverged" not in html


def test_many_layers_are_shown_by_some():
    html = lab_views.histograms(np.ones((2, 100, 3)), ff.Config())
    assert "16 of 100 layers" in html
    assert "layer 100:" in html


def test_pictures_name_their_labels(few):
    html = lab_views.pictures(few.validation.images[:2], [3, 5], [4, 9], DATASETS["digits"])
    for text in ("positive: 3", "negative: 4", "5 with its true label", "wrong label 9", "neutral"):
        assert text in html
    assert html.count("data:image/png;base64,") == 6


def test_text_is_not_taken_for_markup():
    assert "&lt;b&gt;" in views.trouble("<b>")
    assert views.trouble() == ""


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (3.1, 4, "3.10–4.00"),
        (3.1, np.inf, "3.10–later"),
        (np.inf, np.inf, "later"),
        (np.nan,) * 2 + ("–",),
    ],
)
def test_an_interval_says_where_it_has_no_end(measured, low, high, shown):
    numbers = Selection(measured, 100, 2, "train_accuracy", (1, 12), (1, 2)).numbers(0.7)
    html = views.table(numbers.assign(crossing_low=low, crossing_high=high))
    assert html.count(f"<td>{shown}</td>") == 2
