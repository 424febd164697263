"""Computed sentences as a reader sees them, and numbers as they are written there."""

import html
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

MINUS = "\u2212"


def words(shown: Any) -> list[str]:
    """Paragraphs without their tags."""
    source = shown._repr_html_()
    assert source.endswith("</p>")
    return [html.unescape(re.sub("<[^>]+>", "", text)) for text in source.split("</p>")[:-1]]


def three(value: float) -> str:
    """Three digits and a true minus sign."""
    return f"{value:.3g}".replace("-", MINUS)


def mean_traces(layers: pd.DataFrame, column: str = "train_accuracy") -> Any:
    """Mean over seeds of one width: a row an epoch, a column a layer."""
    return layers.astype({column: float}).pivot_table(column, "epoch", "layer")


def around(values: Sequence[float]) -> tuple[float, float]:
    """Student's interval of a number from itself and what it is without each seed."""
    first, left = values[0], np.array(values[1:])
    n = len(left)
    half = stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2))
    return first - half, first + half


def pearson(x: Any, y: Any) -> float:
    """Correlation, by scipy."""
    found: Any = stats.pearsonr(x, y)
    return float(found[0])


def theil_sen(y: Any, x: Any) -> float:
    """Median of the slopes between all pairs, by scipy."""
    found: Any = stats.theilslopes(y, x)
    return float(found[0])
