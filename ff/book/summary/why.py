"""Why deep layers are late: what was expected of the interventions, and what came, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ff.book.markup import estimate, layer_numbers, listed, number
from ff.book.study import Outcome
from ff.book.summary.variations import BEST
from ff.records import Records
from ff.stats import study
from ff.stats.delay import TARGET, mean_delay, slope
from ff.stats.intervals import Estimate, jackknife, leave_one_out

__all__ = [
    "MOVING",
    "answers",
    "conclusions",
    "effects",
    "frozen_runs",
    "interventions",
    "moving",
    "normalization",
    "own_delays",
    "own_epochs",
    "slopes",
    "step_or_width",
    "step_sizes",
    "waits",
]

TOGETHER = 0.7  # epochs per layer that layers which learn together were expected to need at least
WAITED = 1.0  # epochs of waiting that matter, at least
MOST = 0.1  # epochs per layer that a delay on a trained network was expected to grow by, at most
LAST = 6  # layer above which none was expected to reach the target on an untrained network
MOVING = "one-after-another"  # the run whose layers start one epoch after each other
# What a layer's delay may hang on, besides its place in a frozen network.
TRAINING, LAYER_NORM = "training of the layers below", "layer normalization"
MOVING_PLACE = "its place where each starts one epoch later"
EARLY = 10  # epochs of the network below that were expected to bring more than half of the gain
LESS = 0.2  # share of the delay per layer that layer normalization was expected to take away
FALL = 0.05  # of accuracy from one epoch to the next, which counts as one
OFTEN, FEW = 0.5, 0.1  # share of layers that fall: frequent is more, few is less
AWAKE = 0.55  # accuracy from which a layer can fall by that much: the others stay at chance


class Yardstick(NamedTuple):
    """A way to tell positive from negative samples.

    Attributes
    ----------
    by
        Its name.
    learned, seen
        Columns of a layer's accuracy: the one whose delay is taken, and that on validation images.
    delay, wait
        Names of the delay per layer and of the wait among what `ff.stats.study` compares.
    """

    by: str
    learned: str
    seen: str
    delay: str
    wait: str


YARDSTICKS = (
    Yardstick("Eq. 3", "train_accuracy", "validation_accuracy", "delay", "wait"),
    Yardstick("pairs", "pair_accuracy", "pair_accuracy", "pair delay", "pair wait"),
)


def frozen_runs(records: Mapping[str, Records]) -> dict[int, Records]:
    """Runs on frozen networks, by the epochs for which the network below has learned."""
    found = {}
    for name, own in records.items():
        config = own.runs[0]["config"]
        if name.startswith("on-frozen") and config["normalization"] == "rms":
            found[config["frozen_after"]] = own
    return dict(sorted(found.items()))


def own_epochs(records: Records) -> Records:
    """Records whose epochs count from each layer's own start.

    Parameters
    ----------
    records
        Of a run that says in which epochs each layer learns (`ff.Config.learns`); others come back
        as they are. Only as many epochs are left as every layer has.
    """
    spans = records.runs[0]["config"].get("learns")  # older runs have noted no such key
    if not spans:
        return records
    layers: Any = records.layers
    before = layers["layer"].map({layer: first - 1 for layer, (first, _) in enumerate(spans, 1)})
    counted = layers.assign(epoch=layers["epoch"] - before)
    last = counted.groupby("layer")["epoch"].max().min()
    return Records(counted[counted["epoch"].between(1, last)], records.readouts, records.runs)


def own_delays(runs: Mapping[str, Records]) -> dict[str, pd.DataFrame]:
    """Delays of each layer from its own start, of runs by words for each, by both yardsticks.

    Without layer 1 on a frozen network: nothing below it was frozen.

    Returns
    -------
    dict
        Results of `ff.delay.mean_delay` with a further column: by ("Eq. 3" or "pairs").
    """
    return {words: _delays(own) for words, own in runs.items()}


def _delays(own: Records) -> pd.DataFrame:
    own = own_epochs(own)
    first = 2 if own.runs[0]["config"]["schedule"] == "on-frozen" else 1
    tables = [
        mean_delay(own.layers, column=yardstick.learned).assign(by=yardstick.by)
        for yardstick in YARDSTICKS
    ]
    return pd.concat(tables, ignore_index=True).query(f"layer >= {first}")


def waits(records: Mapping[str, Records]) -> pd.DataFrame:
    """Delay of each layer on each frozen network, beside how well the layer below it does.

    Parameters
    ----------
    records
        Of the study: the paper's network and those on frozen networks, of which one was trained.

    Returns
    -------
    DataFrame
        One row a yardstick, a layer from 2 and a number of epochs: by ("Eq. 3" or "pairs"), epochs,
        layer, below (accuracy of the layer below on validation images when it was frozen; of an
        untrained network it was not measured, which is left out), crossing, censored, last_epoch.
    """
    together = records["paper"].layers.groupby(["epoch", "layer"])
    tables = []
    for epochs, own in frozen_runs(records).items():
        if epochs:
            delays = _delays(own)
            for yardstick in YARDSTICKS:
                rows: Any = delays[delays["by"] == yardstick.by]
                accuracy: Any = together[yardstick.seen].mean()
                below = [accuracy[epochs, layer - 1] for layer in rows["layer"]]
                kept = rows[["by", "layer", "crossing", "censored", "last_epoch"]]
                tables.append(kept.assign(epochs=epochs, below=below))
    return pd.concat(tables, ignore_index=True)


def effects(records: Mapping[str, Records]) -> pd.DataFrame:
    """What the interventions say of each cause that the delay might have, by both yardsticks.

    Parameters
    ----------
    records
        Of the study.

    Returns
    -------
    DataFrame
        Rows for `ff.figures.causes`: cause, what (was measured), by ("Eq. 3" or "pairs"), found
        (in words) and decided: "more" or "less" where the whole interval is beyond the margin (0.1
        epochs per layer, one epoch of waiting), "none" where it is within, else "undecided", or
        "not measured".
    """
    runs = frozen_runs(records)
    rows = []
    for epochs, own in sorted(runs.items(), reverse=True):
        for yardstick in YARDSTICKS:
            found = _place(own, yardstick)
            rows.append((_place_of(epochs), "epochs per layer", yardstick.by, *found))
    for yardstick in YARDSTICKS:
        known = MOVING in records
        found = _place(records[MOVING], yardstick) if known else ("not measured", "not measured")
        rows.append((MOVING_PLACE, "epochs per layer", yardstick.by, *found))
    last = max(runs, default=0)
    pairs = {
        (TRAINING, "epochs more if untrained"): (
            (runs[0], runs[last]) if last and 0 in runs else None
        ),
        (LAYER_NORM, "epochs more with it, together"): (
            (records["normalization-layer"], records[BEST])
            if {"normalization-layer", BEST} <= records.keys()
            else None
        ),
    }
    for (cause, what), pair in pairs.items():
        for yardstick in YARDSTICKS:
            found = _longer(*pair, yardstick) if pair else ("not measured", "not measured")
            rows.append((cause, what, yardstick.by, *found))
    return pd.DataFrame(rows, columns=["cause", "what", "by", "found", "decided"])


def _place_of(epochs: int) -> str:
    after = f"its place in a network frozen after {epochs} epochs"
    return after if epochs else "its place in an untrained network"


def slopes(layers: pd.DataFrame, column: str = "train_accuracy") -> pd.DataFrame:
    """Rows of `ff.delay.slope` over layers from 2 on; none where fewer than three arrive."""
    rows: Any = layers.query("layer > 1")
    censored: Any = mean_delay(rows, column=column)["censored"]
    table: Any = slope(rows, column=column)
    return table if (~censored).sum() >= study.FEWEST else table[:0]


def _slope(own: Records, yardstick: Yardstick) -> dict[str, Any] | None:
    """Epochs that each further layer adds from its own start; None where too few arrive."""
    table: Any = slopes(own_epochs(own).layers, yardstick.learned)
    rows = table.query("segment == 'all'").to_dict("records")
    return rows[0] if rows else None


def _place(own: Records, yardstick: Yardstick) -> tuple[str, str]:
    """Epochs that each further layer adds on a frozen network: in words, and what they decide."""
    row = _slope(own, yardstick)
    if row is None:
        return "too few layers arrive", "undecided"
    delays: Any = _delays(own).query(f"by == '{yardstick.by}' and layer > 1")
    first = int(np.min(own.layers["epoch"]))
    if (delays["crossing"] <= first).all():
        most = first / (len(delays) - 1)  # from the first of these layers to the last
        return f"at most {number(most)}, all past 0.7 after one epoch", _decided(0, most, MOST)
    arrived = delays.loc[~delays["censored"], "layer"].tolist()
    over = "" if len(arrived) == len(delays) else f" ({layer_numbers(arrived)})"
    words = estimate(row["slope"], row["low"], row["high"]) + over
    return words, _decided(row["low"], row["high"], MOST)


def _longer(own: Records, base: Records, yardstick: Yardstick) -> tuple[str, str]:
    """How many epochs longer the layers of one wait: in words, and what that decides.

    A wait counts the last epoch where a layer does not arrive. So the difference is a bound where
    that happens in one of the two, and nothing is decided where it happens in both.
    """
    row = _by_measure(own, base)[yardstick.wait]
    decided = _decided(row["low"], row["high"], WAITED)
    late, early = _late(own, yardstick.learned), _late(base, yardstick.learned)
    if late and early:
        return f"{_estimate(row)} (not all arrive in either)", "undecided"
    if late:
        return f"{_estimate(row)} (lower bound)", "more" if decided == "more" else "undecided"
    if early:
        return f"{_estimate(row)} (upper bound)", "less" if decided == "less" else "undecided"
    return _estimate(row), decided


def _late(own: Records, column: str) -> bool:
    """Whether a seed's layer above the first does not arrive."""
    highest: Any = own.layers.query("layer > 1").groupby(["seed", "layer"])[column].max()
    return bool(highest.min() < TARGET)


