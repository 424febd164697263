"""Correlation coefficients of arrays, as functions of how often each seed is counted.

Arrays have the shape (seeds, epochs, series); weights have the shape (batch, seeds), a row each for
the data (all ones) or the data without a seed. See `ff.correlation` for what they mean.
"""

from collections.abc import Callable

import numpy as np

from ff.stats.intervals import FISHER

__all__ = [
    "COEFFICIENTS",
    "Statistic",
    "coefficients",
    "fisher_mean",
    "of_gains",
    "of_lagged_gains",
    "within_epochs",
    "within_range",
]

COEFFICIENTS = ("pearson", "spearman")
FEWEST = 3  # pairs that a correlation needs

# weights (batch, seeds) -> (batch, coefficients, layers, depths)
Statistic = Callable[[np.ndarray], np.ndarray]


def _rank_counts(values: np.ndarray) -> np.ndarray:
    """Count, for each value, how many of each seed's values are smaller, ties counting half.

    (seeds, epochs, series) -> (seeds, seeds * epochs * series). A weighted mid-rank is
    weights @ counts + 1/2, which makes Spearman's coefficient exact there without sorting again.
    """
    seeds, epochs, series = values.shape
    flat = values.reshape(-1, series)
    order = flat.argsort(axis=0)
    ascending = np.take_along_axis(flat, order, axis=0)
    # How many of each seed's values stand among the first 0, 1, 2, ... of all.
    among = np.zeros((len(flat) + 1, series, seeds), np.int32)  # half the memory of float64
    of_seed = order[..., None] // epochs == np.arange(seeds)
    np.cumsum(of_seed, axis=0, dtype=among.dtype, out=among[1:])
    place = np.arange(len(flat))[:, None]
    other = ascending[1:] != ascending[:-1]
    begin, end = np.zeros(flat.shape, int), np.full(flat.shape, len(flat))  # of equal values
    begin[1:] = np.maximum.accumulate(np.where(other, place[1:], 0), axis=0)
    end[:-1] = np.minimum.accumulate(np.where(other, place[1:], len(flat))[::-1], axis=0)[::-1]
    column = np.arange(series)
    counts = np.empty((len(flat), series, seeds))
    counts[order, column] = (among[begin, column] + among[end, column]) / 2
    counts[:, np.isnan(flat).any(axis=0)] = np.nan
    return counts.reshape(-1, seeds).T


def _correlate(
    weights: np.ndarray, x: np.ndarray, y: np.ndarray, center: tuple[int, ...]
) -> np.ndarray:
    """Weighted correlation of (batch, seeds, epochs, layers) with (batch, seeds, epochs, depths).

    Weights are of seeds, (batch, seeds), or of pairs, (batch, seeds, epochs). The mean over the
    axes `center` is taken out first. NaN where nothing is left to vary.
    """
    w = weights.reshape(*weights.shape[:2], -1, 1)
    size = np.broadcast_to(w, (*w.shape[:2], x.shape[2], 1)).sum(axis=center, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):  # 0/0 where nothing varies
        dx, dy = (v - (w * v).sum(axis=center, keepdims=True) / size for v in (x, y))
        var_x, var_y = ((w * v * v).sum(axis=(1, 2)) for v in (dx, dy))
        flat_x, flat_y = (v.reshape(len(v), -1, v.shape[3]) for v in (w * dx, dy))
        covariance = flat_x.swapaxes(1, 2) @ flat_y  # (batch, layers, depths)
        return _ratio(covariance, var_x, var_y)


def _ratio(covariance: np.ndarray, var_x: np.ndarray, var_y: np.ndarray) -> np.ndarray:
    """Correlation (batch, layers, depths) from moments (batch, layers) and (batch, depths)."""
    return np.clip(covariance / np.sqrt(var_x[:, :, None] * var_y[:, None, :]), -1, 1)


def _pearson(x: np.ndarray, y: np.ndarray, center: tuple[int, ...]) -> Statistic:
    """As `_correlate`, of values that do not depend on the weights: sums over each seed suffice.

    Of (seeds, epochs, layers) with (seeds, epochs, depths); returns a function of the weights.
    """
    epochs = x.shape[1] if 2 in center else 1
    x, y = (v - v[:1, :1] for v in (x, y))  # changes no correlation; less is lost to rounding
    products = np.einsum("sel,sed->sld", x, y).reshape(len(x), -1)
    squares = [(v * v).sum(axis=1) for v in (x, y)]  # of each seed

    def statistic(weights: np.ndarray) -> np.ndarray:
        size = weights.sum(axis=1)[:, None] * epochs
        sums = [np.tensordot(weights, v, axes=1) for v in (x, y)]  # (batch, epochs, ...)
        if 2 in center:
            sums = [total.sum(axis=1, keepdims=True) for total in sums]
        with np.errstate(invalid="ignore", divide="ignore"):  # 0/0 where nothing varies
            var_x, var_y = (
                weights @ square - (total * total).sum(axis=1) / size
                for square, total in zip(squares, sums, strict=True)
            )
            covariance = (weights @ products).reshape(-1, x.shape[2], y.shape[2])
            covariance -= sums[0].swapaxes(1, 2) @ sums[1] / size[:, None]
            return _ratio(covariance, var_x, var_y)

    return statistic


