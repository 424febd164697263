"""Figures and sentences of the chapters beyond the paper, on small networks of digits."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import papermill
import pytest

import ff
from ff.book import figures
from ff.book.markup import number
from ff.book.study import (
    Outcome,
    expected,
    folded,
    left_out,
    null_table,
    other_base,
    other_images,
    outcomes,
    predictions,
    study_table,
    tuning_table,
)
from ff.book.summary import causes, growing, steps, variations, why
from ff.quantities import LAYER_QUANTITIES, READOUT_QUANTITIES
from ff.records import Records
from ff.records import table as records_table
from ff.results import linear, other_data, tuning, variants, wide_variants
from ff.stats import delay, study
from ff.stats.growing import beside_together, gains

BOOK = Path(__file__).parent.parent / "book"
RUNS = {
    "paper": {"layers": [2, 3, 4]},
    "growing": {"layers": [2, 3, 4], "schedule": "in-turn", "epochs": 6},
    "learning-rate-3x": {"learning_rate": 3e-4},
    "threshold-2": {"threshold": 2.0},
    "loss-pairwise": {"loss": "pairwise"},
    "normalization-layer": {"normalization": "layer", "learning_rate": 3e-4},
    **{
        f"on-frozen-{epochs}": {"schedule": "on-frozen", "frozen_after": epochs}
        for epochs in (0, 2, 6)
    },
}
EXPECTED: dict[str, str] = dict.fromkeys(
    (
        "trained",
        "untrained",
        "intermediate",
        "waiting",
        "moving",
        "normalization",
        "falls",
        "width",
    ),
    "So.",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A small study: four layers of 20 units, three seeds, six epochs."""
    out = tmp_path_factory.mktemp("variations")
    usual = {"dataset": "digits", "layers": 4, "hidden": 20, "seeds": 3, "epochs": 6}
    for name, changes in RUNS.items():
        ff.train(ff.Config(**usual | {"learning_rate": 1e-4} | changes), out / name)
    return out


@pytest.fixture(scope="module")
def records(folder) -> dict[str, Records]:
    return variants(folder)


