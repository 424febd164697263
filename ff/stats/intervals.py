"""Intervals that say what another set of seeds would give: seeds are the unit of replication.

The epochs of one seed are one trajectory, not independent draws. So a statistic is computed from
all seeds, and anew without each one of them: how much it moves is its standard error (the
jackknife, with seeds as clusters), and Student's t with a degree of freedom less than there are
seeds makes an interval of it. How often such intervals cover was simulated: see
:doc:`the reliability of the intervals </coverage>`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from ff.errors import ConfigError

__all__ = [
    "FISHER",
    "LEVEL",
    "PLAIN",
    "Estimate",
    "Scale",
    "holm",
    "jackknife",
    "leave_one_out",
    "mean_band",
    "share",
    "theil_sen",
]

LEVEL = 0.95
_CHUNK = 32  # counts evaluated at once: bounds memory, and keeps arrays in the processor's cache
_PERFECT = 1 - 1e-6  # beyond, Fisher's z is cut off: that of 1 is infinite


class Scale(NamedTuple):
    """Scale on which an interval is symmetric: to it, and back."""

    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[np.ndarray], np.ndarray]


PLAIN = Scale(np.asarray, np.asarray)
# Of correlations: no interval goes beyond -1 or 1.
FISHER = Scale(lambda r: np.arctanh(np.clip(r, -_PERFECT, _PERFECT)), np.tanh)


@dataclass(frozen=True)
class Estimate:
    """A number with the uncertainty that seeds leave.

    Attributes
    ----------
    value
        The number, any shape.
    low, high
        Ends of its 95 % interval; NaN where the seeds tell no variation.
    p
        Two-sided p value of a true value: the least level of significance at which it lies outside
        the interval.
    error
        Standard error, on the scale on which the interval is symmetric.
    freedom
        Degrees of freedom.
    """

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: Callable[[float], np.ndarray]
    error: np.ndarray
    freedom: np.ndarray

    def __sub__(self, other: "Estimate") -> "Estimate":
        """Difference of two independent numbers on the plain scale (Welch's interval)."""
        one, two = self.error**2, other.error**2
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = (one + two) ** 2 / (one**2 / self.freedom + two**2 / other.freedom)
        freedom = np.where(one + two == 0, self.freedom + other.freedom, freedom)
        return _student(self.value - other.value, np.sqrt(one + two), freedom, PLAIN)


def leave_one_out(statistic: Callable[[np.ndarray], np.ndarray], seeds: int) -> np.ndarray:
    """Evaluate a statistic on all seeds, then without each one of them.

    Parameters
    ----------
    statistic
        Takes counts, shape (batch, seeds): how often each seed is counted. Returns values, shape
        (batch, ...).
    seeds
        Number of seeds.

    Returns
    -------
    ndarray
        Shape (1 + seeds, ...): first the estimate. Of a single seed nothing is left without it,
        which is NaN.
    """
    counts = np.vstack([np.ones(seeds), 1 - np.eye(seeds)])
    if seeds == 1:
        estimate = _of_rows(statistic, counts[:1])
        return np.concatenate([estimate, np.full_like(estimate, np.nan)])
    chunks = np.split(counts, range(_CHUNK, len(counts), _CHUNK))
    return np.concatenate([_of_rows(statistic, chunk) for chunk in chunks])


def _of_rows(statistic: Callable[[np.ndarray], np.ndarray], counts: np.ndarray) -> np.ndarray:
    """A value for each row of counts."""
    found = np.asarray(statistic(counts), float)
    if found.shape[:1] != (len(counts),):
        raise ConfigError(
            "the statistic must give a value for each row of its weights, shape (batch, ...), such "
            "as weights @ values / weights.sum(axis=1)"
        )
    return found


def jackknife(values: np.ndarray, scale: Scale = PLAIN) -> Estimate:
    """Student's interval from what a statistic is without each seed.

    Parameters
    ----------
    values
        Result of `leave_one_out`, shape (1 + seeds, ...).
    scale
        Where the interval is symmetric about the estimate: `FISHER` for correlations.

    Returns
    -------
    Estimate
        Shape (...). Where the statistic is infinite without some seed, nothing is known: the
        interval is the whole scale. Where it does not exist without some seed, it is NaN.

    References
    ----------
    Tukey, "Bias and confidence in not quite large samples", Ann. Math. Stat. 29 (1958); MacKinnon,
    Nielsen and Webb, "Leverage, influence, and the jackknife in clustered regression models",
    Stata Journal 23 (2023): clusters are left out whole.
    """
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        center, left = scale.forward(values[0]), scale.forward(values[1:])
        n = len(left)
        error = np.sqrt((n - 1) / n * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    error = np.where(np.isinf(left).any(axis=0), np.inf, error)
    error = np.where(np.isfinite(center), error, np.nan)
    return _student(center, error, np.asarray(max(n - 1, 1)), scale)


def _student(center: np.ndarray, error: np.ndarray, freedom: np.ndarray, scale: Scale) -> Estimate:
    """Interval and p values of a number on its scale by Student's t."""
    half = special.stdtrit(freedom, (1 + LEVEL) / 2) * error

    def p(true: float) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            off = abs(center - scale.forward(np.asarray(true)))  # NaN between infinities
            distance = np.where((off == 0) & (error == 0), 0, off / error)
        return 2 * special.stdtr(freedom, -distance)

    low, high = scale.backward(center - half), scale.backward(center + half)
    return Estimate(scale.backward(center), low, high, p, error, freedom)


def share(count: int, of: int) -> Estimate:
    """Share of seeds of which something is true, with the exact (Clopper-Pearson) interval.

    Parameters
    ----------
    count, of
        Number of such seeds, and of all seeds.

    References
    ----------
    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934).
    """
    tail = (1 - LEVEL) / 2
    low = special.betaincinv(count, of - count + 1, tail) if count else 0.0
    high = special.betaincinv(count + 1, of - count, 1 - tail) if count < of else 1.0

    def p(true: float) -> np.ndarray:
        at_most, at_least = special.bdtr(count, of, true), special.bdtrc(count - 1, of, true)
        return np.minimum(1, 2 * np.minimum(at_most, at_least if count else 1.0))

    value, error = np.asarray(count / of), np.asarray(np.sqrt(count * (of - count) / of**3))
    return Estimate(value, np.asarray(low), np.asarray(high), p, error, np.asarray(of - 1))


def mean_band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over seeds, and the ends of its 95 % interval by Student's t.

    Parameters
    ----------
    values
        Shape (seeds, ...).

    Returns
    -------
    mean, low, high
        Shape (...); the ends are NaN with a single seed.
    """
    n, mean = len(values), values.mean(axis=0)
    if n == 1:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    half = special.stdtrit(n - 1, (1 + LEVEL) / 2) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return mean, mean - half, mean + half


def holm(p_values: pd.Series) -> pd.Series:
    """Adjust p values for their number, so that one false rejection among all is rare.

    Parameters
    ----------
    p_values
        One a test; NaN where there is none.

    References
    ----------
    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979).
    """
    ordered = p_values.sort_values()  # NaN last
    remaining = ordered.count() - np.arange(len(ordered))
    return (ordered * remaining).cummax().clip(upper=1).reindex(p_values.index)


def theil_sen(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Median of the slopes between all pairs of points.

    A point at infinity lies beyond every finite one; a pair of two such points, or with a NaN, is
    left out.

    Parameters
    ----------
    x
        Shape (points,), all different.
    y
        Shape (batch, points).

    Returns
    -------
    ndarray
        Shape (batch,); NaN where no pair is left.

    References
    ----------
    Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63 (1968).
    """
    if len(x) < 2:
        return np.full(len(y), np.nan)
    i, j = np.triu_indices(len(x), 1)
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        slopes = np.sort((y[:, j] - y[:, i]) / (x[j] - x[i]), axis=1).T
        last = (~np.isnan(slopes)).sum(axis=0) - 1
        middle = np.stack([last // 2, (last + 1) // 2])  # rank -1, where none is left, is NaN
        return np.take_along_axis(slopes, middle, axis=0).mean(axis=0)
