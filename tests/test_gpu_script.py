"""`tools/gpu.sh`: a rehearsal on the CPU leaves what a GPU would, whenever it is cut off."""

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

import ff
from ff.speed import report

SCRIPT = Path(__file__).parent.parent / "tools" / "gpu.sh"
NAMES = ["width-100-seeds-01-30"]
NAMES += [f"width-1000-seeds-{tens}" for tens in ("01-10", "11-20", "21-30")]
STEPS = ["parity", "bench", *(f"{own}/{name}" for own in ("tf32", "float32") for name in NAMES)]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


def start(out: Path, *arguments: str) -> subprocess.Popen[str]:
    """Call the script in a process group of its own, which a signal can end as a whole."""
    return subprocess.Popen(
        ["bash", str(SCRIPT), *arguments],
        env=os.environ | {"OUT": str(out), "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def call(out: Path, *arguments: str) -> tuple[int, str]:
    process = start(out, *arguments)
    told, _ = process.communicate(timeout=600)
    return process.returncode, told


def files(out: Path) -> dict[str, tuple[int, int]]:
    """Every file of results, with when it was written and its number on the disk."""
    found = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(out)): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in found
        if path.name != "machine.txt"  # has a line of each session
    }


def test_help_names_the_parts(tmp_path):
    code, told = call(tmp_path, "--help")
    assert code == 0
    assert "tools/gpu.sh --dry-run" in told
    assert all(f"\n  {part}  " in told for part in ("parity", "bench", "float32", "tf32"))
    assert "set -euo" not in told


def test_an_unknown_part_is_refused(tmp_path):
    code, told = call(tmp_path, "parity", "float16")
    assert (code, told.count("\n")) == (2, 1)
    assert told.startswith("there is no part float16; ")
    assert files(tmp_path) == {}


@pytest.mark.slow
def test_without_a_gpu_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    code, told = call(tmp_path)
    assert code == 1
    assert "finds no GPU; rehearse without one: tools/gpu.sh --dry-run" in told.splitlines()[-1]
    assert files(tmp_path) == {}


@pytest.mark.slow
def test_what_is_finished_outlives_a_kill_and_is_not_repeated(tmp_path):
    out = tmp_path / "dry-run"
    last = out / f"{STEPS[2]}.txt"
    process, began = start(tmp_path, "--dry-run"), time.monotonic()
    while not last.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() - began < 500
        time.sleep(0.05)
    time.sleep(0.2)  # in the midst of the next one
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finished = [name for name in STEPS if (out / f"{name}.txt").exists()]
    assert finished == STEPS[:3]
    kept = {name: at for name, at in files(out).items() if not name.startswith("tf32/width-1000")}
    assert "bench.parquet" in kept

    code, told = call(tmp_path, "--dry-run")
    assert code == 0, told
    assert [name for name in STEPS if f"== {name}: finished before" in told] == finished
    assert [name for name in STEPS if f"== {name}: finished in " in told] == STEPS[3:]
    whole = files(out)
    assert kept.items() <= whole.items()
    results = [f"{name}/{table}.parquet" for name in STEPS[2:] for table in ("layers", "readouts")]
    sides = [
        f"parity/{own}/{t}.parquet" for own in ("cpu", "device") for t in ("layers", "readouts")
    ]
    assert set(whole) == {f"{name}.txt" for name in STEPS} | {"bench.parquet", *results, *sides}
    for precision in ("float32", "tf32"):
        records = ff.read(out / precision)
        assert records.layers.groupby("hidden")["seed"].nunique().to_dict() == {10: 30, 100: 30}
        assert {run["config"]["precision"] for run in records.runs} == {precision}
        seconds = sum(run["wall_seconds"] for run in records.runs)
        assert f"== {precision}: 120 networks in {seconds:.0f} s, " in told
    assert report.read(out)["device"].unique().tolist() == ["cuda"]
    assert (out / "machine.txt").read_text(encoding="utf-8").count(f"ff {version('ff')}") == 2

    code, told = call(tmp_path, "--dry-run")
    assert code == 0, told
    assert told.count(": finished before") == len(STEPS)
    assert files(out) == whole, "something was done again"


@pytest.mark.slow
def test_a_part_that_fails_is_named_after_the_others(tmp_path):
    out = tmp_path / "dry-run"
    (out / "bench.parquet").mkdir(parents=True)
    code, told = call(tmp_path, "--dry-run", "bench", "parity")
    assert code == 1
    assert told.splitlines()[-1].startswith("failed: bench; ")
    assert "== parity: finished in " in told
    assert "cannot write" in (out / "bench.log").read_text(encoding="utf-8")
    (out / "bench.parquet").rmdir()
    code, told = call(tmp_path, "--dry-run", "bench", "parity")
    assert (code, "== parity: finished before" in told) == (0, True)
    assert not (out / "bench.log").exists()
