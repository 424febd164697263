"""The measurements that the book rests on."""

from pathlib import Path

import numpy as np

from ff.errors import RecordsError
from ff.records import TABLES, Records, diverged, provenance, read

__all__ = ["PRECISION", "RESULTS", "published"]

RESULTS = Path(__file__).parent.parent / "book" / "results"
PRECISION = RESULTS.parent / "precision"  # the same seeds, trained in another precision


def published(
    hidden: int | None = None, peer_momentum: float = 0.9, folder: str | Path = RESULTS
) -> Records:
    """Read the measurements that the book rests on.

    Parameters
    ----------
    hidden
        Only this width; None for all.
    peer_momentum
        0.9 (the default) or 0.09 (Table 1's value).
    folder
        Where the results are; the book's by default.

    Raises
    ------
    RecordsError
        Nothing of the kind was measured, or a seed of it has diverged.
    """
    chosen = []
    for found in sorted(Path(folder).glob("*/layers.parquet")):
        config = provenance(found)[0]["config"]
        wanted = hidden is None or hidden in np.atleast_1d(config["hidden"])
        if wanted and config["peer_momentum"] == peer_momentum:
            chosen.append(found.parent)
    if not chosen:
        raise RecordsError(
            f"no results of width {hidden} and peer momentum {peer_momentum} in {folder}; "
            "measure them with 'ff train --out' below that folder"
        )
    found = read(*chosen)
    if lost := diverged(found):
        raise RecordsError(
            f"{folder} holds a run whose seed {lost[0]['seed']} of width {lost[0]['hidden']} has "
            "diverged; publish runs in which every seed is complete"
        )
    if hidden is None:
        return found
    tables = (getattr(found, name) for name in TABLES)
    return Records(*(rows[rows["hidden"] == hidden] for rows in tables), runs=found.runs)
