"""Every verdict under every variation: what is found, and what cannot be concerned."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from synthetic import records as synthetic

import ff
from ff.stats.claims import CLAIMS, TESTED, verdicts
from ff.stats.evidence import Reading
from ff.stats.robustness import READINGS, robustness

NUMBERS = ["value", "low", "high"]
PEARSON = {"rq2-h3", "pearson-weakens", "width-weakens", "width-weakens-deep"}
PEARSON |= {"shallow-correlates", "shallow-correlates-more"}
CORRELATIONS = PEARSON | {"rq2-h1", "rq2-h2", "spearman-strong", "within-epoch"}
REACH = {"rq1-h1", "rq1-h2", "rq1-h3", "delay-every-doubling", "delay-every-seed"}
REACH |= {"width-shallow", "width-deep", "constant-change"}
ROSE = {"deviation-grows", "no-overlap"}
HALVES = {"width-shallow", "width-deep", "width-weakens-deep", "shallow-aligns"}
HALVES |= {"shallow-correlates", "shallow-correlates-more"}
EVERY = {claim.key for claim in CLAIMS} - {"any-depth"}
# In which claims' numbers a part of the reading enters, by the claims' own sentences.
ENTERS = {
    "column": EVERY,
    "target": REACH,
    "first_epoch": CORRELATIONS | {"shallow-aligns"},
    "overall": CORRELATIONS - {"within-epoch"},
    "depth": EVERY,
    "coefficient": PEARSON | {"within-epoch"},
    "shallow": HALVES,
    "rose": ROSE,
    "selected": {"no-overlap"},
}
# Of the published numbers these stay what they are, though the reading enters them.
UNMOVED = {"target": {"delay-every-seed"}, "shallow": {"shallow-aligns"}}


def parts_of(reading: Reading) -> set[str]:
    """What of the usual reading is another in this one."""
    usual = asdict(Reading())
    return {name for name, value in asdict(reading).items() if value != usual[name]}


def readings_of(part: str) -> list[Reading]:
    """Those in which this alone is another."""
    every = [reading for named in READINGS.values() for reading in named.values()]
    return [reading for reading in every if parts_of(reading) == {part}]


@pytest.fixture(scope="module")
def records() -> ff.Records:
    made = synthetic(
        32, (2, 4, 8, 16, 32), seeds=6, epochs=30, hidden=(100, 1000), delay=0.8, best=0.92
    )
    rng = np.random.default_rng(0)
    tables = [
        table.assign(validation_accuracy=table["train_accuracy"] + rng.normal(0, 0.01, len(table)))
        for table in (made.layers, made.readouts)
    ]
    return ff.Records(tables[0], tables[1], ())


@pytest.fixture(scope="module")
def others(records: ff.Records) -> dict[str, ff.Records]:
    narrow = synthetic(32, (2, 4, 8, 16, 32), seeds=5, epochs=30, delay=0.9, random_state=1)
    return {"narrow": narrow, "the same": records}


@pytest.fixture(scope="module")
def varied(records: ff.Records, others: dict[str, ff.Records]) -> Any:
    return robustness(records, others)


def test_every_tested_number_has_a_cell_for_every_variation(varied, records, others):
    names = {(kind, name) for kind, named in READINGS.items() for name in named}
    names |= {("training", name) for name in others}
    table = verdicts(records)
    tested = table[table["verdict"].isin(TESTED)]
    assert len(tested) > 30
    keys = list(zip(tested["key"], tested["width"], strict=True))
    expected = {(*n, key, width) for n in names for key, width in keys}
    rows = ["kind", "variation", "key", "width"]
    assert not varied.duplicated(rows).any()
    assert set(varied[rows].itertuples(index=False, name=None)) == expected
    same = varied.merge(tested, on=["key", "width"], suffixes=("", "_own"))
    for column in ("main", "counted", "chapter"):
        own = "verdict_own" if column == "main" else f"{column}_own"
        assert same[column].tolist() == same[own].tolist()


def test_cells_are_the_verdicts_of_the_reading(varied, records):
    for kind, name in (("target", "0.75"), ("epochs", "11 to 30"), ("layers", "8")):
        own = varied[(varied["kind"] == kind) & (varied["variation"] == name)]
        table: Any = verdicts(records, READINGS[kind][name]).set_index(["key", "width"])
        assert len(own) > 30
        for row in own.to_dict("records"):
            found = table.loc[(row["key"], row["width"])]
            assert row["verdict"] == found["verdict"]
            np.testing.assert_array_equal([row[n] for n in NUMBERS], found[NUMBERS].astype(float))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in READINGS for name in READINGS[kind]]
)
def test_a_reading_leaves_alone_exactly_what_it_does_not_enter(varied, records, kind, name):
    chosen = (varied["kind"] == kind) & (varied["variation"] == name)
    own = varied[chosen].merge(verdicts(records), on=["key", "width"], suffixes=("", "_main"))
    unconcerned = own[~own["concerned"]]
    for column in NUMBERS:
        assert np.array_equal(unconcerned[column], unconcerned[f"{column}_main"]), column
    assert (unconcerned["verdict"] == unconcerned["main"]).all()
    concerned = set(own.loc[own["concerned"], "key"])
    entered = set.intersection(*(ENTERS[part] for part in parts_of(READINGS[kind][name])))
    assert concerned == entered & set(own["key"])
    assert concerned


def test_a_number_that_not_all_of_a_variation_enters_stays_what_it_is(records):
    """Ranks do not enter the delay, and few layers would change it: the row is of neither."""
    reading = Reading(coefficient="spearman", depth=2)
    kept, other = (
        verdicts(records, own).query("key == 'rq1-h1' and width == '100'").iloc[0]
        for own in (Reading(), reading)
    )
    assert kept["value"] != other["value"], "an example worth its name"
    table: Any = robustness(records, {}, {"both": {"both": reading}})
    (row,) = table.query("key == 'rq1-h1' and width == '100'").to_dict("records")
    assert not row["concerned"]
    assert row["verdict"] == row["main"] == kept["verdict"]
    assert [row[name] for name in NUMBERS] == kept[NUMBERS].tolist()


def test_claims_say_themselves_what_enters_their_numbers():
    for claim in CLAIMS:
        entering = {part for part, keys in ENTERS.items() if claim.key in keys}
        assert {*claim.reads} == entering - {"column", "depth"}, claim.key


@pytest.fixture(scope="module")
def published() -> tuple[ff.Records, Any]:
    measured = ff.published()
    return measured, verdicts(measured)


@pytest.mark.parametrize("part", [part for part in ENTERS if part not in ("column", "depth")])
def test_what_a_claim_reads_moves_its_published_number_and_nothing_else_does(published, part):
    measured, main = published
    numbers: Any = main[NUMBERS].astype(float)
    moved: set[str] = set()
    for reading in readings_of(part):
        other: Any = verdicts(measured, reading)
        assert other[["key", "width"]].equals(main[["key", "width"]])
        same = (other[NUMBERS] == numbers) | (other[NUMBERS].isna() & numbers.isna())
        moved |= set(main.loc[~same.all(axis=1), "key"])
    read = {claim.key for claim in CLAIMS if part in claim.reads}
    assert moved <= read, "exactly the same number in another reading"
    assert read - moved <= UNMOVED.get(part, set())


def test_each_kind_of_reading_enters_some_number(varied):
    counts = varied[varied["concerned"]].groupby("kind").size()
    assert set(READINGS) <= set(counts.index)


def test_a_width_that_another_training_lacks_is_not_measured(varied):
    own = varied[varied["variation"] == "narrow"]
    wide = own[own["width"] != "100"]
    assert len(wide) > 10
    assert set(wide["verdict"]) == {"not measured"}
    assert wide["concerned"].all()
    assert wide[NUMBERS].isna().all(axis=None)
    assert set(own.loc[own["width"] == "100", "verdict"]) <= set(TESTED)


def test_too_few_seeds_of_another_training_reach_no_verdict(records):
    few = ff.Records(records.layers.query("seed <= 3"), records.readouts.query("seed <= 3"), ())
    table = robustness(records, {"few": few}, {})
    assert set(table["verdict"]) == {"too few seeds"}
    assert set(table["main"]) <= set(TESTED)


def backwards(records: ff.Records) -> ff.Records:
    """Layers in the opposite order: the deepest learns first."""
    return ff.Records(
        records.layers.assign(layer=33 - records.layers["layer"]), records.readouts, ()
    )


def test_verdicts_that_flip_in_another_training_are_found(records):
    table: Any = robustness(records, {"backwards": backwards(records)}, {})
    own = table[table["width"] == "100"].set_index("key")
    assert own.loc["rq1-h1", ["main", "verdict"]].tolist() == ["supported", "not supported"]
    assert own.loc["rq1-h3", ["main", "verdict"]].tolist() == ["not supported", "supported"]
    assert own.loc["rq1-h1", "value"] < 0
    assert own["counted"]["rq1-h1"]
    assert not own["counted"]["rq1-h3"]


def test_a_verdict_that_flips_with_the_accuracy_is_found(records):
    """On validation accuracy alone, deeper layers are the earlier ones."""
    wrong = records.layers.merge(
        backwards(records).layers[["hidden", "seed", "epoch", "layer", "train_accuracy"]],
        on=["hidden", "seed", "epoch", "layer"],
        suffixes=("", "_wrong"),
    )
    layers = wrong.assign(validation_accuracy=wrong["train_accuracy_wrong"])
    made = ff.Records(layers.drop(columns="train_accuracy_wrong"), records.readouts, ())
    readings = {
        "accuracy": {"validation": Reading(column="validation_accuracy")},
        "none": {"none": Reading()},
    }
    table = robustness(made, {}, readings)
    own = table[(table["key"] == "rq1-h1") & (table["width"] == "100")].set_index("kind")
    assert own["verdict"].to_dict() == {"accuracy": "not supported", "none": "supported"}
    assert own.loc["accuracy", "concerned"]
    same = table[table["kind"] == "none"]
    assert same["verdict"].tolist() == same["main"].tolist()


def test_claims_without_a_verdict_have_no_cells():
    few = synthetic(32, (32,), seeds=4, epochs=20)
    assert robustness(few, {}, {"target": READINGS["target"]}).empty
    one_width = robustness(synthetic(32, (32,), epochs=20), {}, {"target": READINGS["target"]})
    assert set(one_width["width"]) == {"100"}
    assert "any-depth" not in set(one_width["key"])


def test_the_readings_differ_from_the_usual_one_in_what_they_are_named_after():
    values = [reading for named in READINGS.values() for reading in named.values()]
    assert all(readings_of(part) for part in ENTERS), "each thing alone"
    crossed = [parts_of(reading) for reading in values if len(parts_of(reading)) != 1]
    assert crossed == [{"coefficient", "depth"}] * 4, "and else one thing at a time"
    assert len({*values, Reading()}) == len(values) + 1
    for name, reading in READINGS["target"].items():
        assert float(name) == reading.target
    for name, reading in READINGS["layers"].items():
        assert int(name) == reading.depth
    for name, reading in READINGS["epochs"].items():
        assert name == f"{reading.first_epoch} to 30"
    for name, reading in READINGS["shallow"].items():
        assert name == f"1 to {reading.shallow}"
    for name, reading in READINGS["coefficient"].items():
        layers = "" if reading.depth == 32 else f", {reading.depth} layers"
        assert name == f"{reading.coefficient.capitalize()}{layers}"
    assert READINGS["spread"]["without layer 1"].selected == Reading().selected[1:]
    assert Reading().selected[0] == 1


def test_names_of_variations_are_unique_so_that_one_can_be_asked_for(varied):
    names = varied[["kind", "variation"]].drop_duplicates()
    assert names["variation"].is_unique
