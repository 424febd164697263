"""Configurations: what is accepted, what is refused, and in which words."""

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

import ff
from ff.config import Config, choices, schema
from ff.files import foreign
from ff.params import parse, read_yaml

ROOT = Path(__file__).parent.parent
KEYS = list(Config.model_fields)


def refusal(**values: Any) -> str:
    with pytest.raises(ff.ConfigError) as caught:
        Config(**values)
    return str(caught.value)


# --- values


def test_defaults_are_table_1():
    values = Config().model_dump()
    assert values["peer_momentum"] == 0.9, "the public implementation's, not Table 1's 0.09"
    table_1 = {
        "dataset": "mnist",
        "layers": 4,
        "hidden": 1000,
        "seeds": 30,
        "epochs": 30,
        "batch_size": None,
        "learning_rate": 1e-3,
        "weight_decay": 3e-4,
        "momentum": 0.9,
        "peer_normalization": 0.03,
        "downstream_learning_rate": 1e-2,
        "downstream_weight_decay": 3e-3,
        "cool_down": True,
        "validation_index": 1,
        "threshold": 1.0,
        "goodness": "squares",
        "positive": "high",
        "loss": "cross-entropy",
        "temperature": 1.0,
        "normalization": "rms",
        "label_intensity": 1.0,
        "activation": "relu",
        "negatives": "uniform",
        "readout_from": 2,
        "schedule": "together",
        "learns": None,
        "frozen_after": 0,
        "relu_gradient": "straight-through",
        "precision": "float32",
        "device": "auto",
    }
    assert {key: values[key] for key in table_1} == table_1


BAD = [
    ("dataset", "MNIST", "mnist, fashion-mnist"),
    ("dataset", "unheard of", "mnist, fashion-mnist"),
    ("dataset", ["mnist"], "mnist, fashion-mnist"),
    ("dataset", None, "mnist, fashion-mnist"),
    ("layers", 1, "at least 2 (the readout skips the first layer)"),
    ("layers", 0, "at least 2"),
    ("layers", -4, "at least 2"),
    ("layers", 4.0, "an integer"),
    ("layers", "four", "an integer"),
    ("layers", "[1, 2]", "an integer"),
    ("layers", True, "an integer"),
    ("layers", None, "an integer"),
    ("layers", [], "a list of different ones"),
    ("layers", [4, 4], "a list of different ones"),
    ("layers", [1, 2], "at least 2"),
    ("layers", [2, "4"], "an integer"),
    ("layers", [2, [4]], "an integer"),
    ("layers", {"deep": 4}, "an integer"),
    ("layers", 10**200, "an integer"),
    ("layers", 1025, "at most 1024"),
    ("hidden", 0, "at least 1"),
    ("hidden", 65537, "at most 65536"),
    ("hidden", -100, "at least 1"),
    ("hidden", [100, 100], "a list of different ones"),
    ("hidden", math.nan, "an integer"),
    ("seeds", 0, "at least 1"),
    ("seeds", 20250101, "at most 10000"),
    ("seeds", [], "a list of different ones"),
    ("seeds", [1, 2, 1], "a list of different ones"),
    ("seeds", [1, True], "an integer"),
    ("epochs", 0, "at least 1"),
    ("epochs", 100_001, "at most 100000"),
    ("epochs", 1.5, "an integer"),
    ("epochs", [10, 20], "an integer"),
    ("batch_size", 0, "at most 1000000000, or null"),
    ("batch_size", -1, "at most 1000000000, or null"),
    ("batch_size", "all", "at most 1000000000, or null"),
    ("learning_rate", 0.0, "above 0"),
    ("learning_rate", -1e-3, "above 0"),
    ("learning_rate", math.nan, "a number"),
    ("learning_rate", math.inf, "a number"),
    ("learning_rate", -math.inf, "a number"),
    ("learning_rate", "fast", "a number"),
    ("learning_rate", True, "a number"),
    ("learning_rate", None, "a number"),
    ("weight_decay", -math.inf, "at least 0"),
    ("momentum", 1.0, "from 0 to below 1"),
    ("momentum", -0.1, "from 0 to below 1"),
    ("peer_momentum", 1, "from 0 to below 1"),
    ("peer_normalization", [0.03], "at least 0"),
    ("downstream_learning_rate", 0, "above 0"),
    ("downstream_weight_decay", -1, "at least 0"),
    ("cool_down", 0, "true or false"),
    ("cool_down", "none", "true or false"),
    ("validation_index", 0, "at least 1"),
    ("threshold", 0.0, "above 0"),
    ("goodness", "sum", "squares, absolute, fourth, log-sum-exp or game-theoretic"),
    ("positive", True, "high or low"),
    ("loss", "hinge", "cross-entropy or pairwise"),
    ("temperature", 0, "from 1e-30 to 1e30"),
    ("normalization", None, "rms, layer or none"),
    ("label_intensity", 0.0, "above 0"),
    ("label_intensity", 1001.0, "at most 1000"),
    ("activation", "sigmoid", "relu, leaky, tanh or gelu"),
    ("negatives", "Hard", "uniform or hard"),
    ("readout_from", 0, "1 or 2"),
    ("readout_from", 3, "1 or 2"),
    ("schedule", "greedy", "together, on-frozen or in-turn"),
    ("learns", 3, "a pair [first, last] of epochs for each layer"),
    ("frozen_after", -1, "at least 0 and at most epochs"),
    ("frozen_after", 1.5, "an integer"),
    ("patience", 0, "at least 1"),
    ("tolerance", -1e-9, "at least 0"),
    ("tolerance", math.nan, "a number"),
    ("relu_gradient", "soft", "straight-through or exact"),
    ("precision", "float64", "auto, float32, tf32 or bf16"),
    ("precision", 32, "auto, float32, tf32 or bf16"),
    ("device", "gpu", "auto, cpu, cuda or mps"),
]


