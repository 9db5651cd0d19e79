"""Which scans files and folders stand for, and what of a folder can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.data.io.reading import KNOWN, ending, is_zarr
from pellucid.errors import InputError
from pellucid.workflows.events import Event, Watch
from pellucid.workflows.scan import Scan, scan

_ENDINGS = {*KNOWN, ".h5", ".hdf5", ".mrd", ".mat", ".cfl", ".nxs", ".star"}
RESULTS = ("_reconstructed", "_deconvolved")
_OF_ONE_SCAN = ("coil_maps", "slice_index")  # parts of the geometry that tell nothing of other scans


def expand(inputs: Sequence[Path]) -> list[Path]:
    """Return the scans that files and folders stand for; results of Pellucid in a folder are none.

    Raises
    ------
    InputError
        Where a name fits nothing, or a folder holds no scan.
    """
    found: list[Path] = []
    for path in inputs:
        if not path.exists():
            raise InputError(f"{path} does not exist: check the name and the folder.")
        within = [entry for entry in sorted(path.iterdir()) if _may_be_scan(entry)] if _is_folder(path) else [path]
        if not within:
            raise InputError(f"The folder {path} holds no scan and no image of a format that Pellucid knows.")
        found += within
    return list(dict.fromkeys(found))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not is_zarr(path)


def _may_be_scan(path: Path) -> bool:
    name = path.name[: -len(ending(path))].removesuffix(".ome") if ending(path) else path.name
    if path.name.startswith(".") or name.endswith(RESULTS):
        return False
    return is_zarr(path) or (path.is_file() and ending(path) in _ENDINGS)


def read_all(
    paths: Sequence[Path], modality: str, geometry: Mapping[str, Any], watch: Watch
) -> tuple[dict[Path, Scan], dict[Path, str]]:
    """Return the scans that can be read, and why others cannot.

    Raises
    ------
    InputError
        Where none can.
    """
    scans: dict[Path, Scan] = {}
    failures: dict[Path, str] = {}
    for path in paths:
        try:
            scans[path] = scan(path, modality, geometry)
        except (InputError, OSError) as error:
            if len(paths) == 1:
                raise
            failures[path] = str(error)
            watch(Event("read", f"{path.name} is left out: {error}"))
        else:
            for note in scans[path].notes:
                watch(Event("read", note if len(paths) == 1 else f"{path.name}: {note}"))
    if not scans:
        first = next(iter(failures.values()))
        raise InputError(f"None of {len(paths)} files can be read as {modality}; of the first, {first}")
    return scans, failures


def training_set(
    path: Path, modality: str, geometry: Mapping[str, Any], watch: Watch
) -> tuple[dict[Path, Scan], tuple[str, ...]]:
    """Read the scans to train on, with the geometry that holds for all scans; return them, and what to doubt.

    A file that cannot be read is left out, and named.
    """
    given = {name: value for name, value in geometry.items() if name not in _OF_ONE_SCAN}
    scans, failures = read_all(expand([path]), modality, given, watch)
    return scans, tuple(f"{file.name} was left out of the training: {why}" for file, why in failures.items())
