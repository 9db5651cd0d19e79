from collections import Counter

import pytest
import torch

from pellucid.data.cells import cells, diagonals, neighbours, pick

SIDES = {(0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2)}


@pytest.mark.parametrize("space", [(4, 6), (5, 7), (3, 4, 6), (3, 5, 7)])
def test_cells_hold_each_pixel_once_by_rows_and_leave_out_what_has_no_partner(space):
    y = torch.arange(2.0 * torch.Size(space).numel()).view(2, 1, *space)
    of = cells(y)
    assert of.shape == (2, 1, *space[:-2], 2, 3, 4)
    for number in range(4):
        assert torch.equal(of[..., number], y[..., number // 2 : 4 : 2, number % 2 : 6 : 2])


def test_each_ordered_pair_of_neighbours_is_as_likely_and_no_diagonal_is_drawn(rng):
    first, second = neighbours(torch.zeros(3, 2, 100, 160), rng)
    assert first.shape == second.shape == (3, 1, 50, 80)
    count = Counter(zip(first.flatten().tolist(), second.flatten().tolist(), strict=True))
    assert count.keys() == SIDES
    expected = first.numel() / 8
    assert max(abs(n - expected) for n in count.values()) < 4.5 * expected**0.5


def test_pairs_are_drawn_anew_for_every_cell_image_and_plane(rng):
    first, second = neighbours(torch.zeros(2, 1, 3, 16, 16), rng)
    planes = (4 * first + second).view(6, 64)
    assert len(planes.unique(dim=0)) == 6
    assert all(len(plane.unique()) > 4 for plane in planes)


@pytest.mark.parametrize("space", [(6, 8), (7, 9), (2, 6, 8)])
def test_picked_pixels_are_adjacent_disjoint_and_the_same_in_all_channels(space, rng):
    y = torch.arange(float(torch.Size(space).numel())).expand(1, 2, -1).view(1, 2, *space)
    a, b = (pick(y, number) for number in neighbours(y, rng))
    assert a.shape == b.shape == (1, 2, *space[:-2], space[-2] // 2, space[-1] // 2)
    assert torch.equal(a[:, 0], a[:, 1])
    assert set((a - b).abs().unique().tolist()) == {1.0, float(space[-1])}
    assert not set(a.unique().tolist()) & set(b.unique().tolist())
    assert torch.equal(cells(y).eq(a.unsqueeze(-1)).sum(-1), torch.ones_like(a))


def test_halves_are_the_means_of_the_diagonals(rng):
    y = torch.randn(2, 3, 4, 6, generator=rng)
    first = torch.tensor([[0.0, 0.5], [0.5, 0.0]]).expand(3, 1, 2, 2)
    for half, kernel in zip(diagonals(y), (first, first.flip(-1)), strict=True):
        torch.testing.assert_close(half, torch.nn.functional.conv2d(y, kernel, stride=2, groups=3))


def test_the_halves_of_noise_are_independent_with_half_its_variance(rng):
    one, two = diagonals(torch.randn(1, 1, 800, 800, generator=rng))
    error = 5 * one.numel() ** -0.5
    for half in (one, two):
        assert float(half.square().mean()) == pytest.approx(0.5, abs=error * 0.5**0.5)
    assert abs(float((one * two).mean())) < 0.5 * error
