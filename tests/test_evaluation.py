"""What is measured, against scikit-learn and a loop over single images."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.testing import assert_close

import ff
from ff.algorithm import evaluation
from ff.algorithm.evaluation import auroc, evaluate
from ff.algorithm.network import Network
from ff.algorithm.readout import Probes, Readouts
from ff.algorithm.samples import samples
from ff.data import Dataset, Split
from ff.quantities import LAYER_QUANTITIES

CPU = torch.device("cpu")
WIDTH, SEEDS = 8, (3, 1)

values = st.lists(
    st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3, width=32)),
    min_size=1,
    max_size=30,
)


@given(values, values)
def test_auroc_is_scikit_learns_ties_included(positive, negative):
    truth = [1] * len(positive) + [0] * len(negative)
    expected = roc_auc_score(truth, np.array(positive + negative))
    ours = auroc(torch.tensor(positive), torch.tensor(negative))
    assert ours.dtype == torch.float32
    assert ours.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [([2.0, 3.0], [0.0, 1.0], 1.0), ([0.0], [1.0, 2.0], 0.0), ([1.0, 1.0], [1.0], 0.5)],
)
def test_auroc_of_separated_and_of_equal_goodness(positive, negative, expected):
    assert auroc(torch.tensor(positive), torch.tensor(negative)) == expected


def test_auroc_of_many_networks_and_layers_at_once():
    source = torch.Generator().manual_seed(0)
    positive = torch.randint(5, (2, 3, 40), generator=source).float()
    negative = torch.randint(4, (2, 3, 30), generator=source).float()
    together = auroc(positive, negative)
    for s in range(2):
        for layer in range(3):
            assert together[s, layer] == auroc(positive[s, layer], negative[s, layer])


def test_auroc_needs_no_float64():
    """Apple's MPS has none."""
    seen = []

    class Spy(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, Tensor):
                seen.append(result.dtype)
            return result

    with Spy():
        auroc(torch.rand(2, 5), torch.rand(2, 5))
    assert seen
    assert torch.float64 not in seen


# --- evaluate


CONFIG = ff.Config(layers=[2, 3], hidden=WIDTH)


@pytest.fixture
def trained(few: Dataset) -> tuple[ff.Config, Network, Readouts, Probes]:
    """Networks after a few steps, one unit of which is dead."""
    network = Network(CONFIG, 784, WIDTH, SEEDS, CPU)
    readouts = Readouts(CONFIG, WIDTH, len(SEEDS), CPU)
    probes = Probes(CONFIG, WIDTH, len(SEEDS), CPU)
    labels = few.train.labels[:60].expand(2, -1)
    x = samples(few.train.images[:60].expand(2, -1, -1), labels, (labels + 1) % 10)
    for _ in range(20):
        _, neutral = network.learn(x, 3e-6)
        readouts.learn(neutral, labels, 0.5)
        probes.learn(neutral, labels, 0.1)
    network.layers[1].bias[0, 0, 3] = -1e3  # after that, layer 3 still tells images apart
    return CONFIG, network, readouts, probes


def wrong_of(split: Split) -> Tensor:
    return (split.labels + 1 + torch.arange(len(split)) % 9).remainder(10).expand(2, -1)


def plain(
    network: Network, readouts: Readouts, probes: Probes, split: Split, at: int
) -> tuple[dict, list]:
    """Everything about one network, image by image, in float64."""
    weights = [layer.weight[at].double() for layer in network.layers]
    biases = [layer.bias[at, 0].double() for layer in network.layers]

    def activities(image: Tensor, label: int | None) -> list[Tensor]:
        x = image.double() / 255
        x[:10] = 0.1 if label is None else 0
        if label is not None:
            x[label] = 1
        found = []
        for weight, bias in zip(weights, biases, strict=True):
            x = x / (x.square().mean().sqrt() + 1e-8)
            x = (weight @ x + bias).clamp(min=0)
            found.append(x)
        return found

    goodness = {kind: [] for kind in ("positive", "negative")}
    alive = torch.zeros(len(weights), WIDTH, dtype=torch.bool)
    best, losses, hits, found, parts = [], [], [], [], []
    for image, label, wrong in zip(split.images, split.labels, wrong_of(split)[at], strict=True):
        for kind, shown in (("positive", label), ("negative", wrong)):
            z = torch.stack(activities(image, int(shown)))
            goodness[kind].append(z.square().sum(1))
            alive |= z > 0
        each = torch.stack([torch.stack(activities(image, c)).square().sum(1) for c in range(10)])
        best.append(each.argmax(0) == label)
        neutral = [z / (z.square().mean().sqrt() + 1e-8) for z in activities(image, None)]
        found.append(
            [
                (w[at].double() @ x).argmax() == label
                for x, w in zip(neutral, probes.weight, strict=True)
            ]
        )
        pairs = zip(neutral[1:], readouts.weight, strict=True)
        parts.append(torch.stack([w[at, -10:].double() @ x for x, w in pairs]))  # (2, C)
        row = []
        for k, depth in enumerate(readouts.depths):
            later = len(readouts.depths) - k
            logits = torch.zeros(10).double()
            for x, weight in zip(neutral[1:depth], readouts.weight, strict=False):
                start = weight.shape[1] - 10 * later
                logits += weight[at, start : start + 10].double() @ x
            row.append(logits)
        losses.append([-logits.log_softmax(0)[label].item() for logits in row])
        hits.append([float(logits.argmax() == label) for logits in row])
    positive, negative = (torch.stack(goodness[kind]).numpy() for kind in goodness)
    theta = float(WIDTH)
    right = ((positive > theta).mean(0) + (negative < theta).mean(0)) / 2
    truth = [1] * len(positive) + [0] * len(negative)
    both = np.concatenate([positive, negative])
    quantities = {
        "validation_accuracy": right,
        "validation_auroc": [roc_auc_score(truth, both[:, i]) for i in range(both.shape[1])],
        "goodness_positive_mean": positive.mean(0),
        "goodness_positive_std": positive.std(0, ddof=1),
        "goodness_negative_mean": negative.mean(0),
        "goodness_negative_std": negative.std(0, ddof=1),
        "dead_units": 1 - alive.double().mean(1).numpy(),
        "goodness_accuracy": torch.stack(best).double().mean(0).numpy(),
        "pair_accuracy": ((positive > negative).mean(0) + (positive >= negative).mean(0)) / 2,
        "probe_accuracy": torch.tensor(found).double().mean(0).numpy(),
        **contributions(torch.stack(parts), split.labels),
    }
    return quantities, [np.mean(losses, axis=0), np.mean(hits, axis=0)]


