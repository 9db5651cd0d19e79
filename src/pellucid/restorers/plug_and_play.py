"""Plug-and-play priors: a denoiser in place of a proximal map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators.elementary import Identity
from pellucid.restorers.base import Restorer
from pellucid.restorers.least_squares import LeastSquares, Units
from pellucid.solvers import admm, conjugate_gradient

_INNER, _ACCURATE = 20, 1e-5  # iterations of the step of the data, and its residual


class PlugAndPlay(Restorer):
    """ADMM with a denoiser D as the step of the prior (survey II).

        x = argmin_x ½‖y − Hx‖² + ρ/2 ‖x − z + u‖²,   z = D(x + u),   u ← u + x − z.

    It converges for a D that is averaged; `damping` makes D so where it is merely not expansive. For a linear symmetric
    D between zero and one it minimises ½‖y − Hx‖² + ρ/2 xᵀ(D⁻¹ − 1)x.

    Parameters
    ----------
    denoiser
        Any restorer of noisy images, in the units of x. Of complex images it sees real and imaginary part, each as an
        image of its own.
    strength
        ρ / ‖H‖², without units: the ratio of the variances of the noise of the data, at the norm of H, and of that
        which D removes.
    units
        Of x and H; those of what is given unless stated.
    iterations, tolerance
        At most; it ends at this relative change.
    damping
        a: z = (1 − a)(x + u) + a D(x + u).

    References
    ----------
    Venkatakrishnan, Bouman, Wohlberg, "Plug-and-play priors for model based reconstruction", 2013.
    Ryu, Liu, Wang, Chen, Wang, Yin, "Plug-and-play methods provably converge with properly trained denoisers", 2019.
    """

    def __init__(
        self,
        denoiser: Restorer,
        strength: float,
        *,
        units: Units | None = None,
        iterations: int = 50,
        tolerance: float = 1e-4,
        damping: float = 1.0,
    ) -> None:
        super().__init__()
        self.denoiser, self.strength, self.units = denoiser, checked(strength), units
        self.iterations, self.tolerance, self.damping = iterations, tolerance, damping

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the fixed point, (batch, channel, *space)."""
        return self.solve(given, self.strength)

    def solve(self, given: Measurement, strength: float, start: Tensor | None = None) -> Tensor:
        """Return the fixed point for another strength, from an image to start at."""
        problem, back, unit = data_term(given, self.units)

        def data(v: Tensor, rho: Tensor, x: Tensor) -> Tensor:
            return nearest(problem, back, rho, v, x)

        def prior(v: Tensor, step: Tensor) -> Tensor:
            return v + self.damping * (denoised(self.denoiser, v * unit) / unit - v)

        x = back if start is None else start / unit
        rho = torch.as_tensor(strength, dtype=back.real.dtype, device=back.device)
        return unit * admm(data, prior, x, rho, iterations=self.iterations, tolerance=self.tolerance)


def data_term(given: Measurement, units: Units | None) -> tuple[LeastSquares, Tensor, Tensor]:
    """Return the data term of a measurement, its right-hand side and the unit of x."""
    units = Units.of(given) if units is None else units.on(given)
    problem = LeastSquares(given, units)
    return problem, problem.back(), units.image


def nearest(problem: LeastSquares, back: Tensor, rho: Tensor, v: Tensor, x: Tensor) -> Tensor:
    """Return argmin_x ½‖y − Hx‖² + ρ/2 ‖x − v‖², from a start x, by conjugate gradients."""
    return conjugate_gradient(
        lambda u: problem.normal(u) + rho * u, back + rho * v, x=x, iterations=_INNER, tolerance=_ACCURATE
    )


def denoised(denoiser: Restorer, v: Tensor) -> Tensor:
    """Return D(v) for an image of any size, (batch, channel, *space), real or complex, each channel as an image."""
    if v.is_complex():
        parts = denoised(denoiser, torch.cat([v.real, v.imag]))
        return torch.complex(*parts.chunk(2))
    images = v.reshape(-1, 1, *v.shape[2:])
    space = v.shape[2:]
    beyond = [-n % step for n, step in zip(space, denoiser.stride(len(space)), strict=True)]
    if any(beyond):
        images = F.pad(images, [side for n in reversed(beyond) for side in (0, n)], mode="reflect")
    image: Tensor = denoiser(Measurement(y=images, operator=Identity()))
    for axis, n in enumerate(space, 2):
        image = image.narrow(axis, 0, n)
    return image.reshape(v.shape).to(v.dtype)


def checked(strength: float) -> float:
    """Return a strength that is positive."""
    if not strength > 0:
        raise InputError(f"The strength of a denoiser in an iteration is above zero; {strength} is not.")
    return strength
