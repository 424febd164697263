"""The two applications for JupyterLab, as ``book/explore.ipynb`` shows them."""

from ff.live.results_explorer import ResultsExplorer
from ff.live.training_lab import TrainingLab

__all__ = ["ResultsExplorer", "TrainingLab"]
