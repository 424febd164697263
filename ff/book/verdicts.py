"""The verdicts on the paper's claims, as a table and as a row of signs."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import DASH, MINUS, SIGNS, Html, badge
from ff.records import Records
from ff.stats.claims import REJECTED, verdicts

__all__ = ["decided", "verdict_comparison", "verdict_summary", "verdict_table"]

TESTED = ("supported", "not supported", "undecided")
COMPARED = {"agrees": ", as the paper concludes", "differs": ", unlike the paper"}


def verdict_summary(records: Records) -> Html:
    """How often we find what the paper does: a count and a row of signs for each width.

    Parameters
    ----------
    records
        As in `verdict_table`, whose rows the signs link to.
    """
    rows = []
    for width, table in verdicts(records).groupby("width", sort=False):
        decisions = table["verdict"].tolist()
        tested = sum(decision in TESTED for decision in decisions)
        agreed = (table["paper"] == "agrees").sum()
        count = f"<b>{agreed}</b> of {tested} agree with the paper"
        signs = "".join(map(_sign, table.to_dict("records")))
        rows.append(
            f"<p>{_width(str(width))}: {count if tested else decisions[0]}</p><ul>{signs}</ul>"
        )
    return Html(f'<div class="ff-summary">{"".join(rows)}</div>')


def verdict_table(records: Records, chapter: str | None = None, link: str = "") -> Html:
    """The paper's claims with our numbers, as a table.

    Parameters
    ----------
    records
        Measurements of networks of 32 layers.
    chapter
        Only the claims that this chapter computes; None for all.
    link
        Where the chapters lie as seen from the page, such as ``"./"``; empty for no links.
    """
    table = verdicts(records)
    if chapter:
        table = table.query("chapter == @chapter")
    legend = f"{SIGNS['agrees']} as the paper concludes, {SIGNS['differs']} unlike it"
    head = f"<tr><th>The paper says</th><th>We measure</th><th>Verdict: {legend}</th></tr>"
    body = "".join(_row(rows, link) for _, rows in table.groupby("key", sort=False))
    return Html(f'<table class="ff-verdicts"><thead>{head}</thead><tbody>{body}</tbody></table>')


def verdict_comparison(conditions: dict[str, Records]) -> Html:
    """The paper's claims under several conditions, side by side, and which verdicts differ.

    Parameters
    ----------
    conditions
        What each is called, and its measurements of networks of 32 layers. A claim is left out if
        any of them lacks a width that it needs.
    """
    found = {name: decided(verdicts(records)) for name, records in conditions.items()}
    first, *others = found.values()
    rows, changed = [], []
    for index in (index for index in first if all(index in other for other in others)):
        each = {name: rows_of[index] for name, rows_of in found.items()}
        statement, width = escape(first[index]["statement"]), _width(index[1])
        if len({row["verdict"] for row in each.values()}) > 1:
            said = ", ".join(f"{name}: {row['verdict']}" for name, row in each.items())
            changed.append(f"<li>{statement} {width}: {said}</li>")
        cells = "".join(
            f'<td data-condition="{escape(name)}">{_number(row)}<br>{_badge(row)}</td>'
            for name, row in each.items()
        )
        rows.append(f"<tr><td>{statement}<br><small>{width}</small></td>{cells}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in conditions)
    same = f"{len(rows) - len(changed)} of {len(rows)} verdicts are the same"
    differ = f"; not the same:</p><ul>{''.join(changed)}</ul>" if changed else ".</p>"
    return Html(
        f'<p>{same}{differ}<table class="ff-verdicts ff-beside"><thead><tr>'
        f"<th>The paper says</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def decided(table: pd.DataFrame) -> dict[Any, dict[str, Any]]:
    """The rows of verdicts that were reached, by key and width.

    Parameters
    ----------
    table
        Result of `ff.claims.verdicts`.
    """
    reached = table.loc[table["verdict"].isin(TESTED)]
    return reached.set_index(["key", "width"]).to_dict("index")


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
    numbers, badges = [], []
    for row in rows.to_dict("records"):
        label = _width(row["width"])
        numbers.append(f"{label}: {_number(row)}")
        badges.append(_badge(row) if len(rows) == 1 else f"{label}: {_badge(row)}")
    return (
        f'<tr id="claim-{first["key"]}"><td>{escape(first["statement"])}<br> '
        f"<small>{escape(first['where'])}{REJECTED if first['rejected'] else ''}</small></td>"
        f"<td>{'<br>'.join(numbers)}<br><small>{estimand}</small></td>"
        f"<td>{'<br>'.join(badges)}</td></tr>"
    )


def _number(row: Any) -> str:
    """What is measured, with its interval and number of seeds."""
    value = "not measured" if np.isnan(row["value"]) else f"<b>{row['value']:.3g}</b>"
    if not np.isnan(row["low"]):
        value += f" [{row['low']:.3g}, {row['high']:.3g}]"
    count = "" if row["seeds"] == "0" else f", {row['seeds']} seeds"
    return value.replace("-", MINUS) + count


def _badge(row: Any) -> str:
    return badge(row["paper"], row["verdict"])
