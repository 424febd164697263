"""The house: which room may import from which, and what reading needs."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import ff
from ff.files import foreign

ROOT = Path(__file__).parent.parent
FF = ROOT / "ff"

# From the ground up; a room imports from itself and from those before it.
ROOMS = [
    "errors", "values", "wording", "files", "notes", "parquet", "versions", "params", "sources",
    "quantities", "switches", "archives", "arrays", "machine", "images", "data", "config", "public",
    "provenance", "checks", "records", "results", "algorithm", "running", "stats", "speed", "book",
    "live", "__main__",
]  # fmt: skip


def imports(path: Path) -> set[str]:
    """Modules of the package that a file names in its import statements, wherever they stand."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    found -= {"ff.HOMES"}  # no module, but a table of where modules are
    return {name.split(".")[1] for name in found if name.startswith("ff.")}


def test_a_room_imports_only_from_rooms_below():
    upward = []
    for path in sorted(FF.rglob("*.py")):
        room = path.relative_to(FF).parts[0].removesuffix(".py")
        if foreign(path.relative_to(FF)):
            continue
        if room == "__init__":  # the names that a user types, from all rooms
            continue
        assert "import ff\n" not in path.read_text(encoding="utf-8") or room == "__main__", path
        below = ROOMS[: ROOMS.index(room) + 1]
        upward += [
            f"{path.relative_to(FF)} imports {name}" for name in imports(path) if name not in below
        ]
    assert not upward


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("import ff.stats.delay", "stats"),
        ("from ff import machine, records", "records"),
        ("from ff.data import load", "data"),
        ("def f():\n    from ff.book import style", "book"),
    ],
)
def test_the_arrows_are_seen_wherever_they_stand(tmp_path, statement, name):
    (tmp_path / "module.py").write_text(statement)
    assert name in imports(tmp_path / "module.py")


def loaded(code: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after some code."""
    code += "\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT / "book", check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def first_lines(page: Path) -> list[str]:
    """Import statements of a page of the book."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    else:
        code = "".join(re.findall(r"(?ms)^```\{code-cell\}.*?^```$", text))
    return re.findall(r"(?m)^(?:import .+|from [^(\n]+(?:\([^)]+\))?)$", code)


def test_the_library_is_imported_without_anything_that_takes_time():
    slow = {"torch", "pandas", "numpy", "scipy", "matplotlib", "pydantic", "pyarrow"}
    assert not slow & loaded("import ff")


def test_training_and_reading_are_named_without_what_only_tables_and_figures_need():
    found = loaded("import ff; ff.train; ff.Config; ff.read")
    assert {"torch", "pyarrow"} <= found
    assert not {"pandas", "matplotlib", "IPython"} & found


def test_what_is_imported_later_is_listed_at_once():
    assert "train" in dir(ff)


def test_no_page_but_the_training_notebook_needs_torch():
    """Nor what pages call: results, statistics, verdicts, figures. Only some need scipy.stats."""
    pages = [*(ROOT / "book").glob("*.md"), *(ROOT / "book").glob("*.ipynb")]
    pages = [p for p in pages if p.stem not in ("train", "explore") and not foreign(p.name)]
    lines = sorted({line for page in pages for line in first_lines(page)})
    assert "import ff" in lines
    code = [
        *lines,
        "from ff import claims, correlation, delay, figures",
        "records = ff.published(100)",
        "layers, readouts = records.layers, records.readouts",
        "figures.delays(delay.mean_delay(layers))",
        "figures.correlations(correlation.pooled(layers, readouts))",
        "claims.verdicts(records)",
        "ff.Config(layers=8)",
    ]
    found = loaded("\n".join(code))
    assert "matplotlib" in found
    assert not {"torch", "torchvision", "sklearn", "scipy.stats"} & found
