import cmath
import math

import pytest
import torch

from pellucid._math.fft import fft
from pellucid.errors import InputError
from pellucid.operators.sms import NonCartesianMultiSlice, SimultaneousMultiSlice, caipi_phases
from pellucid.testing import assert_adjoint

HADAMARD = torch.tensor([[1.0, 1.0], [1.0, -1.0]])


def maps_of(rng, batch=1, slices=2, coils=3, space=(6, 5)):
    return torch.randn(batch, slices, coils, *space, dtype=torch.complex128, generator=rng)


def random_points(rng, shots, count):
    return (2 * torch.rand(shots, 2, count, dtype=torch.float64, generator=rng) - 1) * math.pi


@pytest.mark.parametrize("space", [(6, 5), (5, 6)])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("shots", [None, 3])
def test_contract_on_the_grid(rng, space, batch, shots):
    encoding = None if shots is None else torch.randn(shots, 2, dtype=torch.complex128, generator=rng)
    mask = torch.rand(batch, 1, *[1] * (shots is not None), space[0], 1, generator=rng) < 0.6
    phases = caipi_phases(torch.tensor([0.0, 0.37]), space[0])
    operator = SimultaneousMultiSlice(maps_of(rng, batch, space=space), phases=phases, encoding=encoding, mask=mask)
    assert_adjoint(operator, (2, 2, *space), rng)


def test_contract_of_phases_along_both_axes(rng):
    phases = torch.rand(1, 2, 6, 5, dtype=torch.float64, generator=rng)
    assert_adjoint(SimultaneousMultiSlice(maps_of(rng), phases=phases), (2, 2, 6, 5), rng)


@pytest.mark.parametrize("shots", [None, 3])
@pytest.mark.parametrize("coils", [1, 3])
def test_a_restricted_operator_measures_where_both_masks_do(rng, shots, coils):
    encoding = None if shots is None else torch.randn(shots, 2, dtype=torch.complex128, generator=rng)
    inner = [*[shots] * (shots is not None), 6, 5]
    mask = torch.rand(1, 1, *inner, generator=rng) < 0.6
    keep = torch.rand(2, coils, *inner, generator=rng) < 0.6
    phases = caipi_phases(torch.tensor([0.0, 0.37]), 6)
    operator = SimultaneousMultiSlice(maps_of(rng), phases=phases, encoding=encoding, mask=mask)
    restricted = operator.restrict(keep)
    assert isinstance(restricted, SimultaneousMultiSlice)
    assert torch.equal(restricted.acquired, mask & keep)
    x = torch.randn(2, 2, 6, 5, dtype=torch.complex128, generator=rng)
    assert torch.allclose(restricted(x), keep * operator(x))
    assert torch.allclose(restricted[1](x[1:]), (keep * operator(x))[1:])
    assert SimultaneousMultiSlice(maps_of(rng)).acquired is None
    free = SimultaneousMultiSlice(maps_of(rng), encoding=encoding)
    assert torch.equal(free.restrict(keep).acquired, keep)


@pytest.mark.parametrize("space", [(6, 5), (5, 6)])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("own", [False, True])
def test_contract_off_the_grid(rng, space, batch, own):
    encoding = torch.randn(3, 2, dtype=torch.complex128, generator=rng)
    points = random_points(rng, 3 if own else 1, 7)
    operator = NonCartesianMultiSlice(maps_of(rng, batch, space=space), points, encoding=encoding, eps=1e-13)
    assert_adjoint(operator, (2, 2, *space), rng)


def test_a_whole_shift_is_a_roll_towards_the_first_row(rng):
    x = torch.randn(1, 1, 8, 5, dtype=torch.complex128, generator=rng)
    maps = torch.ones(1, 1, 1, 8, 5, dtype=torch.complex128)
    moved = SimultaneousMultiSlice(maps, phases=caipi_phases(torch.tensor([0.25]), 8))(x)
    assert torch.allclose(moved, fft(x.roll(-2, 2), 2))


