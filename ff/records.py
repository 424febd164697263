"""Measurements as tidy tables, written to disk with the provenance of their runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ff import parquet
from ff.checks import check_length, check_table
from ff.config import WHICH, Config, canonical, stands_for, with_defaults
from ff.errors import OVERWRITE, RESTORE, RecordsError, reason
from ff.files import hidden, place, replacing
from ff.notes import parsed
from ff.provenance import Run, Trained, check_runs
from ff.quantities import LAYER_QUANTITIES, READOUT_QUANTITIES
from ff.wording import quoted, short

if TYPE_CHECKING:  # its import takes a third of a second, which only tables are worth
    import pandas as pd

__all__ = [
    "Records",
    "apart",
    "below",
    "complete",
    "condition",
    "describe",
    "device",
    "diverged",
    "finished",
    "joined",
    "measurements",
    "noted",
    "provenance",
    "read",
    "shown",
    "table",
    "trained_on",
    "unusual",
    "write",
    "written",
]

KEYS = {
    "layers": ("hidden", "seed", "epoch", "layer"),
    "readouts": ("hidden", "seed", "epoch", "depth"),
}
QUANTITIES = {"layers": LAYER_QUANTITIES, "readouts": READOUT_QUANTITIES}
MEASURED = 9  # quantities of the first version; those that came later may be absent
TABLES = tuple(KEYS)
BOOK = Path(__file__).parent.parent / "book"  # in a clone; an installed package has none


@dataclass(frozen=True)
class Records:
    """What training runs measured.

    Attributes
    ----------
    layers
        A row for each (hidden, seed, epoch, layer); see the method chapter for the columns.
        Epochs and layers count from 1; quantities are float32, NaN where not measured.
    readouts
        A row for each (hidden, seed, epoch, depth).
    runs
        The provenance of each run: configuration, data set, versions, device, commit, wall time,
        under ``"sessions"`` when it began and each time that it went on, with the processor,
        and under ``"diverged"`` the seeds that were stopped, with layer or depth (of the readout),
        epoch and reason.
    """

    layers: pd.DataFrame
    readouts: pd.DataFrame
    runs: tuple[dict[str, Any], ...]

    def __repr__(self) -> str:
        widths = ", ".join(map(str, np.unique(self.layers["hidden"])))
        seeds, epochs = (self.layers[key].nunique() for key in ("seed", "epoch"))
        return (
            f"Records of networks of {widths} units, seeds: {seeds}, epochs: {epochs} (layers: "
            f"{len(self.layers)} rows, readouts: {len(self.readouts)} rows, runs: {len(self.runs)})"
        )


def table(
    values: np.ndarray, columns: Sequence[str], hidden: int, seeds: Sequence[int], **index: Any
) -> pd.DataFrame:
    """Tidy table of measurements of one width.

    Parameters
    ----------
    values
        Shape ``(S, E, n, quantities)``.
    columns
        Names of the quantities.
    hidden, seeds
        Width, and the S seeds.
    **index
        Name and n values of the third dimension, such as ``layer=range(1, 17)``.
    """
    import pandas as pd

    ((name, entries),) = index.items()
    epochs = range(1, values.shape[1] + 1)
    keys = pd.MultiIndex.from_product(
        [[hidden], list(seeds), epochs, list(entries)], names=["hidden", "seed", "epoch", name]
    )
    return pd.DataFrame(
        values.reshape(-1, values.shape[-1]), index=keys, columns=list(columns)
    ).reset_index()


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables of the same columns, one below the other, with their rows numbered anew."""
    import pandas as pd

    return pd.concat(tables, ignore_index=True)


