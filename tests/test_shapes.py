"""Nothing assumes 28 x 28 pixels, gray, or ten classes: other images, from end to end."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picturing import folder
from PIL import Image

import ff
from ff.data import Dataset, load
from ff.live import lab_views
from ff.live.lab import Lab
from ff.live.training_lab import TrainingLab

KINDS = ("positive", "negative", "neutral")
COLOR = {"classes": 3, "train": 60, "test": 20, "size": (12, 20)}
MANY = {"classes": 100, "train": 12, "test": 2, "size": (20, 15), "color": False}


@pytest.fixture(params=[COLOR, MANY], ids=["color", "100 classes"])
def mine(request, offline: Path, tmp_path: Path) -> Dataset:
    values = dict(request.param)
    return load(f"images:{folder(tmp_path / 'pictures', **values)}", [*values["size"]])


def config(mine: Dataset, **changes: Any) -> ff.Config:
    values = mine.keys | {"layers": [2, 3], "hidden": 30, "seeds": 2, "epochs": 3, "device": "cpu"}
    return ff.Config(**values | {"batch_size": 20} | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"negatives": "hard", "layers": 3},
        {"schedule": "in-turn"},
        {"schedule": "on-frozen", "frozen_after": 1},
        {"normalization": "layer", "goodness": "absolute", "readout_from": 1},
    ],
    ids=str,
)
def test_other_images_train_from_end_to_end(mine, tmp_path, changes):
    records = ff.train(config(mine, **changes), tmp_path / "out")
    again = ff.read(tmp_path / "out")
    assert len(again.layers) == len(records.layers) > 0
    last: Any = records.readouts[records.readouts["test_accuracy"].notna()]
    assert len(last) == 2 * (1 if changes.get("layers") else 2)
    least = float(last[["train_accuracy", "test_accuracy"]].mean().min())
    assert least > (0.6 if mine.classes == 3 else 0.05), "chance is 1/3, and 1/100"
    assert records.runs[0]["dataset"] == {"name": mine.name, "sha256": mine.checksum}


def test_the_readout_learns_stripes(offline, tmp_path):
    """Each class has its own: what is shown must be what is learned."""
    path = folder(tmp_path / "pictures", **COLOR)
    mine = load(f"images:{path}", [12, 20])
    records = ff.train(config(mine, layers=3, epochs=20, batch_size=10, learning_rate=1e-4))
    last: Any = records.readouts.query("epoch == 20")
    assert last["test_accuracy"].min() > 0.95


def test_the_lab_shows_other_images(mine):
    lab = Lab(config(mine, layers=3, seeds=1), mine)
    lab.step()
    lab.advance(60)
    assert lab.traces().shape == (1, 3)
    html = lab_views.histograms(lab.goodness, lab.config)
    assert html.count('class="layer ') == 3
    labels, wrong = lab.labels[:2].tolist(), lab.wrong[:2].tolist()
    html = lab_views.pictures(lab.images[:2], labels, wrong, mine.source)
    color = len(mine.source.shape) == 3
    assert f"the first {mine.classes} pixels{' of the red plane' * color} hold the label" in html
    shown = re.findall(r"data:image/png;base64,([^\"]+)", html)
    assert len(shown) == 6
    for i, (code, kind) in enumerate(zip(shown, 2 * KINDS, strict=True)):
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(code))).convert("RGB"))
        rows, columns = mine.source.shape[-2:]
        assert picture.shape == (rows, columns, 3)
        image = lab.images[i // 3].reshape(-1, rows, columns).numpy()
        given = np.broadcast_to(image, (3, rows, columns)).reshape(3, -1).copy()
        label = {"positive": labels, "negative": wrong}.get(kind)
        planes = slice(0, 1) if color else slice(None)
        given[planes, : mine.classes] = 0 if label else 255 / mine.classes
        if label:
            given[planes, label[i // 3]] = 255
        np.testing.assert_allclose(picture.transpose(2, 0, 1).reshape(3, -1), given, atol=1)


def test_the_application_offers_what_is_added_to_the_table(monkeypatch, offline, tmp_path):
    from ff import data

    path = folder(tmp_path / "pictures", **COLOR)
    assert "mine" not in TrainingLab().dataset.options
    monkeypatch.setitem(data.DATASETS, "mine", data.from_folder(path, [12, 20]))
    assert "mine" in TrainingLab().dataset.options
