"""The published measurements, computed again with pandas and scipy alone."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ff
from ff.results import RESULTS
from ff.stats import correlation, delay
from ff.stats.resampling import Bootstrap

DEPTHS = (2, 4, 8, 16, 32)
FILES = sorted(RESULTS.glob("*/layers.parquet"))
if not FILES:
    pytest.skip("there are no published measurements", allow_module_level=True)


@pytest.fixture(scope="module")
def tables() -> Any:
    """The primary condition, straight from the files."""
    folders = [path.parent for path in FILES if "momentum" not in path.parent.name]
    return tuple(
        pd.concat([pd.read_parquet(folder / f"{name}.parquet") for folder in folders])
        for name in ("layers", "readouts")
    )


def test_every_run_is_real_and_complete() -> None:
    records = ff.published()
    assert {run["config"]["dataset"] for run in records.runs} == {"mnist"}
    assert {run["config"]["epochs"] for run in records.runs} == {30}
    assert {run["batch_size"] for run in records.runs} == {1000}
    assert not any(run["versions"]["commit"].endswith(("+", "unknown")) for run in records.runs)
    assert not records.layers.isna().any().any()
    counts: Any = records.layers.groupby(["hidden", "seed"])["layer"].agg(["size", "max"])
    assert (counts == [30 * 32, 32]).all(axis=None)
    assert set(records.readouts["depth"]) == set(DEPTHS)


def test_one_condition_is_measured_in_one_precision() -> None:
    used: dict[tuple, set[str]] = {}
    for momentum in (0.9, 0.09):
        try:
            runs = ff.published(peer_momentum=momentum).runs
        except ff.RecordsError:
            continue
        for run in runs:
            key = (str(run["config"]["hidden"]), momentum)
            used.setdefault(key, set()).add(run["config"]["precision"])
    assert all(len(precisions) == 1 for precisions in used.values()), used


@pytest.mark.parametrize("depth", DEPTHS)
def test_delays(tables: Any, depth: int) -> None:
    layers = tables[0].query("layer <= @depth")
    ours: Any = delay.mean_delay(layers, bootstrap=Bootstrap(10)).set_index(["hidden", "layer"])
    means = layers.groupby(["hidden", "layer", "epoch"])["train_accuracy"].mean()
    reached = means[means >= np.float32(0.7)].reset_index()
    first = reached.groupby(["hidden", "layer"])["epoch"].min()
    pd.testing.assert_series_equal(
        ours["epoch"].dropna(), first, check_dtype=False, check_names=False
    )


@pytest.mark.parametrize("depth", DEPTHS)
def test_correlations(tables: Any, depth: int) -> None:
    layers = tables[0].query("layer <= @depth")
    readouts = tables[1].query("depth == @depth")
    ours: Any = correlation.pooled(layers, readouts, bootstrap=Bootstrap(2))
    ours = ours.set_index(["hidden", "layer", "coefficient"])["r"]
    pairs = layers.merge(readouts, on=["hidden", "seed", "epoch"], suffixes=("", "_overall"))
    for key, rows in pairs.groupby(["hidden", "layer"]):
        x, y = (rows[name].to_numpy(float) for name in ("train_accuracy", "train_accuracy_overall"))
        assert ours[(*key, "pearson")] == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-9)
        assert ours[(*key, "spearman")] == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-9)
