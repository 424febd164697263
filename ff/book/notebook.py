"""What a parameterized notebook needs: its parameters, checked, as a configuration."""

import hashlib
import inspect
import shlex
from collections.abc import Collection, MutableMapping
from pathlib import Path
from typing import Any

from ff.archives import fetch, find
from ff.book.markup import Note
from ff.config import Config, expects, stands_for
from ff.data import load
from ff.errors import ConfigError, DataError
from ff.images import is_folder
from ff.params import instead, parse
from ff.values import plain
from ff.wording import quoted, refusals, unknown

__all__ = ["configure", "default_folder", "papermill", "parameters"]

KNOWN = (*Config.model_fields, "out", "overwrite")
NUMBERS = {key for key, field in Config.model_fields.items() if field.annotation is float}
ALWAYS = {"dataset", "layers", "hidden", "seeds", "epochs"}  # in every command


def configure(namespace: MutableMapping[str, Any]) -> tuple[Config, Note]:
    """Check a training notebook's parameters before anything else happens.

    Parameters
    ----------
    namespace
        The notebook's ``globals()`` right after its parameters: keys of `ff.Config`, where
        ``dataset`` may be ``"auto"`` and ``seeds`` None (3 of digits, else 1), ``out`` (a folder or
        None) and ``overwrite``. Marked with ``_ff_configured`` once they are accepted, so that
        what later cells make is not taken for a parameter when the notebook is run again.

    Returns
    -------
    tuple of Config and Note
        What will be trained, and a sentence that says on which images and why; of a folder, which
        is read for that, how many they are.

    Raises
    ------
    ConfigError
        A name is neither a parameter nor anything the notebook had before, or a value is refused.
    DataError
        The folder of images that is named is not there, or cannot be read.
    """
    values = parameters(namespace, KNOWN)
    if not isinstance(out := values.pop("out", None), str | Path | None):
        raise ConfigError(f"out must be the name of a folder, or None, but got {quoted(out)}")
    if not isinstance(overwrite := plain(values.pop("overwrite", False)), bool):
        advice = instead("overwrite", overwrite, lambda read: isinstance(read, bool))
        raise ConfigError(f"overwrite must be True or False but got {quoted(overwrite)}{advice}")
    dataset = values.get("dataset", "mnist")
    reason = ""
    if isinstance(dataset, str) and dataset == "auto":
        _config(values, "digits")  # a misspelt key ends here, before any wait
        dataset, reason = _choose()
    config = _config(values, dataset)
    reason = reason or f"Data set: {dataset}, as asked for."
    if is_folder(config.dataset):
        reason = f"Data set: {load(config.dataset, config.image_size).describe()}."
    namespace["_ff_configured"] = True
    return config, Note(reason)


def parameters(namespace: MutableMapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Parameters that a notebook was given.

    Parameters
    ----------
    namespace
        The notebook's ``globals()`` right after its parameters. Once ``_ff_configured`` is there,
        it is run again, and what its later cells have made is no parameter.
    known
        Names of its parameters.

    Raises
    ------
    ConfigError
        A name is neither a parameter nor anything that the notebook had before.
    """
    values = {name: value for name, value in namespace.items() if _is_parameter(name, value)}
    if "_ff_configured" in namespace:
        return {name: value for name, value in values.items() if name in known}
    if strange := [name for name in values if name not in known]:
        raise ConfigError(refusals(strange, lambda name: unknown(name, known)))
    return values


def default_folder(config: Config) -> Path:
    """Where a notebook's records go unless it names a folder; the same for equal configurations."""
    written = config.canonical
    if written.device != "auto" and written.device == stands_for("auto"):
        written = written.model_copy(update={"device": "auto"})
    # Without defaults: a switch that is added later changes no folder.
    chosen = written.model_dump_json(exclude_defaults=True)
    key = hashlib.sha256(chosen.encode()).hexdigest()[:8]
    depths, widths = max(config.depths), "-".join(map(str, config.widths))
    name = Path(config.dataset).name  # of a folder, the last part
    return Path("records") / f"{name}-{widths}x{depths}-{key}"


def papermill(config: Config) -> str:
    """Command that trains a configuration with the training notebook.

    Parameters
    ----------
    config
        What to train. Where to train it, `device`, is left to the machine that runs the command.
    """
    chosen = config.canonical.model_dump(exclude={"device"})
    standard = Config()
    options = [
        f'-y "{key}: {value}"' if isinstance(value, list) else f"-p {key} {shlex.quote(str(value))}"
        for key, value in chosen.items()
        if key in ALWAYS or value != getattr(standard, key)
    ]
    return " ".join(["papermill book/train.ipynb out.ipynb", *options])


def _is_parameter(name: str, value: Any) -> bool:
    """Leave out what IPython keeps in a notebook, and what the notebook has imported."""
    history = name in ("In", "Out") and isinstance(value, list | dict)
    kept = name.startswith(("_", "PAPERMILL_")) or history  # papermill --inject-paths
    return not (kept or inspect.ismodule(value) or callable(value))


def _config(values: dict[str, Any], dataset: Any) -> Config:
    chosen = {**values, "dataset": dataset}
    for key, value in values.items():  # of a file, papermill reads 1e-3 as text
        if isinstance(value, str) and key in NUMBERS:
            chosen[key] = parse(value, key)
    if advice := instead("seeds", chosen.get("seeds"), lambda read: read is None):
        raise ConfigError(f"seeds must be {expects('seeds')}, or None, but got 'null'{advice}")
    if chosen.get("seeds") is None:
        digits = isinstance(dataset, str) and dataset == "digits"
        chosen["seeds"] = 3 if digits else 1  # a first look within two minutes
    return Config(**chosen)


def _choose() -> tuple[str, str]:
    """MNIST where it is on disk or downloads within seconds, else the embedded digits."""
    if folder := find("mnist"):
        return "mnist", f"Data set: MNIST, found in {folder}."
    try:
        return "mnist", f"Data set: MNIST, downloaded to {fetch('mnist')}."
    except DataError as error:
        return "digits", (
            "Data set: the 1,797 embedded handwritten digits of scikit-learn, not MNIST. "
            f"Their numbers are not the paper's. Why: {error}."
        )
