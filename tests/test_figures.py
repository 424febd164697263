import itertools
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import synthetic
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.text import Text

import ff
from ff.book import figures
from ff.book.figures.correlation import Coefficient
from ff.book.style import MARKERS, WIDTH, Figure, entry, legend, styled
from ff.stats import correlation, delay, survival

SLOW = {"layers": 6, "depths": (2, 6), "epochs": 8}  # layers 5 and 6 do not reach 0.7


@pytest.fixture(autouse=True)
def _settings_stay():
    before = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == before
    assert not pyplot.get_fignums(), "pyplot keeps no figure open"


def named(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_gid()): line for line in axes.lines if line.get_gid()}


def labels(figure: Figure) -> list[str]:
    legends = [*figure.legends, *filter(None, (axes.get_legend() for axes in figure.axes))]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def triangles(axes: Axes) -> np.ndarray:
    """Layers that are drawn as censored."""
    return np.concatenate([xy(line)[0] for line in axes.lines if line.get_marker() == "^"])


def xy(line: Line2D) -> np.ndarray:
    return np.asarray(line.get_xydata(), dtype=float).T


def test_traces_hold_one_line_a_layer_and_the_readout() -> None:
    records = synthetic.records()
    axes = figures.traces(records.layers, records.readouts, 4).axes[0]
    lines = named(axes)
    names = [f"layer-{layer}" for layer in (1, 2, 3, 4)] + ["readout"]
    assert list(lines) == [f"width-100-depth-4-{name}" for name in names]
    third = records.layers[records.layers["layer"] == 3].pivot(
        index="epoch", columns="seed", values="train_accuracy"
    )
    np.testing.assert_allclose(
        xy(lines["width-100-depth-4-layer-3"]), [third.index, third.to_numpy(float).mean(axis=1)]
    )
    assert lines["width-100-depth-4-readout"].get_linestyle() == "--"
    assert len(axes.collections) == 4, "one band a layer"
    assert axes.get_ylabel() == "training accuracy"


def test_traces_of_a_shallower_network_leave_deeper_layers_out() -> None:
    records = synthetic.records(seeds=1)
    figure = figures.traces(records.layers, records.readouts, 2, target=None)
    names = [name.removeprefix("width-100-depth-2-") for name in named(figure.axes[0])]
    assert names == ["layer-1", "layer-2", "readout"]
    assert not figure.axes[0].collections, "one seed has no interval"
    assert labels(figure) == ["readout"]


def test_a_single_epoch_is_drawn_as_points() -> None:
    records = synthetic.records(epochs=1)
    axes = figures.traces(records.layers, records.readouts, 4).axes[0]
    assert all(line.get_marker() == "o" for line in named(axes).values())


def test_a_column_that_readouts_lack_is_drawn_beside_their_validation_accuracy() -> None:
    records = synthetic.records()
    layers = records.layers.assign(dead_units=0.5)
    lines = named(figures.traces(layers, records.readouts, 4, "dead_units").axes[0])
    expected = records.readouts.query("depth == 4").groupby("epoch")["validation_accuracy"]
    drawn = xy(lines["width-100-depth-4-readout"])[1]
    np.testing.assert_allclose(drawn, expected.agg("mean").to_numpy(float), rtol=1e-5)


def test_traces_refuse_what_they_cannot_show() -> None:
    one, two = synthetic.records(), synthetic.records(hidden=(100, 1000))
    with pytest.raises(ff.RecordsError, match="one width but the records hold 100, 1000"):
        figures.traces(two.layers, two.readouts, 4)
    with pytest.raises(ff.RecordsError, match="8 layers was asked for but the records hold 4"):
        figures.traces(one.layers, one.readouts, 8)
    with pytest.raises(ff.RecordsError, match="depth 3 for hidden 100, choose from 2, 4"):
        figures.traces(one.layers, one.readouts, 3)


