"""What one finds, in a minute: every number and every word follows from records.

README and the book's first page show the same sentences.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import MINUS, Html, layer_numbers, listed
from ff.book.verdicts import decided
from ff.records import Records
from ff.stats.claims import verdicts
from ff.stats.correlation import pooled, within_epoch
from ff.stats.delay import TARGET, mean_delay

__all__ = ["findings", "in_a_minute"]

NAMED = (1, 16)  # layers whose epoch is told
FEW = 10  # fewest seeds between which a correlation of usual size could be seen
NBSP = "\N{NO-BREAK SPACE}"
TABLE_1 = ("momentum 0.09", "constant rates")  # what the public implementation does otherwise
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
    "each further layer adds about the same delay",
    "further layers do not all add the same delay",
    "in the deeper half it is {} times as long",
)
CORRELATED = Finding(
    "pearson-weakens",
    "deeper layers correlate less with the whole network's accuracy",
    "deeper layers do not correlate less with the whole network's accuracy",
)
RANKED = Finding(
    "spearman-strong",
    "by rank (Spearman) every layer correlates strongly",
    "by rank (Spearman) not every layer correlates strongly",
    "|ρ| is at least {}",
)


def findings(records: Records, varied: Mapping[str, Records]) -> dict[str, str]:
    """What the paper asks, what the measurements show, and what is done otherwise here.

    Parameters
    ----------
    records
        Measurements of networks of 32 layers, of one or both widths.
    varied
        The same, with one thing of the training changed, by what that is: result of
        `ff.results.variations`. Told are those that follow the paper's Table 1 where `records`
        follow the public implementation.

    Returns
    -------
    dict
        Paragraphs of plain text by the words that head them, in the order of reading.
    """
    table, delays = verdicts(records), mean_delay(records.layers)
    return {
        "The paper asks": "when each layer of a Forward-Forward network learns, and whether a "
        f"layer's accuracy goes along with the whole network's. Here {_seeds(records.layers)} "
        f"(units in a layer) are trained on MNIST for {delays['last_epoch'].max()} epochs.",
        "Delay.": f"{_told(LATER, table)} {_delays(delays)} {_told(CONSTANT, table)}",
        "Correlation.": f"{_told(CORRELATED, table)}{_falls(records)} {_told(RANKED, table)}",
        "Without shared progress.": _within(records, table),
        "What differs from the paper.": "As in the public implementation, the momentum of peer "
        "normalization is 0.9 (0.09 in Table 1), and learning rates fall in the second half of the "
        "epochs (constant in Table 1)."
        + _same(table, {name: varied[name] for name in TABLE_1 if name in varied}),
    }


def in_a_minute(found: dict[str, str]) -> Html:
    """The findings as the first thing on the book's first page.

    Parameters
    ----------
    found
        Result of `findings`.
    """
    paragraphs = (f"<p><b>{escape(head)}</b> {escape(text)}</p>" for head, text in found.items())
    return Html(f'<div class="ff-minute">{"".join(paragraphs)}</div>')


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
            decision,
            f"it is open whether {finding.yes}"
            + (f" ({decision})" if decision != "undecided" else ""),
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
    """When some layers of each width reach the target, and which do not."""
    parts = []
    for width, own in delays.groupby("hidden"):
        late = own.loc[own["censored"], "layer"]
        named = own.loc[~own["censored"] & own["layer"].isin(NAMED)].to_dict("records")
        told = [f"in epoch {row['epoch']:.0f} by layer {row['layer']}" for row in named]
        told += [f"not by {layer_numbers(late)}"] if len(late) else []
        parts.append(f"at width {width} {listed(told)}")
    return f"An accuracy of {TARGET} is reached {'; '.join(parts)}."


def _falls(records: Records) -> str:
    """Pearson's r over all pairs in the first and in the last layer, after the claim."""
    depth = records.readouts["depth"].max()
    table = pooled(records.layers, records.readouts.loc[records.readouts["depth"] == depth])
    parts = []
    for width, own in table.loc[table["coefficient"] == "pearson"].groupby("hidden"):
        first, last = own["r"].iloc[[0, -1]]
        if np.isfinite(first) and np.isfinite(last):
            where = ("", "") if parts else (" in layer 1", f" in layer {depth}")
            ends = f"{_number(first)}{where[0]} and {_number(last)}{where[1]}"
            parts.append(f"{ends} at width {width}")
    return f" Over all seeds and epochs, Pearson's r is {'; '.join(parts)}." if parts else ""


def _within(records: Records, table: pd.DataFrame) -> str:
    """What correlation is left among the seeds of one epoch: on average, and in which layers."""
    depth = records.readouts["depth"].max()
    deepest = records.readouts.loc[records.readouts["depth"] == depth]
    alone = within_epoch(records.layers, deepest).query("coefficient == 'pearson'")
    mean = table.loc[(table["key"] == "within-epoch") & np.isfinite(table["low"])]
    text = "Both accuracies rise as training goes on, and any two curves that rise correlate."
    if len(mean):
        parts = listed(
            f"{_number(row['value'])} [{_number(row['low'])}, {_number(row['high'])}] at width "
            f"{row['width']}"
            for row in mean.to_dict("records")
        )
        text += (
            f" Among networks at the same epoch, the mean r of the layers is {parts} "
            f"(95{NBSP}% intervals)."
        )
    return (
        f"{text} Layer by layer, some is left (interval without 0) "
        f"{listed(_left(own) for _, own in alone.groupby('hidden'))}."
    )


def _left(rows: pd.DataFrame) -> str:
    width, count = rows[["hidden", "seeds"]].iloc[0]
    left = rows.loc[(rows["low"] > 0) | (rows["high"] < 0)]
    if not len(left):
        few = f" that {count} seed{'s' if count > 1 else ''} could show" if count < FEW else ""
        return f"at width {width} in no layer{few}"
    ends = dict.fromkeys([_number(left["r"].min()), _number(left["r"].max())])
    return f"at width {width} in {layer_numbers(left['layer'])} (r = {' to '.join(ends)})"


def _same(table: pd.DataFrame, others: Mapping[str, Records]) -> str:
    """How many verdicts stay in other trainings, of those that were reached in both."""
    one, parts, opposite = decided(table), [], 0
    for name, records in others.items():
        other = decided(verdicts(records))
        both = [(one[index]["verdict"], other[index]["verdict"]) for index in one if index in other]
        if both:
            stay = f"{sum(x == y for x, y in both)} of {len(both)} verdicts"
            parts.append(f"{stay} stay the same with {name}")
            opposite += sum(x != y and "undecided" not in (x, y) for x, y in both)
    if not parts:
        return ""
    turned = f"{opposite or 'none'} {'are' if opposite > 1 else 'is'} the opposite"
    return f" {listed(parts)}; {turned}."
