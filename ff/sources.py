"""Which files code consists of: its own, and those of the modules of the package it imports."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

from ff import HOMES
from ff.files import foreign

__all__ = ["behavior", "digest", "imported", "sources"]

ROOT = Path(__file__).parent.parent  # the folder in which the package is
CHECKED = {"TYPE_CHECKING", "typing.TYPE_CHECKING"}  # conditions that no run fulfils
STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)  # what can hold an import, or be one
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def sources(*modules: str, root: Path = ROOT) -> list[Path]:
    """Files that decide what modules do, as far as the modules' own package decides it.

    Parameters
    ----------
    *modules
        Full names, as in ``ff.running.run``. A package stands for every module in it.
    root
        Folder in which the package is.

    Returns
    -------
    list of Path
        Sorted, relative to `root`: the modules, what they import from their package anywhere in
        the file, what those import in turn, and the ``__init__.py`` of each package on the way.

    Raises
    ------
    ModuleNotFoundError
        A module has no file below `root`.
    """
    waiting: list[Path] = []
    for module in modules:
        folder = root.joinpath(*module.split("."))
        if not (folder.is_dir() or folder.with_suffix(".py").is_file()):
            raise ModuleNotFoundError(f"{module} must name a module below {root}", name=module)
        waiting += _whole(module, root)
    return sorted(path.relative_to(root) for path in _closure(waiting, root))


def imported(code: str, root: Path = ROOT) -> list[Path]:
    """Files of the package that some code imports, such as a notebook's.

    Parameters
    ----------
    code
        Python, which may use what ``import ff`` gives: ``ff.train`` is what it stands for. A
        package that it imports stands for every module in it.
    root
        Folder in which the package is.

    Returns
    -------
    list of Path
        As of `sources`.

    Raises
    ------
    SyntaxError
        The code is not Python.
    """
    tree = ast.parse(code)
    names = _names(tree, "", "ff")
    if "ff" in names:
        names |= {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    homes = {f"ff.{name}": home for name, home in HOMES.items()}
    if "ff.*" in names or any(
        alias.name == "ff" and alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ):
        names |= homes.keys()  # whatever it calls them
    waiting: list[Path] = []
    for name in (homes.get(name, name) for name in names if name.split(".")[0] == "ff"):
        waiting += _whole(name, root) if name != "ff" else _files(name, root)
    return sorted(path.relative_to(root) for path in _closure(waiting, root))


@cache
def behavior(path: Path) -> str:
    """SHA-256 of what a file of Python does: without comments, docstrings and layout.

    Parameters
    ----------
    path
        The file, which is read once in a process.
    """
    tree = _tree(path)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def digest(*modules: str, root: Path = ROOT) -> str:
    """SHA-256 of the files that decide what modules do, as `sources` finds them.

    It is computed once in a process, which has loaded the files as they were when it began.

    Parameters
    ----------
    *modules, root
        As of `sources`.
    """
    sha = hashlib.sha256()
    for path in sources(*modules, root=root):
        sha.update(f"{path.as_posix()}\0".encode())
        sha.update(hashlib.sha256((root / path).read_bytes()).digest())
    return sha.hexdigest()


def _whole(name: str, root: Path) -> list[Path]:
    """Files of a module, or of a package with every module in it."""
    folder = root.joinpath(*name.split("."))
    own = (path for path in folder.rglob("*.py") if not foreign(path.relative_to(folder)))
    return [*own, *_files(name, root)]


def _closure(waiting: list[Path], root: Path) -> set[Path]:
    """Some files, what they import from their package, and what those import in turn."""
    found: set[Path] = set()
    while waiting:
        if (path := waiting.pop()) not in found:
            found.add(path)
            waiting += _imports(path, root)
    return found


@cache
def _imports(path: Path, root: Path) -> list[Path]:
    """Files that a file imports from its own package."""
    parts = path.relative_to(root).parts
    names = _names(_tree(path), ".".join(parts[:-1]), parts[0])
    return [file for name in names for file in _files(name, root)]


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _names(tree: ast.AST, folder: str, package: str) -> set[str]:
    """Full names that code imports from a package, wherever the statements stand.

    ``from ff import machine`` is ``ff.machine``, be it a module or another name. What stands under
    ``if TYPE_CHECKING:`` is left out, since it is never run.
    """
    names: set[str] = set()
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), folder)
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == package}


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below one, but those that only a type checker sees."""
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) in CHECKED:
        children = iter(node.orelse)
    for child in children:
        if isinstance(child, STATEMENTS):
            yield child
            yield from _executed(child)


def _files(name: str, root: Path) -> list[Path]:
    """Files that are executed when a name is imported: its module's and its packages'."""
    parts = name.split(".")
    places = [root.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
    files = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return [file for file in files if file.is_file()]
