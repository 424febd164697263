"""What a linear classifier makes of the pixels, without any layer: readouts are seen beside it.

    python params/variations/linear.py

It learns as the readout does: softmax, on the neutral sample of each image, with its learning
rates, batches and epochs, for the ten seeds of the variations study. A few minutes on one core.
"""

from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

import ff
from ff.algorithm.samples import WHITE, pixels
from ff.algorithm.streams import stream
from ff.algorithm.training import cool_down
from ff.data import Split, load

OUT = Path(__file__).parents[2] / "book" / "variations" / "linear.parquet"
SEEDS = range(1, 11)
CONFIG = ff.Config()


def neutral(split: Split, classes: int) -> Tensor:
    """Neutral samples, each divided by its root mean square: ``(n, pixels)``."""
    x = pixels(split.images, classes)
    x[:, :classes] = WHITE / classes
    return x / x.square().mean(1, keepdim=True).sqrt()


def accuracies(seed: int) -> dict[str, float]:
    """Accuracy of one seed's classifier on test and validation images."""
    dataset = load(CONFIG.dataset)
    x, labels = neutral(dataset.train, dataset.classes), dataset.train.labels
    weight = torch.zeros(dataset.classes, x.shape[1], requires_grad=True)
    sgd = torch.optim.SGD(
        [weight],
        CONFIG.downstream_learning_rate,
        momentum=CONFIG.momentum,
        weight_decay=CONFIG.downstream_weight_decay,
    )
    for epoch in range(CONFIG.epochs):
        rate = CONFIG.downstream_learning_rate * cool_down(epoch, CONFIG.epochs)
        sgd.param_groups[0]["lr"] = rate
        order = torch.randperm(len(x), generator=stream("order", seed, epoch))
        for chosen in order.split(CONFIG.batch):
            sgd.zero_grad()
            F.cross_entropy(x[chosen] @ weight.T, labels[chosen]).backward()
            sgd.step()
    found = {}
    for name, split in {"test": dataset.test, "validation": dataset.validation}.items():
        answers = (neutral(split, dataset.classes) @ weight.T).argmax(1)
        found[f"{name}_accuracy"] = (answers == split.labels).float().mean().item()
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    rows = [{"seed": seed} | accuracies(seed) for seed in SEEDS]
    pd.DataFrame(rows).to_parquet(OUT, index=False)
    print(pd.DataFrame(rows).describe())
