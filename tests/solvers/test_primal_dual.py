import torch

from pellucid.solvers import admm, conjugate_gradient, lipschitz, primal_dual
from pellucid.solvers.differences import divergence, gradient
from pellucid.solvers.primal_dual import Saddle


def shrink(v, step):
    return torch.sgn(v) * (v.abs() - 0.05 * step).clamp(min=0)


def back(p):
    return -divergence(p)


def test_reaches_the_minimiser_of_admm(linear):
    y = linear.forward(linear.x)

    def solve(v, mu, start):
        return conjugate_gradient(
            lambda x: linear.normal(x) + mu * back(gradient(x)),
            linear.adjoint(y) + mu * back(v),
            x=start,
            iterations=60,
            tolerance=1e-13,
        )

    start, rho = torch.zeros_like(linear.x), torch.tensor(0.5, dtype=torch.float64)
    expected = admm(solve, shrink, start, rho, analyse=gradient, iterations=5000, tolerance=1e-13)
    problem = Saddle(gradient=linear.gradient(y), prox=lambda v, s: v, prior=shrink, analyse=gradient, adjoint=back)
    smoothness = lipschitz(linear.normal, linear.x)
    x = primal_dual(problem, start, smoothness, iterations=60000, tolerance=1e-13)
    assert torch.allclose(x, expected, rtol=1e-3, atol=1e-4)


def test_without_a_smooth_part_it_is_that_of_chambolle_and_pock(rng):
    """Total variation of a step in one dimension: each flat part moves by λ over its length."""
    v = torch.tensor([0.0] * 4 + [1.0] * 6, dtype=torch.float64).view(1, 1, 10)
    problem = Saddle(
        gradient=torch.zeros_like,
        prox=lambda x, s: (x + s * v) / (1 + s),
        prior=lambda p, s: torch.sgn(p) * (p.abs() - 0.2 * s).clamp(min=0),
        analyse=gradient,
        adjoint=back,
    )
    x = primal_dual(problem, v, torch.ones(1, 1, 1, dtype=torch.float64), iterations=5000, tolerance=1e-14)
    expected = torch.tensor([0.2 / 4] * 4 + [1 - 0.2 / 6] * 6, dtype=torch.float64)
    assert torch.allclose(x.flatten(), expected, atol=1e-6)
