"""Negative samples: which wrong label is drawn into an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["NEGATIVES", "Negatives", "uniform"]


@dataclass(frozen=True)
class Negatives:
    """A kind of negative sample.

    Attributes
    ----------
    draw
        Of true labels of any shape, int64, the number of classes and a generator on their device,
        a wrong label for each, int64.
    source
        Where it is published.
    """

    draw: Callable[[Tensor, int, torch.Generator], Tensor]
    source: str


def uniform(labels: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """For each label, one of the others, each as likely; any shape, int64."""
    import torch

    step = torch.randint(
        1, classes, labels.shape, generator=generator, device=labels.device, dtype=labels.dtype
    )
    return (labels + step) % classes


#: The kinds of negative sample, by the name that a configuration gives.
NEGATIVES = {
    "uniform": Negatives(uniform, source="the paper, section 1.1"),
}
