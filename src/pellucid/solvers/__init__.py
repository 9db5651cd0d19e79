"""Iterations on callables, with a convergence theory: they know no modality."""

from pellucid.solvers.conjugate_gradient import conjugate_gradient, implicit_conjugate_gradient
from pellucid.solvers.gerchberg_papoulis import gerchberg_papoulis
from pellucid.solvers.gradient import fista, gradient_descent, proximal_gradient
from pellucid.solvers.mlem import mlem
from pellucid.solvers.norm import lipschitz
from pellucid.solvers.primal_dual import primal_dual
from pellucid.solvers.progress import Watch
from pellucid.solvers.richardson_lucy import richardson_lucy
from pellucid.solvers.sirt import sirt
from pellucid.solvers.splitting import admm, half_quadratic_splitting

__all__ = [
    "Watch",
    "admm",
    "conjugate_gradient",
    "fista",
    "gerchberg_papoulis",
    "gradient_descent",
    "half_quadratic_splitting",
    "implicit_conjugate_gradient",
    "lipschitz",
    "mlem",
    "primal_dual",
    "proximal_gradient",
    "richardson_lucy",
    "sirt",
]
