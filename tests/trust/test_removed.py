import json

import numpy as np
import pytest
from scipy import ndimage

from pellucid.noise import photon_transfer
from pellucid.trust.removed import removed

SIGMA = 5.0


@pytest.fixture
def scene(numpy_rng):
    x = 100 + 60 * np.sin(np.arange(192) / 15) * np.ones((1, 192, 1))
    return x, numpy_rng.normal(x, SIGMA)


def test_the_truth_leaves_white_noise(scene):
    x, y = scene
    found = removed(y, x, photon_transfer(y))
    assert max(abs(found.lag1_y), abs(found.lag1_x), abs(found.with_output)) < 0.03
    assert found.variance_ratio == pytest.approx(1, abs=0.05)
    assert len(found.by_intensity.mean) == 10
    assert np.all(np.abs(found.by_intensity.mean) < 4 * found.by_intensity.mean_se)


def test_a_posterior_mean_varies_with_its_residual_by_the_weight_of_the_seen_pixel(scene, numpy_rng):
    """x ~ N(mu, v): Σ r (x_hat − mean) / Σ s² is v / (v + s²)."""
    _, y = scene
    v = 10.0
    x = numpy_rng.normal(100, v**0.5, y.shape)
    y = numpy_rng.normal(x, SIGMA)
    share = v / (v + SIGMA**2)
    known = photon_transfer(numpy_rng.normal(100, SIGMA, y.shape))
    found = removed(y, 100 + share * (y - 100), known)
    assert found.used == pytest.approx(share, rel=0.1)
    assert found.variance_ratio == pytest.approx(1 - share, rel=0.1)


def test_lost_detail_shows_in_every_number(scene):
    x, y = scene
    found = removed(y, ndimage.gaussian_filter(x, (0, 9, 9)), photon_transfer(y))
    assert found.lag1_y > 0.3
    assert found.variance_ratio > 1.5
    assert found.with_output > 0.1
    assert any(f"{found.used:.0%}" in text for text in found.sentences)
    facts = json.loads(json.dumps(found.as_dict()))
    assert facts["residual_by_intensity"][0]["intensity"] < facts["residual_by_intensity"][-1]["intensity"]


def test_a_constant_image_has_numbers(numpy_rng):
    y = numpy_rng.normal(100, SIGMA, (1, 64, 64))
    assert removed(y, np.full_like(y, 100.0), photon_transfer(y)).with_output == 0
