"""Claims and verdicts: the rule, the numbers once more with pandas and scipy, and the tables."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from synthetic import grid, reach, traces, without
from synthetic import records as synthetic

import ff
from ff.book.pages import measured
from ff.stats.claims import BY_CONSTRUCTION, CLAIMS, STANCES, TESTED, Claim, verdicts
from ff.stats.evidence import Reading, evidence
from ff.stats.intervals import FISHER, PLAIN, Estimate, jackknife, share

BY_KEY = {claim.key: claim for claim in CLAIMS}
PAIRS = [claim.key for claim in CLAIMS if claim.widths and len(claim.widths) == 2]
TOGETHER = ["rq2-h1", "rq2-h2"]  # one number of both widths
COMPARED = [key for key in PAIRS if key not in TOGETHER]
ALONE = [claim.key for claim in CLAIMS if claim.widths and len(claim.widths) == 1]
CORRELATIONS = {"rq2-h1", "rq2-h2", "spearman-strong", "shallow-correlates", "within-epoch"}
TURNED = {"supported": "not supported", "not supported": "supported"}
DEPTHS = (2, 4, 8, 16, 32)
INF, NAN = np.inf, np.nan


def claim(low: float = -INF, high: float = INF, **options: Any) -> Claim:
    return Claim(
        "key", "where", "statement", "estimand", lambda e: share(1, 2), low, high, **options
    )


def table_of(records: ff.Records, reading: Reading = Reading()) -> Any:
    return verdicts(records, reading).set_index(["key", "width"])


@pytest.fixture(scope="module")
def narrow() -> Any:
    """Each layer one epoch later than the one before; 32 layers, only of width 100."""
    return verdicts(synthetic(32, (2, 32), epochs=40, delay=1.0)).set_index("key")


@pytest.fixture(scope="module")
def both_widths() -> ff.Records:
    """Two widths; 18 of 32 layers reach 0.7 within 20 epochs, whichever seed is left out."""
    options = {"seeds": 6, "epochs": 20, "start": 2.5, "delay": 1.0, "noise": 0.02, "best": 0.9}
    return synthetic(32, DEPTHS, hidden=(100, 1000), **options)


# --- The rule -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.2, "supported"),
        (-0.1, 0.2, "undecided"),
        (-0.2, -0.1, "not supported"),
        (-0.1, 0.0, "undecided"),  # it touches the range
        (-0.1, -1e-9, "not supported"),
        (0.0, 0.5, "undecided"),
        (0.1, INF, "undecided"),
        (-INF, INF, "undecided"),
        (-1, 2, "undecided"),
        (NAN, NAN, "not measured"),
        (0.9, 1.1, "undecided"),
        (1.0, 1.1, "undecided"),
        (1 + 1e-9, 1.1, "not supported"),
        (0.5, 1.0, "undecided"),
    ],
)
def test_the_rule(low: float, high: float, verdict: str) -> None:
    assert claim(0, 1).verdict(low, high) == verdict


RANGES = st.sampled_from([(0, INF), (-INF, 0), (-1, 1), (0.8, 1.25), (0.7, INF), (-INF, 0.7)])
VALUES = st.floats(-2, 3).map(lambda value: round(value, 6))


def estimate(value: float, error: float, seeds: int, scale: Any) -> Estimate:
    """A number of so many seeds with this standard error, both as they are on the scale."""
    left = np.linspace(-1, 1, seeds)
    left *= error / np.sqrt((seeds - 1) / seeds * (left**2).sum())
    return jackknife(scale.backward(np.concatenate([[value], value + left])), scale)


def decided(ours: Claim, found: Estimate) -> bool:
    return ours.verdict(float(found.low), float(found.high)) in ("supported", "not supported")


def check(ours: Claim, found: Estimate) -> None:
    p = ours.p(found)
    assume(abs(p - 0.05) > 1e-6)
    assert 0 <= p <= 1 + 1e-12
    assert (p < 0.05) == decided(ours, found)


@given(RANGES, VALUES, st.floats(0.001, 3), st.integers(2, 40), st.sampled_from([PLAIN, FISHER]))
def test_p_is_below_a_twentieth_exactly_when_a_claim_is_decided(
    ends: Any, value: float, error: float, seeds: int, scale: Any
) -> None:
    assume(scale is PLAIN or max(ends, key=abs) in (0.7, INF))  # the ranges of correlations
    check(claim(*ends), estimate(value, error, seeds, scale))


@given(RANGES, VALUES, VALUES, st.floats(0.001, 3), st.integers(2, 9), st.integers(2, 9))
def test_p_of_a_difference_agrees_with_its_verdict(
    ends: Any, value: float, other: float, error: float, one: int, two: int
) -> None:
    check(claim(*ends), estimate(value, error, one, PLAIN) - estimate(other, 0.5, two, PLAIN))


@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([(0.8, INF), (-INF, 0.3)]))
def test_p_of_a_share_agrees_with_its_verdict(count: int, of: int, ends: Any) -> None:
    check(claim(*ends), share(min(count, of), of))


LESSER, GREATER = (BY_KEY[key].combine for key in TOGETHER)


@given(
    RANGES, VALUES, VALUES, st.floats(0.001, 3), st.integers(2, 9), st.sampled_from([PLAIN, FISHER])
)
def test_p_of_an_extreme_agrees_with_its_verdict(
    ends: Any, value: float, other: float, error: float, seeds: int, scale: Any
) -> None:
    assume(scale is PLAIN or max(ends, key=abs) in (0.7, INF))
    pair = estimate(value, error, seeds, scale), estimate(other, 0.5, 7, scale)
    for combine in (LESSER, GREATER):
        check(claim(*ends), combine(*pair))


def with_ends(value: float, low: float, high: float) -> Estimate:
    found = {"value": np.array(value), "low": np.array(low), "high": np.array(high)}
    return replace(estimate(0.5, 0.1, 5, PLAIN), **found)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("one", "other", "lesser", "greater"),
    [
        # The least value is surely above 0.7, and the other number may be below it.
        ((0.8, 0.75, 0.85), (0.82, 0.5, 0.95), "undecided", "not supported"),
        ((0.8, 0.75, 0.85), (0.82, 0.71, 0.95), "supported", "not supported"),
        # The least value may be above 0.7, and the other number is surely below it.
        ((0.5, 0.2, 0.75), (0.6, 0.55, 0.65), "not supported", "undecided"),
        ((0.5, 0.2, 0.69), (0.6, 0.55, 0.65), "not supported", "supported"),
        ((0.5, 0.2, 0.65), (0.8, 0.75, 0.85), "not supported", "not supported"),
    ],
)
def test_of_two_numbers_either_may_be_the_least_or_the_greatest(
    one: Any, other: Any, lesser: str, greater: str, turned: bool
) -> None:
    pair = [with_ends(*ends) for ends in (one, other)][:: -1 if turned else 1]
    every, none = LESSER(*pair), GREATER(*pair)
    for found, pick in ((every, min), (none, max)):
        ends = float(found.value), float(found.low), float(found.high)
        assert ends == tuple(pick(pair) for pair in zip(one, other, strict=True))
    assert claim(low=0.7).verdict(float(every.low), float(every.high)) == lesser
    assert claim(high=0.7).verdict(float(none.low), float(none.high)) == greater


def test_inside_a_range_the_nearer_end_decides_and_outside_the_one_that_is_passed() -> None:
    inside = estimate(0.9, 0.1, 9, PLAIN)
    assert claim(0.8, 1.25).p(inside) == inside.p(0.8)
    assert claim(0.8, 2.0).p(inside) == inside.p(0.8)
    assert claim(0.0, 0.95).p(inside) == inside.p(0.95)
    assert claim(1.0, 1.05).p(inside) == inside.p(1.0)
    assert claim(0.1, 0.2).p(inside) == inside.p(0.2)


def test_without_an_interval_there_is_no_p() -> None:
    assert np.isnan(claim(0).p(jackknife(np.array([0.5, NAN]))))
    assert claim(0).p(jackknife(np.array([0.5, INF, 0.1]))) == 1


# --- What the paper concludes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stance", "verdict", "agreement"),
    [
        ("asserts", "supported", "agrees"),
        ("asserts", "not supported", "differs"),
        ("rejects", "supported", "differs"),
        ("rejects", "not supported", "agrees"),
        ("rejects", "undecided", ""),
        ("asserts", "too few seeds", ""),
        ("asserts", "not measured", ""),
        ("implies false", "supported", "differs"),
        ("implies false", "not supported", "agrees"),
        ("implies false", "undecided", ""),
        ("silent", "supported", ""),
        ("silent", "not supported", ""),
        ("asserts", BY_CONSTRUCTION, "agrees"),
    ],
)
def test_agreement_with_the_paper(stance: Any, verdict: str, agreement: str) -> None:
    assert claim(0, stance=stance).agreement(verdict) == agreement


def test_the_paper_rejects_four_hypotheses_implies_one_false_and_is_silent_on_a_question() -> None:
    stances = {claim.key: claim.stance for claim in CLAIMS if claim.stance != "asserts"}
    rejected = dict.fromkeys(["rq1-h2", "rq1-h3", "rq2-h1", "rq2-h2"], "rejects")
    assert stances == {**rejected, "rq2-h3": "implies false", "within-epoch": "silent"}


def test_every_stance_has_its_words() -> None:
    assert set(STANCES) == set(get_args(get_type_hints(Claim)["stance"]))
    assert STANCES["asserts"] == ""
    assert "finds it false" in STANCES["rejects"]
    assert "false by the paper's own criterion" in STANCES["implies false"]
    assert "does not ask" in STANCES["silent"]


def test_at_least_the_paper_s_hypotheses_and_a_dozen_sentences() -> None:
    assert len(BY_KEY) == len(CLAIMS) >= 18
    assert {f"rq{q}-h{h}" for q in (1, 2) for h in (1, 2, 3)} < set(BY_KEY)


# --- The table ------------------------------------------------------------------------------------


def test_a_network_with_a_known_delay(narrow: Any) -> None:
    assert narrow.loc["rq1-h1", "value"] == pytest.approx(1.0, abs=0.05)
    assert narrow.loc["rq1-h2", "value"] == pytest.approx(31, abs=0.2)
    assert narrow.loc["delay-every-seed", "value"] == 1
    verdict = narrow["verdict"]
    assert verdict["rq1-h1"] == "supported"
    assert verdict["rq1-h2"] == verdict["rq1-h3"] == "not supported"
    assert verdict["delay-every-doubling"] == "supported"
    assert verdict["constant-change"] == "supported"
    assert verdict["delay-every-seed"] == "undecided", "five seeds are too few for 80 %"


def test_sixteen_seeds_without_exception_are_largely_consistent() -> None:
    """As many make less than 2.5 % of 0.8 to their power."""
    verdict = [
        table_of(synthetic(32, (32,), seeds=n, epochs=40, delay=1.0)).loc[
            ("delay-every-seed", "100"), "verdict"
        ]
        for n in (16, 17)
    ]
    assert [0.8**n < 0.025 for n in (16, 17)] == [False, True]
    assert verdict == ["undecided", "supported"]


def test_a_network_without_delay() -> None:
    rows = table_of(synthetic(32, (2, 32), epochs=12, delay=0.0, hidden=(100, 1000)))
    assert rows.loc[("rq1-h1", "100"), "value"] == pytest.approx(0.0, abs=0.02)
    assert rows["verdict"]["rq1-h2", "100"] == "supported"
    assert rows["verdict"]["rq2-h1", "100 and 1000"] == "supported"
    assert rows["verdict"]["rq1-h1", "100"] == "undecided"


def test_a_layer_that_one_seed_alone_carries_leaves_no_interval_of_the_delay() -> None:
    """Without that seed there is one layer, and no slope."""
    accuracy = np.full((5, 6, 2), 0.5)
    accuracy[:, 1:, 0] = 0.9
    accuracy[0, 3:, 1] = 1.0
    accuracy[1:, 3:, 1] = 0.65
    accuracy += np.random.default_rng(0).normal(0, 1e-4, accuracy.shape)
    layers = traces(accuracy)
    readouts = layers.query("layer == 2").rename(columns={"layer": "depth"})
    row = table_of(ff.Records(layers, readouts, ())).loc[("rq1-h1", "100")]
    assert row["value"] > 1
    assert np.isnan([row["low"], row["high"], row["p"]]).all()
    assert row["verdict"] == "not measured"


def test_claims_that_compare_widths_need_both(narrow: Any) -> None:
    assert len(COMPARED) == 4
    assert len(PAIRS) == 6
    assert (narrow.loc[COMPARED, "verdict"] == "not measured").all()
    assert (narrow.loc[COMPARED, "width"] == "1000 - 100").all()
    assert narrow.loc[COMPARED, ["value", "low", "high", "p", "p_holm"]].isna().all(axis=None)
    assert (narrow.loc[TOGETHER, "width"] == "100").all(), "of both, the one that is there"
    assert narrow.loc[TOGETHER, "verdict"].isin(TESTED).all()
    both: Any = verdicts(synthetic(32, (2, 32), epochs=40, hidden=(100, 1000))).set_index("key")
    assert "not measured" not in set(both["verdict"])
    assert (both.loc[COMPARED, "width"] == "1000 - 100").all()
    assert (both.loc[TOGETHER, "width"] == "100 and 1000").all()
    assert (both.loc[PAIRS, "seeds"] == "5 and 5").all()


def test_claims_about_one_width_are_measured_there_alone(narrow: Any) -> None:
    assert set(ALONE) == {"deviation-grows", "no-overlap"}
    assert narrow.loc[ALONE, ["width", "verdict", "seeds"]].to_numpy().tolist() == (
        [["1000", "not measured", "0"]] * 2
    )
    wide: Any = verdicts(synthetic(32, (2, 32), epochs=40, hidden=(1000,))).set_index("key")
    assert wide.loc[ALONE, "width"].tolist() == ["1000"] * 2
    assert set(wide.loc[ALONE, "verdict"]) <= set(TESTED)
    assert wide.loc[ALONE, ["value", "low", "high", "p_holm"]].notna().all(axis=None)


def test_what_holds_by_construction_has_one_row_and_no_number(both_widths: ff.Records) -> None:
    table: Any = verdicts(both_widths)
    (row,) = table[table["key"] == "any-depth"].to_dict("records")
    assert (row["width"], row["verdict"], row["paper"]) == ("any", BY_CONSTRUCTION, "agrees")
    assert np.isnan([row[name] for name in ("value", "low", "high", "p", "p_holm")]).all()
    assert (row["counted"], row["seeds"]) == (False, "")
    assert [claim.key for claim in CLAIMS if claim.measure is None] == ["any-depth"]


def test_an_opposite_has_the_number_of_the_claim_where_it_counts(both_widths: ff.Records) -> None:
    rows = table_of(both_widths)
    opposites = {claim.key: claim.same_as for claim in CLAIMS if claim.same_as}
    assert opposites == {"rq1-h3": "rq1-h1", "pearson-weakens": "rq2-h3"}
    for key, same in opposites.items():
        one, other = BY_KEY[key], BY_KEY[same]
        assert (one.low, one.high) == (-other.high, -other.low), "the other side of 0"
        assert not other.same_as
        numbers = ["value", "low", "high", "p"]
        pd.testing.assert_frame_equal(rows.loc[key][numbers], rows.loc[same][numbers])
        opposite = rows.loc[same, "verdict"].replace(TURNED).tolist()
        assert rows.loc[key, "verdict"].tolist() == opposite
    assert set(rows.loc["rq1-h3", "verdict"]) == {"not supported"}


def test_every_number_counts_once(both_widths: ff.Records) -> None:
    table: Any = verdicts(both_widths)
    known = table[table["verdict"] != BY_CONSTRUCTION]
    assert known["counted"].sum() == len(known.drop_duplicates(["width", "value", "p"]))
    assert set(table.loc[~table["counted"], "key"]) == {"any-depth", "rq1-h3", "pearson-weakens"}


def adjusted(p: list[float]) -> list[float]:
    """Holm's p values, by a plain loop."""
    ordered = sorted(p)
    steps = [(len(ordered) - i) * value for i, value in enumerate(ordered)]
    return [min(1, max(steps[: ordered.index(value) + 1])) for value in p]


