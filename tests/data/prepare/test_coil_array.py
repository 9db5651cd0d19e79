import pytest
import torch

from pellucid.data.prepare.coil_array import compression, mix_coils, whitening
from pellucid.errors import InputError


def test_whitened_noise_is_independent_and_of_variance_one(rng):
    correlate = torch.randn(4, 4, dtype=torch.complex128, generator=rng)
    noise = correlate @ torch.randn(4, 50_000, dtype=torch.complex128, generator=rng)
    white = mix_coils(whitening(noise[:, :25_000]), noise[None, :, 25_000:])[0]
    torch.testing.assert_close(white @ white.mH / 25_000, torch.eye(4, dtype=white.dtype), atol=0.03, rtol=0)


def test_compression_keeps_as_much_as_any_projection_can(scan):
    matrix = compression(scan[2], 3)
    torch.testing.assert_close(matrix @ matrix.mH, torch.eye(3, dtype=matrix.dtype))
    kept = mix_coils(matrix, scan[2])
    best = torch.linalg.svdvals(scan[2][0].flatten(1))[:3].square().sum()
    torch.testing.assert_close(kept.abs().square().sum(), best)
    assert kept[0, 0].abs().sum() > kept[0, 1].abs().sum() > kept[0, 2].abs().sum()


def test_all_virtual_coils_are_the_coils_again(scan):
    matrix = compression(scan[2], 8)
    torch.testing.assert_close(mix_coils(matrix.mH, mix_coils(matrix, scan[2])), scan[2])


def test_bad_arrays_are_refused(rng, scan):
    noise = torch.randn(4, 100, dtype=torch.complex128, generator=rng)
    with pytest.raises(InputError, match="at least 8 samples"):
        whitening(noise[:, :7])
    noise[2] = 0
    with pytest.raises(InputError, match="one is dead"):
        whitening(noise)
    with pytest.raises(InputError, match="between 1 and 8"):
        compression(scan[2], 9)
