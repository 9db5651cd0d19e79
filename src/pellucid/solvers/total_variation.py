"""Total variation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.solvers.differences import divergence, gradient
from pellucid.solvers.priors import Positivity, Prior, total
from pellucid.solvers.progress import Prox


@dataclass(frozen=True, kw_only=True)
class TotalVariation(Prior):
    """R(x) = Σ_i |∇x|_i, in two or three dimensions; of complex images the differences are complex.

    Parameters
    ----------
    isotropic
        |∇x| is the Euclidean length of the slope (isotropic), or the sum of the moduli of its components.
    positive
        Whether R is infinite where x is not real and at least zero.
    iterations
        Of the proximal map, which has no closed form.

    References
    ----------
    Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal algorithms", 1992.
    Chambolle, "An algorithm for total variation minimization and applications", 2004 (the dual).
    Beck, Teboulle, "Fast gradient-based algorithms for constrained total variation image denoising", 2009 (momentum).
    """

    isotropic: bool = True
    positive: bool = False
    iterations: int = 200

    def value(self, x: Tensor) -> Tensor:
        """Return the total variation."""
        variation = total(self._length(gradient(x)))
        return variation + Positivity().value(x) if self.positive else variation

    def prox(self, v: Tensor, strength: Tensor) -> Tensor:
        """Return argmin_x ½‖x − v‖² + strength · R(x) = P(v + div p), with p the dual solution, |p| <= strength."""
        return self._image(v, self._dual(v, strength, torch.zeros_like(gradient(v)), self.iterations))

    def warm(self, iterations: int) -> Prox:
        """Return the proximal map for a solver, where every call starts at the dual of the last, and so needs few."""
        dual: Tensor | None = None

        def prox(v: Tensor, strength: Tensor) -> Tensor:
            nonlocal dual
            start = torch.zeros_like(gradient(v)) if dual is None else dual
            dual = self._dual(v, strength, start, iterations)
            return self._image(v, dual)

        return prox

    def _dual(self, v: Tensor, strength: Tensor, p: Tensor, iterations: int) -> Tensor:
        """Maximise the dual over |p| <= strength; its gradient is ∇P(v + div p)."""
        bound = strength.unsqueeze(1) if strength.ndim else strength
        step = 1 / (4 * (v.ndim - 2))
        q, t = p, 1.0
        for _ in range(iterations):
            ascent = q + step * gradient(self._image(v, q))
            last, p = p, ascent * (bound / torch.maximum(self._length(ascent), bound).clamp(min=_TINY))
            later = (1 + (1 + 4 * t**2) ** 0.5) / 2
            q, t = p + (t - 1) / later * (p - last), later
        return p

    def _image(self, v: Tensor, p: Tensor) -> Tensor:
        """Return P(v + div p), with P the nearest image that is allowed."""
        x = v + divergence(p)
        return Positivity().prox(x) if self.positive else x

    def _length(self, slope: Tensor) -> Tensor:
        """Return |slope|, (batch, axis or 1, channel, *space)."""
        if not self.isotropic:
            return slope.abs()
        parts = torch.view_as_real(slope).square().sum(-1) if slope.is_complex() else slope.square()
        return parts.sum(1, keepdim=True).sqrt()


_TINY = 1e-37  # above zero in single precision
