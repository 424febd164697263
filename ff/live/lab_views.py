"""What the training lab alone shows, as HTML: goodness, samples, and how far training is."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import image
from torch import Tensor

from ff.algorithm.samples import samples
from ff.book.style import MUTED, NEGATIVE, POSITIVE
from ff.config import Config
from ff.data import Source
from ff.live.charts import Axis, Plot, panel, tint

__all__ = ["histograms", "pictures", "status"]

WIDE = 400  # of histograms, in the chart's own units
SOME = 16  # at most this many layers are shown one by one, evenly spread
BINS = 80
ENDS = (2, 5, 10, 20, 50, 100)  # of the axis of goodness, in thresholds
WITHOUT = {  # what there is to say while no network with the chosen settings is there
    "preparing": "the network with these settings is being made; the previous one is shown.",
    "refused": "these settings cannot be trained; the last network that could be is shown.",
}


def histograms(goodness: np.ndarray, config: Config) -> str:
    """How each layer's goodness is spread over positive and over negative samples.

    Parameters
    ----------
    goodness
        In the threshold's unit, shape (2, layers, images): of positive, then of negative samples.
    config
        Of the network: the threshold, and on which side of it positive samples shall be.
    """
    depth = goodness.shape[1]
    layers = _some(depth)
    shares = goodness / config.threshold
    high = _end(shares)
    low = config.positive == "low"
    parts = [_histogram(shares[:, k - 1], k, depth, high, low) for k in layers]
    axis = Plot(Axis("goodness, in thresholds", 0, high), Axis("", 0, 1), WIDE, 42)
    parts.append(f"<div><span></span>{axis.svg('axis of all layers')}</div>")
    some = f"{len(layers)} of {depth} layers; " if len(layers) < depth else ""
    usual = ENDS[0]
    wide = f"; axis to {high}, since goodness goes beyond {usual}" if high > usual else ""
    caption = (
        f"Goodness of {_swatch(POSITIVE)}positive and {_swatch(NEGATIVE)}negative samples "
        f"<small>{some}{goodness.shape[2]} validation images as last seen; number: accuracy on "
        f"them; dashed: threshold{wide}</small>"
    )
    return panel(caption, f'<div class="ff-histograms">{"".join(parts)}</div>')


def status(state: str, epochs: int, layers: pd.DataFrame, network: pd.Series) -> str:
    """Line that says how far training is, and how well the layers do.

    Parameters
    ----------
    state
        Of a `ff.live.training_lab.TrainingLab`.
    epochs
        Of the whole run.
    layers, network
        As for `traces`.
    """
    done = len(layers)
    said = WITHOUT.get(state, f"{done} of {epochs} epochs completed.")
    if done and state not in WITHOUT:
        last = layers.iloc[-1].dropna()  # where the network diverged, some have no accuracy
        values = [f"{k}: {last[k]:.2f}" for k in _some(layers.shape[1]) if k in last]
        found = [f"layer {', '.join(values)}"] if values else []
        found += [f"whole network: {value:.2f}" for value in network.iloc[-1:].dropna()]
        said += f" Training accuracy in epoch {done}: {'; '.join(found) or 'none'}."
    return f'<div role="status"><b>{state.capitalize()}</b>: {said}</div>'


def pictures(images: Tensor, labels: Sequence[int], wrong: Sequence[int], source: Source) -> str:
    """Images as the network sees them: with the true label, with a wrong one, and with none.

    Parameters
    ----------
    images
        uint8, shape (n, pixels).
    labels, wrong
        The labels of their positive and negative samples.
    source
        Where they are from, and their shape.
    """
    truth, false = (images.new_tensor(values).long() for values in (labels, wrong))
    x = samples(images[None], truth[None], false[None], source.classes).dense()[0]  # (3n, pixels)
    positive, negative, neutral = x.reshape(3, len(images), *source.shape).cpu().numpy()
    parts = []
    for i, (label, other) in enumerate(zip(labels, wrong, strict=True)):
        columns = [
            (positive[i], f"positive: {label}", f"{label} with its true label", POSITIVE),
            (negative[i], f"negative: {other}", f"{label} with the wrong label {other}", NEGATIVE),
            (neutral[i], "neutral", f"{label} with no label", MUTED),
        ]
        three = [
            f'<figure><img alt="{alt}" src="{_png(pixels)}" style="border-color:{ink}">'
            f"{name}</figure>"
            for pixels, name, alt, ink in columns
        ]
        parts.append(f"<div>{''.join(three)}</div>")
    plane = " of the red plane" * (len(source.shape) == 3)
    caption = (
        f"Samples <small>the first {source.classes} pixels{plane} hold the label, row by row: "
        "one lit, or all of them faintly</small>"
    )
    return panel(caption, f'<div class="ff-pictures">{"".join(parts)}</div>')


def _some(depth: int) -> list[int]:
    return [int(k) for k in np.unique(np.linspace(1, depth, min(depth, SOME)).round())]


def _end(shares: np.ndarray) -> int:
    """End of the axis, one of few so that it seldom changes: nearly all goodness is below."""
    finite = np.where(np.isfinite(shares), shares, 0)
    most = np.quantile(finite, 0.98, axis=(0, 2)).max()
    return next((end for end in ENDS if most <= end), ENDS[-1])


def _swatch(ink: str) -> str:
    return f'<span class="ff-swatch" style="background:{ink}"></span>'


def _histogram(goodness: np.ndarray, layer: int, depth: int, high: int, low: bool) -> str:
    """One layer's, of goodness in units of the threshold, shape (2, images).

    `low` says that positive samples shall be below the threshold.
    """
    if not np.isfinite(goodness).all():
        return f'<div class="layer layer-{layer}">layer {layer} has diverged</div>'
    edges = np.linspace(0, high, BINS + 1)
    shown = goodness.clip(0, high)  # what lies beyond counts at the edge
    shares = [np.histogram(g, edges)[0] / len(g) for g in shown]
    plot = Plot(Axis("", 0, high), Axis("", 0, max(map(max, shares))), WIDE, 44)
    above, below = goodness[::-1] if low else goodness  # where they shall be
    right = (np.mean(above > 1) + np.mean(below < 1)) / 2  # Eq. 3
    areas = [
        plot.steps(edges, share, f'fill="{ink}" fill-opacity=".6"')
        for share, ink in zip(shares, (POSITIVE, NEGATIVE), strict=True)
    ]
    drawing = plot.svg(f"goodness in layer {layer}", *areas, plot.rule(x=1))
    return (
        f'<div class="layer layer-{layer}"><span>{_swatch(tint(layer, depth))}'
        f"layer {layer}: {right:.2f}</span>{drawing}</div>"
    )


def _png(pixels: np.ndarray) -> str:
    """Data URI of an image with values from 0 to 1, ``(rows, columns)`` or three of that."""
    pixels = np.moveaxis(pixels, 0, -1) if pixels.ndim == 3 else pixels
    file = io.BytesIO()
    image.imsave(file, pixels, cmap="gray", vmin=0, vmax=1, format="png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
