"""The verdicts on the paper's claims: as a table, as a row of signs, and under every variation."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import DASH, MINUS, SIGNS, Html, badge, interval, number, p_value
from ff.records import Records
from ff.stats.claims import BY_CONSTRUCTION, STANCES, TESTED, verdicts

__all__ = ["changed", "decided", "verdict_matrix", "verdict_summary", "verdict_table"]

COMPARED = {"agrees": ", as the paper concludes", "differs": ", unlike the paper"}
# What a cell of the matrix shows of a verdict: its class and sign.
MARKS = {"supported": ("yes", "●"), "not supported": ("no", "○"), "undecided": ("open", "?")}


def verdict_summary(records: Records) -> Html:
    """How often we find what the paper does: a count and a row of signs for each width.

    Parameters
    ----------
    records
        As in `verdict_table`, whose rows the signs link to.
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
    return Html(f'<div class="ff-summary">{"".join(rows)}</div>')


def verdict_table(
    records: Records,
    chapter: str | None = None,
    link: str = "",
    varied: pd.DataFrame | None = None,
) -> Html:
    """The paper's claims with our numbers, as a table.

    Parameters
    ----------
    records
        Measurements of networks of 32 layers.
    chapter
        Only the claims that this chapter computes; None for all.
    link
        Where the chapters lie as seen from the page, such as ``"./"``; empty for no links.
    varied
        Result of `ff.stats.robustness.robustness`, to say how often each verdict stays.
    """
    table: Any = verdicts(records)
    if varied is not None:
        table = table.merge(_stays(varied), on=["key", "width"], how="left")
    if chapter:
        table = table.query("chapter == @chapter")
    legend = f"{SIGNS['agrees']} as the paper concludes, {SIGNS['differs']} unlike it"
    head = (
        "<tr><th>The paper says</th><th>We measure</th><th>p (Holm)</th>"
        f"<th>Verdict: {legend}</th></tr>"
    )
    body = "".join(_row(rows, link) for _, rows in table.groupby("key", sort=False))
    return Html(f'<table class="ff-verdicts"><thead>{head}</thead><tbody>{body}</tbody></table>')


