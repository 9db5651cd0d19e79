import pytest
import torch

from pellucid._math.placed import Placed, normal


def field(seed=0, rows=200, columns=300, start=(0, 0), channels=3):
    places = [torch.arange(a, a + n) for a, n in zip(start, (rows, columns), strict=True)]
    return Placed(seed, places).like(torch.zeros(1, channels, rows, columns))


def test_they_are_standard_normal():
    u = field().double()
    n = u.numel()
    for power, wanted, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert float((u**power).mean()) == pytest.approx(wanted, abs=4 * (variance / n) ** 0.5)
    assert float((u.abs() > 1.6449).double().mean()) == pytest.approx(0.1, abs=4 * (0.09 / n) ** 0.5)


@pytest.mark.parametrize("shift", [(0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 3, -2), (1, 0, 0)])
def test_neighbours_and_channels_have_nothing_in_common(shift):
    u = field()
    other = u[0].roll(shift, (0, 1, 2))
    for a, b in ((u[0], other), (u[0].square() - 1, other.square() - 1)):
        assert abs(float((a * b).mean() / a.square().mean())) < 4 / u.numel() ** 0.5


def test_another_seed_or_field_is_another():
    places = [torch.arange(64)] * 2
    rng, x = Placed(1, places), torch.zeros(1, 1, 64, 64)
    fields = torch.stack([rng.like(x), rng.like(x), Placed(2, places).like(x)]).flatten(1)
    assert (torch.corrcoef(fields) - torch.eye(3)).abs().max() < 4 / 64
    assert torch.equal(Placed(1, places).like(x).flatten(), fields[0])


def test_a_part_and_a_mirrored_part_draw_what_the_whole_draws_there():
    whole = field()
    assert torch.equal(field(rows=40, columns=50, start=(100, 7)), whole[..., 100:140, 7:57])
    mirrored = Placed(0, [torch.arange(200), torch.tensor([2, 1, 0, 1, 2])]).like(torch.zeros(1, 3, 200, 5))
    assert torch.equal(mirrored, whole[..., [2, 1, 0, 1, 2]])


def test_a_coarser_level_is_drawn_at_the_first_places_of_its_blocks():
    places = [torch.arange(8, 24), torch.arange(16)]
    fine, coarse = (Placed(3, places).like(torch.zeros(1, 2, n, n)) for n in (16, 4))
    assert torch.equal(coarse, fine[..., ::4, ::4])


def test_a_generator_draws_as_it_does(rng):
    x = torch.zeros(1, 2, 3)
    state = rng.get_state()
    drawn = normal(x, rng)
    rng.set_state(state)
    assert torch.equal(drawn, torch.randn(x.shape, generator=rng))
