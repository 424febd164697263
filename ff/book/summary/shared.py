"""What the sentences of several chapters share."""

from collections.abc import Iterable

import pandas as pd

__all__ = ["deepest", "name", "sign_of", "whose", "widths"]


def widths(table: pd.DataFrame) -> Iterable[pd.DataFrame]:
    """The rows of each width."""
    return (own for _, own in table.groupby("hidden"))


def whose(table: pd.DataFrame) -> str:
    """Width and number of seeds of a table's rows, to begin a sentence."""
    seeds = int(table["seeds"].iloc[0])
    return f"<b>{table['hidden'].iloc[0]} units</b> ({seeds} seed{'s' if seeds > 1 else ''}):"


def name(table: pd.DataFrame) -> str:
    """Width of a table's rows, to begin a sentence."""
    return f"<b>{table['hidden'].iloc[0]} units</b>:"


def deepest(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of Pearson's coefficient with the deepest network."""
    return table.loc[(table["depth"] == table["depth"].max()) & (table["coefficient"] == "pearson")]


def sign_of(low: float, high: float) -> int:
    """Of an interval: 1 above 0, -1 below, 0 if it holds 0 or is unknown."""
    return int(low > 0) - int(high < 0)
