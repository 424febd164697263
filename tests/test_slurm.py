"""The sweep's profile for Slurm, on a Slurm of one node that the test starts."""

import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import nbformat
import psutil
import pytest
import safetensors
import sweeping

import ff

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo"]
LONG, SHORT = "-n [1] $HOME", "it's (2)"  # names of runs
EPOCHS, KILLED = 100, 20  # of the long run; and after how many of them it is killed
OFTEN = ["--slurm-init-seconds-before-status-checks", "10"]  # 40 unless it is told
PATIENCE = 240  # seconds

# One node with two CPUs, on the loopback address. It may have less memory than a job asks for.
CONFIGURATION = """
ClusterName=ff
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000
PartitionName=all Nodes=ALL Default=YES
"""

pytestmark = pytest.mark.slow
pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra 'sweep' is not installed")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    sweeping.copy(tmp_path)
    sweeping.write(tmp_path, SHORT)
    sweeping.write(tmp_path, LONG, epochs=EPOCHS)
    return tmp_path


@pytest.fixture
def slurm(project: Path) -> Iterator[dict[str, str]]:
    """Start Slurm without an accounting database; the variables that its programs need."""
    if absent := [name for name in PROGRAMS if shutil.which(name) is None]:
        pytest.skip(f"no {', '.join(absent)} on the path: install Debian's slurm-wlm and munge")
    with tempfile.TemporaryDirectory(prefix="ff-slurm-") as name:  # a socket's path must be short
        folder = Path(name)
        env = prepare(folder, sweeping.environment(project))
        key, log, seed = folder / "key", folder / "munged.log", folder / "seed"
        munge = [f"--key-file={key}", f"--log-file={log}", f"--seed-file={seed}"]
        munge += [f"--socket={folder}/munge", f"--pid-file={folder}/munged.pid"]
        services = []
        try:
            # --force: only this user needs the socket, so its folder may be closed to others.
            services.append(start(folder, env, "munged", "--foreground", "--force", *munge))
            wait(lambda: (folder / "munge").exists(), "munged has no socket")
            services.append(start(folder, env, "slurmctld", "-D"))
            services.append(start(folder, env, "slurmd", "-D"))
            wait(lambda: has_a_node(env, services), "no node")
            yield env
        finally:
            end(env["SLURM_CONF"])
            for service in services:
                service.wait(10)
            for log in [*folder.glob("*.log"), *project.glob(".snakemake/slurm_logs/**/*.log")]:
                print(f"--- {log.name}", log.read_text(errors="replace")[-5000:], sep="\n")


def prepare(folder: Path, env: dict[str, str]) -> dict[str, str]:
    """Write Slurm's configuration; the variables that name it."""
    with socket.socket() as one, socket.socket() as other:  # two free ports
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        ports = {"controller": one.getsockname()[1], "node": other.getsockname()[1]}
    host = socket.gethostname().split(".")[0]
    path = folder / "slurm.conf"
    path.write_text(CONFIGURATION.format(folder=folder, host=host, user=getpass.getuser(), **ports))
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o600)
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    # Within a job the executor hides SLURM_CONF from srun, which reads the host's own file then.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={path} exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o700)
    return env | {"SLURM_CONF": str(path), "PATH": f"{srun.parent}{os.pathsep}{env['PATH']}"}


def start(folder: Path, env: dict[str, str], *command: str) -> subprocess.Popen:
    """Start one of Slurm's services."""
    with (folder / f"{command[0]}.out.log").open("w") as log:
        return subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)


def ask(env: dict[str, str], *command: str) -> list[str]:
    """Lines that a program of Slurm's prints."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)
    return done.stdout.splitlines()


def has_a_node(env: dict[str, str], services: list[subprocess.Popen]) -> bool:
    assert all(service.poll() is None for service in services), "a service ended: see its log"
    return ask(env, "sinfo", "--noheader", "--format=%T") == ["idle"]


def wait(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


def end(configuration: str) -> None:
    """Kill every process that was told of this Slurm: its services, its jobs, and Snakemake."""
    while found := [each for each in psutil.process_iter() if belongs(each, configuration)]:
        for process in found:  # and then those that they were just starting
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _, alive = psutil.wait_procs(found, timeout=10)
        assert not alive, f"these cannot be killed: {alive}"


def belongs(process: psutil.Process, configuration: str) -> bool:
    with suppress(psutil.Error):
        return process.environ().get("SLURM_CONF") == configuration
    return False


def epochs(project: Path, run: str) -> int:
    """Epochs in a run's checkpoint."""
    for path in (project / "book" / "results" / run / "checkpoints").glob("*.safetensors"):
        with safetensors.safe_open(path, framework="np") as file:
            return int(file.metadata()["epoch"])
    return 0


def test_a_job_that_is_killed_goes_on_where_it_was(project, slurm):
    printed = project / "printed"
    with printed.open("w") as file:
        snakemake = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", *OFTEN],
            cwd=project,
            env=slurm,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        reached = kill_the_long_run(project, slurm, snakemake)
        assert snakemake.wait(PATIENCE) == 0
    finally:
        snakemake.kill()
        snakemake.wait(10)
        print(printed.read_text(encoding="utf-8"))

    jobs = ask(slurm, "squeue", "--noheader", "--states=all", "--format=%T %k")
    rule = "rule_train_wildcards_book_results_"
    assert sorted(jobs) == sorted(
        [f"CANCELLED {rule}{LONG}", f"COMPLETED {rule}{LONG}", f"COMPLETED {rule}{SHORT}"]
    )
    # The second job's bar shows no epoch up to the one that the first job had reached.
    notebook = nbformat.read(
        project / "records/notebooks/book/results" / f"{LONG}.ipynb", as_version=4
    )
    shown = [int(epoch) for epoch in re.findall(rf"epoch (\d+)/{EPOCHS}", str(notebook))]
    assert min(shown) > reached
    for run, last in ((LONG, EPOCHS), (SHORT, sweeping.RUN["epochs"])):
        assert max(ff.read(project / "book" / "results" / run).layers["epoch"].tolist()) == last


def kill_the_long_run(project: Path, env: dict[str, str], snakemake: subprocess.Popen) -> int:
    """Kill its job in the middle; the epochs that its checkpoint holds then."""

    def is_in_the_middle() -> bool:
        assert snakemake.poll() is None, "the sweep has ended"
        return epochs(project, LONG) >= KILLED

    wait(is_in_the_middle, "no checkpoint was written")
    running = ["squeue", "--noheader", "--states=running"]
    jobs = ask(env, *running, "--format=%i %k")
    (job,) = (line.split()[0] for line in jobs if line.endswith(LONG))
    ask(env, "scancel", job)
    wait(lambda: not ask(env, *running, f"--jobs={job}"), "the job was not killed")
    reached = epochs(project, LONG)
    assert KILLED <= reached < EPOCHS
    return reached
