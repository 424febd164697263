"""Data sets that are folders of pictures."""

import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from papermill.cli import _resolve_type
from picturing import folder
from PIL import Image
from torchvision.datasets import ImageFolder

import ff
from ff import data, images
from ff.__main__ import main
from ff.book.notebook import configure, default_folder, papermill

ORIENTATION = 0x0112  # EXIF's tag


@pytest.fixture
def pictures(offline: Path, tmp_path: Path) -> Path:
    """Three classes in color, 12 x 20; the cache is the new home folder's."""
    return folder(tmp_path / "pictures")


def load(path: Path, size: Any = None) -> data.Dataset:
    return data.load(f"images:{path}", size)


def kept(home: Path) -> list[Path]:
    return sorted((home / "cache" / "ff" / "images").glob("*"))


# --- what is read


@pytest.mark.parametrize("color", [False, True])
def test_a_folder_is_read_as_image_folder_reads_it(offline, tmp_path, color):
    path = folder(tmp_path / "pictures", color=color)
    mine = load(path, [12, 20])
    assert (mine.classes, mine.source.shape) == (3, (3, 12, 20) if color else (12, 20))
    assert [len(split) for split in (mine.train, mine.validation, mine.test)] == [30, 6, 12]
    found = ImageFolder(path / "test")
    theirs = [found[at] for at in range(len(found))]
    assert mine.test.labels.tolist() == [label for _, label in theirs]
    for ours, (picture, _) in zip(mine.test.images, theirs, strict=True):
        planes = np.asarray(picture).transpose(2, 0, 1)
        np.testing.assert_array_equal(ours.unflatten(0, (-1, 12, 20)), planes[: 3 if color else 1])
    assert torch.bincount(mine.validation.labels).tolist() == [2, 2, 2]
    assert mine.describe() == (
        f"images:{path}, 3 classes, 12 x 20, {'color' if color else 'gray'}: 30 training, "
        "6 validation (a sixth of each class's training images, drawn once and for all) and "
        "12 test images"
    )


def test_one_picture_in_color_makes_all_color(offline, tmp_path):
    path = folder(tmp_path / "pictures", color=False)
    assert load(path).source.shape == (28, 28)
    Image.new("RGB", (5, 5), (9, 8, 7)).save(path / "test" / "class-000" / "new.png")
    assert load(path).source.shape == (28, 28), "test images are in color, but not learned from"
    Image.new("RGB", (5, 5), (9, 8, 7)).save(path / "train" / "class-000" / "new.png")
    assert load(path).source.shape == (3, 28, 28)


@pytest.mark.parametrize("name", ["validation", "val"])
def test_a_folder_of_validation_images_is_taken(pictures, name):
    shutil.copytree(pictures / "test", pictures / name)
    mine = load(pictures)
    assert [len(split) for split in (mine.train, mine.validation, mine.test)] == [36, 12, 12]
    assert torch.equal(mine.validation.images, mine.test.images)
    assert "12 validation and 12 test images" in mine.describe()


@pytest.mark.parametrize(("size", "shape"), [(None, (28, 28)), (7, (7, 7)), ([6, 9], (6, 9))])
def test_pictures_of_any_size_are_resized(pictures, size, shape):
    Image.new("RGB", (300, 500), (1, 2, 3)).save(pictures / "test" / "class-000" / "0.jpg")
    mine = load(pictures, size)
    assert mine.source.shape == (3, *shape)
    first = mine.test.images[0].unflatten(0, mine.source.shape).float()
    assert (first.amax((1, 2)) - first.amin((1, 2))).max() <= 1, "it is of one color"
    assert first.mean((1, 2)).tolist() == pytest.approx([1, 2, 3], abs=1)


def stored(path: Path, kind: str) -> None:
    """A picture whose upper half is white, stored in many ways."""
    half = np.zeros((8, 8), np.uint8)
    half[:4] = 255
    gray = Image.fromarray(half)
    if kind == "turned":  # the camera was held upright
        exif = Image.Exif()
        exif[ORIENTATION] = 6
        return gray.rotate(90).save(path, exif=exif)
    if kind == "16 bits":
        return Image.fromarray(half.astype(np.uint16) * 257).save(path)
    if kind == "palette":
        return gray.convert("P").save(path, transparency=bytes([255] * 256))
    return gray.convert(kind).save(path)


