"""Text outside the book that follows from results: ``make numbers`` writes it, a test compares.

It is README's section on what one finds, and what the header of a file in params/ tells to
expect.
"""

import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ff.book.findings import findings
from ff.config import Config
from ff.records import Records
from ff.results import published, variations
from ff.stats.delay import TARGET, mean_delay

__all__ = ["expected", "files", "put"]

ROOT = Path(__file__).parent.parent.parent
BLOCK = r"(<!-- numbers: begin[^\n]* -->\n).*(<!-- numbers: end -->)"
HEADER = r"()# Expect \(mean of .*?\(test\)\.\n()"


def files() -> dict[Path, str]:
    """Every file that holds such text, and what it should hold."""
    records, readme = published(), ROOT / "README.md"
    lines = [
        textwrap.fill(f"- **{head}** {text} {numbers}", 120, subsequent_indent="  ")
        for head, (text, numbers) in findings(records, variations()).items()
    ]
    block = "\n".join(lines) + "\n"
    delays = mean_delay(records.layers)
    return {readme: put(readme, BLOCK, block)} | {
        path: put(path, HEADER, expected(Config.load(path), records, delays))
        for path in sorted((ROOT / "params").glob("hidden-*.yaml"))
    }


def expected(config: Config, records: Records, delays: pd.DataFrame) -> str:
    """What the header of a params file tells to expect, as comments.

    Parameters
    ----------
    config
        Networks of one width and depth.
    records
        Measurements of such networks.
    delays
        Their `ff.delay.mean_delay`.
    """
    (width,), (depth,) = config.widths, config.depths
    layers: Any = records.layers.groupby("hidden").get_group(width)
    last, seeds = layers["epoch"].max(), layers["seed"].nunique()
    final: Any = layers[layers["epoch"] == last].groupby("layer")["validation_accuracy"].mean()
    readout: Any = records.readouts.groupby(["hidden", "depth", "epoch"])["test_accuracy"].mean()
    epoch: Any = delays[delays["hidden"] == width].set_index("layer")["epoch"]
    first, deepest = (
        f"layer {layer} does not reach {TARGET} (training) within {last} epochs"
        if np.isnan(epoch[layer])
        else f"layer {layer} reaches {TARGET} (training) in epoch {epoch[layer]:.0f}"
        for layer in (1, depth)
    )
    return (
        f"# Expect (mean of {seeds} seeds): {first},\n"
        f"# {deepest};\n"
        f"# after {last} epochs: layer 1 {final[1]:.3f}, layer {depth} {final[depth]:.3f} "
        f"(validation), readout {readout[width, depth, last]:.3f} (test).\n"
    )


def put(path: Path, place: str, text: str) -> str:
    """Content of a file with a text in a marked place.

    Parameters
    ----------
    path
        The file.
    place
        Regular expression of the place, with a group for what stays before it and one after it.
    text
        What is put there.

    Raises
    ------
    ValueError
        The file does not have the place exactly once.
    """
    before = path.read_text(encoding="utf-8")
    after, found = re.subn(place, lambda m: m[1] + text + m[2], before, flags=re.DOTALL)
    if found != 1:
        raise ValueError(f"{path.name} has {found} places for numbers but needs one: {place}")
    return after


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
