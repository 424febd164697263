"""One value of the measurements is changed in a copy of the book: what rests on it changes too."""

import os
import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from bs4 import BeautifulSoup
from building import build

from ff.results import RESULTS

ROOT = Path(__file__).parent.parent
RUN = "width-100-seeds-16-30"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (RESULTS / RUN).exists(), reason=f"{RUN} is not published"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the repository whose book is the chapter on delay, on one run's measurements."""
    book = tmp_path / "book"
    # What the section on backpropagation reads, beside the run.
    runs = [f"book/variations/{name}" for name in ("tuning", "learning-rate-3x", "paper")]
    beside = ["book/backprop", *runs]
    for name in ("ff", "book/_ext", "book/_assets", f"book/results/{RUN}", *beside):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "book" / "rq1_delay.ipynb", book)
    (book / "references.bib").touch()
    chapter = (ROOT / "book" / "rq1_delay.ipynb").read_text(encoding="utf-8")
    elsewhere = set(re.findall(r"{ref}`[^`<]*<([^>]+)>`", chapter))  # sections of other chapters
    labels = "".join(f"({label})=\n" for label in sorted(elsewhere))
    (book / "intro.md").write_text(f"{labels}# Book\n\n$$\nx\n$$ (eq-cool-down)\n")
    for name in ("coverage", "provenance"):
        (book / f"{name}.md").write_text(f"# {name.capitalize()}\n")
    (book / "_toc.yml").write_text(
        "format: jb-book\nroot: intro\nchapters:\n"
        "  - file: rq1_delay\n    sections: [glob: runs/rq1_delay/*]\n"
        "  - file: coverage\n  - file: provenance\n"
    )
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["sphinx"]["config"] |= {
        "executed_examples": {},
        "executed_chapters": {"rq1_delay": "{layers} layers of {hidden}"},
        "executed_configurations": {"layers": [2], "hidden": [100]},
    }
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    return tmp_path


def built(project: Path) -> dict[str, tuple[str, list[str], str]]:
    """Build the book; return of each page Figure 4, the delays, and a verdict's row."""
    run = build(project, env=os.environ | {"PYTHONPATH": str(project)})
    assert run.returncode == 0, run.stdout + run.stderr
    found = {}
    for name in ("rq1_delay", "runs/rq1_delay/layers-0002-hidden-0100"):
        page = project / "_build" / "html" / f"{name}.html"
        soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        image = soup.select_one("figure[id^=fig-delay-intervals] img")
        link = soup.select_one("a[download='delay.csv']")
        row = soup.select_one("#claim-rq1-h2")
        assert image
        assert link
        assert row
        drawn = (page.parent / str(image["src"])).read_text(encoding="utf-8")
        table = (page.parent / str(link["href"])).read_text(encoding="utf-8")
        found[name] = (drawn, table.splitlines(), row.get_text())
    return found


def test_a_changed_value_changes_figure_table_and_verdict(project: Path) -> None:
    before = built(project)
    path = project / "book" / "results" / RUN / "layers.parquet"
    table = pq.read_table(path)
    frame = table.to_pandas()
    chosen = (frame[["seed", "layer", "epoch"]] == [16, 1, 4]).all(axis=1)
    assert chosen.sum() == 1
    assert frame.loc[chosen, "train_accuracy"].item() > 0.6
    frame.loc[chosen, "train_accuracy"] = 0.5  # layer 1 now crosses 0.7 a little later
    changed = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    after = built(project)

    for name in before:
        (figure, delays, verdict), (new_figure, new_delays, new_verdict) = before[name], after[name]
        assert new_figure != figure, f"{name}: the figure"
        different = [i for i, row in enumerate(delays) if row != new_delays[i]]
        assert different == [1], f"{name}: the delays of layer 1, and of it alone"
        assert new_verdict != verdict, f"{name}: the number in the verdict's row"
