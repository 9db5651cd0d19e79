import math

import pytest
import torch

from pellucid.data.simulate.cells import cells, ellipsoid, filaments
from pellucid.errors import InputError


@pytest.mark.parametrize(("space", "spacing"), [((96, 80), None), ((20, 64, 70), (2.0, 1.0, 1.0))])
def test_cells_have_nuclei_and_filaments_inside(space, spacing):
    image = cells(space, torch.Generator().manual_seed(1), spacing=spacing)
    assert image.shape == (1, 3, *space)
    assert image.min() >= 0
    assert image.max() <= 1
    body, fibres, chromatin = image[0]
    assert 0.05 < body.mean() < 0.8
    for part in (fibres, chromatin):
        assert part.max() > 0.5
        assert (part <= body + 1e-6).all()
    assert torch.equal(image, cells(space, torch.Generator().manual_seed(1), spacing=spacing))


def test_an_ellipsoid_has_its_volume_wherever_it_lies():
    axes = torch.tensor([6.0, 9.0, 12.0])
    for shift in (0.0, 0.3, 0.5):
        centre = torch.tensor([10.0, 20.0, 20.0]) + shift
        volume = 2 * ellipsoid((10, 40, 40), centre, axes, turn=0.4, spacing=(2.0, 1.0, 1.0)).sum()
        assert volume.item() == pytest.approx(4 / 3 * math.pi * 6 * 9 * 12, rel=0.02)
    edge = ellipsoid((40, 40), torch.tensor([20.0, 20.0]), torch.tensor([10.0, 10.0]))
    assert ((edge > 0.05) & (edge < 0.95)).sum() > 30, "no steps"


def test_a_filament_is_as_bright_as_it_is_long():
    line = torch.linspace(4.3, 24.3, 101)[None, :, None] * torch.tensor([1.0, 0.0]) + torch.tensor([0.0, 9.7])
    image = filaments((32, 20), line)
    assert image.sum().item() == pytest.approx(20, rel=0.02)
    assert image[0, 0, 6:22].sum(1).std() < 0.1


def test_one_axis_is_no_cell():
    with pytest.raises(InputError, match="two or three axes"):
        cells((8,), torch.Generator())
