"""The paper's hypotheses and claims as data, each with the number that decides it.

A claim is turned into one number with a 95 % interval (seeds resampled) and the range in which
the number must lie if the claim holds. The verdict follows by one rule: *supported* if the whole
interval lies in the range, *not supported* if none of it does, *undecided* otherwise. There is none
where a width has too few seeds to know how much they vary, or is *not measured* at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ff.records import Records
from ff.stats.correlation import STRONG
from ff.stats.evidence import Evidence, evidence
from ff.stats.resampling import Bootstrap, theil_sen

__all__ = ["CLAIMS", "REJECTED", "Claim", "verdicts"]

HALF = 16  # layers 1 to 16 of 32 count as shallow, 17 to 32 as deep
FIRST = 4  # layers 1 to 4 are those that every configuration with a deep layer shares
NARROW, WIDE = 100, 1000
FEWEST = 5  # seeds that a verdict needs
REJECTED = "; the paper finds it false"  # appended to the place in the paper

Draw = Callable[[Evidence], np.ndarray]  # a statistic of one width: estimate, then resamples


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
        What our number is, in one sentence.
    measure
        Computes it from the evidence of one width, or the difference of two.
    low, high
        The range of the number if the claim holds.
    widths
        Each width on its own, or the pair that is compared.
    chapter
        Page of the book that shows the computation.
    rejected
        The paper itself finds the statement false: a hypothesis that it tests and refuses.
    """

    key: str
    where: str
    statement: str
    estimand: str
    measure: Draw
    low: float = -np.inf
    high: float = np.inf
    widths: tuple[int, ...] | None = None  # None: each width on its own
    chapter: str = "rq1_delay"
    rejected: bool = False

    def verdict(self, low: float, high: float) -> str:
        """Compare an interval with the claim's range."""
        if np.isnan(low) or np.isnan(high):
            return "not measured"
        if self.low < low and high < self.high:
            return "supported"
        return "not supported" if high <= self.low or low >= self.high else "undecided"

    def agreement(self, verdict: str) -> str:
        """Whether a verdict "agrees" with what the paper concludes or "differs"; else empty."""
        if verdict not in ("supported", "not supported"):
            return ""
        return "agrees" if (verdict == "supported") != self.rejected else "differs"


def _slope(of: str) -> Draw:
    return lambda e: theil_sen(e.number, getattr(e, of))


def _reached(e: Evidence) -> np.ndarray:
    """Layers whose mean trace reaches the target."""
    return np.isfinite(e.delay[0])


def _delay_slope(e: Evidence) -> np.ndarray:
    return theil_sen(e.number[_reached(e)], e.delay[:, _reached(e)])


def _span(e: Evidence) -> np.ndarray:
    return e.restricted_delay[:, -1] - e.restricted_delay[:, 0]


def _least_doubling(e: Evidence) -> np.ndarray:
    ladder = [2**i - 1 for i in range(int(np.log2(e.number[-1])) + 1)]
    later = np.diff(e.restricted_delay[:, ladder], axis=1)
    return later[:, np.isfinite(e.delay[0, ladder[:-1]])].min(axis=1, initial=np.inf)


def _constancy(e: Evidence) -> np.ndarray:
    own, delay = e.number[_reached(e)], e.delay[:, _reached(e)]
    half = (len(own) + 1) // 2  # an odd number shares the middle, as in `ff.delay.slope`
    return theil_sen(own[-half:], delay[:, -half:]) / theil_sen(own[:half], delay[:, :half])


def _strongest(e: Evidence) -> np.ndarray:
    return e.strength.max(axis=1)


def _pearson(e: Evidence) -> np.ndarray:
    return e.strength[:, 0]


