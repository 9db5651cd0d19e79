"""Regularisation by denoising."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.restorers.base import Restorer
from pellucid.restorers.least_squares import Units
from pellucid.restorers.plug_and_play import checked, data_term, denoised, nearest
from pellucid.solvers.progress import Progress


class RED(Restorer):
    """The image at which the pull of the data and that of a denoiser D balance: H*(Hx − y) + λ (x − D(x)) = 0.

        x ← argmin_x ½‖y − Hx‖² + λ/2 ‖x − D(x_last)‖²,

    which converges for a D that is not expansive. For a linear symmetric D it minimises
    ½‖y − Hx‖² + λ/2 xᵀ(x − Dx).

    Parameters
    ----------
    denoiser
        Any restorer of noisy images, in the units of x. Of complex images it sees real and imaginary part, each as an
        image of its own.
    strength
        λ / ‖H‖², without units.
    units
        Of x and H; those of what is given unless stated.
    iterations, tolerance
        At most; it ends at this relative change.

    References
    ----------
    Romano, Elad, Milanfar, "The little engine that could: regularization by denoising (RED)", 2017.
    Reehorst, Schniter, "Regularization by denoising: clarifications and new interpretations", 2019 (the fixed point
    as such, and this iteration).
    """

    def __init__(
        self,
        denoiser: Restorer,
        strength: float,
        *,
        units: Units | None = None,
        iterations: int = 100,
        tolerance: float = 1e-4,
    ) -> None:
        super().__init__()
        self.denoiser, self.strength, self.units = denoiser, checked(strength), units
        self.iterations, self.tolerance = iterations, tolerance

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the fixed point, (batch, channel, *space)."""
        return self.solve(given, self.strength)

    def solve(self, given: Measurement, strength: float, start: Tensor | None = None) -> Tensor:
        """Return the fixed point for another strength, from an image to start at."""
        problem, back, unit = data_term(given, self.units)
        progress = Progress(self.iterations, self.tolerance, None)
        x = back if start is None else start / unit
        weight = torch.as_tensor(strength, dtype=back.real.dtype, device=back.device)
        for k in range(self.iterations):
            last, x = x, nearest(problem, back, weight, denoised(self.denoiser, x * unit) / unit, x)
            if progress.due(k) and progress.settled(k, x - last, x):
                break
        return x * unit
