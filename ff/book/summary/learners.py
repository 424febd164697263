"""Is the delay particular to Forward-Forward? What the section beside backpropagation shows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import BEYOND, DASH, estimate, layer_numbers, listed, number
from ff.book.study import Outcome, all_hold
from ff.book.summary.shared import sign_of
from ff.records import Records
from ff.results import VARIANTS, best_rate, published
from ff.stats import paired
from ff.stats.cubes import single_cube
from ff.stats.delay import TARGET
from ff.stats.intervals import mean_band

__all__ = [
    "accuracies",
    "answer",
    "at_the_papers_rate",
    "delay_table",
    "ends",
    "missing",
    "outcomes",
    "rates",
]

FF, BACKPROP = "Forward-Forward", "backpropagation"
PROBE = "probe_accuracy"
# By the sign of backpropagation's slope, and of how much larger Forward-Forward's is.
LATER = {1: "later", 0: "neither later nor earlier", -1: "earlier"}
BESIDE = {
    1: "less than with Forward-Forward",
    0: "about as much as with Forward-Forward",
    -1: "more than with Forward-Forward",
}


def answer(slopes: pd.DataFrame) -> str:
    """Whether deeper layers are later by backpropagation, too, and by how much, as HTML.

    Parameters
    ----------
    slopes
        Results of `ff.stats.paired.slopes` of both learners, for one target or several.
    """
    later, beside, parts, small = {}, {}, [], []
    for target, rows in slopes.groupby("target", sort=False):
        own: Any = rows.set_index("way")
        at = f"at {target:g}"
        later[at] = LATER[sign_of(*own.loc[BACKPROP, ["low", "high"]])]
        beside[at] = BESIDE[sign_of(*own.loc["difference", ["low", "high"]])]
        each = [
            f"{estimate(*own.loc[name, ['slope', 'low', 'high']])} with {name}"
            for name in (FF, BACKPROP)
        ]
        parts.append(
            f"{at}, {listed(each)}, over the {own['layers'].iloc[0]} layers that reach it with "
            f"both (difference {estimate(*own.loc['difference', ['slope', 'low', 'high']])})"
        )
        if abs(own.loc[BACKPROP, "slope"]) * own["layers"].iloc[0] < 1:
            small.append(at)
    grain = (
        f" With backpropagation that is less than an epoch in all {listed(small)}, and epochs are "
        "what is measured."
        if small
        else ""
    )
    return (
        f"<b>With backpropagation deeper layers are {_by_target(later)}; a further layer adds "
        f"{_by_target(beside)}.</b> Epochs that it adds {'; '.join(parts)}.{grain}"
    )


def at_the_papers_rate(backprop: Records) -> str:
    """How late deep layers are in Forward-Forward at Table 1's own learning rate.

    Parameters
    ----------
    backprop
        The network by backpropagation, at its best rate.
    """
    paper = published(100, folder=VARIANTS)
    ways = {FF: paper.layers, BACKPROP: backprop.layers}
    slopes: Any = paired.slopes(ways, TARGET, PROBE).set_index("way")
    layers: Any = paper.layers
    own, last = slopes.loc[FF], int(layers["layer"].max())
    rows = layers.query("layer == @last and epoch == epoch.max()")
    rate = paper.runs[0]["config"]["learning_rate"]
    return (
        f"At Table 1's learning rate, {rate:g}, a further layer adds "
        f"{estimate(*own[['slope', 'low', 'high']])} epochs at {TARGET:g} with {FF}, and the probe "
        f"on layer {last} ends at {rows[PROBE].mean():.1%}."
    ).replace("%", "\N{NO-BREAK SPACE}%")


def _by_target(words: dict[str, str]) -> str:
    """What holds at each target, such as "later at 0.7 and earlier at 0.9"."""
    if len(set(words.values())) == 1:
        return f"{next(iter(words.values()))} {listed(words)}"
    return listed(f"{what} {at}" for at, what in words.items())


def missing(delays: pd.DataFrame) -> str:
    """Which layers do not reach a target within the run, or reach it in the first epoch.

    Parameters
    ----------
    delays
        Results of `ff.stats.paired.delays` of both learners.
    """
    parts = []
    for key, rows in delays.groupby(["way", "target"], sort=False):
        way, target = key  # pyright: ignore[reportGeneralTypeIssues]
        late, early = rows.loc[rows["censored"], "layer"], rows.loc[rows["epoch"] == 1, "layer"]
        if len(late):
            parts.append(f"{layer_numbers(late)} never reach {target:g} with {way}")
        if len(early):
            parts.append(f"{layer_numbers(early)} reach {target:g} in the first epoch with {way}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if parts else ""


def ends(learners: Mapping[str, Records]) -> str:
    """Accuracy of the first and the last probe, and of the whole network, after the last epoch."""
    probes = [
        f"from {_percent(_probes(own)[:, 0])} in layer 1 to {_percent(_probes(own)[:, -1])} in "
        f"layer {own.layers['layer'].max()} with {name}"
        for name, own in learners.items()
    ]
    return f"After the last epoch, the probes' accuracy goes {listed(probes)}."


def accuracies(learners: Mapping[str, Records]) -> str:
    """Accuracy of both networks on test images."""
    whole = {name: _percent(_test(own)) for name, own in learners.items()}
    return (
        f"The readout of Forward-Forward's network names {whole[FF]} of the test images right, "
        f"backpropagation's classifier {whole[BACKPROP]}."
    )


def rates(grids: pd.DataFrame, dataset: str = "mnist") -> str:
    """Which learning rates were chosen, and among which.

    Parameters
    ----------
    grids
        Result of `ff.results.backprop_grids`.
    dataset
        Which of its grids.
    """
    parts = []
    for learner in (FF, BACKPROP):
        own: Any = grids[(grids["learner"] == learner) & (grids["dataset"] == dataset)]
        depth, points = own["layers"].max(), sorted(set(own["learning_rate"]))
        text = (
            f"{best_rate(grids, learner, dataset):g} for {learner} (the best of {len(points)} from "
            f"{points[0]:g} to {points[-1]:g} in networks of {depth} layers"
        )
        for fewer in sorted(set(own["layers"]) - {depth}):
            other = best_rate(own[own["layers"] == fewer], learner, dataset)
            text += f"; in those of {fewer} layers it would be {other:g}"
        parts.append(f"{text})")
    seeds = listed(str(seed) for seed in sorted(set(grids["seed"])))
    return (
        f"The learning rates are {listed(parts)}. Best is the highest accuracy of the readout or "
        f"the classifier on validation images, in seeds {seeds}, which are not among those shown."
    )


def delay_table(delays: pd.DataFrame) -> pd.DataFrame:
    """Delay of each layer's probe by target and learner, as text with intervals."""
    columns = {}
    for key, rows in delays.groupby(["target", "way"], sort=False):
        target, way = key  # pyright: ignore[reportGeneralTypeIssues]
        columns[f"to {target:g}", way] = [
            DASH if np.isnan(value) else estimate(value, low, high).replace("inf", BEYOND)
            for value, low, high in rows[["crossing", "crossing_low", "crossing_high"]].to_numpy()
        ]
    layers = pd.Index(delays["layer"].unique(), name="layer").map("layer {}".format)
    return pd.DataFrame(columns, index=layers)


