"""How often intervals cover: what the page makes of the simulation, and some of it once more."""

import html
import json
from pathlib import Path
from typing import Any

import covering
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup, Tag
from scipy import stats
from wording import words

from ff.book.coverage import BAR, FEW, KINDS, coverage, coverage_summary, simulated

TREND, SHARE, MEAN = KINDS["rq1-h1"], KINDS["delay-every-seed"], KINDS["width-shallow"]
CROSSING = KINDS["delay, crossing"]
LEAST = 0.85  # coverage that every kind of number has, from `FEW` seeds on
MOST = 0.9  # share of kinds and numbers of seeds that reach the bar, give or take chance
POOLED = 0.9  # coverage of all numbers together in the simulation here
RARE = 1e-4  # probability with which chance alone may fail the comparison with the published one


def row(number: str, seeds: int, covers: float, other: float | None = None, hidden: int = 100):
    return {
        "hidden": hidden,
        "seeds": seeds,
        "number": number,
        "truth": 1.0,
        "covers": covers,
        "samples": 1000,
        "percentile": other,
        "compared": 0 if other is None else 200,
    }


ROWS = [
    row("rq1-h1", 5, 0.8, 0.7),
    row("rq1-h1", 8, 0.94, 0.8),
    row("rq1-h1", 8, 0.97, 0.82, hidden=1000),
    row("rq1-h1", 30, 0.9, 0.91),
    row("width-shallow", 5, 0.6, 0.5),
    row("width-deep", 5, 0.7, 0.6),
    row("width-shallow", 8, 0.91, 0.85),
    row("width-deep", 8, 0.93, 0.85),
    row("width-shallow", 30, 0.9, 0.91),
    row("delay, crossing, layer 1", 5, 0.99),
    row("delay, crossing, layer 28", 5, 0.95),
    row("delay, crossing, layer 1", 8, 0.96),
    row("delay, crossing, layer 1", 30, 0.98),
]


def read(path: Path, rows: list[dict[str, Any]]) -> Any:
    file = path / "coverage.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    return simulated(file)


@pytest.fixture
def made(tmp_path: Path) -> Any:
    return read(tmp_path, ROWS)


def cells(table: pd.DataFrame) -> dict[str, list[Tag]]:
    """Of each kind its cells."""
    rows = BeautifulSoup(coverage(table)._repr_html_(), "html.parser").select("tbody tr")
    found: dict[str, list[Tag]] = {}
    for own in rows:
        (head,) = own("th")
        assert head["scope"] == "row"
        found[head.text] = own("td")
    return found


# --- What the page shows --------------------------------------------------------------------------


def test_rows_are_those_of_the_file_with_their_kinds(made):
    assert list(made) == ["hidden", "seeds", "number", "kind", *list(ROWS[0])[3:]]
    rows = made.to_dict("records")
    for own, expected in zip(rows, ROWS, strict=True):
        other = expected["percentile"] or np.nan
        kind, beside = own.pop("kind"), own.pop("percentile")
        assert kind in KINDS.values()
        assert beside == pytest.approx(other, nan_ok=True)
        assert own == {name: value for name, value in expected.items() if name != "percentile"}
    assert made["kind"].tolist() == [TREND] * 4 + [MEAN] * 5 + [CROSSING] * 4


def test_cells_are_means_over_widths_layers_and_numbers_of_a_kind(made):
    found = {kind: [cell.text for cell in own] for kind, own in cells(made).items()}
    assert found == {
        TREND: ["0.80 0.70", "0.95 0.81", "0.900↓ 0.91"],
        MEAN: ["0.65 0.55", "0.920↓ 0.85", "0.900↓ 0.91"],
        CROSSING: ["0.97", "0.96", "0.98"],
    }


def test_numbers_of_seeds_head_the_columns_from_few_to_many(made):
    page = BeautifulSoup(coverage(made.iloc[::-1])._repr_html_(), "html.parser")
    heads = page.select("thead th")
    assert [head.text for head in heads] == ["Kind of number", "5 seeds", "8 seeds", "30 seeds"]
    assert {str(head["scope"]) for head in heads} == {"col"}
    assert len(page.select(".ff-scroll-x > table.ff-coverage")) == 1


def test_what_misses_the_bar_is_marked_unless_seeds_are_few(made):
    marked = {
        kind: [cell.get_attribute_list("class") == ["weak"] for cell in own]
        for kind, own in cells(made).items()
    }
    assert marked == {
        TREND: [False, False, True],
        MEAN: [False, True, True],
        CROSSING: [False, False, False],
    }
    assert FEW == 8
    assert BAR == 0.93


def test_what_misses_the_bar_is_named(made):
    met, same = words(coverage_summary(made))
    assert met == (
        "From 8 seeds on, the intervals hold the true value in at least 0.93 of the simulated "
        "studies, on average over widths and layers, in 3 of 6 cells of the table below. "
        f"The others: {TREND} (0.900 with 30 seeds) and {MEAN} (0.920 with 8 seeds, 0.900 with 30 "
        "seeds). Each width and number of seeds was simulated 1000 times, so that the standard "
        f"error of a single share is {stats.binom(1000, 0.95).std() / 1000:.3f}."
    )
    both = [own for own in ROWS if own["seeds"] >= 8 and own["percentile"]]
    ours, other = (np.mean([own[name] for own in both]) for name in ("covers", "percentile"))
    assert same == (
        "On average over what both were tried on, these intervals hold the true value in "
        f"{ours:.3f} of the simulated studies, and those of the percentile bootstrap in "
        f"{other:.3f}."
    )


