"""Research question 1, seed by seed: survival analysis of the delays.

A seed whose layer has not reached the target when training ends is right-censored: its delay is
known only to exceed the last epoch. Leaving such seeds out would make deep layers look early.
"""

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from ff.stats.delay import TARGET, seed_delays

if TYPE_CHECKING:
    from scipy.stats import CensoredData

__all__ = ["logrank", "median_delay"]


def _sample(delays: pd.DataFrame) -> "CensoredData":
    from scipy.stats import CensoredData

    times = delays["epoch"].fillna(delays["last_epoch"])
    return CensoredData.right_censored(times.to_numpy(), delays["censored"].to_numpy())


def median_delay(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
    level: float = 0.95,
) -> pd.DataFrame:
    """Median delay over seeds.

    Estimand: the epoch by which a layer has reached the target in half of all seeds.

    Parameters
    ----------
    layers, target, column
        As in `ff.delay.mean_delay`.
    level
        Least coverage of the interval, between 0 and 1.

    Returns
    -------
    DataFrame
        One row per (hidden, layer): hidden, layer, median, low, high, reached, seeds. `median`
        is where the Kaplan-Meier curve falls to one half, NaN if it does not; `reached` counts
        the seeds that reach the target. `low` and `high` are the order statistics between which
        the median lies with probability `level` or more (sign test; exact because all seeds of a
        width are watched equally long). They are infinite beyond the last epoch, and NaN with too
        few seeds for the level (5 or fewer at 0.95).

    References
    ----------
    Kaplan and Meier, "Nonparametric estimation from incomplete observations", JASA 53 (1958).
    """
    from scipy import stats  # takes a second: only where it is used

    rows = []
    table = seed_delays(layers, target, column).set_index(["hidden", "layer"]).sort_index()
    for hidden, layer in table.index.unique():
        delays = table.loc[[(hidden, layer)]]  # a list keeps one seed a table
        curve = stats.ecdf(_sample(delays)).sf
        half = curve.quantiles[curve.probabilities <= 0.5 + 1e-9]  # forgive rounded products
        median = half[0] if len(half) else np.nan
        times = np.sort(delays["epoch"].fillna(np.inf))
        rank = int(stats.binom.ppf((1 - level) / 2, len(times), 0.5))  # 1 is the smallest delay
        ends = (times[rank - 1], times[-rank]) if rank else (np.nan, np.nan)
        rows.append((hidden, layer, median, *ends, np.isfinite(times).sum(), len(times)))
    columns = ["hidden", "layer", "median", "low", "high", "reached", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def _holm(p_values: pd.Series) -> pd.Series:
    ordered = p_values.sort_values()  # NaN last
    remaining = ordered.count() - np.arange(len(ordered))
    return (ordered * remaining).cummax().clip(upper=1)


def logrank(
    layers: pd.DataFrame,
    target: float = TARGET,
    column: str = "train_accuracy",
    spacing: Literal["doubling", "adjacent"] = "doubling",
) -> pd.DataFrame:
    """Test whether two neighboring layers share one distribution of delays.

    Estimand: by how many standard errors the number of seeds in which the shallower layer reached
    the target exceeds, summed over epochs, what is expected if both layers have the same delays.

    The test takes the two samples as independent. Here both layers belong to the same networks;
    where their delays rise and fall together over seeds, the test is conservative.

    Parameters
    ----------
    layers, target, column
        As in `ff.delay.mean_delay`.
    spacing
        Compare layers 1-2, 2-4, 4-8, ... ("doubling") or 1-2, 2-3, 3-4, ... ("adjacent").

    Returns
    -------
    DataFrame
        One row per (hidden, shallow, deep): hidden, shallow, deep, statistic, p_value, p_holm.
        `statistic` is positive if the deeper layer is later; `p_value` is two-sided, `p_holm`
        adjusted for the number of comparisons within the width. All are NaN where neither layer
        ever reaches the target, or both always reach it at one and the same epoch.

    References
    ----------
    Mantel, "Evaluation of survival data and two new rank order statistics arising in its
    consideration", Cancer Chemotherapy Reports 50 (1966); Holm, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    from scipy import stats

    rows = []
    for hidden, delays in seed_delays(layers, target, column).groupby("hidden"):
        present = np.unique(delays["layer"])
        if spacing == "doubling":
            pairs = [(layer, 2 * layer) for layer in present if layer.bit_count() == 1]
        else:
            pairs = [(layer, layer + 1) for layer in present]
        for shallow, deep in pairs:
            if deep not in present:
                continue
            x, y = (_sample(delays.loc[delays["layer"] == layer]) for layer in (shallow, deep))
            with np.errstate(invalid="ignore"):  # 0/0 where nothing varies
                test = stats.logrank(x, y)
            rows.append((hidden, shallow, deep, test.statistic, test.pvalue))
    columns = ["hidden", "shallow", "deep", "statistic", "p_value"]
    table = pd.DataFrame(rows, columns=columns).astype({"statistic": float, "p_value": float})
    table["p_holm"] = table.groupby("hidden")["p_value"].transform(_holm)
    return table
