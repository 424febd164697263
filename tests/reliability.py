"""What `book/reliability.md` states, measured: disturbs real runs and compares what they leave.

    python tests/reliability.py             # every figure of that page, within ten minutes; as root
    python tests/reliability.py rivals      # one experiment, shown
    python tests/reliability.py killed 30   # fewer runs than for the page

The tests run the same experiments. Python and torch are loaded once; each run is a fork of that
process, which dies by the signals that a person, a scheduler or the kernel would send.
"""

import json
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import torch
from disk import mounted

import ff
from ff import machine
from ff.__main__ import main
from ff.algorithm.training import Training
from ff.data import load
from ff.files import aside
from ff.records import written
from ff.running import checkpoint, memory
from ff.running import run as running_run
from ff.running.begun import note_path
from ff.sources import digest
from ff.versions import versions

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "book" / "results" / "reliability.json"

# Two widths of two chunks of seeds each, with a checkpoint after every epoch.
CONFIG = ff.Config(
    dataset="digits",
    layers=[2, 3],
    hidden=[6, 10],
    seeds=2,
    epochs=3,
    batch_size=65,
    learning_rate=1e-4,
    device="cpu",
)
COMMAND = ["train", *(f"--set={k}={v}" for k, v in CONFIG.model_dump(exclude_none=True).items())]


def prepare() -> None:
    """Many small writes, and nothing to load: done once, before the forks."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    torch.set_num_threads(1)
    digest("ff.running.run")
    digits = load("digits")
    running_run.load = lambda *asked: digits  # pyright: ignore[reportAttributeAccessIssue]
    memory.CACHE = 1
    checkpoint.EVERY, checkpoint.SHARE = 0.0, math.inf


def fork(act: Callable[[], object], said: Path | None = None) -> int:
    """Start a process that acts and ends with the command's exit code; its words go to a file."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        with open(said or os.devnull, "w") as file, redirect_stdout(file), redirect_stderr(file):
            act()
            code = 0
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    finally:
        os._exit(code)


def command(out: Path, threads: int = 1) -> Callable[[], object]:
    """`ff train ... --out OUT`, with a number of threads."""

    def act() -> None:
        torch.set_num_threads(threads)
        main([*COMMAND, "--out", str(out)])

    return act


