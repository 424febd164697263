"""Words of an error about what came: values and keys are quoted in no more than a line or two."""

import difflib
import reprlib
from collections.abc import Callable, Collection
from itertools import islice
from typing import Any

from ff.values import beyond

__all__ = ["LONGEST", "quoted", "refusals", "short", "unknown"]

LONGEST = 300  # characters of a value or a path that a message quotes
MOST_KEYS = 6  # that a message explains one by one


def unknown(key: str, known: Collection[str]) -> str:
    """Say that there is no such key, and which one may be meant."""
    near = difflib.get_close_matches(key[:LONGEST], known, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"
    return f"unknown key {quoted(key)}; {remedy}"


def refusals(keys: Collection[str], sentence: Callable[[str], str]) -> str:
    """Say why keys are refused: a line for each of the first, and how many more there are.

    Parameters
    ----------
    keys
        The refused ones.
    sentence
        Why one is.
    """
    lines = [sentence(key) for key in islice(keys, MOST_KEYS)]
    if more := len(keys) - len(lines):
        lines.append(f"{more:,} more keys are refused; correct or delete these first")
    return "\n".join(lines)


def quoted(value: object) -> str:
    """Python's notation of a value, as a message quotes it: shortened where it is long."""
    try:
        return short(_NOTATION.repr(value))
    except Exception:  # whatever an object of a person's own raises
        return short(f"an object of type {type(value).__name__}")


def short(text: str) -> str:
    """Text whose middle is left out where it is long."""
    half = (LONGEST - 3) // 2
    return text if len(text) <= LONGEST else f"{text[:half]}...{text[-half:]}"


class _Notation(reprlib.Repr):
    """Python's notation that looks at the beginning of a large value only."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, LONGEST, LONGEST
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 30

    def repr_int(self, x: int, level: int) -> str:
        if beyond(x):
            return f"an integer of about {round(x.bit_length() * 0.30103):,} digits"
        return repr(x)

    def repr_list(self, x: list, level: int) -> str:
        return f"a list of {len(x):,} items" if beyond(x) else super().repr_list(x, level)

    def repr_dict(self, x: dict, level: int) -> str:  # without sorting all of it
        return super().repr_dict(dict(islice(x.items(), self.maxdict + 1)), level)

    def repr_set(self, x: set, level: int) -> str:
        return super().repr_set(set(islice(x, self.maxset + 1)), level)

    def repr_frozenset(self, x: frozenset, level: int) -> str:
        return super().repr_frozenset(frozenset(islice(x, self.maxfrozenset + 1)), level)

    def repr_instance(self, x: Any, level: int) -> str:
        if hasattr(x, "__len__") and len(x) > LONGEST:  # bytes, arrays, kinds of lists
            return f"a value of type {type(x).__name__} with {len(x):,} items"
        return " ".join(super().repr_instance(x, level).split())  # of an array, in one line


_NOTATION = _Notation()
