"""What a parameterized notebook needs: its parameters, checked, as a configuration."""

import hashlib
import inspect
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from ff.config import Config
from ff.data import fetch, find
from ff.errors import DataError

__all__ = ["Note", "configure", "default_folder"]


class Note:
    """A sentence that a notebook shows in a box."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        style = "border-left: .25rem solid #0072b2; padding: .5rem 1rem; margin: .5rem 0"
        return f'<div class="ff-note" style="{style}">{escape(self.text)}</div>'


def configure(namespace: Mapping[str, Any]) -> tuple[Config, Note]:
    """Check a training notebook's parameters before anything else happens.

    Parameters
    ----------
    namespace
        The notebook's ``globals()`` right after its parameters: keys of `ff.Config`, where
        ``dataset`` may be ``"auto"`` and ``seeds`` None (3 of digits, else 1), and ``out`` and
        ``overwrite``.

    Returns
    -------
    tuple of Config and Note
        What will be trained, and a sentence that says on which images and why.

    Raises
    ------
    ConfigError
        A name is neither a parameter nor anything the notebook had before, or a value is refused.
    """
    values = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_")
        and name not in ("In", "Out", "out", "overwrite")
        and not inspect.ismodule(value)
        and not callable(value)  # what the notebook has imported
    }
    dataset = values.get("dataset", "mnist")
    if dataset == "auto":
        _config(values, "digits")  # a misspelt key ends here, before any wait
        dataset, reason = _choose()
    else:
        reason = f"Data set: {dataset}, as asked for."
    return _config(values, dataset), Note(reason)


def default_folder(config: Config) -> Path:
    """Where a notebook's records go unless it names a folder; the same for the same parameters."""
    key = hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:8]
    depths, widths = max(config.depths), "-".join(map(str, config.widths))
    return Path("records") / f"{config.dataset}-{widths}x{depths}-{key}"


def _config(values: dict[str, Any], dataset: Any) -> Config:
    chosen = {**values, "dataset": dataset}
    if chosen.get("seeds") is None:
        chosen["seeds"] = 3 if dataset == "digits" else 1  # a first look within two minutes
    return Config(**chosen)


def _choose() -> tuple[str, str]:
    """MNIST where it is on disk or can be had within seconds, else the embedded digits."""
    if folder := find("mnist"):
        return "mnist", f"Data set: MNIST, found in {folder}."
    try:
        return "mnist", f"Data set: MNIST, downloaded to {fetch('mnist')}."
    except DataError as error:
        return "digits", (
            "Data set: the 1,797 embedded handwritten digits of scikit-learn, not MNIST. "
            f"Their numbers are not the paper's. Why: {error}."
        )
