"""What `ff bench` has measured, as a table with its targets and in a few sentences."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import NBSP, Html, badge, listed, paragraphs, scrolling
from ff.speed import report
from ff.speed.effort import DEPTHS, EPOCHS, QUICK
from ff.speed.estimate import Machine, compared, duration, training
from ff.speed.floor import floor

__all__ = ["care", "durations", "examples", "fit", "speed", "targets"]

SHALLOW, DEEP, NARROW, WIDE = min(DEPTHS[1:]), max(DEPTHS), QUICK.narrow, QUICK.wide
NETWORKS = [(layers, width) for width in (NARROW, WIDE) for layers in (SHALLOW, DEEP)]
FEW = 8  # trainings, of which each one is named
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


def durations(machines: Sequence[Machine]) -> Html:
    """How long a training takes on the first machine, and on the fastest one.

    Parameters
    ----------
    machines
        Result of `ff.speed.estimate.machines`; not empty. One of which ff bench timed too little to
        check the estimate is not taken for the fastest.
    """
    checked = [own for own in machines if not np.isnan(own.error)] or machines
    fastest = min(checked, key=lambda own: _seconds(own, DEEP, WIDE))
    here = (
        f"{EPOCHS} epochs of {DEEP} layers on MNIST, one seed, take about "
        f"<b>{_long(machines[0], DEEP, NARROW)}</b> with {NARROW} units a layer and "
        f"<b>{_long(machines[0], DEEP, WIDE)}</b> with {WIDE}, in {escape(machines[0].name)}."
    )
    there = (
        f"Fastest of all is {escape(fastest.name)}: about <b>{_long(fastest, DEEP, NARROW)}</b> "
        f"and <b>{_long(fastest, DEEP, WIDE)}</b>."
    )
    return paragraphs([f"{here} {there}" if fastest is not machines[0] else here])


def care(machines: Sequence[Machine], runs: Sequence[Mapping[str, Any]]) -> Html:
    """How much longer whole trainings took than the calculator says, in a sentence each machine.

    Parameters
    ----------
    machines, runs
        As of `fit`.
    """
    texts = []
    for own in machines:
        ratios = compared(own, runs)
        if np.isnan(own.error):
            texts.append(f"{own.name}: a rough guess, from too few times to check it")
        elif len(ratios) >= FEW:
            low, high = np.quantile(ratios, [0.25, 0.75])
            texts.append(
                f"{own.name}: half of {len(ratios)} trainings on record took {low:.1f} to "
                f"{high:.1f} times as long"
            )
    return paragraphs([f"{escape(text)}." for text in texts])


def examples(machines: Sequence[Machine]) -> Html:
    """How long some trainings take on each machine, as a table for those who cannot calculate.

    Parameters
    ----------
    machines
        Result of `ff.speed.estimate.machines`.
    """
    heads = "".join(
        f'<th scope="col">{layers} layers of {width}</th>' for layers, width in NETWORKS
    )
    body = "".join(
        f'<tr><th scope="row">{escape(own.name)}</th>'
        + "".join(f"<td>{_long(own, *network)}</td>" for network in NETWORKS)
        + "</tr>"
        for own in machines
    )
    caption = f"{EPOCHS} epochs of one seed of MNIST, evaluated after each epoch."
    table = (
        f'<table class="ff-numbers"><caption>{caption}</caption>'
        f'<thead><tr><th scope="col">Precision and machine</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
    return Html(scrolling(table, "How long some trainings take"))


def fit(machines: Sequence[Machine], runs: Sequence[Mapping[str, Any]]) -> Html:
    """How far estimates are from what was measured, a paragraph for each machine.

    Parameters
    ----------
    machines
        Result of `ff.speed.estimate.machines`.
    runs
        Result of `ff.speed.estimate.trained`.
    """
    texts = []
    for own in machines:
        ratios = compared(own, runs)
        text = (
            "ff bench timed too little here to check the three costs. "
            if np.isnan(own.error)
            else "what ff bench timed itself, to which the costs are fitted, differs from the "
            f"estimate by at most {own.error:.0%}. "
        )
        text = f"<b>{escape(own.name)}</b>: {text}"
        if not len(ratios):
            text += "There is no whole training on record that it could be compared with."
        elif len(ratios) < FEW:
            each = listed(f"{ratio:.2f}" for ratio in ratios)
            text += f"Whole trainings on record: {len(ratios)}, which took {each} times as long."
        else:
            low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
            text += (
                f"Of {len(ratios)} whole trainings on record, half took between {low:.1f} and "
                f"{high:.1f} times as long as estimated, the median {median:.1f} times, and all "
                f"between {ratios[0]:.1f} and {ratios[-1]:.1f} times."
            )
        texts.append(text)
    return paragraphs(texts)


def _seconds(machine: Machine, layers: int, width: int) -> float:
    """Seconds that a training of one seed takes."""
    return machine.costs.seconds(training([layers], width, device=machine.device))


def _long(machine: Machine, layers: int, width: int) -> str:
    """The same in words that stay on one line."""
    return duration(_seconds(machine, layers, width)).replace(" ", NBSP)


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
