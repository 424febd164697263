"""A run from its configuration to its records: ff.train, and what it refuses."""

import io
import itertools
import re
import signal
import sys
from collections.abc import Callable
from contextlib import redirect_stderr

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ff
from ff import machine
from ff.algorithm.training import Training
from ff.quantities import LAYER_QUANTITIES, READOUT_QUANTITIES
from ff.records import complete
from ff.running import checkpoint, memory, progress
from ff.running.progress import Bar

# Rounding decides between equal goodness.
# Of readouts and probes, not of a layer alone.
LINEAR = ("probe_accuracy", "logit_share", "accuracy_without")
RANKS = ["pair_accuracy", "validation_auroc", "goodness_accuracy"]


def test_the_same_seed_gives_the_same_bits_twice(tiny):
    one, other = (ff.train(tiny(batch_size=325)) for _ in range(2))
    pd.testing.assert_frame_equal(one.layers, other.layers, check_exact=True)
    pd.testing.assert_frame_equal(one.readouts, other.readouts, check_exact=True)


def test_another_seed_gives_other_numbers(tiny):
    layers = ff.train(tiny(batch_size=325)).layers
    one, other = (layers.query("seed == @n")["goodness_positive_mean"].tolist() for n in (1, 2))
    assert not np.isclose(one, other).any()


def test_seeds_are_trained_in_chunks_and_come_out_in_order(tiny, monkeypatch):
    config = tiny(batch_size=325, seeds=[7, 2, 5], epochs=1, hidden=[6, 4])
    whole = ff.train(config)
    monkeypatch.setattr(memory, "CACHE", 2 * 3 * 325 * 6 * 4)  # two seeds of width 6 at once
    plan = [memory.chunks(config, width, torch.device("cpu")) for width in config.widths]
    assert plan == [[(2, 5, 7)], [(2, 5), (7,)]]
    parts = ff.train(config)
    keys = ["hidden", "seed", "epoch", "layer"]
    expected = list(itertools.product((4, 6), (2, 5, 7), (1,), (1, 2, 3)))
    assert list(parts.layers[keys].itertuples(index=False, name=None)) == expected
    for name in ("layers", "readouts"):
        ours, theirs = (
            getattr(records, name).drop(columns=RANKS, errors="ignore")
            for records in (parts, whole)
        )
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-3, atol=1e-3)


@given(st.integers(1, 10**9), st.integers(1, 40), st.integers(1, 10**5))
def test_chunks_partition_the_seeds(cache, seeds, batch):
    config = ff.Config(seeds=seeds, batch_size=batch, hidden=100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "CACHE", cache)
        chunks = memory.chunks(config, 100, torch.device("cpu"))
    assert all(chunks), "an empty chunk"
    assert [seed for chunk in chunks for seed in chunk] == list(range(1, seeds + 1))


def test_rows_columns_and_types(tiny):
    records = ff.train(tiny(layers=[4, 2], seeds=[9, 3], epochs=2, batch_size=650))
    for table, key, entries, names in (
        (records.layers, "layer", (1, 2, 3, 4), LAYER_QUANTITIES),
        (records.readouts, "depth", (2, 4), READOUT_QUANTITIES),
    ):
        keys = ["hidden", "seed", "epoch", key]
        assert list(table.columns) == [*keys, *names]
        assert [str(kind) for kind in table.dtypes] == ["int64"] * 4 + ["float32"] * len(names)
        rows = list(table[keys].itertuples(index=False, name=None))
        assert rows == list(itertools.product((10,), (3, 9), (1, 2), entries))
    assert len(records.layers.dropna()) == len(records.layers)
    for name in ("train_accuracy", "validation_auroc", "dead_units", "goodness_accuracy"):
        values = np.asarray(records.layers[name])
        assert ((values >= 0) & (values <= 1)).all(), name
    before, last = (records.readouts.query(f"epoch == {epoch}") for epoch in (1, 2))
    assert len(last.dropna()) == len(last)
    assert before["test_accuracy"].dropna().empty, "tested before the end"


def test_a_network_without_any_seed_left_ends(tiny, few, monkeypatch):
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    epochs, run_epoch = [], Training.run_epoch
    monkeypatch.setattr(
        Training, "run_epoch", lambda self, *rest: (epochs.append(self.epoch), run_epoch(self))
    )
    with pytest.warns(ff.DivergenceWarning):
        records = ff.train(tiny(learning_rate=1e10, epochs=5))
    assert epochs == [0], "it trained on with nothing left"
    assert len(records.layers) == 2 * 5 * 3, "the table has holes"
    with pytest.raises(ff.RecordsError, match=r"no network is complete: .* a lower learning_rate"):
        complete(records)


@pytest.mark.parametrize("rate", [1e30, 1e38])
def test_a_readout_that_diverges_stops_its_seed(tiny, few, monkeypatch, rate):
    """Recorded as lost, not as one that takes every image for a 0; the layers are intact."""
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    expected = ff.train(tiny()).layers.query("epoch == 1")
    with pytest.warns(ff.DivergenceWarning, match=r"readout of depth 3 .* downstream_learning"):
        records = ff.train(tiny(downstream_learning_rate=rate))
    assert records.runs[0]["diverged"] == [
        {"hidden": 10, "seed": seed, "depth": 3, "epoch": 1, "reason": "not finite"}
        for seed in (1, 2)
    ]
    assert records.readouts.iloc[:, 4:].isna().all(axis=None)
    own = [name for name in expected if name not in LINEAR]
    assert records.layers.query("epoch == 1")[own].equals(expected[own]), "layers do not see it"
    assert records.layers.query("epoch > 1").iloc[:, 4:].isna().all(axis=None)