@pytest.mark.parametrize(("key", "value", "right"), BAD)
def test_a_wrong_value_is_refused_in_one_sentence(key, value, right):
    message = refusal(**{key: value})
    assert message.startswith(f"{key} must be "), "names the key"
    assert right in message, "says what would be right"
    assert message.endswith(f"but got {value!r}"), "says what came"
    assert "\n" not in message


AS_TEXT = [  # what came, and how it reads in Python and in YAML
    ("layers", "4", "4", "4"),
    ("layers", "[2, 4]", "[2, 4]", "[2, 4]"),
    ("seeds", " [1,3]", "[1, 3]", "[1, 3]"),
    ("epochs", "30", "30", "30"),
    ("batch_size", "null", "None", "null"),
    ("batch_size", "None", "None", "null"),
    ("learning_rate", "0.01", "0.01", "0.01"),
    ("learning_rate", "1e-3", "0.001", "0.001"),
    ("cool_down", "true", "True", "true"),
    ("cool_down", "False", "False", "false"),
    ("learns", "[[1, 2], [1, 3]]", "[[1, 2], [1, 3]]", "[[1, 2], [1, 3]]"),
    ("frozen_after", "3", "3", "3"),  # whatever its default allows it with
]


@pytest.mark.parametrize(("key", "text", "python", "yaml"), AS_TEXT)
def test_a_right_value_that_came_as_text_is_refused_with_what_to_write(key, text, python, yaml):
    assert refusal(**{key: text}).endswith(
        f" but got {text!r}, which is text; write {key}={python} in Python, "
        f'{key}: {yaml} in a file, or -y "{key}: {yaml}" for papermill'
    )


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("layer", "layers"),
        ("epoch", "epochs"),
        ("learning_rat", "learning_rate"),
        ("batchsize", "batch_size"),
        ("peer_normalisation", "peer_normalization"),
        ("Hidden", "hidden"),
    ],
)
def test_a_misspelt_key_is_refused_with_the_nearest_one(key, nearest):
    assert refusal(**{key: 4}) == f"unknown key {key!r}; did you mean {nearest!r}?"


def test_a_key_like_no_other_is_refused_with_the_list():
    message = refusal(qqq=1)
    assert "unknown key 'qqq'" in message
    assert all(key in message for key in KEYS)


def test_every_refused_key_gets_its_sentence():
    lines = refusal(layers=1, epoch=3, hidden=[0, 0]).splitlines()
    assert len(lines) == 3
    assert {line.split()[0] for line in lines} == {"layers", "unknown", "hidden"}


