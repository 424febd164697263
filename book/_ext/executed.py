"""Sphinx extension: run the book's notebooks, when what they depend on has changed.

There are two kinds of pages with code. A *document* stands in the table of contents: a notebook, or
a text with code cells. A *copy* is made of a chapter with a cell tagged ``parameters``: a notebook
of `executed_examples` is copied once, with a file of ``params/``, one of `executed_chapters` for
each combination of `executed_configurations`. Copies are written to ``runs/<notebook>/`` (ignored
by git), where ``_toc.yml`` names them or finds them by a glob. A link in a chapter to another page
must begin with ``/``, because the copies lie deeper.

Papermill runs all of them, some at a time. What the cells gave is kept in ``runs/.kept/``, with a
hash of the cells, of their parameters and of all that `ff` does in them (`ff.sources`), and with
hashes of the files that they have read (`ff.book.reads`). Cells are run again when one of these
has changed, and only then: text is taken as it stands in the source. What was kept of a page that
the book no longer has is deleted. Outputs reach a copy in its file, and a document by the cache in
which myst-nb looks for them.
"""

import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
import papermill
from copies import copy
from docutils import nodes
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from kept import Kept, behaviors, code, load, seen
from myst_nb.core.read import create_nb_reader
from myst_nb.sphinx_ import NbMetadataCollector
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util import logging

from ff.book.execution import QUIET, unfinished
from ff.book.kernels import forked
from ff.errors import TORCH, FFError
from ff.files import replacing
from ff.params import read_yaml
from ff.running.lock import claim

LOGGER = logging.getLogger(__name__)
WORKERS = min(4, os.cpu_count() or 1)  # kernels at a time; each takes a core and some 300 MB
TIMEOUT = 600  # seconds that a cell may take
# Cells that train need it, and a reader's environment has none.
HEAVY = "torch"
LACKING = (
    "This page trains networks, for which PyTorch is needed. It was not installed when the book "
    "was built, so that results are absent here. In a clone of the repository, `make train-env` "
    "installs it, and `make book` builds the page with its results."
)


@dataclass(frozen=True)
class Page:
    """A page with code.

    Attributes
    ----------
    name
        As Sphinx calls it: its path in the book's folder, without an ending.
    source
        File that its text and code come from.
    book
        The book's folder.
    notebook
        What is run: without outputs, with its parameters.
    copied
        Whether it is a copy of a chapter, rather than a document.
    """

    name: str
    source: Path
    book: Path
    notebook: NotebookNode
    copied: bool

    @property
    def target(self) -> Path:
        """File of a copy."""
        return self.book / f"{self.name}.ipynb"

    @property
    def store(self) -> Path:
        """File that keeps what its cells gave."""
        return self.book / "runs" / ".kept" / f"{self.name}.json"

    @property
    def files(self) -> set[Path]:
        """Files in ``runs/`` that are its own."""
        return {self.store, self.target} if self.copied else {self.store}

    @property
    def key(self) -> str:
        """Hash of the cells themselves, which hold their parameters."""
        cells = [(cell.source, cell.metadata.get("tags", [])) for cell in code(self.notebook)]
        return hashlib.sha256(json.dumps(cells).encode()).hexdigest()

    @cached_property
    def imported(self) -> dict[str, tuple[str, str]]:
        """What its cells import, as it is when this is first asked for."""
        transform = TransformerManager().transform_cell  # IPython's own commands
        program = "\n".join(transform(cell.source) for cell in code(self.notebook))
        return behaviors(program, self.book.parent)

    @property
    def length(self) -> tuple[bool, bool, int]:
        """What tells how long its cells run.

        Whether they train, whether the page is a document (copies that do not train take a few
        seconds each), and how many cells there are.
        """
        cells = code(self.notebook)
        return any("ff.train(" in cell.source for cell in cells), not self.copied, len(cells)

    def current(self) -> Kept | None:
        """What its cells gave; None if that must be found out anew."""
        kept = load(self.store, self.key)
        if kept is None or not kept.unchanged(self.book.parent):
            return None
        return None if kept.lacking and find_spec(HEAVY) else kept

    def execute(self) -> Kept:
        """Run its cells, and keep what they give.

        A run that fails raises, and leaves what was kept before.
        """
        begin, since, root = time.perf_counter(), time.time(), self.book.parent
        with tempfile.TemporaryDirectory() as scratch:
            note = Path(scratch) / "read"
            note.touch()
            arguments = [str(root), str(note)]
            watch = f"__import__('ff.book.reads', fromlist=['watch']).watch(*{arguments})"
            done, lacking = run(self, [QUIET, f"--IPKernelApp.exec_lines={[watch]}"])
            names = note.read_text("utf-8", "surrogateescape").split("\n")[:-1]
        for cell in code(done):  # a bar of progress, which no page shows, is another each time
            if "remove-stderr" in cell.metadata.get("tags", []):
                cell.outputs = [own for own in cell.outputs if own.get("name") != "stderr"]
        # Writing drops what has no place in a file.
        done = nbformat.reads(nbformat.writes(done), as_version=4)
        kept = Kept(
            cells=[(cell.execution_count, cell.outputs) for cell in code(done)],
            language=done.metadata.get("language_info", {"name": "python"}),
            seconds=round(time.perf_counter() - begin, 1),
            lacking=lacking,
            imported=self.imported,
            read=seen(names, root, since),
        )
        kept.save(self.store, self.key)
        return kept


