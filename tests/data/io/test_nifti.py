import contextlib
import gzip

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.data.image import Image
from pellucid.data.io import check, create, output_path, read, write
from pellucid.errors import InputError

SUFFIXES = [".nii", ".nii.gz"]


def save(path, numbers, *, zooms=None, units=("mm", "sec"), slope=None, order="<", version=1):
    kind = nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image
    header = kind.header_class(endianness=order)
    header.set_data_dtype(numbers.dtype)
    header.set_data_shape(numbers.shape)
    header.set_xyzt_units(*units)
    header.set_zooms(zooms or [1.0] * numbers.ndim)
    made = kind(numbers, None, header)
    if slope is not None:
        made.header.set_slope_inter(*slope)
    made.to_filename(path)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("axes", ["YX", "ZYX", "TZYX", "TYX", "CZYX", "CTZYX"])
def test_what_is_written_is_read(tmp_path, make_image, suffix, axes, dtype):
    image = make_image(axes, dtype)
    path = write(tmp_path / f"a{suffix}", image, provenance={"method": "noise2void"})
    back = read(path)
    names = {"TYX": "TZYX", "CZYX": "CTZYX"}.get(axes, axes)
    assert (back.axes, back.dtype, back.format) == (names, dtype, "nifti")
    assert np.array_equal(back.data.reshape(image.shape), image.data)
    for axis in image.scale:
        assert back.scale[axis] == pytest.approx(image.scale[axis] * (1 if axis == "T" else 1e-3))
        assert back.units[axis] == ("second" if axis == "T" else "millimeter")
    other = nibabel.load(path)
    assert np.array_equal(np.asarray(other.dataobj).T.reshape(image.shape), image.data)
    assert other.header["descrip"].item() == b"Pellucid, method=noise2void"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("version", [1, 2])
def test_files_of_others_are_read(tmp_path, suffix, order, version):
    numbers = np.arange(120, dtype=np.int16).reshape(2, 3, 4, 5)
    path = save(tmp_path / f"a{suffix}", numbers, zooms=(1, 2, 3, 0.5), order=order, version=version)
    image = read(path)
    assert (image.axes, image.shape, image.dtype) == ("TZYX", (5, 4, 3, 2), np.int16)
    assert image.dtype.isnative
    assert np.array_equal(image.data, numbers.T)
    assert image.scale == {"X": 1, "Y": 2, "Z": 3, "T": 0.5}
    assert image.units == {"X": "millimeter", "Y": "millimeter", "Z": "millimeter", "T": "second"}
    again = nibabel.load(write(tmp_path / f"b{suffix}", image))
    assert again.header.endianness == order
    assert np.array_equal(np.asarray(again.dataobj), numbers)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_stored_numbers_are_scaled(tmp_path, suffix):
    numbers = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    path = tmp_path / f"a{suffix}"
    made = nibabel.Nifti1Image(numbers * 0.5 - 3, np.eye(4))
    made.header.set_data_dtype(np.int16)
    made.to_filename(path)
    stored = nibabel.load(path)
    assert stored.dataobj.slope != 1
    image = read(path)
    assert image.dtype == np.float32
    assert np.allclose(image.data, np.asarray(stored.dataobj).T)


def test_units_that_are_not_told_are_millimetres(tmp_path):
    path = save(tmp_path / "a.nii", np.ones((2, 3, 4, 5), np.float32), zooms=(2, 2, 2, 1), units=(None, None))
    assert read(path).units == dict.fromkeys("ZYX", "millimeter")
    path = save(tmp_path / "b.nii", np.ones((2, 3, 4, 5), np.float32), zooms=(2, 2, 2, 9), units=("micron", "msec"))
    assert read(path).units == dict.fromkeys("ZYX", "micrometer") | {"T": "millisecond"}


def test_the_orientation_of_the_input_is_kept(tmp_path):
    affine = np.array([[0, -2, 0, 5], [2, 0, 0, 7], [0, 0, 3, 9], [0, 0, 0, 1.0]])
    nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), affine).to_filename(tmp_path / "a.nii")
    image = read(tmp_path / "a.nii")
    restored = image.with_data(np.asarray(image.data, np.float32) + 0.5)
    back = nibabel.load(write(tmp_path / "b.nii.gz", restored))
    assert np.allclose(back.affine, affine)
    assert back.header["sform_code"] > 0
    assert np.allclose(np.asarray(back.dataobj).T, restored.data)


def test_a_plain_file_stays_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("pellucid.data.io.reading.SMALL", 0)
    image = read(save(tmp_path / "a.nii", np.arange(24, dtype=np.int16).reshape(2, 3, 4)))
    assert not isinstance(image.data, np.ndarray)
    assert image.data[1, :, 0].tolist() == [4 * 0 + 1, 5, 9]


