"""Records as arrays: one column of one width, by seed, epoch and layer or depth."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from ff.errors import RecordsError

__all__ = ["Cube", "cubes", "single_cube"]


class Cube(NamedTuple):
    """One column of the records of one width, as an array.

    Attributes
    ----------
    hidden
        Units per layer.
    seeds, epochs, keys
        Labels of the three axes, ascending; `keys` are layers or depths. Only epochs at which
        the column was measured are kept.
    values
        The column, float64, shape (seeds, epochs, keys).
    """

    hidden: int
    seeds: np.ndarray
    epochs: np.ndarray
    keys: np.ndarray
    values: np.ndarray


def cubes(frame: pd.DataFrame, key: str, column: str) -> Iterator[Cube]:
    """Turn a long table into one array for each width.

    Parameters
    ----------
    frame
        The `layers` or the `readouts` table of `ff.Records`.
    key
        The third axis beside seed and epoch: "layer" or "depth".
    column
        The column to take, for example "train_accuracy".

    Yields
    ------
    Cube
        In ascending order of width.

    Raises
    ------
    RecordsError
        If the column is absent or empty, a row occurs twice, rows are missing, or a seed lacks
        what the others have.
    """
    if column not in frame:
        raise RecordsError(
            f"column {column!r} is not in the records, choose one of {', '.join(frame.columns)}"
        )
    axes = ["seed", "epoch", key]
    width = frame["hidden"].to_numpy()
    for hidden in np.unique(width):
        mine = np.flatnonzero(width == hidden)
        part = [frame[axis].to_numpy()[mine] for axis in axes]
        order = np.lexsort(part[::-1])
        part, mine = [own[order] for own in part], mine[order]
        if np.logical_and.reduce([own[1:] == own[:-1] for own in part]).any():
            raise RecordsError(
                f"hidden {hidden} has more than one row for the same {', '.join(axes)}, "
                "pass the records of one configuration at a time"
            )
        seeds, epochs, keys = map(np.unique, part)
        shape = (len(seeds), len(epochs), len(keys))
        if len(mine) != np.prod(shape):
            raise RecordsError(
                f"hidden {hidden} has {len(mine)} rows where {shape[0]} seeds x {shape[1]} epochs "
                f"x {shape[2]} {key}s make {np.prod(shape)}, keep what all its seeds have"
            )
        values = frame[column].to_numpy(float)[mine].reshape(shape)
        measured = ~np.isnan(values).all(axis=(0, 2))
        if np.isnan(values[:, -1]).any():
            end = frame.iloc[mine[part[1] == epochs[-1]]]
            nothing = end.drop(columns=["hidden", *axes]).isna().all(axis=1)
            if (lost := end.loc[nothing, "seed"].to_numpy()).size:
                raise RecordsError(
                    f"seed {lost[0]} of hidden {hidden} has no measurements in epoch {epochs[-1]}, "
                    "as one that has diverged; leave such seeds out with ff.records.complete"
                )
        if not measured.any():
            raise RecordsError(
                f"column {column!r} of hidden {hidden} was never measured, choose another column"
            )
        values = values[:, measured]
        if (lost := seeds[np.isnan(values).any(axis=(1, 2))]).size:
            raise RecordsError(
                f"seed {lost[0]} of hidden {hidden} lacks {column!r} in some epochs: a layer's "
                "rows end when it is frozen (schedule in-turn), all of a seed's when it has "
                "diverged; keep the epochs that all have, or leave diverged seeds out with "
                "ff.records.complete"
            )
        yield Cube(int(hidden), seeds, epochs[measured], keys, values)


def single_cube(frame: pd.DataFrame, key: str, column: str) -> Cube:
    """Turn a long table of one width into an array.

    Parameters as of `cubes`.

    Raises
    ------
    RecordsError
        As `cubes` does, or if there is not exactly one width.
    """
    widths = np.unique(frame["hidden"])
    if len(widths) != 1:
        there = ", ".join(map(str, widths)) or "none"
        raise RecordsError(f"one width is needed but there are {there}")
    return next(cubes(frame, key, column))