def table(**changes: tuple[float, float, float, float]) -> pd.DataFrame:
    """A study of one variant: difference, low, high and adjusted p of each measure."""
    rows = [
        {"variant": "dark-label", "measure": measure.replace("_", " "), "difference": d,
         "own": 15.0, "low": low, "high": high, "p": p, "p_holm": p, "over": "2 to 16", "seeds": 10}
        for measure, (d, low, high, p) in changes.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def html(shown: Any) -> str:
    return shown._repr_html_()


# --- what is read


def test_runs_are_named_by_their_folders(records):
    assert set(records) == set(RUNS)


def test_a_run_that_has_diverged_whole_is_left_out_and_what_is_needed_is_named(folder, tmp_path):
    with pytest.warns(ff.DivergenceWarning):
        ff.train(
            ff.Config(dataset="digits", layers=2, hidden=9, seeds=2, epochs=1, learning_rate=1e30),
            tmp_path / "burst",
        )
    assert variants(tmp_path) == {}
    with pytest.raises(
        ff.RecordsError, match=r"no run burst, paper; train params/variations/burst"
    ):
        variants(tmp_path, needed=["paper", "burst"])


def test_the_best_point_of_a_grid_has_no_diverged_seed_and_that_of_the_run_is_marked(tmp_path):
    assert tuning(tmp_path).empty
    point = {"downstream_learning_rate": 0.01, "threshold": 1.0, "temperature": 1.0}
    seen = {1e-3: (0.6, 0.8), 1e-2: (0.7, 0.9), 1e-1: (0.99, np.nan)}
    rows = [
        {
            "variant": "dark-label",
            "learning_rate": rate,
            **point,
            "seed": s,
            "validation_accuracy": a,
        }
        for rate, accuracies in seen.items()
        for s, a in enumerate(accuracies)
    ]
    (tmp_path / "tuning").mkdir()
    pd.DataFrame(rows).to_parquet(tmp_path / "tuning" / "dark-label.parquet")
    table = tuning_table(tuning(tmp_path), {})
    assert table["learning rate"].tolist() == [1e-2, 1e-3], "from the best"
    assert table["best"].tolist() == [table["best"].iloc[0], ""]
    assert table["accuracy"].iloc[0] == pytest.approx(0.8)
    assert set(table["points"]) == {3}
    assert set(table["trained"]) == {""}
    config = {key: value for key, value in rows[0].items() if key in point} | {
        "learning_rate": 1e-3
    }
    run = Records(pd.DataFrame(), pd.DataFrame(), runs=({"config": config},))
    table = tuning_table(tuning(tmp_path), {"dark-label": run}).reset_index()
    assert table.loc[table["trained"] != "", "learning rate"].tolist() == [1e-3]


def test_variants_whose_rate_was_chosen_are_compared_with_the_paper_at_its_best(records):
    names = ["normalization-layer", "dark-label", "threshold-2"]
    pairs = variations.pairs(records, names, tuned=["normalization-layer"])
    assert list(pairs) == ["normalization-layer", "threshold-2"]
    assert pairs["normalization-layer"][1] is records["learning-rate-3x"]
    assert pairs["threshold-2"][1] is records["paper"]


def test_a_slow_variant_is_compared_after_more_epochs_where_both_were_trained_for_them(
    records, monkeypatch
):
    monkeypatch.setattr(variations, "LEARNED", 0.0)  # these have not learned much
    some = {"paper": records["paper"], "threshold-2": records["threshold-2"]}
    slow = some | {"threshold-2-60-epochs": records["on-frozen-2"]}
    paired = variations.pairs(slow, ["threshold-2"], tuned=[])["threshold-2"]
    assert paired[0] is records["threshold-2"], "the paper's network was not trained for them"
    slow["paper-60-epochs"] = records["learning-rate-3x"]
    paired = variations.pairs(slow, ["threshold-2"], tuned=[])["threshold-2"]
    assert paired[0] is records["on-frozen-2"]
    assert paired[1] is records["learning-rate-3x"]


DARK = {"dark-label": "dark label"}


def test_what_changes_is_said_after_holm_only():
    steep = table(delay=(1.0, 0.5, 1.5, 0.01), readout=(-0.1, -0.2, -0.05, 0.01))
    flat = table(delay=(-1.0, -2.0, -0.5, 0.04), readout=(0.1, 0.0, 0.3, 0.06))
    both = pd.concat([steep.assign(variant="steep"), flat.assign(variant="flat-one")])
    assert html(variations.in_short(both, {"steep": "steep", "flat-one": "flat *"}, {}, of=9)) == (
        "<p>2 of 9 variants have a result. These differ from the paper's network (with a *: from "
        "that at three times its learning rate), after Holm's correction over two tests of all 9; "
        "in parentheses, by how many epochs per layer, or points of accuracy:</p><ul>"
        "<li><b>less delay per layer</b>: flat * (\N{MINUS SIGN}1)</li>"
        "<li><b>more delay per layer</b>: steep (+1)</li>"
        "<li><b>a less accurate readout</b>: steep (\N{MINUS SIGN}10 points)</li></ul>"
    )


def test_a_star_is_explained_where_there_is_one():
    steep: Any = table(delay=(1.0, 0.5, 1.5, 0.01))
    assert "differ from the paper's network, after Holm" in html(
        variations.in_short(steep, DARK, {}, of=1)
    )
    nothing = html(variations.in_short(steep[:0], {}, {}, of=6))
    assert nothing.startswith("<p>0 of 6 variants have a result. ")
    assert nothing.endswith("<ul><li>nothing</li></ul>")


def test_layers_that_do_not_arrive_and_seeds_that_are_missing_are_said():
    late = table(readout=(0.1, 0.0, 0.3, 0.06), layers=(-14.0, -14.0, -14.0, np.nan))
    late = late.assign(variant="late", own=1.0)
    died = table(readout=(0.1, 0.0, 0.3, 0.06)).assign(variant="died", seeds=9)
    shown = html(
        variations.in_short(pd.concat([late, died]), {"late": "late", "died": "died"}, {}, of=2)
    )
    assert "reach 0.7</b> (how many of 15, on average; not tested): late (1)</li>" in shown
    assert "diverged</b> and are left out (how many of 10): died (1)</li>" in shown


def test_a_delay_by_pairs_is_said_where_it_stands_in():
    nothing = (np.nan, np.nan, np.nan, np.nan)
    pairs = table(delay=nothing, pair_delay=(-0.5, -0.6, -0.4, 0.001))
    shown = html(variations.in_short(pairs, DARK, {}, of=1))
    assert "less delay per layer</b>: dark label (by pairs \N{MINUS SIGN}0.5)<" in shown


def test_a_delay_that_pairs_do_not_show_says_so():
    by_pairs = (0.1, -0.2, 0.5, np.nan)
    unsure = table(delay=(1.9, 1.5, 2.3, 0.001), pair_delay=by_pairs)
    assert "(+1.9, by pairs +0.1, which may be 0)<" in html(
        variations.in_short(unsure, DARK, {}, of=1)
    )
    sure = table(delay=(1.9, 1.5, 2.3, 0.001), pair_delay=(0.1, 0.05, 0.2, np.nan))
    assert "(+1.9, by pairs +0.1)<" in html(variations.in_short(sure, DARK, {}, of=1))


def test_a_readout_of_layers_that_do_not_all_learn_says_how_many_do(records):
    own: Any = records["paper"]
    learned = Records(
        own.layers.assign(pair_accuracy=np.where(own.layers["layer"] < 3, 0.9, 0.5)),
        own.readouts,
        runs=own.runs,
    )
    better = table(readout=(0.02, 0.01, 0.03, 0.001))
    shown = html(variations.in_short(better, DARK, {"dark-label": (learned, own)}, of=1))
    assert "dark label (+2 points, 2 of 4 layers learn)<" in shown


def test_an_undecided_delay_that_differs_in_parts_names_them():
    bent = table(
        delay=(-0.1, -0.3, 0.1, 0.5),
        shallow_delay=(-0.3, -0.4, -0.2, np.nan),
        deep_delay=(0.2, 0.1, 0.3, np.nan),
    )
    shown = html(predictions(bent, {"dark-label": ("less", "same")}, DARK))
    assert "; less in layers 2 to 9 and more in layers 9 to 16<" in shown


def test_predictions_that_another_network_would_decide_otherwise_are_named():
    here = table(delay=(-0.2, -0.3, -0.15, 0.01), readout=(0.0, -0.001, 0.001, 0.9))
    there = table(delay=(0.2, 0.15, 0.3, 0.01), readout=(0.1, -0.1, 0.3, 0.4))
    words = {"dark-label": ("less", "same")}
    assert other_base(here, here, words, DARK) == "none"
    assert other_base(here, there, words, DARK) == (
        "dark label, delay: would not come true; dark label, readout: would be undecided"
    )


def test_a_delay_that_differs_the_other_way_elsewhere_says_where():
    bent = table(
        delay=(-1.0, -2.0, -0.5, 0.04),
        shallow_delay=(-1.0, -2.0, -0.5, np.nan),
        deep_delay=(0.5, 0.1, 0.9, np.nan),
    )
    later = table(delay=(0.8, 0.4, 1.2, np.nan)).assign(measure="delay at 0.8")
    shown = html(variations.in_short(pd.concat([bent, later]), DARK, {}, of=1))
    assert "(\N{MINUS SIGN}1; the other way in layers 9 to 16 and at target 0.8)<" in shown


def test_more_delay_per_layer_is_not_taken_for_layers_that_arrive_later():
    both = table(delay=(0.3, 0.2, 0.4, 0.01), wait=(-3.8, -4.2, -3.4, np.nan))
    shown = html(variations.in_short(both, DARK, {}, of=1))
    assert (
        "more delay per layer</b>: dark label (+0.3; but layers arrive 3.8 epochs sooner)<" in shown
    )
    same = table(delay=(0.3, 0.2, 0.4, 0.01), wait=(3.8, 3.4, 4.2, np.nan))
    assert "but layers" not in html(variations.in_short(same, DARK, {}, of=1))


def test_a_sure_difference_that_is_too_small_to_matter_says_so():
    small = table(readout=(0.003, 0.002, 0.004, 0.001))
    shown = html(variations.in_short(small, DARK, {}, of=1))
    assert "more accurate readout</b>: dark label (+0.3 points, too small to matter)<" in shown


def test_a_run_of_which_no_layer_learns_is_compared_with_nothing(records):
    def learned(name: str, pair_accuracy: float) -> Records:
        own: Any = records[name]
        rows = own.layers.assign(pair_accuracy=pair_accuracy)
        return Records(rows, own.readouts, runs=own.runs)

    def compared(own: float, other: float) -> list[str]:
        some = {"threshold-2": learned("threshold-2", own), "paper": learned("paper", other)}
        return list(variations.pairs(some, ["threshold-2"], tuned=[]))

    assert compared(0.52, 0.9) == []
    assert compared(0.9, 0.9) == compared(0.9, 0.52) == compared(0.52, 0.52) == ["threshold-2"]


def test_variants_are_named_with_what_was_chosen_for_them(records):
    pairs = variations.pairs(records, ["threshold-2", "normalization-layer"], tuned=[])
    names = variations.named(pairs, {"normalization-layer"})
    assert names == {"threshold-2": "threshold 2", "normalization-layer": "layer normalization *"}
    chosen = variations.chosen(pairs)
    assert chosen["threshold-2"] == "", "its threshold is the variant"
    own, base = (one.runs[0]["config"]["learning_rate"] for one in pairs["normalization-layer"])
    said = f"learning rate {number(own)} instead of {number(base)}" if own != base else ""
    assert chosen["normalization-layer"] == said


@pytest.mark.parametrize(
    ("verdicts", "holds"),
    [
        (["supported"] * 3 + ["undecided"], True),
        (["supported"] * 2 + ["undecided"] * 2, False),
        (["supported"] * 3 + ["not supported"], False),
        (["not measured"] * 4, None),
    ],
)
def test_the_same_claims_on_other_images_stay_or_turn_around(verdicts, holds):
    varied = pd.DataFrame({"verdict": verdicts, "main": "supported", "variation": "stripes"})
    varied = varied.assign(counted=True, concerned=True)
    (outcome,) = other_images(varied, {"stripes": "They stay."})
    assert outcome.holds is holds
    assert outcome.expected == "stripes: They stay."


def test_seeds_that_have_diverged_on_other_images_are_named(records):
    own = records["paper"]
    stopped = {"hidden": 20, "seed": 9, "layer": 4, "epoch": 5, "reason": "all units dead"}
    some = Records(own.layers, own.readouts, runs=({**own.runs[0], "diverged": [stopped]},))
    assert left_out({"stripes": own, "digits": some}) == (
        "Seeds: stripes, 3 with 20 units; digits, 3 with 20 units, without seed 9 of those with "
        "20, which has diverged in epoch 5 (all units dead)."
    )


def test_parts_of_a_data_set_are_put_together_and_others_left_alone(records):
    def of(**config: Any) -> Records:
        own = records["paper"]
        asked = ff.Config(dataset="digits", **config).model_dump(mode="json")
        run = {**own.runs[0], "config": asked, "batch_size": 50}
        return Records(own.layers, own.readouts, runs=(run,))

    found = other_data({"a": of(epochs=60), "b": of(epochs=60), "c": of(), "d": records["growing"]})
    assert list(found) == ["digits"]
    assert len(found["digits"].layers) == 2 * len(records["paper"].layers)
    assert len(found["digits"].runs) == 2


# --- predictions


EN_DASH, NO_BREAK = "\N{EN DASH}", "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("difference", "p", "word", "mark"),
    [
        (-0.2, 0.01, "less", "\N{CHECK MARK}"),
        (-0.2, 0.01, "more", "\N{MULTIPLICATION X}"),
        (0.2, 0.01, "more", "\N{CHECK MARK}"),
        (-0.05, 0.01, "less", EN_DASH),
        (-0.05, 0.01, "more", "\N{MULTIPLICATION X}"),
        (0.2, 0.2, "more", EN_DASH),
        (0.2, 0.2, "same", EN_DASH),
        (0.01, 0.2, "same", "\N{CHECK MARK}"),
        (0.01, 0.2, "more", "\N{MULTIPLICATION X}"),
    ],
)
def test_a_prediction_is_held_against_the_difference_after_holm(difference, p, word, mark):
    """What is not shown to differ is the same only if the interval is within the margin."""
    found = table(delay=(difference, difference - 0.08, difference + 0.08, p))
    shown = html(predictions(found, {"dark-label": (word, "same")}, DARK))
    said = {"\N{CHECK MARK}": "came true", "\N{MULTIPLICATION X}": "did not", EN_DASH: "undecided"}
    seen = re.findall(r'<span role="img" aria-label="([^"]*)">(.)</span>', shown)
    assert seen == [(said[mark], mark), ("undecided", EN_DASH)], "the readout was not measured"
    assert "dark label" in shown
    counts = {words: sum(one == words for one, _ in seen) for words in said.values()}
    assert (
        f"<summary>Two predictions for each variant, made before the runs: of 2, "
        f"{counts['came true']} came true, {counts['did not']} did not, "
        f"{counts['undecided']} undecided</summary>"
    ) in shown
    assert shown.count("not measured") == 1