def test_p_values_are_adjusted_for_all_numbers_that_count(both_widths: ff.Records) -> None:
    table = verdicts(both_widths)
    counted: Any = table[table["counted"] & table["p"].notna()]
    assert len(counted) > 25
    assert counted["p_holm"].tolist() == pytest.approx(adjusted(counted["p"].tolist()))
    assert (counted["p_holm"] >= counted["p"]).all()
    assert table.loc[~table["counted"], "p_holm"].isna().all()


def test_numbers_of_too_few_seeds_do_not_count_among_the_p_values_that_are_adjusted(
    both_widths: ff.Records,
) -> None:
    kept = [
        table.query("hidden == 100 or seed <= 4")
        for table in (both_widths.layers, both_widths.readouts)
    ]
    table = table_of(ff.Records(kept[0], kept[1], ()))
    few = table["verdict"] == "too few seeds"
    assert few.sum() > 10
    assert table.loc[few, "p"].notna().all()
    assert table.loc[few, "p_holm"].isna().all()
    own = table[table["verdict"].isin(TESTED)]
    assert {width for _, width in own.index} == {"100"}
    counted = own[own["counted"]]
    assert len(counted) > 10
    assert counted["p_holm"].tolist() == pytest.approx(adjusted(counted["p"].tolist()))


