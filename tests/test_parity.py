"""Ten training steps of the public implementation, number for number; devices beside the CPU."""

import numpy as np
import parity
import pytest
import torch
from numpy.testing import assert_allclose
from parity import ABSOLUTE, RECORDED, RELATIVE, STEPS

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


@pytest.fixture(scope="module")
def ours() -> dict[str, np.ndarray]:
    return parity.learned(torch.device("cpu"))


@pytest.mark.parametrize("name", RECORDED)
def test_reference_steps(name: str, ours: dict[str, np.ndarray]) -> None:
    expected = STEPS[name].astype(np.float64)
    assert np.abs(expected).max() > 0
    assert_allclose(ours[name], expected, rtol=RELATIVE, atol=ABSOLUTE * np.abs(expected).max())


@pytest.mark.cuda
@needs_gpu
def test_a_gpu_takes_the_reference_steps():
    found = parity.deviations(parity.learned(torch.device("cuda")))
    assert {name: times for name, times in found.items() if not times <= 1} == {}


@pytest.mark.parametrize("name", RECORDED)
def test_a_deviation_is_a_multiple_of_what_is_tolerated(ours, name):
    right = parity.deviations(ours)
    assert max(right.values()) < 1
    wrong = ours[name].copy()
    at = np.abs(STEPS[name]).argmax()  # tolerated there: a share of 13 in a million
    wrong.flat[at] = STEPS[name].flat[at] * (1 + 10 * (RELATIVE + ABSOLUTE))
    found = parity.deviations(ours | {name: wrong})
    assert found == right | {name: pytest.approx(10, rel=0.02)}
    wrong.flat[at] = np.nan
    assert parity.deviations(ours | {name: wrong})[name] == np.inf


@pytest.mark.parametrize("wrong", ["a step", "a network"])
def test_a_device_that_computes_something_else_is_found(monkeypatch, capsys, tmp_path, wrong):
    monkeypatch.setattr(parity, "learned", lambda device: {"x": wrong == "a step"})
    monkeypatch.setattr(parity, "deviations", lambda ours: {"x": 1.1 if ours["x"] else 0.9})
    row = {"quantity": "delay", "difference": -2.1, "low": -3.0, "high": -1.0, "spread": 2.0}
    right = row | {"difference": -1.9}
    table = parity.pd.DataFrame([right, row if wrong == "a network" else right])
    monkeypatch.setattr(parity, "trained", lambda device, folder, seeds: table)
    monkeypatch.setattr("sys.argv", ["parity.py", "cpu", str(tmp_path)])
    with pytest.raises(SystemExit, match="cpu computes something else"):
        parity.main()
    assert (
        f"{1.1 if wrong == 'a step' else 0.9} times what is tolerated (x)" in capsys.readouterr()[0]
    )