@pytest.mark.parametrize("kind", ["1", "L", "LA", "P", "RGB", "RGBA", "16 bits", "palette"])
def test_png_of_each_kind(pictures, kind):
    stored(pictures / "test" / "class-000" / "0.png", kind)
    assert (pictures / "test" / "class-000" / "0.jpg").exists()
    image = load(pictures, 8).test.images[1].unflatten(0, (3, 8, 8))  # after 0.jpg
    assert image[:, :4].eq(255).all()
    assert image[:, 4:].eq(0).all()


@pytest.mark.parametrize("kind", ["L", "RGB", "CMYK", "turned"])
def test_jpg_of_each_kind(pictures, kind):
    stored(pictures / "test" / "class-000" / "0.jpg", kind)
    image = load(pictures, 8).test.images[0].unflatten(0, (3, 8, 8)).int()
    assert image[:, :4].min() > 200
    assert image[:, 4:].max() < 50


def test_what_begins_with_a_dot_and_other_files_do_not_count(pictures):
    before = load(pictures)
    (pictures / "train" / ".ipynb_checkpoints").mkdir()
    (pictures / "train" / "class-000" / "._0.jpg").write_bytes(b"of another system")
    (pictures / "train" / "class-000" / "notes.txt").write_text("notes")
    (pictures / "train" / "notes.txt").write_text("notes")
    assert load(pictures).checksum == before.checksum


def test_endings_may_be_of_any_case_and_folders_may_nest(pictures):
    place = pictures / "test" / "class-000"
    (place / "more").mkdir()
    (place / "0.jpg").rename(place / "more" / "0.JPG")
    (place / "1.png").rename(place / "1.jpeg")  # what is in it decides, not its name
    assert len(load(pictures).test) == 12


# --- the cache


def counted(monkeypatch) -> list[str]:
    """Paths of the pictures that are decoded from now on."""
    asked, picture = [], images._picture
    monkeypatch.setattr(
        images, "_picture", lambda path, size: asked.append(path) or picture(path, size)
    )
    monkeypatch.setattr(data, "_last", {})  # as in another process
    return asked


def test_pictures_are_decoded_once(pictures, offline, monkeypatch):
    first = load(pictures)
    asked = counted(monkeypatch)
    again = load(pictures)
    assert not asked
    assert again.checksum == first.checksum
    assert torch.equal(again.train.images, first.train.images)
    assert len(kept(offline)) == 1
    load(pictures, 9)
    assert len(asked) == 48, "another size is decoded anew"
    assert len(kept(offline)) == 2


def test_a_folder_that_changes_is_decoded_anew(pictures, offline, monkeypatch):
    first = load(pictures)
    asked = counted(monkeypatch)
    shutil.copy(pictures / "train/class-000/1.png", pictures / "train/class-000/new.png")
    assert len(load(pictures).train) == 31
    assert len(asked) == 49
    (pictures / "train/class-000/new.png").unlink()
    assert load(pictures).checksum == first.checksum
    os.utime(pictures / "train/class-000/1.png", ns=(1, 1))
    asked.clear()
    load(pictures)
    assert len(asked) == 48
    assert len(kept(offline)) == 1, "the old arrays are replaced"


def test_records_of_other_images_are_not_taken_for_these(pictures, tmp_path):
    config = ff.Config(
        dataset=f"images:{pictures}", image_size=6, layers=2, hidden=4, epochs=1, batch_size=10
    )
    first = ff.train(config, tmp_path / "out")
    assert ff.train(config, tmp_path / "out").runs == first.runs
    (pictures / "train/class-000/1.png").unlink()
    with pytest.raises(ff.RecordsError, match=r"holds records of other images than images:.*overw"):
        ff.train(config, tmp_path / "out")
    shutil.rmtree(pictures)
    assert ff.train(config, tmp_path / "out").runs == first.runs, "measurements stay"


def test_color_among_gray_images_becomes_gray_by_luminance(pictures, offline, tmp_path):
    for split in ("train", "test"):
        for label in ("a", "b"):
            place = tmp_path / "mixed" / split / label
            place.mkdir(parents=True)
            for i in range(3):
                color = (200, 0, 0) if split == "test" else (90 + i, 90 + i, 90 + i)
                Image.new("RGB", (4, 4), color).save(place / f"{i}.png")
    found = load(tmp_path / "mixed", 4)
    assert found.test.images.shape == (6, 16)
    assert set(found.test.images.flatten().tolist()) == {round(0.299 * 200)}


