import math

import numpy as np
import pytest
import torch

from pellucid.data.image import Image
from pellucid.data.io import read, write
from pellucid.errors import InputError
from pellucid.operators.tilt import Tilt
from pellucid.workflows.modalities.tilt import tilt

SPACE, DEGREES = (20, 18, 24), np.arange(-60, 61, 3.0)


@pytest.fixture(scope="module")
def volume():
    z, y, x = (torch.arange(n, dtype=torch.float64) - (n - 1) / 2 for n in SPACE)
    blobs = [(2.0, -3.0, 4.0), (-3.0, 4.0, -5.0), (0.0, 0.0, 1.0)]
    squares = [(z - a)[:, None, None] ** 2 + (y - b)[:, None] ** 2 + (x - c) ** 2 for a, b, c in blobs]
    return sum(torch.exp(-square / 8) for square in squares)[None, None]


def series(folder, volume, *, axis=0.0, degrees=DEGREES, sidecar=".rawtlt"):
    """Write a tilt series as a microscope does."""
    operator = Tilt(torch.from_numpy(np.deg2rad(degrees))[None], space=SPACE, tilt_axis=math.radians(axis), shift=0.5)
    views = operator(volume)[0, 0].numpy().astype(np.float32)
    scale, units = {"Y": 4.0, "X": 4.0}, {"Y": "angstrom", "X": "angstrom"}
    write(folder / "a.mrc", Image(data=views, axes="SYX", scale=scale, units=units))
    (folder / f"a{sidecar}").write_text("\n".join(f"{angle:7.2f}" for angle in degrees))
    return folder / "a.mrc"


@pytest.mark.parametrize(("axis", "sidecar"), [(0.0, ".rawtlt"), (85.0, ".tlt"), (-5.0, ".tlt")])
def test_a_series_becomes_a_volume(axis, sidecar, volume, tmp_path):
    path = series(tmp_path, volume, axis=axis, sidecar=sidecar)
    scan = tilt(path, tilt_axis=axis, shift_px=0.5, planes=SPACE[0])
    found = scan.image(scan.measurement.operator.backproject(scan.measurement.y))
    assert (found.shape, found.axes, found.scale["Z"], found.units["Z"]) == (SPACE, "ZYX", 4.0, "angstrom")
    truth = volume[0, 0].numpy()
    assert np.corrcoef(np.ravel(found.data), truth.ravel())[0, 1] > 0.8
    peak = np.unravel_index(np.argmax(np.where(truth > 0.3, found.data, 0)), SPACE)
    assert truth[peak] > 0.7
    assert "A wedge of 60 degrees" in scan.notes[1]
    write(tmp_path / "b.mrc", found)
    assert read(tmp_path / "b.mrc").axes == "ZYX"


def test_a_range_may_stand_for_the_tilts_and_views_be_levelled(volume, tmp_path):
    path = series(tmp_path, volume)
    scan = tilt(path, angles="-60:60:41", level=True)
    torch.testing.assert_close(scan.measurement.operator.radon.angles, -torch.from_numpy(np.deg2rad(DEGREES))[None])
    assert scan.measurement.y.mean((3, 4)).abs().max() < 1e-5
    assert scan.measurement.operator.space == (24, 18, 24)


def test_what_is_no_tilt_series_is_refused(volume, tmp_path):
    path = series(tmp_path, volume)
    with pytest.raises(InputError, match=r"a\.mrc has 41 views and 0:60:5 stands for 5"):
        tilt(path, angles="0:60:5")
    with pytest.raises(InputError, match="between -90 and 90 degrees"):
        tilt(path, angles="0:180")
    with pytest.raises(InputError, match="off the detector"):
        tilt(path, shift_px=40.0)
    (tmp_path / "a.rawtlt").unlink()
    with pytest.raises(InputError, match=r"tilts of a\.mrc are not known: .*a\.rawtlt"):
        tilt(path)
    np.save(tmp_path / "b.npy", np.zeros((4, 5)))
    with pytest.raises(InputError, match="a stack of real images"):
        tilt(tmp_path / "b.npy", angles="0:60")


@pytest.mark.real
def test_a_ribosome_comes_back_from_its_tilt_series(data_root, tmp_path):
    ribosome = torch.from_numpy(np.asarray(read(data_root / "cryoem_maps" / "ribo-16Apx.mrc").data, np.float64))
    operator = Tilt(torch.from_numpy(np.deg2rad(DEGREES))[None], space=tuple(ribosome.shape))
    views = operator(ribosome[None, None])[0, 0].numpy().astype(np.float32)
    write(tmp_path / "ribosome.mrc", Image(data=views, axes="SYX"))
    (tmp_path / "ribosome.rawtlt").write_text("\n".join(f"{angle:g}" for angle in DEGREES))
    scan = tilt(tmp_path / "ribosome.mrc")
    found = scan.measurement.operator.backproject(scan.measurement.y)[0, 0].double()
    assert np.corrcoef(found.ravel(), ribosome.ravel())[0, 1] > 0.8
