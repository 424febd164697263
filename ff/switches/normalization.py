"""Normalization: what a layer's input is made of, so that no goodness leaks upwards.

It is applied to a sample's pixels, and to the activities that each layer hands on: to the next
layer and to the readout.
"""

from dataclasses import dataclass

__all__ = ["NORMALIZATIONS", "Normalization"]


@dataclass(frozen=True)
class Normalization:
    """A normalization of one sample's features, by the two things that it may do, in this order.

    Attributes
    ----------
    center
        Subtract their mean.
    divide
        Divide by their root mean square + 1e-8; after centering, that is the standard deviation.
    source
        Where it is published.
    """

    center: bool
    divide: bool
    source: str


#: The normalizations, by the name that a configuration gives.
NORMALIZATIONS = {
    "rms": Normalization(
        center=False,
        divide=True,
        source="Hinton, The Forward-Forward Algorithm (2022), section 2.1; the paper, section 1.1",
    ),
    "layer": Normalization(
        center=True, divide=True, source="Ba, Kiros & Hinton, Layer Normalization (2016)"
    ),
    "none": Normalization(
        center=False,
        divide=False,
        source="what Hinton (2022), section 2.1, warns of: the next layer need only read a length",
    ),
}
