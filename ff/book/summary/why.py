"""Why deep layers are late: what was expected of the interventions, and what came, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import estimate, layer_numbers, number
from ff.book.study import Outcome
from ff.book.summary.variations import BEST
from ff.records import Records
from ff.stats import study
from ff.stats.delay import TARGET, mean_delay, slope

__all__ = [
    "answers",
    "effects",
    "frozen_runs",
    "interventions",
    "normalization",
    "own_delays",
    "step_sizes",
    "waits",
]

TOGETHER = 0.7  # epochs per layer that layers which learn together were expected to need at least
WAITED = 1.0  # epochs of waiting that matter, at least
MOST = 0.1  # epochs per layer that a delay on a trained network was expected to grow by, at most
LAST = 6  # layer above which none was expected to reach the target on an untrained network
EARLY = 10  # epochs of the network below that were expected to bring more than half of the gain
LESS = 0.2  # share of the delay per layer that layer normalization was expected to take away
FALL = 0.05  # of accuracy from one epoch to the next, which counts as one
# What tells positive from negative samples: columns of the accuracy whose delay is taken, and of
# that on validation images.
YARDSTICKS = {
    "Eq. 3": ("train_accuracy", "validation_accuracy"),
    "pairs": ("pair_accuracy", "pair_accuracy"),
}
OFTEN, FEW = 0.5, 0.1  # share of layers that fall: frequent is more, few is less
AWAKE = 0.55  # accuracy from which a layer can fall by that much: the others stay at chance


def frozen_runs(records: Mapping[str, Records]) -> dict[int, Records]:
    """Runs on frozen networks, by the epochs for which the network below has learned."""
    found = {}
    for name, own in records.items():
        config = own.runs[0]["config"]
        if name.startswith("on-frozen") and config["normalization"] == "rms":
            found[config["frozen_after"]] = own
    return dict(sorted(found.items()))


def own_delays(runs: Mapping[str, Records]) -> dict[str, pd.DataFrame]:
    """Delays of each layer from its own start, of runs by words for each, by both yardsticks.

    Without layer 1 on a frozen network: nothing below it was frozen.

    Returns
    -------
    dict
        Results of `ff.delay.mean_delay` with a further column: by ("Eq. 3" or "pairs").
    """
    found = {}
    for words, own in runs.items():
        first = 2 if own.runs[0]["config"]["schedule"] == "on-frozen" else 1
        tables = [
            mean_delay(own.layers, column=column).assign(by=by)
            for by, (column, _) in YARDSTICKS.items()
        ]
        found[words] = pd.concat(tables, ignore_index=True).query(f"layer >= {first}")
    return found


def waits(records: Mapping[str, Records]) -> pd.DataFrame:
    """Delay of each layer on each frozen network, beside how well the layer below it does.

    Parameters
    ----------
    records
        Of the study: the paper's network and those on frozen networks.

    Returns
    -------
    DataFrame
        One row a yardstick, a layer from 2 and a number of epochs: by ("Eq. 3" or "pairs"), epochs,
        layer, below (accuracy of the layer below on validation images when it was frozen; of an
        untrained network it was not measured, which is left out), crossing, censored, last_epoch.
    """
    rows = records["paper"].layers.groupby(["epoch", "layer"])
    trained = {epochs: own for epochs, own in frozen_runs(records).items() if epochs}
    tables = []
    for epochs, delays in own_delays({str(key): own for key, own in trained.items()}).items():
        for by, (_, column) in YARDSTICKS.items():
            own: Any = delays[delays["by"] == by]
            accuracy: Any = rows[column].mean()
            below = [accuracy[int(epochs), layer - 1] for layer in own["layer"]]
            kept = own[["by", "layer", "crossing", "censored", "last_epoch"]]
            tables.append(kept.assign(epochs=int(epochs), below=below))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


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
        cause = f"its place in a network frozen after {epochs} epochs"
        cause = cause if epochs else "its place in an untrained network"
        for by, (column, _) in YARDSTICKS.items():
            rows.append((cause, "epochs per layer", by, *_by_place(own, column)))
    waited = {
        ("training of the layers below", "epochs more if untrained"): (0, max(runs, default=0)),
        ("layer normalization", "epochs more with it, together"): ("normalization-layer", BEST),
    }
    known = {**records, **runs}
    for (cause, what), (own, base) in waited.items():
        measured = own != base and {own, base} <= known.keys()
        compared = _by_measure(known[own], known[base]) if measured else {}
        for wait, (by, (column, _)) in zip(("wait", "pair wait"), YARDSTICKS.items(), strict=True):
            found = decided = "not measured"
            if measured:
                row = compared[wait]
                found = _least(known[own], column) + _estimate(row)
                decided = _decided(row["low"], row["high"], WAITED)
            rows.append((cause, what, by, found, decided))
    return pd.DataFrame(rows, columns=["cause", "what", "by", "found", "decided"])


def _by_place(own: Records, column: str) -> tuple[str, str]:
    """Epochs that each further layer adds on a frozen network: in words, and what they decide."""
    rows: Any = own.layers.query("layer > 1")
    (row,) = slope(rows, column=column).query("segment == 'all'").to_dict("records")
    if np.isnan(row["slope"]):
        return "too few layers arrive", "undecided"
    crossings: Any = mean_delay(rows, column=column)["crossing"]
    if (crossings <= rows["epoch"].min()).all():
        return "not resolved, all past 0.7 after one epoch", "undecided"
    return _estimate(row | {"difference": row["slope"]}), _decided(row["low"], row["high"], MOST)


def _least(own: Records, column: str = "train_accuracy") -> str:
    """Words before a wait that counts the last epoch where a seed's layer does not arrive."""
    highest: Any = own.layers.query("layer > 1").groupby(["seed", "layer"])[column].max()
    return "at least " if highest.min() < TARGET else ""


