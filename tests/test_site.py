"""The built site: links, alt texts, nothing fetched from elsewhere; statically and in a browser."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parent.parent
FETCHING_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(site: Path) -> list[Path]:
    """Every page of the site."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


@cache
def parse(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(page: Path) -> set[str]:
    return {str(tag.get("id") or tag.get("name")) for tag in parse(page)(id=True)} | {
        str(tag["name"]) for tag in parse(page)("a", attrs={"name": True})
    }


def urls(page: Path, *, fetched: bool) -> Iterator[str]:
    """Addresses in a page: those a browser fetches by itself, or those a reader may follow."""
    for tag in parse(page)(True):
        assert isinstance(tag, Tag)
        fetches = tag.name != "a" and (
            tag.name != "link" or not FETCHING_LINKS.isdisjoint(tag.get("rel") or ())
        )
        if fetches == fetched:
            for name in ("href", "src", "data", "poster"):
                if name in tag.attrs:
                    yield str(tag[name])


def is_elsewhere(url: str) -> bool:
    return bool(urlsplit(url).netloc)


def test_every_page_has_one_first_heading(pages):
    for page in pages:
        headings = parse(page).select("article h1")
        assert len(headings) == 1 or not parse(page).find("article"), f"{page}: {headings}"


def test_links_within_the_site_lead_somewhere(pages):
    broken = []
    for page in pages:
        for url in {*urls(page, fetched=True), *urls(page, fetched=False)}:
            parts = urlsplit(url)
            if is_elsewhere(url) or parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            lands = target.is_file() and (
                not parts.fragment
                or target.suffix != ".html"
                or unquote(parts.fragment) in anchors(target)
            )
            if not lands:
                broken.append(f"{page.name}: {url}")
    assert not broken, "\n".join(broken)


def test_every_image_says_what_it_shows(pages):
    silent = [
        f"{page.name}: {image['src']}"
        for page in pages
        for image in parse(page)("img")
        # Sphinx puts the file's name where nobody gave a text.
        if not str(image.get("alt") or "").strip() or "_images/" in str(image["alt"])
    ]
    assert not silent, "give these an alt text:\n" + "\n".join(silent)


def test_no_page_asks_for_anything_from_elsewhere(pages):
    asked = [
        f"{page.name}: {url}"
        for page in pages
        for url in urls(page, fetched=True)
        if is_elsewhere(url)
    ]
    for style in pages[0].parent.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", style.read_text(encoding="utf-8"), flags=re.DOTALL)
        found = re.findall(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""", text)
        asked += [f"{style.name}: {url}" for url in found]
    assert not asked, "\n".join(asked)


def weight(pages: list[Path], page: Path) -> tuple[int, int]:
    """Bytes that a page makes a browser read from disk, ours and all of them.

    Ours are the page, its pictures and what lies in ``book/_assets``, less MathJax.
    """
    site = pages[0].parent
    read = {page} | {
        (page.parent / unquote(urlsplit(url).path)).resolve()
        for url in urls(page, fetched=True)
        if urlsplit(url).path and not is_elsewhere(url) and not urlsplit(url).scheme
    }
    assets = {path.name for path in (ROOT / "book" / "_assets").iterdir()}
    own = [
        path
        for path in read
        if "_static" not in path.parts or (path.parent.name == "_static" and path.name in assets)
    ]
    assert all(path.is_relative_to(site) for path in read)
    return sum(path.stat().st_size for path in own), sum(path.stat().st_size for path in read)


def test_no_page_names_a_folder_of_the_machine_that_built_it(pages):
    told = [page.name for page in pages if str(ROOT) in page.read_text(encoding="utf-8")]
    assert not told


def test_pages_are_light(pages):
    heavy = []
    for page in pages:
        own, whole = weight(pages, page)
        if own > 500_000 or whole > 3_000_000:
            heavy.append(f"{page.name}: {own / 1e3:.0f} kB of ours, {whole / 1e3:.0f} kB in all")
    assert not heavy, "at most 500 kB of ours and 3 MB in all:\n" + "\n".join(heavy)


def test_every_figure_can_be_saved(pages):
    kept = [
        f"{page.name}: {image['src']}"
        for page in pages
        for image in parse(page).select("article img[src$='.svg']")
        if not parse(page).select(f"a[download][href='{image['src']}']")
    ]
    assert not kept, "\n".join(kept)


def test_what_can_be_saved_has_a_name_of_its_own(pages):
    for page in pages:
        names = [str(link["download"]) for link in parse(page).select("article a[download]")]
        assert len(names) == len(set(names)), f"{page.name}: {sorted(names)}"


@pytest.mark.browser
def test_every_page_opens_from_disk_without_requests_or_errors(pages, chromium):
    troubles: list[str] = []
    tab = chromium.new_page(viewport={"width": 420, "height": 800})

    def note(trouble: str) -> None:
        troubles.append(f"{Path(tab.url).name}: {trouble}")

    local = ("file:", "data:", "blob:", "about:")
    tab.on("request", lambda r: r.url.startswith(local) or note(f"asked for {r.url}"))
    # The next page may come before the icon of this one: that ends the request, and is no failure.
    left = "net::ERR_ABORTED"
    tab.on("requestfailed", lambda r: r.failure == left or note(f"did not get {r.url}"))
    tab.on("console", lambda m: m.type == "error" and note(m.text))
    tab.on("pageerror", lambda error: note(str(error)))
    for page in pages:
        if page.name == "index.html":  # leads on to another page at once
            continue
        tab.goto(page.as_uri(), wait_until="load")
        if parse(page).find(class_="math"):
            tab.wait_for_function("window.MathJax?.startup?.promise")
            tab.evaluate("MathJax.startup.promise.then(() => true)")
            if tab.locator("mjx-merror").count():
                note("a formula cannot be typeset")
        tab.evaluate("document.fonts.ready.then(() => true)")
        wide = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            note(f"is {wide} px wider than a phone")
    tab.close()
    assert not troubles, "\n".join(troubles)


# What axe-core finds in the theme itself: rule, and where (a part of the CSS selector).
KNOWN = [("summary-name", "summary"), ("region", ".only-"), ("region", ".title")]


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 420)])
def test_every_page_is_accessible(pages, chromium, scheme, width):
    axe = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    context = chromium.new_context(
        color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 800}
    )
    tab = context.new_page()
    found = set()
    for page in pages:
        if page.name == "index.html":
            continue
        tab.goto(page.as_uri(), wait_until="load")
        tab.evaluate(script)
        result = tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
        for violation in result["violations"]:
            for node in violation["nodes"]:
                where = " ".join(map(str, node["target"]))
                if not any(violation["id"] == rule and part in where for rule, part in KNOWN):
                    found.add(f"{page.name}: {violation['id']}: {where}")
    context.close()
    assert not found, "\n".join(sorted(found))


@pytest.mark.browser
@pytest.mark.parametrize("width", [420, 1400])
def test_every_figure_is_whole_and_legible(pages, chromium, width):
    tab = chromium.new_page(viewport={"width": width, "height": 800})
    wrong, seen = [], 0
    for page in pages:
        if not parse(page).select("article .ff-figure img"):
            continue
        tab.goto(page.as_uri())
        tab.add_style_tag(content=".sd-tab-content { display: block !important }")
        shown = tab.locator("article .ff-figure img").evaluate_all(
            """all => all.map(image => {
              const box = image.getBoundingClientRect();
              const room = image.closest("figure, .cell_output, section").getBoundingClientRect();
              const shape = image.naturalWidth / image.naturalHeight;
              return {
                source: image.getAttribute("src"),
                width: Math.min(box.width, box.height * shape),
                cut: box.left < room.left - 1 || box.right > room.right + 1,
                scrolls: image.parentElement.scrollWidth > image.parentElement.clientWidth + 1,
              };
            })"""
        )
        for image in shown:
            seen += 1
            source = (page.parent / image["source"]).read_text(encoding="utf-8")
            whole = float(re.findall(r'viewBox="[\d.]+ [\d.]+ ([\d.]+)', source)[0])
            # Matplotlib draws a letter of 100 points and scales it; diagrams hold text.
            sizes = [100 * float(scale) for scale in re.findall(r"scale\((0\.\d+) -0", source)]
            sizes += [
                float(size) for size in re.findall(r"font(?:-size=\"|: |-size: )([\d.]+)", source)
            ]
            least = min(sizes) / whole * image["width"]
            if image["cut"] or image["scrolls"] or least < 8:
                wrong.append(f"{page.name}: {image}, smallest text {least:.1f} px")
    tab.close()
    assert seen > 30
    assert not wrong, "\n".join(wrong)


# Edges of each text in a drawing of matplotlib, which are groups of letters.
TEXTS = """() => {
  const whole = document.documentElement.getBoundingClientRect(), found = [];
  const texts = [...document.querySelectorAll('g[transform*="scale(0."]')]
    .map(text => text.getBoundingClientRect());
  texts.forEach((a, i) => {
    const at = `text at ${Math.round(a.left)}, ${Math.round(a.top)}`;
    if (a.left < whole.left - 1 || a.right > whole.right + 1
      || a.top < whole.top - 1 || a.bottom > whole.bottom + 1) found.push(`${at} is cut`);
    for (const b of texts.slice(i + 1))
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        found.push(`${at} lies on another`);
  });
  return [texts.length, found];
}"""


@pytest.mark.browser
def test_texts_of_figures_are_neither_cut_nor_over_each_other(pages, chromium):
    tab = chromium.new_page(viewport={"width": 1000, "height": 1400})
    wrong, texts = [], 0
    for drawing in sorted((pages[0].parent / "_images").glob("*.svg")):
        tab.goto(drawing.as_uri())
        number, troubles = tab.evaluate(TEXTS)
        texts += number
        wrong += [f"{drawing.name}: {trouble}" for trouble in troubles]
    tab.close()
    assert texts > 1000
    assert not wrong, "\n".join(wrong)


@pytest.mark.browser
def test_what_is_wider_than_a_phone_says_that_it_scrolls(pages, chromium):
    tab = chromium.new_page(viewport={"width": 420, "height": 800})
    silent, seen = [], 0
    for page in pages:
        if page.name == "index.html":
            continue
        tab.goto(page.as_uri(), wait_until="load")
        scrolling = tab.evaluate(
            """() => [...document.querySelectorAll("article *")].filter(part =>
                ["auto", "scroll"].includes(getComputedStyle(part).overflowX)
                && part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0)
              .map(part => {
                const look = getComputedStyle(part);
                const shadow = /local.*scroll/.test(look.backgroundAttachment)
                  && look.backgroundImage.includes("gradient");
                return [part.className || part.tagName, shadow];
              })"""
        )
        seen += len(scrolling)
        silent += [f"{page.name}: {part}" for part, shadow in scrolling if not shadow]
    tab.close()
    assert seen > 30
    assert not silent, "no shadow says that there is more:\n" + "\n".join(silent)


@pytest.mark.browser
@pytest.mark.parametrize("width", [420, 800, 1400])
def test_every_run_is_in_sight(site, chromium, width):
    tab = chromium.new_page(viewport={"width": width, "height": 800})
    tab.goto((site / "provenance.html").as_uri())
    tables = tab.locator(".ff-runs")
    assert tables.count() > 3
    # A column is cut where its text is wider than its cell, or its cell beyond what is around it.
    cut = tables.evaluate_all(
        """all => all.flatMap(table => {
          const room = table.closest(".cell_output").getBoundingClientRect();
          return [...table.querySelectorAll("caption, th, td")].filter(cell => {
            const box = cell.getBoundingClientRect();
            return box.left < Math.max(room.left, 0) - 1
              || box.right > Math.min(room.right, innerWidth) + 1
              || cell.scrollWidth > cell.clientWidth + 1;
          }).map(cell => cell.textContent);
        })"""
    )
    assert not cut
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    lines = tables.locator("tbody td").evaluate_all(
        "all => all.map(cell => cell.clientHeight / parseFloat(getComputedStyle(cell).lineHeight))"
    )
    assert max(lines) < 2, "a cell needs a second line"
    tab.close()


@pytest.mark.browser
def test_code_is_one_click_away_on_chapters_and_open_where_it_is_the_subject(site, chromium):
    tab = chromium.new_page(viewport={"width": 1400, "height": 900})
    for name in ("rq1_delay", "why", "runs/configuration/layers-0032-hidden-1000"):
        tab.goto((site / f"{name}.html").as_uri())
        code = tab.locator(".cell_input pre")
        assert code.count() > 5
        assert not any(code.nth(i).is_visible() for i in range(code.count())), name
        tab.locator(".cell > details > summary").first.click()
        assert code.first.is_visible()
        tab.emulate_media(media="print")
        tab.wait_for_function(
            "[...document.querySelectorAll('.cell > details')].every(part => part.open)"
        )
        tab.emulate_media(media="screen")
        tab.wait_for_function("document.querySelectorAll('.cell > details[open]').length === 1")
    tab.goto((site / "runs" / "train" / "quick.html").as_uri())
    assert tab.locator(".cell_input pre").first.is_visible()
    tab.close()


@pytest.mark.browser
def test_a_switch_shows_one_figure_at_a_time_and_paper_all(site, chromium):
    tab = chromium.new_page(viewport={"width": 1400, "height": 900})
    tab.goto((site / "rq1_delay.html").as_uri())
    views = tab.locator(".sd-tab-set").first
    shown = "all => all.map(image => image.getBoundingClientRect().width > 0)"
    images = views.locator("img")
    assert images.evaluate_all(shown) == [True, False, False]
    views.get_by_text("As in the paper").click()
    assert images.evaluate_all(shown) == [False, True, False]
    tab.emulate_media(media="print")
    assert images.evaluate_all(shown) == [True, True, True]
    tab.close()


def test_figures_count_from_one_on_each_page(pages):
    several = 0
    for page in pages:
        labels = [mark.get_text().strip() for mark in parse(page).select(".caption-number")]
        numbers = [label for label in labels if label.startswith("Figure")]
        assert numbers == [f"Figure {i}" for i in range(1, len(numbers) + 1)], page.name
        several += len(numbers) > 1
    assert several > 3


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1400, 900), (420, 1800)])
def test_what_is_found_is_read_in_a_minute(site, chromium, width, height):
    tab = chromium.new_page(viewport={"width": width, "height": 900})
    tab.goto((site / "intro.html").as_uri())
    paragraphs = tab.locator(".ff-minute p")
    assert paragraphs.count() == 5
    for part in (paragraphs.last, tab.locator("img.ff-idea")):
        box = part.bounding_box()
        assert box["y"] + box["height"] <= height, f"ends at {box['y'] + box['height']:.0f}"
    tab.close()


@pytest.mark.browser
def test_a_dark_page_is_printed_light(site, chromium):
    tab = chromium.new_page(color_scheme="dark")
    tab.goto((site / "intro.html").as_uri())
    theme = "document.documentElement.dataset.theme"
    assert tab.evaluate(theme) == "dark"
    tab.emulate_media(media="print")
    tab.wait_for_function(f"{theme} === 'light'")
    tab.emulate_media(media="screen")
    tab.wait_for_function(f"{theme} === 'dark'")
    tab.close()
