"""How much of the rate of its matrix products a training step reaches."""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from ff.algorithm.precision import multiplies_bf16, multiplying
from ff.data import Dataset
from ff.speed import columns
from ff.speed.columns import Work
from ff.speed.effort import Effort
from ff.speed.roofline import Product, operations, products
from ff.speed.runs import Ours, chunks
from ff.speed.timing import timed

__all__ = ["SLOW", "alone", "share"]

STEPS = 6  # in a turn
SLOW = "no bfloat16 products known of this processor"


def share(
    dataset: Dataset, effort: Effort, work: Work, depths: Sequence[int], target: float
) -> pd.DataFrame:
    """Rate of the products in training, against that of the products alone: step after step.

    A turn is some steps, each with its products alone and a copy after it: the machine's own rate
    changes from second to second. Only products that training makes count for its rate: their
    number is the mean over steps before and after those that are timed.

    Parameters
    ----------
    dataset
        What is learned.
    effort
        How long to measure.
    work
        Device, width, seeds and precision.
    depths
        Of the readouts; the deepest is the number of layers.
    target
        The least share that is aimed at.
    """
    device, hidden = torch.device(work.device), int(work.hidden)
    aim = target, np.inf
    if work.precision == "bf16" and not multiplies_bf16(device):
        return columns.table(columns.missing(work, aim, SLOW))
    chunk = chunks(dataset, depths, hidden, int(work.seeds), device)[0]
    ours = Ours(dataset.to(device), depths, hidden, chunk, work.precision)
    steps = chain.from_iterable(iter(ours.training.steps, None))  # epoch after epoch
    batch = ours.training.batch
    own = dataset.source
    shapes = products(depths, hidden, batch, own.pixels, own.classes)
    rounded = torch.bfloat16 if work.precision == "bf16" else torch.float32  # before the products
    bare_step = alone(shapes, len(chunk), rounded, device)
    block = torch.ones(2, len(chunk), 3 * batch, hidden, device=device)  # activities, twice
    calls = (lambda: next(steps), bare_step, lambda: block[1].copy_(block[0]))

    def counted() -> float:
        return float(np.mean([_multiplied(calls[0]) for _ in range(STEPS)])) / 1e9

    before = counted()
    count = effort.turns if hidden >= effort.wide else 4 * effort.turns  # a narrow step is short
    with multiplying(work.precision, device):  # the products alone, too
        spent = timed(count * STEPS, calls).reshape(3, count, STEPS)
    learning, bare, copying = spent.mean(-1)
    all_of_them = operations(shapes) * len(chunk) / 1e9
    # Capped at 1: the counter also counts small products that `products` leaves out, 0.6 % at
    # width 100.
    made = min(1.0, (before + counted()) / 2 / all_of_them)
    rate, limit = made * all_of_them / learning, all_of_them / bare
    facts = {
        **columns.compared(rate, limit, rate / limit, "GFLOP/s"),
        "a step": (learning, "s"),
        "operations": (all_of_them, "GFLOP"),
        "made": (made, ""),  # share of the operations, the others being left out
        "side by side": (len(chunk), "seeds"),
        "copy": (block.nbytes / 1e9 / copying, "GB/s"),  # half of it read, half written
    }
    return columns.table(columns.rows(work, facts, aim))


def alone(
    shapes: Sequence[Product], seeds: int, dtype: torch.dtype, device: torch.device
) -> Callable[[], None]:
    """Prepare the products of a step: what is returned makes them, and does nothing else.

    Parameters
    ----------
    shapes
        As `ff.speed.roofline.products` returns them.
    seeds
        How many networks train side by side.
    dtype
        Type of the factors.
    device
        Where they live.
    """
    made = {}
    for shape in set(shapes):
        x = torch.randn(seeds, shape.rows, shape.inputs).to(device, dtype)
        weight = torch.randn(seeds, shape.outputs, shape.inputs).to(device, dtype)
        slope = torch.randn(seeds, shape.rows, shape.outputs).to(device, dtype)
        factors = (x, weight.mT) if shape.kind == "forward" else (slope.mT, x)
        made[shape] = *factors, torch.bmm(*factors)

    def run() -> None:
        for shape in shapes:
            a, b, out = made[shape]
            torch.bmm(a, b, out=out)

    return run


def _multiplied(call: Callable[[], object]) -> int:
    """Floating-point operations of the batched products that a call makes."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_flop_counts()["Global"][torch.ops.aten.bmm]
