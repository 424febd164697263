"""Variants of the training: with what each is compared, and what they change, in a sentence."""

from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import MINUS, Html, listed, number
from ff.book.study import LEVEL, direction, elsewhere, label, signs
from ff.config import Config
from ff.records import Records
from ff.stats.study import LAYERS

__all__ = [
    "BEST",
    "answer",
    "chosen",
    "in_short",
    "named",
    "not_compared",
    "pairs",
    "undecided",
]

# The paper's network at its own best learning rate on the grid.
BEST = "learning-rate-3x"
LONGER = "-60-epochs"  # ends the name of a run that was trained for longer
DIRECTIONS = {  # of a test, by what may stand for it: what a smaller and a greater one is called
    ("delay", "pair delay"): ("less delay per layer", "more delay per layer"),
    ("readout",): ("a less accurate readout", "a more accurate readout"),
}
LEARNED = 0.55  # pair accuracy from which a layer has left chance
SETTINGS = {
    "learning_rate": "learning rate",
    "threshold": "threshold",
    "temperature": "temperature",
}
KINDS = {"delay": "", "pair delay": "by pairs "}  # of delay per layer, with words for each


def pairs(
    records: Mapping[str, Records], names: Collection[str], tuned: Collection[str]
) -> dict[str, tuple[Records, Records]]:
    """Each variant that has learned something, and what it is compared with.

    A run of which no layer tells positive from negative samples, not even the first, is left out if
    the other one's do: what a readout finds in random layers says nothing of the variant.

    Parameters
    ----------
    records
        Of the study, by name.
    names
        The variants, in the order of the tables.
    tuned
        Those whose learning rate was chosen: they are compared with the paper's network at its own
        best rate, the others with the paper's network. Where both were trained for 60 epochs, too,
        since the variant is slow, they are compared after these.
    """
    base = dict.fromkeys(names, "paper") | dict.fromkeys(tuned, BEST)
    found = {}
    for name in names:
        for end in ("", LONGER):
            own, other = (records.get(one + end) for one in (name, base[name]))
            if own and other and (_learns(own) or not _learns(other)):
                found[name] = own, other
    return found


def _learns(records: Records) -> bool:
    """Whether a layer leaves chance by pairs in the end, mean over seeds."""
    return bool(_learned(records).any())


def _learned(records: Records) -> np.ndarray:
    """Of each layer, whether it leaves chance by pairs in the end, mean over seeds."""
    rows: Any = records.layers
    last: Any = rows[rows["epoch"] == rows["epoch"].max()].groupby("layer")["pair_accuracy"]
    return last.mean().to_numpy() >= LEARNED


def named(pairs: Mapping[str, tuple[Records, Records]], tuned: Collection[str]) -> dict[str, str]:
    """Words for each variant: a star where its rate was chosen, its epochs where there are more.

    Parameters
    ----------
    pairs
        Result of `pairs`.
    tuned
        As of `pairs`.
    """
    found = {}
    for name, (own, _) in pairs.items():
        epochs = own.runs[0]["config"]["epochs"]
        longer = f" ({epochs} epochs)" if epochs > Config().epochs else ""
        found[name] = label(name) + " *" * (name in tuned) + longer
    return found


def chosen(pairs: Mapping[str, tuple[Records, Records]]) -> dict[str, str]:
    """What was chosen for each variant besides its change, where it differs from the base."""
    found = {}
    for name, both in pairs.items():
        own, base = (records.runs[0]["config"] for records in both)
        said = [
            f"{words} {number(own[key])} instead of {number(base[key])}"
            for key, words in SETTINGS.items()
            if own[key] != base[key] and not name.startswith(words.replace(" ", "-"))
        ]
        found[name] = ", ".join(said)
    return found


def answer(
    study: pd.DataFrame,
    names: Mapping[str, str],
    pairs: Mapping[str, tuple[Records, Records]],
) -> str:
    """What lowers the delay per layer, and whether what helps the readout does so, as HTML.

    Parameters
    ----------
    study, names, pairs
        As of `in_short`.
    """
    delay, readout = (_sure(study, measures) for measures in DIRECTIONS)
    lower = delay[delay["difference"] < 0]
    less, more = (set(delay.loc[delay["difference"] * sign > 0, "variant"]) for sign in (-1, 1))
    better = set(readout.loc[readout["difference"] > 0, "variant"])
    which = [
        escape(names[row["variant"]]) + _sizes(study, row, pairs)
        for row in lower.to_dict("records")
    ]
    return (
        f"<b>{len(which) or 'None'} of {len(set(study['variant']))} changes lower the delay that "
        f"each further layer adds, and {len(more) or 'none'} raise it.</b> "
        + (f"Those that lower it, with epochs per layer: {listed(which)}. " if which else "")
        + f"Of the {len(better)} changes that make the readout more accurate, "
        f"{len(better & less) or 'none'} lower the delay per layer and "
        f"{len(better & more) or 'none'} raise it."
    )


def _sure(study: pd.DataFrame, measures: Sequence[str]) -> Any:
    """Tests of these measures that remain after Holm's correction."""
    return study[study["measure"].isin(measures) & (study["p_holm"] < LEVEL)]


