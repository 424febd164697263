"""What a chapter shows: its parameters, one's own records, and another condition beside them."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ff
from ff.book.chapter import Chapter, choose, spans_of, study
from ff.records import write
from ff.results import VARIANTS, nearest
from ff.stats.accuracy import advice
from ff.stats.claims import CLAIMS, verdicts
from ff.stats.evidence import Reading, reading_of
from tests.executing import outputs
from tests.synthetic import records as synthetic

SMALL = {"dataset": "digits", "hidden": 8, "layers": [2, 3], "epochs": 3, "device": "cpu"}


def trained(folder: Path, **changes: Any) -> str:
    """Records of a run so small that it takes a second."""
    ff.train(ff.Config(**{**SMALL, "seeds": 2, **changes}), folder)
    return str(folder)


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> str:
    return trained(tmp_path_factory.mktemp("mine"), hidden=[8, 12])


def chosen(**parameters: Any) -> Chapter:
    """What a chapter shows with these parameters, of all that it has."""
    names: dict[str, Any] = dict.fromkeys(["layers", "hidden", "records", "beside"])
    return choose({**names, **parameters}, pairs=True)


# --- parameters


def test_without_parameters_a_chapter_shows_what_was_published():
    chapter = chosen()
    assert chapter.whole
    assert not chapter.own
    assert (chapter.note, chapter.beside, chapter.reading) == (None, None, Reading())
    assert set(chapter.layers["hidden"]) == {100, 1000}


def test_a_misspelt_parameter_ends_the_run(mine):
    with pytest.raises(ff.ConfigError, match=r"unknown key 'record'; did you mean 'records'\?"):
        chosen(record=mine)


def test_a_parameter_that_a_chapter_does_not_have_is_refused(mine):
    with pytest.raises(ff.ConfigError, match="unknown key 'folder'"):
        chosen(folder=mine)


@pytest.mark.parametrize("name", ["layers", "hidden"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "2", True, [2]])
def test_a_number_that_is_none_is_refused(name, value):
    with pytest.raises(ff.ConfigError, match=f"{name} must be an integer of at least 1, or None"):
        chosen(**{name: value})


@pytest.mark.parametrize("name", ["records", "beside"])
def test_a_list_as_text_is_refused_with_what_to_write(name, mine):
    with pytest.raises(ff.ConfigError, match=rf"which is text; write {name}=\['a', 'b'\] in"):
        chosen(**{name: "[a, b]"})
    with pytest.raises(ff.ConfigError, match=f"{name} must be a folder, a list"):
        chosen(**{name: 3.5})


def test_a_folder_without_records_is_named(tmp_path):
    with pytest.raises(ff.RecordsError, match=f"there is no {tmp_path}/layers.parquet"):
        chosen(records=str(tmp_path))


@pytest.mark.parametrize(
    ("parameter", "told"),
    [
        ({"layers": 9}, "no network of 9 layers, choose layers from 2, 3"),
        ({"hidden": 9}, "no networks of 9 units, choose hidden from 8, 12"),
    ],
)
def test_what_records_lack_is_named_with_what_they_have(mine, parameter, told):
    with pytest.raises(ff.RecordsError, match=told):
        chosen(records=mine, **parameter)


# --- one's own records


def test_all_widths_are_shown(mine):
    chapter = chosen(records=mine)
    assert set(chapter.layers["hidden"]) == set(chapter.readouts["hidden"]) == {8, 12}
    assert chapter.own
    assert not chapter.whole
    assert "dataset digits" in str(chapter.note)


def test_one_network_is_shown(mine):
    chapter = chosen(records=mine, layers=2, hidden=12)
    assert set(chapter.layers["layer"]) == {1, 2}
    assert set(chapter.readouts["depth"]) == {2}
    assert set(chapter.layers["hidden"]) == {12}
    assert set(chapter.judged.layers["layer"]) == {1, 2, 3}, "claims are about all of it"


def test_claims_are_read_of_the_networks_that_there_are(mine):
    chapter = chosen(records=mine)
    assert chapter.reading == Reading(depth=3, widths=(8, 12), selected=(1, 2, 3))


@pytest.mark.parametrize("choice", [{"layers": 2}, {"hidden": 100}])
def test_a_choice_among_the_published_leaves_their_claims_as_they_are(choice):
    chapter = chosen(**choice)
    assert not chapter.whole
    assert not chapter.own
    assert chapter.varied() is None
    assert set(chapter.judged.layers["hidden"]) == {100, 1000}
    assert set(chapter.judged.readouts["depth"]) == {2, 4, 8, 16, 32}


def test_verdicts_of_ones_own_are_varied_as_far_as_the_records_allow(tmp_path):
    folder = trained(tmp_path, seeds=5, layers=[2, 4], epochs=10, learning_rate=0.0005)
    table: Any = chosen(records=folder).varied()
    names = table.groupby("kind")["variation"].unique().map(set).to_dict()
    assert names["layers"] == {"2"}, "of the depths that the variations have"
    assert names["epochs"] == {"4 to 10"}, "from an epoch on that there is, and not the last"
    assert "without layer 1" not in names["spread"], "layers are selected by the depth"
    assert names["accuracy"] == {"validation"}


@pytest.mark.slow
def test_the_claims_of_a_chapter_vary_as_those_of_all():
    chapter = chosen()
    everything: Any = chapter.varied()
    for name in ("rq1_delay", "rq2_correlation"):
        own: Any = chapter.varied(name)
        expected = everything[everything["chapter"] == name].reset_index(drop=True)
        assert 0 < len(own) < len(everything)
        pd.testing.assert_frame_equal(own, expected)


def test_several_folders_are_one_set_of_records(tmp_path):
    parts = [trained(tmp_path / name, seeds=[s]) for name, s in (("a", 1), ("b", 2))]
    for given in (parts, str(tmp_path)):
        assert set(chosen(records=given).layers["seed"]) == {1, 2}


def test_diverged_seeds_are_left_out_and_named(tmp_path):
    found = ff.train(ff.Config(**SMALL, seeds=2))
    lost = {"hidden": 8, "seed": 2, "layer": 1, "epoch": 3, "reason": "made up"}
    write(replace(found, runs=({**found.runs[0], "diverged": [lost]},)), tmp_path)
    chapter = chosen(records=str(tmp_path))
    assert set(chapter.layers["seed"]) == {1}
    assert "Left out: seed 2 of width 8 has diverged in epoch 3" in str(chapter.note)


def test_a_loss_without_a_threshold_is_judged_by_pairs(tmp_path):
    chapter = chosen(records=trained(tmp_path, loss="pairwise"))
    assert chapter.layers["train_accuracy"].equals(chapter.layers["pair_accuracy"])
    assert not np.isnan(chapter.layers["train_accuracy"]).any()
    assert "share of pairs" in str(chapter.note)


def test_a_frozen_layer_stays_what_it_was(tmp_path):
    chapter = chosen(records=trained(tmp_path, schedule="in-turn"))
    assert not np.isnan(chapter.layers["train_accuracy"]).any()


@pytest.mark.parametrize("cool_down", [True, False])
def test_the_full_rate_is_that_of_the_training(tmp_path, cool_down):
    from ff.algorithm.training import cool_down as factor

    chapter = chosen(records=trained(tmp_path, epochs=6, cool_down=cool_down))
    rates = [factor(epoch, 6) for epoch in range(6)]
    assert chapter.full_rate == (sum(rate == 1 for rate in rates) if cool_down else None)


def test_spans_end_where_the_epochs_do(mine):
    rows = chosen(records=mine).layers
    assert spans_of(rows, [(1, 2), (1, 5), (2, 3)]) == [(1, 2), (2, 3), (1, 3)]
    assert spans_of(rows, [(1, 3)]) == [(1, 3)]


# --- what the records lack for a claim


def lacks(*shape: Any, **changes: Any) -> dict[str, str]:
    made = synthetic(*shape, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none of numpy's
        table: Any = verdicts(made, reading_of(made))
    return table.drop_duplicates("key").set_index("key")["lacks"].to_dict()


def test_networks_like_the_papers_lack_nothing():
    late = "1 layer not at 0.7 by the last epoch, which stands for it"
    found = lacks(32, (2, 32), epochs=40, hidden=(100, 1000))
    capped = {claim.key for claim in CLAIMS if claim.capped}
    assert {key for key, said in found.items() if said} == capped - {"width-shallow"}
    assert found["rq1-h2"] == late
    assert (
        found["width-deep"] == "6 and 6 layers not at 0.7 by the last epoch, which stands for them"
    )


def test_a_second_width_seeds_and_layers_are_asked_for():
    found = lacks(8, (2, 8), seeds=3, hidden=(20,))
    seeds, layers = "needs 5 seeds, has 3", "8 layers, the paper has 32"
    assert found["rq1-h1"] == f"{seeds}; {layers}"
    assert found["width-deep"] == f"needs a second width; {seeds}; {layers}"
    assert found["any-depth"] == ""


def test_what_no_layer_reaches_is_asked_for():
    found = lacks(32, (32,), best=0.6)
    assert found["rq1-h1"] == "needs two layers that reach 0.7"


def test_a_number_that_one_seed_decides_says_why_there_is_no_interval():
    made = synthetic(3, (2, 3), seeds=5, epochs=6, start=3, delay=3, jitter=0.6, random_state=6)
    table: Any = verdicts(made, reading_of(made)).set_index("key")
    row = table.loc["rq1-h1"]
    assert np.isfinite(row["value"])
    assert np.isnan(row["low"])
    assert "no interval: needs two layers that reach 0.7, whichever seed" in row["lacks"]


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_seeds_give_no_warning(seeds):
    assert "needs 5 seeds" in lacks(4, (2, 4), seeds=seeds, hidden=(8, 12))["rq1-h2"]


@pytest.mark.parametrize(
    ("widths", "read"),
    [
        ((100, 1000), (100, 1000)),
        ((50, 100, 1000), (100, 1000)),
        ((20, 50, 90), (20, 90)),
        ((7,), (7, 7)),
    ],
)
def test_the_least_and_the_greatest_width_stand_for_the_papers(widths, read):
    assert reading_of(synthetic(4, (2, 4), hidden=widths)).widths == read


def test_claims_about_two_widths_name_those_of_the_records():
    made = synthetic(32, (2, 32), epochs=40, hidden=(20, 50))
    table: Any = verdicts(made, reading_of(made)).set_index("key")
    assert table.loc["width-deep", "width"] == "50 - 20"
    assert table.loc["width-deep", "estimand"].startswith("Delay at width 50 minus delay at width")
    assert table.loc["no-overlap", "width"] == "50"


# --- another condition beside


def test_two_conditions_are_compared_seed_by_seed(mine, tmp_path):
    other = trained(tmp_path / "faster", hidden=[8, 12], learning_rate=0.002, seeds=[2, 3])
    two = chosen(records=mine, beside=other).beside
    assert two is not None
    assert list(two.ways) == [f"“{Path(mine).name}”", "“faster”"]
    assert {way.layers["seed"].unique().item() for way in two.ways.values()} == {2}


def test_what_stands_beside_is_complete_and_comparable(mine, tmp_path):
    found = ff.train(ff.Config(**{**SMALL, "loss": "pairwise"}, seeds=2))
    lost = {"hidden": 8, "seed": 2, "layer": 1, "epoch": 3, "reason": "made up"}
    write(replace(found, runs=({**found.runs[0], "diverged": [lost]},)), tmp_path)
    two = chosen(records=mine, beside=str(tmp_path)).beside
    assert two is not None
    _, theirs = two.ways.values()
    assert set(theirs.layers["seed"]) == {1}
    assert not np.isnan(theirs.layers["train_accuracy"]).any()


def test_the_book_stands_beside_a_folder(tmp_path):
    other = trained(tmp_path, hidden=100, layers=4)
    two = chosen(beside=other, hidden=100).beside
    assert two is not None
    ours, theirs = two.ways.values()
    assert set(ours.layers["layer"]) == set(theirs.layers["layer"]) == {1, 2, 3, 4}


def test_conditions_without_a_common_seed_are_refused(mine, tmp_path):
    other = trained(tmp_path, seeds=[5])
    with pytest.raises(ff.RecordsError, match=r"has seeds 1, 2 and .* 5: train seeds that both"):
        chosen(records=mine, beside=other)


@pytest.mark.parametrize(
    ("changes", "images", "differs"),
    [
        ({}, "digits", "60 epochs"),
        ({"learning_rate": 0.01}, "digits", "trained as the paper's"),
        ({"dataset": "mnist"}, "mnist", "30 epochs"),
    ],
)
def test_the_nearest_published_networks_are_of_the_same_images(mine, changes, images, differs):
    own = ff.read(mine)
    config = own.runs[0]["config"] | changes
    other, words = nearest(replace(own, runs=({**own.runs[0], "config": config},)))
    assert other.runs[0]["config"]["dataset"] == images
    assert other.runs[0]["config"]["learning_rate"] == 0.001
    assert differs in words


def test_nothing_stands_beside_networks_of_other_depths(tmp_path):
    chapter = chosen(records=trained(tmp_path, layers=3), beside="paper")
    assert chapter.beside is None
    assert "No published networks are set beside them: " in str(chapter.note)
    assert "train a depth that both have" in str(chapter.note)


def test_how_conditions_differ_is_told(mine, tmp_path):
    other = trained(tmp_path / "a", learning_rate=0.002, batch_size=40)
    told = str(chosen(records=mine, beside=other).note)
    assert (
        "these against those beside: batch_size 50 against 40; learning_rate 0.001 against 0.002"
        in told
    )
    assert "a seed has another start or order" in told
    same = str(chosen(records=mine, beside=mine).note)
    assert "They differ in no setting" in same
    assert "another start" not in same
    pairs = trained(tmp_path / "b", loss="pairwise")
    told = str(chosen(records=mine, beside=pairs).note)
    assert "Accuracy is that of pairs in one of them" in told


def test_seeds_that_diverged_beside_are_named(mine, tmp_path):
    found = ff.read(mine)
    lost = {"hidden": 8, "seed": 2, "layer": 1, "epoch": 3, "reason": "made up"}
    write(replace(found, runs=({**found.runs[0], "diverged": [lost]},)), tmp_path)
    assert "Left out beside: seed 2 of width 8" in str(chosen(records=mine, beside=tmp_path).note)


def test_widths_that_stand_alone_are_named(mine, tmp_path):
    other = trained(tmp_path, hidden=12)
    assert "Networks of 8 units are left out: " in str(chosen(records=mine, beside=other).note)


def test_a_chapter_without_pairs_takes_none(mine):
    with pytest.raises(ff.ConfigError, match="unknown key 'beside'; the keys are layers, hidden"):
        choose({"layers": None, "hidden": None, "records": mine, "beside": "paper"})


def test_a_folder_that_papermill_takes_for_a_number():
    with pytest.raises(
        ff.ConfigError, match="must be a folder but got 2024; write -r records 2024"
    ):
        chosen(records=2024)
    with pytest.raises(ff.ConfigError, match="records must be a folder, a list"):
        chosen(records=[""])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "a lower threshold, normalization=layer or label_intensity=10, with which"),
        ({"normalization": "layer"}, "a lower threshold or label_intensity=10, with which"),
        (
            {"normalization": "layer", "label_intensity": 10.0},
            "learning_rate or a lower threshold.",
        ),
    ],
)
def test_what_may_help_where_no_layer_learns(changes, told):
    run = {"config": ff.Config(**changes).model_dump(mode="json")}
    asleep = synthetic(2, (2,), hidden=(5, 7), best=0.53)
    asleep = replace(asleep, runs=(run,))
    assert advice(asleep).endswith(told) or told in advice(asleep)
    assert advice(asleep).startswith(
        "No layer of 5, 7 units has left chance: the best one is right"
    )
    means: Any = asleep.layers.groupby(["hidden", "layer", "epoch"])["train_accuracy"].mean()
    assert f" {means.max():.3f} of the samples" in advice(asleep)
    assert advice(synthetic(2, (2,))) == ""


def test_the_chosen_depth_is_compared(mine):
    two = chosen(records=mine, beside=mine, layers=2).beside
    assert two is not None
    assert all(set(way.layers["layer"]) == {1, 2} for way in two.ways.values())


def test_the_paper_stands_beside_ones_own_alone():
    with pytest.raises(ff.ConfigError, match="beside 'paper' is for records of your own"):
        chosen(beside="paper")


def test_one_network_is_chosen_where_none_is_named(mine):
    names = {"layers": None, "hidden": None, "records": None}
    chapter = choose(names | {"records": mine}, one=True)
    assert (chapter.depth, chapter.hidden) == (3, 8)
    chapter = choose(dict(names), one=True)
    assert (chapter.depth, chapter.hidden) == (8, 100)


def test_a_chosen_width_leaves_the_claims_as_they_are(mine):
    chapter = chosen(records=mine, hidden=8)
    assert set(chapter.layers["hidden"]) == {8}
    assert set(chapter.judged.layers["hidden"]) == {8, 12}
    assert chapter.reading.widths == (8, 12)


# --- the chapters on the study


def test_a_study_is_a_folder_or_the_books(tmp_path):
    assert study({"records": None}) == VARIANTS
    assert study({"records": str(tmp_path)}) == tmp_path
    with pytest.raises(ff.ConfigError, match="unknown key 'record'; did you mean 'records'"):
        study({"records": None, "record": "x"})
    with pytest.raises(ff.ConfigError, match="records must be a folder or None, but got"):
        study({"records": ["a", "b"]})


# --- the notebooks


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rq1_delay", "rq2_correlation", "threats", "configuration"])
@pytest.mark.parametrize("case", ["two widths", "one seed", "one network"])
def test_a_chapter_takes_records(name, case, mine, tmp_path):
    parameters: dict[str, Any] = {"records": [mine]}
    if case == "one seed":
        parameters = {"records": trained(tmp_path, seeds=1, epochs=1)}
    if case == "one network":
        parameters |= {"layers": 2, "hidden": 8}
    if name.startswith("rq") and case != "one seed":
        parameters |= {"beside": mine}
    text = outputs(name, **parameters)
    assert "not the published measurements" in text
    assert "Warning" not in text
    assert "1000 units" not in text
    if case == "two widths" and name != "configuration":
        assert "12 units" in text
        assert "8 units" in text
