"""What a file says that `ff train -f` accepts, the notebook that papermill -f runs trains, too.

What it does not say has defaults of its own in the notebook: the sweep wants these keys named.
"""

import re
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from papermill.iorw import read_yaml_file
from papermill.translators import PythonTranslator

import ff
from ff.book.notebook import configure
from ff.files import foreign
from ff.params import read_yaml

ROOT = Path(__file__).parent.parent
PARAMS = ROOT / "params"
FILES = sorted(path for path in PARAMS.rglob("*.yaml") if not foreign(path.relative_to(PARAMS)))

ACCEPTED = [
    *("0", "-0", "+7", "1_000", "1_", "08", "0o10", "0xg", "9" * 30, "_1", "1,000", "1 2", "٣"),
    *("1.5", "1.", ".5", "-.5", "1_0.5_", "1.0e-3", "1.e+3", ".5e-2", "1.e-3", "1e3x", "1_0e3"),
    *("0o17", "+1", "5.", "._5", "0.1.2", ":30", "1:60", "1e", "e3", "0x", "0b2"),
    *(
        ".inf",
        "-.INF",
        "+.Inf",
        ".iNf",
        ".nan",
        ".NaN",
        "nan",
        "~",
        "null",
        "Null",
        "nULL",
        "",
    ),
    *(
        "true",
        "TRUE",
        "tRUE",
        "on",
        "Yes",
        "no",
        "off",
        "y",
        "n",
        "2001-1-1",
        "2001-01",
        "=x",
    ),
    *("'010'", '"1e-3"', '"\\x41"', "'2001-01-01'", "|\n  1e3", ">\n  1:30", "\n  a\n  b"),
    *("|+\n  a\n\n", ">-\n  a\n\n  b\n", "|2\n   a", "'a\n\n  b'", '"a\\\n  b"', '"\\N\\L\\P\\_"'),
    *(
        "a\u0085 b",
        "a\u2028 b",
        "'a\u2029 b'",
        "a\ufeffb",
        "a # \tb",
        "a\r\n  b",
        "'a\r  b'",
        "|\r\n  a",
    ),
    *(
        "[1, [2]]",
        "[]",
        "{}",
        "{a, b: }",
        "{'<<': 1}",
        "{'1': a, \"yes\": b}",
        "[a: 1]",
        "[? a : b]",
    ),
    *("1\n...", "1\n... # end\n# more", "\n- 1\n- - 2\n  - 3", "\n  ? a\n  : 1", "a#b"),
]
WHOLE = [  # files that begin otherwise
    *("\ufefflayers: 1", "---\nlayers: 1", "%YAML 1.2\n---\nlayers: 1", "%YAML 1.1\n--- {a: 1}"),
    *(
        "%TAG !a! b\n---\nlayers: 1\n...\n",
        "%OTHER x\n---\na: 1",
        "{a: 1}",
        "? a\n: 1",
        "a:\r\r\nb: 1\r",
    ),
    *(
        "\n\u0085\na: 1",
        "a:\u2028 1",
        "# x\u2028a: 1",
        '"a\\nb": 1',
        "a: 1 # x\u0085b: 2",
        "'': 1",
        "-a: 1",
    ),
]
REFUSED = {  # and what papermill reads
    "010": 8,
    "-010": -8,
    "0_0": 0,
    "0x1F": 31,
    "0b11": 3,
    "1:30": 90,
    "1:30.5": 90.5,
    "-1:30.": -90.0,
    "190:20:30.15": 685230.15,
    "1:30:15": 5415,
    "0b1": 1,
    "-1:30:00": -5400,
    "[010]": [8],
    "2001-01-01": "2001-01-01",
    "2001-01-01 10:00:00": "2001-01-01 10:00:00",
    "!!str 1": "1",
    "!!int 010": 8,
    "! 1": 1,
    "{a: 1, a: 2}": {"a": 2},
    "{<<: {a: 1}, <<: {b: 1}}": {"a": 1, "b": 1},
    "8\nlayers: 9": 9,
    "{<<: {a: 1}, a: 2}": {"a": 2},
    "{<<: [{a: 1}, {a: 2}]}": {"a": 1},
    "{1: a, yes: b}": {1: "b"},
    "{1: a, 1.0: b}": {1: "b"},
    "{1e3: a}": {"1e3": "a"},
    "{2001-01-01: a}": {"2001-01-01": "a"},
    "{~: 1}": {None: 1},
    "{=: 1}": {"=": 1},
    "{on: 1}": {True: 1},
    "&x 1": 1,
    "[&x 1, *x]": [1, 1],
}

