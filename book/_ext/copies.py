"""How a chapter becomes one page of several: with a title, parameters and labels of its own."""

import re
from pathlib import Path
from typing import Any

import papermill
from nbformat import NotebookNode
from sphinx.errors import ExtensionError

METADATA = ("kernelspec", "language_info")  # what a copy keeps of a notebook's

NAME = r"([\w:.-]+)"
DEFINITION = re.compile(rf"(?m)^\({NAME}\)=$|\$\$ \({NAME}\)$|^:(?:name|label): *{NAME}$")
# The same places, and those that refer to a label: {role}`name`, {role}`text <name>`, (#name).
MENTION = re.compile(
    rf"(?m)(^\((?=\S+\)=)|\$\$ \(|\(#|\}}`(?:[^`<\n]*<)?|^:(?:name|label): *){NAME}"
)


def copy(
    notebook: NotebookNode, source: Path, name: str, title: str | None, parameters: dict[str, Any]
) -> NotebookNode:
    """Give a copy of a chapter its parameters, and a title and labels that no other page has.

    Parameters
    ----------
    notebook
        The chapter, which is changed.
    source
        Its file.
    name
        What is put behind each label.
    title
        Takes the place of the first line; None keeps that.
    parameters
        Values for the cell tagged ``parameters``, put into a cell below it.
    """
    if unknown := parameters.keys() - papermill.inspect_notebook(notebook).keys():
        names = " and ".join(sorted(unknown))
        raise ExtensionError(f"{source.name} must set {names} in a cell tagged 'parameters'")
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags.append("remove-cell")  # the values that count are injected below it

    text = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    if title:
        text[0].source, titles = re.subn(r"(?m)\A# .*$", f"# {title}", text[0].source)
        if not titles:
            raise ExtensionError(f"{source.name} must begin with a line '# Title'")

    figures = [cell.metadata.get("mystnb", {}).get("figure", {}) for cell in notebook.cells]
    labels = {figure["name"] for figure in figures if "name" in figure}
    for cell in text:
        labels.update(name for names in DEFINITION.findall(cell.source) for name in names if name)

    def own(label: str) -> str:
        return f"{label}-{name}" if label in labels else label

    for figure in figures:
        if "name" in figure:
            figure["name"] = own(figure["name"])
    for cell in text:
        cell.source = MENTION.sub(lambda match: match[1] + own(match[2]), cell.source)
    kept = {key: notebook.metadata[key] for key in METADATA if key in notebook.metadata}
    notebook = papermill.execute_notebook(
        notebook,
        None,
        parameters=parameters,
        prepare_only=True,
        kernel_name="python3",
        language="python",
    )
    notebook.metadata = NotebookNode(kept)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"  # papermill takes a random one
    return notebook
