"""A reader's environment: torch is not installed, and all but training works."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ff.errors import TORCH, needing_torch
from ff.results import RESULTS

ROOT = Path(__file__).parent.parent
# Python runs a module of this name when it starts.
ABSENT = f"""
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(
    lambda name, *rest: None if name.partition(".")[0] in {TORCH} else find(name, *rest)
)
"""
SENTENCE = (
    r"No module named '(torch|torchvision)', which training and its data sets need; "
    r"in a clone, call 'make train-env' or 'pip install -r requirements-train.lock'"
)
published = pytest.mark.skipif(
    not list(RESULTS.glob("*/layers.parquet")), reason="nothing is published"
)


@pytest.fixture
def run(tmp_path: Path):
    """Runs Python where torch is not found."""
    (tmp_path / "sitecustomize.py").write_text(ABSENT, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])

    def run(*arguments: str, **others: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path} | others,
        )

    return run


def test_torch_is_absent_in_these_tests(run):
    """As where it is not installed: find_spec returns None, and import raises Python's error."""
    code = "from importlib.util import find_spec; print(find_spec('torch')); import torch.nn"
    done = run("-c", code)
    assert done.stdout == "None\n"
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'torch'\n")


@published
@pytest.mark.parametrize(
    "code",
    [
        "import ff; print(ff.Config(layers=4), dir(ff))",
        "import ff; ff.read(results / 'width-100-seeds-01-15')",
        "import ff; from ff import delay, figures; r = ff.published(hidden=100, seeds=2); "
        "delay.mean_delay(r.layers); figures.traces(r.layers, r.readouts, depth=8)",
        "from ff import explore; explore.ResultsExplorer(results / 'width-100-seeds-01-15')",
        "from ff.switches.goodness import GOODNESS; from ff.book import report, study, embed",
        "import ff.book.computed, ff.book.generated, ff.book.performance",
        "from ff import data; data.source('mnist'); data.small_digits()",
    ],
)
def test_reading_needs_no_torch(run, code):
    done = run("-c", f"from pathlib import Path; results = Path({str(RESULTS)!r}); {code}")
    assert (done.returncode, done.stderr) == (0, "")


@published
@pytest.mark.parametrize("command", [["--help"], ["train", "--help"], ["verdicts"]])
def test_commands_that_train_nothing_need_no_torch(run, command):
    done = run("-m", "ff", *command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


@published
@pytest.mark.slow
def test_a_report_needs_no_torch(run, tmp_path):
    done = run("-m", "ff", "report", str(RESULTS / "width-100-seeds-01-15"), "--out", "mine.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine.html").stat().st_size > 100_000


@pytest.mark.parametrize(
    "code",
    [
        "import ff; ff.train",
        "from ff import train",
        "from ff import explore; explore.TrainingLab()",
        "from ff import data; data.load('digits')",
        "from ff import data; data.load('mnist')",
        "from ff import data; data.from_folder('.')",
        "from ff import archives; archives.find('mnist')",
        "from ff import archives; archives.fetch('mnist')",
        "from ff.book.notebook import configure; configure({'dataset': 'auto'})",
    ],
)
def test_what_trains_says_what_to_install(run, code):
    caught = f"try:\n {code}\nexcept ModuleNotFoundError as error: print(error.name, error)"
    done = run("-c", caught)
    assert re.fullmatch(f"torch {SENTENCE}\n", done.stdout), done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--set", "dataset=digits", "--out", "records"],
        ["train", "--set", "dataset=images:pictures", "--out", "records"],
        ["bench"],
        ["data", "fetch", "mnist"],
    ],
)
def test_commands_that_train_say_what_to_install(run, command, tmp_path):
    done = run("-m", "ff", *command)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(f"Error: {SENTENCE}\n", done.stderr), done.stderr
    assert not (tmp_path / "records").exists()


def test_another_missing_package_is_named_by_python():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'absent'$"), needing_torch():
        import absent  # noqa: F401 # pyright: ignore[reportMissingImports]


def test_packages_that_reading_does_without_are_in_the_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = {Requirement(line).name for line in project["dependencies"]}
    extra = {Requirement(line).name for line in project["optional-dependencies"]["train"]}
    assert extra >= TORCH
    assert not extra & base


SIGNATURES = """
import inspect, sys
from importlib import import_module
from importlib.util import find_spec

sys.path.insert(0, sys.argv[1])
import untrained

if sys.argv[2] == "empty":
    there = find_spec("torch") is not None
    untrained.import_library(None, None, ["api"])
    assert (find_spec("torch") is not None) == there
    assert type(import_module("ff.algorithm.network").torch) is untrained.EmptyModule
assert "torch" not in sys.modules
for name in sys.argv[3:]:
    module = import_module(name)
    for own in module.__all__:
        item = getattr(module, own)
        members = vars(item) if inspect.isclass(item) else {}
        for found in (item, *members.values()):
            if inspect.isfunction(found) or inspect.isclass(found) and "__init__" in vars(found):
                print(name, found.__qualname__, inspect.signature(found), found.__doc__)
"""


def test_only_pages_of_the_reference_document_modules():
    """For them alone is the library imported without torch."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md")}
    reference = {name for name, text in texts.items() if re.search(r"\.\. auto\w+::", text)}
    assert reference
    assert all(name.startswith("api") for name in reference)


@pytest.mark.slow
def test_the_reference_is_the_same_without_torch(run):
    pages = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("book/api*.md"))
    named = re.findall(r"automodule:: (ff\.(?:algorithm|speed)\.\w+)", pages)
    assert len(named) > 8
    script, folder = ["-c", SIGNATURES], str(ROOT / "book" / "_ext")
    # Where torch is, with it and with empty classes in its place; and where it is not.
    real = run(*script, folder, "real", *named, PYTHONPATH=str(ROOT))
    empty = run(*script, folder, "empty", *named, PYTHONPATH=str(ROOT))
    without = run(*script, folder, "empty", *named)
    assert "Tensor" in real.stdout, real.stderr
    address = r" at 0x\w+"  # of a function that is a default
    seen = [re.sub(address, "", own.stdout) for own in (real, empty, without)]
    assert seen[0] == seen[1] == seen[2], empty.stderr + without.stderr
