"""The quantities that claims are about, each with its resamples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ff.records import Records
from ff.stats.coefficients import coefficients
from ff.stats.delay import TARGET, reach_of_mean
from ff.stats.resampling import Bootstrap, Cube, cubes

__all__ = ["Evidence", "evidence"]

FIGURE_3 = (1, 4, 8, 16, 24, 32)


@dataclass(frozen=True)
class Evidence:
    """Records of one width, and the quantities that claims are about.

    Every quantity is an array whose first axis holds the estimate, then one value a resample of
    the seeds; its other axis, if any, is the layer.

    Parameters
    ----------
    layers, network
        Accuracies of layers, and of the deepest network, on the training batches.
    bootstrap
        How seeds are resampled.
    """

    layers: Cube
    network: Cube
    bootstrap: Bootstrap

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return len(self.layers.seeds)

    @property
    def number(self) -> np.ndarray:
        """Numbers of the layers, from 1."""
        return self.layers.keys

    @cached_property
    def delay(self) -> np.ndarray:
        """Epoch at which the mean trace crosses 0.7, infinite if it never does."""
        statistic = reach_of_mean(self.layers.values, self.layers.epochs, TARGET)
        return self._all(lambda weights: statistic(weights)[:, 1])

    @cached_property
    def restricted_delay(self) -> np.ndarray:
        """Delay, with the last epoch for a layer that never reaches 0.7."""
        return np.minimum(self.delay, self.layers.epochs[-1])

    @cached_property
    def strength(self) -> np.ndarray:
        """Absolute pooled correlation with the network: (..., 2, layers), Pearson, Spearman."""
        statistic = coefficients(self.layers.values, self.network.values[..., -1:])
        return abs(self._all(lambda weights: statistic(weights)[..., 0]))

    @cached_property
    def deviation(self) -> np.ndarray:
        """Standard deviation over seeds, averaged over epochs."""
        return self._all(lambda weights: self._moments(weights)[1].mean(axis=1))

    @cached_property
    def gap(self) -> np.ndarray:
        """Absolute distance to the network's accuracy, averaged over seeds and epochs."""
        distance = abs(self.layers.values - self.network.values[..., -1:]).mean(axis=1)
        return self._all(lambda weights: weights @ distance / self.seeds)

    @cached_property
    def overlap(self) -> np.ndarray:
        """Share of epochs and neighboring layers of Figure 3 whose bands of one deviation meet."""
        chosen = np.isin(self.number, FIGURE_3)

        def statistic(weights: np.ndarray) -> np.ndarray:
            mean, deviation = (part[..., chosen] for part in self._moments(weights))
            low, high = mean - deviation, mean + deviation
            meet = (low[..., :-1] <= high[..., 1:]) & (low[..., 1:] <= high[..., :-1])
            return meet.mean(axis=(1, 2))

        return self._all(statistic)

    def _moments(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation over seeds: (batch, epochs, layers)."""
        values, n = self.layers.values, self.seeds
        mean = np.tensordot(weights, values, axes=1) / n
        square = np.tensordot(weights, values**2, axes=1) / n
        return mean, np.sqrt(np.maximum(square - mean**2, 0) * n / max(n - 1, 1))

    def _all(self, statistic: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        estimate, draws = self.bootstrap.draw(statistic, self.seeds)
        return np.concatenate([estimate[None], draws])


def evidence(records: Records, bootstrap: Bootstrap) -> Iterator[tuple[int, Evidence]]:
    """Each width of some records, and its evidence.

    Parameters
    ----------
    records
        Measurements of networks of 32 layers.
    bootstrap
        How seeds are resampled.
    """
    networks = {cube.hidden: cube for cube in cubes(records.readouts, "depth", "train_accuracy")}
    for layers in cubes(records.layers, "layer", "train_accuracy"):
        # Each width draws its own resamples: the seeds of two widths have nothing in common.
        own = replace(bootstrap, random_state=bootstrap.random_state + layers.hidden)
        yield layers.hidden, Evidence(layers, networks[layers.hidden], own)