def in_short(
    study: pd.DataFrame,
    names: Mapping[str, str],
    pairs: Mapping[str, tuple[Records, Records]],
    of: int,
) -> Html:
    """Which variants differ from the paper's network, and in what.

    Parameters
    ----------
    study
        Result of `ff.stats.study.study`.
    names
        Words for each variant (`named`).
    pairs
        Result of `pairs`: a readout of which not all layers have learned says how many have.
    of
        Number of variants that there are predictions for.
    """
    items = []
    for measures, words in DIRECTIONS.items():
        sure = _sure(study, measures)
        less = sure["difference"] < 0
        for word, chosen in zip(words, (less, ~less), strict=True):
            found = [
                escape(names[row["variant"]]) + _sizes(study, row, pairs)
                for row in sure[chosen].to_dict("records")
            ]
            if found:
                items.append(f"<b>{word}</b>: {listed(found)}")
    items += _incomplete(study, names)
    measured = len(study["variant"].unique())
    shown = "".join(f"<li>{item}</li>" for item in items) or "<li>nothing</li>"
    starred = any("*" in name for name in names.values())
    star = " (with a *: from that at three times its learning rate)" * starred
    return Html(
        f"<p>{measured} of {of} variants have a result. These differ from the paper's network"
        f"{star}, after Holm's correction over two tests of all {of}; in parentheses, by how many "
        f"epochs per layer, or points of accuracy:</p><ul>{shown}</ul>"
    )


def not_compared(
    expected: Collection[str], known: Collection[str], records: Collection[str]
) -> str:
    """Variants without a result, and why, in a sentence.

    Parameters
    ----------
    expected
        All that there should be.
    known
        Those that are compared.
    records
        Those that were trained.
    """
    absent = [name for name in expected if name not in known]
    asleep = [label(name) for name in absent if name in records]
    missing = [label(name) for name in absent if name not in records]
    said = []
    if asleep:
        said.append(f"Left out, since no layer learns, not even the first: {listed(asleep)}.")
    if missing:
        said.append(f"Not measured, or diverged in every seed: {listed(missing)}.")
    return " ".join(said) or "No variant is left out."


def undecided(study: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Variants of which neither test differs after Holm, in a sentence.

    Parameters
    ----------
    study, names
        As of `in_short`.
    """
    sure = {name for measures in DIRECTIONS for name in _sure(study, measures)["variant"]}
    rest = [names[name] for name in names if name not in sure]
    if not rest:
        return "Every variant differs from the network that it is compared with."
    return (
        f"{len(rest)} of {len(names)} variants are not told apart from the network that they are "
        f"compared with: {listed(rest)}."
    )


def _incomplete(study: pd.DataFrame, names: Mapping[str, str]) -> list[str]:
    """Layers that do not arrive, and seeds that have diverged, which are not tested."""
    every = study["seeds"].max()
    seeds: Any = study.groupby("variant", sort=False)["seeds"].first()
    arrive: Any = study[study["measure"] == "layers"].set_index("variant")
    count = LAYERS[1] - LAYERS[0] + 1
    fewer = f"<b>fewer layers that reach 0.7</b> (how many of {count}, on average; not tested)"
    lost = f"<b>seeds that have diverged</b> and are left out (how many of {every})"
    counts = {fewer: arrive.loc[arrive["high"] < 0, "own"], lost: every - seeds[seeds < every]}
    return [
        f"{words}: {listed(f'{escape(names[name])} ({number(n)})' for name, n in found.items())}"
        for words, found in counts.items()
        if len(found)
    ]


def _sizes(
    study: pd.DataFrame, row: Mapping[str, Any], pairs: Mapping[str, tuple[Records, Records]]
) -> str:
    """What to know of a test's difference: how large it is, and where it is the other way round."""
    if row["measure"] == "readout":
        said = [f"{100 * row['difference']:+.2g} points".replace("-", MINUS)]
        said += ["too small to matter"] if direction(row) == "same" else []
        learned = _learned(pairs[row["variant"]][0]) if row["variant"] in pairs else np.ones(1)
        if not learned.all():
            said.append(f"{learned.sum():.0f} of {len(learned)} layers learn")
        return f" ({', '.join(said)})"
    own: Any = study[study["variant"] == row["variant"]].set_index("measure")
    known = {name: own.loc[name, "difference"] for name in KINDS if name in own.index}
    sign = signs(study, row["variant"])
    sizes = [
        f"{KINDS[name]}{value:+.2g}"
        + (", which may be 0" if name == "pair delay" and not sign[name] else "")
        for name, value in known.items()
        if np.isfinite(value)
    ]
    other = elsewhere(study, row)
    turned = f"; {other}" if other else ""
    if sign.get("wait") == -np.sign(row["difference"]):
        wait = own.loc["wait", "difference"]
        turned += (
            f"; but layers arrive {number(abs(wait))} epochs {'later' if wait > 0 else 'sooner'}"
        )
    return f" ({', '.join(sizes).replace('-', MINUS)}{turned})"
