"""How long a training takes: the model, its costs, the sentences, and the page's calculator."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ff.archives import ARCHIVED, find
from ff.book import performance
from ff.book.calculator import calculator
from ff.data import DATASETS, load
from ff.running.memory import CACHE
from ff.running.side_by_side import side_by_side
from ff.speed import columns, estimate, report
from ff.speed.columns import Work
from ff.speed.effort import DEPTHS, QUICK, SHORT
from ff.speed.estimate import Costs, Load, duration, training

ASSETS = Path(__file__).parent.parent / "book" / "_assets"
TRUE = Costs(operation=1e-11, number=2e-9, layer=3e-4)
COUNTS = {"layers": [2, 5, 32], "hidden": [1, 100, 1300], "seeds": [1, 30], "epochs": [1, 60]}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """What ff bench would find on a machine on which each time is as `TRUE` costs have it."""
    found: list[dict[str, Any]] = []
    shape: dict[str, Any] = {"precision": "float32"}
    for width, seeds in ((QUICK.wide, 1), (QUICK.narrow, 4)):
        one = Load([4], width, 1, 50, 1)
        found += columns.rows(
            Work("epoch", "baseline", layers=4, hidden=width, seeds=1, **shape),
            {"ours": (TRUE.seconds(one), "s")},
        )
        step = TRUE.seconds(Load([4], width, seeds, 1))
        facts = {"compared": (80.0, ""), "made": (0.8, ""), "a step": (step, "s")}
        facts["side by side"] = (seeds, "")
        work = Work("products", "alone", layers=4, hidden=width, seeds=seeds, **shape)
        found += columns.rows(work, facts)
        threads = Work("threads", layers=4, hidden=width, seeds=1, **shape)
        slow = Costs(1.5 * TRUE.operation, 1.5 * TRUE.number, TRUE.layer)
        load = Load([4], width, 1, 1)
        found += columns.curve(threads, [1, 2], [slow.seconds(load), TRUE.seconds(load)])
    times = [TRUE.seconds(Load([n], QUICK.narrow, 4, SHORT)) for n in (4, 8, 16, 32)]
    work = Work("straight: layers", "5 to 16", hidden=QUICK.narrow, seeds=4, **shape)
    found += columns.curve(work, (4, 8, 16, 32), times)
    whole = {"machine": "m", "device_name": "some <cpu>", "dataset": "mnist"}
    return columns.table(found).assign(**whole)


def test_counts_of_a_small_network_by_hand():
    """Two layers of three units on the digits: 50 images of 784 pixels a step, 247 to validate."""
    counts = Load([2], 3, 2, 7, source=DATASETS["digits"]).counts
    step = 2 * 2 * 50 * 3 * 784 + 2 * 5 * 50 * 3 * 3 + 3 * 2 * 2 * 50 * 3 * 10
    numbers = 50 * 784 + 3 * 50 * 2 * 3 + 3 * 784 + 3 * 3
    assert counts.tolist() == [14 * step, 14 * numbers, 7 * 2]
    looked = Load([2], 3, 1, 0, 1, DATASETS["digits"]).counts
    assert looked[1] == 2 * 247 * 784 + (3 + 10) * 247 * 2 * 3


def test_networks_that_do_not_fit_the_cache_together_pass_through_layers_in_turn():
    one, many = (Load([4], 100, seeds, 1).counts[2] for seeds in (1, 9))
    assert side_by_side(1000, 100, CACHE) == 4
    assert (one, many) == (4, 3 * 4)
    assert Load([4], 100, 9, 1, device="cuda").counts[2] == 4


def test_costs_are_found_again_in_times_that_they_make(rows):
    assert estimate.costs(rows, "float32") == pytest.approx(TRUE, rel=1e-6)
    slow = estimate.costs(rows, "float32", threads=1)
    assert slow == pytest.approx((1.5e-11, 3e-9, 3e-4), rel=1e-6)
    assert estimate.costs(rows, "float32", threads=8) is None
    assert estimate.costs(rows, "bf16") is None
    (machine,) = estimate.machines(rows)
    assert machine.name == "float32 on some <cpu>"
    assert machine.error < 1e-6
    assert estimate.machines(rows.assign(dataset="images:/here")) == []


def test_trainings_are_compared_with_the_same_threads_and_device(rows):
    (machine,) = estimate.machines(rows)
    config = {"layers": list(DEPTHS), "hidden": 100, "seeds": 5, "epochs": 3, "dataset": "mnist"}
    config |= {"schedule": "together", "learns": None, "validation_index": 1}
    run = {"config": config | {"precision": "float32"}, "device": "some <cpu>", "threads": 2}
    seconds = TRUE.seconds(training(DEPTHS, 100, 5, 3))
    run |= {"batch_size": 1000, "wall_seconds": 2 * seconds}
    changed = {"device": "another"}, {"threads": 8}, {"config": run["config"] | {"epochs": 6}}
    others = [run | change for change in changed]
    others += [run | {"config": run["config"] | {"schedule": "in-turn"}}]
    found = estimate.compared(machine, [run, *others])
    assert found == pytest.approx([1, 2])  # the run, and that of twice as many epochs
    slow = estimate.compared(machine, [run | {"threads": 1}])
    assert 1.3 < slow.item() < 2  # operations and numbers take 1.5 times as long
    text = performance.fit([machine], [run])._repr_html_()
    assert "float32 on some &lt;cpu&gt;</b>: what ff bench timed itself" in text
    assert "Whole trainings on record: 1, which took 2.00 times as long." in text
    assert "Of 12 whole trainings on record" in performance.fit([machine], 12 * [run])._repr_html_()
    assert "no whole training on record" in performance.fit([machine], [])._repr_html_()


DURATIONS = {
    0.04: "0.0 s",
    9.96: "10 s",
    89.4: "89 s",
    90: "1.5 min",
    5400: "1.5 h",
    172_800: "2.0 days",
    9e6: "104 days",
    63_072_000: "2.0 years",
}


@pytest.mark.parametrize(("seconds", "words"), DURATIONS.items())
def test_a_duration_is_short(seconds, words):
    assert duration(seconds) == words


def test_the_sentence_names_the_first_machine_and_the_fastest(rows):
    (machine,) = estimate.machines(rows)
    faster = replace(
        machine, device_name="card", costs=Costs(*(cost / 60 for cost in machine.costs))
    )
    alone = performance.durations([machine])._repr_html_()
    assert "fastest" not in alone
    both = performance.durations([machine, faster])._repr_html_()
    assert "Fastest of all is float32 on card: about <b>" in both
    spent = duration(TRUE.seconds(training([32], 100))).replace(" ", "\N{NO-BREAK SPACE}")
    assert f"<b>{spent}</b>" in alone
    assert "<td>" in performance.examples([machine])._repr_html_()
    (line,) = estimate.lines(rows)
    assert line.startswith("A training of 32 layers, 30 epochs of one seed of MNIST in float32,")


@pytest.mark.parametrize("name", DATASETS)
def test_data_sets_have_as_many_images_as_they_say(name, digits):
    if name in ARCHIVED and find(name) is None:
        pytest.skip(f"{name} is not on this machine")
    found = digits if name == "digits" else load(name)
    assert DATASETS[name].sizes == tuple(map(len, (found.train, found.validation, found.test)))


def test_what_the_book_shows_is_from_its_files():
    machines = estimate.machines(report.read())
    if not machines:
        pytest.skip("nothing is measured")
    assert all(np.isnan(own.error) or own.error < 0.25 for own in machines)
    assert all(min(own.costs) > 0 for own in machines)


@pytest.mark.browser
def test_the_page_computes_what_the_library_computes(rows, chromium):
    (cpu,) = estimate.machines(rows)
    machines = [cpu, replace(cpu, device_name="card", device="cuda")]
    page = chromium.new_page(viewport={"width": 420, "height": 800})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    embedded = calculator(machines)._repr_html_()
    page.set_content(f"<!doctype html><body>{embedded}")
    for script in ("charts.js", "calculator.js"):
        page.add_script_tag(path=ASSETS / script)
    found = re.search(r'<script type="application/json">(.*?)</script>', embedded)
    assert found
    data: Any = json.loads(found[1])
    own = [[{name: n} for n in numbers] for name, numbers in COUNTS.items()]
    asked = [a | b | c | d for a in own[0] for b in own[1] for c in own[2] for d in own[3]]
    for images, source in zip(data["images"], DATASETS.values(), strict=True):
        for told, machine in zip(data["machines"], machines, strict=True):
            shown = page.evaluate(
                "([asked, images, machine]) => asked.map((one) => {"
                "const spent = trainingSeconds(one, images, machine);"
                "return [spent, duration(spent)]; })",
                [asked, images, told],
            )
            for one, (seconds, words) in zip(asked, shown, strict=True):
                shape = one["hidden"], one["seeds"], one["epochs"], source, None, machine.device
                expected = machine.costs.seconds(training([one["layers"]], *shape))
                assert seconds == pytest.approx(expected, rel=1e-12)
                assert words == duration(expected)
    shown = page.evaluate("(all) => all.map(duration)", list(DURATIONS))
    assert shown == list(DURATIONS.values())
    answer = page.get_by_role("status")
    said = duration(TRUE.seconds(training([32], 100)))
    assert answer.inner_text().startswith(f"About {said}, ")
    page.get_by_label("Layers").fill("1")
    assert answer.inner_text() == "Layers: a whole number from 2 to 1024."
    page.get_by_label("Layers").fill("4")
    page.get_by_label("Data set").select_option(label="Fashion-MNIST")
    page.get_by_label("Precision and machine").select_option(label="float32 on card")
    said = duration(TRUE.seconds(training([4], 100, device="cuda")))
    assert answer.inner_text().startswith(f"About {said}, ")
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert not complaints
    page.close()
