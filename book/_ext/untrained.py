"""Sphinx extension: the reference of what trains is the same where torch is not installed.

autodoc imports what it documents. Where torch is missing, the library is imported beforehand, with
empty classes for those of torch: annotations need no more than their names. Sphinx's own
`autodoc_mock_imports` does not do, as its objects have no ``|``, which annotations are full of.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

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
    """Finds an empty module where torch and its companions would be."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> Any:
        missing = fullname.partition(".")[0] in TORCH
        return ModuleSpec(fullname, self, is_package=True) if missing else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return EmptyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None: ...


@contextmanager
def empty_torch() -> Iterator[None]:
    """Let torch be imported as empty modules, and be missing again afterwards."""
    finder = Finder()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in TORCH]:
            del sys.modules[name]


def import_library(app: Sphinx, config: Config) -> None:
    """Import the modules that autodoc could not, if torch is missing."""
    if not find_spec("torch"):
        with empty_torch():
            for module in walk_packages(ff.__path__, "ff."):
                import_module(module.name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", import_library)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
