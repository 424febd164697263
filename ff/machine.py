"""The machine of this process: its devices, and how much memory is free."""

import ctypes
import math
import os
import platform
import re
from pathlib import Path

import psutil
import torch

from ff.errors import TrainingError

__all__ = ["available", "choose", "keep_freed", "name"]

CONTAINER = Path("/sys/fs/cgroup")


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


def available(device: torch.device) -> float:
    """Bytes that are free on a device; in a container, no more than it may use."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept  # torch keeps what was freed, for later
    return min(psutil.virtual_memory().available, _container())


def keep_freed() -> None:
    """Tell glibc to use freed blocks again. By default it returns large ones to the system.

    Every product makes a block of megabytes, whose pages the system would hand out, zeroed, one by
    one, each time anew: 15,000 page faults a step for four layers of 1000 units.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 2**30)  # M_MMAP_THRESHOLD: larger blocks are mapped one by one
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: more free memory is given back


def _container() -> float:
    """Bytes that a container (cgroup 2) may still use; infinity without one, or without a limit."""
    try:
        limit = int((CONTAINER / "memory.max").read_text())
        used = re.search(r"^anon (\d+)", (CONTAINER / "memory.stat").read_text(), re.MULTILINE)
    except (OSError, ValueError):
        return math.inf
    return limit - int(used[1]) if used else limit
