"""What a step must cost, against what really is multiplied and moved."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from ff.data import DATASETS, from_arrays, load
from ff.speed import roofline
from ff.speed.rate import alone
from ff.speed.runs import Ours, part

BATCH, SHAPE = 50, (784, 10)  # of the digits: pixels and classes


class Bytes(TorchDispatchMode):
    """Counts what all operations but matrix products read and write."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        returns = func._schema.returns
        is_view = any(r.alias_info and not r.alias_info.is_write for r in returns)
        if not is_view and "mm" not in func.overloadpacket.__name__:
            written = out if returns else args  # without a result, an operation changes arguments
            tensors = tree_leaves((args, kwargs, written))
            self.moved += sum(t.nbytes for t in tensors if isinstance(t, torch.Tensor))
        return out


class Products(TorchDispatchMode):
    """Notes the shapes of both factors of each batched matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.factors = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket is torch.ops.aten.bmm:
            self.factors.append(tuple(tuple(factor.shape) for factor in args))
        return func(*args, **(kwargs or {}))


def multiplied(call) -> int:
    """Floating-point operations of a call, counted by torch."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def test_counted_by_hand():
    """Three units, five images of seven pixels: the products of two layers and ten classes."""
    found = roofline.products([2], width=3, batch=5, pixels=7, classes=10)
    layers, readout, probes = 420 + 450, 600, 2 * 600
    assert roofline.operations(found) == layers + readout + probes
    found = roofline.products([2], width=3, batch=5, pixels=7, classes=10, probes=False)
    assert roofline.operations(found) == layers + readout
    # First layer: once an image; second layer: 3 samples of 5 images, 10 of 2; ten classes.
    first, second, readout = 2 * 7 * 7 * 3, 2 * (15 + 20) * 3 * 3, 300
    found = roofline.evaluation([2], width=3, images=5, candidates=2, pixels=7, classes=10)
    assert roofline.operations(found) == first + second + readout + 2 * 300 + 300
    found = roofline.evaluation(
        [2], width=3, images=5, candidates=2, pixels=7, classes=10, probes=False
    )
    assert roofline.operations(found) == first + second + readout
    # Six activities; four of them are read for as many slopes; weights, gradients, velocities.
    assert roofline.traffic(1, width=2, batch=1, pixels=3) == 4 * (6 + 4 + 4 + 5 * 6)


@pytest.mark.parametrize(("depths", "seeds"), [((2, 3), (1, 2)), ((4,), (1,))])
def test_training_and_evaluation_make_these_products(digits, depths, seeds):
    width = 60
    ours = Ours(part(digits, 2), depths, width, seeds)
    steps = ours.training.steps()
    step = len(seeds) * roofline.operations(roofline.products(depths, width, BATCH, *SHAPE))
    # A few sums over samples are made as small products, which are not counted.
    assert multiplied(lambda: next(steps)) == pytest.approx(step, rel=0.02)
    shapes = roofline.evaluation(depths, width, BATCH, BATCH, *SHAPE)
    assert multiplied(ours.evaluate) == len(seeds) * roofline.operations(shapes)


def test_products_alone_are_all_products_and_nothing_else():
    shapes = roofline.products([3], width=6, batch=4, pixels=9, classes=10)
    step = alone(shapes, 2, torch.float32, torch.device("cpu"))
    with Bytes() as other:
        assert multiplied(step) == 2 * roofline.operations(shapes)
    assert other.moved == 0


@pytest.mark.parametrize("shape", [(3, 4, 5), (25, 40)])
def test_products_are_those_of_other_images_too(monkeypatch, shape):
    """Pictures in color of 3 classes, and gray ones of 100 classes."""
    classes = 3 if len(shape) == 3 else 100
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(400, *shape[-2:], *shape[:-2]), dtype=np.uint8)
    labels = np.arange(400) % classes
    source = from_arrays(images, labels, images, labels, batch_size=50)
    monkeypatch.setitem(DATASETS, "mine", source)
    mine = load("mine")
    ours = Ours(part(mine, 2), (2, 3), 60)
    own = source.pixels, source.classes
    step = roofline.operations(roofline.products((2, 3), 60, 50, *own))
    # The gradient of the label pixels' weights is a product of its own, which is not counted.
    made = multiplied(lambda: next(ours.training.steps())) - 2 * (2 * 50) * 60 * source.classes
    assert made == pytest.approx(step, rel=0.02)
    shapes = roofline.evaluation((2, 3), 60, 50, 50, *own)
    assert multiplied(ours.evaluate) == roofline.operations(shapes)


def test_products_alone_have_the_factors_of_those_in_training():
    """As many operations would be made with any two of the three sizes summed over."""
    shapes = roofline.products([2], width=6, batch=4, pixels=9, classes=10)
    step = alone(shapes, 2, torch.float32, torch.device("cpu"))
    with Products() as seen:
        step()
    assert seen.factors == [
        ((2, 4, 9), (2, 9, 6)),  # first layer: images by weights
        ((2, 6, 4), (2, 4, 9)),  # its gradient: slopes by images
        ((2, 12, 6), (2, 6, 6)),  # second layer: three samples of each image
        ((2, 6, 8), (2, 8, 6)),  # its gradient: positive and negative samples
        ((2, 10, 6), (2, 6, 4)),  # readout: weights of ten classes by activities
        ((2, 10, 4), (2, 4, 6)),  # its gradient
        *2 * [((2, 10, 6), (2, 6, 4)), ((2, 10, 4), (2, 4, 6))],  # the probes of both layers
    ]


@pytest.mark.parametrize("layers", [2, 4])
def test_a_step_moves_no_less_than_the_least_and_not_much_more(digits, layers):
    ours = Ours(part(digits, 2), layers, 100)
    steps = ours.training.steps()
    with Bytes() as counted:
        next(steps)
    assert 1 < counted.moved / roofline.traffic(layers, 100, BATCH, SHAPE[0]) < 2.5
