"""The verdicts on the paper's claims: as a table, as a row of signs, and under every variation."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import DASH, MINUS, Html, estimate, interval, number, p_value
from ff.records import Records
from ff.stats import claims
from ff.stats.claims import BY_CONSTRUCTION, STANCES, TESTED, verdicts
from ff.stats.evidence import Reading
from ff.stats.robustness import reached

__all__ = ["changed", "decided", "verdict_matrix", "verdict_summary", "verdict_table"]

# Two marks, each of a class and a sign. One says of a verdict whether the statement is true ...
MARKS = {"supported": ("yes", "●"), "not supported": ("no", "○"), "undecided": ("open", "?")}
# ... and the other, with words, whether the paper concludes the same.
PAPER = {"agrees": ("=", "as the paper"), "differs": ("≠", "unlike the paper")}

# How a kind and a name of a variation are said, where it is not one after the other.
SAID = {
    "accuracy": "{name} {kind}",
    "layers": "{name} {kind}",
    "coefficient": "{name}",
    "training": "{name}",
    "spread": "{kind}, {name}",
    "Pearson": "{kind}, {name}",
    "Spearman": "{kind}, {name}",
}


def verdict_summary(records: Records, varied: pd.DataFrame | None = None) -> Html:
    """How often we find what the paper does: a count and a row of signs for each width.

    Parameters
    ----------
    records
        As in `verdict_table`, whose rows the signs link to.
    varied
        Result of `ff.stats.robustness.robustness`, to say how sure the verdicts are.
    """
    rows = []
    table: Any = verdicts(records)
    asked = table["counted"] & (table["stance"] != "silent")
    for width, own in table[asked].groupby("width", sort=False):
        tested = own["verdict"].isin(TESTED).sum()
        agreed = (own["paper"] == "agrees").sum()
        count = f"<b>{agreed}</b> of {tested} agree with the paper"
        signs = "".join(map(_sign, own.to_dict("records")))
        shown = count if tested else own["verdict"].iloc[0]
        rows.append(f"<p>{_width(str(width))}: {shown}</p><ul>{signs}</ul>")
    sure = "" if varied is None else _sure(varied)
    return Html(f'<div class="ff-summary">{_legend()}{"".join(rows)}{sure}</div>')


def verdict_table(
    records: Records,
    chapter: str | None = None,
    link: str = "",
    varied: pd.DataFrame | None = None,
    reading: Reading = Reading(),
) -> Html:
    """The paper's claims with our numbers, as a table.

    Parameters
    ----------
    records
        Measurements of networks of 32 layers; of others with a reading of their own.
    chapter
        Only the claims that this chapter computes; None for all.
    link
        Where the chapters lie as seen from the page, such as ``"./"``; empty for no links.
    varied
        Result of `ff.stats.robustness.robustness`, to say how often each verdict stays.
    reading
        How the claims are read.
    """
    table: Any = verdicts(records, reading)
    if varied is not None:
        table = table.merge(_stays(varied), on=["key", "width"], how="left")
    if chapter:
        table = table.query("chapter == @chapter")
    head = (
        '<tr><th scope="col">Width</th><th scope="col">We measure</th>'
        '<th scope="col">p (Holm)</th><th scope="col">Verdict</th>'
        '<th scope="col">The paper</th></tr>'
    )
    body = "".join(_claim(rows, link) for _, rows in table.groupby("key", sort=False))
    runs = (
        f'<br>Where a number comes from: the chapter that computes it, and <a href="{link}'
        "provenance.html\">how this was run</a>, with each training's date, machine and commit."
    )
    told = (
        "<br>A verdict goes by its own 95\N{NO-BREAK SPACE}% interval. p (Holm) corrects for all "
        "verdicts of these records together: where it is above 0.05, chance among so many may have "
        "made the verdict."
    )
    if varied is not None:
        told += (
            " <i>Same in 6 of 11</i>: of 11 other ways to read the measurements, or to train, 6 "
            "give the same verdict."
        )
    html = f'<table class="ff-verdicts"><thead>{head}</thead>{body}</table>'
    return Html(_legend(told + (runs if link else "")) + html)


def verdict_matrix(varied: pd.DataFrame) -> Html:
    """Every verdict under every variation, as one picture: verdicts down, variations across.

    Parameters
    ----------
    varied
        Result of `ff.stats.robustness.robustness`.
    """
    statements = _statements()
    counted: Any = varied.loc[varied["counted"]]
    kinds = counted.drop_duplicates(["kind", "variation"])
    names = "".join(
        f'<th scope="col"{_first(first)}><span>{escape(_variation(row))}</span></th>'
        for row, first in zip(kinds.to_dict("records"), ~kinds["kind"].duplicated(), strict=True)
    )
    body = "".join(
        _matrix_rows(statements[key], own) for key, own in counted.groupby("key", sort=False)
    )
    return Html(
        f'<p class="ff-legend">{_marks()} · <span class="none">{DASH}</span> not measured · empty: '
        "the variation does not enter the number · framed: not the verdict as read here</p>"
        '<div class="ff-scroll-x" tabindex="0" role="region" aria-label="Verdicts '
        'under all variations"><table class="ff-matrix"><thead><tr><th scope="col">Statement'
        '</th><th scope="col">Width</th><th scope="col" class="first"><span>as read here</span>'
        f"</th>{names}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def changed(varied: pd.DataFrame, variation: str) -> Html:
    """What becomes of the verdicts under one variation, in a sentence and a list.

    Parameters
    ----------
    varied
        Result of `ff.stats.robustness.robustness`.
    variation
        A name in its column of that name.
    """
    statements = _statements()
    own: Any = reached(varied.loc[varied["counted"] & (varied["variation"] == variation)])
    other = own[~own["same"]]
    if own.empty:
        return Html(f"<p>No verdict is reached with {escape(variation)}.</p>")
    same = f"{len(own) - len(other)} of {len(own)} verdicts stay the same"
    items = "".join(
        f"<li>{statements[row['key']]} {_width(row['width'])}: {row['verdict']} instead of "
        f"{row['main']} ({estimate(row['value'], row['low'], row['high'])})</li>"
        for row in other.to_dict("records")
    )
    return Html(f"<p>{same}{f'; not these:</p><ul>{items}</ul>' if items else '.</p>'}")


def decided(table: pd.DataFrame) -> dict[Any, dict[str, Any]]:
    """The rows of verdicts that were reached, by key and width; each number counts once.

    Parameters
    ----------
    table
        Result of `ff.claims.verdicts`.
    """
    reached = table.loc[table["verdict"].isin(TESTED) & table["counted"]]
    return reached.set_index(["key", "width"]).to_dict("index")


def _sure(varied: pd.DataFrame) -> str:
    """How many verdicts on the paper's claims depend on how these are read, or on the training."""
    ours = [claim.key for claim in claims.CLAIMS if claim.stance == "silent"]
    asked: Any = varied.loc[varied["counted"] & ~varied["key"].isin(ours)]
    counts = _stays(asked)
    stays, turns = counts["same"] == counts["varied"], counts["opposite"] > 0
    return (
        '<p class="ff-sure"><b>How sure?</b> Each verdict goes by a 95\N{NO-BREAK SPACE}% interval '
        "over seeds. Read in other ways (another target, other epochs, validation accuracy, ...) "
        f"or after another training, {stays.sum()} of {len(stays)} stay the same throughout, and "
        f"{turns.sum()} become the opposite somewhere: "
        '<a href="threats.html#robustness">all of them</a>.</p>'
    )


