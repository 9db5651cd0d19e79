import h5py
import numpy as np
import pytest

from pellucid.data.image import Image
from pellucid.data.io.projections import read
from pellucid.data.io.writing import write
from pellucid.errors import InputError

ANGLES, ROWS, COLUMNS = 5, 3, 7
FRAMES = np.arange(ANGLES * ROWS * COLUMNS, dtype=np.uint16).reshape(ANGLES, ROWS, COLUMNS)
WHITE = np.full((2, ROWS, COLUMNS), 900, np.uint16)
DARK = np.full((1, ROWS, COLUMNS), 9, np.uint16)
DEGREES = np.linspace(0, 144, ANGLES)


def nxtomo(path, *, angles=DEGREES, entry="entry", units="deg", keep=slice(None)):
    """Write dark, white, frames, white, in this order."""
    frames = np.concatenate([DARK, WHITE[:1], FRAMES, WHITE[1:]])
    keys = np.array([2, 1, *[0] * ANGLES, 1])
    turned = np.concatenate([[0, 0], angles, [180]])
    with h5py.File(path, "w") as file:
        file[f"{entry}/instrument/detector/data"] = frames
        file[f"{entry}/instrument/detector/image_key"] = keys[keep]
        file[f"{entry}/sample/rotation_angle"] = turned
        file[f"{entry}/sample/rotation_angle"].attrs["units"] = units


def dxchange(path, *, white=WHITE):
    with h5py.File(path, "w") as file:
        file["exchange/data"], file["exchange/data_white"], file["exchange/data_dark"] = FRAMES, white, DARK
        file["exchange/theta"] = DEGREES


def npz(path):
    np.savez(path, proj=FRAMES, white=WHITE, dark=DARK[0], theta_deg=DEGREES)


def npz_of_sinograms(path):
    swapped = (stack.transpose(1, 0, 2) for stack in (FRAMES, WHITE, DARK))
    np.savez(path, **dict(zip(("sino", "flats", "darks"), swapped, strict=True)), angles_rad=np.deg2rad(DEGREES))


@pytest.mark.parametrize(
    ("write_it", "name", "order"),
    [
        (nxtomo, "a.nxs", "projections"),
        (dxchange, "a.h5", "projections"),
        (npz, "a.npz", "projections"),
        (npz_of_sinograms, "a.npz", "sinograms"),
    ],
)
def test_every_layout_gives_the_same_projections(write_it, name, order, tmp_path):
    write_it(tmp_path / name)
    whole = read(tmp_path / name, order=order)
    np.testing.assert_array_equal(whole.sinograms, FRAMES.transpose(1, 0, 2))
    np.testing.assert_array_equal(whole.white, WHITE.transpose(1, 0, 2))
    np.testing.assert_array_equal(whole.dark, DARK.transpose(1, 0, 2))
    np.testing.assert_allclose(whole.angles, np.deg2rad(DEGREES))
    some = read(tmp_path / name, rows=slice(1, 2), order=order)
    np.testing.assert_array_equal(some.sinograms, FRAMES[:, 1:2].transpose(1, 0, 2))
    assert some.white.shape == (1, 2, COLUMNS)


def test_an_older_place_and_radians_are_known(tmp_path):
    nxtomo(tmp_path / "a.nxs", entry="entry1/tomo_entry", angles=np.deg2rad(DEGREES), units="rad")
    np.testing.assert_allclose(read(tmp_path / "a.nxs").angles, np.deg2rad(DEGREES))


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_an_image_is_a_sinogram_or_a_stack(name, tmp_path):
    write(tmp_path / name, Image(data=FRAMES[:, 0], axes="YX"))
    np.testing.assert_array_equal(read(tmp_path / name).sinograms, FRAMES[None, :, 0])
    write(tmp_path / name, Image(data=FRAMES, axes="ZYX"), overwrite=True)
    np.testing.assert_array_equal(read(tmp_path / name).sinograms, FRAMES.transpose(1, 0, 2))
    np.testing.assert_array_equal(read(tmp_path / name, order="sinograms", rows=slice(0, 2)).sinograms, FRAMES[:2])


def test_what_does_not_fit_is_refused(tmp_path):
    nxtomo(tmp_path / "a.nxs", keep=slice(1, None))
    with pytest.raises(InputError, match="8 frames and 7 image keys"):
        read(tmp_path / "a.nxs")
    dxchange(tmp_path / "a.h5", white=WHITE[..., 1:])
    with pytest.raises(InputError, match=r"white fields of a\.h5 have 3 rows of 6 columns"):
        read(tmp_path / "a.h5")
    dxchange(tmp_path / "b.h5")
    with pytest.raises(InputError, match="no such detector rows"):
        read(tmp_path / "b.h5", rows=slice(5, 9))
    np.savez(tmp_path / "a.npz", proj=FRAMES, theta=DEGREES[1:])
    with pytest.raises(InputError, match="5 views and 4 angles"):
        read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", image=FRAMES)
    with pytest.raises(InputError, match="no array named proj"):
        read(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", sino=FRAMES + 0j)
    with pytest.raises(InputError, match="real numbers"):
        read(tmp_path / "c.npz")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["elsewhere"] = FRAMES
    with pytest.raises(InputError, match=r"it holds elsewhere"):
        read(tmp_path / "c.h5")


@pytest.mark.real
def test_the_real_sinograms_open(data_root):
    tooth = read(data_root / "ct_tooth" / "tooth_slice.npz")
    assert tooth.sinograms.shape == (1, 181, 640)
    assert tooth.white.shape == tooth.dark.shape == (1, 10, 640)
    dendrite = read(data_root / "ct_dendrite" / "dend_sino.npz")
    assert dendrite.sinograms.shape == (1, 360, 1260)
    assert dendrite.white is None
    assert np.ptp(dendrite.angles) == pytest.approx(np.pi, rel=0.01)
