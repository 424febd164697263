"""Forward-Forward beside backpropagation: the delay of each layer's probe."""

from typing import Any

import numpy as np
import pandas as pd

from ff.book.figures.delay import delay_axes, delay_entries, draw_delay, limits
from ff.book.figures.shared import counted, ends
from ff.book.markup import listed
from ff.book.style import LINES, MARKERS, PALETTE, Figure, legend, styled

__all__ = ["probe_delays"]


@styled
def probe_delays(delay: pd.DataFrame) -> Figure:
    """Interpolated delay of each layer's probe with each learner, with its interval.

    Parameters
    ----------
    delay
        Results of `ff.stats.paired.delays` with the learners as ways, for one target or several.

    Returns
    -------
    Figure
        A panel a target and a line a learner. Bands are intervals over seeds, cut off at the last
        epoch; an open upward triangle is a layer that has not reached the target by then.
    """
    targets = list(dict.fromkeys(delay["target"]))
    figure = Figure(1 + 2.2 * len(targets))
    grid = list(figure.subplots(len(targets), squeeze=False, sharex=True)[:, 0])
    texts = []
    for axes, target in zip(grid, targets, strict=True):
        own: Any = delay[delay["target"] == target]
        for i, (learner, rows) in enumerate(own.groupby("way", sort=False)):
            look: dict[str, Any] = {
                "color": PALETTE[i],
                "linestyle": LINES[i],
                "marker": MARKERS[i],
            }
            look |= {"label": str(learner), "gid": f"learner-{i}-target-{target:g}"}
            draw_delay(axes, rows, look, 0.3 * (i - 0.5))
            texts.append(_told(str(learner), target, rows))
        axes.set_title(f"probe's accuracy {target:g}")
    delay_axes(grid, delay)
    legend(figure, delay_entries(grid[0], delay))
    figure.alt = f"Epoch at which a layer's probe reaches a target accuracy. {' '.join(texts)}"
    figure.caption = (
        "Epoch at which the mean validation accuracy of a layer's probe crosses the target, "
        f"between epochs on a straight line; {counted(delay['seeds'], 'seed')} of each learner. "
        "Bands are 95 % intervals: they begin where the upper end of the mean's interval "
        "(Student's t) reaches the target and end where the lower end does."
        f"{limits(delay)}"
    )
    return figure


def _told(learner: str, target: float, rows: pd.DataFrame) -> str:
    """The first and the last layer that reach a target, and how many do not."""
    told = [
        f"layer {row['layer']} in epoch {row['crossing']:.1f}" for row in ends(rows, "crossing")
    ]
    late = int(np.sum(rows["censored"]))
    told += [f"{late} of {len(rows)} layers not within the run"] if late else []
    return f"{learner}, accuracy {target:g}: {listed(told)}."