@pytest.mark.parametrize("hidden", [(100, 1000), (1000,)])
def test_panels_are_a_row_a_depth_and_a_column_a_width(hidden: tuple[int, ...]) -> None:
    records = synthetic.records(hidden=hidden)
    figure = figures.panels(records.layers, records.readouts)
    panels = figure.axes[: 2 * len(hidden)]
    lines = [len(named(axes)) for axes in panels]
    assert lines == [2 + 1] * len(hidden) + [4 + 1] * len(hidden)
    assert all(axes.get_ylim() == panels[0].get_ylim() for axes in panels)


def test_a_panel_without_readout_stays_empty() -> None:
    records = synthetic.records(hidden=(100, 1000))
    readouts = records.readouts.query("hidden == 100 or depth == 4")
    empty = [not axes.axison for axes in figures.panels(records.layers, readouts).axes[:4]]
    assert empty == [False, True, False, False]


def test_spread_is_one_standard_deviation_of_the_layers_there_are() -> None:
    layers = synthetic.records(layers=5, hidden=(100, 300)).layers
    axes = figures.spread(layers, selected=(1, 4, 8)).axes[0]
    assert list(named(axes)) == ["layer-1", "layer-4"]
    assert "300 units" in axes.get_title("left"), "the widest there is"
    assert "5 seeds" in axes.get_title("left")
    deviation = layers.query("hidden == 300 and layer == 1 and epoch == 3")["train_accuracy"]
    outline = axes.collections[0].get_paths()[0].vertices
    third = np.asarray(outline)[np.asarray(outline)[:, 0] == 3, 1]
    assert np.ptp(third) == pytest.approx(2 * np.std(deviation.to_numpy(float), ddof=1))


def test_delays_mark_each_layer_with_the_shallowest_network_that_has_it() -> None:
    table = delay.mean_delay(synthetic.records(**SLOW).layers)
    figure = figures.delays(table)
    lines = named(figure.axes[0])
    assert list(lines) == ["width-100", "width-100-depth-2", "width-100-depth-4"]
    np.testing.assert_array_equal(xy(lines["width-100"])[1], table["epoch"])
    layer, epoch = xy(lines["width-100-depth-4"])
    assert list(layer) == [3, 4]
    assert list(epoch) == list(table["epoch"][2:4])
    reached = np.count_nonzero(~table["censored"])
    assert f"100 units ({reached} of 6 layers reach the target)" in labels(figure)
    assert labels(figure)[:2] == ["2 layers", "4 layers"]


def test_a_layer_that_is_censored_has_no_marker() -> None:
    table = delay.mean_delay(synthetic.records(**SLOW).layers)
    lines = named(figures.delays(table, depths=(6,)).axes[0])
    reached = table.loc[~table["censored"], "layer"]
    assert list(xy(lines["width-100-depth-6"])[0]) == list(reached)
    assert len(reached) < 6


def test_censored_delays_are_triangles_at_the_last_epoch() -> None:
    table = delay.mean_delay(synthetic.records(**SLOW).layers)
    figure = figures.delays_with_intervals(table)
    late = table.loc[table["censored"], "layer"].to_numpy()
    assert len(late) > 0
    np.testing.assert_array_equal(triangles(figure.axes[0]), late)
    assert "not reached by epoch 8" in labels(figure)


def test_without_censored_delays_the_legend_is_silent_about_them() -> None:
    table = delay.mean_delay(synthetic.records(layers=2).layers)
    figure = figures.delays_with_intervals(table)
    assert labels(figure) == ["100 units"]
    assert triangles(figure.axes[0]).size == 0


def test_triangles_of_two_widths_stand_beside_each_other() -> None:
    layers = synthetic.records(**SLOW, hidden=(100, 1000)).layers
    table = delay.mean_delay(layers)
    drawn = triangles(figures.delays_with_intervals(table).axes[0])
    assert len(np.unique(drawn)) == len(drawn) == table["censored"].sum()


def test_sensitivity_has_a_panel_a_width_and_a_line_a_target() -> None:
    layers = synthetic.records(hidden=(100, 1000)).layers
    table = delay.sensitivity(layers, targets=(0.6, 0.7, 0.8))
    figure = figures.sensitivity(table)
    assert [len(named(axes)) for axes in figure.axes] == [3, 3]
    assert labels(figure) == ["0.8", "0.7", "0.6"], "as they lie above each other"


