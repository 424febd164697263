"""Matrix products, and the type to which their factors are rounded."""

import torch
from torch import Tensor

__all__ = ["operands", "product"]


def operands(precision: str) -> torch.dtype:
    """Type of the factors of every large matrix product; results are float32."""
    return torch.bfloat16 if precision == "bf16" else torch.float32


def product(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """Batched matrix product of factors rounded to `dtype`, in float32."""
    return torch.bmm(a.to(dtype), b.to(dtype)).float()
