"""Sphinx extension: run parameterized notebooks into pages, when what they read has changed.

A notebook named in `executed_examples` is run once, with a file of ``params/``. A chapter named
in `executed_chapters` is a notebook with a cell tagged ``parameters``: for each combination of
`executed_configurations`, papermill runs a copy of it. An executed copy lands in
``runs/<notebook>/`` (ignored by git) and becomes a page, which ``_toc.yml`` names or finds by a
glob. It is run again when the notebook, the library, the measured data or the params files have
changed, and only then. The same hash names the cache of the notebooks that myst-nb runs itself,
whose own key sees nothing but the cells. A link in a chapter to another page must begin with
``/``, because the copies lie deeper.

A built site holds the hash of all that it was built from: `is_current` tells whether a site is that
of the files that are here now.
"""

import hashlib
import itertools
import json
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from docutils import nodes
from jupyter_cache import get_cache
from myst_nb.sphinx_ import NbMetadataCollector
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging

from ff.book.execution import unfinished
from ff.errors import FFError
from ff.files import foreign, replacing
from ff.params import read_yaml
from ff.running.lock import claim

LOGGER = logging.getLogger(__name__)
# What an executed page depends on.
DATA = ("results", "precision", "devices", "variations", "backprop", "exercises")
INPUTS = ("../ff", "../params", *DATA, "_ext/executed.py")
# What the site as a whole depends on, and where it keeps the hash of that.
SOURCES = (".", "../ff", "../params", "../_config.yml", "../CITATION.cff")
BUILT_FROM = ".built-from"
# Folders of the book that git ignores, because they are made from the others.
MADE = {"runs", "records", "_build"}
WORKERS = 2  # kernels at a time; each takes about a core and 500 MB
TIMEOUT = 600  # seconds that a cell may take

NAME = r"([\w:.-]+)"
DEFINITION = re.compile(rf"(?m)^\({NAME}\)=$|\$\$ \({NAME}\)$|^:(?:name|label): *{NAME}$")
# The same places, and those that refer to a label: {role}`name`, {role}`text <name>`, (#name).
MENTION = re.compile(
    rf"(?m)(^\((?=\S+\)=)|\$\$ \(|\(#|\}}`(?:[^`<\n]*<)?|^:(?:name|label): *){NAME}"
)


@dataclass(frozen=True)
class Page:
    """One notebook under one configuration."""

    source: Path
    target: Path
    title: str | None  # None keeps the notebook's own
    parameters: dict[str, Any]
    inputs: str  # digest of the files in `INPUTS`

    @property
    def key(self) -> str:
        """Hash of everything that the executed copy depends on."""
        own = f"{self.inputs} {self.title} {sorted(self.parameters.items())} ".encode()
        return hashlib.sha256(own + self.source.read_bytes()).hexdigest()

    def is_current(self) -> bool:
        """Whether the executed copy exists and was made from what is there now."""
        try:
            notebook = nbformat.read(self.target, as_version=4)
            return notebook.metadata.get("executed") == seal(notebook, self.key)
        except Exception:  # missing, or damaged in whatever way: it is run again
            return False

    def execute(self) -> None:
        """Run the copy and put it in place. A run that fails raises and leaves no page."""
        key = self.key  # before the run: an edit made meanwhile must leave the page stale
        begin = time.perf_counter()
        notebook = papermill.execute_notebook(
            prepare(read(self.source), self),
            None,
            parameters=self.parameters,
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=TIMEOUT,
            # The kernel's working directory. Papermill's own `cwd` changes that of this process,
            # which its threads share.
            resources={"metadata": {"path": str(self.source.parent)}},
        )
        kept = ("kernelspec", "language_info")
        notebook.metadata = {name: notebook.metadata[name] for name in kept}
        if problem := unfinished(notebook):
            raise ExtensionError(problem)
        # What a reader finds is sealed: writing drops what has no place in a file.
        notebook = nbformat.reads(nbformat.writes(notebook), as_version=4)
        notebook.metadata["executed"] = seal(notebook, key)
        notebook.metadata["seconds"] = round(time.perf_counter() - begin, 1)
        with replacing(self.target) as aside:
            aside.write_text(nbformat.writes(notebook), encoding="utf-8")


