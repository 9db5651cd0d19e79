import pytest
import torch

from pellucid.data.simulate.brains import random_brain, random_field


@pytest.mark.parametrize("power", [1.0, 3.0])
def test_a_field_has_unit_variance_and_falls_with_the_frequency_as_asked(power, rng):
    fields = torch.cat([random_field(64, rng, power=power) for _ in range(200)])
    torch.testing.assert_close(fields.square().mean((1, 2, 3)), torch.ones(200, dtype=torch.float64))
    energy = torch.fft.fft2(fields).abs().square().mean((0, 1))
    assert energy[0, 0] < 1e-20
    slope = (energy[0, 16] / energy[0, 4]).log() / torch.tensor(4.0).log()
    assert slope == pytest.approx(-2 * power, abs=0.35)


def test_a_brain_is_a_smooth_phase_on_a_head_in_an_empty_field(rng):
    x = random_brain(64, rng)
    assert x.shape == (1, 1, 64, 64)
    assert x.dtype == torch.complex64
    assert float(x.abs()[..., :2, :].amax()) == 0
    assert 0.2 < float(x.abs()[..., 24:40, 24:40].mean()) < 1.2
    inside = x[..., 24:40, 24:40]
    turns = torch.angle(inside[..., 1:] * inside[..., :-1].conj())
    assert float(turns.abs().median()) < 0.15


def test_brains_differ_and_can_be_drawn_again():
    one, same, other = (random_brain(32, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
