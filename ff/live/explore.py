"""The two applications for JupyterLab, as ``book/explore.ipynb`` shows them.

The training lab is imported when it is first used: to look through the results needs no torch.
"""

from typing import TYPE_CHECKING, Any

from ff.errors import needing_torch
from ff.live.results_explorer import ResultsExplorer

if TYPE_CHECKING:
    from ff.live.training_lab import TrainingLab

__all__ = ["ResultsExplorer", "TrainingLab"]


if not TYPE_CHECKING:  # type checkers know the names above, and no others

    def __getattr__(name: str) -> Any:
        if name != "TrainingLab":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with needing_torch():
            from ff.live.training_lab import TrainingLab
        return TrainingLab


def __dir__() -> list[str]:
    return sorted(__all__)
