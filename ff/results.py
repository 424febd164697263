"""The measurements that the book rests on."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ff import parquet
from ff.checks import SHARE
from ff.config import Config
from ff.errors import RecordsError
from ff.files import foreign
from ff.provenance import Trained, configuration
from ff.records import (
    BOOK,
    TABLES,
    Records,
    apart,
    below,
    complete,
    condition,
    diverged,
    measurements,
    noted,
    provenance,
    read,
    trained_on,
    unusual,
)
from ff.values import plain

__all__ = [
    "BACKPROP",
    "DEVICES",
    "EXERCISES",
    "POINT",
    "PRECISION",
    "RESULTS",
    "VARIANTS",
    "backprop",
    "backprop_grids",
    "best_rate",
    "exercise",
    "linear",
    "nearest",
    "other_data",
    "published",
    "tuning",
    "two_learners",
    "variants",
    "variations",
    "wide_variants",
]

RESULTS = BOOK / "results"
PRECISION = RESULTS.parent / "precision"  # the same seeds, trained in another precision
DEVICES = RESULTS.parent / "devices"  # seeds of width 1000, trained on another kind of device
VARIANTS = RESULTS.parent / "variations"  # 16 layers, one thing changed; params/variations
BACKPROP = RESULTS.parent / "backprop"  # the same networks by backpropagation; params/backprop
EXERCISES = RESULTS.parent / "exercises"  # of the page "Watch it learn"; params/exercises
# What is chosen for a variant: a point of its grid.
POINT = ("learning_rate", "downstream_learning_rate", "threshold", "temperature")
# What may differ in networks that are trained as the paper's: the images, how long, and how its
# text and its code differ.
PAPERS = {
    "dataset",
    "image_size",
    "epochs",
    "batch_size",
    "cool_down",
    "peer_momentum",
    "precision",
}


def published(
    hidden: int | list[int] | None = None, *, folder: str | Path = RESULTS, **asked: Any
) -> Records:
    """Read the measurements of one condition, such as those that the book rests on.

    A condition is the whole configuration but for width, depth, seeds and device.

    Parameters
    ----------
    hidden
        Only this width, or these; None for all.
    folder
        Where the results are; the book's by default.
    **asked
        Any key of `ff.Config`. What makes a condition has `ff.Config`'s default unless it is asked
        for: ``peer_momentum=0.09`` reads what was measured at Table 1's value. The others choose
        among what was measured: ``seeds`` these alone, ``layers`` networks of these depths,
        ``device`` what was trained on such a device.

    Raises
    ------
    ConfigError
        There is no such key, or it cannot have this value.
    RecordsError
        Nothing of the kind was measured, or a seed of it has diverged.
    """
    if hidden is not None:
        asked["hidden"] = hidden
    asked = {key: plain(value) for key, value in asked.items()}  # as the error says them
    config = Config(**asked)
    runs = {path: provenance(path / "layers.parquet") for path in below(folder)}
    chosen = [path for path, own in runs.items() if any(_is_of(run, config, asked) for run in own)]
    if not chosen:
        raise RecordsError(_nothing(asked, folder, runs.values(), config))
    found = _part(read(*chosen), config, asked)
    if absent := _absent(found, config, asked):
        raise RecordsError(_nothing(asked | absent, folder, runs.values(), config))
    kept = set(zip(found.layers["hidden"], found.layers["seed"], strict=True))
    for row in diverged(found):
        if (row["hidden"], row["seed"]) in kept:
            raise RecordsError(
                f"{folder} holds a run whose seed {row['seed']} of width {row['hidden']} has "
                "diverged; publish runs in which every seed is complete"
            )
    return found


def nearest(records: Records) -> tuple[Records, str]:
    """The published networks, trained as the paper's are, that are most like some others.

    Parameters
    ----------
    records
        Measurements to set beside them.

    Returns
    -------
    tuple of Records and str
        Those of the condition with the fewest different settings, of the same images if there are
        any; among equals those with the most widths and seeds in common. Diverged seeds are left
        out. And a sentence that says which they are.

    Raises
    ------
    RecordsError
        There are no published measurements.
    """
    own, ours = condition(records.runs[0]), _networks(records)
    found: list[tuple[tuple[int, ...], Records]] = []
    for folder in (RESULTS, VARIANTS, EXERCISES):
        runs = {path: provenance(path / "layers.parquet")[0] for path in below(folder)}
        kinds = [condition(run) for run in runs.values() if set(unusual(run)) <= PAPERS]
        for kind in [kind for i, kind in enumerate(kinds) if kind not in kinds[:i]]:
            other = complete(read(*(path for path, run in runs.items() if condition(run) == kind)))
            differs = len(apart(records.runs[0], other.runs[0]))
            shared = ours & _networks(other)
            found.append(((kind["dataset"] != own["dataset"], differs, -len(shared)), other))
    if not found:
        raise RecordsError(f"there are no published measurements in {RESULTS}; run from a clone")
    _, other = min(found, key=lambda one: one[0])
    theirs = condition(other.runs[0])
    widths = ", ".join(map(str, np.unique(other.layers["hidden"])))
    return other, (
        f"Beside them stand the published networks, trained as the paper's, that are most like "
        f"them: {theirs['dataset']}, {np.max(other.layers['layer'])} layers of {widths} units, "
        f"{np.max(other.layers['epoch'])} epochs."
    )


def _networks(records: Records) -> set[tuple[int, int]]:
    """Width and seed of each network."""
    return set(zip(records.layers["hidden"], records.layers["seed"], strict=True))


def variations() -> dict[str, Records]:
    """What was measured with one thing of the training changed, by what that is.

    Returns
    -------
    dict
        Records of networks of 32 layers, of one or both widths and of 5 to 30 seeds. What was not
        measured is left out.
    """
    measurements(RESULTS)  # else all would seem not to be measured
    coarse: dict[str, Any] = {"folder": PRECISION, "precision": "bf16"}
    asked: dict[str, list[dict[str, Any]]] = {
        "momentum 0.09": [{"peer_momentum": 0.09}],
        "constant rates": [{"cool_down": False}],
        "bf16": [{"hidden": 100, **coarse}, {"hidden": 1000, "device": "cuda", **coarse}],
    }
    return _measured(asked)


def variants(folder: str | Path = VARIANTS, needed: Iterable[str] = ()) -> dict[str, Records]:
    """Read the variations study: networks of 16 layers, each trained with one thing changed.

    Parameters
    ----------
    folder
        Where its runs are.
    needed
        Names of runs without which there is nothing to show.

    Returns
    -------
    dict
        Records by the name of their file in ``params/variations``; ``"paper"`` is the paper's
        network. Seeds that have diverged are left out; a run of which none is left is absent, as
        is what was not measured.

    Raises
    ------
    RecordsError
        A run that is needed is absent.
    """
    found = {path.name: read(path) for path in below(folder)}
    left = {
        name: complete(own)
        for name, own in found.items()
        if len(diverged(own)) < len(set(own.layers["seed"]))
    }
    if absent := sorted(set(needed) - left.keys()):
        raise RecordsError(
            f"{folder} has no run {', '.join(absent)}; train params/variations/{absent[0]}.yaml "
            "with 'ff train --out' below that folder"
        )
    return left


def wide_variants(records: Mapping[str, Records]) -> dict[str, Records]:
    """Networks of 1000 units of the variations study.

    Parameters
    ----------
    records
        Result of `variants`.

    Returns
    -------
    dict
        Of these, the ones of 1000 units, by their name without ``width-1000-``; ``"paper"`` is the
        paper's network of that width.
    """
    prefix = "width-1000-"
    return {
        name.removeprefix(prefix): own for name, own in records.items() if name.startswith(prefix)
    }


def other_data(records: Mapping[str, Records]) -> dict[str, Records]:
    """The paper's networks, trained on other images, by the data set's name.

    Parameters
    ----------
    records
        Result of `variants`, which leaves out seeds that have diverged.

    Returns
    -------
    dict
        All widths that were measured, in one. What was not measured is absent.
    """
    wanted = {
        "Fashion-MNIST": Config(dataset="fashion-mnist"),
        "digits": Config(dataset="digits", epochs=60),
    }
    found = {
        name: [own for own in records.values() if condition(own.runs[0]) == config.condition]
        for name, config in wanted.items()
    }
    return {name: _together(parts) for name, parts in found.items() if parts}


def tuning(folder: str | Path = VARIANTS) -> pd.DataFrame:
    """Read the grids on which the variations study has chosen learning rates and thresholds.

    Parameters
    ----------
    folder
        Where the study's runs are.

    Returns
    -------
    DataFrame
        What ``params/variations/tune.py`` has measured, a row for each variant, point and seed:
        variant, learning_rate, downstream_learning_rate, threshold, temperature, seed and
        validation_accuracy (of the readout; NaN if the seed has diverged). No rows if nothing was
        measured.
    """
    columns = ["variant", *POINT, "seed", "validation_accuracy"]
    paths = sorted(measurements(folder).glob("tuning/*.parquet"))
    grids = [_rows(path, columns) for path in paths if not foreign(path.name)]
    return pd.concat(grids, ignore_index=True) if grids else pd.DataFrame(columns=columns)


def linear(folder: str | Path = VARIANTS) -> pd.DataFrame:
    """Read how well a linear classifier on the pixels does, trained as a network's readout is.

    Parameters
    ----------
    folder
        Where the variations study's runs are.

    Returns
    -------
    DataFrame
        What ``params/variations/linear.py`` has measured, a row for each seed: seed, test_accuracy
        and validation_accuracy, from 0 to 1. No rows if nothing was measured.
    """
    path = measurements(folder) / "linear.parquet"
    columns = ["seed", "test_accuracy", "validation_accuracy"]
    return _rows(path, columns) if path.exists() else pd.DataFrame(columns=columns)


def backprop_grids(folder: str | Path = BACKPROP) -> pd.DataFrame:
    """Read the grids on which learning rates of backpropagation and Forward-Forward were chosen.

    Parameters
    ----------
    folder
        Where the comparison's runs are.

    Returns
    -------
    DataFrame
        A row for each learner ("backpropagation" or "Forward-Forward"), data set, point and seed:
        learner, dataset, layers, learning_rate, seed and validation_accuracy, of the classifier or
        of the readout; NaN if the seed has diverged. Forward-Forward's points on MNIST are those of
        the variations study.
    """
    columns = ["learner", "dataset", "layers", "learning_rate", "seed", "validation_accuracy"]
    ours = _rows(measurements(folder) / "tuning.parquet", columns)
    theirs: Any = tuning().query("variant == 'paper'")
    theirs = theirs.assign(learner="Forward-Forward", dataset="mnist", layers=8)
    return pd.concat([ours, theirs[list(ours)]], ignore_index=True)


def best_rate(grids: pd.DataFrame, learner: str, dataset: str) -> float:
    """Learning rate with the highest validation accuracy of the deepest networks, mean over seeds.

    Parameters
    ----------
    grids
        Result of `backprop_grids`.
    learner, dataset
        Whose rate.

    Returns
    -------
    float
        A point at which no seed has diverged.
    """
    own: Any = grids[(grids["learner"] == learner) & (grids["dataset"] == dataset)]
    own = own[own["layers"] == own["layers"].max()]
    accuracy = own.pivot(index="learning_rate", columns="seed", values="validation_accuracy")
    return float(accuracy.mean(axis=1, skipna=False).idxmax())


def backprop(dataset: str, folder: str | Path = BACKPROP) -> Records:
    """Read what was measured of networks that backpropagation has trained.

    Parameters
    ----------
    dataset
        ``"mnist"``, 16 layers of 100 units, or ``"digits"``, 8 of them.
    folder
        Where the comparison's runs are.

    Returns
    -------
    Records
        `layers` has the probes' accuracy alone. `readouts` is of the classifier on the last layer,
        which trains the network, and has its validation accuracy, and its test accuracy at the end.
    """
    path = measurements(folder) / dataset
    keys = ["hidden", "seed", "epoch"]
    layers = _rows(path / "layers.parquet", [*keys, "layer", "probe_accuracy"])
    accuracies = ["validation_accuracy", "test_accuracy"]
    readouts = _rows(path / "classifiers.parquet", [*keys, *accuracies])
    runs = noted(path / "layers.parquet", Trained)
    return Records(layers, readouts, tuple(runs))


def two_learners() -> dict[str, Records]:
    """Read the paper's network of 16 layers of 100 units on MNIST, trained by each of two learners.

    Returns
    -------
    dict
        Of "Forward-Forward" and "backpropagation", each at the best learning rate of its grid, the
        same seeds.
    """
    rate = best_rate(backprop_grids(), "Forward-Forward", "mnist")
    found = published(100, folder=VARIANTS, learning_rate=rate)
    return {"Forward-Forward": found, "backpropagation": backprop("mnist")}


def exercise(name: str, folder: str | Path = EXERCISES) -> Records:
    """Read a run of the exercises on the page "Watch it learn".

    Parameters
    ----------
    name
        Of a file in ``params/exercises``, such as ``"base"``, the network of that page.
    folder
        Where their runs are.

    Returns
    -------
    Records
        Seeds that have diverged are left out.
    """
    return complete(read(Path(folder) / name))


def _rows(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A table of accuracies that no run of `ff.train` has measured."""
    rows: Any = parquet.read(path).table()
    if absent := [name for name in columns if name not in rows]:
        raise RecordsError(f"{path} has no column {absent[0]!r}; restore it, or measure it again")
    for name in [name for name in columns if name.endswith("_accuracy")]:
        low, high = SHARE
        if not (rows[name].isna() | rows[name].between(low, high)).all():
            raise RecordsError(f"{path} has no {name} from 0 to 1; restore it, or measure it again")
    return rows