def _stays(varied: pd.DataFrame) -> pd.DataFrame:
    """In how many of the variations that concern a number its verdict stays or is the opposite."""
    found = reached(varied).groupby(["key", "width"])
    return found.agg(
        same=("same", "sum"), opposite=("opposite", "sum"), varied=("same", "count")
    ).reset_index()


def _statements() -> dict[str, str]:
    return {claim.key: escape(claim.statement) for claim in claims.CLAIMS}


def _width(width: str) -> str:
    return "Width " + width.replace("-", "against")


def _sign(row: dict[Any, Any]) -> str:
    statement, verdict = escape(row["statement"]), row["verdict"]
    look, sign = MARKS.get(verdict, ("none", DASH))
    compared, words = PAPER.get(row["paper"], ("", ""))
    text = f"{statement} {', '.join(filter(None, [verdict.capitalize(), words]))}."
    return (
        f'<li><a href="#claim-{row["key"]}" class="{look} {row["paper"]}" title="{text}" '
        f'aria-label="{text}">{sign}<b>{compared}</b></a></li>'
    )


def _claim(rows: pd.DataFrame, link: str) -> str:
    """A statement with what is measured for it, and a row for each width."""
    first = rows.iloc[0]
    estimand = escape(first["estimand"])
    if link:
        place, text = f"{first['chapter']}.html#claim-{first['key']}", "Computed here"
        if first["verdict"] == BY_CONSTRUCTION:
            place, text = "method.html#a-network-contains-every-shallower-network", "Why"
        estimand += f' <a href="{link}{place}">{text}</a>.'
    where = escape(first["where"] + STANCES[first["stance"]])
    widths = "".join(
        f"<tr><td>{row['width'].replace('-', MINUS)}</td><td>{_number(row)}</td>"
        f"<td{_blank(row['p_holm'])}>{p_value(row['p_holm'])}</td><td>{_verdict(row)}</td><td>{_compared(row)}</td></tr>"
        for row in rows.to_dict("records")
    )
    return (
        f'<tbody id="claim-{first["key"]}"><tr><th colspan="5" scope="rowgroup">'
        f"{escape(first['statement'])} <small>{where}</small> <small>{estimand}</small></th></tr>"
        f"{widths}</tbody>"
    )


