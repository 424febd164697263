"""Random streams that depend on what they are for, and on nothing else."""

import hashlib

import torch

__all__ = ["stream"]


def stream(purpose: str, *key: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Generator of one purpose and key, such as ``("order", seed, epoch)``.

    No stream depends on another, on the number of seeds or on the depth of the network.
    """
    digest = hashlib.sha256(repr((purpose, *key)).encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "little", signed=True))