# --- stopped by a signal


@pytest.mark.parametrize(
    ("epoch", "overwrite", "advice"),
    [
        (0, False, "it had no checkpoint yet, so the same run begins anew"),
        (0, True, "it had no checkpoint yet, so the same run begins anew"),
        (1, False, "start the same run again to go on from its last checkpoint"),
        (1, True, "start the same run again, without overwrite, to go on from its last"),
    ],
)
def test_a_stopped_run_says_how_to_go_on(
    tiny, few, monkeypatch, tmp_path, epoch, overwrite, advice
):
    """And that is true: the run that follows the advice begins where it says."""
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    begun, run_epoch = [], Training.run_epoch

    def stopped(self: Training, on_step: Callable[[float], object]) -> None:
        begun.append(self.epoch)
        if len(begun) == epoch + 1:
            signal.raise_signal(signal.SIGTERM)
        run_epoch(self, on_step)

    monkeypatch.setattr(Training, "run_epoch", stopped)
    with pytest.raises(KeyboardInterrupt, match=advice):
        ff.train(tiny(), tmp_path / "out", overwrite=overwrite)
    ff.train(tiny(), tmp_path / "out")
    assert begun == [*range(epoch + 1), *range(epoch, 3)]


def test_a_stopped_run_without_a_folder_says_what_it_lacked(tiny, few, monkeypatch):
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)

    def stopped(self: Training, on_step: Callable[[float], object]) -> None:
        signal.raise_signal(signal.SIGINT)
        on_step(1.0)

    monkeypatch.setattr(Training, "run_epoch", stopped)
    with pytest.raises(KeyboardInterrupt, match="name a folder for the records"):
        ff.train(tiny())


# --- what is refused


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there(tiny, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ff.TrainingError, match=f"no {device} device here; choose device: auto or"):
        ff.train(tiny(device=device))
    assert machine.choose("auto") == torch.device("cpu")


def test_a_batch_larger_than_the_data_set(tiny, tmp_path):
    with pytest.raises(ff.ConfigError, match=r"batch_size must be at most 1300 .* but got 1301"):
        ff.train(tiny(batch_size=1301), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_refused_configuration_does_not_cost_the_old_records(tiny, tmp_path):
    ff.train(tiny(batch_size=1300, epochs=1), tmp_path)
    with pytest.raises(ff.ConfigError):
        ff.train(tiny(batch_size=1301), tmp_path, overwrite=True)
    assert len(ff.read(tmp_path).runs) == 1


# --- progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("seeds", [1, [1, 2]])
def test_the_progress_bar_names_epoch_and_layers(tiny, monkeypatch, seeds):
    monkeypatch.setattr(memory, "CACHE", 1)  # one seed at a time
    with redirect_stderr(Terminal()) as shown:
        ff.train(tiny(batch_size=650, seeds=seeds), progress=True)
    assert "epoch 3/3" in shown.getvalue()
    assert "accuracy of layer 1: 0." in shown.getvalue()
    assert "100%" in shown.getvalue()
    assert ("part 2/2" in shown.getvalue()) == (seeds != 1)


@pytest.mark.parametrize(("pause", "count"), [(0, 21), (3600, 1)])
def test_a_notebook_or_file_gets_a_few_lines(tiny, monkeypatch, pause, count):
    monkeypatch.setattr(memory, "CACHE", 1)
    monkeypatch.setattr(progress, "PAUSE", pause)
    with redirect_stderr(io.StringIO()) as shown:
        ff.train(tiny(batch_size=50, seeds=2, epochs=10), progress=True)
    *begun, last = shown.getvalue().splitlines()
    assert "\r" not in shown.getvalue()
    assert last.startswith("part 2/2, epoch 10/10: 100% in 00:0")
    assert "00:00 left; accuracy of layer 1: 0." in last
    assert abs(len(begun) + 1 - count) <= 1
    shares = [int(re.findall(r"(\d+)%", line)[0]) for line in begun]
    assert all(after - before >= 4 for before, after in itertools.pairwise(shares)), "5, rounded"
    assert all(" left" in line for line in begun)


def test_the_time_left_is_of_what_this_session_has_done(monkeypatch):
    clock = iter([0.0, 0.0, 10.0, 10.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with redirect_stderr(io.StringIO()) as shown:
        bar = Bar(1, 100, shown=True)
        bar.enter(80)  # trained before
        bar.show(90, torch.tensor([[0.5, 0.75]]))
    assert shown.getvalue() == (
        "epoch 90/100: 90% in 00:10, 00:10 left; accuracy of layer 1: 0.50, 2: 0.75\n"
    )


def test_no_progress_bar_unless_asked_for(tiny, capfd):
    ff.train(tiny(batch_size=1300, epochs=1))
    sys.stderr.flush()
    assert capfd.readouterr() == ("", "")
