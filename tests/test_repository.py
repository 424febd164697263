"""What holds for the repository as a whole: lock files, notebooks, version, imports, files."""

import ast
import io
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from itertools import chain, pairwise
from pathlib import Path

import nbformat
import nbstripout
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ff.files import foreign

ROOT = Path(__file__).parent.parent

# --- requirements*.lock

# What each environment holds: the extra of pyproject.toml that its lock file pins with the base.
EXTRAS = {"requirements": None, "requirements-train": "train"}
EXTRAS |= {"requirements-sweep": "sweep", "requirements-dev": "dev"}
LOCKS = [*EXTRAS, "requirements-uv"]
PIN = r"([\w.\-]+)(?:\[([\w., \-]+)\])?==([\w.+!]+)"  # a package, its extras, its version


def lock_of(name: str) -> str:
    """Text of a lock file."""
    return (ROOT / f"{name}.lock").read_text(encoding="utf-8")


def pins(lock: str) -> dict[str, set[str]]:
    """Return the versions of each package in a lock file, of which another Python may need two."""
    found: dict[str, set[str]] = {}
    for name, _, version in re.findall(f"^{PIN}", lock, flags=re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def unpinned(lock: str) -> list[str]:
    """Return the lines of a lock file that are not a pin by name, version and hash."""
    lines = re.sub(r"\\\n", " ", lock).splitlines()
    pin = re.compile(PIN + r"( ; [^#@]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    return [
        line
        for line in lines
        if line.strip() and line.strip()[0] != "#" and not pin.fullmatch(line)
    ]


def addresses(lock: str) -> list[str]:
    """Return the lines of a lock file that say where to fetch something, comments included."""
    place = re.compile(r"://|file:|\s@\s|(^|\s)(-i|-f|--(extra-)?index-url|--find-links)\b")
    return [line for line in lock.splitlines() if place.search(line)]


GOOD_PIN = f"six==1.17.0 ; sys_platform == 'win32' \\\n    --hash=sha256:{'0f' * 32}\n    # via x\n"


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_of_a_lock_file_has_a_hash(name):
    assert unpinned(GOOD_PIN) == []
    assert unpinned(lock_of(name)) == [], "run `make lock`"


def test_every_lock_file_is_tested():
    assert {path.stem for path in ROOT.glob("*.lock")} == set(LOCKS)


@pytest.mark.parametrize(
    "line", ["six==1.17.0", "six", "six>=1 \\\n    --hash=sha256:" + "0f" * 32, "-r other.txt"]
)
def test_a_pin_without_version_or_hash_is_found(line):
    assert len(unpinned(GOOD_PIN + line + "\n")) == 1


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_has_no_addresses(name):
    assert addresses(lock_of(name)) == [], "run `make lock`, which leaves the package index out"


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        "--find-links wheels",
        "six @ file:///wheels/six.whl",
        "    # from https://example.org",
    ],
)
def test_an_address_is_found(line):
    assert addresses(GOOD_PIN + line + "\n") == [line]


def required(extra: str | None) -> list[Requirement]:
    """Return what pyproject.toml asks for, with an extra and those that it names itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    found = []
    for requirement in map(Requirement, wanted):
        inner = requirement.extras if requirement.name == project["name"] else set()
        found += chain.from_iterable(map(required, inner)) if inner else [requirement]
    return found if extra is None else [*required(None), *found]


@pytest.mark.parametrize(("name", "extra"), EXTRAS.items())
def test_a_lock_file_satisfies_pyproject(name, extra):
    found = pins(lock_of(name))
    for requirement in required(extra):
        versions = found.get(canonicalize_name(requirement.name), set())
        assert versions, f"{name}.lock lacks {requirement}: run `make lock`"
        assert all(v in requirement.specifier for v in versions), f"{requirement}: {versions}"


@pytest.mark.parametrize("name", EXTRAS)
def test_extras_that_packages_ask_for_are_named(name):
    """Where they are not, pip looks for the newest version, which has no hash in the file."""
    lock = lock_of(name)
    named: dict[str, set[str]] = {}
    for package, extras, _ in re.findall(f"^{PIN}", lock, flags=re.MULTILINE):
        named.setdefault(canonicalize_name(package), set()).update(re.findall(r"[\w.\-]+", extras))
    assert any(named.values())
    for package in named:
        try:
            requirements = map(Requirement, requires(package) or [])
        except PackageNotFoundError:  # of a larger environment, or of another system
            continue
        for one in requirements:
            if one.extras and (one.marker is None or one.marker.evaluate({"extra": ""})):
                has = named.get(canonicalize_name(one.name), set())
                assert one.extras <= has, f"{package} asks for {one}: run `make lock`"


def test_building_the_book_loads_no_grammar_of_addresses():
    """As jsonschema does at each import where this package is: see `make lock`."""
    assert not any("rfc3987-syntax" in pins(lock_of(name)) for name in EXTRAS)


def test_each_lock_file_holds_the_smaller_ones():
    """So that what a larger environment needs never changes what a smaller one has installed."""
    found = [pins(lock_of(name)) for name in EXTRAS]
    for smaller, larger in pairwise(found):
        assert {package: larger.get(package) for package in smaller} == smaller
        assert len(smaller) < len(larger)


def test_only_training_needs_torch():
    with_torch = [name for name in EXTRAS if "torch" in pins(lock_of(name))]
    assert with_torch == ["requirements-train", "requirements-sweep", "requirements-dev"]
    assert not any(package.startswith("nvidia") for package in pins(lock_of("requirements")))


# --- notebooks


def notebooks() -> list[Path]:
    """Return the notebooks of the book, without the executed copies that the build leaves."""
    return sorted(
        path
        for path in (ROOT / "book").rglob("*.ipynb")
        if "runs" not in path.parts and not foreign(path.relative_to(ROOT))
    )


def faults(path: Path) -> list[str]:
    """Return what keeps a notebook from being committed."""
    notebook = nbformat.read(path, as_version=4)
    found = []
    if (kernel := notebook.metadata.get("kernelspec", {}).get("name")) != "python3":
        found.append(f"the kernel's name must be python3 but is {kernel}")
    if not is_stripped(path):
        found.append(f"has outputs: run nbstripout --keep-id {path}")
    return found


def is_stripped(path: Path) -> bool:
    """Return whether `nbstripout --keep-id --verify` passes; run here, as it starts slowly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["nbstripout", "--keep-id", "--verify", str(path)])
        patch.setattr(sys, "stdin", None)
        patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
        try:
            nbstripout.main()
        except SystemExit as end:
            return not end.code
    return True


