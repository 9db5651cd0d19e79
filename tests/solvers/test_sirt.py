import torch

from pellucid.solvers import sirt


def test_the_limit_is_least_squares_weighted_by_the_rays(counts, rng):
    y = counts.forward(counts.x) + 0.05 * torch.randn(3, 1, 20, dtype=torch.float64, generator=rng)
    x = sirt(counts.forward, counts.adjoint, y, torch.zeros_like(counts.x), iterations=60000, tolerance=1e-12)
    root = counts.matrix.sum(2, keepdim=True).rsqrt()
    expected = torch.linalg.lstsq(root * counts.matrix, root * y.mT).solution.view(counts.x.shape)
    assert torch.allclose(x, expected, rtol=1e-3, atol=1e-4)


def test_the_scale_of_the_operator_does_not_matter(counts):
    y, start = counts.forward(counts.x), torch.zeros_like(counts.x)
    few = sirt(counts.forward, counts.adjoint, y, start, iterations=9)
    scaled = sirt(lambda x: 1e6 * counts.forward(x), lambda r: 1e6 * counts.adjoint(r), 1e6 * y, start, iterations=9)
    assert torch.allclose(few, scaled)


def test_a_projection_is_kept_and_what_no_ray_sees_is_left(counts):
    counts.matrix[..., 3] = 0
    y = counts.forward(counts.x - 1)
    x = sirt(
        counts.forward,
        counts.adjoint,
        y,
        torch.full_like(counts.x, 0.5),
        constrain=lambda x: x.clamp(min=0),
        iterations=20,
    )
    assert (x >= 0).all()
    assert (x.flatten(1)[:, 3] == 0.5).all()
