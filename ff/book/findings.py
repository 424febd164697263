"""What one finds, in a minute: every number and every word follows from records.

README and the book's first page show the same sentences.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import MINUS, NBSP, Html, layer_numbers, listed
from ff.book.pages import image_set
from ff.book.verdicts import decided
from ff.config import Config
from ff.records import Records
from ff.stats.claims import verdicts
from ff.stats.correlation import pooled, within_epoch
from ff.stats.delay import TARGET, mean_delay

__all__ = ["findings", "in_a_minute"]

NAMED = (1, 16)  # layers whose epoch is told
FEW = 10  # fewest seeds between which a correlation of usual size could be seen
LISTED = 3  # most verdicts that are told one by one
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
    """

    key: str
    yes: str
    no: str


LATER = Finding(
    "delay-every-doubling",
    "deeper layers learn later than shallower ones",
    "deeper layers do not always learn later than shallower ones",
)
CONSTANT = Finding(
    "constant-change",
    "each further layer adds about the same delay",
    "further layers do not all add the same delay",
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
)


def findings(records: Records, varied: Mapping[str, Records]) -> dict[str, tuple[str, str]]:
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
        By the words that head it, in the order of reading, each finding in a sentence or two, and
        the numbers behind it, both plain text.
    """
    table, delays = verdicts(records), mean_delay(records.layers)
    others = {name: varied[name] for name in TABLE_1 if name in varied}
    return {
        "The paper asks": (
            "when each layer of a Forward-Forward network learns, and whether a layer's accuracy "
            "goes along with the whole network's.",
            _measured(records),
        ),
        "Delay.": (
            f"{_told(LATER, table)} {_told(CONSTANT, table)}",
            _joined(
                _numbers(table, "rq1-h1", "Epochs that a further layer adds: {}", ends=True),
                _delays(delays),
                _numbers(
                    table,
                    "constant-change",
                    "Delay per layer in the deeper half over that in the shallower half: {}",
                ),
            ),
        ),
        "Correlation.": (
            f"{_told(CORRELATED, table)} {_told(RANKED, table)}",
            _joined(
                _falls(records),
                _numbers(table, "spearman-strong", "Weakest layer's |ρ|: {}"),
            ),
        ),
        "Without shared progress.": _within(records, table),
        "What differs from the paper.": (
            _differs(records),
            _joined(_seeds_of_the_paper(records), _same(table, others)),
        ),
    }


def in_a_minute(found: dict[str, tuple[str, str]]) -> Html:
    """The findings as the first thing on the book's first page.

    Parameters
    ----------
    found
        Result of `findings`.
    """
    paragraphs = (
        f"<p><b>{escape(head)}</b> {escape(text)} <small>{escape(numbers)}</small></p>"
        for head, (text, numbers) in found.items()
    )
    return Html(f'<div class="ff-minute">{"".join(paragraphs)}</div>')


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _measured(records: Records) -> str:
    """What was trained here."""
    epochs, depth = int(np.max(records.layers["epoch"])), records.readouts["depth"].max()
    sets = {run["config"]["dataset"] for run in records.runs}
    names = listed(sorted(map(image_set, sets or ["data"])))
    return (
        f"Measured on {names} over {epochs} epoch{'s' if epochs > 1 else ''}, in networks of "
        f"{depth} layers: {_seeds(records.layers)} (units in a layer). Brackets: 95{NBSP}% "
        "intervals over seeds."
    )


def _differs(records: Records) -> str:
    """Which choices depart from the paper's Table 1, which follow the public implementation."""
    configs = [run["config"] for run in records.runs] or [Config().model_dump()]
    momenta = sorted({config["peer_momentum"] for config in configs} - {0.09})
    said = [f"the momentum of peer normalization is {m} (0.09 in Table 1)" for m in momenta]
    if any(config["cool_down"] for config in configs):
        said.append("learning rates fall in the second half of the epochs (constant in Table 1)")
    both = "; following the table in both at once was not tried" if len(said) > 1 else ""
    return f"As in the public implementation, {listed(said)}{both}." if said else "No setting."


def _seeds_of_the_paper(records: Records) -> str:
    """How many seeds the paper has, beside ours."""
    own = set(records.layers.groupby("hidden")["seed"].nunique())
    compared = "as many as here" if own == {30} else "not as many as here"
    return f"Seeds of the paper: 30, {compared}, but 10 by the caption of its Figure 2."


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
        text = {
            "supported": finding.yes,
            "not supported": finding.no,
            "undecided": f"it is open whether {finding.yes}",
        }.get(decision, f"it is open whether {finding.yes} ({decision})")
        text = f"at width {widths}, {text}" if len(verdict) > 1 else text
        text += PAPER.get(own["paper"].iloc[0], "")
        sentences.append(f"{text[0].upper()}{text[1:]}.")
    return " ".join(sentences)


def _numbers(table: pd.DataFrame, key: str, said: str, *, ends: bool = False) -> str:
    """A claim's number at each width, put into a sentence; empty where there is no interval."""
    rows = table.loc[(table["key"] == key) & np.isfinite(table["low"])].to_dict("records")
    shown = [
        f"{_with_ends(row) if ends else _number(row['value'])} at width {row['width']}"
        for row in rows
    ]
    return f"{said.format(listed(shown))}." if shown else ""