def test_what_is_equal_in_every_seed_proves_no_prediction_but_may_refute_one():
    equal = table(delay=(0.0, 0.0, 0.0, np.nan))
    shown = html(predictions(equal, {"dark-label": ("same", "same")}, DARK))
    assert "equal in every seed" in shown
    assert "\N{CHECK MARK}" not in shown
    assert "\N{MULTIPLICATION X}" not in shown
    assert "\N{MULTIPLICATION X}" in html(
        predictions(equal, {"dark-label": ("more", "same")}, DARK)
    )


def test_pair_accuracy_stands_in_where_eq_3_is_undefined():
    nothing = (np.nan, np.nan, np.nan, np.nan)
    pairs = (-0.5, -0.6, -0.4, 0.001)
    found = table(delay=nothing, pair_delay=pairs, readout=(0.001, -0.001, 0.003, 0.9))
    assert "by pairs" not in html(predictions(found, {"dark-label": ("less", "same")}, DARK))
    found.loc[found["measure"] == "delay", "over"] = ""  # it was not measured at all
    shown = html(predictions(found, {"dark-label": ("less", "same")}, DARK))
    assert shown.count("\N{CHECK MARK}") == 2
    assert "less by pairs" in shown
    assert "+0.1" in shown, "accuracies are in percentage points"


def test_a_delay_over_too_few_layers_is_not_called_unmeasured():
    nothing = (np.nan, np.nan, np.nan, np.nan)
    found = table(delay=nothing, readout=(0.001, -0.001, 0.003, 0.9)).assign(over="2")
    shown = html(predictions(found, {"dark-label": ("more", "same")}, DARK))
    assert "too few layers arrive" in shown
    assert "not measured" not in shown
    waits = table(delay=nothing, wait=(19.1, 18.0, 20.2, np.nan)).assign(over="2")
    shown = html(predictions(waits, {"dark-label": ("more", "same")}, DARK))
    assert "too few layers arrive; average wait +19.1 [18, 20.2]" in shown


def test_the_null_table_holds_what_neither_test_tells_apart():
    sure = table(delay=(1.0, 0.5, 1.5, 0.01)).assign(variant="steep")
    unsure = table(delay=(0.1, -0.5, 0.6, 0.5), readout=(0.0, -0.1, 0.1, 1.0))
    both = pd.concat([sure, unsure])
    assert list(null_table(both).index) == ["dark label"]
    assert list(study_table(both).index) == ["steep", "dark label"]


