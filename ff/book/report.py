"""One page with the chapters' figures and tables for one's own records, made by their notebooks."""

import base64
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import yaml
from nbformat import NotebookNode

from ff.book.chapter import PUBLISHED
from ff.book.execution import QUIET, unfinished
from ff.book.markup import fold, listed
from ff.book.pages import runs_of
from ff.errors import RecordsError
from ff.files import destination, place, replacing
from ff.records import BOOK, read

__all__ = ["CHAPTERS", "report"]

CHAPTERS = ("rq1_delay", "rq2_correlation", "threats")
BESIDE = ("rq1_delay", "rq2_correlation")  # the chapters that set two conditions beside each other
# Tags of cells that a report leaves out: what needs the site's scripts, and inputs.
DROPPED = {"site-only", "parameters", "injected-parameters"}
# The sentence on the page of runs, which a report has not.
RUNS = re.compile(r"\{doc\}`How this was run </provenance>`\s+lists\s[^.]*\.")
LABEL = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)  # of a section, as the site links to it
ASIDE = re.compile(r" ?\(\{(?:ref|doc)\}`[^`]*`\)")  # a link within the site, in parentheses
NAMED = re.compile(r"\{(?:ref|doc)\}`([^`<]+?) *<[^`>]*>`")  # another one: its words
BARE = re.compile(r" ?(?:\()?\{(?:ref|doc|eq)\}`[^`]*`\)?")  # one without words