def test_p_of_a_row_is_below_a_twentieth_exactly_when_its_verdict_is_decided(
    both_widths: ff.Records,
) -> None:
    table = verdicts(both_widths)
    tested = table[table["verdict"].isin(TESTED)]
    assert set(tested["verdict"]) == set(TESTED)
    assert np.array_equal(tested["p"] < 0.05, tested["verdict"] != "undecided")


def test_columns_stand_in_the_order_that_is_promised(narrow: Any) -> None:
    expected = "where statement estimand width value low high p p_holm seeds verdict stance paper"
    assert [*narrow] == [*expected.split(), "counted", "chapter", "lacks"]
    for key, row in narrow.iterrows():
        assert row["stance"] == BY_KEY[key].stance
        assert row["paper"] == BY_KEY[key].agreement(row["verdict"])


def test_braces_in_a_claim_of_ones_own_are_text() -> None:
    measure = BY_KEY["rq1-h1"].measure
    own = Claim("mine", "here", "{1, 2}", "Layers {1, 2} of {ladder}.", measure, low=0)
    (row,) = verdicts(synthetic(4, (2, 4)), claims=[own]).to_dict("records")
    assert (row["statement"], row["estimand"]) == ("{1, 2}", "Layers {1, 2} of 1, 2 and 4.")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "holds whatever its number is; give low, high or both"),
        ({"low": 1, "high": 1}, "low must be less than high, but got (1, 1)"),
        ({"low": NAN}, "low must be less than high"),
        ({"low": "0"}, "low and high must be numbers but got ('0', inf)"),
        ({"low": 0, "stance": ["asserts"]}, "stance must be one of"),
        ({"low": 0, "stance": "agrees"}, "stance must be one of 'asserts', 'rejects', 'implies"),
        ({"low": 0, "widths": ("narrow",)}, "widths must be None, ('wide',) or ('narrow', 'wide')"),
    ],
)
def test_a_claim_that_nothing_can_decide_is_refused(options: Any, said: str) -> None:
    with pytest.raises(ff.ConfigError, match=re.escape(said)):
        claim(**options)