# With which schedule keys that others do not need have an effect.
SCHEDULE_OF = {
    "frozen_after": {"schedule": "on-frozen"},
    "patience": {"schedule": "in-turn"},
    "tolerance": {"schedule": "in-turn"},
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", 2),
        ("layers", [32, 2, 8]),
        ("seeds", [7]),
        ("batch_size", None),
        ("batch_size", 1),
        ("learning_rate", 1),
        ("weight_decay", 0),
        ("momentum", 0),
        ("peer_momentum", 0.09),
        ("peer_normalization", 0.0),
        ("threshold", 1e-9),
        ("temperature", 1e-9),
        ("label_intensity", 1e-9),
        ("readout_from", 1),
        ("learns", [[1, 30], [2, 30], [30, 30], [1, 1]]),
        ("learns", None),
        ("frozen_after", 0),
        ("patience", 1),
        ("tolerance", 0),
    ],
)
def test_the_edges_of_what_is_right_are_accepted(key, value):
    assert getattr(Config(**SCHEDULE_OF.get(key, {}), **{key: value}), key) == value


CONTRADICTIONS = [
    (
        {"schedule": "together", "frozen_after": 5},
        "frozen_after must be 0 with schedule 'together'",
    ),
    ({"schedule": "in-turn", "frozen_after": 30}, "frozen_after must be 0 with schedule 'in-turn'"),
    ({"patience": 5}, "patience must be 3 with schedule 'together', which decides nothing"),
    (
        {"schedule": "on-frozen", "tolerance": 0.1},
        "tolerance must be 0.002 with schedule 'on-frozen', which decides nothing",
    ),
    (
        {"loss": "pairwise", "threshold": 2.0},
        "threshold must be 1.0 with loss 'pairwise', which compares goodness with no threshold",
    ),
    (
        {"activation": "tanh", "relu_gradient": "exact"},
        "relu_gradient must be 'straight-through' with activation 'tanh', which is not relu",
    ),
    (
        {"schedule": "on-frozen", "epochs": 4, "frozen_after": 5},
        "frozen_after must be an integer of at least 0 and at most epochs but got 5",
    ),
    (
        {"schedule": "in-turn", "validation_index": 2},
        "validation_index must be 1 with schedule 'in-turn'",
    ),
    (
        {"schedule": "on-frozen", "frozen_after": 5, "negatives": "hard"},
        "frozen_after must be 0 with negatives 'hard'",
    ),
    ({"schedule": "in-turn", "negatives": "hard"}, "negatives must be uniform with schedule"),
    (
        {"schedule": "on-frozen", "learns": [[1, 2]] * 4},
        "learns must be None with schedule 'on-frozen', which says itself when each layer learns",
    ),
    (
        {"layers": 2, "learns": [[1, 2]] * 4},
        "learns must be a pair [first, last] of epochs from 1 to 30 for each of 2 layers, or null",
    ),
    (
        {"epochs": 3, "learns": [[1, 4]] * 4},
        "learns must be a pair [first, last] of epochs from 1 to 3 for each of 4 layers, or null",
    ),
    (
        {"negatives": "hard", "layers": [2, 4]},
        "layers must be a single depth with negatives 'hard'",
    ),
]


@pytest.mark.parametrize(("values", "expected"), CONTRADICTIONS, ids=str)
def test_keys_that_contradict_each_other_are_refused_in_one_sentence(values, expected):
    message = refusal(**values)
    assert message.startswith(expected)
    key = message.split()[0]
    came = list(Config(layers=values[key]).depths) if key == "layers" else values[key]
    assert message.endswith(f"but got {came!r}")
    assert "\n" not in message


@pytest.mark.parametrize(("values", "expected"), CONTRADICTIONS, ids=str)
def test_each_of_the_keys_is_right_without_the_others(values, expected):
    key = expected.split()[0]
    others = {name: value for name, value in values.items() if name != key}
    assert Config(**others)
    assert Config(**SCHEDULE_OF.get(key, {}), **{key: values[key]})


def test_contradictions_are_refused_together():
    lines = refusal(schedule="in-turn", validation_index=2, negatives="hard", layers=[2, 4])
    keys = [line.split()[0] for line in lines.splitlines()]
    assert keys == ["validation_index", "negatives", "layers"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"schedule": "on-frozen", "learns": []}, "learns must be None with schedule"),
        (
            {"schedule": "on-frozen", "epochs": 4, "frozen_after": 5, "negatives": "hard"},
            "frozen_after must be 0 with negatives",
        ),
    ],
)
def test_a_key_that_is_wrong_twice_is_refused_once(values, expected):
    message = refusal(**values)
    assert message.startswith(expected)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ({}, 30),
        ({"schedule": "on-frozen", "frozen_after": 5}, 35),
        ({"schedule": "in-turn", "layers": [2, 16]}, 30 * 17),
    ],
    ids=str,
)
def test_all_epochs_are_those_that_are_measured_and_those_before(values, total):
    assert Config(**values).total_epochs == total


