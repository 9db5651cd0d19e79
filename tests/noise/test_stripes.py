import pytest
from scipy import ndimage

from pellucid.noise.stripes import stripes


@pytest.mark.parametrize("shape", [(1, 128, 160), (3, 96, 80)])
@pytest.mark.parametrize("size", [0.3, 1.0])
def test_stripes_are_found_in_rows_and_not_in_columns(size, shape, numpy_rng):
    h = numpy_rng.normal(size=shape) + size * numpy_rng.normal(size=(*shape[:2], 1))
    assert stripes(h) == pytest.approx(size, rel=0.25)
    assert stripes(h.swapaxes(1, 2)) == 0


def test_white_noise_has_none(numpy_rng):
    assert all(stripes(numpy_rng.normal(size=(1, 64, 64))) == 0 for _ in range(50))


def test_texture_and_a_few_long_edges_are_no_stripes(numpy_rng):
    """Blobs much stronger than the noise, and steps as wide as the image."""
    texture = ndimage.gaussian_filter(numpy_rng.normal(size=(1, 256, 256)), (0, 2, 2), mode="wrap")
    h = numpy_rng.normal(size=texture.shape) + 5 * texture / texture.std()
    h[:, 60:100] += 8
    h[:, 150:] -= 8
    assert stripes(h) == 0
    striped = h + 0.8 * numpy_rng.normal(size=(1, 256, 1))
    assert stripes(striped) == pytest.approx(0.8, rel=0.3)


def test_noise_that_runs_for_a_few_pixels_is_no_stripe(numpy_rng):
    noise = ndimage.gaussian_filter1d(numpy_rng.normal(size=(1, 256, 256)), 3, axis=2, mode="wrap")
    assert stripes(noise / noise.std()) == 0
