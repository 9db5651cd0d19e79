import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from pellucid.data.io.odt import read
from pellucid.errors import InputError

PHASE = np.linspace(0, 1, 24, dtype=np.float32).reshape(2, 3, 4)


def test_reads_phase_and_amplitude_with_the_optics(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["phase"], file["amplitude"], file["angles_deg"] = PHASE, 1 + PHASE, [0, 90]
        file.attrs.update({"wavelength": 633e-9, "pixel size": 1e-7, "medium index": 1.33})
    scan = read(tmp_path / "a.h5")
    np.testing.assert_allclose(scan.field, (1 + PHASE) * np.exp(1j * PHASE), rtol=1e-6)
    np.testing.assert_allclose(scan.angles, [0, np.pi / 2])
    assert (scan.wavelength_nm, scan.pixel_size_nm, scan.medium_index) == pytest.approx((633, 100, 1.33))
    assert scan.field.dtype == np.complex64


def test_reads_fields_with_background_and_directions(tmp_path):
    field = np.exp(1j * PHASE)
    np.savez(tmp_path / "a.npz", field=field, background=field[0], directions=np.eye(3)[:2])
    scan = read(tmp_path / "a.npz")
    np.testing.assert_allclose(scan.field, field, rtol=1e-6)
    assert scan.background.shape == (3, 4)
    assert scan.directions.shape == (2, 3)
    assert scan.angles is None
    assert scan.wavelength_nm is None


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({}, "must hold complex fields"),
        ({"field": PHASE}, "float32"),
        ({"phase": PHASE, "amplitude": PHASE[0]}, "one shape"),
        ({"field": np.exp(1j * PHASE), "angles_rad": np.arange(3)}, "2 views"),
        ({"field": np.exp(1j * PHASE), "directions": np.zeros((2, 2))}, "directions"),
        ({"field": np.exp(1j * PHASE) * np.nan}, "no numbers"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, held, message):
    np.savez(tmp_path / "a.npz", **held)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.npz")


@pytest.mark.real
@pytest.mark.skipif("PELLUCID_DATA" not in os.environ, reason="set PELLUCID_DATA to the folder of real data sets")
def test_reads_the_real_scans():
    root = Path(os.environ["PELLUCID_DATA"])
    cell = read(root / "odt_hl60" / "hl60_qpi.h5")
    assert cell.field.shape == (140, 140, 140)
    assert (cell.wavelength_nm, cell.pixel_size_nm, cell.medium_index) == pytest.approx((647, 139, 1.335))
    simulated = read(root / "odt_fdtd3d" / "fdtd3d.npz")
    assert simulated.field.shape == (90, 188, 188)
    assert len(simulated.angles) == 90
