"""Sphinx extension: read the files that `_toc.yml` lists, and no others.

Sphinx's own way is to read all but the others, which sphinx-external-toc looks for by a glob of the
book's full path: it finds none below a folder called "x [1]", and never a name that begins with a
dot, such as the ``._intro.md`` and ``.#intro.md`` that other tools leave.
"""

import re

from sphinx.application import Sphinx
from sphinx.config import Config


def read_listed(app: Sphinx, config: Config) -> None:
    """Tell Sphinx which files there are; a single page, built without a list, is read alone."""
    listed = getattr(config, "external_site_map", None)
    # Sphinx takes names for patterns.
    alone = re.compile(r"[*?[]")
    pages = [alone.sub(r"[\g<0>]", name) for name in (listed or [config.root_doc])]
    names = [*pages, *(listed.globs() if listed else ())]
    endings = tuple(config.source_suffix)
    config.include_patterns = [
        name if name.endswith(endings) else f"{name}{ending}"
        for name in names
        for ending in endings
    ]
    config.exclude_patterns = [*config.exclude_patterns, "**/.*"]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", read_listed, priority=950)  # the list is read at 900
    return {"parallel_read_safe": True, "parallel_write_safe": True}
