"""Single-particle cryo-electron microscopy: a volume in, images of it from many sides out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid._math.fft import good_size
from pellucid._math.rotations import uniform_rotations
from pellucid._math.slices import disc, put_slices, read_slices, spectrum, spectrum_adjoint
from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, OperatorPrior, Rows, Shape, pick


class CentralSlices(LinearOperator):
    r"""H x = projections of a volume along any directions, each seen through its contrast transfer function.

    .. math::
        \hat y_v(k) = C_v(k) \, e^{-2 \pi i k \cdot t_v} \, \hat x(R_v^T (0, k_y, k_x)), \qquad |k| < 1/2

    The Fourier transform of a projection is a central slice of that of the volume. One transform of the volume,
    padded with zeros, serves all views; slices are read from it by trilinear interpolation, whose fall-off over the
    volume is divided out beforehand.

    Parameters
    ----------
    rotations
        R_v, from the frame of the volume to that of the image, which looks along z; (z, y, x) matrices, shape
        (1 or B, view, 3, 3).
    size
        Number of voxels along each edge of the volume, and of pixels along each edge of an image.
    shifts
        t_v, by which the projection is displaced in its image, (y, x) in pixels, shape (1 or B, view, 2); zero
        unless given.
    transfer
        C_v, such as `pellucid.operators.ctf.ctf` returns, shape (1 or B, 1 or view, size, size // 2 + 1); one
        unless given.
    padding
        How many times the edge of the volume the transform is long, at least.

    Notes
    -----
    Linear over the reals: volumes and images are real. The centre is the voxel ``size // 2``. Frequencies in the
    corners of an image, beyond the radius of Nyquist, are zero. An image is a period of its Fourier series: what
    lies outside the ball that the volume encloses, or is shifted over the border, comes in at the other side.
    Gradients flow to rotations, shifts and transfer functions that require them.

    References
    ----------
    De Rosier, Klug, "Reconstruction of three dimensional structures from electron micrographs", Nature 217 (1968).
    Scheres, "RELION: Implementation of a Bayesian approach to cryo-EM structure determination", Journal of
    Structural Biology 180 (2012).

    Examples
    --------
    >>> slices = CentralSlices(torch.eye(3).expand(1, 2, 3, 3), size=8)
    >>> slices(torch.ones(1, 1, 8, 8, 8)).shape
    torch.Size([1, 1, 2, 8, 8])
    """

    real_linear = True
    rotations: Tensor
    shifts: Tensor
    transfer: Tensor

    def __init__(
        self,
        rotations: Tensor,
        *,
        size: int,
        shifts: Tensor | None = None,
        transfer: Tensor | None = None,
        padding: float = 2.0,
    ) -> None:
        super().__init__()
        if rotations.ndim != 4 or rotations.shape[2:] != (3, 3):
            raise InputError(
                f"Rotations need the shape (1 or batch, view, 3, 3), and came as {tuple(rotations.shape)}: give one "
                "matrix for each image."
            )
        batch, views = rotations.shape[:2]
        shifts = rotations.new_zeros(1, views, 2) if shifts is None else shifts
        transfer = rotations.new_ones(1, 1, size, size // 2 + 1) if transfer is None else transfer
        for name, given, shape in (("shifts", shifts, (2,)), ("transfer", transfer, (size, size // 2 + 1))):
            lead = len(given.shape) == 2 + len(shape) and given.shape[0] in (1, batch) and given.shape[1] in (1, views)
            if not lead or given.shape[2:] != shape:
                raise InputError(
                    f"{name} of {views} views of {size} x {size} pixels need the shape {(batch, views, *shape)}, and "
                    f"came as {tuple(given.shape)}: give one entry for each rotation."
                )
        for name, parameter in (("rotations", rotations), ("shifts", shifts), ("transfer", transfer)):
            self.register_buffer(name, parameter)
        self.size, self.padding, self.padded = size, padding, good_size(math.ceil(padding * size))
        self.in_shape, self.out_shape = (1, size, size, size), (1, views, size, size)

    def forward(self, x: Tensor) -> Tensor:
        """Return the images of volumes, (batch, 1, size, size, size), as (batch, 1, view, size, size).

        Each volume serves as many rotations of the batch: one serves them all, and of four the first the first quarter.
        """
        self._check(x, self.in_shape, "volume", len(self.rotations) % max(len(x), 1) == 0)
        spectra = spectrum(x[:, 0] * self._roll_off(x), self.padded)
        slices = read_slices(spectra, *self._points(x)) * self._filter(x)
        half = slices.new_zeros(*slices.shape[:2], self.size * (self.size // 2 + 1))
        half = half.index_copy(2, disc(self.size, x)[1], slices).reshape(*slices.shape[:2], self.size, -1)
        images: Tensor = torch.fft.fftshift(torch.fft.irfft2(half, s=(self.size, self.size)), (-2, -1))
        return images[:, None]

    def adjoint(self, y: Tensor) -> Tensor:
        """Filter the transforms of images and put them back as slices: (batch, 1, size, size, size)."""
        slices, points = self._filtered(y)
        twice = torch.where(points[1][:, 1] > 0, 2.0, 1.0).to(y.dtype) / self.size**2
        spectra = put_slices(slices * twice, *points, self.padded)
        return (spectrum_adjoint(spectra, self.size) * self._roll_off(y))[:, None]

    def backproject(self, y: Tensor) -> Tensor:
        r"""Return the direct Fourier inversion: at each frequency the Wiener filter of all slices that pass there.

        .. math:: \hat x(q) = \frac{\sum w C \hat y}{\sum w C^2 + \epsilon}

        over the points of the slices next to q, with their trilinear weights w: the density of sampling is divided
        out. :math:`\epsilon` is 3 % of the mean of the sum over the frequencies that were seen.
        """
        slices, points = self._filtered(y)
        seen = self._filter(y)
        power = (seen * seen.conj()).expand(slices.shape)
        spectra = put_slices(slices, *points, self.padded)
        weight = put_slices(power, *points, self.padded).real
        mean = weight.sum((1, 2, 3), keepdim=True) / (weight > 0).sum((1, 2, 3), keepdim=True).clamp(min=1)
        once = torch.arange(spectra.shape[-1], device=y.device) % (self.padded // 2) == 0
        wiener = spectra / (weight + 0.03 * mean).clamp(min=torch.finfo(y.dtype).tiny)
        x = spectrum_adjoint(wiener * torch.where(once, 1.0, 2.0).to(y.dtype), self.size) / self.padded**3
        return (x * self._roll_off(y))[:, None]

    def __getitem__(self, rows: Rows) -> CentralSlices:
        """Return the projections of some entries of the batch."""
        rotations, shifts, transfer = (pick(p, rows) for p in (self.rotations, self.shifts, self.transfer))
        return CentralSlices(rotations, size=self.size, shifts=shifts, transfer=transfer, padding=self.padding)

    def _check(self, data: Tensor, shape: Shape, name: str, fits: bool) -> None:
        batch = self.rotations.shape[0]
        if data.is_complex() or data.shape[1:] != shape or (batch > 1 and not fits):
            raise InputError(
                f"A real {name} of shape {(batch if batch > 1 else 'batch', *shape)} is expected, and {data.dtype} of "
                f"shape {tuple(data.shape)} came: check the size and the number of views."
            )

    def _points(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rotations, and the points of a slice in steps of the padded transform."""
        return self.rotations.to(like.dtype), disc(self.size, like)[0] * (self.padded / self.size)

    def _filtered(self, y: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the transforms of images times the conjugate filter, (batch, view, point), and `_points`."""
        self._check(y, self.out_shape, "stack of images", len(y) in (1, len(self.rotations)))
        half = torch.fft.rfft2(torch.fft.ifftshift(y[:, 0], (-2, -1))).flatten(2)
        return half[..., disc(self.size, y)[1]] * self._filter(y).conj(), self._points(y)

    def _filter(self, like: Tensor) -> Tensor:
        """Return transfer function and shift of every view, (1 or batch, view, point)."""
        k, inside = disc(self.size, like)
        phase = (-2 * math.pi / self.size) * (self.shifts.to(like.dtype) @ k.mT)
        transfer = self.transfer.to(like.dtype).flatten(2)[..., inside]
        return torch.complex(transfer * phase.cos(), transfer * phase.sin())

    def _roll_off(self, like: Tensor) -> Tensor:
        """Return what makes up for trilinear interpolation: 1 / sinc^2 along each axis, (size, size, size)."""
        n = torch.arange(self.size, dtype=like.dtype, device=like.device) - self.size // 2
        axis = torch.sinc(n / self.padded) ** -2
        return axis[:, None, None] * axis[:, None] * axis


class PosePrior(OperatorPrior):
    """Particles that nobody has aligned: rotations uniform on SO(3), Gaussian shifts, transfer functions of a list.

    Parameters
    ----------
    size
        Of the volume and of its images.
    shift
        Standard deviation of each shift in pixels.
    transfers
        Transfer functions, equally likely, shape (count, size, size // 2 + 1): those of the micrographs. One where
        None is given.
    padding
        As for `CentralSlices`.

    Examples
    --------
    >>> prior = PosePrior(8, shift=0.5)
    >>> prior.draw(4, torch.Generator().manual_seed(0))(torch.ones(1, 1, 8, 8, 8)).shape  # one volume, four images
    torch.Size([4, 1, 1, 8, 8])
    """

    def __init__(self, size: int, *, shift: float = 0.0, transfers: Tensor | None = None, padding: float = 2.0) -> None:
        if transfers is not None and transfers.shape[1:] != (size, size // 2 + 1):
            raise InputError(
                f"Transfer functions of images of {size} x {size} pixels need the shape "
                f"{('count', size, size // 2 + 1)}, and came as {tuple(transfers.shape)}."
            )
        self.size, self.shift, self.transfers, self.padding = size, shift, transfers, padding

    def draw(self, count: int, rng: torch.Generator) -> CentralSlices:
        """Return projections with a batch axis of `count` and one view each."""
        rotations = uniform_rotations(count, rng)[:, None]
        shifts = self.shift * torch.randn(count, 1, 2, device=rng.device, generator=rng)
        transfer = None
        if self.transfers is not None:
            chosen = torch.randint(len(self.transfers), (count,), device=rng.device, generator=rng)
            transfer = self.transfers[chosen.to(self.transfers.device)][:, None]
        return CentralSlices(rotations, size=self.size, shifts=shifts, transfer=transfer, padding=self.padding)
