"""The paper's hypotheses and claims as data, each with the number that decides it.

A claim is turned into one number with a 95 % interval over seeds and the range in which the number
must lie if the claim holds. The verdict follows by one rule: *supported* if the whole interval
lies in the range, *not supported* if none of it does, *undecided* otherwise. There is none where a
width has too few seeds to know how much they vary, or is *not measured* at all, or where a claim
holds *by construction*.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd

from ff.errors import ConfigError
from ff.records import Records
from ff.stats.correlation import STRONG
from ff.stats.delay import slopes_of_delays
from ff.stats.evidence import Evidence, Reading, evidence
from ff.stats.intervals import FISHER, Estimate, holm, jackknife, share, theil_sen

__all__ = ["BY_CONSTRUCTION", "CLAIMS", "STANCES", "TESTED", "Claim", "verdicts"]

FEWEST = 5  # seeds that a verdict needs
PAPER_DEPTH = 32  # layers of the deepest network
BY_CONSTRUCTION = "by construction"
TESTED = ("supported", "not supported", "undecided")  # the verdicts that an interval gives
# What the paper makes of a statement, in words that follow the place where it stands.
STANCES = {
    "asserts": "",
    "rejects": "; the paper finds it false",
    "implies false": "; false by the paper's own criterion",
    "silent": "; the paper does not ask",
}

# Choices of a reading that enter a correlation over all pairs.
CORRELATION = ("first_epoch", "overall", "coefficient")

WIDTHS = (None, ("wide",), ("narrow", "wide"))  # that a claim can be about

Measure = Callable[[Evidence], Estimate]  # the number of one width


def _difference(first: Estimate, second: Estimate) -> Estimate:
    return second - first


def _lesser(first: Estimate, second: Estimate) -> Estimate:
    """The lesser of two independent numbers, which either may be."""
    return _extreme(first, second, np.minimum)


def _greater(first: Estimate, second: Estimate) -> Estimate:
    return _extreme(first, second, np.maximum)


def _extreme(first: Estimate, second: Estimate, pick: np.ufunc) -> Estimate:
    value = pick(first.value, second.value)

    def p(true: float) -> np.ndarray:
        one, two = first.p(true), second.p(true)
        # One number decides that the extreme lies beyond; both must, that it does not.
        both = (pick is np.minimum) == (value > true)
        if both:
            return np.maximum(one, two)
        beyond = (first.value > true) == (value > true), (second.value > true) == (value > true)
        return np.min(np.where(beyond, (one, two), 1))

    low, high = pick(first.low, second.low), pick(first.high, second.high)
    chosen = first if value == first.value else second
    return Estimate(value, low, high, p, chosen.error, chosen.freedom)


@dataclass(frozen=True)
class Claim:
    """A statement of the paper, and what would make it true.

    Attributes
    ----------
    key
        Short name, unique.
    where
        Place in the paper.
    statement
        What the paper says, in its words or close to them.
    estimand
        What our number is, in one sentence; {target}, {ladder}, {selected}, {network}, {either},
        {narrow}, {wide} and {widest} stand for those of the records and of the `Reading`.
    measure
        Computes it from the evidence of one width, or of each of two. None: the statement follows
        from the algorithm, and there is nothing to measure.
    low, high
        The range of the number if the claim holds; where there is a number, one of them at least.
    widths
        None for each width on its own; ("wide",) for a statement about the wide one alone; or
        ("narrow", "wide").
    chapter
        Page of the book that shows the computation.
    stance
        What the paper makes of it: it "asserts" it; it "rejects" a hypothesis that it finds false;
        its own criterion "implies false"; it is "silent" on what this book or a reader adds.
    combine
        Of a pair of widths: makes one number of that of the first and that of the second; by
        default their difference, the second minus the first.
    same_as
        Key of the claim of which this one is the opposite: one number decides both, and it counts
        there.
    reads
        Choices of a `Reading`, beside accuracy and depth, that enter the number.
    needs
        What networks must have for the number to exist, where there are seeds and widths enough.
    capped
        Which layers enter the number with the last epoch if they do not reach the target: their
        indices. None: no layer does.

    Raises
    ------
    ConfigError
        There is a number and no range for it, or an unknown stance or width.
    """

    key: str
    where: str
    statement: str
    estimand: str
    measure: Measure | None
    low: float = -np.inf
    high: float = np.inf
    widths: tuple[Literal["narrow", "wide"], ...] | None = None
    chapter: str = "rq1_delay"
    stance: Literal["asserts", "rejects", "implies false", "silent"] = "asserts"
    combine: Callable[[Estimate, Estimate], Estimate] = _difference
    same_as: str = ""
    reads: tuple[str, ...] = ("target",)
    needs: str = "accuracies that vary"
    capped: Callable[[Evidence], slice | list[int]] | None = None

    def __post_init__(self) -> None:
        name = f"claim {self.key!r}"
        ends = self.low, self.high
        if not all(isinstance(end, Real) for end in ends):
            raise ConfigError(f"{name}: low and high must be numbers but got {ends}")
        if self.measure is not None and not -np.inf <= self.low < self.high <= np.inf:
            raise ConfigError(f"{name}: low must be less than high, but got {self.low, self.high}")
        if self.measure is not None and np.isinf([self.low, self.high]).all():
            raise ConfigError(
                f"{name} holds whatever its number is; give low, high or both, between which the "
                "number lies if the claim holds"
            )
        if self.stance not in tuple(STANCES):
            raise ConfigError(
                f"{name}: stance must be one of {', '.join(map(repr, STANCES))} but got "
                f"{self.stance!r}"
            )
        if self.widths not in WIDTHS:
            raise ConfigError(
                f"{name}: widths must be {', '.join(map(repr, WIDTHS[:-1]))} or {WIDTHS[-1]!r} "
                f"but got {self.widths!r}"
            )

    def verdict(self, low: float, high: float) -> str:
        """Compare an interval with the claim's range."""
        if np.isnan(low) or np.isnan(high):
            return "not measured"
        if self.low < low and high < self.high:
            return "supported"
        return "not supported" if high < self.low or low > self.high else "undecided"

    def p(self, found: Estimate) -> float:
        """Level of significance from which on an interval decides the claim, either way."""
        ends = [end for end in (self.low, self.high) if np.isfinite(end)]
        inside = self.low < found.value < self.high
        # Inside, the interval must stay clear of both ends; outside, of the one that is crossed.
        if not inside:
            ends = [self.low if found.value <= self.low else self.high]
        return max(float(found.p(end)) for end in ends)

    def agreement(self, verdict: str) -> str:
        """Whether a verdict "agrees" with what the paper concludes or "differs"; else empty."""
        if verdict == BY_CONSTRUCTION:
            return "agrees"
        if verdict not in ("supported", "not supported") or self.stance == "silent":
            return ""
        return "agrees" if (verdict == "supported") == (self.stance == "asserts") else "differs"


