import h5py
import numpy as np
import pytest
from scipy.io import savemat

from pellucid.data.io.mat import variables
from pellucid.errors import InputError

NUMBERS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.fixture(params=["4", "5", "7.3"])
def path(request, tmp_path):
    file = tmp_path / "scan.mat"
    if request.param == "7.3":
        with h5py.File(file, "w", userblock_size=512) as out:
            out["images"], out["z"] = NUMBERS.T, [[-5e-5]]
    elif request.param == "5":
        savemat(file, {"images": NUMBERS, "z": -5e-5, "other": {"a": 1}}, do_compression=True)
    else:
        savemat(file, {"images": NUMBERS.reshape(2, 12), "z": -5e-5}, format="4")
    return file


def test_numbers_come_back_with_the_axes_of_matlab(path):
    found = variables(path, ("images", "z", "absent"))
    assert set(found) == {"images", "z"}
    np.testing.assert_array_equal(found["images"].reshape(NUMBERS.shape), NUMBERS)
    assert found["z"].item() == -5e-5


def test_what_holds_no_such_numbers_is_refused(tmp_path):
    file = tmp_path / "a.mat"
    savemat(file, {"geometry": {"a": 1}})
    with pytest.raises(InputError, match="is a struct, and not an array of numbers"):
        variables(file, ("geometry",))
    with pytest.raises(InputError, match="none of the variables images"):
        variables(file, ("images",))
    with pytest.raises(InputError, match="does not exist"):
        variables(tmp_path / "b.mat", ("images",))


def test_damaged_files_are_refused(tmp_path):
    file = tmp_path / "a.mat"
    savemat(file, {"images": np.random.default_rng(0).random((40, 40))})
    whole = file.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not a MAT file at all", b""):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match="could not be read"):
            variables(file, ("images",))
