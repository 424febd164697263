"""The published measurements, computed again with pandas and scipy alone."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ff
from ff.records import below, condition, provenance
from ff.results import RESULTS
from ff.stats import correlation, delay
from ff.stats.claims import verdicts
from ff.stats.resampling import Bootstrap

DEPTHS = (2, 4, 8, 16, 32)
TARGET, PAIR = np.float32(0.7), "1000 - 100"
FOLDERS = below(RESULTS)
if not FOLDERS:
    pytest.skip("there are no published measurements", allow_module_level=True)


@pytest.fixture(scope="module", params=[0.9, 0.09])
def momentum(request: pytest.FixtureRequest) -> float:
    return request.param


@pytest.fixture(scope="module")
def tables(momentum: float) -> Any:
    """A condition, straight from the files."""
    wanted = ff.Config(peer_momentum=momentum).condition
    runs = {folder: provenance(folder / "layers.parquet")[0] for folder in FOLDERS}
    folders = [folder for folder, run in runs.items() if condition(run) == wanted]
    return tuple(
        pd.concat([pd.read_parquet(folder / f"{name}.parquet") for folder in folders])
        for name in ("layers", "readouts")
    )


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


def crossing(trace: pd.Series) -> float:
    """Epoch at which a mean trace crosses 0.7, linear between epochs; infinite if it never does."""
    above: Any = trace[trace >= TARGET]
    if above.empty:
        return np.inf
    last = above.index[0]
    if last == trace.index[0]:
        return float(last)
    return float(np.interp(0.7, trace.loc[[last - 1, last]], [last - 1, last]))


def slope(values: pd.Series) -> float:
    line: Any = stats.theilslopes(values, values.index)
    return line.slope


def strength(correlation: Any, pair: pd.DataFrame) -> float:
    return abs(correlation(*pair.to_numpy().T).statistic)


@pytest.fixture(scope="module")
def evidence(tables: Any) -> Any:
    """Per width, what the claims are about, one row a layer."""
    found = {}
    network = tables[1].query("depth == 32")[["hidden", "seed", "epoch", "train_accuracy"]]
    pairs = tables[0].merge(network, on=["hidden", "seed", "epoch"], suffixes=("", "_overall"))
    pairs = pairs.astype({"train_accuracy": float, "train_accuracy_overall": float})
    for width, rows in pairs.groupby("hidden"):
        cells = rows.groupby(["layer", "epoch"])["train_accuracy"]
        means = cells.mean().unstack("layer")
        both = rows.groupby("layer")[["train_accuracy", "train_accuracy_overall"]]
        distance = (rows["train_accuracy"] - rows["train_accuracy_overall"]).abs()
        found[width] = pd.DataFrame(
            {
                "delay": means.apply(crossing),
                "pearson": both.apply(lambda pair: strength(stats.pearsonr, pair)),
                "spearman": both.apply(lambda pair: strength(stats.spearmanr, pair)),
                "deviation": cells.std().groupby("layer").mean(),
                "gap": distance.groupby(rows["layer"]).mean(),
            }
        )
        shown, std = means[[1, 4, 8, 16, 24, 32]], cells.std().unstack("layer")
        bands = [(shown[x] - shown[y]).abs() <= std[x] + std[y] for x, y in pairwise(shown)]
        found[width].attrs["overlap"] = np.mean(bands)
    return found


def test_every_estimate_behind_a_verdict(evidence: Any, momentum: float) -> None:
    ours: Any = verdicts(ff.published(peer_momentum=momentum), Bootstrap(2))
    values: Any = {}
    for width, own in evidence.items():
        capped, reached = own["delay"].clip(upper=30), own["delay"][np.isfinite(own["delay"])]
        half = (len(reached) + 1) // 2
        ladder = [(x, y) for x, y in pairwise([1, 2, 4, 8, 16, 32]) if x in reached.index]
        strongest = own[["pearson", "spearman"]].max(axis=1)
        values |= {
            (key, str(width)): value
            for key, value in {
                "rq1-h1": slope(reached),
                "rq1-h2": capped[32] - capped[1],
                "rq1-h3": slope(reached),
                "delay-every-doubling": min(capped[y] - capped[x] for x, y in ladder),
                "constant-change": slope(reached.iloc[-half:]) / slope(reached.iloc[:half]),
                "deviation-grows": slope(own["deviation"]),
                "no-overlap": own.attrs["overlap"],
                "rq2-h1": strongest.min(),
                "rq2-h2": strongest.max(),
                "rq2-h3": slope(own["pearson"]),
                "pearson-weakens": slope(own["pearson"]),
                "spearman-strong": own["spearman"].min(),
                "shallow-aligns": slope(own["gap"]),
                "shallow-correlates": own["pearson"][:4].min(),
                "shallow-correlates-more": own["pearson"][:16].mean() - own["pearson"][16:].mean(),
            }.items()
        }
    delay, pearson = (
        evidence[1000][name].clip(upper=30) - evidence[100][name].clip(upper=30)
        for name in ("delay", "pearson")
    )
    values |= {
        ("width-shallow", PAIR): delay[:4].mean(),
        ("width-deep", PAIR): delay[16:].mean(),
        ("width-weakens", PAIR): pearson.mean(),
        ("width-weakens-deep", PAIR): pearson[16:].mean() - pearson[:16].mean(),
    }
    theirs = pd.Series(values).sort_index()
    found = ours.set_index(["key", "width"])["value"].sort_index()
    assert found.index.tolist() == theirs.index.tolist()
    np.testing.assert_allclose(found, theirs, rtol=1e-9)


@pytest.mark.parametrize("depth", DEPTHS)
def test_delays(tables: Any, depth: int) -> None:
    layers = tables[0].query("layer <= @depth")
    ours: Any = delay.mean_delay(layers, bootstrap=Bootstrap(10)).set_index(["hidden", "layer"])
    means = layers.groupby(["hidden", "layer", "epoch"])["train_accuracy"].mean()
    reached = means[means >= TARGET].reset_index()
    first = reached.groupby(["hidden", "layer"])["epoch"].min()
    pd.testing.assert_series_equal(
        ours["epoch"].dropna(), first, check_dtype=False, check_names=False
    )
    doubles: Any = layers.astype({"train_accuracy": float})
    traces = doubles.groupby(["hidden", "layer", "epoch"])["train_accuracy"].mean()
    for key, trace in traces.groupby(["hidden", "layer"]):
        expected = crossing(trace.droplevel(["hidden", "layer"]))
        assert ours["crossing"].fillna(np.inf)[key] == pytest.approx(expected, abs=1e-9)


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
