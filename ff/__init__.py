"""The Forward-Forward algorithm's training behavior, re-measured.

Data flows one way: `Config` -> `train` -> `Records` (parquet) -> statistics -> figures.
Each name is imported when it is first used: to read results needs no torch. Type
`from ff import delay`, not `import ff.delay`: the module itself is `ff.stats.delay`. The folders
are rooms: each imports only from those before it in `switches`, `algorithm`, `running`, `stats`,
`speed`, `book`, `live`.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ff.errors import needing_torch

# OpenMP reads these once, when torch loads it: a thread that waits for another one spins for some
# 100 microseconds, then sleeps. Small networks train a third faster than if it slept at once, and
# many times faster than if it kept spinning while other programs use the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

if TYPE_CHECKING:
    from ff import data as data
    from ff.book import figures as figures
    from ff.config import Config as Config
    from ff.errors import ConfigError as ConfigError
    from ff.errors import DataError as DataError
    from ff.errors import DivergenceWarning as DivergenceWarning
    from ff.errors import FFError as FFError
    from ff.errors import RecordsError as RecordsError
    from ff.errors import ResumptionWarning as ResumptionWarning
    from ff.errors import TrainingError as TrainingError
    from ff.live import explore as explore
    from ff.records import Records as Records
    from ff.records import read as read
    from ff.results import published as published
    from ff.running.run import train as train
    from ff.stats import agreement as agreement
    from ff.stats import claims as claims
    from ff.stats import correlation as correlation
    from ff.stats import delay as delay
    from ff.stats import survival as survival

_ERRORS = (
    "ConfigError", "DataError", "DivergenceWarning", "FFError", "RecordsError",
    "ResumptionWarning", "TrainingError",
)  # fmt: skip
HOMES = {  # what a user types, as in `ff.train` or `from ff import delay`, and where it is
    "Config": "ff.config",
    **dict.fromkeys(_ERRORS, "ff.errors"),
    "Records": "ff.records",
    "read": "ff.records",
    "published": "ff.results",
    "train": "ff.running.run",
    "agreement": "ff.stats.agreement",
    "claims": "ff.stats.claims",
    "correlation": "ff.stats.correlation",
    "data": "ff.data",
    "delay": "ff.stats.delay",
    "explore": "ff.live.explore",
    "figures": "ff.book.figures",
    "survival": "ff.stats.survival",
}

__all__ = [*HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


if not TYPE_CHECKING:  # type checkers know the names above, and no others

    def __getattr__(name: str) -> Any:
        if name not in HOMES:
            raise AttributeError(f"module 'ff' has no attribute {name!r}")
        with needing_torch():
            home = import_module(HOMES[name])
            return home if HOMES[name].endswith(f".{name}") else getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
