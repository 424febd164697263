"""JSON that a file holds: parsed with suspicion, and held against the shape that it must have."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ff.errors import RecordsError, reason
from ff.files import contents

__all__ = ["check_shape", "parsed", "stored"]

MOST = 2**24  # bytes of a note: more than 100,000 networks, all of which have diverged
DEEPEST = 20  # lists and objects within each other
LONGEST = 2**18  # entries of a list


def parsed(text: bytes) -> Any:
    """Parse a note of which anyone may have written any byte.

    Parameters
    ----------
    text
        JSON.

    Raises
    ------
    ValueError
        It is no JSON, has a number that is not finite or does not fit 64 bits, or a key twice, is
        nested too deeply, or is too long.
    """
    if len(text) > MOST:
        raise ValueError(f"it has more than {MOST:,} bytes")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_distinct,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_finite,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [part for own in level for part in _parts(own)]
    if level:
        raise ValueError("it is nested too deeply")
    return value


def check_shape(value: Any, shape: type[BaseModel]) -> None:
    """Refuse a value that does not have the shape that it must have.

    Parameters
    ----------
    value
        As `parsed` returns it.
    shape
        A model of pydantic.

    Raises
    ------
    ValueError
        What is wrong with the first part that does not fit, in a few words.
    """
    try:
        shape.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))[:80]
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')[:100]}") from None


def stored(path: Path) -> Any:
    """Read a JSON file of the repository.

    Parameters
    ----------
    path
        The file. It may hold NaN.

    Raises
    ------
    RecordsError
        It is absent or damaged.
    """
    try:
        return json.loads(contents(path))
    except (OSError, ValueError, RecursionError) as error:
        raise RecordsError(f"cannot read {path} ({reason(error)}); restore it") from None


def _parts(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if not isinstance(value, list):
        return ()
    if len(value) > LONGEST:
        raise ValueError(f"it has a list of more than {LONGEST:,} entries")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("it has a key twice")
    return found


def _whole(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= (value := int(text)) < 2**63:
        raise ValueError(f"it has the number {text[:20]}")
    return value


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"it has the number {text[:20]}")
    return value
