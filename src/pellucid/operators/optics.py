"""A microscope objective, and the diffraction integral over its aperture."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import InputError

Number = float | Tensor
Term = tuple[float, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]
_CHUNK = 2**22  # Bessel functions at a time


@dataclass(frozen=True, kw_only=True)
class Optics:
    """The objective, and what lies between it and the point that shines. Numbers or tensors without axes.

    Parameters
    ----------
    na
        Numerical aperture, n sin α.
    wavelength_nm
        Of the emitted light, in vacuum.
    index
        Refractive index of the immersion medium as it is.
    sample_index
        Of the medium that the point lies in; `index` unless given.
    depth_nm
        Of the point below the coverslip.
    coverslip_index, coverslip_um
        Of the coverslip as it is.
    index_design, coverslip_index_design, coverslip_design_um
        What the objective is corrected for; unless given, what there is.
    working_distance_um
        Between objective and coverslip, by design.

    Raises
    ------
    InputError
        If the aperture is not between zero and the index of the immersion medium, or a number is not positive.
    """

    na: Number
    wavelength_nm: Number
    index: Number = 1.515
    sample_index: Number | None = None
    depth_nm: Number = 0.0
    coverslip_index: Number = 1.5
    coverslip_um: Number = 170.0
    index_design: Number | None = None
    coverslip_index_design: Number | None = None
    coverslip_design_um: Number | None = None
    working_distance_um: Number = 150.0

    def __post_init__(self) -> None:
        given = (self.na, self.index, self.wavelength_nm, self.depth_nm, self.sample)
        na, index, wavelength, depth, sample = (float(double(value).detach()) for value in given)
        if not 0 < na < index:
            raise InputError(
                f"A numerical aperture lies between 0 and the index of the immersion medium, {index:g}, but is {na:g}; "
                "check both (1 for air, 1.33 for water, 1.515 for oil)."
            )
        if not (wavelength > 0 and depth >= 0 and sample >= 1):
            raise InputError(
                "A wavelength is positive, a depth not negative and an index 1 or more, but these are "
                f"{wavelength:g} nm, {depth:g} nm and {sample:g}; check them."
            )

    @property
    def sample(self) -> Number:
        """Refractive index around the point."""
        return self.index if self.sample_index is None else self.sample_index

    @property
    def k(self) -> Tensor:
        """Wave number in vacuum, per nanometre."""
        return 2 * math.pi / double(self.wavelength_nm)

    def path(self, s: Tensor, z_nm: Tensor) -> Tensor:
        """Return the optical path difference of the ray n sin θ = s to the design, in nanometres.

        Gibson and Lanni's, with the point at its paraxial focus for z = 0; positive z focus deeper.
        """
        n, glass, sample = double(self.index), double(self.coverslip_index), double(self.sample)
        n0 = n if self.index_design is None else double(self.index_design)
        glass0 = glass if self.coverslip_index_design is None else double(self.coverslip_index_design)
        thick = 1e3 * double(self.coverslip_um)
        thick0 = thick if self.coverslip_design_um is None else 1e3 * double(self.coverslip_design_um)
        depth, distance0 = double(self.depth_nm), 1e3 * double(self.working_distance_um)
        distance = n * (thick0 / glass0 + distance0 / n0 - thick / glass - depth / sample) - z_nm
        media = ((sample, depth), (glass, thick), (n, distance), (glass0, -thick0), (n0, -distance0))
        return sum((length * (index**2 - s**2).sqrt() for index, length in media), torch.zeros(()))

    def rays(self) -> tuple[Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], Tensor]:
        """Return what `diffraction` asks of rays at an angle θ in the immersion medium, and the largest angle."""
        n = double(self.index)
        apertures = [double(value) for value in (self.na, self.coverslip_index, self.sample)]
        if self.index_design is not None:
            apertures.append(double(self.index_design))
        if self.coverslip_index_design is not None:
            apertures.append(double(self.coverslip_index_design))

        def ray(theta: Tensor, z_nm: Tensor) -> tuple[Tensor, Tensor]:
            s = n * theta.sin()
            return s, self.path(s, z_nm)

        return ray, torch.asin(torch.stack(apertures).min() / n)


def double(value: Number) -> Tensor:
    """Return a number as a tensor of double precision."""
    return torch.as_tensor(value, dtype=torch.float64)


@dataclass(frozen=True)
class Grid:
    """Where a PSF is evaluated.

    Parameters
    ----------
    z_nm
        Of each plane.
    radius_nm
        All distances from the axis that occur.
    which
        Index of the distance of each point, (row, its parts, column, its parts).
    """

    z_nm: Tensor
    radius_nm: Tensor
    which: Tensor

    @classmethod
    def of(cls, shape: Sequence[int], pixel_size_nm: float, plane_spacing_nm: float | None, subpixels: int) -> Grid:
        """Return the grid of a PSF of this shape.

        Raises
        ------
        InputError
            If a size is missing or not positive.
        """
        needed = (pixel_size_nm, plane_spacing_nm) if len(shape) == 3 else (pixel_size_nm,)
        if len(shape) not in (2, 3) or any(size is None or not size > 0 for size in needed):
            raise InputError(
                "A PSF has two axes and a pixel size, or three and a plane spacing too, all positive, but this has "
                f"shape {tuple(shape)}, pixels of {pixel_size_nm} nm and planes of {plane_spacing_nm} nm; give all."
            )
        planes = shape[0] if len(shape) == 3 else 1
        z = (torch.arange(planes, dtype=torch.float64) - planes // 2) * (plane_spacing_nm or 0.0)
        part = 2 * torch.arange(subpixels) + 1 - subpixels  # in units of 1 / (2 subpixels) of a pixel
        rows, columns = ((2 * subpixels * (torch.arange(n) - n // 2)[:, None] + part) for n in shape[-2:])
        squared = rows[:, :, None, None] ** 2 + columns[None, None] ** 2
        distinct, which = torch.unique(squared, return_inverse=True)
        return cls(z, distinct.double().sqrt() * pixel_size_nm / (2 * subpixels), which)

    def spread(self, profile: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the PSF of unit sum from its profile, (plane, radius); the mean over the parts of a pixel."""
        psf = torch.stack([plane[self.which].mean((1, 3)) for plane in profile]).reshape(1, 1, *shape)
        return psf / psf.sum()


