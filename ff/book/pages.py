"""What a page of the book says of its measurements: on what it rests, and how they were made."""

import json
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import MINUS, Html, Note
from ff.records import Records, read
from ff.results import RESULTS

__all__ = [
    "differences",
    "disturbances",
    "execution_times",
    "grid",
    "measured",
    "provenance",
]

ENOUGH = 10  # seeds for an interval that needs no warning
NUMBERS = ("reference", "difference", "low", "high", "spread")  # of a comparison


def measured(records: Records, layers: int | None = None) -> Note:
    """Sentence that says which measurements a page rests on.

    Parameters
    ----------
    records
        What the page reads.
    layers
        The depth that the page shows; None for all.
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
    """What bf16 changes, rounded to the digits that matter.

    Parameters
    ----------
    table
        Result of `ff.agreement.rounding`.
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


def grid(records: Records, chapters: dict[str, str]) -> Html:
    """Every configuration as a small picture of its traces, with links to its pages.

    Parameters
    ----------
    records
        Measurements of any number of widths and depths.
    chapters
        File names of the chapters that have a page for each configuration, and the text of the
        links to them.
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


def _polyline(trace: pd.Series, look: str) -> str:
    """Accuracy 0.4 to 1 over the epochs, in a box of 120 by 80."""
    x = np.linspace(1, 119, len(trace))
    y = 79 - (trace.to_numpy() - 0.4).clip(0) / 0.6 * 78
    points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" {look}/>'