def outcomes(
    learners: Mapping[str, Records],
    delays: pd.DataFrame,
    slopes: pd.DataFrame,
    expected: Mapping[str, str],
) -> list[Outcome]:
    """What was expected of backpropagation, and what came.

    Parameters
    ----------
    learners
        Records of both learners.
    delays, slopes
        Results of `ff.stats.paired` at the targets 0.7 and 0.9.
    expected
        Predictions by name: "reached", "delay", "end" and "answer".
    """
    own: Any = delays[delays["way"] == BACKPROP]
    reached = (~own["censored"]).groupby(own["target"], sort=False).sum().to_dict()
    layers = own["layer"].nunique()
    text = listed(f"{count} of {layers} layers reach {at:g}" for at, count in reached.items())
    found = [Outcome(expected["reached"], f"{text}.", set(reached.values()) == {layers})]

    table: Any = slopes.set_index(["way", "target"])
    limits = {0.7: 0.1, 0.9: 0.3}
    small = [_between(table.loc[(BACKPROP, at)], 0, most) for at, most in limits.items()]
    text = listed(
        f"{estimate(*table.loc[(BACKPROP, at), ['slope', 'low', 'high']])} epochs per layer at "
        f"{at:g}"
        for at in limits
    )
    found.append(Outcome(expected["delay"], f"{text}.", all_hold(small)))

    rise = {name: _percent_apart(_probes(run)) for name, run in learners.items()}
    mean, low, high = rise[FF]
    gain: Any = mean_band(100 * (_test(learners[BACKPROP]) - _test(learners[FF])))
    text = listed(f"{estimate(*values)} points with {name}" for name, values in rise.items())
    text = (
        f"From the probe of layer 1 to that of the last: {text}. On test images the classifier "
        f"exceeds the readout by {estimate(*map(float, gain))} points."
    )
    parts = [_above(rise[BACKPROP], 0), _above((-mean, -high, -low), 0), _above(gain, 3)]
    found.append(Outcome(expected["end"], text, all_hold(parts)))

    both = {at: [table.loc[(name, at)] for name in (BACKPROP, FF)] for at in limits}
    shares = {at: own["slope"] / other["slope"] for at, (own, other) in both.items()}
    text = listed(f"{number(100 * value)} % at {at:g}" for at, value in shares.items())
    text = f"Backpropagation's delay per layer is {text} of Forward-Forward's."
    some = [_above(own[["slope", "low", "high"]], 0) for own, _ in both.values()]
    mostly = [value < 0.5 for value in shares.values()]
    found.append(Outcome(expected["answer"], text, all_hold([*some, *mostly])))
    return found


def _above(estimate: Any, least: float) -> bool | None:
    """Whether a number with its interval lies above another; None if the interval holds that."""
    _, low, high = estimate
    return True if low > least else False if high < least else None


def _between(row: Any, least: float, most: float) -> bool | None:
    """Whether an interval lies between two numbers; None if it is on both sides of one."""
    low, high = row["low"], row["high"]
    if low > least and high < most:
        return True
    return False if high <= least or low >= most else None


def _probes(own: Records) -> np.ndarray:
    """Accuracy of each probe after the last epoch, ``(seeds, layers)``."""
    return single_cube(own.layers, "layer", "probe_accuracy").values[:, -1]


def _percent_apart(probes: np.ndarray) -> tuple[float, float, float]:
    """By how many points the last layer's probe exceeds the first one's: mean, low, high."""
    mean, low, high = mean_band(100 * (probes[:, -1] - probes[:, 0]))
    return float(mean), float(low), float(high)


def _test(own: Records) -> np.ndarray:
    """Test accuracy of the whole network, ``(seeds,)``."""
    last: Any = own.readouts.dropna(subset="test_accuracy")
    return last.sort_values("seed")["test_accuracy"].to_numpy(float)


def _percent(values: np.ndarray) -> str:
    """Mean over seeds and its interval, in percent."""
    mean, low, high = (f"{100 * float(value):.1f}" for value in mean_band(values))
    return f"{mean} % [{low}, {high}]"