def test_depths_widths_and_seeds_ascend():
    config = Config(layers=[32, 2, 8], hidden=[1000, 100], seeds=[9, 4])
    assert (config.depths, config.widths, config.seed_list) == ((2, 8, 32), (100, 1000), (4, 9))
    config = Config(layers=3, hidden=5, seeds=4)
    assert (config.depths, config.widths, config.seed_list) == ((3,), (5,), (1, 2, 3, 4))


def test_a_configuration_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Config().layers = 3  # pyright: ignore[reportAttributeAccessIssue]


# --- files


FILES = {
    "a tag": ("layers: !!python/object/apply:os.system ['true']", "is a tag"),
    "a harmless tag": ("layers: !!int '4'", "is a tag"),
    "a tag on a list": ("!!map [layers]", "is a tag"),
    "a tag without a constructor": ("device: !gpu 0", "is a tag"),
    "a wrong tag": ("layers: !!bool foo", "is a tag"),
    "a repeated key": ("layers: 4\nhidden: 10\nlayers: 8", "'layers' stands there twice"),
    "a list": ("- layers\n- hidden", "must hold lines of the form 'key: value'"),
    "a number": ("4", "must hold lines of the form 'key: value'"),
    "nothing": ("", "must hold lines of the form 'key: value'"),
    "a key that is a number": ("4: layers", "4 is no text, as a key must be"),
    "a key that is a list": ("? [layers]\n: 4", "a list or mapping is no text, as a key must be"),
    "a merged mapping": ("<<: {layers: 4}", "<< is no text, as a key must be"),
    "two documents": ("layers: 4\n---\nlayers: 8", "another document"),
    "an open bracket": ("layers: [2, 4", "is not plain YAML"),
    "a tab": ("layers:\n\t4", "is not plain YAML"),
    "a colon too many": ("layers: 4: 5", "is not plain YAML"),
    "a control character": ("layers: \x00", "is not plain YAML"),
    "base 60": ("seeds: 1:30", "1:30 is not decimal"),
    "a fraction of base 60": ("threshold: 1:30.5", "1:30.5 is not decimal"),
    "base 8": ("layers: 010", "010 is not decimal"),
    "base 16": ("layers: 0x10", "0x10 is not decimal"),
    "an impossible date": ("layers: 2024-13-45", "is not plain YAML"),
    "an unknown alias": ("layers: *deep", "'deep' is an anchor or an alias"),
    "endless nesting": ("[" * 1000, "is not plain YAML"),
    "a list that holds itself": ("layers: &a [*a]", "'a' is an anchor or an alias"),
    "a misspelt key": ("layer: 4", "unknown key 'layer'; did you mean 'layers'?"),
    "text for a number": ("layers: four", "layers must be an integer"),
    "not a number": ("learning_rate: .nan", "learning_rate must be a number above 0 but got nan"),
    "infinity": ("threshold: .inf", "threshold must be a number above 0 but got inf"),
    "a YAML boolean": ("layers: yes", "layers must be an integer"),
    "one layer": ("layers: 1", "layers must be an integer of at least 2"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path, what):
    text, expected = FILES[what]
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ff.ConfigError) as caught:
        Config.load(path)
    message = str(caught.value)
    assert expected in message
    assert str(path) in message, "names the file"
    assert "\n" not in message


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ff.ConfigError, match=r"params.yaml is not UTF-8 text"):
        Config.load(path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent.yaml", "No such file"),
        (".", "Is a directory"),
        ("\0", "no file can have this name"),
        ("file/x.yaml", "Not a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, name, reason):
    (tmp_path / "file").touch()
    with pytest.raises(ff.ConfigError, match=f"cannot read .*{reason}.*; name an existing file"):
        Config.load(tmp_path / name)


def test_a_file_is_read_and_changed(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(
        "\ufeff# comment\nlayers: [2, 4]  # depths\nlearning_rate: 1e-2\nseeds: 1_000\n"
    )
    config = Config.load(path, layers=8, epochs=2)
    assert config == Config(layers=8, epochs=2, learning_rate=0.01, seeds=1000)


def test_a_file_in_the_home_folder_is_read(offline):
    (offline / "mine.yaml").write_text("layers: 8\n")
    assert Config.load("~/mine.yaml") == Config(layers=8)


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "+1e-3", "0.1e-2", ".1e-2", "1.0e-3", "0.001"])
def test_every_way_to_write_a_number_is_read(text):
    assert parse(f"learning_rate: {text}", "here") == {"learning_rate": 0.001}


# --- types and equality


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        ({"layers": np.int64(8)}, {"layers": 8}),
        ({"layers": np.array(8)}, {"layers": 8}),
        ({"layers": (2, np.int32(4))}, {"layers": [2, 4]}),
        ({"hidden": np.array([4, 8])}, {"hidden": [4, 8]}),
        ({"seeds": range(3, 6)}, {"seeds": [3, 4, 5]}),
        ({"seeds": pd.Index([3, 5])}, {"seeds": [3, 5]}),
        ({"layers": {2}}, {"layers": [2]}),
        ({"learning_rate": np.float64(0.5)}, {"learning_rate": 0.5}),
        ({"learning_rate": np.int64(1)}, {"learning_rate": 1.0}),
        ({"cool_down": np.bool_(False)}, {"cool_down": False}),
        ({"dataset": np.str_("digits")}, {"dataset": "digits"}),
        ({"dataset": Path("digits")}, {"dataset": "digits"}),
        ({"layers": 2, "learns": ((1, 2), (2, 3))}, {"layers": 2, "learns": [[1, 2], [2, 3]]}),
        ({"layers": 2, "learns": np.ones((2, 2), int)}, {"layers": 2, "learns": [[1, 1], [1, 1]]}),
    ],
)
def test_values_of_other_types_are_pythons_own(values, plain):
    kept = Config(**values).model_dump()
    assert {key: kept[key] for key in plain} == plain
    assert repr({key: kept[key] for key in plain}) == repr(plain), "of another type"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", np.float64(4)),
        ("layers", np.array([])),
        ("layers", np.True_),
        ("layers", range(2)),
    ],
)
def test_other_types_have_the_same_limits(key, value):
    assert refusal(**{key: value}).startswith(f"{key} must be ")


