"""Optical diffraction tomography: an object seen by the light that it scatters once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pellucid._math.fft import fft, ifft
from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Rows, pick
from pellucid.operators.ewald import caps, density, middle
from pellucid.operators.nufft import NonUniformFourier


@dataclass(frozen=True, kw_only=True)
class Optics:
    r"""The microscope of a diffraction tomograph; lengths in pixels of the detector, projected into the sample.

    Parameters
    ----------
    wavenumber
        :math:`k_m = 2 \pi n_m / \lambda` in the medium, in radians per pixel.
    aperture
        Sine of the largest angle to the optical axis that is detected, :math:`\mathrm{NA} / n_m`. Nearer to one,
        grazing waves count more and more, as :math:`1 / k_z`.
    distance
        From the centre of the object to the plane in focus, along the optical axis; negative before it.
    sign
        Of the convention: plane waves are :math:`\exp(\pm i k \cdot r)`, and denser matter delays the phase by
        :math:`\pm`.
    centre
        Where on the detector the pivot of the object is seen: (row, column), in pixels; the middle unless given.
    """

    wavenumber: float
    aperture: float = 0.98
    distance: float = 0.0
    sign: Literal[1, -1] = 1
    centre: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.wavenumber < math.inf or not 0 < self.aperture < 1 or self.sign not in (1, -1):
            raise InputError(
                f"Optics need a positive wavenumber, an aperture between 0 and 1 and the sign 1 or -1, but came with "
                f"{self.wavenumber:g}, {self.aperture:g} and {self.sign}; check wavelength, index and aperture."
            )


class DiffractionTomography(LinearOperator):
    r"""H f = the first-order scattered field of each view, by the Fourier diffraction theorem.

    .. math:: \hat u_v(\kappa) = \frac{i}{2 k_z} e^{i (k_z - k_m s_z) l} \, \hat f(R_v^\top (k - k_m s_v)), \qquad
        k = (\kappa + k_m s_\perp, k_z), \quad |k| = k_m

    with :math:`f = k_m^2 ((n / n_m)^2 - 1)` in radians² per pixel². The field is :math:`u_s / u_0` in the Born
    approximation and :math:`\ln(u / u_0)` in that of Rytov: both are the same linear map [1]_ [2]_.

    Parameters
    ----------
    rotations
        How each view turns the object, r -> R r, matrices in the order z, y, x; shape (1 or B, view, 3, 3).
    directions
        Unit vectors s along which each view is illuminated, in the order z, y, x; shape (view, 3).
    optics
        The microscope.
    space
        Voxels of the object (plane, row, column), as large as the pixels.
    detector
        Pixels of the fields (row, column); those of `space` unless given.
    pivot
        About which the views turn the object: (z, y, x) from the middle of the volume. Unless given, as far from it as
        the detector sees it from its own middle, in the middle plane: voxels lie before the pixels of their place.

    Raises
    ------
    InputError
        If rotations and directions do not fit, or the pixels are too coarse for the scattered waves.

    Notes
    -----
    The detector is periodic: light that leaves at one side enters at the other, so give fields a margin. Waves outside
    the aperture are not recorded. `backproject` is the inverse transform with each frequency counted by the part of
    Fourier space that it stands for, found by iterated gridding [3]_, at most one voxel; what no view sees stays zero.

    References
    ----------
    .. [1] E. Wolf, "Three-dimensional structure determination of semi-transparent objects from holographic data",
       Opt. Commun. 1, 1969.
    .. [2] P. Müller, M. Schürmann, J. Guck, "The theory of diffraction tomography", arXiv:1507.00466, 2015.
    .. [3] J. G. Pipe, P. Menon, "Sampling density compensation in MRI: rationale and an iterative numerical solution",
       Magn. Reson. Med. 41, 1999.

    Examples
    --------
    >>> angles = torch.linspace(0, 2 * torch.pi, 6)[:-1]
    >>> views = DiffractionTomography.turning(angles, Optics(wavenumber=1.2), space=(8, 8, 8))
    >>> views(torch.ones(1, 1, 8, 8, 8, dtype=torch.complex64)).shape
    torch.Size([1, 1, 5, 8, 8])
    """

    index: Tensor
    gain: Tensor
    phase: Tensor

    def __init__(
        self,
        rotations: Tensor,
        directions: Tensor,
        optics: Optics,
        *,
        space: tuple[int, int, int],
        detector: tuple[int, int] | None = None,
        pivot: tuple[float, float, float] | None = None,
    ) -> None:
        super().__init__()
        views = len(directions)
        if rotations.shape[1:] != (views, 3, 3) or directions.shape[1:] != (3,) or not views:
            raise InputError(
                f"Views need rotations of shape (1 or batch, view, 3, 3) and directions of shape (view, 3), but came "
                f"as {tuple(rotations.shape)} and {tuple(directions.shape)}; give one of each for every view."
            )
        if not torch.allclose(directions.norm(dim=1), torch.ones_like(directions[:, 0]), atol=1e-3):
            raise InputError("Directions of illumination must be unit vectors (z, y, x): divide each by its length.")
        detector = detector or space[1:]
        index, lateral, axial = caps(directions.double(), optics.wavenumber, optics.aperture, optics.sign, detector)
        view = index // math.prod(detector)
        k = torch.cat([optics.sign * (axial - optics.wavenumber * directions.double()[view, :1]), lateral], 1)
        points = torch.einsum("jz,bjzd->bdj", k, rotations.double()[:, view])
        if float(points.abs().max()) > math.pi:
            raise InputError(
                f"The scattered waves reach {float(points.abs().max()):.3g} radians per pixel and pixels hold pi: give "
                "smaller pixels (or interpolate the fields), or a lower numerical aperture."
            )
        self.register_buffer("index", index)
        self.register_buffer("gain", math.sqrt(math.prod(space) / math.prod(detector)) / (2 * axial[:, 0]))
        aside = _aside(optics, detector)
        turns_at = middle(space) + torch.tensor(pivot or (0.0, *aside), dtype=torch.float64)
        shift = torch.einsum("d,bdj->bj", turns_at, points) - lateral @ (middle(detector) + aside)
        self.register_buffer("phase", optics.sign * math.pi / 2 + k[:, 0] * optics.distance + shift)
        self.fourier = NonUniformFourier(points, space=space, density=density(points, space, detector))
        self.optics, self.views = optics, (views, *detector)
        self.in_shape, self.out_shape = (1, *space), (1, *self.views)

    @classmethod
    def turning(
        cls,
        angles: Tensor,
        optics: Optics,
        *,
        space: tuple[int, int, int],
        detector: tuple[int, int] | None = None,
        axis: Literal["Y", "X"] = "Y",
    ) -> DiffractionTomography:
        """Return the views of a sample that turns in a beam along z.

        Parameters
        ----------
        angles
            In radians, shape (view,); positive from z to x about Y, from y to z about X.
        optics, space, detector
            As in the class.
        axis
            About which it turns: ``Y``, along the columns of pixels, or ``X``, along the rows. It is as far from the
            middle plane as from the middle of the detector.
        """
        cos, sin, one, zero = angles.cos(), angles.sin(), torch.ones_like(angles), torch.zeros_like(angles)
        about_y = [cos, zero, -sin, zero, one, zero, sin, zero, cos]
        about_x = [cos, sin, zero, -sin, cos, zero, zero, zero, one]
        rotations = torch.stack(about_y if axis == "Y" else about_x, -1).reshape(1, -1, 3, 3)
        directions = torch.eye(3, dtype=angles.dtype)[:1].repeat(len(angles), 1)
        row, column = _aside(optics, detector or space[1:]).tolist()
        pivot = (column if axis == "Y" else row, row, column)
        return cls(rotations, directions, optics, space=space, detector=detector, pivot=pivot)

    @classmethod
    def illuminated(
        cls,
        directions: Tensor,
        optics: Optics,
        *,
        space: tuple[int, int, int],
        detector: tuple[int, int] | None = None,
    ) -> DiffractionTomography:
        """Return the views of a sample at rest in beams along `directions`, unit vectors (view, 3) in z, y, x."""
        rotations = torch.eye(3, dtype=directions.dtype).expand(1, len(directions), 3, 3)
        return cls(rotations, directions, optics, space=space, detector=detector)

    @property
    def frequencies(self) -> Tensor:
        """Where the object is seen in its Fourier space: radians per pixel in z, y, x, (1 or B, 3, count)."""
        return self.fourier.points

    def fields(self, spectrum: Tensor) -> Tensor:
        r"""Return the fields of an object with this spectrum.

        Parameters
        ----------
        spectrum
            :math:`\hat f(K) = \sum_n f_n \exp(-i K \cdot n) / \sqrt{N}` at `frequencies`, with n counted from the
            voxel N // 2 along each axis; shape (batch, 1, count).
        """
        values = spectrum * self._factor(spectrum)
        grid = values.new_zeros(*values.shape[:2], math.prod(self.views)).index_copy(-1, self.index, values)
        return ifft(grid.reshape(*values.shape[:2], *self.views), 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return the fields of the object x, (batch, 1, plane, row, column), as (batch, 1, view, row, column)."""
        return self.fields(self.fourier(x))

    def adjoint(self, y: Tensor) -> Tensor:
        """Return H* y, (batch, 1, plane, row, column)."""
        spectrum = self._gathered(y)
        return self.fourier.adjoint(spectrum * self._factor(spectrum).conj())

    def backproject(self, y: Tensor) -> Tensor:
        """Return the inverse transform of the object's spectrum, each part of Fourier space counted once."""
        spectrum = self._gathered(y)
        return self.fourier.backproject(spectrum / self._factor(spectrum))

    def __getitem__(self, rows: Rows) -> DiffractionTomography:
        """Return the operator of some entries of the batch."""
        if self.phase.shape[0] == 1:
            return self
        part: DiffractionTomography = self.__new__(type(self))
        super(LinearOperator, part).__init__()
        part.register_buffer("index", self.index)
        part.register_buffer("gain", self.gain)
        part.register_buffer("phase", pick(self.phase, rows))
        part.fourier = self.fourier[rows]
        part.optics, part.views, part.in_shape, part.out_shape = self.optics, self.views, self.in_shape, self.out_shape
        return part

    def _gathered(self, y: Tensor) -> Tensor:
        return fft(y, 2).flatten(2).index_select(-1, self.index)

    def _factor(self, like: Tensor) -> Tensor:
        """Return i / (2 k_z) with all phases, (1 or B, 1, count)."""
        factor = torch.polar(self.gain.expand_as(self.phase).double(), self.phase.double())
        return factor[:, None].to(like.dtype)


def scattering_potential(index: Tensor, wavenumber: float, medium_index: float) -> Tensor:
    """Return f = k_m² ((n / n_m)² - 1), in radians² per pixel², of refractive indices n."""
    return wavenumber**2 * ((index / medium_index) ** 2 - 1)


def refractive_index(f: Tensor, wavenumber: float, medium_index: float) -> Tensor:
    """Return the real part of n = n_m sqrt(f / k_m² + 1), the root that is positive."""
    ratio = f / wavenumber**2 + 1
    return medium_index * (ratio if ratio.is_complex() else ratio.to(ratio.dtype.to_complex())).sqrt().real


def _aside(optics: Optics, detector: tuple[int, int]) -> Tensor:
    """Return how far from the middle of the detector the pivot is seen."""
    half = torch.tensor([(n - 1) / 2 for n in detector], dtype=torch.float64)
    return torch.zeros_like(half) if optics.centre is None else torch.tensor(optics.centre, dtype=torch.float64) - half
