"""Variants of the training: with what each is compared, and what they change, in a sentence."""

from collections.abc import Collection, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import MINUS, Html, listed, number
from ff.book.study import LEVEL, label
from ff.book.summary.shared import sign_of
from ff.records import Records
from ff.stats.study import LAYERS

__all__ = ["BEST", "in_short", "pairs"]

# The paper's network at its own best learning rate on the grid.
BEST = "learning-rate-3x"
LONGER = "-60-epochs"  # ends the name of a run that was trained for longer
WORDS = {  # of a test, by what may stand for it: what a smaller and a greater one is called
    ("delay", "pair delay"): ("less delay per layer", "more delay per layer"),
    ("readout",): ("a less accurate readout", "a more accurate readout"),
}
# Where a slope may differ the other way, and what that is called.
ELSEWHERE = {
    "shallow delay": "in layers 2 to 9",
    "deep delay": "in layers 9 to 16",
    "delay at 0.8": "at target 0.8",
}
KINDS = {"delay": "", "pair delay": "by pairs "}  # of delay per layer, with words for each


def pairs(
    records: Mapping[str, Records], names: Collection[str], tuned: Collection[str]
) -> dict[str, tuple[Records, Records]]:
    """Each variant that was measured, and what it is compared with.

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
            if {name + end, base[name] + end} <= records.keys():
                found[name] = records[name + end], records[base[name] + end]
    return found


def in_short(study: pd.DataFrame, of: int) -> Html:
    """Which variants differ from the paper's network, and in what.

    Parameters
    ----------
    study
        Result of `ff.stats.study.study`.
    of
        Number of variants that there are predictions for.
    """
    items = []
    for measures, words in WORDS.items():
        sure: Any = study[study["measure"].isin(measures) & (study["p_holm"] < LEVEL)]
        less = sure["difference"] < 0
        for word, chosen in zip(words, (less, ~less), strict=True):
            names = sure.loc[chosen, "variant"]
            found = [
                escape(label(name)) + (_sizes(study, name) if "delay" in measures else "")
                for name in names
            ]
            if found:
                items.append(f"{word}: {listed(found)}")
    items += _incomplete(study)
    measured = len(study["variant"].unique())
    shown = "".join(f"<li>{item}</li>" for item in items) or "<li>nothing</li>"
    return Html(
        f"<p>{measured} of {of} variants are measured. What differs from the paper's network, "
        f"after Holm's correction over two tests of all {of}:</p><ul>{shown}</ul>"
    )


def _incomplete(study: pd.DataFrame) -> list[str]:
    """Layers that do not arrive, and seeds that have diverged, which are not tested."""
    every = study["seeds"].max()
    seeds: Any = study.groupby("variant", sort=False)["seeds"].first()
    arrive: Any = study[study["measure"] == "layers"].set_index("variant")
    fewer = f"fewer layers that reach 0.7 (of {LAYERS[1] - LAYERS[0] + 1}; not tested)"
    lost = f"seeds that have diverged and are left out (of {every})"
    counts = {fewer: arrive.loc[arrive["high"] < 0, "own"], lost: every - seeds[seeds < every]}
    return [
        f"{words}: {listed(f'{escape(label(name))} ({number(n)})' for name, n in found.items())}"
        for words, found in counts.items()
        if len(found)
    ]


def _sizes(study: pd.DataFrame, variant: str) -> str:
    """A variant's change of the delay per layer by Eq. 3 and by pairs, and where it turns round."""
    own: Any = study[study["variant"] == variant].set_index("measure")
    known = {name: own.loc[name, "difference"] for name in KINDS if name in own.index}
    sizes = [f"{KINDS[name]}{value:+.2g}" for name, value in known.items() if np.isfinite(value)]
    other = [
        words
        for measure, words in ELSEWHERE.items()
        if measure in own.index
        and sign_of(*own.loc[measure, ["low", "high"]]) == -np.sign(own.loc["delay", "difference"])
    ]
    turned = f"; the other way {listed(other)}" if other else ""
    return f" ({', '.join(sizes).replace('-', MINUS)}{turned})"