EQUAL = [
    ({"seeds": 2}, {"seeds": [2, 1]}),
    ({"layers": 8}, {"layers": [8]}),
    ({"layers": [4, 2]}, {"layers": [2, 4]}),
    ({"hidden": [100]}, {"hidden": 100}),
    ({}, {"batch_size": 1000}),
    ({"dataset": "digits", "batch_size": 50}, {"dataset": "digits"}),
    ({"threshold": 1}, {"threshold": 1.0}),
    ({"layers": 2, "epochs": 5, "learns": [[1, 5], [1, 5]]}, {"layers": 2, "epochs": 5}),
]
DIFFERENT = [
    ({"seeds": 2}, {"seeds": [2]}),
    ({"layers": [2, 4]}, {"layers": 4}),
    ({}, {"batch_size": 50}),
    ({"device": "cpu"}, {"device": "cuda"}),
    ({}, {"epochs": 31}),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_the_same_written_otherwise_is_equal(one, other):
    assert Config(**one) == Config(**other)
    assert hash(Config(**one)) == hash(Config(**other))
    assert Config(**one).canonical.model_dump() == Config(**other).canonical.model_dump()


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_trains_something_else_is_not_equal(one, other):
    assert Config(**one) != Config(**other)
    assert Config(**one) != Config(**one).model_dump()


@pytest.mark.parametrize("chosen", ["cpu", "cuda"])
def test_auto_is_equal_to_what_it_chooses(monkeypatch, chosen):
    monkeypatch.setattr("ff.machine.choose", lambda device: torch.device(chosen))
    for device in ("cpu", "cuda"):
        assert (Config(device=device) == Config()) == (device == chosen)
    assert hash(Config(device="cpu")) == hash(Config())


def test_the_device_is_asked_for_only_if_all_else_is_equal(monkeypatch):
    monkeypatch.delattr("ff.machine.choose")
    assert Config(device="cpu") == Config(device="cpu")
    assert Config(device="cpu") != Config(epochs=3)


# --- params/ and its schema


PARAMS = sorted(path for path in (ROOT / "params").glob("*.yaml") if not foreign(path.name))


@pytest.mark.parametrize("path", PARAMS, ids=lambda path: path.stem)
def test_every_params_file_loads_and_fits_the_schema(path):
    Config.load(path)
    jsonschema.validate(read_yaml(path), json.loads(schema()))
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


def test_there_are_params_files():
    assert PARAMS


def schema_can_tell(value: object) -> bool:
    """Tell whether JSON schema knows a difference: not of 4.0 and 4, nor of NaN and a number."""
    twice = isinstance(value, list) and len(set(map(str, value))) < len(value)
    return not (twice or value == 4.0 or (isinstance(value, float) and not math.isfinite(value)))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(schema()))


