"""The pictures of the live applications, and the page that shows them."""

import re
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
from PIL import Image

BOOK = Path(__file__).parent.parent / "book"
APPLICATIONS = ("results", "lab")


@pytest.mark.parametrize("suffix", ["", "-narrow"])
@pytest.mark.parametrize("application", APPLICATIONS)
def test_both_themes_show_the_same_in_little_space(application, suffix):
    light, dark = (
        (BOOK / "_assets" / f"live-{application}-{theme}{suffix}.png").read_bytes()
        for theme in ("light", "dark")
    )
    assert max(len(light), len(dark)) < 120_000
    lights, darks = (np.asarray(Image.open(BytesIO(file)).convert("L")) for file in (light, dark))
    assert lights.shape == darks.shape
    assert lights[0, 0] > 240, "the background is light"
    assert darks[0, 0] < 40, "the background is dark"


@pytest.mark.parametrize("application", APPLICATIONS)
def test_the_page_says_what_a_picture_shows_and_how_to_start_it(application):
    cells = nbformat.read(BOOK / "explore.ipynb", as_version=4).cells
    (found,) = [
        re.fullmatch(r"!\[([^]]+)\]\(_assets/live-\w+-light\.png\)\n\n\*(.+)\*", cell.source)
        for cell in cells
        if f"live-{application}" in cell.source
    ]
    assert found, "an image with a text, and a caption below it"
    assert len(found[1]) > 200
    assert "jupyter lab book/explore.ipynb" in found[2]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "suffix"), [(1400, ""), (420, "-narrow")])
def test_the_page_shows_the_picture_of_its_theme_and_width(site, chromium, theme, width, suffix):
    tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    tab.goto((site / "explore.html").as_uri())
    for application in APPLICATIONS:
        image = tab.locator(f"article img[src*=live-{application}]")
        # The style sheet may put another file in the image's place.
        other = re.search(r'url\("(.*)"\)', image.evaluate("e => getComputedStyle(e).content"))
        source = other[1] if other else image.evaluate("e => e.currentSrc")
        assert source.endswith(f"/live-{application}-{theme}{suffix}.png")
        with Image.open(Path(unquote(urlsplit(source).path))) as picture:
            shown = image.evaluate("e => e.getBoundingClientRect().width") / picture.width
        assert shown > 0.7, "its text must stay legible"
    tab.close()
