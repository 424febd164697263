"""Whether a notebook has run to its end."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ff.book.execution import unfinished


def cell(source: str, count: int | None = 1, error: str = ""):
    outputs = [new_output("error", ename=error, evalue="", traceback=[])] if error else []
    return new_code_cell(source, execution_count=count, outputs=outputs)


def test_a_notebook_whose_cells_all_ran_is_finished():
    cells = [new_markdown_cell("# Title"), cell("7"), cell(" \n", count=None)]
    assert unfinished(new_notebook(cells=cells)) is None


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (cell("sys.exit(0)\nmore", error="SystemExit"), "'sys.exit(0)' ended with SystemExit"),
        (cell("1 / 0", error="ZeroDivisionError"), "'1 / 0' ended with ZeroDivisionError"),
        (cell("7", count=None), "'7' was not executed"),
    ],
)
def test_the_first_cell_that_did_not_run_to_its_end_is_named(last, reason):
    found = unfinished(new_notebook(cells=[cell("import sys"), last, cell("8", count=None)]))
    assert found == f"the cell {reason}; let every cell run to its end"
