"""Measured answers to the exercises of the page "Watch it learn".

Each is a question on the network of that page: 8 layers of 100 units on the digits.
"""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import (
    BEYOND,
    DASH,
    MINUS,
    Html,
    estimate,
    fold,
    layer_numbers,
    listed,
    scrolling,
)
from ff.results import RESULTS, backprop, backprop_grids, best_rate, exercise
from ff.stats import paired
from ff.stats.delay import TARGET, seed_delays

__all__ = ["backpropagation", "learning_rate", "rates", "threshold"]

PARAMS = RESULTS.parents[1] / "params"
READABLE, PROBE = 0.9, "probe_accuracy"  # when a layer counts as readable, and by what


def threshold() -> Html:
    """Which layers suffer from twice the threshold."""
    found = _beside("threshold-2")
    which = {
        "later": found["difference_low"] > 0,
        "earlier": found["difference_high"] < 0,
        "neither later nor earlier as far as can be seen": (found["difference_low"] <= 0)
        & (found["difference_high"] >= 0),
    }
    parts = _sorted(found, which)
    text = f"With twice the threshold, {listed(parts)}. " if parts else ""
    later: Any = found[which["later"]]
    if len(later):
        most = later.loc[later["difference"].idxmax()]
        text += (
            f"Most later is layer {most.name}: by {_told(most, 'difference')} epochs, "
            f"which makes its delay {_told(most, 'ratio')} times as long. "
        )
    return _own("threshold-2", found, text, "twice the threshold", "difference")


def learning_rate() -> Html:
    """Whether deep layers come twice as late at half the learning rate."""
    found = _beside("learning-rate-0.5x")
    first: Any = found["base"].le(1) & found["other"].le(1)
    rest = found[~first & found["ratio"].notna()]
    places = {
        "twice as late, as far as can be seen": (rest["ratio_low"] <= 2)
        & (rest["ratio_high"] >= 2),
        "less than twice as late": rest["ratio_high"] < 2,
        "more than twice as late": rest["ratio_low"] > 2,
    }
    parts = _sorted(rest, places)
    whole = np.all(places["less than twice as late"]) and len(rest) > 0
    text = "No. " if whole else ""
    text += f"At half the learning rate, {listed(parts)}. " if parts else ""
    if len(rest):
        last = rest.iloc[-1]
        text += f"The delay of layer {last.name} is {_told(last, 'ratio')} times as long. "
    if np.any(first):
        text += f"No delay is seen in {layer_numbers(found.index[first])}: "
        text += f"{TARGET} is reached in the first epoch at either rate. "
    return _own("learning-rate-0.5x", found, text, "half the learning rate", "ratio")


def backpropagation() -> Html:
    """In which order layers become readable by backpropagation, beside Forward-Forward."""
    ways = {"Forward-Forward": exercise("base"), "backpropagation": backprop("digits")}
    layers = {name: own.layers for name, own in ways.items()}
    delays: Any = paired.delays(layers, READABLE, PROBE).set_index("layer")
    slopes: Any = paired.slopes(layers, READABLE, PROBE).set_index("way")
    own = delays[delays["way"] == "backpropagation"]
    rate = ways["backpropagation"].runs[0]["config"]["learning_rate"]
    text = f"{_direction(*slopes.loc['backpropagation', ['low', 'high']])} "
    text += f"With backpropagation, at a learning rate of {rate:g} that was chosen on validation "
    text += f"images, {_apart(own['crossing'])}. "
    both = [
        f"{estimate(*slopes.loc[name, ['slope', 'low', 'high']])} epochs with {name}"
        for name in ("backpropagation", "Forward-Forward")
    ]
    text += f"A further layer adds {listed(both)}. {_in_seeds(layers['backpropagation'])}"
    late = [
        f"With {name}, {layer_numbers(rows.index[rows['censored']])} "
        f"did not reach it within {rows['last_epoch'].iloc[0]} epochs."
        for name, rows in delays.groupby("way", sort=False)
        if rows["censored"].any()
    ]
    keys = ("crossing", "crossing_low", "crossing_high")
    columns = {name: _cells(rows, *keys) for name, rows in delays.groupby("way", sort=False)}
    what = f"the accuracy of a layer's probe on validation images reaches {READABLE}"
    seeds = int(delays["seeds"].iloc[0])
    told = " ".join([text, *late])
    return _answer("backprop/digits", told, pd.DataFrame(columns), what, seeds)


def rates() -> Html:
    """How the learning rates on the page compare with others, on validation images."""
    grids: Any = backprop_grids().query("dataset == 'digits'")
    shown = {
        "backpropagation": best_rate(grids, "backpropagation", "digits"),
        "Forward-Forward": exercise("base").runs[0]["config"]["learning_rate"],
    }
    told = []
    for learner, rate in shown.items():
        own: Any = grids[grids["learner"] == learner]
        accuracy = own.groupby("learning_rate")["validation_accuracy"].mean()
        best = best_rate(grids, learner, "digits")
        text = f"{learner} has {rate:g} here, with which {accuracy[rate]:.1%} of them were right"
        told.append(text if best == rate else f"{text} ({accuracy[best]:.1%} with {best:g})")
    seeds = grids["seed"].nunique()
    return Html(
        f"<p>Learning rates were tried on the validation images, with {seeds} other seeds: "
        f"{listed(told)}.</p>".replace("%", "&nbsp;%")
    )


