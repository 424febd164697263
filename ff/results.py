"""The measurements that the book rests on."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ff.config import Config
from ff.errors import RecordsError
from ff.records import TABLES, Records, below, condition, diverged, provenance, read

__all__ = ["DEVICES", "PRECISION", "RESULTS", "published"]

RESULTS = Path(__file__).parent.parent / "book" / "results"
PRECISION = RESULTS.parent / "precision"  # the same seeds, trained in another precision
DEVICES = RESULTS.parent / "devices"  # seeds of width 1000, trained on another kind of device


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
        ``device`` the runs whose configuration names it.

    Raises
    ------
    ConfigError
        There is no such key, or it cannot have this value.
    RecordsError
        Nothing of the kind was measured, or a seed of it has diverged.
    """
    asked |= {} if hidden is None else {"hidden": hidden}
    config = Config(**asked)
    runs = {path: provenance(path / "layers.parquet")[0] for path in below(folder)}
    chosen = [path for path, run in runs.items() if _is_of(run, config, asked)]
    if not chosen:
        raise RecordsError(
            f"no results of {_named(asked)} in {folder}, which has {_there(runs.values(), config)};"
            " measure them with 'ff train --out' below that folder"
        )
    found = _part(read(*chosen), config, asked)
    kept = set(zip(found.layers["hidden"], found.layers["seed"], strict=True))
    for row in diverged(found):
        if (row["hidden"], row["seed"]) in kept:
            raise RecordsError(
                f"{folder} holds a run whose seed {row['seed']} of width {row['hidden']} has "
                "diverged; publish runs in which every seed is complete"
            )
    return found


def _is_of(run: dict[str, Any], config: Config, asked: dict[str, Any]) -> bool:
    """Whether a run is of a condition and has trained some of the networks that are asked for."""
    own = Config.model_construct(**run["config"])
    return (
        condition(run) == config.condition
        and ("hidden" not in asked or not set(own.widths).isdisjoint(config.widths))
        and ("seeds" not in asked or not set(own.seed_list).isdisjoint(config.seed_list))
        and ("layers" not in asked or set(own.depths) >= set(config.depths))
        and ("device" not in asked or own.device == config.device)
    )


def _there(runs: Collection[dict[str, Any]], config: Config) -> str:
    """What there is instead: widths of the condition, or other conditions."""
    same = [run for run in runs if condition(run) == config.condition]
    widths = {width for run in same for width in Config.model_construct(**run["config"]).widths}
    if widths:
        return f"width {', '.join(map(str, sorted(widths)))} in this condition"
    standard = Config().condition
    others = [
        _named({key: value for key, value in condition(run).items() if value != standard[key]})
        for run in runs
    ]
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