def seal(notebook: NotebookNode, key: str) -> str:
    """Hash of what an executed copy depends on and of the cells it holds."""
    cells = json.dumps(notebook.cells, sort_keys=True)
    return hashlib.sha256(f"{key} {cells}".encode()).hexdigest()


def read(path: Path) -> NotebookNode:
    """Read a notebook that is to be run."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises whatever it stumbles over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ExtensionError(f"{path.name} is no notebook ({reason[:200]}); restore it") from None
    return notebook


def prepare(notebook: NotebookNode, page: Page) -> NotebookNode:
    """Give a copy of a chapter its own title, and labels that no other page has."""
    unknown = page.parameters.keys() - papermill.inspect_notebook(notebook).keys()
    if unknown:
        names = " and ".join(sorted(unknown))
        raise ExtensionError(f"{page.source.name} must set {names} in a cell tagged 'parameters'")
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("remove-cell")  # the values that count are injected below it

    text = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    if page.title:
        text[0].source, titles = re.subn(r"(?m)\A# .*$", f"# {page.title}", text[0].source)
        if not titles:
            raise ExtensionError(f"{page.source.name} must begin with a line '# Title'")

    figures = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in notebook.cells]
    labels = {figure["name"] for figure in figures if "name" in figure}
    for cell in text:
        labels.update(name for names in DEFINITION.findall(cell.source) for name in names if name)

    def own(label: str) -> str:
        return f"{label}-{page.target.stem}" if label in labels else label

    for figure in figures:
        if "name" in figure:
            figure["name"] = own(figure["name"])
    for cell in text:
        cell.source = MENTION.sub(lambda match: match[1] + own(match[2]), cell.source)
    return notebook


def files(book: Path, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files that are called by these names or lie below them, each with its own name."""
    for name in names:
        root = book / name
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            made = path.relative_to(book).parts[0] in MADE
            if path.is_file() and not made and not foreign(path.relative_to(root)):
                yield path.relative_to(book.parent).as_posix(), path


def digest(book: Path, names: Iterable[str] = INPUTS) -> str:
    """Hash of the names and contents of those files."""
    sha = hashlib.sha256()
    for name, path in files(book, names):
        sha.update(f"{name}\0".encode())
        sha.update(hashlib.sha256(path.read_bytes()).digest())
    return sha.hexdigest()


def is_current(site: Path, book: Path) -> bool:
    """Whether a site was built, without an error, from what is in the book's folder now."""
    note = site / BUILT_FROM
    return note.is_file() and note.read_text(encoding="utf-8") == digest(book, SOURCES)


def stem(chosen: dict[str, int]) -> str:
    """A page's file name; padded, so that the glob in ``_toc.yml`` sorts by number."""
    return "-".join(f"{name}-{value:04}" for name, value in chosen.items())


def pages(config: Config, book: Path) -> list[Page]:
    """All pages that are wanted, in the order of the notebooks and configurations."""
    names = list(config.executed_configurations)
    combinations = [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*config.executed_configurations.values())
    ]
    examples = [
        Page(
            source=book / f"{name}.ipynb",
            target=book / "runs" / name / f"{params}.ipynb",
            title=None,
            parameters=read_yaml(book.parent / "params" / f"{params}.yaml")
            | {"out": f"../_build/records/{params}", "overwrite": True},
            inputs=config.executed_inputs,
        )
        for name, params in config.executed_examples.items()
    ]
    return examples + [
        Page(
            source=book / f"{chapter}.ipynb",
            target=book / "runs" / chapter / f"{stem(chosen)}.ipynb",
            title=title.format(**chosen),
            parameters=chosen,
            inputs=config.executed_inputs,
        )
        for chapter, title in config.executed_chapters.items()
        for chosen in combinations
    ]


