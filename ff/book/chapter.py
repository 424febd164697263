"""What a chapter shows: the published measurements or one's own, whole or one network of them."""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ff.book.markup import Note, listed
from ff.book.notebook import parameters
from ff.book.pages import settings
from ff.errors import ConfigError, RecordsError
from ff.files import place
from ff.params import instead
from ff.records import (
    Records,
    complete,
    describe,
    diverged,
    read,
)
from ff.results import VARIANTS, nearest, published, variations
from ff.stats.accuracy import advice, by_pairs, comparable
from ff.stats.beside import Two, two
from ff.stats.evidence import Reading, reading_of
from ff.stats.robustness import READINGS, differing, robustness
from ff.values import beyond, plain
from ff.wording import quoted

__all__ = ["PUBLISHED", "Chapter", "choose", "spans_of", "study"]

KNOWN = ("layers", "hidden", "records")
PUBLISHED_NAME = "the book's networks"
PAPER = "paper"  # as `beside`: the published networks that are most like one's own
ELSEWHERE = Note("This takes all depths and widths: it stands in the chapter without a choice.")
UNDECIDED = Note("No verdict is reached: the table of claims says what these records lack.")
PUBLISHED = Note("This is about the published networks: it stands in the book.")


@dataclass(frozen=True)
class Chapter:
    """Measurements that a chapter shows.

    Attributes
    ----------
    records
        Networks of the chosen widths, of all depths that were measured.
    judged
        What verdicts are about: all that was measured, whatever network is shown.
    hidden, depth
        The chosen width and number of layers; None for all.
    layers, readouts
        The rows of `records` that the chapter shows: of one depth if one was chosen.
    own
        False of the published measurements.
    whole
        True of the published measurements without a choice of depth or width.
    reading
        How the paper's claims are read of these networks.
    beside
        Two conditions to compare, if another one was named.
    note
        Which networks these are, and what to know of them. Empty of the published ones.
    """

    records: Records
    judged: Records
    hidden: int | None
    depth: int | None
    layers: pd.DataFrame
    readouts: pd.DataFrame
    own: bool
    whole: bool
    reading: Reading
    beside: Two | None
    note: Note | None

    @property
    def undecided(self) -> Note:
        """What stands in place of `varied` where that is None."""
        return UNDECIDED if self.own else ELSEWHERE

    @property
    def elsewhere(self) -> Note:
        """What stands in place of a part that needs the whole of the published measurements."""
        return PUBLISHED if self.own else ELSEWHERE

    @property
    def full_rate(self) -> int | None:
        """Epochs before the learning rates fall (`ff.algorithm.training`); None if they do not."""
        config = self.records.runs[0]["config"]
        return config["epochs"] // 2 + 2 if config["cool_down"] else None

    def published(self, **changed: Any) -> pd.DataFrame:
        """Layers of what was published with something changed, to set beside these networks.

        Raises
        ------
        RecordsError
            These are one's own, or that was not measured.
        """
        if self.own:
            raise RecordsError("one's own networks stand alone")
        layers = published(**{"hidden": self.hidden, **changed}).layers
        return layers if self.depth is None else layers.query("layer <= @self.depth")

    def varied(self, chapter: str | None = None) -> pd.DataFrame | None:
        """Verdicts under every variation (`ff.stats.robustness`); None where there are none.

        Of one's own records only the reading varies, in the ways that they allow.

        Parameters
        ----------
        chapter
            Only the claims that this chapter computes, such as "rq1_delay"; None for all.
        """
        if self.whole:
            return robustness(self.records, variations(), chapter=chapter)
        if not self.own:
            return None
        table = robustness(self.judged, {}, self._readings(), self.reading, chapter)
        return table if len(table) else None

    def _readings(self) -> dict[str, dict[str, Reading]]:
        usual, last = Reading(), int(np.max(self.judged.layers["epoch"]))
        depths = {depth for depth in self.judged.readouts["depth"] if depth < self.reading.depth}
        found: dict[str, dict[str, Reading]] = {}
        for kind, named in READINGS.items():
            for name, reading in named.items():
                changed = {choice: getattr(reading, choice) for choice in differing(reading, usual)}
                if "first_epoch" in changed:
                    name = f"{reading.first_epoch} to {last}"
                there = reading.depth in depths or reading.depth == usual.depth
                there &= 2 * (reading.shallow or 0) <= self.reading.depth
                if there and reading.first_epoch < last and "selected" not in changed:
                    found.setdefault(kind, {})[name] = replace(self.reading, **changed)
        return found


