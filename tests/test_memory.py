"""What a run needs is known before it begins."""

import os
import platform
import subprocess
import sys
import weakref

import numpy as np
import psutil
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import ff
from ff import machine
from ff.algorithm import evaluation, fast
from ff.algorithm.growing import Growing
from ff.algorithm.training import Training
from ff.data import DATASETS, Dataset, Split, from_arrays
from ff.running import memory

CPU = torch.device("cpu")


def test_a_configuration_that_cannot_fit_says_so_before_it_allocates(monkeypatch, tmp_path):
    """32 layers of 20,000 units: 99 GB of weights and momentum for each seed."""
    monkeypatch.setattr(machine, "available", lambda device: 32e9)
    monkeypatch.setattr("ff.running.run.Training", None)  # fails if it is reached
    config = ff.Config(dataset="digits", layers=32, hidden=20_000, seeds=8, device="cpu")
    assert memory.needed(config, 20_000) > 99e9
    with pytest.raises(ff.TrainingError) as caught:
        ff.train(config, tmp_path / "out")
    message = str(caught.value)
    for part in ("32 layers of 20000 units need", "GB are free on cpu", "none of 8 seeds fits"):
        assert part in message, message
    assert not (tmp_path / "out").exists()
    units, layers = (int(part.split()[-1].strip(";")) for part in message.split(" or "))
    for change, fits in (
        ({"hidden": units}, True),
        ({"hidden": units + 1}, False),
        ({"layers": layers}, True),
        ({"layers": layers + 1}, False),
    ):
        other = ff.Config(**{**config.model_dump(), **change})
        room = memory.SHARE * 32e9 - memory.measurements(config)
        assert (memory.needed(other, other.widths[0]) <= room) == fits, change


def test_what_torch_keeps_of_a_gpu_is_free(monkeypatch):
    """A second run in one process, after a first that took most of the memory."""
    for name, value in {
        "mem_get_info": (3, 80),
        "memory_reserved": 70,
        "memory_allocated": 10,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    assert machine.available(torch.device("cuda")) == 63


def test_as_many_seeds_as_fit_train_side_by_side(tiny, monkeypatch):
    config = tiny(seeds=8, hidden=10)
    one, kept = memory.needed(config, 10), memory.measurements(config)
    for free, sizes in ((1.1, [1] * 8), (3.9, [3, 3, 2]), (100, [8])):
        monkeypatch.setattr(
            machine, "available", lambda device, free=free: (free * one + kept) / memory.SHARE
        )
        assert [len(seeds) for seeds in memory.chunks(config, 10, CPU)] == sizes


def test_a_run_in_little_memory_has_the_records_of_any_other(tiny, few, monkeypatch):
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)
    config = tiny(seeds=3)
    whole = ff.train(config)
    least = memory.needed(config, 10) + memory.measurements(config)
    monkeypatch.setattr(machine, "available", lambda device: 1.2 * least)
    parts = ff.train(config)
    keys = ["hidden", "seed", "epoch", "layer"]
    assert parts.layers[keys].equals(whole.layers[keys])


