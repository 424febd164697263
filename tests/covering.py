"""How often intervals cover: real seeds as the population, and samples of them.

``python tests/covering.py`` simulates and writes book/results/coverage.json (some twenty minutes
of two cores). The published seeds of a width are taken for all that there are. Samples of 5 to 30
are drawn from them with replacement, each is taken for the seeds of a study, and an interval is
right if it holds the number that all seeds give. Beside the intervals of ``ff``, the first samples
get those of the percentile bootstrap, the common choice.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from unittest.mock import patch

import numpy as np

import ff
from ff.stats.claims import CLAIMS
from ff.stats.coefficients import fisher_mean, of_gains, within_epochs
from ff.stats.cubes import Cube
from ff.stats.delay import delay_of_mean
from ff.stats.evidence import Evidence, evidence
from ff.stats.intervals import FISHER, LEVEL, PLAIN, Estimate, Scale, jackknife

FILE = Path(__file__).parent.parent / "book" / "results" / "coverage.json"
WIDTHS, SIZES = (100, 1000), (5, 8, 10, 15, 30)
LAYERS = (1, 4, 16, 24, 28, 32)
RESAMPLES = 400  # of the bootstrap
KINDS = {
    "within epochs": fisher_mean,
    "given the epoch": within_epochs,
    "first differences": of_gains,
}

Ends = dict[str, tuple[float, float, float]]  # of each number: value, low, high


def numbers(own: Evidence) -> Ends:
    """The numbers that have an interval: those of the claims, and those of single layers."""
    deepest = own.networks.values[..., -1:]
    found: dict[str, Estimate] = {}
    for claim in CLAIMS:
        meant = dict(zip(("narrow", "wide"), WIDTHS, strict=True))
        alone = claim.widths is None or own.layers.hidden in [meant[w] for w in claim.widths]
        if claim.measure is not None and not claim.same_as and alone:
            found[claim.key] = claim.measure(own)
    correlations = {"all pairs, Pearson": own.both[:, 0], "all pairs, Spearman": own.both[:, 1]}
    for kind, analysis in KINDS.items():
        statistic = analysis(own.layers.values, deepest)
        correlations[kind] = own._all(lambda w, s=statistic: s(w)[:, 0, :, 0])
    for kind, values in correlations.items():
        for layer in LAYERS:
            found[f"{kind}, layer {layer}"] = interval(values[:, layer - 1], FISHER)
    return {name: (float(e.value), float(e.low), float(e.high)) for name, e in found.items()}


interval = jackknife


def delays(own: Evidence) -> Ends:
    """Delays of single layers."""
    mean, low, high = delay_of_mean(own.layers.values, own.layers.epochs, own.reading.target)
    ends = np.stack([mean, low, high], axis=-1)
    names = ("epoch", "crossing")
    return {
        f"delay, {name}, layer {layer}": tuple(ends[i, layer - 1].tolist())
        for i, name in enumerate(names)
        for layer in LAYERS
    }


def sample(own: Evidence, drawn: np.ndarray) -> Evidence:
    """The drawn seeds as if they were the seeds of a study; one drawn twice is two."""

    def rows(cube: Cube) -> Cube:
        return cube._replace(seeds=np.arange(len(drawn)), values=cube.values[drawn])

    return Evidence(rows(own.layers), rows(own.networks), own.reading)


class Percentile:
    """The percentile bootstrap in the place of the jackknife."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def draw(self, statistic, seeds: int) -> np.ndarray:
        weights = self.rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES)
        counts = np.vstack([np.ones(seeds), weights.astype(float)])
        chunks = np.split(counts, range(32, len(counts), 32))
        return np.concatenate([statistic(chunk) for chunk in chunks])

    def interval(self, values: np.ndarray, scale: Scale = PLAIN) -> Estimate:
        tail = 100 * (1 - LEVEL) / 2
        finite = values[1:][~np.isnan(values[1:])]
        nothing = np.asarray(np.nan)
        low = high = nothing
        if len(finite):
            low, high = np.percentile(finite, [tail, 100 - tail], method="nearest")
        return Estimate(values[0], low, high, lambda true: nothing, nothing, nothing)

    def numbers(self, own: Evidence) -> Ends:
        """Its intervals of the same numbers, and of delays, of evidence without cached values."""
        with (
            patch("ff.stats.evidence.leave_one_out", self.draw),
            patch("ff.stats.claims.jackknife", self.interval),
            patch(f"{__name__}.interval", self.interval),
        ):
            crossings = {
                f"delay, crossing, layer {layer}": self.interval(own.delay[:, layer - 1])
                for layer in LAYERS
            }
            ends = {
                name: (float(e.value), float(e.low), float(e.high)) for name, e in crossings.items()
            }
            return numbers(own) | ends


def simulate(own: Evidence, size: int, samples: int, compared: int, seed: int = 0) -> list[dict]:
    """How often intervals of so many seeds hold the numbers of the population.

    Parameters
    ----------
    own
        The population.
    size
        Seeds of a sample.
    samples, compared
        Number of samples; how many of them get a bootstrap, too.
    seed
        Start of the random stream.
    """
    rng = np.random.default_rng([seed, own.layers.hidden, size])
    values = {name: value for name, (value, _, _) in (numbers(own) | delays(own)).items()}
    truth = {name: value for name, value in values.items() if np.isfinite(value)}
    right: dict[str, list[bool]] = {name: [] for name in truth}
    percentile: dict[str, list[bool]] = {name: [] for name in truth}
    for i in range(samples):
        drawn = sample(own, rng.integers(0, own.seeds, size))
        with np.errstate(all="ignore"):
            _count(right, numbers(drawn) | delays(drawn), truth)
            if i < compared:
                _count(percentile, Percentile(rng).numbers(replace(drawn)), truth)
    return [
        {
            "hidden": own.layers.hidden,
            "seeds": size,
            "number": name,
            "truth": truth[name],
            "covers": float(np.mean(right[name])),
            "samples": samples,
            "percentile": float(np.mean(percentile[name])) if percentile[name] else None,
            "compared": len(percentile[name]),
        }
        for name in truth
    ]


def _count(right: dict[str, list[bool]], ends: Ends, truth: dict[str, float]) -> None:
    for name in truth.keys() & ends:
        _, low, high = ends[name]
        right[name].append(low <= truth[name] <= high)


def population(hidden: int) -> Evidence:
    """The published seeds of a width."""
    return dict(evidence(ff.published(hidden)))[hidden]


def published(hidden: int, size: int) -> list[dict]:
    """What the published file holds of a width and a number of seeds."""
    return simulate(population(hidden), size, samples=1000, compared=100)


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        parts = pool.map(published, *zip(*product(WIDTHS, SIZES), strict=True))
    lines = ",\n".join(json.dumps(row) for rows in parts for row in rows)
    FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
