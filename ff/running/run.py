"""train(config) -> Records: a run that survives being cut off."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

import torch

from ff import archives, machine, records
from ff.algorithm.growing import Growing
from ff.algorithm.precision import chosen
from ff.algorithm.slopes import check
from ff.algorithm.training import Training, batch_size
from ff.config import Config
from ff.data import Dataset, load
from ff.errors import OVERWRITE, DataError, RecordsError, ResumptionWarning, TrainingError
from ff.files import aside, place
from ff.records import Records
from ff.running import memory
from ff.running.begun import Begun, about, read
from ff.running.checkpoint import checkpoints, found, halves, leftovers, refuse_strangers, tidy
from ff.running.interruption import Interruption
from ff.running.lock import LOCKS, claim
from ff.running.progress import Bar
from ff.versions import versions

__all__ = ["train"]


def train(
    config: Config,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: bool = False,
) -> Records:
    """Train every width, seed and depth of a configuration, and measure after each epoch.

    Parameters
    ----------
    config
        What to train.
    out
        Folder for the records. A run that was cut off continues from its last checkpoint there;
        one that is finished is read back. None keeps everything in memory.
    overwrite
        Start afresh where `out` holds something already.
    progress
        Show a bar with the epoch, the layers' accuracies so far and the time remaining.

    Returns
    -------
    Records
        The measurements and where they come from.

    Raises
    ------
    ConfigError
        The batch is larger than the data set, or the slope of a goodness, loss or activation is not
        its derivative.
    DataError
        The data set is absent or damaged.
    TrainingError
        The device is not there or has too little memory, another run writes to `out`, or a
        checkpoint there belongs to another configuration.
    RecordsError
        `out` holds records of another configuration or of other images, or cannot be written.
    KeyboardInterrupt
        Ctrl-C or SIGTERM; the run ends between two steps, and can be continued if it has an `out`.

    Warns
    -----
    DivergenceWarning
        A layer or readout has diverged: its numbers are no longer finite, or no unit of
        the layer has responded to any sample in the second half of an epoch. That seed stops in
        this epoch, and the others go on.
    """
    out = None if out is None else place(out)
    if config.precision == "auto":  # the records name what it has stood for
        precision = chosen("auto", config.widths, machine.choose(config.device))
        config = config.model_copy(update={"precision": precision})
    before = None if overwrite else out  # where to look for what there is already
    if before and (finished := _finished(config, before)):
        _check_images(finished, config, before)
        _clear(before)
        return finished
    check(config)
    device = machine.choose(config.device)
    dataset = load(config.dataset, config.image_size).to(device)
    batch_size(config, dataset)

    def begun() -> Begun:
        """What the run goes on with, or begins with."""
        told = about(config, device, dataset.checksum)
        if before and (unfinished := _unfinished(config, before)):
            unfinished.check(config, told, before)
            memory.check(config, unfinished.plan, device)
            return unfinished
        if before:
            refuse_strangers(before)
        plan = memory.plan(config, device)
        return Begun(about=told, plan=plan, threads=torch.get_num_threads())

    begun()  # what cannot be trained is refused before anything is written
    stop = Interruption(lambda: _advice(out, overwrite))
    with nullcontext(lambda: None) if out is None else claim(out) as check_folder, stop:
        if before and (finished := _finished(config, before)):
            return finished  # by another process, since this one has looked
        run = _entered(begun(), device)
        if out is not None:
            run.write(out, instead_of=[*found(out), *halves(out)] if overwrite else [])
        with _threads(run.threads), _enough_memory():
            return _train(config, dataset, device, run, out, progress, stop.check, check_folder)


def _finished(config: Config, out: Path) -> Records | None:
    """Records of a configuration in a folder, unless a run has begun there since."""
    return None if _unfinished(config, out) else records.finished(out, config)


def _unfinished(config: Config, out: Path) -> Begun | None:
    """The run that was cut off in a folder, if it is of a configuration or has anything to lose."""
    run = read(out)
    if run is None or records.written(out) == {run.id}:  # it was cut off when it tidied up
        return None
    return run if run.is_of(config) or found(out) else None


def _clear(out: Path) -> None:
    """Delete what a finished run has left that was killed before it could, if that is possible."""
    locks = [out / name for name in LOCKS]
    left = [*leftovers(out), *locks, *map(aside, locks)]
    if any(map(os.path.lexists, left)):
        with suppress(TrainingError), claim(out):  # another run may hold it; or it is read-only
            tidy(out)


def _entered(run: Begun, device: torch.device) -> Begun:
    """The run with one more session; warns if that differs from the first."""
    own = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": machine.processor(device),
        "commit": versions()["commit"],
    }
    first, threads = (run.sessions or [own])[0], torch.get_num_threads()
    if threads != run.threads:
        _warn(f"the run goes on with {run.threads} threads, as it began, not with {threads}")
    for key in ("processor", "commit"):
        if own[key] != first[key]:
            _warn(
                f"the run goes on with another {key} ({own[key]}) than it began with "
                f"({first[key]}): its records may differ in rounding from those of a run that "
                "was not cut off, and name both"
            )
    return run.model_copy(update={"sessions": [*run.sessions, own]})


def _warn(text: str) -> None:
    warnings.warn(text, ResumptionWarning, stacklevel=4)


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Compute with a number of threads, on which the order of sums depends."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _enough_memory() -> Iterator[None]:
    """Say in a sentence that memory has run out, in spite of the estimate."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        missing = (MemoryError, torch.OutOfMemoryError)
        if not (isinstance(error, missing) or "can't allocate memory" in str(error)):
            raise
        raise TrainingError(
            "there is not enough memory left; end other programs, or choose fewer seeds, layers, "
            "units or epochs, then start the run again"
        ) from None