def test_outcomes_say_what_came_true():
    some = [Outcome("a < b", "yes", True), Outcome("c", "no", False), Outcome("d", "so", None)]
    shown = html(outcomes([*some, some[0]], "On a & b"))
    assert 'aria-label="On a &amp; b"' in shown
    assert "a &lt; b" in shown
    summary, table = shown.split("</summary>")
    assert (
        "On a &amp; b, made before the runs: of 4, 2 came true, 1 did not, 1 undecided" in summary
    )
    for words, count in {"came true": 2, "did not": 1, "undecided": 1}.items():
        assert table.count(words) == count, "each row says in words what its sign means"


def test_a_folded_table_keeps_its_intervals_on_one_line():
    rows = pd.DataFrame({"a < b": ["1 [0, 2]", np.nan]}, index=pd.Index(["x", "y"], name="z"))
    shown = html(folded(rows, "Some & more"))
    assert shown.startswith('<details class="ff-fold"><summary>Some &amp; more</summary>')
    assert f"<td>1 [0,{NO_BREAK}2]</td>" in shown
    assert f"<td>{EN_DASH}</td>" in shown
    assert "<th>a &lt; b</th>" in shown
    assert "tabindex" in shown, "who has no mouse can scroll it"


def test_a_table_of_the_study_may_show_some_measures_only():
    rows = table(delay=(1.0, 0.5, 1.5, 0.01), pair_wait=(2.0, 1.0, 3.0, np.nan))
    shown = study_table(rows, ["pair wait"])
    assert list(shown.columns) == ["seeds", "wait by pairs"]
    assert shown.loc["dark label", "wait by pairs"] == "+2 [1, 3]"
    assert "delay, layers 2 to 9" in study_table(rows)


@pytest.mark.parametrize("chapter", ["why", "variations", "growing"])
def test_predictions_are_read_from_the_chapters_source(chapter):
    found = expected(chapter)
    assert len(found) > 3
    assert all(isinstance(name, str) for name in found)


# --- the interventions


LAST = 30


def frozen(epochs: int, *crossings: float, pairs: float = 1.0, **config: Any) -> Records:
    """Five seeds whose layers from 2 on reach 0.7 at these epochs, and by pairs at others."""
    at = np.array([1.0, *crossings])
    noise = 0.1 * np.random.default_rng(epochs).standard_normal((5, 1, len(at)))
    noise -= noise.mean(axis=0)  # so that mean traces cross where they are said to
    time = np.arange(1, LAST + 1)[:, None]
    values = np.full((5, LAST, len(at), len(LAYER_QUANTITIES)), 0.5, np.float32)
    for name, factor in (("train", 1.0), ("validation", 1.0), ("pair", pairs)):
        trace = 0.7 + 0.1 * (time - factor * (at + noise))
        values[..., LAYER_QUANTITIES.index(f"{name}_accuracy")] = np.clip(trace, 0.5, 0.95)
    readouts = np.full((5, LAST, 1, len(READOUT_QUANTITIES)), 0.9, np.float32)
    seeds, layers = (1, 2, 3, 4, 5), range(1, len(at) + 1)
    settings = {"schedule": "on-frozen", "normalization": "rms", "frozen_after": epochs}
    settings |= {"learns": None} | config
    return Records(
        records_table(values, LAYER_QUANTITIES, 100, seeds, layer=layers),
        records_table(readouts, READOUT_QUANTITIES, 100, seeds, depth=[len(at)]),
        runs=({"config": settings | {"negatives": "uniform"}},),
    )


def studied() -> dict[str, Records]:
    """A study in which layers arrive: together, and on networks frozen after 0, 10 and 30."""
    layers = np.arange(2, 17)
    together: dict[str, Any] = {"schedule": "together"}
    return {
        "paper": frozen(99, *(4 + 0.8 * layers), pairs=0.5, **together),
        "on-frozen-0": frozen(0, *(4.0 * layers)),
        "on-frozen-10": frozen(10, *(2 + 0.4 * layers), pairs=0.1),
        "on-frozen-30": frozen(30, *(1.5 + 0.0 * layers), pairs=0.1),
        "learning-rate-3x": frozen(98, *(4 + 0.6 * layers), **together),
        "normalization-layer": frozen(97, *(4 + 0.1 * layers), **together, normalization="layer"),
    }


def test_what_is_said_of_the_interventions_is_computed():
    some = studied()
    trained, untrained, between, waiting = why.interventions(some, EXPECTED)
    assert trained.holds is True
    assert "0.8 where layers learn together" in trained.found
    assert untrained.holds is False, "layer 7 reaches 0.7 at epoch 28"
    assert "of layers 2 to 7 reaches 0.7 within 30 epochs" in untrained.found
    assert between.holds is True
    assert "15 of 15 layers are never later" in between.found
    rows = study.compared(some["on-frozen-10"], some["paper"]).set_index("measure")
    assert f"{number(rows.loc['wait', 'own'])} after 10" in between.found
    rows = study.compared(some["on-frozen-30"], some["paper"]).set_index("measure")
    for measure in ("wait", "pair wait"):
        assert f"{number(rows.loc[measure, 'difference'])} [" in waiting.found
    assert waiting.holds is None, "a premise that did not come true decides nothing"
    assert "not all of which came true." in waiting.found
    assert waiting.found.count("(lower bound)") == 2, "untrained, by both yardsticks"


def test_a_longer_trained_network_that_delays_a_layer_refutes():
    some = studied() | {"on-frozen-20": frozen(20, *(5 + 0.0 * np.arange(2, 17)))}
    between = why.interventions(some, EXPECTED)[2]
    assert between.holds is False
    assert "9 of 15 layers are never later" in between.found, "layers 8 to 16"


def test_two_networks_on_which_a_layer_does_not_arrive_are_not_told_apart():
    some = studied() | {"on-frozen-2": frozen(2, *(3.9 * np.arange(2, 17)))}
    between = why.interventions(some, EXPECTED)[2]
    assert "on which they are later: 9 (0 against 2 epochs)." in between.found
    assert between.holds is None


def test_what_is_not_defined_is_neither_true_nor_false(records):
    trained, untrained, *_ = why.interventions(records, EXPECTED)
    assert trained.holds is untrained.holds is None, "too few layers arrive"
    assert "too few layers arrive" in trained.found
    alone = {"paper": records["paper"], "on-frozen-6": records["on-frozen-6"]}
    assert [one.found for one in why.interventions(alone, EXPECTED)][1:] == ["Not measured."] * 3
    assert [one.found for one in why.normalization(alone, EXPECTED)] == ["Not measured."] * 2


