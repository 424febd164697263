"""What `ff bench` has measured, as a table with its targets and in a few sentences."""

from html import escape
from typing import Any

import pandas as pd

from ff.book.markup import Html, badge, paragraphs
from ff.speed import report

__all__ = ["speed", "targets"]


def targets(rows: pd.DataFrame) -> Html:
    """What `ff bench` has measured on a machine, as a table; below it what was not, and why.

    Parameters
    ----------
    rows
        What `ff.speed.report.read` returns, of one machine.
    """
    table: Any = report.table(rows)
    absent = table["verdict"] == "not measured"
    head = "<tr><th>Work</th><th>Ratio</th><th>Target</th></tr>"
    body = "".join(map(_target, table[~absent].to_dict("records")))
    below = "".join(
        f"<p>Not measured ({escape(str(why))}): {escape('; '.join(own['label']))}.</p>"
        for why, own in table[absent].groupby("how", sort=False)
    )
    return Html(f'<table class="ff-bars"><thead>{head}</thead><tbody>{body}</tbody></table>{below}')


def speed(rows: pd.DataFrame) -> Html:
    """How much faster than the baseline an epoch is, and how many targets are met.

    Parameters
    ----------
    rows
        What `ff.speed.report.read` returns, of one machine.
    """
    lines: Any = report.table(rows).query("verdict != 'not measured'")
    met = (lines["verdict"] == "met").sum()
    texts = [
        f"<b>{row['layers']:.0f} layers of {row['hidden']:.0f}, {escape(row['precision'])}</b>: "
        f"an epoch with its evaluation takes {escape(row['ours'])}, {escape(row['ratio'])} times "
        "as fast as the baseline's."
        for row in lines[lines["work"] == "epoch"].to_dict("records")
    ]
    texts.append(
        f"Targets that could be measured on this machine: {len(lines)}, met in every run: {met}."
    )
    return paragraphs(texts)


def _target(row: dict[Any, Any]) -> str:
    """A line of `targets`."""
    beside = ", ".join(filter(None, [row["against"] and f"beside {row['against']}", row["how"]]))
    values = " beside ".join(filter(None, [row["ours"], row["compared"]]))
    look = {"met": "agrees", "missed": "differs"}.get(row["verdict"], "")  # "" if runs disagree
    return (
        f"<tr><td>{escape(row['label'])}<br><small>{escape(beside)}</small></td>"
        f"<td><b>{escape(row['ratio'])}</b> {escape(row['spread'])}<br>"
        f"<small>{escape(values)}</small></td>"
        f"<td>{escape(row['target'])}<br>{badge(look, row['verdict'])}</td></tr>"
    )