TEMPLATE = """{% extends 'basic/index.html.j2' %}
{% block outputs %}<div class="cell_output">{{ super() }}</div>{% endblock outputs %}"""
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="ff-report">
<main class="bd-article">
{body}
</main>
</body>
</html>
"""


def report(
    folders: str | Path | Sequence[str | Path], out: str | Path, beside: str | Path | None
) -> Path:
    """Write the chapters on delay, correlation and threats for some records, as one HTML page.

    Parameters
    ----------
    folders
        Records of one condition: folders that ``ff train --out`` has written, or above such.
    out
        File to write; it needs no other file, and no network.
    beside
        Records to set beside them; "paper" for the published networks, trained as the paper's,
        that are most like them; None for none.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    RecordsError
        The records are refused, the notebooks are not there, or the file cannot be written.
    """
    import papermill  # takes a second: only where it is used
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if not (BOOK / "rq1_delay.ipynb").exists():
        raise RecordsError(
            "the notebooks that make a report are in a clone of the repository, not in an "
            "installed package; run 'ff report' with the ff of a clone"
        )
    if isinstance(folders, str | Path):
        folders = [folders]
    where = [str(place(folder).absolute()) for folder in folders]
    if not where:
        raise RecordsError("no records to report on; name at least one folder")
    for name in where:
        try:
            name.encode()  # as papermill does
        except UnicodeEncodeError:
            raise RecordsError(f"the name of the folder {name} is not UTF-8; rename it") from None
    out = destination(out)  # before a minute of work
    cells = []
    for name in CHAPTERS:
        parameters: dict[str, Any] = {"records": where}
        if name in BESIDE and beside is not None:
            paper = beside == "paper"
            parameters["beside"] = beside if paper else str(place(beside).absolute())
        with tempfile.TemporaryDirectory() as scratch:
            try:
                done = papermill.execute_notebook(
                    BOOK / f"{name}.ipynb",
                    Path(scratch) / f"{name}.ipynb",
                    parameters=parameters,
                    kernel_name="python3",
                    progress_bar=False,
                    cwd=str(BOOK),
                    extra_arguments=[QUIET],
                )
            except PapermillExecutionError as error:
                if error.ename in ("ConfigError", "RecordsError"):  # said in one sentence
                    raise RecordsError(error.evalue) from None
                raise
            except DeadKernelError:
                raise RecordsError(
                    f"the process that ran {name}.ipynb died; free some memory, and try again"
                ) from None
        if problem := unfinished(done):
            raise RecordsError(f"{name}.ipynb failed: {problem}")
        cells += _shown(done.cells, dropped=DROPPED if not cells else DROPPED | {"note"})
    title = f"Report on {listed(f'“{Path(one).name}”' for one in where)}"
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    heads = re.findall(r"^# (.*)", prose, re.MULTILINE)
    links = [f"- [{head}](#{quote(head.replace(' ', '-'))})" for head in heads]
    top = nbformat.v4.new_markdown_cell("\n".join([f"# {_literal(title)}", "", *links]))
    run = nbformat.v4.new_markdown_cell("## What was run")
    body = _html([top, run, _where_from(where), *cells])
    page = PAGE.format(title=escape(title), style=_style(), body=body)
    try:
        with replacing(out) as aside:
            aside.write_text(page, encoding="utf-8")
    except OSError as error:
        raise RecordsError(f"cannot write {out}: {error.strerror}; name another file") from None
    return out


def _where_from(folders: Sequence[str]) -> NotebookNode:
    """A cell that shows each run with its date, machine and commit, and all of its settings."""
    runs = read(*folders).runs
    files = dict.fromkeys(yaml.safe_dump(run["config"], sort_keys=False) for run in runs)
    texts = "".join(f"<pre>{escape(text)}</pre>" for text in files)
    full = fold(f"All settings, as {'a params file' if len(files) == 1 else 'params files'}", texts)
    html = f"{runs_of(runs)._repr_html_()}{full._repr_html_()}"
    output = nbformat.v4.new_output("display_data", {"text/html": html})
    return nbformat.v4.new_code_cell(outputs=[output])


def _shown(cells: Sequence[NotebookNode], dropped: set[str]) -> list[NotebookNode]:
    """Cells of a chapter that say something of these records, without what only the site can show.

    A section in which something is about the published networks is left out whole, and so are cells
    with one of the tags `dropped`.
    """
    sections: list[list[NotebookNode]] = []
    for cell in cells:
        if dropped & set(cell.metadata.get("tags", ())):
            continue
        if not sections or (cell.cell_type == "markdown" and re.search(r"^#", cell.source, re.M)):
            sections.append([])
        if cell.cell_type == "markdown":
            source = ASIDE.sub("", LABEL.sub("", RUNS.sub("", cell.source)))
            cell.source = BARE.sub("", NAMED.sub(r"\1", source))
        else:
            cell.outputs = [_figure(output) for output in cell.outputs if "data" in output]
        sections[-1].append(cell)
    return [cell for own in sections if PUBLISHED.text not in str(own) for cell in own]


def _figure(output: NotebookNode) -> NotebookNode:
    """A figure as an image, with the caption that its SVG brings along; other output as it is.

    Names inside one SVG would be taken for those of the next if they were in the page itself.
    """
    if svg := output.data.get("image/svg+xml"):
        said = {tag: _inside(svg, tag) for tag in ("title", "desc")}
        data = base64.b64encode(svg.encode()).decode()
        image = f'<img alt="{said["title"]}" src="data:image/svg+xml;base64,{data}">'
        caption = f"<figcaption>{said['desc']}</figcaption>" if said["desc"] else ""
        output.data = {"text/html": f"<figure>{image}{caption}</figure>"}
    return output


def _inside(svg: str, tag: str) -> str:
    """Text of an element of an SVG, escaped as it is there."""
    found = re.search(f"<{tag}>(.*?)</{tag}>", svg, re.DOTALL)
    return found[1].replace('"', "&quot;") if found else ""


def _html(cells: Sequence[NotebookNode]) -> str:
    from nbconvert import HTMLExporter  # takes a second: only where it is used

    notebook = nbformat.v4.new_notebook(cells=list(cells))
    exporter = HTMLExporter(
        raw_template=TEMPLATE,
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    html = exporter.from_notebook_node(notebook)[0]
    html = re.sub(r'<a class="anchor-link".*?</a>', "", html)  # headings keep their names
    seen: Counter[str] = Counter()

    def once(name: re.Match[str]) -> str:
        seen[name[1]] += 1
        return name[0] if seen[name[1]] == 1 else f' id="{name[1]}-{seen[name[1]]}"'

    return re.sub(r' id="([^"]*)"', once, html)


def _literal(text: str) -> str:
    """Text in which Markdown sees no marks."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def _style() -> str:
    """Style of the site's tables and notes, and of the page around them."""
    sheets = [BOOK / "_assets" / name for name in ("book.css", "report.css")]
    text = "\n".join(sheet.read_text("utf-8") for sheet in sheets)
    return re.sub(r"[^{}]*\{[^{}]*url\([^{}]*\}", "", text)  # pictures of the site