def coefficients(x: np.ndarray, y: np.ndarray, center: tuple[int, ...] = (1, 2)) -> Statistic:
    """Pearson's and Spearman's coefficient over all pairs of seed and epoch.

    Parameters
    ----------
    x
        Accuracy of layers, shape (seeds, epochs, layers).
    y
        Accuracy of networks, shape (seeds, epochs, depths).
    center
        Axes over which the mean is taken out: 1 for seeds, 2 for epochs.

    Returns
    -------
    Statistic
        A function of weights, shape (batch, seeds), that returns the coefficients, shape
        (batch, 2, layers, depths), in the order of `COEFFICIENTS`; NaN for a constant series, and
        where means are over both axes and there are fewer than three pairs, which lie on a line.
    """
    fewest = FEWEST / x.shape[1] if 2 in center and x.shape[1] else 0  # seeds
    x_counts, y_counts, pearson_of = _rank_counts(x), _rank_counts(y), _pearson(x, y, center)

    def statistic(weights: np.ndarray) -> np.ndarray:
        x_ranks = (weights @ x_counts + 0.5).reshape(len(weights), *x.shape)
        y_ranks = (weights @ y_counts + 0.5).reshape(len(weights), *y.shape)
        spearman = _correlate(weights, x_ranks, y_ranks, center)
        pearson = pearson_of(weights)
        # The mean of equal numbers may differ from them by rounding; that of equal ranks is exact.
        known = ~np.isnan(spearman) & (weights.sum(axis=1) >= fewest)[:, None, None]
        return np.stack([np.where(known, own, np.nan) for own in (pearson, spearman)], axis=1)

    return statistic


def within_epochs(x: np.ndarray, y: np.ndarray) -> Statistic:
    """As `coefficients`, of deviations from the mean over seeds at the same epoch."""
    return coefficients(x, y, center=(1,))


def of_gains(x: np.ndarray, y: np.ndarray) -> Statistic:
    """As `coefficients`, of differences between successive epochs."""
    return of_lagged_gains(x, y, 0, 0)


def of_lagged_gains(x: np.ndarray, y: np.ndarray, lag: int, longest: int) -> Statistic:
    """As `coefficients`, of a layer's gain with the network's gain `lag` epochs earlier.

    At every lag up to the longest, the network's gains are the same: those that a layer's gain
    follows at each of these lags.
    """
    x, y = np.diff(x, axis=1), np.diff(y, axis=1)
    n = max(x.shape[1] - longest, 0)
    return coefficients(x[:, lag : lag + n], y[:, :n])


def within_range(x: np.ndarray, y: np.ndarray, low: float, high: float) -> Statistic:
    """As `coefficients`, over the pairs in which the network's accuracy lies in a range.

    Seeds are counted or not: a weight above 1 is taken for 1. A series with a NaN has none.
    """
    inside = (low <= y) & (y <= high)

    def statistic(weights: np.ndarray) -> np.ndarray:
        found = np.empty((len(weights), 2, x.shape[2], y.shape[2]))
        for k in range(y.shape[2]):
            pairs = (weights > 0)[:, :, None] & inside[..., k]  # (batch, seeds, epochs)
            sides = x, y[..., [k]]
            # Pairs outside are beyond all others, so that they take no rank among these.
            ranks = [
                ((weights > 0) @ _rank_counts(np.where(inside[..., [k]], side, np.inf)))
                for side in sides
            ]
            ranks = [own.reshape(-1, *side.shape) for own, side in zip(ranks, sides, strict=True)]
            spearman = _correlate(pairs, *ranks, center=(1, 2))[..., 0]
            pearson = _correlate(pairs, *(side[None] for side in sides), center=(1, 2))[..., 0]
            # Ranks are exact: see `coefficients`.
            found[..., k] = np.stack([np.where(np.isnan(spearman), np.nan, pearson), spearman], 1)
        return found

    return statistic


def fisher_mean(x: np.ndarray, y: np.ndarray) -> Statistic:
    """As `coefficients`, of each epoch alone, averaged on Fisher's scale where it is defined."""
    single = [within_epochs(x[:, [epoch]], y[:, [epoch]]) for epoch in range(x.shape[1])]

    def statistic(weights: np.ndarray) -> np.ndarray:
        z = FISHER.forward(np.stack([one(weights) for one in single]))
        defined = ~np.isnan(z)
        with np.errstate(invalid="ignore"):  # 0/0 where no epoch is defined
            return FISHER.backward(np.where(defined, z, 0).sum(axis=0) / defined.sum(axis=0))

    return statistic
