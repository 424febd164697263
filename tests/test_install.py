"""The package as it is installed: from a folder called ff, as a wheel, from anywhere."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import ff

ROOT = Path(__file__).parent.parent
PIP = ["-m", "pip", "--disable-pip-version-check"]
BUILD = ["--no-deps", "--no-build-isolation", "--no-index"]
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


SENTENCE = (
    "the book's measurements are in a clone of the repository, not in an installed package; "
    "call 'pip install -e .' in a clone, or name a folder of your own records"
)
READ_ALL = """
import ff
from ff import explore, results
from ff.book import coverage, exercises, pages, study
from ff.live import selection
from ff.speed import report
from ff.stats import agreement

for read in (
    ff.published,
    lambda: ff.published(100, seeds=2),
    results.variations,
    results.variants,
    lambda: results.variants(needed=["paper"]),
    results.tuning,
    results.linear,
    results.backprop_grids,
    lambda: results.backprop("mnist"),
    results.two_learners,
    lambda: results.exercise("base"),
    coverage.simulated,
    exercises.threshold,
    pages.provenance,
    pages.disturbances,
    pages.silences,
    lambda: study.expected("variations"),
    agreement.rounding,
    report.read,
    explore.ResultsExplorer,
):
    try:
        print(read())
    except ff.RecordsError as error:
        print(error)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command; return what it printed, or fail with it."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=ENVIRONMENT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What an install needs of the repository, in a folder called ff."""
    copy = tmp_path / "above" / "ff"
    shutil.copytree(ROOT / "ff", copy / "ff", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Python of a new virtual environment: the packages of this one, and no ff."""
    folder = tmp_path / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=tmp_path)
    base = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", base))
    # Folders named in a .pth file come last on sys.path; .pth files in them, as ff's, are not read.
    own = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "zz.pth").write_text("\n".join(sorted(own)), encoding="utf-8")
    return Path(sysconfig.get_path("scripts", "venv", base), Path(sys.executable).name)


def test_a_folder_called_ff_does_not_hide_the_package(tmp_path: Path):
    """As this environment is installed: after `git clone`, in the folder above."""
    (tmp_path / "ff" / "ff").mkdir(parents=True)
    printed = run(sys.executable, "-c", "import ff; print(ff.Config.__module__)", cwd=tmp_path)
    assert printed.strip() == "ff.config", "run `make env`"


@pytest.mark.slow
def test_an_editable_install_is_found_from_the_folder_above(clone: Path, python: Path):
    printed = run(python, *PIP, "install", *BUILD, "--editable", ".", cwd=clone)
    script = "import ff; print(ff.__file__, ff.Config.__module__)"
    for folder in (clone.parent, clone, clone.parent.parent):
        found = run(python, "-c", script, cwd=folder).split()
        assert found == [str(clone / "ff" / "__init__.py"), "ff.config"], folder
    assert "Warning" not in printed


@pytest.mark.slow
def test_a_wheel_holds_every_room_and_trains(clone: Path, python: Path, tmp_path: Path):
    run(sys.executable, *PIP, "wheel", *BUILD, "--wheel-dir", tmp_path, ".", cwd=clone)
    (wheel,) = tmp_path.glob("ff-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = (path for path in (clone / "ff").rglob("*") if path.is_file())
    assert packed == {path.relative_to(clone).as_posix() for path in files}
    assert "ff/py.typed" in packed

    shutil.rmtree(clone)
    run(python, *PIP, "install", *BUILD, str(wheel), cwd=tmp_path)
    where = Path(run(python, "-c", "import ff; print(ff.__file__)", cwd=tmp_path).strip())
    assert where.is_relative_to(python.parent.parent)
    small = ("dataset=digits", "layers=2", "hidden=10", "seeds=1", "epochs=1", "device=cpu")
    settings = [word for setting in small for word in ("--set", setting)]
    command = python.with_name("ff" + python.suffix)
    run(command, "train", *settings, "--out", "out", cwd=tmp_path)
    assert len(ff.read(tmp_path / "out").layers) == 2

    # The book's measurements are not in it, which each function that reads them says.
    found = run(python, "-c", READ_ALL, cwd=tmp_path).splitlines()
    assert len(found) == 20
    assert set(found) == {SENTENCE}
    own = "from ff.results import variants; print(len(variants('.')['out'].layers))"
    assert run(python, "-c", own, cwd=tmp_path).strip() == "2"
    refused = subprocess.run(
        [command, "verdicts"], capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT
    )
    assert (refused.returncode, refused.stderr) == (1, f"Error: {SENTENCE}\n")