def _decided(low: float, high: float, margin: float) -> str:
    if low > margin or high < -margin:
        return "more" if low > margin else "less"
    return "none" if -margin < low and high < margin else "undecided"


def answers(records: Mapping[str, Records]) -> list[str]:
    """How long layers take on trained, frozen networks and together, a sentence each."""
    said = [
        f"On {f'a network frozen after {epochs} epochs' if epochs else 'an untrained network'}, "
        f"from its own start, a layer takes {_ranges(own)}."
        for epochs, own in frozen_runs(records).items()
    ]
    if MOVING in records:
        said.append(
            "Where each starts one epoch after the one below and all go on learning, from its own "
            f"start, it takes {_ranges(records[MOVING])}."
        )
    return [*said, f"Where layers learn together, it takes {_ranges(records['paper'])}."]


def conclusions(records: Mapping[str, Records]) -> list[str]:
    """What the interventions decide, a sentence each, by both yardsticks where nothing is said."""
    table = {(row["cause"], row["by"]): row for row in effects(records).to_dict("records")}
    both = [yardstick.by for yardstick in YARDSTICKS]

    def found(cause: str) -> str:
        return " and ".join(f"by {by} {table[cause, by]['found']}" for by in both)

    def decided(cause: str) -> list[str]:
        return [table[cause, by]["decided"] for by in both]

    said = []
    places = {_place_of(epochs): f"frozen after {epochs} epochs" for epochs in frozen_runs(records)}
    flat = [cause for cause in places if decided(cause) == ["none", "none"]]
    if flat:
        named = listed(f"{places[cause]} ({found(cause)})" for cause in flat)
        said.append(
            f"Depth alone does not make a layer late: its place adds no more than {MOST} epochs "
            f"per layer, from its own start, on a network {named}."
        )
    settling = [cause for cause in places if decided(cause) == ["more", "none"]]
    if settling:
        named = listed(f"{places[cause]} ({found(cause)})" for cause in settling)
        said.append(
            "Where the network below has learned for less long, deeper layers may be late by Eq. 3 "
            f"alone: on one {named} they tell the samples of a pair apart at once, and what takes "
            "longer is that their goodness settles on both sides of the threshold."
        )
    if set(decided(MOVING_PLACE)) <= {"none", "less"}:
        said.append(
            "That the layers below go on learning does not hold it up, once they have begun: where "
            "each starts one epoch after the one below, each further layer adds, from its own "
            f"start, {found(MOVING_PLACE)} epochs."
        )
    if decided(TRAINING) == ["more", "more"]:
        said.append(
            "A layer waits for the layers below it to be trained. Epochs that it takes longer on "
            f"an untrained network than on the one that was trained longest: {found(TRAINING)}."
        )
    if decided(LAYER_NORM) in (["more", "more"], ["less", "less"]):
        said.append(
            "How its inputs are normalized matters as well. Epochs that it takes longer with layer "
            f"normalization, where layers learn together: {found(LAYER_NORM)}."
        )
    return said or ["No cause is decided."]