def write(records: Records, folder: str | Path) -> None:
    """Write ``layers.parquet`` and ``readouts.parquet``; each appears whole or not at all.

    Raises
    ------
    RecordsError
        The folder cannot be written, or the records are not of whole runs.
    """
    folder = place(folder)
    try:
        check_runs(parsed(json.dumps(records.runs).encode()), Run)
        for name in TABLES:
            check_table(getattr(records, name), KEYS[name][-1], records.runs)
    except ValueError as error:
        raise RecordsError(
            f"cannot write records that could not be read: the table {error}; give whole runs, "
            "as ff.train returns them"
        ) from None
    try:
        with ExitStack() as both:  # neither takes its place before both are whole
            for name in TABLES:
                aside = both.enter_context(replacing(folder / f"{name}.parquet"))
                parquet.save(getattr(records, name), aside, records.runs)
    except (OSError, pa.ArrowInvalid) as error:
        raise RecordsError(
            f"cannot write records to {folder}: {reason(error)}; "
            "choose a folder that you may write to"
        ) from None


def written(folder: str | Path) -> set[str | None]:
    """Ids of the runs that have written the tables in a folder; none where a table is missing.

    Parameters
    ----------
    folder
        Where `write` has written. Runs of former versions have no id.
    """
    try:
        paths = (place(folder) / f"{name}.parquet" for name in TABLES)
        return {run.get("id") for path in paths for run in provenance(path)}
    except RecordsError:
        return set()


def finished(folder: str | Path, config: Config) -> Records | None:
    """Records of this configuration that a run has left in a folder; None if there are none.

    Raises
    ------
    RecordsError
        The folder holds records of another configuration, or damaged ones.
    """
    try:
        there = [(place(folder) / f"{name}.parquet").exists() for name in TABLES]
    except OSError as error:
        raise RecordsError(
            f"cannot look into {folder}: {error.strerror}; choose another folder"
        ) from None
    if not all(there):  # none, or a run that was cut off between the two
        return None
    found = read(folder)
    run, asked = found.runs[0], config.model_dump(mode="json")
    before, now = canonical(run["config"]), canonical(asked)
    if before["device"] != now["device"] and trained_on(run) == stands_for(config.device):
        before["device"] = now["device"]  # one of them is auto, and chooses the other here
    if before != now:
        differs = [
            f"{key} {quoted(run['config'][key])} instead of {quoted(asked[key])}"
            for key in now
            if before[key] != now[key]
        ]
        raise RecordsError(
            f"{folder} holds records of another configuration ({', '.join(differs)}); "
            f"choose another folder, or {OVERWRITE}"
        )
    return found


def read(*folders: str | Path) -> Records:
    """Read the records of one or more runs back, together.

    Parameters
    ----------
    *folders
        Each holds ``layers.parquet`` and ``readouts.parquet``, or folders that do, at any depth.

    Raises
    ------
    RecordsError
        A file is absent or damaged, or holds other rows than its run has trained or values that
        cannot be; the two tables of a folder come from different runs, two folders hold the same
        width and seed, or the runs are not of one `condition`.
    """
    if not folders:
        raise RecordsError("no records to read; name at least one folder that a run has written")
    parts = [_read_one(own) for folder in folders for own in _runs(measurements(folder))]
    _check_condition([run for part in parts for run in part.runs])
    layers, readouts = (joined([getattr(part, name) for part in parts]) for name in TABLES)
    twice = layers.duplicated(KEYS["layers"])
    if twice.any():
        width, seed = layers.loc[twice, ["hidden", "seed"]].iloc[0]
        raise RecordsError(
            f"width {width}, seed {seed} is in more than one of the folders; read each once"
        )
    return Records(layers, readouts, tuple(run for part in parts for run in part.runs))


def measurements(path: str | Path) -> Path:
    """Where measurements are read.

    Parameters
    ----------
    path
        A folder or file of the book's measurements, or of others.

    Raises
    ------
    RecordsError
        It is the book's, and the package is not in a clone of the repository.
    """
    path = place(path)
    if path.is_relative_to(BOOK) and not (BOOK / "_toc.yml").exists():
        raise RecordsError(
            "the book's measurements are in a clone of the repository, not in an installed "
            "package; call 'pip install -e .' in a clone, or name a folder of your own records"
        )
    return path


