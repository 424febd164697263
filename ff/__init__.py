"""The Forward-Forward algorithm's training behavior, re-measured.

Data flows one way: `Config` -> `train` -> `Records` (parquet) -> statistics -> figures.
"""

import os

# Read once, when torch loads OpenMP: a thread that waits for another one spins for some 100
# microseconds, then sleeps. Small networks train a third faster than if it slept at once, and many
# times faster than if it kept spinning while other programs use the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from ff.config import Config as Config
from ff.errors import ConfigError as ConfigError
from ff.errors import DataError as DataError
from ff.errors import DivergenceWarning as DivergenceWarning
from ff.errors import FFError as FFError
from ff.errors import RecordsError as RecordsError
from ff.errors import TrainingError as TrainingError
from ff.records import Records as Records
from ff.records import published as published
from ff.records import read as read
from ff.train import train as train
