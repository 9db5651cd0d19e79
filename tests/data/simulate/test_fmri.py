import pytest
import torch

from pellucid.data.simulate.fmri import block_design, fmri_series, haemodynamic_response


def test_the_response_peaks_at_five_seconds_and_undershoots_at_fifteen():
    seconds = torch.arange(0, 32, 0.01, dtype=torch.float64)
    response = haemodynamic_response(seconds)
    assert seconds[response.argmax()] == pytest.approx(5, abs=0.05)
    assert seconds[response.argmin()] == pytest.approx(15.6, abs=0.3)
    assert response.sum() * 0.01 == pytest.approx(1 - 1 / 6, abs=2e-3)
    assert haemodynamic_response(torch.tensor([-1.0, 0.0])).tolist() == [0, 0]


def test_a_design_follows_its_blocks_with_a_delay():
    course = block_design(60, repetition_s=2.0, block_s=30.0)
    assert course.shape == (60,)
    assert course.max() == 1
    assert not course[:16].any()
    assert course[16:30].mean() > 0.5
    assert 15 < course.argmax() < 30
    assert course[30] > 0.8 * course[29]  # the response outlasts the task


def test_only_active_voxels_follow_the_design(rng):
    anatomy = torch.full((12, 10), 100.0)
    anatomy[:, 5:] = 50
    active = torch.zeros(12, 10, dtype=torch.bool)
    active[3:6, 2:7] = True
    series = fmri_series(anatomy, active, rng, change=0.05, drift=0.0, tsnr=1e6)
    gain = torch.linalg.lstsq(
        torch.stack([torch.ones(120), series.response], 1), series.clean.flatten(1)
    ).solution.reshape(2, 12, 10)
    assert torch.allclose(gain[0], anatomy, rtol=1e-5)
    assert torch.allclose(gain[1], 0.05 * anatomy * active, atol=1e-3)


def test_the_noise_has_the_tsnr_that_was_asked_for(rng):
    anatomy = torch.full((16, 16), 100.0)
    series = fmri_series(anatomy, torch.zeros(16, 16, dtype=torch.bool), rng, drift=0.0, tsnr=25.0)
    tsnr = series.noisy.mean(0) / series.noisy.std(0)
    assert tsnr.mean().item() == pytest.approx(25, rel=0.03)
    drifting = fmri_series(anatomy, series.active, rng, drift=0.05, tsnr=1e6)
    assert drifting.clean.std(0).mean() > 2
