"""The machine of this process: its devices, and how much memory is free."""

import ctypes
import os
import platform
import re
import zlib
from pathlib import Path

import psutil
import torch

try:  # Windows has no such limits
    import resource
except ImportError:
    resource = None

from ff.errors import TrainingError, printable

__all__ = ["available", "choose", "keep_freed", "name", "processor"]

GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")  # Linux's control groups
# Of the instructions that a processor has, those that decide how products round, with others.
INSTRUCTIONS = ("fma", "avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "sve", "bf16")
# Settings of the environment that choose among them, or among threads. The number of threads is not
# among these: a run goes on with that which it began with.
SETTINGS = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE")
SETTINGS += tuple(
    f"{library}_{name}"
    for library in ("ONEDNN", "DNNL")
    for name in ("MAX_CPU_ISA", "CPU_ISA_HINTS", "DEFAULT_FPMATH_MODE")
)
SETTINGS += ("MKL_DYNAMIC", "MKL_DOMAIN_NUM_THREADS", "OMP_DYNAMIC", "OMP_THREAD_LIMIT")
SETTINGS += ("OMP_MAX_ACTIVE_LEVELS", "OMP_NESTED", "OMP_SCHEDULE")


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


def processor(device: torch.device) -> str:
    """Kind of a device, with the settings that decide how it rounds.

    On two of the same kind, with as many threads, the same run has the same bits.
    """
    if device.type != "cpu":
        return name(device)
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        told = ""
    lines = dict(re.findall(r"(?m)^(model name|flags|Features|CPU \w+)\s*:\s*(.*)$", told))
    model = lines.get("model name") or platform.processor() or platform.machine()
    model += "".join(f" {lines[own]}" for own in ("CPU implementer", "CPU part") if own in lines)
    has = set(f"{lines.get('flags', '')} {lines.get('Features', '')}".split())
    found = [torch.backends.cpu.get_cpu_capability(), *(own for own in INSTRUCTIONS if own in has)]
    settings = ", ".join(f"{own}={os.environ[own]}" for own in SETTINGS if own in os.environ)
    if len(settings) > 300:  # a note has bounds
        settings = f"settings of checksum {zlib.crc32(os.fsencode(settings))}"
    found += [settings] if settings else []
    if (precision := _float32_products()) not in ("none", "ieee", "highest"):
        found.append(f"float32 products: {precision}")
    return printable(f"{model} ({', '.join(found)})")


def _float32_products() -> str:
    """Precision that torch may compute float32 products in, on a CPU.

    Its older function raises an error once the newer setting differs from it.
    """
    matmul = getattr(torch.backends.mkldnn, "matmul", None)  # since torch 2.9
    return matmul.fp32_precision if matmul else torch.get_float32_matmul_precision()


def available(device: torch.device) -> float:
    """Bytes that are free on a device, and no more than this process may use of them."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept  # torch keeps what was freed, for later
    return min(psutil.virtual_memory().available, *_limited(), *_grouped())


def keep_freed() -> None:
    """Tell glibc to use freed blocks again. By default it returns large ones to the system.

    Every product makes a block of megabytes, whose pages the system would hand out, zeroed, one by
    one, each time anew: 15,000 page faults a step for four layers of 1000 units.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 2**30)  # M_MMAP_THRESHOLD: larger blocks are mapped one by one
        libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: more free memory is given back


def _limited() -> list[float]:
    """Bytes that the process may still take by its own limits (``ulimit -v``, ``ulimit -d``)."""
    if resource is None:
        return []
    taken, found = psutil.Process().memory_info(), []
    for limit, used in (
        (resource.RLIMIT_AS, taken.vms),
        (resource.RLIMIT_DATA, getattr(taken, "data", 0)),
    ):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY:
            found.append(max(0, most - used))
    return found


def _grouped() -> list[float]:
    """Bytes that each control group of the process may still take; a container is one, too.

    A group's limit holds for those within it. Version 2 has one hierarchy; of version 1, which some
    clusters still have, it is that for memory.
    """
    try:
        lines = [line.split(":", 2) for line in OWN.read_text().splitlines()]
    except OSError:
        return []
    found = []
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if controllers == "":
            top, names = GROUPS, ("memory.max", "anon")
        elif "memory" in controllers.split(","):
            top, names = GROUPS / "memory", ("memory.limit_in_bytes", "total_rss")
        else:
            continue
        own = top / path.lstrip("/")
        groups = [own, *own.parents]
        for group in groups[: groups.index(top) + 1]:
            found += _free(group, *names)
    return found


def _free(group: Path, limit: str, used: str) -> list[float]:
    """Bytes that a control group may still take; nothing without a limit."""
    try:
        most = int((group / limit).read_text())
        taken = re.search(rf"^{used} (\d+)", (group / "memory.stat").read_text(), re.MULTILINE)
    except (OSError, ValueError):
        return []
    return [max(0, most - int(taken[1]) if taken else most)]
