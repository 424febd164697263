"""What is measured at the end of an epoch, on images that the network does not learn from."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ff.algorithm import objective
from ff.algorithm.network import Network
from ff.algorithm.readout import Readouts, score
from ff.algorithm.samples import candidates, pixels, samples
from ff.data import Split
from ff.quantities import CANDIDATES

__all__ = ["auroc", "evaluate"]

BATCH = 1000  # images at once


def evaluate(
    network: Network, readouts: Readouts, split: Split, wrong: Tensor
) -> tuple[Tensor, Tensor]:
    """Measure S networks on the images of a split.

    Parameters
    ----------
    network, readouts
        What to measure; neither is changed.
    split
        n images and their labels.
    wrong
        The label of each image's negative sample, int64 ``(S, n)``.

    Returns
    -------
    tuple of Tensor
        ``(S, L, 8)``, the entries of ``ff.quantities.LAYER_QUANTITIES`` after the first, and
        ``(S, K, 2)``, cross-entropy and accuracy of the K readouts.
    """
    seeds = wrong.shape[0]
    goodness, active, scores = [], None, torch.zeros(2, device=split.images.device)
    for at in _batches(len(split), BATCH):
        batch = Split(split.images[at], split.labels[at])
        g, responds, batch_scores = _measure(network, readouts, batch, wrong[:, at])
        goodness.append(g)
        active = responds if active is None else active | responds
        scores = scores + batch_scores * (len(batch) / len(split))
    assert active is not None
    positive, negative = torch.cat(goodness, dim=-1).unbind(2)  # (S, L, n) each
    theta = network.layers[0].theta  # of every layer: all have one width
    columns = [
        objective.accuracy(torch.cat([positive, negative], dim=-1), theta),
        auroc(positive, negative),
        positive.mean(-1),
        positive.std(-1),
        negative.mean(-1),
        negative.std(-1),
        1 - active.float().mean(-1),
        _goodness_accuracy(network, split, seeds, readouts.classes),
    ]
    return torch.stack(columns, dim=-1), scores


def _measure(
    network: Network, readouts: Readouts, batch: Split, wrong: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Goodness ``(S, L, 2, B)``, which units respond ``(S, L, D)``, and scores ``(S, K, 2)``."""
    seeds, images = wrong.shape
    labels = batch.labels.expand(seeds, -1)
    classes = readouts.classes
    x = samples(pixels(batch.images, classes).expand(seeds, -1, -1), labels, wrong, classes)
    goodness, responds, neutral = [], [], []
    taught = 2 * images
    for layer, (_, z, g, scale) in zip(network.layers, network.activity(x), strict=True):
        goodness.append(g[:, :taught].unflatten(1, (2, -1)))
        slope = layer.activation.slope(z[:, :taught])
        # Is any nonzero? As bytes, because `any` takes two to three times as long.
        responds.append(slope.bool().byte().amax(1).bool())
        neutral.append(network.normalized(z[:, taught:], scale[:, taught:]))
    scores = torch.stack(score(readouts.logits(neutral), labels), dim=-1)
    return torch.stack(goodness, dim=1), torch.stack(responds, dim=1), scores


def auroc(positive: Tensor, negative: Tensor) -> Tensor:
    """Chance that a positive sample's goodness exceeds a negative one's, ties counting half.

    Parameters
    ----------
    positive, negative
        Shapes ``(..., n)`` and ``(..., m)``.

    Returns
    -------
    Tensor
        Area under the receiver operating characteristic in [0, 1], shape ``(...)``.
    """
    negative, positive = negative.sort(-1).values, positive.sort(-1).values  # sorted: found faster
    below = torch.searchsorted(negative, positive)
    not_above = torch.searchsorted(negative, positive, right=True)
    pairs = 2 * positive.shape[-1] * negative.shape[-1]
    return (below + not_above).sum(-1) / pairs  # integers: Apple's MPS has no float64


def _goodness_accuracy(network: Network, split: Split, seeds: int, classes: int) -> Tensor:
    """Share of images whose true label is the one whose sample has the layer's highest goodness.

    Of S seeds and L layers, ``(S, L)``.
    """
    images, labels = split.images[:CANDIDATES], split.labels[:CANDIDATES]
    hits = torch.zeros(seeds, len(network.layers), device=images.device)
    for at in _batches(len(labels), 3 * BATCH // classes):
        x = candidates(pixels(images[at], classes).expand(seeds, -1, -1), classes)
        g = torch.stack([g for _, _, g, _ in network.activity(x)], dim=1)
        hits += (g.unflatten(-1, (classes, -1)).argmax(-2) == labels[at]).sum(-1)
    return hits / len(labels)


def _batches(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
