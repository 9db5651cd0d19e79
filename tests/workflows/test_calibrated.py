import numpy as np
import pytest
import tifffile
import torch

from pellucid.data.image import Image
from pellucid.errors import InputError
from pellucid.noise import diagnose, photon_transfer_pairs
from pellucid.workflows.calibrated import calibrated
from pellucid.workflows.options import Options

from .conftest import blobs, recorded


def told(calibration, frame, channel=0, method="pn2v"):
    y = torch.from_numpy(frame.data)[None, None]
    transfer = diagnose(frame.data.astype(np.float64)).transfer
    return calibrated(Options(method=method, calibration=calibration), channel, y, transfer)


def assert_gain(pairs):
    transfer = photon_transfer_pairs(*(part.double().numpy() for part in pairs))
    assert transfer.gain == pytest.approx(2, rel=0.15)


def test_without_a_calibration_there_are_no_pairs(frame):
    assert told(None, frame) is None
    assert told(None, frame, method="auto") is None


def test_frames_of_a_scene_at_rest_of_another_size(frame):
    movie = np.stack([recorded(blobs(96, seed=7), seed) for seed in range(6)])
    assert_gain(told(Image(data=movie, axes="TYX"), frame))


def test_a_file_whose_planes_have_no_name(frame, tmp_path):
    movie = np.stack([recorded(blobs(96, seed=7), seed) for seed in range(6)])
    tifffile.imwrite(tmp_path / "movie.tif", movie, photometric="minisblack", metadata=None)
    assert_gain(told(tmp_path / "movie.tif", frame))


def test_each_channel_has_its_own_or_all_share_one(frame):
    movie = np.stack([recorded(blobs(96, seed=7), seed) for seed in range(6)])
    both = Image(data=np.stack([5 * movie, movie], 1), axes="TCYX")
    assert_gain(told(both, frame, channel=1))
    with pytest.raises(InputError, match="lie outside"):
        told(both, frame, channel=0)
    with pytest.raises(InputError, match="has 2 channels, fewer than the images that it calibrates"):
        told(both, frame, channel=2)
    assert_gain(told(Image(data=movie, axes="TYX"), frame, channel=3))


@pytest.mark.parametrize("method", ["auto", "noise2void"])
def test_methods_that_learn_no_noise_model_say_so(method, frame):
    with pytest.raises(InputError, match=f"{method} learns no noise model .* that does: divnoising, pn2v"):
        told(frame, frame, method=method)