def verdict_matrix(varied: pd.DataFrame, records: Records) -> Html:
    """Every verdict under every variation, as one picture: verdicts down, variations across.

    Parameters
    ----------
    varied
        Result of `ff.stats.robustness.robustness`.
    records
        The records it was made of.
    """
    statements = _statements(records)
    counted: Any = varied.loc[varied["counted"]]
    kinds = counted.drop_duplicates(["kind", "variation"])
    groups = "".join(
        f'<th colspan="{len(own)}" scope="colgroup">{escape(kind)}</th>'
        for kind, own in kinds.groupby("kind", sort=False)
    )
    names = "".join(
        f'<th scope="col" class="{"first" if first else ""}"><span>{escape(name)}</span></th>'
        for name, first in zip(kinds["variation"], ~kinds["kind"].duplicated(), strict=True)
    )
    body = "".join(
        _matrix_row(statements[key], width, own)
        for (key, width), own in counted.groupby(["key", "width"], sort=False)
    )
    legend = " · ".join(
        f'<span class="{look}">{sign}</span> {name}' for name, (look, sign) in MARKS.items()
    )
    return Html(
        f'<p class="ff-legend">{legend} · <span class="none">{DASH}</span> not measured · empty: '
        "the variation does not enter the number · framed: not the verdict of the first column</p>"
        '<div class="ff-scroll-x"><table class="ff-matrix"><thead>'
        f'<tr><th rowspan="2">The paper says</th><th rowspan="2" class="main"><span>as read here'
        f"</span></th>{groups}</tr><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def changed(varied: pd.DataFrame, variation: str, records: Records) -> Html:
    """What becomes of the verdicts under one variation, in a sentence and a list.

    Parameters
    ----------
    varied
        Result of `ff.stats.robustness.robustness`.
    variation
        A name in its column of that name.
    records
        The records it was made of.
    """
    statements = _statements(records)
    chosen = varied["counted"] & varied["concerned"] & (varied["variation"] == variation)
    own: Any = varied.loc[chosen & varied["verdict"].isin(TESTED)]
    other = own[own["verdict"] != own["main"]]
    same = f"{len(own) - len(other)} of {len(own)} verdicts stay the same"
    items = "".join(
        f"<li>{escape(statements[row['key']])} {_width(row['width'])}: {row['verdict']} instead of "
        f"{row['main']} ({number(row['value'])} {interval(row['low'], row['high'])})</li>"
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


def _stays(varied: pd.DataFrame) -> pd.DataFrame:
    """In how many of the variations that concern a number its verdict stays."""
    own = varied[varied["concerned"] & varied["verdict"].isin(TESTED)]
    same = (own["verdict"] == own["main"]).groupby([own["key"], own["width"]])
    return same.agg(same="sum", varied="count").reset_index()


def _statements(records: Records) -> dict[str, str]:
    table = verdicts(records)
    return dict(zip(table["key"], table["statement"], strict=True))


def _width(width: str) -> str:
    return "Width " + width.replace("-", MINUS)


def _sign(row: dict[Any, Any]) -> str:
    statement, verdict = escape(row["statement"]), row["verdict"]
    sign = SIGNS.get(row["paper"], "?" if verdict == "undecided" else DASH)
    text = f"{statement} {verdict.capitalize()}{COMPARED.get(row['paper'], '')}."
    return (
        f'<li><a href="#claim-{row["key"]}" class="{row["paper"] or "open"}" title="{text}" '
        f'aria-label="{text}">{sign}</a></li>'
    )


def _row(rows: pd.DataFrame, link: str) -> str:
    first = rows.iloc[0]
    estimand = escape(first["estimand"])
    if link:
        cell = f"{first['chapter']}.html#claim-{first['key']}"
        estimand += f' <a href="{link}{cell}">Computed here</a>.'
    numbers, levels, badges = [], [], []
    for row in rows.to_dict("records"):
        label = f"{_width(row['width'])}: " if row["verdict"] != BY_CONSTRUCTION else ""
        numbers.append(label + _number(row) if label else "")
        levels.append(p_value(row["p_holm"]))
        badges.append(_badge(row) if len(rows) == 1 else f"{label}{_badge(row)}")
    return (
        f'<tr id="claim-{first["key"]}"><td>{escape(first["statement"])}<br> '
        f"<small>{escape(first['where'] + STANCES[first['stance']])}</small></td>"
        f"<td>{'<br>'.join([*filter(None, numbers), f'<small>{estimand}</small>'])}</td>"
        f'<td data-label="p (Holm)">{"<br>".join(levels)}</td>'
        f"<td>{'<br>'.join(badges)}</td></tr>"
    )


def _number(row: Any) -> str:
    """What is measured, with its interval and number of seeds."""
    if np.isnan(row["value"]):
        return "not measured"
    ends = interval(row["low"], row["high"])
    return " ".join(filter(None, [f"<b>{number(row['value'])}</b>", ends])) + (
        f", {row['seeds']} seeds"
    )


def _badge(row: Any) -> str:
    """A verdict, and in how many variations it stays."""
    shown = badge(row["paper"], row["verdict"])
    if row["verdict"] in TESTED and not np.isnan(row.get("varied", np.nan)):
        shown += f" <small>same in {row['same']:.0f} of {row['varied']:.0f}</small>"
    return shown


def _matrix_row(statement: str, width: str, own: pd.DataFrame) -> str:
    main = own["main"].iloc[0]
    look, sign = MARKS[main]
    cells, before = [], None
    for row in own.to_dict("records"):
        kind = "first" if row["kind"] != before else ""
        before = row["kind"]
        name = f"{row['kind']} {row['variation']}"
        if not row["concerned"]:
            cells.append(f'<td class="{kind}"></td>')
            continue
        mark, text = MARKS.get(row["verdict"], ("none", DASH))
        other = " other" if row["verdict"] in TESTED and row["verdict"] != main else ""
        numbers = f"{number(row['value'])} {interval(row['low'], row['high'])}"
        title = escape(f"{name}: {row['verdict']}, {numbers}")
        cells.append(
            f'<td class="{kind}"><span class="{mark}{other}" title="{title}" role="img" '
            f'aria-label="{title}">{text}</span></td>'
        )
    return (
        f'<tr><th scope="row">{escape(statement)} <small>{_width(width)}</small></th>'
        f'<td class="main"><span class="{look}" role="img" aria-label="{main}" title="{main}">'
        f"{sign}</span></td>{''.join(cells)}</tr>"
    )