def read(path: Path) -> NotebookNode:
    """Read a notebook that is to be run."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises whatever it stumbles over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ExtensionError(f"{path.name} is no notebook ({reason[:200]}); restore it") from None
    return notebook


def run(page: Page, arguments: list[str]) -> tuple[NotebookNode, bool]:
    """Run a page to its end; tell whether it lacks what the heavy package would have given."""
    try:
        done = papermill.execute_notebook(
            deepcopy(page.notebook),
            None,
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=TIMEOUT,
            extra_arguments=arguments,
            shutdown_kernel="immediate",  # it has nothing to put in order
            # The kernel's working directory. Papermill's own `cwd` changes that of this process,
            # which its threads share.
            resources={"metadata": {"path": str(page.source.parent)}},
        )
    except PapermillExecutionError as error:
        absent = re.match(r"No module named '(\w+)", error.evalue)
        if absent and absent[1] in TORCH and not find_spec(HEAVY):
            return page.notebook, True
        raise
    if problem := unfinished(done):
        raise ExtensionError(problem)
    return done, False


def copies(config: Config, book: Path) -> list[Page]:
    """All copies that are wanted, in the order of the notebooks and configurations."""
    names = list(config.executed_configurations)
    combinations = [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*config.executed_configurations.values())
    ]
    wanted: list[tuple[str, str, str | None, dict[str, Any]]] = [
        (
            name,
            params,
            None,
            read_yaml(book.parent / "params" / f"{params}.yaml")
            | {"out": f"../_build/records/{params}", "overwrite": True},
        )
        for name, params in config.executed_examples.items()
    ]
    wanted += [
        (chapter, stem(chosen), title.format(**chosen), chosen)
        for chapter, title in config.executed_chapters.items()
        for chosen in combinations
    ]
    pages = []
    for chapter, name, title, parameters in wanted:
        source = book / f"{chapter}.ipynb"
        notebook = copy(read(source), source, name, title, parameters)
        pages.append(Page(f"runs/{chapter}/{name}", source, book, notebook, copied=True))
    return pages


def stem(chosen: dict[str, int]) -> str:
    """A page's file name; padded, so that the glob in ``_toc.yml`` sorts by number."""
    return "-".join(f"{name}-{value:04}" for name, value in chosen.items())


def documents(app: Sphinx) -> list[Page]:
    """Pages with code that Sphinx reads from their source."""
    book, env, pages = Path(app.srcdir), app.env, []
    for name in sorted(
        app.project.discover(app.config.exclude_patterns, app.config.include_patterns)
    ):
        source = Path(app.env.doc2path(name))
        if any(PurePosixPath(source).match(own) for own in app.config.nb_execution_excludepatterns):
            continue
        if source.suffix == ".ipynb":
            notebook = read(source)
        else:
            text = source.read_text(encoding="utf-8")
            reader = create_nb_reader(str(source), env.myst_config, env.mystnb_config, text)
            if reader is None:
                continue
            notebook = reader.read(text)
        if code(notebook):
            pages.append(Page(name, source, book, notebook, copied=False))
    return pages


def execute_stale(app: Sphinx) -> None:
    """Run what is missing or stale, and put all outputs where Sphinx finds them."""
    book = Path(app.srcdir)
    # Without a table of contents, a page is built alone.
    made = copies(app.config, book) if hasattr(app.config, "external_site_map") else []
    pages = {page.name: page for page in made + documents(app)}
    kept = {name: page.current() for name, page in pages.items()}
    try:
        if stale := [page for name, page in pages.items() if kept[name] is None]:
            for page in stale:  # noted before any process imports it: later edits leave it stale
                _ = page.imported
            # To warm up a process pays where several kernels are forked from it.
            warm = forked() if len(stale) > WORKERS else nullcontext()
            with claim(book / "runs"), one_thread(), warm:
                kept |= execute(stale)
        app.config.executed_kept = kept
        write_copies([page for page in pages.values() if page.copied], kept)
        documented = [page for page in pages.values() if not page.copied]
        fill_cache(documented, kept, Path(app.config.nb_execution_cache_path))
    except FFError as error:
        raise ExtensionError(str(error)) from None
    if made:
        runs, wanted = book / "runs", {path for page in pages.values() for path in page.files}
        for orphan in {*runs.glob("[!.]*/*"), *runs.glob(".kept/**/*.json")} - wanted:
            if not orphan.is_dir():
                orphan.unlink()


