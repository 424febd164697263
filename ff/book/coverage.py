"""How often intervals cover, as ``tests/covering.py`` simulated it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import Html, listed, paragraphs
from ff.notes import stored
from ff.records import measurements
from ff.results import RESULTS

__all__ = ["coverage", "coverage_summary", "simulated"]

BAR = 0.93  # coverage that is aimed at, from `FEW` seeds on
FEW = 8
# What kind of number each one is. Those of single layers are named by kind and layer.
KINDS = {
    "rq1-h1": "trend of the delay over layers",
    "rq1-h2": "difference in delay of two layers",
    "delay-every-doubling": "least difference in delay among pairs of layers",
    "delay-every-seed": "share of seeds whose layers are delayed in order",
    "width-shallow": "mean delay of one half of the layers",
    "width-deep": "mean delay of one half of the layers",
    "constant-change": "ratio of the trends of the delay in two halves of the layers",
    "deviation-grows": "trend of the standard deviation over layers",
    "no-overlap": "distance of two traces in standard deviations, a quantile",
    "rq2-h1": "least or greatest correlation of the layers",
    "rq2-h2": "least or greatest correlation of the layers",
    "spearman-strong": "least or greatest correlation of the layers",
    "rq2-h3": "trend of the correlation over layers",
    "width-weakens": "mean correlation of layers",
    "shallow-correlates": "mean correlation of layers",
    "width-weakens-deep": "difference of two mean correlations",
    "shallow-correlates-more": "difference of two mean correlations",
    "shallow-aligns": "difference in mean distance of traces, least network",
    "within-epoch": "correlation within epochs",
    "delay, crossing": "delay of a layer, interpolated",
    "delay, epoch": "delay of a layer, in whole epochs",
    "all pairs, Pearson": "correlation of a layer over all pairs, Pearson",
    "all pairs, Spearman": "correlation of a layer over all pairs, Spearman",
    "within epochs": "correlation within epochs",
    "given the epoch": "correlation given the epoch",
    "first differences": "correlation of first differences",
}


def simulated(file: Path = RESULTS / "coverage.json") -> pd.DataFrame:
    """What was simulated: a row for each number, width and number of seeds.

    Parameters
    ----------
    file
        As ``tests/covering.py`` writes it.

    Returns
    -------
    DataFrame
        hidden, seeds, number, kind, truth, covers (share of samples whose interval holds the
        truth), samples, percentile (the same of the percentile bootstrap; NaN where not tried) and
        compared, its number of samples.
    """
    table = pd.DataFrame(stored(measurements(file)))
    names: Any = table["number"].str.replace(r", layer \d+$", "", regex=True)
    table.insert(3, "kind", names.map(KINDS))
    return table


def coverage(table: pd.DataFrame) -> Html:
    """Mean coverage of each kind of number by number of seeds, beside the percentile bootstrap's.

    Parameters
    ----------
    table
        Result of `simulated`.
    """
    sizes = sorted(table["seeds"].unique())
    head = "".join(f'<th scope="col">{size} seeds</th>' for size in sizes)
    body = "".join(
        f'<tr><th scope="row">{kind}</th>{_cells(own, sizes)}</tr>'
        for kind, own in table.groupby("kind", sort=False)
    )
    return Html(
        '<div aria-label="Coverage" class="ff-scroll-x" role="region" tabindex="0">'
        '<table class="ff-coverage"><thead><tr><th scope="col">Kind of number</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def coverage_summary(table: pd.DataFrame) -> Html:
    """Where the coverage that is aimed at is met, and where not.

    Parameters
    ----------
    table
        Result of `simulated`.
    """
    enough = table.loc[table["seeds"] >= FEW]
    means = enough.groupby(["kind", "seeds"], sort=False)["covers"].mean()
    short = means.loc[means < BAR]
    worst = []
    for kind, own in short.groupby(level="kind", sort=False):
        cells = [f"{covers:.3f} with {seeds} seeds" for (_, seeds), covers in own.items()]
        worst.append(f"{kind} ({', '.join(cells)})")
    least = f" The others: {listed(worst)}." if worst else ""
    samples = table["samples"].min()
    texts = [
        f"From {FEW} seeds on, the intervals hold the true value in at least {BAR} of the "
        "simulated studies, on average over widths and layers, in "
        f"{len(means) - len(short)} of {len(means)} cells of the table below.{least} Each width "
        "and number of seeds was "
        f"simulated {samples} times, so that the standard error of a single share is "
        f"{np.sqrt(0.95 * 0.05 / samples):.3f}."
    ]
    both = enough.dropna(subset="percentile")
    if len(both):
        texts.append(
            "On average over what both were tried on, these intervals hold the true value in "
            f"{both['covers'].mean():.3f} of the simulated studies, and those of the percentile "
            f"bootstrap in {both['percentile'].mean():.3f}."
        )
    return paragraphs(texts)


def _cells(own: pd.DataFrame, sizes: list[int]) -> str:
    cells = []
    for size in sizes:
        rows = own.loc[own["seeds"] == size]
        ours, other = rows["covers"].mean(), rows["percentile"].mean()
        beside = "" if pd.isna(other) else f" <small>{other:.2f}</small>"
        if size >= FEW and ours < BAR:  # to three digits, since two may show the bar itself
            cells.append(f'<td class="weak">{ours:.3f}\N{DOWNWARDS ARROW}{beside}</td>')
        else:
            cells.append(f"<td>{ours:.2f}{beside}</td>")
    return "".join(cells)
