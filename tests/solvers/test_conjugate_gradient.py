import itertools

import pytest
import torch

from pellucid.solvers import conjugate_gradient, implicit_conjugate_gradient


def test_solves_each_sample_exactly_in_as_many_steps_as_unknowns(linear):
    y = linear.forward(linear.x)
    x = conjugate_gradient(linear.normal, linear.adjoint(y), iterations=14)
    assert torch.allclose(x, linear.x, rtol=1e-8)


def test_equals_the_closed_form_of_tikhonov_from_any_start(linear, rng):
    y = linear.forward(linear.x) + 0.1
    for start in (None, torch.randn(linear.x.shape, dtype=linear.x.dtype, generator=rng)):
        x = conjugate_gradient(
            lambda v: linear.normal(v) + 0.3 * v, linear.adjoint(y), x=start, iterations=100, tolerance=1e-12
        )
        assert torch.allclose(x, linear.solution(y, 0.3), rtol=1e-9, atol=1e-10)


def test_what_has_converged_stays_even_when_one_sample_is_zero(linear):
    b = linear.adjoint(linear.forward(linear.x))
    b[1] = 0
    x = conjugate_gradient(linear.normal, b, iterations=200)
    assert torch.isfinite(torch.view_as_real(x + 0j)).all()
    assert torch.allclose(x[0], linear.x[0], rtol=1e-6)
    assert not x[1].any()


def test_stops_at_the_tolerance_and_tells(linear):
    seen = []
    conjugate_gradient(
        lambda v: linear.normal(v) + v,
        linear.adjoint(linear.forward(linear.x)),
        iterations=1000,
        tolerance=1e-9,
        watch=lambda k, change: seen.append((k, change)),
    )
    assert seen[-1][1] <= 1e-9
    assert seen[-1][0] <= 30


def test_each_iteration_decreases_the_quadratic(linear):
    """½ <x, A x> − <b, x>, of each sample, from any start."""
    b, x = linear.adjoint(linear.forward(linear.x)), torch.ones_like(linear.x)

    def quadratic(x):
        return ((0.5 * linear.normal(x) - b) * x.conj()).real.flatten(1).sum(1)

    values = [quadratic(conjugate_gradient(linear.normal, b, x=x, iterations=n)) for n in range(8)]
    assert all(bool((after < before).all()) for before, after in itertools.pairwise(values))


@pytest.mark.parametrize("solver", [conjugate_gradient, implicit_conjugate_gradient])
def test_the_solution_can_be_differentiated(solver, linear):
    y = linear.forward(linear.x)
    mu = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    b = linear.adjoint(y).requires_grad_()

    def solve(mu, b):
        return solver(lambda v: linear.normal(v) + mu * v, b, iterations=12)

    assert torch.autograd.gradcheck(solve, (mu, b), fast_mode=True)
    exact = torch.linalg.solve(
        linear.matrix.mH @ linear.matrix + 0.5 * torch.eye(12), solve(mu, b).detach().flatten(1)
    )  # d/dμ (A + μ)⁻¹ b = −(A + μ)⁻¹ x
    (slope,) = torch.autograd.grad(solve(mu, b).real.sum(), mu)
    assert torch.allclose(slope, -exact.real.sum(), rtol=1e-6)


def test_the_implicit_gradient_equals_that_of_converged_iterations(linear, rng):
    """In right-hand side, penalty and operator, from a start that tells nothing; nothing of the iterations is kept."""
    matrix = linear.matrix.clone().requires_grad_()
    mu = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    b = linear.adjoint(linear.forward(linear.x)).requires_grad_()
    start, weight = (torch.randn(b.shape, dtype=b.dtype, generator=rng) for _ in range(2))

    def normal(v):
        return (matrix.mH @ (matrix @ v.flatten(1)[..., None]))[..., 0].view(v.shape) + mu * v

    def gradients(solver, iterations):
        x = solver(normal, b, x=start, iterations=iterations)
        return torch.autograd.grad((x * weight).real.sum() + x.abs().square().sum(), (b, mu, matrix))

    for one, other in zip(gradients(implicit_conjugate_gradient, 60), gradients(conjugate_gradient, 60), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9)


def test_the_implicit_gradient_is_each_samples_own(linear):
    b = linear.adjoint(linear.forward(linear.x)).requires_grad_()
    x = implicit_conjugate_gradient(lambda v: linear.normal(v) + v, b, iterations=12)
    (gradient,) = torch.autograd.grad(x[1].real.sum(), b)
    assert not gradient[[0, 2]].any()
    assert bool(gradient[1].any())
