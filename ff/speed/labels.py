"""Words for the rows of a bench file, made of their columns."""

from typing import Any

import numpy as np

__all__ = ["digits", "kind", "means", "network", "shown", "spread", "target", "verdict", "work"]

NAMES = {
    "epoch": "an epoch",
    "table 1": "all networks of Table 1",
    "products": "matrix products of a step",
    "memory": "peak memory",
    "operations": "the time of a step by kind of operation",
    "threads": "the time of a step by number of threads",
    "straight: layers": "the cost of a further layer",
    "straight: seeds": "the cost of a further seed",
    "straight: epochs": "the cost of a further epoch",
}
MEANS = {  # of the ratio, by what the work is compared with
    "baseline": "times as fast as the baseline",
    "alone": "of the rate of the same products alone",
    "least": "times the least memory",
}
STRAIGHT = {f"straight: {what}": what for what in ("layers", "seeds", "epochs")}


def kind(work: str) -> str:
    """Say what a kind of work is: "an epoch"."""
    return NAMES.get(work, work)


def work(own: Any) -> str:
    """Say what was measured: "an epoch, 4 layers of 100 units, 1 seed, float32".

    Parameters
    ----------
    own
        Rows of one piece of work.
    """
    first = own.iloc[0]
    if first["work"] in STRAIGHT:
        before, last = sorted(own["at"].dropna())[-2:]
        return f"each of {STRAIGHT[first['work']]} {before + 1:.0f} to {last:.0f}"
    parts = [kind(first["work"])]
    if not np.isnan(first["layers"]):
        parts.append(f"{first['layers']:.0f} layers of {first['hidden']:.0f} units")
    parts += [_seeds(first), first["precision"], _where(first)]
    return ", ".join(filter(None, parts))


def means(row: Any) -> str:
    """Say what the ratio means: "times as fast as the baseline"; nothing without a comparison.

    Parameters
    ----------
    row
        A row with work and beside.
    """
    if row["work"] in STRAIGHT:
        return f"times the cost of each of {STRAIGHT[row['work']]} {row['beside']}"
    return MEANS.get(row["beside"], "")


def network(row: Any) -> str:
    """Width, seeds and precision of what was measured: "1000 units, 1 seed, float32".

    Parameters
    ----------
    row
        A row with these columns.
    """
    parts = f"{row['hidden']:.0f} units", _seeds(row), row["precision"], _where(row)
    return ", ".join(filter(None, parts))


def target(low: float, high: float, unit: str = "") -> str:
    """Say what is aimed at: "at least 1.8", "at most 120 s" or "0.9 to 1.1".

    Parameters
    ----------
    low, high
        Ends of the target, infinite where it has none.
    unit
        Of both; nothing for a ratio.
    """
    if np.isinf(high):
        aim = f"at least {low:g}"
    else:
        aim = f"at most {high:g}" if np.isinf(low) else f"{low:g} to {high:g}"
    return f"{aim} {unit}".rstrip()


def verdict(value: float, low: float, high: float) -> str:
    """Whether a value is "met", "missed" or, where it is NaN, "not measured".

    Parameters
    ----------
    value
        What has the target.
    low, high
        Ends of the target.
    """
    return "not measured" if np.isnan(value) else "met" if low <= value <= high else "missed"


def shown(row: Any) -> str:
    """Value of a row with its unit, "2.00 s"; nothing where there is none.

    Parameters
    ----------
    row
        A row with value and unit.
    """
    return "" if np.isnan(row["value"]) else f"{digits(row['value'])} {row['unit']}".rstrip()


def spread(row: Any) -> str:
    """Least and greatest of a row, "[1.9, 2.1]"; nothing where they do not differ.

    Parameters
    ----------
    row
        A row with both.
    """
    if np.isnan(row["low"]):
        return ""
    low, high = digits(row["low"]), digits(row["high"])
    return f"[{low},\N{NO-BREAK SPACE}{high}]" if low != high else ""


def digits(number: float) -> str:
    """Three digits, or all before the point."""
    return f"{number:#.3g}".rstrip(".") if number < 1000 else f"{number:,.0f}"


def _where(row: Any) -> str:
    return "on a GPU" if row["device"] == "cuda" else ""


def _seeds(row: Any) -> str:
    if np.isnan(row["seeds"]):
        return ""
    return f"{row['seeds']:.0f} seed{'s' if row['seeds'] > 1 else ''}"
