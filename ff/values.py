"""Values of parameters as Python's own plain types, and how large one may be."""

import math
import os
from collections.abc import Set
from typing import Any

__all__ = ["beyond", "plain"]

MOST_ITEMS = 2**14  # of a list: more than there are seeds, or than a file can hold
MOST_INNER = 2  # of a list within a list: a pair of epochs
MOST_PAIRS = 2048  # such lists in a list: more than there are layers
MOST_BITS = 900  # of an integer; a number of 64 bits is far below
SIMPLE = {bool, int, float, str}  # what is plain already


def plain(value: Any) -> Any:
    """Python's own type for a value: numbers, text, and lists instead of arrays and the like.

    Parameters
    ----------
    value
        A number, array, list, tuple, range, set or path, or one within a list. Anything else comes
        back as it is, and so does what has more items than any key may have.
    """
    try:
        return _plain(value, MOST_ITEMS, MOST_INNER)
    except Exception:  # whatever an object of a person's own raises when it is looked at
        return value


def _plain(value: Any, most: int = 0, *inner: int) -> Any:
    """Look through lists of at most `most` items, and through those in them with what follows."""
    if type(value) in SIMPLE:
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # numpy's numbers and arrays, and their like
        shape = value.shape if hasattr(value, "shape") else [len(value)]
        if math.prod(shape) > MOST_INNER * MOST_ITEMS:
            return value
        value = value.tolist()
    if not isinstance(value, list | tuple | range | Set) or len(value) > most:
        return value
    items = list(value)
    if SIMPLE.issuperset(map(type, items)):
        return items
    if len(items) > MOST_PAIRS and isinstance(items[0], list | tuple | range | Set):
        return value
    return [_plain(item, *inner) for item in items]


def beyond(value: object) -> bool:
    """Whether a value is larger than that of any key, so that it must not be looked through."""
    try:
        if isinstance(value, int):
            return value.bit_length() > MOST_BITS
        return isinstance(value, list | str) and len(value) > MOST_ITEMS
    except Exception:  # as in `plain`
        return True