def _measured(asked: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Records]:
    """What `published` has of each name, its parts together; without names that lack a part."""
    found = {}
    for name, parts in asked.items():
        try:
            records = [published(**part) for part in parts]
        except RecordsError:
            continue
        found[name] = _together(records)
    return found


def _together(parts: Sequence[Records]) -> Records:
    """Records of several runs as one."""
    return Records(
        layers=pd.concat([part.layers for part in parts], ignore_index=True),
        readouts=pd.concat([part.readouts for part in parts], ignore_index=True),
        runs=tuple(run for part in parts for run in part.runs),
    )


def _is_of(run: dict[str, Any], config: Config, asked: dict[str, Any]) -> bool:
    """Whether a run is of a condition and has trained some of the networks that are asked for."""
    own = configuration(run)
    return (
        condition(run) == config.condition
        and ("hidden" not in asked or not set(own.widths).isdisjoint(config.widths))
        and ("seeds" not in asked or not set(own.seed_list).isdisjoint(config.seed_list))
        and ("layers" not in asked or set(own.depths) >= set(config.depths))
        and ("device" not in asked or config.device in ("auto", trained_on(run)))
    )


def _absent(found: Records, config: Config, asked: dict[str, Any]) -> dict[str, Any]:
    """Widths and seeds that are asked for and were not measured."""
    wanted = {"hidden": ("hidden", config.widths), "seeds": ("seed", config.seed_list)}
    absent = {
        key: sorted(set(values) - set(found.layers[column]))
        for key, (column, values) in wanted.items()
        if key in asked
    }
    return {key: values for key, values in absent.items() if values}