def name_cache(app: Sphinx, config: Config) -> None:
    """Let myst-nb's cache, too, forget what was computed from other code or data."""
    config.executed_inputs = digest(Path(app.srcdir))
    caches = Path(app.outdir).parent / ".jupyter_cache"  # `jupyter-book clean` knows this name
    config.nb_execution_cache_path = str(caches / config.executed_inputs[:16])
    for old in caches.glob("*"):
        if old.is_dir() and old.name != config.executed_inputs[:16]:
            shutil.rmtree(old)


def execute_stale(app: Sphinx) -> None:
    """Run what is missing or stale, remove what nobody asked for."""
    book = Path(app.srcdir)
    try:
        wanted = pages(app.config, book)
        for orphan in set((book / "runs").glob("*/*")) - {page.target for page in wanted}:
            if not orphan.is_dir():
                orphan.unlink()
        if stale := [page for page in wanted if not page.is_current()]:
            with claim(book / "runs"):
                execute(stale, book)
    except FFError as error:
        raise ExtensionError(str(error)) from None


def execute(stale: list[Page], book: Path) -> None:
    """Run pages, some at a time; the first that fails ends the build."""
    with ThreadPoolExecutor(WORKERS) as pool:
        runs = {pool.submit(page.execute): page for page in stale}
        for count, run in enumerate(as_completed(runs), start=1):
            name = runs[run].target.relative_to(book).as_posix()
            if error := run.exception():
                pool.shutdown(cancel_futures=True)
                traceback = re.sub(r"\x1b\[[\d;]*m", "", str(error))  # without terminal colors
                raise ExtensionError(f"{name} failed:\n{traceback}")
            LOGGER.info("[executed] %s (%d of %d)", name, count, len(stale))


def unseal_site(app: Sphinx) -> None:
    """Remember what is there before anything is read; a build that fails leaves no hash."""
    if app.builder.name != "html":  # what checks links, say, writes no pages
        return
    app.config.built_from = digest(Path(app.srcdir), SOURCES)
    (Path(app.outdir) / BUILT_FROM).unlink(missing_ok=True)


def seal_site(app: Sphinx, exception: Exception | None) -> None:
    """Leave in the site the hash of what it was built from."""
    if exception is None and app.builder.name == "html":
        note = Path(app.outdir) / BUILT_FROM
        note.write_text(app.config.built_from, encoding="utf-8")


def check_execution(app: Sphinx, _: nodes.document) -> None:
    """Refuse a notebook that myst-nb has run, but not to its end; its cache would keep it."""
    name = app.env.docname
    if not NbMetadataCollector.get_exec_data(app.env, name):
        return
    path = Path(app.outdir).parent / "jupyter_execute" / f"{name}.ipynb"
    notebook, cache = read(path), get_cache(app.config.nb_execution_cache_path)
    with suppress(KeyError):  # what came from the cache is there alone
        kept = cache.match_cache_notebook(notebook).pk
        notebook = cache.get_cache_bundle(kept).nb
        if unfinished(notebook):
            cache.remove_cache(kept)
    if problem := unfinished(notebook):
        raise ExtensionError(f"{name} failed: {problem}")


def leave_out(app: Sphinx, _: nodes.document) -> None:
    """Keep executed copies out of the search: they say what the chapters say, thirty times."""
    if app.env.docname.startswith("runs/"):
        app.env.metadata[app.env.docname]["nosearch"] = ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("executed_examples", {}, "", dict)
    app.add_config_value("executed_chapters", {}, "", dict)
    app.add_config_value("executed_configurations", {}, "", dict)
    app.add_config_value("executed_inputs", "", "", str)
    app.add_config_value("built_from", "", "", str)
    app.connect("config-inited", name_cache)
    app.connect("builder-inited", unseal_site, priority=400)  # before pages are run
    app.connect("builder-inited", execute_stale)
    app.connect("doctree-read", check_execution)
    app.connect("doctree-read", leave_out, priority=900)  # metadata is there only now
    app.connect("build-finished", seal_site)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
