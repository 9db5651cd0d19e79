import pytest
import torch

from pellucid._math.fft import fft, ifft
from pellucid.data.prepare.slice_grappa import slice_grappa
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.errors import InputError
from pellucid.operators.sms import SimultaneousMultiSlice, caipi_phases

SIZE, COILS, SLICES = 48, 12, 3
SHIFTS = torch.tensor([0.0, 1 / 3, -1 / 3], dtype=torch.float64)


@pytest.fixture
def scene(rng):
    """Return three different slices of blobs, and the maps of coils in two rings that see each plane differently."""
    axis = (torch.arange(SIZE) - SIZE // 2) / SIZE
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    disc = torch.sigmoid(60 * (0.36 - torch.hypot(x, 1.2 * y)))
    centres = torch.rand(SLICES, 6, 2, generator=rng) - 0.5
    spots = torch.stack([sum(torch.exp(-((x - a) ** 2 + (y - b) ** 2) / 0.006) for a, b in c) for c in centres])
    maps = birdcage_coils(COILS, (9, SIZE, SIZE), rings=2)[0, :, 1::3]
    return (disc * (0.5 + spots))[None].to(torch.complex64), maps.movedim(1, 0)[None]


def single_band(scene, noise=0.0, rng=None):
    """Return k-space of every slice alone, shape (slice, coil, row, column)."""
    images, maps = scene
    y = fft(images[0, :, None] * maps[0], 2)
    return y + noise * torch.randn(y.shape, dtype=y.dtype, generator=rng) if noise else y


def multiband(scene, step, shifts=SHIFTS):
    mask = (torch.arange(SIZE) % step == 1 % step)[None, None, :, None]
    operator = SimultaneousMultiSlice(scene[1], phases=caipi_phases(shifts, SIZE), mask=mask)
    return operator(scene[0])


def centre(y, width=32):
    part = slice(SIZE // 2 - width // 2, SIZE // 2 + width // 2)
    return y[..., part, part]


def rms(y):
    """Return the root sum of squares over the coils of images."""
    return torch.linalg.vector_norm(ifft(y, 2), dim=-3)


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("split", [True, False])
def test_slices_are_pulled_apart_and_filled(scene, split, step):
    single = single_band(scene)
    found = slice_grappa(multiband(scene, step), centre(single), shifts=SHIFTS, split=split, tikhonov=1e-6)
    assert found.shape == (1, SLICES, COILS, SIZE, SIZE)
    error = torch.linalg.vector_norm(found[0] - single, dim=(1, 2, 3)) / torch.linalg.vector_norm(single, dim=(1, 2, 3))
    assert bool((error < {1: 0.05, 2: 0.12, 3: 0.3}[step]).all())


@pytest.mark.parametrize("step", [1, 2])
def test_split_slice_leaks_less(scene, rng, step):
    """Of a multiband scan in which only one slice holds anything, little may appear in the others."""
    calibration = centre(single_band(scene, 0.02, rng))
    leak = {}
    for split in (True, False):
        total = 0.0
        for number in range(SLICES):
            alone = torch.zeros_like(scene[0])
            alone[:, number] = scene[0][:, number]
            found = slice_grappa(multiband((alone, scene[1]), step), calibration, shifts=SHIFTS, split=split)
            others = [k for k in range(SLICES) if k != number]
            total += float(rms(found[0, others]).square().sum() / rms(found[0, number]).square().sum())
        leak[split] = total
    assert leak[True] < 0.5 * leak[False]


@pytest.mark.parametrize("split", [True, False])
def test_coils_that_are_waves_are_solved_exactly(rng, split):
    """Half of the coils record the odd lines of k-space in place of the even ones: then a finite kernel is exact."""
    x = torch.zeros(1, SLICES, 24, 24, dtype=torch.complex128)
    x[..., 3:-3, 3:-3] = torch.randn(1, SLICES, 18, 18, dtype=torch.complex128, generator=rng)
    x = ifft(x, 2)
    strength = torch.randn(SLICES, 2, SLICES, 1, 1, dtype=torch.complex128, generator=rng)
    wave = torch.polar(torch.ones(24), 2 * torch.pi * torch.arange(24) / 24).to(x.dtype)[:, None]
    maps = (strength * torch.stack([torch.ones_like(wave), wave])[:, None]).flatten(1, 2).expand(-1, -1, 24, 24)
    mask = (torch.arange(24) % 2 == 0)[None, None, :, None]
    y = SimultaneousMultiSlice(maps[None], phases=caipi_phases(SHIFTS, 24), mask=mask)(x)
    single = fft(x[0, :, None] * maps, 2)
    found = slice_grappa(y, single, shifts=SHIFTS, split=split, kernel=(3, 3), tikhonov=1e-13)
    assert (found[0] - single)[..., 3:-3, :].abs().max() < 1e-5 * single.abs().max()


def test_one_slice_without_gaps_comes_back(scene):
    y = single_band(scene)[:1]
    found = slice_grappa(y, centre(y), kernel=(3, 3), tikhonov=1e-9)
    assert (found[0] - y).norm() < 1e-3 * y.norm()


def test_one_set_of_kernels_serves_the_batch(scene):
    y, calibration = multiband(scene, 2), centre(single_band(scene))
    factor = torch.polar(torch.ones(11), torch.arange(11.0)).reshape(11, 1, 1, 1)
    series = slice_grappa(factor * y, calibration, shifts=SHIFTS)
    assert torch.allclose(series, factor[:, None] * series[:1], atol=1e-4)


def test_what_does_not_fit_is_refused(scene):
    y, calibration = multiband(scene, 2), centre(single_band(scene))
    random = y.clone()
    random[:, :, 7] = 0
    with pytest.raises(InputError, match="rows at equal distances, but they are 2, 4"):
        slice_grappa(random, calibration)
    with pytest.raises(InputError, match="one scan of each slice alone"):
        slice_grappa(y, calibration[:, :5])
    with pytest.raises(InputError, match="at least 10 x 6 samples, but they are 8 x 8"):
        slice_grappa(y, centre(calibration, 8)[..., :8, :8])
    with pytest.raises(InputError, match="odd widths"):
        slice_grappa(y, calibration, kernel=(4, 5))
