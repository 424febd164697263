"""Verdicts as a table, as signs and as a matrix: what is counted, marked and read aloud."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup, Tag
from synthetic import records as synthetic
from wording import MINUS, three

import ff
from ff.book.verdicts import changed, decided, verdict_matrix, verdict_summary, verdict_table
from ff.stats import claims
from ff.stats.claims import BY_CONSTRUCTION, CLAIMS, TESTED, verdicts
from ff.stats.evidence import Reading
from ff.stats.robustness import robustness

YES, NO, OPEN = "supported", "not supported", "undecided"
OPPOSITES = {claim.key for claim in CLAIMS if claim.same_as}
HOSTILE = "Is a < b & c > d?"


@pytest.fixture(scope="module")
def records() -> ff.Records:
    return synthetic(32, (2, 4, 8, 16, 32), seeds=6, epochs=30, hidden=(100, 1000), delay=0.9)


@pytest.fixture(scope="module")
def varied(records: ff.Records) -> Any:
    """A target, a range of epochs, and a training of width 100 in which deep layers are first."""
    readings = {
        "target": {"0.8": Reading(target=0.8)},
        "epochs": {"4 to 30": Reading(first_epoch=4)},
    }
    made = synthetic(32, (2, 4, 8, 16, 32), seeds=5, epochs=30, delay=0.9)
    turned = made.layers.assign(layer=33 - made.layers["layer"])
    return robustness(records, {"turned": ff.Records(turned, made.readouts, ())}, readings)


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first claim has signs of HTML in each of its texts."""
    first = replace(CLAIMS[0], statement=HOSTILE, where=HOSTILE, estimand=HOSTILE)
    monkeypatch.setattr(claims, "CLAIMS", (first, *CLAIMS[1:]))


def parsed(shown: Any) -> BeautifulSoup:
    return BeautifulSoup(shown._repr_html_(), "html.parser")


def classes(tag: Tag) -> list[str]:
    return list(tag.get_attribute_list("class"))


# --- Signs ----------------------------------------------------------------------------------------


def test_the_summary_counts_neither_opposites_nor_what_the_paper_does_not_ask(records):
    found, table = parsed(verdict_summary(records)), verdicts(records)
    widths = ("100", "1000", "1000 - 100", "100 and 1000")
    for text, signs, width in zip(
        found.select("p:not(.ff-legend, .ff-sure)"), found("ul"), widths, strict=True
    ):
        left_out = {*OPPOSITES, "within-epoch", "any-depth"}
        own = [row for row in table.to_dict("records") if row["width"] == width]
        own = [row for row in own if row["key"] not in left_out]
        keys = [row["key"] for row in own]
        assert [a["href"] for a in signs("a")] == [f"#claim-{key}" for key in keys]
        agreed = 0
        for row in own:
            claim = next(claim for claim in CLAIMS if claim.key == row["key"])
            wanted = {"asserts": YES, "rejects": NO, "implies false": NO}[claim.stance]
            agreed += row["verdict"] == wanted
        name = width.replace("-", "against")
        assert text.text == f"Width {name}: {agreed} of {len(keys)} agree with the paper"
        assert sum("agrees" in classes(a) for a in signs("a")) == agreed


def test_each_sign_says_in_words_what_it_means(records):
    table: Any = verdicts(records).set_index("key")
    words = {"agrees": ", as the paper.", "differs": ", unlike the paper."}
    truth = {YES: "●", NO: "○", OPEN: "?"}
    compared = {"agrees": "=", "differs": "≠", "": ""}
    found = parsed(verdict_summary(records))
    first = found("ul")[0]
    for a in first("a"):
        row = table.loc[[str(a["href"]).removeprefix("#claim-")]].iloc[0]
        said = f"{row['statement']} {row['verdict'].capitalize()}{words.get(row['paper'], '.')}"
        assert a["aria-label"] == a["title"] == said
        assert a.text == truth[row["verdict"]] + compared[row["paper"]]
    assert {a.text for a in found("a")} == {"●=", "○=", "●≠", "○≠", "?"}


def test_the_legend_stands_before_what_it_explains_and_names_both_marks(records):
    for shown, rows in ((verdict_table(records), "table"), (verdict_summary(records), "ul")):
        html: Any = parsed(shown)
        legend, first = html.select_one(".ff-legend"), html.select_one(rows)
        assert legend in first.find_all_previous("p")
        told = [mark.text for mark in legend.select(".ff-mark, .ff-paper")]
        assert told == [f"● {YES}", f"○ {NO}", f"? {OPEN}", "= as the paper", "≠ unlike the paper"]
        signs = legend.select(".ff-sign")
        assert len(signs) == 5
        assert all(sign["aria-hidden"] == "true" for sign in signs), "a reader hears the words"