def _nothing(
    asked: dict[str, Any], folder: str | Path, runs: Iterable[list[dict[str, Any]]], config: Config
) -> str:
    """What is absent, and what there is."""
    there = _there([run for own in runs for run in own], config)
    return (
        f"no results of {_named(asked)} in {folder}, which has {there}; measure them with "
        "'ff train --out' below that folder"
    )


def _there(runs: Sequence[dict[str, Any]], config: Config) -> str:
    """What there is instead: networks of the condition, or other conditions."""
    same = [configuration(run) for run in runs if condition(run) == config.condition]
    if same:
        widths, seeds, depths = (
            ", ".join(map(str, sorted({value for own in same for value in getattr(own, name)})))
            for name in ("widths", "seed_list", "depths")
        )
        return f"in this condition hidden {widths}, seeds {seeds} and layers {depths}"
    others = [_named(unusual(run)) for run in runs]
    return f"those of {' and of '.join(dict.fromkeys(others))}" if others else "no records"


def _named(keys: dict[str, Any]) -> str:
    """Keys of a configuration as one would ask for them."""
    return ", ".join(f"{key}={value!r}" for key, value in keys.items()) or "the defaults"


def _part(records: Records, config: Config, asked: dict[str, Any]) -> Records:
    """The rows of the networks that are asked for."""
    tables = []
    for name in TABLES:
        rows = getattr(records, name)
        if "hidden" in asked:
            rows = rows[rows["hidden"].isin(config.widths)]
        if "seeds" in asked:
            rows = rows[rows["seed"].isin(config.seed_list)]
        if "layers" in asked:
            depth = rows.get("depth", rows.get("layer"))
            depths = config.depths if name == "readouts" else range(1, max(config.depths) + 1)
            rows = rows[depth.isin(depths)]
        tables.append(rows)
    return Records(*tables, runs=records.runs)
