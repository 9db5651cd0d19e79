import pytest
import torch

from pellucid.solvers import fista, gradient_descent, lipschitz, proximal_gradient


def shrink(v, step):
    return torch.sgn(v) * (v.abs() - 0.05 * step).clamp(min=0)


def test_gradient_descent_reaches_least_squares(linear):
    y = linear.forward(linear.x) + 0.1
    step = 1 / lipschitz(linear.normal, linear.x)
    x = gradient_descent(linear.gradient(y), torch.zeros_like(linear.x), step, iterations=20000, tolerance=1e-13)
    assert torch.allclose(x, linear.solution(y), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("solver", [proximal_gradient, fista])
def test_the_limit_meets_the_optimality_condition_of_l1(solver, linear):
    """0 ∈ H*(Hx − y) + λ ∂|x|: the gradient is −λ x/|x| where x is not zero, and below λ in modulus elsewhere."""
    y = linear.forward(linear.x)
    step = 1 / lipschitz(linear.normal, linear.x)
    x = solver(linear.gradient(y), shrink, torch.zeros_like(linear.x), step, iterations=20000, tolerance=1e-14)
    slope = linear.gradient(y)(x)
    on = x != 0
    assert 0 < int(on.sum()) < x.numel()
    assert torch.allclose(slope[on], -0.05 * torch.sgn(x[on]), atol=1e-7)
    assert (slope[~on].abs() <= 0.05).all()


def test_momentum_saves_iterations(linear):
    y = linear.forward(linear.x)
    step = 1 / lipschitz(linear.normal, linear.x)
    plain, fast = (
        solver(linear.gradient(y), lambda v, s: v, torch.zeros_like(linear.x), step, iterations=80)
        for solver in (proximal_gradient, fista)
    )
    error = [(x - linear.x).flatten(1).norm(dim=1) for x in (plain, fast)]
    assert (error[1] < 0.1 * error[0]).all()