@pytest.mark.parametrize("seeds", [1, 4])
def test_few_seeds_of_one_width_are_summed_up_without_a_count(seeds: int):
    found = parsed(verdict_summary(synthetic(32, (32,), seeds=seeds)))
    shown = {text.text for text in found.select("p:not(.ff-legend, .ff-sure)")}
    assert shown == {
        "Width 100: too few seeds",
        "Width 1000: not measured",
        "Width 1000 against 100: not measured",
    }
    assert {a.text for a in found("a")} == {"\N{EN DASH}"}


def test_how_sure_counts_verdicts_that_stay_and_that_turn(records, varied):
    rows: Any = varied[varied["counted"] & varied["concerned"] & (varied["key"] != "within-epoch")]
    rows = rows[rows["main"].isin(TESTED) & rows["verdict"].isin(TESTED)]
    pairs = rows.groupby(["key", "width"])
    stays = sum((own["main"] == own["verdict"]).all() for _, own in pairs)
    turns = sum(
        any(
            {YES, NO} == {main, other}
            for main, other in zip(own["main"], own["verdict"], strict=True)
        )
        for _, own in pairs
    )
    assert 0 < stays < len(pairs)
    assert turns
    (told,) = parsed(verdict_summary(records, varied)).select(".ff-sure")
    text = told.get_text()
    assert f"{stays} of {len(pairs)} stay the same throughout, and {turns} become the" in text
    assert not parsed(verdict_summary(records)).select(".ff-sure")


def test_signs_are_escaped(records, hostile):
    html = verdict_summary(records)._repr_html_()
    assert HOSTILE not in html
    assert html.count("Is a &lt; b &amp; c &gt; d?") == 4, "title and label of two widths"


# --- The table ------------------------------------------------------------------------------------


def rows_of(shown: Any) -> dict[str, tuple[Tag, list[list[str]]]]:
    """Of each claim what is said of it, and a row for each width: its cells."""
    found = {}
    for part in parsed(shown).select("tbody"):
        (head,) = part("th")
        rows = [[cell.text for cell in row("td")] for row in part("tr") if row("td")]
        found[str(part["id"]).removeprefix("claim-")] = head, rows
    return found


def records_of(table: Any, key: str) -> list[dict[str, Any]]:
    return table[table["key"] == key].to_dict("records")


def test_every_claim_has_a_row_for_each_width(records):
    table, shown = verdicts(records), rows_of(verdict_table(records))
    assert list(shown) == [claim.key for claim in CLAIMS]
    for key, (head, rows) in shown.items():
        own = records_of(table, key)
        for part in ("statement", "where", "estimand"):
            assert own[0][part] in head.text
        assert [row[0] for row in rows] == [row["width"].replace("-", MINUS) for row in own]
        for row, (_, number, p, verdict, paper) in zip(own, rows, strict=True):
            assert verdict.split(" ", 1)[1] == row["verdict"]
            told = {"agrees": "= as the paper", "differs": "≠ unlike the paper"}
            silent = "does not ask" if row["stance"] == "silent" else "\N{EN DASH}"
            assert paper == told.get(row["paper"], silent)
            if row["verdict"] != BY_CONSTRUCTION:
                ends = f"[{three(row['low'])}, {three(row['high'])}]"
                assert number == f"{three(row['value'])} {ends} {row['seeds']} seeds"
            if np.isnan(row["p_holm"]):
                assert p == "\N{EN DASH}"
            else:
                assert p.endswith(" < 0.001" if row["p_holm"] < 0.001 else f"{row['p_holm']:.3f}")
    assert {len(rows) for _, rows in shown.values()} == {1, 2}


def test_what_the_paper_makes_of_a_statement_is_said_beside_its_place(records):
    shown = rows_of(verdict_table(records))
    rejected = [key for key, (head, _) in shown.items() if "the paper finds it false" in head.text]
    silent = [key for key, (head, _) in shown.items() if "the paper does not ask" in head.text]
    words = "Hypothesis 3; false by the paper's own criterion"
    implied = [key for key, (head, _) in shown.items() if words in head.text]
    assert rejected == [claim.key for claim in CLAIMS if claim.stance == "rejects"]
    assert implied == ["rq2-h3"]
    assert silent == ["within-epoch"]


def test_what_holds_by_construction_has_no_number_and_no_variations(records, varied):
    for extra in (None, varied):
        head, rows = rows_of(verdict_table(records, varied=extra))["any-depth"]
        assert "No number: " in head.text
        dash = "\N{EN DASH}"
        assert rows == [["any", dash, dash, f"{dash} {BY_CONSTRUCTION}", "= as the paper"]]


