"""What two conditions beside each other show, in a sentence or two for each width."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import Html, estimate, layer_numbers, number, paragraphs
from ff.book.summary.shared import sign_of, whose, widths
from ff.stats.beside import Two

__all__ = ["of_layers", "of_networks"]

WORDS = {  # of a quantity of layers: the condition has more of it, or less
    "delay": ("later", "sooner"),
    "correlation": ("more correlated with the network", "less correlated with the network"),
}


def of_networks(pair: Two, differences: pd.DataFrame) -> Html:
    """Each difference with its interval, and whether seeds leave its sign open.

    Parameters
    ----------
    pair, differences
        Of `ff.stats.beside`.
    """
    own, base = map(escape, pair.ways)

    def text(rows: pd.DataFrame) -> str:
        parts = []
        for row in rows.to_dict("records"):
            found = estimate(row["difference"], row["low"], row["high"])
            sign = sign_of(row["low"], row["high"])
            signs = {1: "more", -1: "less", 0: "open"}
            what = "no interval" if np.isnan(row["low"]) else signs[sign]
            both = f"{number(row['own'])} and {number(row['base'])}"
            if np.isnan(row["difference"]):
                parts.append(f"{row['quantity']}: {both}, no difference that can be taken")
            else:
                parts.append(f"{row['quantity']}: {both}, difference {found} ({what})")
        return f"{whose(rows)} {'; '.join(parts)}."

    seeds = ", of the same seeds" if pair.alike else ""
    head = f"{own} and {base}, and the difference, {own} minus {base}{seeds}."
    if len(pair.apart) > 1:
        head += f" It is that of {len(pair.apart)} settings together: {'; '.join(pair.apart)}."
    return paragraphs([head, *(text(rows) for rows in widths(differences))])


def of_layers(pair: Two, by_layer: pd.DataFrame, quantity: str) -> Html:
    """Which layers differ, and in which direction.

    Parameters
    ----------
    pair, by_layer
        Of `ff.stats.beside`.
    quantity
        "delay" or "correlation".
    """
    own, base = map(escape, pair.ways)
    table: Any = by_layer[by_layer["quantity"] == quantity]

    def text(rows: pd.DataFrame) -> str:
        there: Any = rows.dropna(subset="difference")
        if there.empty:
            return f"{whose(rows)} no layer has a number with both."
        if there["low"].isna().all():
            return f"{whose(rows)} one seed tells no interval."
        signs = [sign_of(*ends) for ends in there[["low", "high"]].to_numpy()]
        parts = []
        for sign, words in zip((1, -1), WORDS[quantity], strict=True):
            if layers := [n for n, s in zip(there["layer"], signs, strict=True) if s == sign]:
                parts.append(
                    f"{layer_numbers(layers)} {'is' if len(layers) == 1 else 'are'} {words}"
                )
        said = "; ".join(parts) or "no layer differs by more than seeds leave open"
        return f"{whose(rows)} with {own}, {said} (each layer on its own, uncorrected)."

    return paragraphs([f"Beside {base}:", *(text(rows) for rows in widths(table))])
