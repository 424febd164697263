"""What a run needs of a device's memory, and hence how many seeds train side by side."""

import bisect

import torch

from ff import machine
from ff.algorithm.evaluation import BATCH
from ff.config import Config
from ff.errors import OVERWRITE, TrainingError
from ff.quantities import LAYER_QUANTITIES, READOUT_QUANTITIES
from ff.running.side_by_side import BUSY, CACHE, side_by_side

__all__ = ["check", "chunks", "fitting", "measurements", "needed", "plan"]

SHARE = 0.9  # of the free memory that may be planned for: estimates leave out small tensors
KEYS = 4 * 8  # bytes of a row's keys, in a table of measurements
# How often a table is held when it is written: its parts, the whole, and the file in the making.
# 3.9 was seen.
COPIES = 4.5


def needed(config: Config, width: int, depth: int | None = None) -> int:
    """Bytes that one seed takes at the peak of a run.

    All that is kept: weights and momentum of layers, readouts and probes, and with a schedule that
    freezes layers those of the network below, or the best weights so far. Beside them whatever is
    larger: the samples and activities of a step or an evaluation, or the copy of what is kept when
    a checkpoint is read back.

    Parameters
    ----------
    config
        What to train.
    width
        Units in each layer.
    depth
        Number of layers; None for the configuration's.
    """
    depth, data = depth or max(config.depths), config.source
    images = max(config.batch, BATCH)
    layers = data.pixels * width + (depth - 1) * width * width
    seen = (depth + 1 - config.readout_from) * len(config.depths)
    linear = data.classes * width * (seen + depth)  # readouts and probes
    frozen = {"together": 0, "on-frozen": 2, "in-turn": 1}[config.schedule]
    kept = 2 * (layers + linear) + frozen * layers
    # Positive, negative and neutral: a layer's inputs, activity and slopes, and those of them
    # that are rounded or copied; with a network below, its inputs and activity, too.
    sample = 3 * (6 if config.schedule == "on-frozen" else 4) * width + 2 * data.pixels
    # The neutral activities of all layers, which the readout sees; factor 5: the largest growth of
    # the heap that was measured. Most runs need far less.
    neutral = 5 * depth * width
    # Logits: of all readouts and their slopes, and each layer's part, in a few versions.
    logits = data.classes * (2 * len(config.depths) + 4 * depth)
    gradient = width * max(width, data.pixels)
    return 4 * (kept + max(kept, gradient + images * (sample + neutral + logits)))


def measurements(config: Config) -> int:
    """Bytes that the measurements of a whole run take when they are written.

    They are on the CPU, wherever the run trains: numbers of each seed, epoch and layer or readout.
    """
    layers = max(config.depths) * (KEYS + 4 * len(LAYER_QUANTITIES))
    readouts = len(config.depths) * (KEYS + 4 * len(READOUT_QUANTITIES))
    rows = len(config.widths) * len(config.seed_list) * config.epochs
    return int(COPIES * rows * (layers + readouts))


def fitting(config: Config, width: int, device: torch.device) -> int:
    """How many seeds fit side by side, beside the measurements of the run.

    Raises
    ------
    TrainingError
        Not even one does.
    """
    free, one = SHARE * machine.available(device), needed(config, width)
    free -= _kept(config, device)
    if one <= free:
        return int(free / one)
    depth = max(config.depths)
    units = bisect.bisect_right(range(1, width), free, key=lambda w: needed(config, w))
    layers = bisect.bisect_right(range(1, depth), free, key=lambda d: needed(config, width, d))
    smaller = [f"hidden of at most {units}"] * (units > 0)
    smaller += [f"layers of at most {layers}"] * (layers > 1)
    raise TrainingError(
        f"{depth} layers of {width} units need {one / 1e9:.3g} GB of memory for each seed, and "
        f"{free / 1e9:.3g} GB are free on {device.type}: none of {len(config.seed_list)} seeds "
        f"fits; choose {' or '.join(smaller) or 'a smaller batch_size'}"
    )


def chunks(config: Config, width: int, device: torch.device) -> list[tuple[int, ...]]:
    """Divide the seeds into those that train side by side.

    As many as a layer's activations fit the processor's cache, or keep an accelerator busy, and no
    more than fit the device at all.

    Parameters
    ----------
    config
        What to train.
    width
        Units in each layer.
    device
        Where.

    Raises
    ------
    TrainingError
        Not even one seed fits, or the run's measurements do not.
    """
    seeds, room = config.seed_list, CACHE if device.type == "cpu" else BUSY
    most = side_by_side(config.batch, width, room)
    most = min(most, fitting(config, width, device))
    return [seeds[at : at + most] for at in range(0, len(seeds), most)]


def plan(config: Config, device: torch.device) -> list[tuple[int, tuple[int, ...]]]:
    """Width and seeds of each chunk of a run, as `chunks` divides them."""
    return [(width, seeds) for width in config.widths for seeds in chunks(config, width, device)]


def check(config: Config, plan: list[tuple[int, tuple[int, ...]]], device: torch.device) -> None:
    """Refuse to go on with a plan of chunks that no longer fits.

    Raises
    ------
    TrainingError
        There is less memory than where the run began.
    """
    free = machine.available(device) - _kept(config, device)  # all of it: it fitted before
    width, seeds = max(plan, key=lambda chunk: len(chunk[1]) * needed(config, chunk[0]))
    if (whole := len(seeds) * needed(config, width)) > free:
        raise TrainingError(
            f"{len(seeds)} seeds of width {width} train side by side since this run began; they "
            f"need {whole / 1e9:.3g} GB of memory, and {free / 1e9:.3g} GB are free on "
            f"{device.type}; go on where there is as much, or {OVERWRITE}"
        )


def _kept(config: Config, device: torch.device) -> int:
    """Bytes of a device that the run's measurements take.

    Raises
    ------
    TrainingError
        They do not fit the machine.
    """
    whole, free = measurements(config), SHARE * machine.available(torch.device("cpu"))
    if whole > free:
        epochs = int(config.epochs * free / whole)
        seeds = int(len(config.seed_list) * free / whole)
        smaller = [f"epochs of at most {epochs}"] * (epochs > 0)
        smaller += [f"at most {seeds} seeds"] * (seeds > 0)
        raise TrainingError(
            f"the measurements of {config.epochs} epochs, {len(config.seed_list)} seeds and "
            f"{max(config.depths)} layers need {whole / 1e9:.3g} GB of memory, and "
            f"{free / 1e9:.3g} GB are free; choose {' or '.join(smaller) or 'far fewer of them'}"
        )
    return whole if device.type == "cpu" else 0
