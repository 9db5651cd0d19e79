import h5py
import numpy as np
import pytest

from pellucid.data.io import fastmri
from pellucid.errors import InputError


@pytest.fixture
def data(numpy_rng):
    """Return two slices of three coils, 16 x 12, without the lines that padding makes zero."""
    data = numpy_rng.normal(size=(2, 3, 16, 12, 2)).astype(np.float32).view(np.complex64)[..., 0]
    data[..., :2] = data[..., 11:] = 0
    return data


def save(path, **contents):
    with h5py.File(path, "w") as file:
        for name, value in contents.items():
            file[name] = value
    return path


def test_kspace_and_header_are_read(tmp_path, data, make_header):
    scan = fastmri.read(save(tmp_path / "a.h5", kspace=data, ismrmrd_header=make_header()))
    assert np.array_equal(scan.data, data)
    assert scan.sampled.shape == (2, 16, 12)
    assert scan.sampled[0, 0].tolist() == [False] * 2 + [True] * 9 + [False]
    assert (scan.padding, scan.matrix, scan.readout) == ((2, 1), (8, 12), -2)
    assert scan.voxel_mm == (4, 20, 20)


def test_a_mask_tells_what_was_measured(tmp_path, data, make_header):
    mask = np.arange(12) % 2
    scan = fastmri.read(save(tmp_path / "a.h5", kspace=data, mask=mask, ismrmrd_header=make_header()))
    assert scan.sampled[1, 3].tolist() == [bool(k % 2 and 2 <= k < 11) for k in range(12)]


def test_a_single_coil_and_a_missing_header_are_read(tmp_path, data):
    scan = fastmri.read(save(tmp_path / "a.h5", kspace=data[:, 0]))
    assert scan.data.shape == (2, 1, 16, 12)
    assert scan.matrix is None


def test_one_slice_is_read_alone(tmp_path, data):
    path = save(tmp_path / "a.h5", kspace=data)
    assert np.array_equal(fastmri.read(path, slice_index=1).data, data[1:])
    with pytest.raises(InputError, match="has 2 slices and no slice 2: choose 0 to 1"):
        fastmri.read(path, slice_index=2)


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        ({"volume": np.eye(3)}, "holds no kspace; it holds volume"),
        ({"kspace": np.ones((2, 3, 4, 5))}, "complex .* is expected"),
        ({"kspace": np.ones((4, 5), np.complex64)}, "complex .* is expected"),
        ({"kspace": np.ones((2, 4, 5), np.complex64), "mask": np.ones(4)}, "4 entries, and its k-space has 5 columns"),
        ({"kspace": np.ones((2, 4, 5), np.complex64), "ismrmrd_header": "<a/>"}, "no ISMRMRD header"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, contents, sentence):
    with pytest.raises(InputError, match=sentence):
        fastmri.read(save(tmp_path / "a.h5", **contents))


@pytest.mark.real
def test_the_real_file_holds_the_phantom_twice(data_root):
    scan = fastmri.read(data_root / "formats_mri" / "phantom8ch_fastmri.h5")
    with h5py.File(data_root / "mri_ksp_phantom8ch" / "phantom8ch.h5") as file:
        assert np.array_equal(scan.data, np.stack(2 * [file["ycart"][()]]))
    assert scan.sampled.all()
    assert scan.voxel_mm == (5, 3.75, 3.75)
