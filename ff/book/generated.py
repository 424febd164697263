"""Files that are made from `ff.Config`: ``make generated`` writes them, and a test compares.

They are the JSON schema of params files, by which editors complete and check, and the cell of the
training notebook that holds its parameters.
"""

from pathlib import Path

import nbformat

from ff.config import Config, schema, shown

__all__ = ["files", "parameters"]

ROOT = Path(__file__).parent.parent.parent
NOTEBOOK = ROOT / "book" / "train.ipynb"
LONGEST = 100  # characters of a line
# What the notebook has of its own: a first look within minutes, and where the records go.
DEFAULTS = {"dataset": "auto", "layers": 16, "hidden": 100, "seeds": None}
NOTES = {  # in place of the first sentence of the key's description
    "dataset": "auto, or",
    "image_size": "Of a folder's images: n or [rows, columns]; None: 28",
    "layers": "A list trains the deepest once, with a readout for each depth",
    "hidden": "Units in each layer; a list is trained in turn",
    "seeds": "n: seeds 1 to n; a list names them; None: 1, of digits 3",
    "batch_size": "Images a step; None: the data set's own",
    "peer_momentum": "Momentum of the running mean activity; Table 1: 0.09",
    "cool_down": "Lower the learning rates in the second half of the epochs",
    "threshold": "Goodness threshold; unit for squares: the layer's width",
    "positive": "Goodness that positive samples shall have",
    "loss": "What a layer lowers",
    "temperature": "What the loss divides goodness by",
    "normalization": "Of pixels, and of what layers hand on",
    "negatives": "How a wrong label is drawn",
    "schedule": "Which layers learn when",
    "learns": "First and last epoch of each layer (together); None: all",
    "frozen_after": "Epochs of the network below (on-frozen)",
    "patience": "Epochs without progress that end a layer (in-turn)",
    "tolerance": "Rise of validation accuracy that is progress (in-turn)",
    "relu_gradient": "relu's slope below 0, 1 or 0",
    "precision": "Number format of matrix products' factors",
    "device": "Where to train; auto is the fastest",
}
OWN = (
    "out: str = None  # Folder for the records; None: one below records/, named by the parameters",
    "overwrite: bool = False  # Train again where the folder holds this run",
)


def parameters() -> str:
    """Source of the parameters cell: every key of `ff.Config`, with type, default and meaning."""
    lines = []
    for key, field in Config.model_fields.items():
        default = DEFAULTS.get(key, field.default)
        lists = key == "learns"  # its default, None, does not tell
        kind = "list" if lists else type(1 if field.default is None else field.default).__name__
        meaning = NOTES.get(key) or str(field.description).split(". ")[0].rstrip(".")
        names = ", ".join(shown(key))
        assignment = f"{key}: {kind} = {_literal(default)}"
        # papermill shows what stands behind a parameter as its help. Names matter more.
        line = f"{assignment}  # {meaning}: {names}" if names else f"{assignment}  # {meaning}"
        lines.append(f"{assignment}  # {names}" if names and len(line) > LONGEST else line)
    return "\n".join([*lines, *OWN])


def files() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = parameters()
    return {
        ROOT / "params" / "schema.json": schema(),
        NOTEBOOK: nbformat.writes(notebook) + "\n",
    }


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
