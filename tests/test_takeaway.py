"""The Sphinx extension that offers figures, and notebooks on Binder and Colab."""

import os
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup
from jupyter_book.config import get_final_config
from packaging.specifiers import SpecifierSet

from ff.book.markup import download

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import takeaway  # noqa: E402 # pyright: ignore[reportMissingImports]

# How the locked environment that trains is installed, and the clone into it.
LOCKED = "--require-hashes -r requirements-train.lock"
CLONE = "--no-build-isolation --no-deps -e ."


def options(url: str, folder: Path) -> dict[str, Any]:
    """Theme options under the book's own configuration with another repository."""
    book = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    book["repository"]["url"] = url
    (folder / "_config.yml").write_text(yaml.safe_dump(book))
    final, _ = get_final_config(
        user_yaml=folder / "_config.yml", cli_config={"latex_individualpages": False}
    )
    config = SimpleNamespace(html_theme_options=final["html_theme_options"])
    takeaway.drop_launchers(SimpleNamespace(), config)
    return config.html_theme_options


def test_without_a_repository_nothing_is_launched(tmp_path):
    found = options("", tmp_path)
    assert not {"binderhub_url", "colab_url"} & set(found["launch_buttons"])


def test_a_repository_brings_binder_and_colab(tmp_path):
    found = options("https://github.com/someone/forward", tmp_path)
    assert found["repository_url"] == "https://github.com/someone/forward"
    assert found["launch_buttons"]["binderhub_url"].startswith("https://")
    assert found["launch_buttons"]["colab_url"].startswith("https://")
    assert found["repository_branch"] == "main"


def launch(path: str) -> list[dict[str, Any]]:
    """Buttons as the theme prepares them."""
    links = [{"type": "link", "text": "Binder", "url": f"https://there/main?urlpath=lab/{path}"}]
    return [
        {"label": "download-buttons", "buttons": []},
        {"label": "launch-buttons", "buttons": links},
    ]


@pytest.mark.parametrize(
    ("page", "opened"),
    [
        ("book/rq1_delay.ipynb", "book/rq1_delay.ipynb"),
        ("book/runs/rq1_delay/layers-0016-hidden-0100.ipynb", "book/rq1_delay.ipynb"),
    ],
)
def test_a_copy_opens_the_notebook_it_was_made_from(page, opened):
    buttons = takeaway.point_launchers(launch(page), page)
    assert [button["label"] for button in buttons] == ["download-buttons", "launch-buttons"]
    assert buttons[1]["buttons"][0]["url"] == f"https://there/main?urlpath=lab/{opened}"


def test_a_page_of_text_is_not_launched():
    buttons = takeaway.point_launchers(launch("book/intro.md"), "intro.md")
    assert [button["label"] for button in buttons] == ["download-buttons"]


def test_a_page_that_colab_opens_says_how_to_fetch_the_rest():
    links = [{"type": "link", "text": "Colab", "url": "https://there"}]
    buttons = [{"label": "launch-buttons", "buttons": links}]
    place = ("https://github.com/someone/forward", "main")
    explained = takeaway.explain_colab("<h1>Delay</h1><p>Text</p>", buttons, *place)
    assert explained.startswith("<h1>Delay</h1>\n<details")
    cell = BeautifulSoup(explained, "html.parser").select("pre")[0].get_text().splitlines()
    assert cell == [
        "!git clone --depth 1 --branch main https://github.com/someone/forward forward-forward",
        "%cd forward-forward",
        f"%pip install --quiet {LOCKED}",
        f"%pip install --quiet {CLONE}",
    ]
    binder = launch("book/rq1_delay.ipynb")
    assert takeaway.explain_colab("<h1>Delay</h1>", binder, *place) == "<h1>Delay</h1>"


def test_the_readme_installs_as_binder_and_colab_do():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"pip install {LOCKED.replace('-train', '-dev')}\n" in readme
    assert f"pip install {CLONE}\n" in readme


def test_binder_installs_the_clone_where_its_measurements_are():
    binder = ROOT / ".binder"
    requirements = (binder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    options = [line for line in requirements if not line.startswith("#")]
    assert options == [LOCKED.split(" -r ")[0], "-r ../requirements-train.lock"]
    assert (binder / options[1].removeprefix("-r ")).is_file()
    after = (binder / "postBuild").read_text(encoding="utf-8")
    assert after.startswith("#!/bin/sh\n")
    assert after.endswith(f"python -m pip install {CLONE}\n")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = (binder / "runtime.txt").read_text(encoding="utf-8").strip()
    assert version.removeprefix("python-") in SpecifierSet(project["requires-python"])


IMAGE = '<img alt="A line" src="../../_images/0123abcd.svg" />'


def test_a_figure_is_saved_under_its_name():
    body = f'<figure class="align-default" id="fig-delay">\n{IMAGE}\n<figcaption></figcaption>'
    offered = takeaway.offer_figures(body, "rq1_delay")
    assert IMAGE in offered
    assert 'href="../../_images/0123abcd.svg" download="fig-delay.svg"' in offered


def test_no_link_lies_within_another():
    linked = (
        f'<figure id="fig-x">\n<a class="reference internal image-reference" href="x">{IMAGE}</a>'
    )
    offered = takeaway.offer_figures(linked, "intro")
    assert offered.count("<a ") == offered.count("</a>") == 1
    assert 'download="fig-x.svg"' in offered


def test_figures_without_a_name_are_numbered():
    offered = takeaway.offer_figures(f"<div>{IMAGE}</div><p>{IMAGE}</p>", "quick")
    assert offered.count('download="quick-1.svg"') == offered.count('download="quick-2.svg"') == 1


def test_other_pictures_stay_as_they_are():
    body = '<img alt="" src="_images/photo.png" /><img alt="" src="_static/logo.svg" />'
    assert takeaway.offer_figures(body, "quick") == body


@pytest.mark.parametrize("page", ["rq1_delay", "runs/configuration/layers-0002-hidden-0100"])
def test_a_table_becomes_a_file_beside_the_page(page, tmp_path):
    table = pd.DataFrame({"kind": ["a < b", "c, d & e"], "r": [0.1, -2.5]})
    before = f"<p>Text</p>{download(table, 'some-kinds')._repr_html_()}"
    body = takeaway.offer_tables(before, page, tmp_path)
    (link,) = BeautifulSoup(body, "html.parser")("a")
    assert link["download"] == "some-kinds.csv"
    file = Path(os.path.normpath(tmp_path / Path(page).parent / str(link["href"])))
    assert file == tmp_path / "_downloads" / page / "some-kinds.csv"
    pd.testing.assert_frame_equal(pd.read_csv(file), table)
    assert "data:" not in body
    assert body.startswith("<p>Text</p>")
