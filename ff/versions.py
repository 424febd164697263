"""Which code made a number: the versions of packages, and the commit of this one."""

import os
import platform
import re
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
        encloses the folder has commits of its own, which say nothing about what lies in it. The
        same holds where the places are not in the repository: a package may be installed there.
    *places
        Files and folders, relative to it.
    """
    # Variables such as GIT_DIR, which git sets for its hooks, name another repository.
    env = {name: os.environ[name] for name in os.environ if not re.match("GIT_(?!CONFIG)", name)}
    try:
        place, tracked, edited = (
            subprocess.run(
                ["git", *words], cwd=root, env=env, capture_output=True, text=True, check=True
            ).stdout
            for words in (
                ["rev-parse", "--show-prefix", "HEAD"],
                ["ls-tree", "--name-only", "HEAD", "--", *places],
                ["status", "--porcelain", "--", *places],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    prefix, found = place.splitlines()  # the first line is empty in the top folder
    if prefix or set(tracked.splitlines()) != set(places):
        return "unknown"
    return found + "+" * bool(edited.strip())


def short_commit(commit: str) -> str:
    """Seven digits of a commit that `versions` has named, and ``+`` where `ff` was edited since."""
    return commit[:7] + "+" * commit.endswith("+")
