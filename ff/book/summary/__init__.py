"""What a section's tables say, in a sentence or two for each width: all of it is computed."""

from ff.book.summary.correlation import correlations, following, kinds, matched, strong, trends
from ff.book.summary.delay import awake, by_target, constancy, delays, medians, orders, spread
from ff.book.summary.threats import accuracies, auroc, devices, robust, slopes_of, spans

__all__ = [
    "accuracies",
    "auroc",
    "awake",
    "by_target",
    "constancy",
    "correlations",
    "delays",
    "devices",
    "following",
    "kinds",
    "matched",
    "medians",
    "orders",
    "robust",
    "slopes_of",
    "spans",
    "spread",
    "strong",
    "trends",
]
