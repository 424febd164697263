"""Predictions beside what was found: of the variants, and of the interventions."""

import ast
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ff.book.markup import DASH, Html, estimate, fold, listed, scrolling
from ff.book.summary.shared import sign_of
from ff.notes import stored
from ff.records import Records, diverged, measurements
from ff.results import POINT, RESULTS
from ff.stats.robustness import reached
from ff.stats.study import HALVES, LAYERS

__all__ = [
    "LEVEL",
    "Outcome",
    "all_hold",
    "direction",
    "elsewhere",
    "expected",
    "folded",
    "label",
    "left_out",
    "null_table",
    "other_base",
    "other_images",
    "outcomes",
    "predictions",
    "signs",
    "study_table",
    "tuning_table",
]

INTERVAL, NO_BREAK = re.compile(r"\[[^\]]+\]"), "\N{NO-BREAK SPACE}"
LEVEL = 0.05  # of p values after Holm's correction
# Smallest differences that matter: epochs per layer, and accuracy. Within them is "the same".
MARGIN = {"delay": 0.1, "pair delay": 0.1, "readout": 0.005}
# What a prediction is about: the delay by Eq. 3, or else by pair accuracy, and the readout.
ABOUT = (("delay", "pair delay"), ("readout",))
# Factor with which a measure is shown, in this order: accuracies in percentage points.
EPOCHS = ("delay", "shallow delay", "deep delay", "delay at 0.8", "pair delay", "wait", "pair wait")
UNITS = dict.fromkeys((*EPOCHS, "layers"), 1) | dict.fromkeys(("readout", "probe", "pairs"), 100)
# What a measure is called in a table, where its name alone would not say it.
HEADS = {
    "shallow delay": "delay, layers 2 to 9",
    "deep delay": "delay, layers 9 to 16",
    "delay at 0.8": "delay to 0.8",
    "pair delay": "delay by pairs",
    "pair wait": "wait by pairs",
    "layers": "layers that arrive",
    "probe": "probes",
    "pairs": "pairs told apart",
}
# Where a delay may differ the other way, and what that is called.
ELSEWHERE = {
    "shallow delay": "in layers 2 to 9",
    "deep delay": "in layers 9 to 16",
    "delay at 0.8": "at target 0.8",
}
# Words for variants whose name does not say it.
WORDS = {
    "normalization-layer": "layer normalization",
    "normalization-none": "no normalization",
    "constant-rates": "constant learning rates",
    "label-intensity-0.3": "label 0.3 times as bright",
    "label-intensity-3": "label 3 times as bright",
    "positive-low": "low goodness for positive samples",
    "goodness-absolute": "goodness of absolute values",
    "goodness-fourth": "goodness of fourth powers",
    "goodness-log-sum-exp": "goodness by log-sum-exp",
    "goodness-game-theoretic": "goodness by shares",
    "loss-pairwise": "pairwise loss",
    "activation-leaky": "leaky relu",
    "activation-tanh": "tanh",
    "activation-gelu": "gelu",
    "relu-exact": "exact derivative of relu",
    "negatives-hard": "hard negatives",
    "readout-from-1": "readout from layer 1 on",
    "learning-rate-0.1x": "0.1 times the learning rate",
    "learning-rate-0.3x": "0.3 times the learning rate",
    "learning-rate-3x": "3 times the learning rate",
    "peer-normalization-0": "no peer normalization",
    "momentum-0.09": "peer momentum 0.09",
    "fashion-mnist": "Fashion-MNIST",
    "paper": "the paper's network",
}
# What settings of a grid are called in a table.
SETTINGS = {"learning_rate": "learning rate", "downstream_learning_rate": "readout's rate"}
CHECK, CROSS = "\N{CHECK MARK}", "\N{MULTIPLICATION X}"
MARKS = {True: CHECK, False: CROSS, None: DASH}
CAME = {True: "came true", False: "did not", None: "undecided"}


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


def all_hold(holds: Sequence[bool | None]) -> bool | None:
    """Whether all hold: False if one does not, else None if one is undecided."""
    return False if False in holds else None if None in holds else True


def expected(chapter: str, folder: Path = RESULTS.parent) -> dict[str, Any]:
    """Predictions that a chapter's source holds, as ``PREDICTIONS``.

    Parameters
    ----------
    chapter
        Name of its notebook.
    folder
        Where the chapters are.
    """
    notebook = stored(measurements(folder) / f"{chapter}.ipynb")
    cells = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    source = next(text for text in cells if "PREDICTIONS = {" in text)
    return ast.literal_eval(source.partition("PREDICTIONS = ")[2])


def label(variant: str) -> str:
    """Words for a variant, such as "threshold 2" for ``threshold-2``."""
    return WORDS.get(variant, variant.replace("-", " "))


