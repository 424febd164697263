"""What the sentences of several chapters share."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

__all__ = ["name", "sign_of", "whose", "widths"]


def widths(table: pd.DataFrame) -> Iterable[pd.DataFrame]:
    """The rows of each width."""
    return (own for _, own in table.groupby("hidden"))


def whose(table: pd.DataFrame) -> str:
    """Width and number of seeds of a table's rows, to begin a sentence."""
    first: Any = table.iloc[0]
    seeds = f"{first['seeds']} seed{'s' if first['seeds'] > 1 else ''}"
    return f"<b>{first['hidden']} units</b> ({seeds}):"


def name(table: pd.DataFrame) -> str:
    """Width of a table's rows, to begin a sentence."""
    return f"<b>{table['hidden'].iloc[0]} units</b>:"


def sign_of(low: float, high: float) -> int:
    """Of an interval: 1 above 0, -1 below, 0 if it holds 0 or is unknown."""
    return int(low > 0) - int(high < 0)
