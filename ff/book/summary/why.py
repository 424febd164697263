"""Why deep layers are late: what the interventions decide, and what was expected, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import estimate, layer_numbers, listed, number
from ff.book.study import Outcome
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
from ff.stats.delay import mean_delay
from ff.stats.intervals import Estimate, jackknife, leave_one_out

__all__ = [
    "AWAKE",
    "answers",
    "conclusions",
    "interventions",
    "moving",
    "normalization",
    "step_or_width",
    "step_sizes",
]

TOGETHER = 0.7  # epochs per layer that layers which learn together were expected to need at least
LAST = 6  # layer above which none was expected to reach the target on an untrained network
EARLY = 10  # epochs of the network below that were expected to bring more than half of the gain
LESS = 0.2  # share of the delay per layer that layer normalization was expected to take away
FALL = 0.05  # of accuracy from one epoch to the next, which counts as one
OFTEN, FEW = 0.5, 0.1  # share of layers that fall: frequent is more, few is less
AWAKE = 0.55  # accuracy from which a layer can fall by that much: the others stay at chance


def answers(records: Mapping[str, Records]) -> list[str]:
    """How long layers take on trained, frozen networks and together, a sentence each."""
    said = [
        f"On {network(epochs)}, from its own start, a layer takes {_ranges(own)}."
        for epochs, own in frozen_runs(records).items()
    ]
    if MOVING in records:
        said.append(
            "Where each starts one epoch after the one below and all go on learning, from its own "
            f"start, it takes {_ranges(records[MOVING])}."
        )
    return [*said, f"Where layers learn together, it takes {_ranges(records['paper'])}."]


def conclusions(records: Mapping[str, Records]) -> list[str]:
    """What the interventions decide, a sentence each; what is undecided is not mentioned."""
    table = {(row["cause"], row["by"]): row for row in effects(records).to_dict("records")}
    both = [yardstick.by for yardstick in YARDSTICKS]
    runs = frozen_runs(records)

    def found(cause: str) -> str:
        return " and ".join(f"by {by} {table[cause, by]['found']}" for by in both)

    def decided(cause: str) -> list[str]:
        return [table[cause, by]["decided"] for by in both]

    def where(which: list[int]) -> str:
        """Networks that were frozen after these epochs, with the epochs that a layer adds there."""
        return listed(f"{network(epochs)} ({found(place_of(epochs))})" for epochs in which)

    by_place = {epochs: decided(place_of(epochs)) for epochs in runs}
    said = []
    if flat := [epochs for epochs, own in by_place.items() if own == ["none", "none"]]:
        said.append(
            f"Depth alone does not make a layer late: its place adds no more than {MOST} epochs "
            f"per layer, from its own start, on {where(flat)}."
        )
    if steep := [epochs for epochs, own in by_place.items() if own == ["more", "more"]]:
        said.append(
            "The deeper a layer's place, the longer it takes from its own start on a network "
            f"that does not change, in epochs per layer: {where(steep)}."
        )
    settling = [
        epochs
        for epochs, own in by_place.items()
        if own == ["more", "none"] and table[place_of(epochs), both[1]]["found"] == AT_ONCE
    ]
    if settling:
        said.append(
            "Deeper layers may be late by Eq. 3 alone: they tell the samples of a pair apart "
            "within an epoch, and what takes longer is that their goodness settles on both sides "
            f"of the threshold, in epochs per layer: {where(settling)}."
        )
    moved = [_flat(records[MOVING], one) for one in YARDSTICKS] if MOVING in records else []
    if moved == [False, False]:
        said.append(
            "Inputs that go on changing hold a layer up. Epochs that each further layer adds, from "
            f"its own start, where each starts one epoch after the one below: "
            f"{found(MOVING_PLACE)}."
        )
    elif runs and moved == [True, True]:
        last = max(runs)
        waits = [
            wait_beside(own_epochs(records[MOVING]), runs[last], yardstick)
            for yardstick in YARDSTICKS
        ]
        words = " and ".join(f"by {by} {wait}" for by, (wait, _) in zip(both, waits, strict=True))
        said.append(
            "Where each layer starts one epoch after the one below it, and all go on learning, "
            "deeper layers take no longer than shallow ones. Epochs that each further layer adds, "
            f"from its own start: {found(MOVING_PLACE)}. Epochs that a layer takes longer there "
            f"than on the network frozen after {last} epochs: {words}."
        )
    for cause, sides in _SIDES.items():
        own = decided(cause)
        if own in (["more", "more"], ["less", "less"]):
            said.append(f"{sides[own[0]]}: {found(cause)}.")
    return said or ["No cause is decided by both yardsticks."]


# What is said of a cause by the side on which both yardsticks decide it, before the numbers.
_SIDES = {
    TRAINING: {
        "more": "A layer waits for the layers below it to be trained. Epochs that it takes longer "
        "on an untrained network than on the one that was trained longest",
        "less": "A layer takes longer where the layers below it are trained. Difference in epochs "
        "of an untrained network from the one that was trained longest",
    },
    LAYER_NORM: {
        "more": "With layer normalization, layers that learn together arrive later, both at three "
        "times the paper's rate. Difference in epochs",
        "less": "With layer normalization, layers that learn together arrive sooner, both at three "
        "times the paper's rate. Difference in epochs",
    },
}


def _ranges(own: Records) -> str:
    """From the fastest layer to the slowest, by both yardsticks."""
    delays: Any = delays_of(own).query("layer > 1").set_index(["by", "layer"])["crossing"]
    parts = [f"{_range(delays[yardstick.by])} by {yardstick.by}" for yardstick in YARDSTICKS]
    return " and ".join(parts)


def _range(crossings: Any) -> str:
    """Such as "2.5 (layer 4) to 17.6 epochs (layer 16)"."""
    late = crossings[crossings.isna()].index
    if len(late) == len(crossings):
        return "more epochs than there were in every layer"
    first, last = crossings.idxmin(), crossings.idxmax()
    if not len(late) and crossings[last] <= 1:
        return "no more than one epoch in every layer"
    slow = f"{number(crossings[last])} epochs (layer {last})"
    if len(late):
        slow = f"more epochs than there were ({layer_numbers(late)})"
    return f"{number(crossings[first])} (layer {first}) to {slow}"


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
        premises = _all([found[name].holds for name in ("trained", "untrained")])
        found["waiting"] = _waiting(runs, base, premises, expected["waiting"])
    return list(found.values())


def _trained(epochs: int, row: Mapping[str, Any], expected: str) -> Outcome:
    """What came of layers on the network that has learned longest."""
    if np.isnan(row["own"]):
        text = f"On a network frozen after {epochs} epochs too few layers arrive."
        return Outcome(expected, text, None)
    flat, slow = row["own"] <= MOST, row["base"] >= TOGETHER
    text = (
        f"{number(row['own'])} epochs per layer on a network frozen after {epochs} epochs "
        f"(layers {row['over']}), {number(row['base'])} together: difference {difference_of(row)}."
    )
    if flat and not slow:
        text += f" The first half holds; layers together need less than {TOGETHER}."
    return Outcome(expected, text, bool(flat and slow))


def _untrained(own: Records, compared: Mapping[str, dict], expected: str) -> Outcome:
    """What came of layers on a network as it was initialized."""
    row = compared["delay"]
    delays = mean_delay(own.layers).query("layer > 1")
    reached = delays.loc[~delays["censored"], "layer"].to_numpy()
    which = f"of {layer_numbers(reached)}" if len(reached) else "of no layer above the first"
    parts = [
        f"{number(one['own'])} epochs per layer instead of {number(one['base'])} together by "
        f"{yardstick.by} (difference {difference_of(one)}, layers {one['over']})"
        for yardstick in YARDSTICKS
        if not np.isnan((one := compared[yardstick.delay])["own"])
    ]
    few = np.isnan(row["own"])
    text = (
        f"On an untrained network the mean accuracy {which} reaches 0.7 within "
        f"{delays['last_epoch'].iloc[0]} epochs"
        f"{', too few for a delay per layer by Eq. 3' if few else ''}."
    )
    text += f" It adds {'; '.join(parts)}." if parts else ""
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
        "longer. Mean wait of layers above the first from their own start, counting "
        f"{above[0]['last_epoch'].iloc[0]} epochs where a layer does not arrive: {means}."
    )
    steps = zip(neither.sum(axis=1), list(runs)[:-1], list(runs)[1:], strict=True)
    tied = [f"{count} ({low} against {high} epochs)" for count, low, high in steps if count]
    if tied:
        text += (
            " Among them are layers that arrive on neither of two networks, so that it is not "
            f"known on which they are later: {listed(tied)}."
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
        "How many epochs longer a layer waits, from its own start, than where layers learn "
        f"together: {'; '.join(waited)}."
    )
    failed = "" if premises else " Not every premise above came true."
    return Outcome(expected, text + failed, premises or None)


def normalization(records: Mapping[str, Records], expected: Mapping[str, str]) -> list[Outcome]:
    """What came of layer normalization, for layers that learn together and on untrained ones."""
    pairs = {
        "Together": ("normalization-layer", BEST, expected["normalization"]),
        "On an untrained network": (
            "on-frozen-0-normalization-layer",
            "on-frozen-0",
            "The same, its second half.",
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
                f"{number(one['own'])} epochs per layer instead of {number(one['base'])} "
                f"(difference {difference_of(one)}, layers {one['over']})"
                if not np.isnan(one["own"])
                else "too few layers arrive for a delay per layer"
            )
            longer, _ = wait_beside(records[own], records[base], yardstick)
            parts.append(f"by {yardstick.by} {slope}, epochs of waiting differ by {longer}")
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
    words = [f"by {one.by} {per_layer(records[MOVING], one)[0]}" for one in YARDSTICKS]
    text = (
        f"Epochs that each further layer adds, from its own start: {' and '.join(words)}. Counted "
        "from the common start they are one more."
    )
    return Outcome(expected, text, _flat(records[MOVING], YARDSTICKS[0]))


def _flat(own: Records, yardstick: Yardstick) -> bool | None:
    """Whether each further layer adds no more than `MOST` from its own start; None if undecided."""
    row = slope_of(own, yardstick)
    if row is None:
        return None
    return True if row["high"] < MOST else False if row["low"] > MOST else None


def step_or_width(rows: pd.DataFrame) -> list[str]:
    """How much more a deep layer adds than a shallow one, by width and by learning rate.

    Parameters
    ----------
    rows
        Results of `slopes` with a column ``rate``, in units of the paper's.
    """
    ratios: Any = rows[rows["segment"] == "ratio"]
    ratios = ratios.sort_values(["hidden", "rate"])
    said, slowed = [], []
    for hidden, part in ratios.groupby("hidden"):
        found = [
            f"{estimate(row['slope'], row['low'], row['high'])} at {row['rate']:g} times the rate"
            for row in part.to_dict("records")
        ]
        said.append(f"{hidden} units: {', '.join(found)}")
        above = part["low"].to_numpy() > 1
        slowed.append(above[-1] and not above[0])
    if not said:
        return []
    sentences = [
        "Epochs that a further layer adds in the deeper half of the layers that arrive, over those "
        f"in the shallower half (1: the same). {'; '.join(said)}."
    ]
    if len(said) > 1 and all(slowed):
        sentences.append(
            "At each width a deep layer adds more than a shallow one at the highest rate, which is "
            "not shown at the lowest at which enough layers arrive. So the contrast between "
            "shallow and deep layers comes with larger steps, not with width alone; in part "
            "because shallow layers gain more from them."
        )
    return sentences


def step_sizes(
    falls: pd.DataFrame, rows: pd.DataFrame, expected: Mapping[str, str]
) -> list[Outcome]:
    """What came of other learning rates at both widths.

    Parameters
    ----------
    falls
        Results of `ff.stats.study.falls` with a column ``rate``, in units of the paper's.
    rows
        Results of `slopes` with that column, too.
    expected
        Predictions by name: "falls" and "width".
    """
    fell = falls.assign(fell=falls["largest"] > FALL)
    awake: Any = fell[fell["highest"] >= AWAKE]
    of: Any = fell.groupby(["hidden", "rate"]).size()
    count: Any = awake.groupby(["hidden", "rate"]).size().reindex(of.index, fill_value=0)
    share = {which: _share(awake, *which) for which in of.index}
    found = {name: Outcome(expected[name], "Not measured.", None) for name in ("falls", "width")}
    if {(1000, 1.0), (1000, 0.1), (100, 1.0), (100, 0.1)} <= share.keys():
        words, came = [], []
        for which in sorted(key for key in share if key[1] in (0.1, 1.0)):
            one = share[which]
            percent = 100 * np.clip([one.value, one.low, one.high], 0, 1)
            words.append(
                f"{estimate(*percent)} % of {count[which]} (of {of[which]}) at {which[0]} units "
                f"and {which[1]:g} times the rate"
            )
            often = which == (1000, 1.0)
            margin = OFTEN if often else FEW
            more, less = bool(one.low > margin), bool(one.high < margin)
            known = (more or less) and 2 * count[which] > of[which]
            came.append((more if often else less) if known else None)
        text = (
            f"Layers of a seed that fall by more than {FALL} at least once, of those that leave "
            f"{AWAKE}: {', '.join(words)}. Frequent is more than half, few is less than a tenth, "
            "each with the whole interval over seeds; where no more than half of the layers leave "
            "chance, neither is said."
        )
        found["falls"] = Outcome(expected["falls"], text, _all(came))
    whole: Any = rows[rows["segment"] == "all"]
    found_at = {(row["hidden"], row["rate"]): row for row in whole.to_dict("records")}
    needed = {(1000, 0.1), (100, 1.0)}
    if needed <= share.keys():
        found["width"] = Outcome(expected["width"], "Too few layers arrive.", None)
    if needed <= found_at.keys():
        wide, narrow = found_at[1000, 0.1], found_at[100, 1.0]
        text = (
            "Epochs per layer: 1000 units at a tenth of the rate "
            f"{estimate(wide['slope'], wide['low'], wide['high'])}, 100 units at the paper's rate "
            f"{estimate(narrow['slope'], narrow['low'], narrow['high'])}."
        )
        apart = wide["high"] < narrow["low"] or wide["low"] > narrow["high"]
        holds = bool(wide["high"] < narrow["low"]) if apart else None
        found["width"] = Outcome(expected["width"], text, holds)
    return list(found.values())


def _share(fell: pd.DataFrame, hidden: int, rate: float) -> Estimate:
    """Share of the layers that fall, with its interval over seeds."""
    rows: Any = fell[(fell["hidden"] == hidden) & (fell["rate"] == rate)].groupby("seed")["fell"]
    falls, count = rows.sum().to_numpy(float), rows.size().to_numpy(float)
    if not len(count):  # no layer leaves chance
        return jackknife(np.full(2, np.nan))
    return jackknife(leave_one_out(lambda weights: weights @ falls / (weights @ count), len(count)))


def _all(holds: Sequence[bool | None]) -> bool | None:
    """Whether all hold: False if one does not, else None if one is undecided."""
    return False if False in holds else None if None in holds else True
