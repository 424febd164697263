"""What is measured at the end of an epoch, on images that the network does not learn from."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ff.algorithm.network import Network
from ff.algorithm.readout import Probes, Readouts, score
from ff.algorithm.samples import candidates, pixels, samples
from ff.config import Config
from ff.data import Split
from ff.quantities import CANDIDATES
from ff.switches.activation import ACTIVATIONS

__all__ = ["auroc", "evaluate"]

BATCH = 1000  # images at once


def evaluate(
    config: Config,
    network: Network,
    readouts: Readouts,
    probes: Probes,
    split: Split,
    wrong: Tensor,
) -> tuple[Tensor, Tensor]:
    """Measure S networks on the images of a split.

    Parameters
    ----------
    config
        Of the networks.
    network, readouts, probes
        What to measure; none is changed.
    split
        n images and their labels.
    wrong
        The label of each image's negative sample, int64 ``(S, n)``.

    Returns
    -------
    tuple of Tensor
        ``(S, L, 12)``, the entries of ``ff.quantities.LAYER_QUANTITIES`` after the first, and
        ``(S, K, 2)``, cross-entropy and accuracy of the K readouts.
    """
    goodness, active, means = [], None, {}
    for at in _batches(len(split), BATCH):
        batch = Split(split.images[at], split.labels[at])
        g, responds, seen = _measure(config, network, readouts, probes, batch, wrong[:, at])
        goodness.append(g)
        active = responds if active is None else active | responds
        for name, value in seen.items():
            means[name] = means.get(name, 0) + value * (len(batch) / len(split))
    assert active is not None
    positive, negative = torch.cat(goodness, dim=-1).unbind(2)  # (S, L, n) each
    better, worse = map(network.objective.directed, (positive, negative))
    shares = _shares(means["contribution"], means["product"])
    dead = 1 - active.float().mean(-1)
    columns = [
        network.objective.accuracy(torch.cat([positive, negative], dim=-1)),
        auroc(better, worse),
        positive.mean(-1),
        positive.std(-1),
        negative.mean(-1),
        negative.std(-1),
        dead if ACTIVATIONS[config.activation].dies else torch.full_like(dead, torch.nan),
        _goodness_accuracy(config, network, split, wrong.shape[0], readouts.classes),
        ((better > worse).float().mean(-1) + (better >= worse).float().mean(-1)) / 2,
        means["probe"],
        _of_all_layers(shares, torch.zeros_like(dead)),
        _of_all_layers(means["without"], means["readout"][:, -1:, 1].expand_as(dead)),
    ]
    return torch.stack(columns, dim=-1), means["readout"]


def _measure(
    config: Config,
    network: Network,
    readouts: Readouts,
    probes: Probes,
    batch: Split,
    wrong: Tensor,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Goodness ``(S, L, 2, B)``, which units respond ``(S, L, D)``, and means over the images.

    These are: loss and accuracy of the readouts, ``(S, K, 2)``; accuracy of the probes, ``(S, L)``;
    accuracy of the deepest readout without each of the L' layers that it sees, ``(S, L')``; each
    one's contribution to its logits, ``(S, L', C)``, and the product of that with the logits
    themselves, summed over classes, ``(S, L')``. Contributions are centered over classes, since a
    number that is added to all logits changes no answer.
    """
    seeds, images = wrong.shape
    labels = batch.labels.expand(seeds, -1)
    grey = pixels(batch.images, readouts.classes).expand(seeds, -1, -1)
    x = samples(grey, labels, wrong, readouts.classes, config.label_intensity)
    goodness, responds, neutral = [], [], []
    taught = 2 * images
    for seen in network.activity(x):
        goodness.append(seen.g[:, :taught].unflatten(1, (2, -1)))
        # Is any nonzero? As bytes, because `any` takes two to three times as long.
        responds.append(seen.z[:, :taught].bool().byte().amax(1).bool())
        neutral.append(network.for_readout(seen.handed_on.since(taught)))
    parts = readouts.contributions(neutral)  # (S, L', C, B)
    parts = parts - parts.mean(2, keepdim=True)
    logits = parts.sum(1, keepdim=True)
    means = {
        "readout": torch.stack(score(readouts.logits(neutral), labels), dim=-1),
        "probe": _correct(probes.logits(neutral), labels),
        "without": _correct(logits - parts, labels),
        "contribution": parts.mean(-1),
        "product": (parts * logits).sum(2).mean(-1),
    }
    return torch.stack(goodness, dim=1), torch.stack(responds, dim=1), means


def _correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of images of which the true class has the largest logit.

    ``(S, L, C, B), (S, B) -> (S, L)``; NaN where a logit is not finite.
    """
    largest, answer = logits.max(2)
    right = (answer == labels.unsqueeze(1)).float()
    return right.where(largest.isfinite(), torch.nan).mean(-1)


def _shares(contribution: Tensor, product: Tensor) -> Tensor:
    """Share of the logits' variance that comes with each layer: ``(S, L', C), (S, L') -> (S, L')``.

    It is the covariance of the layer's contribution with the logits over images, summed over
    classes, in units of the logits' variance. Shares add up to 1; one may be negative.
    """
    total = contribution.sum(1, keepdim=True)
    covariance = product - (contribution * total).sum(-1)
    return covariance / covariance.sum(-1, keepdim=True)


def _of_all_layers(values: Tensor, unseen: Tensor) -> Tensor:
    """Numbers ``(S, L')`` of the layers that the readout sees, the last ones, in place of unseen's.

    Both `unseen` and the result are ``(S, L)``.
    """
    return torch.cat([unseen[:, : unseen.shape[1] - values.shape[1]], values], dim=1)


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


def _goodness_accuracy(
    config: Config, network: Network, split: Split, seeds: int, classes: int
) -> Tensor:
    """Share of images whose true label is the one whose sample is the layer's most positive one.

    Of S seeds and L layers, ``(S, L)``.
    """
    images, labels = split.images[:CANDIDATES], split.labels[:CANDIDATES]
    hits = torch.zeros(seeds, len(network.layers), device=images.device)
    for at in _batches(len(labels), max(1, 3 * BATCH // classes)):
        grey = pixels(images[at], classes).expand(seeds, -1, -1)
        x = candidates(grey, classes, config.label_intensity)
        g = torch.stack([seen.g for seen in network.activity(x)], dim=1)
        answers = network.objective.directed(g).unflatten(-1, (classes, -1)).argmax(-2)
        hits += (answers == labels[at]).sum(-1)
    return hits / len(labels)


def _batches(length: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, length)) for start in range(0, length, size))
