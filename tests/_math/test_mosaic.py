import torch

from pellucid._math.mosaic import cut, paste

CORNERS = [[[0, 0], [1, 2], [1, 1]], [[2, 3], [0, 1], [2, 3]]]


def test_windows_are_slices_of_their_entry(rng):
    plane = torch.randn(2, 5, 7, generator=rng)
    windows = cut(plane, CORNERS, (3, 4))
    assert torch.equal(windows[1, 0], plane[1, 2:5, 3:7])
    assert torch.equal(cut(plane, CORNERS[:1], (3, 4))[1, 1], plane[1, 1:4, 2:6])


def test_paste_is_the_transpose_of_cut_and_both_are_differentiable_twice(rng):
    plane = torch.randn(2, 5, 7, dtype=torch.complex128, generator=rng, requires_grad=True)
    windows = torch.randn(2, 3, 3, 4, dtype=torch.complex128, generator=rng, requires_grad=True)
    for corners in (CORNERS, CORNERS[:1]):
        left = torch.vdot(windows.flatten(), cut(plane, corners, (3, 4)).flatten())
        right = torch.vdot(paste(windows, corners, (5, 7)).flatten(), plane.flatten())
        torch.testing.assert_close(left, right)
        for function, point in (
            (lambda x, c=corners: cut(x, c, (3, 4)), plane),
            (lambda y, c=corners: paste(y, c, (5, 7)), windows),
        ):
            assert torch.autograd.gradcheck(function, point, fast_mode=True)
            assert torch.autograd.gradgradcheck(function, point, fast_mode=True)
