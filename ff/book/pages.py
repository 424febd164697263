"""What a page of the book says of its measurements: on what it rests, and how they were made."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import count, groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import MINUS, Html, Note
from ff.config import Config
from ff.notes import stored
from ff.provenance import configuration
from ff.records import Records, below, device, measurements, shown, unusual
from ff.records import provenance as origins
from ff.results import RESULTS
from ff.versions import short_commit

__all__ = [
    "differences",
    "disturbances",
    "grid",
    "image_set",
    "measured",
    "provenance",
    "runs_of",
    "settings",
    "silences",
]

COLUMNS = ("Seeds", "Precision", "Commit", "Started on", "Minutes")  # of a run
SETS = {  # data sets whose names are written otherwise than in a configuration
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "cifar10": "CIFAR-10",
    "digits": "the digits of scikit-learn",
}
ENOUGH = 8  # seeds for intervals that cover about as often as they say: see the page on coverage
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
    for width, number in seeds.items():
        runs = [run for run in records.runs if width in np.atleast_1d(run["config"]["hidden"])]
        how = ", ".join(sorted({f"{run['config']['precision']} on {device(run)}" for run in runs}))
        parts.append(f"width {width}: {number} seed{'s' if number > 1 else ''} in {how}")
    depth = "" if layers is None else f"Networks of {layers} layers. "
    few = min(seeds.values()) < ENOUGH
    rough = " Intervals from so few seeds are rough, and some are too narrow." * few
    sets = {run["config"]["dataset"] for run in records.runs}
    names = " and ".join(sorted(map(image_set, sets)))
    return Note(f"{depth}Measured on {names} over {epochs} epochs; {'; '.join(parts)}.{rough}")


def image_set(name: str) -> str:
    """What a sentence calls a data set that a configuration names."""
    return SETS.get(name, name)


def provenance(folder: Path = RESULTS) -> Html:
    """Where published measurements come from: `runs_of` all that lie below a folder.

    Parameters
    ----------
    folder
        Where the results are; the book's by default.
    """
    return runs_of([run for path in below(folder) for run in origins(path / "layers.parquet")])


def runs_of(runs: Sequence[dict[str, Any]]) -> Html:
    """Where measurements come from: a table for each condition, a row for each run.

    Runs that trained the same networks on the same machine stand together, below what they share.

    Parameters
    ----------
    runs
        As in `Records.runs`.
    """
    return Html("".join(map(_table, _grouped(runs, _condition))))


def settings(run: Mapping[str, Any]) -> str:
    """What of a run's configuration is not the default, as one says it.

    Parameters
    ----------
    run
        An entry of `Records.runs`.
    """
    differs = unusual(run)
    if run["config"]["batch_size"] is None:  # the images' own
        differs.pop("batch_size", None)
    said = ", ".join(f"{key} {shown(value)}" for key, value in differs.items())
    return f"Settings that are not the defaults: {said or 'none'}."


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """What another precision or device changes, rounded to the digits that matter.

    Parameters
    ----------
    table
        Result of `ff.agreement.rounding` or `ff.agreement.unpaired`.
    """
    rows = []
    for row in table.to_dict("records"):
        digits = 2 if row["quantity"].startswith("delay") else 4
        shown = {name: f"{row[name]:.{digits}f}".replace("-", MINUS) for name in NUMBERS}
        network = f"{row['layers']} layers of {row['hidden']} units"
        how = [row[name] for name in ("precision", "device") if name in row]
        rows.append(
            {
                "network": ", ".join([network, *how]),
                "seeds": row["seeds"],
                "quantity": row["quantity"],
                "mean of the reference": shown["reference"],
                "difference [95 % interval]": f"{shown['difference']} "
                f"[{shown['low']},\N{NO-BREAK SPACE}{shown['high']}]",
                "standard deviation over seeds": shown["spread"],
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
    found = stored(measurements(folder) / "reliability.json")
    killed, writes = found["killed"], found["killed_at_writes"]
    rivals, stale = found["rivals"], found["stale_locks"]
    rows = [
        (
            f"{killed['runs']} runs were killed (SIGKILL) at random moments, {killed['kills']} "
            "times in all, and started again: with 1 to 3 threads, from another working "
            "directory, by another path to their folder. "
            f"{killed['replaced older records']} of them replaced older records",
            f"{killed['equal']} ended with the records of an undisturbed run, bit for bit, with "
            f"the threads that they began with; {killed['nothing left behind']} left nothing but "
            "these",
        ),
        (
            f"before {killed['disks nearly full']} of these starts the disk was filled up but for "
            f"at most 60 kB, before {killed['links planted']} links were planted where runs write",
            f"{killed['ended by a full disk']} starts ended with an error, and their runs went on "
            f"when there was room; {killed['targets of links untouched']} of {killed['runs']} runs "
            "left alone what the links lead to",
        ),
        (
            f"{writes['kills']} runs were killed just before or just after they replaced a file, "
            "and started again",
            f"{writes['equal']} ended with the records of an undisturbed run, bit for bit",
        ),
        *(
            (
                f"{name} was sent in the middle of a run, and the run started again",
                f"it stopped with exit code {found[name.lower()][0]}, and ended with the records "
                "of an undisturbed run",
            )
            for name in ("SIGINT", "SIGTERM")
        ),
        (
            f"{rivals['repetitions']} times, two runs were started in one folder at the same time",
            f"{rivals['refused, naming the first']} times one was refused and told the other's "
            f"process; {rivals['found it finished']} times the other had finished by then",
        ),
        (
            f"{stale['repetitions']} runs were killed while they had a folder locked",
            f"{stale['taken over']} times the next run could use the folder",
        ),
        *(
            (
                f"a checkpoint of 32 layers of {row['width']} units, two seeds, was written: "
                f"{row['megabytes']} MB",
                f"it took {row['seconds']} s, {row['percent of a minute']} % of the minute between "
                "two checkpoints",
            )
            for row in found["checkpoints"]
        ),
        (
            "training of 32 layers of 20,000 units was asked of a machine with "
            f"{found['memory']['gigabytes available']} GB free",
            f"it was refused before it allocated the {found['memory']['gigabytes needed']} GB that "
            "a seed needs",
        ),
    ]
    return pd.DataFrame(rows, columns=["What was done", "What happened"])


def silences(folder: Path = RESULTS) -> Note:
    """How often layers fell silent, and for how long, as ``tests/silence.py`` counted it.

    Parameters
    ----------
    folder
        Where the results are; the book's by default.
    """
    runs = stored(measurements(folder) / "silence.json")
    steps: dict[tuple[int, int, int], set[int]] = {}
    for number, run in enumerate(runs):
        for row in run["silent"]:
            steps.setdefault((number, row["seed"], row["layer"]), set()).add(row["step"])
    starts = [(own, step) for own in steps.values() for step in own if step - 1 not in own]
    stretches = [next(i for i in count() if step + i not in own) for own, step in starts]
    longest = max(stretches, default=0)
    return Note(
        f"How common are silent steps? In {sum(len(run['seeds']) for run in runs)} trainings of "
        f"{runs[0]['steps']} steps (32 layers of {runs[0]['hidden']} units, {runs[0]['device']}), "
        f"a layer fell silent {len(starts)} times, for at most {longest} "
        f"step{'s' if longest > 1 else ''} in a row."
    )


def grid(records: Records) -> Html:
    """Every configuration as a small picture of its traces, which leads to its page.

    Parameters
    ----------
    records
        Measurements of any number of widths and depths.
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
            page = f"runs/configuration/layers-{depth:04}-hidden-{width:04}.html"
            first, last = traces[0].iloc[-1], traces[-1].iloc[-1]
            network = networks[width, depth].iloc[-1]
            cards.append(
                f'<a href="{page}"><svg viewBox="0 0 120 80" aria-hidden="true">{lines}</svg>'
                f"<b>{depth} layers of {width} units</b><br>layer 1: {first:.2f}, layer {depth}: "
                f"{last:.2f}, network: {network:.2f}</a>"
            )
    return Html(f'<div class="ff-grid">{"".join(cards)}</div>')