def test_a_measure_must_return_an_interval_and_claims_be_given() -> None:
    def measure(own: Any) -> Any:
        return 0.5

    own = Claim("mine", "here", "It is.", "A number.", measure, low=0)
    with pytest.raises(ff.ConfigError, match=r"must return an Estimate.*returned float"):
        verdicts(synthetic(4, (2, 4)), claims=[own])
    with pytest.raises(ff.ConfigError, match="a list of at least one claim"):
        verdicts(synthetic(4, (2, 4)), claims=[])
    each = replace(own, measure=lambda e: jackknife(e.delay))
    with pytest.raises(ff.ConfigError, match=r"one number but returned the shape \(4,\)"):
        verdicts(synthetic(4, (2, 4)), claims=[each])
    with pytest.raises(ff.ConfigError, match="two claims have the key 'mine'"):
        verdicts(synthetic(4, (2, 4)), claims=[each, own])


def test_seeds_in_which_no_layer_arrives_tell_no_order() -> None:
    """Layers of three seeds cross one after the other; those of the others never."""
    made = synthetic(4, (2, 4), seeds=8)
    late: Any = made.layers["seed"] > 3
    layers = made.layers.assign(train_accuracy=made.layers["train_accuracy"].mask(late, 0.5))
    own = dict(evidence(ff.Records(layers, made.readouts, ()), Reading(depth=4)))[100]
    measure = BY_KEY["delay-every-seed"].measure
    assert measure is not None
    assert float(measure(own).low) == pytest.approx(float(share(3, 3).low))


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_fewer_than_five_seeds_give_a_number_but_no_verdict(seeds: int) -> None:
    found: Any = verdicts(synthetic(32, (32,), seeds=seeds))
    measured = found[found["seeds"] == str(seeds)]
    assert set(measured["verdict"]) == {"too few seeds"}
    assert set(measured["paper"]) == {""}
    known = measured["key"] != "within-epoch"  # one seed varies within no epoch
    assert measured.loc[known | (seeds > 1), "value"].notna().all()
    assert set(found["verdict"]) == {"too few seeds", "not measured", BY_CONSTRUCTION}


@pytest.mark.parametrize("seeds", [1, 2, 4])
def test_too_few_seeds_of_either_width_are_too_few_for_a_comparison(seeds: int) -> None:
    enough, few = synthetic(32, (32,)), synthetic(32, (32,), seeds=seeds, hidden=(1000,))
    parts = [(enough.layers, few.layers), (enough.readouts, few.readouts)]
    layers, readouts = (pd.concat(tables) for tables in parts)
    found: Any = verdicts(ff.Records(layers, readouts, ()))
    compared = found[found["key"].isin(PAIRS)]
    assert set(compared["seeds"]) == {f"5 and {seeds}"}
    assert set(compared["verdict"]) == {"too few seeds"}
    alone = found[found["width"] == "1000"]
    assert set(alone["verdict"]) == {"too few seeds"}
    assert "too few seeds" not in set(found.loc[found["width"] == "100", "verdict"])


