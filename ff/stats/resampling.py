"""Seeds as the unit of replication: records as arrays, and intervals by resampling seeds.

The epochs of one seed are one trajectory, not independent draws, so every interval in `ff` draws
whole seeds with replacement. A resample is a row of weights: how often each seed was drawn.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from ff.errors import RecordsError

__all__ = ["Bootstrap", "Cube", "cubes", "theil_sen"]

_CHUNK = 32  # resamples evaluated at once: bounds memory, and keeps arrays in the processor's cache


class Cube(NamedTuple):
    """One column of the records of one width, as an array.

    Attributes
    ----------
    hidden
        Units per layer.
    seeds, epochs, keys
        Labels of the three axes, ascending; `keys` are layers or depths. Only epochs at which
        the column was measured are kept.
    values
        The column, float64, shape (seeds, epochs, keys).
    """

    hidden: int
    seeds: np.ndarray
    epochs: np.ndarray
    keys: np.ndarray
    values: np.ndarray


def cubes(frame: pd.DataFrame, key: str, column: str) -> Iterator[Cube]:
    """Turn a long table into one array for each width.

    Parameters
    ----------
    frame
        The `layers` or the `readouts` table of `ff.Records`.
    key
        The third axis beside seed and epoch: "layer" or "depth".
    column
        The column to take, for example "train_accuracy".

    Yields
    ------
    Cube
        In ascending order of width.

    Raises
    ------
    RecordsError
        If the column is absent or empty, a row occurs twice, rows are missing, or a seed lacks
        what the others have.
    """
    if column not in frame:
        raise RecordsError(
            f"column {column!r} is not in the records, choose one of {', '.join(frame.columns)}"
        )
    axes = ["seed", "epoch", key]
    for hidden in np.unique(frame["hidden"]):
        part = frame.loc[frame["hidden"] == hidden].sort_values(axes)
        if part.duplicated(axes).any():
            raise RecordsError(
                f"hidden {hidden} has more than one row for the same {', '.join(axes)}, "
                "pass the records of one configuration at a time"
            )
        seeds, epochs, keys = (np.unique(part[axis]) for axis in axes)
        shape = (len(seeds), len(epochs), len(keys))
        if len(part) != np.prod(shape):
            raise RecordsError(
                f"hidden {hidden} has {len(part)} rows where {shape[0]} seeds x {shape[1]} epochs "
                f"x {shape[2]} {key}s make {np.prod(shape)}, keep what all its seeds have"
            )
        values = part[column].to_numpy(float).reshape(shape)
        measured = ~np.isnan(values).all(axis=(0, 2))
        end = part.loc[part["epoch"] == epochs[-1]]
        nothing = end.drop(columns=["hidden", *axes]).isna().all(axis=1)
        if (lost := end.loc[nothing, "seed"].to_numpy()).size:
            raise RecordsError(
                f"seed {lost[0]} of hidden {hidden} has no measurements in epoch {epochs[-1]}, as "
                "one that has diverged; leave such seeds out with ff.records.complete"
            )
        if not measured.any():
            raise RecordsError(
                f"column {column!r} of hidden {hidden} was never measured, choose another column"
            )
        values = values[:, measured]
        if (lost := seeds[np.isnan(values).any(axis=(1, 2))]).size:
            raise RecordsError(
                f"seed {lost[0]} of hidden {hidden} lacks {column!r} in some epochs, as one that "
                "has diverged does; leave such seeds out with ff.records.complete"
            )
        yield Cube(int(hidden), seeds, epochs[measured], keys, values)


@dataclass(frozen=True)
class Bootstrap:
    """Percentile intervals by drawing seeds with replacement.

    Parameters
    ----------
    resamples
        Number of resamples, at least 1.
    level
        Share of resamples inside an interval, between 0 and 1.
    random_state
        Start of the random stream; the same state draws the same resamples for any statistic.

    References
    ----------
    Field and Welsh, "Bootstrapping clustered data", J. R. Stat. Soc. B 69 (2007): the clusters
    are resampled and each one stays whole.
    """

    resamples: int = 1000
    level: float = 0.95
    random_state: int = 0

    def draw(
        self, statistic: Callable[[np.ndarray], np.ndarray], seeds: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate a statistic on the data and on every resample of the seeds.

        Parameters
        ----------
        statistic
            Takes weights, shape (batch, seeds), each row adding up to `seeds`; returns values,
            shape (batch, ...).
        seeds
            Number of seeds.

        Returns
        -------
        estimate
            The statistic with every seed counted once, shape (...).
        draws
            The statistic of each resample, shape (resamples, ...). All NaN for a single seed,
            from which no variation can be learned.
        """
        estimate = statistic(np.ones((1, seeds)))[0]
        if seeds == 1:
            return estimate, np.full((self.resamples, *estimate.shape), np.nan)
        rng = np.random.default_rng(self.random_state)
        weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=self.resamples)
        chunks = np.split(weights.astype(float), range(_CHUNK, self.resamples, _CHUNK))
        return estimate, np.concatenate([statistic(chunk) for chunk in chunks])

    def interval(self, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cut equal shares of the draws off both ends.

        Both ends are draws themselves, rounded outward rather than interpolated, so that a draw
        may be infinite. NaN draws, for which the statistic does not exist, are left out.

        Parameters
        ----------
        draws
            Shape (resamples, ...).

        Returns
        -------
        low, high
            Shape (...), NaN where every draw is NaN.
        """
        ordered = np.sort(draws, axis=0)  # NaN last
        last = (~np.isnan(draws)).sum(axis=0) - 1
        tail = (1 - self.level) / 2
        return _at(ordered, np.floor(tail * last)), _at(ordered, np.ceil((1 - tail) * last))


def _at(ordered: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Pick along axis 0; where nothing but NaN was ordered, rank 0 and rank -1 are NaN alike."""
    return np.take_along_axis(ordered, np.asarray(rank, int)[None], axis=0)[0]


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
        return (_at(slopes, last // 2) + _at(slopes, (last + 1) // 2)) / 2
