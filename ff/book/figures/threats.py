"""Do the conclusions about delay depend on the target, or on the threshold of goodness?"""

import numpy as np
import pandas as pd
from matplotlib.markers import CARETUP

from ff.book.figures.delay import delay_axes, delay_entries, draw_delay, limits, told
from ff.book.figures.shared import by_width, counted, width_panels
from ff.book.style import LINES, MARKERS, MUTED, PALETTE, Figure, legend, styled
from ff.stats.delay import TARGET, mean_delay

__all__ = ["auroc_beside_accuracy", "slope_sensitivity"]


@styled
def slope_sensitivity(slope: pd.DataFrame) -> Figure:
    """Epochs of delay that each further layer adds, for several target accuracies.

    Parameters
    ----------
    slope
        Result of `ff.delay.sensitivity` with `ff.delay.slope`; drawn is its segment
        "all".

    Returns
    -------
    Figure
        A line a width, with intervals over seeds. One without ends, where a layer reaches the
        target in all seeds but not without one of them, ends in an arrowhead.
    """
    figure = Figure(3.6)
    axes = figure.subplots()
    rows = slope.loc[slope["segment"] == "all"]
    numbers = rows[["slope", "low", "high"]].to_numpy(float)
    top = 1.08 * np.max(numbers, where=np.isfinite(numbers), initial=0)
    widths = by_width(rows)
    for i, (hidden, own, look) in enumerate(widths):
        x = own["target"] + 0.006 * (i - (len(widths) - 1) / 2)
        axes.plot(x, own["slope"], **look, marker="o", label=f"{hidden} units")
        axes.vlines(x, own["low"], own["high"].clip(upper=top), color=look["color"])
        ends = x[np.isinf(own["high"])]
        style = {"color": look["color"], "marker": CARETUP, "linestyle": "none"}
        axes.plot(ends, np.full(len(ends), top), **style, gid=f"open-{hidden}")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set_title(f"mean accuracy of {counted(slope['seeds'], 'seed')}, 95 % intervals")
    axes.set(xlabel="target accuracy", ylabel="epochs of delay per layer")
    legend(figure, axes.get_legend_handles_labels()[0])
    parts = []
    for hidden, own in rows.dropna(subset="slope").groupby("hidden"):
        ends = own.iloc[[0, -1]].to_dict("records")
        values = " and ".join(f"{row['slope']:.2f} at target {row['target']:g}" for row in ends)
        parts.append(f"At width {hidden}, {values}.")
    figure.alt = " ".join(["Epochs of delay per layer against the target accuracy.", *parts])
    arrows = " An arrowhead: the interval has no upper end." if np.isinf(rows["high"]).any() else ""
    figure.caption = (
        "Epochs of delay that each further layer adds, by target accuracy, with 95 % intervals "
        f"over seeds (leaving each one out).{arrows}"
    )
    return figure


@styled
def auroc_beside_accuracy(
    layers: pd.DataFrame,
    target: float = TARGET,
    auroc_target: float = 0.77,
) -> Figure:
    """When each layer tells positive from negative samples: by its own threshold, and by any.

    Accuracy needs the goodness of positive and of negative samples on the right sides of a fixed
    threshold; AUROC only needs them apart. A layer whose AUROC rises long before its accuracy has
    learned to tell them apart, but not at the threshold.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    target
        Validation accuracy to reach.
    auroc_target
        Validation AUROC to reach. Two normal distributions of the same variance that a threshold
        half way separates with accuracy 0.7 have an AUROC of 0.77.

    Returns
    -------
    Figure
        A panel a width; otherwise as `delays_with_intervals`.
    """
    accuracy = mean_delay(layers, target, "validation_accuracy")
    auroc = mean_delay(layers, auroc_target, "validation_auroc")
    both = pd.concat([accuracy, auroc])
    figure, grid = width_panels(both)
    criteria = [
        (accuracy, -0.15, f"validation accuracy {target:g}"),
        (auroc, 0.15, f"validation AUROC {auroc_target:g}"),
    ]
    looks = zip(PALETTE[2:], LINES, MARKERS, strict=False)
    for (color, line, marker), (table, shift, label) in zip(looks, criteria, strict=False):
        look = {"color": color, "linestyle": line, "marker": marker, "label": label}
        for axes, (_, rows) in zip(grid, table.groupby("hidden"), strict=True):
            draw_delay(axes, rows, look, shift)
    delay_axes(grid, both)
    for axes in grid:
        axes.set_ylabel("epoch at target")
    legend(figure, delay_entries(grid[0], both))
    figure.alt = " ".join(
        f"Epoch at which {label} is reached, against the layer. {told(table, 'crossing', 1)}"
        for table, _, label in criteria
    )
    figure.caption = (
        f"Epoch at which validation AUROC reaches {auroc_target:g}, beside the epoch at which "
        f"validation accuracy reaches {target:g}. Bands are 95 % intervals over seeds."
        f"{limits(both)}"
    )
    return figure
