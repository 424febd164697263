"""What `ff bench` has measured, as tables and sentences, and beside what was counted by hand."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ff.quantities import CANDIDATES
from ff.records import KEY, short_commit
from ff.results import RESULTS
from ff.speed.roofline import evaluation, operations, products, traffic

__all__ = [
    "disturbed",
    "floor",
    "lines",
    "measured",
    "met",
    "network",
    "origin",
    "precision",
    "read",
    "settings",
    "table",
]

SHOWN = ["work", "beside", "how", "verdict", "ratio", "target", "ours", "compared"]
BUSY = 0.2  # cores that other programs may use without a word
COLUMNS = ["row", "quantity", "value", "low", "high", "unit", "how", "target"]


def read(folder: Path = RESULTS / "bench") -> pd.DataFrame:
    """Read what `ff bench --out` has written, several runs of a machine taken together.

    Parameters
    ----------
    folder
        Where the files are; the book's by default.

    Returns
    -------
    DataFrame
        The rows of `ff.speed.bench.measure`, with `machine`, a name of what was measured alike: on
        the same `device` at the same `commit`, with the same torch, threads, images and effort.
        Values are medians over its `files`, `low` and `high` the least and greatest of all; `met`
        counts the files in which the target is met, and `started` is the last file's. What has the
        most files comes first, and of several what was measured last. Without a file, the table
        is empty.
    """
    parts = []
    for path in sorted(folder.glob("*.parquet")):
        note = json.loads((pq.read_schema(path).metadata or {})[KEY])
        versions = note["versions"]
        own = {"device": note["device"], "commit": short_commit(versions["commit"])}
        machine = (
            f"{own['device']}, commit {own['commit']}, torch {versions['torch']}, "
            f"{note['threads']} threads, {note['dataset']['name']}" + ", --full" * note["full"]
        )
        rows = pd.read_parquet(path).assign(
            machine=machine, **own, file=path.name, started=note["started"]
        )
        verdicts = zip(rows["value"], rows["target"], strict=True)
        rows["met"] = [bool(target) and met(value, target) == "met" for value, target in verdicts]
        parts.append(rows)
    if not parts:
        return pd.DataFrame(columns=["machine", "device", "commit", *COLUMNS, "files"])
    groups = pd.concat(parts).groupby(["machine", "row", "quantity"], sort=False, as_index=False)
    found: Any = groups.agg(
        device=("device", "first"),
        commit=("commit", "first"),
        value=("value", "median"),
        low=("low", "min"),
        high=("high", "max"),
        unit=("unit", "first"),
        how=("how", "first"),
        target=("target", "first"),
        files=("file", "nunique"),
        met=("met", "sum"),
        started=("started", "max"),
    )
    machines = found.groupby("machine")[["files", "started"]].transform("max")
    order = machines.sort_values(["files", "started"], ascending=False, kind="stable").index
    return found.loc[order].reset_index(drop=True)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line for each piece of work that has a target, in words and numbers for people.

    Parameters
    ----------
    rows
        What `ff.speed.bench.measure` yields or `read` returns, of one machine.

    Returns
    -------
    DataFrame
        The `work`, what it is measured `beside`, and `how` if not by itself: "extrapolated from
        ..." or why not at all; `verdict`: "met", "missed" or "not measured", and, where several
        runs disagree, in how many of them it is the same; then `ratio`, `target`, and the two
        quantities of which the ratio is taken, `ours` and `compared`.
    """
    found = []
    for row, own in rows.groupby("row", sort=False):
        parts = own.set_index("quantity")
        if "ratio" not in parts.index:
            continue
        ratio: Any = parts.loc["ratio"]
        work, _, beside = str(row).partition(" / ")
        found.append(
            {
                "work": work,
                "beside": beside,
                "how": ratio["how"].removeprefix("measured").removeprefix("not measured: "),
                "verdict": _verdict(ratio),
                "ratio": _shown(ratio, spread=True),
                "target": ratio["target"],
                "ours": _shown(parts.loc["ours"]),
                "compared": _shown(parts.loc["compared"]),
            }
        )
    return pd.DataFrame(found, columns=SHOWN)


def origin(rows: pd.DataFrame, first: pd.DataFrame) -> str:
    """Sentences that say what a table was measured with, and how it differs from the first.

    Parameters
    ----------
    rows, first
        What `read` returns, of one machine each.
    """
    machine, day = rows["machine"].iloc[0], rows["started"].max()[:10]
    said = [f"{machine}, {day}, runs of ff bench: {rows['files'].max()}.", disturbed(rows)]
    commit = first["commit"].iloc[0]
    if rows["commit"].iloc[0] != commit:
        said.append(f"Another commit than {commit}: the engine may differ, and so may ff bench.")
    return " ".join(filter(None, said))


def disturbed(rows: pd.DataFrame) -> str:
    """Sentence that says how many cores other programs kept busy; empty if hardly any.

    Parameters
    ----------
    rows
        What `ff.speed.bench.measure` yields or `read` returns, of one machine.
    """
    cores = measured(rows, "other programs")["high"].max()
    if not cores > BUSY:
        return ""
    return (
        f"Other programs kept {cores:.1f} cores busy at the start: the ratios are not to be "
        "trusted, whatever their spread."
    )


def settings(rows: pd.DataFrame) -> str:
    """How much of our ratio at width 100 comes from our settings of threads and memory, if known.

    Parameters
    ----------
    rows
        What `ff.speed.bench.measure` yields or `read` returns, of one machine.
    """
    quantity = rows.set_index(["row", "quantity"])["value"]
    share = quantity.get(("the published style with our settings, 4 layers of 100", "share"))
    ratio = quantity.get(("an epoch, 4 layers of 100, float32 / the published style", "ratio"))
    if share is None or ratio is None:
        return ""
    return (
        f"Given our settings of threads and memory, the published style would take {share:.2f} of "
        f"its time at 4 layers of 100; beside that, ours is {_digits(ratio * share)} times as fast."
    )


