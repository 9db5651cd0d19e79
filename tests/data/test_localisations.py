import pytest
import torch

from pellucid.data.localisations import Localisations
from pellucid.errors import InputError


@pytest.fixture
def table(rng):
    positions = torch.rand(9000, 2, dtype=torch.float64, generator=rng) * torch.tensor([300.0, 400.0])
    precision = 5 + 10 * torch.rand(9000, generator=rng)
    return Localisations(frame=torch.arange(9000) // 10, positions_nm=positions, precision_nm=precision)


def test_a_histogram_counts_what_lies_in_the_field(table):
    image = table.histogram(20.0, (15, 20))
    assert image.sum() == 9000
    inside = ((table.positions_nm >= 0) & (table.positions_nm < 40)).all(1)
    assert table.histogram(20.0, (2, 2)).sum() == inside.sum()
    assert image[0, 0, 3, 5] == ((table.positions_nm // 20) == torch.tensor([3, 5])).all(1).sum()


def test_gaussians_hold_one_each_and_tend_to_the_histogram(table):
    image = table.rendered(20.0, (15, 20))
    assert image.sum() < 9000
    margin = Localisations(frame=table.frame, positions_nm=table.positions_nm + 200, precision_nm=table.precision_nm)
    assert margin.rendered(20.0, (35, 40)).sum() == pytest.approx(9000, rel=1e-6)
    sharp = table.rendered(20.0, (15, 20), precision_nm=1e-9)
    torch.testing.assert_close(sharp, table.histogram(20.0, (15, 20)), atol=1e-3, rtol=0)


def test_rows_are_picked_with_all_they_hold(table):
    part = table[table.frame == 7]
    assert len(part) == 10
    assert part.photons is None
    assert torch.equal(part.precision_nm, table.precision_nm[70:80])


def test_without_a_precision_there_is_no_gaussian(table):
    bare = Localisations(frame=table.frame, positions_nm=table.positions_nm)
    with pytest.raises(InputError, match="have no precision"):
        bare.rendered(20.0, (4, 4))
