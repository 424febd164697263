"""Claims and verdicts, on records with a known answer and on the published ones."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import records as synthetic

import ff
from ff.book.markup import download
from ff.book.pages import measured
from ff.book.verdicts import verdict_comparison, verdict_table
from ff.stats.claims import CLAIMS, Claim, verdicts
from ff.stats.evidence import evidence
from ff.stats.resampling import Bootstrap

FEW = Bootstrap(resamples=50)


@pytest.fixture(scope="module")
def narrow() -> Any:
    """Each layer one epoch later than the one before; 32 layers."""
    return verdicts(synthetic(32, (2, 32), epochs=40, delay=1.0), FEW).set_index("key")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.2, "supported"),
        (-0.1, 0.2, "undecided"),
        (-0.2, -0.1, "not supported"),
        (-0.1, 0.0, "not supported"),
        (0.1, np.inf, "undecided"),
        (np.nan, np.nan, "not measured"),
        (0.9, 1.1, "undecided"),
        (1.0, 1.1, "not supported"),
    ],
)
def test_the_rule(low: float, high: float, verdict: str) -> None:
    claim = Claim("key", "where", "statement", "estimand", lambda e: np.zeros(2), low=0, high=1)
    assert claim.verdict(low, high) == verdict


@pytest.mark.parametrize(
    ("rejected", "verdict", "agreement"),
    [
        (False, "supported", "agrees"),
        (False, "not supported", "differs"),
        (True, "supported", "differs"),
        (True, "not supported", "agrees"),
        (True, "undecided", ""),
        (False, "too few seeds", ""),
    ],
)
def test_agreement_with_the_paper(rejected: bool, verdict: str, agreement: str) -> None:
    claim = Claim("key", "where", "", "", lambda e: np.zeros(2), rejected=rejected)
    assert claim.agreement(verdict) == agreement


def test_the_paper_rejects_five_of_its_hypotheses() -> None:
    rejected = {claim.key for claim in CLAIMS if claim.rejected}
    assert rejected == {"rq1-h2", "rq1-h3", "rq2-h1", "rq2-h2", "rq2-h3"}


def test_a_badge_says_whether_the_paper_agrees() -> None:
    html = verdict_table(synthetic(32, (2, 32), epochs=40, delay=1.0))._repr_html_()
    badge = {key: row for key, row in re.findall(r'<tr id="claim-([\w-]+)">(.*?)</tr>', html)}
    assert "\N{CHECK MARK} supported" in badge["rq1-h1"]
    assert "\N{CHECK MARK} not supported" in badge["rq1-h2"]
    assert "the paper finds it false" in badge["rq1-h2"]
    assert "the paper finds it false" not in badge["rq1-h1"]


def test_a_network_with_a_known_delay(narrow: Any) -> None:
    assert narrow.loc["rq1-h1", "value"] == pytest.approx(1.0, abs=0.05)
    verdict = narrow["verdict"]
    assert verdict["rq1-h1"] == "supported"
    assert verdict["rq1-h2"] == verdict["rq1-h3"] == "not supported"
    assert verdict["delay-every-doubling"] == "supported"
    assert verdict["constant-change"] == "supported"


def test_a_network_without_delay() -> None:
    rows: Any = verdicts(synthetic(32, (2, 32), epochs=12, delay=0.0), FEW).set_index("key")
    assert rows.loc["rq1-h1", "value"] == pytest.approx(0.0, abs=0.02)
    assert rows["verdict"]["rq1-h2"] == "supported"
    assert rows["verdict"]["rq2-h1"] == "supported"


def test_claims_that_compare_widths_need_both(narrow: Any) -> None:
    pairs = [claim.key for claim in CLAIMS if claim.widths]
    assert (narrow.loc[pairs, "verdict"] == "not measured").all()
    both: Any = verdicts(synthetic(32, (2, 32), epochs=40, hidden=(100, 1000)), FEW).set_index(
        "key"
    )
    assert "not measured" not in set(both.loc[pairs, "verdict"])
    assert (both.loc[pairs, "width"] == "1000 - 100").all()


def test_two_widths_do_not_share_their_resamples() -> None:
    """Of the same accuracies, the estimate is the same, and each width draws its own seeds."""
    frames = synthetic(32, (2, 32), hidden=(100,))
    both = [
        pd.concat([rows, rows.assign(hidden=1000)]) for rows in (frames.layers, frames.readouts)
    ]
    narrow, wide = (found.gap for _, found in evidence(ff.Records(*both, runs=()), FEW))
    np.testing.assert_array_equal(narrow[0], wide[0])
    assert not np.array_equal(narrow[1:], wide[1:])


@pytest.mark.parametrize("seeds", [1, 4])
def test_fewer_than_five_seeds_give_a_number_but_no_verdict(seeds: int) -> None:
    found: Any = verdicts(synthetic(32, (32,), seeds=seeds), FEW)
    measured = found[found["seeds"] == str(seeds)]
    assert set(measured["verdict"]) == {"too few seeds"}
    assert measured["value"].notna().all()
    assert set(found["verdict"]) == {"too few seeds", "not measured"}


def test_at_least_the_paper_s_hypotheses_and_a_dozen_sentences() -> None:
    keys = [claim.key for claim in CLAIMS]
    assert len(set(keys)) == len(keys) >= 18
    assert {f"rq{q}-h{h}" for q in (1, 2) for h in (1, 2, 3)} < set(keys)


def test_values_equal_those_of_pandas() -> None:
    data = synthetic(32, (2, 32), epochs=20, delay=0.4, noise=0.02)
    rows: Any = verdicts(data, FEW).set_index("key")
    cells: Any = data.layers.merge(
        data.readouts.query("depth == 32"), on=["hidden", "seed", "epoch"]
    )
    pearson = [
        abs(part["train_accuracy_x"].corr(part["train_accuracy_y"]))
        for _, part in cells.groupby("layer")
    ]
    spearman = [
        abs(part["train_accuracy_x"].corr(part["train_accuracy_y"], method="spearman"))
        for _, part in cells.groupby("layer")
    ]
    assert rows.loc["spearman-strong", "value"] == pytest.approx(min(spearman), rel=1e-6)
    strongest = np.maximum(pearson, spearman)
    assert rows.loc["rq2-h1", "value"] == pytest.approx(strongest.min(), rel=1e-6)
    assert rows.loc["rq2-h2", "value"] == pytest.approx(strongest.max(), rel=1e-6)
    expected = np.mean(pearson[:16]) - np.mean(pearson[16:])
    assert rows.loc["shallow-correlates-more", "value"] == pytest.approx(expected, rel=1e-6)


def test_tables_of_a_page_escape_and_say_what_they_hold() -> None:
    data = synthetic(32, (2, 32), hidden=(100, 1000))
    html = verdict_table(data, "rq1_delay", link="./")._repr_html_()
    assert html.count("<tr id=") == sum(claim.chapter == "rq1_delay" for claim in CLAIMS)
    assert 'href="./rq1_delay.html#claim-rq1-h1"' in html
    link = download(pd.DataFrame({"a": [1]}), '"><script>')._repr_html_()
    assert "<script>" not in link


def test_verdicts_of_two_conditions_stand_side_by_side_and_those_that_differ_are_named() -> None:
    data = synthetic(32, (2, 32), hidden=(100, 1000))
    same = verdict_comparison({"one": data, "two": data})._repr_html_()
    decided = verdicts(data)["verdict"].isin(["supported", "not supported", "undecided"]).sum()
    assert f"<p>{decided} of {decided} verdicts are the same.</p>" in same
    assert same.count("<tr>") == decided + 1
    backwards = synthetic(32, (2, 32), hidden=(100, 1000), start=30, delay=-0.5, epochs=30)
    other = verdict_comparison({"one": data, "two": backwards})._repr_html_()
    statement = next(claim.statement for claim in CLAIMS if claim.key == "rq1-h1")
    assert f"<li>{statement} Width 100: one: supported, two: not supported</li>" in other
    changed = other.count("<li>")
    assert f"<p>{decided - changed} of {decided} verdicts are the same; not the same:" in other
    narrow = synthetic(32, (2, 32), hidden=(100,))
    fewer = verdict_comparison({"<b>": data, "two": narrow})._repr_html_()
    assert "1000" not in re.sub("<[^>]+>", " ", fewer), "a claim that one of them cannot judge"
    assert "<th>&lt;b&gt;</th>" in fewer


@pytest.mark.parametrize("seeds", [9, 10])
def test_a_page_says_on_what_it_rests(seeds: int) -> None:
    run: Any = {"config": {"hidden": 100, "precision": "bf16", "dataset": "mnist"}}
    run["device"] = "cpu (x86_64, 2 cores)"
    frames = synthetic(seeds=seeds)
    note = measured(ff.Records(frames.layers, frames.readouts, (run,)), 4)
    rests = "Networks of 4 layers. Measured on mnist over 12 epochs; width 100: "
    assert note.text.startswith(f"{rests}{seeds} seeds in bf16 on CPU.")
    assert ("rough" in note.text) == (seeds < 10)
