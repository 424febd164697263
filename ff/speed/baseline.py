"""The baseline of `ff bench`: training as public code does it.

One seed, a module for each layer, gradients by autograd, torch.optim.SGD, and a DataLoader whose
workers make the samples item by item. The algorithm is that of `ff.algorithm.network`: a test
compares the weights after some steps.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms.functional import to_tensor

from ff import data
from ff.config import Config

__all__ = ["Baseline", "Images", "Layer", "Model"]


class StraightThrough(torch.autograd.Function):
    """Relu whose derivative is 1 everywhere."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor) -> Tensor:
        """Set negative values to 0."""
        return pre.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        """Return the slope unchanged."""
        return slopes[0]


class Layer(nn.Module):
    """A linear layer with relu, its loss and its running mean activity."""

    def __init__(self, inputs: int, width: int, config: Config) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, width)
        nn.init.normal_(self.linear.weight, std=width**-0.5)
        nn.init.zeros_(self.linear.bias)
        self.running_mean = torch.full((width,), 0.5)
        self.theta = config.threshold * width
        self.config = config

    def forward(self, x: Tensor) -> Tensor:
        """Activity ``(N, D)`` of inputs ``(N, I)``."""
        return StraightThrough.apply(self.linear(x))  # pyright: ignore[reportReturnType]

    def loss(self, z: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and accuracy of activities ``(2B, D)``; targets are 1 (positive) and 0."""
        goodness = z.square().sum(1)
        loss = F.binary_cross_entropy_with_logits(goodness - self.theta, target)
        accuracy = ((goodness > self.theta) == (target > 0.5)).float().mean()
        if self.training:
            momentum = self.config.peer_momentum
            mean = z[: len(z) // 2].mean(0)
            r = momentum * self.running_mean + (1 - momentum) * mean
            loss = loss + self.config.peer_normalization * (r.mean() - r).square().mean()
            self.running_mean = r.detach()
        return loss, accuracy


class Model(nn.Module):
    """Layers of which each learns from its own loss, and a linear readout of all but the first."""

    def __init__(self, config: Config, source: data.Source) -> None:
        super().__init__()
        width, depth = config.widths[0], max(config.depths)
        sizes = [source.pixels, *[width] * (depth - 1)]
        self.layers = nn.ModuleList(Layer(inputs, width, config) for inputs in sizes)
        self.readout = nn.Linear(width * (depth - 1), source.classes, bias=False)
        nn.init.zeros_(self.readout.weight)

    def forward(
        self, positive: Tensor, negative: Tensor, neutral: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sum of all losses, and the accuracies of the layers and of the readout ``(L + 1,)``."""
        target = torch.cat([torch.ones(len(labels)), torch.zeros(len(labels))])
        x = normalize(torch.cat([positive, negative]))
        losses, accuracies = [], []
        for layer in self.layers:
            z = layer(x)
            loss, accuracy = layer.loss(z, target)  # pyright: ignore[reportCallIssue]
            losses.append(loss)
            accuracies.append(accuracy)
            x = normalize(z.detach())
        with torch.no_grad():
            x, seen = normalize(neutral), []
            for layer in self.layers:
                x = normalize(layer(x))
                seen.append(x)
        logits = self.readout(torch.cat(seen[1:], dim=1))
        losses.append(F.cross_entropy(logits, labels))
        accuracies.append((logits.argmax(1) == labels).float().mean())
        return torch.stack(losses).sum(), torch.stack(accuracies)


class Images(Dataset):
    """Samples of a split, made one by one: an image, as torchvision hands it out, three times."""

    def __init__(self, split: data.Split, source: data.Source) -> None:
        images = split.images.unflatten(1, source.shape)
        # As a picture holds them, the three colors of a pixel are side by side.
        self.images = images.movedim(1, -1).contiguous() if images.ndim == 4 else images
        self.labels = split.labels
        self.classes = source.classes

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> tuple[Tensor, Tensor, Tensor, int]:
        """Positive, negative and neutral sample ``(pixels,)`` in [0, 1], and the true class."""
        pixels = to_tensor(Image.fromarray(self.images[at].numpy())).flatten()
        label = int(self.labels[at])
        wrong = (label + int(torch.randint(1, self.classes, ()))) % self.classes
        positive, negative, neutral = pixels.clone(), pixels.clone(), pixels.clone()
        positive[: self.classes] = F.one_hot(torch.tensor(label), self.classes)
        negative[: self.classes] = F.one_hot(torch.tensor(wrong), self.classes)
        neutral[: self.classes] = 1 / self.classes
        return positive, negative, neutral, label


class Baseline:
    """One seed in training, epoch by epoch.

    Parameters
    ----------
    config
        Depth, width, batch and learning rates, which do not fall over the epochs.
    dataset
        What to learn and validate.
    """

    def __init__(self, config: Config, dataset: data.Dataset) -> None:
        source = dataset.source
        self.batch = config.batch
        self.model = Model(config, source)
        layers = {"params": self.model.layers.parameters()}
        readout = {
            "params": self.model.readout.parameters(),
            "lr": config.downstream_learning_rate,
            "weight_decay": config.downstream_weight_decay,
        }
        self.optimizer = torch.optim.SGD(
            [layers, readout],
            lr=config.learning_rate,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
        self.training, self.validation = (
            _loader(split, source, self.batch) for split in (dataset.train, dataset.validation)
        )

    def step(self, *batch: Tensor) -> Tensor:
        """Learn from one batch of `Images`; returns the accuracies."""
        self.optimizer.zero_grad()
        loss, accuracies = self.model(*batch)
        loss.backward()
        self.optimizer.step()
        return accuracies.detach()

    def learn(self, steps: int | None = None) -> Tensor:
        """Show the training images, or the first few batches of a new order.

        The first call starts the workers, which stay for all later ones.

        Returns
        -------
        Tensor
            Accuracies of the L layers and of the readout, mean over the batches ``(L + 1,)``.
        """
        self.model.train()
        return _mean([self.step(*batch) for batch in _batches(self.training, steps)])

    @torch.no_grad()
    def evaluate(self, batches: int | None = None) -> Tensor:
        """Accuracies as of `learn`, of the validation images or a few batches, without learning."""
        self.model.eval()
        return _mean([self.model(*batch)[1] for batch in _batches(self.validation, batches)])


class _Shuffled(Sampler[int]):
    """A new order every time, of which the first `length` are taken."""

    def __init__(self, total: int) -> None:
        self.total = self.length = total

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(self.total)[: self.length].tolist())


def normalize(x: Tensor) -> Tensor:
    """Divide by the root mean square over features."""
    return x / (x.square().mean(1, keepdim=True).sqrt() + 1e-8)


def _loader(split: data.Split, source: data.Source, batch: int) -> DataLoader:
    with _many_workers():
        return DataLoader(
            Images(split, source),
            batch,
            sampler=_Shuffled(len(split)),
            drop_last=True,
            num_workers=4,
            persistent_workers=True,
        )


def _batches(loader: DataLoader, count: int | None) -> Iterator[list[Tensor]]:
    assert isinstance(loader.sampler, _Shuffled)
    loader.sampler.length = count * (loader.batch_size or 1) if count else loader.sampler.total
    with _many_workers():
        return iter(loader)


@contextmanager
def _many_workers() -> Iterator[None]:
    """Accept four workers without a warning on a machine of fewer cores, too."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create 4 worker", UserWarning)
        yield


def _mean(accuracies: list[Tensor]) -> Tensor:
    return torch.stack(accuracies).mean(0)
