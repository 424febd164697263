"""What a page of the book shows beside its figures: notes, verdicts and data to download."""

import json
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from ff.book.notebook import Note
from ff.records import Records, read
from ff.results import RESULTS
from ff.speed import report
from ff.stats.claims import REJECTED, verdicts

__all__ = [
    "Html",
    "differences",
    "disturbances",
    "download",
    "execution_times",
    "grid",
    "measured",
    "provenance",
    "targets",
    "verdict_summary",
    "verdict_table",
]

BADGES = {"agrees": "success", "differs": "danger"}  # colors of the site's theme
MINUS = "\N{MINUS SIGN}"
SIGNS = {"agrees": "\N{CHECK MARK}", "differs": "\N{MULTIPLICATION X}"}
ENOUGH = 10  # seeds for an interval that needs no warning
TESTED = ("supported", "not supported", "undecided")
COMPARED = {"agrees": ", as the paper concludes", "differs": ", unlike the paper"}
NUMBERS = ("reference", "difference", "low", "high", "spread")  # of a comparison
DASH = "\N{EN DASH}"  # where nothing is measured


class Html:
    """A piece of a page that a notebook displays as it is."""

    def __init__(self, html: str) -> None:
        self._html = html

    def _repr_html_(self) -> str:
        return self._html


def download(table: pd.DataFrame, name: str) -> Html:
    """Link that hands a table to the reader as CSV, to four digits, without a server.

    Parameters
    ----------
    table
        What to hand over.
    name
        File name without its ending.
    """
    data = quote(table.to_csv(index=False, float_format="%.4g"), safe=",+")  # shorter than base64
    link = f'<a download="{escape(name)}.csv" href="data:text/csv;charset=utf-8,{data}">'
    size = f"{len(table)} rows, 4 digits"
    return Html(f'<p class="ff-download">{link}{escape(name)}.csv</a> ({size})</p>')


def measured(records: Records, layers: int | None = None) -> Note:
    """Sentence that says on what a page rests.

    Parameters
    ----------
    records
        What it reads.
    layers
        The depth that it shows; None for all.
    """
    epochs = records.layers["epoch"].max()
    seeds = records.layers.groupby("hidden")["seed"].nunique().to_dict()
    parts = []
    for width, count in seeds.items():
        runs = [run for run in records.runs if width in np.atleast_1d(run["config"]["hidden"])]
        how = ", ".join(sorted({run["config"]["precision"] for run in runs}))
        parts.append(f"width {width}: {count} seed{'s' if count > 1 else ''} in {how}")
    depth = "" if layers is None else f"Networks of {layers} layers. "
    few = min(seeds.values()) < ENOUGH
    rough = " Intervals from so few seeds are rough, and tend to be too narrow." * few
    names = " and ".join(sorted({run["config"]["dataset"] for run in records.runs}))
    return Note(f"{depth}Measured on {names} over {epochs} epochs; {'; '.join(parts)}.{rough}")


def provenance(folder: Path = RESULTS) -> pd.DataFrame:
    """One row for each published run: what, where, when and for how long.

    Parameters
    ----------
    folder
        Where the results are; the book's by default.
    """
    rows = {}
    for path in sorted(folder.glob("*/layers.parquet")):
        records = read(path.parent)
        (run,) = records.runs
        seeds = np.unique(records.layers["seed"])
        rows[path.parent.name] = {
            "width": run["config"]["hidden"],
            "layers": max(np.atleast_1d(run["config"]["layers"])),
            "seeds": f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}",
            "momentum": run["config"]["peer_momentum"],
            "precision": run["config"]["precision"],
            "device": run["device"],
            "threads": run["threads"],
            "hours": round(run["wall_seconds"] / 3600, 2),
            "started": run["started"][:16],
            "torch": run["versions"]["torch"],
            "commit": run["versions"]["commit"][:10],
            "data SHA-256": run["dataset"]["sha256"][:10],
        }
    return pd.DataFrame(rows).T


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """What bf16 changes, in numbers for people.

    Parameters
    ----------
    table
        Result of `ff.stats.agreement.rounding`.
    """
    rows = []
    for row in table.to_dict("records"):
        digits = 2 if row["quantity"].startswith("delay") else 4
        shown = {name: f"{row[name]:.{digits}f}".replace("-", MINUS) for name in NUMBERS}
        interval = f"[{shown['low']}, {shown['high']}]"
        rows.append(
            {
                "units": row["hidden"],
                "quantity": row["quantity"],
                "seeds": row["seeds"],
                "layers": row["layers"],
                "float32": shown["reference"],
                "bf16 minus float32": f"{shown['difference']} {interval}",
                "spread over seeds": shown["spread"],
                "within": "yes" if row["within"] else "no",
            }
        )
    return pd.DataFrame(rows)


def disturbances(folder: Path = RESULTS) -> pd.DataFrame:
    """What was done to running trainings and how it ended, as ``tests/reliability.py`` found it.

    Parameters
    ----------
    folder
        Where the results are; the book's by default.
    """
    found = json.loads((folder / "reliability.json").read_text(encoding="utf-8"))
    killed, writes = found["killed"], found["killed_at_writes"]
    rivals, stale = found["rivals"], found["stale_locks"]
    rows = [
        (
            f"{killed['runs']} runs killed (SIGKILL) {killed['kills']} times at random moments",
            f"{killed['equal']} with the records of an undisturbed run, bit for bit",
        ),
        (
            f"{writes['kills']} runs killed just before or just after a file took its place",
            f"{writes['equal']} with the records of an undisturbed run, bit for bit",
        ),
        *(
            (f"{name} in the middle of a run", f"exit code {found[name.lower()][0]}; continued")
            for name in ("SIGINT", "SIGTERM")
        ),
        (
            f"{rivals['repetitions']} times two runs at the same time in one folder",
            f"{rivals['refused, naming the first']} times one was refused, naming the other; "
            f"{rivals['found it finished']} times it came so late that the other had finished",
        ),
        (
            f"{stale['repetitions']} runs killed while they held their folder",
            f"{stale['taken over']} folders taken over by the next run",
        ),
        *(
            (
                f"A checkpoint of 32 layers of {row['width']} units, two seeds: "
                f"{row['megabytes']} MB",
                f"{row['seconds']} s, {row['percent of a minute']} % of a minute",
            )
            for row in found["checkpoints"]
        ),
        (
            "32 layers of 20,000 units on a machine with "
            f"{found['memory']['gigabytes available']} GB free",
            f"refused before it allocates {found['memory']['gigabytes needed']} GB for a seed",
        ),
    ]
    return pd.DataFrame(rows, columns=["What was done", "What came of it"])