def test_an_open_interval_of_a_slope_ends_in_an_arrowhead() -> None:
    table = pd.DataFrame(
        {
            "target": [0.6, 0.7, 0.6],
            "hidden": 100,
            "segment": ["all", "all", "deep"],
            "seeds": 5,
            "slope": [1.0, 1.2, 9.0],
            "low": [0.9, 1.1, 8.0],
            "high": [1.1, np.inf, 10.0],
        }
    )
    axes = figures.slope_sensitivity(table).axes[0]
    x, y = xy(named(axes)["open-100"])
    assert x == [0.7]
    assert y > 1.2
    assert axes.get_ylim()[1] < 8, "only the segment `all` is drawn"


def test_auroc_stands_beside_accuracy() -> None:
    layers = synthetic.records(**SLOW).layers
    layers["validation_auroc"] = np.clip(layers["validation_accuracy"] * 1.3, 0, 1)
    figure = figures.auroc_beside_accuracy(layers)
    accuracy, auroc = (line for line in figure.axes[0].lines if line.get_marker() in ("o", "s"))
    both = np.isfinite(xy(accuracy)[1])
    assert (xy(auroc)[1][both] <= xy(accuracy)[1][both]).all()
    both_late = triangles(figure.axes[0])
    assert len(np.unique(both_late)) == len(both_late) > 0, "triangles do not cover each other"
    assert labels(figure)[:2] == ["validation accuracy 0.7", "validation AUROC 0.77"]


@pytest.mark.parametrize("coefficient", ["pearson", "spearman"])
def test_correlations_are_a_line_a_width_and_depth(coefficient: Coefficient) -> None:
    records = synthetic.records(hidden=(100, 1000))
    table = correlation.pooled(records.layers, records.readouts)
    figure = figures.correlations(table, coefficient)
    lines = named(figure.axes[0])
    assert list(lines) == [f"width-{h}-depth-{d}" for h in (100, 1000) for d in (2, 4)]
    own = table.query("hidden == 1000 and depth == 4 and coefficient == @coefficient")
    np.testing.assert_array_equal(xy(lines["width-1000-depth-4"])[1], own["r"])
    assert "strong: beyond 0.7" in labels(figure)
    assert "60 pairs" in figure.axes[0].get_title("left")
    assert coefficient in figure.axes[0].get_ylabel().lower()


def test_correlations_with_intervals_have_a_band_a_depth() -> None:
    records = synthetic.records(hidden=(100, 1000))
    table = correlation.pooled(records.layers, records.readouts)
    figure = figures.correlations_with_intervals(table, "spearman")
    assert [len(axes.collections) for axes in figure.axes] == [2, 2]
    assert labels(figure)[:2] == ["2 layers", "4 layers"]


def test_kinds_of_correlation_stand_beside_each_other() -> None:
    records = synthetic.records()
    analyses = {"pooled": correlation.pooled, "within epoch": correlation.within_epoch}
    kinds = {
        name: analysis(records.layers, records.readouts) for name, analysis in analyses.items()
    }
    figure = figures.correlation_kinds(kinds, depth=2)
    assert figure.axes[0].get_title("left") == "2 layers of 100 units, 5 seeds"
    assert labels(figure) == ["pooled", "within epoch", "strong: beyond 0.7"]
    drawn = [line for line in figure.axes[0].lines if line.get_label() == "within epoch"]
    own = kinds["within epoch"].query("depth == 2 and coefficient == 'pearson'")
    np.testing.assert_array_equal(xy(drawn[0])[1], own["r"])


def test_one_seed_is_drawn_without_intervals_and_without_warning() -> None:
    records = synthetic.records(**SLOW, seeds=1)
    table = correlation.pooled(records.layers, records.readouts)
    late = delay.mean_delay(records.layers)
    slopes = delay.sensitivity(records.layers, delay.slope)
    drawn = [
        figures.spread(records.layers),
        figures.panels(records.layers, records.readouts),
        figures.delays(late),
        figures.delays_with_intervals(late.assign(censored=True, crossing=np.nan)),
        figures.slope_sensitivity(slopes),
        figures.correlations_with_intervals(table),
    ]
    assert all("<svg" in figure._repr_svg_() for figure in drawn)


