"""What `ff bench` has measured, as a table, as figures, and beside what was counted by hand."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ff import records
from ff.agreement import agreement
from ff.config import Config
from ff.evaluation import CANDIDATES
from ff.notebook import Note
from ff.records import KEY, PRECISION, RESULTS, Records
from ff.roofline import evaluation, operations, products, traffic
from ff.style import INK, LINES, MARKERS, MUTED, PALETTE, Figure, entry, legend, styled

__all__ = [
    "baseline",
    "disturbed",
    "floor",
    "kinds",
    "lines",
    "met",
    "origin",
    "read",
    "rounding",
    "rounding_origin",
    "settings",
    "shares",
    "straight",
    "table",
    "threads",
]

SHOWN = ["work", "beside", "how", "verdict", "ratio", "target", "ours", "compared"]
LEGIBLE = 0.06  # of a bar: room for a number
BUSY = 0.2  # cores that other programs may use without a word
COLUMNS = ["row", "quantity", "value", "low", "high", "unit", "how", "target"]
ALIKE = ["device", "commit", "torch", "threads", "full", "dataset"]  # of runs that belong together


def read(folder: Path = RESULTS / "bench") -> pd.DataFrame:
    """Read what `ff bench --out` has written, several runs of a machine taken together.

    Parameters
    ----------
    folder
        Where the files are; the book's by default.

    Returns
    -------
    DataFrame
        The rows of `ff.bench.measure`, with `machine`, a name of what was measured alike: on the
        same machine at the same commit, with the same versions, threads, images and effort.
        Values are medians over its `files`, `low` and `high` the least and greatest of all; `met`
        counts the files in which the target is met, and `started` is the last file's. What has the
        most files comes first, and of several what was measured last. Without a file, the table
        is empty.
    """
    parts = []
    for path in sorted(folder.glob("*.parquet")):
        note = json.loads((pq.read_schema(path).metadata or {})[KEY])
        versions = note["versions"]
        alike = {
            "device": note["device"],
            "commit": _short(versions["commit"]),
            "torch": versions["torch"],
            "threads": note["threads"],
            "full": note["full"],
            "dataset": note["dataset"]["name"],
        }
        rows = pd.read_parquet(path).assign(**alike, file=path.name, started=note["started"])
        verdicts = zip(rows["value"], rows["target"], strict=True)
        rows["met"] = [bool(target) and met(value, target) == "met" for value, target in verdicts]
        parts.append(rows)
    if not parts:
        return pd.DataFrame(columns=[*ALIKE, *COLUMNS, "machine", "files"])
    key = [*ALIKE, "row", "quantity"]
    groups = pd.concat(parts).groupby(key, sort=False, as_index=False)
    found: Any = groups.agg(
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
    names = "{device}, commit {commit}, torch {torch}, {threads} threads, {dataset}"
    found["machine"] = [
        names.format(**row) + ", --full" * row["full"] for row in found[ALIKE].to_dict("records")
    ]
    machines = found.groupby("machine")[["files", "started"]].transform("max")
    order = machines.sort_values(["files", "started"], ascending=False, kind="stable").index
    return found.loc[order].reset_index(drop=True)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """One line for each piece of work that has a target, in words and numbers for people.

    Parameters
    ----------
    rows
        What `ff.bench.measure` yields or `read` returns, of one machine.

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
        What `ff.bench.measure` yields or `read` returns, of one machine.
    """
    cores = _measured(rows, "other programs")["high"].max()
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
        What `ff.bench.measure` yields or `read` returns, of one machine.
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


def rounding(*folders: Path) -> pd.DataFrame:
    """What bf16 changes, beside the spread over seeds.

    Parameters
    ----------
    *folders
        Each holds folders of records; the book's results and ``book/precision`` by default.

    Returns
    -------
    DataFrame
        As `ff.agreement.agreement` with bf16 as the other, for each width that was measured at
        the primary condition in float32 as well. Without such a width, the table is empty.
    """
    compared = [agreement(*both) for both in _both_precisions(folders)]
    return pd.concat(compared, ignore_index=True) if compared else pd.DataFrame()


def rounding_origin(*folders: Path) -> str:
    """Sentence that says at which commits the two sides of `rounding` were trained.

    Parameters
    ----------
    *folders
        As in `rounding`.
    """
    said = []
    for both in _both_precisions(folders):
        width = both[0].runs[0]["config"]["hidden"]
        sides = (
            f"{side.runs[0]['config']['precision']} at commit "
            + " and ".join(sorted({_short(run["versions"]["commit"]) for run in side.runs}))
            for side in both
        )
        said.append(f"width {width} in {' and in '.join(sides)}")
    return f"Trained: {'; '.join(said)}." if said else ""


def _both_precisions(folders: Sequence[Path]) -> list[tuple[Records, Records]]:
    """Records in float32 and in bf16 of each width that has both, at the primary condition."""
    found: dict[tuple[int, str], list[Path]] = {}
    for folder in folders or (RESULTS, PRECISION):
        for path in sorted(folder.glob("*/layers.parquet")):
            config = records.read(path.parent).runs[0]["config"]
            if config["peer_momentum"] == Config().peer_momentum:
                key = config["hidden"], config["precision"]
                found.setdefault(key, []).append(path.parent)
    return [
        (records.read(*found[width, "float32"]), records.read(*found[width, "bf16"]))
        for width in sorted({width for width, _ in found})
        if (width, "float32") in found and (width, "bf16") in found
    ]


def lines(rows: pd.DataFrame) -> Iterator[str]:
    """Write the same as lines of text."""
    for _, row in table(rows).iterrows():
        work, beside, how, verdict, ratio, target, ours, compared = row
        named = f"{work} / {beside}" if beside else work
        named += f" ({how})" if how else ""
        yield f"{verdict:14}{ratio:26}{target:15}{ours:15}{compared:15}{named}"


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
    own = _measured(rows, f"products, {layers} ")
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
        style = (
            f"an epoch, {layers} layers of {width}, {_precision(str(row))} / the published style"
        )
        found[_network(row)] = {
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


def _drawn(work: str) -> Callable[[Callable[[Any], Figure]], Callable[[pd.DataFrame], Any]]:
    """Hand a figure the rows of some work alone; without any, a note takes its place."""

    def decorate(draw: Callable[[Any], Figure]) -> Callable[[pd.DataFrame], Any]:
        @wraps(draw)
        def drawn(rows: pd.DataFrame) -> Figure | Note:
            own = _measured(rows, work)
            return styled(draw)(own) if len(own) else Note(f"Not measured: {work} ...")

        return drawn

    return decorate


@_drawn("an epoch")
def baseline(own: Any) -> Figure:
    """Draw the seconds of an epoch: ours in both precisions, and in the published style.

    Parameters
    ----------
    own
        What `read` returns, of one machine.
    """
    own = own.assign(width=own["row"].str.extract(r"layers of (\d+)", expand=False).astype(int))
    figure = Figure(7, 2.2)
    panels = figure.subplots(1, own["width"].nunique(), squeeze=False)[0]
    for axes, (width, group) in zip(panels, own.groupby("width", sort=False), strict=True):
        ours = group[group["quantity"] == "ours"]
        theirs = group[group["quantity"] == "compared"].iloc[:1]
        names = [*(f"ours, {_precision(row)}" for row in ours["row"]), "published style"]
        both = pd.concat([ours, theirs])
        colors = [*PALETTE[: len(ours)], MUTED]
        _bars(axes, both, names, colors)
        for y, (value, high) in enumerate(zip(both["value"], both["high"], strict=True)):
            axes.annotate(
                f"{value:.3g} s", (high, y), (4, 0), textcoords="offset points", va="center"
            )
        axes.set(title=f"layers of {width} units", xlabel="seconds an epoch")
        axes.margins(x=0.3)  # for the longest bar's number
    return figure


@_drawn("a step by operations")
def kinds(own: Any) -> Figure:
    """Draw where the time of a step goes, by kind of operation: a bar for each width.

    Parameters
    ----------
    own
        What `read` returns, of one machine.
    """
    networks = own["row"].map(_network).unique()
    figure = Figure(7, 1.2 + 0.4 * len(networks))
    axes, y, handles = figure.subplots(), np.arange(len(networks)), []
    left, whole = np.zeros(len(networks)), own.groupby("row", sort=False)["value"].sum().to_numpy()
    colors = [*PALETTE[: own["quantity"].nunique() - 1], MUTED]
    for color, (kind, group) in zip(colors, own.groupby("quantity", sort=False), strict=True):
        share = group["value"].to_numpy() / whole
        axes.barh(y, share, left=left, color=color, height=0.62)
        handles.append(entry(str(kind), color=color, linewidth=7))
        middle = (left + share / 2).tolist()
        for at, (x, part) in enumerate(zip(middle, share, strict=True)):
            if part > LEGIBLE:
                axes.text(x, at, f"{part:.0%}", ha="center", va="center", color="w")
        left += share
    axes.set(yticks=y, yticklabels=networks, xlim=(0, 1), xlabel="share of a step's time")
    axes.invert_yaxis()
    axes.grid(visible=False)
    legend(figure, handles)
    return figure


@_drawn("products")
def shares(own: Any) -> Figure:
    """Draw the share of the products' own rate that training reaches, and the targets.

    Parameters
    ----------
    own
        What `read` returns, of one machine.
    """
    own = own[own["quantity"] == "ratio"]
    figure = Figure(7, 0.9 + 0.4 * len(own))
    axes = figure.subplots()
    _bars(axes, own, [_network(row) for row in own["row"]], [PALETTE[0]] * len(own))
    for y, target in enumerate(own["target"]):
        axes.vlines(float(target.split()[-1]), y - 0.42, y + 0.42, color=PALETTE[1], linewidth=2)
    axes.set(xlim=(0, None), xlabel="share of the rate of the matrix products alone")
    legend(
        figure,
        [
            entry("measured", color=PALETTE[0], linewidth=7),
            entry("target", color=PALETTE[1], linewidth=2),
        ],
    )
    return figure


@_drawn("one of")
def straight(own: Any) -> Figure:
    """Draw the cost against the number of layers, seeds and epochs, beside a straight line.

    Parameters
    ----------
    own
        What `read` returns, of one machine.
    """
    figure = Figure(7, 2.6)
    panels = figure.subplots(1, own["row"].nunique(), squeeze=False)[0]
    for axes, (row, group) in zip(panels, own.groupby("row", sort=False), strict=True):
        x, points = _points(group)
        y = points["value"].to_numpy()
        slope, start = np.polyfit(x[[0, -1]], y[[0, -1]], 1)
        axes.plot(x, slope * x + start, color=MUTED, linestyle=LINES[1])
        axes.vlines(x, points["low"], points["high"], color=PALETTE[0])
        axes.plot(x, y, color=PALETTE[0], marker=MARKERS[0], linestyle="none")
        what = str(row).split()[2]
        axes.set(xlabel=what, xticks=x, xlim=(0, None), ylim=(0, None))
    panels[0].set_ylabel("seconds")
    return figure


@_drawn("a step by threads")
def threads(own: Any) -> Figure:
    """Draw how many times faster a step is with more threads, beside the ideal.

    Parameters
    ----------
    own
        What `read` returns, of one machine.
    """
    figure = Figure(7, 2.8)
    axes = figure.subplots()
    most, handles = 1, []
    looks = zip(PALETTE, LINES, MARKERS, strict=False)
    for (color, line, marker), (row, group) in zip(
        looks, own.groupby("row", sort=False), strict=False
    ):
        x, points = _points(group)
        one = points["value"].iloc[0]
        axes.vlines(x, one / points["high"], one / points["low"], color=color)
        look = {"color": color, "linestyle": line, "marker": marker}
        handles += axes.plot(x, one / points["value"], **look, label=_network(row))
        most = max(most, x[-1])
        axes.set_xticks(x)
    ideal = axes.plot([1, most], [1, most], color=INK, linewidth=0.8, label="as many times faster")
    axes.set(xlabel="threads", ylabel="times as fast as one", ylim=(0, None))
    legend(figure, [*handles, *ideal])
    return figure


def _measured(rows: pd.DataFrame, work: str) -> Any:
    """Rows of the work whose name begins so, without what was not measured."""
    return rows[rows["row"].str.startswith(work) & rows["value"].notna()]


def _verdict(ratio: Any) -> str:
    """Whether the target is met; and if several runs disagree, in how many of them it is so."""
    verdict, runs = met(ratio["value"], ratio["target"]), ratio.get("files", 1)
    agree = ratio.get("met", 0) if verdict == "met" else runs - ratio.get("met", 0)
    return f"{verdict} in {agree} of {runs} runs" if agree < runs and "met" in ratio else verdict


def _points(group: Any) -> tuple[np.ndarray, Any]:
    """Numbers n of the quantities "at n", ascending, and their rows."""
    points = group[group["quantity"].str.startswith("at ")]
    x = points["quantity"].str[3:].astype(int)
    points = points.loc[x.sort_values().index]
    return np.sort(x.to_numpy()), points


def _bars(axes: Any, rows: Any, names: list[str], colors: list[str]) -> None:
    """Draw a bar for each row, from the top down, with a whisker from its least to its greatest."""
    y = np.arange(len(rows))
    axes.barh(y, rows["value"], color=colors, height=0.62)
    axes.hlines(y, rows["low"], rows["high"], color=INK, linewidth=1)
    axes.set_yticks(y, names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def _network(row: Any) -> str:
    """Width, seeds and precision: "1000 units, 1 seed, float32"."""
    width, more = re.findall(r"layers of (\d+), ([^/]+)", str(row))[0]
    return f"{width} units, {more.strip()}"


def _precision(row: str) -> str:
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


def _short(commit: str) -> str:
    """Seven digits of a commit, and whether `ff` was edited since (+)."""
    return commit[:7] + "+" * commit.endswith("+")