def test_the_layer_below_is_the_one_that_was_frozen():
    some = studied()
    found: Any = causes.waits(some)
    assert sorted(found["epochs"].unique()) == [10, 30]
    rows: Any = some["paper"].layers
    below = rows[(rows["epoch"] == 10) & (rows["layer"] == 3)]
    for by, column, delayed in (
        ("Eq. 3", "validation_accuracy", "train_accuracy"),
        ("pairs", "pair_accuracy", "pair_accuracy"),
    ):
        own = found[found["by"].eq(by) & found["epochs"].eq(10) & found["layer"].eq(4)]
        assert own["below"].item() == pytest.approx(below[column].mean())
        delays: Any = delay.mean_delay(some["on-frozen-10"].layers, column=delayed)
        crossing = delays.set_index("layer").loc[4, "crossing"]
        assert own["crossing"].item() == pytest.approx(crossing)


def test_effects_are_those_of_the_study():
    some = studied()
    found: Any = causes.effects(some).set_index(["cause", "by"])
    compared = study.compared(some["normalization-layer"], some["learning-rate-3x"])
    for by, measure in (("Eq. 3", "wait"), ("pairs", "pair wait")):
        row = found.loc[("layer normalization", by)]
        difference = compared.set_index("measure").loc[measure, "difference"]
        assert difference < -1
        assert row["found"].startswith(number(difference))
        assert row["decided"] == "less"
    row = found.loc[("its place in a network frozen after 10 epochs", "Eq. 3")]
    assert row["found"].startswith("0.4 ")
    assert row["decided"] == "more"
    row = found.loc[("its place in a network frozen after 10 epochs", "pairs")]
    assert row["found"] == "all past 0.7 after the first epoch"
    assert row["decided"] == "none"
    row = found.loc[("its place in an untrained network", "Eq. 3")]
    assert row["found"].endswith("(layers 2 to 7)")
    row = found.loc[("training of the layers below", "Eq. 3")]
    assert row["found"].endswith("(lower bound)")
    assert row["decided"] == "more"


def test_a_wait_that_is_cut_off_is_a_bound():
    some = studied()
    swapped = some | {
        "normalization-layer": some["on-frozen-0"],
        "learning-rate-3x": some["on-frozen-0"],
    }
    row: Any = (
        causes.effects(swapped).set_index(["cause", "by"]).loc[("layer normalization", "Eq. 3")]
    )
    assert row["decided"] == "undecided", "what neither reaches decides nothing"
    assert row["found"].endswith("(not all arrive in either)")
    swapped["normalization-layer"] = some["on-frozen-30"]
    row = causes.effects(swapped).set_index(["cause", "by"]).loc[("layer normalization", "Eq. 3")]
    assert row["found"].endswith("(upper bound)")
    assert row["decided"] == "less"


def test_effects_that_were_not_measured_are_missing():
    some = studied() | {causes.MOVING: one_after_another(0.0)}
    found: Any = causes.effects(some)
    assert len(found) == len(causes.YARDSTICKS) * (len(causes.frozen_runs(some)) + 3)
    assert not (found["decided"] == "not measured").any()
    del some["normalization-layer"], some[causes.MOVING]
    lost: Any = causes.effects(some).query("decided == 'not measured'")
    which = [causes.MOVING_PLACE, causes.LAYER_NORM]
    assert lost["cause"].tolist() == [cause for cause in which for _ in causes.YARDSTICKS]


def one_after_another(more: float, first: float = 1.5) -> Records:
    """Layers that start an epoch after each other; each takes so much longer than the last one."""
    layers = np.arange(2, 17)
    learns = [[layer, LAST] for layer in range(1, 17)]
    return frozen(96, *(first + more * layers + layers - 1), schedule="together", learns=learns)


def test_epochs_are_counted_from_each_layers_own_start():
    moving = one_after_another(0.5)
    own = causes.own_epochs(moving)
    ends: Any = own.layers.groupby("layer")["epoch"].agg(["min", "max"])
    assert ends.eq([1, 15]).all(axis=None)
    together = studied()["paper"]
    assert causes.own_epochs(together) is together
    drawn: Any = causes.own_delays({"one after another": moving})["one after another"]
    assert drawn.query("layer == 4 and by == 'Eq. 3'")["crossing"].item() == pytest.approx(3.5)


@pytest.mark.parametrize(("more", "holds"), [(0.01, True), (0.1, None), (0.5, False)])
def test_inputs_that_move_hold_a_layer_up_or_not(more, holds):
    some = studied() | {causes.MOVING: one_after_another(more)}
    found = why.moving(some, "So.")
    assert found.holds is holds
    assert f"from its own start: {number(more)} [" in found.found
    assert why.moving(studied(), "So.").found == "Not measured."
    said = " ".join(why.conclusions(some))
    assert ("deeper layers take no longer than shallow ones" in said) == (holds is True)
    assert ("Inputs that go on changing hold a layer up" in said) == (holds is False)


def test_layers_that_are_all_late_are_not_called_on_time():
    slow = studied() | {causes.MOVING: one_after_another(0.01, first=9)}
    assert why.moving(slow, "So.").holds is True
    (said,) = [text for text in why.conclusions(slow) if "take no longer than shallow" in text]
    assert "than on the network frozen after 30 epochs, on average: 7.59 [" in said


def test_conclusions_are_drawn_where_both_yardsticks_decide():
    flat, steep, settling, waits, normalized = why.conclusions(studied())
    assert flat.startswith("<b>Depth alone does not make a layer late.</b>")
    assert re.search(r"own start, on a network frozen after 30 epochs \(\S+ \[.*\] by Eq\. 3", flat)
    assert re.search(r"an untrained network \(4 \[.*\] \(layers 2 to 7\) by Eq\. 3", steep)
    assert "adds: a network frozen after 10 epochs (0.4 [" in settling
    assert waits.startswith("<b>A layer waits for the layers below it to be trained.</b>")
    assert "layers that learn together arrive sooner.</b>" in normalized
    slow = frozen(30, *(1.5 + 1.0 * np.arange(2, 17)))
    steep = {"paper": studied()["paper"], "on-frozen-30": slow}
    (only,) = why.conclusions(steep)
    assert only.startswith("<b>Above layers that were trained less, deeper layers take longer.</b>")
    unsure = {"paper": studied()["paper"], "on-frozen-30": frozen(30, 3.0, *[99.0] * 14)}
    assert why.conclusions(unsure) == ["No cause is decided both by Eq. 3 and by pairs."]


def test_two_layers_make_no_slope():
    assert causes.slopes(frozen(5, 3.0, 5.0, *[99.0] * 13).layers).empty
    some = causes.slopes(frozen(5, 3.0, 5.0, 7.0, *[99.0] * 12).layers)
    assert set(some["segment"]) == {"all", "shallow", "deep", "change", "ratio"}


