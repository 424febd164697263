"""How many seeds train side by side, where memory does not limit them."""

__all__ = ["BUSY", "CACHE", "side_by_side"]

# Bytes that one layer's activations of all seeds side by side may take. On a CPU, that is about a
# cache: at width 100, less or more took longer. An accelerator is kept busy by many seeds.
CACHE, BUSY = 5e6, 8e9


def side_by_side(batch: int, width: int, room: float) -> int:
    """Count the seeds whose float32 activations of a layer fit; at least one.

    Parameters
    ----------
    batch, width
        Images a step, of which there are three samples each, and units in each layer.
    room
        Bytes: `CACHE` on a CPU, `BUSY` on an accelerator.
    """
    return max(1, int(room / (3 * batch * width * 4)))