def execution_times(folder: Path = RESULTS.parent / "runs") -> pd.DataFrame:
    """Seconds that each parameterized notebook took to run into a page of the book.

    Parameters
    ----------
    folder
        Where the executed copies are; the book's by default.

    Returns
    -------
    DataFrame
        A row a file of parameters, a column a notebook.
    """
    seconds = {
        (path.stem, path.parent.name): json.loads(path.read_text("utf-8"))["metadata"]["seconds"]
        for path in sorted(folder.glob("*/*.ipynb"))
    }
    return pd.Series(seconds, dtype=float).unstack().rename_axis("seconds").fillna("")


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
        f"<p>Not measured ({escape(str(why))}): {escape('; '.join(own['work']))}.</p>"
        for why, own in table[absent].groupby("how", sort=False)
    )
    return Html(
        f'<table class="ff-verdicts"><thead>{head}</thead><tbody>{body}</tbody></table>{below}'
    )


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


def grid(records: Records, chapters: dict[str, str]) -> Html:
    """Every configuration as a small picture of its traces, with links to its pages.

    Parameters
    ----------
    records
        Measurements of any number of widths and depths.
    chapters
        File names of the chapters that have a page for each configuration, and how links to them
        are called.
    """
    layers: Any = records.layers.groupby(["hidden", "layer", "epoch"])["train_accuracy"].mean()
    networks: Any = records.readouts.groupby(["hidden", "depth", "epoch"])["train_accuracy"].mean()
    cards = []
    for width in np.unique(records.layers["hidden"]):
        for depth in np.unique(records.readouts["depth"]):
            traces = [layers[width, layer] for layer in range(1, depth + 1)]
            lines = "".join(
                _polyline(trace, f'style="--share:{(layer - 1) / (depth - 1):.3f}"')
                for layer, trace in enumerate(traces, start=1)
            )
            lines += _polyline(networks[width, depth], 'class="readout"')
            page = f"layers-{depth:04}-hidden-{width:04}.html"
            links = " · ".join(
                f'<a href="runs/{name}/{page}">{escape(text)}</a>'
                for name, text in chapters.items()
            )
            cards.append(
                f'<figure><svg viewBox="0 0 120 80" role="img" aria-label="Accuracy of {depth} '
                f'layers of {width} units against the epoch">{lines}</svg>'
                f"<figcaption>{depth} layers of {width}<br>{links}</figcaption></figure>"
            )
    return Html(f'<div class="ff-grid">{"".join(cards)}</div>')


def _target(row: dict[Any, Any]) -> str:
    """A line of `targets`."""
    beside = ", ".join(filter(None, [row["beside"] and f"beside {row['beside']}", row["how"]]))
    values = " beside ".join(filter(None, [row["ours"], row["compared"]]))
    look = {"met": "agrees", "missed": "differs"}.get(row["verdict"], "")  # "" if runs disagree
    value, _, spread = row["ratio"].partition(" ")
    return (
        f"<tr><td>{escape(row['work'])}<br><small>{escape(beside)}</small></td>"
        f"<td><b>{escape(value)}</b> {escape(spread)}<br><small>{escape(values)}</small></td>"
        f"<td>{escape(row['target'])}<br>{_badge(look, row['verdict'])}</td></tr>"
    )


def _badge(look: str, text: str) -> str:
    """A small label, with the sign and color of what "agrees" or "differs"; gray for others."""
    kind, text = BADGES.get(look, "secondary"), f"{SIGNS.get(look, '')} {text}".strip()
    return f'<span class="sd-badge sd-bg-{kind} sd-bg-text-{kind}">{escape(text)}</span>'


def _polyline(trace: pd.Series, look: str) -> str:
    """Accuracy 0.4 to 1 over the epochs, in a box of 120 by 80."""
    x = np.linspace(1, 119, len(trace))
    y = 79 - (trace.to_numpy() - 0.4).clip(0) / 0.6 * 78
    points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" {look}/>'


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
        value = "not measured" if np.isnan(row["value"]) else f"<b>{row['value']:.3g}</b>"
        if not np.isnan(row["low"]):
            value += f" [{row['low']:.3g}, {row['high']:.3g}]"
        value = value.replace("-", MINUS)
        count = "" if row["seeds"] == "0" else f", {row['seeds']} seeds"
        numbers.append(f"{label}: {value}{count}")
        badge = _badge(row["paper"], row["verdict"])
        badges.append(badge if len(rows) == 1 else f"{label}: {badge}")
    return (
        f'<tr id="claim-{first["key"]}"><td>{escape(first["statement"])}<br> '
        f"<small>{escape(first['where'])}{REJECTED if first['rejected'] else ''}</small></td>"
        f"<td>{'<br>'.join(numbers)}<br><small>{estimand}</small></td>"
        f"<td>{'<br>'.join(badges)}</td></tr>"
    )
