"""Parameters: files of plain YAML without the surprises of YAML 1.1, and values of any type.

What is accepted of a file, papermill reads as the same values, but for numbers such as 1e-3: it
takes these for text, of which the training notebook makes numbers. Whatever comes, it is read or
refused within a second, and an error quotes no more than a line or two of it.
"""

import difflib
import io
import json
import os
import re
import reprlib
import shlex
from collections.abc import Callable, Collection, Set
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from ff.errors import ConfigError, reason
from ff.files import contents, place

__all__ = ["beyond", "instead", "parse", "plain", "quoted", "read_yaml", "refusals", "short"]
__all__ += ["unknown"]

MOST_BYTES = 2**17  # of a file: twice as many as 10,000 seeds in brackets need
MOST_NODES = 12_000  # values and keys in it; PyYAML takes some 40 microseconds for each
DEEPEST = 20  # lists and mappings within each other
MOST_ITEMS = 2**14  # of a list: more than there are seeds, or than a file can hold
MOST_INNER = 2  # of a list within a list: a pair of epochs
MOST_PAIRS = 2048  # such lists in a list: more than there are layers
LONGEST = 300  # characters of a value or a path that a message quotes
MOST_KEYS = 6  # that a message explains one by one
SIMPLE = {bool, int, float, str}  # what is plain already


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of plain values into a dictionary with text keys.

    Raises
    ------
    ConfigError
        The file is absent, too large, not UTF-8, not plain YAML or not a mapping.
    """
    name = short(str(path))
    try:
        content = io.BytesIO(contents(place(path), MOST_BYTES))
        text = io.TextIOWrapper(content, encoding="utf-8").read()  # ends of lines as in text files
    except UnicodeDecodeError:
        raise ConfigError(f"{name} is not UTF-8 text; write it again as plain YAML") from None
    except (OSError, TypeError, ValueError) as error:  # no path has that type, or a NUL
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


def plain(value: Any) -> Any:
    """Python's own type for a value: numbers, text, and lists instead of arrays and the like.

    Parameters
    ----------
    value
        A number, array, list, tuple, range, set or path, or one within a list. Anything else comes
        back as it is, and so does what has more items than any key may have.
    """
    try:
        return _plain(value, MOST_ITEMS, MOST_INNER)
    except Exception:  # whatever an object of a person's own raises when it is looked at
        return value


def _plain(value: Any, most: int = 0, *inner: int) -> Any:
    """Look through lists of at most `most` items, and through those in them with what follows."""
    if type(value) in SIMPLE:
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # numpy's numbers and arrays, and their like
        size = value.size if isinstance(getattr(value, "size", None), int) else len(value)
        if size > MOST_INNER * MOST_ITEMS:
            return value
        value = value.tolist()
    if not isinstance(value, list | tuple | range | Set) or len(value) > most:
        return value
    items = list(value)
    if SIMPLE.issuperset(map(type, items)):
        return items
    if len(items) > MOST_PAIRS and isinstance(items[0], list | tuple | range | Set):
        return value
    return [_plain(item, *inner) for item in items]


def beyond(value: object) -> bool:
    """Whether a value is larger than that of any key, so that it must not be looked through."""
    try:
        if isinstance(value, int):
            return value.bit_length() > 3 * LONGEST  # a little fewer digits
        return isinstance(value, list | str) and len(value) > MOST_ITEMS
    except Exception:  # as in `plain`
        return True


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


def unknown(key: str, known: Collection[str]) -> str:
    """Say that there is no such key, and which one may be meant."""
    near = difflib.get_close_matches(key[:LONGEST], known, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"
    return f"unknown key {quoted(key)}; {remedy}"


def refusals(keys: Collection[str], sentence: Callable[[str], str]) -> str:
    """Say why keys are refused: a line for each of the first, and how many more there are.

    Parameters
    ----------
    keys
        The refused ones.
    sentence
        Why one is.
    """
    lines = [sentence(key) for key in islice(keys, MOST_KEYS)]
    if more := len(keys) - len(lines):
        lines.append(f"{more:,} more keys are refused; correct or delete these first")
    return "\n".join(lines)


def quoted(value: object) -> str:
    """Python's notation of a value, as a message quotes it: shortened where it is long."""
    try:
        return short(_NOTATION.repr(value))
    except Exception:  # whatever an object of a person's own raises
        return short(f"an object of type {type(value).__name__}")


def short(text: str) -> str:
    """Text whose middle is left out where it is long."""
    half = (LONGEST - 3) // 2
    return text if len(text) <= LONGEST else f"{text[:half]}...{text[-half:]}"


class _Notation(reprlib.Repr):
    """Python's notation that looks at the beginning of a large value only."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, LONGEST, LONGEST
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 30

    def repr_int(self, x: int, level: int) -> str:
        if beyond(x):
            return f"an integer of about {round(x.bit_length() * 0.30103):,} digits"
        return repr(x)

    def repr_list(self, x: list, level: int) -> str:
        return f"a list of {len(x):,} items" if beyond(x) else super().repr_list(x, level)

    def repr_dict(self, x: dict, level: int) -> str:  # without sorting all of it
        return super().repr_dict(dict(islice(x.items(), self.maxdict + 1)), level)

    def repr_set(self, x: set, level: int) -> str:
        return super().repr_set(set(islice(x, self.maxset + 1)), level)

    def repr_frozenset(self, x: frozenset, level: int) -> str:
        return super().repr_frozenset(frozenset(islice(x, self.maxfrozenset + 1)), level)

    def repr_instance(self, x: Any, level: int) -> str:
        if hasattr(x, "__len__") and len(x) > LONGEST:  # bytes, arrays, kinds of lists
            return f"a value of type {type(x).__name__} with {len(x):,} items"
        return " ".join(super().repr_instance(x, level).split())  # of an array, in one line


_NOTATION = _Notation()


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