def _ranges(own: Records) -> str:
    """From the fastest layer to the slowest, by both yardsticks."""
    delays: Any = _delays(own).query("layer > 1").set_index(["by", "layer"])["crossing"]
    parts = [f"{_range(delays[yardstick.by])} by {yardstick.by}" for yardstick in YARDSTICKS]
    return " and ".join(parts)


def _range(crossings: Any) -> str:
    """Such as "2.5 (layer 4) to 17.6 epochs (layer 16)"."""
    late = crossings.fillna(np.inf)
    if late.max() <= 1:
        return "no more than one epoch in every layer"
    if late.min() == np.inf:
        return "more epochs than there were in every layer"
    slow = "more than there were" if late.max() == np.inf else f"{number(late.max())} epochs"
    return f"{number(late.min())} (layer {late.idxmin()}) to {slow} (layer {late.idxmax()})"


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
    compared = {epochs: _by_measure(own, base) for epochs, own in runs.items()}
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
        f"(layers {row['over']}), {number(row['base'])} together: difference {_estimate(row)}."
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
        f"{yardstick.by} (difference {_estimate(one)}, layers {one['over']})"
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
    tied = [
        f"{count} on those frozen after {low} and {high}" for count, low, high in steps if count
    ]
    if tied:
        text += (
            " Which is longer is not known of layers that arrive on neither of two networks: "
            f"{listed(tied)} epochs."
        )
    gain, enough = wait[0] - wait[last], None
    if early and gain > 0:
        share = (wait[0] - wait[early]) / gain
        least = "at least " if _late(runs[0], "train_accuracy") else ""
        text += (
            f" The first {early} epochs of the network below bring {least}"
            f"{number(100 * share)} % of the gain."
        )
        enough = bool(share > 0.5) if early == EARLY else None  # else it is still to be measured
    longer = None if tied and enough else enough
    return Outcome(expected, text, longer if shorter.all() else False)


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
            f"{_longer(runs[epochs], base, yardstick)[0]} by {yardstick.by}"
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
        rows = _by_measure(records[own], records[base])
        parts = []
        for yardstick in YARDSTICKS:
            one = rows[yardstick.delay]
            per_layer = (
                f"{number(one['own'])} epochs per layer instead of {number(one['base'])} "
                f"(difference {_estimate(one)}, layers {one['over']})"
                if not np.isnan(one["own"])
                else "too few layers arrive for a delay per layer"
            )
            longer, _ = _longer(records[own], records[base], yardstick)
            parts.append(f"by {yardstick.by} {per_layer}, epochs of waiting differ by {longer}")
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
    found = [_slope(records[MOVING], yardstick) for yardstick in YARDSTICKS]
    words = [
        f"{estimate(row['slope'], row['low'], row['high'])} by {yardstick.by}"
        if row
        else f"too few layers arrive by {yardstick.by}"
        for row, yardstick in zip(found, YARDSTICKS, strict=True)
    ]
    text = f"Epochs that each further layer adds, from its own start: {' and '.join(words)}."
    decided = _decided(found[0]["low"], found[0]["high"], MOST) if found[0] else "undecided"
    holds = {"more": False, "less": True, "none": True}.get(decided)
    return Outcome(expected, text, holds)


