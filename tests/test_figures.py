import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from ff import figures
from ff.errors import RecordsError


def records(
    widths: Sequence[int] = (100,), depth: int = 4, seeds: int = 3, epochs: int = 12
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Logistic learning curves: each layer is one epoch later than the one below."""
    rng = np.random.default_rng(0)
    axes = {"seed": range(1, seeds + 1), "epoch": range(1, epochs + 1)}
    names, keys = {"layer": range(1, depth + 1), "depth": (2, depth)}, {"hidden": widths, **axes}
    grids = [
        pd.MultiIndex.from_product([*keys.values(), names[name]], names=[*keys, name])
        for name in names
    ]
    layers, readouts = (grid.to_frame(index=False) for grid in grids)
    noise = rng.normal(0, 0.01, (2, len(layers)))
    layers["train_accuracy"] = 0.5 + 0.5 / (1 + np.exp(layers["layer"] + 1 - layers["epoch"]))
    layers["train_accuracy"] += noise[0]
    layers["validation_auroc"] = 0.5 + 0.5 / (1 + np.exp(layers["layer"] - layers["epoch"]))
    readouts["train_accuracy"] = 0.9 - 0.5 * np.exp(-readouts["epoch"] / 3)
    readouts["train_accuracy"] += noise[1, : len(readouts)]
    readouts["validation_accuracy"] = readouts["train_accuracy"] - 0.05
    return layers, readouts


def test_traces_hold_one_line_a_layer_and_the_readout() -> None:
    layers, readouts = records()
    axes = figures.traces(layers, readouts, 4).axes[0]
    lines = {line.get_gid(): line for line in axes.lines if line.get_gid()}
    assert list(lines) == ["layer-1", "layer-2", "layer-3", "layer-4", "readout"]
    expected = layers.query("layer == 3").groupby("epoch")["train_accuracy"].mean()
    np.testing.assert_allclose(np.asarray(lines["layer-3"].get_ydata()), expected)
    assert lines["readout"].get_linestyle() == "--"
    assert len(axes.collections) == 4, "one band a layer"


def test_traces_of_a_shallower_network_leave_deeper_layers_out() -> None:
    axes = figures.traces(*records(seeds=1), depth=2).axes[0]
    assert [line.get_gid() for line in axes.lines[1:]] == ["layer-1", "layer-2", "readout"]
    assert not axes.collections, "one seed has no interval"


def test_traces_refuse_what_they_cannot_show() -> None:
    with pytest.raises(RecordsError, match="one width but the records hold 100, 1000"):
        figures.traces(*records((100, 1000)), depth=4)
    with pytest.raises(RecordsError, match="8 layers was asked for but the records hold 4"):
        figures.traces(*records(), depth=8)
    with pytest.raises(RecordsError, match="no readout of depth 3 .* choose one of 2, 4"):
        figures.traces(*records(), depth=3)


def test_svg_is_the_same_each_time_and_settings_stay() -> None:
    import matplotlib as mpl
    from matplotlib import pyplot

    before = dict(mpl.rcParams)
    first, second = (figures.traces(*records(), depth=4)._repr_svg_() for _ in range(2))
    assert first == second
    assert "<dc:date>" not in first
    assert dict(mpl.rcParams) == before
    assert not pyplot.get_fignums(), "pyplot keeps no figure open"


def test_thirty_two_traces_stay_small() -> None:
    layers, readouts = records(depth=32, epochs=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(figures.traces(layers, readouts, 32)._repr_svg_()) < 150_000