@pytest.mark.parametrize(("key", "value"), [bad[:2] for bad in BAD if schema_can_tell(bad[1])])
def test_the_schema_refuses_what_config_refuses(validator, key, value):
    """An editor that knows the schema says so while one types."""
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({key: value})


# --- properties


def one_or_more(least: int, most: int) -> st.SearchStrategy[int | list[int]]:
    item = st.integers(least, most)
    return item | st.lists(item, min_size=1, max_size=5, unique=True)


positive = st.floats(0, 1e9, exclude_min=True) | st.integers(1, 10)
sizes = st.integers(1, 1024)
nonnegative = st.floats(0, 1e9) | st.integers(0, 10)
VALID = {
    "layers": one_or_more(2, 1024),
    "hidden": one_or_more(1, 65536),
    "seeds": one_or_more(1, 1000),
    "epochs": st.integers(1, 100_000),
    "batch_size": st.none() | st.integers(1, 10**6),
    "learning_rate": positive,
    "weight_decay": nonnegative,
    "momentum": st.floats(0, 1, exclude_max=True),
    "peer_normalization": nonnegative,
    "peer_momentum": st.floats(0, 1, exclude_max=True),
    "downstream_learning_rate": positive,
    "downstream_weight_decay": nonnegative,
    "cool_down": st.booleans(),
    "validation_index": st.integers(1, 100_000),
    "threshold": positive,
    "temperature": st.floats(1e-30, 1e30) | st.integers(1, 10),
    "label_intensity": st.floats(0, 1000, exclude_min=True),
    "readout_from": st.integers(1, 2),
    "learns": st.none(),
    "image_size": st.none() | sizes | st.lists(sizes, min_size=2, max_size=2),
    "frozen_after": st.integers(0, 100_000),
    "patience": st.integers(1, 100_000),
    "tolerance": nonnegative,
}
VALID |= {key: st.sampled_from(choices(key)) for key in KEYS if choices(key)}
VALID["dataset"] |= st.sampled_from(["images:pictures", "images:~/my pictures/"])


def agreeing(values: dict[str, Any]) -> dict[str, Any]:
    """Without the values that contradict the others."""
    values = dict(values)
    if values.get("schedule") == "in-turn":
        values |= {"validation_index": 1, "negatives": "uniform"}
    else:
        values.pop("patience", None)
        values.pop("tolerance", None)
    if not values.get("dataset", "").startswith("images:"):
        values.pop("image_size", None)
    if values.get("loss") == "pairwise":
        values.pop("threshold", None)
    if values.get("activation", "relu") != "relu":
        values.pop("relu_gradient", None)
    if values.get("schedule") != "on-frozen":
        values.pop("frozen_after", None)
    elif "frozen_after" in values:
        values["frozen_after"] = min(values["frozen_after"], values.get("epochs", 30))
    if values.get("negatives") == "hard":
        values.pop("frozen_after", None)
    if values.get("negatives") == "hard" and isinstance(values.get("layers"), list):
        values["layers"] = values["layers"][:1]
    return values


valid = st.fixed_dictionaries({}, optional=VALID).map(agreeing)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
junk = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars)


def test_each_key_has_values_to_try():
    assert set(KEYS) <= set(VALID)


@given(valid)
def test_a_valid_configuration_survives_dump_json_and_yaml(values):
    config = Config(**values)
    assert Config(**config.model_dump()) == config
    assert Config(**json.loads(config.model_dump_json())) == config
    assert Config(**parse(yaml.safe_dump(values), "here") if values else {}) == config


@given(valid, st.sampled_from(KEYS), junk)
def test_an_edit_is_taken_as_it_is_or_refused_by_name(values, key, value):
    edited = {**values, key: value}
    try:
        kept = getattr(Config(**edited), key)
    except ff.ConfigError as error:
        message = str(error)
    else:
        assert kept == value
        assert isinstance(value, bool) == (key == "cool_down"), "True is not 1"
        return
    # So few epochs that the network below would learn for more are refused by its name.
    named = {key, "frozen_after"} if key == "epochs" else {key}
    assert message.split(" must be ")[0] in named
    assert "\n" not in message


@given(valid, st.text(min_size=1, max_size=12).filter(lambda key: key not in KEYS))
def test_an_added_key_is_refused_by_name(values, key):
    with pytest.raises(ff.ConfigError) as caught:
        Config(**values, **{key: 1})
    assert f"unknown key {key!r}" in str(caught.value)
