"""Whatever comes as a parameter is accepted or refused within bounds of time, memory and text.

Each case runs in a process of its own, whose CPU time and memory are limited by the system.
"""

import array
import gc
import json
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import ff
from ff.book.chapter import choose
from ff.book.notebook import configure
from ff.config import Config
from ff.params import parse
from ff.public import translated
from ff.values import plain
from ff.wording import quoted

ROOT = Path(__file__).parent.parent
SECONDS = 4  # of CPU time: it takes up to 0.8 on one machine, and another was half as fast
MEMORY = 200 * 2**20  # bytes more than before
LETTERS = 8000  # characters of an error

resource: Any = pytest.importorskip("resource")
pytestmark = [
    pytest.mark.slow,  # a process for each case
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits of memory: Linux's"),
]


class Outcome(NamedTuple):
    """What came of a case: "accepted", "refused" or another error; its text; CPU seconds."""

    what: str
    text: str = ""
    seconds: float = 0.0


def outcomes(*actions: Callable[[], object]) -> list[Outcome]:
    """Run them one after another in a process with limits."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the tests' process has threads
        child = os.fork()
    if child == 0:
        try:
            _limit(len(actions))
            with open(writing, "w", encoding="utf-8", errors="backslashreplace") as pipe:
                for action in actions:
                    print(json.dumps(_outcome(action)), file=pipe, flush=True)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        found = [Outcome(*json.loads(line)) for line in pipe]
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        found.append(Outcome(f"ended by {signal.Signals(os.WTERMSIG(status)).name}"))
    return found


def _limit(actions: int) -> None:
    sys.settrace(None)  # coverage takes as long again
    gc.freeze()  # a collection would go through all that the tests hold
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS * actions, SECONDS * actions + 1))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(60)  # of something that waits


def _outcome(action: Callable[[], object]) -> Outcome:
    start, what, text = time.process_time(), "accepted", ""
    try:
        action()
    except ff.ConfigError as error:
        what, text = "refused", str(error)
    except BaseException as error:
        what = type(error).__name__
    return Outcome(what, text, time.process_time() - start)


def within(*actions: Callable[[], object], refused: bool = True) -> list[str]:
    """Expect that each is refused, or maybe accepted, within the bounds; return errors' texts."""
    found = outcomes(*actions)
    for what, text, seconds in found:
        assert what in ({"refused"} if refused else {"refused", "accepted"})
        assert seconds < SECONDS
        assert len(text) <= LETTERS
        assert text.replace("\n", "").isprintable()
    assert len(found) == len(actions), "one took all the memory"
    return [one.text for one in found]


def test_the_limits_hold_what_they_promise():
    def endless() -> None:
        while True:
            pass

    (ended,) = outcomes(endless)
    assert ended.what == "ended by SIGXCPU"
    found = outcomes(lambda: bytearray(2**31), lambda: 1 / 0, Config)
    assert [one.what for one in found] == ["MemoryError", "ZeroDivisionError", "accepted"]


# --- files

MOST = 2**17  # bytes of a file


