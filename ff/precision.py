"""Matrix products, and the type to which their factors are rounded."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["HARMLESS", "chosen", "multiplies_bf16", "operands", "product"]

HARMLESS: tuple[int, ...] = ()  # widths at which bf16 was shown to change nothing that matters


def chosen(precision: str, widths: Sequence[int], device: torch.device) -> str:
    """What `auto` stands for: bf16 if it was shown harmless and is fast, float32 otherwise.

    Harmless is what `ff.performance.rounding` finds to lie within the spread over seeds. tf32 has
    not been compared.

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
    return "bf16" if set(widths) <= set(HARMLESS) and multiplies_bf16(device) else "float32"


def multiplies_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers itself; emulation takes longer than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()


def operands(precision: str) -> torch.dtype:
    """Type of the factors of every large matrix product; results are float32."""
    return torch.bfloat16 if precision == "bf16" else torch.float32


def product(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """Batched matrix product of factors rounded to `dtype`, in float32."""
    return torch.bmm(a.to(dtype), b.to(dtype)).float()
