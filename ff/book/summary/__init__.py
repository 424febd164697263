"""What a section's tables say, in a sentence or two for each width: all of it is computed."""

from ff.book.summary.accuracy import awake, overlaps, spread
from ff.book.summary.correlation import (
    confounder,
    correlations,
    following,
    kinds,
    matched,
    strong,
    trends,
    within,
)
from ff.book.summary.delay import by_target, compared, constancy, delays, medians, orders
from ff.book.summary.threats import (
    accuracies,
    auroc,
    devices,
    prediction,
    robust,
    slopes_of,
    spans,
)

__all__ = [
    "accuracies",
    "auroc",
    "awake",
    "by_target",
    "compared",
    "confounder",
    "constancy",
    "correlations",
    "delays",
    "devices",
    "following",
    "kinds",
    "matched",
    "medians",
    "orders",
    "overlaps",
    "prediction",
    "robust",
    "slopes_of",
    "spans",
    "spread",
    "strong",
    "trends",
    "within",
]
