"""Write STAR files: tables of particles that RELION and its kin read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import InputError


def write(
    path: Path, tables: Mapping[str, Mapping[str, Sequence[Any]]], *, comment: str = "", overwrite: bool = False
) -> None:
    """Write tables as a STAR file of RELION 3.1, whole or not at all.

    Parameters
    ----------
    path
        The file, whose name ends with .star.
    tables
        By name, columns of one length by their names, such as ``rlnAnglePsi``.
    comment
        What is to be said at the top of the file.
    overwrite
        Replace what is there.

    Raises
    ------
    InputError
        If the file is there or its folder is not.
    """
    writable(path, overwrite=overwrite)
    lines = [f"# {line}" for line in ("version 30001", *comment.splitlines())]
    for name, columns in tables.items():
        lines += ["", f"data_{name}", "", "loop_", *(f"_{key} #{k}" for k, key in enumerate(columns, 1))]
        lines += [" ".join(map(_entry, row)) for row in zip(*columns.values(), strict=True)]
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text("\n".join([*lines, ""]), encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def writable(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a place where no STAR file can be written, before time is spent on one.

    Raises
    ------
    InputError
        If it has another ending, its folder is missing, or something is there.
    """
    if path.suffix.lower() != ".star":
        raise InputError(f"{path.name} does not end with .star: choose such a name for poses.")
    if not path.parent.is_dir():
        raise InputError(f"The folder {path.parent} does not exist: make it first.")
    if path.exists() and (path.is_dir() or not overwrite):
        raise InputError(f"{path} exists already: choose another name, or add --overwrite.")


def _entry(value: Any) -> str:
    """Return one entry of a table: numbers to six places, text without spaces.

    Examples
    --------
    >>> _entry(0.25), _entry(3), _entry("a b")
    ('0.250000', '3', '"a b"')
    """
    if isinstance(value, float | np.floating):
        return f"{value:.6f}"
    text = str(value)
    return text if text.split() == [text] else f'"{text}"'
