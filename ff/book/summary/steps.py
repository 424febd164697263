"""What the size of a step does at two widths, and what was expected of it, in sentences."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import estimate, listed
from ff.book.study import Outcome, all_hold
from ff.stats.intervals import Estimate, jackknife, leave_one_out
from ff.stats.study import order_falls

__all__ = [
    "AWAKE",
    "fall_table",
    "falls_along",
    "slope_table",
    "step_or_width",
    "step_sizes",
]

FALL = 0.05  # of accuracy from one epoch to the next, which counts as one
OFTEN, FEW = 0.5, 0.1  # share of layers that fall: frequent is more, few is less
AWAKE = 0.55  # accuracy from which a layer can fall by that much: the others stay at chance


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
            f"{estimate(row['slope'], row['low'], row['high'])} at {_rate(row['rate'])}"
            for row in part.to_dict("records")
        ]
        said.append(f"with {hidden} units {', '.join(found)}")
        above = part["low"].to_numpy() > 1
        slowed.append(above[-1] and not above[0])
    if not said:
        return []
    sentences = [
        "How many times as much delay a further layer adds in the deeper half of the layers that "
        f"arrive as in the shallower half: {'; '.join(said)}. {_contrasts(ratios)}"
    ]
    if len(said) > 1 and all(slowed):
        sentences.append(
            "<b>The contrast between shallow and deep layers comes with larger steps, not with "
            "width alone.</b> At each width, a deep layer adds more delay than a shallow one at "
            "the highest learning rate, which is not shown at the lowest rate at which enough "
            "layers arrive; in part because shallow layers gain more from larger steps."
        )
    return sentences


def _contrasts(ratios: Any) -> str:
    """Which half adds more delay, by width and by learning rate, in a sentence."""
    widths = []
    for hidden, part in ratios.groupby("hidden"):
        deeper, shallower = part["low"] > 1, part["high"] < 1
        halves = {
            "the deeper one": deeper,
            "the shallower one": shallower,
            "undecided": ~deeper & ~shallower,
        }
        found = [
            f"{words} at {listed(map(_rate, part.loc[rows, 'rate']))}"
            for words, rows in halves.items()
            if rows.any()
        ]
        widths.append(f"with {hidden} units {', '.join(found)}")
    return f"Which half adds more, by these intervals: {'; '.join(widths)}."


def _rate(rate: float) -> str:
    """A learning rate in units of the paper's, in words."""
    return "the paper's rate" if rate == 1 else f"{rate:g} times the rate"


def slope_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Epochs that each further layer adds, by width and learning rate, as text with intervals.

    Parameters
    ----------
    rows
        As of `step_or_width`.
    """
    segments = {
        "all": "delay per layer",
        "shallow": "shallower half",
        "deep": "deeper half",
        "ratio": "deeper over shallower",
    }
    found: dict[str, dict[str, Any]] = {}
    ordered: Any = rows.sort_values(["hidden", "rate"])
    for (hidden, rate), part in ordered.groupby(["hidden", "rate"]):
        own = {row["segment"]: row for row in part.to_dict("records")}
        whole = own["all"]
        found[f"{hidden} units, {_rate(rate)}"] = {
            "seeds": whole["seeds"],
            "layers": f"{whole['first_layer']:g} to {whole['last_layer']:g}",
        } | {
            words: estimate(*(own[name][end] for end in ("slope", "low", "high")))
            for name, words in segments.items()
        }
    return pd.DataFrame.from_dict(found, orient="index")


def falls_along(layers: pd.DataFrame) -> str:
    """How often the order of samples suffers, too, where a layer's accuracy falls.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`, of one width.
    """
    parts = []
    for first, last in ((1, 8), (9, 16)):
        some: Any = layers[layers["layer"].between(first, last)]
        count, along = order_falls(some)
        if count:
            parts.append(f"in {100 * along:.0f} % of {count} falls in layers {first} to {last}")
    return (
        f"Where validation accuracy falls by more than {FALL}, the area under the ROC curve does "
        f"so, too, {' and '.join(parts) or 'never'}."
    )


def fall_table(falls: pd.DataFrame) -> pd.DataFrame:
    """How many layers fall, by learning rate and width, as text.

    Parameters
    ----------
    falls
        As of `step_sizes`.
    """
    found: dict[str, dict[str, str]] = {}
    for hidden, rate in _counts(falls).index:
        found.setdefault(f"{hidden} units", {})[_rate(rate)] = _falling(falls, hidden, rate)
    return pd.DataFrame(found)


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
    of: Any = _counts(falls)
    found = {name: Outcome(expected[name], "Not measured.", None) for name in ("falls", "width")}
    if {(1000, 1.0), (1000, 0.1), (100, 1.0), (100, 0.1)} <= set(of.index):
        words, came = [], []
        for key in (key for key in of.index if key[1] in (0.1, 1.0)):
            words.append(f"{_falling(falls, *key)} with {key[0]} units at {_rate(key[1])}")
            one, count = _share(falls, *key)
            often = key == (1000, 1.0)
            margin = OFTEN if often else FEW
            more, less = bool(one.low > margin), bool(one.high < margin)
            known = (more or less) and 2 * count > of[key]
            came.append((more if often else less) if known else None)
        text = (
            f"Layers that fall by more than {FALL} at least once, of those whose accuracy leaves "
            f"chance ({AWAKE}): {'; '.join(words)}. Frequent is "
            "more than half, few is less than a tenth, each with the whole interval over seeds; "
            "where no more than half of the layers leave chance, neither is said."
        )
        found["falls"] = Outcome(expected["falls"], text, all_hold(came))
    whole: Any = rows[rows["segment"] == "all"]
    found_at = {(row["hidden"], row["rate"]): row for row in whole.to_dict("records")}
    needed = {(1000, 0.1), (100, 1.0)}
    if needed <= set(of.index):
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


def _counts(falls: pd.DataFrame) -> Any:
    """How many layers of seeds there are, by width and learning rate."""
    return falls.groupby(["hidden", "rate"]).size()


def _falling(falls: pd.DataFrame, hidden: int, rate: float) -> str:
    """How many layers fall, of those that leave chance and of all, in words."""
    one, count = _share(falls, hidden, rate)
    percent = 100 * np.clip([one.value, one.low, one.high], 0, 1)
    return f"{estimate(*percent)} % of {count} (of {_counts(falls)[hidden, rate]})"


def _share(falls: pd.DataFrame, hidden: int, rate: float) -> tuple[Estimate, int]:
    """Share of the layers that leave chance that fall, with its interval, and their number."""
    awake = (falls["hidden"] == hidden) & (falls["rate"] == rate) & (falls["highest"] >= AWAKE)
    own: Any = falls[awake]
    rows = (own["largest"] > FALL).groupby(own["seed"])
    fell, count = rows.sum().to_numpy(float), rows.size().to_numpy(float)
    if not len(count):  # no layer leaves chance
        return jackknife(np.full(2, np.nan)), 0
    share = jackknife(leave_one_out(lambda weights: weights @ fell / (weights @ count), len(count)))
    return share, len(own)
