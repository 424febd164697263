"""Sphinx extension: list a pydantic model's fields, which autodoc leaves out, as its parameters."""

import inspect

from pydantic import BaseModel
from sphinx.application import Sphinx


def add_fields(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Put each field's meaning, range and default before the docstring's own field lists."""
    if not (inspect.isclass(obj) and issubclass(obj, BaseModel)):
        return
    listed = []
    for key, field in obj.model_fields.items():
        extra = field.json_schema_extra
        expects = extra["expects"] if isinstance(extra, dict) else field.annotation
        default = "null" if field.default is None else field.default
        # Without a type of its own, autodoc would print pydantic's annotation in full.
        listed += [f":param {key}: {field.description} Default: ``{default}``."]
        listed += [f":type {key}: {expects}"]
    lists = (at for at, line in enumerate(lines) if line.startswith((":", ".. ")))
    at = next(lists, len(lines))
    lines[at:at] = [*listed, ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.setup_extension("sphinx.ext.napoleon")  # which must turn sections into field lists first
    app.connect("autodoc-process-docstring", add_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
