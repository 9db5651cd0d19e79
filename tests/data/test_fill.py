import itertools

import numpy as np
import pytest
import torch

from pellucid.data.fill import Donut, Mean, Median, Noise, Uniform, UniformWithCentre, Zero
from pellucid.data.splits import BlindSpot, Grid, mask_of

SPACES = [(11, 9), (5, 6, 7)]


@pytest.fixture(params=SPACES, ids=["plane", "volume"])
def case(request, rng):
    """Return data, what is hidden in it and where: dense, so that windows hold several hidden pixels."""
    y = torch.randn(2, 2, *request.param, generator=rng)
    places = BlindSpot(0.25).choose(y, rng)
    return y, mask_of(places, y), places


def windows(y, hidden, radius):
    """Yield for each hidden pixel its index and the visible values around it, by a plain loop."""
    for index in hidden.nonzero().tolist():
        spans = [slice(max(i - radius, 0), i + radius + 1) for i in index[2:]]
        part = (index[0], index[1], *spans)
        yield tuple(index), y[part][~hidden[part]].numpy()


@pytest.mark.parametrize(("fill", "statistic"), [(Median, np.median), (Mean, np.mean)])
@pytest.mark.parametrize("radius", [1, 2])
def test_statistic_is_numpys_of_the_visible_window(fill, statistic, radius, case, rng):
    y, hidden, places = case
    filled = fill(radius)(y, hidden, places, rng)
    assert torch.equal(filled[~hidden], y[~hidden])
    expected = y.clone()
    for index, values in windows(y, hidden, radius):
        expected[index] = float(statistic(values)) if len(values) else 0.0
    torch.testing.assert_close(filled, expected)


@pytest.mark.parametrize("fill", [Median(1), Mean(1), Donut()])
def test_fill_is_nan_where_a_visible_neighbour_is(fill, rng):
    y = torch.randn(1, 1, 7, 7, generator=rng)
    y[..., 2, 2] = torch.nan
    hidden = torch.zeros_like(y, dtype=torch.bool)
    hidden[..., 3, 3] = hidden[..., 5, 5] = True
    places = torch.tensor([[[3 * 7 + 3, 5 * 7 + 5]]])
    filled = fill(y, hidden, places, rng)
    assert filled[..., 3, 3].isnan()
    assert filled.isnan().sum() == 2


@pytest.mark.parametrize("fill", [Uniform(1), UniformWithCentre(1)])
def test_uniform_draws_each_candidate_as_often(fill, rng):
    count = 20_000
    y = torch.arange(9.0).view(1, 1, 3, 3).expand(count, 1, 3, 3)
    places = torch.tensor([4]).expand(count, 1, 1)
    drawn = fill(y, mask_of(places, y), places, rng)[:, 0, 1, 1].long()
    rate = torch.bincount(drawn, minlength=9) / count
    candidates = 9 if fill.leaks else 8
    expected = torch.full((9,), 1 / candidates)
    expected[4] = 1 / 9 if fill.leaks else 0.0
    assert (rate - expected).abs().max() < 5 * (1 / candidates / count) ** 0.5


def test_uniform_never_copies_a_hidden_neighbour(case, rng):
    y, hidden, places = case
    filled = Uniform(1)(y, hidden, places, rng)
    for index, values in windows(y, hidden, 1):
        assert filled[index] in (values if len(values) else [0.0])


def test_donut_is_the_stated_kernel_inside_the_plane(rng):
    y = torch.randn(1, 2, 9, 9, generator=rng)
    places = next(Grid(4).classes(y[..., 1:, 1:]))  # a class whose pixels have no hidden neighbour
    hidden = mask_of(places, y)
    kernel = torch.tensor([[1.0, 2, 1], [2, 0, 2], [1, 2, 1]]) / 12
    filled = Donut()(y, hidden, places, rng)
    inner = [i for i in hidden.nonzero().tolist() if 0 < i[2] < 8 and 0 < i[3] < 8]
    assert inner
    for b, c, i, j in inner:
        torch.testing.assert_close(filled[b, c, i, j], (kernel * y[b, c, i - 1 : i + 2, j - 1 : j + 2]).sum())


def test_donut_weighs_visible_neighbours_only(case, rng):
    y, hidden, places = case
    filled = Donut()(y, hidden, places, rng)
    assert torch.equal(filled[~hidden], y[~hidden])
    space = y.shape[2:]
    for index in hidden.nonzero().tolist():
        total = weight = 0.0
        for step in itertools.product((-1, 0, 1), repeat=len(space)):
            there = (*index[:2], *(i + s for i, s in zip(index[2:], step, strict=True)))
            if all(0 <= i < n for i, n in zip(there[2:], space, strict=True)) and not hidden[there]:
                w = 2.0 ** (1 - sum(map(abs, step)))
                total, weight = total + w * y[there].item(), weight + w
        assert filled[tuple(index)].item() == pytest.approx(total / weight if weight else 0.0, abs=1e-5)


def test_random_replacement_is_standard_normal_and_leaves_the_rest(rng):
    y = torch.full((1, 1, 300, 300), 7.0)
    hidden = torch.rand(y.shape, generator=rng) < 0.5
    filled = Noise()(y, hidden, hidden.flatten(2).nonzero(), rng)
    new = filled[hidden]
    assert (filled[~hidden] == 7).all()
    assert abs(new.mean()) < 5 / len(new) ** 0.5
    assert abs(new.var() - 1) < 5 * (2 / len(new)) ** 0.5


def test_zero(case, rng):
    y, hidden, places = case
    assert torch.equal(Zero()(y, hidden, places, rng), y * ~hidden)
