import errno
import resource

import numpy as np
import pytest

from pellucid.data.io import create, read, write, writing
from pellucid.errors import InputError

SUFFIXES = [".ome.tif", ".png", ".npy", ".npz", ".mrc", ".ome.zarr"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_overwritten_unless_asked_for(tmp_path, make_image, suffix):
    first, second = make_image("YX"), make_image("YX")
    path = write(tmp_path / f"a{suffix}", first)
    with pytest.raises(InputError, match="exists already"):
        write(path, second)
    assert np.array_equal(read(path).data, first.data)
    write(path, second, overwrite=True)
    assert np.array_equal(read(path).data, second.data)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_no_file_and_the_old_one_whole(tmp_path, make_image, suffix, failure):
    image = make_image("YX")
    path = write(tmp_path / f"a{suffix}", image)

    def stop_half_way():
        with create(path, image, image.shape, image.dtype, overwrite=True) as target:
            target[:2] = 1
            raise failure

    with pytest.raises(failure):
        stop_half_way()
    assert np.array_equal(read(path).data, image.data)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.fixture
def full_disk():
    """Let no file grow beyond 64 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_is_one_sentence_and_leaves_no_file(tmp_path, make_image, numpy_rng, suffix):
    image = make_image("YX").with_data(numpy_rng.integers(0, 65535, (400, 400)).astype(np.uint16))
    with pytest.raises(InputError, match=r"could not be written .*: make room, or choose another folder"):
        write(tmp_path / f"a{suffix}", image)
    assert not list(tmp_path.iterdir())


def test_other_errors_of_the_system_pass(tmp_path, make_image):
    image = make_image("YX")
    with pytest.raises(OSError, match="cable"), create(tmp_path / "a.tif", image, image.shape, "u2"):
        raise OSError(errno.EIO, "cable")
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_refused(tmp_path, make_image):
    image = make_image("YX")
    with pytest.raises(InputError, match="does not exist"):
        write(tmp_path / "missing" / "a.tif", image)
    with pytest.raises(InputError, match=r"choose one of the endings \.tif"):
        write(tmp_path / "a.jpg", image)
    for name in ("a.zarr", "a.tif"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("all of it")
        with pytest.raises(InputError, match="is a folder that is no Zarr image"):
            write(tmp_path / name, image, overwrite=True)
        assert (tmp_path / name / "thesis.txt").read_text() == "all of it"


def test_a_folder_that_may_not_be_written_is_one_sentence(tmp_path, make_image, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(writing.Path, "replace", refuse)
    with pytest.raises(InputError, match=r"a\.npy could not be written \(permission denied\)"):
        write(tmp_path / "a.npy", make_image("YX"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".ome.tif", ".npy", ".mrc", ".ome.zarr"])
def test_regions_never_assigned_are_zero_and_values_are_cast(tmp_path, make_image, suffix):
    image = make_image("ZYX")
    with create(tmp_path / f"a{suffix}", image, (2, 9, 7), "float32") as target:
        assert (target.shape, target.dtype) == ((2, 9, 7), np.float32)
        target[1, 2:5, 3] = np.array([1, 2, 3])
    back = read(tmp_path / f"a{suffix}", axes="ZYX")
    assert back.dtype == np.float32
    assert np.asarray(back.data)[1, 2:5, 3].tolist() == [1, 2, 3]
    assert np.asarray(back.data).sum() == 6


def test_a_shape_must_fit_the_axes(tmp_path, make_image):
    with pytest.raises(InputError, match="axes YX"), create(tmp_path / "a.tif", make_image("YX"), (3, 4, 5), "u1"):
        pass


def test_an_image_may_replace_the_file_it_is_read_from(tmp_path, make_image, monkeypatch):
    monkeypatch.setattr("pellucid.data.io.reading.SMALL", 0)
    image = make_image("ZYX")
    for suffix in (".tif", ".zarr", ".mrc", ".npy"):
        path = write(tmp_path / f"a{suffix}", image)
        write(path, read(path, axes="ZYX"), overwrite=True)
        assert np.array_equal(np.asarray(read(path, axes="ZYX").data), image.data)
