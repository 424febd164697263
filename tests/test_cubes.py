import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import few, grid, records, traces

import ff
from ff.stats.cubes import cubes

RNG = np.random.default_rng(0)


def test_a_cube_holds_each_row_in_its_place():
    layers = records(hidden=(100, 30)).layers.sample(frac=1, random_state=0)
    narrow, wide = cubes(layers, "layer", "train_accuracy")
    assert (narrow.hidden, wide.hidden) == (30, 100)
    row = layers.iloc[7]
    cube = wide if row["hidden"] == 100 else narrow
    at = tuple(
        int(np.searchsorted(labels, row[name]))
        for name, labels in [("seed", cube.seeds), ("epoch", cube.epochs), ("layer", cube.keys)]
    )
    assert cube.values[at] == row["train_accuracy"]


@few
@given(st.integers(0, 99), st.sampled_from(["train_accuracy", "validation_accuracy"]))
def test_a_cube_is_the_pivoted_table_whatever_the_order_of_its_rows(state, column):
    readouts = records(seeds=3, epochs=4, random_state=state).readouts
    (cube,) = cubes(readouts.sample(frac=1, random_state=state), "depth", column)
    assert np.array_equal(cube.values, grid(readouts, "depth", column))
    assert cube.values.dtype == np.float64
    labels = [labels.tolist() for labels in (cube.seeds, cube.epochs, cube.keys)]
    assert labels == [[1, 2, 3], [1, 2, 3, 4], [2, 4]]


def test_epochs_without_a_measurement_are_left_out():
    accuracy = RNG.random((2, 5, 3))
    accuracy[:, [0, 2, 4]] = np.nan
    layers = traces(accuracy).assign(train_loss=0.5)  # without any number, a seed has diverged
    (cube,) = cubes(layers, "layer", "train_accuracy")
    assert cube.epochs.tolist() == [2, 4]
    assert np.array_equal(cube.values, accuracy[:, [1, 3]].astype(np.float32))


def test_tables_that_are_no_grid_are_refused():
    layers = records().layers
    twice = layers.iloc[[*range(len(layers)), 0]]
    empty = layers.assign(train_accuracy=np.nan)
    diverged = layers.copy()
    diverged.loc[(diverged["seed"] == 3) & (diverged["epoch"] > 9), "train_accuracy"] = np.nan
    frozen = layers.assign(logit_share=0.25)  # of the readout, which learns on
    frozen.loc[(frozen["layer"] == 1) & (frozen["epoch"] > 9), "train_accuracy"] = np.nan
    ended = layers.copy()  # every seed in epoch 9: not a run of 9 epochs
    ended.loc[ended["epoch"] > 9, ["train_accuracy", "validation_accuracy"]] = np.nan
    for table, column, message in [
        (ended, "train_accuracy", "seed 1 of hidden 100 has no measurements in epoch 12, as one"),
        (twice, "train_accuracy", "more than one row .* one configuration at a time"),
        (layers.iloc[1:], "train_accuracy", "239 rows where 5 seeds x 12 epochs x 4 layers"),
        (empty, "train_accuracy", "never measured, choose another column"),
        (diverged, "train_accuracy", "seed 3 of hidden 100 lacks .*ff.records.complete"),
        (frozen, "train_accuracy", "a layer's rows end when it is frozen .schedule in-turn., .*"),
        (layers, "accuracy", "choose one of .*train_accuracy"),
    ]:
        with pytest.raises(ff.RecordsError, match=message):
            list(cubes(table, "layer", column))