def test_a_small_p_is_escaped(records):
    html = verdict_table(records)._repr_html_()
    assert "&lt; 0.001" in html
    assert "< 0.001" not in html


def test_statements_are_escaped_in_the_table(records, hostile):
    html = verdict_table(records)._repr_html_()
    assert HOSTILE not in html
    assert html.count("a &lt; b &amp; c &gt; d") == 3


def test_a_chapter_has_its_own_claims_and_links_lead_there(records):
    by_chapter = {
        chapter: list(rows_of(verdict_table(records, chapter)))
        for chapter in ("rq1_delay", "rq2_correlation")
    }
    for chapter, keys in by_chapter.items():
        assert keys == [claim.key for claim in CLAIMS if claim.chapter == chapter]
    assert not parsed(verdict_table(records))("a")
    for key, (head, _) in rows_of(verdict_table(records, link="./")).items():
        (link,) = head("a")
        if key != "any-depth":
            chapter = next(claim.chapter for claim in CLAIMS if claim.key == key)
            assert link["href"] == f"./{chapter}.html#claim-{key}"


def test_a_width_that_is_not_measured_is_said_to_be_so():
    _, rows = rows_of(verdict_table(synthetic(32, (32,), epochs=20)))["width-deep"]
    dash = "\N{EN DASH}"
    assert rows == [
        [
            f"1000 {MINUS} 100",
            "not measured needs widths 100 and 1000",
            dash,
            f"{dash} not measured",
            dash,
        ]
    ]


def test_how_often_a_verdict_stays_is_told_of_the_variations_that_concern_it(records, varied):
    table, told, turned = verdicts(records), 0, 0
    for key, (_, rows) in rows_of(verdict_table(records, varied=varied)).items():
        for row, (*_, text, _) in zip(records_of(table, key), rows, strict=True):
            cells: Any = varied[(varied["key"] == key) & (varied["width"] == row["width"])]
            pairs = [
                (cell["main"], cell["verdict"])
                for cell in cells.to_dict("records")
                if cell["concerned"] and cell["verdict"] in TESTED
            ]
            if pairs:
                stays = sum(main == verdict for main, verdict in pairs)
                opposite = pairs.count((YES, NO)) + pairs.count((NO, YES))
                end = f", opposite in {opposite}" if opposite else ""
                assert text.endswith(f" same in {stays} of {len(pairs)}{end}")
                told += stays < len(pairs)
                turned += opposite > 0
            else:
                assert "same in" not in text
    assert told > turned > 1, "an example worth its name"


def test_what_is_or_becomes_undecided_is_not_the_opposite(records):
    cells = [
        *((YES, verdict, True) for verdict in (YES, YES, NO, NO, OPEN, "not measured")),
        (YES, NO, False),
    ]
    varied = pd.DataFrame(cells, columns=["main", "verdict", "concerned"])
    opened = pd.DataFrame(
        [(OPEN, YES, True), (OPEN, NO, True), (OPEN, OPEN, True)], columns=varied.columns
    )
    faded = pd.DataFrame([(NO, OPEN, True), (NO, YES, True)], columns=varied.columns)
    parts = {"rq1-h1": varied, "constant-change": opened, "rq1-h2": faded}
    table = pd.concat(parts, names=["key"]).reset_index("key").assign(width="100")
    shown = rows_of(verdict_table(records, varied=table))
    said = {key: shown[key][1][0][3].partition(" same in ")[2] for key in parts}
    assert said == {
        "rq1-h1": "2 of 5, opposite in 2",
        "constant-change": "1 of 3",
        "rq1-h2": "0 of 2, opposite in 1",
    }
    assert not any("same in" in text for *_, text in shown["rq1-h1"][1][1:]), "the other width"


# --- The matrix -----------------------------------------------------------------------------------


def matrix(varied: pd.DataFrame, records: ff.Records) -> list[tuple[str, list[Tag]]]:
    """Of each row all its words before the cells, and its cells."""
    rows = parsed(verdict_matrix(varied)).select("tbody tr")
    return [(" ".join(th.text for th in row("th")), row("td")) for row in rows]


