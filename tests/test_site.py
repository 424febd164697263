"""The built site: links, alt texts, nothing fetched from elsewhere; statically and in a browser."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FETCHING_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Every page of the site in `_build`, or of one built for these tests if there is none."""
    site = ROOT / "_build" / "html"
    if not (site / "index.html").is_file():
        out = tmp_path_factory.mktemp("site")
        command = [
            sys.executable,
            "-m",
            "jupyter_book",
            "build",
            "book/",
            "--path-output",
            str(out),
        ]
        build = subprocess.run(
            [*command, "-W", "--keep-going", "-n"], cwd=ROOT, capture_output=True, text=True
        )
        assert build.returncode == 0, build.stdout[-2000:] + build.stderr[-4000:]
        site = out / "_build" / "html"
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


def test_the_reference_describes_every_module():
    text = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    described = set(re.findall(r"automodule:: ff\.(\w+)", text))
    modules = {path.stem for path in (ROOT / "ff").glob("*.py") if not path.stem.startswith("_")}
    assert described == modules, f"book/api.md must name {sorted(described ^ modules)} too, or not"


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


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
def test_every_page_opens_from_disk_without_requests_or_errors(pages):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    troubles: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 420, "height": 800})

        def note(trouble: str) -> None:
            troubles.append(f"{Path(tab.url).name}: {trouble}")

        local = ("file:", "data:", "blob:", "about:")
        tab.on("request", lambda r: r.url.startswith(local) or note(f"asked for {r.url}"))
        tab.on("requestfailed", lambda r: note(f"did not get {r.url}"))
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
        browser.close()
    assert not troubles, "\n".join(troubles)
