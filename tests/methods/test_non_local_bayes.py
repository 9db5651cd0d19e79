import pytest
import torch
import torch.nn.functional as F

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods import build
from pellucid.noise import Gaussian
from pellucid.operators import Identity


def made(data):
    return build("non_local_bayes", data, rng=torch.Generator())


def test_independent_noise_has_no_correlation_and_a_light_guide(scene):
    model = made(scene.record(1)).model
    assert model.correlation.count_nonzero() == 1
    assert float(model.guide.strength) == pytest.approx(0.4 * 0.5)


def test_correlated_noise_is_read_and_removed(scene, rng):
    """What a white prior leaves in the image, the measured covariance takes out."""
    blur = torch.tensor([1.0, 2.0, 1.0])
    kernel = blur[:, None] * blur
    kernel = (kernel / kernel.square().sum().sqrt())[None, None]
    x = F.interpolate(scene.x[:1], scale_factor=3, mode="bilinear")
    noise = F.conv2d(torch.randn(1, 1, 194, 194, generator=rng), kernel)
    data = Measurement(y=x + 0.5 * noise, operator=Identity(), noise=Gaussian(0.5))
    method = made(data)
    assert float(method.model.correlation[3, 4]) == pytest.approx(2 / 3, abs=0.15)
    error = (method.restorer(data) - x).square().mean()
    method.model.correlation.zero_()[3, 3] = 1.0
    assert error < 0.7 * (method.restorer(data) - x).square().mean()
    assert error < 0.25 * 0.25


def test_a_blank_image_makes_the_method_that_a_model_is_loaded_into(scene):
    known = made(scene.record(1)).model
    blank = made(Measurement(y=torch.zeros(1, 1, 64, 64), operator=Identity(), noise=scene.noise)).model
    blank.load_state_dict(known.state_dict())
    assert torch.equal(blank(scene.record(2)), known(scene.record(2)))


def test_noise_of_unknown_strength_is_refused(scene):
    with pytest.raises(InputError, match="needs to know how strong the noise is"):
        made(Measurement(y=scene.x, operator=Identity()))
