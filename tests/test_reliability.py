"""Killed, stopped and rival runs; the experiments of `reliability.py`, each in its own process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import reliability

SCRIPT = Path(__file__).parent / "reliability.py"
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork a process")


def experiment(name: str, *runs: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), name, *runs],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=1200,
    )
    return json.loads(done.stdout)


@forks
@pytest.mark.slow
def test_runs_disturbed_at_random_moments_end_with_the_same_records():
    """Killed, with other threads, from other places, by links, on a disk that is nearly full."""
    found = experiment("killed", "20")
    assert found["equal"] == found["runs"] == 20
    assert found["targets of links untouched"] == 20
    assert found["nothing left by one more call"] == 20, found
    assert found["nothing left behind"] >= 19, found
    assert found["kills"] >= 40
    assert found["links planted"] >= 10
    assert 4 <= found["replaced older records"] <= 16
    assert min(found[f"started with {n} thread{'s' * (n > 1)}"] for n in (1, 2, 3)) >= 12
    if os.geteuid() == 0:
        assert found["disks nearly full"] >= 8
        assert found["ended by a full disk"] >= 2


@forks
@pytest.mark.slow
def test_runs_killed_at_each_write_end_with_the_same_records():
    found = experiment("killed_at_writes")
    # Widths, chunks, epochs; tables; the name of who holds the folder, and the run's note.
    writes = 2 * 2 * reliability.CONFIG.epochs + 2 + 2
    assert found == {"kills": 2 * writes, "equal": 2 * writes}


@forks
@pytest.mark.slow
def test_of_two_runs_in_one_folder_the_second_is_refused():
    found = experiment("rivals")
    assert found["equal"] == 20
    assert found["refused, naming the first"] + found["found it finished"] == 20
    assert found["refused, naming the first"] >= 10, "they were not at the same time"


@forks
@pytest.mark.slow
def test_the_lock_of_a_dead_process_is_no_obstacle():
    assert experiment("stale_locks") == {"repetitions": 20, "taken over": 20}


@forks
@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_ends_a_run_which_says_how_to_go_on(name, code):
    found = experiment(name.lower())
    assert found[0] == code
    assert found[1] == (
        f"Error: stopped by {name}; "
        "start the same run again to go on from its last checkpoint in OUT"
    )


def test_the_page_has_the_figures_of_every_experiment():
    found = json.loads(reliability.RESULT.read_text(encoding="utf-8"))
    assert set(found) == {"versions", *reliability.EXPERIMENTS}
    assert found["killed"]["equal"] == found["killed"]["runs"] == 100
    assert found["killed"]["kills"] >= 300
    assert all(row["percent of a minute"] < 3 for row in found["checkpoints"][:1])
