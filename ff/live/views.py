"""What the results explorer shows, and what both applications do, as HTML: numbers in, text out."""

from html import escape
from typing import Any

import numpy as np
import pandas as pd

from ff.book.notebook import papermill
from ff.book.style import INK
from ff.config import Config
from ff.live.charts import STYLE, Axis, Plot, group, panel, tint
from ff.live.labels import as_labelled
from ff.stats.correlation import STRONG

__all__ = [
    "SCRIPT",
    "STYLES",
    "command",
    "correlations",
    "delays",
    "sentence",
    "table",
    "traces",
    "trouble",
]

STYLES = f"""<style>{STYLE}
.ff-app {{ color: var(--jp-ui-font-color1, #222); }}
.ff-app .widget-html-content {{ line-height: 1.5; }}
.ff-app .ff-scroll {{ max-height: 310px; overflow: auto; }}
.ff-app table {{ border-collapse: collapse; font-size: 12px; width: 100%;
  font-variant-numeric: tabular-nums; }}
.ff-app th, .ff-app td {{ padding: 2px 4px; text-align: right; white-space: nowrap; }}
.ff-app th:first-child {{ text-align: left; }}
.ff-app thead th {{ position: sticky; top: 0; background: var(--jp-layout-color2, #eee); }}
.ff-app .ff-swatch {{ display: inline-block; width: 14px; height: 10px; margin-right: 6px;
  border: 1px solid #fff; }}
.ff-app .ff-download {{ display: inline; }}
.ff-app .ff-command {{ margin-top: 6px; }}
.ff-app .ff-download a {{ color: var(--jp-content-link-color, #0057a8); }}
.ff-app .ff-command code {{ user-select: all; overflow-wrap: anywhere; padding: 3px 6px;
  background: var(--jp-layout-color2, #eee); color: inherit; }}
.ff-app input:invalid {{ outline: 2px solid var(--jp-error-color1, #b3261e); }}
.ff-app .ff-trouble {{ border-left: 4px solid var(--jp-error-color1, #b3261e);
  padding: 2px 10px; margin: 4px 0; white-space: pre-line; }}
.ff-app .ff-histograms div {{ display: flex; flex-wrap: wrap; align-items: end;
  font-size: 11.5px; }}
.ff-app .ff-histograms div > span {{ flex: 0 0 104px; }}
.ff-app .ff-histograms svg {{ flex: 1 1 220px; width: auto; min-width: 0; overflow: visible; }}
.ff-app .ff-histograms .layer svg {{ border-bottom: 1px solid #e8e8e8; }}
.ff-app .ff-pictures {{ display: flex; flex-wrap: wrap; gap: 8px 24px; }}
.ff-app .ff-pictures div {{ display: flex; gap: 6px; }}
.ff-app .ff-pictures figure {{ margin: 0; font-size: 11.5px; line-height: 1.35; }}
.ff-app .ff-pictures img {{ display: block; width: 64px; margin: 0 0 4px;
  border-bottom: 4px solid; image-rendering: pixelated; }}
</style>"""

# Two things that ipywidgets leaves out: names of the sliders' handles for screen readers, and a
# message at a number field that is empty, whose last number counts until the field is left.
SCRIPT = """<img src="data:," alt="" hidden onerror="
window.addEventListener('focusin', ({target}) => {
  const control = target.closest('.noUi-handle') && target.closest('.ff-app .widget-inline-hbox');
  if (!control) return;
  const ends = [...control.querySelectorAll('.noUi-handle')];
  const end = ends.length > 1 ? [', first', ', last'][ends.indexOf(target)] : '';
  target.setAttribute('aria-label', control.querySelector('.widget-label').textContent + end);
});
for (const kind of ['input', 'change']) window.addEventListener(kind, ({target}) => {
  if (!target.matches('.ff-app input[type=number]')) return;
  target.setCustomValidity(target.value ? '' : 'Type a number; until then the last one counts.');
  target.reportValidity();
})">"""


def traces(
    layers: pd.DataFrame, network: pd.Series, kind: str, epochs: tuple[int, int], target: float
) -> str:
    """Accuracy of all layers as training goes on.

    Parameters
    ----------
    layers
        A row an epoch, a column a layer; NaN where it was not measured.
    network
        Accuracy of the readout by epoch.
    kind
        What counts as accuracy, in words.
    epochs
        Ends of the axis.
    target
        Accuracy to mark.
    """
    lowest = np.nanmin([0.5, *layers.to_numpy().flat, *network])
    first, last = epochs
    plot = Plot(Axis("epoch", first, max(last, first + 1), True), Axis(kind, lowest - 0.02, 1))
    shapes = [plot.rule(y=target)]
    for layer, values in layers.items():
        trace = _trace(plot, values)
        shapes.append(group(int(str(layer)), layers.shape[1], f"layer {layer}", trace))
    readout = _trace(plot, network, dashed=True)
    shapes.append(f'<g color="{INK}"><title>whole network</title>{readout}</g>')
    caption = (
        f"{kind[0].upper()}{kind[1:]} <small>dashed: whole network; rule: target {target:g}</small>"
    )
    return panel(caption, plot.svg(f"{kind} of each layer against the epoch", *shapes))


