import copy
import importlib.util
import math

import pytest
import torch

from pellucid._math.fft import fft
from pellucid.errors import InputError
from pellucid.operators.nufft import NonUniformFourier, _DevicePlan
from pellucid.testing import assert_adjoint

SPACES = [(7,), (8, 5), (4, 5, 6)]


def points_in(space, rng, rows=1, count=30):
    return 2 * math.pi * (torch.rand(rows, len(space), count, generator=rng, dtype=torch.float64) - 0.5)


def grid(space):
    """Return the frequencies of the centred discrete transform, shape (1, dims, count)."""
    axes = [2 * math.pi / n * (torch.arange(n, dtype=torch.float64) - n // 2) for n in space]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)[None]


def direct(x, points):
    """Return the sum that defines the transform."""
    space = x.shape[2:]
    pixels = torch.stack(torch.meshgrid(*(torch.arange(n) - n // 2 for n in space), indexing="ij")).flatten(1)
    phase = torch.einsum("bdj,dn->bjn", points, pixels.to(points.dtype)).expand(x.shape[0], -1, -1)
    return torch.einsum("bcn,bjn->bcj", x.flatten(2), torch.exp(-1j * phase)) / math.sqrt(pixels.shape[1])


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("rows", [1, 2])
def test_it_keeps_the_contract_and_is_the_direct_sum(space, rows, rng):
    operator = NonUniformFourier(points_in(space, rng, rows), space=space, eps=1e-12)
    assert_adjoint(operator, (2, 3, *space), rng)
    x = torch.randn(2, 3, *space, dtype=torch.complex128, generator=rng)
    torch.testing.assert_close(operator(x), direct(x, operator.points), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("space", SPACES)
def test_on_the_grid_it_is_the_centred_orthonormal_transform(space, rng):
    x = torch.randn(1, 2, *space, dtype=torch.complex128, generator=rng)
    y = NonUniformFourier(grid(space), space=space, eps=1e-12)(x)
    torch.testing.assert_close(y, fft(x, len(space)).flatten(2), rtol=1e-10, atol=1e-10)


def test_single_precision_reaches_what_it_promises(rng):
    space = (64, 64)
    operator = NonUniformFourier(points_in(space, rng, count=2000), space=space)
    x = torch.randn(1, 1, *space, dtype=torch.complex128, generator=rng)
    error = torch.linalg.vector_norm(operator(x.to(torch.complex64)) - operator(x))
    assert error < 4e-5 * torch.linalg.vector_norm(operator(x))


def test_it_can_be_differentiated_twice(rng):
    operator = NonUniformFourier(points_in((4, 5), rng, count=6), space=(4, 5), eps=1e-12)
    x = torch.randn(1, 1, 4, 5, dtype=torch.complex128, generator=rng, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: operator.normal(x * x.conj()), x, fast_mode=True)


def test_plans_are_made_once_and_anew_for_other_points(rng):
    operator = NonUniformFourier(points_in((8, 8), rng), space=(8, 8))
    x = torch.randn(1, 2, 8, 8, dtype=torch.complex64, generator=rng)
    operator.normal(x)
    (plan,) = operator._plans.values()
    operator.normal(x)
    assert list(operator._plans.values()) == [plan]
    other = NonUniformFourier(points_in((8, 8), rng), space=(8, 8))
    operator.load_state_dict(other.state_dict())
    assert torch.equal(operator(x), other(x))
    assert torch.equal(copy.deepcopy(operator)(x), other(x))


def test_a_real_image_has_a_real_gradient(rng):
    operator = NonUniformFourier(points_in((6, 6), rng), space=(6, 6))
    x = torch.rand(1, 1, 6, 6, generator=rng, requires_grad=True)
    operator(x).abs().square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * operator.normal(x.detach()).real, rtol=1e-4, atol=1e-4)


def test_its_density_makes_an_image_of_the_back_projection():
    space = (9, 8)
    operator = NonUniformFourier(grid(space), space=space, density=torch.full((1, 72), 0.5))
    x = torch.randn(1, 1, *space, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(operator.backproject(operator(x)), 0.5 * x, rtol=1e-4, atol=1e-4)


def test_what_does_not_fit_is_refused(rng):
    points = points_in((8, 8), rng, rows=2)
    with pytest.raises(InputError, match=r"shape \(1 or batch, 3, count\)"):
        NonUniformFourier(points, space=(8, 8, 8))
    with pytest.raises(InputError, match="must be finite"):
        NonUniformFourier(points * math.nan, space=(8, 8))
    with pytest.raises(InputError, match="one weight for each point"):
        NonUniformFourier(points, space=(8, 8), density=torch.ones(1, 3))
    operator = NonUniformFourier(points, space=(8, 8))
    with pytest.raises(InputError, match=r"image needs the shape \(2, channel, 8, 8\)"):
        operator(torch.ones(2, 1, 8, 9, dtype=torch.complex64))
    with pytest.raises(InputError, match=r"measurement needs the shape \(2, channel, 30\)"):
        operator.adjoint(torch.ones(3, 1, 30, dtype=torch.complex64))


@pytest.mark.skipif(importlib.util.find_spec("cufinufft") is not None, reason="cufinufft is installed")
def test_a_device_without_its_library_is_refused():
    with pytest.raises(InputError, match="needs cufinufft"):
        _DevicePlan(torch.zeros(2, 3), (4, 4), 1, 1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_device_computes_the_same(rng):
    pytest.importorskip("cufinufft")
    operator = NonUniformFourier(points_in((16, 12), rng), space=(16, 12))
    x = torch.randn(2, 3, 16, 12, dtype=torch.complex64, generator=rng)
    expected = operator.normal(x)
    found = operator.to("cuda").normal(x.to("cuda")).cpu()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
