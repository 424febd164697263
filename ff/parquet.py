"""One table on disk: parquet, with a note of where it comes from and a seal over the whole file."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ff.errors import RESTORE, RecordsError, reason
from ff.files import contents

if TYPE_CHECKING:  # its import takes a third of a second, which only tables are worth
    import pandas as pd

__all__ = ["Stored", "read", "save"]

KEY = b"ff"  # metadata key of the note
SEAL = b"ff.sha256"  # metadata key of the SHA-256, computed with BLANK in the checksum's place
BLANK = b"0" * 64
FAULTS = (OSError, pa.ArrowException, ValueError)  # what Arrow raises of damaged files


def save(rows: pd.DataFrame, path: Path, note: Any) -> None:
    """Write one table as parquet.

    Parameters
    ----------
    rows
        The table.
    path
        The file.
    note
        Where it comes from, anything that JSON can hold; goes into the file's metadata.
    """
    arrow = pa.Table.from_pandas(rows, preserve_index=False)
    arrow = arrow.replace_schema_metadata({KEY: json.dumps(note), SEAL: BLANK})
    buffer = io.BytesIO()
    pq.write_table(arrow, buffer, compression="zstd", write_page_checksum=True)
    content = buffer.getvalue()
    path.write_bytes(content.replace(BLANK, _sha256(content)))


@dataclass(frozen=True)
class Stored:
    """A table on disk, which is as it was written; its rows are not looked at before `table`.

    Attributes
    ----------
    path
        The file.
    content
        All of it.
    note
        What it was saved with, as it stands there; nothing if it has none.
    rows
        How many it says that it has: a few bytes may stand for billions of equal ones.
    """

    path: Path
    content: bytes
    note: bytes
    rows: int

    def table(self) -> tuple[pa.Table, dict[str, str]]:
        """The rows, and the type of each column.

        Raises
        ------
        RecordsError
            The file is damaged.
        """
        try:
            arrow = pq.read_table(io.BytesIO(self.content), page_checksum_verification=True)
            kinds = {field.name: str(field.type) for field in arrow.schema}
        except FAULTS as error:
            raise RecordsError(f"{self.path} is damaged ({reason(error)}); {RESTORE}") from None
        return arrow.replace_schema_metadata(), kinds  # without what pandas notes about columns


def read(path: Path) -> Stored:
    """Read a table back.

    Parameters
    ----------
    path
        A file that `save` has written.

    Raises
    ------
    RecordsError
        The file is absent or damaged.
    """
    try:
        content = contents(path)
    except (FileNotFoundError, NotADirectoryError):
        raise RecordsError(
            f"there is no {path}; name a folder that 'ff train --out' has written"
        ) from None
    except OSError as error:
        raise RecordsError(
            f"cannot read {path}: {reason(error)}; name a folder that 'ff train --out' has written"
        ) from None
    try:
        about = pq.read_metadata(io.BytesIO(content))
        metadata, kept = about.metadata or {}, about.schema.to_arrow_schema().metadata or {}
    except FAULTS as error:
        raise RecordsError(f"{path} is damaged ({reason(error)}); {RESTORE}") from None
    # Files written before there was a seal have none. Arrow keeps a second copy of the metadata,
    # with the blank: a damaged key does not pass for such a file.
    seal = metadata.get(SEAL, BLANK)
    whole = len(seal) == len(BLANK) and seal == _sha256(content.replace(seal, BLANK))
    if (SEAL in metadata or SEAL in kept) and not whole:
        raise RecordsError(f"{path} is damaged (its checksum differs); {RESTORE}")
    return Stored(path, content, metadata.get(KEY, b""), about.num_rows)


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
