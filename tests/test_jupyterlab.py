"""The applications in a real JupyterLab: keyboard and pointer in, numbers of pandas out."""

import base64
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pytest
from notebook_server import CHROMIUM, PATIENCE, opened, serving
from scipy import stats

import ff
from ff.results import RESULTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not find_spec("playwright"), reason="playwright is not installed"),
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium"),
    pytest.mark.skipif(not list(RESULTS.glob("*/layers.parquet")), reason="nothing is published"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("jupyterlab")) as url, opened(url) as page:
        yield page


def wait(page: Any, script: str, *arguments: Any) -> None:
    page.wait_for_function(script, arg=list(arguments), timeout=PATIENCE)


def press(page: Any, control: str, key: str, times: int = 1, handle: int = 0) -> None:
    """Move a slider by keyboard."""
    slider = page.locator(".widget-inline-hbox", has_text=control).locator(".noUi-handle")
    slider.nth(handle).focus()
    for _ in range(times):
        page.keyboard.press(key)


def expect_table(page: Any, expected: pd.DataFrame) -> None:
    """Wait until the table of the explorer shows the epochs and both coefficients of pandas."""
    rows = [
        [str(layer), "never" if np.isnan(epoch) else f"{epoch:.0f}", f"{r:.3f}", f"{rho:.3f}"]
        for layer, (epoch, r, rho) in expected[["epoch", "pearson", "spearman"]].iterrows()
    ]
    shown = """() => [...document.querySelectorAll('.ff-results tbody tr')].map(row =>
        [0, 2, 5, 6].map(i => row.children[i].textContent))"""
    try:
        wait(page, f"([rows]) => JSON.stringify(({shown})()) === JSON.stringify(rows)", rows)
    except import_module("playwright.sync_api").TimeoutError:
        assert page.evaluate(shown) == rows


def independent(epochs: int, target: float) -> pd.DataFrame:
    """Each layer's epoch and crossing at the target and its correlations, by pandas and scipy."""
    found: Any = ff.published()
    chosen = f"hidden == {found.layers['hidden'].min()} and epoch <= {epochs}"
    network = found.readouts.query(f"{chosen} and depth == {found.readouts['depth'].max()}")
    network = network[["seed", "epoch", "train_accuracy"]]
    pairs = found.layers.query(chosen).merge(network, on=["seed", "epoch"], suffixes=("", "_all"))
    rows = {}
    for layer, own in pairs.groupby("layer"):
        mean: Any = own.astype({"train_accuracy": float}).groupby("epoch")["train_accuracy"].mean()
        epoch = int((mean >= target).idxmax()) if (mean >= target).any() else np.nan
        before = mean.get(epoch - 1, np.nan)
        share = (target - before) / (mean.get(epoch, np.nan) - before)
        x, y = (own[name].to_numpy(float) for name in ("train_accuracy", "train_accuracy_all"))
        rows[layer] = {
            "epoch": epoch,
            "crossing": epoch - 1 + share,
            "pearson": stats.pearsonr(x, y)[0],
            "spearman": stats.spearmanr(x, y)[0],
        }
    return pd.DataFrame(rows).T


def test_sliders_change_plots_and_table_to_the_numbers_of_pandas(page):
    expect_table(page, independent(epochs=30, target=0.7))
    press(page, "Target", "ArrowRight", times=5)
    expect_table(page, moved := independent(epochs=30, target=0.75))
    assert page.locator(".ff-results .widget-readout").first.inner_text() == "0.75"

    places = (
        """() => [...document.querySelectorAll('.ff-results svg')][1].querySelectorAll('circle')"""
    )
    drawn = page.evaluate(f"() => [...({places})()].map(dot => Number(dot.getAttribute('cy')))")
    crossings = moved["crossing"].dropna()
    assert len(drawn) == len(crossings) > 20
    assert np.corrcoef(crossings, drawn)[0, 1] == pytest.approx(-1, abs=1e-5)

    press(page, "Epochs", "ArrowLeft", times=10, handle=1)
    expect_table(page, independent(epochs=20, target=0.75))
    points = page.locator(".ff-results svg").first.locator(".layer-3 .line").get_attribute("points")
    assert len(points.split()) == 20

    press(page, "Target", "ArrowLeft", times=5)
    press(page, "Epochs", "ArrowRight", times=10, handle=1)
    expect_table(page, independent(epochs=30, target=0.7))


