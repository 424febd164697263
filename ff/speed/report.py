"""What `ff bench` has measured, as tables and sentences."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from ff import parquet
from ff.errors import RecordsError, reason
from ff.files import foreign
from ff.notes import check_shape, parsed
from ff.provenance import DataSet, Measured
from ff.records import measurements
from ff.results import RESULTS
from ff.speed import labels
from ff.speed.columns import COLUMNS, KEYS
from ff.versions import short_commit

__all__ = ["disturbed", "lines", "measured", "origin", "read", "settings", "table"]

WORDS = [
    *("label", "means", "how", "verdict", "ratio", "spread", "target", "ours", "compared"),
]
BUSY = 0.2  # cores that other programs may use without a word


class _Bench(Measured):
    """Where a file of these comes from."""

    dataset: DataSet
    full: bool


def read(folder: Path = RESULTS / "bench") -> pd.DataFrame:
    """Read what `ff bench --out` has written, several runs of a machine taken together.

    Parameters
    ----------
    folder
        Where the files are; the book's by default.

    Returns
    -------
    DataFrame
        A row for each quantity that was measured.

        - What it is: ``work`` ("epoch", "products" and others), what it is compared with
          (``beside``), ``device`` ("cpu" or "cuda"), ``layers``, ``hidden``, ``seeds`` and
          ``precision``, empty or NaN where these do not apply; ``quantity`` ("ours", "compared",
          "ratio" and others), and ``at``, the number of layers, seeds, epochs or threads that a
          "time" depends on.
        - How much: ``value`` (median over the files), ``low`` and ``high`` (least and greatest
          turn of all), ``unit``, and ``how`` ("measured", "extrapolated from ..." or "not
          measured: ...").
        - Its target: ``target_low`` and ``target_high``, infinite where it has no such end, NaN
          where there is none; ``met`` counts the ``files`` in which the value lies between.
        - ``machine``, a name of what was measured alike: on the same ``device_name`` at the same
          ``commit``, with the same torch, threads, ``dataset`` and effort; ``started`` is when its
          last file was begun.

        The machine of most files comes first, and of several the one that was measured last.
        Without a file, the table is empty.

    Raises
    ------
    RecordsError
        A file is damaged, or has other columns.
    """
    parts = []
    for path in sorted(measurements(folder).glob("*.parquet")):
        if foreign(path.name):
            continue
        stored = parquet.read(path)
        note, rows = _noted(stored), stored.table()
        versions = note["versions"]
        own = {"device_name": note["device"], "commit": short_commit(versions["commit"])}
        own["dataset"] = note["dataset"]["name"]
        machine = (
            f"{own['device_name']}, commit {own['commit']}, torch {versions['torch']}, "
            f"{note['threads']} threads, {note['dataset']['name']}" + ", --full" * note["full"]
        )
        if absent := [name for name in COLUMNS if name not in rows]:
            raise RecordsError(
                f"{path} has no column {absent[0]!r}: it was not written by this version of ff "
                f"bench; delete it, and measure anew with 'ff bench --out {path}'"
            )
        met = rows["value"].between(rows["target_low"], rows["target_high"])
        more = {"file": path.name, "started": note["started"], "met": met}
        parts.append(rows.assign(machine=machine, **own, **more))
    if not parts:
        return pd.DataFrame(
            columns=["machine", "device_name", "commit", "dataset", *COLUMNS, "files"]
        )
    same = ["machine", *KEYS, "quantity", "at"]
    groups = pd.concat(parts).groupby(same, sort=False, dropna=False, as_index=False)
    alike = ("device_name", "commit", "dataset", "unit", "how", "target_low", "target_high")
    found: Any = groups.agg(
        **{name: (name, "first") for name in alike},
        value=("value", "median"),
        low=("low", "min"),
        high=("high", "max"),
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
        What ``ff bench`` has measured, or `read` returns, of one machine.

    Returns
    -------
    DataFrame
        The columns ``work`` to ``precision`` of `read` and, in words, a ``label`` of the work and
        what its ratio ``means``; ``how`` if it was not simply measured: "extrapolated from
        ..." or why not at all; ``verdict``: "met", "missed" or "not measured", and, where several
        runs disagree, in how many of them it is the same; the ``ratio``, or what else has the
        ``target``, and its ``spread`` over the turns; and the two quantities of which a ratio is
        taken, ``ours`` and ``compared``.
    """
    found = []
    for _, own in rows.groupby(KEYS, sort=False, dropna=False):
        judged = own[own["target_low"].notna()]
        if judged.empty:
            continue
        aim, quantity = judged.iloc[0], own.set_index("quantity")
        both = "compared" in quantity.index
        found.append(
            aim[KEYS].to_dict()
            | {
                "label": labels.work(own),
                "means": labels.means(aim),
                "how": aim["how"].removeprefix("measured").removeprefix("not measured: "),
                "verdict": _verdict(aim),
                "ratio": labels.shown(aim),
                "spread": labels.spread(aim),
                "target": labels.target(aim["target_low"], aim["target_high"], aim["unit"]),
            }
            | {
                side: labels.shown(quantity.loc[side]) if both else ""
                for side in ("ours", "compared")
            }
        )
    return pd.DataFrame(found, columns=[*KEYS, *WORDS])


def origin(rows: pd.DataFrame, first: pd.DataFrame) -> str:
    """Sentences that say what a table was measured with, and how it differs from the first.

    Parameters
    ----------
    rows, first
        What `read` returns, of one machine each.
    """
    machine, day = rows["machine"].iloc[0], rows["started"].max()[:10]
    said = [f"{machine}. Runs of ff bench: {rows['files'].max()}, the last on {day}."]
    if "cpu" not in set(rows["device"]):
        said.append("Only the work that needs a GPU was measured.")
    said.append(disturbed(rows))
    commit = first["commit"].iloc[0]
    if rows["commit"].iloc[0] != commit:
        said.append(
            f"The first table is of another commit, {commit}; training and ff bench may have "
            "changed between the two."
        )
    return " ".join(filter(None, said))


def disturbed(rows: pd.DataFrame) -> str:
    """Sentence that says how many cores other programs kept busy; empty if hardly any.

    Parameters
    ----------
    rows
        What ``ff bench`` has measured, or `read` returns, of one machine.
    """
    cores = measured(rows, "other programs")["high"].max()
    if not cores > BUSY:
        return ""
    return (
        f"Other programs kept {cores:.1f} cores busy at the start: do not trust the ratios, "
        "however little they vary."
    )


def settings(rows: pd.DataFrame) -> str:
    """How much of our ratio comes from our settings of threads and memory, if known.

    Parameters
    ----------
    rows
        What ``ff bench`` has measured, or `read` returns, of one machine.
    """
    shares = measured(rows, "settings", "share")
    epochs = measured(rows, "epoch", "ratio")
    same = ["layers", "hidden", "seeds", "precision"]
    both = shares.merge(epochs, on=same, suffixes=("", "_ratio"))
    if both.empty:
        return ""
    row = both.iloc[0]
    return (
        "With our settings of threads and memory, the baseline's epoch of "
        f"{row['layers']:.0f} layers of {row['hidden']:.0f} units would take {row['value']:.2f} of "
        f"its time; ours would then be {labels.digits(row['value'] * row['value_ratio'])} times as "
        "fast."
    )


def lines(rows: pd.DataFrame) -> Iterator[str]:
    """Write the same as `table` in lines of text.

    Parameters
    ----------
    rows
        What ``ff bench`` has measured, or `read` returns, of one machine.

    Yields
    ------
    str
        A line for each piece of work that has a target.
    """
    for row in table(rows).to_dict("records"):
        work = "; ratio: ".join(filter(None, [row["label"], row["means"]]))
        work += f" ({row['how']})" if row["how"] else ""
        ratio = f"{row['ratio']} {row['spread']}"
        yield (
            f"{row['verdict']:14}{ratio:26}{row['target']:15}"
            f"{row['ours']:15}{row['compared']:15}{work}"
        )


def measured(rows: pd.DataFrame, work: str, quantity: str | None = None) -> Any:
    """Rows of some work, and if it is named, of one quantity, that hold a value.

    Parameters
    ----------
    rows
        What ``ff bench`` has measured, or `read` returns, of one machine.
    work, quantity
        As in these columns.
    """
    own = rows[(rows["work"] == work) & rows["value"].notna()]
    return own if quantity is None else own[own["quantity"] == quantity]


def _noted(stored: parquet.Stored) -> Any:
    """What a file says of where it was measured."""
    try:
        check_shape(found := parsed(stored.note), _Bench)
        return found
    except ValueError as error:
        raise RecordsError(
            f"{stored.path} does not say where it was measured ({reason(error)}); delete it, and "
            f"measure anew with 'ff bench --out {stored.path}'"
        ) from None


def _verdict(judged: Any) -> str:
    """Whether the target is met; and if several runs disagree, in how many of them it is so."""
    said = labels.verdict(*judged[["value", "target_low", "target_high"]])
    if "met" not in judged:  # a single run
        return said
    runs = judged["files"]
    agree = judged["met"] if said == "met" else runs - judged["met"]
    return said if agree == runs else f"{said} in {agree} of {runs} runs"
