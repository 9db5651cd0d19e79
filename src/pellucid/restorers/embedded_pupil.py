"""Fourier ptychography by alternating projections, which find the aberrations of the objective as well."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._math.fft import fft, ifft
from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.operators.ptychography import FourierPtychography
from pellucid.restorers.base import Restorer


class EmbeddedPupil(Restorer):
    """Gives each view in turn its recorded amplitude, and corrects object and pupil by what that changes.

    With S the spectrum of the object in the window of a view, P the pupil of that view without aberrations, A the
    aberration that all views share, and Δ = F(√y · φ / |φ|) - P A S with φ = F⁻¹(P A S),

        S ← S + η (P A)* Δ / max |A|²,    A ← A + η (P S)* Δ / max |S|²,    η = 1 / (1 + pass).

    Parameters
    ----------
    iterations
        Passes over all views, from the central ones to the outer ones.
    pupil
        Whether the aberration is corrected, from the second pass on.

    Notes
    -----
    The paper has η = 1, which ends wherever the last views pull to. With a falling step the passes converge, as those
    of every incremental method do.

    References
    ----------
    Ou, Zheng, Yang, "Embedded pupil function recovery for Fourier ptychographic microscopy", Optics Express 22, 2014.
    """

    def __init__(self, *, iterations: int = 20, pupil: bool = True) -> None:
        super().__init__()
        self.iterations, self.pupil = iterations, pupil

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the complex object, (batch, 1, *space)."""
        return self.recover(given)[0]

    @torch.no_grad()
    def recover(self, given: Measurement) -> tuple[Tensor, FourierPtychography]:
        """Return the object, and the operator with the pupil that was found.

        Parameters
        ----------
        given
            Intensities; a view whose weight is zero is left out, but has the pupil that the others find.

        Raises
        ------
        InputError
            Where the operator is not that of Fourier ptychography, or an intensity is negative.
        """
        operator = given.operator
        if not isinstance(operator, FourierPtychography):
            raise InputError(
                f"Embedded pupil recovery needs Fourier ptychography, but the instrument is {type(operator).__name__}: "
                "use another method."
            )
        if bool((given.y < 0).any()):
            raise InputError(
                f"Intensities are not negative, but {int((given.y < 0).sum()):,} recorded values are (down to "
                f"{float(given.y.min()):g}): subtract less background, or set them to zero."
            )
        weight = torch.ones_like(given.y[:1]) if given.weight is None else given.weight
        seen = (weight.expand(given.y.shape) > 0).any(-1).any(-1)[:, 0]
        found = [self._alternate(operator[i], given.y[i : i + 1], seen[i]) for i in range(len(given.y))]
        objects, pupils = (torch.cat(part) for part in zip(*found, strict=True))
        return objects, operator.with_pupil(pupils)

    def _alternate(self, operator: FourierPtychography, y: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return object and pupils of one entry of the batch, from the views that are seen."""
        fields, amplitudes, views = operator.fields, y[0, 0].sqrt(), seen.nonzero()[:, 0]
        spectrum = fields.scale * fft(operator.views(views).backproject(y[:, :, views])[0, 0], 2)
        lenses = fields.complex_pupil(y)[0].expand(len(amplitudes), -1, -1)
        aberration = torch.ones_like(lenses[0])
        (rows, columns), corners = fields.shape, fields.corners[0]
        tilts = torch.linalg.vector_norm(fields.shifts[0, views].double(), dim=1)
        order = views[tilts.argsort(stable=True)].tolist()
        for k in range(self.iterations):
            step = 1 / (1 + k)
            for view in order:
                top, left = corners[view]
                window = spectrum[top : top + rows, left : left + columns]
                before, lens = window.clone(), lenses[view] * aberration
                wave = lens * before
                change = fft(amplitudes[view] * torch.sgn(ifft(wave, 2)), 2) - wave
                window += step * lens.conj() * change / aberration.abs().amax() ** 2
                if self.pupil and k > 0:
                    weight = (lenses[view] * before).conj() / before.abs().amax().clamp(min=1e-30) ** 2
                    aberration = aberration + step * weight * change
        return ifft(spectrum, 2)[None, None] / fields.scale, (lenses * aberration)[None]
