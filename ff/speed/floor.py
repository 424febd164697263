"""What a training step would cost if it were its products and memory traffic alone."""

from typing import Any

import pandas as pd

from ff.data import DATASETS, Source
from ff.quantities import CANDIDATES
from ff.speed.labels import network
from ff.speed.report import measured
from ff.speed.roofline import evaluation, operations, products, traffic

__all__ = ["floor"]


def floor(
    rows: pd.DataFrame,
    batch: int = 1000,
    layers: int = 4,
    source: Source = DATASETS["mnist"],
) -> pd.DataFrame:
    """What a step would cost if it were its products and the least memory traffic, and costs.

    Parameters
    ----------
    rows
        What `ff.speed.report.read` returns, of one machine.
    batch, layers
        Images a step and layers of the networks whose products were timed on a CPU.
    source
        The images, whose numbers it knows.

    Returns
    -------
    DataFrame
        A column for each width and precision: networks side by side, operations, the share of
        them that is carried out, bytes, milliseconds of both at the best rate that was measured,
        their sum, the share of the products' own rate that a step of that length would reach, and
        the step as it is; then what all products of an epoch of one seed would take at that rate,
        its evaluation included, and how many times as long the baseline takes.
    """
    assert source.sizes
    train, validation, _ = source.sizes
    found = {}
    own = measured(rows, "products")
    own = own[(own["device"] == "cpu") & (own["layers"] == layers)]
    baseline = measured(rows, "epoch", "compared")
    baseline = baseline[baseline["layers"] == layers]
    for _, group in own.groupby(["hidden", "precision"], sort=False):
        first: Any = group.iloc[0]
        value, best = (group.set_index("quantity")[column] for column in ("value", "high"))
        width, seeds = int(first["hidden"]), value["side by side"]
        probes = "operations" in value  # files of former versions, which had no probes, lack it
        shape = source.pixels, source.classes
        work = seeds * operations(products([layers], width, batch, *shape, probes)) / 1e9
        moved = seeds * traffic(layers, width, batch, source.pixels) / 1e6
        copies = own[(own["hidden"] == width) & (own["quantity"] == "copy")]
        made = value.get("made", 1)  # files of former versions, which left nothing out, lack it
        alone = 1e3 * work / best["compared"]
        ideal = made * alone, moved / copies["high"].max()
        candidates = min(validation, CANDIDATES)
        shapes = evaluation([layers], width, validation, candidates, *shape, probes)
        epoch = train // batch * alone / 1e3 / seeds
        epoch += operations(shapes) / 1e9 / best["compared"]
        same = (baseline["hidden"] == width) & (baseline["precision"] == first["precision"])
        found[network(first)] = {
            "networks side by side": f"{seeds:.0f}",
            "operations of a step's products": f"{work:.3g} GFLOP",
            "share of them carried out": f"{made:.0%}",
            "time for that share": f"{ideal[0]:.3g} ms",
            "memory traffic": f"{moved:.3g} MB",
            "time for this traffic": f"{ideal[1]:.3g} ms",
            "floor, the sum of both times": f"{sum(ideal):.3g} ms",
            "share of the products' own rate at the floor": f"{ideal[0] / sum(ideal):.2f}",
            "measured time of a step": f"{1e3 * value['a step']:.3g} ms",
            "measured above the floor": f"{1e3 * value['a step'] / sum(ideal) - 1:.0%}",
            "time for all products of an epoch, one seed": f"{epoch:.3g} s",
            "the baseline's epoch, as a multiple": "".join(
                f"{spent / epoch:.3g}" for spent in baseline.loc[same, "value"]
            ),
        }
    return pd.DataFrame(found)
