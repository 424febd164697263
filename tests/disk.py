"""A small disk that can be filled up or made read-only."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Disk:
    """A file system in memory, mounted at a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, left: int = 0) -> None:
        """Leave no room, or some bytes of it."""
        try:
            with open(self.folder / "filler", "wb", buffering=0) as file:
                while shutil.disk_usage(self.folder).free > left and file.write(bytes(4096)):
                    pass
        except OSError:
            return

    def empty(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)

    def read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Disk | None]:
    """A disk of that size at a new folder; None where none can be mounted: only root, on Linux."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