def _plain(values: Callable[[Evidence], np.ndarray]) -> Measure:
    return lambda e: jackknife(values(e))


def _correlation(values: Callable[[Evidence], np.ndarray]) -> Measure:
    return lambda e: jackknife(values(e), FISHER)


def _slope(segment: str) -> Measure:
    return _plain(lambda e: slopes_of_delays(e.number, e.delay)[segment])


def _span(e: Evidence) -> np.ndarray:
    span = e.restricted_delay[:, -1] - e.restricted_delay[:, 0]
    return np.where(np.isfinite(e.delay[:, 0]), span, np.nan)


def _ladder(e: Evidence) -> list[int]:
    """Indices of layers 1, 2, 4, ..."""
    return [2**i - 1 for i in range(int(np.log2(e.number[-1])) + 1)]


def _shallower(e: Evidence) -> slice:
    return slice(e.half)


def _deeper(e: Evidence) -> slice:
    return slice(-e.half, None)


def _doubled(e: Evidence) -> list[int]:
    """Layers of the ladder whose shallower neighbor reaches the target."""
    return [deep for shallow, deep in pairwise(_ladder(e)) if np.isfinite(e.delay[0, shallow])]


def _least_doubling(e: Evidence) -> np.ndarray:
    ladder = _ladder(e)
    later = np.diff(e.restricted_delay[:, ladder], axis=1)
    reached = np.isfinite(e.delay[:, ladder[:-1]])  # the shallower one of each pair
    least = np.where(reached, later, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isfinite(least), least, np.nan)


