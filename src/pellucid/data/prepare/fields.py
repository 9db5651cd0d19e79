"""Complex fields of light behind a sample, shape (view, row, column), brought to what diffraction tomography takes."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from skimage.restoration import unwrap_phase
from torch import Tensor

from pellucid._math.fft import fft, ifft
from pellucid.errors import InputError

_FAINT = 0.1  # of the largest phase: what may be background
_TOO_FEW = 8.0  # condition of the fit: angles cover less than about 140 degrees


def divided(field: Tensor, background: Tensor) -> Tensor:
    """Return u / u0.

    Parameters
    ----------
    field
        Recorded with the sample, (view, row, column), complex.
    background
        Recorded without it, (view, row, column), or (row, column) for all views.

    Raises
    ------
    InputError
        If the sizes differ or the background is dark somewhere.
    """
    if background.shape not in (field.shape, field.shape[1:]):
        raise InputError(
            f"The background has shape {tuple(background.shape)} and the fields {tuple(field.shape)}; record one for "
            "each view, or one for all, with the same detector."
        )
    if not bool((background.abs() > 0).all()):
        raise InputError("The background is zero somewhere, so that no field can be divided by it; record it again.")
    return field / background


def unwrapped(phase: Tensor) -> Tensor:
    """Return the phase of each view without its jumps, and with most of its border within pi of zero.

    The unwrapping is that of Herráez et al. as scikit-image has it, with a fixed seed.

    Parameters
    ----------
    phase
        In radians, (view, row, column).
    """
    views = [torch.from_numpy(unwrap_phase(view.numpy().astype(np.float64), rng=0)) for view in phase.cpu()]
    found = torch.stack(views)
    turns = torch.round(found[:, border(phase.shape[1:], 1)] / (2 * math.pi)).mode(dim=1).values
    return (found - 2 * math.pi * turns[:, None, None]).to(phase)


def rytov(field: Tensor) -> Tensor:
    """Return ln(u / u0) = ln |u / u0| + i φ of fields that were divided by their background, φ unwrapped.

    Raises
    ------
    InputError
        If a field vanishes somewhere.
    """
    amplitude = field.abs()
    if dark := int((amplitude == 0).sum()):
        raise InputError(
            f"The field is zero at {dark} pixels, and the Rytov approximation takes its logarithm; take the Born "
            "approximation, or crop these pixels away."
        )
    return torch.complex(amplitude.log(), unwrapped(field.angle()))


def levelled(logarithm: Tensor, width: int) -> Tensor:
    """Return ln(u / u0) less the plane that fits the border of each view: no offset, no tilt, amplitude one.

    Parameters
    ----------
    logarithm
        From `rytov`.
    width
        Of the border, in pixels; the sample should stay off it.
    """
    shape = logarithm.shape[1:]
    edge = border(shape, width)
    axes = [torch.linspace(-1, 1, n, dtype=torch.float64) for n in shape]
    row, column = torch.meshgrid(*axes, indexing="ij")
    plane = torch.stack([torch.ones_like(row), row, column], -1).to(torch.complex128)
    fit = torch.linalg.lstsq(plane[edge], logarithm[:, edge].T.to(torch.complex128).cpu()).solution
    return logarithm - torch.einsum("rcp,pv->vrc", plane, fit).to(logarithm)


def axis_of_rotation(scattered: Tensor, angles: Tensor, *, axis: Literal["Y", "X"]) -> float | None:
    r"""Return the pixel on which the axis of a turning sample falls, across that axis.

    The centre of mass of the phase swings around it, :math:`m(\theta) = c + z \sin \theta + x \cos \theta`: exactly so
    to first order, as the caps of all views touch in the origin of Fourier space.

    Parameters
    ----------
    scattered
        Rytov or Born fields, (view, row, column).
    angles
        In radians, (view,).
    axis
        ``Y``, along the columns of pixels, or ``X``, along the rows.

    Returns
    -------
    float or None
        None where the angles do not tell, or the mass lies off the detector.
    """
    phase = scattered.imag.double()
    phase = phase * phase.sum().sign()
    profile = torch.where(phase > _FAINT * phase.amax(), phase, 0.0).sum(1 if axis == "Y" else 2)
    place = (profile * torch.arange(profile.shape[1])).sum(1) / profile.sum(1)
    swing = torch.stack([torch.ones_like(angles), angles.cos(), angles.sin()], 1).double()
    if torch.linalg.cond(swing) > _TOO_FEW or not bool(place.isfinite().all()):
        return None
    return float(torch.linalg.lstsq(swing, place[:, None]).solution[0])


def refocused(
    field: Tensor, distance: float, wavenumber: float, *, directions: Tensor | None = None, sign: int = 1
) -> Tensor:
    r"""Return u / u0 in another plane, by the angular spectrum.

    .. math:: \hat u(\kappa) \mapsto \hat u(\kappa) \, e^{\pm i (k_z - k s_z) d}, \qquad
        |(\pm\kappa + k s_\perp, k_z)| = k

    Parameters
    ----------
    field
        (view, row, column).
    distance
        d, along the optical axis, in pixels.
    wavenumber
        k in the medium, in radians per pixel; what does not propagate is dropped.
    directions
        Unit vectors s of the illumination, (view, 3) in the order z, y, x; along z unless given.
    sign
        Of the convention exp(± i k · r).
    """
    s = torch.eye(3, dtype=torch.float64)[:1] if directions is None else directions.double()
    row, column = (2 * math.pi * (torch.arange(n, dtype=torch.float64) - n // 2) / n for n in field.shape[1:])
    lateral = (sign * row + wavenumber * s[:, 1:2])[:, :, None], (sign * column + wavenumber * s[:, 2:])[:, None]
    squared = wavenumber**2 - lateral[0] ** 2 - lateral[1] ** 2
    phase = sign * distance * (squared.clamp(min=0).sqrt() - wavenumber * s[:, :1, None])
    return ifft(fft(field, 2) * torch.polar((squared > 0).double(), phase).to(field), 2)


def padded(field: Tensor, width: int) -> Tensor:
    """Return (view, row, column) with its edge repeated `width` times on all four sides."""
    rows, columns = (torch.arange(-width, n + width).clamp(0, n - 1) for n in field.shape[1:])
    return field[:, rows[:, None], columns]


def border(shape: tuple[int, ...], width: int) -> Tensor:
    """Return which pixels (row, column) lie within `width` of an edge."""
    edge = torch.ones(*shape, dtype=torch.bool)
    edge[width:-width, width:-width] = False
    return edge
