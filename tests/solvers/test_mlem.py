import torch

from pellucid.solvers import mlem


def likelihood(problem, y, x, background=0.0):
    z = problem.forward(x) + background
    return (y * z.log() - z).flatten(1).sum(1)


def test_finds_the_truth_of_consistent_counts(counts):
    y = counts.forward(counts.x)
    x = mlem(counts.forward, counts.adjoint, y, torch.ones_like(counts.x), iterations=60000, tolerance=1e-9)
    assert torch.allclose(x, counts.x, rtol=0.05, atol=0.02)


def test_the_likelihood_never_falls_and_counts_are_kept(counts, rng):
    y = torch.poisson(50 * counts.forward(counts.x), generator=rng)
    x = torch.ones_like(counts.x)
    last = likelihood(counts, y, x, 2.0)
    for _ in range(30):
        x = mlem(counts.forward, counts.adjoint, y, x, background=2.0, iterations=1)
        now = likelihood(counts, y, x, 2.0)
        assert (now >= last - 1e-9).all()
        last = now
    once = mlem(counts.forward, counts.adjoint, y, x, iterations=1)
    assert torch.allclose(counts.forward(once).sum((1, 2)), y.sum((1, 2)))


def test_a_pixel_that_nothing_sees_is_zero_and_the_rest_is_finite(counts):
    counts.matrix[..., 0] = 0
    y = counts.forward(counts.x)
    y[..., 1] = 0
    x = mlem(counts.forward, counts.adjoint, y, torch.ones_like(counts.x), iterations=50)
    assert torch.isfinite(x).all()
    assert not x[..., 0, 0].any()
