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
        Of true labels of any shape, int64, beliefs ``(C, C)`` and a generator on their device, a
        wrong label for each, int64. Row i, column j of the beliefs is the sum of the probabilities
        that the readout gave to class j on images of class i in the epoch before; all are equal
        before the first epoch.
    confused
        Whether it looks at them. Then what a layer learns depends on the readout, hence on the
        network's depth.
    source
        Where it is published.
    """

    draw: Callable[[Tensor, Tensor, torch.Generator], Tensor]
    confused: bool
    source: str


def uniform(labels: Tensor, beliefs: Tensor, generator: torch.Generator) -> Tensor:
    """For each label, one of the others, each as likely; any shape, int64."""
    import torch

    classes = len(beliefs)
    step = torch.randint(
        1, classes, labels.shape, generator=generator, device=labels.device, dtype=labels.dtype
    )
    return (labels + step) % classes


def hard(labels: Tensor, beliefs: Tensor, generator: torch.Generator) -> Tensor:
    """For each label, one of the others, as likely as the readout takes it for that one."""
    import torch

    total = beliefs.sum(1, keepdim=True)  # 0 of a class that was not shown
    likely = torch.where(total > 0, beliefs, 1) / total.where(total > 0, 1)
    likely = likely.clamp_(min=1e-6).fill_diagonal_(0)  # no wrong label is impossible
    drawn = likely[labels.flatten()].multinomial(1, generator=generator)
    return drawn.view(labels.shape).to(torch.int64)


#: The kinds of negative sample, by the name that a configuration gives.
NEGATIVES = {
    "uniform": Negatives(uniform, confused=False, source="the paper, section 1.1"),
    "hard": Negatives(
        hard,
        confused=True,
        source="Hinton, The Forward-Forward Algorithm (2022), section 3.3, per class instead of "
        "per image",
    ),
}
