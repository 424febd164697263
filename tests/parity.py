"""Does a device compute what it must? Steps and networks, compared with what is known.

Ten training steps are compared with those of the public implementation, number for number, and
networks trained on the device with the same networks trained on the CPU.

    python tests/parity.py cuda records/parity
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import ff
from ff import machine
from ff.algorithm import objective
from ff.algorithm.network import Network
from ff.algorithm.precision import multiplying
from ff.algorithm.readout import Readouts
from ff.algorithm.samples import samples
from ff.stats.agreement import unpaired

REFERENCE = Path(__file__).parent / "data" / "reference_steps.npz"
LAYERS, WIDTH = 4, 32
RELATIVE, ABSOLUTE = 1e-5, 3e-6  # tolerances; the second is a share of an array's largest number

with np.load(REFERENCE) as file:
    STEPS = dict(file)  # what the public implementation recorded
RECORDED = [  # of these, what a training step computes
    name
    for name in STEPS
    if not name.endswith("_initial") and name not in ("images", "labels", "wrong_labels")
]


def learned(device: torch.device) -> dict[str, np.ndarray]:
    """Our numbers of the ten steps in float32, under the names of the recorded ones."""
    with multiplying("float32", device):
        return _learned(device)


def _learned(device: torch.device) -> dict[str, np.ndarray]:
    config = ff.Config(layers=LAYERS, hidden=WIDTH, seeds=1, batch_size=16)
    network = Network(config, 784, WIDTH, (1,), device)
    readouts = Readouts(config, WIDTH, 1, device)
    for i, layer in enumerate(network.layers):
        layer.weight.copy_(torch.from_numpy(STEPS[f"weight_{i}_initial"]))
        layer.bias.copy_(torch.from_numpy(STEPS[f"bias_{i}_initial"]))
    seen: dict[str, list[np.ndarray]] = {
        name: [] for name in STEPS if "loss" in name or "accuracy" in name
    }
    result = {}
    for step in range(10):
        images = torch.from_numpy(STEPS["images"][step]).flatten(1)[None].to(device)
        labels, wrong = (
            torch.from_numpy(STEPS[name][step]).long()[None].to(device)
            for name in ("labels", "wrong_labels")
        )
        goodness, neutral = network.learn(samples(images, labels, wrong), config.learning_rate)
        loss, accuracy = readouts.learn(neutral, labels, config.downstream_learning_rate)
        running = torch.stack([layer.running_mean[0, 0] for layer in network.layers])
        for name, value in (
            ("layer_loss", network.objective.loss(goodness[0])),
            ("layer_accuracy", network.objective.accuracy(goodness[0])),
            ("peer_loss", objective.peer_loss(running).sum()),
            ("classification_loss", loss[0, 0]),
            ("classification_accuracy", accuracy[0, 0]),
        ):
            seen[name].append(value.numpy(force=True))
        if step == 0:
            for i, layer in enumerate(network.layers):
                decay = config.weight_decay * STEPS[f"weight_{i}_initial"]
                result[f"weight_{i}_grad_step0"] = (
                    layer.weight_velocity[0].numpy(force=True) - decay
                )
                result[f"bias_{i}_grad_step0"] = layer.bias_velocity[0, 0].numpy(force=True).copy()
    for i, layer in enumerate(network.layers):
        result[f"weight_{i}_final"] = layer.weight[0].numpy(force=True)
        result[f"bias_{i}_final"] = layer.bias[0, 0].numpy(force=True)
        result[f"running_mean_{i}_final"] = layer.running_mean[0, 0].numpy(force=True)
    result["readout_weight_final"] = torch.cat(readouts.weight, dim=2)[0].numpy(force=True)
    return result | {name: np.stack(values) for name, values in seen.items()}


def deviations(ours: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest deviation from each recorded array, as a multiple of what is tolerated."""
    found = {}
    for name in RECORDED:
        expected = STEPS[name].astype(np.float64)
        tolerated = RELATIVE * np.abs(expected) + ABSOLUTE * np.abs(expected).max()
        apart = np.abs(ours[name] - expected) / tolerated
        found[name] = float(np.nan_to_num(apart, nan=np.inf).max())  # NaN is no agreement
    return found


def trained(device: str, folder: Path, seeds: int) -> pd.DataFrame:
    """How networks of digits that are trained on a device differ from those trained on the CPU.

    A seed sees the images in another order on another kind of device, so that means over seeds are
    compared.

    Returns
    -------
    DataFrame
        As `ff.agreement.unpaired`.
    """
    both = []
    for side, where in (("cpu", "cpu"), ("device", device)):
        config = ff.Config(
            dataset="digits", layers=[2, 4], hidden=100, seeds=seeds, epochs=15, device=where
        )
        both.append(ff.train(config, folder / side))
    return unpaired(*both)


def main() -> None:
    """Print both comparisons; end with status 1 if the device computes anything else."""
    parser = argparse.ArgumentParser(description="Check that a device computes what it must.")
    parser.add_argument("device", help="cpu, cuda or mps")
    parser.add_argument("folder", type=Path, help="for the records of the networks")
    parser.add_argument("--seeds", type=int, default=20, help="networks on either side")
    asked = parser.parse_args()
    print(f"{asked.device}: {machine.name(torch.device(asked.device))}")
    found = deviations(learned(torch.device(asked.device)))
    name = max(found, key=lambda name: found[name])
    print(
        f"ten steps of the public implementation: the largest deviation on {asked.device} is "
        f"{found[name]:.2g} times what is tolerated ({name})",
        flush=True,
    )
    table = trained(asked.device, asked.folder, asked.seeds)
    for row in table.to_dict("records"):
        print(
            f"networks trained on {asked.device} and on cpu, {row['quantity']}: they differ by "
            f"{row['difference']:.3g} [{row['low']:.3g}, {row['high']:.3g}]; "
            f"seeds vary by {row['spread']:.3g}"
        )
    if not (found[name] <= 1 and bool((table["difference"].abs() <= table["spread"]).all())):
        raise SystemExit(f"{asked.device} computes something else")
    print(f"{asked.device} computes what it must")


if __name__ == "__main__":
    main()
