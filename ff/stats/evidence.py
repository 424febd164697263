"""The quantities that claims are about, each with what it is without each one of the seeds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ff.records import Records
from ff.stats.coefficients import COEFFICIENTS, coefficients, fisher_mean, within_range
from ff.stats.cubes import Cube, cubes
from ff.stats.delay import TARGET, reach_of_mean
from ff.stats.intervals import leave_one_out

__all__ = ["FIGURE_3", "ROSE", "Evidence", "Reading", "evidence", "neighbors", "reading_of"]

FIGURE_3 = (1, 4, 8, 16, 24, 32)
ROSE = 0.55  # a layer that has passed it is no longer at chance
TAIL = 0.05  # of the epochs, in which bands may meet


@dataclass(frozen=True)
class Reading:
    """How the words of the paper are turned into numbers, where it leaves a choice.

    Parameters
    ----------
    column
        What counts as accuracy, of layers and of networks: "train_accuracy" or
        "validation_accuracy".
    target
        Accuracy that counts as reached.
    first_epoch
        Correlations, and distances to the overall accuracy, are of the epochs from this one on.
    overall
        Correlations are of the pairs in which the network's accuracy lies in this range.
    depth
        Layers of the deepest network.
    coefficient
        "pearson" or "spearman", where a claim speaks of correlation.
    shallow
        Layers 1 to this are shallow, and as many at the other end deep; None: half of the layers.
    rose
        A layer has left chance from the first epoch on in which its mean accuracy is at least this;
        0 takes all epochs. Spreads over seeds are of the epochs after that.
    selected
        Layers whose bands of one standard deviation are compared, neighbor with neighbor.
    widths
        The narrow and the wide width that the paper's sentences are about.
    """

    column: str = "train_accuracy"
    target: float = TARGET
    first_epoch: int = 1
    overall: tuple[float, float] = (-np.inf, np.inf)
    depth: int = 32
    coefficient: str = "pearson"
    shallow: int | None = None
    rose: float = ROSE
    selected: tuple[int, ...] = FIGURE_3
    widths: tuple[int, int] = (100, 1000)


@dataclass(frozen=True)
class Evidence:
    """Records of one width, and the quantities that claims are about.

    Every quantity is an array whose first axis holds the estimate, then one value without each
    seed; its other axis, if any, is the layer.

    Parameters
    ----------
    layers, networks
        Accuracies of layers, and of networks of several depths, the deepest last.
    reading
        How words are turned into numbers.
    """

    layers: Cube
    networks: Cube
    reading: Reading

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return len(self.layers.seeds)

    @property
    def number(self) -> np.ndarray:
        """Numbers of the layers, from 1."""
        return self.layers.keys

    @property
    def half(self) -> int:
        """How many layers are shallow, and how many deep."""
        return self.reading.shallow or len(self.number) // 2

    @cached_property
    def delay(self) -> np.ndarray:
        """Epoch at which the mean trace crosses the target, infinite if it never does."""
        statistic = reach_of_mean(self.layers.values, self.layers.epochs, self.reading.target)
        return self._all(lambda weights: statistic(weights)[:, 1])

    @cached_property
    def restricted_delay(self) -> np.ndarray:
        """Delay, with the last epoch for a layer that never reaches the target."""
        return np.minimum(self.delay, self.layers.epochs[-1])

    @property
    def crossings(self) -> np.ndarray:
        """Of each seed and layer, the epoch at which its own trace crosses: (seeds, layers)."""
        statistic = reach_of_mean(self.layers.values, self.layers.epochs, self.reading.target)
        return statistic(np.eye(self.seeds))[:, 1]

    @cached_property
    def both(self) -> np.ndarray:
        """Absolute pooled correlation with the deepest network: (..., 2, layers)."""
        layers, networks = self._from_first_epoch()
        low, high = self.reading.overall
        statistic = (
            coefficients(layers, networks[..., -1:])
            if np.isinf([low, high]).all()
            else within_range(layers, networks[..., -1:], low, high)
        )
        return abs(self._all(lambda weights: statistic(weights)[..., 0]))

    @property
    def strength(self) -> np.ndarray:
        """Absolute pooled correlation with the deepest network, of the coefficient read."""
        return self.both[:, COEFFICIENTS.index(self.reading.coefficient)]

    @cached_property
    def within(self) -> np.ndarray:
        """Correlation with the deepest network among seeds at one epoch, averaged over epochs."""
        layers, networks = self._from_first_epoch()
        statistic = fisher_mean(layers, networks[..., -1:])
        index = COEFFICIENTS.index(self.reading.coefficient)
        return self._all(lambda weights: statistic(weights)[:, index, :, 0])

    @cached_property
    def deviation(self) -> np.ndarray:
        """Standard deviation over seeds, averaged over epochs from when a layer has left chance.

        NaN for a layer that never does.
        """

        def statistic(weights: np.ndarray) -> np.ndarray:
            mean, deviation = self._moments(weights)
            rose = self._rose(mean)
            with np.errstate(invalid="ignore"):  # 0/0: it never rose
                return (deviation * rose).sum(axis=1) / rose.sum(axis=1)

        return self._all(statistic)

    @cached_property
    def clearance(self) -> np.ndarray:
        """By how much the shallower of two selected neighbors is ahead in 95 % of the epochs.

        That is the difference of their means over the sum of their standard deviations: above 1,
        bands of one deviation do not meet. Epochs count from when the shallower has left chance,
        those of all neighbors together.
        """
        chosen = np.isin(self.number, self.reading.selected)

        def statistic(weights: np.ndarray) -> np.ndarray:
            mean, deviation = (part[..., chosen] for part in self._moments(weights))
            with np.errstate(invalid="ignore", divide="ignore"):  # no deviation
                apart = -np.diff(mean) / (deviation[..., :-1] + deviation[..., 1:])
            apart = np.where(self._rose(mean)[..., :-1], apart, np.nan).reshape(len(weights), -1)
            found = np.full(len(weights), np.nan)
            some = ~np.isnan(apart).all(axis=1)
            with np.errstate(invalid="ignore"):  # between infinities, where nothing deviates
                found[some] = np.nanquantile(apart[some], TAIL, axis=1)
            return found

        return self._all(statistic)

    @cached_property
    def gaps(self) -> np.ndarray:
        """Mean distance of layers to the overall accuracy, deep minus shallow: (..., networks)."""
        layers, networks = self._from_first_epoch()
        found = []
        for k, depth in enumerate(self.networks.keys):
            distance = abs(layers[..., :depth] - networks[..., k, None]).mean(axis=1)
            half = min(self.half, depth // 2)
            contrast = distance[:, -half:].mean(axis=1) - distance[:, :half].mean(axis=1)
            found.append(self._all(lambda weights, c=contrast: weights @ c / weights.sum(axis=1)))
        return np.stack(found, axis=1)

    def _from_first_epoch(self) -> tuple[np.ndarray, np.ndarray]:
        epochs, at, there = np.intersect1d(
            self.layers.epochs, self.networks.epochs, return_indices=True
        )
        late = epochs >= self.reading.first_epoch
        if not late.any():  # nothing is known
            layers, networks = (
                np.full((self.seeds, 1, len(cube.keys)), np.nan)
                for cube in (self.layers, self.networks)
            )
            return layers, networks
        return self.layers.values[:, at[late]], self.networks.values[:, there[late]]

    def _moments(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation over seeds: (batch, epochs, layers)."""
        n = weights.sum(axis=1)[:, None, None]
        center = self.layers.values[0]  # changes no deviation; less is lost to rounding
        values = self.layers.values - center
        mean = np.tensordot(weights, values, axes=1) / n
        square = np.tensordot(weights, values**2, axes=1) / n
        variance = np.maximum(square - mean**2, 0) * n / np.where(n > 1, n - 1, np.nan)
        return mean + center, np.sqrt(variance)

    def _rose(self, mean: np.ndarray) -> np.ndarray:
        """Epochs from the first on in which a mean trace has left chance: as `mean`."""
        return np.maximum.accumulate(mean >= self.reading.rose, axis=1)

    def _all(self, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        return leave_one_out(statistic, self.seeds)


def reading_of(records: Records) -> Reading:
    """How the paper's words are read where records have other networks than the paper's.

    Parameters
    ----------
    records
        Measurements of networks of any depth and of one or more widths.

    Returns
    -------
    Reading
        The deepest layer of the records is the deepest there is. Their least and greatest width
        stand for the paper's two, unless they have both of these; a single one stands for either.
        Of other depths than the paper's, up to six layers are selected, from the first to the last.
    """
    usual = Reading()
    depth = int(np.max(records.layers["layer"]))
    widths = np.unique(records.layers["hidden"])
    found = (int(widths[0]), int(widths[-1]))
    both = set(usual.widths) <= set(widths.tolist())
    widths_read = usual.widths if both else found
    return Reading(depth=depth, selected=neighbors(depth), widths=widths_read)


def neighbors(depth: int) -> tuple[int, ...]:
    """Layers whose bands are drawn and compared, neighbor with neighbor.

    Parameters
    ----------
    depth
        Layers of the network. Of 32 these are the paper's, else up to six from the first to the
        last.
    """
    if depth == Reading().depth:
        return FIGURE_3
    return tuple(dict.fromkeys(np.linspace(1, depth, 6).round().astype(int).tolist()))


def evidence(records: Records, reading: Reading = Reading()) -> Iterator[tuple[int, Evidence]]:
    """Each width of some records, and its evidence.

    Parameters
    ----------
    records
        Measurements of networks of at least as many layers as the reading asks for.
    reading
        How words are turned into numbers.
    """
    layers = records.layers.loc[records.layers["layer"] <= reading.depth]
    readouts = records.readouts.loc[records.readouts["depth"] <= reading.depth]
    networks = {cube.hidden: cube for cube in cubes(readouts, "depth", reading.column)}
    for cube in cubes(layers, "layer", reading.column):
        yield cube.hidden, Evidence(cube, networks[cube.hidden], reading)
