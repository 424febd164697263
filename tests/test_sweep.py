"""The sweep's rules, run by Snakemake itself on small runs of digits."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest
import sweeping
import torch
from sweeping import PATIENCE, RUN, write

import ff

# Trains, and prints the files of the package's modules that it took.
TRAIN = """
import sys
import ff

ff.train(ff.Config(dataset="digits", layers=2, hidden=10, epochs=1, device="cpu"), out="out")
for name, module in list(sys.modules.items()):
    if name.split(".")[0] == "ff":
        print(module.__file__)
"""

pytestmark = pytest.mark.slow
pytest.importorskip("snakemake", reason="the extra 'sweep' is not installed")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the rules read, with two small runs to make, and a checkpoint every epoch."""
    sweeping.copy(tmp_path)
    write(tmp_path, "one")
    write(tmp_path, "two", seeds=[3])
    return tmp_path


@pytest.fixture
def start(project: Path) -> Callable[..., subprocess.Popen[str]]:
    """Begin ``snakemake`` there, with arguments."""

    def call(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=project,
            env=sweeping.environment(project),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return call


@pytest.fixture
def snakemake(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., str]:
    """Call ``snakemake`` there and return what it printed."""

    def call(*arguments: str) -> str:
        process = start(*arguments)
        printed, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, printed
        return printed

    return call


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def scheduled(printed: str, place: str = "book/results") -> list[str]:
    """Names of the runs that a dry run would train, with results in this folder."""
    start = f"    wildcards: place={place}, run="
    return sorted(
        line.removeprefix(start) for line in printed.splitlines() if line.startswith(start)
    )


def test_a_second_call_does_nothing_and_a_changed_file_schedules_its_run(project, snakemake):
    assert scheduled(snakemake("--dry-run")) == ["one", "two"]
    snakemake()
    assert "Nothing to be done" in snakemake()
    append(project / "ff" / "book" / "style.py", "# What a page shows decides no number.\n")
    assert "Nothing to be done" in snakemake("--dry-run")
    write(project, "two", seeds=[4])
    assert scheduled(snakemake("--dry-run")) == ["two"]
    write(project, "three", seeds=[5])
    assert scheduled(snakemake("--dry-run")) == ["three", "two"]
    append(project / "ff" / "algorithm" / "objective.py", "# The algorithm decides every number.\n")
    assert scheduled(snakemake("--dry-run")) == ["one", "three", "two"]


def test_every_module_that_training_uses_is_an_input(project, snakemake):
    trained = subprocess.run(
        [sys.executable, "-c", TRAIN], cwd=project, capture_output=True, text=True, check=True
    )
    used = {Path(file).relative_to(project).as_posix() for file in trained.stdout.split()}
    inputs = re.findall(r"(?m)^    input: params/(.*)$", snakemake("--dry-run"))
    assert {"ff/algorithm/objective.py", "ff/running/run.py"} <= used
    assert len(inputs) == 2
    for listed in inputs:
        assert used - {*listed.split(", ")} == set(), "not what `ff.sources` finds"


def test_a_sweep_that_was_killed_goes_on_where_it_was(project, start, snakemake):
    write(project, "one", epochs=40)
    target = "book/results/one/layers.parquet"
    folder = project / "book" / "results" / "one"
    process = start(target)
    deadline = time.monotonic() + PATIENCE
    while not list(folder.glob("checkpoints/*.safetensors")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.01)
    for victim in [*psutil.Process(process.pid).children(recursive=True), process]:
        victim.kill()
    process.communicate()
    assert not (project / target).exists()

    snakemake(target)
    assert not list(folder.glob("checkpoints/*"))
    undisturbed = ff.train(ff.Config(**RUN | {"epochs": 40}))
    found = ff.read(folder)
    pd.testing.assert_frame_equal(found.layers, undisturbed.layers)
    pd.testing.assert_frame_equal(found.readouts, undisturbed.readouts)


def test_a_run_may_have_an_odd_name_and_a_file_that_begins_with_a_dot_is_no_run(project, snakemake):
    odd = """-n 'a' "b" $HOME $(false) `false` [1]*? (2),%j;&|<>#\\ ~=!"""
    for name in (odd, ".x", "._one"):
        write(project, name)
    assert scheduled(snakemake("--dry-run")) == sorted([odd, "one", "two"])
    target = f"book/results/{odd}/layers.parquet"
    snakemake(target)
    assert len(ff.read(project / "book" / "results" / odd).layers) == 2 * 3 * 3  # seeds, ...
    assert "Nothing to be done" in snakemake(target)


def test_what_other_tools_leave_is_no_run(project, snakemake):
    names = [
        ".ipynb_checkpoints/one-checkpoint.yaml",
        "._one.yaml",
        ".#one.yaml",
        "#one.yaml#",
        "one.yaml~",
        ".one.yaml.swp",
        "__MACOSX/._one.yaml",
        "Thumbs.db",
    ]
    for folder in ("sweep", "variations", "own"):
        for name in names:
            path = project / "params" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("layers: 2\n", encoding="utf-8")
    planned = snakemake("--dry-run", "all", "own")
    assert scheduled(planned) == ["one", "two"]
    assert scheduled(planned, "book/variations") == scheduled(planned, "records/own") == []
    assert "These are no runs" not in planned


def test_a_training_notebook_that_ends_early_fails_the_sweep(project, start):
    path = project / "book" / "train.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(1, nbformat.v4.new_code_cell("import sys; sys.exit(0)"))
    nbformat.write(notebook, path)
    target = "book/results/one/layers.parquet"
    process = start(target)
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, printed
    assert not (project / target).exists()


def test_what_ff_refuses_is_not_trained_but_the_others_are(project, start, snakemake):
    sweep = project / "params" / "sweep"
    (sweep / "two.yaml").write_text("layers: 010\nepochs: 1:30\n", encoding="utf-8")
    write(project, "three", layers=1)
    write(project, "{four}")
    (sweep / "five.yaml").write_text("dataset: digits\nlayers: 2\nhidden: 9\n", encoding="utf-8")
    reasons = [
        "params/sweep/two.yaml is not plain YAML (010 is not decimal)",
        "params/sweep/three.yaml: layers must be an integer of at least 2",
        "params/sweep/{four}.yaml cannot have braces or a line break in its name",
        "params/sweep/five.yaml must say seeds: the notebook has defaults of its own",
    ]
    planned = snakemake("--dry-run")
    assert scheduled(planned) == ["one"]
    assert all(reason in planned for reason in reasons)

    process = start()
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, printed
    assert all(reason in printed for reason in reasons)
    assert {path.name for path in (project / "book" / "results").iterdir()} == {"one"}
    notebooks = project / "records" / "notebooks" / "book" / "results"
    assert {path.name for path in notebooks.iterdir()} == {"one.ipynb"}
    assert ff.read(project / "book" / "results" / "one")

    process = start("book/results/two/layers.parquet")  # asked for by name
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, printed
    assert f"ConfigError: {reasons[0]}" in printed
    assert not (notebooks / "two.ipynb").exists()


def test_variations_are_runs_with_results_of_their_own(project, snakemake):
    """By the same rule, even under the name of a run of the sweep; a script beside them is none."""
    changes = {"normalization": "layer", "activation": "tanh", "positive": "low"}
    write(project, "one", folder="variations", **changes)
    write(project, "grown", folder="variations", schedule="in-turn", seeds=[2], epochs=2)
    (project / "params" / "variations" / "tune.py").write_text("raise SystemExit(1)\n")
    planned = snakemake("--dry-run")
    assert scheduled(planned) == ["one", "two"]
    assert scheduled(planned, "book/variations") == ["grown", "one"]
    snakemake()
    assert "Nothing to be done" in snakemake()
    results, variations = project / "book" / "results", project / "book" / "variations"
    assert {path.name for path in variations.iterdir()} == {"grown", "one"}
    (run,) = ff.read(variations / "one").runs
    assert run["config"] | RUN | changes == run["config"]
    assert ff.read(results / "one").runs[0]["config"]["normalization"] == "rms"
    assert ff.read(variations / "grown").runs[0]["config"]["schedule"] == "in-turn"
    write(project, "one", folder="variations", **changes, temperature=2.0)
    planned = snakemake("--dry-run")
    assert (scheduled(planned), scheduled(planned, "book/variations")) == ([], ["one"])


def test_own_runs_are_trained_alone_and_leave_the_book_as_it_is(project, snakemake):
    write(project, "mine", folder="own", learning_rate=0.0005)
    assert scheduled(snakemake("--dry-run"), "records/own") == []
    planned = snakemake("--dry-run", "own")
    assert scheduled(planned) == []
    assert scheduled(planned, "records/own") == ["mine"]
    snakemake("own")
    assert not list((project / "book").glob("results/*"))
    assert ff.read(project / "records" / "own").runs[0]["config"]["learning_rate"] == 0.0005
    write(project, "other", folder="own", layers=1)
    planned = snakemake("--dry-run", "own")
    assert "params/own/other.yaml: layers must be an integer of at least 2" in planned
    assert "records/refused" in planned
    assert "records/refused" not in snakemake("--dry-run"), "the book's runs are not concerned"


def test_a_variation_that_ff_refuses_is_not_trained_but_its_namesake_is(project, start, snakemake):
    write(project, "one", folder="variations", schedule="in-turn", negatives="hard")
    reason = "params/variations/one.yaml: negatives must be uniform with schedule 'in-turn'"
    planned = snakemake("--dry-run")
    assert reason in planned
    assert scheduled(planned) == ["one", "two"]
    assert scheduled(planned, "book/variations") == []
    process = start("book/variations/one/layers.parquet")  # asked for by name
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, printed
    assert f"ConfigError: {reason}" in printed
    assert not (project / "records/notebooks/book/variations" / "one.ipynb").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without an NVIDIA GPU")
def test_a_run_whose_device_is_not_here_is_left_as_it_is_but_submitted_to_a_cluster(
    project, snakemake
):
    for path in (project / "params" / "sweep").iterdir():
        path.unlink()
    write(project, "card", device="cuda")
    write(project, "chip", folder="variations", device="cuda")
    folders = [project / "book" / name for name in ("results/card", "variations/chip")]
    for folder, name in product(folders, ("layers", "readouts")):
        folder.mkdir(parents=True, exist_ok=True)  # stale results, which Snakemake would delete
        (folder / f"{name}.parquet").touch()
        os.utime(folder / f"{name}.parquet", (1e9, 1e9))
    printed = snakemake()
    assert "Left as they are, for want of their device: card chip" in printed
    assert [len(list(folder.iterdir())) for folder in folders] == [2, 2]
    planned = snakemake("--dry-run")
    assert scheduled(planned) == ["card"], planned
    assert scheduled(planned, "book/variations") == ["chip"], planned
    pytest.importorskip("snakemake_executor_plugin_slurm")
    printed = snakemake("--profile", "profiles/slurm", "--dry-run")
    assert printed.count("gpu=1") == 2
    snakemake("--touch")
    assert "Nothing to be done" in snakemake("--dry-run")


def test_the_slurm_profile_submits_each_run_as_a_job(snakemake):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    printed = snakemake("--profile", "profiles/slurm", "--dry-run")
    assert scheduled(printed) == ["one", "two"]
    assert "runtime=480" in printed
    assert "mem_mb=4000" in printed


@pytest.mark.parametrize("folder", ["sweep", "variations"])
@pytest.mark.parametrize("name", ["a,b", "it's $HOME", "'c'", "50%"])
def test_a_name_that_would_not_reach_a_job_is_refused_on_a_cluster(project, start, name, folder):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    write(project, name, folder=folder)
    process = start("--profile", "profiles/slurm")
    printed, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, printed
    assert f"ConfigError: params/{folder}/{name}.yaml cannot have" in printed
