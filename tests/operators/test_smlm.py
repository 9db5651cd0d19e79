import math

import numpy as np
import pytest
import tifffile
import torch
from scipy.integrate import dblquad

from pellucid.data.io.localisations import read
from pellucid.errors import InputError
from pellucid.operators.smlm import EmitterDensity, Emitters
from pellucid.testing import assert_adjoint


@pytest.mark.parametrize(("space", "factor"), [((4, 5), 3), ((5, 6), 2), ((3, 3), 1)])
def test_the_density_keeps_the_contract(space, factor, rng):
    shape = (2, 1, factor * space[0], factor * space[1])
    assert_adjoint(EmitterDensity(0.9, space=space, factor=factor), shape, rng)
    sigmas = torch.tensor([0.7, 1.4], dtype=torch.float64)
    assert_adjoint(EmitterDensity(sigmas, space=space, factor=factor), shape, rng)


def test_a_pixel_holds_the_integral_of_the_gaussian():
    sigma, row, column, photons = 1.3, 2.2, 3.7, 500.0
    frame = Emitters(torch.tensor(sigma).double(), space=(6, 7))(torch.tensor([[[row, column, photons]]]).double())[
        0, 0
    ]

    def density(c, r):
        return photons / (2 * math.pi * sigma**2) * math.exp(-((r - row) ** 2 + (c - column) ** 2) / (2 * sigma**2))

    for i, j in ((2, 4), (0, 0), (5, 6)):
        expected = dblquad(density, i - 0.5, i + 0.5, j - 0.5, j + 0.5)[0]
        assert float(frame[i, j]) == pytest.approx(expected, rel=1e-6)
    wide = Emitters(sigma, space=(41, 41))(torch.tensor([[[20.0, 20.3, photons]]]))
    assert float(wide.sum()) == pytest.approx(photons, rel=1e-5)


def test_emitters_on_the_grid_are_the_density(rng):
    factor, space = 4, (5, 6)
    density = torch.rand(2, 1, 20, 24, dtype=torch.float64, generator=rng)
    grid = torch.cartesian_prod(torch.arange(20), torch.arange(24)).double()
    places = ((grid + 0.5) / factor - 0.5).expand(2, -1, -1)
    x = torch.cat([places, density.flatten(2).mT], 2)
    sigma = torch.tensor([0.8, 1.1]).double()
    frames = Emitters(sigma, space=space, background=torch.tensor(2.0))(x)
    torch.testing.assert_close(EmitterDensity(sigma, space=space, factor=factor)(density) + 2, frames)


def test_frames_are_differentiable_in_positions_and_photons(rng):
    operator = Emitters(1.1, space=(6, 7), background=3.0)
    x = torch.rand(2, 3, 3, dtype=torch.float64, generator=rng) * torch.tensor([6, 7, 100])
    assert torch.autograd.gradcheck(operator, x.requires_grad_(), fast_mode=True)
    direction = torch.randn(x.shape, dtype=x.dtype, generator=rng)
    step = 1e-6
    difference = (operator(x + step * direction) - operator(x - step * direction)) / (2 * step)
    torch.testing.assert_close(operator.linearize(x.detach())(direction), difference, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(operator[1](x[1:]), operator(x)[1:])


def test_the_precision_bound_is_that_of_the_literature():
    # Mortensen 2010: sigma / sqrt(photons) where pixels are small and nothing is behind the emitter
    sigma, photons = 4.0, 1000.0
    operator = Emitters(torch.tensor(sigma).double(), space=(41, 41))
    x = torch.tensor([[[20.2, 19.9, photons]]]).double()
    jacobian = torch.autograd.functional.jacobian(operator, x).reshape(-1, 3)
    information = jacobian.T @ (jacobian / operator(x).reshape(-1, 1))
    bound = torch.linalg.inv(information).diagonal().sqrt()
    pixelated = math.sqrt((sigma**2 + 1 / 12) / photons)
    np.testing.assert_allclose(bound[:2], pixelated, rtol=2e-3)
    assert float(bound[2]) == pytest.approx(math.sqrt(photons), rel=1e-3)


def test_the_brightest_peaks_are_where_localisation_starts():
    operator = Emitters(1.0, space=(20, 24), background=5.0, count=2)
    x = torch.tensor([[[4.0, 6.0, 300.0], [13.0, 17.0, 900.0]]])
    torch.testing.assert_close(operator.backproject(operator(x)), x.flip(1), rtol=1e-3, atol=1e-3)


def test_impossible_grids_are_refused():
    with pytest.raises(InputError, match="and not 0"):
        EmitterDensity(1.0, space=(4, 4), factor=0)
    with pytest.raises(InputError, match=r"above zero, and -1\.0 is not"):
        Emitters(-1.0, space=(4, 4))


@pytest.mark.real
def test_real_positions_give_the_frames_that_were_simulated_from_them(data_root):
    folder = data_root / "smlm_deepstorm_sim"
    table = read(folder / "positions.npz")
    frames = torch.from_numpy(tifffile.imread(folder / "frames_TYX.tif").astype(np.float32))
    x = torch.cat([table.positions_nm / 100 - 0.5, torch.ones(len(table), 1)], 1)[None]
    ours = Emitters(1.1, space=(64, 64))(x)[0, 0].float()
    assert torch.corrcoef(torch.stack([ours.flatten(), frames.mean(0).flatten()]))[0, 1] > 0.999
