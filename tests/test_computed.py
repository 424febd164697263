"""What README and params/ say of the results follows from the results."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic import records as synthetic

import ff
from ff.book.computed import ROOT, expected, files, put
from ff.book.findings import findings, in_a_minute
from ff.stats.claims import verdicts
from ff.stats.correlation import within_epoch
from ff.stats.delay import mean_delay


def test_the_numbers_are_up_to_date():
    written = files()
    assert len(written) == 1 + 10, "README and the paper's ten configurations"
    stale = [
        path.name
        for path, content in written.items()
        if path.read_text(encoding="utf-8") != content
    ]
    assert not stale, "results have changed: run make numbers"


def told(records: ff.Records, other: ff.Records | None = None) -> str:
    found = findings(records, {"constant rates": other or records})
    return "\n".join(f"{text} {numbers}" for text, numbers in found.values())


def constant(seeds: int = 10, jitter: float = 0.5) -> ff.Records:
    """Width 100, each layer half an epoch later than the one before."""
    return synthetic(32, (32,), seeds, epochs=25, delay=0.5, jitter=jitter, noise=1e-4)


def slowing(seeds: int = 10) -> ff.Records:
    """Width 1000, each layer half an epoch later up to layer 16, from there on a whole one."""
    records = synthetic(48, (48,), seeds, epochs=40, delay=0.5, noise=1e-4, hidden=(1000,))
    kept = [*range(1, 17), *range(18, 50, 2)]
    layers = records.layers.query("layer in @kept")
    numbers = np.searchsorted(kept, layers["layer"]) + 1
    return ff.Records(layers.assign(layer=numbers), records.readouts.assign(depth=32), ())


def joined(*parts: ff.Records) -> ff.Records:
    layers, readouts = [p.layers for p in parts], [p.readouts for p in parts]
    return ff.Records(pd.concat(layers), pd.concat(readouts), ())


def one_more(records: ff.Records) -> ff.Records:
    """The records with a made-up further seed, worse than the last one."""
    tables = []
    for table in (records.layers, records.readouts):
        seed = table["seed"].max()
        new = table[table["seed"] == seed].assign(seed=seed + 1)
        accuracies = [name for name in table if str(name).endswith("_accuracy")]
        new[accuracies] = new[accuracies] * np.float32(0.7)
        tables.append(pd.concat([table, new], ignore_index=True))
    return ff.Records(tables[0], tables[1], records.runs)


def test_each_layer_that_is_named_is_where_it_was_put():
    text = told(constant(jitter=0))  # 0.7 is reached 0.41 epochs before 0.75: 1.6, 9.1
    assert (
        "An accuracy of 0.7 is reached at width 100 in epoch 2 by layer 1 and in epoch 10 by layer "
        "16." in text
    )


def test_layers_that_do_not_reach_the_target_are_named_with_their_gaps():
    records = constant()
    late = records.layers["layer"].isin([1, 20, 31, 32])
    records.layers.loc[late, "train_accuracy"] = 0.5
    assert ("at width 100 in epoch 10 by layer 16 and never by layers 1, 20, 31 and 32.") in told(
        records
    )
    records.layers["train_accuracy"] = 0.5 + 0.1 * (records.layers["epoch"] / 25)
    assert "An accuracy of 0.7 is reached at width 100 by no layer." in told(records)


def test_a_constant_delay_is_as_the_paper_says():
    text = told(constant())
    assert "Each further layer adds about the same delay, as the paper says." in text
    (ratio,) = re.findall(r"over that in the shallower half: ([\d.]+) at width 100\.", text)
    assert float(ratio) == pytest.approx(1, abs=0.1)


def test_a_delay_that_is_not_constant_is_contrary_to_the_paper():
    text = told(slowing())
    assert "Further layers do not all add the same delay, contrary to the paper." in text
    (ratio,) = re.findall(r"over that in the shallower half: ([\d.]+) at width 1000\.", text)
    assert float(ratio) == pytest.approx(2, abs=0.1)


def test_widths_with_different_verdicts_have_a_sentence_each():
    text = told(joined(constant(), slowing(5)))
    assert "At width 100, each further layer adds about the same delay, as the paper" in text
    assert "At width 1000, further layers do not all add the same delay, contrary" in text
    assert "10 seeds at width 100 and 5 seeds at width 1000 (units" in text


def test_what_is_not_decided_is_said_to_be_open():
    text = told(constant(4))
    assert "It is open whether deeper layers learn later than shallower ones (too few" in text
    assert "It is open whether by rank (Spearman) every layer correlates strongly (too few" in text
    assert "paper says" not in text
    assert "verdicts stay the same" not in text


def test_two_seeds_cannot_show_a_correlation():
    assert "not apart from 0 in any layer that 2 seeds could show." in told(constant(2))
    assert "not apart from 0 in any layer that 1 seed could show." in told(constant(1))


def test_layers_with_a_correlation_left_are_named_with_its_range():
    records = constant()
    table: Any = within_epoch(records.layers, records.readouts)
    left = table[(table["coefficient"] == "pearson") & (table["low"] > 0)]
    assert 2 < len(left) < 32, "an example worth its name"
    mean: Any = verdicts(records).query("key == 'within-epoch'").dropna(subset="low")
    value, low, high = mean[["value", "low", "high"]].to_numpy()[0]
    assert f"Mean r of the layers: {value:.2f} [{low:.2f}, {high:.2f}] at" in told(records)
    ends = f"({left['r'].min():.2f} to {left['r'].max():.2f})"
    assert re.search(
        rf"r is at width 100 above 0 in layers \d[\d, toand]+ {re.escape(ends)}", told(records)
    )


def test_only_verdicts_that_were_reached_in_both_trainings_are_counted():
    both = joined(constant(), slowing(5))
    text = told(both, constant())
    one, other = verdicts(both), verdicts(constant())
    table: Any = one.merge(other, on=["key", "width"], suffixes=("", "_other"))
    reached = ["supported", "not supported", "undecided"]
    table = table[table["verdict"].isin(reached) & table["verdict_other"].isin(reached)]
    found = sum(
        ~table["key"].isin(["rq1-h3", "pearson-weakens", "within-epoch"])
    )  # opposites, ours
    assert 5 < found < len(one)
    assert (table["width"] == "100").all(), "what both widths decide is another number"
    assert (
        f" {found} of {found} verdicts stay the same with constant rates; none is the opposite."
    ) in text


def test_trainings_by_table_1_are_told_unless_they_reach_no_verdict():
    records, few = constant(), constant(4)
    varied = {"momentum 0.09": few, "constant rates": constant(5), "bf16": records}
    text = findings(records, varied)["What differs from the paper."][1]
    assert re.findall(r"same with ([\w ]+)", text) == ["constant rates"]
    assert "stay the same" not in findings(records, {})["What differs from the paper."][1]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {},
            ["peer normalization is 0.9 (0.09 in Table 1)", "learning rates fall", "both at once"],
        ),
        ({"peer_momentum": 0.09}, ["learning rates fall"]),
        ({"cool_down": False}, ["peer normalization is 0.9"]),
        ({"peer_momentum": 0.09, "cool_down": False}, ["No setting"]),
    ],
)
def test_what_differs_is_read_from_the_runs(changed, told):
    run = {"config": ff.Config().model_dump() | changed}
    records = ff.Records(constant().layers, constant().readouts, (run,))
    text = findings(records, {})["What differs from the paper."][0]
    phrases = ["peer normalization is 0.9", "learning rates fall", "both at once", "No setting"]
    assert [part for part in phrases if part in text] == [
        part for part in phrases if any(part in want for want in told)
    ]


def test_a_verdict_that_another_training_changes_is_named():
    text = told(constant(), ff.Records(*_renamed(slowing())))
    (what,) = re.findall(r"“(The change in delay[^”]+)” \(supported at width 100\) is not", text)
    assert what.endswith("width 100")


def _renamed(records: ff.Records) -> tuple[Any, Any, tuple]:
    """The records as if they were of width 100."""
    return records.layers.assign(hidden=100), records.readouts.assign(hidden=100), ()


def test_the_first_page_shows_all_of_it_as_html():
    found = {"A < b.": ("c & d", "e > f")} | findings(constant(), {})
    html = in_a_minute(found)._repr_html_()
    assert "<p><b>A &lt; b.</b> c &amp; d <small>e &gt; f</small></p>" in html
    assert html.count("<p>") == len(found) == 6


def test_reversed_verdicts_are_counted():
    counts = r"(\d+) of (\d+) verdicts stay the same with [\w ]+; (\w+) (?:is|are) the opposite\."
    same, of, opposite = re.findall(counts, told(constant()))[0]
    assert (same, opposite) == (of, "none")
    backwards = constant()
    backwards.layers["layer"] = 33 - backwards.layers["layer"]
    same, _, opposite = re.findall(counts, told(constant(), backwards))[0]
    assert 0 < int(opposite) <= int(of) - int(same)
    text = told(backwards)
    assert "Deeper layers do not always learn later than shallower ones, contrary to" in text


def test_a_further_seed_changes_the_numbers():
    records = ff.published(100)
    more = one_more(records)
    count = records.layers["seed"].nunique()
    assert f"layers: {count + 1} seeds at width 100 (units" in told(more)
    config = ff.Config(layers=16, hidden=100)
    before, after = (expected(config, part, mean_delay(part.layers)) for part in (records, more))
    assert f"# Expect (mean of {count} seeds): layer 1 " in before
    assert f"# Expect (mean of {count + 1} seeds): layer 1 " in after
    final = more.readouts.query("depth == 16 and epoch == epoch.max()")["test_accuracy"].mean()
    assert after.endswith(f"readout {final:.3f} (test).\n")
    assert not before.endswith(f"readout {final:.3f} (test).\n")


def test_a_file_without_the_place_for_numbers_is_refused(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("Nothing.", encoding="utf-8")
    with pytest.raises(ValueError, match=r"README.md has 0 places for numbers but needs one: x"):
        put(path, "x", "1")


@pytest.mark.slow
def test_the_quick_run_gives_about_what_its_header_tells():
    path = ROOT / "params" / "quick.yaml"
    header = re.search(
        r"layer 1 ([\d.]+), layer 8 ([\d.]+), readout ([\d.]+)\.\n", path.read_text("utf-8")
    )
    records = ff.train(ff.Config.load(path, device="cpu"))
    found = [records.layers.query(f"epoch == epoch.max() and layer == {layer}") for layer in (1, 8)]
    found.append(records.readouts.query("epoch == epoch.max() and depth == 8"))
    values = [rows["validation_accuracy"].mean() for rows in found]
    assert header is not None
    near = [pytest.approx(float(number), abs=0.02) for number in header.groups()]
    assert values == near, "processors round differently, but not by so much: edit the header"
