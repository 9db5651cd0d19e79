from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.data.io import lazy

LENGTHS = {"S": 2, "T": 3, "C": 2, "Z": 4, "Y": 9, "X": 7}
MakeImage = Callable[..., Image]


@pytest.fixture
def make_image(numpy_rng: np.random.Generator) -> MakeImage:
    """Return a maker of random images with pixel sizes and names on whatever axes they have."""

    def make(axes: str, dtype: str = "uint16", lengths: dict[str, int] | None = None) -> Image:
        sizes = LENGTHS | (lengths or {})
        data = numpy_rng.integers(0, 120, tuple(sizes[a] for a in axes)).astype(dtype)
        scale = {a: s for a, s in {"T": 2.5, "Z": 0.5, "Y": 0.25, "X": 0.125}.items() if a in axes}
        units = {a: "second" if a == "T" else "micrometer" for a in scale}
        names = tuple("abcdefg"[: sizes["C"]]) if "C" in axes else ()
        return Image(data=data, axes=axes, scale=scale, units=units, channel_names=names)

    return make


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that 64 MiB are free."""
    monkeypatch.setattr(lazy.psutil, "virtual_memory", lambda: SimpleNamespace(available=2**26))


XML = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding>
<encodedSpace><matrixSize><x>{x}</x><y>{y}</y><z>1</z></matrixSize>
<fieldOfView_mm><x>{fov_x}</x><y>{fov_y}</y><z>4</z></fieldOfView_mm></encodedSpace>
<reconSpace><matrixSize><x>{recon_x}</x><y>{recon_y}</y><z>1</z></matrixSize>
<fieldOfView_mm><x>{recon_fov_x}</x><y>{fov_y}</y><z>4</z></fieldOfView_mm></reconSpace>
<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>{last}</maximum><center>{centre}</center>
</kspace_encoding_step_1></encodingLimits>
<trajectory>{trajectory}</trajectory></encoding></ismrmrdHeader>"""


@pytest.fixture
def make_header() -> Callable[..., str]:
    """Return a maker of ISMRMRD headers: 16 samples, oversampled twice, by 12 lines of which 9 were measured."""
    facts = {"x": 16, "y": 12, "fov_x": 320, "fov_y": 240, "recon_x": 8, "recon_y": 12, "recon_fov_x": 160}
    facts |= {"last": 8, "centre": 4, "trajectory": "cartesian"}
    return lambda **changes: XML.format(**(facts | changes))