def _decided(low: float, high: float, margin: float) -> str:
    if low > margin or high < -margin:
        return "more" if low > margin else "less"
    return "none" if -margin < low and high < margin else "undecided"


def answers(records: Mapping[str, Records]) -> list[str]:
    """What the interventions say in numbers, a sentence each; without those not measured."""
    runs, (first, last) = frozen_runs(records), study.LAYERS
    together: Any = own_delays({"": records["paper"]})[""].set_index(["by", "layer"])["crossing"]
    said = []
    for epochs, own in runs.items():
        if epochs >= EARLY:
            delays: Any = own_delays({"": own})[""].set_index(["by", "layer"])["crossing"]
            parts = [
                f"{_range(delays[by].loc[first:last])} by {by}, and "
                f"{_range(together[by].loc[first:last])} where layers learn together"
                for by in YARDSTICKS
            ]
            said.append(
                f"From its own start on a network frozen after {epochs} epochs a layer takes "
                f"{'; '.join(parts)}."
            )
    own, base = (records.get(name) for name in ("normalization-layer", BEST))
    if own and base:
        rows = _by_measure(own, base)
        parts = [
            f"{number(rows[name]['own'])} instead of {number(rows[name]['base'])} epochs per layer "
            f"by {by} (difference {_estimate(rows[name])})"
            for by, name in zip(YARDSTICKS, ("delay", "pair delay"), strict=True)
        ]
        said.append(f"With layer normalization, and nothing frozen: {'; '.join(parts)}.")
    return said


