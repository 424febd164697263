"""The columns of every table of measurements, in their order, and the words for them."""

__all__ = ["CANDIDATES", "LAYER_QUANTITIES", "READOUT_QUANTITIES", "words"]

_LAYERS = {  # of each seed, epoch and layer
    "train_accuracy": "training accuracy",
    "validation_accuracy": "validation accuracy",
    "validation_auroc": "validation AUROC",
    "goodness_positive_mean": "mean goodness of positive samples",
    "goodness_positive_std": "standard deviation of goodness, positive samples",
    "goodness_negative_mean": "mean goodness of negative samples",
    "goodness_negative_std": "standard deviation of goodness, negative samples",
    "dead_units": "share of dead units",
    "goodness_accuracy": "accuracy by goodness alone",
    "pair_accuracy": "pair accuracy",
    "probe_accuracy": "probe accuracy",
    "logit_share": "share of the readout's logits",
    "accuracy_without": "readout accuracy without the layer",
}
_READOUTS = {  # of each seed, epoch and depth
    "train_loss": "training loss",
    "train_accuracy": "training accuracy",
    "validation_loss": "validation loss",
    "validation_accuracy": "validation accuracy",
    "test_accuracy": "test accuracy",
}
LAYER_QUANTITIES, READOUT_QUANTITIES = tuple(_LAYERS), tuple(_READOUTS)
CANDIDATES = 1000  # the first validation images, which are also classified by goodness alone


def words(column: str) -> str:
    """Name of a column for people: that of the tables above, or the column's own in words."""
    return (_LAYERS | _READOUTS).get(column, column.replace("_", " "))
