"""Files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def save(data: bytes, path: Path) -> None:
    """Write `data` beside `path`, then rename it to `path`: nobody ever reads half a file.

    Raises
    ------
    OSError
        Where the folder is missing or not writable, or the disk is full; `path` is then as it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
