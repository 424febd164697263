"""Answers to the exercises of the page "Watch it learn": computed again, and in other words."""

import re
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest
import synthetic
from wording import words as paragraphs

import ff
from ff.book import exercises
from ff.book.markup import Html
from ff.records import Records
from ff.results import backprop, backprop_grids, best_rate, exercise

PAGE: dict[str, Any] = {
    "dataset": "digits",
    "layers": 8,
    "hidden": 100,
    "epochs": 60,
    "seeds": list(range(1, 21)),
    "cool_down": False,
}


def words(answer: Html) -> list[str]:
    """Paragraphs of an answer, which are behind a click."""
    folded = re.fullmatch(
        r"<details.*?><summary>What was measured</summary>(.*)</details>",
        answer._repr_html_(),
        re.DOTALL,
    )
    assert folded
    return paragraphs(Html(folded[1]))


def crossings(layers: pd.DataFrame, column: str, target: float) -> list[float]:
    """Where the mean trace of each layer crosses the target, by a plain loop."""
    traces = synthetic.grid(layers, "layer", column).mean(0).T
    return [synthetic.reach(trace, target)[1] for trace in traces]


def rows(html: str) -> list[list[str]]:
    """Cells of the table."""
    body = unescape(html).partition("<tbody>")[2].split("<tr>")[1:]
    return [re.findall(r"<td>(.*?)</td>", row) for row in body]


def numbers(html: str, column: int) -> list[float]:
    """First numbers of a column."""
    return [float(cells[column].split()[0].replace("\N{MINUS SIGN}", "-")) for cells in rows(html)]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("base", {"learning_rate": 1e-3, "threshold": 1.0}),
        ("threshold-2", {"learning_rate": 1e-3, "threshold": 2.0}),
        ("learning-rate-0.5x", {"learning_rate": 5e-4, "threshold": 1.0}),
    ],
)
def test_runs_are_of_the_pages_network_with_one_thing_changed(name, change):
    (run,) = exercise(name).runs
    expected = ff.Config(**PAGE, **change).model_dump(mode="json")
    assert run["config"] == expected
    assert not run["diverged"]


def test_the_network_by_backpropagation_is_the_pages():
    (run,) = backprop("digits").runs
    rate = best_rate(backprop_grids(), "backpropagation", "digits")
    assert run["config"] == ff.Config(**PAGE, learning_rate=rate).model_dump(mode="json")


@pytest.mark.parametrize(
    ("answer", "name", "change"),
    [
        (exercises.threshold, "threshold-2", np.subtract),
        (exercises.learning_rate, "learning-rate-0.5x", np.divide),
    ],
)
def test_the_tables_are_of_both_runs(answer, name, change):
    html = answer()._repr_html_()
    base, other = (
        np.array(crossings(exercise(run).layers, "train_accuracy", 0.7)) for run in ("base", name)
    )
    assert [cells[0] for cells in rows(html)] == [str(layer) for layer in range(1, 9)]
    for column, values in enumerate([base, other, change(other, base)], start=1):
        assert numbers(html, column) == pytest.approx(values, abs=0.0501)


def test_probes_of_both_learners_are_told():
    html = exercises.backpropagation()._repr_html_()
    theirs, own = (
        crossings(records.layers, "probe_accuracy", 0.9)
        for records in (exercise("base"), backprop("digits"))
    )
    assert numbers(html, 1) == pytest.approx(theirs, abs=0.0501)
    assert numbers(html, 2) == pytest.approx(own, abs=0.0501)
    text = words(exercises.backpropagation())[0]
    assert f"within {max(own) - min(own):.1f} epochs of each other" in text


# --- what else may have to be said


def runs(monkeypatch: pytest.MonkeyPatch, **found: Any) -> None:
    """Let the exercises read other runs than those that were measured."""
    other = dict.fromkeys(["threshold-2", "learning-rate-0.5x"], found["other"])
    monkeypatch.setattr(exercises, "exercise", {"base": found["base"], **other}.__getitem__)


