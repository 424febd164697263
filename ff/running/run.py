"""train(config) -> Records: a run that survives being cut off."""

from __future__ import annotations

import time
from contextlib import nullcontext
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
from ff.errors import OVERWRITE, DataError, RecordsError
from ff.files import place
from ff.records import Records
from ff.running import memory
from ff.running.checkpoint import checkpoints, found, side_by_side
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
    if out is not None and not overwrite and (finished := records.finished(out, config)):
        _check_images(finished, config, out)
        return finished
    check(config)
    device = machine.choose(config.device)
    dataset = load(config.dataset, config.image_size).to(device)
    batch_size(config, dataset)  # refuses before anything is written
    unfinished = None if overwrite else out
    plan = [
        (width, seeds)
        for width in config.widths
        for seeds in memory.chunks(
            config, width, device, side_by_side(unfinished, width, config.seed_list)
        )
    ]
    stop = Interruption(lambda: _advice(out, overwrite))
    with nullcontext() if out is None else claim(out), stop:
        return _train(config, dataset, device, plan, out, overwrite, progress, stop)


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
    plan: list[tuple[int, tuple[int, ...]]],
    out: str | Path | None,
    overwrite: bool,
    progress: bool,
    stop: Interruption,
) -> Records:
    """Train what is not trained yet, and write the records; nobody else writes to `out`."""
    if out is not None and not overwrite and (finished := records.finished(out, config)):
        return finished  # by another process, since the caller has looked
    chunks = checkpoints(out, config, plan, overwrite, device, dataset.checksum)
    if out is not None and overwrite:
        records.remove(out)  # so that this run, too, can be cut off and continued
    started, seconds = datetime.now(UTC), 0.0
    layers, readouts, diverged = [], [], []
    with Bar(len(plan), config.total_epochs, shown=progress) as bar:

        def on_step(share: float) -> None:
            bar.advance(share)
            stop.check()

        for (width, seeds), checkpoint in zip(plan, chunks, strict=True):
            kind = Growing if config.schedule == "in-turn" else Training
            training = kind(config, width, seeds, dataset)
            training.passed, before = checkpoint.restore(training.state())
            bar.enter(training.passed)
            begin = time.perf_counter()
            while training.passed < training.total:
                training.run_epoch(on_step)
                spent = before + time.perf_counter() - begin
                checkpoint.save(training.state(), training.passed, spent)
                bar.show(training.passed, training.layers[:, training.epoch - 1, :, 0])
            seconds += before + time.perf_counter() - begin
            layers.append(training.layer_table())
            readouts.append(training.readout_table())
            diverged += training.divergences()
    run = {
        "config": config.model_dump(mode="json"),
        "dataset": {"name": dataset.name, "sha256": dataset.checksum},
        "batch_size": batch_size(config, dataset),
        "device": machine.name(device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round(seconds, 1),
        "diverged": diverged,
    }
    result = Records(records.joined(layers), records.joined(readouts), (run,))
    if out is not None:
        records.write(result, out)
        for checkpoint in chunks:
            checkpoint.remove()
    return result


def _advice(out: str | Path | None, overwrite: bool) -> str:
    """How to go on with a run that was stopped."""
    if out is None:
        return "name a folder for the records to be able to go on"
    if not found(out):
        return "it had no checkpoint yet, so the same run begins anew"
    again = "the same run again, without overwrite," if overwrite else "the same run again"
    return f"start {again} to go on from its last checkpoint in {out}"
