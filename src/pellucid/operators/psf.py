"""Point-spread functions of a wide-field microscope.

All return (1, 1, *shape) in double precision, of unit sum and centred at n // 2 on each axis, and can be differentiated
in the optics. Positive z focus deeper into the sample. Light is unpolarised; the point radiates alike to all sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from pellucid._math.bessel import j0, j1, j1_over, j2
from pellucid.errors import InputError
from pellucid.operators.optics import Grid, Optics, diffraction, double

Shape = Sequence[int]


def gaussian(
    shape: Shape,
    optics: Optics,
    *,
    pixel_size_nm: float,
    plane_spacing_nm: float | None = None,
    subpixels: int = 1,
) -> Tensor:
    """Return exp(-r² / 2σ² - z² / 2τ²), σ = √2 / (k NA), τ = 2 √6 n / (k NA²): the best Gaussian for a low aperture.

    Parameters
    ----------
    shape
        (plane, row, column) or (row, column).
    optics
        The objective.
    pixel_size_nm, plane_spacing_nm
        In the sample; no spacing for a single plane.
    subpixels
        Along a row and a column, how many points the mean over a pixel is taken of.

    References
    ----------
    Zhang, Zerubia, Olivo-Marin, "Gaussian approximations of fluorescence microscope point-spread function models",
    Applied Optics 46 (2007), table 1.

    Examples
    --------
    >>> gaussian((5, 5), Optics(na=0.5, wavelength_nm=500), pixel_size_nm=200).shape
    torch.Size([1, 1, 5, 5])
    """
    grid = Grid.of(shape, pixel_size_nm, plane_spacing_nm, subpixels)
    na = double(optics.na)
    sigma, tau = math.sqrt(2) / (optics.k * na), 2 * math.sqrt(6) * double(optics.index) / (optics.k * na**2)
    along = torch.exp(-((grid.z_nm / tau) ** 2) / 2)
    return grid.spread(along[:, None] * torch.exp(-((grid.radius_nm / sigma) ** 2) / 2), shape)


def airy(shape: Shape, optics: Optics, *, pixel_size_nm: float, subpixels: int = 1) -> Tensor:
    """Return (2 J1(v) / v)², v = k NA r: the image of a point in focus. Its first zero lies at 0.61 λ / NA.

    Parameters
    ----------
    shape
        (row, column).
    optics, pixel_size_nm, subpixels
        As in `gaussian`.

    Raises
    ------
    InputError
        For a volume: it has no focus to be in.
    """
    if len(shape) != 2:
        raise InputError(f"The Airy pattern has two axes, but the shape is {tuple(shape)}; use Born-Wolf for a volume.")
    grid = Grid.of(shape, pixel_size_nm, None, subpixels)
    return grid.spread((2 * j1_over(optics.k * double(optics.na) * grid.radius_nm))[None] ** 2, shape)


def born_wolf(
    shape: Shape,
    optics: Optics,
    *,
    pixel_size_nm: float,
    plane_spacing_nm: float | None = None,
    subpixels: int = 1,
) -> Tensor:
    """Return |∫ J0(k NA ρ r) exp(-i k z NA² ρ² / 2n) ρ dρ|² over ρ from 0 to 1.

    Parameters
    ----------
    shape, optics, pixel_size_nm, plane_spacing_nm, subpixels
        As in `gaussian`; all but aperture, wavelength and index of the immersion are not used.

    Notes
    -----
    Paraxial: at high apertures it is too long along the axis, by half for 1.4 in oil.

    References
    ----------
    Born, Wolf, "Principles of optics", section 8.8.
    """
    grid = Grid.of(shape, pixel_size_nm, plane_spacing_nm, subpixels)
    na = double(optics.na)

    def ray(rho: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        return na * rho, -z * (na * rho) ** 2 / (2 * double(optics.index))

    one = torch.ones((), dtype=torch.float64)
    return grid.spread(diffraction(grid, optics.k, one, ray, [(1.0, lambda rho: rho, j0)]), shape)


def gibson_lanni(
    shape: Shape,
    optics: Optics,
    *,
    pixel_size_nm: float,
    plane_spacing_nm: float | None = None,
    subpixels: int = 1,
) -> Tensor:
    """Return |∫ J0(k NA ρ r) exp(i k OPD(ρ, z)) ρ dρ|²: scalar, with what the layers above the point do.

    Parameters
    ----------
    shape, optics, pixel_size_nm, plane_spacing_nm, subpixels
        As in `gaussian`.

    Notes
    -----
    Rays beyond the critical angle of the sample or the coverslip are left out. z = 0 is the paraxial focus: where
    indices differ, the brightest plane may be another.

    References
    ----------
    Gibson, Lanni, "Experimental test of an analytical model of aberration in an oil-immersion objective lens used in
    three-dimensional light microscopy", Journal of the Optical Society of America A 9 (1992).
    """
    grid = Grid.of(shape, pixel_size_nm, plane_spacing_nm, subpixels)
    ray, limit = optics.rays()
    scalar = (1.0, lambda theta: theta.sin() * theta.cos(), j0)  # ρ dρ
    return grid.spread(diffraction(grid, optics.k, limit, ray, [scalar]), shape)


def vectorial(
    shape: Shape,
    optics: Optics,
    *,
    pixel_size_nm: float,
    plane_spacing_nm: float | None = None,
    subpixels: int = 1,
) -> Tensor:
    """Return |I0|² + 2 |I1|² + |I2|²: Richards and Wolf's integrals, for high apertures.

    I0 = ∫ √cos θ sin θ (t_s + t_p cos θ_s) J0(k r n sin θ) exp(i k OPD(θ, z)) dθ,
    I1 = ∫ √cos θ sin θ t_p sin θ_s J1(…) …, and I2 = ∫ √cos θ sin θ (t_s - t_p cos θ_s) J2(…) …,
    with Fresnel's transmissions t from immersion through coverslip to sample, where the angle is θ_s.

    Parameters
    ----------
    shape, optics, pixel_size_nm, plane_spacing_nm, subpixels
        As in `gaussian`.

    Notes
    -----
    Freely turning molecules are taken to absorb alike in all directions. Rays as in `gibson_lanni`.

    References
    ----------
    Richards, Wolf, "Electromagnetic diffraction in optical systems II", Proceedings of the Royal Society A 253 (1959).
    Török, Varga, "Electromagnetic diffraction of light focused through a stratified medium", Applied Optics 36 (1997).
    """
    grid = Grid.of(shape, pixel_size_nm, plane_spacing_nm, subpixels)
    ray, limit = optics.rays()

    def transmission(theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return t_s and t_p times the apodisation, and cosine and sine of θ_s."""
        indices = [double(index) for index in (optics.index, optics.coverslip_index, optics.sample)]
        s = indices[0] * theta.sin()
        normals = [(index**2 - s**2).sqrt() for index in indices]  # n cos θ
        ts = tp = theta.cos().sqrt() * theta.sin()
        for (n, m), (a, b) in zip(pairwise(indices), pairwise(normals), strict=True):
            ts, tp = ts * 2 * a / (a + b), tp * 2 * a / (a * m / n + b * n / m)
        return ts, tp, normals[2] / indices[2], s / indices[2]

    def i0(theta: Tensor) -> Tensor:
        ts, tp, cosine, _ = transmission(theta)
        return ts + tp * cosine

    def i1(theta: Tensor) -> Tensor:
        _, tp, _, sine = transmission(theta)
        return tp * sine

    def i2(theta: Tensor) -> Tensor:
        ts, tp, cosine, _ = transmission(theta)
        return ts - tp * cosine

    profile = diffraction(grid, optics.k, limit, ray, [(1.0, i0, j0), (2.0, i1, j1), (1.0, i2, j2)])
    return grid.spread(profile, shape)


def confocal(excitation: Tensor, emission: Tensor) -> Tensor:
    """Return the PSF of a confocal microscope with a pinhole that is a point: the product, of unit sum."""
    psf = excitation * emission
    return psf / psf.sum()
