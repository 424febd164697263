"""One configuration: every row of the paper's Table 1 and every switch of the algorithm."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import core_schema

from ff import images
from ff.data import DATASETS, Source, batch_size, source
from ff.errors import ConfigError, needing_torch
from ff.params import instead, read_yaml
from ff.switches.activation import ACTIVATIONS
from ff.switches.goodness import GOODNESS
from ff.switches.loss import LOSSES
from ff.switches.negatives import NEGATIVES
from ff.switches.normalization import NORMALIZATIONS
from ff.values import beyond, plain
from ff.wording import quoted, refusals, short, unknown

__all__ = [
    "BF16_WIDTHS",
    "WHICH",
    "Config",
    "canonical",
    "choices",
    "expects",
    "schema",
    "shown",
    "stands_for",
    "with_defaults",
]

# Widths at which precision "auto" may take bf16, since it passed the comparison of
# `ff.agreement.rounding` there, on every device that was compared. None has passed yet.
BF16_WIDTHS: tuple[int, ...] = ()
_pixels = Annotated[int, Field(ge=1, le=1024)]  # rows or columns of an image
LONGEST_PATH = 4096  # characters; no system opens a longer one
# Which layers learn when; see `Config.schedule`.
SCHEDULES = ("together", "on-frozen", "in-turn")
# Keys that say which networks are trained and where, not how.
WHICH = ("layers", "hidden", "seeds", "device")


@dataclass(frozen=True)
class _OneOf:
    """The type of a field that holds one of some names.

    Reads the names at each check, so that entries added later count.
    """

    names: Collection[str]

    def _check(self, name: str) -> str:
        if name not in self.names:
            raise ValueError("not one of them")
        return name

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.names)}


@dataclass(frozen=True)
class _DataSet(_OneOf):
    """The type of `dataset`: one of some names, or a folder, whose path is made absolute."""

    def _check(self, name: str) -> str:
        if images.is_folder(name):
            path = str(images.place(name))
            if len(path) > LONGEST_PATH or "\0" in path:
                raise ValueError("no folder can have this name")
            path.encode("utf-8")  # or a ValueError: records could not note it
            return images.PREFIX + path
        return super()._check(name)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        either = [{"enum": list(self.names)}, {"pattern": f"^{images.PREFIX}."}]
        return {**handler(schema), "anyOf": either}


def _square(size: int | list[int] | None) -> int | list[int] | None:
    return size[0] if isinstance(size, list) and size[0] == size[1] else size


def _distinct(values: int | list[int]) -> int | list[int]:
    if isinstance(values, list) and len(set(values)) < len(values):
        raise ValueError("duplicates")
    return values


def _one_or_more(least: int, most: int) -> Any:
    """The type of an integer, or of a list of different integers, within limits."""
    item = Annotated[int, Field(ge=least, le=most)]
    return Annotated[
        item | Annotated[list[item], Field(min_length=1, fail_fast=True)], AfterValidator(_distinct)
    ]


def _row(default: Any, expects: str, meaning: str, **limits: Any) -> Any:
    """A field of the model; `expects` completes "<key> must be ..." when a value is refused."""
    return Field(default, description=meaning, json_schema_extra={"expects": expects}, **limits)


def expects(key: str) -> str:
    """What a key of `Config` may be, which completes "<key> must be ...".

    Parameters
    ----------
    key
        A field of `Config`.
    """
    if named := shown(key):
        *others, last = named
        return f"{', '.join(others)} or {last}" if others else last
    extra = Config.model_fields[key].json_schema_extra
    return str(extra["expects"]) if isinstance(extra, dict) else ""


def choices(key: str) -> tuple[str, ...]:
    """Names that a key of `Config` may take; empty where it is a number.

    Parameters
    ----------
    key
        A field of `Config`.
    """
    field = Config.model_fields[key]
    found = (own.names for own in field.metadata if isinstance(own, _OneOf))
    return tuple(next(found, ()))


def shown(key: str) -> tuple[str, ...]:
    """The same names, and what else a person may write in their place.

    Parameters
    ----------
    key
        A field of `Config`.
    """
    return (*choices(key), *[f"{images.PREFIX}PATH"] * (key == "dataset"))


class Config(BaseModel):
    """What one training run does; refuses what it does not know.

    Every keyword is a row of the paper's Table 1 or a switch where the paper and its public
    implementation leave a choice. Defaults are the paper's, but for `peer_momentum`. Numbers and
    arrays of numpy, tuples, ranges and sets are taken as Python's own numbers and lists. Two
    configurations are equal if they train the same networks in the same way, however they are
    written: ``seeds=2`` and ``seeds=[1, 2]``, or ``device="auto"`` and what that chooses here.

    Raises
    ------
    ConfigError
        One sentence a refused key: its name, what came and what would be right.

    Examples
    --------
    >>> Config(layers=[2, 4, 8], hidden=100, seeds=3).depths
    (2, 4, 8)
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    dataset: Annotated[str, _DataSet(DATASETS)] = Field(
        "mnist",
        description="The images; digits come with scikit-learn and need no download. images:PATH "
        "is a folder of your own with pictures (jpg, png) in train/CLASS and test/CLASS.",
    )
    image_size: Annotated[
        _pixels | Annotated[list[_pixels], Field(min_length=2, max_length=2)] | None,
        AfterValidator(_square),
    ] = _row(
        None,
        "an integer from 1 to 1024, a pair [rows, columns] of such, or null",
        "Rows and columns that the images of a folder are resized to (dataset: images:PATH); null "
        "is 28 x 28.",
    )
    layers: _one_or_more(2, 1024) = _row(  # pyright: ignore[reportInvalidTypeForm]
        4,
        "an integer of at least 2 (the readout skips the first layer) and at most 1024, "
        "or a list of different ones",
        "Number of layers (Table 1). A list trains the deepest network once, "
        "with one readout for each listed depth.",
    )
    hidden: _one_or_more(1, 65536) = _row(  # pyright: ignore[reportInvalidTypeForm]
        1000,
        "an integer of at least 1 and at most 65536, or a list of different ones",
        "Units in each layer (Table 1: hidden dimensions per layer). A list is trained in turn.",
    )
    seeds: _one_or_more(1, 10_000) = _row(  # pyright: ignore[reportInvalidTypeForm]
        30,
        "an integer of at least 1 and at most 10000, or a list of different ones",
        "An integer n stands for the seeds 1 to n (Table 1: 1 to 30); a list names them.",
    )
    epochs: int = _row(
        30,
        "an integer of at least 1 and at most 100000",
        "Passes over the training images.",
        ge=1,
        le=100_000,
    )
    batch_size: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = _row(
        None,
        "an integer of at least 1 and at most 1000000000, or null for the data set's own",
        "Images a step; null takes the data set's own: 1000 (Table 1), 50 for digits and 100 for "
        "a folder.",
    )
    learning_rate: float = _row(1e-3, "a number above 0", "Step size of the layers.", gt=0)
    weight_decay: float = _row(3e-4, "a number of at least 0", "L2 penalty of the layers.", ge=0)
    momentum: float = _row(
        0.9, "a number from 0 to below 1", "Momentum of SGD, layers and readout.", ge=0, lt=1
    )
    peer_normalization: float = _row(
        0.03,
        "a number of at least 0 and at most 1e30",
        "Weight of the peer normalization loss.",
        ge=0,
        le=1e30,
    )
    peer_momentum: float = _row(
        0.9,
        "a number from 0 to below 1",
        "Momentum m of the running mean activity. Table 1 says 0.09, the public implementation "
        "uses 0.9; the book measures both.",
        ge=0,
        lt=1,
    )
    downstream_learning_rate: float = _row(
        1e-2, "a number above 0", "Step size of the readout.", gt=0
    )
    downstream_weight_decay: float = _row(
        3e-3, "a number of at least 0", "L2 penalty of the readout.", ge=0
    )
    cool_down: bool = _row(
        True,
        "true or false",
        "Lower the learning rates in the second half of the epochs, as the public implementation "
        "does; false keeps them constant, as Table 1 lists them.",
    )
    validation_index: int = _row(
        1,
        "an integer of at least 1 and at most 100000",
        "Evaluate every that many epochs, and after the last.",
        ge=1,
        le=100_000,
    )
    threshold: float = _row(
        1.0,
        "a number above 0",
        "Goodness threshold θ, in the goodness function's unit; for squares that is the layer's "
        "width D.",
        gt=0,
    )
    goodness: Annotated[str, _OneOf(GOODNESS)] = Field(
        "squares", description="Goodness function of a layer."
    )
    positive: Annotated[str, _OneOf(("high", "low"))] = Field(
        "high", description="Goodness that positive samples shall have; negative ones the other."
    )
    loss: Annotated[str, _OneOf(LOSSES)] = Field(
        "cross-entropy",
        description="Loss of a layer: of each sample's goodness against the threshold, or of the "
        "difference between the positive and the negative sample of an image (pairwise).",
    )
    temperature: float = _row(
        1.0,
        "a number from 1e-30 to 1e30",
        "What the loss divides goodness by, in the goodness function's own numbers.",
        ge=1e-30,
        le=1e30,
    )
    normalization: Annotated[str, _OneOf(NORMALIZATIONS)] = Field(
        "rms", description="What is done to the pixels, and to what each layer hands on."
    )
    label_intensity: float = _row(
        1.0,
        "a number above 0 and at most 1000",
        "Brightness of a sample's label pixel; 1 is white.",
        gt=0,
        le=1000,
    )
    activation: Annotated[str, _OneOf(ACTIVATIONS)] = Field(
        "relu", description="Activation function of a unit."
    )
    negatives: Annotated[str, _OneOf(NEGATIVES)] = Field(
        "uniform",
        description="How the wrong label of a negative sample is drawn: each as likely, or as the "
        "readout of the epoch before has confused classes (hard).",
    )
    readout_from: int = _row(
        2, "1 or 2", "First layer that the readouts see; the paper leaves out layer 1.", ge=1, le=2
    )
    schedule: Annotated[str, _OneOf(SCHEDULES)] = Field(
        "together",
        description="Which layers learn when: all in every epoch (together); or each anew, from "
        "its own start, on the layer below of a network that has learned for frozen_after epochs "
        "and no longer changes (on-frozen); or one after the other, each until it no longer "
        "improves, and then the readouts (in-turn). Epochs count from each one's own start.",
    )
    learns: (
        Annotated[
            list[Annotated[list[int], Field(min_length=2, max_length=2)]], Field(fail_fast=True)
        ]
        | None
    ) = _row(
        None,
        "a pair [first, last] of epochs for each layer, from 1 to epochs, or null for all of them",
        "First and last epoch in which each layer learns, from layer 1 on (schedule: together); in "
        "the others it passes on what it makes of its inputs, and stays as it is. null is all.",
    )
    frozen_after: int = _row(
        0,
        "an integer of at least 0 and at most epochs",
        "Epochs after which the network below is frozen (schedule: on-frozen); 0 leaves it as it "
        "was initialized.",
        ge=0,
        le=100_000,
    )
    patience: int = _row(
        3,
        "an integer of at least 1 and at most 100000",
        "Epochs without progress after which a layer goes back to its last progress and is frozen "
        "(schedule: in-turn).",
        ge=1,
        le=100_000,
    )
    tolerance: float = _row(
        0.002,
        "a number of at least 0",
        "Rise of validation accuracy that counts as progress (schedule: in-turn); of pair accuracy "
        "where the loss has no threshold.",
        ge=0,
    )
    relu_gradient: Annotated[str, _OneOf(("straight-through", "exact"))] = Field(
        "straight-through",
        description="Derivative of relu for negative input: 1 (straight-through) as in the public "
        "implementation, or 0 (exact).",
    )
    precision: Annotated[str, _OneOf(("auto", "float32", "tf32", "bf16"))] = Field(
        "float32",
        description="Number format of the factors of matrix products; weights and updates are "
        "float32 in each. In bf16 the products are rounded, too, except on a processor with AMX "
        "under torch 2.9 or later. tf32 is float32 on any device but cuda. auto takes bf16 where "
        "it was shown harmless and the device has instructions for it, else float32.",
    )
    device: Annotated[str, _OneOf(("auto", "cpu", "cuda", "mps"))] = Field(
        "auto", description="Where to train; auto takes the fastest there is."
    )

    def __init__(self, /, **values: Any) -> None:
        fields = Config.model_fields
        given = {key: plain(own) for key, own in values.items() if key in fields}
        refused = [key for key, own in given.items() if beyond(own)]
        try:
            super().__init__(**{key: own for key, own in given.items() if key not in refused})
        except ValidationError as error:
            refused += dict.fromkeys(str(own["loc"][0]) for own in error.errors())
        if refused := [*refused, *(key for key in values if key not in given)]:
            raise ConfigError(refusals(refused, lambda key: _sentence(key, given.get(key))))
        if contradictions := "\n".join(self._contradictions()):
            raise ConfigError(contradictions)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Config):
            return NotImplemented
        # What auto stands for, only torch knows, whose import takes seconds: it is asked last.
        return self._written() == other._written() and (
            self.device == other.device or stands_for(self.device) == stands_for(other.device)
        )

    def __hash__(self) -> int:
        return hash(self._written())

    def _written(self) -> str:
        """The canonical configuration without the device, as JSON."""
        return self.canonical.model_dump_json(exclude={"device"})

    def _contradictions(self) -> Iterator[str]:
        """One sentence for each key that the others do not allow."""
        for key, switch, has_effect, reason in self._effects():
            value, default = getattr(self, key), type(self).model_fields[key].default
            if value != default and not has_effect:
                yield (
                    f"{key} must be {default!r} with {switch} {getattr(self, switch)!r}, {reason}, "
                    f"but got {quoted(value)}"
                )
        if self.schedule == "together" and self.learns is not None:
            within = all(1 <= first <= last <= self.epochs for first, last in self.learns)
            if not within or len(self.learns) != max(self.depths):
                yield (
                    f"learns must be a pair [first, last] of epochs from 1 to {self.epochs} for "
                    f"each of {max(self.depths)} layers, or null, but got {quoted(self.learns)}"
                )
        if self.schedule == "in-turn" and self.validation_index > 1:
            yield (
                f"validation_index must be 1 with schedule 'in-turn', which decides by validation "
                f"accuracy, but got {self.validation_index!r}"
            )
        confused = NEGATIVES[self.negatives].confused
        if self.schedule == "on-frozen" and self.frozen_after and confused:
            yield (
                f"frozen_after must be 0 with negatives {self.negatives!r}, because no readout "
                f"learns in those epochs, but got {self.frozen_after}"
            )
        elif self.schedule == "on-frozen" and self.frozen_after > self.epochs:
            yield _must("frozen_after", self.frozen_after)
        if confused and self.schedule == "in-turn":
            yield (
                f"negatives must be uniform with schedule 'in-turn', whose readouts learn last, "
                f"but got {self.negatives!r}"
            )
        if confused and len(self.depths) > 1:
            yield (
                f"layers must be a single depth with negatives {self.negatives!r}, which the "
                f"readout of that depth decides on, but got {quoted(list(self.depths))}"
            )

    def _effects(self) -> Iterator[tuple[str, str, bool, str]]:
        """Keys that only some values of a switch need: key, switch, is it needed, why not."""
        frozen, in_turn = self.schedule == "on-frozen", self.schedule == "in-turn"
        together = self.schedule == "together"
        folder = images.is_folder(self.dataset)
        yield "image_size", "dataset", folder, "whose images have a size of their own"
        yield "learns", "schedule", together, "which says itself when each layer learns"
        yield "frozen_after", "schedule", frozen, "which freezes no network below the layers"
        yield "patience", "schedule", in_turn, "which decides nothing by progress"
        yield "tolerance", "schedule", in_turn, "which decides nothing by progress"
        compares = LOSSES[self.loss].threshold
        yield "threshold", "loss", compares, "which compares goodness with no threshold"
        bends = ACTIVATIONS[self.activation].straight_through
        yield "relu_gradient", "activation", bends, "which is not relu"

    @classmethod
    def load(cls, path: str | Path, **changes: Any) -> "Config":
        """Read a configuration from a YAML file.

        Parameters
        ----------
        path
            A file such as ``params/quick.yaml``.
        **changes
            Keys that replace the file's.

        Raises
        ------
        ConfigError
            The file cannot be read, is not a mapping, or holds a refused key.
        """
        values = read_yaml(path)
        try:
            return cls(**{**values, **changes})
        except ConfigError as error:
            raise ConfigError(f"{short(str(path))}: {error}") from None

    @property
    def depths(self) -> tuple[int, ...]:
        """Depths of the networks that get a readout, ascending."""
        return _ascending(self.layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths to train, ascending."""
        return _ascending(self.hidden)

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds, ascending; an integer n stands for 1 to n."""
        return _ascending(
            list(range(1, self.seeds + 1)) if isinstance(self.seeds, int) else self.seeds
        )

    @property
    def batch(self) -> int:
        """Images a step: `batch_size`, or the data set's own."""
        return self.batch_size or batch_size(self.dataset)

    @property
    def source(self) -> Source:
        """Where the images are from, and their shapes; a folder is read for that."""
        return source(self.dataset, self.image_size)

    @property
    def canonical(self) -> "Config":
        """The shortest way to write the same: equal configurations have the same, but for `device`.

        Numbers instead of lists where that says the same, lists in ascending order, and a batch
        size only if it is not the data set's own.
        """
        seeds = self.seed_list
        changes: dict[str, Any] = {
            "layers": _shortest(self.depths),
            "hidden": _shortest(self.widths),
            "seeds": len(seeds) if seeds == tuple(range(1, len(seeds) + 1)) else list(seeds),
        }
        known = self.dataset in DATASETS or images.is_folder(self.dataset)
        if known and self.batch_size == batch_size(self.dataset):
            changes["batch_size"] = None
        changes["image_size"] = self._size
        if self.learns and all(list(span) == [1, self.epochs] for span in self.learns):
            changes["learns"] = None
        return self.model_copy(update=changes)

    @property
    def total_epochs(self) -> int:
        """Epochs of training at most, with those before the first that is measured."""
        if self.schedule == "in-turn":
            return self.epochs * (max(self.depths) + 1)  # of each layer, and of the readouts
        return self.frozen_after + self.epochs

    @property
    def condition(self) -> dict[str, Any]:
        """How networks are trained: all keys but those that say which and where, as JSON has them.

        ``layers``, ``hidden``, ``seeds`` and ``device`` are left out; the batch size is `batch`.
        """
        said = self.model_dump(mode="json", exclude=set(WHICH))
        return said | {"batch_size": self.batch, "image_size": self._size}

    @property
    def _size(self) -> Any:
        """The shortest way to write the same `image_size`."""
        return None if self.image_size == images.SIZE else self.image_size


def with_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration of a run of a former version, which names no switch that came later.

    Parameters
    ----------
    values
        What the run has noted, as JSON holds it.

    Returns
    -------
    dict
        The same, and the defaults of all other keys.
    """
    return {**Config().model_dump(mode="json"), **values}


def canonical(values: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration that a run has noted, written as `Config.canonical` is.

    Parameters
    ----------
    values
        All keys, as JSON holds them. They are not validated: one may name what this process does
        not know.
    """
    return {**values, **Config.model_construct(**values).canonical.model_dump(mode="json")}


@needing_torch()
def stands_for(device: str) -> str:
    """Kind of a device that a configuration names; of "auto", what it chooses on this machine."""
    if device != "auto":
        return device
    from ff.machine import choose  # imports torch

    return choose(device).type


def schema() -> str:
    """JSON schema of a params file, as text; ``params/schema.json`` holds it."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def _ascending(values: int | list[int]) -> tuple[int, ...]:
    return tuple(sorted([values] if isinstance(values, int) else values))


def _shortest(values: tuple[int, ...]) -> int | list[int]:
    return values[0] if len(values) == 1 else list(values)


def _sentence(key: str, value: object) -> str:
    if key not in Config.model_fields:
        return unknown(key, Config.model_fields)
    return _must(key, value) + instead(key, value, lambda read: _takes(key, read))


def _takes(key: str, value: object) -> bool:
    """Whether a key may have a value, whatever the others are."""
    field = Config.model_fields[key]
    kind: Any = Annotated[field.annotation, field]  # pyright: ignore[reportInvalidTypeForm]
    try:
        TypeAdapter(kind, config=Config.model_config).validate_python(value)
    except ValidationError:
        return False
    return True


def _must(key: str, value: object) -> str:
    return f"{key} must be {expects(key)} but got {quoted(value)}"