def test_step_and_width_are_told_apart_where_both_widths_slow_down_at_a_higher_rate():
    def ratios(*lows: float) -> Any:
        which = [(hidden, rate) for hidden in (100, 1000) for rate in (0.1, 1.0)]
        rows = [
            {"hidden": h, "rate": r, "segment": "ratio", "slope": low + 0.1, "low": low, "high": 9}
            for (h, r), low in zip(which, lows, strict=True)
        ]
        return pd.DataFrame(rows)

    numbers, conclusion = steps.step_or_width(ratios(0.5, 1.5, 0.8, 2.0))
    assert (
        "with 100 units 0.6 [0.5, 9] at 0.1 times the rate, 1.6 [1.5, 9] at the paper's rate"
        in numbers
    )
    assert "comes with larger steps, not with width alone" in conclusion
    assert numbers.endswith(
        "Which half adds more, by these intervals: with 100 units the deeper one at the paper's "
        "rate, undecided at 0.1 times the rate; with 1000 units the deeper one at the paper's "
        "rate, undecided at 0.1 times the rate."
    )
    low = ratios(0.5, 1.5, 2.0, 2.0).astype({"high": float})
    low.loc[0, "high"] = 0.9
    (numbers,) = steps.step_or_width(low)
    assert numbers.endswith(
        "with 100 units the deeper one at the paper's rate, the shallower one at 0.1 times the "
        "rate; with 1000 units the deeper one at 0.1 times the rate and the paper's rate."
    )
    assert len(steps.step_or_width(ratios(0.5, 0.9, 0.8, 2.0))) == 1, "100 units do not slow down"
    assert len(steps.step_or_width(ratios(0.5, 1.5, 1.8, 2.0))) == 1, "1000 units do at both"
    assert steps.step_or_width(ratios(1, 1, 1, 1)[:0]) == []


def test_how_long_layers_take_is_said_from_the_fastest_to_the_slowest():
    some = studied()
    found = why.how_long({"untrained": some["on-frozen-0"], "after 10": some["on-frozen-10"]})
    assert found.loc["untrained", "by Eq. 3"] == "8 (layer 2) to never (layers 8 to 16)"
    assert found.loc["after 10", "by Eq. 3"] == "2.8 (layer 2) to 8.4 (layer 16)"
    assert found.loc["after 10", "by pairs"] == "at most 1, every layer"
    late = why.how_long({"never": frozen(10, 99.0, 99.0, 99.0), "some": frozen(1, 3.0, 99.0, 99.0)})
    assert late.loc["never", "by Eq. 3"] == "no layer arrives"
    assert late.loc["some", "by Eq. 3"] == "3 (layer 2) to never (layers 3 and 4)"


def test_the_answer_says_what_both_interventions_decide():
    some = studied()
    said = why.answer(some)
    assert said.startswith("<b>Depth alone does not make a layer late; it waits for the layers")
    assert "trained for 30 epochs and then frozen, the slowest of layers 2 to 16 takes 1.5" in said
    assert (
        "learn together, as in the paper, the slowest of layers 2 to 16 takes 16.8 epochs" in said
    )
    assert "never trained, 6 of layers 2 to 16 reach an accuracy of 0.7 within 30 epochs" in said
    steep = {"paper": some["paper"], "on-frozen-30": frozen(30, *(1.5 * np.arange(2, 17)))}
    assert why.answer(steep).startswith("<b>What makes a deep layer late is not decided.</b>")
    never = some | {"on-frozen-0": frozen(0, *[99.0] * 15)}
    assert "none of layers 2 to 16 reach" in why.answer(never)


def test_average_waits_count_the_last_epoch_where_a_layer_does_not_arrive():
    said = why.on_average({"half": frozen(5, 3.0, 99.0), "after each other": one_after_another(0)})
    assert f"by Eq. 3: {number((3 + LAST) / 2)} (half) and 1.5 (after each other)" in said
    assert "By pairs: " in said


def test_layers_are_counted_by_whether_the_layer_below_had_arrived():
    waits = pd.DataFrame(
        {
            "by": ["Eq. 3"] * 4 + ["pairs"] * 2,
            "below": [0.9, 0.7, 0.6, 0.6, 0.5, 0.5],
            "crossing": [2.0, 3.5, 20.0, np.nan, np.nan, np.nan],
            "censored": [False, False, False, True, True, True],
        }
    )
    assert why.on_good_layers(waits) == (
        "By Eq. 3, 2 of the 2 layers whose layer below had reached 0.7 when it was frozen arrive, "
        "the last after 3.5 epochs; of the 2 others 1 do. By pairs, 0 of the 0 layers whose layer "
        "below had reached 0.7 when it was frozen arrive; of the 2 others 0 do."
    )


def test_networks_of_1000_units_go_by_the_name_of_what_was_changed(records):
    wide = {"width-1000-dark": records["paper"], "width-1000-paper": records["growing"]}
    found = wide_variants(dict(records) | wide)
    assert found == {"dark": records["paper"], "paper": records["growing"]}
    assert wide_variants({"width-1000-dark": records["paper"]}) == {"dark": records["paper"]}
    assert wide_variants(records) == {}


def test_an_arrow_is_solid_where_both_yardsticks_are_sure_of_the_same_side():
    def line(*decided: str) -> Any:
        rows = [
            {"cause": "light", "what": "epochs more", "by": by, "found": "5", "decided": word}
            for by, word in zip(("Eq. 3", "pairs"), decided, strict=True)
        ]
        texts = figures.causes(pd.DataFrame(rows)).axes[0].texts
        arrow: Any = next(text for text in texts if text.get_gid() == "cause-0")
        return arrow.arrow_patch.get_linestyle()

    assert line("more", "more") == line("less", "less")
    assert line("none", "none") != line("more", "more")
    undecided = line("more", "less")
    assert line("more", "none") == line("undecided", "undecided") == undecided
    assert undecided not in (line("none", "none"), line("more", "more"))


