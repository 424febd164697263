"""Parameters: files of plain YAML without the surprises of YAML 1.1, and values of any type.

What is accepted of a file, papermill reads as the same values, but for numbers such as 1e-3: it
takes these for text, of which the training notebook makes numbers.
"""

import difflib
import json
import os
import re
import shlex
from collections.abc import Callable, Collection, Set
from pathlib import Path
from typing import Any

import yaml

from ff.errors import ConfigError
from ff.files import place

__all__ = ["instead", "parse", "plain", "read_yaml", "unknown"]


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of plain values into a dictionary with text keys.

    Raises
    ------
    ConfigError
        The file is absent, not UTF-8, not plain YAML (tags are refused) or not a mapping.
    """
    try:
        text = place(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; name an existing file") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text; write it again as plain YAML") from None
    values = parse(text, str(path))
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path} must hold lines of the form 'key: value'")
    return values


def parse(text: str, source: str) -> Any:
    """Read plain YAML: no tags, no dates, no key twice, decimal integers, and 1e-3 is a number.

    Parameters
    ----------
    text
        The YAML.
    source
        Where it stands, for the error.

    Raises
    ------
    ConfigError
        The text is not plain YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise ConfigError(
            f"{source} is not plain YAML ({reason}); write lines of the form 'key: value'"
        ) from None


def plain(value: Any, depth: int = 2) -> Any:
    """Python's own type for a value: numbers, text, and lists instead of arrays and the like.

    Parameters
    ----------
    value
        A number, array, list, tuple, range, set or path; anything else comes back as it is.
    depth
        How many lists within each other are looked through.
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # numpy's numbers and arrays
        value = value.tolist()
    if depth and isinstance(value, list | tuple | range | Set):
        return [plain(item, depth - 1) for item in value]
    return value


def instead(key: str, value: object, right: Callable[[Any], bool]) -> str:
    """What to write instead of a text that would be right if it were read as YAML; else nothing.

    It completes "... but got <value>".

    Parameters
    ----------
    key
        The parameter.
    value
        What came for it.
    right
        Whether a value is right.
    """
    if not isinstance(value, str):
        return ""
    try:
        read = None if value == "None" else parse(value, key)
    except ConfigError:
        return ""
    if isinstance(read, str) or not right(read):
        return ""
    line = f"{key}: {json.dumps(read)}"
    quoted = shlex.quote(line) if '"' in line else f'"{line}"'
    return (
        f", which is text; write {key}={read!r} in Python, {line} in a file, "
        f"or -y {quoted} for papermill"
    )


def unknown(key: str, known: Collection[str]) -> str:
    """Say that there is no such key, and which one may be meant."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"
    return f"unknown key {key!r}; {remedy}"


class _Loader(yaml.SafeLoader):
    """Safe YAML without surprises: closer to YAML 1.2, and a repeated key or a tag is an error."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if tag := getattr(self.peek_event(), "tag", None):
            raise yaml.constructor.ConstructorError(None, None, f"{tag!r} is a tag")
        return super().compose_node(parent, index)

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        # YAML 1.1, which PyYAML reads, takes 1:30 for 90 and 010 for 8.
        if not re.fullmatch(r"[-+]?(0|[1-9][0-9_]*)", node.value):
            raise yaml.constructor.ConstructorError(None, None, f"{node.value} is not decimal")
        return self.construct_yaml_int(node)

    def construct_date(self, node: yaml.ScalarNode) -> None:
        raise yaml.constructor.ConstructorError(None, None, f"{node.value} is a date")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands there twice")
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_integer)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_date)
_Loader.add_implicit_resolver(  # 1e-3 is a number
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)
