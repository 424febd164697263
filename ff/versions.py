"""Which code made a number: the versions of packages, and the commit of this one."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

__all__ = ["commit", "short_commit", "versions"]


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on, and the commit of the code if it is known."""
    packages = {name: version(name) for name in ("ff", "torch", "torchvision", "numpy", "pandas")}
    own = commit(Path(__file__).parent.parent, "ff")
    return {"python": platform.python_version(), **packages, "commit": own}


def commit(root: Path, *places: str) -> str:
    """Commit that a repository is at, with ``+`` where files below these places are edited since.

    Parameters
    ----------
    root
        Top folder of the repository. The commit is ``unknown`` where it is none: a repository that
        encloses the folder has commits of its own, which say nothing about what lies in it.
    *places
        Files and folders, relative to it.
    """
    try:
        place, edited = (
            subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
            for words in (
                ["rev-parse", "--show-prefix", "HEAD"],
                ["status", "--porcelain", "--", *places],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    prefix, found = place.stdout.splitlines()  # the first line is empty in the top folder
    return "unknown" if prefix else found + "+" * bool(edited.stdout.strip())


def short_commit(commit: str) -> str:
    """Seven digits of a commit that `versions` has named, and ``+`` where `ff` was edited since."""
    return commit[:7] + "+" * commit.endswith("+")