def test_svg_is_small_and_the_same_each_time() -> None:
    records = synthetic.records(layers=32, depths=(2, 4, 8, 16, 32), hidden=(100, 1000), epochs=30)
    one, again = (figures.panels(records.layers, records.readouts)._repr_svg_() for _ in "ab")
    assert one == again
    assert len(one) < 150_000
    width = records.layers.query("hidden == 100"), records.readouts.query("hidden == 100")
    assert len(figures.traces(*width, 32)._repr_svg_()) < 150_000


def test_a_persons_settings_do_not_change_a_figure() -> None:
    records = synthetic.records()
    expected = figures.traces(records.layers, records.readouts, 4)._repr_svg_()
    with mpl.rc_context({"xtick.labelsize": 30, "svg.fonttype": "none", "text.color": "red"}):
        figure = figures.traces(records.layers, records.readouts, 4)
        assert figure._repr_svg_() == expected


Crowding = Callable[[Figure], list[str]]


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Crowding:
    """What is wrong with a figure's texts: cut at an edge, over each other, or small on a phone."""
    drawn: list[Text] = []
    draw = Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, to: drawn.append(text) or draw(text, to))

    def find(figure: Figure) -> list[str]:
        drawn.clear()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        texts = [text for text in drawn if text.get_visible() and text.get_text().strip()]
        assert texts
        boxes = {text: text.get_window_extent(canvas.get_renderer()) for text in texts}
        whole, wrong = figure.bbox.padded(0.5), []
        for text, box in boxes.items():
            if not (whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1)):
                wrong.append(f"{text.get_text()!r} is cut")
            # A point is 96 / 72 px at the full width, of which a phone's column has 372.
            if float(text.get_fontsize()) * 372 / (72 * WIDTH) < 8.5:
                wrong.append(f"{text.get_text()!r} is small")
        for (one, first), (other, second) in itertools.combinations(boxes.items(), 2):
            if first.padded(-0.5).overlaps(second.padded(-0.5)):
                wrong.append(f"{one.get_text()!r} lies on {other.get_text()!r}")
        return wrong

    return find


def test_crowding_is_found(crowded: Crowding) -> None:
    figure = Figure(3)
    figure.text(0.9, 0.5, "beyond the edge", fontsize=9)
    figure.text(0.1, 0.5, "below", fontsize=9)
    figure.text(0.1, 0.51, "above", fontsize=9)
    figure.text(0.1, 0.1, "small", fontsize=8)
    expected = ["'beyond the edge' is cut", "'small' is small", "'below' lies on 'above'"]
    assert crowded(figure) == expected


@pytest.mark.parametrize("hidden", [None, 1000])
def test_texts_of_published_figures_have_room(hidden: int | None, crowded: Crowding) -> None:
    records = ff.published(hidden)
    rows = records.layers, records.readouts
    late, pooled = delay.mean_delay(rows[0]), correlation.pooled(*rows)
    drawn = [
        figures.panels(*rows) if hidden is None else figures.traces(*rows, 32),
        figures.spread(rows[0]),
        figures.delays(late),
        figures.delays_with_intervals(late),
        figures.median_delays(survival.median_delay(rows[0])),
        figures.sensitivity(delay.sensitivity(rows[0])),
        figures.auroc_beside_accuracy(rows[0]),
        figures.correlations(pooled, "spearman"),
        figures.correlations_with_intervals(pooled),
        figures.correlation_kinds({"pooled": pooled, "first differences": pooled}),
    ]
    assert not [trouble for figure in drawn for trouble in crowded(figure)]