def test_the_matrix_has_a_cell_for_each_number_and_variation(records, varied):
    counted = varied[varied["counted"]]
    numbers = list(counted.groupby(["key", "width"], sort=False))
    found = matrix(varied, records)
    assert len(found) == len(numbers) > 20
    seen = set()
    for (head, cells), ((_, width), own) in zip(found, numbers, strict=True):
        assert width.replace("-", MINUS) in head
        assert len(cells) == 1 + 3, "as read here, and three variations"
        main = own["main"].iloc[0]
        (first,) = cells[0]("span")
        assert first["title"] == main
        assert "other" not in classes(first)
        for cell, row in zip(cells[1:], own.to_dict("records"), strict=True):
            if not row["concerned"]:
                assert not cell.text
                assert not cell("span")
                seen.add("blank")
                continue
            (mark,) = cell("span")
            assert mark["role"] == "img"
            name, words = str(mark["title"]).split(": ")
            assert row["variation"] in name
            ends = ""
            if np.isfinite(row["low"]):
                ends = f" [{three(row['low'])}, {three(row['high'])}]"
            value = three(row["value"]) if np.isfinite(row["value"]) else "\N{EN DASH}"
            assert words == f"{row['verdict']}, {value}{ends}"
            sign = {YES: "●", NO: "○", OPEN: "?"}.get(row["verdict"], "\N{EN DASH}")
            assert mark.text == sign
            differs = row["verdict"] in TESTED and row["verdict"] != main
            assert ("other" in classes(mark)) == differs
            seen.add((row["verdict"], differs))
    assert {"blank", (YES, False), (NO, True), ("not measured", False)} <= seen


def test_opposites_are_in_no_row_and_every_other_claim_is(records, varied):
    heads = " ".join(head for head, _ in matrix(varied, records))
    for claim in CLAIMS:
        outside = claim.key in {*OPPOSITES, "any-depth"}
        assert (claim.statement in heads) != outside


def test_every_variation_is_a_column_with_its_name(records, varied):
    found = parsed(verdict_matrix(varied))
    heads = [th.text for th in found.select("thead th")]
    for name in ("0.8", "4 to 30", "turned"):
        assert sum(name in head for head in heads) == 1
    assert all(th.get("scope") for th in found.select("tbody th"))
    legend = found.select("p.ff-legend")[0].text
    for part in ("● supported", "○ not supported", "? undecided", "\N{EN DASH} not measured"):
        assert part in legend


def test_statements_and_names_are_escaped_in_the_matrix(records, hostile):
    readings = {"kind <i>": {"name <b>": Reading(target=0.8)}}
    html = verdict_matrix(robustness(records, {}, readings))._repr_html_()
    assert "<i>" not in html
    assert "<b>" not in html
    assert "name &lt;b&gt;" in html
    assert HOSTILE not in html
    assert "Is a &lt; b &amp; c &gt; d?" in html


# --- What one variation changes -------------------------------------------------------------------


def test_what_becomes_of_verdicts_is_counted_and_listed(records, varied):
    found = parsed(changed(varied, "turned"))
    statements = {claim.key: claim.statement for claim in CLAIMS}
    same, expected = 0, []
    for row in varied[varied["variation"] == "turned"].to_dict("records"):
        if row["key"] in OPPOSITES or row["width"] != "100" or not row["concerned"]:
            continue
        if row["verdict"] == row["main"]:
            same += 1
        else:
            expected.append(
                f"{statements[row['key']]} Width 100: {row['verdict']} instead of {row['main']} "
                f"({three(row['value'])} [{three(row['low'])}, {three(row['high'])}])"
            )
    assert same > 1 < len(expected)
    assert found.p is not None
    of = same + len(expected)
    assert found.p.text == f"{same} of {of} verdicts stay the same; not these:"
    assert [item.text for item in found("li")] == expected


def test_a_variation_that_changes_nothing_has_no_list(records):
    steady = robustness(records, {}, {"target": {"0.71": Reading(target=0.71)}})
    steady = steady.assign(verdict=steady["main"])
    found = parsed(changed(steady, "0.71"))
    count = len(steady[steady["counted"] & steady["concerned"]])
    assert found.text == f"{count} of {count} verdicts stay the same."
    assert not found("ul")


def test_a_variation_that_reaches_no_verdict_is_said_to_reach_none(records):
    few = ff.Records(records.layers.query("seed <= 3"), records.readouts.query("seed <= 3"), ())
    table = robustness(records, {"few < 4": few}, {})
    assert len(table) > 20
    html = changed(table, "few < 4")._repr_html_()
    assert html == "<p>No verdict is reached with few &lt; 4.</p>"


def test_statements_are_escaped_in_the_list(records, varied, hostile):
    html = changed(varied, "turned")._repr_html_()
    assert HOSTILE not in html
    assert "<li>Is a &lt; b &amp; c &gt; d? Width 100: not supported instead of" in html


def test_decided_are_the_verdicts_that_count():
    table = pd.DataFrame(
        {
            "key": ["a", "a", "b", "c", "d", "e"],
            "width": ["100", "1000", "100", "100", "100", "any"],
            "verdict": [YES, OPEN, NO, "too few seeds", "not measured", BY_CONSTRUCTION],
            "counted": [True, True, False, True, True, False],
        }
    )
    found = decided(table)
    assert list(found) == [("a", "100"), ("a", "1000")]
    assert found["a", "1000"]["verdict"] == OPEN