CLAIMS = (
    Claim(
        "rq1-h1",
        "Section 2, RQ 1, Hypothesis 1",
        "Layer goodness improvement in deeper layers is delayed as improvement cascades.",
        "Epochs of delay that each further layer adds (Theil-Sen slope).",
        _delay_slope,
        low=0,
    ),
    Claim(
        "rq1-h2",
        "Section 2, RQ 1, Hypothesis 2",
        "All layers improve simultaneously.",
        "Epochs between the first and the deepest layer's reaching 0.7 (the last one if not "
        "reached); less than one would be simultaneous.",
        _span,
        low=-1,
        high=1,
        rejected=True,
    ),
    Claim(
        "rq1-h3",
        "Section 2, RQ 1, Hypothesis 3",
        "Layer goodness improves sooner in deeper layers than in shallower layers.",
        "Epochs of delay that each further layer adds (Theil-Sen slope).",
        _delay_slope,
        high=0,
        rejected=True,
    ),
    Claim(
        "delay-every-doubling",
        "Sections 4 and 7",
        "Deeper layers achieve target accuracy values at later epochs than shallower layers.",
        "Least difference in delay, in epochs, between neighbors among layers 1, 2, 4, 8, 16 and "
        "32, as far down as the shallower one reaches 0.7.",
        _least_doubling,
        low=0,
    ),
    Claim(
        "width-shallow",
        "Section 4, on Figure 4",
        "Shallow layers of width 1000 consistently achieve the target faster than of width 100.",
        "Delay at width 1000 minus delay at width 100, in epochs (the last one if not reached), "
        "mean of layers 1 to 4.",
        lambda e: e.restricted_delay[:, :FIRST].mean(axis=1),
        high=0,
        widths=(NARROW, WIDE),
    ),
    Claim(
        "width-deep",
        "Section 4, on Figure 4",
        "Deeper layers of width 1000 achieve the target later than those of width 100.",
        "Delay at width 1000 minus delay at width 100, in epochs (the last one if not reached), "
        "mean of layers 17 to 32.",
        lambda e: e.restricted_delay[:, HALF:].mean(axis=1),
        low=0,
        widths=(NARROW, WIDE),
    ),
    Claim(
        "constant-change",
        "Section 4, on Figure 4",
        "The change in delay across depths appears largely constant, in particular at width 100.",
        "Slope of the delay in the deeper half of the layers over that in the shallower half; "
        "within 20 % of 1 would be constant.",
        _constancy,
        low=0.8,
        high=1.25,
    ),
    Claim(
        "deviation-grows",
        "Section 4, on Figure 3",
        "Deviation in measured accuracy tends to be larger in deeper than in shallower layers.",
        "Change of the standard deviation over seeds from layer to layer (Theil-Sen slope).",
        _slope("deviation"),
        low=0,
    ),
    Claim(
        "no-overlap",
        "Section 4, on Figure 3",
        "No significant overlap across layers exists across a single standard deviation.",
        "Share of epochs at which bands of one standard deviation of neighboring layers of "
        "Figure 3 meet; less than 5 % would be none.",
        lambda e: e.overlap,
        high=0.05,
    ),
    Claim(
        "rq2-h1",
        "Section 2, RQ 2, Hypothesis 1",
        "An individual layer's goodness strongly correlates with overall accuracy.",
        "The weakest layer's correlation, the stronger of |Pearson| and |Spearman|; "
        "above 0.7 is strong.",
        lambda e: _strongest(e).min(axis=1),
        low=STRONG,
        chapter="rq2_correlation",
        rejected=True,  # as is its opposite below: some layers correlate strongly, others do not
    ),
    Claim(
        "rq2-h2",
        "Section 2, RQ 2, Hypothesis 2",
        "An individual layer's goodness does not strongly correlate with overall accuracy.",
        "The strongest layer's correlation, the stronger of |Pearson| and |Spearman|; "
        "above 0.7 is strong.",
        lambda e: _strongest(e).max(axis=1),
        high=STRONG,
        chapter="rq2_correlation",
        rejected=True,
    ),
    Claim(
        "rq2-h3",
        "Section 2, RQ 2, Hypothesis 3",
        "Deeper layers exhibit stronger correlation with overall accuracy than shallower ones.",
        "Change of |Pearson| from layer to layer (Theil-Sen slope).",
        lambda e: theil_sen(e.number, _pearson(e)),
        low=0,
        chapter="rq2_correlation",
        rejected=True,
    ),
    Claim(
        "pearson-weakens",
        "Section 4, on Figure 5a",
        "The Pearson correlation significantly weakens as layer depth increases.",
        "Change of |Pearson| from layer to layer (Theil-Sen slope).",
        lambda e: theil_sen(e.number, _pearson(e)),
        high=0,
        chapter="rq2_correlation",
    ),
    Claim(
        "spearman-strong",
        "Section 4, on Figure 5b",
        "Layer accuracy strongly correlates with overall accuracy regardless of depth.",
        "The weakest layer's |Spearman|; above 0.7 is strong.",
        lambda e: e.strength[:, 1].min(axis=1),
        low=STRONG,
        chapter="rq2_correlation",
    ),
    Claim(
        "width-weakens",
        "Section 4, on Figure 5",
        "An increase in width significantly weakens the correlation.",
        "|Pearson| at width 1000 minus that at width 100, mean of the layers.",
        lambda e: _pearson(e).mean(axis=1),
        high=0,
        widths=(NARROW, WIDE),
        chapter="rq2_correlation",
    ),
    Claim(
        "width-weakens-deep",
        "Section 4, on Figure 5",
        "Width weakens the correlation with particular acuity at deeper layers.",
        "Change of |Pearson| with width, mean of layers 17 to 32 minus mean of layers 1 to 16.",
        lambda e: _pearson(e)[:, HALF:].mean(axis=1) - _pearson(e)[:, :HALF].mean(axis=1),
        high=0,
        widths=(NARROW, WIDE),
        chapter="rq2_correlation",
    ),
    Claim(
        "shallow-aligns",
        "Section 4, on Figure 2",
        "Overall accuracy more closely aligns with shallower rather than deeper layers.",
        "Change of the distance to the overall accuracy from layer to layer (Theil-Sen slope).",
        _slope("gap"),
        low=0,
        chapter="rq2_correlation",
    ),
    Claim(
        "shallow-correlates",
        "Abstract",
        "Shallower layer accuracy is strongly correlated with overall model accuracy.",
        "The least |Pearson| among layers 1 to 4; above 0.7 is strong.",
        lambda e: _pearson(e)[:, :FIRST].min(axis=1),
        low=STRONG,
        chapter="rq2_correlation",
    ),
    Claim(
        "shallow-correlates-more",
        "Section 7",
        "Shallower layers may more strongly correlate with overall accuracy than deeper ones.",
        "|Pearson| of layers 1 to 16 minus that of layers 17 to 32, means.",
        lambda e: _pearson(e)[:, :HALF].mean(axis=1) - _pearson(e)[:, HALF:].mean(axis=1),
        low=0,
        chapter="rq2_correlation",
    ),
)