# --- The numbers, once more -----------------------------------------------------------------------


def slope(y: Any, x: Any) -> float:
    found: Any = stats.theilslopes(y, x)
    return found[0]


def pearson_of(x: Any, y: Any) -> float:
    found: Any = stats.pearsonr(x, y)
    return found[0]


def plainly(layers: pd.DataFrame, readouts: pd.DataFrame) -> dict[str, float]:
    """The numbers of one width of 32 layers."""
    x, y = grid(layers, "layer"), grid(readouts, "depth")
    epochs, overall = x.shape[1], y[:, :, -1]
    mean, deviation = x.mean(axis=0), x.std(axis=0, ddof=1)
    number = np.array(range(1, 33))

    delay = np.array([reach(trace)[1] for trace in mean.T])
    capped, reached = np.minimum(delay, epochs), np.isfinite(delay)
    own, late = number[reached], delay[reached]
    half = -(-len(own) // 2)
    ladder = [1, 2, 4, 8, 16, 32]
    steps = [capped[j - 1] - capped[i - 1] for i, j in pairwise(ladder) if reached[i - 1]]

    rose: dict[int, Any] = {n: np.flatnonzero(mean[:, n - 1] >= 0.55) for n in number}
    since = {n: range(found[0], epochs) for n, found in rose.items() if len(found)}
    spread = {n: deviation[list(when), n - 1].mean() for n, when in since.items()}
    apart = [
        (mean[e, i - 1] - mean[e, j - 1]) / (deviation[e, i - 1] + deviation[e, j - 1])
        for i, j in pairwise([1, 4, 8, 16, 24, 32])
        if i in since
        for e in since[i]
    ]

    table = pd.DataFrame(x.reshape(-1, 32))
    network = pd.Series(overall.ravel())
    pearson, spearman = (
        table.corrwith(network, method=name).abs().to_numpy() for name in ("pearson", "spearman")
    )
    strongest = np.maximum(pearson, spearman)
    gaps = []
    for k, depth in enumerate(DEPTHS):
        distance = abs(x[:, :, :depth] - y[:, :, [k]]).mean(axis=(0, 1))
        gaps.append(distance[depth // 2 :].mean() - distance[: depth // 2].mean())
    z = [
        np.mean([np.arctanh(pearson_of(x[:, e, n], overall[:, e])) for e in range(epochs)])
        for n in range(32)
    ]
    return {
        "rq1-h1": slope(late, own),
        "rq1-h2": capped[-1] - capped[0],
        "rq1-h3": slope(late, own),
        "delay-every-doubling": min(steps),
        "width-shallow": capped[:16].mean(),
        "width-deep": capped[16:].mean(),
        "constant-change": slope(late[-half:], own[-half:]) / slope(late[:half], own[:half]),
        "deviation-grows": 1000 * slope([*spread.values()], [*spread]),
        "no-overlap": float(np.quantile(apart, 0.05)),
        "rq2-h1": strongest.min(),
        "rq2-h2": strongest.max(),
        "rq2-h3": 1000 * slope(pearson, number),
        "pearson-weakens": 1000 * slope(pearson, number),
        "spearman-strong": spearman.min(),
        "width-weakens": pearson.mean(),
        "width-weakens-deep": pearson[16:].mean() - pearson[:16].mean(),
        "shallow-aligns": min(gaps),
        "shallow-correlates": pearson[:16].mean(),
        "shallow-correlates-more": pearson[:16].mean() - pearson[16:].mean(),
        "within-epoch": np.tanh(z).mean(),
    }


@pytest.fixture(scope="module")
def once_more(both_widths: ff.Records) -> dict[str, pd.DataFrame]:
    """Of each width the numbers with all seeds, then without each: a column a claim."""
    found = {}
    for width in (100, 1000):
        layers, readouts = (
            table.query(f"hidden == {width}")
            for table in (both_widths.layers, both_widths.readouts)
        )
        rows = [plainly(layers, readouts)]
        rows += [plainly(without(layers, seed), without(readouts, seed)) for seed in range(1, 7)]
        found[str(width)] = pd.DataFrame(rows)
    return found


def error(values: Any) -> float:
    """Standard error from a number without each of six seeds."""
    return float(np.sqrt(5 / 6 * np.sum((values - np.mean(values)) ** 2)))


def test_values_intervals_and_p_are_those_of_pandas_and_scipy(
    both_widths: ff.Records, once_more: dict[str, pd.DataFrame]
) -> None:
    rows: Any = verdicts(both_widths)
    compared = rows[rows["width"].isin(once_more) & (rows["key"] != "delay-every-seed")]
    assert len(compared) == 2 * len(CLAIMS) - 2 * (len(PAIRS) + 2) - len(ALONE)
    for row in compared.to_dict("records"):
        values = once_more[row["width"]][row["key"]].to_numpy()
        assert row["value"] == pytest.approx(values[0], rel=1e-6), row["key"]
        correlation = row["key"] in CORRELATIONS
        scale, back = (np.arctanh, np.tanh) if correlation else (np.array, np.array)
        center, left = scale(values[0]), scale(values[1:])
        half = stats.t.ppf(0.975, 5) * error(left)
        ends = float(back(center - half)), float(back(center + half))
        assert (row["low"], row["high"]) == pytest.approx(ends, rel=1e-5, abs=1e-9), row["key"]
        p = {
            end: 2 * stats.t.sf(abs(center - scale(end)) / error(left), 5)
            for end in (BY_KEY[row["key"]].low, BY_KEY[row["key"]].high)
            if np.isfinite(end)
        }
        assert any(row["p"] == pytest.approx(value, rel=1e-4) for value in p.values()), row["key"]


def test_differences_of_widths_are_welch_s(
    both_widths: ff.Records, once_more: dict[str, pd.DataFrame]
) -> None:
    rows = table_of(both_widths)
    for key in COMPARED:
        row = rows.loc[(key, "1000 - 100")]
        wide, narrow = (once_more[width][key].to_numpy() for width in ("1000", "100"))
        squares = [error(values[1:]) ** 2 for values in (wide, narrow)]
        freedom = sum(squares) ** 2 / sum(square**2 / 5 for square in squares)
        spread = stats.t(freedom, wide[0] - narrow[0], sum(squares) ** 0.5)
        assert row["value"] == pytest.approx(wide[0] - narrow[0], rel=1e-6, abs=1e-9)
        assert (row["low"], row["high"]) == pytest.approx(spread.interval(0.95), rel=1e-5)
        assert row["p"] == pytest.approx(2 * min(spread.cdf(0), spread.sf(0)), rel=1e-5)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(("key", "pick"), [("rq2-h1", min), ("rq2-h2", max)])
def test_of_both_widths_the_lesser_or_the_greater_number_decides(
    both_widths: ff.Records, once_more: dict[str, pd.DataFrame], key: str, pick: Any, swapped: bool
) -> None:
    """The same ones whichever width has them; so do the ends of the intervals."""
    made = both_widths
    if swapped:
        layers, readouts = (
            part.assign(hidden=1100 - part["hidden"]) for part in (made.layers, made.readouts)
        )
        made = ff.Records(layers, readouts, ())
    table: Any = verdicts(made)
    (row,) = table[table["key"] == key].to_dict("records")
    both = [once_by_hand(own[key].tolist()) for own in once_more.values()]
    assert both[0][0] != both[1][0], "an example worth its name"
    assert (row["width"], row["seeds"]) == ("100 and 1000", "6 and 6")
    ends = [pick(pair) for pair in zip(*both, strict=True)][:3]
    assert [row["value"], row["low"], row["high"]] == pytest.approx(ends, rel=1e-5)
    # One below 0.7 is enough for the least to be there, and one above for the greatest.
    enough = [p for value, _, _, p in both if (value < 0.7) == (pick is min)]
    p = min(enough) if enough else max(p for *_, p in both)
    assert row["p"] == pytest.approx(p, rel=1e-4)


def once_by_hand(values: list[float]) -> tuple[float, float, float, float]:
    """A correlation, its interval on Fisher's scale, and p of 0.7: with and without each seed."""
    center, spread = np.arctanh(values[0]), error(np.arctanh(values[1:]))
    half = stats.t.ppf(0.975, 5) * spread
    p = 2 * stats.t.sf(abs(center - np.arctanh(0.7)) / spread, 5)
    return values[0], float(np.tanh(center - half)), float(np.tanh(center + half)), float(p)


@pytest.mark.parametrize("key", TOGETHER)
@pytest.mark.parametrize("width", ["100", "1000"])
def test_where_one_width_is_missing_the_other_decides(
    both_widths: ff.Records, once_more: dict[str, pd.DataFrame], key: str, width: str
) -> None:
    layers, readouts = (
        part.query(f"hidden == {width}") for part in (both_widths.layers, both_widths.readouts)
    )
    table: Any = verdicts(ff.Records(layers, readouts, ()))
    (row,) = table[table["key"] == key].to_dict("records")
    assert (row["width"], row["seeds"], row["counted"]) == (width, "6", True)
    expected = once_by_hand(once_more[width][key].tolist())
    found = [row[name] for name in ("value", "low", "high", "p")]
    assert found == pytest.approx(expected, rel=1e-4)


def test_two_numbers_are_combined_in_either_order() -> None:
    low, high = estimate(0.25, 0.1, 5, PLAIN), estimate(0.75, 0.2, 9, PLAIN)
    for one, other in ((low, high), (high, low)):
        for found, expected in ((LESSER(one, other), low), (GREATER(one, other), high)):
            assert found.value == expected.value
            assert (found.low, found.high) == (expected.low, expected.high)
        assert LESSER(one, other).p(0.5) == low.p(0.5), "one is enough"
        assert LESSER(one, other).p(0.0) == max(low.p(0.0), high.p(0.0))
        assert GREATER(one, other).p(0.5) == high.p(0.5)
        assert GREATER(one, other).p(1.0) == max(low.p(1.0), high.p(1.0))
    assert claim(0).combine(low, high).value == pytest.approx(0.5), "by default the difference"
    assert claim(0).combine(high, low).value == pytest.approx(-0.5)


@pytest.mark.parametrize("key", TOGETHER)
def test_of_a_width_without_a_number_neither_the_lesser_nor_the_greater_is_known(key: str) -> None:
    known, unknown = estimate(0.8, 0.1, 5, FISHER), jackknife(np.full(6, NAN), FISHER)
    assert np.isnan(BY_KEY[key].combine(known, unknown).value)
    assert np.isnan(BY_KEY[key].combine(unknown, known).value)


def unlike(records: ff.Records, hidden: tuple[int, ...], layers: int) -> ff.Records:
    """In these widths the first so many layers have nothing to do with the networks."""
    rng = np.random.default_rng(0)
    table = records.layers
    noise = rng.uniform(0.5, 0.6, len(table))
    chosen = table["hidden"].isin(hidden) & (table["layer"] <= layers)
    mixed = table["train_accuracy"].mask(chosen, noise)
    return ff.Records(table.assign(train_accuracy=mixed), records.readouts, ())


@pytest.mark.parametrize(
    ("hidden", "layers", "every", "none"),
    [
        ((), 0, "differs", "agrees"),  # all correlate strongly
        ((100,), 1, "agrees", "agrees"),  # one does not, at one width
        ((1000,), 1, "agrees", "agrees"),
        ((1000,), 32, "agrees", "agrees"),  # the other width is enough to have strong ones
        ((100, 1000), 32, "agrees", "differs"),
    ],
)
def test_strong_layers_of_both_widths_are_weighed_together(
    hidden: tuple[int, ...], layers: int, every: str, none: str
) -> None:
    both = synthetic(32, (32,), seeds=8, epochs=30, delay=0.0, hidden=(100, 1000))
    made = unlike(both, hidden, layers)
    rows = table_of(made)
    assert [rows.loc[(key, "100 and 1000"), "paper"] for key in TOGETHER] == [every, none]
    wanted = {"agrees": "not supported", "differs": "supported"}
    assert rows.loc[("rq2-h1", "100 and 1000"), "verdict"] == wanted[every]
    assert rows.loc[("rq2-h2", "100 and 1000"), "verdict"] == wanted[none]


def test_seeds_of_two_widths_are_named_in_the_order_of_the_widths() -> None:
    narrow, wide = synthetic(32, (32,), seeds=6), synthetic(32, (32,), seeds=7, hidden=(1000,))
    layers, readouts = (
        pd.concat(tables)
        for tables in ((wide.layers, narrow.layers), (wide.readouts, narrow.readouts))
    )
    rows = table_of(ff.Records(layers, readouts, ()))
    assert rows.loc[TOGETHER, "seeds"].tolist() == ["6 and 7"] * 2


def test_the_share_of_seeds_in_order_is_that_of_a_loop() -> None:
    made = synthetic(32, (32,), seeds=9, epochs=20, delay=0.4, jitter=1, noise=0.04, best=0.9)
    in_order = 0
    for own in grid(made.layers, "layer"):
        epochs = [reach(own[:, layer - 1])[1] for layer in (1, 2, 4, 8, 16, 32)]
        in_order += all(i < j or i == j == INF for i, j in pairwise(epochs))
    assert 0 < in_order < 9, "an example worth its name"
    row = table_of(made).loc[("delay-every-seed", "100")]
    exact = stats.binomtest(in_order, 9).proportion_ci(0.95, method="exact")
    assert row[["value", "low", "high"]].tolist() == pytest.approx([in_order / 9, *exact])


@pytest.mark.parametrize(
    ("epochs", "ordered"),
    [
        ((1, 2, 4), True),
        ((1, 3, INF), True),
        ((2, INF, INF), True),
        ((INF, INF, INF), NAN),  # nothing is known
        ((2, 2, 4), False),
        ((1, 1, 3), False),
        ((1, 4, 3), False),
        ((INF, 2, 3), False),
        ((2, INF, 4), False),
    ],
)
def test_a_seed_is_in_order_if_each_layer_is_later_than_the_one_before_as_far_as_any_comes(
    epochs: tuple[float, ...], ordered: float
) -> None:
    of_layers = np.array([*epochs[:2], 1, epochs[2]])  # layer 3 is not among 1, 2 and 4
    layers = traces(np.where(np.arange(1, 5)[:, None] >= of_layers, 0.9, 0.5)[None])
    readouts = layers.query("layer == 4").rename(columns={"layer": "depth"})
    ((_, own),) = evidence(ff.Records(layers, readouts, ()))
    measure: Any = BY_KEY["delay-every-seed"].measure
    assert measure(own).value == pytest.approx(float(ordered), nan_ok=True)


REACH = ["rq1-h1", "rq1-h2", "delay-every-doubling", "delay-every-seed", "constant-change"]


def test_where_nothing_is_reached_no_delay_is_measured() -> None:
    made = synthetic(32, (32,), epochs=20, delay=0.5)
    none = ff.Records(made.layers.assign(train_accuracy=0.6), made.readouts, ())
    for found, known in ((made, True), (none, False)):
        rows = table_of(found).loc[[(key, "100") for key in REACH]]
        assert (rows["verdict"] != "not measured").tolist() == [known] * len(REACH)
        assert rows[["value", "low", "high"]].notna().all(axis=None) == known
        assert rows[["value", "low", "high"]].isna().all(axis=None) != known


def test_of_the_last_layer_alone_there_is_neither_span_nor_a_doubling() -> None:
    """The first layer never reaches 0.7; nor does the shallower one of any pair."""
    accuracy = np.full((5, 6, 4), 0.5)
    accuracy[:, 3:, 3] = 0.9
    layers = traces(accuracy)
    readouts = layers.query("layer == 4").rename(columns={"layer": "depth"})
    rows = table_of(ff.Records(layers, readouts, ()))
    for key in ("rq1-h2", "delay-every-doubling"):
        assert rows.loc[(key, "100"), "verdict"] == "not measured"
        assert np.isnan(rows.loc[(key, "100"), "value"])
    assert rows.loc[("delay-every-seed", "100"), "value"] == 0, "the deepest one is earlier"


def test_of_epochs_that_were_not_trained_nothing_is_known() -> None:
    made = synthetic(32, (2, 32), epochs=12)
    usual, late = table_of(made), table_of(made, Reading(first_epoch=13))
    reads = [key for key, width in usual.index if "first_epoch" in BY_KEY[key].reads]
    assert len(reads) > 5
    for (key, width), row in late.iterrows():
        if key in reads:
            assert row["verdict"] == "not measured"
            assert np.isnan(row["value"])
        else:
            assert row["verdict"] == usual.loc[(key, width), "verdict"]


@pytest.mark.parametrize("depth", [5, 6, 7, 32])
def test_constancy_is_the_ratio_of_the_slopes_of_two_halves(
    both_widths: ff.Records, depth: int
) -> None:
    """Of an odd number of layers, both halves have the one in the middle."""
    part = both_widths.layers.query(f"hidden == 100 and layer <= {depth}")
    late = np.array([reach(trace)[1] for trace in grid(part, "layer").mean(axis=0).T])
    late = late[np.isfinite(late)]
    number, half = np.arange(len(late)), -(-len(late) // 2)
    expected = slope(late[-half:], number[-half:]) / slope(late[:half], number[:half])
    row = table_of(both_widths, Reading(depth=depth)).loc[("constant-change", "100")]
    assert row["value"] == pytest.approx(expected, rel=1e-6)


def test_of_equal_widths_the_difference_is_zero_and_half_as_certain() -> None:
    """The variance of a difference is twice that of either; it has twice the freedom."""
    once = synthetic(32, (2, 32))
    layers, readouts = (
        pd.concat([table, table.assign(hidden=1000)]) for table in (once.layers, once.readouts)
    )
    rows = table_of(ff.Records(layers, readouts, ()))
    alone = rows.loc[("shallow-correlates-more", "100")]
    twice = rows.loc[("width-weakens-deep", "1000 - 100")]  # of the same contrast
    assert twice["value"] == 0
    assert twice["p"] == pytest.approx(1)
    quantiles = [float(stats.t.ppf(0.975, freedom)) for freedom in (4, 8)]
    wider = np.sqrt(2) * quantiles[1] / quantiles[0]
    assert twice["high"] == pytest.approx(wider * (alone["high"] - alone["value"]))
    assert twice["low"] == pytest.approx(-twice["high"])


# --- Other readings -------------------------------------------------------------------------------


def test_another_reading_moves_the_numbers_that_it_is_about(both_widths: ff.Records) -> None:
    rows = table_of(both_widths)

    def moved(reading: Reading) -> set[str]:
        other = table_of(both_widths, reading)
        changed = ~np.isclose(other["value"], rows["value"], rtol=1e-9, equal_nan=True)
        return {key for key, _ in rows.index[changed]}

    delays = {"rq1-h1", "rq1-h2", "rq1-h3", "delay-every-doubling", "width-shallow", "width-deep"}
    pearson = {"rq2-h3", "pearson-weakens", "width-weakens", "width-weakens-deep"}
    pearson |= {"shallow-correlates", "shallow-correlates-more"}
    pooled = {*pearson, "rq2-h1", "rq2-h2", "spearman-strong"}
    halves = {"width-shallow", "width-deep", "width-weakens-deep", "shallow-aligns"}
    halves |= {"shallow-correlates", "shallow-correlates-more"}
    assert moved(Reading()) == set()
    assert moved(Reading(target=0.65)) - {"delay-every-seed"} == {*delays, "constant-change"}
    assert moved(Reading(first_epoch=4)) == {*pooled, "within-epoch", "shallow-aligns"}
    assert moved(Reading(overall=(0.51, 0.8))) == pooled
    assert moved(Reading(coefficient="spearman")) == {*pearson, "within-epoch"}
    assert moved(Reading(shallow=4)) == halves
    assert moved(Reading(rose=0.65)) == {"deviation-grows", "no-overlap"}
    assert moved(Reading(selected=(4, 8, 16, 24, 32))) == {"no-overlap"}


@pytest.mark.parametrize("depth", [2, 4, 8, 16])
def test_shallower_networks_are_read_as_if_nothing_lay_above(
    both_widths: ff.Records, depth: int
) -> None:
    cut = ff.Records(
        both_widths.layers.query("layer <= @depth"),
        both_widths.readouts.query("depth <= @depth"),
        (),
    )
    expected = verdicts(cut)
    pd.testing.assert_frame_equal(verdicts(both_widths, Reading(depth=depth)), expected)
    assert set(expected["width"]) == {"100", "1000", "1000 - 100", "100 and 1000", "any"}


def test_few_layers_may_be_called_shallow(both_widths: ff.Records) -> None:
    rows = table_of(both_widths, Reading(shallow=3))
    part = both_widths.layers.query("hidden == 100")
    overall = grid(both_widths.readouts.query("hidden == 100"), "depth")[:, :, -1].ravel()
    r = [abs(pearson_of(own, overall)) for own in grid(part, "layer").reshape(-1, 32).T]
    contrast = rows.loc[("shallow-correlates-more", "100"), "value"]
    assert contrast == pytest.approx(np.mean(r[:3]) - np.mean(r[-3:]), rel=1e-6)


# --- On pages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", [7, 8])
def test_a_page_says_on_what_it_rests(seeds: int) -> None:
    run: Any = {"config": {"hidden": 100, "precision": "bf16", "dataset": "mnist"}}
    run["device"] = "cpu (x86_64, 2 cores)"
    frames = synthetic(seeds=seeds)
    note = measured(ff.Records(frames.layers, frames.readouts, (run,)), 4)
    rests = "Networks of 4 layers. Measured on MNIST over 12 epochs; width 100: "
    assert note.text.startswith(f"{rests}{seeds} seeds in bf16 on CPU.")
    assert ("rough" in note.text) == (seeds < 8)
