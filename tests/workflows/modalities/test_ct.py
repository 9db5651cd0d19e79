import h5py
import numpy as np
import pytest
import torch

from pellucid.data.simulate.ellipses import shepp_logan
from pellucid.errors import InputError
from pellucid.metrics import psnr
from pellucid.workflows.modalities.ct import ct

SIZE, ANGLES, COLUMNS, CENTRE = 48, 90, 64, 33.25


@pytest.fixture(scope="module")
def exact():
    """Return the sinogram of a head, whose attenuation is 0.02 a pixel at most."""
    theta = torch.arange(ANGLES) * torch.pi / ANGLES
    return 0.02 * shepp_logan().sinogram(theta, size=SIZE, detector=COLUMNS, centre=CENTRE)[0, 0].numpy()


def counts(exact, *, photons=50_000, rows=2):
    rng = np.random.default_rng(0)
    frames = 100.0 + rng.poisson(photons * np.exp(-np.repeat(exact[:, None], rows, 1)))
    return frames, 100.0 + rng.poisson(photons, (6, rows, COLUMNS)), np.full((2, rows, COLUMNS), 100.0)


def dxchange(path, exact, **more):
    frames, white, dark = counts(exact, **more)
    with h5py.File(path, "w") as file:
        file["exchange/data"], file["exchange/data_white"], file["exchange/data_dark"] = frames, white, dark
        file["exchange/theta"] = np.arange(ANGLES) * 180 / ANGLES
    return path


def accuracy(image):
    """Return the PSNR of an image in attenuation per pixel."""
    margin = (COLUMNS - SIZE) // 2
    inner = image[..., margin : margin + SIZE, margin : margin + SIZE]
    return float(psnr(torch.as_tensor(inner).double()[None, None], 0.02 * shepp_logan().image(SIZE), 0.02))


def test_counts_become_slices_with_their_noise(exact, tmp_path):
    scan = ct(dxchange(tmp_path / "a.h5", exact), pixel_size_um=2.0)
    y, operator, noise = scan.measurement.y, scan.measurement.operator, scan.measurement.noise
    assert y.shape == scan.measurement.weight.shape == (2, 1, ANGLES, COLUMNS)
    assert operator.centre.item() == pytest.approx(CENTRE, abs=0.2)
    error = (y - torch.from_numpy(exact)).std()
    assert float(noise.variance(y).mean().sqrt()) == pytest.approx(float(error), rel=0.15)
    assert scan.measurement.weight.mean() == pytest.approx(1, rel=1e-3)
    image = scan.image(operator.backproject(y))
    assert (image.axes, image.scale["Z"], image.units["X"]) == ("ZYX", 2.0, "micrometer")
    assert scan.quantity == "attenuation per micrometre"
    assert accuracy(2.0 * image.data[0]) > 22
    assert "found" in scan.notes[1]


def test_one_row_of_line_integrals_is_one_slice(exact, tmp_path):
    np.save(tmp_path / "a.npy", exact)
    scan = ct(tmp_path / "a.npy", angles="0:180", centre=CENTRE, window="hann")
    image = scan.image(scan.measurement.operator.backproject(scan.measurement.y))
    assert image.axes == "YX"
    assert scan.measurement.noise is None
    assert accuracy(image.data) > 21
    assert ct(dxchange(tmp_path / "a.h5", exact), rows="1:2").measurement.y.shape[0] == 1


def test_transmissions_and_stripes_are_taken_care_of(exact, tmp_path):
    stripes = np.where(np.random.default_rng(1).random(COLUMNS) < 0.1, 1.05, 1.0)
    np.save(tmp_path / "a.npy", stripes * np.exp(-exact))
    given = {"angles": "0:180", "centre": CENTRE, "recorded": "transmission"}
    found = [ct(tmp_path / "a.npy", **given, ring=ring) for ring in (False, True)]
    images = [scan.image(scan.measurement.operator.backproject(scan.measurement.y)).data for scan in found]
    assert accuracy(images[1]) > accuracy(images[0])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "does not say its 90 angles"),
        ({"angles": "0:180:91"}, "90 views and 0:180:91 stands for 91 angles"),
        ({"angles": "0:180", "centre": 64.0}, "bin 64, off the detector"),
        ({"angles": "0:180", "recorded": "counts"}, "no white fields"),
        ({"angles": "0:180", "rows": "a:b"}, "--rows takes START:STOP"),
        ({"angles": "0:180", "recorded": "transmission"}, "rays have no counts left.*--floor"),
    ],
)
def test_a_geometry_that_does_not_fit_is_refused(given, sentence, exact, tmp_path):
    np.save(tmp_path / "a.npy", exact)
    with pytest.raises(InputError, match=sentence):
        ct(tmp_path / "a.npy", **given)


def test_rays_without_counts_need_a_floor(exact, tmp_path):
    path = dxchange(tmp_path / "a.h5", exact, photons=2)
    with pytest.raises(InputError, match="rays have no counts left"):
        ct(path)
    assert ct(path, floor=0.1).measurement.y.max() <= -np.log(0.1) + 1e-6


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "centre"), [("ct_tooth/tooth_slice.npz", 296.0), ("ct_dendrite/dend_sino.npz", 629.4)]
)
def test_real_scans_are_ready_at_once(name, centre, data_root):
    scan = ct(data_root / name)
    assert scan.measurement.operator.centre.item() == pytest.approx(centre, abs=0.5)
    slices = scan.measurement.operator.backproject(scan.measurement.y)
    middle, size = slices.shape[-1] // 2, slices.shape[-1] // 8
    inside = slices[..., middle - size : middle + size, middle - size : middle + size]
    assert inside.mean() > 3 * slices[..., middle, :size].mean().abs()