EXPONENT = r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"
EXPONENTS = [
    "1e-3",
    "1E-3",
    "+1e-3",
    "1.5e3",
    "1e0",
    "1e٣",
    "1E+3",
    "1.e3",
    ".5e3",
    "02e1",
]  # papermill reads text


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("params") / "params.yaml"


@pytest.mark.parametrize("value", ACCEPTED)
def test_both_read_the_same(path, value):
    path.write_text(f"layers: {value}\n", encoding="utf-8", newline="")
    assert repr(read_yaml(path)) == repr(read_yaml_file(str(path)))


@pytest.mark.parametrize("text", WHOLE)
def test_both_read_the_same_file(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    assert repr(read_yaml(path)) == repr(read_yaml_file(str(path)))


@pytest.mark.parametrize("value", REFUSED)
def test_what_papermill_reads_as_something_else_is_refused(path, value):
    path.write_text(f"layers: {value}\n", encoding="utf-8")
    assert read_yaml_file(str(path)) == {"layers": REFUSED[value]}
    with pytest.raises(ff.ConfigError, match="is not plain YAML"):
        read_yaml(path)


def trained(path: Path) -> ff.Config:
    """What the training notebook trains of a file that papermill reads."""
    notebook = nbformat.read(ROOT / "book" / "train.ipynb", as_version=4)
    (defaults,) = (c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    namespace: dict[str, object] = {}
    exec(defaults, namespace)
    exec(PythonTranslator.codify(read_yaml_file(str(path))), namespace)  # papermill's second cell
    return configure(namespace)[0]


@pytest.mark.parametrize("value", EXPONENTS)
def test_a_number_that_papermill_takes_for_text_is_a_number_in_the_notebook(path, value):
    keys = {"dataset": "digits", "layers": 4, "hidden": 1000, "seeds": 30, "learning_rate": value}
    path.write_text("".join(f"{key}: {own}\n" for key, own in keys.items()), encoding="utf-8")
    assert read_yaml_file(str(path))["learning_rate"] == value
    assert trained(path) == ff.Config.load(path)
    assert ff.Config.load(path).learning_rate == float(value)
    path.write_text(f"seeds: {value}\n", encoding="utf-8")
    for reader in (trained, ff.Config.load):
        with pytest.raises(ff.ConfigError, match="seeds must be an integer"):
            reader(path)


def with_numbers(value: object) -> object:
    """Make numbers of texts such as 1e-3, in lists and mappings, too."""
    if isinstance(value, str):
        return float(value) if re.fullmatch(EXPONENT, value) else value
    if isinstance(value, list):
        return [with_numbers(item) for item in value]
    if isinstance(value, dict):
        return {with_numbers(key): with_numbers(item) for key, item in value.items()}
    return value


scalars = st.one_of(
    st.sampled_from(ACCEPTED),
    st.sampled_from([*REFUSED, *EXPONENTS, "*x", "<<"]),
    st.text("0179_.:eE+-", min_size=1, max_size=6),
    st.from_regex(
        r"[-+]?[0-9_]{1,3}(:[0-9]{1,2}){0,2}(\.[0-9_]{0,2})?([eE][-+]?[0-9])?", fullmatch=True
    ),
    st.text("01_.:eE+-x~[]{}&*<!?|>'\"#,% \n\t\r\x85\u2028\ufeff", max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(scalars, inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        )
        | inner.map(lambda value: f"&x {value}")
    ),
    max_leaves=3,
)
keys = st.sampled_from(["layers", "seeds", '"a"', "&x a", "<<"])
texts = st.dictionaries(keys, values, min_size=1, max_size=2).map(
    lambda lines: "".join(f"{key}: {value}\n" for key, value in lines.items())
)


files = st.tuples(
    st.sampled_from(["", "\ufeff", "---\n", "%YAML 1.2\n---\n", "# a\u2028", "\r\n", "\u0085"]),
    texts,
    st.sampled_from(["", "...\n", "---\n", "...\n---\n", "\r", "\u2029", "# end"]),
).map("".join)


@settings(max_examples=500)
@given(files)
def test_whatever_is_accepted_both_read_the_same(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    try:
        values = read_yaml(path)
    except ff.ConfigError:
        return
    assert repr(with_numbers(values)) == repr(with_numbers(read_yaml_file(str(path))))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_notebook_trains_what_a_shipped_file_says(path):
    assert trained(path) == ff.Config.load(path)


def test_there_are_shipped_files():
    assert any(path.parent.name == "sweep" for path in FILES)
