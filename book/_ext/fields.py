"""Sphinx extension: list the keys of `ff.Config`, which autodoc leaves out, as its parameters."""

from sphinx.application import Sphinx

from ff.config import Config, expects


def add_fields(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Put each field's meaning, range and default before the docstring's own field lists."""
    if obj is not Config:
        return
    listed = []
    for key, field in Config.model_fields.items():
        default = "null" if field.default is None else field.default
        # Without a type of its own, autodoc would print pydantic's annotation in full.
        listed += [f":param {key}: {field.description} Default: ``{default}``."]
        listed += [f":type {key}: {expects(key)}"]
    lists = (at for at, line in enumerate(lines) if line.startswith((":", ".. ")))
    at = next(lists, len(lines))
    lines[at:at] = [*listed, ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.setup_extension("sphinx.ext.napoleon")  # which must turn sections into field lists first
    app.connect("autodoc-process-docstring", add_fields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