def _beside(name: str) -> Any:
    """Delay of each layer in the page's network and in a variant, and what changes, by layer.

    Seeds of which a layer has died in either are left out of both.
    """
    ways: dict[str, Any] = {"base": exercise("base").layers, "other": exercise(name).layers}
    common = set.intersection(*(set(own["seed"]) for own in ways.values()))
    ways = {key: own[own["seed"].isin(common)] for key, own in ways.items()}
    table = paired.changes(ways["base"], ways["other"]).set_index("layer")
    delays = paired.delays(ways).set_index("layer")
    for key, rows in delays.groupby("way"):
        columns = {"crossing": "", "crossing_low": "_low", "crossing_high": "_high"}
        for column, end in columns.items():
            table[f"{key}{end}"] = rows[column]
    return table.assign(last_epoch=delays["last_epoch"].iloc[0], seeds=len(common))


def _sorted(found: pd.DataFrame, places: dict[str, Any]) -> list[str]:
    """Layers by what is true of them, such as "layers 2 to 8 are later"."""
    return [
        f"{layer_numbers(found.index[chosen])} {'is' if np.sum(chosen) == 1 else 'are'} {words}"
        for words, chosen in places.items()
        if np.any(chosen)
    ]


def _absent(found: pd.DataFrame) -> str:
    """Which layers do not reach the target."""
    last, missing = found["last_epoch"].iloc[0], np.isnan(found["other"])
    if not np.any(missing):
        return f"All reach {TARGET} within the {last} epochs."
    which = layer_numbers(found.index[missing])
    verb = "does" if np.sum(missing) == 1 else "do"
    return f"{which.capitalize()} {verb} not reach {TARGET} within {last} epochs."


def _direction(low: float, high: float) -> str:
    """Whether deeper layers are later, by the interval of what a further layer adds."""
    if low > 0:
        return "Deeper layers are later."
    return "Deeper layers are earlier." if high < 0 else "No order of depth can be told."


def _apart(crossing: pd.Series) -> str:
    """How far apart the first probe and the last are."""
    there: Any = crossing.dropna().sort_values(kind="stable")
    if there.empty:
        return f"no layer's probe reaches {READABLE}"
    return (
        f"the probes of {len(there)} layers reach {READABLE} within "
        f"{there.iloc[-1] - there.iloc[0]:.1f} epochs of each other"
    )


def _in_seeds(layers: pd.DataFrame) -> str:
    """In how many seeds the last layer is later than the first."""
    found = seed_delays(layers, READABLE, PROBE)
    crossing: Any = found.pivot_table("crossing", "seed", "layer", dropna=False).fillna(np.inf)
    first, last = crossing.columns[[0, -1]]
    later = int((crossing[last] > crossing[first]).sum())
    return f"Layer {last} is later than layer {first} in {later} of {len(crossing)} seeds."


def _own(run: str, found: pd.DataFrame, text: str, name: str, change: str) -> Html:
    """Answer about a variant: delays of both, and what changes, below the sentences."""
    head = {"difference": "later by", "ratio": "times as late"}[change]
    columns = {"as on this page": "base", name: "other", head: change}
    table = pd.DataFrame(
        {title: _cells(found, key, f"{key}_low", f"{key}_high") for title, key in columns.items()}
    )
    what = f"a layer's accuracy in training reaches {TARGET}"
    seeds = int(found["seeds"].iloc[0])
    return _answer(f"exercises/{run}", text + _absent(found), table, what, seeds)


def _told(row: Any, key: str) -> str:
    """A change with its interval."""
    return estimate(row[key], row[f"{key}_low"], row[f"{key}_high"])


def _cells(rows: pd.DataFrame, *columns: str) -> pd.Series:
    """A number and its interval for each layer, a dash where there is none."""
    texts = [
        DASH if np.isnan(value) else f"{value:.1f} [{low:.1f}, {high:.1f}]"
        for value, low, high in rows[list(columns)].to_numpy(float)
    ]
    return pd.Series(texts, index=rows.index).str.replace("-", MINUS).str.replace("inf", BEYOND)


def _answer(run: str, text: str, table: pd.DataFrame, what: str, seeds: int) -> Html:
    """Sentences, what was expected, and a table by layer, behind one click: predict first."""
    shown = table.rename_axis("layer").reset_index().to_html(index=False, border=0)
    heads = shown.replace("<th>", '<th scope="col">')
    note = (
        f"Epochs after which {what} in the mean of {seeds} seeds, with 95 % intervals over seeds; "
        f"{DASH} if it does not."
    )
    ours = f"<b>Our own prediction, made before it was measured:</b> {escape(_expected(run))}"
    return fold(
        "What was measured",
        f"<p>{text.strip()}</p>{scrolling(heads, note)}<p>{note}</p><p>{ours}</p>",
    )


def _expected(run: str) -> str:
    """What the head of a run's file in ``params/`` says was expected."""
    lines = (PARAMS / f"{run}.yaml").read_text(encoding="utf-8").splitlines()
    head = " ".join(line.removeprefix("# ") for line in lines if line.startswith("# "))
    said = head.partition("Expect (written before the training): ")[2]
    return said[:1].upper() + said[1:]
