"""Why deep layers are late: what the interventions decide, and what was expected, in sentences."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import layer_numbers, listed, number
from ff.book.study import Outcome, all_hold
from ff.book.summary.causes import (
    AT_ONCE,
    LAYER_NORM,
    MOST,
    MOVING,
    MOVING_PLACE,
    TRAINING,
    YARDSTICKS,
    Yardstick,
    by_measure,
    delays_of,
    difference_of,
    effects,
    frozen_runs,
    misses,
    network,
    own_epochs,
    per_layer,
    place_of,
    slope_of,
    wait_beside,
)
from ff.book.summary.variations import BEST
from ff.records import Records
from ff.stats.delay import TARGET, mean_delay

__all__ = [
    "answer",
    "conclusions",
    "how_long",
    "interventions",
    "moving",
    "normalization",
    "on_average",
    "on_good_layers",
]

TOGETHER = 0.7  # epochs per layer that layers which learn together were expected to need at least
LAST = 6  # layer above which none was expected to reach the target on an untrained network
EARLY = 10  # epochs of the network below that were expected to bring more than half of the gain
LESS = 0.2  # share of the delay per layer that layer normalization was expected to take away


def answer(records: Mapping[str, Records]) -> str:
    """What makes a deep layer late, as far as the interventions decide it, as HTML."""
    runs = frozen_runs(records)
    last = max(runs)
    table = {
        (row["cause"], row["by"]): row["decided"] for row in effects(records).to_dict("records")
    }

    def decided(cause: str, side: str) -> bool:
        return all(table[cause, yardstick.by] == side for yardstick in YARDSTICKS)

    flat, waits = decided(place_of(last), "none"), decided(TRAINING, "more")
    claim = {
        (True, True): "Depth alone does not make a layer late; it waits for the layers below it to "
        "be trained.",
        (True, False): "Depth alone does not make a layer late.",
        (False, True): "A layer waits for the layers below it to be trained.",
        (False, False): "What makes a deep layer late is not decided.",
    }[flat, waits]
    said = [
        f"Above layers that were trained for {last} epochs and then frozen, {_slowest(runs[last])}",
        f"Where all layers learn together, as in the paper, {_slowest(records['paper'])}",
    ]
    if 0 in runs:
        said.append(f"Above layers that were never trained, {_slowest(runs[0])}")
    return f"<b>{claim}</b> {'. '.join(said)}. Epochs count from a layer's own start."


def _slowest(own: Records) -> str:
    """How long the slowest layer above the first takes by Eq. 3."""
    delays: Any = delays_of(own).query(f"layer > 1 and by == '{YARDSTICKS[0].by}'")
    arrived, last = int((~delays["censored"]).sum()), delays["last_epoch"].max()
    which = f"layers 2 to {delays['layer'].max()}"
    if arrived == len(delays):
        return (
            f"the slowest of {which} takes {number(delays['crossing'].max())} epochs to reach an "
            f"accuracy of {TARGET}"
        )
    return f"{arrived or 'none'} of {which} reach an accuracy of {TARGET} within {last} epochs"


def conclusions(records: Mapping[str, Records]) -> list[str]:
    """What the interventions decide, each a claim and its numbers as HTML.

    What is undecided is not mentioned.
    """
    table = {(row["cause"], row["by"]): row for row in effects(records).to_dict("records")}
    both = [yardstick.by for yardstick in YARDSTICKS]
    runs = frozen_runs(records)

    def found(cause: str) -> str:
        return " and ".join(f"{table[cause, by]['found']} by {by}" for by in both)

    def decided(cause: str) -> list[str]:
        return [table[cause, by]["decided"] for by in both]

    def where(which: list[int]) -> str:
        """Networks that were frozen after these epochs, with the epochs that a layer adds there."""
        return listed(f"{network(epochs)} ({found(place_of(epochs))})" for epochs in which)

    by_place = {epochs: decided(place_of(epochs)) for epochs in runs}
    said = []
    if flat := [epochs for epochs, own in by_place.items() if own == ["none", "none"]]:
        said.append(
            f"<b>Depth alone does not make a layer late.</b> Each further layer adds no more than "
            f"{MOST} epochs, counted from its own start, on {where(flat)}."
        )
    if steep := [epochs for epochs, own in by_place.items() if own == ["more", "more"]]:
        said.append(
            "<b>Above layers that were trained less, deeper layers take longer.</b> Epochs that "
            f"each further layer adds, counted from its own start: {where(steep)}."
        )
    settling = [
        epochs
        for epochs, own in by_place.items()
        if own == ["more", "none"] and table[place_of(epochs), both[1]]["found"] == AT_ONCE
    ]
    if settling:
        said.append(
            "<b>Deeper layers may be late by Eq. 3 alone.</b> They tell the two samples of a pair "
            "apart within an epoch; what takes longer is that their goodness settles on both sides "
            f"of the threshold. Epochs that each further layer adds: {where(settling)}."
        )
    moved = [_flat(records[MOVING], one) for one in YARDSTICKS] if MOVING in records else []
    if moved == [False, False]:
        said.append(
            "<b>Inputs that go on changing hold a layer up.</b> Epochs that each further layer "
            "adds, counted from its own start, where each starts one epoch after the one below: "
            f"{found(MOVING_PLACE)}."
        )
    elif runs and moved == [True, True]:
        last = max(runs)
        waits = [
            wait_beside(own_epochs(records[MOVING]), runs[last], yardstick)
            for yardstick in YARDSTICKS
        ]
        words = " and ".join(f"{wait} by {by}" for by, (wait, _) in zip(both, waits, strict=True))
        said.append(
            "<b>Where each layer starts one epoch after the one below it, and all go on learning, "
            "deeper layers take no longer than shallow ones.</b> Epochs that each further layer "
            f"adds, counted from its own start: {found(MOVING_PLACE)}. How many epochs longer a "
            f"layer takes there than on the network frozen after {last} epochs, on average: "
            f"{words}."
        )
    for cause, sides in _SIDES.items():
        own = decided(cause)
        if own in (["more", "more"], ["less", "less"]):
            said.append(f"{sides[own[0]]}: {found(cause)}.")
    return said or ["No cause is decided both by Eq. 3 and by pairs."]


# What is said of a cause by the side on which both yardsticks decide it, before the numbers.
_SIDES = {
    TRAINING: {
        "more": "<b>A layer waits for the layers below it to be trained.</b> How many epochs "
        "longer it takes on an untrained network than on the one that was trained longest, on "
        "average",
        "less": "<b>A layer takes longer where the layers below it are trained.</b> Difference in "
        "epochs of an untrained network from the one that was trained longest, on average",
    },
    LAYER_NORM: {
        "more": "<b>With layer normalization, layers that learn together arrive later.</b> "
        "Difference in epochs, on average, both at three times the paper's learning rate",
        "less": "<b>With layer normalization, layers that learn together arrive sooner.</b> "
        "Difference in epochs, on average, both at three times the paper's learning rate",
    },
}


def how_long(runs: Mapping[str, Records]) -> pd.DataFrame:
    """From the fastest to the slowest of layers 2 to 16, in epochs from their own start.

    Parameters
    ----------
    runs
        By words for what is below the layers.

    Returns
    -------
    DataFrame
        Text, a row a run and a column a yardstick.
    """
    table = {}
    for words, own in runs.items():
        delays: Any = delays_of(own).query("layer > 1").set_index(["by", "layer"])["crossing"]
        table[words] = {f"by {one.by}": _range(delays[one.by]) for one in YARDSTICKS}
    return pd.DataFrame.from_dict(table, orient="index")


def _range(crossings: Any) -> str:
    """Such as "2.5 (layer 4) to 17.6 (layer 16)"."""
    late = crossings[crossings.isna()].index
    if len(late) == len(crossings):
        return "no layer arrives"
    first, last = crossings.idxmin(), crossings.idxmax()
    if not len(late) and crossings[last] <= 1:
        return "at most 1, every layer"
    slow = f"{number(crossings[last])} (layer {last})"
    if len(late):
        slow = f"never ({layer_numbers(late)})"
    return f"{number(crossings[first])} (layer {first}) to {slow}"


def on_average(runs: Mapping[str, Records]) -> str:
    """How many epochs layers above the first take on average, in several runs, in a sentence.

    Parameters
    ----------
    runs
        By words for each, such as those of a figure's legend.
    """
    counted = [own_epochs(own) for own in runs.values()]
    rows = [by_measure(own, own) for own in counted]
    first, second = (
        [f"{number(row[one.wait]['own'])} ({words})" for words, row in zip(runs, rows, strict=True)]
        for one in YARDSTICKS
    )
    return (
        f"Epochs that layers above the first take on average, by Eq. 3: {listed(first)}. By pairs: "
        f"{listed(second)}. A layer that does not arrive counts with the last epoch."
    )


def on_good_layers(waits: pd.DataFrame) -> str:
    """How many layers arrive, by whether the layer below had reached the target when it was frozen.

    Parameters
    ----------
    waits
        Result of `ff.book.summary.causes.waits`.
    """
    said = []
    for by, rows in waits.groupby("by", sort=False):
        good: Any = rows["below"] >= TARGET
        arrived: Any = rows[good & ~rows["censored"]]
        said.append(
            f"By {by}, {len(arrived)} of the {good.sum()} layers whose layer below had reached "
            f"{TARGET} when it was frozen arrive"
            + (f", the last after {number(arrived['crossing'].max())} epochs" * bool(len(arrived)))
            + f"; of the {(~good).sum()} others {(~good & ~rows['censored']).sum()} do."
        )
    return " ".join(said)


def interventions(records: Mapping[str, Records], expected: Mapping[str, str]) -> list[Outcome]:
    """What came of layers that learn on frozen networks.

    Parameters
    ----------
    records
        Of the study.
    expected
        Predictions by name: "trained", "untrained", "intermediate" and "waiting".
    """
    runs, base = frozen_runs(records), records["paper"]
    names = ("trained", "untrained", "intermediate", "waiting")
    found = {name: Outcome(expected[name], "Not measured.", None) for name in names}
    compared = {epochs: by_measure(own, base) for epochs, own in runs.items()}
    if last := max(runs, default=0):
        found["trained"] = _trained(last, compared[last]["delay"], expected["trained"])
    if 0 in runs:
        found["untrained"] = _untrained(runs[0], compared[0], expected["untrained"])
    if {0, last} <= runs.keys() and len(runs) > 2:
        wait = {epochs: rows["wait"]["own"] for epochs, rows in compared.items()}
        found["intermediate"] = _intermediate(runs, wait, expected["intermediate"])
        premises = all_hold([found[name].holds for name in ("trained", "untrained")])
        found["waiting"] = _waiting(runs, base, premises, expected["waiting"])
    return list(found.values())


def _trained(epochs: int, row: Mapping[str, Any], expected: str) -> Outcome:
    """What came of layers on the network that has learned longest."""
    if np.isnan(row["own"]):
        text = f"On a network frozen after {epochs} epochs too few layers arrive."
        return Outcome(expected, text, None)
    flat, slow = row["own"] <= MOST, row["base"] >= TOGETHER
    text = (
        f"Each further layer adds {number(row['own'])} epochs on a network frozen after {epochs} "
        f"epochs (layers {row['over']}), and {number(row['base'])} where layers learn together: "
        f"difference {difference_of(row)}."
    )
    if flat and not slow:
        text += f" The first half holds; layers that learn together need less than {TOGETHER}."
    return Outcome(expected, text, bool(flat and slow))


def _untrained(own: Records, compared: Mapping[str, dict], expected: str) -> Outcome:
    """What came of layers on a network as it was initialized."""
    row = compared["delay"]
    delays = mean_delay(own.layers).query("layer > 1")
    reached = delays.loc[~delays["censored"], "layer"].to_numpy()
    which = f"of {layer_numbers(reached)}" if len(reached) else "of no layer above the first"
    parts = [
        f"by {yardstick.by} {number(one['own'])} epochs instead of {number(one['base'])} where "
        f"layers learn together (difference {difference_of(one)}, layers {one['over']})"
        for yardstick in YARDSTICKS
        if not np.isnan((one := compared[yardstick.delay])["own"])
    ]
    few = np.isnan(row["own"])
    text = (
        f"On an untrained network the mean accuracy {which} reaches 0.7 within "
        f"{delays['last_epoch'].iloc[0]} epochs"
        f"{', too few for a delay per layer by Eq. 3' if few else ''}."
    )
    text += f" Each further layer adds {'; '.join(parts)}." if parts else ""
    steeper = None if few else bool(row["own"] > row["base"])
    return Outcome(expected, text, steeper if (reached <= LAST).all() else False)


def _intermediate(runs: Mapping[int, Records], wait: Mapping[int, float], expected: str) -> Outcome:
    """What came of networks that have learned for more and more epochs, the first for none."""
    above = [mean_delay(own.layers).query("layer > 1") for own in runs.values()]
    crossings = np.nan_to_num(np.array([one["crossing"] for one in above], float), nan=np.inf)
    shorter: Any = (crossings[1:] <= crossings[:-1]).all(axis=0)
    neither = np.isinf(crossings[1:]) & np.isinf(crossings[:-1])
    last, early = max(runs), max(epochs for epochs in runs if epochs <= EARLY)
    means = ", ".join(f"{number(value)} after {epochs}" for epochs, value in wait.items())
    text = (
        f"{shorter.sum()} of {len(shorter)} layers are never later on a network that has learned "
        "longer. Epochs that layers above the first take on average, from their own start, "
        f"counting {above[0]['last_epoch'].iloc[0]} where a layer does not arrive: {means}."
    )
    steps = zip(neither.sum(axis=1), list(runs)[:-1], list(runs)[1:], strict=True)
    tied = [f"{count} ({low} against {high} epochs)" for count, low, high in steps if count]
    if tied:
        text += (
            " Some arrive on neither of two networks, so that it is not known on which they are "
            f"later: {listed(tied)}."
        )
    gain, enough = wait[0] - wait[last], None
    if early and gain > 0:
        share = (wait[0] - wait[early]) / gain
        cut = [misses(runs[epochs], "train_accuracy") for epochs in (0, early)]
        known = "about " if cut[1] else "at least " if cut[0] else ""
        text += (
            f" The first {early} epochs of the network below bring {known}"
            f"{number(100 * share)} % of the gain."
        )
        enough = bool(share > 0.5) if early == EARLY else None  # else it is still to be measured
    certain = None if tied and enough else enough
    return Outcome(expected, text, certain if shorter.all() else False)


def _waiting(
    runs: Mapping[int, Records], base: Records, premises: bool | None, expected: str
) -> Outcome:
    """What the frozen networks say of waiting and of depth.

    True if both premises are. A premise that fails says nothing against the conclusion, which is
    undecided then.
    """
    waited = []
    for epochs in (0, max(runs)):
        words = [
            f"{wait_beside(runs[epochs], base, yardstick)[0]} by {yardstick.by}"
            for yardstick in YARDSTICKS
        ]
        which = f"on the network frozen after {epochs} epochs" if epochs else "on the untrained one"
        waited.append(f"{which} {' and '.join(words)}")
    text = (
        "How many epochs longer a layer takes on average, from its own start, than where layers "
        f"learn together: {'; '.join(waited)}."
    )
    failed = (
        "" if premises else " It follows from the predictions above, not all of which came true."
    )
    return Outcome(expected, text + failed, premises or None)


def normalization(records: Mapping[str, Records], expected: Mapping[str, str]) -> list[Outcome]:
    """What came of layer normalization, for layers that learn together and on untrained ones."""
    pairs = {
        "Together": ("normalization-layer", BEST, expected["normalization"]),
        "On an untrained network": (
            "on-frozen-0-normalization-layer",
            "on-frozen-0",
            "The same, of layers on an untrained network.",
        ),
    }
    found = []
    for words, (own, base, text) in pairs.items():
        if not {own, base} <= records.keys():
            found.append(Outcome(text, "Not measured.", None))
            continue
        rows = by_measure(records[own], records[base])
        parts = []
        for yardstick in YARDSTICKS:
            one = rows[yardstick.delay]
            slope = (
                f"each further layer adds {number(one['own'])} epochs instead of "
                f"{number(one['base'])} (difference {difference_of(one)}, layers {one['over']})"
                if not np.isnan(one["own"])
                else "too few layers arrive for a delay per layer"
            )
            longer, _ = wait_beside(records[own], records[base], yardstick)
            parts.append(f"by {yardstick.by} {slope}; the average wait differs by {longer}")
        row = rows["delay"]
        few = np.isnan(row["own"])
        holds = None if few else bool(row["own"] <= (1 - LESS) * row["base"])
        found.append(Outcome(text, f"{words}: {'; '.join(parts)}.", holds))
    return found


def moving(records: Mapping[str, Records], expected: str) -> Outcome:
    """What came of layers that start one after the other above layers that go on learning.

    Parameters
    ----------
    records
        Of the study.
    expected
        The prediction.
    """
    if MOVING not in records:
        return Outcome(expected, "Not measured.", None)
    words = [f"{per_layer(records[MOVING], one)[0]} by {one.by}" for one in YARDSTICKS]
    text = (
        f"Epochs that each further layer adds, counted from its own start: {' and '.join(words)}. "
        "Counted from the common start they are one more."
    )
    return Outcome(expected, text, _flat(records[MOVING], YARDSTICKS[0]))


def _flat(own: Records, yardstick: Yardstick) -> bool | None:
    """Whether each further layer adds no more than `MOST` from its own start; None if undecided."""
    row = slope_of(own, yardstick)
    if row is None:
        return None
    return True if row["high"] < MOST else False if row["low"] > MOST else None
