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
    "ahead",
    "answer",
    "beside_pixels",
    "by_depth",
    "contributions",
    "costs",
    "epochs",
    "gain_table",
    "outcomes",
    "with_depth",
]

CLOSE = 0.5  # percentage points
NEEDED = 5  # layers
LONGEST = 15  # epochs
UPDATES, PASSES = 1 / 3, 1 / 2  # of those of 16 layers together
# Columns of the table of costs.
UPDATED, PASSED = "updates of layers", "forward passes"
KEPT = "forward passes, outputs kept"


def answer(grown: Records, together: Records) -> str:
    """How good a grown network is, what it costs and when to stop, in sentences, as HTML.

    Parameters
    ----------
    grown, together
        Records of both ways, of the same seeds and depths.
    """
    depths, mean, low, high = _difference(grown, together)
    claim = {
        True: "A network that is built layer by layer comes",
        False: "A network that is built layer by layer does not come",
        None: "It is not decided whether a network that is built layer by layer comes",
    }[_close(low, high)]
    table, depth = costs(grown, together), needed(grown)
    share = table.loc[f"grown, {depths[-1]} layers", UPDATED] / table[UPDATED].iloc[-1]
    return (
        f"<b>{claim} within {CLOSE} points of the accuracy of one whose layers learn together, at "
        f"every depth.</b> With {depths[-1]} layers its readout is ahead by "
        f"{estimate(mean[-1], low[-1], high[-1])} points, for {number(100 * share)} % of the "
        f"updates. From {depth} layers on, it is no longer sure that the next layer adds anything."
    )


def _difference(grown: Records, together: Records) -> tuple[np.ndarray, ...]:
    """Depths, and by how many points a grown readout is ahead in the end: mean, low, high."""
    both = [single_cube(own.readouts, "depth", "test_accuracy") for own in (grown, together)]
    band = mean_band(100 * (both[0].values[:, -1] - both[1].values[:, -1]))
    return np.asarray(both[0].keys), *band


def _close(low: np.ndarray, high: np.ndarray) -> bool | None:
    """Whether a difference is within half a point at each depth; None if undecided."""
    if ((low > CLOSE) | (high < -CLOSE)).any():
        return False
    return True if ((low >= -CLOSE) & (high <= CLOSE)).all() else None


def with_depth(ways: Mapping[str, pd.DataFrame], own: pd.DataFrame) -> str:
    """How accuracy rises with depth, and how long layers learn, in sentences.

    Parameters
    ----------
    ways
        Results of `by_depth`, by words for each network.
    own
        Result of `epochs`.
    """
    parts = [
        f"from {100 * rows['mean'].iloc[0]:.2f} to {100 * rows['mean'].iloc[-1]:.2f} % ({words})"
        for words, rows in ways.items()
    ]
    depths = next(iter(ways.values()))["depth"]
    long, short = own.loc[own["mean"].idxmax()], own.loc[own["mean"].idxmin()]
    return (
        f"From {depths.min()} to {depths.max()} layers, accuracy on test images rises "
        f"{listed(parts)}. Layer {long['layer']:.0f} learns longest before it is frozen, "
        f"{number(long['mean'])} epochs on average; layer {short['layer']:.0f} is done after "
        f"{number(short['mean'])}."
    )


def ahead(table: pd.DataFrame) -> str:
    """How far the deepest grown network is ahead of one whose layers learn together.

    Parameters
    ----------
    table
        Result of `ff.stats.growing.beside_together`.
    """
    rows = table[table["depth"] == table["depth"].max()].set_index("cost")
    words = {"equal updates": "when that has had as many updates", "whole": "after all its epochs"}
    parts = [
        f"{estimate(*(100 * rows.loc[cost, name] for name in ('difference', 'low', 'high')))} "
        f"points {when}"
        for cost, when in words.items()
    ]
    return (
        f"With {table['depth'].max()} layers, the grown network is ahead of one whose layers learn "
        f"together by {listed(parts)}."
    )


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
        columns = {"accuracy": accuracy, "gain": gain, "p (Holm)": p}
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
        f"the test images right; the readouts at most {listed(best)}"
        f"{', which is less than without any layer' if less else ''}."
    )


