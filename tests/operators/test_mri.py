import math

import h5py
import numpy as np
import pytest
import torch

from pellucid.data.prepare.density import density_compensation
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import regular_lines
from pellucid.data.simulate.trajectories import radial
from pellucid.errors import InputError
from pellucid.operators.fourier import Fourier
from pellucid.operators.mri import CoilMaps, Sense
from pellucid.operators.nufft import NonUniformFourier
from pellucid.solvers import conjugate_gradient
from pellucid.testing import assert_adjoint


def random_maps(shape, rng):
    return torch.randn(shape, dtype=torch.complex128, generator=rng)


@pytest.mark.parametrize("space", [(6, 5), (7, 8), (4, 5, 6)])
@pytest.mark.parametrize("rows", [1, 2])
def test_sense_keeps_the_contract(space, rows, rng):
    maps = random_maps((rows, 3, *space), rng)
    assert_adjoint(Sense(maps), (2, 1, *space), rng)
    assert_adjoint(Sense(maps, torch.rand(3 - rows, 1, *space, generator=rng) > 0.5), (2, 1, *space), rng)
    assert_adjoint(Sense(maps, torch.rand(1, 3, *space[:-1], 1, generator=rng)), (2, 1, *space), rng)


@pytest.mark.parametrize("space", [(6, 5), (7, 8), (4, 5, 6)])
def test_sense_is_maps_then_the_centred_transform_then_the_mask(space, rng):
    maps, mask = random_maps((2, 3, *space), rng), torch.rand(1, 1, *space, generator=rng) > 0.5
    x = torch.randn(2, 1, *space, dtype=torch.complex128, generator=rng)
    chain = Fourier(len(space)).restrict(mask) @ CoilMaps(maps)
    torch.testing.assert_close(Sense(maps, mask)(x), chain(x))
    torch.testing.assert_close(Sense(maps, mask).coil_maps, maps)
    keep = torch.rand(2, 1, *space, generator=rng) > 0.5
    torch.testing.assert_close(Sense(maps, mask).restrict(keep)(x), chain(x) * keep)


def test_sense_can_be_differentiated_twice_and_keeps_its_precision_when_moved(rng):
    operator = Sense(random_maps((1, 2, 4, 5), rng), torch.rand(1, 1, 4, 5, generator=rng) > 0.5)
    x = torch.randn(1, 1, 4, 5, dtype=torch.complex128, generator=rng, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: operator.normal(x * x.conj()), x, fast_mode=True)
    expected = operator(x).detach()
    torch.testing.assert_close(operator.to(torch.float32)(x).detach(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("space", [(6, 5), (4, 5, 3)])
def test_non_cartesian_sense_keeps_the_contract(space, rng):
    points = 2 * math.pi * (torch.rand(2, len(space), 20, generator=rng) - 0.5)
    operator = NonUniformFourier(points, space=space, eps=1e-12) @ CoilMaps(random_maps((1, 3, *space), rng))
    assert_adjoint(operator, (2, 1, *space), rng)
    assert (operator.in_shape, operator.out_shape) == ((1, *space), (None, 20))


def test_spokes_with_their_density_give_the_image_back():
    space, axis = (32, 32), torch.arange(32) - 16
    image = torch.exp(-(axis[:, None] ** 2 + (axis - 3) ** 2) / 30).to(torch.complex64)[None, None]
    points = radial(60, 64)
    fourier = NonUniformFourier(points, space=space, density=density_compensation(points, space))
    operator = fourier @ CoilMaps(birdcage_coils(4, space))
    assert float((operator.backproject(operator(image)) - image).abs().max()) < 0.03


@pytest.mark.filterwarnings("ignore")
def test_sense_is_that_of_sigpy(rng):
    linop = pytest.importorskip("sigpy.mri.linop", reason="the oracle is sigpy")
    maps = random_maps((1, 4, 9, 12), rng)
    mask = torch.rand(1, 1, 9, 12, generator=rng) > 0.5
    x = torch.randn(1, 1, 9, 12, dtype=torch.complex128, generator=rng)
    oracle = linop.Sense(maps[0].numpy(), weights=mask[0, 0].numpy().astype(float))
    operator = Sense(maps, mask)
    np.testing.assert_allclose(operator(x)[0].numpy(), oracle(x[0, 0].numpy()), atol=1e-12)
    np.testing.assert_allclose(operator.normal(x)[0, 0].numpy(), oracle.N(x[0, 0].numpy()), atol=1e-12)


@pytest.mark.real
@pytest.mark.parametrize(("step", "most"), [(2, 0.02), (4, 0.08)])
def test_lines_left_out_of_a_scanned_phantom_are_not_missed(data_root, step, most):
    with h5py.File(data_root / "mri_ksp_phantom8ch" / "phantom8ch.h5") as file:
        y, maps = (torch.from_numpy(file[name][:])[None] for name in ("ycart", "smap"))
        inside = torch.from_numpy(file["mask_obj"][:]) > 0
    operators = Sense(maps * inside), Sense(maps * inside, regular_lines((64, 64), step))
    truth, found = (conjugate_gradient(o.normal, o.adjoint(y), iterations=30, tolerance=1e-4) for o in operators)
    assert torch.linalg.vector_norm(found - truth) < most * torch.linalg.vector_norm(truth)


def test_what_does_not_fit_is_refused():
    maps = torch.ones(1, 4, 6, 8, dtype=torch.complex64)
    with pytest.raises(InputError, match="Coil maps need to be complex"):
        Sense(maps.real)
    with pytest.raises(InputError, match=r"\(4, 6, 8\)"):
        CoilMaps(maps[0])
    for shape in [(1, 1, 6, 7), (1, 3, 6, 8), (6, 8), (1, 1, 1, 6, 8)]:
        with pytest.raises(InputError, match=r"mask of shape .* does not fit coil maps"):
            Sense(maps, torch.ones(shape))
    with pytest.raises(InputError, match="does not fit"):
        Sense(maps.expand(2, -1, -1, -1), torch.ones(3, 1, 6, 8))
    for call, shape in [
        (Sense(maps), (1, 4, 6, 8)),
        (CoilMaps(maps), (1, 1, 8, 6)),
        (Sense(maps).adjoint, (2, 1, 6, 8)),
    ]:
        with pytest.raises(InputError, match="These coils need data of shape"):
            call(torch.ones(shape, dtype=torch.complex64))
