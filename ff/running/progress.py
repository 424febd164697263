"""How far a run is: a bar in a terminal, lines in a notebook or a file.

What cannot be said, since nobody reads it any more or a log's disk is full, does not end a run.
"""

import sys
import time

from torch import Tensor
from tqdm import tqdm

from ff.files import Words

__all__ = ["Bar"]

PAUSE = 5.0  # seconds between two lines, at least
STEP = 0.05  # of the whole run, too


class Bar:
    """Shows the epoch, the accuracies of some layers so far, and the time remaining.

    Nothing can be drawn in place where standard error is no terminal. A kernel sends what it gets
    to its notebook and to papermill's log: that is a line after five seconds and one for each
    further twentieth of the run, as it is for a file.

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
        words = Words(sys.stderr)
        if shown and not words.isatty():
            self._bar = _Lines(parts * epochs, words)
            return
        self._bar = tqdm(
            total=parts * epochs,
            disable=not shown,
            file=words,
            dynamic_ncols=True,  # else it takes no terminal for one but sys.stderr
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
        self._describe(epoch)
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
        self._describe(epoch)
        self._bar.set_postfix_str(f"accuracy of layer {values}" if values else "", False)
        self.advance(0)

    def _describe(self, epoch: int) -> None:
        part = f"part {self._part + 1}/{self.parts}, " if self.parts > 1 else ""
        self._bar.set_description_str(f"{part}epoch {epoch}/{self.epochs}", False)


class _Lines:
    """What `Bar` needs of tqdm, as lines.

    Parameters
    ----------
    total
        Epochs of the whole run.
    words
        Where they are written.
    """

    disable = False

    def __init__(self, total: int, words: Words) -> None:
        self.words = words
        self.total, self.initial, self.n = total, 0.0, 0.0
        self.description = self.postfix = ""
        self._begin = self._last = time.monotonic()
        self._next = 0.0  # share of the run at which a line is due

    def update(self, n: float) -> None:
        self.n += n
        if self.n >= self._next * self.total and time.monotonic() - self._last >= PAUSE:
            self._print()

    def set_description_str(self, text: str, refresh: bool) -> None:
        self.description = text

    def set_postfix_str(self, text: str, refresh: bool) -> None:
        self.postfix = text

    def close(self) -> None:
        if self.n > self.total - 1e-6:  # a sum of shares
            self._print()

    def _print(self) -> None:
        self._last = time.monotonic()
        share, spent = self.n / self.total, self._last - self._begin
        self._next = share + STEP
        done = self.n - self.initial  # in this session
        left = tqdm.format_interval((self.total - self.n) * spent / done) if done else "?"
        line = f"{self.description}: {share:.0%} in {tqdm.format_interval(spent)}, {left} left"
        postfix = f"; {self.postfix}" * bool(self.postfix)
        self.words.write(f"{line}{postfix}\n")
        self.words.flush()
