"""What one finds, in sentences for README: every number and every word follows from records."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import MINUS, layer_numbers, listed
from ff.book.verdicts import decided
from ff.records import Records
from ff.stats.claims import verdicts
from ff.stats.correlation import within_epoch
from ff.stats.delay import TARGET, mean_delay

__all__ = ["findings"]

NAMED = (1, 8, 16, 32)  # layers whose epoch is told
FEW = 10  # fewest seeds between which a correlation of usual size could be seen
NBSP = "\N{NO-BREAK SPACE}"
PAPER = {"agrees": ", as the paper says", "differs": ", contrary to the paper"}


@dataclass(frozen=True)
class Finding:
    """A claim in plain words.

    Attributes
    ----------
    key
        The claim's, in `ff.stats.claims`.
    yes, no
        What is so if the claim is supported, and if it is not.
    number
        What the claim's number says, with ``{}`` in its place; empty to leave it out.
    """

    key: str
    yes: str
    no: str
    number: str = ""


LATER = Finding(
    "delay-every-doubling",
    "deeper layers learn later than shallower ones",
    "deeper layers do not always learn later than shallower ones",
)
CONSTANT = Finding(
    "constant-change",
    "the delay per layer is about the same at every depth",
    "the delay per layer is not the same at every depth",
    f"among the layers that reach {TARGET}, a further one costs {{}} times as many epochs in the "
    "deeper half as in the shallower half",
)
WIDER_SHALLOW = Finding(
    "width-shallow",
    "shallow layers learn earlier at width 1000 than at width 100",
    "shallow layers do not learn earlier at width 1000 than at width 100",
)
WIDER_DEEP = Finding(
    "width-deep",
    "deep layers learn later at width 1000 than at width 100",
    "deep layers do not learn later at width 1000 than at width 100",
)
CORRELATED = Finding(
    "pearson-weakens",
    "deeper layers correlate less with the whole network's accuracy than shallower ones",
    "deeper layers do not correlate less with the whole network's accuracy than shallower ones",
)
RANKED = Finding(
    "spearman-strong",
    "by rank every layer correlates strongly with it",
    "by rank not every layer correlates strongly with it",
    "Spearman's |ρ| is at least {}",
)


def findings(records: Records, others: dict[str, Records]) -> list[str]:
    """Paragraphs that say what the measurements show, and what of it is as in the paper.

    Parameters
    ----------
    records
        Measurements of networks of 32 layers, of one or both widths.
    others
        The same, trained as the paper's Table 1 says where `records` follow the public
        implementation, by what is different.
    """
    table, delays = verdicts(records), mean_delay(records.layers)
    decisions = decided(table)
    return [
        f"With {_seeds(records.layers)} (units in each layer), trained on MNIST for "
        f"{delays['last_epoch'].max()} epochs:",
        " ".join([_told(LATER, table), *(_delays(own) for _, own in delays.groupby("hidden"))]),
        _told(CONSTANT, table),
        f"{_told(WIDER_SHALLOW, table)} {_told(WIDER_DEEP, table)}",
        f"{_told(CORRELATED, table)} {_told(RANKED, table)}",
        _within(records),
        "Two choices follow the public implementation, not Table 1: 0.9 as the momentum of peer "
        "normalization, and learning rates that fall in the second half of the epochs."
        + "".join(_same(decisions, name, other) for name, other in others.items()),
    ]


def _seeds(layers: pd.DataFrame) -> str:
    """How many seeds a table of layers has, such as "30 seeds at width 100"."""
    counts: Any = layers.groupby("hidden")["seed"].nunique()
    return listed(f"{n} seed{'s' if n > 1 else ''} at width {width}" for width, n in counts.items())


def _told(finding: Finding, table: pd.DataFrame) -> str:
    """One sentence if all widths have the same verdict, else one for each verdict."""
    verdict: Any = table.loc[table["key"] == finding.key].groupby("verdict", sort=False)
    sentences = []
    for decision, own in verdict:  # of one width, or of several
        widths = listed(own["width"])
        text = {"supported": finding.yes, "not supported": finding.no}.get(
            decision, f"it is open whether {finding.yes} ({decision})"
        )
        text = f"at width {widths}, {text}" if len(verdict) > 1 else text
        text += PAPER.get(own["paper"].iloc[0], "")
        if finding.number and np.isfinite(own["value"]).all():
            text += f": {finding.number.format(_numbers(own))}"
        sentences.append(f"{text[0].upper()}{text[1:]}.")
    return " ".join(sentences)


def _numbers(rows: pd.DataFrame) -> str:
    """The number of each width, which is named if there are several."""
    if len(rows) == 1:
        return _number(rows["value"].item())
    return listed(
        f"{_number(value)} (width {width})"
        for value, width in zip(rows["value"], rows["width"], strict=True)
    )


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", MINUS)


def _delays(delays: pd.DataFrame) -> str:
    there = delays.loc[~delays["censored"]]
    parts = [
        f"in epoch {row['epoch']:.0f} by layer {row['layer']}"
        for row in there.loc[there["layer"].isin(NAMED)].to_dict("records")
    ]
    if len(there) < len(delays):
        missing = layer_numbers(delays.loc[delays["censored"], "layer"])
        parts.append(f"not within the run by {missing}")
    width = delays["hidden"].iloc[0]
    if not len(there):
        return f"At width {width}, no layer reaches an accuracy of {TARGET} within the run."
    return f"At width {width}, an accuracy of {TARGET} is reached {listed(parts)}."


def _within(records: Records) -> str:
    """Where a correlation is left among the seeds of one epoch."""
    depth = records.readouts["depth"].max()
    deepest = records.readouts.loc[records.readouts["depth"] == depth]
    table = within_epoch(records.layers, deepest)
    pearson = table.loc[table["coefficient"] == "pearson"]
    return (
        "A layer's accuracy and the network's both rise as training goes on, and any two curves "
        "that rise correlate. Among the seeds of one epoch, a correlation is left "
        f"(95{NBSP}% interval without 0, each layer taken alone) "
        f"{listed(_left(own) for _, own in pearson.groupby('hidden'))}."
    )


def _left(rows: pd.DataFrame) -> str:
    width, count = rows[["hidden", "seeds"]].iloc[0]
    left = rows.loc[(rows["low"] > 0) | (rows["high"] < 0)]
    if not len(left):
        few = f" that {count} seed{'s' if count > 1 else ''} could show" if count < FEW else ""
        return f"at width {width} in no layer{few}"
    ends = dict.fromkeys([_number(left["r"].min()), _number(left["r"].max())])
    return f"at width {width} in {layer_numbers(left['layer'])} (r = {' to '.join(ends)})"


def _same(one: dict[Any, Any], name: str, records: Records) -> str:
    """How many verdicts stay in another training, of those that were reached in both."""
    other = decided(verdicts(records))
    both = [(one[index]["verdict"], other[index]["verdict"]) for index in one if index in other]
    if not both:
        return ""
    same = sum(x == y for x, y in both)
    opposite = sum(x != y and "undecided" not in (x, y) for x, y in both)
    return (
        f" With {name} ({_seeds(records.layers)}), {same} of {len(both)} verdicts are the same, "
        f"and {opposite or 'none'} {'are' if opposite > 1 else 'is'} the opposite."
    )
