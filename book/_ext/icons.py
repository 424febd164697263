"""Sphinx extension: ship the few icons that the site shows instead of the theme's two thousand.

They are half of what every page loads. The theme's script holds them as one object of
``name: [width, height, [aliases], "code", "path"]``; those that no page and no script of the theme
mentions are left out.
"""

import re
from pathlib import Path

import pydata_sphinx_theme
from sphinx.application import Sphinx

from ff.files import foreign

SCRIPT = "scripts/fontawesome.js"
THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
ICON = re.compile(
    r'(?:"([\w-]+)"|([\w$]+)):\[\d+,\d+,\[([^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?'
)


def select(script: str, names: set[str]) -> str:
    """Keep the icons that are called by one of these names."""

    def keep(icon: re.Match[str]) -> str:
        own = {icon[1] or icon[2], *re.findall(r'"([\w-]+)"', icon[3])}
        return icon[0] if own & names else ""

    return ICON.sub(keep, script)


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the script again with the icons that the built site mentions."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    pages = [*Path(app.outdir).rglob("*.html"), *static.glob("scripts/*theme.js")]
    names = {
        name
        for page in pages
        if not foreign(page.relative_to(app.outdir))
        for name in re.findall(r"\bfa-([\w-]+)", page.read_text("utf-8"))
    }
    script = (THEME / SCRIPT).read_text("utf-8")
    (static / SCRIPT).write_text(select(script, names), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
