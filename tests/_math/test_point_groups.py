import pytest
import torch

from pellucid._math.point_groups import point_group

ORDERS = {"C1": 1, "C2": 2, "c12": 12, "D1": 2, "D2": 4, "D7": 14, "T": 12, "O": 24, "I": 60}


@pytest.mark.parametrize(("name", "order"), ORDERS.items())
def test_a_group_is_closed_and_of_its_order(name, order):
    group = point_group(name)
    assert len(group) == order
    eye = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(group @ group.mT, eye.expand_as(group))
    torch.testing.assert_close(torch.linalg.det(group), torch.ones(order, dtype=torch.float64))
    products = torch.einsum("aij,bjk->abik", group, group).flatten(0, 1).flatten(1)
    assert float(torch.cdist(products, group.flatten(1)).amin(1).max()) < 1e-6
    torch.testing.assert_close(group[0], eye)


def test_the_twofold_axes_of_d2_are_those_of_space():
    signs = {tuple(int(n) for n in element.diagonal().round()) for element in point_group("D2")}
    assert signs == {(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)}


@pytest.mark.parametrize("name", ["", "C0", "D", "E8", "C2v", "C100"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="point group"):
        point_group(name)