def execute(stale: Sequence[Page]) -> dict[str, Kept]:
    """Run pages, some at a time; the first that fails ends the build."""
    kept = {}
    # First those that take long, so that no core waits for the last one.
    order = sorted(stale, key=lambda page: page.length, reverse=True)
    with ThreadPoolExecutor(WORKERS) as pool:
        runs = {pool.submit(page.execute): page for page in order}
        try:
            for count, done in enumerate(as_completed(runs), start=1):
                name = runs[done].name
                if error := done.exception():
                    traceback = re.sub(r"\x1b\[[\d;]*m", "", str(error))  # without terminal colors
                    raise ExtensionError(f"{name} failed:\n{traceback}")
                kept[name] = done.result()
                took = kept[name].seconds
                LOGGER.info("[executed] %s (%d of %d), %s s", name, count, len(stale), took)
        except BaseException:  # also Ctrl-C: what waits is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return kept


@contextmanager
def one_thread() -> Iterator[None]:
    """Meanwhile, kernels that are started compute with one thread each: there are several."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def write_copies(pages: Sequence[Page], kept: Mapping[str, Kept]) -> None:
    """Write copies with their outputs; Sphinx does not read again what stays the same."""
    for page in pages:
        text = nbformat.writes(kept[page.name].complete(deepcopy(page.notebook)))
        if not page.target.exists() or page.target.read_text(encoding="utf-8") != text:
            page.target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(page.target) as aside:
                aside.write_text(text, encoding="utf-8")


def fill_cache(pages: Sequence[Page], kept: Mapping[str, Kept], folder: Path) -> None:
    """Fill the cache in which myst-nb looks for the outputs of documents, if it is not."""
    whole = hashlib.sha256()
    for page in pages:
        cells = [(cell.source, cell.metadata) for cell in code(page.notebook)]
        about = [page.name, page.notebook.metadata, cells, kept[page.name].digest]
        whole.update(json.dumps(about).encode())
    filled = folder / "filled"  # written last: the cache is complete
    count = len(list(folder.glob("executed/*/base.ipynb")))
    there = (folder / "global.db").exists() and filled.exists()
    if there and filled.read_text(encoding="utf-8") == f"{whole.hexdigest()} {count}":
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cache = get_cache(folder)
    for page in pages:
        own = kept[page.name]
        bundle = CacheBundleIn(own.complete(deepcopy(page.notebook)), str(page.source))
        cache.cache_notebook_bundle(bundle, check_validity=False)
    count = len(list(folder.glob("executed/*/base.ipynb")))
    filled.write_text(f"{whole.hexdigest()} {count}", encoding="utf-8")


def name_cache(app: Sphinx, config: Config) -> None:
    """Where documents find their outputs; `jupyter-book clean` knows this name."""
    config.nb_execution_cache_path = str(Path(app.outdir).parent / ".jupyter_cache")


def outdated(app: Sphinx, env: BuildEnvironment, *_: set[str]) -> list[str]:
    """Documents with other outputs than when Sphinx has last read them."""
    now = {name: kept.digest for name, kept in app.config.executed_kept.items()}
    before = getattr(env, "executed_outputs", {})
    env.executed_outputs = now
    return [name for name in now.keys() & env.all_docs.keys() if now[name] != before.get(name)]


def describe(app: Sphinx, doctree: nodes.document) -> None:
    """Note how long a page took, and say on it what it lacks."""
    name = app.env.docname
    if kept := app.config.executed_kept.get(name):
        about = {"mtime": time.time(), "runtime": kept.seconds, "method": "papermill"}
        about |= {"succeeded": True, "error": None, "traceback": None}
        NbMetadataCollector.set_exec_data(app.env, name, about)
        if kept.lacking:
            title = next(iter(doctree.findall(nodes.title)))
            words = enumerate(LACKING.split("`"))  # every second one is a command
            text = [nodes.literal(text=own) if i % 2 else nodes.Text(own) for i, own in words]
            title.parent.insert(1, nodes.note("", nodes.paragraph("", "", *text)))


def leave_out(app: Sphinx, _: nodes.document) -> None:
    """Keep executed copies out of the search: they say what the chapters say, thirty times."""
    if app.env.docname.startswith("runs/"):
        app.env.metadata[app.env.docname]["nosearch"] = ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("executed_examples", {}, "", dict)
    app.add_config_value("executed_chapters", {}, "", dict)
    app.add_config_value("executed_configurations", {}, "", dict)
    app.add_config_value("executed_kept", {}, "", dict)
    app.connect("config-inited", name_cache)
    app.connect("builder-inited", execute_stale, priority=600)  # myst-nb is configured by then
    app.connect("env-get-outdated", outdated)
    app.connect("doctree-read", describe)
    app.connect("doctree-read", leave_out, priority=900)  # metadata is there only now
    return {"parallel_read_safe": True, "parallel_write_safe": True}
