import math

import pytest
import torch

from pellucid.data.simulate.coils import birdcage_coils, gaussian_coils


@pytest.mark.parametrize("space", [(16, 17), (6, 16, 17)])
@pytest.mark.parametrize("make", [birdcage_coils, gaussian_coils])
def test_maps_have_unit_root_sum_of_squares(make, space):
    maps = make(6, space)
    assert maps.shape == (1, 6, *space)
    assert maps.dtype == torch.complex64
    assert torch.allclose(torch.linalg.vector_norm(maps, dim=1), torch.ones(1, *space))


@pytest.mark.parametrize("make", [birdcage_coils, gaussian_coils])
def test_a_quarter_turn_of_the_coils_is_one_of_the_maps(make):
    """Coil 1 of four sees what coil 0 sees, turned; rows run along y, so that a turn is from columns to rows."""
    maps = make(4, (17, 17))[0].abs()
    assert torch.allclose(maps[1], torch.rot90(maps[0], -1), atol=1e-6)


def test_a_wire_of_a_birdcage_has_the_field_of_biot_and_savart():
    """Before normalisation the ratio of two coils is that of their fields: integrals over short pieces of wire."""
    maps = birdcage_coils(4, (8, 9, 9), radius=1.3, length=1.0)[0].to(torch.complex128)
    plane, row, column = 6, 2, 6
    z, y, x = (2 * (k - n // 2) / n for k, n in ((plane, 8), (row, 9), (column, 9)))
    pieces = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000 - 0.5
    fields = []
    for k in range(4):
        dx, dy = x - 1.3 * math.cos(k * math.pi / 2), y - 1.3 * math.sin(k * math.pi / 2)
        strength = ((dx**2 + dy**2 + (z - pieces) ** 2) ** -1.5).mean()
        fields.append(complex(dx, -dy) * strength * complex(math.cos(k * math.pi / 2), math.sin(k * math.pi / 2)))
    ratio = maps[:, plane, row, column] / maps[0, plane, row, column]
    assert torch.allclose(ratio, torch.tensor(fields) / fields[0], atol=1e-5)


def test_rings_lie_behind_one_another():
    maps = birdcage_coils(8, (9, 8, 8), rings=2, length=1.0)[0].abs()
    assert bool((maps[:4, 1] > maps[4:, 1]).all())
    assert bool((maps[:4, 8] < maps[4:, 8]).all())
    assert torch.allclose(maps[:4, 4], maps[4:, 4], atol=1e-5)
    with pytest.raises(ValueError, match="8 wires do not make 3 rings"):
        birdcage_coils(8, (9, 8, 8), rings=3)
