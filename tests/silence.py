"""Count the steps in which a layer is silent: none of its units responds to any sample.

    python tests/silence.py FOLDER KEY=VALUE ...

trains a configuration, writes its records to the folder and prints a row for each silent layer and
step. No seed is stopped for it. The rows in book/results/silence.json were counted so.
"""

import json
import sys
from typing import Any

import torch

import ff
from ff.algorithm.network import Network
from ff.algorithm.training import Training
from ff.params import parse


def silent(config: ff.Config, folder: str) -> list[dict[str, Any]]:
    """Train, and say which layers were silent in which steps, counted from 1."""
    steps: list[torch.Tensor] = []
    learn, stop = Network.learn, Training._stop_diverged

    def noted(*args: Any, **options: Any) -> Any:
        goodness, neutral = learn(*args, **options)
        steps.append((goodness == 0).all(-1))
        return goodness, neutral

    def spared(self: Training, finite: torch.Tensor, dead: torch.Tensor) -> None:
        stop(self, finite, torch.zeros_like(dead))

    Network.learn, Training._stop_diverged = noted, spared
    try:
        ff.train(config, folder)
    finally:
        Network.learn, Training._stop_diverged = learn, stop
    found = torch.stack(steps).nonzero().tolist()
    return [
        {"seed": config.seed_list[seed], "layer": layer + 1, "step": step + 1}
        for step, seed, layer in found
    ]


if __name__ == "__main__":
    options = dict(word.split("=", 1) for word in sys.argv[2:])
    values = {key: parse(value, key) for key, value in options.items()}
    print(json.dumps(silent(ff.Config(**values), sys.argv[1]), indent=1))
