"""Proteins of Gaussian blobs, whose density and projections are known exactly, in two conformations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid._math.rotations import from_euler, uniform_rotations
from pellucid.data.measurement import Measurement
from pellucid.noise import Gaussian
from pellucid.operators.cryo import CentralSlices
from pellucid.operators.ctf import ctf


@dataclass(frozen=True)
class Protein:
    """A sum of isotropic Gaussian blobs.

    Parameters
    ----------
    centres
        (z, y, x) in pixels from the centre of the box, shape (blob, 3).
    widths
        Standard deviations in pixels, shape (blob,).
    masses
        Integrals of the blobs, shape (blob,).
    """

    centres: Tensor
    widths: Tensor
    masses: Tensor

    def volume(self, size: int) -> Tensor:
        """Return the density at the voxels of a box, shape (1, 1, size, size, size); its centre is size // 2."""
        z, y, x = (self._profile(self.centres[:, axis], size) for axis in range(3))
        return torch.einsum("b,bz,by,bx->zyx", self.masses, z, y, x)[None, None]

    def projections(self, size: int, rotations: Tensor, shifts: Tensor | None = None) -> Tensor:
        """Return its integrals along z after each rotation.

        Parameters
        ----------
        size
            Of the images.
        rotations
            (z, y, x) matrices from the protein's frame to the image's, shape (batch, view, 3, 3).
        shifts
            (y, x) in pixels, shape (batch, view, 2).

        Returns
        -------
        Tensor
            Shape (batch, 1, view, size, size).
        """
        seen = torch.einsum("nvij,bj->nvbi", rotations.to(self.centres.dtype), self.centres)[..., 1:]
        seen = seen if shifts is None else seen + shifts.to(seen.dtype)[:, :, None]
        y, x = (self._profile(seen[..., axis], size) for axis in (0, 1))
        return torch.einsum("b,nvby,nvbx->nvyx", self.masses, y, x)[:, None]

    def turned(self, blobs: Tensor, rotation: Tensor, hinge: Tensor) -> Protein:
        """Return the protein with some blobs rotated about a point: another conformation.

        Parameters
        ----------
        blobs
            Which, a mask of shape (blob,).
        rotation
            A (z, y, x) matrix, shape (3, 3).
        hinge
            (z, y, x) in pixels from the centre, shape (3,).
        """
        moved = (self.centres - hinge) @ rotation.mT + hinge
        return replace(self, centres=torch.where(blobs[:, None], moved, self.centres))

    def _profile(self, at: Tensor, size: int) -> Tensor:
        """Return normalised Gaussian profiles about positions (..., blob) at the pixels, (..., blob, size)."""
        pixels = torch.arange(size, dtype=at.dtype, device=at.device) - size // 2
        widths = self.widths[:, None]
        return torch.exp(-0.5 * ((pixels - at[..., None]) / widths) ** 2) / (math.sqrt(2 * math.pi) * widths)


def protein(size: int, rng: torch.Generator, *, blobs: int = 60) -> Protein:
    """Return a protein of two domains: a large one, and an arm along x that `opened` turns.

    Parameters
    ----------
    size
        Of the box in pixels; the protein, with its arm in any position, stays in the ball it encloses.
    rng
        Where the blobs lie.
    blobs
        How many; a third makes the arm.
    """
    arm = torch.arange(blobs) >= blobs - blobs // 3
    drawn = torch.randn(blobs, 3, generator=rng).clamp(-1.8, 1.8)
    body = torch.tensor([0.09, 0.10, 0.08]) * drawn + torch.tensor([0.0, 0.02, -0.10])
    reach = torch.tensor([0.03, 0.03, 0.06]) * drawn + torch.tensor([0.0, 0.04, 0.18])
    widths = (size * (0.018 + 0.012 * torch.rand(blobs, generator=rng))).clamp(min=1.1)
    masses = 0.5 + torch.rand(blobs, generator=rng)
    return Protein(size * torch.where(arm[:, None], reach, body), widths, masses)


def opened(closed: Protein, size: int, angle: float = 0.9) -> Protein:
    """Return the second conformation of a `protein` in a box of that size: its arm turned about z at its root."""
    arm = closed.centres[:, 2] > 0.06 * size
    return closed.turned(arm, from_euler(torch.tensor([0.0, 0.0, -angle])), torch.tensor([0.0, 0.02, 0.06]) * size)


def particles(
    blobs: Protein,
    size: int,
    count: int,
    rng: torch.Generator,
    *,
    pixel_size_angstrom: float = 4.0,
    defocus_um: tuple[float, float] = (1.0, 2.0),
    shift: float = 1.0,
    snr: float = 0.1,
) -> Measurement:
    """Return images of a protein in unknown orientations, as a microscope records them.

    Parameters
    ----------
    blobs
        The protein; its projections are exact, not those of a volume.
    size
        Of the images in pixels.
    count
        How many, one view each; their poses and foci are in the operator that comes with them.
    rng
        Where rotations (uniform), shifts, foci and noise come from.
    pixel_size_angstrom
        For the contrast transfer function, of a microscope of 300 kV.
    defocus_um
        Least and largest.
    shift
        Standard deviation in pixels.
    snr
        Variance of the noiseless images over that of the noise.

    Returns
    -------
    Measurement
        `y` of shape (1, 1, count, size, size).
    """
    rotations = uniform_rotations(count, rng)[None]
    shifts = shift * torch.randn(1, count, 2, generator=rng)
    low, high = defocus_um
    foci = low + (high - low) * torch.rand(1, count, generator=rng)
    transfer = ctf(size, pixel_size_angstrom=pixel_size_angstrom, defocus_um=foci)
    spectra = torch.fft.rfft2(blobs.projections(size, rotations, shifts)) * transfer[:, None]
    seen = torch.fft.irfft2(spectra, s=(size, size))
    noise = Gaussian(float(seen.std()) / math.sqrt(snr))
    operator = CentralSlices(rotations, size=size, shifts=shifts, transfer=transfer)
    return Measurement(y=noise.sample(seen, rng), operator=operator, noise=noise)
