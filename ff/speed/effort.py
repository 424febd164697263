"""How long `ff bench` measures, and on which networks."""

from dataclasses import dataclass

__all__ = ["DEPTHS", "EPOCHS", "FULL", "LAYERS", "QUICK", "SHORT", "Effort"]

DEPTHS, EPOCHS = (2, 4, 8, 16, 32), 30  # of Table 1
SHORT = 5  # steps that are timed with many layers, seeds or epochs
LAYERS = 4  # of the networks whose epochs and products are timed on a CPU


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Attributes
    ----------
    rounds
        How often epochs are timed, ours and the baseline's in turn; narrow networks twice more.
    steps
        On a CPU, how many steps stand for an epoch of a deep network (four times as many where it
        is narrow); on a GPU, how many epochs stand for a whole run. None: nothing stands for it.
    depths
        Where the baseline's cost is measured beside 4 layers. A straight line gives the others.
    turns
        Turns of what takes a second or a few; twice or four times as many where it takes less.
    wide, narrow
        The widths that are measured: Table 1's.
    seeds
        How many networks train where many do: Table 1's.
    """

    rounds: int
    steps: int | None
    depths: tuple[int, ...]
    turns: int
    wide: int = 1000
    narrow: int = 100
    seeds: int = 30


QUICK = Effort(rounds=2, steps=4, depths=(32,), turns=4)
FULL = Effort(rounds=5, steps=None, depths=(2, 8, 16, 32), turns=12)
