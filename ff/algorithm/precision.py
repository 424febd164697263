"""Matrix products, and the type to which their factors are rounded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from ff.config import BF16_WIDTHS

__all__ = ["chosen", "multiplies_bf16", "multiplying", "operands", "product"]


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


def operands(precision: str) -> torch.dtype:
    """Type of the factors of every large matrix product; all else is float32."""
    return torch.bfloat16 if precision == "bf16" else torch.float32


def product(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """Batched matrix product of factors rounded to `dtype`, as float32 numbers.

    A product of bfloat16 factors is summed in float32, and then rounded to bfloat16 once itself:
    torch has no other on a CPU.
    """
    return torch.bmm(a.to(dtype), b.to(dtype)).float()


@contextmanager
def multiplying(precision: str, device: torch.device) -> Iterator[None]:
    """Meanwhile, a GPU rounds float32 factors to tf32 if a precision says so, and sums in float32.

    The settings are the whole process's, so that one thread alone may multiply on a GPU; afterwards
    they are as they were before. Nothing is touched for another device.
    """
    if device.type != "cuda":
        yield
        return
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction
    matmul.allow_tf32 = precision == "tf32"
    matmul.allow_bf16_reduced_precision_reduction = False  # sums are float32
    try:
        yield
    finally:
        matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction = before