def _in_order(e: Evidence) -> Estimate:
    reached = e.crossings[:, _ladder(e)]
    shallow, deep = reached[:, :-1], reached[:, 1:]
    if np.isinf(reached).all():
        return jackknife(np.full(2, np.nan))  # no layer of any seed is before another
    # A layer that never reaches the target is later than one that does; of two, nothing is known.
    ordered = (deep > shallow) | np.isinf(shallow) & np.isinf(deep)
    some = np.isfinite(reached).any(axis=1)  # of a seed in which no layer arrives nothing is known
    return share(int(ordered[some].all(axis=1).sum()), int(some.sum()))


def _deviation(e: Evidence) -> np.ndarray:
    return 1000 * theil_sen(e.number, e.deviation)


def _trend(e: Evidence) -> np.ndarray:
    return 1000 * theil_sen(e.number, e.strength)


def _shallow(values: np.ndarray, e: Evidence) -> np.ndarray:
    return values[:, _shallower(e)].mean(axis=1)


def _deep(values: np.ndarray, e: Evidence) -> np.ndarray:
    return values[:, _deeper(e)].mean(axis=1)


CLAIMS = (
    Claim(
        "rq1-h1",
        "Section 2, RQ 1, Hypothesis 1",
        "Layer goodness improvement in deeper layers is delayed as improvement cascades through "
        "the network.",
        "Epochs of delay that each further layer adds (Theil-Sen slope), over the layers that "
        "reach {target}.",
        _slope("all"),
        low=0,
        needs="two layers that reach {target}",
    ),
    Claim(
        "rq1-h2",
        "Section 2, RQ 1, Hypothesis 2",
        "All layers improve simultaneously.",
        "Delay of the deepest layer minus that of the first, in epochs (of one that does not reach "
        "{target} the last epoch, so that it is at least as long); less than one, either way, "
        "would be simultaneous.",
        _plain(_span),
        low=-1,
        high=1,
        stance="rejects",
        needs="a layer 1 that reaches {target}",
        capped=lambda e: [-1],
    ),
    Claim(
        "rq1-h3",
        "Section 2, RQ 1, Hypothesis 3",
        "Layer goodness improves sooner in deeper layers than in shallower layers.",
        "The number of Hypothesis 1, of which this is the opposite.",
        _slope("all"),
        high=0,
        stance="rejects",
        same_as="rq1-h1",
        needs="two layers that reach {target}",
    ),
    Claim(
        "delay-every-doubling",
        "Sections 4 and 7",
        "The results suggest that deeper layers achieve target accuracy values at later epochs "
        "than shallower layers.",
        "Least difference in delay, in epochs (the last one if not reached), between neighbors "
        "among layers {ladder}, as far down as the shallower one reaches {target}.",
        _plain(_least_doubling),
        low=0,
        needs="a layer that reaches {target} and has one at twice its depth",
        capped=_doubled,
    ),
    Claim(
        "delay-every-seed",
        "Section 4, on Figure 3",
        "The deviation is narrow enough to suggest that the general delay behavior is largely "
        "consistent.",
        "Share of seeds in which layers {ladder} cross {target} one after the other "
        "(between epochs, on a straight line), as far down as any does, of those in which one "
        "does, with the exact interval; more than 0.8 would be largely consistent.",
        _in_order,
        low=0.8,
        needs="a layer that reaches {target} in some seed",
    ),
    Claim(
        "any-depth",
        "Section 4, on Figures 2 and 4",
        "A layer at a specific depth experiences the same delay regardless of the total number of "
        "hidden layers in the network.",
        "No number: a layer sees nothing of the layers above it, so that its training is the same "
        "bit for bit. A test of this repository asserts it.",
        None,
        reads=(),
    ),
    Claim(
        "width-shallow",
        "Section 4, on Figure 4",
        "Shallow layers of width 1000 consistently achieve the target faster than of width 100.",
        "Delay at {wide} minus delay at {narrow}, in epochs (the last one if not "
        "reached), mean of the shallower half of the layers.",
        _plain(lambda e: _shallow(e.restricted_delay, e)),
        high=0,
        widths=("narrow", "wide"),
        reads=("target", "shallow"),
        capped=_shallower,
    ),
    Claim(
        "width-deep",
        "Section 4, on Figure 4",
        "Deeper layers of width 1000 achieve the target later than those of width 100.",
        "Delay at {wide} minus delay at {narrow}, in epochs (the last one if not "
        "reached), mean of the deeper half of the layers.",
        _plain(lambda e: _deep(e.restricted_delay, e)),
        low=0,
        widths=("narrow", "wide"),
        reads=("target", "shallow"),
        capped=_deeper,
    ),
    Claim(
        "constant-change",
        "Section 4, on Figure 4",
        "The change in delay across network depths appears largely constant, in particular at "
        "width 100.",
        "Slope of the delay (Theil-Sen) in the deeper half of the layers that reach {target} over "
        "that in their shallower half; between 0.8 and 1.25 would be constant.",
        _slope("ratio"),
        low=0.8,
        high=1.25,
        needs="three layers that reach {target}, not all at once",
    ),
    Claim(
        "deviation-grows",
        "Section 4, on Figure 3",
        "Deviation in measured accuracy tends to be larger in deeper than in shallower layers.",
        "Change of the standard deviation over seeds from layer to layer, in thousandths "
        "(Theil-Sen slope over the layers). A layer's deviation is the mean of its epochs from the "
        "first on in which its mean accuracy is at least 0.55; a layer that never gets there is "
        "left out. At width {widest}; the paper's Figure 3 shows width 1000.",
        _plain(_deviation),
        low=0,
        widths=("wide",),
        reads=("rose",),
        needs="two layers that leave chance, and seeds that differ",
    ),
    Claim(
        "no-overlap",
        "Section 4, on Figure 3",
        "No significant overlap across layers exists across a single standard deviation.",
        "By how much the shallower of two neighbors among layers {selected} is ahead "
        "in 95 % of the epochs of all of them: its mean minus the deeper one's, over the sum of "
        "their standard deviations; above 1, bands do not overlap. Epochs are those from the first "
        "on in which the shallower layer's mean accuracy is at least 0.55. At width {widest}; the "
        "paper's Figure 3 shows width 1000.",
        _plain(lambda e: e.clearance),
        low=1,
        widths=("wide",),
        reads=("rose", "selected"),
        needs="two of these layers, a shallower one that leaves chance, and seeds that differ",
    ),
    Claim(
        "rq2-h1",
        "Section 2, RQ 2, Hypothesis 1",
        "An individual layer's goodness strongly correlates with overall accuracy.",
        "Of each layer the stronger of |Pearson| and |Spearman|, and of these the least{either}; "
        "above 0.7 is strong.",
        _correlation(lambda e: e.both.max(axis=1).min(axis=1)),
        low=STRONG,
        widths=("narrow", "wide"),
        combine=_lesser,
        chapter="rq2_correlation",
        stance="rejects",  # as is its opposite below: some layers correlate strongly, others do not
        reads=("first_epoch", "overall"),
    ),
    Claim(
        "rq2-h2",
        "Section 2, RQ 2, Hypothesis 2",
        "An individual layer's goodness does not strongly correlate with overall accuracy.",
        "Of each layer the stronger of |Pearson| and |Spearman|, and of these the "
        "greatest{either}; above 0.7 is strong.",
        _correlation(lambda e: e.both.max(axis=1).max(axis=1)),
        high=STRONG,
        widths=("narrow", "wide"),
        combine=_greater,
        chapter="rq2_correlation",
        stance="rejects",
        reads=("first_epoch", "overall"),
    ),
    Claim(
        "rq2-h3",
        "Section 2, RQ 2, Hypothesis 3",
        "Deeper layers exhibit stronger correlation with overall accuracy than shallower ones.",
        "Change of |Pearson| from layer to layer, in thousandths (Theil-Sen slope).",
        _plain(_trend),
        low=0,
        chapter="rq2_correlation",
        stance="implies false",
        reads=CORRELATION,
    ),
    Claim(
        "pearson-weakens",
        "Section 4, on Figure 5a",
        "The Pearson correlation significantly weakens as layer depth increases.",
        "The number of Hypothesis 3, of which this is the opposite.",
        _plain(_trend),
        high=0,
        chapter="rq2_correlation",
        same_as="rq2-h3",
        reads=CORRELATION,
    ),
    Claim(
        "spearman-strong",
        "Section 4, on Figure 5b",
        "In general, layer accuracy appears to strongly correlate with overall accuracy regardless "
        "of depth.",
        "The weakest layer's |Spearman|; above 0.7 is strong.",
        _correlation(lambda e: e.both[:, 1].min(axis=1)),
        low=STRONG,
        chapter="rq2_correlation",
        reads=("first_epoch", "overall"),
    ),
    Claim(
        "width-weakens",
        "Section 4, on Figure 5",
        "An increase in layer width appears to significantly weaken the correlation.",
        "|Pearson| at {wide} minus that at {narrow}, mean of the layers.",
        _plain(lambda e: e.strength.mean(axis=1)),
        high=0,
        widths=("narrow", "wide"),
        chapter="rq2_correlation",
        reads=CORRELATION,
    ),
    Claim(
        "width-weakens-deep",
        "Section 4, on Figure 5",
        "Width appears to weaken the correlation with particular acuity at deeper layers.",
        "|Pearson| at {wide} minus that at {narrow}: mean of the deeper half of the "
        "layers minus mean of the shallower half.",
        _plain(lambda e: _deep(e.strength, e) - _shallow(e.strength, e)),
        high=0,
        widths=("narrow", "wide"),
        chapter="rq2_correlation",
        reads=(*CORRELATION, "shallow"),
    ),
    Claim(
        "shallow-aligns",
        "Section 4, on Figure 2",
        "In all subplots overall accuracy more closely aligns with shallower rather than deeper "
        "layers.",
        "Distance between a layer's and its network's accuracy, mean of all seeds and epochs: the "
        "deeper half of the layers minus the shallower half, in {network}.",
        _plain(lambda e: e.gaps.min(axis=1)),
        low=0,
        chapter="rq2_correlation",
        reads=("first_epoch", "shallow"),
    ),
    Claim(
        "shallow-correlates",
        "Abstract",
        "Shallower layer accuracy is strongly correlated with overall model accuracy.",
        "|Pearson|, mean of the shallower half of the layers; above 0.7 is strong.",
        _correlation(lambda e: _shallow(e.strength, e)),
        low=STRONG,
        chapter="rq2_correlation",
        reads=(*CORRELATION, "shallow"),
    ),
    Claim(
        "shallow-correlates-more",
        "Section 7",
        "Shallower layers may more strongly correlate with overall accuracy than deeper ones.",
        "|Pearson|, mean of the shallower half of the layers minus mean of the deeper half.",
        _plain(lambda e: _shallow(e.strength, e) - _deep(e.strength, e)),
        low=0,
        chapter="rq2_correlation",
        reads=(*CORRELATION, "shallow"),
    ),
    Claim(
        "within-epoch",
        "Section 5, on pairs from across all epochs",
        "Our question: does layer accuracy correlate strongly with overall accuracy among networks "
        "that have trained for equally many epochs?",
        "Pearson's r over seeds at one epoch, averaged over the epochs in which seeds differ (on "
        "Fisher's scale), then over layers; above 0.7 is strong, and 0 is none.",
        _correlation(lambda e: e.within.mean(axis=1)),
        low=STRONG,
        chapter="rq2_correlation",
        stance="silent",
        reads=("first_epoch", "coefficient"),
    ),
)


