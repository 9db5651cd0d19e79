import h5py
import numpy as np
import pytest

from pellucid.data.io import kspace
from pellucid.errors import InputError


@pytest.fixture
def data(numpy_rng):
    """Return two slices of three coils, 6 x 5, every second line measured."""
    data = numpy_rng.normal(size=(2, 3, 6, 5, 2)).astype(np.float32).view(np.complex64)[..., 0]
    data[:, :, ::2] = 0
    return data


def bart(path, data):
    numbers = data.transpose(3, 2, 1, 0)  # read-out, phase encoding, coil, slice
    sizes = [*numbers.shape[:2], 1, numbers.shape[2], *[1] * 9, numbers.shape[3], 1, 1]
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, sizes)))
    path.with_suffix(".cfl").write_bytes(numbers.tobytes("F"))
    return path


def hdf5(path, name, data):
    with h5py.File(path, "w") as file:
        file[name] = data
    return path


def test_every_format_gives_the_same(tmp_path, data):
    np.save(tmp_path / "a.npy", data)
    bart(tmp_path / "a.cfl", data)
    hdf5(tmp_path / "a.h5", "kspace", data)
    hdf5(tmp_path / "b.h5", "raw/y", data)
    scans = [kspace.read(tmp_path / name) for name in ("a.npy", "a.cfl", "a.hdr", "a.h5")]
    for scan in [*scans, kspace.read(tmp_path / "b.h5", dataset="raw/y")]:
        assert np.array_equal(scan.data, data)
        assert scan.sampled[0, :, 0].tolist() == [False, True] * 3


def test_one_slice_is_kept_and_a_single_one_needs_no_axis(tmp_path, data):
    np.save(tmp_path / "a.npy", data)
    assert np.array_equal(kspace.read(tmp_path / "a.npy", slice_index=1).data, data[1:])
    np.save(tmp_path / "b.npy", data[0])
    assert np.array_equal(kspace.read(tmp_path / "b.npy").data, data[:1])
    with pytest.raises(InputError, match="has 2 slices and no slice 7: choose 0 to 1"):
        kspace.read(tmp_path / "a.npy", slice_index=7)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        (np.ones((3, 4, 5)), "complex ones of shape"),
        (np.ones((4, 5), complex), "complex ones of shape"),
        (np.ones((1, 2, 3, 4, 5), complex), "complex ones of shape"),
        (np.zeros((3, 4, 5), complex), "zero everywhere"),
        (np.full((3, 4, 5), np.nan, complex), "NaN or infinite"),
    ],
)
def test_other_numbers_are_refused(tmp_path, numbers, sentence):
    np.save(tmp_path / "a.npy", numbers)
    with pytest.raises(InputError, match=sentence):
        kspace.read(tmp_path / "a.npy")


def test_other_files_are_refused(tmp_path, data):
    with pytest.raises(InputError, match=r"name its k-space with --dataset; it holds ycart"):
        kspace.read(hdf5(tmp_path / "a.h5", "ycart", data))
    (tmp_path / "a.txt").write_text("dear diary")
    with pytest.raises(InputError, match="in no format of k-space"):
        kspace.read(tmp_path / "a.txt")
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(InputError, match=r"a\.npy could not be read"):
        kspace.read(tmp_path / "a.npy")
    with pytest.raises(InputError, match="does not exist"):
        kspace.read(tmp_path / "b.npy")
    cut = bart(tmp_path / "b.cfl", data)
    cut.write_bytes(cut.read_bytes()[:-8])
    with pytest.raises(InputError, match="cut short"):
        kspace.read(cut)


@pytest.mark.real
def test_the_phantom_is_the_same_in_all_its_files(data_root):
    phantom = kspace.read(data_root / "mri_ksp_phantom8ch" / "phantom8ch.h5", dataset="ycart").data[0]
    for name in ("phantom8ch.cfl", "phantom8ch_fastmri.h5", "phantom8ch_ismrmrd.h5"):
        assert np.array_equal(kspace.read(data_root / "formats_mri" / name).data[0], phantom)
    brain = kspace.read(data_root / "mri_ksp_brain8ch" / "cartesian_ksp.npy")
    assert brain.data.shape == (1, 8, 230, 180)
    assert brain.sampled.mean() == pytest.approx(0.124, abs=2e-3)
