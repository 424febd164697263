"""Kernels that start at once: copies of one process that has already imported what pages import.

A kernel takes seconds of a core to import pandas, matplotlib and the rest, and every page of the
book has one of its own. On Linux, `ForkedProvisioner` starts a single process that imports all of
that, and each kernel is a fork of it. Elsewhere, where a fork of a process with threads is unsafe,
kernels start as they always do.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

__all__ = ["ForkedProvisioner", "forked"]

NAME = "ff-forked"  # of the entry point in pyproject.toml
# What pages import. Without torch: of all pages two train, and those import it themselves.
WARM = (
    "ipykernel.kernelapp",
    "ff.book.chapter",
    "ff.book.embed",
    "ff.book.exercises",
    "ff.book.figures",
    "ff.book.findings",
    "ff.book.summary",
    "ff.book.verdicts",
    "ff.stats.study",
    "scipy.stats",
)


@contextmanager
def forked() -> Iterator[None]:
    """Meanwhile, kernels that this process starts are forks of a process that has imported."""
    factory = KernelProvisionerFactory.instance()
    before = factory.default_provisioner_name
    if sys.platform == "linux":
        # The command that starts the builder is imported once there, not anew in each kernel.
        multiprocessing.get_context("forkserver").set_forkserver_preload(["__main__", *WARM])
        factory.default_provisioner_name = NAME
    try:
        yield
    finally:
        factory.default_provisioner_name = before


class ForkedProvisioner(LocalProvisioner):
    """Starts a kernel by a fork; ends and watches it as jupyter_client does any local kernel."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start a kernel.

        Parameters
        ----------
        cmd
            ``python -m ipykernel_launcher`` and its arguments.
        **kwargs
            Of `subprocess.Popen`: ``env`` and ``cwd`` are heeded.
        """
        self.process: Any = _Kernel(cmd[3:], kwargs.get("env"), kwargs.get("cwd"))
        self.process.start()
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd")
        return self.connection_info


class _Kernel(multiprocessing.get_context("forkserver").Process):
    """A forked kernel, with what a provisioner asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, arguments: list[str], env: dict[str, str] | None, cwd: str | None) -> None:
        super().__init__(daemon=True)  # it ends with the builder
        self.arguments, self.env, self.cwd = arguments, env, cwd

    def run(self) -> None:
        """Be a kernel until it is told to end."""
        from ipykernel.kernelapp import IPKernelApp

        os.setsid()  # signals to it reach what it has started, too
        os.environ.update(self.env or {})
        os.chdir(self.cwd or ".")
        parent = (
            f"--IPKernelApp.parent_handle={os.getppid()}"  # the kernel ends if that process does
        )
        IPKernelApp.launch_instance([*self.arguments, parent])

    def poll(self) -> int | None:
        """Its exit code, None as long as it runs."""
        return self.exitcode

    def wait(self) -> int | None:
        """Wait until it has ended; its exit code."""
        self.join()
        return self.exitcode

    def send_signal(self, signum: int) -> None:
        """Send it a signal."""
        os.kill(self.pid or 0, signum)
