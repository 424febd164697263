"""Kernels that are forks of a process that has imported what pages import."""

import signal
import subprocess
import sys
import time
from typing import Any

import nbformat
import papermill
import pytest
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from ff.book import kernels

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")


def run(*sources: str, **options: Any) -> list[str]:
    """What cells print, in a kernel of their own."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    notebook = nbformat.from_dict(notebook)
    done = papermill.execute_notebook(
        notebook,
        None,
        kernel_name="python3",
        progress_bar=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        shutdown_kernel="immediate",
        **options,
    )
    return [output.text.strip() for cell in done.cells for output in cell.outputs]


@pytest.fixture(scope="class")
def warm():
    """A process that is ready."""
    with kernels.forked():
        assert kernels._warm
        assert kernels._warm._ready.wait(60)
        yield kernels._warm


LOADED = "import sys; print('ff.book.chapter' in sys.modules, 'torch' in sys.modules)"


def test_before_the_process_is_ready_and_after_it_has_ended_kernels_start_as_usual():
    with kernels.forked():
        assert kernels._warm
        assert run("print(1)") == ["1"]
        assert kernels._warm._ready.wait(60)
        kernels._warm._process.send_signal(signal.SIGKILL)
        kernels._warm._process.wait()
        assert run(LOADED) == ["False False"]


def test_afterwards_kernels_start_as_before():
    before = KernelProvisionerFactory.instance().default_provisioner_name
    with kernels.forked():
        assert kernels._warm
        process = kernels._warm._process
        assert KernelProvisionerFactory.instance().default_provisioner_name == kernels.NAME
    assert KernelProvisionerFactory.instance().default_provisioner_name == before
    assert process.poll() is not None
    assert kernels._warm is None


def test_elsewhere_kernels_start_as_usual(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with kernels.forked():
        assert kernels._warm is None
        assert KernelProvisionerFactory.instance().default_provisioner_name != kernels.NAME


class TestReady:
    """Kernels of a process that is ready."""

    def test_a_kernel_has_imported_what_pages_import_and_nothing_for_training(self, warm):
        assert run(LOADED) == ["True False"]

    def test_kernels_know_nothing_of_each_other(self, warm):
        assert run("x = 1\nimport ff\nff.mark = 1", "print(x)") == ["1"]
        assert run("import ff; print('x' in globals(), hasattr(ff, 'mark'))") == ["False False"]

    def test_a_kernel_has_the_environment_and_the_folder_that_it_is_given(
        self, warm, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("FF_SAID", "hello")
        where = {"resources": {"metadata": {"path": str(tmp_path)}}}
        code = "import os; print(os.environ['FF_SAID'], os.getcwd())"
        assert run(code, **where) == [f"hello {tmp_path}"]

    def test_what_a_kernel_prints_to_the_process_itself_is_no_answer(self, warm):
        assert run("import os; _ = os.write(1, b'5\\n')", "print(7)") == ["7"]
        assert run("print(8)") == ["8"]

    def test_a_kernel_that_dies_is_noticed(self, warm):
        with pytest.raises(DeadKernelError):
            run("import os; os._exit(3)")

    def test_a_kernel_can_be_interrupted_with_what_it_has_started(self, warm):
        """As when a cell takes too long."""
        begin = time.monotonic()
        with pytest.raises(Exception, match=r"timed out|Timeout"):
            run("import subprocess; subprocess.run(['sleep', '61.7'])", execution_timeout=2)
        assert time.monotonic() - begin < 30
        left = subprocess.run(["pgrep", "-fx", "sleep 61.7"], capture_output=True, text=True)
        assert not left.stdout


def test_a_kernel_ends_with_the_process_it_is_of():
    with kernels.forked():
        assert kernels._warm
        assert kernels._warm._ready.wait(60)
        pid = kernels._warm.fork(arguments=["--IPKernelApp.log_level=50"], env=None, cwd="/")
        assert pid
        own = kernels._Fork(pid)
        time.sleep(2)
        assert own.poll() is None
        kernels._warm._process.kill()
        deadline = time.monotonic() + 20
        while own.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert own.poll() == 0


ALIKE = """
import matplotlib.pyplot as plt, numpy as np, pandas as pd, threading, os
print(plt.get_backend(), pd.get_option("display.max_columns"), pd.get_option("display.width"))
print(sorted(os.sched_getaffinity(0)), threading.active_count() > 0, plt.rcParams["figure.dpi"])
print(pd.DataFrame(np.zeros((2, 30))))
"""


def test_a_forked_kernel_shows_what_an_ordinary_one_shows():
    ordinary = run(ALIKE)
    with kernels.forked():
        assert kernels._warm
        assert kernels._warm._ready.wait(60)
        assert run(ALIKE) == ordinary
        draws = "import numpy as np, random; print(np.random.rand(), random.random())"
        one, two = run(draws)[0].split(), run(draws)[0].split()
        assert one[0] != two[0]
        assert one[1] != two[1]