def _check_images(finished: Records, config: Config, out: Path) -> None:
    """Refuse records of other images under the same name; those of images that are gone stay."""
    if config.dataset in ("digits", *archives.ARCHIVED):  # of which there is one version
        return
    try:
        now = load(config.dataset, config.image_size).checksum
    except DataError:
        return
    if any(run["dataset"]["sha256"] != now for run in finished.runs):
        raise RecordsError(
            f"{out} holds records of other images than {config.dataset} has now; choose another "
            f"folder, or {OVERWRITE}"
        )


def _train(
    config: Config,
    dataset: Dataset,
    device: torch.device,
    run: Begun,
    out: Path | None,
    progress: bool,
    check_signal: Callable[[], None],
    check_folder: Callable[[], None],
) -> Records:
    """Train what is not trained yet, and write the records; nobody else writes to `out`."""
    chunks, seconds = checkpoints(out, run), 0.0
    layers, readouts, diverged = [], [], []
    with Bar(len(chunks), config.total_epochs, shown=progress) as bar:

        def on_step(share: float) -> None:
            bar.advance(share)
            check_signal()

        for (width, seeds), checkpoint in zip(run.plan, chunks, strict=True):
            kind = Growing if config.schedule == "in-turn" else Training
            training = kind(config, width, seeds, dataset)
            training.passed, before = checkpoint.restore(training.state())
            bar.enter(training.passed)
            begin = time.perf_counter()
            while training.passed < training.total:
                training.run_epoch(on_step)
                spent = before + time.perf_counter() - begin
                check_folder()
                last = training.passed == training.total
                checkpoint.save(training.state(), training.passed, spent, last)
                bar.show(training.passed, training.layers[:, training.epoch - 1, :, 0])
            seconds += before + time.perf_counter() - begin
            layers.append(training.layer_table())
            readouts.append(training.readout_table())
            diverged += training.divergences()
    provenance = {
        "id": run.id,
        "config": config.model_dump(mode="json"),
        "dataset": {"name": dataset.name, "sha256": dataset.checksum},
        "batch_size": batch_size(config, dataset),
        "device": machine.name(device),
        "threads": run.threads,
        "versions": versions(),
        "started": run.sessions[0]["started"],
        "sessions": run.sessions,
        "wall_seconds": round(seconds, 1),
        "diverged": diverged,
    }
    result = Records(records.joined(layers), records.joined(readouts), (provenance,))
    if out is not None:
        check_folder()
        records.write(result, out)
        tidy(out)
    return result


def _advice(out: Path | None, overwrite: bool) -> str:
    """How to go on with a run that was stopped."""
    if out is None:
        return "name a folder for the records to be able to go on"
    if not found(out):
        return "it had no checkpoint yet, so the same run begins anew"
    again = "the same run again, without overwrite," if overwrite else "the same run again"
    return f"start {again} to go on from its last checkpoint in {out}"