def lines(rows: pd.DataFrame) -> Iterator[str]:
    """Write the same as lines of text."""
    for row in table(rows).to_dict("records"):
        work = " / ".join(filter(None, [row["work"], row["beside"]]))
        work += f" ({row['how']})" if row["how"] else ""
        yield (
            f"{row['verdict']:14}{row['ratio']:26}{row['target']:15}"
            f"{row['ours']:15}{row['compared']:15}{work}"
        )


def met(value: float, target: str) -> str:
    """Whether a value is "met", "missed" or, where it is NaN, "not measured".

    Parameters
    ----------
    value
        A ratio.
    target
        "at least 1.8", "at most 1.5" or "0.9 to 1.1".
    """
    bounds = [float(number) for number in re.findall(r"[\d.]+", target)]
    low = -np.inf if target.startswith("at most") else bounds[0]
    high = np.inf if target.startswith("at least") else bounds[-1]
    return "not measured" if np.isnan(value) else "met" if low <= value <= high else "missed"


def floor(
    rows: pd.DataFrame,
    batch: int = 1000,
    layers: int = 4,
    images: tuple[int, int] = (50_000, 10_000),
) -> pd.DataFrame:
    """What a step would cost if it were its products and the least memory traffic, and costs.

    Parameters
    ----------
    rows
        What `read` returns, of one machine.
    batch, layers
        Images a step and layers of the networks whose products were timed.
    images
        Training and validation images; those of MNIST by default.

    Returns
    -------
    DataFrame
        A column for each width and precision: networks side by side, operations, the share of
        them that is made, bytes, milliseconds of both at the best rate that was measured, their
        sum, and the step as it is; then what all products of an epoch of one seed would take at
        that rate, its evaluation included, and how many times as long the published style takes.
    """
    found = {}
    epochs: Any = rows[rows["quantity"] == "compared"].set_index("row")["value"]
    own = measured(rows, f"products, {layers} ")
    for row, group in own.groupby("row", sort=False):
        value, best = (group.set_index("quantity")[column] for column in ("value", "high"))
        width = int(re.findall(r"layers of (\d+)", str(row))[0])
        seeds = value["side by side"]
        work = seeds * operations(products([layers], width, batch)) / 1e9
        moved = seeds * traffic(layers, width, batch) / 1e6
        copies = own.loc[own["row"].str.contains(f"of {width},") & (own["quantity"] == "copy")]
        made = value.get("made", 1)  # files of former versions, which left nothing out, lack it
        alone = 1e3 * work / best["compared"]
        ideal = made * alone, moved / copies["high"].max()
        shapes = evaluation([layers], width, images[1], min(images[1], CANDIDATES))
        epoch = images[0] // batch * alone / 1e3 / seeds
        epoch += operations(shapes) / 1e9 / best["compared"]
        style = f"an epoch, {layers} layers of {width}, {precision(str(row))} / the published style"
        found[network(row)] = {
            "networks side by side": f"{seeds:.0f}",
            "operations": f"{work:.3g} GFLOP",
            "share that is made": f"{made:.0%}",
            "time for these products alone": f"{ideal[0]:.3g} ms",
            "memory traffic": f"{moved:.3g} MB",
            "time to move it alone": f"{ideal[1]:.3g} ms",
            "floor": f"{sum(ideal):.3g} ms",
            "measured": f"{1e3 * value['a step']:.3g} ms",
            "above the floor": f"{1e3 * value['a step'] / sum(ideal) - 1:.0%}",
            "all products of an epoch, one seed": f"{epoch:.3g} s",
            "published style, as many times that": f"{epochs[style] / epoch:.3g}"
            if style in epochs
            else "",
        }
    return pd.DataFrame(found)


def measured(rows: pd.DataFrame, work: str) -> Any:
    """Rows of the work whose name begins so, without what was not measured."""
    return rows[rows["row"].str.startswith(work) & rows["value"].notna()]


def _verdict(ratio: Any) -> str:
    """Whether the target is met; and if several runs disagree, in how many of them it is so."""
    verdict = met(ratio["value"], ratio["target"])
    if "met" not in ratio:  # a single run
        return verdict
    runs = ratio["files"]
    agree = ratio["met"] if verdict == "met" else runs - ratio["met"]
    return verdict if agree == runs else f"{verdict} in {agree} of {runs} runs"


def network(row: Any) -> str:
    """Width, seeds and precision: "1000 units, 1 seed, float32"."""
    width, more = re.findall(r"layers of (\d+), ([^/]+)", str(row))[0]
    return f"{width} units, {more.strip()}"


def precision(row: str) -> str:
    """Precision of an epoch: "float32"."""
    return row.split(" / ")[0].split(", ")[-1]


def _shown(quantity: Any, spread: bool = False) -> str:
    """A value with its unit, and the least and the greatest where they differ."""
    if np.isnan(quantity["value"]):
        return ""
    value, low, high = map(_digits, quantity[["value", "low", "high"]])
    between = f" [{low},\N{NO-BREAK SPACE}{high}]" if spread and low != high else ""
    return f"{value}{between} {quantity['unit']}".rstrip()


def _digits(number: float) -> str:
    """Three digits, or all before the point."""
    return f"{number:#.3g}".rstrip(".") if number < 1000 else f"{number:,.0f}"
