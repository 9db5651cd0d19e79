import numpy as np
import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators import Identity
from pellucid.workflows import scan as scans
from pellucid.workflows.clean import clean_images
from pellucid.workflows.request import Request

from .scans import recorded, toy


def asked(folder):
    return Request(modality="toy", method="ot_cyclegan", clean=folder)


def example(*space):
    return Measurement(y=torch.zeros(1, 1, *space), operator=Identity())


def test_planes_and_series_of_any_type_become_images(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(30, dtype=np.uint8).reshape(5, 6))
    np.save(tmp_path / "b.npy", np.ones((4, 4), np.complex64))
    (tmp_path / "c.txt").write_text("no image")
    clean = clean_images(asked(tmp_path), example(8, 8))
    assert [file.name for file in clean.files] == ["a.npy"]
    assert clean.images[0].shape == (1, 1, 5, 6)
    assert clean.images[0].dtype == torch.float32
    assert clean.images[0].max() == 29
    assert len(clean.left_out) == 1
    assert clean.left_out[0].startswith("b.npy was left out of the clean images")


def test_stacks_are_read_as_the_recordings_are(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(90, dtype=np.uint16).reshape(3, 5, 6))
    assert clean_images(asked(tmp_path), example(4, 8, 8)).images[0].shape == (1, 1, 3, 5, 6)


def test_scanners_have_images_too_and_full_scans(tmp_path, monkeypatch):
    monkeypatch.setattr(scans, "modality", lambda name: lambda path: toy(path, every=1))
    recorded(tmp_path / "full.npy", slices=2)
    np.save(tmp_path / "image.npy", np.eye(32, dtype=np.float32))
    clean = clean_images(asked(tmp_path), toy(tmp_path / "full.npy").measurement)
    assert [image.shape for image in clean.images] == [(2, 1, 32, 32), (1, 1, 32, 32)]
    assert all(image.is_complex() for image in clean.images)


def test_damaged_and_pickled_files_are_left_out_of_full_scans(tmp_path):
    (tmp_path / "damaged.npy").write_bytes(b"\x93NUMPY\x01\x00nothing more")
    np.save(tmp_path / "image.npy", np.eye(32, dtype=np.float32))
    np.save(tmp_path / "objects.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    scan = Measurement(y=torch.zeros(1, 1, 32, 32, dtype=torch.complex64), operator=Identity())
    clean = clean_images(Request(modality="mri", method="kspace_ot_cyclegan", clean=tmp_path), scan)
    assert [file.name for file in clean.files] == ["image.npy"]
    assert [text.split(" was left out")[0] for text in clean.left_out] == ["damaged.npy", "objects.npy"]


def test_a_scan_that_left_samples_out_is_not_clean(tmp_path, monkeypatch):
    monkeypatch.setattr(scans, "modality", lambda name: toy)
    path = recorded(tmp_path / "half.npy")
    with pytest.raises(InputError, match="of its samples were measured, and a clean scan has all of them"):
        clean_images(asked(path), toy(path).measurement)


@pytest.mark.parametrize(("value", "sentence"), [(np.nan, "NaN or infinity"), (np.inf, "NaN"), (0, "the same every")])
def test_an_image_that_tells_nothing_is_left_out_and_named(value, sentence, tmp_path):
    np.save(tmp_path / "good.npy", np.eye(8, dtype=np.float32))
    np.save(tmp_path / "spoilt.npy", value * np.ones((8, 8), np.float32))
    clean = clean_images(asked(tmp_path), example(8, 8))
    assert [file.name for file in clean.files] == ["good.npy"]
    assert clean.left_out[0].startswith("spoilt.npy was left out")
    assert sentence in clean.left_out[0]


def test_a_recording_is_no_clean_image_of_another_object(tmp_path):
    for name in ("ours.npy", "other.npy"):
        np.save(tmp_path / name, np.eye(8, dtype=np.float32))
    ours = tmp_path / "sub" / ".." / "ours.npy"
    (tmp_path / "sub").mkdir()
    clean = clean_images(asked(tmp_path), example(8, 8), [ours])
    assert [file.name for file in clean.files] == ["other.npy"]
    with pytest.raises(InputError, match=r"ours.npy was left out .* it is to be reconstructed itself"):
        clean_images(asked(ours), example(8, 8), [ours])


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no scan"):
        clean_images(asked(tmp_path), example(8, 8))
    np.save(tmp_path / "a.npy", np.zeros((3, 5, 6, 7), np.uint16))
    with pytest.raises(InputError, match="holds no clean image; a"):
        clean_images(asked(tmp_path), example(8, 8))
