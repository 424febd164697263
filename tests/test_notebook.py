"""The training notebook: its first cell, and the whole of it through papermill."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch

import ff
from ff.book import notebook
from ff.book.markup import Note
from ff.book.notebook import configure, default_folder

TRAIN = Path(__file__).parent.parent / "book" / "train.ipynb"


def cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def parameters(**changes: Any) -> dict[str, Any]:
    """Return what the notebook's globals hold after its parameters, and what IPython adds."""
    (cell,) = (cell for cell in cells(TRAIN) if "parameters" in cell.metadata.get("tags", ()))
    namespace: dict[str, Any] = {"In": [], "Out": {}, "_": 1, "_i1": "", "json": json, "exit": exit}
    exec(cell.source, namespace)  # the repository's own notebook
    namespace["configure"] = configure
    return {**namespace, **changes}


# --- the first cell


def test_the_parameters_are_all_keys_of_the_configuration_and_two_more():
    names = {name for name in parameters() if not name.startswith("_")}
    names -= {"In", "Out", "json", "exit", "configure"}
    assert names == {*ff.Config.model_fields, "out", "overwrite"}


def test_defaults_agree_with_the_configurations():
    """The notebook's own: a first look instead of the paper's 30 seeds of 1000 units."""
    config, _ = configure(parameters(dataset="mnist"))
    differ = {k for k, v in config.model_dump().items() if v != getattr(ff.Config(), k)}
    assert differ == {"layers", "hidden", "seeds"}


@pytest.mark.parametrize(("dataset", "seeds"), [("digits", 3), ("mnist", 1), ("kmnist", 1)])
def test_no_seeds_mean_a_first_look(dataset, seeds):
    config, note = configure(parameters(dataset=dataset, seeds=None))
    assert config.seed_list == tuple(range(1, seeds + 1))
    assert repr(note) == f"Data set: {dataset}, as asked for."


def test_parameters_reach_the_configuration():
    config, _ = configure(
        parameters(dataset="digits", layers=[2, 4], seeds=[5], batch_size=20, learning_rate=0.1)
    )
    assert (config.layers, config.seeds, config.batch_size) == ([2, 4], [5], 20)
    assert config.learning_rate == 0.1


def test_auto_takes_mnist_where_it_is_on_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(notebook, "find", lambda name: tmp_path / name)
    config, note = configure(parameters())
    assert (config.dataset, config.seeds) == ("mnist", 1)
    assert repr(note) == f"Data set: MNIST, found in {tmp_path / 'mnist'}."


def test_auto_downloads_mnist_where_it_can(offline, monkeypatch):
    monkeypatch.setattr(notebook, "fetch", lambda name: offline / name)
    config, note = configure(parameters())
    assert config.dataset == "mnist"
    assert f"downloaded to {offline / 'mnist'}" in repr(note)


def test_auto_takes_digits_elsewhere_and_says_so(offline):
    config, note = configure(parameters())
    assert (config.dataset, config.seeds) == ("digits", 3)
    for part in ("embedded handwritten digits", "not the paper's", str(offline), "FF_DATA"):
        assert part in repr(note)
    assert not list(offline.rglob("*.gz"))


# Some of tests/test_config.py, and what the notebook adds: its own parameters, and "auto".
BAD = [
    ({"layer": 4}, "unknown key 'layer'; did you mean 'layers'?"),
    ({"layers": 1}, "layers must be an integer of at least 2"),
    ({"learning_rate": "fast"}, "learning_rate must be a number above 0 but got 'fast'"),
    ({"seeds": []}, "seeds must be an integer of at least 1"),
    ({"dataset": "MNIST"}, "dataset must be mnist, fashion-mnist"),
    ({"dataset": None}, "dataset must be mnist"),
    ({"dataset": ["digits"]}, "dataset must be mnist"),
    ({"In": 3}, "unknown key 'In'"),
    ({"out": 5}, "out must be the name of a folder, or None, but got 5"),
    ({"overwrite": "maybe"}, "overwrite must be True or False but got 'maybe'"),
    ({"overwrite": "true"}, "got 'true', which is text; write overwrite=True in Python, overwrite"),
    ({"layers": "[2, 4]"}, '-y "layers: [2, 4]" for papermill'),
    ({"seeds": "null"}, "or None, but got 'null', which is text; write seeds=None in Python, see"),
]