def _number(row: Any) -> str:
    """What is measured, with its interval and number of seeds."""
    lacks = f' <small class="ff-lacks">{escape(row["lacks"])}</small>' if row["lacks"] else ""
    if np.isnan(row["value"]):
        return (DASH if row["verdict"] == BY_CONSTRUCTION else "not measured") + lacks
    ends = interval(row["low"], row["high"])
    seeds = f"{row['seeds']} seed{'' if row['seeds'] == '1' else 's'}"
    return f"<b>{number(row['value'])}</b> {ends} <small>{seeds}</small>{lacks}"


def _blank(p: float) -> str:
    """Attribute of a cell without a number, which has no place where columns have no heads."""
    return ' class="ff-blank"' if np.isnan(p) else ""


def _verdict(row: Any) -> str:
    """Whether the statement is true, and in how many variations that stays."""
    shown = _mark(row["verdict"])
    if row["verdict"] in TESTED and not np.isnan(row.get("varied", np.nan)):
        opposite = f", opposite in {row['opposite']:.0f}" if row["opposite"] else ""
        shown += f" <small>same in {row['same']:.0f} of {row['varied']:.0f}{opposite}</small>"
    return shown


def _compared(row: Any) -> str:
    """Whether the paper concludes the same."""
    if row["paper"] in PAPER:
        sign, words = PAPER[row["paper"]]
        return f'<span class="ff-paper {row["paper"]}">{_sign_of(sign)} {words}</span>'
    return "does not ask" if row["stance"] == "silent" else DASH


def _mark(verdict: str) -> str:
    """A verdict with the sign that goes with it."""
    look, sign = MARKS.get(verdict, ("none", DASH))
    return f'<span class="ff-mark {look}">{_sign_of(sign)} {verdict}</span>'


def _sign_of(sign: str) -> str:
    """A sign beside the word that a screen reader says instead."""
    return f'<span class="ff-sign" aria-hidden="true">{sign}</span>'


def _marks() -> str:
    return " · ".join(map(_mark, MARKS))


def _legend(more: str = "") -> str:
    """What the two marks mean, and more, which is HTML already."""
    papers = " · ".join(_compared({"paper": paper}) for paper in PAPER)
    return (
        f'<p class="ff-legend">Is the statement true? {_marks()}<br>'
        f"Does the paper conclude the same? {papers}{more}</p>"
    )


def _variation(row: dict[Any, Any]) -> str:
    """Kind and name of a variation, as one says it."""
    kind, name = row["kind"], row["variation"]
    return SAID.get(kind, "{kind} {name}").format(kind=kind, name=name)


def _first(yes: bool) -> str:
    """Attribute of the first cell of a kind, which a line separates."""
    return ' class="first"' if yes else ""


def _matrix_rows(statement: str, rows: pd.DataFrame) -> str:
    """A claim, whose statement is HTML already, a row for each width."""
    widths = list(rows.groupby("width", sort=False))
    head = f'<th scope="rowgroup" rowspan="{len(widths)}">{statement}</th>'
    return "".join(
        f"<tr>{head if not i else ''}{_matrix_row(str(width), own)}</tr>"
        for i, (width, own) in enumerate(widths)
    )


def _matrix_row(width: str, own: pd.DataFrame) -> str:
    main = own["main"].iloc[0]
    cells = [_cell(main, main, main, first=True)]
    before = None
    for row in own.to_dict("records"):
        first, before = row["kind"] != before, row["kind"]
        if row["concerned"]:
            found = estimate(row["value"], row["low"], row["high"])
            title = f"{_variation(row)}: {row['verdict']}, {found}"
            cells.append(_cell(row["verdict"], main, title, first=first))
        else:
            cells.append(f"<td{_first(first)}></td>")
    return f'<th scope="row">{width.replace("-", MINUS)}</th>{"".join(cells)}'


def _cell(verdict: str, main: str, title: str, *, first: bool) -> str:
    look, sign = MARKS.get(verdict, ("none", DASH))
    look += " other" if verdict in TESTED and verdict != main else ""
    words = escape(title)  # which a screen reader says, too
    mark = f'<span class="{look}" title="{words}" role="img">{sign}</span>'
    return f"<td{_first(first)}>{mark}</td>"