def step_or_width(rows: pd.DataFrame) -> list[str]:
    """What slows deep layers down beside shallow ones: the width, or the size of the step.

    Parameters
    ----------
    rows
        Results of `slopes` with a column ``rate``, in units of the paper's.
    """
    ratios: Any = rows[rows["segment"] == "ratio"]
    ratios = ratios.sort_values(["hidden", "rate"])
    said, begins = [], []
    for hidden, part in ratios.groupby("hidden"):
        found = [
            f"{estimate(row['slope'], row['low'], row['high'])} at {row['rate']:g} times the rate"
            for row in part.to_dict("records")
        ]
        said.append(f"{hidden} units: {', '.join(found)}")
        slowed = part["low"].to_numpy() > 1
        if slowed[-1] and not slowed[0]:
            begins.append(part["rate"].to_numpy()[slowed][0])
    if not said:
        return []
    sentences = [
        "Epochs that a further layer adds in the deeper half of the layers that arrive, over those "
        f"in the shallower half (1: the same). {'; '.join(said)}."
    ]
    if len(said) > 1 and len(begins) == len(said):
        narrower = ", and width lowers the rate at which that begins"
        sentences.append(
            "At each width deep layers are slowed down beside shallow ones at the highest rate, "
            "and not at the lowest. So it is the size of the step that makes deep layers slow"
            f"{narrower if (np.diff(begins) < 0).all() else ''}."
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
    per_layer = {(row["hidden"], row["rate"]): row for row in whole.to_dict("records")}
    needed = {(1000, 0.1), (100, 1.0)}
    if needed <= share.keys():
        found["width"] = Outcome(expected["width"], "Too few layers arrive.", None)
    if needed <= per_layer.keys():
        wide, narrow = per_layer[1000, 0.1], per_layer[100, 1.0]
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


def _by_measure(own: Records, base: Records) -> dict[str, dict]:
    return {row["measure"]: row for row in study.compared(own, base).to_dict("records")}


def _estimate(row: Mapping) -> str:
    return estimate(row["difference"], row["low"], row["high"])