def below(folder: str | Path) -> list[Path]:
    """Folders of records at any depth below a folder, sorted.

    Names that begin with a dot, and those that systems leave, are left out: other tools keep copies
    there.

    Parameters
    ----------
    folder
        Where ``ff train --out`` has written.
    """
    top = measurements(folder)
    found = [path for path in top.rglob("*.parquet") if path.stem in TABLES]
    return sorted({path.parent for path in found if not hidden(path.relative_to(top))})


def condition(run: Mapping[str, Any]) -> dict[str, Any]:
    """How a run trained its networks, as `ff.Config.condition`.

    Records of one condition may be read together.

    Parameters
    ----------
    run
        An entry of `Records.runs`.
    """
    config = run["config"] | {"batch_size": run["batch_size"]}
    return {key: value for key, value in config.items() if key not in WHICH}


def unusual(run: Mapping[str, Any]) -> dict[str, Any]:
    """What of a run's `condition` is not `ff.Config`'s default.

    Parameters
    ----------
    run
        An entry of `Records.runs`.
    """
    standard = Config().condition
    return {key: value for key, value in condition(run).items() if value != standard.get(key)}


def apart(run: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Settings in which another run's `condition` differs, such as "epochs 30 against 60".

    Parameters
    ----------
    run, other
        Entries of `Records.runs`.
    """
    ours, theirs = condition(run), condition(other)
    keys = dict.fromkeys([*ours, *theirs])
    return [
        f"{key} {shown(ours.get(key))} against {shown(theirs.get(key))}"
        for key in keys
        if ours.get(key) != theirs.get(key)
    ]


def shown(value: Any) -> str:
    """A value of a configuration as a params file has it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def device(run: Mapping[str, Any]) -> str:
    """Kind of device that a run was trained on: ``"CPU"``, or the name of a GPU.

    Parameters
    ----------
    run
        An entry of `Records.runs`.
    """
    name = run["device"].split(" (")[0]  # without the number of cores
    return "CPU" if name == "cpu" else name


def trained_on(run: Mapping[str, Any]) -> str:
    """Device that a run was trained on, as a configuration names it; never ``"auto"``.

    Parameters
    ----------
    run
        An entry of `Records.runs`.
    """
    return {"CPU": "cpu", "mps": "mps"}.get(device(run), "cuda")  # a GPU has a name of its own


def complete(records: Records) -> Records:
    """Leave out the seeds that have diverged, which the statistics refuse.

    Raises
    ------
    RecordsError
        No seed is left.
    """
    stopped = diverged(records)
    lost = {(row["hidden"], row["seed"]) for row in stopped}
    tables = (getattr(records, name) for name in TABLES)
    kept = (
        rows[[key not in lost for key in zip(rows["hidden"], rows["seed"], strict=True)]]
        for rows in tables
    )
    left = Records(*kept, runs=records.runs)
    if left.layers.empty:
        raise RecordsError(f"no network is complete: {describe(stopped[0])}")
    return left


def describe(row: dict[str, Any]) -> str:
    """Say why a seed was stopped and what would help.

    Parameters
    ----------
    row
        An entry of what a run lists under ``"diverged"``.
    """
    where, rate = f"layer {row.get('layer')}", "learning_rate"
    if "depth" in row:
        where, rate = f"readout of depth {row['depth']}", "downstream_learning_rate"
    return (
        f"seed {row['seed']} of width {row['hidden']} has diverged in epoch {row['epoch']}, "
        f"{where} ({row['reason']}), and was stopped; try a lower {rate}"
    )


def diverged(records: Records) -> list[dict[str, Any]]:
    """Seeds that were stopped, as `Records.runs` describes them.

    Parameters
    ----------
    records
        Of any number of runs.

    Returns
    -------
    list of dict
        For each of these seeds: hidden, seed, layer or depth, epoch and reason.
    """
    # Files of former versions lack the key.
    return [row for run in records.runs for row in run.get("diverged", [])]


def _check_condition(runs: Sequence[Mapping[str, Any]]) -> None:
    """Refuse records that were not trained in one way, or not on the same images."""
    each = [condition(run) | {"the images' SHA-256": run["dataset"]["sha256"]} for run in runs]
    values = {
        key: {repr(own.get(key)): None for own in each}
        for key in dict.fromkeys(k for own in each for k in own)
    }
    if differs := [f"{key} ({', '.join(own)})" for key, own in values.items() if len(own) > 1]:
        raise RecordsError(
            f"the records are not of one condition: they differ in {', '.join(differs)}; read "
            "those of each condition on their own"
        )


def _runs(folder: Path) -> list[Path]:
    """A folder that a run has written, or all of these that lie below a folder."""
    return [folder] if os.path.exists(folder / "layers.parquet") else below(folder) or [folder]


def _read_one(folder: Path) -> Records:
    stored = [parquet.read(folder / f"{name}.parquet") for name in TABLES]
    runs = _runs_of(stored[0], Run)
    if stored[1].note != stored[0].note:
        _runs_of(stored[1], Run)  # or it is damaged
        raise RecordsError(
            f"the tables in {folder} come from different runs; if one was cut off there, start it "
            f"once more, else {OVERWRITE}"
        )
    tables = []
    for name, one in zip(TABLES, stored, strict=True):
        _check_columns(one)
        try:
            check_length(one.rows, KEYS[name][-1], runs)
            tables.append(one.table())
            check_table(tables[-1], KEYS[name][-1], runs)
        except ValueError as error:
            raise RecordsError(f"{one.path} {error}; {RESTORE}") from None
    return Records(*tables, runs=tuple(runs))


def _check_columns(stored: parquet.Stored) -> None:
    """Refuse a table without a column that it must have, or with one that is unknown."""
    path, keys, quantities = stored.path, KEYS[stored.path.stem], QUANTITIES[stored.path.stem]
    kinds = dict(stored.kinds)
    if absent := [key for key in (*keys, *quantities[:MEASURED]) if key not in kinds]:
        raise RecordsError(
            f"{path} has no column {absent[0]!r}; it was not written by ff, or is damaged"
        )
    if len(kinds) < len(stored.kinds):
        raise RecordsError(f"{path} has a column twice; {RESTORE}")
    known = dict.fromkeys(keys, "int64") | dict.fromkeys(quantities, "float")
    for name, kind in kinds.items():
        if known.get(name) != kind:
            raise RecordsError(
                f"{path} has a column {quoted(name)} of type {short(kind)}, which is unknown; "
                "it was not written by this version of ff, or is damaged"
            )


def provenance(path: Path) -> list[dict[str, Any]]:
    """Read where a table comes from: an entry for each run, as in `Records.runs`.

    A run of a former version names no switch that came later. It trained with the defaults of
    these, which are filled in.

    Parameters
    ----------
    path
        A table that `write` has written.

    Raises
    ------
    RecordsError
        The file is absent, damaged or of another kind.
    """
    return noted(path, Run)


def noted(path: Path, shape: type[Trained]) -> list[dict[str, Any]]:
    """As `provenance`, of networks of any learner.

    Parameters
    ----------
    path
        A table that `ff.parquet.save` has written.
    shape
        What must be said of each run.

    Raises
    ------
    RecordsError
        As of `provenance`.
    """
    return _runs_of(parquet.read(path), shape)


def _runs_of(stored: parquet.Stored, shape: type[Trained]) -> list[dict[str, Any]]:
    """What a table says of its runs, without surprises, and with all that later versions note."""
    try:
        found = check_runs(parsed(stored.note), shape)
    except ValueError as error:
        raise RecordsError(
            f"{stored.path} carries no provenance of a run that ff could have written "
            f"({reason(error)}); {RESTORE}"
        ) from None
    return [{**run, "config": with_defaults(run["config"])} for run in found]
