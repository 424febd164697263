"""How long something takes: once, turn by turn, or operation by operation."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["Stopwatch", "seconds", "timed", "turns"]


def seconds(call: Callable[[], object]) -> float:
    """Time from the call until everything is done, on a GPU too."""
    begin = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def turns(rounds: int, costs: Sequence[Callable[[], float]]) -> np.ndarray:
    """Seconds that each call returns, ``(n, rounds)``; they are called turn by turn."""
    return np.array([[cost() for cost in costs] for _ in range(rounds)]).T


def timed(rounds: int, calls: Sequence[Callable[[], object]]) -> np.ndarray:
    """Seconds of each call ``(n, rounds)``, turn by turn, after one turn that does not count."""
    return turns(rounds + 1, [lambda call=call: seconds(call) for call in calls])[:, 1:]


class Stopwatch(TorchDispatchMode):
    """Measures, within its context, how long each of torch's operations takes, on a CPU.

    Attributes
    ----------
    seconds
        Of all calls of an operation, by its name, such as "bmm".
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call an operation and add its time."""
        begin = time.perf_counter()
        result = func(*args, **(kwargs or {}))
        self.seconds[func.overloadpacket.__name__] += time.perf_counter() - begin
        return result
