"""Train networks by backpropagation and measure their layers with probes.

    python params/backprop/measure.py tune
    python params/backprop/measure.py mnist digits

The first chooses learning rates, on seeds that no chapter reports: each point of a grid is trained
as `params/variations/tune.py` trains Forward-Forward's, and the one with the highest validation
accuracy is taken. What was measured stays when a grid is extended. The second trains what
`mnist.yaml` and `digits.yaml` beside this script say, at these rates. Both write to book/backprop/.
On the digits, Forward-Forward's grid is measured, too; on MNIST that of the variations study is
used.

Cost, one thread: tune and mnist ten minutes each, digits one.
"""

import sys
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import ff
from ff import machine, parquet
from ff.algorithm.backprop import Backprop
from ff.data import load
from ff.notes import parsed
from ff.results import BACKPROP, backprop_grids, best_rate
from ff.versions import versions

CPU = torch.device("cpu")
SEEDS = [101, 102]
GRID = [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0]  # of backpropagation
# Forward-Forward's, on the digits.
GRID_FF = [1e-4, 2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3]
# What is trained at each point of backpropagation's grids: on MNIST as long as by
# params/variations/tune.py, and as deep as there and as the network that is reported. A layer of
# Forward-Forward does not feel those above it, so that one depth is enough for its rate.
TRIED: list[tuple[str, dict[str, Any]]] = [
    ("mnist", {"layers": 8, "epochs": 10}),
    ("mnist", {"epochs": 10}),
    ("digits", {}),
]
COLUMNS = ["learner", "dataset", "layers", "learning_rate", "seed", "validation_accuracy"]


def network(name: str, **changes: Any) -> ff.Config:
    """What the file of a data set says, with changes."""
    config = ff.Config.load(Path(__file__).with_name(f"{name}.yaml"))
    return ff.Config(**config.model_dump() | changes)


def epochs(config: ff.Config) -> Iterator[Backprop]:
    """The networks of a configuration after each epoch."""
    train = load(config.dataset).train
    (width,) = config.widths
    networks = Backprop(config, train.images.shape[1], width, config.seed_list, CPU)
    for epoch in range(config.epochs):
        networks.run_epoch(train, epoch)
        yield networks


def tune(before: pd.DataFrame) -> pd.DataFrame:
    """Validation accuracy at each point of each grid that is not there yet.

    It is the classifier's in backpropagation, the readout's in Forward-Forward.
    """
    known = set(before[COLUMNS[:4]].itertuples(index=False, name=None))
    configs = [
        ("backpropagation", network(name, seeds=SEEDS, learning_rate=rate, **tried))
        for name, tried in TRIED
        for rate in GRID
    ]
    configs += [
        ("Forward-Forward", network("digits", seeds=SEEDS, learning_rate=rate)) for rate in GRID_FF
    ]
    rows = []
    for learner, config in configs:
        point = (learner, config.dataset, max(config.depths), config.learning_rate)
        if point not in known:
            found = zip(SEEDS, ACCURACY[learner](config), strict=True)
            rows += [(*point, *own) for own in found]
            print(*rows[-2:], sep="\n", flush=True)
    rows = [*before.itertuples(index=False, name=None), *rows]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"validation_accuracy": np.float32})


def of_classifiers(config: ff.Config) -> list[float]:
    """Each seed's validation accuracy at the end, by backpropagation."""
    *_, networks = epochs(config)
    return networks.evaluate(load(config.dataset).validation)[0].tolist()


def of_readouts(config: ff.Config) -> list[float]:
    """Each seed's validation accuracy at the end, by Forward-Forward; NaN if it has diverged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ff.DivergenceWarning)  # its accuracy is missing: enough
        readouts = ff.train(config).readouts
    return readouts.query("epoch == epoch.max()")["validation_accuracy"].tolist()


ACCURACY = {"backpropagation": of_classifiers, "Forward-Forward": of_readouts}


def measure(config: ff.Config) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accuracy of each probe and of the classifier, after each epoch.

    Returns
    -------
    tuple of DataFrame
        hidden, seed, epoch, layer and probe_accuracy, on validation images; and hidden, seed,
        epoch, validation_accuracy and test_accuracy of the classifier, the last only at the end.
    """
    data, probes, classifiers = load(config.dataset), [], []
    for epoch, networks in enumerate(epochs(config), start=1):
        accuracy, layers = networks.evaluate(data.validation)
        last = epoch == config.epochs
        test = networks.evaluate(data.test)[0] if last else torch.full_like(accuracy, torch.nan)
        for at, seed in enumerate(config.seed_list):
            own = {"hidden": config.widths[0], "seed": seed, "epoch": epoch}
            probes += [
                own | {"layer": layer, "probe_accuracy": value}
                for layer, value in enumerate(layers[at].tolist(), start=1)
            ]
            accuracies = {"validation_accuracy": accuracy[at], "test_accuracy": test[at]}
            classifiers.append(own | {key: value.item() for key, value in accuracies.items()})
        print(config.dataset, epoch, f"{accuracy.mean():.4f}", flush=True)
    tables = (pd.DataFrame(rows).sort_values(["seed", "epoch"]) for rows in (probes, classifiers))
    layers, whole = (
        table.astype({key: np.float32 for key in table if str(key).endswith("accuracy")})
        for table in tables
    )
    return layers, whole


def provenance(started: datetime, seconds: float) -> dict[str, Any]:
    """When, where and by which code something was measured."""
    return {
        "device": machine.name(CPU),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    for task in sys.argv[1:]:
        started, begin = datetime.now(UTC), time.perf_counter()
        if task == "tune":
            path = BACKPROP / "tuning.parquet"
            before = pd.read_parquet(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
            notes = parsed(parquet.read(path).note) if path.exists() else []
            tables, note = {"tuning": tune(before)}, {}
        else:
            notes = []
            rate = best_rate(backprop_grids(), "backpropagation", task)
            config = network(task, learning_rate=rate)
            layers, classifiers = measure(config)
            tables = {f"{task}/layers": layers, f"{task}/classifiers": classifiers}
            note = {"config": config.model_dump(mode="json")}
        note |= provenance(started, time.perf_counter() - begin)
        for name, table in tables.items():
            path = (BACKPROP / name).with_suffix(".parquet")
            path.parent.mkdir(parents=True, exist_ok=True)
            parquet.save(table, path, [*notes, note])
