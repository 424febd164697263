"""Configuration files of the public implementation, and what their keys are called here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ff.config import Config
from ff.errors import ConfigError, printable
from ff.params import read_yaml
from ff.wording import refusals, short, unknown

__all__ = ["KEYS", "translated"]

#: Key of the public implementation: ours, or None where there is none, and what to know of it.
KEYS: dict[str, tuple[str | None, str]] = {
    "seed": ("seeds", "a list: here many seeds train side by side"),
    "device": ("device", ""),
    "input.path": (None, "the environment variable FF_DATA"),
    "input.batch_size": ("batch_size", ""),
    "model.peer_normalization": ("peer_normalization", ""),
    "model.momentum": ("peer_momentum", "of peer normalization's running mean"),
    "model.hidden_dim": ("hidden", "or a list of widths"),
    "model.num_layers": ("layers", "at least 2, or a list of depths"),
    "training.epochs": ("epochs", ""),
    "training.learning_rate": ("learning_rate", ""),
    "training.weight_decay": ("weight_decay", ""),
    "training.momentum": ("momentum", "of SGD"),
    "training.downstream_learning_rate": ("downstream_learning_rate", "of the readout"),
    "training.downstream_weight_decay": ("downstream_weight_decay", "of the readout"),
    "training.val_idx": ("validation_index", "-1, at the end only, is the number of epochs"),
    "training.final_test": (None, "test accuracy is measured after the last epoch, always"),
    "run_additional_inference": (None, "column goodness_accuracy of the records, always"),
    "hydra.run.dir": (None, "ff train --out"),
}
HYDRA = "hydra."  # keys of the program that reads their file, of which ours has none


def translated(path: str | Path) -> str:
    """Params file, as text, of a configuration file of the public implementation.

    Keys that have no counterpart stand in it as comments.

    Parameters
    ----------
    path
        Its ``config.yaml``. Keys that it leaves out have our defaults, which are the paper's.

    Raises
    ------
    ConfigError
        The file cannot be read, has a key that the public implementation has not, or a value that
        cannot be.

    References
    ----------
    Loewe, *Forward-Forward* (github.com/loeweX/Forward-Forward).
    """
    pairs = list(_flat(read_yaml(path)))
    given = dict(pairs)
    known = {key: KEYS.get(key, (None, "not needed")) for key in given if key.startswith(HYDRA)}
    known |= KEYS
    name = short(str(path))
    if len(given) < len(pairs):
        raise ConfigError(f"{name} has a key both with dots and within another; keep one of them")
    if strange := [key for key in given if key not in known]:
        raise ConfigError(refusals(strange, lambda key: f"{name}: {unknown(key, KEYS)}"))
    ours = {ours: given[theirs] for theirs, (ours, _) in KEYS.items() if ours and theirs in given}
    if "seeds" in ours:
        ours["seeds"] = [ours["seeds"]]
    if ours.get("validation_index") == -1:
        ours["validation_index"] = ours.get("epochs", Config().epochs)
    try:
        Config(**ours)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    left = [
        f"# {printable(' '.join(key.split()))} is no key here: {known[key][1]}"
        for key in given
        if known[key][0] is None
    ]
    text = yaml.safe_dump({"dataset": "mnist", **ours}, sort_keys=False)
    return "".join(f"{line}\n" for line in left) + text


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Values by their keys, joined by dots."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