def test_what_is_kept_of_a_folder_goes_when_the_folder_has_gone(pictures, offline, tmp_path):
    load(pictures)
    (mine,) = kept(offline)
    shutil.move(pictures, tmp_path / "elsewhere")
    load(tmp_path / "elsewhere")
    assert len(kept(offline)) == 1
    assert not mine.exists()


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "another"])
def test_a_damaged_cache_is_made_anew(pictures, offline, monkeypatch, damage):
    first = load(pictures)
    (path,) = kept(offline)
    content = path.read_bytes()
    middle = content.index(b"train.npy") + 400
    wrong = {
        "empty": b"",
        "cut": content[: len(content) // 2],
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "text": b"not an array",
    }
    if damage == "another":
        np.savez(path, train=np.zeros(3))
    else:
        path.write_bytes(wrong[damage])
    asked = counted(monkeypatch)
    assert load(pictures).checksum == first.checksum
    assert len(asked) == 48
    asked = counted(monkeypatch)
    assert load(pictures).checksum == first.checksum
    assert not asked, "it was not made whole again"


def test_without_a_cache_folder_pictures_are_decoded_each_time(pictures, offline, monkeypatch):
    (offline / "cache").write_text("a file")
    asked = counted(monkeypatch)
    for _ in range(2):
        monkeypatch.setattr(data, "_last", {})
        load(pictures)
    assert len(asked) == 2 * 48


def test_the_data_folder_is_left_as_it_is(pictures, offline, monkeypatch):
    monkeypatch.setenv("FF_DATA", str(offline / "data"))
    load(pictures)
    assert not (offline / "data").exists()


# --- what is refused


def spoil(path: Path, how: str) -> None:
    """Make one thing wrong in a folder."""
    first = path / "train" / "class-000"
    if how == "absent":
        shutil.rmtree(path)
    elif how == "a file":
        shutil.rmtree(path)
        path.write_text("")
    elif how in ("no train", "no test"):
        shutil.rmtree(path / how[3:])
    elif how == "one class":
        for split in ("train", "test"):
            for at in (1, 2):
                shutil.rmtree(path / split / f"class-{at:03}")
    elif how == "101 classes":
        for at in range(3, 101):
            shutil.copytree(first, path / "train" / f"class-{at:03}")
    elif how == "flat":
        shutil.rmtree(path / "train")
        shutil.copytree(path / "test" / "class-000", path / "train")
    elif how == "strange":
        (path / "test" / "class-000").rename(path / "test" / "dog")
    elif how == "empty class":
        shutil.rmtree(first)
        first.mkdir()
    elif how == "one picture":
        for file in sorted(first.iterdir())[1:]:
            file.unlink()
    elif how == "empty test":
        shutil.rmtree(path / "test")
        (path / "test").mkdir()
    elif how == "text":
        (first / "3.jpg").write_text("no picture")
    elif how == "cut":
        (first / "3.jpg").write_bytes((first / "3.jpg").read_bytes()[:300])
    elif how == "cut png":
        (first / "4.png").write_bytes((first / "4.png").read_bytes()[:300])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("absent", r"there is no folder .*pictures; name one that holds train/CLASS"),
        ("a file", "there is no folder .*pictures; name one that holds train/CLASS"),
        ("no train", "pictures has no folder train; it must hold train/CLASS"),
        ("no test", "pictures has no folder test; it must hold train/CLASS"),
        ("one class", "train must hold 2 to 100 folders, one for each class, but holds 1; arrange"),
        ("101 classes", "train must hold 2 to 100 folders, .* but holds 101; arrange"),
        ("flat", "train must hold 2 to 100 folders, .* but holds 0; arrange"),
        ("strange", "test/dog is a class that .*train lacks; delete it, or add"),
        ("empty class", "train/class-000 holds no jpg or png; add some, or delete the folder"),
        (
            "one picture",
            r"train/class-000 must hold at least 2 .* holds 1; add some, or",
        ),
        ("empty test", "test holds no jpg or png; arrange pictures as"),
        ("text", r"cannot read .*train/class-000/3.jpg as a picture .*; delete it, or put"),
        ("cut", r"cannot read .*3.jpg as a picture .*[Tt]runcated.*; delete it"),
        ("cut png", r"cannot read .*4.png as a picture .*; delete it"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(pictures, offline, how, message):
    spoil(pictures, how)
    with pytest.raises(ff.DataError, match=message) as caught:
        load(pictures)
    assert "\n" not in str(caught.value)
    assert not kept(offline)


def test_pictures_that_do_not_fit_the_memory(pictures, monkeypatch):
    import psutil

    class Little:
        available = 1e5

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    with pytest.raises(ff.DataError, match=r"48 pictures of 28 x 28 take .* smaller image_size"):
        load(pictures)


def test_more_classes_than_pixels(pictures):
    with pytest.raises(ff.DataError, match=r"images must have at least 3 pixels, .* but have 2"):
        load(folder(pictures.parent / "gray", color=False), [1, 2])


# --- the configuration


def test_spellings_of_a_path_are_one_configuration(monkeypatch, tmp_path, offline):
    monkeypatch.chdir(tmp_path)
    names = [
        "images:a b",
        "images:./a b/",
        f"images: {tmp_path}/c/../a b",
        f"images:{tmp_path}/a b",
    ]
    assert {ff.Config(dataset=name).dataset for name in names} == {f"images:{tmp_path}/a b"}
    assert ff.Config(dataset="images:~/a").dataset == f"images:{offline}/a"
    assert ff.Config(dataset="images:a").batch == 100, "known without a folder"
    assert ff.Config(dataset="images:a", image_size=[9, 9]).image_size == 9
    usual, said = ff.Config(dataset="images:a"), ff.Config(dataset="images:a", image_size=28)
    assert usual == said
    assert usual.condition == said.condition


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dataset": "images:"}, "dataset must be mnist, .*, digits or images:PATH but got"),
        ({"dataset": "pictures"}, "dataset must be mnist, .*, digits or images:PATH but got"),
        ({"image_size": 32}, "image_size must be None with dataset 'mnist', whose images have"),
        ({"dataset": "images:a", "image_size": 0}, "image_size must be an integer from 1 to 1024"),
        ({"dataset": "images:a", "image_size": [8]}, r"a pair \[rows, columns\] .* got \[8\]"),
        ({"dataset": "images:a", "image_size": 8.0}, "image_size must be an integer from 1 to"),
    ],
)
def test_what_the_configuration_refuses(values, message):
    with pytest.raises(ff.ConfigError, match=message):
        ff.Config(**values)


