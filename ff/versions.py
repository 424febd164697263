"""Which code made a number: the versions of packages, and the commit of this one."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

__all__ = ["short_commit", "versions"]


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on, and the commit of the code if it is known."""
    packages = {name: version(name) for name in ("ff", "torch", "torchvision", "numpy", "pandas")}
    return {"python": platform.python_version(), **packages, "commit": _commit()}


def short_commit(commit: str) -> str:
    """Seven digits of a commit that `versions` has named, and ``+`` where `ff` was edited since."""
    return commit[:7] + "+" * commit.endswith("+")


def _commit() -> str:
    """Commit of this source tree, with ``+`` where `ff` has been edited since; or ``unknown``."""
    here = Path(__file__).parent
    try:
        run = [
            subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True)
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "."])
        ]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return run[0].stdout.strip() + ("+" if run[1].stdout.strip() else "")
