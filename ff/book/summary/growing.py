"""A network that grows: its accuracy, epochs and cost beside layers that learn together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import estimate, layer_numbers, listed, number
from ff.book.study import LEVEL, Outcome
from ff.records import Records
from ff.stats.cubes import single_cube
from ff.stats.growing import epochs_of_growth, gains, growth_cost
from ff.stats.intervals import mean_band

__all__ = [
    "beside_pixels",
    "by_depth",
    "contributions",
    "costs",
    "epochs",
    "gain_table",
    "outcomes",
]

CLOSE = 0.5  # percentage points
NEEDED = 5  # layers
LONGEST = 15  # epochs
UPDATES, PASSES = 1 / 3, 1 / 2  # of those of 16 layers together


def by_depth(records: Records, column: str = "test_accuracy") -> pd.DataFrame:
    """Accuracy of the readout of each depth after the last epoch: depth, mean, low, high."""
    cube = single_cube(records.readouts, "depth", column)
    mean, low, high = mean_band(cube.values[:, -1])
    return pd.DataFrame({"depth": cube.keys, "mean": mean, "low": low, "high": high})


def epochs(grown: Records) -> pd.DataFrame:
    """Epochs until each layer is frozen: layer, mean, low, high, most."""
    counts = epochs_of_growth(grown.layers)
    values = counts.to_numpy(float)
    mean, low, high = mean_band(values)
    ends = {"low": low, "high": high, "most": values.max(axis=0)}
    return pd.DataFrame({"layer": list(counts.columns), "mean": mean, **ends})


def gain_table(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What each layer adds, in percentage points, as text: a row a depth.

    Parameters
    ----------
    found
        Results of `ff.stats.growing.gains`, by the images on which accuracy was measured.
    """
    parts = {}
    for images, table in found.items():
        gain = [
            estimate(*(100 * row[name] for name in ("gain", "low", "high")))
            for row in table.to_dict("records")
        ]
        accuracy = [f"{100 * value:.2f}" for value in table["accuracy"]]
        p = [number(value) for value in table["p_holm"]]
        columns = {"accuracy": accuracy, "gain": gain, "p after Holm": p}
        parts[images] = pd.DataFrame(columns, index=pd.Index(table["depth"]))
    return pd.concat(parts, axis=1)


def needed(grown: Records, column: str = "validation_accuracy") -> int:
    """Depth from which the next layer's gain does not exclude zero."""
    found = gains(grown.readouts, column)
    gaining = (found["low"] > 0).to_numpy()
    stop = next((at for at in range(1, len(gaining)) if not gaining[at]), len(gaining))
    return int(found["depth"].iloc[stop - 1])


def beside_pixels(linear: pd.DataFrame, ways: Mapping[str, pd.DataFrame]) -> str:
    """How networks do beside a linear classifier that has no layer, in a sentence.

    Parameters
    ----------
    linear
        Result of `ff.results.linear`.
    ways
        Results of `by_depth` for test images, by words for each network.
    """
    if linear.empty:
        return "A linear classifier on the pixels was not measured."
    pixels = estimate(*(100 * float(one) for one in mean_band(linear["test_accuracy"].to_numpy())))
    best = [
        f"{100 * rows['mean'].max():.2f} % ({words}, {rows.loc[rows['mean'].idxmax(), 'depth']} "
        "layers)"
        for words, rows in ways.items()
    ]
    less = all(rows["mean"].max() < linear["test_accuracy"].mean() for rows in ways.values())
    return (
        f"A linear classifier on the pixels alone, trained as the readout is, gets {pixels} % of "
        f"the test images right, readouts at most {listed(best)}"
        f"{': less than without any layer' if less else ''}."
    )


def contributions(records: Records) -> str:
    """What each layer contributes to the deepest readout's answer in the end, in a sentence."""
    last: Any = records.layers.query("layer > 1 and epoch == epoch.max()")
    mean = last.groupby("layer")[["logit_share", "accuracy_without", "probe_accuracy"]].mean()
    whole: Any = records.readouts.query("epoch == epoch.max() and depth == depth.max()")
    lost = 100 * (whole["validation_accuracy"].mean() - mean["accuracy_without"])
    share, probe = 100 * mean["logit_share"], 100 * mean["probe_accuracy"]
    return (
        f"After the last epoch layer {share.idxmax()} has the largest share of the logits' "
        f"variance, {number(share.max())} %, layer {share.idxmin()} the smallest, "
        f"{number(share.min())} %. Without layer {lost.idxmax()} the readout loses "
        f"{number(lost.max())} points, the most that one layer takes away. Probes find most in "
        f"layer {probe.idxmax()}, {number(probe.max())} %, least in layer {probe.idxmin()}, "
        f"{number(probe.min())} %."
    )