def contributions(records: Records) -> str:
    """What each layer contributes to the deepest readout's answer in the end, in a sentence."""
    last: Any = records.layers.query("layer > 1 and epoch == epoch.max()")
    mean = last.groupby("layer")[["logit_share", "accuracy_without", "probe_accuracy"]].mean()
    whole: Any = records.readouts.query("epoch == epoch.max() and depth == depth.max()")
    lost = 100 * (whole["validation_accuracy"].mean() - mean["accuracy_without"])
    share, probe = 100 * mean["logit_share"], 100 * mean["probe_accuracy"]
    return (
        f"After the last epoch, layer {share.idxmax()} has the largest share of the logits' "
        f"variance, {number(share.max())} %, and layer {share.idxmin()} the smallest, "
        f"{number(share.min())} %. Without layer {lost.idxmax()} the readout loses "
        f"{number(lost.max())} points of accuracy, more than without any other. A probe is right "
        f"most often on layer {probe.idxmax()}, {number(probe.max())} % of the images, and least "
        f"often on layer {probe.idxmin()}, {number(probe.min())} %."
    )


def costs(grown: Records, together: Records) -> pd.DataFrame:
    """What the grown network costs up to some depths, and what layers that learn together cost.

    In epochs of one layer, as `ff.stats.growing.growth_cost` counts them: updates, forward passes
    where every step goes through all layers below, and forward passes where the outputs of frozen
    ones are kept.
    """
    depths = sorted({2, needed(grown), int(np.max(grown.layers["layer"]))})
    rows = {f"grown, {depth} layers": growth_cost(grown.layers, depth) for depth in depths}
    deepest = int(np.max(together.layers["layer"]))
    whole = deepest * int(np.max(together.layers["epoch"]))
    for depth in depths:
        same = depth * whole / deepest
        rows[f"together, {depth} layers"] = {"updates": same, "forward": same, "cached": np.nan}
    names = {"updates": UPDATED, "forward": PASSED, "cached": KEPT}
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
    depths, mean, low, high = _difference(grown, together)
    worst = int(np.abs(mean).argmax())
    text = (
        f"The largest difference is {estimate(mean[worst], low[worst], high[worst])} points, at "
        f"{depths[worst]} layers; at {depths[-1]} it is {estimate(mean[-1], low[-1], high[-1])}."
    )
    found = [Outcome(expected["accuracy"], text, _close(low, high))]
    depth = needed(grown)
    table: Any = gains(grown.readouts)
    sure = table.loc[table["low"] > 0, "depth"].to_numpy()
    which = layer_numbers(sure) if len(sure) else "no layer above the second"
    adjusted = table.loc[(table["gain"] > 0) & (table["p_holm"] < LEVEL), "depth"].to_numpy()
    remaining = layer_numbers(adjusted) if len(adjusted) else "none"
    last = single_cube(grown.readouts, "depth", "test_accuracy").values[:, -1]
    beyond = mean_band(100 * (last[:, -1:] - last[:, depths == depth]))
    text = (
        f"On test images, the interval of the gain excludes 0 for {which}; after Holm's "
        f"correction, for {remaining}. A network that stops growing where the interval of the next "
        f"gain on validation images holds 0 has {depth} layers; by test images it would have "
        f"{needed(grown, 'test_accuracy')}."
    )
    if depth < depths[-1]:
        text += (
            f" That rule looks one layer ahead: all layers above {depth} together add "
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
        updates = own[UPDATED] / whole[UPDATED]
        passes = own[KEPT] / whole[PASSED]
        cheap.add(bool(updates <= UPDATES and passes < PASSES))
        parts.append(
            f"{number(100 * updates)} % of the updates and {number(100 * passes)} % of the forward "
            f"passes with {at} layers"
        )
    text = (
        f"Of what {deepest} layers cost that learn together, growing takes {listed(parts)}. "
        f"{depth} layers that learn together take {number(100 * depth / deepest)} % of the "
        f"updates. The rule stops growing at {depth} layers; more may still be more accurate."
    )
    found.append(Outcome(expected["cost"], text, cheap.pop() if len(cheap) == 1 else None))
    return found