def _with_ends(row: Mapping[Any, Any]) -> str:
    """A claim's number and its interval."""
    return f"{_number(row['value'])} [{_number(row['low'])}, {_number(row['high'])}]"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", MINUS)


def _delays(delays: pd.DataFrame) -> str:
    """When some layers of each width reach the target, and which do not."""
    parts = []
    for width, own in delays.groupby("hidden"):
        late = own.loc[own["censored"], "layer"]
        named = own.loc[~own["censored"] & own["layer"].isin(NAMED)].to_dict("records")
        told = [f"in epoch {row['epoch']:.0f} by layer {row['layer']}" for row in named]
        told += [f"never by {layer_numbers(late)}"] if len(late) else []
        parts.append(f"at width {width} {listed(told) if len(late) < len(own) else 'by no layer'}")
    return f"An accuracy of {TARGET} is reached {'; '.join(parts)}."


def _falls(records: Records) -> str:
    """Pearson's r over all pairs in the first and in the last layer."""
    depth = records.readouts["depth"].max()
    table = pooled(records.layers, records.readouts.loc[records.readouts["depth"] == depth])
    parts = []
    for width, own in table.loc[table["coefficient"] == "pearson"].groupby("hidden"):
        first, last = own["r"].iloc[[0, -1]]
        if np.isfinite(first) and np.isfinite(last):
            where = ("", "") if parts else (" in layer 1", f" in layer {depth}")
            ends = f"{_number(first)}{where[0]} and {_number(last)}{where[1]}"
            parts.append(f"{ends} at width {width}")
    return f"Over all seeds and epochs, Pearson's r is {'; '.join(parts)}." if parts else ""


def _within(records: Records, table: pd.DataFrame) -> tuple[str, str]:
    """What correlation is left among the seeds of one epoch: on average, and in which layers."""
    depth = records.readouts["depth"].max()
    networks = within_epoch(records.layers, records.readouts).query("coefficient == 'pearson'")
    alone = networks.loc[networks["depth"] == depth]
    rows = table.loc[(table["key"] == "within-epoch") & np.isfinite(table["low"])]
    held = [row["low"] <= 0 <= row["high"] for row in rows.to_dict("records")]
    if not held:
        left = "too few seeds tell whether any of it is left"
    elif all(held):
        left = "none of it can be seen any more, on average over the layers"
    elif any(held):
        left = "it depends on the width whether any of it is left"
    else:
        left = "some of it is left, on average over the layers"
    layers = listed(_left(own) for _, own in alone.groupby("hidden"))
    return (
        "Both accuracies rise as training goes on, and any two curves that rise correlate. Among "
        f"networks at the same epoch, {left}.",
        _joined(
            _numbers(table, "within-epoch", "Mean r of the layers: {}", ends=True),
            f"Layer by layer, uncorrected, r is {layers}.",
            _greatest_mean(networks.loc[networks["depth"] < depth]),
        ),
    )


def _greatest_mean(table: pd.DataFrame) -> str:
    """In which of these networks most of a correlation is left, as the mean over its layers."""
    means: Any = table.groupby(["hidden", "depth"])["r"].mean()
    if means.isna().all():
        return ""
    width, most = means.idxmax()
    most = f"{_number(means.max())} in {most} layers of {width} units"
    return f"Greatest mean of a shallower network: {most}."


def _left(rows: pd.DataFrame) -> str:
    width, count = rows[["hidden", "seeds"]].iloc[0]
    parts = []
    for sign, own in (
        ("above 0", rows.loc[rows["low"] > 0]),
        ("below 0", rows.loc[rows["high"] < 0]),
    ):
        if len(own):
            ends = dict.fromkeys([_number(own["r"].min()), _number(own["r"].max())])
            parts.append(f"{sign} in {layer_numbers(own['layer'])} ({' to '.join(ends)})")
    if not parts:
        few = f" that {count} seed{'s' if count > 1 else ''} could show" if count < FEW else ""
        return f"at width {width} not apart from 0 in any layer{few}"
    return f"at width {width} {listed(parts)}"


def _same(table: pd.DataFrame, others: Mapping[str, Records]) -> str:
    """How many verdicts stay in other trainings, of those that were reached in both."""
    one, parts, opposite = decided(table.loc[table["stance"] != "silent"]), [], 0
    changed: dict[tuple[str, str], list[str]] = {}  # what is said of a verdict, by training
    for name, records in others.items():
        other = decided(verdicts(records))
        both = {
            index: (row, other[index]["verdict"]) for index, row in one.items() if index in other
        }
        if not both:
            continue
        stay = sum(row["verdict"] == there for row, there in both.values())
        parts.append(f"{stay} of {len(both)} verdicts stay the same with {name}")
        for (_, width), (row, there) in both.items():
            if row["verdict"] != there:
                opposite += "undecided" not in (row["verdict"], there)
                what = f"“{row['statement'].rstrip('.')}” ({row['verdict']} at width {width})"
                changed.setdefault((what, there), []).append(name)
    if not parts:
        return ""
    turned = f"{opposite or 'none'} {'are' if opposite > 1 else 'is'} the opposite"
    told = [
        f" {what} is {there} with {' and with '.join(names)}."
        for (what, there), names in changed.items()
    ]
    return f"{listed(parts)}; {turned}.{''.join(told) if len(told) <= LISTED else ''}"