def verdicts(
    records: Records, reading: Reading = Reading(), claims: Sequence[Claim] | None = None
) -> pd.DataFrame:
    """Decide every claim of the paper, or claims of one's own.

    Parameters
    ----------
    records
        Measurements of one or more widths. Of networks of fewer layers than the reading asks for,
        the deepest layer there is is the deepest.
    reading
        How the paper's words are turned into numbers, where it leaves a choice. For networks other
        than the paper's: `ff.stats.evidence.reading_of`.
    claims
        What to decide; None: the paper's claims.

    Returns
    -------
    DataFrame
        A row for each claim and width: key, where, statement, estimand, width ("100", "1000",
        "1000 - 100", "100 and 1000" for what both decide together, or "any" for what holds by
        construction), value, low, high, p, p_holm, seeds, verdict, stance, paper ("agrees" or
        "differs", empty without a decision), counted, chapter, lacks. `p` is the level of
        significance from which on the verdict is decided, and `p_holm` adjusts it for all verdicts
        of the table. `counted` is False where a claim holds by construction, or its number counts
        in another row. A claim about a width, or two, that the records lack is "not measured".
        `lacks` says what the records lack for the claim as the paper makes it: empty, or words such
        as "needs a second width".

    Raises
    ------
    ConfigError
        There is no claim, or one whose `measure` returns something other than an `Estimate`.
    """
    claims = CLAIMS if claims is None else claims
    if isinstance(claims, Claim) or not claims:
        raise ConfigError("claims must be a list of at least one claim, or None for the paper's")
    keys = [claim.key for claim in claims]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ConfigError(f"two claims have the key {twice[0]!r}; give each a key of its own")
    found = dict(evidence(records, reading))
    terms, rows = _terms(found, reading), []
    for claim in claims:
        for width, own, estimate in _measure(claim, found, reading):
            value, low, high = map(float, (estimate.value, estimate.low, estimate.high))
            counts = [0 if one is None else one.seeds for one in own]
            verdict = claim.verdict(low, high)
            if 0 < min(counts, default=0) < FEWEST:
                verdict = "too few seeds"
            if claim.measure is None:
                verdict = BY_CONSTRUCTION
            rows.append(
                {
                    "key": claim.key,
                    "where": claim.where,
                    "statement": claim.statement,
                    "estimand": _filled(claim.estimand, terms),
                    "width": width,
                    "value": value,
                    "low": low,
                    "high": high,
                    "p": claim.p(estimate),
                    "seeds": " and ".join(map(str, counts)),
                    "verdict": verdict,
                    "stance": claim.stance,
                    "paper": claim.agreement(verdict),
                    "counted": claim.measure is not None and not claim.same_as,
                    "chapter": claim.chapter,
                    "lacks": _lacks(claim, own, estimate, reading),
                }
            )
    table: Any = pd.DataFrame(rows)
    tested = table["counted"] & table["verdict"].isin(TESTED)
    table.insert(table.columns.get_loc("seeds"), "p_holm", holm(table["p"].where(tested)))
    return table


