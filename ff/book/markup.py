"""Plain HTML that a notebook or a page shows: notes, downloads and badges, all text escaped."""

from collections.abc import Iterable
from html import escape
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

__all__ = [
    "BEYOND",
    "DASH",
    "MINUS",
    "NBSP",
    "Html",
    "Note",
    "badge",
    "download",
    "estimate",
    "fold",
    "interval",
    "layer_numbers",
    "listed",
    "number",
    "p_value",
    "paragraphs",
    "plain",
    "scrolling",
    "unindexed",
]

LONG = 20  # characters of a cell that may break into lines, but not at each word
HEADS = {"hidden": "units", "p_holm": "p (Holm)"}  # of columns whose names do not say it

NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"  # where nothing is measured
BEYOND = "\N{INFINITY}"  # the end of an interval that is beyond the last epoch
SIGNS = {"agrees": "\N{CHECK MARK}", "differs": "\N{MULTIPLICATION X}"}
COLORS = {"agrees": "success", "differs": "danger"}  # of the site's theme


class Html:
    """A piece of a page that a notebook displays as it is."""

    def __init__(self, html: str) -> None:
        self._html = html

    def __repr__(self) -> str:  # without an address: a notebook comes out the same each time
        return f"<Html of {len(self._html)} characters>"

    def _repr_html_(self) -> str:
        return self._html


class Note:
    """A sentence that a notebook shows in a box."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        style = "border-left: .25rem solid #0072b2; padding: .5rem 1rem; margin: .5rem 0"
        return f'<div class="ff-note" style="{style}">{escape(self.text)}</div>'


def fold(summary: str, html: str) -> Html:
    """HTML behind one click; the text to click on is always in sight."""
    return Html(f'<details class="ff-fold"><summary>{escape(summary)}</summary>{html}</details>')


def scrolling(table: str, name: str) -> str:
    """A table that scrolls inside itself, by keyboard, too."""
    region = f'tabindex="0" role="region" aria-label="{escape(name)}"'
    return f'<div class="ff-scroll-x" {region}>{table}</div>'


def download(table: pd.DataFrame, name: str) -> Html:
    """Link that hands a table to the reader as CSV, to four digits, without a server.

    Of a table without rows there is none.

    Parameters
    ----------
    table
        What to hand over.
    name
        File name without its ending.
    """
    if table.empty:
        return Html("")
    data = quote(table.to_csv(index=False, float_format="%.4g"), safe=",+")  # shorter than base64
    link = f'<a download="{escape(name)}.csv" href="data:text/csv;charset=utf-8,{data}">'
    size = f"{len(table)} row{'' if len(table) == 1 else 's'}, 4 digits"
    return Html(f'<p class="ff-download">{link}{escape(name)}.csv</a> ({size})</p>')


def badge(look: str, text: str) -> str:
    """A small label, with the sign and color of what "agrees" or "differs"; gray for others."""
    kind, text = COLORS.get(look, "secondary"), f"{SIGNS.get(look, '')} {text}".strip()
    return f'<span class="sd-badge sd-bg-{kind} sd-bg-text-{kind}">{escape(text)}</span>'


def unindexed(table: Any, name: str) -> Html:
    """A table as pandas has styled it, without its index, the same HTML each time.

    Parameters
    ----------
    table
        What ``DataFrame.style`` gives.
    name
        As no other table on the page is called.
    """
    return Html(table.hide().set_uuid(name).to_html())


def plain(table: pd.DataFrame) -> Html:
    """A table as one reads it: words as heads and at the left, intervals in one column, no index.

    Parameters
    ----------
    table
        Rows to show; their ``low`` and ``high`` become the interval, and ``p``, ``p_value`` and
        ``p_holm`` are shown as p values. Without any nothing is shown.
    """
    if table.empty:
        return Html("")
    shown: dict[str, list[str]] = {}
    for column in table:
        name, values = str(column), table[column].tolist()
        if name == "low":
            ends = zip(values, table["high"], strict=True)
            texts = (interval(*pair) or DASH for pair in ends)
            shown[f"95{NBSP}% interval"] = [text.replace(" ", NBSP) for text in texts]
        elif name.startswith("p_") or name == "p":
            shown[HEADS.get(name, "p")] = [p_value(value) for value in values]
        elif name != "high":
            head = HEADS.get(name, escape(name.replace("_", " ")))
            if all(isinstance(value, str) for value in values):
                look = "ff-text ff-long" if max(map(len, values)) > LONG else "ff-text"
                cells = [head, *map(escape, values)]
                own, *shown_values = (f'<span class="{look}">{cell}</span>' for cell in cells)
                shown[own] = shown_values
            else:
                shown[head] = [
                    number(value) if isinstance(value, float) else escape(str(value))
                    for value in values
                ]
    html = pd.DataFrame(shown).to_html(index=False, escape=False, border=0)
    return Html(html.replace("<th>", '<th scope="col">'))


def listed(texts: Iterable[str]) -> str:
    """One, "one and two", "one, two and three"."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


def layer_numbers(numbers: Iterable[int]) -> str:
    """Numbers of layers, such as "layers 1, 2 and 14 to 21"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    texts: list[str] = []
    for span in spans:
        texts += [f"{span[0]} to {span[-1]}"] if len(span) > 2 else map(str, span)
    return f"layer{'s' if len(spans[0]) > 1 or len(spans) > 1 else ''} {listed(texts)}"


def number(value: float) -> str:
    """A number to three digits or the nearest whole one, with a true minus sign; a dash for NaN."""
    digits = ".0f" if 999.5 <= abs(value) < 1e6 else ".3g"
    return DASH if np.isnan(value) else f"{value:{digits}}".replace("-", MINUS)


def interval(low: float, high: float) -> str:
    """Ends of an interval in brackets, empty where there is none."""
    return "" if np.isnan(low) else f"[{number(low)}, {number(high)}]"


def estimate(value: float, low: float, high: float) -> str:
    """A number and its interval, if it has one."""
    return " ".join(filter(None, [number(value), interval(low, high)]))


def p_value(p: float) -> str:
    """A p value to three decimals, and no smaller than these can say, as HTML."""
    return DASH if np.isnan(p) else "p &lt; 0.001" if p < 0.001 else f"p = {p:.3f}"


def paragraphs(texts: Iterable[str]) -> Html:
    """One paragraph of the page for each text, which is HTML already."""
    return Html("".join(f"<p>{text}</p>" for text in texts))