def choose(
    namespace: MutableMapping[str, Any], *, one: bool = False, pairs: bool = False
) -> Chapter:
    """Check a chapter's parameters, and read what it shows.

    Parameters
    ----------
    namespace
        The notebook's ``globals()`` right after its parameters: ``layers`` and ``hidden`` (an
        integer, or None for all), ``records`` (a folder of ``ff train --out``, one above several of
        them, or a list; None for the published measurements) and, in a chapter of `pairs`,
        ``beside`` (likewise, or ``"paper"`` for the published networks that are most like these).
    pairs
        The chapter sets two conditions beside each other.
    one
        Show a single network, where none is chosen that of 8 layers of 100 units, or of one's own
        records the deepest of the least width.

    Raises
    ------
    ConfigError
        A name is not a parameter, or a value is none that it can have.
    RecordsError
        A folder has no records, or they lack the depth or the width that was chosen.
    """
    given = parameters(namespace, [*KNOWN, "beside"] if pairs else KNOWN)
    layers, hidden = (_number(name, given.get(name)) for name in ("layers", "hidden"))
    where = _folders("records", given.get("records"))
    beside = _folders("beside", given.get("beside"))
    if beside == [PAPER] and not where:
        raise ConfigError(f"beside {PAPER!r} is for records of your own; name them by records")
    namespace["_ff_configured"] = True
    if one and not where:
        layers, hidden = layers or 8, hidden or 100
    everything = read(*where) if where else published()
    judged = comparable(complete(everything))
    if one and where:
        layers = layers or int(np.max(judged.readouts["depth"]))
        hidden = hidden or int(np.min(judged.layers["hidden"]))
    shown = _of_width(judged, hidden)
    readouts = _of_depth(shown, layers)
    rows = shown.layers if layers is None else shown.layers.query("layer <= @layers")
    notes = [_told(where, everything), advice(judged)] if where else []
    pair = None
    if beside:
        other, words = nearest(judged) if beside == [PAPER] else (read(*beside), "")
        names = _name(where) or PUBLISHED_NAME, _name(beside)
        try:
            shown_rows = Records(rows, readouts, shown.runs)
            pair = two(shown_rows, comparable(complete(other)), *names)
            notes.append(f"{words} {_compared(pair, everything, other)}".strip())
        except RecordsError as error:
            if beside != [PAPER]:
                raise
            notes.append(f"No published networks are set beside them: {error}.")
    return Chapter(
        records=shown,
        judged=judged,
        hidden=hidden,
        depth=layers,
        layers=rows,
        readouts=readouts,
        own=bool(where),
        whole=not where and layers is None and hidden is None,
        reading=reading_of(judged),
        beside=pair,
        note=Note(" ".join(filter(None, notes))) if notes else None,
    )


def study(namespace: MutableMapping[str, Any]) -> Path:
    """Check the parameters of a chapter on the study of variants.

    Parameters
    ----------
    namespace
        The notebook's ``globals()`` right after its parameters: ``records``, a folder with a run of
        each variant, by the names of ``params/variations``; None for the book's.

    Raises
    ------
    ConfigError
        A name is not a parameter, or its value is not the name of a folder.
    """
    given = parameters(namespace, ["records"]).get("records")
    folder = _checked("records", given, "a folder or None", _is_folder)
    namespace["_ff_configured"] = True
    return place(folder) if folder else VARIANTS


