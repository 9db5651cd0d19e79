import math

import pytest
import torch

from pellucid.data.simulate.foam import foam, foam_3d
from pellucid.errors import InputError


def gaps(centres, radii):
    distance = torch.cdist(centres, centres) - radii - radii[:, None]
    return distance[~torch.eye(len(radii), dtype=torch.bool)]


def test_voids_do_not_overlap_and_stay_inside():
    phantom = foam(80, torch.Generator().manual_seed(0))
    centres, radii = phantom.centres[1:], phantom.axes[1:, 0]
    assert len(radii) == 80
    assert gaps(centres, radii).min() > 0
    assert (centres.norm(dim=1) + radii).max() < 0.9
    assert radii.max() <= 0.2


def test_the_image_is_zero_in_voids_and_one_in_the_walls():
    image = foam(40, torch.Generator().manual_seed(1)).image(96)
    assert image.min() == pytest.approx(0)
    assert image.max() == pytest.approx(1)


def test_a_volume_of_foam_has_voids_that_do_not_overlap():
    phantom = foam_3d(60, torch.Generator().manual_seed(0))
    assert gaps(phantom.centres, phantom.radii).min() > 0
    assert (phantom.centres[:, 1:].norm(dim=1) + phantom.radii).max() < 1
    assert (phantom.centres[:, 0].abs() + phantom.radii).max() < 1
    volume = phantom.image(24, planes=60)
    assert volume.shape == (1, 1, 60, 24, 24)
    voids = (4 / 3 * math.pi * phantom.radii**3).sum()
    expected = 2 * math.pi - voids
    assert volume.sum() * (2 / 60) * (2 / 24) ** 2 == pytest.approx(expected.item(), rel=5e-3)


def test_sinograms_of_a_volume_sum_up_to_its_planes():
    phantom = foam_3d(20, torch.Generator().manual_seed(2))
    angles = torch.tensor([0.0, 0.5])
    sinograms = phantom.sinograms(angles, size=32, planes=6)
    assert sinograms.shape == (6, 1, 2, 46)
    mass = phantom.image(32, planes=6).sum((1, 3, 4))[0]
    torch.testing.assert_close(sinograms.sum(3)[:, 0], mass[:, None].expand(-1, 2), atol=1.0, rtol=0)


def test_a_void_larger_than_the_disc_is_refused():
    with pytest.raises(InputError, match="between 0 and 1"):
        foam(3, torch.Generator(), largest=2.0)
