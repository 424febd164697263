"""A small sweep: a copy of what the rules read, and runs of digits to make."""

import os
import re
import shutil
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
RUN = {"dataset": "digits", "layers": [2, 3], "hidden": 30, "seeds": [1, 2], "epochs": 3}
PATIENCE = 300  # seconds that a busy machine may need to start a kernel


def copy(folder: Path) -> None:
    """Copy what the rules read, so that a checkpoint is written after every epoch."""
    for name in ("ff", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "book/train.ipynb", "pyproject.toml"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    checkpoint = folder / "ff" / "running" / "checkpoint.py"
    text, found = re.subn(r"(?m)^EVERY = .*", "EVERY = 0", checkpoint.read_text(encoding="utf-8"))
    assert found == 1
    checkpoint.write_text(text, encoding="utf-8")


def write(project: Path, run: str, *, folder: str = "sweep", **changes: object) -> None:
    """Add a run to a folder of params/."""
    path = project / "params" / folder / f"{run}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(RUN | changes), encoding="utf-8")


def environment(project: Path) -> dict[str, str]:
    """Variables with which a sweep runs the copy, and this environment's programs."""
    paths = [str(project), str(Path(sys.executable).parent), os.environ["PATH"]]
    own = {"PYTHONPATH": paths[0], "PATH": os.pathsep.join(paths[1:]), "HOME": str(project)}
    return os.environ | own
