"""Which files go in, and what the result is called."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from pellucid.data.io.reading import KNOWN, SUFFIXES, ending, is_zarr
from pellucid.errors import InputError


def output_path(source: str | Path, suffix: str = "_denoised", directory: str | Path | None = None) -> Path:
    """Name the result: OME-Zarr for Zarr, MRC for MRC, NIfTI for NIfTI, OME-TIFF for all else.

    Parameters
    ----------
    source
        The input.
    suffix
        Put behind the name.
    directory
        The folder of the result; that of the input unless given.

    Examples
    --------
    >>> output_path("a/cells.ome.tif").name, output_path("tomo.rec").name, output_path("big.ome.zarr").name
    ('cells_denoised.ome.tif', 'tomo_denoised.mrc', 'big_denoised.ome.zarr')
    """
    source = Path(source)
    given = ending(source)
    stem = source.name[: -len(given)] if given in KNOWN else source.name
    stem = stem[:-4] if stem.lower().endswith(".ome") else stem
    if given in SUFFIXES["ome_zarr"] or is_zarr(source):
        given = ".ome.zarr"
    elif given in SUFFIXES["mrc"]:
        given = ".mrc"
    elif given not in SUFFIXES["nifti"]:
        given = ".ome.tif"
    return Path(directory or source.parent) / f"{stem}{suffix}{given}"


def expand(inputs: Iterable[str | Path]) -> list[Path]:
    """List the images that files, folders and patterns such as ``"day1/*.tif"`` stand for.

    A folder stands for the images in it, not in its subfolders; the folder of a Zarr image is an image. Each
    image comes once.

    Raises
    ------
    InputError
        If a name or a pattern fits nothing, or a folder holds no image.
    """
    found: list[Path] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir() and not is_zarr(path):
            images = [entry for entry in sorted(path.iterdir()) if _is_image(entry)]
            if not images:
                raise InputError(f"The folder {path} holds no image of a format that Pellucid knows.")
        elif path.exists():
            images = [path]
        else:
            images = [Path(name) for name in sorted(glob.glob(str(text)))]  # noqa: PTH207 - absolute patterns too
            if not images:
                raise InputError(f"{text} does not exist: check the name and the folder.")
        found += images
    return list(dict.fromkeys(found))


def _is_image(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    return is_zarr(path) or (path.is_file() and ending(path) in KNOWN)
