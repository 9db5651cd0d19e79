import pytest
import torch

from pellucid.data.simulate.sms_fmri import multiband_series


@pytest.fixture(scope="module")
def series():
    rng = torch.Generator().manual_seed(0)
    return multiband_series(rng, size=32, slices=3, coils=8, frames=40, change=0.05, noise=0.03)


def test_every_second_line_is_measured_with_the_noise_that_was_asked_for(series):
    assert series.y.shape == (40, 8, 32, 32)
    assert not series.y[..., 1::2, :].any()
    noise = (series.y - series.instrument(series.truth))[..., ::2, :]
    assert torch.view_as_real(noise).std() == pytest.approx(0.03 / 2**0.5, rel=0.02)


def test_the_single_band_scans_hold_the_slices_alone(series):
    """Summed with their CAIPI phases they are the multiband scan at rest."""
    turns = torch.polar(torch.ones(3, 32, 1), series.instrument.phases[0].float())[:, None]
    together = (series.single_band * turns).sum(0)[:, ::2]
    still = series.y.mean(0)[:, ::2]
    assert (together - still).norm() < 0.15 * still.norm()


def test_only_active_voxels_follow_the_design(series):
    magnitude = series.truth.abs()
    drift = torch.cos(torch.pi * (torch.arange(40) + 0.5) / 40)
    design = torch.stack([torch.ones(40), series.response, drift], 1)
    rest, change, _ = torch.linalg.lstsq(design, magnitude.flatten(1)).solution.unflatten(1, (3, 32, 32))
    assert torch.allclose(change, 0.05 * rest * series.active, atol=1e-4)
    assert 0 < series.active.sum() < 0.15 * series.inside.sum()
    assert bool((series.inside | ~series.active).all())


def test_the_phase_breathes_along_the_rows(series):
    turn = (series.truth * series.truth[:1].conj())[:, series.inside].angle()
    assert 0.1 < turn.abs().amax() < 0.4
    assert not turn[0].any()


def test_the_same_seed_gives_the_same_series():
    first, again = (multiband_series(torch.Generator().manual_seed(3), size=16, frames=2, slices=2) for _ in range(2))
    assert torch.equal(first.y, again.y)
    assert torch.equal(first.single_band, again.single_band)
