import h5py
import numpy as np
import pytest

from pellucid.data.io import ismrmrd
from pellucid.errors import InputError

STEPS = ["kspace_encode_step_1", "kspace_encode_step_2", "average", "slice", "contrast", "phase", "repetition", "set"]
INDEX = np.dtype([(name, "<u2") for name in STEPS])
COUNTS = ["number_of_samples", "active_channels", "discard_pre", "discard_post", "center_sample"]
HEAD = np.dtype([("flags", "<u8"), *((name, "<u2") for name in COUNTS), ("idx", INDEX)])
RECORD = np.dtype([("head", HEAD), ("data", h5py.vlen_dtype("f4"))])


@pytest.fixture
def data(numpy_rng):
    """Return two slices of three coils, 12 lines of 16 samples of which lines 2 to 10 are measured."""
    data = numpy_rng.normal(size=(2, 3, 12, 16, 2)).astype(np.float32).view(np.complex64)[..., 0]
    data[:, :, :2] = data[:, :, 11:] = 0
    return data


def record(samples, flags=0, centre=8, **index):
    """Return one echo, shape (coil, sample)."""
    head = np.zeros((), HEAD)
    head["flags"], head["active_channels"], head["number_of_samples"] = flags, *samples.shape
    head["center_sample"] = centre
    for key, value in index.items():
        head["idx" if key in STEPS else key][key if key in STEPS else ...] = value
    return head, np.ascontiguousarray(samples).view(np.float32).ravel()


def echoes(data):
    """Return all measured echoes; step 4 is the centre, which lies at line 6 of 12."""
    lines = [(s, line) for s in range(len(data)) for line in range(2, 11)]
    return [record(data[s, :, line], slice=s, kspace_encode_step_1=line - 2) for s, line in lines]


def save(path, records, xml):
    with h5py.File(path, "w") as file:
        stored = np.zeros(len(records), RECORD)
        for k, (head, values) in enumerate(records):
            stored["head"][k], stored["data"][k] = head, values
        file["dataset/data"] = stored
        file["dataset/xml"] = [xml]
    return path


def test_echoes_in_any_order_go_to_their_place(tmp_path, data, make_header, numpy_rng):
    records = echoes(data)
    shuffled = [records[k] for k in numpy_rng.permutation(len(records))]
    scan = ismrmrd.read(save(tmp_path / "a.h5", shuffled, make_header()))
    assert np.array_equal(scan.data, data)
    assert np.array_equal(scan.sampled, (data != 0).any(1))
    assert (scan.matrix, scan.voxel_mm, scan.padding, scan.readout) == ((12, 8), (4, 20, 20), (2, 1), -1)
    assert scan.noise is None
    assert scan.calibration is None


def test_repetitions_are_averaged(tmp_path, data, make_header):
    records = [*echoes(data), record(3 * data[0, :, 5], average=1, kspace_encode_step_1=3)]
    scan = ismrmrd.read(save(tmp_path / "a.h5", records, make_header()))
    assert np.allclose(scan.data[0, :, 5], 2 * data[0, :, 5])
    assert np.array_equal(scan.data[1], data[1])


def test_asymmetric_echoes_are_centred_and_trimmed(tmp_path, data, make_header):
    records = [record(data[0, :, 6, 5:], centre=3, discard_pre=2, discard_post=1, kspace_encode_step_1=4)]
    scan = ismrmrd.read(save(tmp_path / "a.h5", records, make_header()))
    assert np.flatnonzero(scan.sampled[0, 6]).tolist() == list(range(7, 15))
    assert np.array_equal(scan.data[0, :, 6, 7:15], data[0, :, 6, 7:15])


def test_noise_and_calibration_stand_beside(tmp_path, data, make_header):
    noise = [record(data[1, :, 3, :5], ismrmrd.NOISE, number_of_samples=5), record(data[1, :, 4], ismrmrd.NOISE)]
    separate = [record(data[0, :, 6], ismrmrd.CALIBRATION, kspace_encode_step_1=4)]
    both = [record(data[0, :, 7], ismrmrd.CALIBRATION_TOO, kspace_encode_step_1=5)]
    navigator = [record(data[0, :, 8], 1 << 22, kspace_encode_step_1=6)]
    scan = ismrmrd.read(save(tmp_path / "a.h5", noise + separate + both + navigator, make_header()))
    assert np.flatnonzero(scan.sampled[0].any(1)).tolist() == [7]
    assert np.array_equal(scan.noise, np.concatenate([data[1, :, 3, :5], data[1, :, 4]], 1))
    assert np.array_equal(scan.calibration[0, :, 6], data[0, :, 6])
    assert not scan.calibration[0, :, 7].any()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"contrast": 1}, "several values of contrast"),
        ({"kspace_encode_step_2": 1}, "several values of kspace_encode_step_2"),
        ({"flags": ismrmrd.REVERSED}, "read-outs in reverse"),
        ({"kspace_encode_step_1": 60}, "outside the matrix of 12 x 16"),
        ({"centre": 15}, "outside the matrix"),
        ({"number_of_samples": 7}, "not 2 x 3 x 7: it is damaged"),
        ({"active_channels": 2}, "different numbers of coils"),
    ],
)
def test_what_is_not_cartesian_slices_is_refused(tmp_path, data, make_header, change, sentence):
    path = save(tmp_path / "a.h5", [*echoes(data), record(data[0, :, 5], **change)], make_header())
    with pytest.raises(InputError, match=sentence):
        ismrmrd.read(path)


def test_other_trajectories_and_empty_files_are_refused(tmp_path, data, make_header):
    with pytest.raises(InputError, match="radial trajectory"):
        ismrmrd.read(save(tmp_path / "a.h5", echoes(data), make_header(trajectory="radial")))
    with pytest.raises(InputError, match="no echo that belongs to an image"):
        ismrmrd.read(save(tmp_path / "a.h5", [record(data[0, :, 5], ismrmrd.NOISE)], make_header()))
    with pytest.raises(InputError, match="no acquisitions"):
        ismrmrd.read(save(tmp_path / "a.h5", [], make_header()))


@pytest.mark.real
def test_the_real_file_holds_the_phantom(data_root):
    scan = ismrmrd.read(data_root / "formats_mri" / "phantom8ch_ismrmrd.h5")
    with h5py.File(data_root / "mri_ksp_phantom8ch" / "phantom8ch.h5") as file:
        assert np.array_equal(scan.data[0], file["ycart"][()])
    assert scan.matrix == (64, 64)