def contributions(parts: Tensor, labels: Tensor) -> dict[str, np.ndarray]:
    """What layers 2 and 3 add to the logits (n, 2, C) of each image, as numpy would say it."""
    each = parts.numpy() - parts.numpy().mean(2, keepdims=True)
    logits = each.sum(1)
    spread = logits.var(0).sum()
    # The readout does not see layer 1: it adds nothing, and without it the answers are the same.
    share, without = [0.0], [(logits.argmax(1) == labels.numpy()).mean()]
    for layer in range(each.shape[1]):
        covariance = ((each[:, layer] - each[:, layer].mean(0)) * (logits - logits.mean(0))).mean(0)
        share.append(covariance.sum() / spread)
        without.append(((logits - each[:, layer]).argmax(1) == labels.numpy()).mean())
    return {"logit_share": np.array(share), "accuracy_without": np.array(without)}


@pytest.mark.parametrize("size", [1000, 17, 10])
def test_evaluation_is_a_loop_over_images(trained, few, monkeypatch, size):
    monkeypatch.setattr(evaluation, "BATCH", size)  # also one that does not divide the images
    _, network, readouts, probes = trained
    split = few.validation
    layers, depths = evaluate(*trained, split=split, wrong=wrong_of(split))
    assert layers.shape == (2, 3, len(LAYER_QUANTITIES) - 1)
    spread = layers[..., LAYER_QUANTITIES.index("goodness_positive_std") - 1]
    assert (spread > 0.1).all(), "these networks are dead: their numbers would prove nothing"
    for at in range(len(SEEDS)):
        quantities, scores = plain(network, readouts, probes, split, at)
        assert tuple(quantities) == LAYER_QUANTITIES[1:]
        for i, (name, expected) in enumerate(quantities.items()):
            # Where goodness ties, float32 decides on ranks, so these get some leeway.
            ranks = {name: 2 / len(split) for name in ("goodness_accuracy", "pair_accuracy")}
            ranks["validation_auroc"] = 0.005
            np.testing.assert_allclose(
                layers[at, :, i].numpy(),
                expected,
                rtol=2e-4,
                atol=ranks.get(name, 1e-5),
                err_msg=name,
            )
        for i, name in enumerate(("loss", "accuracy")):
            np.testing.assert_allclose(
                depths[at, :, i].numpy(), scores[i], rtol=1e-4, atol=1e-5, err_msg=name
            )
    dead = layers[..., LAYER_QUANTITIES.index("dead_units") - 1]
    assert dead[0, 1] >= 1 / WIDTH, "the unit that was switched off must count as dead"


@pytest.mark.parametrize("size", [1000, 10])
def test_a_dead_unit_is_one_that_no_positive_or_negative_sample_moves(monkeypatch, size):
    """Not even one of another batch; neutral samples do not count."""
    monkeypatch.setattr(evaluation, "BATCH", size)
    config = ff.Config(layers=2, hidden=4)
    network = Network(config, 784, 4, (1,), CPU)
    weight = network.layers[0].weight.zero_()
    weight[0, 0, 9] = 1  # a label that is never shown, but for the neutral sample
    weight[0, 1, 2] = 1  # the wrong label of the first image only
    weight[0, 2, 400] = 1  # a pixel of all images; and the fourth unit sees nothing
    images = torch.full((11, 784), 255, dtype=torch.uint8)
    layers, _ = evaluate(
        config,
        network,
        Readouts(config, 4, 1, CPU),
        Probes(config, 4, 1, CPU),
        Split(images, torch.tensor([0] + [1] * 10)),
        torch.tensor([[2] + [3] * 10]),
    )
    assert layers[0, 0, LAYER_QUANTITIES.index("dead_units") - 1] == 2 / 4


def test_goodness_accuracy_is_of_the_first_images_only(trained, few, monkeypatch):
    split = few.validation
    first = Split(split.images[:20], split.labels[:20])
    at = LAYER_QUANTITIES.index("goodness_accuracy") - 1
    expected = evaluate(*trained, split=first, wrong=wrong_of(first))[0][..., at]
    monkeypatch.setattr(evaluation, "CANDIDATES", 20)
    assert_close(evaluate(*trained, split=split, wrong=wrong_of(split))[0][..., at], expected)


def test_evaluation_changes_nothing(trained, few):
    _, network, readouts, probes = trained
    state = network.state() | readouts.state() | probes.state()
    before = {name: tensor.clone() for name, tensor in state.items()}
    evaluate(*trained, split=few.validation, wrong=wrong_of(few.validation))
    for name, tensor in state.items():
        assert torch.equal(tensor, before[name]), f"{name} was changed by measuring"