def test_a_batch_larger_than_the_folder_is_refused(pictures, tmp_path):
    config = ff.Config(dataset=f"images:{pictures}", layers=2, hidden=4, seeds=1)
    with pytest.raises(ff.ConfigError, match=r"batch_size must be at most 30 .* but got 100"):
        ff.train(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- the command, the notebook


def test_the_command_trains_a_folder_and_says_what_is_in_it(pictures, tmp_path):
    values = {"dataset": f"images:{pictures}", "image_size": "[12, 20]", "batch_size": 10}
    values |= {"layers": 3, "hidden": 20, "seeds": 1, "epochs": 2, "device": "cpu"}
    changes = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    for again in (False, True):
        result = CliRunner().invoke(main, ["train", *changes, "--out", str(tmp_path / "out")])
        assert result.exit_code == 0, result.output
        said = (
            f"data set: images:{pictures}, 3 classes, 12 x 20, color: 30 training, 6 validation "
            "(a sixth of each class's training images, drawn once and for all) and 12 test images"
        )
        assert (said in result.stdout.splitlines()) != again
    (run,) = ff.read(tmp_path / "out").runs
    mine = load(pictures, [12, 20])
    assert run["dataset"] == {"name": f"images:{pictures}", "sha256": mine.checksum}
    assert run["config"]["image_size"] == [12, 20]


def test_the_notebook_says_what_is_in_a_folder(pictures):
    config, note = configure({"dataset": f"images:{pictures}", "image_size": 16, "layers": 3})
    assert repr(note).startswith(f"Data set: images:{pictures}, 3 classes, 16 x 16, color: 30 tr")
    assert default_folder(config).parts[0] == "records"
    assert default_folder(config).name.startswith("pictures-1000x3-")
    with pytest.raises(ff.DataError, match="there is no folder"):
        configure({"dataset": "images:nowhere"})


def test_the_papermill_command_of_a_folder_with_a_space():
    config = ff.Config(dataset="images:/my pictures", image_size=[12, 20], layers=2)
    words = shlex.split(papermill(config))
    assert _resolve_type(words[words.index("dataset") + 1]) == config.dataset
    assert "image_size: [12, 20]" in words


def test_a_folder_may_be_an_entry_of_the_table(pictures, monkeypatch):
    monkeypatch.setitem(data.DATASETS, "mine", data.from_folder(pictures, [12, 20]))
    assert data.load("mine").checksum == load(pictures, [12, 20]).checksum
    with pytest.raises(ff.ConfigError, match="image_size must be None with dataset 'mine'"):
        ff.Config(dataset="mine", image_size=5)
