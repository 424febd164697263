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
    """A table on disk, which is as it was written; its rows are not decoded before `table`.

    Attributes
    ----------
    path
        The file.
    note
        What it was saved with, as it stands there; nothing if it has none.
    kinds
        Name and type of each column.
    rows
        How many there are: a few bytes may stand for billions of equal ones.
    content
        All of the file.
    """

    path: Path
    note: bytes
    kinds: list[tuple[str, str]]
    rows: int
    content: bytes

    def table(self) -> pd.DataFrame:
        """The rows.

        Raises
        ------
        RecordsError
            The file is damaged, or there is too little memory.
        """
        try:
            arrow = pq.read_table(io.BytesIO(self.content), page_checksum_verification=True)
            # Without what pandas notes about columns.
            return arrow.replace_schema_metadata().to_pandas()
        except MemoryError:
            raise RecordsError(
                f"{self.path} is larger than the free memory; end other programs, and try again"
            ) from None
        except FAULTS as error:
            raise RecordsError(f"{self.path} is damaged ({reason(error)}); {RESTORE}") from None


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
        schema = about.schema.to_arrow_schema()
        groups = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
        if min(groups, default=0) < 0:
            raise ValueError("it says that it has fewer than no rows")
    except FAULTS as error:
        raise RecordsError(f"{path} is damaged ({reason(error)}); {RESTORE}") from None
    # Files written before there was a seal have none. Arrow keeps a second copy of the metadata,
    # with the blank: a damaged key does not pass for such a file.
    metadata = about.metadata or {}
    seal = metadata.get(SEAL, BLANK)
    whole = len(seal) == len(BLANK) and seal == _sha256(content.replace(seal, BLANK))
    if (SEAL in metadata or SEAL in (schema.metadata or {})) and not whole:
        raise RecordsError(f"{path} is damaged (its checksum differs); {RESTORE}")
    kinds = [(field.name, str(field.type)) for field in schema]
    return Stored(path, metadata.get(KEY, b""), kinds, sum(groups), content)


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