def test_blocks_are_written_in_any_order(tmp_path, make_image):
    image = make_image("TZYX", "float32")
    for suffix in SUFFIXES:
        with create(tmp_path / f"a{suffix}", image, image.shape, np.float32) as target:
            target[1:] = image.data[1:]
            target[0, :, :, :3] = image.data[0, :, :, :3]
            target[0, :, :, 3:] = image.data[0, :, :, 3:]
        assert np.array_equal(read(tmp_path / f"a{suffix}").data, image.data)


def test_the_result_of_a_nifti_is_a_nifti():
    assert output_path("a/brain.nii.gz").name == "brain_denoised.nii.gz"
    assert output_path("a/brain.nii").name == "brain_denoised.nii"


def test_what_nifti_cannot_hold_is_refused(tmp_path, make_image):
    with pytest.raises(InputError, match="cannot hold float16"):
        write(tmp_path / "a.nii", make_image("ZYX", "float16"))
    with pytest.raises(InputError, match="in this order, not TCYX"):
        write(tmp_path / "a.nii.gz", make_image("TCYX", "float32"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.97])
def test_a_truncated_file_is_refused(tmp_path, numpy_rng, suffix, keep):
    path = save(tmp_path / f"a{suffix}", numpy_rng.normal(size=(8, 9, 10)))
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(InputError, match=r"a\.nii"):
        read(path)


def test_what_is_no_nifti_is_refused(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"dear diary" * 100))
    with pytest.raises(InputError, match="is no NIfTI of one file"):
        read(tmp_path / "a.nii.gz")
    (tmp_path / "a.nii").write_bytes(bytes(400))
    with pytest.raises(InputError, match=r"is named \.nii"):
        read(tmp_path / "a.nii")
    colours = np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.Nifti1Image(colours, np.eye(4)).to_filename(tmp_path / "c.nii")
    with pytest.raises(InputError, match="two to five axes are expected"):
        read(tmp_path / "c.nii")


@pytest.mark.usefixtures("little_memory")
def test_a_bomb_is_refused_by_its_declared_size(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header.set_data_shape((2**13, 2**14))
    with gzip.open(tmp_path / "a.nii.gz", "wb") as file:
        file.write(header.binaryblock[:344] + b"n+1\0" + bytes(4))
        for _ in range(128):
            file.write(bytes(2**20))
    with pytest.raises(InputError, match="memory"):
        read(tmp_path / "a.nii.gz")


@settings(max_examples=80)
@given(
    shape=st.lists(st.integers(-(2**15), 2**15 - 1) | st.integers(0, 20), min_size=1, max_size=7),
    fields=st.dictionaries(
        st.sampled_from(["datatype", "bitpix", "vox_offset", "scl_slope", "xyzt_units", "sizeof_hdr"]),
        st.integers(-(2**7), 2**15 - 1),
    ),
    packed=st.booleans(),
)
def test_any_header_gives_an_image_or_a_sentence(tmp_path_factory, shape, fields, packed):
    header = nibabel.Nifti1Header()
    header["dim"][: len(shape) + 1] = [len(shape), *shape]
    header["datatype"], header["magic"] = 4, b"n+1"
    for name, value in fields.items():
        header[name] = value % 256 if name == "xyzt_units" else value
    content = header.binaryblock + bytes(500)
    path = tmp_path_factory.getbasetemp() / ("fuzz.nii.gz" if packed else "fuzz.nii")
    path.write_bytes(gzip.compress(content) if packed else content)
    with contextlib.suppress(InputError):
        image = read(path)
        assert isinstance(image, Image)
        assert image.data.nbytes <= 4000


REAL = {
    "formats_mri/someones_epi.nii.gz": ("ZYX", (33, 61, 53), "float32", {"X": 3.0}),
    "fmri_spinal/fmri.nii.gz": ("TZYX", (30, 6, 68, 68), "int16", {"X": 0.955882, "Z": 16.8, "T": 1.13}),
    "dmri_small/dipy_small_64D.nii": ("TZYX", (65, 10, 10, 10), "int16", {"X": 2.0}),
    "mri_anat/t2.nii.gz": ("ZYX", (52, 55, 60), "int16", {"X": 1.0}),
}


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_files_open_and_survive_being_written(data_root, tmp_path, name):
    image = read(data_root / name)
    axes, shape, dtype, scale = REAL[name]
    assert (image.axes, image.shape, str(image.dtype)) == (axes, shape, dtype)
    assert {axis: image.scale[axis] for axis in scale} == pytest.approx(scale, rel=1e-5)
    check(image)
    back = read(write(tmp_path / "a.nii.gz", image))
    assert np.array_equal(back.data, image.data)
    assert back.scale == pytest.approx(dict(image.scale))


def test_a_size_that_is_not_known_is_not_made_up(tmp_path):
    write(tmp_path / "plane.nii", Image(data=np.ones((4, 5), np.float32), axes="YX"))
    assert read(tmp_path / "plane.nii").scale == {}
