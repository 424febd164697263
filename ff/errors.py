"""What can go wrong, said in one sentence that ends with the remedy."""

__all__ = ["ConfigError", "DataError", "FFError", "RecordsError", "TrainingError"]
__all__ += ["DivergenceWarning"]

OVERWRITE = "train again with overwrite=True (on the command line: --overwrite)"


class FFError(Exception):
    """Base of every error that `ff` raises on purpose; its text is meant for a person."""


class ConfigError(FFError, ValueError):
    """A configuration names an unknown key or holds a value that cannot work."""


class DataError(FFError):
    """A data set is absent, damaged or unknown."""


class RecordsError(FFError):
    """Records cannot be read, written or combined."""


class TrainingError(FFError):
    """A training run cannot start or go on."""


class DivergenceWarning(RuntimeWarning):
    """A seed has diverged and stops; the other seeds of the run go on."""