def direction(row: Mapping[str, Any] | None) -> str | None:
    """Whether a difference is "less" or "more" after Holm, or so small that it is the "same".

    A difference that matters is one beyond the margin. None where it is undecided, not measured, or
    the same in all seeds by construction.
    """
    if row is None or np.isnan(row["p"]):
        return None
    margin = MARGIN[row["measure"]]
    if row["p_holm"] < LEVEL and abs(row["difference"]) >= margin:
        return "less" if row["difference"] < 0 else "more"
    return "same" if -margin < row["low"] and row["high"] < margin else None


def signs(study: pd.DataFrame, variant: str) -> dict[str, int]:
    """Sign of the difference in each measure of a variant, 0 where its interval holds 0."""
    rows: Any = study[study["variant"] == variant]
    return {row.measure: sign_of(row.low, row.high) for row in rows.itertuples()}


def elsewhere(study: pd.DataFrame, row: Mapping[str, Any]) -> str:
    """Where a delay per layer differs the other way, or, if it is undecided, where it is not.

    Parameters
    ----------
    study
        Result of `ff.stats.study.study`.
    row
        One of its rows, whose measure is "delay".
    """
    own = signs(study, row["variant"])
    sign = np.sign(row["difference"]) if _sure(row) else 0
    other = {words: own[name] for name, words in ELSEWHERE.items() if name in own}
    found = [
        words if sign else f"{'more' if one > 0 else 'less'} {words}"
        for words, one in other.items()
        if one and one != sign
    ]
    if not found:
        return ""
    return f"{'the other way ' if sign else ''}{listed(found)}"


def predictions(
    study: pd.DataFrame, expected: Mapping[str, tuple[str, str]], names: Mapping[str, str]
) -> Html:
    """Table of what was expected of each variant before it was trained, and what came.

    It is folded behind one click; how many came true stands outside.

    Parameters
    ----------
    study
        Result of `ff.stats.study.study`.
    expected
        Of each variant: "less", "more" or "same", of the delay per layer and of the readout's test
        accuracy. The same is what lies within 0.1 epochs per layer, or half a percentage point;
        what differs is beyond that, and not by chance. A difference of the other sign than expected
        refutes, however small. What is equal in every seed, which it may be by construction, does
        not prove that it is the same, and refutes that it differs.
    names
        Words for each variant.
    """
    rows, holds = [], []
    for variant, words in expected.items():
        cells = [escape(names[variant])]
        for word, measures in zip(words, ABOUT, strict=True):
            measure = _measure(study, variant, measures)
            found = _row(study, variant, measure)
            few = found is None and len(_rows(study, variant, measure)) > 0
            said = _few(_row(study, variant, "wait")) if few else _said(found)
            if found is not None and measure == "delay" and (other := elsewhere(study, found)):
                said += f"; {other}"
            holds.append(_holds(word, found))
            cells += [word, f"{_mark(holds[-1])} {escape(said)}"]
        rows.append(cells)
    heads = ("", "delay: expected", "delay: found", "readout: expected", "readout: found")
    table = _table(heads, rows, "Predictions of each variant")
    return fold(f"Two predictions for each variant, made before the runs: {_counted(holds)}", table)


def other_base(
    study: pd.DataFrame,
    beside: pd.DataFrame,
    expected: Mapping[str, tuple[str, str]],
    names: Mapping[str, str],
) -> str:
    """Which predictions would be judged otherwise beside another network, in a sentence.

    Parameters
    ----------
    study, expected, names
        As of `predictions`.
    beside
        The same of some of the variants, compared with the other network.
    """
    marks = {True: "come true", False: "not come true", None: "be undecided"}
    found = []
    for variant in dict.fromkeys(beside["variant"]):
        both = [_judged(table, variant, expected[variant]) for table in (study, beside)]
        for what, here, there in zip(("delay", "readout"), *both, strict=True):
            if here != there:
                found.append(f"{names[variant]}, {what}: would {marks[there]}")
    return "; ".join(found) or "none"


def _judged(study: pd.DataFrame, variant: str, words: tuple[str, str]) -> list[bool | None]:
    """Whether what was expected of a variant came, of its delay and of its readout."""
    return [
        _holds(word, _row(study, variant, _measure(study, variant, measures)))
        for word, measures in zip(words, ABOUT, strict=True)
    ]


def study_table(study: pd.DataFrame, measures: Sequence[str] = tuple(UNITS)) -> pd.DataFrame:
    """The study's numbers, a row a variant, as text with intervals.

    A slope over fewer layers than others says over which.

    Parameters
    ----------
    study
        Result of `ff.stats.study.study`.
    measures
        Which of its measures to show, a column each. All of them are too wide for a page.
    """
    names = dict.fromkeys(study["variant"])
    seeds = [int(study.loc[study["variant"] == name, "seeds"].iloc[0]) for name in names]
    cells = {
        HEADS.get(measure, measure): [_cell(_row(study, name, measure)) for name in names]
        for measure in measures
    }
    index = pd.Index([label(name) for name in names], name="variant")
    return pd.DataFrame({"seeds": seeds, **cells}, index=index)