def full(unit: str, before: str = "layers: ", after: str = "\n") -> str:
    """A file that is as large as one may be, of the same over and over."""
    return before + unit * ((MOST - len(before + after)) // len(unit.encode())) + after


def doubling(levels: int) -> str:
    lines = [f"k{level + 1}: &k{level + 1} [*k{level}, *k{level}]" for level in range(levels)]
    return "\n".join(["k0: &k0 x", *lines])


HOSTILE = {
    "aliases": doubling(25),
    "merged aliases": "a: &a {x: 1}\nb: &b {<<: [*a, *a]}\nlayers: {<<: [*b, *b]}\n",
    "an alias of itself": "layers: &a [*a]",
    "nested lists": full("["),
    "nested lists in lines": full("- "),
    "nested mappings": full("{a: "),
    "nested keys": full("? "),
    "indented mappings": "".join(f"{' ' * level}a:\n" for level in range(400)),
    "nested, and closed": "learns: " + "[" * 19 + "]" * 19,
    "items": full("1,", "seeds: [", "]\n"),
    "items in lines": full("-\n", "seeds:\n"),
    "items of text": "seeds: [" + "x," * 10_000 + "]\n",
    "pairs": "learns: [" + "[1, 2]," * 3900 + "]\n",
    "mappings": "learns: [" + "{a: 1}," * 2900 + "]\n",
    "keys": "".join(f"k{number}: 1\n" for number in range(5900)),
    "too many keys": "".join(f"k{number}:\n" for number in range(13_000)),
    "keys like ours": "".join(f"layers{number}: 1\n" for number in range(5900)),
    "keys of one hash": "".join(f"{number * (2**61 - 1)}:\n" for number in range(5000)),
    "a key over and over": full("a: 1\n", ""),
    "a long text": full("x"),
    "a long key": full("k", "", ": 1\n"),
    "a long number": full("9"),
    "almost a number": full("9", after="x\n"),
    "almost a fraction": full("9", "threshold: .", "x\n"),
    "many long numbers": "seeds: [" + ("9" * 4200 + ",") * 30 + "]\n",
    "base 60": full(":1", "layers: 1"),
    "a date": full("0", "layers: 2001-01-01T01:01:01."),
    "a long tag": full("x", "layers: !", " 1\n"),
    "a long anchor": full("x", "layers: &", " 1\n"),
    "a long alias": full("x", "layers: *"),
    "empty lines": full("\n"),
    "folded lines": full("x\n ", "dataset: "),
    "a block": full("\n x", "dataset: |"),
    "escapes": full("\\x1b", 'dataset: "', '"\n'),
    "escaped keys": "".join(f'"\\x1b\\u202e\\n{number}": 1\n' for number in range(4000)),
    "control characters": full("\x1b"),
    "NUL": full("\0"),
    "byte order marks": full("\ufeff"),
    "large characters": full("😀", "dataset: images:"),
    "a long folder": full("/x", "dataset: images:"),
    "comments": full("#\n", ""),
    "directives": full("%A b\n", ""),
    "documents": full("---\n", ""),
    "commas": full(","),
    "too large": full("x") + "layers: 1\n",
    "much too large": "layers: 4\n" * 1_000_000,
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bounds") / "params.yaml"


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_within_bounds(path, what):
    path.write_text(HOSTILE[what], encoding="utf-8")
    within(lambda: Config.load(path))


@pytest.mark.parametrize(
    "what", ["nested mappings", "indented mappings", "keys", "escaped keys", "pairs", "a long key"]
)
def test_a_hostile_file_of_the_public_implementation_is_refused_within_bounds(path, what):
    path.write_text(HOSTILE[what], encoding="utf-8")
    within(lambda: translated(path))


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_text_is_refused_within_bounds_by_a_notebook(what):
    def given(key: str) -> Callable[[], object]:
        values = {"dataset": "digits", "out": None, "overwrite": 1, key: HOSTILE[what]}
        return lambda: configure(values)

    within(*map(given, ("learning_rate", "seeds", "dataset", "out", "overwrite")))


def test_a_key_of_several_lines_adds_no_line_to_a_translated_file(path):
    path.write_text('"hydra.a\\nlayers: 3 \\x1b": 1\nmodel: {num_layers: 4}\n')
    assert Config.load(_written(path, translated(path))) == Config(layers=4)
    assert "\x1b" not in path.read_text()


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_name_of_a_hostile_text_is_short():
    """`ff train --set` gives all of it."""
    within(lambda: parse("[", "--set layers=" + "[" * MILLION), lambda: parse("x" * 10**7, "here"))


@pytest.mark.parametrize("between", [", ", "\n    - "])
def test_ten_thousand_seeds_are_read(path, between):
    first, *others = map(str, range(1, 10_001))
    start, end = ("[", "]\n") if between == ", " else ("\n    - ", "\n")
    path.write_text(f"seeds: {start}{between.join([first, *others])}{end}")
    assert within(lambda: Config.load(path), refused=False) == [""]
    assert Config.load(path).seed_list == tuple(range(1, 10_001))


SEEDS = range(100)
PIECES = [
    *(
        "layers: ",
        "seeds: ",
        "? ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ": ",
        "&a ",
        "*a",
        "!!int ",
        "<<",
    ),
    *("1e3", "1:30", "0x1", "~", "'", '"', "|\n", ">\n", "#", "---\n", "%YAML 1.2\n", "\n", "\n  "),
    *(
        "\t",
        "\0",
        "\x1b",
        "\x85",
        "\u2028",
        "\u202e",
        "\ufeff",
        "\\x1b",
        "😀",
        "x" * 1000,
        "9" * 5000,
    ),
]


def mutated(seed: int) -> bytes:
    """A shipped file with something exchanged, repeated, put in or cut off; or pieces at random."""
    rng = random.Random(seed)
    shipped = sorted((ROOT / "params").rglob("*.yaml"))
    content = rng.choice(shipped).read_bytes() if seed % 3 else b""
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randint(0, len(content))
        piece = rng.choice(PIECES).encode() * rng.choice([1, 1, 1, 1, 3, 20_000])
        piece = rng.choice([piece, piece, rng.randbytes(20), content[at : at + 50] * 500])
        content = content[:at] + piece + content[at + rng.randint(0, 9) :]
    content = content[: rng.choice([len(content), MOST, 500])]
    return content + "é".encode()[:1] * (seed % 5 == 0)  # UTF-8 that is cut off


def test_damaged_files_are_read_or_refused_within_bounds(tmp_path):
    actions = []
    for seed in SEEDS:
        path = tmp_path / f"{seed}.yaml"
        path.write_bytes(mutated(seed))
        actions += [lambda path=path: Config.load(path), lambda path=path: translated(path)]
    texts = within(*actions, refused=False)
    kinds = ("is not plain YAML", "unknown key", " must be ", "UTF-8")
    reached = {kind for kind in kinds for text in texts if kind in text}
    assert reached == set(kinds), "the fuzz reaches too little"


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    names = ["\0", "~\0", "x" * 10**6, "\x1b", "\ud800", "~\ud800/x"]
    for name in [*names, pipe, "/dev/zero", tmp_path, None, 10**6, b"x", 1.5]:
        within(lambda name=name: Config.load(name), lambda name=name: translated(name))


# --- values


class Raising:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise ZeroDivisionError


class Long:
    def __repr__(self) -> str:
        return "x" * 10**7


class NoList(list):
    def __iter__(self) -> Any:
        raise ZeroDivisionError

    def __len__(self) -> int:
        raise ZeroDivisionError


class NoText(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError

    def __hash__(self) -> int:
        raise ZeroDivisionError


class NoPath(os.PathLike):
    def __fspath__(self) -> Any:
        return 3


def holding_itself() -> list[Any]:
    own: list[Any] = []
    own.append(own)
    return own


def deep() -> list[Any]:
    inner: list[Any] = []
    for _ in range(100_000):
        inner = [inner]
    return inner


MILLION = 1_000_000
VALUES: dict[str, Callable[[], Any]] = {
    "a large integer": lambda: 10**5000,
    "a huge integer": lambda: -(1 << 10**7),
    "large integers": lambda: [10**5000] * 1000,
    "pairs of large integers": lambda: [[10**5000, 1]] * 4,
    "a long text": lambda: "x" * 10**7,
    "control characters": lambda: "\x1b" * MILLION,
    "half characters": lambda: "\ud800" * MILLION,
    "a long folder": lambda: "images:" + "/x" * MILLION,
    "a folder with NUL": lambda: "images:x\0",
    "nobody's home": lambda: "images:~\0",
    "bytes": lambda: b"x" * 10**7,
    "a bytearray": lambda: bytearray(10**7),
    "a list": lambda: list(range(MILLION)),
    "a list of text": lambda: ["x"] * MILLION,
    "a list of one": lambda: [1] * 10**7,
    "a full list of text": lambda: ["x"] * 10_000,
    "lists in a list": lambda: [[1] * 50_000] * 50_000,
    "pairs": lambda: [[1, 2]] * MILLION,
    "pairs of text": lambda: [["x", "y"]] * 10_000,
    "lists in lists in a list": lambda: [[[1] * 1000] * 1000] * 1000,
    "a tuple": lambda: tuple(range(MILLION)),
    "a set": lambda: set(range(MILLION)),
    "a frozenset": lambda: frozenset(map(str, range(MILLION))),
    "a range": lambda: range(10**12),
    "a range without a length": lambda: range(10**30),
    "ranges": lambda: [range(10**12)] * 10_000,
    "an array": lambda: np.zeros(10**7),
    "a wide array": lambda: np.zeros((2, 10**7), np.int8),
    "an array without memory": lambda: np.broadcast_to(1, (10**12,)),
    "an array of text": lambda: np.full(MILLION, "x", object),
    "arrays": lambda: [np.zeros(MILLION)] * 100,
    "an array whose items take no room": lambda: np.zeros(5 * 10**7, "V0"),
    "a wide tensor without memory": lambda: torch.zeros(1).expand(2, 10**8),
    "a long tensor": lambda: torch.zeros(10**7),
    "an index of a range": lambda: pd.RangeIndex(10**9),
    "an array of nothing": lambda: pa.nulls(10**7),
    "an array of bytes": lambda: array.array("b", bytes(10**7)),
    "a mapping": lambda: dict.fromkeys(range(MILLION), 1),
    "a mapping's keys": lambda: dict.fromkeys(range(MILLION)).keys(),
    "a list that holds itself": holding_itself,
    "a deep list": deep,
    "a generator": lambda: (number for number in range(MILLION)),
    "an object that raises": Raising,
    "objects that raise": lambda: [Raising()] * 100,
    "a long notation": Long,
    "a list that raises": lambda: NoList([1, 2]),
    "a text that raises": lambda: NoText("nothing"),
    "a path that is none": NoPath,
    "a long name of a type": lambda: type("x" * MILLION, (), {})(),
    "a type": lambda: Long,
    "a module": lambda: os,
}
OF_EACH_KIND = (
    "dataset",
    "image_size",
    "layers",
    "batch_size",
    "learning_rate",
    "learns",
    "device",
)


@pytest.mark.parametrize("what", VALUES)
def test_a_hostile_value_is_refused_within_bounds(what):
    value = VALUES[what]()
    keys = OF_EACH_KIND
    texts = within(*(lambda key=key: Config(**{key: value}) for key in keys))
    for key, text in zip(keys, texts, strict=True):
        assert text.startswith(f"{key} must be ")
        assert "\n" not in text
        assert len(text) < 1000


@pytest.mark.parametrize("what", VALUES)
def test_a_hostile_value_is_quoted_made_plain_and_refused_for_all_keys_within_bounds(what):
    value = VALUES[what]()
    within(lambda: plain(value), lambda: quoted(value), refused=False)
    (text,) = within(lambda: Config(**dict.fromkeys(Config.model_fields, value)))
    assert text.endswith("more keys are refused; correct or delete these first")


@pytest.mark.parametrize(
    "what", sorted(VALUES.keys() - {"a type", "a module", "an object that raises"})
)
def test_a_hostile_parameter_of_a_chapter_is_refused_within_bounds(what):
    value = VALUES[what]()
    (text,) = within(lambda: choose({"layers": value}))
    assert text.startswith("layers must be ")


def test_keys_in_great_number_are_counted():
    values = {f"layers{number}": 1 for number in range(MILLION)}
    (text,) = within(lambda: Config(**values))
    assert text.startswith("unknown key 'layers0'; did you mean 'layers'?\n")
    assert text.endswith("\n999,994 more keys are refused; correct or delete these first")
    few = {key: values[key] for key in list(values)[:100_000]}
    (text,) = within(lambda: configure({"layers": 4, **few}))
    assert text.endswith("\n99,994 more keys are refused; correct or delete these first")


def test_a_long_key_is_refused_within_bounds():
    within(lambda: Config(**{"layers" * MILLION: 1}))


def test_large_integers_are_refused_where_a_key_has_no_most():
    for key in ("batch_size", "validation_index", "patience", "frozen_after"):
        schedules: list[dict[str, Any]] = [{}, {"schedule": "in-turn"}, {"schedule": "on-frozen"}]
        within(*(lambda key=key, own=own: Config(**own, **{key: 10**5000}) for own in schedules))


def test_texts_that_would_be_right_are_refused_within_bounds():
    """Each of them is said thrice, with what to write instead."""
    texts: dict[str, Any] = {key: str(list(range(2, 70))) for key in ("layers", "hidden", "seeds")}
    texts |= {"learns": str([[1, 2]] * 30), "epochs": "1" + " " * 290, "dataset": "x" * MILLION}
    (text,) = within(lambda: Config(**texts))
    assert text.count(", which is text; write ") == 5
