"""What the training lab alone shows, as HTML: goodness, samples, and how far training is."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import image
from torch import Tensor

from ff.algorithm.samples import samples
from ff.book.style import INK
from ff.config import Config
from ff.data import Source
from ff.live.charts import Axis, Plot, panel, tint
from ff.live.views import NEGATIVE, POSITIVE

__all__ = ["histograms", "pictures", "status"]

SOME = 16  # at most this many layers are shown one by one, evenly spread
BINS = 40


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
    axis = _around_threshold(shares)
    low = config.positive == "low"
    parts = [_histogram(shares[:, k - 1], k, depth, axis, low) for k in layers]
    some = f"{len(layers)} of {depth} layers; " if len(layers) < depth else ""
    caption = (
        f'Goodness of <b style="color:{POSITIVE}">positive</b> and '
        f'<b style="color:{NEGATIVE}">negative</b> samples <small>{some}dashed: threshold; '
        f"axis: {axis.low:g} to {axis.high:g} thresholds; number: their accuracy</small>"
    )
    return panel(caption, f'<div class="ff-histograms">{"".join(parts)}</div>')


def status(phase: str, epochs: int, layers: pd.DataFrame, network: pd.Series) -> str:
    """Line that says how far training is, and how well the layers do.

    Parameters
    ----------
    phase
        Of a `ff.live.lab.Lab`.
    epochs
        Of the whole run.
    layers, network
        As for `traces`.
    """
    done = len(layers)
    words = [f"<b>{phase.capitalize()}</b>: {done} of {epochs} epochs completed."]
    if done:
        values = [f"{k}: {layers[k].iloc[-1]:.2f}" for k in _some(layers.shape[1])]
        words.append(
            f"Accuracy of layer {', '.join(values)}; whole network {network.iloc[-1]:.2f}."
        )
    return f'<div role="status">{" ".join(words)}</div>'


def pictures(images: Tensor, labels: Sequence[int], wrong: Sequence[int], source: Source) -> str:
    """Images as the network sees them: with the true label, with a wrong one, and with none.

    Parameters
    ----------
    images
        uint8, shape (n, pixels).
    labels, wrong
        The labels of their positive and negative samples.
    source
        The entry of `ff.data.DATASETS` that they are from.
    """
    truth, false = (images.new_tensor(values).long() for values in (labels, wrong))
    x = samples(images[None], truth[None], false[None], source.classes).dense()[0]  # (3n, pixels)
    positive, negative, neutral = x.reshape(3, len(images), *source.shape).cpu().numpy()
    parts = []
    for i, (label, other) in enumerate(zip(labels, wrong, strict=True)):
        columns = [
            (positive[i], f"positive: {label}", f"{label} with its true label", POSITIVE),
            (negative[i], f"negative: {other}", f"{label} with the wrong label {other}", NEGATIVE),
            (neutral[i], "neutral", f"{label} with no label", INK),
        ]
        three = [
            f'<figure><img alt="{alt}" src="{_png(pixels)}">'
            f'<span style="color:{ink}">{name}</span></figure>'
            for pixels, name, alt, ink in columns
        ]
        parts.append(f"<div>{''.join(three)}</div>")
    caption = (
        f"Samples <small>the first {source.classes} pixels of the top row hold the label: one lit, "
        "or all of them faintly</small>"
    )
    return panel(caption, f'<div class="ff-pictures">{"".join(parts)}</div>')


def _some(depth: int) -> list[int]:
    return [int(k) for k in np.unique(np.linspace(1, depth, min(depth, SOME)).round())]


def _around_threshold(shares: np.ndarray) -> Axis:
    """Axis for nearly all goodness, in thresholds; by powers of 2, so that it seldom changes."""
    far = abs(shares[np.isfinite(shares)] - 1)
    reach = np.quantile(far, 0.98) if far.size else 1
    half = float(2.0 ** np.clip(np.ceil(np.log2(max(reach, 1e-9))), -3, 6))
    return Axis("", max(0, 1 - half), 1 + half)


def _histogram(goodness: np.ndarray, layer: int, depth: int, axis: Axis, low: bool) -> str:
    """One layer's, of goodness in units of the threshold, shape (2, images).

    `low` says that positive samples shall be below the threshold.
    """
    if not np.isfinite(goodness).all():
        return f'<div class="layer layer-{layer}">layer {layer} has diverged</div>'
    edges = np.linspace(axis.low, axis.high, BINS + 1)
    shown = goodness.clip(axis.low, axis.high)  # what lies beyond counts at the edge
    shares = [np.histogram(g, edges)[0] / len(g) for g in shown]
    plot = Plot(axis, Axis("", 0, max(map(max, shares))), 170, 70)
    above, below = goodness[::-1] if low else goodness  # where they shall be
    right = (np.mean(above > 1) + np.mean(below < 1)) / 2  # Eq. 3
    areas = [
        plot.steps(edges, share, f'fill="{ink}" fill-opacity=".6"')
        for share, ink in zip(shares, (POSITIVE, NEGATIVE), strict=True)
    ]
    drawing = plot.svg(f"goodness in layer {layer}", *areas, plot.rule(x=1))
    swatch = f'<span class="ff-swatch" style="background:{tint(layer, depth)}"></span>'
    return (
        f'<div class="layer layer-{layer}"><small>{swatch}layer {layer}: {right:.2f}</small>'
        f"{drawing}</div>"
    )


def _png(pixels: np.ndarray) -> str:
    """Data URI of an image with values from 0 to 1."""
    file = io.BytesIO()
    image.imsave(file, pixels, cmap="gray", vmin=0, vmax=1, format="png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