def _measure(
    claim: Claim, found: dict[int, Evidence], reading: Reading
) -> Iterator[tuple[str, Sequence[Evidence | None], Estimate]]:
    """Width, evidence of each width (None where there is none), and the number with its interval.

    Evidence that is there and not used is left out.
    """
    unknown = jackknife(np.full(2, np.nan))
    if claim.measure is None:
        yield "any", [], unknown
    elif claim.widths is None:
        for width, own in found.items():
            yield str(width), [own], _number(claim, own)
    else:
        meant = dict(zip(("narrow", "wide"), reading.widths, strict=True))
        wanted = tuple(dict.fromkeys(meant[width] for width in claim.widths))
        compared = len(claim.widths) > 1 and claim.combine is _difference
        present = tuple(width for width in wanted if width in found)
        widths = wanted if compared else present or wanted  # one can decide for both
        name = (" - " if compared else " and ").join(map(str, sorted(widths, reverse=compared)))
        if compared and len(widths) == 1:  # the records have no other
            yield name, [found.get(widths[0]), None], unknown
        elif set(widths) - set(found):
            yield name, [None] * len(set(widths) - set(found)), unknown
        else:
            first, *other = (_number(claim, found[width]) for width in widths)
            both = [found[width] for width in widths]
            yield name, both, claim.combine(first, other[0]) if other else first