def test_a_layer_that_is_pointed_at_or_picked_stands_out_everywhere(page):
    views = page.locator(".ff-results svg")
    opacity = "e => getComputedStyle(e).opacity"
    width = "e => parseFloat(getComputedStyle(e.querySelector('.line, .dot')).strokeWidth)"

    def outstanding(layer: int) -> list[bool]:
        """Whether a layer is drawn more heavily than another one, chart by chart."""
        other = layer + 1
        pairs = [[views.nth(i).locator(f".layer-{k}") for k in (layer, other)] for i in range(3)]
        return [
            own.evaluate(opacity) == "1"
            and float(beside.evaluate(opacity)) < 0.5
            and own.evaluate(width) > beside.evaluate(width)
            for own, beside in pairs
        ]

    assert outstanding(7) == [False] * 3
    page.locator(".ff-results tbody .layer-7").hover()
    assert outstanding(7) == [True] * 3
    page.locator(".ff-results .ff-command code").hover()
    assert outstanding(7) == [False] * 3

    press(page, "Layer", "ArrowRight", times=4)
    page.get_by_text(re.compile(r"^Layer 4 reaches 0.7 in epoch")).wait_for()
    assert outstanding(4) == [True] * 3
    press(page, "Layer", "Home")
    page.get_by_text(re.compile(r"^Layer \d+ reaches")).wait_for(state="detached")
    assert outstanding(4) == [False] * 3


def test_sliders_have_names(page):
    for control, names in {"Target": ["Target"], "Seeds": ["Seeds, first", "Seeds, last"]}.items():
        for i, name in enumerate(names):
            press(page, control, "Shift", handle=i)
            assert page.evaluate("document.activeElement.ariaLabel") == name


def test_numbers_and_command_can_be_taken_away(page):
    with page.expect_download() as download:
        page.locator(".ff-results .ff-download a").click()
    table = pd.read_csv(download.value.path())
    assert download.value.suggested_filename.endswith(".csv")
    expected = independent(epochs=30, target=0.7)
    np.testing.assert_allclose(table["crossing"], expected["crossing"], rtol=5.1e-4)  # 4 digits

    page.locator(".ff-results .ff-command button").click()
    page.get_by_text("Copied").wait_for()
    page.evaluate("""() => {
        const box = document.body.appendChild(document.createElement('textarea'));
        box.id = 'pasted'; box.focus();
    }""")
    page.keyboard.press("Control+V")
    copied = page.locator("#pasted").input_value()
    page.evaluate("document.getElementById('pasted').remove()")
    assert copied == page.locator(".ff-results .ff-command code").inner_text()
    assert re.fullmatch(r"papermill book/train.ipynb out.ipynb( -p \w+ \S+)+", copied.strip())


def completed(page: Any, condition: str) -> int:
    """Wait for the lab's status line, and return the number of completed epochs."""
    status = "document.querySelector('.ff-lab [role=status]').textContent"
    script = f"([condition]) => new RegExp(condition).test({status})"
    wait(page, script, condition)
    found = re.search(r": (\d+) of 30 epochs", page.evaluate(status))
    assert found
    return int(found[1])


def test_the_lab_trains_is_paused_stepped_and_reset(page):
    lab = page.locator(".ff-lab")

    def press_button(name: str) -> None:
        lab.get_by_role("button", name=name).click()

    depth = lab.locator(".widget-text", has_text="Depth").locator("input")
    depth.fill("1")
    depth.press("Enter")
    lab.get_by_text("Depth must be an integer of at least 2").wait_for()
    assert lab.get_by_role("button", name="Play").is_disabled()
    depth.fill("24")  # slow enough to be paused before it has finished, on any machine
    depth.press("Enter")
    lab.get_by_text("Depth must be an integer of at least 2").wait_for(state="detached")
    wait(page, "() => document.querySelectorAll('.ff-lab .ff-histograms .layer').length === 16")
    assert completed(page, "Ready") == 0

    depth.fill("")  # says so, and what was there comes back
    assert "until then the last one counts" in depth.evaluate("e => e.validationMessage")
    depth.press("Tab")
    assert (depth.input_value(), depth.evaluate("e => e.validationMessage")) == ("24", "")

    press_button("Play")
    assert completed(page, r"Playing: ([5-9]|[12]\d) of") >= 5
    press(page, "Learning rate", "ArrowRight")
    lab.get_by_text("-p learning_rate 0.00126").wait_for()
    press_button("Pause")
    paused = completed(page, "Paused")
    assert 5 <= paused < 30
    press_button("Step")
    assert completed(page, rf"Paused: {paused + 1} of") == paused + 1
    points = lab.locator("svg").first.locator(".layer-1 .line").get_attribute("points")
    assert len(points.split()) == paused + 1
    accuracies = re.findall(r"\d+: (\d\.\d\d)", lab.locator("[role=status]").inner_text())
    assert len(accuracies) == 16
    assert float(accuracies[0]) > 0.55, "the first layer must have begun to learn"

    press_button("Reset")
    assert completed(page, "Ready") == 0
    assert lab.locator("svg").first.locator(".layer-1 .line").get_attribute("points") == ""


def test_the_lab_shows_samples_as_pictures(page):
    alts = page.locator(".ff-pictures img").evaluate_all("e => e.map(i => i.alt)")
    assert len(alts) == 12
    assert alts[0].endswith("with its true label")
    source = page.locator(".ff-pictures img").first.get_attribute("src")
    assert base64.b64decode(source.split(",")[1]).startswith(b"\x89PNG")
    assert page.locator(".ff-pictures img").first.evaluate("i => i.naturalWidth") == 28
