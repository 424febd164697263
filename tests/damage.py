"""Ways to damage a file: flipped bits, cuts, and other bytes in its place."""

import random
from collections.abc import Iterator

FLIPS = 8


def damages(content: bytes, other: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a name and the damaged content; `other` is a whole file of another kind."""
    chance = random.Random(len(content))
    for _ in range(FLIPS):
        at, bit = chance.randrange(len(content)), chance.randrange(8)
        flipped = bytearray(content)
        flipped[at] ^= 1 << bit
        yield f"bit {bit} of byte {at} flipped", bytes(flipped)
    half = len(content) // 2
    for end in (0, 1, half, len(content) - 9, len(content) - 1):
        yield f"cut after {end} bytes", content[:end]
    yield "beginning cut off", content[half:]
    yield "halves swapped", content[half:] + content[:half]
    yield "another file in its place", other
    yield "zeros in its place", bytes(len(content))
    yield "zeros in its middle", content[:half] + bytes(64) + content[half + 64 :]
    yield "something appended", content + b"something"
