import numpy as np
import pytest
from scipy import ndimage

from pellucid.errors import InputError
from pellucid.noise import Autocorrelation, diagnose, photon_transfer_repeats
from pellucid.trust.resolution import one_shot, two_shots


@pytest.fixture
def scene(numpy_rng):
    spots = ndimage.gaussian_filter((numpy_rng.random((2, 192, 192)) < 0.003).astype(float), (0, 2, 2))
    x = 50 + 400 * spots / spots.max()
    return x, [2.0 * numpy_rng.poisson(x / 2) for _ in range(2)]


def test_one_recording_tells_about_what_two_tell(scene):
    x, shots = scene
    two = two_shots(x, *shots)
    assert 2 <= two["frc_pixels"] <= two["frc_pixels_noisy"]
    white = Autocorrelation(map=np.eye(1), lag1_y=0.0, lag1_x=0.0, total=1.0)
    one = one_shot(shots[0], transfer=photon_transfer_repeats(*shots), correlation=white)
    assert one == pytest.approx(two["frc_pixels_noisy"], rel=0.2)


def test_a_restored_image_is_refused_with_the_reason(scene):
    _, (first, _) = scene
    with pytest.raises(InputError, match="halves would share what the method made"):
        one_shot(first, transfer=None, correlation=None, provenance={"method": ["noise2void"]})
    filtered = ndimage.gaussian_filter(np.random.default_rng(0).normal(100, 5, (1, 192, 192)), (0, 1, 1))
    seen = diagnose(filtered)
    with pytest.raises(InputError, match="correlated between pixels"):
        one_shot(filtered, transfer=seen.transfer, correlation=seen.correlation)