def test_notebooks_are_stripped_and_use_the_same_kernel():
    paths = notebooks()
    assert paths, "book/ holds no notebook"
    assert {p.name: f for p in paths if (f := faults(p))} == {}


def test_a_notebook_with_output_or_another_kernel_is_found(tmp_path):
    cell = nbformat.v4.new_code_cell(
        "1 + 1", outputs=[nbformat.v4.new_output("stream", text="2\n")], execution_count=1
    )
    notebook = nbformat.v4.new_notebook(
        cells=[cell], metadata={"kernelspec": {"name": "ff", "display_name": "ff"}}
    )
    path = tmp_path / "executed.ipynb"
    nbformat.write(notebook, path)
    assert len(faults(path)) == 2


# --- version


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d[^\]]*)\]", changelog, flags=re.MULTILINE)
    assert newest, "CHANGELOG.md has no heading of the form `## [1.2.3]`"
    assert {project["version"], str(citation["version"]), newest[1]} == {project["version"]}


# --- loading files must not run code

UNSAFE_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
UNSAFE_FUNCTIONS = {"eval", "exec", "torch.load"}  # `model.eval()` is another matter
UNSAFE_METHODS = {"read_pickle", "unsafe_load", "full_load"}


def safe_loaders(tree: ast.AST) -> set[str]:
    """Return the YAML loaders that make plain values only: PyYAML's and those derived from them."""
    loaders = {"yaml.SafeLoader", "yaml.CSafeLoader"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and loaders & {ast.unparse(b) for b in node.bases}:
            loaders.add(node.name)
    return loaders


def can_run_code(node: ast.AST, loaders: set[str]) -> bool:
    """Return whether a node imports or calls something that can run code found in a file."""
    match node:
        case ast.Import():
            return any(alias.name.split(".")[0] in UNSAFE_MODULES for alias in node.names)
        case ast.ImportFrom():
            # `from torch import load` would hide the call from the next case.
            hidden = node.module in {"torch", "yaml"} and any(a.name == "load" for a in node.names)
            return hidden or (node.module or "").split(".")[0] in UNSAFE_MODULES
        case ast.Call():
            function = ast.unparse(node.func)
            values = [ast.unparse(argument) for argument in node.args]
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            return (
                function in UNSAFE_FUNCTIONS
                or function.split(".")[-1] in UNSAFE_METHODS
                or (function == "yaml.load" and loaders.isdisjoint([*values, *keywords.values()]))
                or keywords.get("allow_pickle", "False") != "False"
            )
    return False


def unsafe(source: str) -> list[str]:
    """Return the statements and calls of a Python source that can run code found in a file."""
    tree = ast.parse(source)
    loaders = safe_loaders(tree)
    return [ast.unparse(node) for node in ast.walk(tree) if can_run_code(node, loaders)]


def test_the_library_loads_no_file_that_can_run_code():
    sources = [*(ROOT / "ff").rglob("*.py"), *(ROOT / "book" / "_ext").glob("*.py")]
    sources = sorted(path for path in sources if not foreign(path.relative_to(ROOT)))
    assert len(sources) > 2
    assert {p.name: f for p in sources if (f := unsafe(p.read_text(encoding="utf-8")))} == {}


def test_the_notebooks_load_no_file_that_can_run_code():
    for path in notebooks():
        cells = nbformat.read(path, as_version=4).cells
        for cell in cells:
            if cell.cell_type == "code":
                assert unsafe(cell.source) == [], path.name


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "from torch import load",
        "torch.load(path)",
        "torch.load(path, weights_only=True)",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.FullLoader)",
        "class SafeLoader(yaml.Loader): pass\nyaml.load(text, SafeLoader)",
        "yaml.unsafe_load(text)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "eval(text)",
    ],
)
def test_unsafe_loading_is_found(source):
    assert len(unsafe(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "yaml.safe_load(text)",
        "yaml.load(text, Loader=yaml.CSafeLoader)",
        "class Strict(yaml.SafeLoader): pass\nyaml.load(text, Strict)",
        "np.load(path)",
        "model.eval()",
    ],
)
def test_safe_loading_is_not_reported(source):
    assert unsafe(source) == []


# --- imports


def test_no_module_has_the_name_of_one_of_pythons_own():
    """In a file of the same folder that is run as a script, it would be imported instead."""
    files = [p for p in (ROOT / "ff").rglob("*.py") if not foreign(p.relative_to(ROOT))]
    assert len(files) > 10
    assert [str(p.relative_to(ROOT)) for p in files if p.stem in sys.stdlib_module_names] == []


# --- what runs in continuous integration


def test_shell_sources_parse():
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    for script in (ROOT / ".ci" / "run", ROOT / "tools" / "gpu.sh"):
        subprocess.run([bash, "-n", str(script)], check=True)
