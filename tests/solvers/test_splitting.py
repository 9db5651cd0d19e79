import torch

from pellucid.solvers import admm, conjugate_gradient, fista, half_quadratic_splitting, lipschitz
from pellucid.solvers.differences import divergence, gradient


def shrink(v, step):
    return torch.sgn(v) * (v.abs() - 0.05 * step).clamp(min=0)


def solver_of(linear, y, analyse=lambda x: x, adjoint=lambda x: x):
    def solve(v, mu, start):
        return conjugate_gradient(
            lambda x: linear.normal(x) + mu * adjoint(analyse(x)),
            linear.adjoint(y) + mu * adjoint(v),
            x=start,
            iterations=60,
            tolerance=1e-13,
        )

    return solve


def reference(linear, y):
    step = 1 / lipschitz(linear.normal, linear.x)
    return fista(linear.gradient(y), shrink, torch.zeros_like(linear.x), step, iterations=20000, tolerance=1e-14)


def test_admm_reaches_the_minimiser_for_any_penalty(linear):
    y = linear.forward(linear.x)
    expected = reference(linear, y)
    for penalty in (0.1, 2.0):
        rho = torch.tensor(penalty, dtype=torch.float64)
        start = torch.zeros_like(linear.x)
        x = admm(solver_of(linear, y), shrink, start, rho, iterations=1000, tolerance=1e-12)
        assert torch.allclose(x, expected, rtol=1e-4, atol=1e-5)


def test_admm_with_an_analysis_operator_meets_the_optimality_condition(linear):
    """0 = H*(Hx − y) + λ K* p with |p| <= 1, and p = sign of Kx where that is not zero."""
    y = linear.forward(linear.x)
    solve = solver_of(linear, y, gradient, lambda p: -divergence(p))
    rho = torch.tensor(0.5, dtype=torch.float64)
    x = admm(solve, shrink, torch.zeros_like(linear.x), rho, analyse=gradient, iterations=5000, tolerance=1e-13)

    def functional(x):
        data = 0.5 * (linear.forward(x) - y).abs().square().flatten(1).sum(1)
        return data + 0.05 * gradient(x).abs().flatten(1).sum(1)

    rng = torch.Generator().manual_seed(1)
    for size in (1e-1, 1e-2, 1e-3):
        other = x + size * torch.randn(x.shape, dtype=x.dtype, generator=rng)
        assert (functional(other) > functional(x)).all()


def test_half_quadratic_splitting_nears_it_as_the_penalty_grows(linear):
    y = linear.forward(linear.x)
    expected, start = reference(linear, y), torch.zeros_like(linear.x)
    errors = []
    for last in (1.0, 10.0, 100.0):
        penalties = [last * min(1.0, 0.01 * 1.04**k) for k in range(300)]
        x = half_quadratic_splitting(solver_of(linear, y), shrink, start, penalties)
        errors.append(float((x - expected).abs().amax()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02


def test_half_quadratic_splitting_tells_how_far_the_two_images_are(linear):
    seen = []
    y = linear.forward(linear.x)
    half_quadratic_splitting(
        solver_of(linear, y), shrink, linear.x, [1.0, 10.0, 1e6], watch=lambda k, gap: seen.append((k, gap))
    )
    ((k, gap),) = seen
    assert k == 3
    assert gap < 1e-5
