"""Random streams that depend on what they are for, and on nothing else."""

import hashlib

import torch

__all__ = ["orders", "stream"]


def stream(purpose: str, *key: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Generator of one purpose and key, such as ``("order", seed, epoch)``.

    No stream depends on another, on the number of seeds or on the depth of the network.
    """
    digest = hashlib.sha256(repr((purpose, *key)).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "little", signed=True))


def orders(seeds: tuple[int, ...], epoch: int, images: int, device: torch.device) -> torch.Tensor:
    """Order in which each of S seeds sees the n training images in an epoch, ``(S, n)``."""
    streams = [stream("order", seed, epoch, device=device) for seed in seeds]
    return torch.stack([torch.randperm(images, generator=g, device=device) for g in streams])
