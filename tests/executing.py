"""A chapter of the book as papermill runs it."""

from pathlib import Path
from typing import Any

import papermill

BOOK = Path(__file__).parent.parent / "book"


def outputs(name: str, **parameters: Any) -> str:
    """What the cells of a chapter show with these parameters, as text."""
    done = papermill.execute_notebook(
        BOOK / f"{name}.ipynb",
        None,
        parameters=parameters,
        kernel_name="python3",
        progress_bar=False,
        cwd=str(BOOK),
    )
    return str([cell.get("outputs") for cell in done.cells])