def test_what_is_too_large_in_every_way_is_refused_still(tiny, monkeypatch):
    free = (memory.measurements(tiny()) + 1e3) / memory.SHARE
    monkeypatch.setattr(machine, "available", lambda device: free)
    with pytest.raises(ff.TrainingError, match="choose a smaller batch_size"):
        memory.fitting(tiny(), 10, CPU)


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"epochs": 100_000}, "choose epochs of at most [1-9]"),
        ({"epochs": 100_000, "seeds": 1000}, "choose epochs of at most [1-9].* or at most [1-9]"),
        ({"epochs": 100_000, "seeds": 10_000, "layers": 1024}, "choose far fewer of them"),
    ],
)
def test_measurements_that_cannot_fit_are_refused_before_training(
    tiny, monkeypatch, tmp_path, change, advice
):
    """Networks of no weight, and gigabytes of what is measured of them."""
    monkeypatch.setattr(machine, "available", lambda device: 2e9)
    monkeypatch.setattr("ff.running.run.Training", None)  # fails if it is reached
    config = tiny(**{"layers": 32, "hidden": 1, "seeds": 10, **change})
    with pytest.raises(ff.TrainingError, match=f"the measurements of .* need .*; {advice}") as told:
        ff.train(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    if "at most" not in advice:
        return
    epochs = int(str(told.value).split("epochs of at most ")[1].split()[0])
    for number, fits in ((epochs, True), (epochs + 1, False)):
        other = config.model_copy(update={"epochs": number})
        assert (memory.measurements(other) <= memory.SHARE * 2e9) == fits


def test_memory_that_runs_out_is_said_in_a_sentence(tiny, few, monkeypatch, tmp_path):
    """In spite of the estimate, as in the middle of a run when another program takes it."""
    monkeypatch.setattr("ff.running.run.load", lambda *asked: few)

    def greedy(*_: object) -> None:
        torch.empty(2**50, dtype=torch.uint8)

    monkeypatch.setattr(Training, "run_epoch", greedy)
    with pytest.raises(ff.TrainingError, match=r"not enough memory left; .*same run again"):
        ff.train(tiny(), tmp_path)
    monkeypatch.setattr(Training, "run_epoch", lambda *_: np.empty(2**50, np.uint8))
    with pytest.raises(ff.TrainingError, match="not enough memory left"):
        ff.train(tiny(), tmp_path)


GROUPS = {
    "two": ("0::/job/step\n", "{at}", "memory.max", "anon"),
    "one": (
        "4:cpu:/\n3:memory:/job/step\n0::/\n",
        "memory/{at}",
        "memory.limit_in_bytes",
        "total_rss",
    ),
    "hidden": ("0::/outside/the/container\n", ".", "memory.max", "anon"),
}


@pytest.mark.parametrize(("version", "at"), [
    ("two", "."), ("two", "job"), ("two", "job/step"), ("one", "."), ("one", "job/step"),
    ("hidden", "."),
])  # fmt: skip
@pytest.mark.parametrize(("limit", "expected"), [("5000", [4000]), ("900", [0]), ("max", [])])
def test_a_control_group_may_use_no_more_than_its_limit(
    monkeypatch, tmp_path, version, at, limit, expected
):
    """A container's, or a cluster's for a job, which stands above that of a step."""
    own, place, most, used = GROUPS[version]
    monkeypatch.setattr(machine, "GROUPS", tmp_path)
    monkeypatch.setattr(machine, "OWN", tmp_path / "own")
    (tmp_path / "own").write_text(own)
    group = tmp_path / place.format(at=at)
    group.mkdir(parents=True, exist_ok=True)
    assert machine._grouped() == []
    (group / most).write_text(limit + "\n")
    (group / "memory.stat").write_text(f"{used} 1000\nfile 9000\n")
    assert machine._grouped() == expected
    if expected:
        assert machine.available(CPU) == expected[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork a process")
@pytest.mark.parametrize("kind", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_process_may_use_no_more_than_its_own_limit(kind):
    """As of ``ulimit -v`` and ``ulimit -d``, which clusters set, too."""
    resource = pytest.importorskip("resource")
    before = machine.available(CPU)
    pid = os.fork()
    if not pid:
        taken = psutil.Process().memory_info()
        used = taken.vms if kind == "RLIMIT_AS" else taken.data
        most = used + 500_000_000
        resource.setrlimit(getattr(resource, kind), (most, most))
        os._exit(0 if 4e8 < machine.available(CPU) <= 5e8 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert before > 1e9, "it has no memory to speak of: the limit was not what was seen"


class Peak(TorchDispatchMode):
    """The most bytes that tensors ever held at once, of those that are made meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.held, self.most = weakref.WeakKeyDictionary[torch.UntypedStorage, int](), 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        given, new = (
            {
                leaf.untyped_storage()
                for leaf in tree_leaves(values)
                if isinstance(leaf, torch.Tensor)
            }
            for values in (args, made)
        )
        self.held |= {storage: storage.nbytes() for storage in new - given}
        self.most = max(self.most, sum(self.held.values()))
        return made


@pytest.mark.parametrize("schedule", ["together", "on-frozen", "in-turn"])
@pytest.mark.parametrize(
    ("layers", "hidden", "batch"),
    [
        (4, 300, 10),  # weights and momentum, twice while a checkpoint is read back
        ([*range(2, 13)], 8, 10),  # readouts
        (2, 100, 1000),  # samples and activities
        (6, 20, 1000),  # pixels of the samples
        (16, 40, 240),  # activities that the readout sees
        (16, 6, 240),  # logits of each layer
        (2, 20, 15),  # a gradient
    ],
)
def test_a_run_takes_about_as_much_as_estimated(
    monkeypatch, digits, layers, hidden, batch, schedule
):
    for module in (memory, evaluation):
        monkeypatch.setattr(module, "BATCH", batch)
    parts = (digits.train, digits.validation, digits.test)
    batches = (Split(part.images[:batch], part.labels[:batch]) for part in parts)
    data = Dataset("digits", *batches, checksum="a batch")
    monkeypatch.setattr("ff.running.run.load", lambda *asked: data)
    values = {"dataset": "digits", "seeds": 1, "epochs": 1, "learning_rate": 1e-5}
    values |= {"schedule": schedule, "frozen_after": int(schedule == "on-frozen")}
    config = ff.Config(**values, layers=layers, hidden=hidden, batch_size=batch, device="cpu")
    with Peak() as peak:
        ff.train(config)
    kind = Growing if schedule == "in-turn" else Training
    state = kind(config, hidden, (1,), data).state().items()
    held = sum(tensor.nbytes for name, tensor in state if not name.startswith("measured."))
    most = max(2 * held, peak.most)  # a checkpoint that is read back is a second state
    assert 0.95 * most < memory.needed(config, hidden) < 3 * most


@pytest.mark.parametrize(
    ("shape", "classes", "layers", "hidden"),
    [((12, 20, 3), 3, 3, 20), ((40, 60, 3), 5, 2, 30), ((12, 20), 100, 6, 20)],
)
def test_the_estimate_knows_pixels_and_classes(monkeypatch, shape, classes, layers, hidden):
    """Color, large images and many classes."""
    batch = 200
    for module in (memory, evaluation):
        monkeypatch.setattr(module, "BATCH", batch)
    images = np.random.default_rng(0).integers(256, size=(batch, *shape), dtype=np.uint8)
    labels = np.arange(batch) % classes
    given = {"validation_images": images, "validation_labels": labels}
    source = from_arrays(images, labels, images, labels, **given, batch_size=batch)
    monkeypatch.setitem(DATASETS, "mine", source)
    values = {"dataset": "mine", "seeds": 1, "epochs": 1, "learning_rate": 1e-5}
    config = ff.Config(**values, layers=layers, hidden=hidden, device="cpu")
    with Peak() as peak:
        ff.train(config)
    assert 0.95 * peak.most < memory.needed(config, hidden) < 3 * peak.most


# A process's own pages, without the libraries' files: freed ones are kept, so that the last is the
# peak. The first run loads what every run needs.
MEASURE = """
import json, sys
import psutil, torch, ff
from ff.data import Dataset, Split
from ff.running import run
from ff.running.memory import needed

def own():
    seen = psutil.Process().memory_info()
    return seen.rss - seen.shared

split = Split(torch.zeros(1000, 784, dtype=torch.uint8), torch.arange(1000) % 10)
run.load = lambda *asked: Dataset("digits", split, split, split, "zeros")
values = dict(dataset="digits", seeds=1, epochs=1, batch_size=1000)
values |= dict(device="cpu", learning_rate=1e-5)
ff.train(ff.Config(**values, layers=2, hidden=10), sys.argv[1] + "/first")
config = ff.Config(**values, layers=json.loads(sys.argv[2]), hidden=int(sys.argv[3]))
before = own()
ff.train(config, sys.argv[1] + "/second")
print(own() - before, needed(config, config.widths[0]))
"""


def measured(script: str, *arguments: str) -> tuple[int, int]:
    """Bytes that a run has taken in a process of its own, and those that were estimated."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *arguments],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    used, estimated = map(int, done.stdout.split())
    return used, estimated


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators keep nothing")
@pytest.mark.parametrize(
    ("layers", "hidden"), [("8", "1000"), ("[2, 8, 32]", "300"), ("2", "2500")]
)
def test_the_estimate_bounds_what_a_run_takes(tmp_path, layers, hidden):
    """Activities, what the readout sees of many layers, and weights weigh most, one each."""
    used, estimated = measured(MEASURE, str(tmp_path), layers, hidden)
    # How full the heap gets differs from run to run: 97 and 266 MB were seen for the second one.
    assert 0.3 < used / estimated < 1.2, f"{used / 1e6:.0f} MB of {estimated / 1e6:.0f} MB"


# Networks of no weight whose epochs take no time: measurements are all that there is.
MEASURED = """
import re, sys
from pathlib import Path
import psutil, torch, ff
from ff.algorithm.training import Training
from ff.running.memory import measurements

def passes(self, *rest):
    self.passed += 1
    self.layers[:, self.epoch - 1] = torch.rand(self.layers[:, 0].shape)
    self.depths[:, self.epoch - 1] = torch.rand(self.depths[:, 0].shape)

Training.run_epoch = passes
values = dict(dataset="digits", device="cpu", layers=[2, 32], hidden=[1, 2])
ff.train(ff.Config(**values, seeds=2, epochs=20), sys.argv[1] + "/first")
config = ff.Config(**values, seeds=5, epochs=5000)
before = psutil.Process().memory_info().rss
ff.train(config, sys.argv[1] + "/second")
status = Path("/proc/self/status").read_text()  # ru_maxrss begins with the parent's peak
most = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) * 1024
print(most - before, measurements(config))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_measurements_take_about_as_much_as_estimated(tmp_path):
    """32 layers, 5000 epochs: 1.7 million rows, which weigh more than the networks."""
    used, estimated = measured(MEASURED, str(tmp_path))
    assert 0.6 < used / estimated < 1, f"{used / 1e6:.0f} MB of {estimated / 1e6:.0f} MB"


@pytest.mark.slow
@pytest.mark.parametrize("wide", [1000, 1001])
def test_the_heaviest_network_needs_little_more_than_what_it_keeps(wide, monkeypatch):
    """Of 32 layers of 1000 units, as of each seed on a GPU: weights, momentum, activities of 3.

    With samples left out of the gradient's product, and without, as on a GPU.
    """
    monkeypatch.setattr(fast, "WIDE", wide)
    images = torch.randint(256, (1000, 784), dtype=torch.uint8)
    split = Split(images, torch.arange(1000) % 10)
    config = ff.Config(layers=[2, 4, 8, 16, 32], epochs=1, device="cpu")
    with Peak() as peak:
        training = Training(config, 1000, (1,), Dataset("mnist", split, split, split, "random"))
        training.run_epoch()
    kept = sum(tensor.nbytes for tensor in training._state().values())
    least = kept + 3 * 4 * 3000 * 1000
    assert 1 < peak.most / least <= 1.5, f"{peak.most / 1e6:.0f} MB, the least {least / 1e6:.0f} MB"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_the_estimate_bounds_what_a_gpu_allocates():
    config = ff.Config(
        dataset="digits", layers=8, hidden=2000, seeds=4, epochs=1, batch_size=650, device="cuda"
    )
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    ff.train(config)
    used = torch.cuda.max_memory_allocated()
    assert 0.4 < used / (4 * memory.needed(config, 2000)) < 1
