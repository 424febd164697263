"""What a training step must cost: its matrix products and memory traffic, counted by hand.

Shapes: B images a step, D units a layer, I inputs of a layer, C classes. B images are 3 B
samples: positive, negative and neutral, of which the last teach the layers nothing.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

__all__ = ["Product", "evaluation", "operations", "products", "traffic"]


class Product(NamedTuple):
    """Matrix product of samples ``(rows, inputs)`` and weights ``(outputs, inputs)``.

    Forward it yields ``(rows, outputs)``; the gradient multiplies samples and slopes
    ``(rows, outputs)`` to ``(outputs, inputs)``. Readouts and probes multiply weights by samples,
    so that their outputs, C for each, are rows.
    """

    kind: Literal["forward", "gradient"]
    rows: int
    inputs: int
    outputs: int


def products(
    depths: Sequence[int], width: int, batch: int, pixels: int, classes: int, probes: bool = True
) -> list[Product]:
    """Matrix products of one training step of one seed.

    - First layer: the samples of an image share its pixels, which are multiplied once: B rows
      forward, B rows for the gradient. The C label pixels are counted with the image.
    - Other layers: 3 B rows forward, 2 B for the gradient. Nothing is propagated back. Samples
      without a slope could be left out of the gradient; here they count.
    - Readouts: B rows forward and B for the gradient of each layer but the first, with C outputs
      for each depth that reaches it.
    - Probes: the same of every layer, with C outputs.

    Parameters
    ----------
    depths
        Depths that have a readout; the deepest is the number of layers.
    width, batch, pixels, classes
        Units in each layer, images a step, pixels of an image, and how many labels there are.
    probes
        False for a version of `ff` that had none.
    """
    shape = batch, pixels, width
    found = [Product("forward", *shape), Product("gradient", *shape)]
    for layer in range(2, max(depths) + 1):
        found += [
            Product("forward", 3 * batch, width, width),
            Product("gradient", 2 * batch, width, width),
            *_linear(width, batch, classes * _reaching(depths, layer)),
        ]
    return found + probes * max(depths) * _linear(width, batch, classes)


def evaluation(
    depths: Sequence[int],
    width: int,
    images: int,
    candidates: int,
    pixels: int,
    classes: int,
    probes: bool = True,
) -> list[Product]:
    """Matrix products of measuring one seed after an epoch, all forward.

    The deepest readout's are made twice: once of all layers together, once of each layer alone,
    for its part in the answer.

    Parameters
    ----------
    depths, width, pixels, classes
        As in `products`.
    images
        How many are measured, as 3 samples each.
    candidates
        How many are also shown with each of the C labels.
    probes
        False for a version of `ff` that had none, nor asked for each layer's part.
    """
    found = [Product("forward", images + candidates, pixels, width)]
    for layer in range(2, max(depths) + 1):
        found += [
            Product("forward", 3 * images + classes * candidates, width, width),
            Product("forward", classes * _reaching(depths, layer), width, images),
        ]
    alone = max(depths) + max(depths) - 1  # the probes, and the layers that the readout sees
    return found + probes * alone * [Product("forward", classes, width, images)]


def _linear(width: int, batch: int, outputs: int) -> list[Product]:
    """A step of a linear classifier, or of several, on one layer's activity."""
    forward = Product("forward", outputs, width, batch)
    return [forward, Product("gradient", batch, width, outputs)]


def _reaching(depths: Sequence[int], layer: int) -> int:
    """Number of the readouts that a layer feeds."""
    return sum(depth >= layer for depth in depths)


def operations(shapes: Sequence[Product]) -> int:
    """Floating-point operations: a multiplication and an addition for each pair of factors."""
    return sum(2 * shape.rows * shape.inputs * shape.outputs for shape in shapes)


def traffic(layers: int, width: int, batch: int, pixels: int) -> int:
    """Bytes that a step of one seed moves beside its products, if no pass is made twice.

    - Activities, 3 B rows: read for goodness, 3 B · D numbers. Normalization is a factor a sample,
      which the readout's products, too, could take.
    - Slopes, 2 B rows: an activity is read, its slope written: 2 · 2 B · D.
    - Update: gradient, weight and velocity are read, weight and velocity written: 5 · D · I.

    Parameters
    ----------
    layers, width, batch, pixels
        Number of layers, units in each, images a step, pixels of an image.
    """
    weights = width * (pixels + (layers - 1) * width)
    return 4 * (layers * (3 + 4) * batch * width + 5 * weights)  # float32