def _number(claim: Claim, own: Evidence) -> Estimate:
    """The claim's number of one width."""
    assert claim.measure is not None
    found = claim.measure(own)
    if not isinstance(found, Estimate):
        raise ConfigError(
            f"claim {claim.key!r}: measure must return an Estimate, a number with its interval, "
            f"but returned {type(found).__name__}; see ff.stats.intervals.jackknife"
        )
    if np.ndim(found.value):
        raise ConfigError(
            f"claim {claim.key!r}: measure must return one number but returned the shape "
            f"{np.shape(found.value)}; take a mean, a difference or the least of them"
        )
    return found


def _terms(found: dict[int, Evidence], reading: Reading) -> dict[str, str]:
    """What the placeholders of an estimand stand for."""
    deepest = max(found.values(), key=lambda own: own.number[-1])
    last, depths = deepest.number[-1], deepest.networks.keys
    narrow, wide = reading.widths
    known = narrow != wide
    return {
        "target": f"{reading.target:g}",
        "ladder": _listed(2**i for i in range(last.item().bit_length())),
        "selected": _listed(layer for layer in reading.selected if layer <= last),
        "network": f"the network of {_listed(depths)} layers"
        if len(depths) == 1
        else f"the network in which this is least, of those of {_listed(depths, 'or')} layers",
        "either": " at either width" if known else "",
        "narrow": f"width {narrow}" if known else "the lesser width",
        "wide": f"width {wide}" if known else "the greater width",
        "widest": str(wide),
    }