def _range(crossings: Any) -> str:
    """From the fastest layer to the slowest, such as "2 (layer 4) to 17.6 epochs (layer 16)"."""
    late = crossings.fillna(np.inf)
    if late.max() <= 1:
        return "no more than one epoch in every layer"
    ends = ((late.min(), late.idxmin()), (late.max(), late.idxmax()))
    fast, slow = (
        f"{number(epochs)} epochs (layer {layer})" if epochs < np.inf else f"never (layer {layer})"
        for epochs, layer in ends
    )
    return f"{fast} to {slow}"


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
    compared = {epochs: _by_measure(own, base) for epochs, own in runs.items()}
    found: dict[str, Outcome] = {}
    if last := max(runs, default=0):
        row = compared[last]["delay"]
        flat, slow = row["own"] <= MOST, row["base"] >= TOGETHER
        text = (
            f"{number(row['own'])} epochs per layer on a network frozen after {last} epochs "
            f"(layers {row['over']}), {number(row['base'])} together: difference {_estimate(row)}."
        )
        if flat and not slow:
            text += f" The first half holds; layers together need less than {TOGETHER}."
        found["trained"] = Outcome(expected["trained"], text, bool(flat and slow))
    if 0 in runs:
        found["untrained"] = _untrained(runs[0], compared[0], expected["untrained"])
    if {0, last} <= runs.keys() and len(runs) > 2:
        wait = {epochs: rows["wait"]["own"] for epochs, rows in compared.items()}
        above = [mean_delay(own.layers).query("layer > 1")["crossing"] for own in runs.values()]
        crossings = np.nan_to_num(np.array(above, dtype=float), nan=np.inf)
        shorter: Any = (crossings[1:] <= crossings[:-1]).all(axis=0)
        early = max(epochs for epochs in wait if epochs <= EARLY)
        gain = wait[0] - wait[last]
        share = (wait[0] - wait[early]) / gain if gain else np.nan
        listed = ", ".join(f"{number(value)} after {epochs}" for epochs, value in wait.items())
        text = (
            f"In {shorter.sum()} of {len(shorter)} layers no network delays it more than one that "
            "has learned less. Mean wait of layers 2 to 16 from their own start, counting 30 "
            f"epochs where a layer does not arrive: {listed}. The first {early} epochs of the "
            f"network below bring {_least(runs[0])}{number(100 * share)} % of the gain."
        )
        enough = bool(share > 0.5) if EARLY in runs else None  # else it is still to be measured
        holds = enough if shorter.all() else False
        found["intermediate"] = Outcome(expected["intermediate"], text, holds)
        found["waiting"] = _waiting(runs, compared, found, expected["waiting"])
    return list(found.values())


def _untrained(own: Records, compared: Mapping[str, dict], expected: str) -> Outcome:
    """What came of layers on a network as it was initialized."""
    row, pairs = compared["delay"], compared["pair delay"]
    delays = mean_delay(own.layers).query("layer > 1")
    reached = delays.loc[~delays["censored"], "layer"].to_numpy()
    few = bool((reached <= LAST).all())
    text = "On an untrained network the mean accuracy of "
    if np.isnan(row["own"]):
        which = layer_numbers(reached) if len(reached) else "no layer above the first"
        text += (
            f"{which} reaches 0.7 within {delays['last_epoch'].iloc[0]} epochs: too few for a "
            "delay per layer."
        )
    else:
        text += (
            f"{layer_numbers(reached)} reach 0.7, {number(row['own'])} epochs per layer; "
            f"together {number(row['base'])} over the same."
        )
    if not np.isnan(pairs["own"]):
        text += (
            f" By pairs it takes {number(pairs['own'])} epochs per layer instead of "
            f"{number(pairs['base'])} (difference {_estimate(pairs)}, layers {pairs['over']})."
        )
    steeper = None if np.isnan(row["own"]) else bool(row["own"] > row["base"])
    return Outcome(expected, text, False if not few else steeper)


def _waiting(
    runs: Mapping[int, Records],
    compared: Mapping[int, Mapping[str, dict]],
    found: Mapping[str, Outcome],
    expected: str,
) -> Outcome:
    """What the frozen networks say of waiting and of depth.

    True if both premises are. A premise that fails says nothing against the conclusion, which is
    undecided then.
    """
    first, soon, *_ = sorted(compared)
    trained = [epochs for epochs in sorted(compared, reverse=True) if epochs > first]
    slopes = [
        f"{number(compared[epochs]['delay']['own'])} after {epochs}"
        f" (layers {compared[epochs]['delay']['over']})"
        for epochs in trained
        if np.isfinite(compared[epochs]["delay"]["own"])
    ]
    text = (
        f"Epochs that each further layer adds on a frozen network: {', '.join(slopes) or 'none'}. "
        "On an untrained network layers wait at least "
        f"{number(compared[first]['wait']['difference'])} epochs longer than together. "
        f"On a network frozen after {soon} epochs a layer takes, from its own start and "
        f"beside layers that learn together, {_least(runs[soon])}"
        f"{_estimate(compared[soon]['wait'])} epochs more by Eq. 3, and "
        f"{_estimate(compared[soon]['pair wait'])} by pairs."
    )
    premises = _all([found[name].holds for name in ("trained", "untrained")])
    failed = "" if premises else " Not every premise above came true."
    return Outcome(expected, text + failed, premises or None)


