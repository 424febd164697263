"""What `ff bench` has measured, as a table with its targets and in a few sentences."""

from html import escape
from typing import Any

import pandas as pd

from ff.book.markup import Html, badge, paragraphs
from ff.speed import report
from ff.speed.floor import floor

__all__ = ["speed", "targets"]

HEADS = ("What was measured", "Result [least, greatest of all turns]", "Our target")


def targets(rows: pd.DataFrame) -> Html:
    """What `ff bench` has measured on a machine, as a table; below it what was not, and why.

    Parameters
    ----------
    rows
        What `ff.speed.report.read` returns, of one machine.
    """
    table: Any = report.table(rows)
    absent = table["verdict"] == "not measured"
    head = "".join(f'<th scope="col">{name}</th>' for name in HEADS)
    body = "".join(map(_target, table[~absent].to_dict("records")))
    below = "".join(
        f"<p>Not measured ({escape(str(why))}): {escape('; '.join(own['label']))}.</p>"
        for why, own in table[absent].groupby("how", sort=False)
    )
    return Html(
        f'<table class="ff-bars"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}'
    )


def speed(rows: pd.DataFrame) -> Html:
    """How fast an epoch is, how far a step is above its floor, and how many targets are met.

    Parameters
    ----------
    rows
        What `ff.speed.report.read` returns, of one machine.
    """
    lines: Any = report.table(rows).query("verdict != 'not measured'")
    met = (lines["verdict"] == "met").sum()
    texts = [
        f"<b>{row['layers']:.0f} layers of {row['hidden']:.0f} units, "
        f"{escape(row['precision'])}</b>: an epoch of one seed with its evaluation takes "
        f"{escape(row['ours'])}, {escape(row['ratio'])} times as fast as the baseline."
        for row in lines[lines["work"] == "epoch"].to_dict("records")
    ]
    floors: Any = floor(rows)
    texts += [
        f"<b>{escape(str(network))}</b>: a training step takes "
        f"{escape(costs['measured above the floor'])} longer than its "
        '<a href="#performance-floor">floor</a>.'
        for network, costs in floors.items()
    ]
    texts.append(
        f"Our targets that could be measured on this machine: {len(lines)}; met in every run: "
        f"{met}."
    )
    return paragraphs(texts)


def _target(row: dict[Any, Any]) -> str:
    """A line of `targets`."""
    how = f"<br><small>{escape(row['how'])}</small>" if row["how"] else ""
    result = escape(" ".join(filter(None, [row["means"], row["spread"]])))
    values = " against ".join(filter(None, [row["ours"], row["compared"]]))
    look = {"met": "agrees", "missed": "differs"}.get(row["verdict"], "")  # "" if runs disagree
    return (
        f"<tr><td>{escape(row['label'])}{how}</td>"
        f"<td><b>{escape(row['ratio'])}</b> {result}<br>"
        f"<small>{escape(values)}</small></td>"
        f'<td data-head="{HEADS[-1]}">'
        f"{escape(row['target'])}<br>{badge(look, row['verdict'])}</td></tr>"
    )
