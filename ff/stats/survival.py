"""Research question 1, seed by seed: survival analysis of the delays.

A seed whose layer has not reached the target when training ends is right-censored: its delay is
known only to exceed the last epoch. Leaving such seeds out would make deep layers look early.
"""

from typing import Literal

import numpy as np
import pandas as pd

from ff.stats.delay import TARGET, seed_delays
from ff.stats.intervals import LEVEL, holm

__all__ = ["median_delay", "sign_test"]


def median_delay(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
) -> pd.DataFrame:
    """Median delay over seeds.

    Estimand: the epoch by which a layer has reached the target in half of all seeds.

    Parameters
    ----------
    layers, target, column
        As in `ff.delay.mean_delay`.

    Returns
    -------
    DataFrame
        One row per (hidden, layer): hidden, layer, median, low, high, reached, seeds, last_epoch.
        `median` is where the Kaplan-Meier curve falls to one half, NaN if it does not; `reached`
        counts the seeds that reach the target. `low` and `high` are the order statistics between
        which the median lies with probability 0.95 or more (sign test; exact because all seeds of
        a width are watched equally long). They are infinite beyond the last epoch, and NaN with 5
        seeds or fewer, of which no two do.

    References
    ----------
    Kaplan and Meier, "Nonparametric estimation from incomplete observations", JASA 53 (1958).
    """
    from scipy import stats  # takes a second: only where it is used

    rows = []
    table = seed_delays(layers, target, column).set_index(["hidden", "layer"]).sort_index()
    for hidden, layer in table.index.unique():
        delays = table.loc[[(hidden, layer)]]  # a list keeps one seed a table
        ends_at = delays["epoch"].fillna(delays["last_epoch"]).to_numpy()
        sample = stats.CensoredData.right_censored(ends_at, delays["censored"].to_numpy())
        curve = stats.ecdf(sample).sf
        half = curve.quantiles[curve.probabilities <= 0.5 + 1e-9]  # forgive rounded products
        median = half[0] if len(half) else np.nan
        times = np.sort(delays["epoch"].fillna(np.inf))
        rank = int(stats.binom.ppf((1 - LEVEL) / 2, len(times), 0.5))  # 1 is the smallest delay
        ends = (times[rank - 1], times[-rank]) if rank else (np.nan, np.nan)
        counts = np.isfinite(times).sum(), len(times), delays["last_epoch"].iloc[0]
        rows.append((hidden, layer, median, *ends, *counts))
    columns = ["hidden", "layer", "median", "low", "high", "reached", "seeds", "last_epoch"]
    return pd.DataFrame(rows, columns=columns)


def sign_test(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
    spacing: Literal["doubling", "adjacent"] = "doubling",
) -> pd.DataFrame:
    """Test whether the deeper of two layers of a network is later, seed by seed.

    Estimand: the share of seeds in which the deeper layer reaches the target later.

    Both layers belong to the same networks, so they are compared within each seed (sign test):
    what a seed has that makes all its layers early or late cancels.

    Parameters
    ----------
    layers, target, column
        As in `ff.delay.mean_delay`.
    spacing
        Compare layers 1-2, 2-4, 4-8, ... ("doubling") or 1-2, 2-3, 3-4, ... ("adjacent").

    Returns
    -------
    DataFrame
        One row per (hidden, shallow, deep): hidden, shallow, deep, later, earlier, ties, p_value,
        least_p, p_holm. `later` and `earlier` count the seeds in which the deeper layer crosses
        the target after or before the shallower one; one that never does is later than one that
        does. `ties` are those of which neither is known: both never do, or both at the same time.
        `p_value` is exact and two-sided, of the seeds without ties; `least_p` is the smallest that
        so many seeds can give; `p_holm` is adjusted for the number of comparisons within the
        width. NaN where all seeds are ties.

    References
    ----------
    Dixon and Mood, "The statistical sign test", JASA 41 (1946).
    """
    from scipy import stats

    rows = []
    for hidden, delays in seed_delays(layers, target, column).groupby("hidden"):
        crossing = delays.pivot_table("crossing", "seed", "layer", dropna=False).fillna(np.inf)
        present = crossing.columns
        step = (lambda layer: 2 * layer) if spacing == "doubling" else (lambda layer: layer + 1)
        first = [n for n in present if spacing == "adjacent" or n.bit_count() == 1]
        for shallow, deep in ((n, step(n)) for n in first if step(n) in present):
            one, two = crossing[shallow].to_numpy(float), crossing[deep].to_numpy(float)
            later, earlier = int(np.sum(two > one)), int(np.sum(two < one))
            known = later + earlier
            p = stats.binomtest(later, known).pvalue if known else np.nan
            least = 2.0 ** (1 - known) if known else np.nan
            rows.append((hidden, shallow, deep, later, earlier, len(crossing) - known, p, least))
    columns = ["hidden", "shallow", "deep", "later", "earlier", "ties", "p_value", "least_p"]
    table = pd.DataFrame(rows, columns=columns).astype({"p_value": float, "least_p": float})
    table["p_holm"] = table.groupby("hidden")["p_value"].transform(holm)
    return table
