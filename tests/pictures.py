"""Take the pictures of both applications that the page "Explore, live" shows: `make pictures`."""

import io
import tempfile
from pathlib import Path
from typing import Any

from notebook_server import ROOT, opened, serving
from PIL import Image, ImageOps

# Of the window, of which JupyterLab takes some: charts stand in pairs, or on a phone one by one.
WIDTHS = {"": 1420, "-narrow": 900}
MARGIN = 12


def save(page: Any, application: str, kind: str) -> None:
    """Write a picture of an application, with a margin."""
    picture = io.BytesIO(page.locator(f".ff-{application}").screenshot())
    image = Image.open(picture).convert("RGB")
    background = "getComputedStyle(document.body).getPropertyValue('--jp-layout-color0')"
    image = ImageOps.expand(image, MARGIN, page.evaluate(background))
    path = ROOT / "book" / "_assets" / f"live-{application}-{kind}.png"
    # Few colors make it small; refined by k-means, they are those of the application.
    image.quantize(256, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {image.width} by {image.height} pixels, {path.stat().st_size / 1e3:.0f} kB")


for theme in ("Light", "Dark"):
    with (
        tempfile.TemporaryDirectory() as home,
        serving(Path(home), f"JupyterLab {theme}") as url,
        opened(url) as page,
    ):
        page.locator(".ff-lab").get_by_role("button", name="Play").click()
        page.get_by_text("30 of 30 epochs").wait_for()
        page.mouse.move(0, 0)  # away from the charts, where it would pick a layer
        for suffix, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 5000})
            save(page, "lab", theme.lower() + suffix)
            save(page, "results", theme.lower() + suffix)
