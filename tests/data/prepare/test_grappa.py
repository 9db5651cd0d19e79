import h5py
import pytest
import torch

from pellucid._math.fft import fft
from pellucid.data.prepare.grappa import grappa, solve_kernels
from pellucid.errors import InputError


def undersample(kspace, step, lines, axis=-2):
    """Keep every `step`-th line along an axis, and `lines` at the centre."""
    n = kspace.shape[axis]
    keep = torch.arange(n) % step == 0
    keep[n // 2 - lines // 2 : n // 2 - lines // 2 + lines] = True
    return kspace * keep.reshape(-1, *[1] * (-axis - 1))


def error(found, truth):
    return float(torch.linalg.vector_norm(found - truth) / torch.linalg.vector_norm(truth))


@pytest.mark.parametrize(("step", "most"), [(2, 0.08), (3, 0.1), (4, 0.3)])
@pytest.mark.parametrize("axis", [-2, -1])
def test_missing_lines_are_filled(scan, step, most, axis):
    given = undersample(scan[2], step, 20, axis)
    filled = grappa(given)
    assert error(filled, scan[2]) < most * error(given, scan[2])
    assert torch.equal(filled[given != 0], given[given != 0])


def test_calibration_may_come_from_elsewhere_and_slices_have_their_own(scan):
    other = scan[2].flip(1)
    both = torch.cat((scan[2], other))
    filled = grappa(undersample(both, 2, 0), both[..., 22:43, 22:43])
    assert error(filled, both) < 0.01
    torch.testing.assert_close(grappa(undersample(other, 2, 0), other[..., 22:43, 22:43]), filled[1:])


def test_two_axes_of_a_volume_are_filled(scan):
    maps, image = scan[1][..., ::2, ::2], scan[0][..., ::2, ::2]
    depth = torch.hann_window(20, dtype=torch.float64)[:, None, None]
    kspace = fft((maps * image)[:, :, None] * depth, 3)
    given = undersample(undersample(kspace, 2, 0, axis=-2), 2, 0, axis=-3)
    given[..., 4:16, 8:24, :] = kspace[..., 4:16, 8:24, :]
    assert error(grappa(given), kspace) < 0.4 * error(given, kspace)


def test_what_is_far_from_every_sample_stays_zero(scan):
    given = undersample(scan[2], 2, 24)
    given[..., :12, :] = 0
    filled = grappa(given)
    assert filled[..., :11, :].abs().max() == 0
    assert error(filled[..., 13:, :], scan[2][..., 13:, :]) < 0.01


@pytest.mark.real
def test_a_scanned_phantom_is_filled(data_root):
    with h5py.File(data_root / "mri_ksp_phantom8ch" / "phantom8ch.h5") as file:
        kspace = torch.from_numpy(file["ycart"][:])[None]
    given = undersample(kspace, 2, 16)
    assert error(grappa(given), kspace) < 0.2 * error(given, kspace)


def test_kernels_are_the_least_squares_solution(rng):
    a, t = (torch.randn(2, 40, n, dtype=torch.complex128, generator=rng) for n in (6, 3))
    plain, small = (solve_kernels(a.mH @ a, a.mH @ t, tikhonov) for tikhonov in (0.0, 1.0))
    torch.testing.assert_close(plain, torch.linalg.lstsq(a, t).solution)
    assert torch.linalg.vector_norm(small) < torch.linalg.vector_norm(plain)


def test_what_grappa_cannot_do_is_refused(scan, rng):
    with pytest.raises(InputError, match="ACS"):
        grappa(undersample(scan[2], 2, 0))
    with pytest.raises(InputError, match="needs odd widths and calibration data"):
        grappa(undersample(scan[2], 2, 20), kernel=(4, 5))
    scattered = scan[2] * (torch.rand(64, 64, generator=rng) > 0.6)
    with pytest.raises(InputError, match="missing regularly"):
        grappa(scattered, scan[2][..., 20:44, 20:44], kernel=(5, 5))