def test_a_fraction_of_a_pixel_is_exact(rng):
    """A wave that fits the field of view gains the phase of the shift, whole pixel or not."""
    wave = torch.exp(2j * torch.pi * 3 * torch.arange(9, dtype=torch.float64) / 9)
    x = wave[None, None, :, None].expand(1, 1, 9, 4)
    maps = torch.ones(1, 1, 1, 9, 4, dtype=torch.complex128)
    y = SimultaneousMultiSlice(maps, phases=caipi_phases(torch.tensor([0.1], dtype=torch.float64), 9))(x)
    assert torch.allclose(y, fft(x, 2) * cmath.exp(2j * math.pi * 0.3))


@pytest.mark.parametrize("slices", [2, 3, 4, 5])
def test_slices_side_by_side_along_the_readout_have_the_same_kspace(rng, slices):
    """Every MB-th sample of k-space of the concatenated slices is their sum, with a sign where MB is even."""
    x = torch.randn(1, slices, 6, 8, dtype=torch.complex128, generator=rng)
    maps = torch.ones(1, slices, 1, 6, 8, dtype=torch.complex128)
    beside = fft(torch.cat(list(x[0]), -1), 2)[:, ::slices] * math.sqrt(slices)
    if slices % 2 == 0:
        beside = beside * (-1.0) ** (torch.arange(8) - 4)
    assert torch.allclose(SimultaneousMultiSlice(maps)(x)[0, 0], beside)


def test_on_the_grid_both_operators_agree(rng):
    x, maps = torch.randn(2, 2, 6, 5, dtype=torch.complex128, generator=rng), maps_of(rng)
    axes = (2 * math.pi / n * (torch.arange(n, dtype=torch.float64) - n // 2) for n in (6, 5))
    points = torch.stack(torch.meshgrid(*axes, indexing="ij")).reshape(1, 2, 30)
    grid = SimultaneousMultiSlice(maps, encoding=HADAMARD)
    free = NonCartesianMultiSlice(maps, points, encoding=HADAMARD, density=torch.ones(1, 30), eps=1e-13)
    assert torch.allclose(grid(x).flatten(-2), free(x))
    y = torch.randn(2, 3, 2, 6, 5, dtype=torch.complex128, generator=rng)
    assert torch.allclose(grid.adjoint(y), free.adjoint(y.flatten(-2)))


def test_phase_cycling_separates_slices_without_coils(rng):
    """Sum and difference of two slices give both back: E* E = 2."""
    x = torch.randn(1, 2, 6, 5, dtype=torch.complex128, generator=rng)
    maps = torch.ones(1, 2, 1, 6, 5, dtype=torch.complex128)
    operator = SimultaneousMultiSlice(maps, encoding=HADAMARD)
    assert torch.allclose(operator.normal(x), 2 * x)


def test_gridding_undoes_the_encoding(rng):
    x = torch.randn(1, 2, 6, 5, dtype=torch.complex128, generator=rng)
    axes = (2 * math.pi / n * (torch.arange(n, dtype=torch.float64) - n // 2) for n in (6, 5))
    points = torch.stack(torch.meshgrid(*axes, indexing="ij")).reshape(1, 2, 30)
    maps = torch.ones(1, 2, 1, 6, 5, dtype=torch.complex128)
    encoding = torch.tensor([[1, 1], [1, 1j], [1, -1]], dtype=torch.complex128)
    operator = NonCartesianMultiSlice(maps, points, encoding=encoding, density=torch.ones(1, 30), eps=1e-13)
    assert torch.allclose(operator.backproject(operator(x)), x)


def test_what_does_not_fit_is_refused(rng):
    maps = maps_of(rng)
    for wrong, sentence in [
        ({"phases": torch.zeros(1, 3, 6, 1)}, "phases of simultaneous slices came as"),
        ({"mask": torch.ones(1, 1, 2, 6, 5)}, "mask of simultaneous slices came as"),
        ({"encoding": torch.ones(2, 3)}, "one column for each of the 2 slices"),
    ]:
        with pytest.raises(InputError, match=sentence):
            SimultaneousMultiSlice(maps, **wrong)
    with pytest.raises(InputError, match="Coil maps of several slices"):
        SimultaneousMultiSlice(maps[0])
    with pytest.raises(InputError, match=r"data of shape \(batch, 2, 6, 5\)"):
        SimultaneousMultiSlice(maps)(torch.zeros(1, 3, 6, 5, dtype=torch.complex64))
    with pytest.raises(InputError, match="points are those of 3 shots"):
        NonCartesianMultiSlice(maps, random_points(rng, 3, 4), encoding=HADAMARD)