def delays(numbers: pd.DataFrame, epochs: tuple[int, int], target: float) -> str:
    """Delay of each layer against its depth.

    Parameters
    ----------
    numbers
        As `ff.live.selection.Selection.numbers` returns them.
    epochs
        Ends of the axis.
    target
        The accuracy that is reached.
    """
    first, last = epochs
    depth, last = len(numbers), max(last, first + 1)
    plot = Plot(Axis("layer", 0, depth + 1, True), Axis("epoch at target", first, last, True))
    shapes = []
    for row in numbers.to_dict("records"):
        x, y = int(row["layer"]), float(row["crossing"])
        until = float(row["until"])
        if row["censored"]:
            title, mark = f"not by epoch {until:.0f}", plot.dot(x, until, "triangle", filled=False)
        else:
            title, mark = f"epoch {_number(y, 2)}", plot.dot(x, y)
        low, high = np.minimum([row["crossing_low"], row["crossing_high"]], until)
        whisker = plot.whisker(x, low, high)
        shapes.append(group(x, depth, f"layer {x}: {title}", whisker, mark))
    caption = (
        f"Delay: epoch at {target:g} <small>whiskers: 95 % interval over seeds; "
        f"open triangle: not reached</small>"
    )
    return panel(caption, plot.svg(f"epoch at which each layer reaches {target:g}", *shapes))


def correlations(numbers: pd.DataFrame) -> str:
    """Correlation of each layer with the network against the layer's depth.

    Parameters
    ----------
    numbers
        As `ff.live.selection.Selection.numbers` returns them.
    """
    both = numbers[["pearson", "spearman"]].to_numpy(float)
    depth, low = len(numbers), np.nanmin([0.0, *both.flat])
    plot = Plot(
        Axis("layer", 0, depth + 1, True),
        Axis("correlation", low - 0.05 if low < 0 else 0, 1.03),
    )
    shapes = [plot.rule(y=STRONG)]
    for layer, (pearson, spearman) in zip(numbers["layer"], both, strict=True):
        title = f"layer {layer}: Pearson {_number(pearson, 3)}, Spearman {_number(spearman, 3)}"
        marks = [plot.dot(layer, spearman, filled=False), plot.dot(layer, pearson)]
        shapes.append(group(int(layer), depth, title, *marks))
    caption = (
        "Correlation with the whole network "
        f"<small>filled: Pearson; open: Spearman; rule: strong, {STRONG:g}</small>"
    )
    return panel(caption, plot.svg("correlation of each layer with the network", *shapes))


def table(numbers: pd.DataFrame) -> str:
    """The numbers of all layers, a row each.

    Parameters
    ----------
    numbers
        As `ff.live.selection.Selection.numbers` returns them.
    """
    heads = ("layer", "accuracy", "epoch", "crossing", "95 % interval", "Pearson", "Spearman")
    rows = []
    for row in numbers.to_dict("records"):
        cells = [
            _number(row["accuracy"], 3),
            "never" if row["censored"] else _number(row["epoch"], 0),
            _number(row["crossing"], 2),
            _interval(row["crossing_low"], row["crossing_high"]),
            _number(row["pearson"], 3),
            _number(row["spearman"], 3),
        ]
        swatch = (
            f'<span class="ff-swatch" style="background:{tint(row["layer"], len(numbers))}"></span>'
        )
        rows.append(
            f'<tr class="layer layer-{row["layer"]}"><th scope="row">{swatch}{row["layer"]}</th>'
            f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        )
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return (
        f'<div class="ff-scroll" tabindex="0" role="region" aria-label="Numbers of all layers">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def sentence(numbers: pd.DataFrame, layer: int, target: float) -> str:
    """The numbers of one layer in words."""
    row = numbers.set_index("layer").loc[layer]
    said = f"reaches {target:g} in epoch {row['epoch']:.0f}"
    if row["censored"]:
        said = f"does not reach {target:g} by epoch {row['until']:.0f}"
    elif np.isnan(row["until"]):
        said = "was not measured in all of these seeds at these epochs"
    if np.isfinite(row["pearson"]):
        pearson, spearman = (_number(row[name], 3) for name in ("pearson", "spearman"))
        said += (
            f"; its correlation with the whole network is {pearson} (Pearson) and {spearman} "
            "(Spearman)"
        )
    return f'<span role="status">Layer {layer} {said}.</span>'


def command(config: Config) -> str:
    """Papermill command of a configuration, with a button that copies it."""
    copy = (
        "getSelection().selectAllChildren(this.previousElementSibling);"
        "document.execCommand('copy');this.textContent='Copied'"
    )
    return (
        f'<div class="ff-command"><code>{escape(papermill(config))}</code> '
        f'<button class="jupyter-button" style="width:auto" onclick="{copy}" '
        f'title="Copy this command, which trains these networks">'
        f"Copy as papermill command</button></div>"
    )


def trouble(*sentences: str) -> str:
    """Box with sentences that say what is wrong; empty if there are none.

    Errors are shown here, with the names that the settings have on the screen.
    """
    text = as_labelled("\n".join(sentences))
    return f'<div class="ff-trouble" role="alert">{escape(text)}</div>' if text else ""


def _trace(plot: Plot, values: pd.Series, dashed: bool = False) -> str:
    """Line through values by epoch, and a dot if there is one only, which makes no line."""
    there: Any = values.dropna()
    dots = [plot.dot(there.index[0], there.iloc[0])] if len(there) == 1 else []
    return "".join([plot.line(there.index, there, dashed), *dots])


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "–"


def _interval(low: float, high: float) -> str:
    """Ends of an interval; "later" is one beyond the last epoch."""
    if np.isnan(low):
        return "–"
    ends = [f"{end:.2f}" if np.isfinite(end) else "later" for end in (low, high)]
    return "–".join(dict.fromkeys(ends))
