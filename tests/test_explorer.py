"""The explorer page and the landing page's animation, in a browser, opened from disk."""

import io
import itertools
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import synthetic
from scipy import stats

import ff
from ff.book import embed
from ff.records import below, condition, provenance
from ff.results import RESULTS
from ff.stats import delay
from ff.stats.correlation import pooled

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CONDITIONS = {  # by what the page calls them
    "": ff.Config(),
    "momentum 0.09": ff.Config(peer_momentum=0.09),
    "constant rates": ff.Config(cool_down=False),
}
FOLDERS = {
    name: [
        path
        for path in below(RESULTS)
        if condition(provenance(path / "layers.parquet")[0]) == config.condition
    ]
    for name, config in CONDITIONS.items()
}
if not all(FOLDERS.values()):
    pytest.skip("there are no published measurements", allow_module_level=True)
COLUMNS = {
    "training": ("train_accuracy", "train_accuracy"),
    "validation": ("validation_accuracy", "validation_accuracy"),
    "auroc": ("validation_auroc", "validation_accuracy"),
}
SCRIPTS = ("charts.js", "explorer-networks.js", "explorer-charts.js", "explorer.js")
HEADS = ["layer", "accuracy", "epoch", "crossing", "interval", "pearson", "spearman"]


@cache
def read(name: str) -> tuple[Any, Any]:
    """A condition, straight from the files."""
    layers, readouts = (
        pd.concat([pd.read_parquet(folder / f"{table}.parquet") for folder in FOLDERS[name]])
        for table in ("layers", "readouts")
    )
    return layers, readouts


@pytest.fixture(scope="module")
def tables() -> tuple[Any, Any]:
    """The primary condition."""
    return read("")


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


