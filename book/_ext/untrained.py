"""Sphinx extension: the reference of what trains is made without torch.

autodoc imports what it documents. Here the library is imported beforehand, with empty classes for
those of torch: annotations need no more than their names. So the reference is the same where torch
is not installed, and where it is, the seconds that its import takes are saved. Sphinx's own
`autodoc_mock_imports` does not do, as its objects have no ``|``, which annotations are full of.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import ff
from ff.errors import TORCH


class Named(type):
    """Has a class under every name that is asked for, as a module of classes would."""

    def __getattr__(cls, name: str) -> type:
        return empty(name, f"{cls.__module__}.{cls.__name__}")


class Empty(metaclass=Named):
    """A class of a package that is missing: to annotate with, to derive from, and to decorate."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, decorated: Any) -> Any:
        return decorated

    def __class_getitem__(cls, _: Any) -> type:
        return cls


def empty(name: str, module: str) -> type:
    """An empty class that a module has under a name."""
    if name.startswith("_"):
        raise AttributeError(name)
    return Named(name, (Empty,), {"__module__": module})


class EmptyModule(ModuleType):
    """A module of such classes."""

    def __getattr__(self, name: str) -> type:
        return empty(name, self.__name__)


class Finder(MetaPathFinder, Loader):
    """Finds an empty module in place of torch and its companions."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> Any:
        missing = fullname.partition(".")[0] in TORCH
        return ModuleSpec(fullname, self, is_package=True) if missing else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return EmptyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None: ...


@contextmanager
def empty_torch() -> Iterator[None]:
    """Let torch be imported as empty modules, and as what it is again afterwards."""
    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in TORCH]:
            del sys.modules[name]


def import_library(app: Sphinx, env: BuildEnvironment, names: Sequence[str]) -> None:
    """Import all modules of the library, if pages of the reference are to be read."""
    if any(name.startswith("api") for name in names) and TORCH.isdisjoint(sys.modules):
        with empty_torch():
            for module in walk_packages(ff.__path__, "ff."):
                import_module(module.name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("env-before-read-docs", import_library)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