@pytest.mark.parametrize(
    "names",
    [["a"] * 5, ["not reached by epoch 30"] * 7, ["a" * 60, "b"], ["$r$, a formula", "a $ alone"]],
)
@styled
def test_a_legend_has_as_many_rows_as_its_entries_need(names: list[str], crowded: Crowding) -> None:
    figure = Figure(3)
    figure.subplots()
    legend(figure, [entry(name) for name in names])
    assert not crowded(figure)
    assert labels(figure) == names


def test_depths_have_markers_of_five_shapes() -> None:
    shapes = [str(marker.get_marker()) for marker in MARKERS]
    assert len(set(shapes)) == len(shapes)
    assert not set(shapes) & set("^Dd"), "not reached; a diamond looks like a plus sign"
    records = synthetic.records(layers=32, depths=(2, 4, 8, 16, 32))
    table = correlation.pooled(records.layers, records.readouts)
    drawn = [line.get_marker() for line in figures.correlations(table).legends[0].get_lines()]
    assert drawn == list("osvP*")


def test_a_readout_that_starts_low_leaves_the_room_to_the_layers() -> None:
    records = synthetic.records()
    low = records.readouts["train_accuracy"].where(records.readouts["epoch"] > 1, 0.1)
    readouts = records.readouts.assign(train_accuracy=low)
    bottom = figures.traces(records.layers, readouts, 4).axes[0].get_ylim()[0]
    assert 0.4 < bottom < 0.5
    ends_low = readouts.assign(train_accuracy=0.1)
    assert figures.traces(records.layers, ends_low, 4).axes[0].get_ylim()[0] < 0.1


def test_words_of_delays_count_what_is_drawn() -> None:
    records = synthetic.records(**SLOW)  # layer 6 does not reach 0.7
    figure = figures.delays_with_intervals(delay.mean_delay(records.layers))
    crossing = delay.mean_delay(records.layers).set_index("layer")["crossing"]
    assert f"layer 1 in epoch {crossing[1]:.1f}, layer 5 in epoch {crossing[5]:.1f}" in figure.alt
    assert figure.alt.endswith("and 1 of 6 layers not within the run.")
    assert "Open triangles: not reached by" in figure.caption
    early = figures.delays_with_intervals(delay.mean_delay(records.layers.query("layer < 4")))
    assert "not within the run" not in early.alt
    assert "triangle" not in early.caption


def test_words_of_traces_tell_where_layers_end_and_of_bands_only_if_there_are_any() -> None:
    records = synthetic.records()
    figure = figures.traces(records.layers, records.readouts, 4)
    last: Any = (
        records.layers.query("epoch == epoch.max()").groupby("layer")["train_accuracy"].mean()
    )
    assert f"it is {last[1]:.2f} in layer 1 and {last[4]:.2f} in layer 4." in figure.alt
    assert f"of {records.layers['seed'].nunique()} seeds" in figure.caption
    layers, readouts = (rows.query("seed == 1") for rows in (records.layers, records.readouts))
    one = figures.traces(layers, readouts, 4)
    assert "interval" not in one.caption


def test_words_of_correlations_name_the_first_and_the_last_layer() -> None:
    records = synthetic.records()
    table = correlation.pooled(records.layers, records.readouts)
    deepest = table.query("coefficient == 'pearson' and depth == depth.max()").set_index("layer")[
        "r"
    ]
    ends = f"{deepest.iloc[0]:.2f} in layer 1 and {deepest.iloc[-1]:.2f} in layer"
    for draw in (figures.correlations, figures.correlations_with_intervals):
        assert f"{ends} {deepest.index[-1]}".replace("-", "\N{MINUS SIGN}") in draw(table).alt
    assert "Bands are" in figures.correlations_with_intervals(table).caption
    blind = table.assign(low=np.nan, high=np.nan)
    assert "Bands" not in figures.correlations_with_intervals(blind).caption


def test_words_stand_in_the_svg() -> None:
    figure = Figure(1)
    figure.alt, figure.caption = "a < b", "c & d"
    svg = figure._repr_svg_()
    assert "<title>a &lt; b</title>\n<desc>c &amp; d</desc>" in svg
    assert "<title>" not in Figure(1)._repr_svg_()