@pytest.mark.parametrize(("changes", "expected"), BAD)
@pytest.mark.parametrize("dataset", ["auto", "digits"])
def test_a_wrong_parameter_is_refused_before_any_wait(monkeypatch, dataset, changes, expected):
    def refuse(name: str) -> None:
        raise AssertionError("looked for a data set first")

    monkeypatch.setattr(notebook, "find", refuse)
    monkeypatch.setattr(notebook, "fetch", refuse)
    with pytest.raises(ff.ConfigError) as caught:
        configure(parameters(**{"dataset": dataset, **changes}))
    assert expected in str(caught.value)


def test_the_notebook_can_be_run_again():
    """Names that its later cells have made are not parameters."""
    namespace = parameters(dataset="digits")
    first, _ = configure(namespace)
    namespace |= {"config": first, "records": 1, "width": 100}
    assert configure(namespace)[0] == first
    with pytest.raises(ff.ConfigError, match="layers must be"):
        configure({**namespace, "layers": 1})


def test_a_refused_parameter_is_refused_again():
    namespace = parameters(layer=4)
    for _ in range(2):
        with pytest.raises(ff.ConfigError, match="unknown key 'layer'"):
            configure(namespace)


def test_the_default_folder_is_one_for_each_configuration(tiny):
    one, same, other = (default_folder(tiny(seeds=n)) for n in (1, 1, 2))
    assert one == same != other
    assert one.parent == Path("records")
    assert one.name.startswith("digits-10x3-")
    assert default_folder(tiny(hidden=[9, 4])).name.startswith("digits-4-9x3-")


@pytest.mark.parametrize(
    "same", [{"layers": [3]}, {"seeds": [2, 1]}, {"hidden": [10]}, {"seeds": np.arange(1, 3)}]
)
def test_the_default_folder_is_the_same_for_equal_configurations(tiny, same):
    assert default_folder(tiny(**same)) == default_folder(tiny())


def test_the_default_folder_of_auto_is_that_of_what_it_chooses(tiny, monkeypatch):
    monkeypatch.setattr("ff.machine.choose", lambda device: torch.device("cpu"))
    auto, cpu, cuda = (default_folder(tiny(device=name)) for name in ("auto", "cpu", "cuda"))
    assert auto == cpu != cuda


def test_folders_of_former_versions_keep_their_names():
    config = ff.Config(dataset="digits", layers=16, hidden=100, seeds=3)
    assert default_folder(config) == Path("records/digits-100x16-0fa1926e")
    lists = {"layers": [2, 8], "hidden": [100, 1000], "seeds": [2, 5]}
    config = ff.Config(**lists, learning_rate=0.1, batch_size=20)
    assert default_folder(config) == Path("records/mnist-100-1000x8-b684fe64")


def test_parameters_may_be_of_numpy_and_paths_of_any_kind():
    changes = {"layers": np.int64(4), "seeds": range(1, 3), "overwrite": np.True_}
    config, _ = configure(parameters(dataset="digits", out=Path("mine"), **changes))
    assert (config.layers, config.seeds) == (4, [1, 2])


def test_paths_that_papermill_injects_are_no_parameters():
    paths = {"PAPERMILL_INPUT_PATH": "a.ipynb", "PAPERMILL_OUTPUT_PATH": "b.ipynb"}
    assert configure(parameters(dataset="digits", **paths))[0].dataset == "digits"


def test_a_note_is_text_not_markup():
    assert "&lt;b&gt;" in Note("<b>")._repr_html_()
    assert "<b>" not in Note("<b>")._repr_html_()


# --- the whole notebook