def spans_of(layers: pd.DataFrame, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of some spans of epochs those that a table has, and the whole of its epochs.

    Parameters
    ----------
    layers
        The `layers` table of `ff.Records`.
    spans
        First and last epoch of each.
    """
    last = int(np.max(layers["epoch"]))
    return list(dict.fromkeys([span for span in spans if span[1] <= last] + [(1, last)]))


def _number(name: str, value: Any) -> int | None:
    return _checked(name, value, "an integer of at least 1, or None for all", _is_number)


def _folders(name: str, value: Any) -> list[str]:
    """Folders that a parameter names."""
    value = plain(value)
    if type(value) is int:  # papermill's -p reads a folder such as 2024 as a number
        number = quoted(value)
        raise ConfigError(f"{name} must be a folder but got {number}; write -r {name} {number}")
    given = _checked(name, value, "a folder, a list of folders or None", _are_folders)
    return [given] if isinstance(given, str) else given or []


def _checked(name: str, value: Any, what: str, right: Callable[[Any], bool]) -> Any:
    """Return a value that a parameter can have, as Python's own type."""
    value = plain(value)
    words = instead(name, value, lambda read: read is not None and right(read))
    if words or not right(value):
        raise ConfigError(f"{name} must be {what}, but got {quoted(value)}{words}")
    return value


def _is_number(value: Any) -> bool:
    return value is None or (type(value) is int and value > 0 and not beyond(value))


def _is_folder(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value != "")


def _are_folders(value: Any) -> bool:
    several = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
    return several or _is_folder(value)


def _compared(pair: Two, own: Records, other: Records) -> str:
    """How two conditions differ, and what a difference of the same seeds is worth."""
    text = "They differ in no setting."
    if pair.apart:
        text = f"Settings that differ, these against those beside: {'; '.join(pair.apart)}."
    if stopped := diverged(other):
        text += f" Left out beside: {'; '.join(map(describe, stopped))}."
    if by_pairs(own) != by_pairs(other):
        text += " Accuracy is that of pairs in one of them, and that of Eq. 3 in the other."
    if pair.alone:
        widths = listed(map(str, pair.alone))
        text += f" Networks of {widths} units are left out: beside them stands none of their seeds."
    if not pair.alike:
        text += (
            " With other images, another batch, width or kind of device a seed has another start "
            "or order, so that nothing cancels in a difference of the same seeds."
        )
    return text


def _of_width(records: Records, hidden: int | None) -> Records:
    widths = np.unique(records.layers["hidden"]).tolist()
    if hidden is None:
        return records
    if hidden not in widths:
        raise RecordsError(
            f"the records have no networks of {hidden} units, choose hidden from "
            f"{', '.join(map(str, widths))}"
        )
    return Records(
        records.layers.query("hidden == @hidden"),
        records.readouts.query("hidden == @hidden"),
        runs=records.runs,
    )


def _of_depth(records: Records, layers: int | None) -> pd.DataFrame:
    depths = np.unique(records.readouts["depth"]).tolist()
    if layers is None:
        return records.readouts
    if layers not in depths:
        raise RecordsError(
            f"the records have no network of {layers} layers, choose layers from "
            f"{', '.join(map(str, depths))}"
        )
    return records.readouts.query("depth == @layers")


def _name(folders: Sequence[str]) -> str:
    """What the networks of some folders are called; empty of none."""
    if folders == [PAPER]:
        return "the paper's way"
    names = [f"“{Path(folder).name or folder}”" for folder in folders]
    return listed(names) if names else ""


def _told(folders: Sequence[str], records: Records) -> str:
    """Which networks are shown in place of the published ones, and what to know of them."""
    text = (
        f"Your records in {_name(folders)}, not the published measurements. "
        f"{settings(records.runs[0])} What the text says of the paper is about the paper's "
        "networks."
    )
    if by_pairs(records):
        text += (
            " The loss has no threshold, so that Eq. 3 is undefined: accuracy is the share of "
            "pairs of a positive and a negative sample in which the positive one has more goodness."
        )
    if stopped := diverged(records):
        text += f" Left out: {'; '.join(map(describe, stopped))}."
    return text
