"""Where a run trains."""

import os
import platform

import torch

from ff.errors import TrainingError

__all__ = ["choose", "name"]


def choose(device: str) -> torch.device:
    """Device of a configuration; "auto" is the fastest there is.

    Raises
    ------
    TrainingError
        The device is not there.
    """
    usable = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        device = next(name for name, there in usable.items() if there)
    if not usable[device]:
        raise TrainingError(f"there is no {device} device here; choose device: auto or cpu")
    return torch.device(device)


def name(device: torch.device) -> str:
    """What a device is called in the provenance of its records."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {os.cpu_count()} cores)"
