"""The explorer page and the landing page's animation, in a browser, opened from disk."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ff
from ff.records import below, condition, provenance
from ff.results import RESULTS

pytestmark = [pytest.mark.slow, pytest.mark.browser]

FOLDERS = [
    path
    for path in below(RESULTS)
    if condition(provenance(path / "layers.parquet")[0]) == ff.Config().condition
]
if not FOLDERS:
    pytest.skip("there are no published measurements", allow_module_level=True)
COLUMNS = {
    "training": ("train_accuracy", "train_accuracy"),
    "validation": ("validation_accuracy", "validation_accuracy"),
    "auroc": ("validation_auroc", "validation_accuracy"),
}
HEADS = ["layer", "accuracy", "epoch", "crossing", "pearson", "spearman"]


@pytest.fixture(scope="module")
def tables() -> tuple[Any, Any]:
    """The primary condition, straight from the files."""
    layers, readouts = (
        pd.concat([pd.read_parquet(folder / f"{name}.parquet") for folder in FOLDERS])
        for name in ("layers", "readouts")
    )
    return layers, readouts


@pytest.fixture
def tab(chromium) -> Iterator[Any]:
    """A page that must not complain."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, has_touch=True)
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("console", lambda m: m.type == "error" and complaints.append(m.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    context.close()
    assert not complaints, "\n".join(complaints)


def settle(tab: Any) -> None:
    """Let the page draw what it has been told: it does so before the next frame."""
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def visit(tab: Any, site: Any, fragment: str = "") -> None:
    # Two addresses that differ in their fragment only would not load the page again.
    tab.goto("about:blank")
    tab.goto((site / "explorer.html").as_uri() + fragment, wait_until="load")
    settle(tab)


def shown(tab: Any) -> Any:
    """The table as numbers; NaN where the page says that there is none."""
    rows = tab.locator(".ff-explorer tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    texts: Any = pd.DataFrame(rows, columns=HEADS).replace({"not reached": "", "\u2013": ""})
    return texts.apply(lambda column: pd.to_numeric(column.str.replace("\u2212", "-")))


def controls(tab: Any) -> dict[str, str]:
    ids = ["network", "accuracy", "target", "epoch", "layer"]
    return {name: tab.locator(f"#ff-{name}").evaluate("e => e.value") for name in ids}


def expected(
    tables: tuple[Any, Any],
    width: int,
    depth: int,
    accuracy: str,
    target: float,
    epoch: int,
) -> Any:
    """The same numbers by pandas alone."""
    column, overall = COLUMNS[accuracy]
    condition = "hidden == @width and epoch <= @epoch"
    layers = tables[0].query(f"{condition} and layer <= @depth")
    network = tables[1].query(f"{condition} and depth == @depth").set_index(["seed", "epoch"])
    rows = []
    for layer, part in layers.groupby("layer"):
        trace: Any = part.astype({column: float}).groupby("epoch")[column].mean()
        reached = trace.index[trace >= target]
        first = crossing = np.nan
        if len(reached):
            first = reached[0]
            before = max(first - 1, 1)
            rise = trace[first] - trace[before]
            share = (target - trace[before]) / rise if rise > 0 else 1
            crossing = before + np.clip(share, 0, 1) * (first - before)
        pairs = part.set_index(["seed", "epoch"])[column].astype(float)
        other = network[overall].astype(float).reindex(pairs.index)
        pearson, spearman = (pairs.corr(other, method=m) for m in ("pearson", "spearman"))
        rows.append((layer, trace[epoch], first, crossing, pearson, spearman))
    return pd.DataFrame(rows, columns=HEADS)


WIDTHS = sorted({int(f.name.split("-")[1]) for f in FOLDERS})
CONFIGURATIONS = [
    (WIDTHS[0], 4, "training", 0.7, 30),
    (WIDTHS[-1], 32, "validation", 0.65, 17),
    (WIDTHS[0], 16, "auroc", 0.8, 9),
]


@pytest.mark.parametrize(("width", "layers", "accuracy", "target", "epoch"), CONFIGURATIONS)
def test_the_numbers_are_those_of_pandas(tab, site, tables, width, layers, accuracy, target, epoch):
    visit(
        tab,
        site,
        f"#width={width}&layers={layers}&accuracy={accuracy}&target={target}&epoch={epoch}",
    )
    ours, theirs = shown(tab), expected(tables, width, layers, accuracy, target, epoch)
    assert len(ours) == layers
    for column, digit in zip(HEADS, [0, 1e-4, 0, 1e-2, 1e-3, 1e-3], strict=True):
        np.testing.assert_allclose(
            ours[column], theirs[column], rtol=0, atol=0.51 * digit, err_msg=column
        )
    awake = f"{int(theirs['epoch'].notna().sum())} of {layers} layers have reached {target:.2f}"
    assert awake in tab.locator(".ff-explorer .ff-status").inner_text()


def test_every_measured_configuration_can_be_chosen(tab, site, tables):
    visit(tab, site)
    found = tables[1][["hidden", "depth"]].drop_duplicates().sort_values(["hidden", "depth"])
    options = tab.locator("#ff-network option").all_inner_texts()
    assert options == [f"{row.depth} layers of {row.hidden}" for row in found.itertuples()]


def test_the_keyboard_is_enough(tab, site):
    visit(tab, site)
    before = shown(tab)
    tab.locator("#ff-network").focus()
    tab.keyboard.press("Home")  # the first network
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowDown")  # validation accuracy
    tab.keyboard.press("Tab")
    for _ in range(5):
        tab.keyboard.press("ArrowRight")  # target 0.75
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowLeft")  # one epoch less
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowRight")  # layer 1
    settle(tab)
    for part in ("accuracy=validation", "target=0.75", "epoch=29", "layer=1"):
        assert part in tab.url
    after = shown(tab)
    assert len(after) < len(before)
    assert after.loc[0, "accuracy"] != before.loc[0, "accuracy"]
    tab.keyboard.press("Tab")  # the table, which scrolls
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")  # the second layer's button
    assert picked(tab) == {"2"}  # by focus alone
    tab.keyboard.press("Enter")
    settle(tab)
    assert "layer=2" in tab.url


def picked(tab: Any) -> set[str]:
    return set(tab.locator(".is-picked").evaluate_all("found => found.map(e => e.dataset.layer)"))


def test_the_address_keeps_what_is_shown(tab, site):
    visit(tab, site, "#layers=8&accuracy=validation&target=0.81&epoch=12&layer=3&width=100")
    state, numbers = controls(tab), shown(tab)
    assert (state["target"], state["layer"], len(numbers)) == ("0.81", "3", 8)
    tab.locator("#ff-target").press("ArrowLeft")
    settle(tab)
    assert "target=0.80" in tab.url
    changed = shown(tab)
    tab.reload()
    settle(tab)
    assert controls(tab) == state | {"target": "0.8"}
    pd.testing.assert_frame_equal(shown(tab), changed)


def test_a_changed_address_is_followed(tab, site):
    visit(tab, site)
    tab.evaluate("location.hash = 'target=0.9'")
    tab.wait_for_function("document.querySelector('#ff-target').value === '0.9'")


def test_a_link_within_the_page_changes_nothing(tab, site):
    visit(tab, site, "#target=0.81&epoch=12")
    state, address = controls(tab), tab.url
    tab.evaluate("location.hash = 'main-content'")  # as "skip to main content" does
    tab.wait_for_url(address)
    settle(tab)
    assert controls(tab) == state


@pytest.mark.parametrize("width", [None, *WIDTHS, 7])
def test_what_an_address_says_rightly_is_shown_beside_the_defaults(tab, site, width):
    part = "" if width is None else f"width={width}&"
    visit(tab, site, f"#{part}layers=16&target=0.6&epoch=99&layer=3&accuracy=no")
    shown_width = width if width in WIDTHS else WIDTHS[-1]
    chosen = tab.locator("#ff-network option:checked").inner_text()
    assert chosen == f"16 layers of {shown_width}"
    assert {**controls(tab), "network": ""} == {
        "network": "",
        "accuracy": "0",
        "target": "0.6",
        "epoch": "29",
        "layer": "3",
    }
    fragment = f"width={shown_width}&layers=16&accuracy=training&target=0.60&epoch=30&layer=3"
    assert tab.url.partition("#")[2] == fragment


@pytest.mark.parametrize(
    "fragment",
    [
        "#explore",
        "#layers=3&width=99",
        "#layers=-2&width=1e2",
        "#target=2&epoch=31&layer=99",
        "#target=NaN&epoch=&layer=1.5&accuracy=__proto__",
        "#%E0%A4%A&&==;target=0.6<script>",
    ],
)
def test_nonsense_in_the_address_shows_the_defaults(tab, site, fragment):
    visit(tab, site)
    defaults = controls(tab)
    visit(tab, site, fragment)
    assert controls(tab) == defaults
    whole = "width={}&layers={}&accuracy=training&target=0.70&epoch=30"
    depth, width = re.findall(r"\d+", tab.locator("#ff-network option:checked").inner_text())
    assert tab.url.partition("#")[2] == whole.format(width, depth)


def test_the_lines_can_be_dragged(tab, site):
    visit(tab, site)
    before = shown(tab)
    picture = tab.locator(".ff-traces svg")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    line = tab.locator(".ff-target").bounding_box()
    x = box["x"] + box["width"] / 3
    tab.mouse.move(x, line["y"])
    tab.mouse.down()
    tab.mouse.move(x, line["y"] + 20, steps=4)
    tab.mouse.move(x, line["y"] + 40, steps=4)
    tab.mouse.up()
    settle(tab)
    assert 0.5 < float(controls(tab)["target"]) < 0.65
    assert (shown(tab)["epoch"].fillna(99) <= before["epoch"].fillna(99)).all()
    line = tab.locator(".ff-epoch").bounding_box()
    y = box["y"] + 40
    tab.mouse.move(line["x"], y)
    tab.mouse.down()
    tab.mouse.move(x, y, steps=8)
    tab.mouse.up()
    settle(tab)
    assert 5 < int(re.findall(r"epoch=(\d+)", tab.url)[0]) < 15


def swipe(tab: Any, x: float, y: float, dx: float, dy: float) -> None:
    """One finger, as the browser itself would see it, so that it may take the touch to scroll."""
    session = tab.context.new_cdp_session(tab)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        where = [{"x": a, "y": b} for a, b in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})

    touch("touchStart", (x, y))
    for share in np.linspace(0.1, 1, 10):
        touch("touchMove", (x + share * dx, y + share * dy))
    touch("touchEnd")
    settle(tab)


def test_the_lines_are_dragged_by_touch_and_the_page_elsewhere(tab, site):
    tab.set_viewport_size({"width": 420, "height": 800})
    visit(tab, site)
    tab.locator(".ff-traces svg").scroll_into_view_if_needed()
    scrolled = tab.evaluate("scrollY")
    line, box = (
        tab.locator(f".ff-traces {part}").bounding_box() for part in ("svg .ff-target", "svg")
    )
    swipe(tab, box["x"] + box["width"] / 2, line["y"], 0, 80)
    assert float(controls(tab)["target"]) < 0.6
    line = tab.locator(".ff-epoch").bounding_box()
    swipe(tab, line["x"], box["y"] + 50, -box["width"] / 2, 30)
    assert 5 < int(controls(tab)["epoch"]) < 20
    assert tab.evaluate("scrollY") == scrolled
    swipe(tab, box["x"] + box["width"] / 3, box["y"] + 60, 0, -200)
    tab.wait_for_function(f"scrollY > {scrolled}")


def test_a_layer_is_found_in_every_view(tab, site):
    visit(tab, site)
    row = tab.locator(".ff-explorer tbody tr").nth(4)
    row.hover()
    assert picked(tab) == {"5"}
    for view in (".ff-traces", ".ff-delays", ".ff-correlations", "tbody"):
        assert tab.locator(f".ff-explorer {view} .is-picked").count() >= 1, view
    tab.mouse.move(0, 0)
    assert picked(tab) == set()
    dot = tab.locator(".ff-delays [data-layer='3']").bounding_box()
    tab.touchscreen.tap(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    settle(tab)
    assert "layer=3" in tab.url
    assert picked(tab) == {"3"}


def test_on_paper_stands_the_title_and_nothing_to_play_with(tab, site):
    visit(tab, site)
    tab.emulate_media(media="print")
    titles = tab.locator("h1").evaluate_all("all => all.filter(h => h.checkVisibility()).length")
    assert titles == 1
    for name in (".ff-hint", ".ff-controls", ".ff-knob"):
        assert tab.locator(name).count()
        assert not tab.locator(name).first.is_visible(), name
    assert tab.locator(".ff-traces svg").is_visible()


def test_the_theme_switch_is_followed_at_once(tab, site):
    visit(tab, site)
    color = "getComputedStyle(document.querySelector('.ff-line')).stroke"
    tab.evaluate("document.documentElement.dataset.theme = 'light'")
    light = tab.evaluate(color)
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert tab.evaluate(color) != light


# --- layers lighting up


def epoch(tab: Any) -> int:
    return int(tab.locator(".ff-awakening .ff-status b").first.inner_text())


def test_nothing_moves_for_those_who_want_it_still(tab, site):
    tab.emulate_media(reduced_motion="reduce")
    tab.clock.install()
    tab.goto((site / "intro.html").as_uri())
    last = epoch(tab)
    assert tab.locator(".ff-play").inner_text() == "Play"
    tab.clock.run_for(2000)
    assert epoch(tab) == last


def test_layers_light_up_pause_and_are_scrubbed(tab, site, tables):
    tab.emulate_media(reduced_motion="no-preference")
    tab.clock.install()
    tab.goto((site / "intro.html").as_uri())
    play = tab.locator(".ff-play")
    assert play.inner_text() == "Pause"
    started = epoch(tab)
    tab.clock.run_for(1000)
    assert epoch(tab) > started
    play.click()
    paused = epoch(tab)
    tab.clock.run_for(1000)
    assert epoch(tab) == paused
    tab.get_by_role("slider", name="Epoch").focus()
    tab.keyboard.press("Home")
    for _ in range(9):
        tab.keyboard.press("ArrowRight")
    assert epoch(tab) == 10
    (width,) = re.findall(r"layers of (\d+) units", tab.locator(".ff-note-small").inner_text())
    rows = tables[0].query(f"hidden == {width} and epoch == 10")
    awake = int((rows.groupby("layer")["train_accuracy"].mean() >= 0.7).sum())
    assert tab.locator(".ff-tower .is-awake").count() == awake
    play.click()
    tab.clock.run_for(20_000)
    assert epoch(tab) == tables[0]["epoch"].max()
    assert play.inner_text() == "Play"


def test_the_first_screen_shows_the_figure_and_verdicts(tab, site):
    tab.goto((site / "intro.html").as_uri())
    for name in (".ff-field", ".ff-summary"):
        box = tab.locator(name).bounding_box()
        assert box["y"] + box["height"] < 900, f"{name} ends below the fold: {box}"
    ends = tab.locator(".ff-verdicts tbody tr").evaluate_all(
        "rows => rows.map(row => row.getBoundingClientRect().bottom)"
    )
    assert sum(end < 900 for end in ends) >= 4, ends
