"""Shared by all tests: one thread unless FF_TEST_THREADS says more, no network, tiny runs."""

import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from building import build

import ff
from ff.data import Dataset, Split, load

ROOT = Path(__file__).parent.parent

sys.path.insert(0, str(ROOT / "book" / "_ext"))  # the book's Sphinx extensions
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what is in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
torch.set_num_threads(int(os.environ.get("FF_TEST_THREADS", "1")))
hypothesis.settings.register_profile("ff", deadline=None, max_examples=50)
hypothesis.settings.load_profile("ff")

_digits = cache(lambda: load("digits"))

# Imports leave no garbage, but looking for it among what they make takes 3 of their 11 s.
gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage again, among what the tests make."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.fixture(scope="session")
def digits() -> Dataset:
    return _digits()


@pytest.fixture(scope="session", autouse=True)
def _digits_are_read_once() -> Iterator[None]:
    """All runs share them: scikit-learn takes a tenth of a second for each reading."""

    def shared(name: str, image_size: Any = None) -> Dataset:
        return _digits() if name == "digits" else load(name, image_size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ff.running.run.load", shared)
        yield


@pytest.fixture(scope="session")
def few(digits: Dataset) -> Dataset:
    """The first digits: 120 to learn from, 45 to validate and 30 to test."""
    parts = zip((digits.train, digits.validation, digits.test), (120, 45, 30), strict=True)
    return Dataset(
        "digits", *(Split(part.images[:n], part.labels[:n]) for part, n in parts), checksum="few"
    )


@pytest.fixture(scope="session")
def tiny() -> Callable[..., ff.Config]:
    """A configuration that trains in a blink, with changes."""

    def make(**changes: Any) -> ff.Config:
        values = {"dataset": "digits", "layers": 3, "hidden": 10, "seeds": 2, "epochs": 3}
        # At the paper's learning rate, so narrow a layer dies: every measurement would be 0 or 1/2.
        values |= {"learning_rate": 1e-4, "batch_size": 20, "device": "cpu"}
        return ff.Config(**{**values, **changes})

    return make


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No data set on disk and no network, here and in subprocesses; the new home folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.delenv("FF_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody answers there: refused at once
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site in `_build`, or one built for these tests if that is not of the files here now.

    `make book` before the tests saves the minutes that it takes.
    """
    import site_seal  # pyright: ignore[reportMissingImports] (it takes seconds, and few need it)

    built = ROOT / "_build" / "html"
    if not site_seal.is_current(built, ROOT / "book"):
        out = tmp_path_factory.mktemp("site")
        done = build(ROOT, "--path-output", str(out), "-n")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        built = out / "_build" / "html"
        assert site_seal.is_current(built, ROOT / "book"), "files have changed since: test again"
    return built


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The system's Chromium, for tests marked `browser`."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
    if path is None:
        pytest.skip("no chromium on the path")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
