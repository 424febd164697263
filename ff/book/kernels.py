"""Kernels that start at once: copies of one process that has already imported what pages import.

A kernel takes seconds of a core to import pandas, matplotlib and the rest, and every page of the
book has one of its own. On Linux, a single process imports all of that, and `ForkedProvisioner`
starts each kernel as a fork of it. Elsewhere, where a fork is unsafe once libraries are loaded, and
as long as that process is not ready, kernels start as they always do.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

__all__ = ["ForkedProvisioner", "forked"]

NAME = "ff-forked"  # of the entry point in pyproject.toml
# What pages import. Without torch: of all pages two train, and those import it themselves.
WARM = (
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "scipy.stats",
    "ff.book.chapter",
    "ff.book.embed",
    "ff.book.exercises",
    "ff.book.figures",
    "ff.book.findings",
    "ff.book.summary",
    "ff.book.verdicts",
    "ff.stats.study",
)


class _Warm:
    """The process whose forks are kernels."""

    def __init__(self) -> None:
        # Options as of a kernel: -P leaves the working directory out of what is imported.
        command = [sys.executable, "-P", "-Xfrozen_modules=off", "-m", "ff.book.kernels"]
        pipes: Any = dict.fromkeys(["stdin", "stdout"], subprocess.PIPE)
        self._process = subprocess.Popen(command, text=True, **pipes)
        self._lock, self._ready = threading.Lock(), threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        if self._answer() == "ready":
            self._ready.set()

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def fork(self, **request: Any) -> int | None:
        """Start a kernel; its process id, or None if this process is not ready, or has ended."""
        assert self._process.stdin
        if not self._ready.is_set():
            return None
        with self._lock:
            try:
                print(json.dumps(request), file=self._process.stdin, flush=True)
            except BrokenPipeError:
                return None
            answer = self._answer()
        return int(answer) if answer else None

    def end(self) -> None:
        """End it; kernels that still run end with it."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):  # it has ended before
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


_warm: _Warm | None = None


@contextmanager
def forked() -> Iterator[None]:
    """Meanwhile, kernels that this process starts are forks, where that is safe."""
    global _warm
    factory = KernelProvisionerFactory.instance()
    # The entry point is absent where ff was installed before it had one.
    if sys.platform != "linux" or NAME not in factory.provisioners:
        yield
        return
    before = factory.default_provisioner_name
    try:
        factory.default_provisioner_name = NAME
        _warm = _Warm()
        yield
    finally:
        factory.default_provisioner_name = before
        if _warm:
            _warm.end()
        _warm = None


class ForkedProvisioner(LocalProvisioner):
    """Starts a kernel by a fork; ends and watches it as jupyter_client does any local kernel."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start a kernel.

        Parameters
        ----------
        cmd
            ``python -m ipykernel_launcher`` and its arguments.
        **kwargs
            As of `subprocess.Popen`.
        """
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        request = {"arguments": arguments, "env": kwargs.get("env"), "cwd": kwargs.get("cwd")}
        pid = _warm.fork(**request) if _warm else None
        if pid is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process: Any = _Fork(pid)
        self.pid = self.pgid = pid
        self.cwd = kwargs.get("cwd")
        return self.connection_info


class _Fork:
    """A kernel that is no child of this process, with what is asked of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None as long as it runs, else 0: its exit code is not known here."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        """Wait until it has ended."""
        while self.poll() is None:
            time.sleep(0.01)
        return 0

    def send_signal(self, signum: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, signum)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def _serve() -> None:
    """Import, then fork for each line on standard input, and answer with the process id."""
    for name in WARM:
        import_module(name)
    _draw()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a kernel has ended
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that has started this
    print("ready", flush=True)
    for line in sys.stdin:
        if pid := os.fork():
            print(pid, flush=True)
        else:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _be_kernel(**json.loads(line))
            break


def _draw() -> None:
    """Draw something, which loads fonts and what else drawing needs."""
    from ff.book.style import Figure

    figure = Figure(1)
    figure.subplots().set(xlabel="$x$", ylabel="y", title="text")
    figure._repr_svg_()


def _be_kernel(arguments: list[str], env: dict[str, str] | None, cwd: str | None) -> None:
    """Be a kernel until it is told to end."""
    import matplotlib
    import numpy as np
    import pandas as pd
    from ipykernel.kernelapp import IPKernelApp

    # What these find out as they are imported is otherwise in a kernel.
    matplotlib.rcParams["backend"] = "module://matplotlib_inline.backend_inline"
    pd.set_option("display.max_columns", 20)
    np.random.seed()
    os.setsid()  # signals to it reach what it has started, too
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what it prints aside from its cells is no answer
    os.environ.update(env or {})
    os.chdir(cwd or ".")
    watched = f"--IPKernelApp.parent_handle={os.getppid()}"  # it ends with the process it is of
    IPKernelApp.launch_instance([*arguments, watched])


if __name__ == "__main__":
    _serve()