def shown(tab: Any, second: bool = False) -> Any:
    """The table as numbers, of one network; NaN where the page says that there is none."""
    rows: Any = pd.DataFrame(
        tab.locator(".ff-explorer tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )
    )
    skipped = len(HEADS) - 1 if second else 0
    texts = rows[[0, *range(1 + skipped, len(HEADS) + skipped)]].set_axis(HEADS, axis=1)
    texts = texts.replace({"not reached": "", "\u2013": ""})
    ends = texts.pop("interval").str.extract(r"\[(?P<low>.*), (?P<high>.*)\]")
    ends["high"] = ends["high"].mask(ends["high"].str.startswith("> "), "inf")
    numbers = texts.apply(lambda column: column.str.replace("\u2212", "-")).join(ends)
    return numbers.apply(pd.to_numeric)


def controls(tab: Any) -> dict[str, str]:
    ids = ["network", "compare", "accuracy", "target", "epoch", "layer"]
    return {name: tab.locator(f"#ff-{name}").evaluate("e => e.value") for name in ids}


def crossing(trace: Any, target: float) -> tuple[float, float]:
    """First epoch at which a trace reaches the target, and where it crosses it on the way."""
    reached = trace.index[trace.astype(np.float32) >= np.float32(target)]
    if not len(reached):
        return np.nan, np.inf
    first = reached[0]
    before = max(first - 1, 1)
    rise = trace[first] - trace[before]
    share = (target - trace[before]) / rise if rise > 0 else 1
    return first, before + np.clip(share, 0, 1) * (first - before)


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
        by_epoch = part.astype({column: float}).groupby("epoch")[column]
        trace: Any = by_epoch.mean()
        half = stats.t.ppf(0.975, by_epoch.count() - 1) * by_epoch.sem()
        first, cross = crossing(trace, target)
        low, high = (crossing(trace + sign * half, target)[1] for sign in (1, -1))
        pairs = part.set_index(["seed", "epoch"])[column].astype(float)
        other = network[overall].astype(float).reindex(pairs.index)
        pearson, spearman = (pairs.corr(other, method=m) for m in ("pearson", "spearman"))
        ends = (low, high) if np.isfinite(low) else (np.nan, np.nan)
        cross = cross if np.isfinite(cross) else np.nan
        rows.append((layer, trace[epoch], first, cross, pearson, spearman, *ends))
    heads = [head for head in HEADS if head != "interval"]
    return pd.DataFrame(rows, columns=[*heads, "low", "high"])


def same(ours: Any, theirs: Any) -> None:
    """Compare what the page shows with what pandas finds, in the digits that it shows."""
    assert len(ours) == len(theirs)
    digits = {"accuracy": 1.1e-4, "crossing": 1e-2, "low": 1e-2, "high": 1e-2}  # of 5 kept digits
    for column in theirs:
        digit = digits.get(column, 1e-3)
        np.testing.assert_allclose(
            ours[column], theirs[column], rtol=0, atol=0.55 * digit, err_msg=column
        )


WIDTHS = sorted({int(f.name.split("-")[1]) for f in FOLDERS[""]})
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
    theirs = expected(tables, width, layers, accuracy, target, epoch)
    same(shown(tab), theirs)
    awake = f"{int(theirs['epoch'].notna().sum())} of {layers} layers have reached {target:.2f}"
    assert awake in tab.locator(".ff-explorer .ff-status").inner_text()


def test_every_measured_configuration_can_be_chosen(tab, site):
    visit(tab, site)
    names = []
    for name in CONDITIONS:
        found = read(name)[1][["hidden", "depth"]].drop_duplicates()
        names += [
            f"{row.depth} layers of {row.hidden}" + (f", {name}" if name else "")
            for row in found.sort_values(["hidden", "depth"]).itertuples()
        ]
    assert tab.locator("#ff-network option").all_inner_texts() == names
    assert tab.locator("#ff-compare option").all_inner_texts() == ["none", *names]
    assert tab.locator("#ff-compare option:checked").inner_text() == "none"


def test_the_keyboard_is_enough(tab, site):
    visit(tab, site)
    before = shown(tab)
    tab.locator("#ff-network").focus()
    tab.keyboard.press("Home")  # the first network
    tab.keyboard.press("Tab")
    tab.keyboard.press("ArrowDown")  # beside itself
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
    for part in ("layers2=2", "accuracy=validation", "target=0.75", "epoch=29", "layer=1"):
        assert part in tab.url
    after = shown(tab)
    pd.testing.assert_frame_equal(after, shown(tab, second=True))
    assert len(after) < len(before)
    assert after.loc[0, "accuracy"] != before.loc[0, "accuracy"]
    tab.keyboard.press("Tab")  # the reader's own file
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
        "compare": "0",
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
        "#width2=99&layers2=4&condition2=momentum+0.09&condition=none",
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
    dot = tab.locator(".ff-delays .ff-mark[data-layer='3']").bounding_box()
    tab.touchscreen.tap(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    settle(tab)
    assert "layer=3" in tab.url
    assert picked(tab) == {"3"}


def test_on_paper_stands_the_title_and_nothing_to_play_with(tab, site):
    visit(tab, site)
    tab.emulate_media(media="print")
    titles = tab.locator("h1").evaluate_all("all => all.filter(h => h.checkVisibility()).length")
    assert titles == 1
    for name in (".ff-hint", ".ff-controls", ".ff-own", ".ff-picked", ".ff-knob"):
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


# --- a second network


PAIRS = [
    ("condition=momentum+0.09&width=100&layers=8", ("momentum 0.09", 100, 8)),
    ("condition=constant+rates&layers=16", ("constant rates", 100, 16)),
    ("width=1000&layers=4", ("", 1000, 4)),
]


@pytest.mark.parametrize(("first", "one"), PAIRS)
@pytest.mark.parametrize(("second", "two"), PAIRS)
def test_two_networks_stand_side_by_side(tab, site, first, one, second, two):
    other = re.sub("(width|layers|condition)=", r"\g<1>2=", second)
    other += "" if "width" in other else "&width2=100"
    visit(tab, site, f"#{first}&{other}&target=0.65&epoch=20")
    for columns, (name, width, depth) in [(shown(tab), one), (shown(tab, True), two)]:
        theirs = expected(read(name), width, depth, "training", 0.65, 20)
        same(columns.iloc[:depth], theirs)
        assert columns.iloc[depth:].drop(columns="layer").isna().all(axis=None)
    heads = tab.locator(".ff-explorer th[scope=colgroup]").all_inner_texts()
    assert heads == [
        f"{depth} layers of {width}" + (f", {name}" if name else "")
        for name, width, depth in (one, two)
    ]
    again = tab.url
    tab.reload()
    settle(tab)
    assert tab.url == again


def test_what_is_of_the_second_network_is_dashed_or_hollow(tab, site):
    visit(tab, site, "#width2=100&layers2=8")
    style = "found => found.map(e => getComputedStyle(e)).map(s => [s.strokeDasharray, s.fill])"
    for view, name, count in [
        ("traces", "line:not(.ff-later)", 8),
        ("delays", "mark", 8),
        ("correlations", "mark", 16),
    ]:
        marks = f".ff-{view} .ff-{name}"
        second = tab.locator(f"{marks}.is-second").evaluate_all(style)
        first = tab.locator(f"{marks}:not(.is-second)").evaluate_all(style)
        assert len(second) == count
        assert not {tuple(look) for look in first} & {tuple(look) for look in second}
    names = tab.locator(".ff-key").inner_text()
    assert "32 layers of 1000" in names
    assert "readout of 8 layers of 100" in names
    assert "second network, 8 of 8 layers" in tab.locator(".ff-status").inner_text()
    label = tab.locator(".ff-delays svg").get_attribute("aria-label")
    assert "second network: layer 8 is the deepest" in label


def test_correlations_that_the_page_leaves_out_are_named(tab, site):
    visit(tab, site, "#width2=100&layers2=8&condition2=constant+rates&accuracy=auroc")
    caption = tab.locator(".ff-correlations figcaption")
    assert "Not here: that of 8 layers of 100, constant rates" in caption.inner_text()
    assert shown(tab)["pearson"].notna().all()
    assert shown(tab, second=True)["pearson"].isna().all()


def test_a_picked_layer_has_its_band_and_its_words(tab, site, tables):
    visit(tab, site, f"#width={WIDTHS[0]}&layers=8")
    band = tab.locator(".ff-band[data-layer='5']")
    assert not band.is_visible()
    tab.locator("#ff-layer").focus()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    settle(tab)
    assert band.is_visible()
    row = expected(tables, WIDTHS[0], 8, "training", 0.7, 30).loc[4]
    words = f"crosses 0.70 at epoch {row.crossing:.2f} [{row.low:.2f}, {row.high:.2f}]"
    assert words in tab.locator(".ff-picked").inner_text()
    assert words in tab.locator("#ff-layer").get_attribute("aria-valuetext")


def test_correlations_have_the_intervals_of_the_chapter(tab, site):
    visit(tab, site, f"#width={WIDTHS[0]}&layers=8&layer=5")
    table: Any = pooled(*(frame.query("hidden == @WIDTHS[0]") for frame in read("")))
    rows: Any = table.query("depth == 8 and layer == 5")
    for row in rows.itertuples():
        (low, high), text = (row.low, row.high), tab.locator(".ff-picked").inner_text()
        found = re.search(rf"{row.coefficient} \S+ \[(\S+), (\S+)\]", text, re.IGNORECASE)
        assert found, text
        np.testing.assert_allclose([*map(float, found.groups())], [low, high], atol=1.1e-3)


@pytest.mark.parametrize(
    ("accuracy", "head", "column"),
    [
        ("training", "Accuracy (training)", "train_accuracy"),
        ("validation", "Accuracy (validation)", "validation_accuracy"),
        ("auroc", "AUROC (validation)", "validation_auroc"),
    ],
)
def test_a_column_is_named_by_the_measure(tab, site, accuracy, head, column):
    visit(tab, site, f"#accuracy={accuracy}&layers=4&width2={WIDTHS[0]}&layers2=8&target=0.95")
    heads = tab.locator(".ff-explorer thead tr:last-child th").all_inner_texts()
    assert heads.count(head) == 2
    assert "Accuracy" not in heads
    table = downloaded(tab)
    assert table.columns[4] == column
    assert table["layers"].tolist() == [4] * 4 + [8] * 8
    page = shown(tab, second=True)
    np.testing.assert_allclose(table[column][4:], page["accuracy"], atol=0.51e-4)
    np.testing.assert_allclose(table["crossing"][4:], page["crossing"], atol=0.51e-2)
    high = table["crossing_high"][4:].where(np.isfinite(table["crossing_low"][4:]))
    np.testing.assert_allclose(high, page["high"], atol=0.51e-2)


def downloaded(tab: Any) -> Any:
    link = tab.get_by_text("Download these numbers as CSV")
    link.evaluate(
        "link => { link.addEventListener('click', e => e.preventDefault()); link.click() }"
    )
    text = unquote(link.get_attribute("href").partition(",")[2])
    return pd.read_csv(io.StringIO(text))


# --- a file of the reader


def csv(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "mimeType": "text/csv", "buffer": text.encode()}


def test_traces_of_a_chapter_are_compared(tab, site, tables):
    means: Any = tables[0].groupby(["hidden", "layer", "epoch"])["train_accuracy"]
    table = means.agg(["mean", "std"]).assign(seeds=means.count()).reset_index().round(4)
    visit(tab, site, "#target=0.75&epoch=20")
    address = tab.url
    tab.locator("#ff-file").set_input_files(csv("traces.csv", table.to_csv(index=False)))
    tab.wait_for_function("document.querySelector('.ff-own [role=status]').textContent")
    settle(tab)
    assert f"32 layers of {WIDTHS[-1]}, traces.csv" in tab.locator(".ff-own").inner_text()
    ours, theirs = shown(tab, second=True), shown(tab)
    for column, tolerance in [
        ("accuracy", 2e-4),
        ("crossing", 0.02),
        ("low", 0.05),
        ("high", 0.05),
    ]:
        np.testing.assert_allclose(ours[column], theirs[column], atol=tolerance)
    assert ours["pearson"].isna().all()
    assert tab.url == address  # nobody else has that file
    tab.locator("#ff-network").select_option(label=f"32 layers of {WIDTHS[0]}, traces.csv")
    tab.locator("#ff-compare").select_option("none")
    settle(tab)
    assert "traces.csv" in tab.locator(".ff-explorer .ff-caption").inner_text()
    assert "traces.csv" in downloaded(tab)["condition"].unique()


def test_a_table_of_records_that_is_dropped_is_compared(tab, site):
    records = synthetic.records(layers=3, depths=(3,), epochs=40, noise=0, jitter=1)
    visit(tab, site, "#width2=100&layers2=4")
    tab.evaluate(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([text], 'a, "b".csv', {type: "text/csv"}));
          const told = {dataTransfer: data, bubbles: true, cancelable: true};
          document.body.dispatchEvent(new DragEvent("dragover", told));
          document.body.dispatchEvent(new DragEvent("drop", told));
        }""",
        records.layers.to_csv(index=False),
    )
    tab.wait_for_function("document.querySelector('.ff-own [role=status]').textContent")
    settle(tab)
    assert 'layers of 100, a, "b".csv' in tab.locator("#ff-compare option:checked").inner_text()
    assert tab.locator("#ff-epoch").get_attribute("aria-valuetext") == "epoch 40"
    caption = tab.locator(".ff-explorer .ff-caption").inner_text()
    assert "(mean over 30 seeds, measured up to epoch 30) and of 3 layers of 100" in caption
    ours = shown(tab, second=True).iloc[:3]
    means = delay.mean_delay(records.layers)
    np.testing.assert_allclose(ours["crossing"], means["crossing"], atol=0.0051)
    np.testing.assert_allclose(ours["low"], means["crossing_low"], atol=0.0051)
    np.testing.assert_allclose(ours["high"], means["crossing_high"], atol=0.0051)
    last: Any = records.layers.query("epoch == 40").groupby("layer")["train_accuracy"].mean()
    np.testing.assert_allclose(ours["accuracy"], last, atol=0.51e-4)
    assert 'a, "b".csv' in downloaded(tab)["condition"].unique()
    tab.locator("#ff-accuracy").select_option(label="Validation accuracy")
    settle(tab)
    assert shown(tab, second=True)["accuracy"].notna().sum() == 3


def test_the_simplest_file_is_enough(tab, site):
    visit(tab, site)
    text = "\ufeffepoch,layer,accuracy\r\n" + "".join(
        f"{epoch},{layer},{0.5 + epoch / 10 / layer}\r\n" for layer in (1, 2) for epoch in (2, 3, 4)
    )
    tab.locator("#ff-file").set_input_files(csv("mine.csv", text))
    tab.wait_for_function("document.querySelector('.ff-own [role=status]').textContent")
    settle(tab)
    assert tab.locator("#ff-compare option:checked").inner_text() == "2 layers, mine.csv"
    tab.locator("#ff-network").select_option(label="2 layers, mine.csv")
    tab.locator("#ff-compare").select_option("none")
    settle(tab)
    assert shown(tab)["crossing"].tolist() == [2, 4]
    assert shown(tab)["low"].isna().all()


WRONG = {
    "": 'There is no column "layer"; the first line names nothing',
    "layer;epoch;mean\n1;1;0.5": 'There is no column "layer"; the first line names layer;epoch',
    "layer,mean\n1,0.5": 'There is no column "epoch"; the first line names layer, mean',
    "layer,epoch,goodness\n1,1,2": "There is no column of accuracies; name one of mean, accuracy",
    "layer,epoch,mean\n": "There are no rows below the first line",
    "layer,epoch,mean\n1,1,": "There is no accuracy in any row",
    "layer,epoch,mean\n1,1,0.5\n1,2,70": 'Line 3, column "mean": "70" is not a number from 0 to 1',
    "layer,epoch,mean\n1,1,half": 'Line 2, column "mean": "half" is not a number from 0 to 1',
    "layer,epoch,mean\n0,1,0.5": 'Line 2, column "layer": "0" is not a whole number from 1 on',
    "layer,epoch,mean\n1.5,1,0.5": 'Line 2, column "layer": "1.5" is not a whole number',
    "layer,epoch,mean\n1": 'Line 2, column "epoch": "" is not a whole number from 0 on',
    "layer,epoch,mean\n1,1,0.5\n\n1,1,0.6": "Lines 2 and 4 are both of layer 1 at epoch 1",
    "layer,epoch,mean\n1,1,0.5\n1,2,0.5\n3,1,0.5\n3,2,0.5": 'layer 2 has no values of "mean"',
    "hidden,layer,epoch,mean\n9,1,1,0.5\n9,1,2,0.5\n9,2,2,0.5": (
        'Of width 9, layer 2 has no values of "mean" at epoch 1 and elsewhere 1 value'
    ),
}


@pytest.mark.parametrize(("text", "words"), WRONG.items())
def test_a_file_that_cannot_be_read_says_what_is_wrong_and_where(tab, site, text, words):
    visit(tab, site)
    before = controls(tab)
    tab.locator("#ff-file").set_input_files(csv("mine.csv", text))
    said = tab.locator(".ff-own .is-wrong")
    said.wait_for()
    assert said.inner_text().startswith("mine.csv cannot be compared. ")
    assert words in said.inner_text()
    assert controls(tab) == before


def test_students_t_is_that_of_scipy(tab, site):
    visit(tab, site)
    freedoms = [1, 2, 3, 4, 7, 19, 29, 30, 100, 999]
    found = tab.evaluate("all => all.map(ExplorerNetworks.student)", freedoms)
    np.testing.assert_allclose(found, stats.t.ppf(0.975, freedoms), rtol=1e-9)


# --- some views on a chapter's page


@pytest.fixture
def chapter(site, tmp_path, records):
    """A page of text in a folder of its own, with two explorers of some views."""
    parts = [
        embed.explorer(
            records,
            views=("traces", "delays"),
            measures=("train_accuracy",),
            shown="layers=2&width2=10&layers2=4&target=0.80",
        ),
        embed.explorer(records, views=["correlations"], measures=("train_accuracy",)),
    ]
    static = (site / "_static").as_uri()
    page = tmp_path / "chapter.html"
    page.write_text(
        f'<!DOCTYPE html><html lang="en" data-content_root="{site.as_uri()}/" data-theme="light">'
        f'<meta charset="utf-8"><title>C</title><link rel="stylesheet" href="{static}/book.css">'
        f"<main><h1>Chapter</h1>{''.join(part._repr_html_() for part in parts)}</main>"
        + "".join(f'<script defer src="{static}/{name}"></script>' for name in SCRIPTS),
        encoding="utf-8",
    )
    return page


@pytest.fixture(scope="module")
def records() -> ff.Records:
    return synthetic.records(hidden=(10, 100))


def test_a_chapter_shows_some_views(tab, chapter):
    tab.goto(f"{chapter.as_uri()}#a-heading")
    settle(tab)
    delays, correlations = tab.locator(".ff-explorer").all()
    assert delays.locator("figure").count() == 2
    assert correlations.locator("figure").count() == 1
    assert tab.locator("table, input[type=file]").count() == 0
    labels = [part.locator("label").all_inner_texts() for part in (delays, correlations)]
    names = [[text.strip() for text in texts] for texts in labels]
    assert names == [
        ["Network", "Compare with", "Target", "Epoch", "Layer"],
        ["Network", "Compare with", "Epoch", "Layer"],
    ]
    ids = tab.locator("[id]").evaluate_all("all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))
    chosen = delays.locator("option:checked").all_inner_texts()
    assert chosen == ["2 layers of 100", "4 layers of 10"]
    delays.get_by_label("Epoch", exact=True).press("ArrowLeft")
    settle(tab)
    assert tab.url.endswith("chapter.html#a-heading")
    assert (
        correlations.get_by_label("Epoch", exact=True).get_attribute("aria-valuetext") == "epoch 12"
    )
    link = delays.get_by_role("link")
    fragment = "width=100&layers=2&width2=10&layers2=4&accuracy=training&target=0.80&epoch=11"
    assert link.get_attribute("href").partition("#")[2] == fragment
    assert "crosses" not in correlations.inner_text()


def test_the_link_of_a_chapter_leads_to_the_same_state(tab, chapter, site):
    tab.goto(chapter.as_uri())
    settle(tab)
    tab.locator(".ff-explorer a").first.click()
    tab.wait_for_url(f"{(site / 'explorer.html').as_uri()}**")
    settle(tab)
    assert tab.locator("#ff-target").input_value() == "0.8"


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lamps_are_dark_at_chance_and_axes_name_layers_and_epochs(tab, site, scheme):
    tab.set_viewport_size({"width": 420, "height": 800})
    tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    tab.goto((site / "intro.html").as_uri())
    # Columns by epoch, each from the first layer on: deepest in the first epoch, first in the last.
    fills = tab.locator(".ff-field rect").evaluate_all(
        "all => [all[31], all.at(-32)].map(cell => getComputedStyle(cell).fill)"
    )
    lightness = [float(re.findall(r"[\d.]+", fill)[0]) for fill in fills]
    assert all(fill.startswith("oklab(") for fill in fills)
    assert lightness[0] < 0.3 < 0.75 < lightness[1]
    for name, numbers in [
        ("layers", ["1", "8", "16", "24", "32"]),
        ("epochs", ["1", "5", "10", "15", "20", "25", "30"]),
    ]:
        ticks = tab.locator(f".ff-{name} span")
        assert ticks.all_inner_texts() == numbers
        boxes = ticks.evaluate_all(
            "all => all.map(e => e.getBoundingClientRect()).map(({left, right, top, bottom}) => "
            "[left, right, top, bottom])"
        )
        side = 2 if name == "layers" else 0
        starts = sorted((box[side], box[side + 1]) for box in boxes)
        assert all(one[1] <= two[0] for one, two in itertools.pairwise(starts)), "ticks overlap"
    field, last = (
        tab.locator(part).bounding_box() for part in (".ff-field", ".ff-epochs span:last-child")
    )
    assert last["x"] + last["width"] <= field["x"] + field["width"] + 1
