"""What a run needs of a device's memory, known before it allocates anything."""

import bisect
import math
import re
from pathlib import Path

import psutil
import torch

from ff.config import Config
from ff.data import CLASSES, own_batch_size
from ff.errors import TrainingError
from ff.evaluation import BATCH

__all__ = ["available", "fitting", "needed"]

PIXELS = 784
SHARE = 0.9  # of what is free: estimates leave out the small
CONTAINER = Path("/sys/fs/cgroup")


def needed(config: Config, width: int, depth: int | None = None) -> int:
    """Bytes that one seed takes at the peak of a run.

    Weights and momentum of layers and readouts, and beside them whatever is larger: the samples and
    activities of a step or an evaluation, or the copy when a checkpoint is read back.

    Parameters
    ----------
    config
        What to train.
    width
        Units in each layer.
    depth
        Number of layers; None for the configuration's.
    """
    depth = depth or max(config.depths)
    images = max(config.batch_size or own_batch_size(config.dataset), BATCH)
    inner = (depth - 1) * width
    weights = PIXELS * width + inner * width + CLASSES * len(config.depths) * inner
    # Positive, negative and neutral: a layer's inputs, z and outputs, and what the one below it
    # had as inputs and z, which is let go of only when the next layer has been computed.
    sample = 3 * 5 * width + 2 * PIXELS
    # The neutral activities of all layers, which the readout sees. Three times, as a margin: by so
    # much more did the heap grow in measured runs, and not in every one.
    kept = 3 * depth * width
    gradient = width * max(width, PIXELS)
    return 4 * (2 * weights + max(2 * weights, gradient + images * (sample + kept)))


def available(device: torch.device) -> float:
    """Bytes that are free on a device; in a container, no more than it may use."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min(psutil.virtual_memory().available, _container())


def fitting(config: Config, width: int, device: torch.device) -> int:
    """How many seeds fit side by side.

    Raises
    ------
    TrainingError
        Not even one does.
    """
    free, one = SHARE * available(device), needed(config, width)
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


def _container() -> float:
    """Bytes that a container (cgroup 2) may still use; infinity without one, or without a limit."""
    try:
        limit = int((CONTAINER / "memory.max").read_text())
        used = re.search(r"^anon (\d+)", (CONTAINER / "memory.stat").read_text(), re.MULTILINE)
    except (OSError, ValueError):
        return math.inf
    return limit - int(used[1]) if used else limit
