"""The format samples that the project's real data holds."""

import os
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pellucid.data.io import check, read, write
from pellucid.errors import InputError

ROOT = Path(os.environ.get("PELLUCID_DATA", "."))
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets"),
]

FILES = {
    "formats_tiff/FMD_FOV7.ome.tiff": ("YX", (512, 512), "uint8", {}),
    "formats_tiff/generated_TZCYX.ome.tif": ("TZCYX", (3, 10, 2, 31, 38), "uint16", {"Z": 0.5, "X": 0.167809}),
    "formats_tiff/imagej_hyperstack_TZCYX.tif": ("TZCYX", (3, 10, 2, 31, 38), "uint16", {"T": 1.0, "X": 0.167809}),
    "formats_tiff/neocortex_CYX.ome.tiff": ("CYX", (3, 1112, 402), "uint16", {"X": 1.0}),
    "formats_em_misc/zeiss_sem_512.tif": ("YX", (384, 512), "uint8", {}),
    "formats_ome_zarr/cluster_v05.ome.zarr": ("TCZYX", (3, 2, 10, 31, 38), "uint16", {}),
    "formats_ome_zarr/xy_8bit__nuclei_PLK1_control.ome.zarr": ("TCZYX", (1, 1, 1, 682, 682), "uint8", {"X": 0.166053}),
    "formats_mrc_star/atlas_int16.mrc": ("YX", (320, 320), "int16", {}),
    "formats_mrc_star/mode0.mrc": ("ZYX", (20, 20, 20), "int8", {"Z": 11.4}),
    "formats_mrc_star/mode1.mrc": ("ZYX", (20, 20, 20), "int16", {"Z": 11.4}),
    "formats_mrc_star/mode2.mrc": ("ZYX", (20, 20, 20), "float32", {"Z": 11.4}),
    "formats_mrc_star/mode6.mrc": ("ZYX", (20, 20, 20), "uint16", {"Z": 11.4}),
    "formats_mrc_star/mode12.mrc": ("ZYX", (20, 20, 20), "float16", {"Z": 11.4}),
    "cryoem_betagal/particles.mrcs": ("SYX", (32, 192, 192), "float32", {"X": 1.274}),
}
VENDORS = {
    "DAPI_GFP.czi": ("TCZYX", (1, 2, 1, 640, 640), "uint8", {}, "pylibCZIrw"),
    "FOV7_HV110_P0500510000.czi": ("TCZYX", (1, 1, 1, 512, 512), "uint8", {}, "pylibCZIrw"),
    "LLS7_small.czi": ("TCZYX", (2, 2, 3, 64, 64), "uint16", {"Z": 0.144992, "X": 0.144992}, "pylibCZIrw"),
    "cluster.nd2": ("TZCYX", (3, 10, 2, 31, 38), "uint16", {"Z": 0.5, "X": 0.167809}, "nd2"),
    "LASX_wavelength_sweep.lif": ("CYX", (20, 64, 64), "uint8", {"X": 0.104814}, "liffile"),
}


def agrees(image, axes, shape, dtype, scale):
    assert (image.axes, image.shape, str(image.dtype)) == (axes, shape, dtype)
    for axis, size in scale.items():
        assert image.scale[axis] == pytest.approx(size, rel=1e-5)
    assert scale or not image.scale
    assert set(image.units) == set(image.scale)


@pytest.mark.parametrize("name", FILES)
def test_real_files_open_and_survive_being_written(name, tmp_path):
    image = read(ROOT / name)
    agrees(image, *FILES[name])
    check(image)
    suffix = {"mrc": ".mrc", "ome-zarr": ".zarr"}.get(image.format, ".tif")
    back = read(write(tmp_path / f"a{suffix}", image))
    assert (back.axes, back.channel_names) == (image.axes, image.channel_names)
    assert back.scale == pytest.approx(dict(image.scale))
    assert np.array_equal(back.data, image.data)


@pytest.mark.parametrize("name", VENDORS)
def test_vendor_files_open_where_their_reader_is_installed(name):
    *facts, module = VENDORS[name]
    if find_spec(module) is None:
        with pytest.raises(InputError, match="pip install 'pellucid"):
            read(ROOT / "formats_czi_nd2_lif" / name)
        pytest.skip(f"{module} is not installed")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LASX_wavelength_sweep.lif holds 3 images", UserWarning)
        image = read(ROOT / "formats_czi_nd2_lif" / name)
    agrees(image, *facts)
    check(image)


def test_a_complex_map_is_named_and_refused():
    image = read(ROOT / "formats_mrc_star" / "mode4.mrc")
    assert image.dtype == np.complex64
    with pytest.raises(InputError, match=r"mode4\.mrc is complex"):
        check(image)


def test_star_files_and_notes_are_refused():
    for path in [*(ROOT / "formats_mrc_star").glob("*.star"), *ROOT.glob("formats_*/README.txt")]:
        with pytest.raises(InputError, match="no format that Pellucid knows"):
            read(path)


def test_a_stack_that_relion_wrote_without_the_mark_opens_with_a_warning():
    with pytest.warns(UserWarning, match="lacks the MRC mark"):
        image = read(ROOT / "cryoem_particles_small" / "relion31.mrcs")
    assert (image.axes, image.shape) == ("SYX", (5, 256, 256))
