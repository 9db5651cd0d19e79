"""Five ways down the same hill: gradient descent, proximal gradient, splitting, ADMM and primal-dual.

One problem, a blurred picture y = H x + w and an orthonormal wavelet transform W,

    min_x ½‖y − Hx‖² + λ ‖Wx‖₁ + μ/2 ‖x‖²,

is strictly convex: it has one minimiser, and every solver that converges ends there. How each gets there differs: by
the gradient of a smoothed |·| (survey eq. 3), by shrinking after each step of the gradient (proximal gradient, and
FISTA with momentum), by an auxiliary image that is pulled closer and closer (splitting, eq. 4-5), by multipliers
(ADMM), or with a dual variable (Condat and Vũ). No step is tuned: each comes from the norm of H by power iteration.
"""

import torch

from pellucid.operators.blur import Blur
from pellucid.solvers import (
    admm,
    conjugate_gradient,
    fista,
    gradient_descent,
    half_quadratic_splitting,
    lipschitz,
    primal_dual,
    proximal_gradient,
)
from pellucid.solvers.primal_dual import Saddle
from pellucid.solvers.sparsity import Wavelet

torch.set_num_threads(1)
STRENGTH, RIDGE = 0.02, 0.2

row, column = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
truth = ((row - 8).hypot(column - 6) < 4.5).double() + 0.5 * (column > 10).double()
profile = torch.exp(-(torch.arange(-4.0, 5.0, dtype=torch.float64) ** 2) / 2)
operator = Blur((profile[:, None] * profile / profile.sum() ** 2)[None, None])
rng = torch.Generator().manual_seed(0)
y = operator(truth[None, None]) + 0.02 * torch.randn(1, 1, 16, 16, generator=rng, dtype=torch.float64)
wavelet, back, start = Wavelet("haar", levels=3), operator.adjoint(y), torch.zeros_like(y)
smoothness = lipschitz(operator.normal, start) + RIDGE


def gradient(x):
    """Return the gradient of ½‖y − Hx‖² + μ/2 ‖x‖²."""
    return operator.normal(x) + RIDGE * x - back


def prox(v, step):
    """Return argmin_x ½‖x − v‖² + step · λ ‖Wx‖₁."""
    return wavelet.prox(v, STRENGTH * step)


def solve(v, penalty, x):
    """Return argmin_x ½‖y − Hx‖² + μ/2 ‖x‖² + penalty/2 ‖x − v‖²."""
    return conjugate_gradient(
        lambda u: operator.normal(u) + (RIDGE + penalty) * u, back + penalty * v, x=x, iterations=20
    )


def functional(x):
    """Return what is minimised."""
    data = 0.5 * (operator(x) - y).square().sum() + 0.5 * RIDGE * x.square().sum()
    return float(data + STRENGTH * wavelet.value(x).sum())


def smoothed(width):
    """Return the gradient with |c| smoothed to a parabola below `width`: the Moreau envelope."""
    return lambda x: gradient(x) + (x - prox(x, torch.tensor(width))) / width


x = start
for width in (1.0, 0.1, 0.01):  # each a better stand-in for |c|, and steeper
    x = gradient_descent(smoothed(width), x, 1 / (smoothness + 1 / width), iterations=1500, tolerance=1e-8)
saddle = Saddle(
    gradient=gradient, prox=lambda v, step: v, prior=prox, analyse=lambda v: v, adjoint=lambda v: v
)  # K is the identity: the wavelets are in the prior
common = fista(gradient, prox, start, 1 / smoothness, iterations=500, tolerance=1e-13)
found = {
    "gradient descent, smoothed": x,
    "proximal gradient": proximal_gradient(gradient, prox, start, 1 / smoothness, iterations=500, tolerance=1e-12),
    "splitting": half_quadratic_splitting(solve, prox, start, [0.1 * 1.1**k for k in range(120)]),
    "ADMM": admm(solve, prox, start, torch.tensor(0.3), iterations=200, tolerance=1e-12),
    "primal-dual": primal_dual(saddle, start, smoothness, iterations=1000, tolerance=1e-12),
}
print(f"{'functional at zero':28} {functional(start):.8f}")
print(f"{'FISTA, to the last digit':28} {functional(common):.8f}")
for name, image in found.items():
    distance = float((image - common).norm() / common.norm())
    print(f"{name:28} {functional(image):.8f}   distance {distance:.1e}")
    assert distance < (2e-3 if name in ("gradient descent, smoothed", "splitting") else 1e-6)
