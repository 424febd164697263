"""The page on one's own variant, and the public implementation's configuration files."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import ff
from ff.__main__ import main
from ff.public import KEYS, translated
from ff.stats.claims import Claim, verdicts
from ff.stats.intervals import jackknife, leave_one_out
from tests.synthetic import records as synthetic

THEIRS = """
seed: 42
device: cpu
input: {path: datasets, batch_size: 100}
model: {peer_normalization: 0.04, momentum: 0.8, hidden_dim: 300, num_layers: 5}
training:
  epochs: 90
  learning_rate: 2e-3
  weight_decay: 4e-4
  momentum: 0.7
  downstream_learning_rate: 2e-2
  downstream_weight_decay: 4e-3
  val_idx: -1
  final_test: false
hydra: {run: {dir: logs}}
run_additional_inference: true
"""
OURS = {
    "seeds": [42],
    "device": "cpu",
    "batch_size": 100,
    "peer_normalization": 0.04,
    "peer_momentum": 0.8,
    "hidden": 300,
    "layers": 5,
    "epochs": 90,
    "learning_rate": 0.002,
    "weight_decay": 0.0004,
    "momentum": 0.7,
    "downstream_learning_rate": 0.02,
    "downstream_weight_decay": 0.004,
    "validation_index": 90,
}


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(THEIRS, encoding="utf-8")
    return path


def test_a_configuration_of_the_public_implementation_is_translated(theirs, tmp_path):
    text = translated(theirs)
    assert yaml.safe_load(text) == {"dataset": "mnist", **OURS}
    ours = tmp_path / "ours.yaml"
    ours.write_text(text, encoding="utf-8")
    assert ff.Config.load(ours) == ff.Config(**OURS)
    done = CliRunner().invoke(main, ["config", "from", str(theirs)])
    assert (done.exit_code, done.output) == (0, text)


def test_each_of_their_keys_is_known_and_each_of_ours_is_one(theirs):
    assert {name for name, _ in KEYS.values() if name} == set(OURS)
    assert set(OURS) <= set(ff.Config.model_fields)


def test_at_the_end_only_is_after_the_epochs_of_the_file_or_the_usual_ones(theirs):
    theirs.write_text(THEIRS.replace("  epochs: 90\n", ""), encoding="utf-8")
    assert yaml.safe_load(translated(theirs))["validation_index"] == ff.Config().epochs == 30


def test_keys_without_a_counterpart_stand_as_comments(theirs):
    said = [line for line in translated(theirs).splitlines() if line.startswith("#")]
    assert said == [
        "# input.path is no key here: the environment variable FF_DATA",
        "# training.final_test is no key here: test accuracy is measured after the last epoch, "
        "always",
        "# hydra.run.dir is no key here: ff train --out",
        "# run_additional_inference is no key here: column goodness_accuracy of the records, "
        "always",
    ]
    theirs.write_text(THEIRS.replace("dir: logs}", "dir: logs}, job: {chdir: true}"), "utf-8")
    assert "# hydra.job.chdir is no key here: not needed" in translated(theirs)


def test_a_key_in_both_ways_is_refused(theirs):
    theirs.write_text(THEIRS + "model.num_layers: 4\n", encoding="utf-8")
    with pytest.raises(ff.ConfigError, match="has a key both with dots and within another; keep"):
        translated(theirs)


def test_validation_every_few_epochs_stays_so(theirs):
    theirs.write_text(THEIRS.replace("val_idx: -1", "val_idx: 3"), encoding="utf-8")
    assert yaml.safe_load(translated(theirs))["validation_index"] == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("num_layers", "n_layers"), r"unknown key 'model.n_layers'; did you mean 'model.num_lay"),
        (("num_layers: 5", "num_layers: 1"), "config.yaml: layers must be an integer of at least"),
        (("seed: 42", "- 1"), "is not plain YAML"),
    ],
)
def test_what_cannot_be_translated_is_refused(theirs, change, told):
    theirs.write_text(THEIRS.replace(*change), encoding="utf-8")
    with pytest.raises(ff.ConfigError, match=told):
        translated(theirs)


def test_a_claim_of_ones_own_is_decided():
    made = synthetic(4, (2, 4), epochs=20)

    def at_the_end(evidence: Any) -> Any:
        last = evidence.layers.values[:, -1, 0]
        return jackknife(leave_one_out(lambda w: w @ last / w.sum(axis=1), evidence.seeds))

    mine = Claim("mine", "here", "Layer 1 ends above 0.9.", "Its accuracy.", at_the_end, low=0.9)
    (row,) = verdicts(made, claims=[mine]).to_dict("records")
    rows = made.layers.query("layer == 1 and epoch == 20")["train_accuracy"]
    assert row["value"] == pytest.approx(rows.mean(), abs=1e-6)
    assert row["verdict"] == "supported"
    assert row["low"] < row["value"] < row["high"]
