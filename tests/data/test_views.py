import math
from dataclasses import replace

import pytest
import torch

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.data.views import Interleaved
from pellucid.errors import InputError
from pellucid.operators import Radon
from pellucid.operators.tilt import Tilt


@pytest.fixture
def scan(phantom_2d) -> Measurement:
    operator = Radon(math.pi * torch.arange(96)[None].double() / 96, space=(64, 64))
    x = torch.nn.functional.interpolate(phantom_2d, (64, 64)).double()
    return Measurement(y=operator(x), operator=operator)


def test_parts_hold_every_view_once(scan):
    parts = Interleaved(4).divide(scan)
    assert torch.equal(torch.stack([part.y for part in parts]).sum(0), scan.y)
    measured = torch.stack([part.operator.acquired.expand(1, 1, 96, 1)[0, 0, :, 0] for part in parts])
    assert measured.sum(0).eq(1).all()
    assert [row.nonzero()[:2, 0].tolist() for row in measured] == [[0, 4], [1, 5], [2, 6], [3, 7]]


def test_each_part_has_weights_of_its_own(scan):
    """So the mean of the sub-reconstructions is the reconstruction from all views, at any K that divides them."""
    whole = scan.operator.backproject(scan.y)
    images = [part.operator.backproject(part.y) for part in Interleaved(4).divide(scan)]
    torch.testing.assert_close(torch.stack(images).mean(0), whole, atol=1e-9, rtol=1e-9)


def test_parts_of_what_is_left_after_views_were_held_out_have_weights_of_both(scan):
    given, _ = RandomSampling(0.25, whole=1)(scan, torch.Generator().manual_seed(0))
    whole = given.operator.backproject(given.y)
    for part in Interleaved(2).divide(given):
        x = part.operator.backproject(part.y)
        assert float((x * whole).sum() / whole.square().sum()) == pytest.approx(1, abs=0.1)
        assert part.operator.acquired.sum() < 48


def test_a_tilt_series_is_divided_view_by_view(phantom_3d):
    operator = Tilt(torch.linspace(-1, 1, 21)[None].double(), space=tuple(phantom_3d.shape[2:]))
    scan = Measurement(y=operator(phantom_3d.double()), operator=operator)
    for j, part in enumerate(Interleaved(3).divide(scan)):
        torch.testing.assert_close(part.y[:, :, j::3], scan.y[:, :, j::3])
        expected = operator.views(slice(j, None, 3)).backproject(scan.y[:, :, j::3])
        torch.testing.assert_close(part.operator.backproject(part.y), expected)


@pytest.mark.parametrize("strategy", ["X:1", "1:X"])
def test_input_and_target_share_no_part(strategy):
    """Bit for bit: a difference of sums would leak the target's rounding."""
    images = [torch.tensor([value]) for value in (1.0, 3.0, 8.0)]
    pairs = Interleaved(3, strategy).pairs(images)
    one, rest = [image.item() for image in images], [5.5, 4.5, 2.0]
    assert [(a.item(), b.item()) for a, b in pairs] == list(
        zip(rest, one, strict=True) if strategy == "X:1" else zip(one, rest, strict=True)
    )
    other = Interleaved(3, strategy).pairs([torch.tensor([1e20]), *images[1:]])
    position = 0 if strategy == "X:1" else 1  # the first pair has part 0 on the other side
    assert other[0][position].item() == pairs[0][position].item()


def test_what_cannot_be_divided_is_told(scan):
    with pytest.raises(InputError, match="2 or more; 1 is not"):
        Interleaved(1)
    few = replace(scan, y=scan.y[:, :, :7], operator=scan.operator.views(slice(7)))
    with pytest.raises(InputError, match="7 views cannot be divided into 4 parts"):
        Interleaved(4).divide(few)