def null_table(study: pd.DataFrame) -> pd.DataFrame:
    """The delays and the readout of variants of which neither test differs after Holm."""
    sure = set(study.loc[study["p_holm"] < LEVEL, "variant"])
    rest: Any = study[[name not in sure for name in study["variant"]]]
    return study_table(rest, [measure for measures in ABOUT for measure in measures])


def folded(table: pd.DataFrame, summary: str) -> Html:
    """A table behind one click, which scrolls inside itself where it is wider than the page.

    Parameters
    ----------
    table
        Its cells are shown as they are: numbers are formatted before. An interval stays on one
        line.
    summary
        What one clicks on, and the table's name for screen readers.
    """
    shown = table.to_html(border=0, index_names=False, na_rep=DASH)
    # Without the class of pandas, which the theme gives wide cells and a light card at night.
    shown = shown.replace('class="dataframe"', 'class="ff-numbers"')
    shown = INTERVAL.sub(lambda found: found[0].replace(" ", NO_BREAK), shown)
    return fold(summary, scrolling(shown, summary))


def outcomes(found: Sequence[Outcome], name: str = "Predictions") -> Html:
    """Table of predictions in sentences, and of what came of them.

    It is folded behind one click; how many came true stands outside.

    Parameters
    ----------
    found
        A row each.
    name
        Of the table, for screen readers: a page with several names each.
    """
    rows = [
        (escape(one.expected), escape(one.found), f"{MARKS[one.holds]} {CAME[one.holds]}")
        for one in found
    ]
    table = _table(("expected, before the runs", "found", ""), rows, name)
    counted = _counted([one.holds for one in found])
    return fold(f"{name}, made before the runs: {counted}", table)


def tuning_table(points: pd.DataFrame, records: Mapping[str, Records]) -> pd.DataFrame:
    """Grids on which learning rates were chosen.

    Parameters
    ----------
    points
        Result of `ff.results.tuning`.
    records
        Of the study, by name.

    Returns
    -------
    DataFrame
        Rows for the three highest points of each variant and that of its run: variant, points (of
        its grid), the point, accuracy (mean over seeds, none of which has diverged), and marks:
        ``best``, the highest, and ``trained``, that of the run. Settings have the names that a
        reader sees.
    """
    keys = list(POINT)
    grouped: Any = points.groupby(["variant", *keys])["validation_accuracy"]
    table = grouped.agg(["mean", "count", "size"]).reset_index()
    accuracy = table["mean"].where(table["count"] == table["size"])
    of_variant = accuracy.groupby(table["variant"])
    rank = of_variant.rank(ascending=False, method="first")
    runs = {
        (name, *(records[name].runs[0]["config"][key] for key in keys))
        for name in set(points["variant"]) & records.keys()
    }
    trained = np.array(
        [row in runs for row in table[["variant", *keys]].itertuples(index=False, name=None)]
    )
    size = of_variant.transform("size")
    marks = {"best": rank == 1, "trained": trained}
    marked = {name: np.where(which, CHECK, "") for name, which in marks.items()}
    shown = table[["variant", *keys]].assign(points=size, accuracy=accuracy, **marked)
    order = ["variant", "points", *keys, "accuracy", *marks]
    chosen = shown.assign(rank=rank)[(rank <= 3) | trained].sort_values(["variant", "rank"])
    shown = chosen[order].assign(variant=chosen["variant"].map(label)).set_index("variant")
    return shown.rename(columns=SETTINGS)


def left_out(others: Mapping[str, Records]) -> str:
    """How many seeds there are on other data sets, and which have diverged, in a sentence.

    Parameters
    ----------
    others
        Result of `ff.results.other_data`.
    """
    said = []
    for name, own in others.items():
        seeds: Any = own.layers.groupby("hidden")["seed"].nunique()
        lost = [
            f"without seed {row['seed']} of those with {row['hidden']}, which has diverged in "
            f"epoch {row['epoch']} ({row['reason']})"
            for row in diverged(own)
        ]
        widths = listed(f"{count} with {hidden} units" for hidden, count in seeds.items())
        said.append(", ".join([f"{name}, {widths}", *lost]))
    return f"Seeds: {'; '.join(said)}."


