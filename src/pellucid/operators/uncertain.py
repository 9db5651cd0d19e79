"""Blurs whose point-spread function is not quite what was told."""

from __future__ import annotations

import torch
from torch.nn import functional

from pellucid.errors import InputError
from pellucid.operators.base import OperatorPrior
from pellucid.operators.blur import Blur


class UncertainWidth(OperatorPrior):
    """A PSF that is wider or narrower than a known one, by a factor that is uniform about one.

    Parameters
    ----------
    blur
        With the known PSF, of two or three axes.
    doubt
        The factor is from 1 - doubt to 1 + doubt.

    Raises
    ------
    InputError
        If the doubt is not in [0, 1).

    Notes
    -----
    The PSF is interpolated linearly between its samples about its centre, is zero beyond them, and keeps its sum.
    """

    def __init__(self, blur: Blur, doubt: float) -> None:
        if not 0 <= doubt < 1:
            raise InputError(f"The doubt about the width of a PSF is a part of it, from 0 to below 1, not {doubt:g}.")
        self.blur, self.doubt = blur, doubt
        middle = [(2 * (n // 2) + 1) / n - 1 for n in reversed(blur.taps)]  # -1 and 1 are the ends of an axis
        self.middle = torch.tensor(middle).to(blur.kernel)

    def draw(self, count: int, rng: torch.Generator) -> Blur:
        """Return the blurs of `count` independent draws."""
        psf, taps = self.blur.kernel, self.blur.taps
        factor = 1 + self.doubt * (2 * torch.rand(count, 1, 1, generator=rng, device=psf.device, dtype=psf.dtype) - 1)
        shrink = torch.eye(len(taps), device=psf.device, dtype=psf.dtype) / factor
        places = torch.cat([shrink, (self.middle - shrink @ self.middle)[..., None]], 2)
        grid = functional.affine_grid(places, [count, 1, *taps], align_corners=False)
        scaled = functional.grid_sample(psf.expand(count, *psf.shape[1:]), grid, align_corners=False)
        axes = tuple(range(2, psf.ndim))
        return Blur(scaled * psf.sum(axes, keepdim=True) / scaled.sum(axes, keepdim=True), self.blur.boundary)
