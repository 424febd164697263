"""Samples: each image with several labels drawn into it, its other pixels kept only once.

The samples of an image differ in the pixels that hold the label, ten of them in the paper. Products
with a first layer's weights are therefore computed once an image, and what these pixels and the
normalization change is added for each sample: the same numbers, up to rounding, for a third of the
work.

A layer takes them as it takes ``ff.algorithm.fast.Scaled``: rows times a factor for each.
"""

from dataclasses import dataclass, replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ff.algorithm import objective
from ff.algorithm.precision import product
from ff.data import CLASSES
from ff.switches.goodness import sum_of_squares
from ff.switches.normalization import Normalization

__all__ = ["Samples", "candidates", "pixels", "samples", "take"]

WHITE = 255  # the brightest grey level, a pixel of 1


@dataclass(frozen=True)
class Samples:
    """N samples of B images, times S seeds. Sample n shows image n mod B.

    Grey levels are 0 to 255, which every precision holds exactly. The scale is 1 / 255, which
    makes pixels in [0, 1] of them, until `normalized` replaces it by 1 / rms.

    Attributes
    ----------
    pixels
        Grey levels of the images, float32 ``(S, B, I)``. The label pixels, the first C, are 0.
    codes
        Grey levels of each sample's label pixels, one a class, float32 ``(S, N, C)``.
    scale
        What all pixels of a sample are multiplied with, ``(S, N, 1)``.
    """

    pixels: Tensor
    codes: Tensor
    scale: Tensor

    @property
    def distinct(self) -> int:
        """Number of rows that products are made of: one for each image."""
        return self.pixels.shape[1]

    def normalized(self, how: Normalization) -> "Samples":
        """Normalize each sample, as `ff.algorithm.fast.normalized` does."""
        x = self.centered() if how.center else self
        if not how.divide:
            return x
        images = x.pixels.shape[1]
        squares = sum_of_squares(x.codes).unflatten(1, (-1, images))  # (S, N / B, B)
        squares += sum_of_squares(x.pixels).unsqueeze(1)
        return replace(x, scale=objective.scale(squares, x.pixels.shape[2]).flatten(1, 2))

    def centered(self) -> "Samples":
        """Subtract each sample's mean.

        All samples of an image have the same, because label pixels add up to the same number.
        """
        size, classes = self.pixels.shape[2], self.codes.shape[2]
        total = self.pixels.sum(-1, keepdim=True) + self.codes[:, :1].sum(-1, keepdim=True)
        mean = total / size  # (S, B, 1)
        pixels = self.pixels - mean
        pixels[..., :classes] = 0
        copies = self.codes.shape[1] // pixels.shape[1]
        return replace(self, pixels=pixels, codes=self.codes - mean.repeat(1, copies, 1))

    def dense(self) -> Tensor:
        """Write every sample out: ``(S, N, I)``."""
        x = self.pixels.repeat(1, self.codes.shape[1] // self.pixels.shape[1], 1)
        x[..., : self.codes.shape[2]] = self.codes
        return x.div_(WHITE) * (self.scale * WHITE)  # exactly grey / 255 where the scale is 1 / 255

    def linear(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        """Map to x Wᵀ + b with weights ``(S, D, I)`` and biases ``(S, 1, D)``: ``(S, N, D)``."""
        shared = product(self.pixels, weight.mT, dtype).unsqueeze(1)  # (S, 1, B, D)
        scale = self.scale.unflatten(1, (-1, shared.shape[2]))  # (S, N / B, B, 1)
        xw = torch.addcmul(bias.unsqueeze(1), shared, scale).flatten(1, 2)
        return xw.baddbmm_(self.codes * self.scale, weight[..., : self.codes.shape[2]].mT)

    def weight_gradient(self, scaled_da: Tensor, dtype: torch.dtype) -> Tensor:
        """∂loss/∂W = Σ_n ∂loss/∂a_n x_nᵀ over the first M samples: ``(S, M, D) -> (S, D, I)``.

        `scaled_da` holds ∂loss/∂a of these samples, with a = x Wᵀ + b, each already multiplied by
        the sample's scale.
        """
        first, *others = scaled_da.split(self.pixels.shape[1], dim=1)
        shared = sum(others, start=first)  # (S, B, D)
        dw = product(shared.mT, self.pixels, dtype)
        # Transposed: a float32 product with ten columns is slow, one with ten rows is not.
        dw[..., : self.codes.shape[2]] = torch.bmm(
            self.codes[:, : scaled_da.shape[1]].mT, scaled_da
        ).mT
        return dw

    def neutral(self) -> "Samples":
        """The last third of what `samples` makes."""
        at = self.codes.shape[1] // 3 * 2
        return replace(self, codes=self.codes[:, at:], scale=self.scale[:, at:])

    def take(self, chosen: Tensor) -> "Samples":
        """The chosen samples, ``(n,)``, each with an image of its own; of a single seed."""
        pixels = take(self.pixels, chosen % self.pixels.shape[1])
        return Samples(pixels, take(self.codes, chosen), take(self.scale, chosen))


def samples(
    images: Tensor, labels: Tensor, wrong: Tensor, classes: int = CLASSES, intensity: float = 1.0
) -> Samples:
    """Positive, negative and neutral samples of a batch (paper, section 1.1).

    The first pixels (of images in color, red ones) carry the label, one for each of C classes:
    one-hot of the true class (positive), of a wrong one (negative), or 1 / C in each (neutral).

    Parameters
    ----------
    images
        uint8, or what `pixels` has made of them; shape ``(S, B, I)``.
    labels, wrong
        int64, shape ``(S, B)``.
    classes
        Number of classes C; the paper's data sets have ten.
    intensity
        What the label pixels add up to; 1 is a white pixel.

    Returns
    -------
    Samples
        B positive, B negative, B neutral ones.
    """
    both = torch.cat([labels, wrong], dim=1)  # (S, 2B)
    codes = F.embedding(both, _class_codes(classes, intensity, labels.device))  # (S, 2B, C)
    neutral = codes.new_full((*labels.shape, classes), WHITE * intensity / classes)
    return _draw(images, torch.cat([codes, neutral], dim=1))


def candidates(images: Tensor, classes: int = CLASSES, intensity: float = 1.0) -> Samples:
    """All images with the first label, then all with the second, ...; arguments as of `samples`."""
    codes = _class_codes(classes, intensity, images.device).repeat_interleave(
        images.shape[1], dim=0
    )
    return _draw(images, codes.expand(len(images), -1, -1))


def pixels(images: Tensor, classes: int = CLASSES) -> Tensor:
    """Grey levels without the label pixels: uint8 images of any shape ``(..., I)`` to float32."""
    x = images.to(torch.float32, copy=True)
    x[..., :classes] = 0
    return x


def take(x: Tensor, chosen: Tensor) -> Tensor:
    """Rows ``(n,)`` of a single seed: ``(1, N, I) -> (1, n, I)``."""
    return x[0].index_select(0, chosen).unsqueeze(0)  # twice as fast as x[:, chosen]


@cache
def _class_codes(classes: int, intensity: float, device: torch.device) -> Tensor:
    """Label pixels of each class: one is white, times the intensity."""
    return torch.eye(classes, device=device).mul_(WHITE * intensity)


def _draw(images: Tensor, codes: Tensor) -> Samples:
    x = images if images.is_floating_point() else pixels(images, codes.shape[2])
    return Samples(x, codes, torch.full_like(codes[..., :1], 1 / WHITE))
