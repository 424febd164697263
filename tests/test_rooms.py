"""The house: which room may import from which, and what reading needs."""

import ast
from pathlib import Path

FF = Path(__file__).parent.parent / "ff"

# From the ground up; a room imports from itself and from those before it.
ROOMS = [
    "errors", "files", "sources", "quantities", "switches", "data", "config", "records", "results",
    "machine", "algorithm", "running", "stats", "speed", "book", "live", "__main__",
]  # fmt: skip


def imports(path: Path) -> set[str]:
    """Modules of the package that a file names in its import statements, wherever they stand."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in found if name.startswith("ff.")}


def test_a_room_imports_only_from_rooms_below():
    upward = []
    for path in sorted(FF.rglob("*.py")):
        room = path.relative_to(FF).parts[0].removesuffix(".py")
        if room == "__init__":  # the names that a user types, from all rooms
            continue
        below = ROOMS[: ROOMS.index(room) + 1]
        upward += [
            f"{path.relative_to(FF)} imports {name}" for name in imports(path) if name not in below
        ]
    assert not upward
