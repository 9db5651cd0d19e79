"""Instruments at random are on the device of the generator that draws them; no draw waits for it."""

import pytest
import torch

from pellucid.operators.cryo import PosePrior
from pellucid.operators.random import BlockedPatch, DroppedPixels

from ..pretended import unwaited

SIZE = 8


def priors(device):
    """Return instruments that are drawn, and what they see; what they are made of is on the device."""
    image, volume = torch.ones(2, 1, SIZE, SIZE, device=device), torch.ones(1, 1, SIZE, SIZE, SIZE, device=device)
    transfers = torch.ones(3, SIZE, SIZE // 2 + 1, device=device)
    yield DroppedPixels((SIZE, SIZE), 0.5), image
    yield BlockedPatch((SIZE, SIZE), 3), image
    yield PosePrior(SIZE, shift=1.0), volume
    yield PosePrior(SIZE, shift=1.0, transfers=transfers), volume


@pytest.mark.parametrize("number", range(4))
def test_an_instrument_is_drawn_where_its_generator_is(number, device):
    (prior, x), (same, there) = (list(priors(place))[number] for place in ("cpu", device))
    same.draw(2, torch.Generator(device))(there)  # makes what is kept
    with unwaited():
        y = same.draw(2, torch.Generator(device).manual_seed(1))(there)
    torch.testing.assert_close(y.cpu(), prior.draw(2, torch.Generator().manual_seed(1))(x))
