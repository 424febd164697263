"""Sphinx extension: the site's folder is as the theme and Jupyter Book's commands take it to be.

A theme copies its logo into ``_static`` even when a build fails; where there is no such folder, the
logo takes its name, and no later build succeeds. ``jupyter-book clean book/`` looks for the site in
``book/_build``, and Jupyter Book builds it beside ``_config.yml``: a link leads from one to the
other.
"""

from contextlib import suppress
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def refuse_others(app: Sphinx) -> None:
    """Refuse a builder whose pages the other extensions would look for in the wrong places."""
    if app.builder.format == "html" and app.builder.name != "html":
        raise ExtensionError(
            f"the builder {app.builder.name!r} gives pages other names than this book's extensions "
            "know; build it with --builder html"
        )


def make_static(app: Sphinx) -> None:
    """Make the folder into which files are copied; an earlier build may have left a file."""
    if app.builder.name == "html":
        static = Path(app.outdir) / "_static"
        if static.is_file():
            static.unlink()
        static.mkdir(parents=True, exist_ok=True)


def link_build(app: Sphinx, exception: Exception | None) -> None:
    """Lead from the book's folder to what was built, where links can be made."""
    link, built = Path(app.srcdir) / "_build", Path(app.srcdir).parent / "_build"
    if built in Path(app.outdir).parents and not (link.is_symlink() or link.exists()):
        with suppress(OSError):  # Windows lets only some users make links
            link.symlink_to(Path("..", "_build"), target_is_directory=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", refuse_others, priority=0)  # before the site is touched
    app.connect("builder-inited", make_static)
    app.connect("build-finished", link_build)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
