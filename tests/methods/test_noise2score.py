from dataclasses import replace

import pytest
import torch

from pellucid.errors import InputError
from pellucid.noise import Gaussian


def test_the_image_is_tweedies_formula_of_the_learned_score(trained, scene):
    """Nothing is hidden from it: there is no prior."""
    given = scene.record(1)
    method = trained("noise2score", given, 150)
    assert method.prior is None
    with torch.no_grad():
        image = method.restorer(given)
        torch.testing.assert_close(image, given.y + 0.25 * method.model.score(given))
    assert scene.error(image) < 0.3 * scene.error(given.y)


def test_blind_it_finds_the_strength_of_the_noise(trained, scene):
    """The noise model says a standard deviation of 0.35, but it is 0.5."""
    misled = replace(scene.record(1), noise=Gaussian(0.35))
    method = trained("noise2score", misled, 150, level="blind")
    assert float(method.model.level.detach()) ** 0.5 * 0.35 == pytest.approx(0.5, rel=0.15)
    with torch.no_grad():
        assert scene.error(method.restorer(misled)) < 0.5 * scene.error(misled.y)


def test_the_score_needs_the_noise(trained, scene):
    with pytest.raises(InputError, match="where the noise is known"):
        trained("noise2score", replace(scene.record(1), noise=None), 1)