def verdicts(records: Records, bootstrap: Bootstrap = Bootstrap()) -> pd.DataFrame:
    """Decide every claim of the paper.

    Parameters
    ----------
    records
        Measurements of networks of 32 layers, of one or both widths.
    bootstrap
        How seeds are resampled.

    Returns
    -------
    DataFrame
        A row for each claim and width: key, where, statement, estimand, width ("100", "1000" or
        "1000 - 100"), value, low, high, seeds, verdict, rejected (by the paper itself), paper
        ("agrees" or "differs", empty without a decision), chapter. A claim that compares widths
        is "not measured" unless both are there.
    """
    found = dict(evidence(records, bootstrap))
    rows = []
    for claim in CLAIMS:
        for width, counts, draws in _measure(claim, found):
            value, (low, high) = draws[0], bootstrap.interval(draws[1:])
            verdict = claim.verdict(float(low), float(high))
            if 0 < min(counts) < FEWEST:
                verdict = "too few seeds"
            rows.append(
                {
                    "key": claim.key,
                    "where": claim.where,
                    "statement": claim.statement,
                    "estimand": claim.estimand,
                    "width": width,
                    "value": float(value),
                    "low": float(low),
                    "high": float(high),
                    "seeds": " and ".join(map(str, counts)),
                    "verdict": verdict,
                    "rejected": claim.rejected,
                    "paper": claim.agreement(verdict),
                    "chapter": claim.chapter,
                }
            )
    return pd.DataFrame(rows)


def _measure(
    claim: Claim, found: dict[int, Evidence]
) -> Iterator[tuple[str, list[int], np.ndarray]]:
    """Width, seeds of each width, and the draws of a claim's number."""
    if claim.widths is None:
        for width, own in found.items():
            yield str(width), [own.seeds], claim.measure(own)
        return
    narrow, wide = claim.widths
    if narrow in found and wide in found:
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            draws = claim.measure(found[wide]) - claim.measure(found[narrow])
        seeds = [found[narrow].seeds, found[wide].seeds]
    else:
        draws, seeds = np.full(2, np.nan), [0]
    yield f"{wide} - {narrow}", seeds, draws