def _filled(text: str, terms: dict[str, str]) -> str:
    """Put terms in their places; other braces stay."""
    for name, term in terms.items():
        text = text.replace(f"{{{name}}}", term)
    return text


def _listed(numbers: Iterable[Any], word: str = "and") -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} {word} {last}" if first else last


def _lacks(claim: Claim, own: Sequence[Evidence | None], found: Estimate, reading: Reading) -> str:
    """What the records lack for a claim as the paper makes it, in words."""
    if claim.measure is None:
        return ""
    there = [one for one in own if one is not None]
    said = []
    if len(there) < len(own):
        narrow, wide = reading.widths
        both = "a second width" if narrow == wide else f"widths {narrow} and {wide}"
        said.append(f"needs {both if len(claim.widths or ()) > 1 else f'width {wide}'}")
    if few := dict.fromkeys(str(one.seeds) for one in there if one.seeds < FEWEST):
        said.append(f"needs {FEWEST} seeds, has {' and '.join(few)}")
    needs = _filled(claim.needs, {"target": f"{reading.target:g}"})
    if len(there) == len(own) and np.isnan(found.value):
        said.append(f"needs {needs}")
    elif not few and len(there) == len(own) and np.isnan(found.low):
        said.append(f"no interval: needs {needs}, whichever seed is left out")
    if claim.capped and np.isfinite(found.value):
        late = [int(np.isinf(one.delay[0, claim.capped(one)]).sum()) for one in there]
        if any(late):
            several = "them" if len(late) > 1 or late[0] > 1 else "it"
            said.append(
                f"{_listed(late)} layer{'s' * (several == 'them')} not at {reading.target:g} by "
                f"the last epoch, which stands for {several}"
            )
    asked = claim.stance != "silent"
    if asked and (shallow := [one.number[-1] for one in there if one.number[-1] < PAPER_DEPTH]):
        said.append(f"{min(shallow)} layers, the paper has {PAPER_DEPTH}")
    return "; ".join(said)
