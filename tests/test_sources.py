"""Which files a module consists of, on a small package made for the purpose."""

from pathlib import Path

import pytest

from ff.sources import behavior, imported, sources

FILES = {
    "pkg/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pkg.typed",
    "pkg/typed.py": "",
    "pkg/ground.py": "import json\nVALUE = 1\n",
    "pkg/room/__init__.py": "",
    "pkg/room/one.py": "from pkg.ground import VALUE\n",
    "pkg/room/two.py": "def late():\n    from pkg.room import one\n    return one\n",
    "pkg/room/circle.py": "import pkg.room.circle\nfrom . import two\n",
    "pkg/choice.py": (
        "import typing\n"
        "if typing.TYPE_CHECKING:\n    from pkg import typed\nelse:\n    from . import ground\n"
        "if not typing.TYPE_CHECKING:\n    from .room.one import VALUE\n"
    ),
    "pkg/alone.py": "import other\nfrom other.pkg import ground\n",
    "other.py": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("module", "others"),
    [
        ("pkg.ground", ""),
        ("pkg.alone", ""),  # another package is not followed
        ("pkg.room.one", "room/__init__ ground"),
        ("pkg.room.two", "room/__init__ room/one ground"),  # imported inside a function
        ("pkg.room.circle", "room/__init__ room/two room/one ground"),  # relative, and in a circle
        ("pkg.choice", "room/__init__ room/one ground"),  # not what a type checker alone sees
    ],
)
def test_a_module_consists_of_all_that_it_imports(root: Path, module: str, others: str):
    own = module.replace(".", "/") + ".py"
    expected = {own, "pkg/__init__.py", *(f"pkg/{other}.py" for other in others.split())}
    assert {path.as_posix() for path in sources(module, root=root)} == expected


def test_a_package_stands_for_every_module_in_it(root: Path):
    found = sources("pkg.room", root=root)
    assert found == sorted({*found})
    assert {path.as_posix() for path in found} == {
        "pkg/__init__.py",
        "pkg/ground.py",
        *(name for name in FILES if name.startswith("pkg/room/")),
    }


def test_a_name_without_a_file_is_refused(root: Path):
    with pytest.raises(ModuleNotFoundError, match=r"pkg\.room\.three must name a module below"):
        sources("pkg.ground", "pkg.room.three", root=root)


def test_what_decides_the_numbers_is_found_in_this_package():
    found = {path.as_posix() for path in sources("ff.running.run")}
    assert {"ff/algorithm/objective.py", "ff/config.py", "ff/data.py", "ff/records.py"} <= found
    assert not {path for path in found if path.startswith(("ff/book/", "ff/stats/", "ff/live/"))}


@pytest.mark.parametrize(
    ("code", "among", "not_among"),
    [
        ("import ff\nff.read('a')", "ff/records.py", "ff/running/run.py"),
        ("import ff\nx = ff.train", "ff/running/run.py", "ff/book/style.py"),
        ("from ff import delay", "ff/stats/delay.py", "ff/stats/correlation.py"),
        ("import ff as f\nf.train", "ff/running/run.py", "ff/speed/bench.py"),
        ("from ff import *", "ff/running/run.py", "ff/speed/bench.py"),
        ("def f():\n    from ff.book import summary", "ff/book/summary/delay.py", "ff/live/lab.py"),
        ("from ff.book.markup import Html", "ff/book/markup.py", "ff/records.py"),
    ],
)
def test_code_imports_what_it_names(code, among, not_among):
    found = {path.as_posix() for path in imported(code)}
    assert among in found
    assert not_among not in found
    assert "ff/__init__.py" in found


def test_code_that_imports_nothing_of_the_package_depends_on_none_of_it():
    assert imported("import json\nff = json.loads('{}')\nff.train") == []


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ("X = 1", True),
        ("# why\nX = (\n    1\n)", True),
        ('"""Doc."""\nX = 1', True),
        ("X = 2", False),
        ("X = 1\nimport json", False),
        ('X = 1\nY = """no docstring"""', False),
    ],
)
def test_comments_docstrings_and_layout_are_no_behavior(tmp_path, source, same):
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text("X = 1\n")
    after.write_text(source)
    assert (behavior(before) == behavior(after)) == same


def test_docstrings_of_functions_and_classes_are_no_behavior(tmp_path):
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    code = "class A:\n    {}\n    def f(self):\n        {}\n        return 1\n"
    before.write_text(code.format('"""One."""', '"""Two."""'))
    after.write_text(code.format('"""Other."""', '"""Words."""'))
    assert behavior(before) == behavior(after)
