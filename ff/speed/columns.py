"""Columns of a bench file: the work, what was measured of it, and the target."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

__all__ = ["COLUMNS", "KEYS", "Quantities", "Work", "compared", "curve", "missing", "rows", "table"]

Quantities = Mapping[str, tuple[Any, str]]  # name -> what was measured, once or often, and its unit


class Work(NamedTuple):
    """A piece of work, and what it is compared with.

    Attributes
    ----------
    work
        What is done: "epoch", "table 1" (all ten networks of it), "products" (of a training step),
        "operations" (where a step's time goes), "threads" (a step's time by their number),
        "straight: layers", "straight: seeds", "straight: epochs" (what one more of them costs),
        "memory" (at its peak), "settings" (the baseline with and without ours), or "other programs"
        (cores that they keep busy).
    beside
        What it is compared with: "baseline", "alone" (the same products with nothing between
        them), "least" (memory of what must be kept), or the span of a straight line, such as
        "5 to 16"; empty where there is none.
    device
        "cpu" or "cuda".
    layers, hidden, seeds
        Shape of the networks, NaN where it varies.
    precision
        "float32", "tf32" or "bf16"; empty where nothing is multiplied.
    """

    work: str
    beside: str = ""
    device: str = "cpu"
    layers: float = np.nan
    hidden: float = np.nan
    seeds: float = np.nan
    precision: str = ""


KEYS = list(Work._fields)
NUMBERS = [
    *("layers", "hidden", "seeds", "at"),
    *("value", "low", "high", "target_low", "target_high"),
]
COLUMNS = [
    *KEYS,
    *("quantity", "at", "value", "low", "high", "unit", "how", "target_low", "target_high"),
]


def rows(
    work: Work,
    quantities: Quantities,
    target: tuple[float, float] | None = None,
    how: str = "measured",
) -> list[dict[str, Any]]:
    """Describe what was measured of one piece of work, a row a quantity.

    Parameters
    ----------
    work
        What it is.
    quantities
        What was measured: the row holds median, least and greatest.
    target
        Range aimed at: of the ratio if there is one, else of the first quantity. An end is
        infinite where there is no limit.
    how
        "measured", or "extrapolated from ...".
    """
    judged = "ratio" if "ratio" in quantities else next(iter(quantities))
    return [
        _row(work, name, values, unit, how, target if name == judged else None)
        for name, (values, unit) in quantities.items()
    ]


def curve(work: Work, points: Sequence[int], times: Sequence[Any]) -> list[dict[str, Any]]:
    """Describe seconds that depend on a number of layers, seeds, epochs or threads.

    Parameters
    ----------
    work
        What it is.
    points, times
        The numbers, and the seconds that were measured at each.
    """
    return [_row(work, "time", spent, "s", at=at) for at, spent in zip(points, times, strict=True)]


def missing(
    work: Work, target: tuple[float, float], why: str, quantity: str = "ratio"
) -> list[dict[str, Any]]:
    """Describe a piece of work that has a target and is not measured here.

    Parameters
    ----------
    work, target
        As in `rows`.
    why
        The reason: "no CUDA device".
    quantity
        What has the target.
    """
    return [_row(work, quantity, np.nan, "", f"not measured: {why}", target)]


def compared(ours: Any, beside: Any, ratio: Any, unit: str) -> Quantities:
    """Quantities of a comparison.

    Parameters
    ----------
    ours, beside
        Both sides, in the same unit.
    ratio
        Taken turn by turn, so that it is not the quotient of two medians.
    unit
        Of both sides.
    """
    return {"ours": (ours, unit), "compared": (beside, unit), "ratio": (ratio, "")}


def table(parts: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a table, numbers as float64."""
    return pd.DataFrame(list(parts), columns=COLUMNS).astype(dict.fromkeys(NUMBERS, "float64"))


def _row(
    work: Work,
    quantity: str,
    values: Any,
    unit: str,
    how: str = "measured",
    target: tuple[float, float] | None = None,
    at: float = np.nan,
) -> dict[str, Any]:
    low, high = target or (np.nan, np.nan)
    return work._asdict() | {
        "quantity": quantity,
        "at": at,
        "value": float(np.median(values)),
        "low": float(np.min(values)),
        "high": float(np.max(values)),
        "unit": unit,
        "how": how,
        "target_low": low,
        "target_high": high,
    }