def test_step_sizes_are_judged_by_falls_and_slopes():
    rates = [(hidden, rate) for hidden in (100, 1000) for rate in (0.1, 1.0)]
    falls: Any = pd.DataFrame(
        [
            {
                "hidden": h,
                "rate": r,
                "seed": seed,
                "layer": 1,
                "largest": 0.2 if (h, r) == (1000, 1) else 0,
                "highest": 0.5 if (h, r) == (100, 0.1) else 0.9,
            }
            for h, r in rates
            for seed in (1, 2, 3)
        ]
    )
    slopes: Any = pd.DataFrame(
        [
            {"hidden": h, "rate": r, "segment": "all", "slope": 1, "low": 0.9, "high": 1.1}
            for h, r in rates
        ]
    )
    fall, width = steps.step_sizes(falls, slopes, EXPECTED)
    assert fall.holds is None, "one stays at chance, where nothing can fall"
    assert "of 0 (of 3) with 100 units at 0.1 times the rate" in fall.found
    assert "100 [100, 100] % of 3 (of 3) with 1000 units at the paper's rate" in fall.found
    table = steps.fall_table(falls)
    assert table.loc["the paper's rate", "1000 units"] == "100 [100, 100] % of 3 (of 3)"
    assert table.loc["0.1 times the rate", "100 units"].endswith("of 0 (of 3)")
    assert width.holds is None, "intervals overlap"
    slopes.loc[(slopes["hidden"] == 1000) & (slopes["rate"] == 0.1), ["low", "high"]] = 0.5, 0.6
    assert steps.step_sizes(falls, slopes, EXPECTED)[1].holds is True
    awake = falls.assign(highest=0.9)
    assert steps.step_sizes(awake, slopes, EXPECTED)[0].holds is True
    often = awake.assign(largest=0.2)
    assert steps.step_sizes(often, slopes, EXPECTED)[0].holds is False
    once = awake.copy()
    once.loc[(once["rate"] == 0.1) & (once["seed"] == 2), "largest"] = 0.2
    assert steps.step_sizes(once, slopes, EXPECTED)[0].holds is None, "one seed of three"
    narrow = steps.step_sizes(falls[falls["hidden"] == 100], slopes[:0], EXPECTED)
    assert [one.found for one in narrow] == ["Not measured."] * 2
    late = steps.step_sizes(falls, slopes[:0], EXPECTED)[1]
    assert late.found == "Too few layers arrive."
    assert late.holds is None


def test_slopes_stand_a_row_a_width_and_rate():
    rows = causes.slopes(frozen(30, *(1.5 + 1.0 * np.arange(2, 17))).layers)
    found = steps.slope_table(pd.concat([rows.assign(rate=rate) for rate in (1.0, 0.1)]))
    assert list(found.index) == ["100 units, 0.1 times the rate", "100 units, the paper's rate"]
    whole: Any = rows.set_index("segment").loc["all"]
    assert found["delay per layer"].iloc[0].startswith(f"{number(whole['slope'])} [")
    assert found["layers"].iloc[0] == "2 to 16"
    assert steps.slope_table(rows[:0].assign(rate=1.0)).empty


def test_falls_that_the_order_of_samples_shares_are_counted():
    def layers(area: float) -> pd.DataFrame:
        rows = [
            {"hidden": 100, "seed": 1, "layer": layer, "epoch": epoch,
             "validation_accuracy": 0.9 - fall, "validation_auroc": 0.9 - share * fall}
            for layer, share in ((1, area), (9, 0.0))
            for epoch, fall in ((1, 0.0), (2, 0.2))
        ]  # fmt: skip
        return pd.DataFrame(rows)

    said = steps.falls_along(layers(1.0))
    assert "in 100 % of 1 falls in layers 1 to 8 and in 0 % of 1 falls in layers 9 to 16" in said
    assert steps.falls_along(layers(1.0).query("epoch == 1")).endswith("does so, too, never.")


def test_the_answer_counts_what_lowers_the_delay_and_what_helps():
    nothing = {"own": 15.0, "over": "2 to 16"}
    parts = {
        "flat": table(delay=(-0.4, -0.5, -0.3, 0.01), readout=(0.0, -0.1, 0.1, 1.0)),
        "steep": table(delay=(0.4, 0.3, 0.5, 0.01), readout=(0.1, 0.05, 0.15, 0.01)),
        "same": table(delay=(0.0, -0.3, 0.3, 0.9), readout=(0.1, 0.05, 0.15, 0.01)),
        "none": table(delay=(0.0, -0.3, 0.3, 0.9), readout=(0.0, -0.1, 0.1, 1.0)),
    }
    rows: Any = pd.concat([part.assign(variant=name, **nothing) for name, part in parts.items()])
    names = {name: name for name in parts}
    assert variations.answer(rows, names, {}) == (
        "<b>1 of 4 changes lower the delay that each further layer adds, and 1 raise it.</b> "
        "Those that lower it, with epochs per layer: flat (\N{MINUS SIGN}0.4). Of the 2 changes "
        "that make the readout more accurate, none lower the delay per layer and 1 raise it."
    )
    assert variations.undecided(rows, names).startswith("1 of 4 variants are not told apart")
    assert variations.undecided(rows, names).endswith(": none.")
    assert "Every variant differs" in variations.undecided(rows, {"flat": "flat"})


def test_variants_without_a_result_are_named():
    said = variations.not_compared(["relu-exact", "threshold-2", "a"], ["a"], ["threshold-2", "a"])
    assert said == (
        "Left out, since no layer learns, not even the first: threshold 2. "
        "Not measured, or diverged in every seed: exact derivative of relu."
    )
    assert variations.not_compared(["a"], ["a"], ["a"]) == "No variant is left out."


# --- growing


IMAGES = ("test", "validation")


def test_growth_is_summed_up(records):
    grown, paper = records["growing"], records["paper"]
    found = growing.outcomes(
        grown, paper, dict.fromkeys(("accuracy", "depth", "patience", "cost"), "So.")
    )
    assert len(found) == 4
    own: Any = growing.epochs(grown)
    assert list(own["layer"]) == [1, 2, 3, 4]
    assert own["most"].max() <= 6
    costs = growing.costs(grown, paper)
    assert costs.iloc[-1]["updates of layers"] == 4 * 6
    assert costs.iloc[0]["updates of layers"] == pytest.approx(own["mean"][:2].sum())
    gained = {column: gains(grown.readouts, f"{column}_accuracy") for column in IMAGES}
    shown: Any = growing.gain_table(gained)
    assert shown.loc[3, ("validation", "accuracy")] == (
        f"{100 * gained['validation']['accuracy'][1]:.2f}"
    )
    assert number(100 * gained["test"]["gain"].iloc[1]) in shown.loc[3, ("test", "gain")]
    last: Any = paper.layers.query("layer > 1 and epoch == 6").groupby("layer")["logit_share"]
    share: Any = last.mean()
    assert (
        f"layer {share.idxmax()} has the largest share of the logits' variance, "
        f"{number(100 * share.max())} %, and layer {share.idxmin()} the smallest"
    ) in growing.contributions(paper)


