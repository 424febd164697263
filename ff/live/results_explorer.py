"""An application for JupyterLab: look through the results.

``ff.live.selection`` computes what is shown, ``ff.live.views`` turns it into HTML, and this module
arranges it on the screen. A layer stands out in all views while the pointer is on it in one of them
(a style sheet does that, without the kernel), or when it is picked with a slider, which can be
moved from the keyboard.
"""

from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd

from ff.book.markup import download
from ff.errors import ConfigError, FFError
from ff.live import views
from ff.live.charts import highlight
from ff.live.controls import choice, grid, htmls, look, offer, offer_span, span
from ff.live.selection import KINDS, Selection, conditions, kinds
from ff.results import RESULTS
from ff.stats.delay import TARGET

__all__ = ["ResultsExplorer"]


class ResultsExplorer(widgets.VBox):
    """Look through measurements: traces, delays and correlations of one network at a time.

    Parameters
    ----------
    folder
        Where ``ff train --out`` has written, at any depth; the book's results by default.

    Raises
    ------
    RecordsError
        There are no records, or some cannot be read.
    """

    def __init__(self, folder: str | Path = RESULTS) -> None:
        self._conditions = conditions(folder)
        self._scope = f"ff-{id(self):x}"
        self.dataset = choice("dataset", list(self._conditions), "Which images were learned")
        self.condition = choice("condition", [], "What else sets the runs apart")
        self.hidden = choice("hidden", [], "Units in each layer")
        self.depth = choice("layers", [], "Number of layers")
        self.kind = choice("kind", list(KINDS), "What counts as a layer's accuracy")
        self.target = widgets.FloatSlider(
            TARGET, min=0.5, max=1, step=0.01, tooltip="Accuracy to reach", **look("target")
        )
        self.epochs = span("epochs", "First and last epoch to take in")
        self.seeds = span("seeds", "First and last seed to take in")
        self.layer = widgets.SelectionSlider(
            options=[("none", 0)], tooltip="Layer that stands out in all views", **look("layer")
        )
        self.notice, self.picked, self.traces, self.delays, self.correlations = htmls(5)
        self.table, self.downloads, self.command, self._highlight = htmls(4)
        self._chosen: tuple[Any, ...] = ()
        self._numbers = pd.DataFrame()
        self._inputs = (self.dataset, self.condition, self.hidden, self.depth, self.kind)
        self._inputs += (self.target, self.epochs, self.seeds)
        self._busy = False
        for widget in self._inputs:
            widget.observe(self._changed, "value")
        super().__init__(
            [
                widgets.HTML(views.STYLES + views.SCRIPT),
                self._highlight,
                grid(*self._inputs, self.layer, least=280),
                self.notice,
                self.picked,
                grid(self.traces, self.delays, self.correlations, self.table, least=420),
                self.downloads,
                self.command,
            ]
        )
        for name in ("ff-app", "ff-results", self._scope):
            self.add_class(name)
        self._changed()
        self.layer.observe(self._pick, "value")

    def _changed(self, _: object = None) -> None:
        """Offer what the records hold, then show what is chosen.

        Both may set widgets, which calls this method again: `_busy` ends that call at once.
        """
        if self._busy:
            return
        self._busy = True
        try:
            self._offer()
            self._show()
        finally:
            self._busy = False

    def _offer(self) -> None:
        offer(self.condition, list(self._conditions[self.dataset.value]))
        records = self._conditions[self.dataset.value][self.condition.value]
        offer(self.hidden, _distinct(records.layers["hidden"]))
        layers: Any = records.layers[records.layers["hidden"] == self.hidden.value]
        readouts = records.readouts[records.readouts["hidden"] == self.hidden.value]
        offer(self.depth, _distinct(readouts["depth"])[::-1])  # the deepest first
        offer(self.kind, kinds(layers))
        offer_span(self.epochs, _distinct(layers["epoch"]))
        offer_span(self.seeds, _distinct(layers["seed"]))
        offer(self.layer, [("none", 0), *((str(k), k) for k in range(1, self.depth.value + 1))])

    def _show(self) -> None:
        kind, epochs = self.kind.value, self.epochs.value
        seeds = tuple(
            s for s in self.seeds.options if self.seeds.value[0] <= s <= self.seeds.value[1]
        )
        condition = (self.dataset.value, self.condition.value)
        chosen = (*condition, self.hidden.value, self.depth.value, KINDS[kind], epochs, seeds)
        if chosen != self._chosen:  # else only the target moved: keep the correlations
            records = self._conditions[condition[0]][condition[1]]
            self._chosen, self.selection = chosen, Selection(records, *chosen[2:])
        selection, target = self.selection, self.target.value
        try:
            numbers = selection.numbers(target)
            traces = views.traces(selection.traces, selection.network, kind, epochs, target)
        except FFError as error:
            self._clear()
            self.notice.value = views.trouble(str(error), *selection.stopped())
            return
        try:
            self.command.value = views.command(selection.config())
            hints = []
        except ConfigError as error:  # trained with an entry of a table that is not here
            self.command.value, hints = "", [f"No command can train this here: {error}."]
        self.notice.value = views.trouble(*hints, *selection.hints(numbers))
        self.traces.value = traces
        self.delays.value = views.delays(numbers, epochs, target)
        self.correlations.value = views.correlations(numbers)
        self.table.value = views.table(numbers)
        learned = Path(self.dataset.value).name  # of a folder, the last part
        name = f"{learned}-{selection.depth}x{selection.hidden}-{selection.column}"
        link = download(selection.described(numbers, target), f"{name}-{target:g}")
        self.downloads.value = f"Download CSV: {link._repr_html_()}"
        self._numbers = numbers
        self._pick()

    def _clear(self) -> None:
        """Show nothing, so that no view is of what was chosen before."""
        shown = (self.traces, self.delays, self.correlations, self.table)
        for view in (*shown, self.downloads, self.command):
            view.value = ""
        self._numbers = pd.DataFrame()
        self._pick()

    def _pick(self, _: object = None) -> None:
        layer, numbers = self.layer.value, self._numbers
        there = layer and len(numbers)
        self.picked.value = views.sentence(numbers, layer, self.target.value) if there else ""
        self._highlight.value = highlight(self._scope, self.depth.value, layer)


def _distinct(column: Any) -> list[int]:
    return np.unique(column).tolist()