def test_where_nothing_misses_the_bar_nothing_is_named(tmp_path):
    good = [{**own, "covers": 0.95} for own in ROWS]
    met, _ = words(coverage_summary(read(tmp_path, good)))
    assert "in 6 of 6 cells of the table below. Each width" in met
    assert "others" not in met


def test_the_fewest_samples_say_how_far_chance_moves_a_number(tmp_path):
    fewer = [{**own, "samples": 400 if own["seeds"] == 30 else 1000} for own in ROWS]
    met, _ = words(coverage_summary(read(tmp_path, fewer)))
    error = 0.0475**0.5 / 20
    assert met.endswith(f"400 times, so that the standard error of a single share is {error:.3f}.")


def test_without_the_bootstrap_nothing_stands_beside_ours(tmp_path):
    table = read(tmp_path, [{**own, "percentile": None, "compared": 0} for own in ROWS])
    assert table["percentile"].isna().all()
    page = coverage(table)._repr_html_()
    assert "<small>" not in page
    assert "nan" not in page
    assert [cell.text for cell in cells(table)[TREND]] == ["0.80", "0.95", "0.900↓"]
    (text,) = words(coverage_summary(table))
    assert "bootstrap" not in text
    assert "nan" not in text


def test_no_kind_needs_to_be_escaped(made):
    assert all(html.escape(kind) == kind for kind in KINDS.values())
    for shown in (coverage(made), coverage_summary(made)):
        page = shown._repr_html_()
        assert str(BeautifulSoup(page, "html.parser")) == page, "every tag is closed"


# --- The simulation -------------------------------------------------------------------------------


def kinds_of(names: Any) -> set[str]:
    return {name.rpartition(", layer ")[0] or name for name in names}


def test_every_number_has_a_kind_and_every_kind_a_number():
    own = covering.population(100)
    numbers, delays = covering.numbers(own), covering.delays(own)
    assert not numbers.keys() & delays.keys()
    alone = {"deviation-grows", "no-overlap"}  # of width 1000
    assert kinds_of([*numbers, *delays]) == KINDS.keys() - alone
    assert kinds_of(simulated()["number"]) == KINDS.keys()


def test_the_published_file_has_every_width_and_number_of_seeds():
    table: Any = simulated()
    assert table["kind"].notna().all()
    assert not table.duplicated(["hidden", "seeds", "number"]).any()
    assert set(table.groupby(["hidden", "seeds"]).groups) == {
        (w, n) for w in covering.WIDTHS for n in covering.SIZES
    }
    for width in covering.WIDTHS:
        own = covering.population(width)
        ends = covering.numbers(own) | covering.delays(own)
        truth = {name: value for name, (value, _, _) in ends.items() if np.isfinite(value)}
        for size in covering.SIZES:
            rows = table[(table["hidden"] == width) & (table["seeds"] == size)]
            assert rows.set_index("number")["truth"].to_dict() == pytest.approx(truth, rel=1e-6)


def test_published_intervals_cover_about_as_often_as_they_say():
    table: Any = simulated()
    enough = table[table["seeds"] >= FEW]
    means = enough.groupby(["kind", "seeds"])["covers"].mean()
    assert means.min() >= LEAST, means.idxmin()
    error = np.sqrt(BAR * (1 - BAR) / table["samples"].min())
    assert (means >= BAR - 2 * error).mean() >= MOST


def test_a_small_simulation_has_a_row_for_each_number():
    own = covering.population(100)
    rows = covering.simulate(own, 5, samples=2, compared=1)
    table: Any = pd.DataFrame(rows)
    ends = covering.numbers(own) | covering.delays(own)
    assert table["number"].tolist() == [n for n, (v, _, _) in ends.items() if np.isfinite(v)]
    assert set(table["covers"]) <= {0, 0.5, 1}
    beside = table.loc[table["compared"] == 1]
    assert set(beside["percentile"]) <= {0, 1}
    left_out = {*table["number"]} - {*beside["number"]}
    assert kinds_of(left_out) == {"delay, epoch"}, "a whole epoch has no percentile bootstrap"


@pytest.mark.slow
def test_another_simulation_covers_as_often_as_the_published_one(tmp_path):
    """Each kind is compared by Fisher's exact test, at a level that all kinds share.

    The numbers of a kind are of the same samples, so that they are right and wrong together: the
    most that their mean can vary is as one of them does, which is right in a binomial number of
    samples. Fisher's test fails with at most its level if both are of one probability, and the
    levels of all kinds add up to at most `RARE`.
    """
    rows = covering.simulate(covering.population(100), 8, samples=80, compared=0, seed=1)
    ours, published = read(tmp_path, rows), simulated()
    theirs: Any = published[(published["hidden"] == 100) & (published["seeds"] == 8)]
    assert ours["number"].tolist() == theirs["number"].tolist()
    assert ours["covers"].mean() >= POOLED
    sides = [own.groupby("kind")[["covers", "samples"]].mean() for own in (ours, theirs)]
    assert len(sides[0]) > 15
    for kind in sides[0].index:
        counts = []
        for side in sides:
            covers, samples = side.loc[kind]
            counts.append([round(covers * samples), round((1 - covers) * samples)])
        test: Any = stats.fisher_exact(counts)
        assert test.pvalue > RARE / len(sides[0]), (kind, counts)
