import math

import pytest
import torch

from pellucid import methods
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.mppca import _components
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.restoration import restore

SIGMA = 0.3


def noise(*shape, seed=0, dtype=torch.float32):
    rng = torch.Generator().manual_seed(seed)
    return SIGMA * torch.randn(*shape, generator=rng, dtype=dtype)


def series(volumes, *space, rank=3, dtype=torch.float32):
    """A few patterns that come and go, of unit variance."""
    rng = torch.Generator().manual_seed(99)
    courses = torch.randn(volumes, rank, generator=rng, dtype=dtype)
    patterns = torch.randn(rank, math.prod(space), generator=rng, dtype=dtype)
    return (courses @ patterns / rank**0.5).view(1, volumes, *space)


def given(y):
    return Measurement(y=y, operator=Identity(), noise=Gaussian(SIGMA))


def built(y, **settings):
    return methods.build("mppca", given(y), rng=torch.Generator().manual_seed(0), **settings)


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
@pytest.mark.parametrize(("voxels", "volumes"), [(64, 20), (64, 100), (512, 40)])
def test_pure_noise_has_no_component_and_its_strength_is_found(voxels, volumes, dtype):
    """Marchenko and Pastur 1967, in the limit of large X; some finite ones exceed the interval by a hair."""
    found = _components(noise(100, voxels, volumes, dtype=dtype))
    assert (found.rank == 0).float().mean() >= 0.85
    assert found.rank.max() <= 2
    assert float(found.sigma.mean()) == pytest.approx(SIGMA, rel=0.02)
    assert float(found.image.abs().square().mean()) < 0.02 * SIGMA**2


@pytest.mark.parametrize("volumes", [20, 60])  # fewer than the 36 voxels of a window, and more
@pytest.mark.parametrize("threshold", ["window", "common"])
def test_a_series_of_low_rank_is_found_as_well_as_if_the_rank_were_known(volumes, threshold):
    """The error is that of the truncated singular value decomposition at the true rank, window by window."""
    x = series(volumes, 6, 6)
    y = x + noise(*x.shape)
    restored = built(y, window=6, threshold=threshold).restorer(given(y))
    u, s, v = torch.linalg.svd(y.flatten(2)[0].T, full_matrices=False)
    oracle = ((u[:, :3] * s[:3]) @ v[:3]).T.view(x.shape)
    torch.testing.assert_close(restored, oracle, atol=1e-4, rtol=0)
    assert float((restored - x).square().mean()) < 0.4 * SIGMA**2


@pytest.mark.parametrize("space", [(24, 24), (8, 12, 12)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_overlapping_windows_restore_planes_and_volumes(space, dtype):
    x = series(30, *space, rank=2, dtype=dtype)
    y = x + noise(*x.shape, dtype=dtype)
    restored = built(y).restorer(given(y))
    assert restored.dtype == dtype
    assert float((restored - x).abs().square().mean()) < 0.25 * SIGMA**2


@pytest.mark.parametrize("threshold", ["window", "common"])
def test_real_and_imaginary_parts_are_restored_as_one_complex_series(threshold):
    x = series(12, 16, 16, rank=2, dtype=torch.complex64)
    y = x + noise(*x.shape, dtype=torch.complex64)
    whole = built(y, threshold=threshold, window=6).restorer(given(y))
    parts = torch.cat([y.real, y.imag], 1)
    restored = built(parts, threshold=threshold, window=6, phase=True).restorer(given(parts))
    torch.testing.assert_close(restored, torch.cat([whole.real, whole.imag], 1))
    alone = built(parts, threshold=threshold, window=6).restorer(given(parts))  # two real series have twice the rank
    clean = torch.cat([x.real, x.imag], 1)
    assert (restored - clean).square().mean() < 0.9 * (alone - clean).square().mean()


def test_noise_a_thousand_times_weaker_than_the_signal_is_still_told_from_it():
    x = 1000 * SIGMA * series(20, 8, 8, rank=2)
    y = x + noise(*x.shape)
    assert float(built(y, window=8).model.noise_level(y).mean()) == pytest.approx(SIGMA, rel=0.1)


def test_a_series_is_restored_whole_whatever_its_size():
    """No mirror image beyond the edges, whose noise would repeat itself; the last window ends where the image does."""
    x = series(16, 7, 61, 45)
    y = x + noise(*x.shape)
    method = built(y)
    restored = restore(given(y), method.restorer).image
    assert torch.equal(restored, method.restorer(given(y)))
    error = (restored - x).square().mean((0, 1))
    assert error[:, :2, :2].mean() < 2.5 * error[:, 20:40, 20:40].mean()


def test_a_masked_background_neither_counts_nor_changes():
    x = series(20, 8, 8)
    y = x + noise(*x.shape)
    y[..., 5:, :] = -1.5
    method = built(y, window=8)
    restored = method.restorer(given(y))
    assert torch.equal(restored[..., 5:, :], y[..., 5:, :])
    assert float(method.model.noise_level(y).mean()) == pytest.approx(SIGMA, rel=0.1)
    torch.testing.assert_close(restored[..., :5, :], built(y[..., :5, :], window=8).restorer(given(y[..., :5, :])))


def test_two_volumes_are_no_series():
    with pytest.raises(InputError, match="4 or more; this image has 2"):
        built(noise(1, 2, 16, 16))
