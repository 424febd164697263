"""Folders of pictures, as ImageFolder has them, for the tests."""

from pathlib import Path

import numpy as np
from PIL import Image


def folder(
    path: Path,
    classes: int = 3,
    train: int = 12,
    test: int = 4,
    size: tuple[int, int] = (12, 20),
    color: bool = True,
) -> Path:
    """Pictures of noise, each class with a bright stripe of its own, as many of each as asked for.

    Every third is a JPEG, the others are PNG.
    """
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("test", test)):
        for label in range(classes):
            place = path / split / f"class-{label:03}"
            place.mkdir(parents=True)
            for at in range(count):
                pixels = rng.integers(80, size=(*size, 3) if color else size, dtype=np.uint8)
                stripe = (size[0] * size[1] - classes) // classes  # beyond the label's pixels
                flat = pixels.reshape(size[0] * size[1], -1)
                flat[classes + label * stripe : classes + (label + 1) * stripe] = 255
                Image.fromarray(pixels).save(place / f"{at}.{'png' if at % 3 else 'jpg'}")
    return path
