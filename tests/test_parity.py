"""Ten training steps of the public implementation, number for number."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from ff.algorithm import objective
from ff.algorithm.network import Network
from ff.algorithm.readout import Readouts
from ff.algorithm.samples import samples
from ff.config import Config

REFERENCE = Path(__file__).parent / "data" / "reference_steps.npz"
LAYERS, WIDTH = 4, 32


@pytest.fixture(scope="module")
def steps() -> dict[str, np.ndarray]:
    """What the public implementation recorded."""
    with np.load(REFERENCE) as file:
        return dict(file)


@pytest.fixture(scope="module")
def ours(steps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our numbers, under the same names."""
    config = Config(layers=LAYERS, hidden=WIDTH, seeds=1, batch_size=16)
    cpu = torch.device("cpu")
    network = Network(config, 784, WIDTH, (1,), cpu)
    readouts = Readouts(config, WIDTH, 1, cpu)
    for i, layer in enumerate(network.layers):
        layer.weight.copy_(torch.from_numpy(steps[f"weight_{i}_initial"]))
        layer.bias.copy_(torch.from_numpy(steps[f"bias_{i}_initial"]))
    seen: dict[str, list] = {name: [] for name in steps if "loss" in name or "accuracy" in name}
    result = {}
    for step in range(10):
        images = torch.from_numpy(steps["images"][step]).flatten(1)[None]
        labels, wrong = (
            torch.from_numpy(steps[name][step]).long()[None] for name in ("labels", "wrong_labels")
        )
        goodness, neutral = network.learn(samples(images, labels, wrong), config.learning_rate)
        loss, accuracy = readouts.learn(neutral, labels, config.downstream_learning_rate)
        seen["layer_loss"].append(network.objective.loss(goodness[0]).numpy())
        seen["layer_accuracy"].append(network.objective.accuracy(goodness[0]).numpy())
        running = torch.stack([layer.running_mean[0, 0] for layer in network.layers])
        seen["peer_loss"].append(objective.peer_loss(running).sum().numpy())
        seen["classification_loss"].append(loss[0, 0].numpy())
        seen["classification_accuracy"].append(accuracy[0, 0].numpy())
        if step == 0:
            for i, layer in enumerate(network.layers):
                decay = config.weight_decay * steps[f"weight_{i}_initial"]
                result[f"weight_{i}_grad_step0"] = layer.weight_velocity[0].numpy() - decay
                result[f"bias_{i}_grad_step0"] = layer.bias_velocity[0, 0].numpy().copy()
    for i, layer in enumerate(network.layers):
        result[f"weight_{i}_final"] = layer.weight[0].numpy()
        result[f"bias_{i}_final"] = layer.bias[0, 0].numpy()
        result[f"running_mean_{i}_final"] = layer.running_mean[0, 0].numpy()
    result["readout_weight_final"] = torch.cat(readouts.weight, dim=2)[0].numpy()
    return result | {name: np.stack(values) for name, values in seen.items()}


with np.load(REFERENCE) as file:
    RECORDED = [
        name
        for name in file.files
        if not name.endswith("_initial") and name not in ("images", "labels", "wrong_labels")
    ]


@pytest.mark.parametrize("name", RECORDED)
def test_reference_steps(
    name: str, steps: dict[str, np.ndarray], ours: dict[str, np.ndarray]
) -> None:
    expected = steps[name].astype(np.float64)
    assert np.abs(expected).max() > 0
    assert_allclose(ours[name], expected, rtol=1e-5, atol=3e-6 * np.abs(expected).max())