def diffraction(
    grid: Grid, k: Tensor, limit: Tensor, ray: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], terms: Sequence[Term]
) -> Tensor:
    """Return Σ_j c_j |∫ w_j(u) J_j(k s(u) r) exp(i k path(u, z)) du|² over u from 0 to `limit`, (plane, radius).

    By Gauss-Legendre quadrature, with two nodes or more for every period of the integrand.

    Parameters
    ----------
    grid
        Planes z and radii r.
    k
        Wave number.
    limit
        Of u, which says where a ray meets the aperture.
    ray
        Maps u, (node,), and z, (plane, 1), to s(u), (node,), and path(u, z), (plane, node).
    terms
        The c_j, w_j and J_j.
    """
    z, r = grid.z_nm[:, None], grid.radius_nm
    with torch.no_grad():
        s, path = ray(limit * torch.linspace(0, 1, 258, dtype=torch.float64)[1:-1], z)
        phases = k * (path.diff(dim=-1).abs().sum(-1).max() + s.max() * r.max())
    node, weight = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(32 + int(phases)))
    u = limit * (node + 1) / 2
    s, path = ray(u, z)
    wave = torch.polar(weight.expand_as(path) * limit / 2, k * path)
    intensity = torch.zeros(())
    for factor, amplitude, bessel in terms:
        rays = wave * amplitude(u)
        parts = [bessel(k * s[:, None] * radii) for radii in torch.split(r, max(1, _CHUNK // len(node)))]
        real, imaginary = (torch.cat([part @ waves for waves in parts], 1) for part in (rays.real, rays.imag))
        intensity = intensity + factor * (real**2 + imaginary**2)
    return intensity
