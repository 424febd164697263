"""What the screen calls the settings: labels of the controls, and the same names in errors."""

import re

__all__ = ["LABELS", "as_labelled"]

# Of both applications, by the key of `ff.Config` where the control sets one.
LABELS = {
    "dataset": "Data set",
    "condition": "Condition",
    "layers": "Depth",
    "hidden": "Width",
    "peer_normalization": "Peer norm.",
    "threshold": "Threshold",
    "learning_rate": "Learning rate",
    "kind": "Accuracy",
    "target": "Target",
    "epochs": "Epochs",
    "seeds": "Seeds",
    "layer": "Layer",
}
# Where an error means the key, not the word: "layers and hidden must make", "dataset: digits".
_MEANT = re.compile(rf"\b({'|'.join(LABELS)})(?=(?: and \w+)* must |: )")


def as_labelled(message: str) -> str:
    """Name the settings in an error as the screen does.

    Parameters
    ----------
    message
        Of an `ff.FFError`: it names a key before "must", or before a colon and a value.
    """
    return _MEANT.sub(lambda key: LABELS[key[0]], message)