def other_images(varied: pd.DataFrame, expected: Mapping[str, str]) -> list[Outcome]:
    """What becomes of the paper's claims on other data sets.

    Parameters
    ----------
    varied
        Result of `ff.stats.robustness.robustness`, the variations being data sets.
    expected
        A prediction for each of them: that none turns around, and three in four stay as they are.
    """
    counted: Any = varied[varied["counted"]]
    rows: Any = reached(counted)
    found = []
    for name, text in expected.items():
        own = rows[rows["variation"] == name]
        if own.empty:
            found.append(Outcome(f"{name}: {text}", "Not measured.", None))
            continue
        same, opposite = int(own["same"].sum()), int(own["opposite"].sum())
        both: Any = own[["verdict", "main"]] != "undecided"
        decided = int(both.all(axis=1).sum())
        came = (
            f"{same} of {len(own)} verdicts stay, counting those that are undecided on both. Of "
            f"{decided} decided on both, {decided - opposite} stay; turned around: {opposite}. "
            "There are fewer seeds than on MNIST: a verdict may be lost for want of them."
        )
        found.append(Outcome(f"{name}: {text}", came, not opposite and same >= 0.75 * len(own)))
    return found


def _row(study: pd.DataFrame, variant: str, measure: str) -> dict[str, Any] | None:
    """The row of a measure, None where it has no number."""
    found = _rows(study, variant, measure).to_dict("records")
    return found[0] if found and not np.isnan(found[0]["difference"]) else None


def _measure(study: pd.DataFrame, variant: str, measures: Sequence[str]) -> str:
    """What a prediction is about: the last of these where the first means nothing for a variant."""
    rows = _rows(study, variant, measures[0])
    undefined = len(rows) > 0 and not rows["over"].iloc[0]
    return measures[-1] if undefined else measures[0]


def _rows(study: pd.DataFrame, variant: str, measure: str) -> Any:
    return study[(study["variant"] == variant) & (study["measure"] == measure)]


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return DASH
    return _numbers(row) + _over(row)


def _over(row: Mapping[str, Any]) -> str:
    """Which layers a slope is over, if not all."""
    first, last = {"shallow delay": HALVES[0], "deep delay": HALVES[1]}.get(row["measure"], LAYERS)
    whole = row["over"] in (f"{first} to {last}", "the deepest")
    return "" if whole else f" (layers {row['over']})"


def _holds(word: str, row: Mapping[str, Any] | None) -> bool | None:
    """Whether what was expected came; None if that is undecided."""
    came = direction(row)
    if came is not None:
        return came == word
    other = _equal(row) or (_sure(row) and _sign(row) != word)
    return False if other and word != "same" else None


def _said(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "not measured"
    if _equal(row):
        return "equal in every seed"
    came = direction(row)
    if came is None:
        came = f"{_sign(row)}, perhaps too small to matter" if _sure(row) else "undecided"
    by = " by pairs" if row["measure"] == "pair delay" else ""
    return f"{came}{by} {_numbers(row)}{_over(row)}"


def _few(wait: Mapping[str, Any] | None) -> str:
    """What is said in place of a delay per layer that too few layers share."""
    waited = f"; average wait {_numbers(wait)}" if wait else ""
    return f"too few layers arrive{waited}"


def _equal(row: Mapping[str, Any] | None) -> bool:
    return row is not None and bool(np.isnan(row["p"])) and row["difference"] == 0


def _sure(row: Mapping[str, Any] | None) -> bool:
    """Whether a test remains after Holm."""
    return row is not None and row["p_holm"] < LEVEL


def _sign(row: Mapping[str, Any] | None) -> str:
    return "more" if row is not None and row["difference"] > 0 else "less"


def _numbers(row: Mapping[str, Any] | None) -> str:
    """Difference and interval, accuracies in points."""
    if row is None:
        return ""
    factor = UNITS[row["measure"]]
    sign = "+" if row["difference"] > 0 else ""
    return sign + estimate(*(factor * row[name] for name in ("difference", "low", "high")))


def _counted(holds: Sequence[bool | None]) -> str:
    """How many predictions came true, did not, and are undecided."""
    true, false, rest = (sum(one is kind for one in holds) for kind in CAME)
    return f"of {len(holds)}, {true} came true, {false} did not, {rest} undecided"


def _mark(holds: bool | None) -> str:
    """The sign of a prediction that came true or did not, with words for screen readers."""
    return f'<span role="img" aria-label="{CAME[holds]}">{MARKS[holds]}</span>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> str:
    """Table of cells that are HTML already; a first column without a head names the rows.

    On a narrow window cells stand below each other, each after its column's head.
    """
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = ""
    for row in rows:
        cells = [
            f'<td data-head="{escape(text)}">{cell}</td>'
            for text, cell in zip(heads, row, strict=True)
        ]
        if not heads[0]:
            cells[0] = f"<th scope=row>{row[0]}</th>"
        body += f"<tr>{''.join(cells)}</tr>"
    table = f'<table class="ff-bars"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return scrolling(table, name)
