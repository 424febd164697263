"""The Sphinx extension that gives the search page the text of all pages."""

import json
import re
from pathlib import Path
from typing import Any

import excerpts  # pyright: ignore[reportMissingImports]
import pytest
from test_site import weight

HTML = """
<article class="bd-article"><!-- note -->
<section id="a"><h1>Delay<a class="headerlink">#</a></h1>
<p>Layer <code><span>ff.x</span></code>, with <span class="math">\\(\\theta\\)</span>.</p>
<script>let hidden;</script><svg><text>axis</text></svg><div class="math">\\[x\\]</div>
<table class="dataframe"><tr><th>1</th><td>−0.25</td><td>layer 4</td></tr></table>
<section id="b"><h2>Rows</h2><table><tr><td>0.5</td><td id="c">1</td></tr></table></section>
</section></article>
<footer>Foot</footer>"""


def test_text_is_what_a_reader_sees_and_its_places_are_found():
    text, places = excerpts.extract(excerpts.article(HTML))
    assert text.strip() == "Delay Layer ff.x, with θ. layer 4 Rows 0.5 1"
    assert "  " not in text
    assert places.keys() == {"a", "b"}
    assert text[places["b"] :].split() == ["Rows", "0.5", "1"]


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"\(\theta_\mathrm{a}\)", "θ_a"),
        (r"\(r \in \mathbb{R}^D\)", "r ∈ R^D"),
        (r"\(\max y\)", "max y"),
        (r"\(\lVert\hat{y}\rVert^2\)", "‖y‖^2"),
    ],
)
def test_formulas_are_spelled_out(formula, text):
    assert excerpts.spell(formula) == text


def test_a_page_without_an_article_has_no_text():
    assert excerpts.extract(excerpts.article("<p>Text</p>")) == ("", {})


def given(site: Path) -> dict[str, list]:
    """What the search page holds."""
    text = (site / "search.html").read_text(encoding="utf-8")
    found = re.search(r"<script>const FF_PAGES = (\{.*\});</script>", text)
    assert found
    return json.loads(found[1])


def indexed(site: Path) -> dict[str, Any]:
    """Sphinx's index of the same pages."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))


@pytest.mark.slow
def test_the_search_page_holds_the_text_of_what_it_can_find(site):
    pages = given(site)
    names = indexed(site)["docnames"]
    assert pages.keys() == {f"./{name}.html" for name in names if not name.startswith("runs/")}
    assert all(len(text) > 100 for text, _ in pages.values())
    own, _ = weight([site / "index.html"], site / "search.html")
    assert own < 500_000


@pytest.fixture
def searching(site, chromium):
    """Search for words on a page from disk, and wait for the results; no error, no request."""
    tab = chromium.new_page()
    troubles: list[str] = []
    tab.on("console", lambda m: m.type in ("error", "warning") and troubles.append(m.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("request", lambda r: r.resource_type == "fetch" and troubles.append(r.url))

    def search(words: str):
        tab.goto(f"{(site / 'search.html').as_uri()}?q={words.replace(' ', '+')}")
        tab.get_by_text("Search finished").wait_for()
        return tab.locator("ul.search > li")

    yield search
    assert not troubles, "\n".join(troubles)
    tab.close()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("words", ["accuracy", "threshold", "goodn"])
def test_a_search_from_disk_shows_excerpts_with_the_word_in_bold(searching, words):
    results = searching(words)
    assert results.count() > 2
    shown = results.locator(".context")
    assert (
        shown.count() + results.filter(has=results.page.locator("> span")).count()
        >= results.count()
    )
    for excerpt in shown.all():
        marked = excerpt.locator(".highlighted")
        assert marked.count(), excerpt.inner_text()
        assert words[:6] in marked.first.inner_text().lower()
        assert int(marked.first.evaluate("e => getComputedStyle(e).fontWeight")) > 600
        assert len(excerpt.inner_text()) < 320


@pytest.mark.slow
@pytest.mark.browser
def test_the_excerpt_of_a_section_is_taken_from_it(site, searching):
    index, pages = indexed(site), given(site)
    title, ((page, place),) = next(
        (title, found)
        for title, found in sorted(index["alltitles"].items())
        if len(found) == 1 and found[0][1] and re.fullmatch(r"[a-zA-Z]{4,} \w+ \w+ \w+", title)
    )
    name = index["docnames"][page]
    results = searching(title)
    link = results.page.locator(f"a[href='{name}.html#{place}']")
    shown = results.filter(has=link).locator(".context").inner_text().removesuffix("…")
    text, places = pages[f"./{name}.html"]
    assert text[places[place] :].startswith(shown.strip())
    assert shown.startswith(title)
