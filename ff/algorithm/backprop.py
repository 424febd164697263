"""The same network by backpropagation: what Forward-Forward is compared with.

Layers, initial weights, data and the order of the images are those of `ff.algorithm.network`. What
differs is how the layers learn: end to end, down one cross-entropy, that of a linear classifier on
the last layer's normalized activity. Its gradient flows through every normalization and layer::

    a = x Wᵀ + b,   z = φ(a),   x' = z / (sqrt(mean z²) + 1e-8), the next layer's x

There are no positive and negative samples: the network sees the neutral one, which shows no label.
φ' is exact, also where Forward-Forward's is straight-through. A probe on each layer reads along, as
in Forward-Forward.

Shapes: S seeds, B images a step, D units a layer, L layers, C classes. S networks, one per seed,
are trained side by side: the seed is the first dimension of every tensor.
"""

import torch
from torch import Tensor
from torch.linalg import vector_norm

from ff.algorithm.network import initial_weights
from ff.algorithm.readout import Probes, score
from ff.algorithm.samples import WHITE, pixels
from ff.algorithm.streams import orders
from ff.algorithm.training import cool_down
from ff.config import Config
from ff.data import Split
from ff.switches.activation import ACTIVATIONS
from ff.switches.normalization import NORMALIZATIONS, Normalization

__all__ = ["Backprop", "neutral", "normalized"]

BATCH = 1000  # images at once, where nothing is learned


class Backprop:
    """S networks of the same shape, one per seed, each trained end to end.

    Products are of float32 numbers, whatever precision the configuration names.

    Parameters
    ----------
    config
        Depth, activation, normalization, batch and schedule. `learning_rate`, `momentum` and
        `weight_decay` are those of layers, biases and the classifier; the probes have the
        readout's.
    inputs
        Number of input pixels.
    width
        Units in each layer.
    seeds
        One for each network.
    device
        Where the tensors live.

    Attributes
    ----------
    weights, biases
        Of each layer, ``(S, D, I)`` with I inputs, and ``(S, 1, D)``, which start at 0.
    classifier
        A bias-free linear map from the last layer, ``(S, C, D)``, which starts at 0.
    probes
        One for each layer; they influence nothing.
    """

    def __init__(
        self, config: Config, inputs: int, width: int, seeds: tuple[int, ...], device: torch.device
    ) -> None:
        self.config, self.seeds = config, seeds
        self.classes = config.source.classes
        self.activation = ACTIVATIONS[config.activation]
        self.normalization = NORMALIZATIONS[config.normalization]
        self.weights = [
            initial_weights(seeds, depth, width, width if depth else inputs, device)
            for depth in range(max(config.depths))
        ]
        self.biases = [torch.zeros(len(seeds), 1, width, device=device) for _ in self.weights]
        self.classifier = torch.zeros(len(seeds), self.classes, width, device=device)
        learned = [*self.weights, *self.biases, self.classifier]
        self.sgd = torch.optim.SGD(
            [parameter.requires_grad_() for parameter in learned],
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        self.probes = Probes(config, width, len(seeds), device)

    def activity(self, x: Tensor) -> list[Tensor]:
        """Send samples upwards.

        Parameters
        ----------
        x
            Neutral samples ``(S, N, pixels)`` in [0, 1].

        Returns
        -------
        list of Tensor
            Normalized activity of each layer, ``(S, N, D)``.
        """
        seen, x = [], normalized(x, self.normalization)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            a = torch.baddbmm(bias, x, weight.mT)  # (S, N, D)
            x = normalized(self.activation.value(a), self.normalization)
            seen.append(x)
        return seen

    def learn(
        self, x: Tensor, labels: Tensor, rate: float, probe_rate: float
    ) -> tuple[Tensor, Tensor]:
        """One step of layers and classifier down the cross-entropy, one of each probe down its own.

        Parameters
        ----------
        x
            Neutral samples ``(S, B, pixels)`` in [0, 1].
        labels
            True classes, int64 ``(S, B)``.
        rate, probe_rate
            Learning rate of layers, biases and classifier; and that of the probes.

        Returns
        -------
        tuple of Tensor
            Cross-entropy and accuracy of the classifier, ``(S,)``, as they were before the step.
            The probes, too, see the layers as they were before it.
        """
        seen = self.activity(x)
        loss, accuracy = score((seen[-1] @ self.classifier.mT).unsqueeze(2), labels)  # (S, 1)
        self.sgd.zero_grad()
        loss.sum().backward()  # of one seed's loss, only its own parameters have a gradient
        for group in self.sgd.param_groups:
            group["lr"] = rate
        self.sgd.step()
        self.probes.learn([layer.detach() for layer in seen], labels, probe_rate)
        return loss.detach().squeeze(1), accuracy.squeeze(1)

    def run_epoch(self, split: Split, epoch: int) -> None:
        """Show the training images, but for those that do not fill a batch.

        Parameters
        ----------
        split
            n images, at least one batch.
        epoch
            Counted from 0; it decides the order of the images, and the learning rates where they
            cool down.
        """
        config, images = self.config, len(split)
        cooled = cool_down(epoch, config.epochs) if config.cool_down else 1.0
        rate, probe_rate = config.learning_rate * cooled, config.downstream_learning_rate * cooled
        order = orders(self.seeds, epoch, images, split.images.device)
        for chosen in order[:, : images // config.batch * config.batch].split(config.batch, dim=1):
            x = neutral(split.images[chosen], self.classes, config.label_intensity)
            self.learn(x, split.labels[chosen], rate, probe_rate)

    @torch.no_grad()
    def evaluate(self, split: Split) -> tuple[Tensor, Tensor]:
        """Accuracy on the n images of a split: of the classifier ``(S,)``, of probes ``(S, L)``."""
        right = torch.zeros(len(self.seeds), 1 + len(self.weights), device=split.images.device)
        for images, labels in zip(
            split.images.split(BATCH), split.labels.split(BATCH), strict=True
        ):
            x = neutral(images, self.classes, self.config.label_intensity)
            seen = self.activity(x.expand(len(self.seeds), -1, -1))
            own = (seen[-1] @ self.classifier.mT).mT.unsqueeze(1)  # (S, 1, C, N)
            logits = torch.cat([own, self.probes.logits(seen)], dim=1)
            right += (logits.argmax(2) == labels).sum(-1)
        return right[:, 0] / len(split), right[:, 1:] / len(split)


def neutral(images: Tensor, classes: int, intensity: float) -> Tensor:
    """Images that show no label: uint8 ``(..., pixels)`` to [0, 1], of the same shape.

    Each of the C label pixels, the first ones, is 1 / C times the intensity.
    """
    x = pixels(images, classes).div_(WHITE)
    x[..., :classes] = intensity / classes
    return x


def normalized(x: Tensor, how: Normalization) -> Tensor:
    """Normalize each sample as `ff.algorithm.fast.normalized` does, for autograd: ``(..., D)``.

    The slope of a norm is taken as 0 where all units are silent.
    """
    if how.center:
        x = x - x.mean(-1, keepdim=True)
    if how.divide:
        x = x / (vector_norm(x, dim=-1, keepdim=True) / x.shape[-1] ** 0.5 + 1e-8)
    return x
