"""How fast training is on this machine: beside the baseline, and beside the machine's own limit."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ff import machine, parquet
from ff.algorithm.precision import multiplies_bf16
from ff.archives import ARCHIVED, find
from ff.data import Dataset, load
from ff.errors import DataError, RecordsError, reason
from ff.files import destination, replacing
from ff.speed.cpu import CPU, cpu
from ff.speed.effort import FULL, QUICK, Effort
from ff.speed.gpu import CUDA, gpu
from ff.versions import versions

__all__ = ["bench", "measure"]

MEASURED = {"cpu": cpu, "cuda": gpu}


def bench(
    effort: Effort = QUICK,
    out: str | Path | None = None,
    name: str = "mnist",
    devices: Collection[str] = tuple(MEASURED),
) -> Iterator[pd.DataFrame]:
    """Measure everything, part by part, and write it down in the end.

    Parameters
    ----------
    effort
        How long to measure.
    out
        File for the rows, parquet with the machine and the versions in its metadata.
    name
        The data set. The targets are meant for MNIST.
    devices
        As in `measure`.

    Yields
    ------
    DataFrame
        As `measure`.

    Raises
    ------
    DataError
        The data set is not on this machine, or has fewer validation images than a batch.
    RecordsError
        The file cannot be written.
    TrainingError
        The baseline's process has ended before its time.
    """
    if name in ARCHIVED and find(name) is None:
        raise DataError(
            f"ff bench needs {name}, which is not on this machine; run 'ff data fetch {name}' first"
        )
    dataset, started, parts = load(name), datetime.now(UTC), []
    out = None if out is None else destination(out)
    least = dataset.source.batch_size
    if len(dataset.validation) < least:
        raise DataError(
            f"ff bench needs {least} validation images, a batch, but {name} has "
            f"{len(dataset.validation)}; choose a larger data set"
        )
    if out:
        with _writing(out):  # tried before the wait
            out.parent.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=out.parent).close()
    for rows in measure(dataset, effort, devices):
        parts.append(rows)
        yield rows
    if out:
        with _writing(out), replacing(out) as aside:
            note = _provenance(dataset, effort, started)
            parquet.save(pd.concat(parts, ignore_index=True), aside, note)


def measure(
    dataset: Dataset, effort: Effort, devices: Collection[str] = tuple(MEASURED)
) -> Iterator[pd.DataFrame]:
    """Measure everything, part by part.

    Parameters
    ----------
    dataset
        The images; the targets are meant for MNIST.
    effort
        How long to measure.
    devices
        "cpu", "cuda", or both.

    Yields
    ------
    DataFrame
        The columns of ``ff.speed.columns.Work``; `quantity` ("ours", "compared", "ratio" and
        others) and, for a time that depends on a number of layers, seeds, epochs or threads,
        that number, `at`; `value` (median over the turns), `low` and `high` (least and greatest),
        `unit`; `how` ("measured", "extrapolated from ..." or "not measured: ..."); and
        `target_low` and `target_high`, infinite where a target has no such end, NaN where there
        is no target.
    """
    for device, measured in MEASURED.items():
        if device in devices:
            yield from measured(dataset, effort)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RecordsError(
            f"cannot write {out}: {reason(error)}; name a file that you may write"
        ) from None


def _provenance(dataset: Dataset, effort: Effort, started: datetime) -> dict[str, Any]:
    """Where and of what the measurements are, that began at `started`."""
    able = "with" if multiplies_bf16(CPU) else "without"
    processor = (
        f"{machine.name(CPU)}, {torch.backends.cpu.get_cpu_capability()} {able} bfloat16 products"
    )
    return {
        "device": machine.name(CUDA) if torch.cuda.is_available() else processor,
        "processor": processor,
        "threads": torch.get_num_threads(),
        "dataset": {"name": dataset.name, "sha256": dataset.checksum},
        "full": effort == FULL,
        "versions": versions(),
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
    }