def curves(**kind: Any) -> Records:
    return synthetic.records(**{"layers": 4, "seeds": 6, "epochs": 30, "noise": 0.002, **kind})


def test_a_layer_that_no_longer_arrives_is_named(monkeypatch):
    runs(monkeypatch, base=curves(), other=curves(delay=12.0))
    text = words(exercises.threshold())[0]
    assert "layers 2 and 3 are later" in text
    assert text.endswith("Layer 4 does not reach 0.7 within 30 epochs.")
    assert "\N{EN DASH}" in exercises.threshold()._repr_html_()


def test_layers_may_be_earlier(monkeypatch):
    runs(monkeypatch, base=curves(delay=4.0), other=curves())
    assert "layers 2 to 4 are earlier" in words(exercises.threshold())[0]


def test_twice_as_late_is_told_from_less_and_from_more(monkeypatch):
    other = curves(start=12.0, delay=3.0, random_state=1)
    runs(monkeypatch, base=curves(start=6.0), other=other)
    assert (
        "layers 1 to 4 are twice as late, as far as can be seen"
        in words(exercises.learning_rate())[0]
    )
    runs(monkeypatch, base=curves(), other=curves())
    assert "layers 1 to 4 are less than twice as late" in words(exercises.learning_rate())[0]
    runs(monkeypatch, base=curves(), other=curves(start=9.0, delay=5.0))
    assert "layers 1 to 4 are more than twice as late" in words(exercises.learning_rate())[0]


def test_a_layer_that_is_there_at_once_has_no_delay_to_compare(monkeypatch):
    runs(monkeypatch, base=curves(start=-5.0), other=curves(start=-5.0, delay=3.0))
    text = words(exercises.learning_rate())[0]
    assert "No delay is seen in layer" in text
    assert "0.7 is reached in the first epoch at either rate." in text


def test_a_seed_that_has_died_in_one_run_is_left_out_of_both(monkeypatch):
    base, other = curves(), curves(delay=3.0)
    fewer = Records(synthetic.without(other.layers, 6), other.readouts, ())
    runs(monkeypatch, base=base, other=fewer)
    html = exercises.threshold()._repr_html_()
    expected = crossings(synthetic.without(base.layers, 6), "train_accuracy", 0.7)
    assert numbers(html, 1) == pytest.approx(expected, abs=0.0501)


@pytest.mark.parametrize(
    ("answer", "begins", "ends"),
    [
        (exercises.threshold, "Layer 1 suffers least.", "at least twice as late."),
        (exercises.learning_rate, "Half a step takes about twice", "still reaches 0.7."),
        (exercises.backpropagation, "The probes of all layers reach 0.9", "that reaches 0.9."),
    ],
)
def test_what_was_expected_is_told_too(answer, begins, ends):
    *_, ours = words(answer())
    said = ours.removeprefix("Our own prediction, made before it was measured: ")
    assert said.startswith(begins)
    assert said.endswith(ends)


def test_rates_are_those_of_the_page(monkeypatch):
    grids = backprop_grids()
    said = paragraphs(exercises.rates())[0]
    best = best_rate(grids, "backpropagation", "digits")
    assert f"backpropagation has {best:g} here" in said
    assert "Forward-Forward has 0.001 here" in said
    # Where another rate is better, that is said with what it gives.
    worse = grids.assign(
        validation_accuracy=grids["validation_accuracy"].where(
            (grids["learner"] == "backpropagation") | (grids["learning_rate"] == 5e-4), 0.5
        )
    )
    monkeypatch.setattr("ff.book.exercises.backprop_grids", lambda: worse)
    assert (
        "Forward-Forward has 0.001 here, with which 50.0\N{NO-BREAK SPACE}% of them"
        in (paragraphs(exercises.rates())[0])
    )
    assert "with 0.0005)" in paragraphs(exercises.rates())[0]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 0.3, "later"), (-0.3, -0.1, "earlier"), (-0.1, 0.1, "No order of depth")],
)
def test_the_answer_begins_with_the_order(low, high, said):
    assert said in exercises._direction(low, high)
