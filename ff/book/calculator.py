"""How long a training takes, as a calculator inside a page."""

from collections.abc import Sequence

from ff.book.embed import embedded
from ff.book.markup import Html
from ff.book.pages import image_set
from ff.config import Config
from ff.data import DATASETS
from ff.quantities import CANDIDATES
from ff.running.side_by_side import BUSY, CACHE
from ff.speed.effort import DEPTHS, EPOCHS, QUICK
from ff.speed.estimate import Machine

__all__ = ["calculator"]

COUNTED = ("layers", "hidden", "seeds", "epochs")  # what makes a training long


def calculator(machines: Sequence[Machine]) -> Html:
    """What ``calculator.js`` turns into controls, and an answer to how long a training takes.

    Parameters
    ----------
    machines
        Result of `ff.speed.estimate.machines`.
    """
    fields = Config.model_json_schema()["properties"]
    number = {key: fields[key].get("anyOf", [fields[key]])[0] for key in COUNTED}
    start = {"layers": max(DEPTHS), "hidden": QUICK.narrow, "seeds": 1, "epochs": EPOCHS}
    return embedded(
        "ff-calculator",
        {
            "limits": {key: [own["minimum"], own["maximum"]] for key, own in number.items()},
            "start": start,
            "images": [
                {
                    "name": image_set(name),
                    "train": own.sizes[0],
                    "validation": own.sizes[1],
                    "shown": min(own.sizes[1], CANDIDATES),
                    "pixels": own.pixels,
                    "classes": own.classes,
                    "batch": own.batch_size,
                }
                for name, own in DATASETS.items()
                if own.sizes
            ],
            "machines": [
                {
                    "name": own.name,
                    "room": CACHE if own.device == "cpu" else BUSY,
                    "costs": own.costs,
                }
                for own in machines
            ],
        },
        "the table below has some examples",
    )