def ended(pid: int) -> int:
    """Exit code of a process, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def same(one: Path, other: Path) -> bool:
    ours, theirs = ff.read(one), ff.read(other)
    return ours.layers.equals(theirs.layers) and ours.readouts.equals(theirs.readouts)


def killed(folder: Path, runs: int, seed: int = 0) -> dict[str, int]:
    """Disturb and kill runs at random moments, several times each; then let them end.

    Each start has another number of threads and another working directory, and names the run's
    folder in another way: absolutely, relatively or by a link. Half of the runs replace older
    records. Before some starts the disk is filled up but for a few kilobytes, or links are planted
    where the run writes.
    """
    chance, count = random.Random(seed), Counter(runs=runs)
    undisturbed, begin = {}, time.monotonic()
    for number in (1, 2, 3):
        undisturbed[number] = folder / f"undisturbed-{number}"
        assert ended(fork(command(undisturbed[number], number))) == 0
    duration = (time.monotonic() - begin) / 3
    count["differ by threads"] = not same(undisturbed[1], undisturbed[2])
    older = folder / "older"
    ff.train(CONFIG.model_copy(update={"epochs": 1}), older)
    with mounted(folder / "disk", "2m") as disk:
        for run in range(runs):
            out, threads = folder / "disk" / f"run-{run}", folder / f"threads-{run}"
            link, victim = folder / f"link-{run}", folder / f"victim-{run}"
            replaces = bool(chance.randrange(2))
            if replaces:
                shutil.copytree(older, out)
            else:
                out.mkdir()
            link.symlink_to(out)
            victim.write_text("mine")

            def start(out=out, link=link, threads=threads) -> int:
                place = chance.choice([folder, folder / "disk", Path("/")])
                name = chance.choice([str(out), os.path.relpath(out, place), str(link)])
                number = chance.randint(1, 3)
                count[f"started with {number} thread{'s' * (number > 1)}"] += 1
                # Again, where it was killed before it began.
                again = written(out) == written(older) != set() and not note_path(out).exists()

                def act() -> None:
                    os.chdir(place)
                    torch.set_num_threads(number)
                    note_threads(threads)
                    main([*COMMAND, "--out", name, *["--overwrite"] * again])

                return fork(act)

            def plant(out=out, victim=victim) -> None:
                name = chance.choice(["layers.parquet", "readouts.parquet", ".holder.json"])
                aside(out / name).unlink(missing_ok=True)
                aside(out / name).symlink_to(victim)
                count["links planted"] += 1

            for _ in range(chance.randint(3, 5)):
                if chance.random() < 0.3:
                    plant()
                full = disk if chance.random() < 0.3 else None
                if full:
                    full.fill(left=chance.randrange(0, 60_000))
                pid = start()
                time.sleep(chance.uniform(0, duration / 4))
                os.kill(pid, signal.SIGKILL)
                code = ended(pid)
                count["kills"] += code == -signal.SIGKILL
                if full:
                    count["disks nearly full"] += 1
                    count["ended by a full disk"] += code == 1
                    full.empty()
                else:
                    assert code in (0, -signal.SIGKILL), "the run does not go on"
            code = ended(start())
            assert code == 0, "the run does not go on"
            (kept,) = set(threads.read_text().split())  # the number that it began with
            count["equal"] += same(out, undisturbed[int(kept)])
            count["replaced older records"] += replaces
            count["targets of links untouched"] += victim.read_text() == "mine"
            left = names(out) - {"layers.parquet", "readouts.parquet"}
            count["nothing left behind"] += not left
            count.update(f"left: {name}" for name in left)
            if left:
                assert ended(start()) == 0
            left = names(out) - {"layers.parquet", "readouts.parquet"}
            count["nothing left by one more call"] += not left
            shutil.rmtree(out)
    return dict(count)


def note_threads(path: Path) -> None:
    """Write down with how many threads each epoch is trained."""
    run_epoch = Training.run_epoch

    def noted(self: Training, on_step: Callable[[float], object]) -> None:
        with path.open("a") as file:
            print(torch.get_num_threads(), file=file)
        run_epoch(self, on_step)

    Training.run_epoch = noted  # pyright: ignore[reportAttributeAccessIssue]


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def killed_at_writes(folder: Path) -> dict[str, int]:
    """Kill a run just before and just after each time that a file takes its place."""
    count: Counter[str] = Counter()
    assert ended(fork(command(folder / "undisturbed"))) == 0
    replace = os.replace
    for after in (False, True):
        for nth in range(1, 1000):
            out, calls = folder / f"write-{nth}-{after}", iter(range(1, 1000))

            def deadly(source: Path, target: Path, after=after, nth=nth, calls=calls) -> None:
                fatal = next(calls) == nth
                if after or not fatal:
                    replace(source, target)
                if fatal:
                    os.kill(os.getpid(), signal.SIGKILL)

            os.replace = deadly
            pid = fork(command(out))
            os.replace = replace
            if ended(pid) == 0:
                break  # it writes no more files than that
            for path in [*out.glob("*.parquet"), *out.glob("checkpoints/[!.]*")]:
                assert path.stat().st_size, "half a file"
            assert ended(fork(command(out))) == 0, "the run does not go on"
            count["kills"] += 1
            count["equal"] += same(out, folder / "undisturbed")
    return dict(count)


def stopped(folder: Path, number: int) -> tuple[int, str]:
    """Send a signal in the middle of a run; exit code and last words. Then let it end."""
    out, said = folder / signal.Signals(number).name, folder / "said"
    assert ended(fork(command(folder / "undisturbed"))) == 0
    run_epoch = Training.run_epoch

    def interrupted(self: Training, on_step: Callable[[float], object]) -> None:
        if (self.width, self.epoch) == (10, 1):
            os.kill(os.getpid(), number)
        run_epoch(self, on_step)

    Training.run_epoch = interrupted  # pyright: ignore[reportAttributeAccessIssue]
    pid = fork(command(out), said)
    Training.run_epoch = run_epoch
    code = ended(pid)
    assert ended(fork(command(out))) == 0, "the run does not go on"
    assert same(out, folder / "undisturbed")
    return code, said.read_text().splitlines()[-1].replace(str(out), "OUT")


def rivals(folder: Path, repetitions: int) -> dict[str, int]:
    """Start two runs in one folder at the same time: one trains, and what becomes of the other."""
    count = Counter(repetitions=repetitions)
    assert ended(fork(command(folder / "undisturbed"))) == 0
    for repetition in range(repetitions):
        out = folder / f"rivals-{repetition}"
        said = [folder / f"said-{i}" for i in range(2)]
        pids = [fork(command(out), path) for path in said]
        codes = [ended(pid) for pid in pids]
        words = "".join(path.read_text() for path in said)
        holder = pids[codes.index(0)] if 0 in codes else None
        count["refused, naming the first"] += sorted(codes) == [0, 1] and (
            f"process {holder} on " in words and f"is writing to {out}" in words
        )
        count["found it finished"] += codes == [0, 0] and words.count("finished before") == 1
        count["equal"] += same(out, folder / "undisturbed")
    return dict(count)


def stale_locks(folder: Path, repetitions: int) -> dict[str, int]:
    """Kill the holder of a folder; how often the next run takes it over."""
    count = Counter(repetitions=repetitions)
    for repetition in range(repetitions):
        out = folder / f"stale-{repetition}"
        run_epoch = Training.run_epoch
        Training.run_epoch = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # pyright: ignore[reportAttributeAccessIssue]
        pid = fork(command(out))
        Training.run_epoch = run_epoch
        assert ended(pid) == -signal.SIGKILL
        assert json.loads((out / ".holder.json").read_text())["pid"] == pid, "no stale lock"
        count["taken over"] += ended(fork(command(out))) == 0
    return dict(count)


def checkpoint_cost(folder: Path, width: int) -> dict[str, float]:
    """Time a write of the state of two networks of 32 layers; its share of the minute between."""
    config = ff.Config(dataset="digits", layers=32, hidden=width, seeds=2, device="cpu")
    training = Training(config, width, (1, 2), load("digits"))
    chunk = checkpoint.Checkpoint(folder / "width.safetensors", "run")
    times = []
    for _ in range(5):
        begin = time.monotonic()
        chunk.save(training.state(), config.epochs, 0.0, last=True)
        times.append(time.monotonic() - begin)
    assert chunk.path is not None
    seconds = sorted(times)[len(times) // 2]
    return {
        "width": width,
        "megabytes": round(chunk.path.stat().st_size / 1e6, 1),
        "seconds": round(seconds, 3),
        "percent of a minute": round(100 * seconds / 60, 2),
    }


def room(folder: Path) -> dict[str, float]:
    """What 32 layers of 20,000 units need, and what there is here."""
    config = ff.Config(layers=32, hidden=20_000)
    return {
        "gigabytes needed": round(memory.needed(config, 20_000) / 1e9),
        "gigabytes available": round(machine.available(torch.device("cpu")) / 1e9),
    }


EXPERIMENTS: dict[str, Callable[..., object]] = {
    "checkpoints": lambda folder: [checkpoint_cost(folder, width) for width in (100, 1000)],
    "memory": room,
    "killed": lambda folder, runs="100": killed(folder, int(runs)),
    "killed_at_writes": killed_at_writes,
    "rivals": lambda folder: rivals(folder, repetitions=20),
    "stale_locks": lambda folder: stale_locks(folder, repetitions=20),
    "sigint": lambda folder: stopped(folder, signal.SIGINT),
    "sigterm": lambda folder: stopped(folder, signal.SIGTERM),
}


def run(name: str, *more: str) -> object:
    with tempfile.TemporaryDirectory() as folder:
        return EXPERIMENTS[name](Path(folder), *more)


if __name__ == "__main__":
    prepare()
    if len(sys.argv) > 1:
        print(json.dumps(run(*sys.argv[1:])))
    else:
        found = {"versions": versions()} | {name: run(name) for name in EXPERIMENTS}
        RESULT.write_text(json.dumps(found, indent=2) + "\n")
