import pytest
import torch

from pellucid._math.rotations import uniform_rotations
from pellucid.data.simulate.proteins import protein
from pellucid.errors import InputError
from pellucid.operators.cryo import CentralSlices, PosePrior
from pellucid.operators.ctf import ctf
from pellucid.testing import assert_adjoint


def slices(size, rng, batch=2, views=3, padding=2.0):
    return CentralSlices(
        uniform_rotations(batch * views, rng, torch.float64).reshape(batch, views, 3, 3),
        size=size,
        shifts=torch.randn(batch, views, 2, dtype=torch.float64, generator=rng),
        transfer=torch.randn(batch, views, size, size // 2 + 1, dtype=torch.float64, generator=rng),
        padding=padding,
    )


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize(("size", "padding", "batch"), [(6, 2.0, 2), (7, 2.0, 1), (6, 1.0, 1), (5, 1.4, 2)])
def test_central_slices_keep_the_contract(size, padding, batch, rng):
    assert_adjoint(slices(size, rng, batch=batch, padding=padding), (2, 1, size, size, size), rng)


@pytest.mark.parametrize("count", [1, 2])
def test_few_volumes_serve_a_batch_of_rotations(count, rng):
    operator, x = slices(6, rng, batch=4), torch.randn(count, 1, 6, 6, 6, dtype=torch.float64, generator=rng)
    torch.testing.assert_close(operator(x), operator(x.repeat_interleave(4 // count, 0)))


@pytest.mark.parametrize(("size", "padding", "tolerance"), [(32, 2.0, 0.02), (33, 2.0, 0.02), (32, 3.0, 0.008)])
def test_projections_of_gaussian_blobs_are_the_analytic_ones(size, padding, tolerance, rng):
    blobs = protein(size, rng)
    rotations, shifts = uniform_rotations(30, rng)[None], torch.randn(1, 30, 2, generator=rng)
    found = CentralSlices(rotations, size=size, shifts=shifts, padding=padding)(blobs.volume(size))
    assert relative(found, blobs.projections(size, rotations, shifts)) < tolerance


def test_projections_are_those_of_torch_fourier_slice(rng):
    """Within the errors of two trilinear interpolations; its matrices lead from the image to the volume."""
    oracle = pytest.importorskip("torch_fourier_slice", reason="torch-fourier-slice, of the extra dev, is an oracle")
    rotations, x = uniform_rotations(10, rng), protein(32, rng).volume(32)
    expected = oracle.project_3d_to_2d(x[0, 0], rotations.mT.contiguous(), pad_factor=2.0, zyx_matrices=True)
    assert relative(CentralSlices(rotations[None], size=32)(x)[0, 0], expected) < 0.02


@pytest.mark.parametrize("size", [32, 33])
def test_backprojection_is_nearly_the_volume(size, rng):
    x, rotations = protein(size, rng).volume(size), uniform_rotations(300, rng)[None]
    defocus = 0.8 + torch.rand(1, 300, generator=rng)
    transfer = ctf(size, pixel_size_angstrom=5.0, defocus_um=defocus, amplitude_contrast=0.2)
    for operator in (CentralSlices(rotations, size=size), CentralSlices(rotations, size=size, transfer=transfer)):
        assert relative(operator.backproject(operator(x)), x) < 0.12
        assert relative(operator.adjoint(operator(x)), x) > 1


@pytest.mark.parametrize("size", [32, 33])
def test_the_transfer_function_and_the_shift_filter_the_projection(size, rng):
    rotations, x = uniform_rotations(3, rng, torch.float64)[None], protein(size, rng).volume(size).double()
    transfer = ctf(size, pixel_size_angstrom=3.0, defocus_um=torch.tensor([[1.0, 1.5, 2.0]]).double())
    plain = CentralSlices(rotations, size=size)(x)
    shifts = torch.tensor([[[2.0, -3.0]]]).double().expand(1, 3, 2)
    seen = CentralSlices(rotations, size=size, transfer=transfer, shifts=shifts)(x)
    filtered = torch.fft.irfft2(torch.fft.rfft2(plain) * transfer[:, None], s=(size, size))
    torch.testing.assert_close(seen, filtered.roll((2, -3), (-2, -1)))


def test_projections_can_be_differentiated_in_rotations_shifts_and_defocus(rng):
    x = torch.randn(1, 1, 5, 5, 5, dtype=torch.float64, generator=rng, requires_grad=True)
    rotations = uniform_rotations(2, rng, torch.float64)[None].requires_grad_()
    shifts = torch.randn(1, 2, 2, dtype=torch.float64, generator=rng, requires_grad=True)
    defocus = torch.tensor([[1.0, 1.3]], dtype=torch.float64, requires_grad=True)

    def images(x, rotations, shifts, defocus):
        transfer = ctf(5, pixel_size_angstrom=8.0, defocus_um=defocus)
        return CentralSlices(rotations, size=5, shifts=shifts, transfer=transfer)(x)

    assert torch.autograd.gradcheck(images, (x, rotations, shifts, defocus))
    assert torch.autograd.gradgradcheck(images, (x, rotations, shifts, defocus), fast_mode=True)


def test_the_prior_draws_poses_and_transfer_functions(rng):
    transfers = ctf(8, pixel_size_angstrom=4.0, defocus_um=torch.tensor([1.0, 2.0]))
    prior = PosePrior(8, shift=0.7, transfers=transfers)
    drawn = prior.draw(500, rng)
    assert drawn(torch.ones(1, 1, 8, 8, 8)).shape == (500, 1, 1, 8, 8)
    assert drawn.shifts.std().item() == pytest.approx(0.7, rel=0.1)
    first = (drawn.transfer[:, 0] == transfers[0]).flatten(1).all(1).double().mean()
    assert 0.4 < first < 0.6
    assert drawn[3].rotations.shape == (1, 1, 3, 3)
    again = prior.draw(5, torch.Generator().manual_seed(7)), prior.draw(5, torch.Generator().manual_seed(7))
    assert torch.equal(again[0].rotations, again[1].rotations)


def test_what_does_not_fit_is_refused(rng):
    rotations = uniform_rotations(2, rng)[None]
    with pytest.raises(InputError, match="shape"):
        CentralSlices(rotations[0], size=8)
    with pytest.raises(InputError, match="shifts of 2 views"):
        CentralSlices(rotations, size=8, shifts=torch.zeros(1, 3, 2))
    with pytest.raises(InputError, match="transfer of 2 views"):
        CentralSlices(rotations, size=8, transfer=torch.zeros(1, 2, 8, 8))
    with pytest.raises(InputError, match="volume"):
        CentralSlices(rotations, size=8)(torch.zeros(1, 1, 8, 8, 9))
    with pytest.raises(InputError, match="stack of images"):
        CentralSlices(rotations, size=8).adjoint(torch.zeros(1, 1, 3, 8, 8))
    with pytest.raises(InputError, match="Transfer functions"):
        PosePrior(8, transfers=torch.zeros(2, 8, 8))


def test_the_parameters_move_with_the_operator(rng):
    operator = slices(6, rng)
    meta = operator.to("meta", torch.float32)
    assert {(p.device.type, p.dtype) for p in meta.buffers()} == {("meta", torch.float32)}
