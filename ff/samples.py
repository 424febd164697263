"""Samples: each image with several labels drawn into it, its other pixels kept only once.

The samples of an image differ in ten of its pixels. Products with a first layer's weights are
therefore computed once an image, and what the ten pixels and the normalization change is added
for each sample: the same numbers, up to rounding, for a third of the work.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ff import objective
from ff.precision import product

__all__ = ["CLASSES", "Samples", "candidates", "pixels", "samples"]

CLASSES = 10
NEUTRAL = 0.1  # every label pixel of a neutral sample
WHITE = 255  # the brightest grey level, a pixel of 1


@dataclass(frozen=True)
class Samples:
    """N samples of B images, times S seeds. Sample n shows image n mod B.

    Attributes
    ----------
    pixels
        Grey levels of the images, 0 to 255, float32 ``(S, B, I)``: the smaller tensors that they
        are multiplied with are divided by 255. The label pixels, the first ten, are 0.
    codes
        Label pixels of each sample, in [0, 1], then normalized with it; float32 ``(S, N, 10)``.
    scale
        What normalization multiplies each sample's other pixels with, ``(S, N, 1)``; 1 before.
    """

    pixels: Tensor
    codes: Tensor
    scale: Tensor

    def normalized(self) -> "Samples":
        """Divide each sample by its root mean square, as `ff.objective.normalize` does."""
        copies = self.codes.shape[1] // self.pixels.shape[1]
        squares = objective.goodness(self.pixels).div_(WHITE**2).repeat(1, copies)
        squares += objective.goodness(self.codes)
        scale = objective.scale(squares, self.pixels.shape[2]).unsqueeze(-1)
        return replace(self, codes=self.codes * scale, scale=scale)

    def dense(self) -> Tensor:
        """Write every sample out: ``(S, N, I)``."""
        x = self.pixels.div(WHITE).repeat(1, self.codes.shape[1] // self.pixels.shape[1], 1)
        x *= self.scale
        x[..., :CLASSES] = self.codes
        return x

    def project(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """Product x Wᵀ with weights ``(S, D, I)``: ``(S, N, D)``."""
        shared = product(self.pixels, weight.mT, dtype)  # (S, B, D)
        scale = self.scale.div(WHITE).unflatten(1, (-1, shared.shape[1]))  # (S, N / B, B, 1)
        x = (shared.unsqueeze(1) * scale).flatten(1, 2)  # (S, N, D)
        return x.baddbmm_(self.codes, weight[..., :CLASSES].mT)

    def correlate(self, dz: Tensor, dtype: torch.dtype) -> Tensor:
        """Product dzᵀ x of the first samples, as many as `dz` ``(S, n, D)`` has: ``(S, D, I)``."""
        rows, images = dz.shape[1], self.pixels.shape[1]
        scales = self.scale[:, :rows].div(WHITE).split(images, dim=1)
        first, *others = zip(dz.split(images, dim=1), scales, strict=True)
        shared = torch.mul(*first)  # (S, B, D)
        for part, scale in others:
            shared.addcmul_(part, scale)
        dw = product(shared.mT, self.pixels, dtype)
        # Transposed: a float32 product with ten columns is slow, one with ten rows is not.
        dw[..., :CLASSES] = torch.bmm(self.codes[:, :rows].mT, dz).mT
        return dw


def samples(images: Tensor, labels: Tensor, wrong: Tensor) -> Samples:
    """Positive, negative and neutral samples of a batch (paper, section 1.1).

    The first ten pixels of the first row carry the label: one-hot of the true class (positive),
    of a wrong one (negative), or 0.1 in each (neutral).

    Parameters
    ----------
    images
        uint8, or what `pixels` has made of them; shape ``(S, B, 784)``.
    labels, wrong
        int64, shape ``(S, B)``.

    Returns
    -------
    Samples
        B positive, B negative, B neutral ones.
    """
    both = torch.cat([labels, wrong], dim=1)  # (S, 2B)
    one_hot = F.embedding(both, torch.eye(CLASSES, device=labels.device))  # (S, 2B, 10)
    neutral = one_hot.new_full((*labels.shape, CLASSES), NEUTRAL)
    return _draw(images, torch.cat([one_hot, neutral], dim=1))


def candidates(images: Tensor) -> Samples:
    """All images with the first label, then all with the second, ...; `images` as in `samples`."""
    codes = torch.eye(CLASSES, device=images.device).repeat_interleave(images.shape[1], dim=0)
    return _draw(images, codes.expand(len(images), -1, -1))


def pixels(images: Tensor) -> Tensor:
    """Grey levels without the label pixels: uint8 images of any shape ``(..., I)`` to float32."""
    x = images.to(torch.float32, copy=True)
    x[..., :CLASSES] = 0
    return x


def _draw(images: Tensor, codes: Tensor) -> Samples:
    x = images if images.is_floating_point() else pixels(images)
    return Samples(x, codes, torch.ones_like(codes[..., :1]))
