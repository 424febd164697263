"""What can go wrong, said in one sentence that ends with the remedy."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ConfigError", "DataError", "FFError", "RecordsError", "TrainingError"]
__all__ += ["DivergenceWarning", "ResumptionWarning", "needing_torch", "printable", "reason"]

# Unicode's categories of characters that a terminal obeys; Cs is what UTF-8 cannot hold.
CONTROL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
RESTORE = "restore it, or train again in another folder"
TORCH = {"torch", "torchvision", "safetensors"}  # what training needs and reading does not
TO_TRAIN = "in a clone, call 'make train-env' or 'pip install -r requirements-train.lock'"
OVERWRITE = "train again with overwrite=True (on the command line: --overwrite)"


def printable(text: str) -> str:
    r"""Text whose control characters are written as escapes, such as ``\x1b``.

    A terminal obeys control characters, and those that turn the direction of writing: a file could
    have them in a name or a note. Ends of lines stay.

    Parameters
    ----------
    text
        May come from a file.
    """
    return "".join(
        char if char == "\n" or unicodedata.category(char) not in CONTROL else _escaped(char)
        for char in text
    )


def reason(error: Exception) -> str:
    """Why something failed, in a line: the system's words, or the beginning of the error's."""
    text = str(getattr(error, "strerror", None) or error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__


@contextmanager
def needing_torch() -> Iterator[None]:
    """Say what to do where torch is not installed; also a decorator for what cannot do without it.

    Raises
    ------
    ModuleNotFoundError
        torch, torchvision or safetensors is missing. Its `name` is ``"torch"`` in each case.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        if package not in TORCH:
            raise
        raise ModuleNotFoundError(
            f"No module named '{package}', which training and its data sets need; {TO_TRAIN}",
            name="torch",
        ) from None


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


class FFError(Exception):
    """Base of every error that `ff` raises on purpose; its text is meant for a person."""

    def __str__(self) -> str:
        return printable(super().__str__())


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


class ResumptionWarning(RuntimeWarning):
    """A run goes on otherwise than it began or than was asked for."""
