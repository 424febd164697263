"""Matrix products, and the type to which their factors are rounded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ff.config import BF16_WIDTHS

__all__ = ["chosen", "multiplies_bf16", "multiplying", "operands", "product", "rounds_factors"]

# Settings of products on a processor; torch has them since 2.9.
ONEDNN: Any = getattr(torch.backends.mkldnn, "matmul", None)


def chosen(precision: str, widths: Sequence[int], device: torch.device) -> str:
    """What `auto` stands for: bf16 at ``BF16_WIDTHS`` where it is fast, else float32.

    Parameters
    ----------
    precision
        A configuration's; any but ``auto`` is returned as it is.
    widths
        All that are trained: one precision serves the whole run.
    device
        Where; not every processor multiplies bfloat16 numbers.
    """
    if precision != "auto":
        return precision
    return "bf16" if set(widths) <= set(BF16_WIDTHS) and multiplies_bf16(device) else "float32"


def multiplies_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers itself; emulation takes longer than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def rounds_factors(device: torch.device) -> bool:
    """Whether a device rounds float32 factors to bfloat16 by itself, and returns float32 sums."""
    return device.type == "cpu" and multiplies_bf16(device) and _tried()


@cache
def _tried() -> bool:
    """Whether torch's setting for it has an effect on this processor.

    It is ignored without a word where oneDNN has no such product: on all processors without AMX,
    even on those that multiply bfloat16 numbers.
    """
    if ONEDNN is None:
        return False
    x = torch.full((1, 256, 256), 1 + 2**-9)  # as bfloat16, 1
    with _set(ONEDNN, fp32_precision="bf16"):
        return bool((torch.bmm(x, x) == 256).all())


def operands(precision: str, device: torch.device) -> torch.dtype:
    """Type in which large matrix products take their factors; all else is float32.

    For bf16 it depends on torch's version and the processor: a run that was cut off does not go on
    under another torch, and tells of another processor.

    Parameters
    ----------
    precision
        A configuration's, not ``auto``.
    device
        Where. If it rounds the factors of bf16 by itself, they stay float32, and the products have
        to be made within `multiplying`.
    """
    rounded = precision == "bf16" and not rounds_factors(device)
    return torch.bfloat16 if rounded else torch.float32


def product(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """Batched matrix product of factors in the type that `operands` names, as float32 numbers.

    A product of bfloat16 factors is summed in float32, and then rounded to bfloat16 once itself.
    """
    return torch.bmm(a.to(dtype), b.to(dtype)).float()


@contextmanager
def multiplying(precision: str, device: torch.device) -> Iterator[None]:
    """Meanwhile, float32 factors are rounded as a precision says, and products summed in float32.

    On a GPU, to tf32 or not at all; on a processor that `rounds_factors`, to bfloat16 for bf16. It
    may round those of small products, too, or leave them. Nothing is touched for another device.

    The settings are the whole process's, so that one thread alone may multiply where there are any;
    afterwards they are as they were before.
    """
    if device.type == "cuda":
        matmul = torch.backends.cuda.matmul
        tf32 = precision == "tf32"
        settings = _set(matmul, allow_tf32=tf32, allow_bf16_reduced_precision_reduction=False)
    elif precision == "bf16" and rounds_factors(device):
        settings = _set(ONEDNN, fp32_precision="bf16")
    else:
        settings = nullcontext()
    with settings:
        yield


@contextmanager
def _set(backend: Any, **settings: object) -> Iterator[None]:
    """Meanwhile, a backend of torch has other settings."""
    before = {name: getattr(backend, name) for name in settings}
    try:
        for name, value in settings.items():
            setattr(backend, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(backend, name, value)