def test_networks_stand_beside_a_classifier_without_layers(records):
    ways = {"grown": growing.by_depth(records["growing"])}
    assert growing.beside_pixels(linear("nowhere"), ways).endswith("was not measured.")
    pixels = pd.DataFrame({"test_accuracy": [0.92, 0.94]})
    best = ways["grown"].set_index("depth")["mean"]
    said = growing.beside_pixels(pixels, ways)
    assert "gets 93 [" in said
    assert (
        f"at most {100 * best.max():.2f} % (grown, {best.idxmax()} layers), which is less than"
        in said
    )


def test_the_answer_on_growing_has_its_accuracy_its_cost_and_where_it_stops(records):
    grown, paper = records["growing"], records["paper"]
    said = growing.answer(grown, paper)
    costs = growing.costs(grown, paper)["updates of layers"]
    assert f"for {number(100 * costs['grown, 4 layers'] / costs.iloc[-1])} % of the updates" in said
    last = [own.readouts.query("epoch == 6 and depth == 4") for own in (grown, paper)]
    ours, theirs = (rows.set_index("seed")["test_accuracy"].astype(float) for rows in last)
    assert f"ahead by {number(100 * (ours - theirs).mean())} [" in said
    assert f"From {growing.needed(grown)} layers on" in said
    assert growing.answer(grown, grown).startswith(
        "<b>A network that is built layer by layer comes"
    )


def test_what_depth_adds_and_how_far_growing_is_ahead_is_said(records):
    grown, paper = records["growing"], records["paper"]
    ways = {"grown": growing.by_depth(grown), "together": growing.by_depth(paper)}
    own: Any = growing.epochs(grown)
    said = growing.with_depth(ways, own)
    ends = 100 * ways["together"]["mean"].iloc[[0, -1]]
    assert f"from {ends.iloc[0]:.2f} to {ends.iloc[1]:.2f} % (together)" in said
    longest = own.loc[own["mean"].idxmax()]
    assert f"Layer {longest['layer']:.0f} learns longest before it is frozen, " in said
    table: Any = beside_together(grown, paper).query("depth == 4").set_index("cost")
    said = growing.ahead(table.reset_index())
    for cost, words in {"equal updates": "when that has had as", "whole": "after all its"}.items():
        row = table.loc[cost]
        assert f"{number(100 * row['difference'])} [" in said
        assert f"{number(100 * row['high'])}] points {words}" in said


# --- figures


def marks(figure: Any) -> set[str]:
    return {str(line.get_gid()) for axes in figure.axes for line in axes.lines if line.get_gid()}


def test_the_forest_tells_sure_differences_from_others():
    rows = table(delay=(1.0, 0.5, 1.5, 0.01), readout=(0.0, -0.1, 0.1, 1.0))
    figure = figures.forest(rows, {"dark-label": "dark label"})
    drawn = {
        str(line.get_gid()): np.isfinite(np.asarray(line.get_xdata(), float)).sum()
        for axes in figure.axes
        for line in axes.lines
        if line.get_gid()
    }
    assert drawn["delay-sure"] == drawn["readout-unsure"] == 1
    assert drawn["delay-unsure"] == drawn["readout-sure"] == drawn["probe-sure"] == 0
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["dark label"]


def test_every_figure_of_the_chapters_is_drawn(records):
    runs, paper = causes.frozen_runs(records), records["paper"]
    delays = causes.own_delays({str(epochs): own for epochs, own in runs.items()})
    both = [f"{by}-{line}" for by in (0, 1) for line in range(3)]
    assert marks(figures.own_delays(delays)) == {f"own-{name}" for name in both}
    by_threshold = causes.own_delays({"threshold 2": records["threshold-2"], "threshold 1": paper})
    assert list(by_threshold) == ["threshold 2", "threshold 1"]
    assert set(by_threshold["threshold 2"]["layer"]) == {1, 2, 3, 4}
    assert set(causes.own_delays({"frozen": runs[2]})["frozen"]["layer"]) == {2, 3, 4}
    both = [f"{by}-{line}" for by in (0, 1) for line in range(2)]
    assert marks(figures.own_delays(by_threshold)) == {f"own-{name}" for name in both}
    both = [f"{by}-{epochs}" for by in (0, 1) for epochs in (2, 6)]
    assert marks(figures.waiting(causes.waits(records))) == {f"frozen-{name}" for name in both}
    drawn = figures.contributions(paper.layers, paper.readouts, [1, 6])
    assert marks(drawn) == {"epoch-1", "epoch-6"}
    lost = np.asarray(drawn.axes[1].lines[0].get_ydata(), float)
    rows = paper.layers[(paper.layers["epoch"] == 1) & (paper.layers["layer"] == 2)]
    whole = paper.readouts[(paper.readouts["epoch"] == 1) & (paper.readouts["depth"] == 4)]
    points = 100 * (whole["validation_accuracy"].mean() - rows["accuracy_without"].mean())
    assert lost[0] == pytest.approx(points, abs=1e-3)
    ways = {"grown": growing.by_depth(records["growing"]), "together": growing.by_depth(paper)}
    drawn = figures.grown(ways, growing.epochs(records["growing"]))
    assert marks(drawn) == {"grown-0", "grown-1", "epochs"}
    falls = pd.concat([study.falls(paper.layers).assign(rate=rate) for rate in (0.1, 1.0)])
    assert marks(figures.fall_sizes(falls)) == {"width-20-0", "width-20-1"}
    lines = pd.DataFrame({"hidden": [20, 20, 9], "rate": [0.1, 1.0, 1.0], "slope": [1, 2, 3.0]})
    lines = lines.assign(low=lines["slope"] - 0.5, high=lines["slope"] + 0.5)
    segments = ("all", "shallow", "deep")
    drawn = figures.rates(pd.concat([lines.assign(segment=name) for name in segments]))
    assert marks(drawn) == {f"{half}-{width}" for half in segments[1:] for width in (9, 20)}
    assert list(np.asarray(drawn.axes[0].lines[1].get_ydata(), float)) == [1.0, 2.0]
    effects: Any = causes.effects(records)
    texts = " ".join(text.get_text() for text in figures.causes(effects).axes[0].texts)
    assert all(words in texts for words in effects["found"])


@pytest.mark.slow
@pytest.mark.parametrize("chapter", ["why", "variations", "growing"])
def test_a_chapter_takes_a_study_of_ones_own(folder, tmp_path, chapter):
    """As papermill runs it; the names of the runs that it needs are those of params/variations."""
    mine = tmp_path / "mine"
    shutil.copytree(folder, mine)
    shutil.copytree(folder / "on-frozen-6", mine / "on-frozen-30")
    papermill.execute_notebook(
        str(BOOK / f"{chapter}.ipynb"), str(tmp_path / "out.ipynb"),
        parameters={"records": str(mine)}, progress_bar=False,
    )  # fmt: skip
