"""A progress bar over all epochs of all parts of a run."""

from torch import Tensor
from tqdm import tqdm

__all__ = ["Bar"]


class Bar:
    """Shows the epoch, the accuracies of some layers so far, and the time remaining.

    Parameters
    ----------
    parts
        Chunks of seeds that are trained one after the other.
    epochs
        Epochs of each.
    shown
        Whether there is anything to see.
    """

    def __init__(self, parts: int, epochs: int, shown: bool) -> None:
        self.parts, self.epochs = parts, epochs
        self._part, self._epoch = -1, 0
        self._bar = tqdm(
            total=parts * epochs,
            disable=not shown,
            bar_format="{desc} {percentage:3.0f}% |{bar:20}| {elapsed}<{remaining}{postfix}",
        )

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def enter(self, epoch: int) -> None:
        """Go on to the next part, of which some epochs may have been trained before."""
        self._part += 1
        self._epoch = epoch
        if not self._bar.disable:  # a disabled bar lacks the attribute
            self._bar.initial += epoch  # not part of this session's speed
        self.advance(0)

    def advance(self, share: float) -> None:
        """Move within an epoch, of which a share is done."""
        self._bar.update(self._part * self.epochs + self._epoch + share - self._bar.n)

    def show(self, epoch: int, accuracy: Tensor) -> None:
        """Name the completed epoch, and the accuracies ``(S, L)`` of layers 1, 2, 4, ..., L."""
        self._epoch = epoch
        deepest = accuracy.shape[1]
        shown = [*(2**i for i in range(10) if 2**i < deepest), deepest]
        means = {layer: float(accuracy[:, layer - 1].mean()) for layer in shown}
        values = ", ".join(f"{layer}: {m:.2f}" for layer, m in means.items() if m == m)
        part = f"part {self._part + 1}/{self.parts}, " if self.parts > 1 else ""
        self._bar.set_description_str(f"{part}epoch {epoch}/{self.epochs}", False)
        self._bar.set_postfix_str(f"accuracy of layer {values}" if values else "", False)
        self.advance(0)
