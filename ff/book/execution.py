"""How a notebook is run, and whether it has run to its end.

Papermill takes ``sys.exit(0)`` for success, and a cell's tags can allow it an error, or skip it.
"""

from nbformat import NotebookNode

__all__ = ["QUIET", "unfinished"]

# Of a kernel: without warnings about its connection, which does not leave the machine.
QUIET = "--IPKernelApp.log_level=ERROR"


def unfinished(notebook: NotebookNode) -> str | None:
    """What kept a notebook from running to its end, and what to do; None if nothing did.

    Parameters
    ----------
    notebook
        As a kernel has left it.
    """
    for cell in notebook.cells:
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        begin = cell.source.strip().splitlines()[0][:60]
        for output in cell.outputs:
            if output.output_type == "error":
                return (
                    f"the cell {begin!r} ended with {output.ename}; let every cell run to its end"
                )
        if cell.execution_count is None:
            return f"the cell {begin!r} was not executed; let every cell run to its end"
    return None
