"""The book's builder, as its users call it, in a process of its own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]


def build(project: Path, *options: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Build `project / "book"`; a warning makes it fail."""
    arguments = [*COMMAND, "book/", "-W", "--keep-going", *options]
    return subprocess.run(arguments, cwd=project, capture_output=True, text=True, **more)
