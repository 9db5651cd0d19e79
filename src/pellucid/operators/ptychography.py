"""Fourier ptychography: many low-resolution images under tilted illumination hold one of high resolution."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pellucid._math.fft import fft, ifft
from pellucid._math.mosaic import cut, paste
from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Operator, Rows, pick


def illumination(
    positions_mm: Tensor, *, distance_mm: float, slide_mm: float = 0.0, slide_index: float = 1.52
) -> Tensor:
    """Return the direction sines under which point sources light the object through a glass slide.

    The ray from a source at the distance l from the axis refracts at the slide, of thickness t and index n:
    l = z tan θ + t tan θ', with sin θ = n sin θ', and leaves the slide for air at the angle θ.

    Parameters
    ----------
    positions_mm
        (row, column) of each source from the point below the centre of the image, shape (..., 2).
    distance_mm
        From the sources to the slide.
    slide_mm, slide_index
        Thickness and refractive index of the slide; none of 0 mm.

    Returns
    -------
    Tensor
        (row, column) components of sin θ, which point to the source, shape (..., 2), double precision.

    Examples
    --------
    >>> illumination(torch.tensor([3.0, 0.0]), distance_mm=4.0)
    tensor([0.6000, 0.0000], dtype=torch.float64)
    """
    positions = positions_mm.double()
    length = torch.linalg.vector_norm(positions, dim=-1, keepdim=True)
    tangent = length / (distance_mm + slide_mm)
    for _ in range(30):  # Newton's iteration for tan θ; sin θ' and tan θ' follow from it
        sine = tangent / (1 + tangent**2).sqrt()
        inner = (slide_index**2 - sine**2).sqrt()
        offset = distance_mm * tangent + slide_mm * sine / inner - length
        slope = distance_mm + slide_mm * slide_index**2 / inner**3 / (1 + tangent**2) ** 1.5
        tangent = tangent - offset / slope
    sines: Tensor = tangent / (1 + tangent**2).sqrt() * positions / length.clamp(min=1e-12)
    return sines


def pupil(
    shape: tuple[int, int],
    *,
    na: float,
    wavelength_nm: float,
    pixel_size_nm: float,
    defocus_um: float = 0.0,
    offset: Tensor | None = None,
) -> Tensor:
    """Return the pupil of an objective on the frequency grid of its images.

    P(f) = 1 where |f| ≤ NA / λ, with the phase 2π z (sqrt(1 / λ² - f²) - 1 / λ) of a defocus z, and 0 elsewhere.

    Parameters
    ----------
    shape
        (rows, columns) of an image.
    na, wavelength_nm
        Numerical aperture, and wavelength in vacuum.
    pixel_size_nm
        Of an image, in the plane of the object.
    defocus_um
        How far the wave must travel from the object to the plane in focus.
    offset
        Added to the frequencies, in steps of the grid, shape (view, 2): one pupil a view.

    Returns
    -------
    Tensor
        Complex, shape (view or 1, row, column), double precision; zero frequency at the centre.

    Raises
    ------
    InputError
        Where the pixels are too large to hold the field that passes the pupil.
    """
    if not 0 < na <= wavelength_nm / (2 * pixel_size_nm):
        raise InputError(
            f"An aperture of {na:g} at {wavelength_nm:g} nm needs pixels of at most {wavelength_nm / 2 / na:.0f} nm in "
            f"the plane of the object, and they have {pixel_size_nm:g} nm: check the aperture, the pixel size and the "
            "magnification."
        )
    offset = torch.zeros(1, 2) if offset is None else offset
    row, column = (
        (torch.arange(n).double() - n // 2 + offset[:, k, None]) / (n * pixel_size_nm) for k, n in enumerate(shape)
    )
    square = row[:, :, None] ** 2 + column[:, None, :] ** 2
    path = (wavelength_nm**-2 - square).clamp(min=0).sqrt() - 1 / wavelength_nm
    return torch.where(square <= (na / wavelength_nm) ** 2, torch.exp(2e3j * math.pi * defocus_um * path), 0)


class LowResolutionFields(LinearOperator):
    """The fields of which a camera records the intensity: F⁻¹(P_l · crop(F x, k_l)) for every view l.

    An object x = 1 under central illumination gives fields of one at any two sizes of the grids.

    Parameters
    ----------
    shifts
        Where the centre of each view lies in the spectrum of the object, in steps (row, column) of its grid from zero
        frequency; whole numbers, shape (1 or B, view, 2).
    pupil
        Complex, shape (1 or B, 1 or view, row, column). It is kept as pairs of real numbers, a parameter that
        `requires_grad_()` makes learnable.
    space
        (rows, columns) of the object.

    Raises
    ------
    InputError
        Where a view leaves the spectrum of the object.
    """

    shifts: Tensor

    def __init__(self, shifts: Tensor, pupil: Tensor, *, space: tuple[int, int]) -> None:
        super().__init__()
        shape, place = tuple(pupil.shape[-2:]), shifts.cpu()
        first = place + torch.tensor([n // 2 - m // 2 for n, m in zip(space, shape, strict=True)])
        room = torch.tensor(space) - torch.tensor(shape)
        if bool(((first < 0) | (first > room)).any()):
            needed = max((2 * place.abs().amax((0, 1)) + torch.tensor(shape)) / torch.tensor(shape))
            raise InputError(
                f"The tilted views reach beyond the spectrum of an object of {space[0]} x {space[1]} pixels; make it "
                f"{math.ceil(float(needed))} times as fine as the images of {shape[0]} x {shape[1]}, or check the "
                "geometry of the illumination."
            )
        self.register_buffer("shifts", shifts)
        self.pupil = nn.Parameter(torch.view_as_real(pupil.resolve_conj()), requires_grad=False)
        self.in_shape, self.out_shape = (1, *space), (1, shifts.shape[1], *shape)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of an image."""
        return self.pupil.shape[-3], self.pupil.shape[-2]

    @property
    def space(self) -> tuple[int, int]:
        """(rows, columns) of the object."""
        return int(self.in_shape[1] or 0), int(self.in_shape[2] or 0)

    @property
    def corners(self) -> list[list[list[int]]]:
        """First row and column of each view in the spectrum of the object, nested as `shifts`."""
        centre = [n // 2 - m // 2 for n, m in zip(self.space, self.shape, strict=True)]
        found: list[list[list[int]]] = (self.shifts + self.shifts.new_tensor(centre)).tolist()
        return found

    @property
    def scale(self) -> float:
        """What turns orthonormal transforms of two sizes into one another."""
        return math.sqrt(math.prod(self.shape) / math.prod(self.space))

    def forward(self, x: Tensor) -> Tensor:
        """Return the fields, (batch, 1, view, row, column), of an object of shape (batch, 1, *space)."""
        windows = cut(fft(x[:, 0], 2), self.corners, self.shape)
        return self.scale * ifft(self.complex_pupil(x) * windows, 2).unsqueeze(1)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the sum of the filtered fields, each at its place in the spectrum."""
        windows = self.complex_pupil(y).conj() * fft(y[:, 0], 2)
        return self.scale * ifft(paste(windows, self.corners, self.space), 2).unsqueeze(1)

    def complex_pupil(self, like: Tensor) -> Tensor:
        """Return the pupil, (1 or B, 1 or view, row, column), in the precision of a tensor."""
        return torch.view_as_complex(self.pupil.to(like.real.dtype))

    def __getitem__(self, rows: Rows) -> LowResolutionFields:
        """Return the operator of some entries of the batch."""
        return LowResolutionFields(
            pick(self.shifts, rows), torch.view_as_complex(pick(self.pupil, rows)), space=self.space
        )

    def views(self, index: Tensor) -> LowResolutionFields:
        """Return the operator of some of the views."""
        pupils = self.pupil if self.pupil.shape[1] == 1 else self.pupil[:, index]
        return LowResolutionFields(self.shifts[:, index], torch.view_as_complex(pupils), space=self.space)


class FourierPtychography(Operator):
    """What a camera records of an object under tilted illumination: y_l = |F⁻¹(P_l · crop(F x, k_l))|².

    Parameters
    ----------
    fields
        The linear part; the intensity of an object x = 1 under central illumination is one.

    References
    ----------
    Zheng, Horstmeyer, Yang, "Wide-field, high-resolution Fourier ptychographic microscopy", Nature Photonics 7, 2013.
    """

    def __init__(self, fields: LowResolutionFields) -> None:
        super().__init__()
        self.fields = fields
        self.in_shape, self.out_shape = fields.in_shape, fields.out_shape

    def forward(self, x: Tensor) -> Tensor:
        """Return the intensities, (batch, 1, view, row, column), of an object of shape (batch, 1, *space)."""
        field: Tensor = self.fields(x)
        return field.real**2 + field.imag**2

    def backproject(self, y: Tensor) -> Tensor:
        """Return the amplitude of the bright-field image, without a phase, on the grid of the object.

        An object that varies slowly gives y_l = w_l |x|², where w_l is what an object of one gives: zero in dark
        field. The amplitude is the square root of the least-squares |x|².
        """
        fields = self.fields
        one = torch.ones(1, 1, *fields.space, dtype=torch.promote_types(y.dtype, torch.complex64), device=y.device)
        weight = self(one.expand(len(fields.pupil), -1, -1, -1)).detach()
        square = (weight * y).sum(2) / (weight**2).sum(2).clamp(min=1e-12)
        centre = [[[n // 2 - m // 2 for n, m in zip(fields.space, fields.shape, strict=True)]]]
        spectrum = fft(square.clamp(min=0).sqrt().to(one.dtype), 2)
        return ifft(paste(spectrum, centre, fields.space), 2).unsqueeze(1) / fields.scale

    def __getitem__(self, rows: Rows) -> FourierPtychography:
        """Return the operator of some entries of the batch."""
        return FourierPtychography(self.fields[rows])

    def views(self, index: Tensor) -> FourierPtychography:
        """Return the operator of some of the views."""
        return FourierPtychography(self.fields.views(index))

    def with_pupil(self, pupil: Tensor) -> FourierPtychography:
        """Return the operator with another pupil, complex, (1 or B, 1 or view, row, column)."""
        return FourierPtychography(LowResolutionFields(self.fields.shifts, pupil, space=self.fields.space))


def microscope(
    sines: Tensor,
    shape: tuple[int, int],
    *,
    upsampling: int,
    na: float,
    wavelength_nm: float,
    pixel_size_nm: float,
    defocus_um: float = 0.0,
) -> FourierPtychography:
    """Return the operator of a microscope with a source of light under each of these directions.

    Parameters
    ----------
    sines
        Direction sines (row, column) to each source, shape (view, 2), as `illumination` gives them.
    shape
        (rows, columns) of an image.
    upsampling
        How many times finer the object is sampled than an image.
    na, wavelength_nm, pixel_size_nm, defocus_um
        As of `pupil`.

    Notes
    -----
    The object is periodic. Light from a source at +k tilts the wave by -k, so what the pupil sees of the spectrum of
    the object is centred at +k. Where that is between two frequencies of the grid, the window lies on the nearest and
    the pupil of the view is sampled off-centre, which is exact.
    """
    steps = sines * torch.tensor(shape) * pixel_size_nm / wavelength_nm
    shifts = steps.round()
    pupils = pupil(
        shape,
        na=na,
        wavelength_nm=wavelength_nm,
        pixel_size_nm=pixel_size_nm,
        defocus_um=defocus_um,
        offset=shifts - steps,
    )
    space = (upsampling * shape[0], upsampling * shape[1])
    return FourierPtychography(LowResolutionFields(shifts.long()[None], pupils[None].to(torch.complex64), space=space))
