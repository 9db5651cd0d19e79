import pytest
import torch
from torch import nn

from pellucid.restorers import Enhancer
from pellucid.restorers.transport import Transport
from pellucid.workflows.kinds import Look
from pellucid.workflows.translation_checks import check

BRIGHT = Look(offset=0.0, scale=1.0, threshold=0.0, bright=True, channels=1)
DARK = BRIGHT.model_copy(update={"bright": False})
UNKNOWN = BRIGHT.model_copy(update={"bright": None})


class Gain(nn.Module):
    def __init__(self, gain):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, y):
        return self.gain * y


def checked(gain, back, looks, *, scale=1.0, **more):
    rng = torch.Generator().manual_seed(0)
    known = [2 * torch.rand(1, 40, 37, generator=rng) - 1 for _ in range(20)]
    given = [scale * plane for plane in known]
    return check(Transport(Enhancer(Gain(gain)), Gain(back)), looks, given, (known, known), **more)


def test_exact_maps_leave_no_doubt():
    found = checked(0.75, 1 / 0.75, (BRIGHT, BRIGHT))
    assert (found.cycle, found.cycle_back, found.kept) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6), 1)
    assert found.correlation == pytest.approx(1)
    assert found.doubts == []
    assert "100% of the pixels stay" in str(found)


@pytest.mark.parametrize("looks", [(BRIGHT, BRIGHT), (DARK, DARK)])
def test_a_swap_is_told_though_the_cycle_is_exact(looks):
    found = checked(-1.0, -1.0, looks)
    assert found.cycle == 0
    assert found.kept == 0
    assert found.correlation == pytest.approx(-1)
    assert "swapped" in found.doubts[0]
    assert "trained for minutes" in found.doubts[0]


def test_a_swap_of_intensities_keeps_content_where_the_polarity_changes():
    assert checked(-1.0, -1.0, (BRIGHT, DARK)).doubts == []
    assert "swapped" in checked(1.0, 1.0, (BRIGHT, DARK)).doubts[0]


def test_where_nobody_knows_the_polarity_a_swap_is_a_doubt():
    assert checked(1.0, 1.0, (UNKNOWN, BRIGHT)).doubts == []
    found = checked(-1.0, -1.0, (UNKNOWN, BRIGHT))
    assert found.kept is None
    assert "which side is content is not known" in found.doubts[0]
    assert "not checked" in str(found)


def test_the_cycle_is_measured_in_contrasts():
    found = checked(1.0, 0.25, (BRIGHT, BRIGHT))
    assert found.cycle == pytest.approx(0.75, rel=1e-2)
    assert "loses 0.75" in found.doubts[0]


def test_unseen_pairs_are_counted():
    x = torch.arange(256.0).view(1, 16, 16) / 128 - 1
    found = checked(1.0, 1.0, (BRIGHT, BRIGHT), pairs=[(x, x), (x + 2, x)])
    assert found.pairs == 2
    assert found.error == pytest.approx(float(1 / x.std()), rel=1e-3)
    assert "unseen pairs" in found.doubts[-1]


@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_grey_values_are_compared_with_those_of_the_target(gain):
    """Uniform values from -a to a are (1 - a) / 2 away from those from -1 to 1, on average."""
    found = checked(gain, 1 / gain, (BRIGHT, BRIGHT))
    assert found.unlike == pytest.approx((1 - gain) / 2 * 3**0.5, abs=0.01)
    assert any("unlike the target" in doubt for doubt in found.doubts) == (gain < 1)


@pytest.mark.parametrize("scale", [256.0, 1 / 256])
def test_an_input_of_another_bit_depth_is_a_doubt(scale):
    found = checked(1.0, 1.0, (BRIGHT, BRIGHT), scale=scale)
    assert found.span == pytest.approx((-scale, scale), rel=0.02)
    assert "another scale" in found.doubts[0]
