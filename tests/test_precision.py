"""What `precision: auto` stands for."""

from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import torch

import ff
from ff.algorithm import precision
from ff.algorithm.precision import chosen, multiplying
from ff.stats.agreement import rounding

CPU = torch.device("cpu")


@pytest.fixture
def able(monkeypatch):
    monkeypatch.setattr(precision, "BF16_WIDTHS", (100, 1000))
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


@pytest.mark.parametrize("asked", ["float32", "tf32", "bf16"])
def test_what_was_asked_for_is_taken(asked):
    assert chosen(asked, (20_000,), torch.device("mps")) == asked


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("asked", ["float32", "tf32", "bf16"])
def test_a_gpu_multiplies_as_asked_and_afterwards_as_before(request, asked, before):
    matmul = torch.backends.cuda.matmul
    request.addfinalizer(partial(setattr, matmul, "allow_tf32", matmul.allow_tf32))
    matmul.allow_tf32 = before
    with suppress(KeyError), multiplying(asked, torch.device("cuda")):
        assert matmul.allow_tf32 == (asked == "tf32")
        assert not matmul.allow_bf16_reduced_precision_reduction
        raise KeyError
    assert matmul.allow_tf32 == before
    assert matmul.allow_bf16_reduced_precision_reduction


def test_on_a_cpu_the_settings_of_a_gpu_are_not_even_read(monkeypatch):
    """Nor would they be readable, where torch's newer ones are used."""
    monkeypatch.setattr(torch.backends.cuda, "matmul", object())  # has none of them
    with multiplying("float32", CPU):
        pass
    with pytest.raises(AttributeError), multiplying("float32", torch.device("cuda")):
        pass


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        ((100,), "bf16"),
        ((100, 1000), "bf16"),
        ((500,), "float32"),
        ((100, 2000), "float32"),
    ],
)
def test_auto_takes_bf16_for_harmless_widths_alone(able, widths, expected):
    assert chosen("auto", widths, CPU) == expected


def test_harmless_is_what_the_measurements_say():
    table: Any = rounding().query("precision == 'bf16'")
    within = table.groupby("hidden")["within"].all()
    assert tuple(within.index[within]) == precision.BF16_WIDTHS


def test_auto_takes_float32_where_bf16_would_be_imitated(able, monkeypatch):
    assert chosen("auto", (1000,), torch.device("mps")) == "float32"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert chosen("auto", (1000,), CPU) == "float32"


def test_records_name_what_auto_has_stood_for(able, tmp_path):
    config = ff.Config(dataset="digits", layers=2, hidden=100, seeds=1, epochs=1, precision="auto")
    records = ff.train(config, tmp_path)
    assert records.runs[0]["config"]["precision"] == "bf16"
    again = ff.train(config, tmp_path)
    assert again.runs == records.runs, "a finished run is read back"