def costs(grown: Records, together: Records) -> pd.DataFrame:
    """What the grown network costs up to some depths, and what layers that learn together cost.

    In epochs of one layer, as `ff.stats.growing.growth_cost` counts them: updates, passes where
    every step goes through all layers below, and passes where the outputs of frozen ones are kept.
    """
    depths = sorted({2, needed(grown), int(np.max(grown.layers["layer"]))})
    rows = {f"grown, {depth} layers": growth_cost(grown.layers, depth) for depth in depths}
    deepest = int(np.max(together.layers["layer"]))
    whole = deepest * int(np.max(together.layers["epoch"]))
    for depth in depths:
        same = depth * whole / deepest
        rows[f"together, {depth} layers"] = {"updates": same, "forward": same, "cached": np.nan}
    names = {"forward": "passes", "cached": "passes, outputs kept"}
    return pd.DataFrame(rows).T.rename(columns=names)


def outcomes(grown: Records, together: Records, expected: Mapping[str, str]) -> list[Outcome]:
    """What was expected of growing, and what came.

    Parameters
    ----------
    grown, together
        Records of both ways, of the same seeds and depths.
    expected
        Predictions by name: "accuracy", "depth", "patience" and "cost".
    """
    both = [single_cube(own.readouts, "depth", "test_accuracy") for own in (grown, together)]
    mean, low, high = mean_band(100 * (both[0].values[:, -1] - both[1].values[:, -1]))
    worst = int(np.abs(mean).argmax())
    text = (
        f"The largest difference is {estimate(mean[worst], low[worst], high[worst])} points, at "
        f"{both[0].keys[worst]} layers; at {both[0].keys[-1]} it is "
        f"{estimate(mean[-1], low[-1], high[-1])}."
    )
    apart = bool(((low > CLOSE) | (high < -CLOSE)).any())
    close = bool(((low >= -CLOSE) & (high <= CLOSE)).all())
    found = [Outcome(expected["accuracy"], text, False if apart else close or None)]
    depth = needed(grown)
    table: Any = gains(grown.readouts)
    sure = table.loc[table["low"] > 0, "depth"].to_numpy()
    which = layer_numbers(sure) if len(sure) else "no layer above the second"
    adjusted = table.loc[(table["gain"] > 0) & (table["p_holm"] < LEVEL), "depth"].to_numpy()
    remaining = layer_numbers(adjusted) if len(adjusted) else "none"
    last = both[0].values[:, -1]
    beyond = mean_band(100 * (last[:, -1:] - last[:, both[0].keys == depth]))
    text = (
        f"The gain of {which} in accuracy on test images excludes 0; after Holm's correction, that "
        f"of {remaining}. A network that stops where the next gain on validation images does not "
        f"exclude 0 has {depth} layers; by test images it would have "
        f"{needed(grown, 'test_accuracy')}."
    )
    if depth < both[0].keys[-1]:
        text += (
            f" The rule looks one layer ahead: all layers above {depth} together add "
            f"{estimate(*(one[0] for one in beyond))} points on test images."
        )
    found.append(Outcome(expected["depth"], text, bool((sure <= NEEDED).all())))
    own: Any = epochs(grown)
    most, usual = float(own["most"].max()), float(own["mean"].mean())
    text = f"The longest takes {most:.0f} epochs; on average {number(usual)}."
    found.append(Outcome(expected["patience"], text, most <= LONGEST))
    table = costs(grown, together)
    deepest = int(np.max(together.layers["layer"]))
    whole = table.iloc[-1]
    parts, cheap = [], set()
    for at in dict.fromkeys((depth, deepest)):
        own = table.loc[f"grown, {at} layers"]
        updates = own["updates"] / whole["updates"]
        passes = own["passes, outputs kept"] / whole["passes"]
        cheap.add(bool(updates <= UPDATES and passes < PASSES))
        parts.append(
            f"{number(100 * updates)} % of the updates and {number(100 * passes)} % of the forward "
            f"passes with {at} layers"
        )
    text = (
        f"Of what {deepest} layers together cost, growing takes {listed(parts)}; {depth} layers "
        f"together take {number(100 * depth / deepest)} % of the updates. The rule stops growing "
        f"at {depth}; more layers may still be more accurate."
    )
    found.append(Outcome(expected["cost"], text, cheap.pop() if len(cheap) == 1 else None))
    return found
