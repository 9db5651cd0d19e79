import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.networks import UNet
from pellucid.operators import Identity, LinearOperator, Sampling
from pellucid.restorers import RED, Enhancer, NonLocalMeans, PlugAndPlay, Regularised, Restorer
from pellucid.restorers.plug_and_play import denoised


class Spectrum(LinearOperator):
    def forward(self, x):
        return torch.fft.fft2(x, norm="ortho")


def smooth(x):
    """Return a circular mean: symmetric, with eigenvalues between zero and one."""
    return sum(
        c * x.roll((i, j), (-2, -1)) for c, i, j in ((0.6, 0, 0), (0.1, 1, 0), (0.1, -1, 0), (0.1, 0, 1), (0.1, 0, -1))
    )


LINEAR = Regularised(lambda given, _: smooth(given.y), 1.0)


@pytest.fixture(params=["real", "complex"])
def measured(request, rng):
    """Return a measurement in odd units, with some entries missing."""
    keep = torch.rand(1, 1, 6, 5, generator=rng, dtype=torch.float64)
    if request.param == "real":
        y = 1e-9 * torch.randn(2, 1, 6, 5, generator=rng, dtype=torch.float64)
        return Measurement(y=y, operator=Sampling(1e3 * keep))
    y = 1e7 * torch.randn(2, 1, 6, 5, generator=rng, dtype=torch.complex128)
    return Measurement(y=y, operator=Sampling(keep > 0.3) @ Spectrum())


def matrix(function, dtype):
    """Return a linear map of one 6 x 5 image as a matrix."""
    basis = torch.eye(30, dtype=dtype).view(30, 1, 6, 5)
    return function(basis).reshape(30, 30).mT


def test_plug_and_play_with_a_linear_denoiser_reaches_the_minimiser(measured):
    """½‖y − Hx‖² + ρ/2 xᵀ(D⁻¹ − 1)x has the minimiser (H*H + ρ(D⁻¹ − 1))⁻¹ H*y."""
    x = PlugAndPlay(LINEAR, 0.2, iterations=3000, tolerance=1e-12)(measured)
    assert torch.allclose(x, expected(measured, lambda d: torch.linalg.inv(d) - torch.eye(30)), rtol=1e-5)


def test_red_with_a_linear_denoiser_reaches_the_minimiser(measured):
    """½‖y − Hx‖² + λ/2 xᵀ(1 − D)x has the minimiser (H*H + λ(1 − D))⁻¹ H*y."""
    x = RED(LINEAR, 0.2, iterations=3000, tolerance=1e-12)(measured)
    assert torch.allclose(x, expected(measured, lambda d: torch.eye(30) - d), rtol=1e-5)


def expected(measured, penalty):
    dtype = torch.promote_types(measured.y.dtype, torch.complex128)
    normal, d = matrix(measured.operator[0].normal, dtype), matrix(smooth, dtype)
    norm = torch.linalg.matrix_norm(normal, 2)
    back = measured.operator.adjoint(measured.y).to(dtype).reshape(2, 30, 1)
    x = torch.linalg.solve(normal + 0.2 * norm * penalty(d), back).view(measured.y.shape)
    return x if measured.y.is_complex() else x.real


def test_damping_makes_a_reflection_converge(rng):
    """D = −1 is not expansive but not averaged: half of it is zero, whose fixed point is zero."""
    flip = Regularised(lambda given, _: -given.y, 1.0)
    y = torch.randn(1, 1, 4, 4, generator=rng)
    x = PlugAndPlay(flip, 1.0, damping=0.5, iterations=500, tolerance=1e-7)(Measurement(y=y, operator=Identity()))
    assert float(x.abs().max()) < 1e-4


@pytest.mark.parametrize("space", [(13, 10), (16, 16)])
def test_a_network_that_pools_denoises_any_size_of_complex_images(space, rng):
    network = Enhancer(UNet((1, 1), dims=2, features=4, depth=2))
    v = torch.randn(2, 3, *space, dtype=torch.complex64, generator=rng)
    with torch.no_grad():
        image = denoised(network, v)
        assert image.shape == v.shape
        assert image.dtype == v.dtype
        alone = denoised(network, v.imag[1:, 2:])
    assert torch.allclose(image.imag[1:, 2:], alone, atol=1e-5)


@pytest.mark.parametrize("iteration", [PlugAndPlay, RED])
def test_a_denoiser_sees_the_units_of_the_image(iteration, rng):
    seen = []

    class Watching(Restorer):
        def forward(self, given, rng=None):
            seen.append(float(given.y.abs().max()))
            return given.y

    y = torch.rand(1, 1, 8, 8, generator=rng)
    iteration(Watching(), 1.0, iterations=3)(Measurement(y=1e6 * y, operator=Sampling(torch.full((1, 1, 8, 8), 1e3))))
    assert seen == pytest.approx([1e3 * float(y.max())] * len(seen), rel=1e-3)


@pytest.mark.parametrize("iteration", [PlugAndPlay, RED])
def test_a_strength_is_positive(iteration):
    with pytest.raises(InputError, match="above zero; 0 is not"):
        iteration(LINEAR, 0)


def test_non_local_means_remove_noise_in_any_unit(phantom_2d, rng):
    y = phantom_2d + 0.1 * torch.randn(phantom_2d.shape, generator=rng)
    image, tiny = (NonLocalMeans(0.1 * s)(Measurement(y=s * y, operator=Identity())) / s for s in (1.0, 1e-12))
    assert float((image - phantom_2d).square().mean()) < 0.3 * float((y - phantom_2d).square().mean())
    assert torch.allclose(image, tiny, atol=1e-4)