def _grouped(runs: Sequence[dict[str, Any]], key: Callable) -> list[list[dict[str, Any]]]:
    """Runs that have a key in common, ascending."""
    return [list(own) for _, own in groupby(sorted(runs, key=key), key)]


def _condition(run: dict[str, Any]) -> tuple[list[str], str]:
    """How a condition differs from the defaults, which come first, and its data."""
    standard = Config().condition
    differs = [
        f"{key}: {shown(value)} instead of {shown(standard.get(key))}"
        for key, value in unusual(run).items()
    ]
    return differs, run["dataset"]["sha256"]


def _origin(run: dict[str, Any]) -> tuple[Any, ...]:
    """Which networks a run trained, and where."""
    config, versions = configuration(run), run["versions"]
    machine = (run["device"], run["threads"], versions["python"], versions["torch"])
    return config.widths, machine, config.depths


def _table(runs: list[dict[str, Any]]) -> str:
    """Runs of one condition and the same data."""
    differs, data = _condition(runs[0])
    title = ", ".join(differs) or "The default configuration"
    config = runs[0]["config"]
    small = (
        f"{config['dataset']}, {config['precision']}, {config['epochs']} epochs; "
        f"data SHA-256 {data[:10]}\N{HORIZONTAL ELLIPSIS}"
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    return (
        f'<table class="ff-runs"><caption>{escape(title)}'
        f"<small>{escape(small)}</small></caption><thead><tr>{head}</tr></thead>"
        f"{''.join(map(_part, _grouped(runs, _origin)))}</table>"
    )


def _part(runs: list[dict[str, Any]]) -> str:
    """Runs of one table that trained the same networks on the same machine."""
    widths, (device, threads, python, torch), depths = _origin(runs[0])
    title = f"{_ranges(widths)} units a layer on {device}"
    small = (
        f"networks of depth {_ranges(depths)}; {threads} thread{'s' if threads > 1 else ''}; "
        f"Python {python}, torch {torch}"
    )
    rows = "".join(map(_row, sorted(runs, key=lambda run: configuration(run).seed_list)))
    return (
        f'<tbody><tr><th scope="rowgroup" colspan="{len(COLUMNS)}">{escape(title)}'
        f"<small>{escape(small)}</small></th></tr>{rows}</tbody>"
    )


def _row(run: dict[str, Any]) -> str:
    """A run, in `COLUMNS`."""
    cells = (
        run["config"]["precision"],
        short_commit(run["versions"]["commit"]),
        run["started"][:10],
        f"{run['wall_seconds'] / 60:.1f}",
    )
    shown = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{_ranges(configuration(run).seed_list)}</th>{shown}</tr>'


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers in short, such as "1, 3 to 5"."""
    first = [number for number in numbers if number - 1 not in numbers]
    last = [number for number in numbers if number + 1 not in numbers]
    return ", ".join(f"{a} to {b}" if a < b else f"{a}" for a, b in zip(first, last, strict=True))


def _polyline(trace: pd.Series, look: str) -> str:
    """Accuracy 0.4 to 1 over the epochs, in a box of 120 by 80."""
    x = np.linspace(1, 119, len(trace))
    y = 79 - (trace.to_numpy() - 0.4).clip(0) / 0.6 * 78
    points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return f'<polyline points="{points}" {look}/>'
