"""The published measurements, computed again without the library (see ``referee.py``)."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import referee
from scipy import stats

import ff
from ff.records import below
from ff.results import RESULTS
from ff.stats import correlation, delay
from ff.stats.claims import CLAIMS, verdicts

DEPTHS = (2, 4, 8, 16, 32)
if not below(RESULTS):
    pytest.skip("there are no published measurements", allow_module_level=True)


@pytest.fixture(scope="module", params=[0.9, 0.09])
def momentum(request: pytest.FixtureRequest) -> float:
    return request.param


@pytest.fixture(scope="module")
def tables(momentum: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A condition, straight from the files."""
    return referee.tables(momentum)


def test_every_run_is_real_and_complete(momentum: float) -> None:
    records = ff.published(peer_momentum=momentum)
    assert {run["config"]["dataset"] for run in records.runs} == {"mnist"}
    assert {run["config"]["epochs"] for run in records.runs} == {30}
    assert {run["batch_size"] for run in records.runs} == {1000}
    assert {run["config"]["precision"] for run in records.runs} == {"float32"}
    assert not any(run["versions"]["commit"].endswith(("+", "unknown")) for run in records.runs)
    assert not records.layers.isna().any().any()
    counts: Any = records.layers.groupby(["hidden", "seed"])["layer"].agg(["size", "max"])
    assert (counts == [30 * 32, 32]).all(axis=None)
    assert set(records.readouts["depth"]) == set(DEPTHS)


def test_there_are_the_thirty_seeds_of_table_1() -> None:
    seeds: Any = ff.published().layers.groupby("hidden")["seed"].unique()
    for width in (100, 1000):
        assert set(range(1, 31)) <= set(seeds[width])


def test_the_referee_knows_every_claim() -> None:
    ranges = {claim.key: (claim.low, claim.high) for claim in CLAIMS}
    assert {key: (low, high) for key, _, low, high, _ in referee.CLAIMS} == ranges


def test_every_verdict(momentum: float) -> None:
    ours: Any = verdicts(ff.published(peer_momentum=momentum)).set_index(["key", "width"])
    theirs: Any = referee.verdicts(momentum).set_index(["key", "width"])
    assert ours.index.tolist() == theirs.index.tolist()
    assert ours["verdict"].tolist() == theirs["verdict"].tolist()
    for column in ("value", "low", "high"):
        np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-9, err_msg=column)
    for column in ("p", "p_holm"):  # down to 1e-68: the digits of the interval's ends are lost
        np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-6, err_msg=column)


@pytest.mark.parametrize("depth", DEPTHS)
def test_delays(tables: Any, depth: int) -> None:
    layers = tables[0].query("layer <= @depth")
    ours: Any = delay.mean_delay(layers).set_index(["hidden", "layer"])
    ours = ours.fillna({"epoch": np.inf, "crossing": np.inf})
    assert len(ours) == 2 * depth
    for key, rows in layers.groupby(["hidden", "layer"]):
        accuracies = rows.astype({"train_accuracy": float}).groupby("epoch")["train_accuracy"]
        mean, n = accuracies.mean(), rows["seed"].nunique()
        half = stats.t.ppf(0.975, n - 1) * accuracies.std() / np.sqrt(n)
        # What the upper end of the mean's interval reaches first, the lower end reaches last.
        for end, trace in {"": mean, "_low": mean + half, "_high": mean - half}.items():
            found = ours.loc[key, [f"epoch{end}", f"crossing{end}"]].tolist()
            expected = [f(trace.to_numpy()) for f in (referee.first_epoch, referee.crossing)]
            assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("depth", DEPTHS)
def test_correlations(tables: Any, depth: int) -> None:
    layers = tables[0].query("layer <= @depth")
    readouts = tables[1].query("depth == @depth")
    ours: Any = correlation.pooled(layers, readouts)
    ours = ours.set_index(["hidden", "layer", "coefficient"])["r"]
    pairs = layers.merge(readouts, on=["hidden", "seed", "epoch"], suffixes=("", "_overall"))
    for key, rows in pairs.groupby(["hidden", "layer"]):
        x, y = (rows[name].to_numpy(float) for name in ("train_accuracy", "train_accuracy_overall"))
        assert ours[(*key, "pearson")] == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-9)
        assert ours[(*key, "spearman")] == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-9)
