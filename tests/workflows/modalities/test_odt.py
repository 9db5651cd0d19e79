import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data.simulate.beads import Bead, fields, potential
from pellucid.errors import InputError
from pellucid.methods import function
from pellucid.operators.diffraction import DiffractionTomography, Optics, refractive_index
from pellucid.workflows.modalities.odt import odt
from pellucid.workflows.scan import scan

MEDIUM, SPACE = 1.333, (24, 20, 24)
LIGHT = {"wavelength_nm": 640.0, "medium_index": MEDIUM, "pixel_size_nm": 100.0}
WAVENUMBER = 2 * math.pi * MEDIUM * 100 / 640
BEADS = [Bead((3.0, -2.0, 4.0), 4.0, 1.343)]
ANGLES = torch.linspace(0, 2 * math.pi, 49)[:-1].double()


def written(path, operator, approximation="rytov", **more):
    """Write the fields of a bead as a microscope would record them."""
    ratio = fields(BEADS, operator, MEDIUM)[0, 0]
    field = ratio.exp() if approximation == "rytov" else 1 + ratio
    np.savez(path, field=field.numpy(), **more)
    return path


def turning(**more):
    return DiffractionTomography.turning(ANGLES, Optics(wavenumber=WAVENUMBER), space=SPACE, **more)


def reconstructed(opened, method="fbp"):
    found = function(method, "reconstruct")(opened.measurement, rng=torch.Generator())
    return opened.image(found.restorer(opened.measurement))


@pytest.mark.parametrize("approximation", ["rytov", "born"])
def test_a_bead_has_its_index_at_its_place(tmp_path, approximation):
    path = written(tmp_path / "bead.npz", turning(), approximation, angles_rad=ANGLES.numpy())
    opened = odt(path, approximation=approximation, **LIGHT)
    image = reconstructed(opened)
    truth = refractive_index(potential(BEADS, WAVENUMBER, MEDIUM, SPACE)[0, 0], WAVENUMBER, MEDIUM)
    assert image.axes == "ZYX"
    assert image.shape == SPACE
    assert image.scale == dict.fromkeys("ZYX", pytest.approx(0.1))
    assert image.units["Z"] == "micrometer"
    assert image.data.dtype == np.float32
    error = (torch.from_numpy(image.data) - truth).norm() / (truth - MEDIUM).norm()
    assert error < 0.45  # most of it at the edge, which is sharper than a wavelength
    assert image.data[13:17, 6:10, 14:18].mean() == pytest.approx(1.343, abs=0.0015)
    assert opened.quantity == "refractive index"


def test_the_background_is_undone_and_the_focus_found(tmp_path):
    operator = DiffractionTomography.turning(ANGLES, Optics(wavenumber=WAVENUMBER, distance=-20.0), space=SPACE)
    ratio = fields(BEADS, operator, MEDIUM)[0, 0]
    tilt = torch.exp(1j * (0.4 + 0.01 * torch.arange(24)))
    uneven = 1 + 0.2 * torch.rand(20, 24, generator=torch.Generator().manual_seed(0))
    np.savez(tmp_path / "a.npz", field=(ratio.exp() * tilt * uneven).numpy(), background=uneven.to(tilt).numpy())
    given = LIGHT | {"angles": "0:360", "refocus_um": 2.0, "level_px": 2, "pad_px": 3}
    opened = odt(tmp_path / "a.npz", **given)
    assert opened.measurement.y.shape == (1, 1, 48, 26, 30)
    assert reconstructed(opened).data[15, 7, 15] == pytest.approx(1.343, abs=0.003)


def test_tilted_beams_leave_a_cone(tmp_path):
    turn, tilt = torch.linspace(0, 2 * math.pi, 25)[:-1].double(), 0.6
    directions = torch.stack([0.8 * torch.ones_like(turn), tilt * turn.sin(), tilt * turn.cos()], 1)
    operator = DiffractionTomography.illuminated(directions, Optics(wavenumber=WAVENUMBER), space=SPACE)
    path = written(tmp_path / "tilted.npz", operator, directions=directions.numpy())
    opened = odt(path, geometry="illumination", planes=22, **LIGHT)
    assert "36.9 degrees" in opened.notes[0]
    direct, filled = (reconstructed(opened, method).data[14, 7, 15] for method in ("fbp", "gp"))
    assert MEDIUM < direct < filled < 1.345


def test_the_other_convention_and_axis(tmp_path):
    optics = Optics(wavenumber=WAVENUMBER, sign=-1)
    operator = DiffractionTomography.turning(ANGLES, optics, space=SPACE, axis="X")
    path = written(tmp_path / "bead.npz", operator)
    np.savetxt(tmp_path / "angles.txt", np.rad2deg(ANGLES.numpy()))
    given = LIGHT | {"angles": str(tmp_path / "angles.txt"), "phase": "advances", "axis": "X", "planes": 24}
    assert reconstructed(odt(path, **given)).data[15, 7, 15] == pytest.approx(1.343, abs=0.002)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wavelength_nm": None}, "--wavelength-nm"),
        ({"medium_index": 0.9}, "between 1 and 4"),
        ({"pixel_size_nm": -1.0}, "positive"),
        ({"pixel_size_nm": 6500.0}, "undersample"),
        ({"numerical_aperture": 1.4}, "index of the medium"),
        ({"angles": None}, "holds no angles"),
        ({"angles": "0:many"}, "0:360"),
        ({"angles": "absent.txt"}, "absent.txt"),
        ({"geometry": "illumination"}, "directions"),
        ({"level_px": 10}, "border of 10"),
        ({"pad_px": -1}, "--pad-px"),
        ({"centre": 24.0}, "centre of rotation"),
        ({"planes": 0}, "--planes"),
    ],
)
def test_bad_input_is_told(tmp_path, change, message):
    path = written(tmp_path / "bead.npz", turning())
    with pytest.raises(InputError, match=message):
        odt(path, **(LIGHT | {"angles": "0:360"} | change))


def test_every_view_needs_its_angle(tmp_path):
    path = written(tmp_path / "bead.npz", turning())
    np.savetxt(tmp_path / "angles.txt", np.arange(47))
    with pytest.raises(InputError, match=r"48 views and .* 47 angles"):
        odt(path, angles=str(tmp_path / "angles.txt"), **LIGHT)


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
def test_the_simulated_cell_is_found():
    path = Path(os.environ["PELLUCID_DATA"], "odt_fdtd3d", "fdtd3d.npz")
    light = {"wavelength_nm": 650.0, "pixel_size_nm": 100.0, "medium_index": 1.333}
    image = reconstructed(scan(path, "odt", light)).data
    with np.load(path, allow_pickle=False) as held:
        truth = held["phantom"]
    cell = truth > 1.3331
    assert np.sqrt(np.square(image - truth)[cell].mean()) < 0.0031
    assert (image - 1.333)[cell].sum() == pytest.approx((truth - 1.333)[cell].sum(), rel=0.06)


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
def test_the_live_cell_has_an_index_of_life():
    opened = scan(Path(os.environ["PELLUCID_DATA"], "odt_hl60", "hl60_qpi.h5"), "odt", {})
    image = reconstructed(opened).data
    cell = image[50:90, 50:90, 50:90]
    assert 1.345 < np.median(cell) < 1.365
    assert cell.max() < 1.39
    assert abs(np.median(image[:10, 60:80, 60:80]) - 1.335) < 0.006
