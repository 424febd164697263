"""What `precision: auto` stands for, and how products are made in each precision."""

from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import ff
from ff import machine
from ff.algorithm import precision
from ff.algorithm.precision import ONEDNN, chosen, multiplying, operands, product, rounds_factors
from ff.stats.agreement import rounding

CPU = torch.device("cpu")
needs_setting = pytest.mark.skipif(ONEDNN is None, reason="torch has the setting from 2.9 on")


@pytest.fixture
def able(monkeypatch):
    monkeypatch.setattr(precision, "BF16_WIDTHS", (100, 1000))
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)


@pytest.fixture
def rounds(monkeypatch):
    """A processor that rounds float32 factors as oneDNN's setting says, imitated."""
    bmm = torch.bmm

    def rounding(a, b):
        if a.dtype == torch.float32 and ONEDNN.fp32_precision == "bf16":
            a, b = a.bfloat16().float(), b.bfloat16().float()
        return bmm(a, b)

    monkeypatch.setattr(torch, "bmm", rounding)
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: device.type == "cpu")
    precision._tried.cache_clear()
    yield
    precision._tried.cache_clear()


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


@needs_setting
@pytest.mark.parametrize("before", ["none", "ieee"])
@pytest.mark.parametrize("asked", ["float32", "tf32", "bf16"])
def test_a_processor_rounds_factors_as_asked_and_afterwards_as_before(rounds, asked, before):
    ONEDNN.fp32_precision = before
    try:
        with suppress(KeyError), multiplying(asked, CPU):
            assert ONEDNN.fp32_precision == ("bf16" if asked == "bf16" else before)
            raise KeyError
        assert ONEDNN.fp32_precision == before
        with multiplying("bf16", torch.device("mps")):
            assert ONEDNN.fp32_precision == before, "is of no concern to another device"
    finally:
        ONEDNN.fp32_precision = "none"


@needs_setting
def test_factors_stay_float32_where_the_processor_rounds_them(rounds):
    assert rounds_factors(CPU)
    assert operands("bf16", CPU) == operands("float32", CPU) == torch.float32
    assert operands("bf16", torch.device("cuda")) == torch.bfloat16


def test_factors_are_rounded_for_a_processor_on_which_the_setting_has_no_effect(monkeypatch):
    """It has none without AMX: such a processor would compute in float32 and say nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(torch, "bmm", lambda a, b: (a.double() @ b.double()).float())
        assert not precision._tried.__wrapped__()
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: True)
    monkeypatch.setattr(precision, "_tried", lambda: False)
    assert operands("bf16", CPU) == torch.bfloat16
    with multiplying("bf16", CPU):
        assert ONEDNN is None or ONEDNN.fp32_precision == "none"


def test_factors_are_rounded_for_a_torch_without_the_setting(rounds, monkeypatch):
    monkeypatch.setattr(precision, "ONEDNN", None)
    assert not rounds_factors(CPU)
    assert operands("bf16", CPU) == torch.bfloat16
    with multiplying("bf16", CPU):
        a, b = factors(1, 40, 30, 20)
        assert product(a, b, torch.bfloat16).dtype == torch.float32


@pytest.mark.skipif(not rounds_factors(CPU), reason="this processor, or torch, cannot")
@pytest.mark.parametrize("size", [(1, 3000, 1000, 1000), (4, 300, 100, 100), (2, 10, 100, 500)])
@pytest.mark.parametrize("transposed", [False, True])
def test_factors_that_the_processor_rounds_are_summed_in_float32(size, transposed):
    a, b = factors(*size)
    if transposed:
        a, b = a.mT.contiguous().mT, b.mT.contiguous().mT
    expected = a.bfloat16().double() @ b.bfloat16().double()
    with multiplying("bf16", CPU):
        found = product(a, b, operands("bf16", CPU))
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-3)


def factors(seeds: int, rows: int, inputs: int, outputs: int) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(7)
    a = torch.randn(seeds, rows, inputs, generator=source)
    return a, torch.randn(seeds, inputs, outputs, generator=source)


@needs_setting
def test_a_run_is_rounded_by_the_processor_and_its_records_say_bf16(rounds, tmp_path):
    config = ff.Config(dataset="digits", layers=2, hidden=20, seeds=1, epochs=2)
    exact, rounded = (
        ff.train(config.model_copy(update={"precision": name}), tmp_path / name)
        for name in ("float32", "bf16")
    )
    assert ONEDNN.fp32_precision == "none"
    assert rounded.runs[0]["config"]["precision"] == "bf16"
    name = "goodness_positive_mean"
    assert not rounded.layers[name].equals(exact.layers[name])
    assert rounded.layers[name].to_numpy() == pytest.approx(exact.layers[name].to_numpy(), rel=0.05)


@needs_setting
def test_the_processor_can_be_named_while_it_rounds(rounds):
    """Torch's older function would raise an error."""
    plain = machine.processor(CPU)
    with multiplying("bf16", CPU):
        assert machine.processor(CPU) == f"{plain[:-1]}, float32 products: bf16)"
    assert machine.processor(CPU) == plain


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
