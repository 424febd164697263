"""Predictions beside what was found: of the variants, and of the interventions."""

import ast
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ff.book.markup import DASH, Html, estimate
from ff.results import RESULTS

__all__ = ["Outcome", "expected", "label", "null_table", "outcomes", "predictions", "study_table"]

LEVEL = 0.05  # of p values after Holm's correction
WORDS = {"less": "less", "more": "more", "same": "no difference shown"}
# What a prediction is about: the delay by Eq. 3, or else by pair accuracy, and the readout.
ABOUT = (("delay", "pair delay"), ("readout",))
# Factor with which a measure is shown: accuracies in percentage points.
UNITS = dict.fromkeys(("delay", "pair delay", "wait", "layers", "pair layers"), 1)
UNITS |= dict.fromkeys(("readout", "probe"), 100)
CHECK, CROSS = "\N{CHECK MARK}", "\N{MULTIPLICATION X}"


class Outcome(NamedTuple):
    """What was expected, and what came.

    Attributes
    ----------
    expected, found
        A sentence each, plain text.
    holds
        Whether the prediction came true; None where that was not measured, or is undecided.
    """

    expected: str
    found: str
    holds: bool | None


def expected(chapter: str, folder: Path = RESULTS.parent) -> dict[str, Any]:
    """Predictions that a chapter's source holds, as ``PREDICTIONS``.

    Parameters
    ----------
    chapter
        Name of its notebook.
    folder
        Where the chapters are.
    """
    notebook = json.loads((folder / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    cells = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    source = next(text for text in cells if "PREDICTIONS = {" in text)
    return ast.literal_eval(source.partition("PREDICTIONS = ")[2])


def label(variant: str) -> str:
    """Words for a variant, such as "threshold 2" for ``threshold-2``."""
    return variant.replace("-", " ")


def direction(row: Mapping[str, Any] | None) -> str | None:
    """Whether a difference is "less", "more" or the "same", after Holm; None if not measured."""
    if row is None or np.isnan(row["difference"]):
        return None
    if not row["p_holm"] < LEVEL:
        return "same"
    return "less" if row["difference"] < 0 else "more"


def predictions(study: pd.DataFrame, expected: Mapping[str, tuple[str, str]]) -> Html:
    """Table of what was expected of each variant before it was trained, and what came.

    Parameters
    ----------
    study
        Result of `ff.stats.study.study`.
    expected
        Of each variant: "less", "more" or "same", of the delay per layer and of the readout's test
        accuracy.
    """
    rows = []
    for variant, words in expected.items():
        cells = [f"<th scope=row>{escape(label(variant))}</th>"]
        for word, measures in zip(words, ABOUT, strict=True):
            found = next((r for m in measures if (r := _row(study, variant, m)) is not None), None)
            came = direction(found)
            mark = (
                "" if came is None else "\N{CHECK MARK}" if came == word else "\N{MULTIPLICATION X}"
            )
            said = "not measured" if found is None else f"{WORDS[came or 'same']} {_numbers(found)}"
            cells += [f"<td>{WORDS[word]}</td>", f"<td>{said}</td>", f"<td>{mark}</td>"]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = ("", "delay: expected", "found", "", "readout: expected", "found", "")
    return _table(heads, rows)


def study_table(study: pd.DataFrame) -> pd.DataFrame:
    """The study's numbers, a row a variant, as text with intervals."""
    names = dict.fromkeys(study["variant"])
    cells = {
        measure: [_numbers(_row(study, name, measure)) or DASH for name in names]
        for measure in UNITS
    }
    return pd.DataFrame(cells, index=pd.Index([label(name) for name in names], name="variant"))


def null_table(study: pd.DataFrame) -> pd.DataFrame:
    """Variants of which no measure differs after Holm: what they leave open changes nothing."""
    sure = set(study.loc[study["p_holm"] < LEVEL, "variant"])
    rest: Any = study[[name not in sure for name in study["variant"]]]
    return study_table(rest)


def outcomes(found: Sequence[Outcome]) -> Html:
    """Table of predictions in sentences, and of what came of them."""
    marks = {True: f"{CHECK} came true", False: f"{CROSS} did not", None: DASH}
    rows = [
        f"<tr><td>{escape(one.expected)}</td><td>{escape(one.found)}</td>"
        f"<td>{marks[one.holds]}</td></tr>"
        for one in found
    ]
    return _table(("expected, before the runs", "found", ""), rows)


def _row(study: pd.DataFrame, variant: str, measure: str) -> dict[str, Any] | None:
    """The row of a measure, None where it is undefined or was not measured."""
    rows: Any = study[(study["variant"] == variant) & (study["measure"] == measure)]
    found = rows.to_dict("records")
    return found[0] if found and not np.isnan(found[0]["difference"]) else None


def _numbers(row: Mapping[str, Any] | None) -> str:
    """Difference and interval, accuracies in points."""
    if row is None:
        return ""
    factor = UNITS[row["measure"]]
    sign = "+" if row["difference"] > 0 else ""
    return sign + estimate(*(factor * row[name] for name in ("difference", "low", "high")))


def _table(heads: Sequence[str], rows: Sequence[str]) -> Html:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return Html(
        '<div class="ff-scroll-x" tabindex="0" role="region" aria-label="Predictions">'
        f'<table class="ff-bars"><thead><tr>{head}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
