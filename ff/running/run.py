"""train(config) -> Records: a run that survives being cut off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch

from ff import archives, machine, records
from ff.algorithm.growing import Growing
from ff.algorithm.precision import chosen
from ff.algorithm.slopes import check
from ff.algorithm.training import Training, batch_size
from ff.config import Config
from ff.data import Dataset, load
from ff.errors import OVERWRITE, DataError, RecordsError, TrainingError
from ff.files import place
from ff.records import Records
from ff.running import memory
from ff.running.begun import Begun, about, note_path
from ff.running.checkpoint import Checkpoint
from ff.running.folder import (
    checkpoint_files,
    clear,
    finished,
    forget,
    refuse_link,
    refuse_strangers,
    resumable,
    tidy,
)
from ff.running.interruption import Interruption
from ff.running.lock import claim
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
        Start afresh where `out` holds something already. Records stay until the new ones are
        complete; checkpoints are deleted as the run begins.
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
        The device is not there or has too little memory, another run writes to `out`, what was cut
        off there is of another configuration, its `checkpoints` is a link, or `out`
        was deleted meanwhile.
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
    ResumptionWarning
        The run goes on on another kind of processor or with other code than it began, so that its
        records may differ in rounding; or with other threads than are set now, as it began.
    """
    out = None if out is None else place(out)
    if out:
        refuse_link(out)
    if config.precision == "auto":  # the records name what it has stood for
        precision = chosen("auto", config.widths, machine.choose(config.device))
        config = config.model_copy(update={"precision": precision})
    there = None if overwrite else out  # where to look for what was trained before
    if there and (found := finished(config, there)):
        _check_images(found, config, there)
        clear(there)
        return found
    check(config)
    device = machine.choose(config.device)
    dataset = load(config.dataset, config.image_size).to(device)
    batch_size(config, dataset)

    def planned() -> Begun:
        """What the run goes on with, or begins with; refuses what cannot be trained."""
        told = about(device, dataset.checksum)
        if there and (run := resumable(config, there)):
            run.check(config, told, there)
            if not run.replaces:
                refuse_strangers(there, run.checkpoints(there))
            memory.check(config, run.plan, device)
            return run
        if there:
            refuse_strangers(there, [])
        return Begun(
            config=config.model_dump(mode="json"),
            about=told,
            plan=memory.plan(config, device),
            threads=torch.get_num_threads(),
        )

    planned()  # refuses before anything is written
    stop = Interruption(lambda: _advice(out, overwrite))
    with nullcontext(lambda: None) if out is None else claim(out) as check_folder, stop:
        if there and (found := finished(config, there)):
            return found  # by another process, since this one has looked
        run = planned().entered(device)
        if out is not None:
            run = _noted(run, out, overwrite)
        with _threads(run.threads), _enough_memory():
            return _train(config, dataset, device, run, out, progress, stop.check, check_folder)


def _noted(run: Begun, out: Path, overwrite: bool) -> Begun:
    """Note that a run goes on; delete the checkpoints of another one that it takes the place of.

    First it is noted that these are to be deleted, when there is still room for them and the note.
    A run that is killed before they are all deleted then goes on with that.
    """
    if overwrite or run.replaces:
        run = run.model_copy(update={"replaces": True})
        run.write(out)
        forget(out)
        run = run.model_copy(update={"replaces": False})
    run.write(out)
    return run


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
        if not (isinstance(error, missing) or "DefaultCPUAllocator" in str(error)):
            raise
        raise TrainingError(
            "there is not enough memory left; end other programs and start the same run again, or "
            "begin a smaller one in another folder"
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
    paths = [None] * len(run.plan) if out is None else run.checkpoints(out)
    seconds = 0.0
    layers, readouts, diverged = [], [], []
    with Bar(len(paths), config.total_epochs, shown=progress) as bar:

        def on_step(share: float) -> None:
            bar.advance(share)
            check_signal()

        for (width, seeds), path in zip(run.plan, paths, strict=True):
            checkpoint = Checkpoint(path, run.id)
            kind = Growing if config.schedule == "in-turn" else Training
            training = kind(config, width, seeds, dataset)
            training.passed, spent_before = checkpoint.restore(training.state(), training.total)
            bar.enter(training.passed)
            begin = time.perf_counter()
            while training.passed < training.total:
                training.run_epoch(on_step)
                spent = spent_before + time.perf_counter() - begin
                check_folder()
                if out is not None and not note_path(out).exists():  # deleted with its folder
                    run.write(out)
                last = training.passed == training.total
                checkpoint.save(training.state(), training.passed, spent, last)
                bar.show(training.passed, training.layers[:, training.epoch - 1, :, 0])
            seconds += spent_before + time.perf_counter() - begin
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
        "started": run.sessions[0].started,
        "sessions": [session.model_dump() for session in run.sessions],
        "wall_seconds": round(seconds, 1),
        "diverged": diverged,
    }
    result = Records(records.joined(layers), records.joined(readouts), (provenance,))
    if out is not None:
        check_folder()
        records.write(result, out)
        tidy(out, run)
    return result


def _advice(out: Path | None, overwrite: bool) -> str:
    """How to go on with a run that was stopped."""
    if out is None:
        return "name a folder for the records to be able to go on"
    if not checkpoint_files(out):
        return "it had no checkpoint yet, so the same run begins anew"
    again = "the same run again, without overwrite," if overwrite else "the same run again"
    return f"start {again} to go on from its last checkpoint in {out}"