def normalization(records: Mapping[str, Records], expected: Mapping[str, str]) -> list[Outcome]:
    """What came of layer normalization, for layers that learn together and on untrained ones."""
    pairs = {
        "Together": ("normalization-layer", BEST),
        "On an untrained network": ("on-frozen-0-normalization-layer", "on-frozen-0"),
    }
    found = []
    for words, (own, base) in pairs.items():
        if own in records and base in records:
            rows = _by_measure(records[own], records[base])
            row = rows["delay"]
            parts = [
                f"{number(one['own'])} epochs per layer instead of {number(one['base'])} "
                f"(difference {_estimate(one)}, layers {one['over']}) by {by}"
                for by, one in zip(YARDSTICKS, (row, rows["pair delay"]), strict=True)
                if not np.isnan(one["own"])
            ]
            known = not np.isnan(row["own"])
            few = [] if known else ["too few layers arrive for a delay per layer by Eq. 3"]
            text = f"{words}: {'; '.join(few + parts)}; mean wait {_estimate(rows['wait'])} epochs."
            holds = bool(row["own"] <= (1 - LESS) * row["base"]) if known else None
            whole = expected["normalization"] if not found else "The same, its second half."
            found.append(Outcome(whole, text, holds))
    return found


def step_sizes(
    falls: pd.DataFrame, slopes: pd.DataFrame, expected: Mapping[str, str]
) -> list[Outcome]:
    """What came of other learning rates at both widths.

    Parameters
    ----------
    falls
        Results of `ff.stats.study.falls` with a column ``rate``, in units of the paper's.
    slopes
        Rows of `ff.delay.slope`, segment "all", with that column, too.
    expected
        Predictions by name: "falls" and "width".
    """
    fell = falls.assign(fell=falls["largest"] > FALL)
    awake: Any = fell[fell["highest"] >= AWAKE].groupby(["hidden", "rate"])["fell"]
    of: Any = fell.groupby(["hidden", "rate"]).size()
    count: Any = awake.size().reindex(of.index, fill_value=0)
    share: Any = awake.mean().reindex(of.index)
    found = []
    if {(1000, 1.0), (1000, 0.1), (100, 1.0), (100, 0.1)} <= set(share.index):
        words = ", ".join(
            f"{number(100 * value)} % of {count[hidden, rate]} (of {of[hidden, rate]}) at "
            f"{hidden} units and {rate:g} times the rate"
            for (hidden, rate), value in share.items()
            if rate in (0.1, 1.0)
        )
        came = {which: bool(value < FEW) for which, value in share.items()}
        came[1000, 1.0] = bool(share[1000, 1.0] > OFTEN)
        known = {which: 2 * count[which] > of[which] for which in came}
        holds = _all(
            [came[which] if known[which] else None for which in came if which[1] in (0.1, 1.0)]
        )
        text = (
            f"Layers of a seed that fall by more than {FALL} at least once, of those that leave "
            f"{AWAKE}: {words}. Frequent is more than half, few is less than a tenth; where no "
            "more than half of the layers leave chance, neither is said."
        )
        found.append(Outcome(expected["falls"], text, holds))
    rows = {(row["hidden"], row["rate"]): row for row in slopes.to_dict("records")}
    if {(1000, 0.1), (100, 1.0)} <= rows.keys():
        wide, narrow = rows[1000, 0.1], rows[100, 1.0]
        text = (
            "Epochs per layer: 1000 units at a tenth of the rate "
            f"{estimate(wide['slope'], wide['low'], wide['high'])}, 100 units at the paper's rate "
            f"{estimate(narrow['slope'], narrow['low'], narrow['high'])}."
        )
        apart = wide["high"] < narrow["low"] or wide["low"] > narrow["high"]
        holds = bool(wide["high"] < narrow["low"]) if apart else None
        found.append(Outcome(expected["width"], text, holds))
    return found


def _all(holds: Sequence[bool | None]) -> bool | None:
    """Whether all hold: False if one does not, else None if one is undecided."""
    return False if False in holds else None if None in holds else True


def _by_measure(own: Records, base: Records) -> dict[str, dict]:
    return {row["measure"]: row for row in study.compared(own, base).to_dict("records")}


def _estimate(row: Mapping) -> str:
    return estimate(row["difference"], row["low"], row["high"])