def papermill(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the user's own command in an empty folder."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "papermill",
            str(TRAIN),
            "out.ipynb",
            *arguments,
            "--no-progress-bar",
        ],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def shown(path: Path) -> str:
    """All text and HTML that the cells of an executed notebook show."""
    outputs = [output for cell in cells(path) for output in cell.outputs]
    data = [text for output in outputs for text in output.get("data", {}).values()]
    return "\n".join(map(str, data))


@pytest.mark.slow
def test_papermill_trains_and_leaves_records(offline, tmp_path):
    """Dataset auto: without files and network it takes the digits, says so, and records it."""
    work = tmp_path / "work"
    work.mkdir()
    done = papermill(work, "-p", "layers", "4", "-p", "epochs", "2", "-p", "hidden", "20")
    assert done.returncode == 0, done.stderr
    (folder,) = (work / "records").iterdir()
    records = ff.read(folder)
    (run,) = records.runs
    assert run["dataset"]["name"] == run["config"]["dataset"] == "digits"
    assert sorted(records.layers["layer"].unique()) == [1, 2, 3, 4]
    assert sorted(records.layers["epoch"].unique()) == [1, 2]
    text = shown(work / "out.ipynb")
    assert "not MNIST" in text, "the notebook must say that these are not the paper's images"
    assert run["dataset"]["sha256"] in text, "the provenance is not shown"
    kinds = {
        kind
        for cell in cells(work / "out.ipynb")
        for o in cell.outputs
        for kind in o.get("data", {})
    }
    assert any(kind.startswith("image/") for kind in kinds), "no figure is shown"


@pytest.mark.slow
def test_papermill_takes_a_params_file_and_a_folder(offline, tmp_path):
    (tmp_path / "params.yaml").write_text(
        "dataset: digits\nlayers: [2, 4]\nhidden: [8, 6]\nseeds: [7]\nepochs: 2\nbatch_size: 650\n"
    )
    done = papermill(tmp_path, "-f", "params.yaml", "-p", "out", "mine")
    assert done.returncode == 0, done.stderr
    config = ff.read(tmp_path / "mine").runs[0]["config"]
    assert (config["layers"], config["hidden"], config["seeds"]) == ([2, 4], [8, 6], [7])
    assert not (tmp_path / "records").exists()


@pytest.mark.slow
def test_papermills_options_work_together_and_its_log_tells_how_far_it_is(offline, tmp_path):
    (tmp_path / "params.yaml").write_text("hidden: 20\nseeds: [1, 2]\nepochs: 60\n")
    (tmp_path / "elsewhere").mkdir()
    yaml = base64.b64encode(b"weight_decay: 3e-4").decode()
    values = ["-f", "params.yaml", "-y", "layers: [2, 16]", "-p", "dataset", "digits"]
    values += ["-r", "goodness", "squares", "-b", yaml]
    done = papermill(
        *(tmp_path, *values, "--inject-paths", "--inject-input-path", "--inject-output-path"),
        *("--report-mode", "--log-output", "--cwd", "elsewhere", "--autosave-cell-every", "1"),
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "elsewhere" / "records").iterdir()
    config = ff.read(folder).runs[0]["config"]
    assert (config["layers"], config["hidden"], config["weight_decay"]) == ([2, 16], 20, 3e-4)
    lines = [line for line in done.stderr.splitlines() if line.startswith("epoch ")]
    assert lines[-1].startswith("epoch 60/60: 100% in ")
    (training,) = (cell for cell in cells(tmp_path / "out.ipynb") if "ff.train(" in cell.source)
    assert "".join(output.text for output in training.outputs).splitlines() == lines
    assert len(lines) <= 21


@pytest.mark.slow
def test_papermill_stops_at_the_first_cell_on_a_misspelt_parameter(offline, tmp_path):
    done = papermill(tmp_path, "-p", "layer", "4")
    assert done.returncode != 0
    assert "ConfigError: unknown key 'layer'; did you mean 'layers'?" in done.stderr
    executed = [cell for cell in cells(tmp_path / "out.ipynb") if cell.execution_count]
    assert executed[-1].outputs[0].ename == "ConfigError"
    assert "configure(globals())" in executed[-1].source, "it went on beyond the first cell"
    assert not list(tmp_path.rglob("*.parquet"))
