"""Files of parameters: plain YAML without the surprises of YAML 1.1.

What is accepted of a file, papermill reads as the same values, but for numbers such as 1e-3: it
takes these for text, of which the training notebook makes numbers. Whatever comes, it is read or
refused within about a second of the processor.
"""

import io
import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ff.errors import ConfigError, reason
from ff.files import contents
from ff.wording import LONGEST, short

__all__ = ["instead", "parse", "read_yaml"]

MOST_BYTES = 2**17  # of a file: twice as many as 10,000 seeds in brackets need
MOST_NODES = 12_000  # values and keys in it; PyYAML takes some 40 microseconds for each
DEEPEST = 20  # lists and mappings within each other


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of plain values into a dictionary with text keys.

    Raises
    ------
    ConfigError
        The file is absent, too large, not UTF-8, not plain YAML or not a mapping.
    """
    name = short(str(path))
    try:
        content = io.BytesIO(contents(os.path.expanduser(path), MOST_BYTES))
        text = io.TextIOWrapper(content, encoding="utf-8").read()  # ends of lines as in text files
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is not UTF-8 text; write it again as plain YAML") from None
    except (OSError, TypeError, ValueError) as error:  # no path has that type, or such characters
        raise ConfigError(
            f"cannot read {name}: {reason(error)}; name an existing file of parameters"
        ) from None
    values = parse(text, name)
    if not isinstance(values, dict):
        raise ConfigError(f"{name} must hold lines of the form 'key: value'")
    return values


def parse(text: str, source: str) -> Any:
    """Read plain YAML, of which every reader makes the same.

    There are no tags, anchors, aliases, dates, merged mappings nor a key twice; keys are text,
    numbers are decimal, and 1e-3 is one.

    Parameters
    ----------
    text
        The YAML.
    source
        Where it stands, for the error.

    Raises
    ------
    ConfigError
        The text is not plain YAML, or longer than any configuration.
    """
    try:
        if len(text) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} characters")
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError) as error:
        problem = short(" ".join(str(getattr(error, "problem", None) or error).split()))
        raise ConfigError(
            f"{short(source)} is not plain YAML ({problem}); write lines of the form 'key: value'"
        ) from None


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
    if type(value) is not str or len(value) > LONGEST:
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


class _Loader(yaml.SafeLoader):
    """Safe YAML without surprises, of a bounded size: closer to YAML 1.2."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes = self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()
        if anchor := getattr(event, "anchor", None):  # an alias has one, too
            raise _refused(f"{anchor!r} is an anchor or an alias")
        if tag := getattr(event, "tag", None):
            raise _refused(f"{tag!r} is a tag")
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise _refused(f"it has more than {MOST_NODES:,} values")
        self.depth += 1
        if self.depth > DEEPEST:
            raise _refused(f"it has more than {DEEPEST} lists or mappings within each other")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        # YAML 1.1, which PyYAML reads, takes 1:30 for 90 and 010 for 8.
        if not re.fullmatch(r"[-+]?(0|[1-9][0-9_]*)", node.value):
            raise _refused(f"{node.value} is not decimal")
        return self.construct_yaml_int(node)

    def construct_float(self, node: yaml.ScalarNode) -> float:
        if ":" in node.value:  # YAML 1.1 takes 1:30.5 for 90.5
            raise _refused(f"{node.value} is not decimal")
        return self.construct_yaml_float(node)

    def construct_date(self, node: yaml.ScalarNode) -> None:
        raise _refused(f"{node.value} is a date")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = set()
        for key, _ in node.value:
            if key.tag != self.DEFAULT_SCALAR_TAG:  # also of <<, which merges mappings
                one = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise _refused(f"{one} is no text, as a key must be")
            if key.value in keys:
                raise _refused(f"{key.value!r} stands there twice")
            keys.add(key.value)
        return super().construct_mapping(node, deep)


def _refused(why: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, why)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_float)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_date)
_Loader.add_implicit_resolver(  # 1e-3 is a number; in no text is it looked for twice
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)
