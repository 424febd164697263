"""The paper's Figures 2 to 5 and ours: tables in, figures out.

Traces are averaged over seeds here; delays and correlations come from `ff.delay` and
`ff.correlation`. Widths that share a panel differ by color and by line style, depths by
marker. No function writes a file: the `savefig` of the returned figure does.
"""

from ff.book.figures.accuracy import panels, spread, traces
from ff.book.figures.correlation import (
    correlation_kinds,
    correlations,
    correlations_with_intervals,
    lags,
)
from ff.book.figures.delay import (
    delays,
    delays_of_two,
    delays_with_intervals,
    median_delays,
    sensitivity,
)
from ff.book.figures.growing import beside_together, contributions, grown
from ff.book.figures.learners import probe_delays
from ff.book.figures.study import causes, fall_sizes, forest, own_delays, rates, waiting
from ff.book.figures.threats import auroc_beside_accuracy, slope_sensitivity

__all__ = [
    "auroc_beside_accuracy",
    "beside_together",
    "causes",
    "contributions",
    "correlation_kinds",
    "correlations",
    "correlations_with_intervals",
    "delays",
    "delays_of_two",
    "delays_with_intervals",
    "fall_sizes",
    "forest",
    "grown",
    "lags",
    "median_delays",
    "own_delays",
    "panels",
    "probe_delays",
    "rates",
    "sensitivity",
    "slope_sensitivity",
    "spread",
    "traces",
    "waiting",
]
