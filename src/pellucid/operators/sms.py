"""Simultaneous multi-slice imaging: several slices are excited at once, and their signals add up."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.fft import fftn, fftshift, ifftn, ifftshift

from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Rows, pick
from pellucid.operators.nufft import NonUniformFourier

SPACE = (-2, -1)


def caipi_phases(shifts: Tensor, rows: int) -> Tensor:
    r"""Return the phases that move slices along the phase-encoding direction (CAIPIRINHA).

    .. math:: \varphi_s(k_y) = 2\pi\, \mathrm{shift}_s\, k_y, \qquad k_y = -\lfloor n/2 \rfloor, \dots

    Parameters
    ----------
    shifts
        By how much of the field of view each slice is moved towards its first row, shape (slice,); any fraction.
    rows
        Number of phase-encoding lines.

    Returns
    -------
    Tensor
        Radians, shape (1, slice, rows, 1).

    Examples
    --------
    >>> (caipi_phases(torch.tensor([0.0, 0.5]), 4)[0, 1, :, 0] / torch.pi).tolist()
    [-2.0, -1.0, 0.0, 1.0]
    """
    line = torch.arange(rows, dtype=torch.float64, device=shifts.device) - rows // 2
    return 2 * math.pi * (shifts.double()[:, None] * line)[None, :, :, None]


class SimultaneousMultiSlice(LinearOperator):
    r"""The sum of modulated slices, each seen through its coils, on a Cartesian grid.

    .. math:: y_{ct} = M \sum_s E_{ts}\, e^{i \varphi_s} F (S_{sc} \odot x_s)

    takes slices x, shape (batch, slice, row, column), to k-space (batch, coil, row, column), or with an encoding to
    (batch, coil, shot, row, column).

    Parameters
    ----------
    coil_maps
        S, complex, shape (1 or B, slice, coil, row, column).
    phases
        :math:`\varphi`, radians at each point of k-space, shape (1 or B, slice, row, column), where axes of length
        one broadcast; see `caipi_phases`. None modulates nothing.
    encoding
        E, by what each slice is multiplied in each shot, shape (shot, slice), real or complex. None: one shot
        that adds the slices.
    mask
        M, which samples were measured, shape (1 or B, 1 or coil, row, column), with an encoding (1 or B, 1 or coil,
        shot, row, column); axes of length one broadcast. None: all.

    References
    ----------
    .. [1] F. A. Breuer et al., "Controlled aliasing in parallel imaging results in higher acceleration (CAIPIRINHA)
       for multi-slice imaging", Magn. Reson. Med. 53, 2005.

    Examples
    --------
    >>> maps = torch.ones(1, 3, 1, 4, 4, dtype=torch.complex64)
    >>> y = SimultaneousMultiSlice(maps)(torch.ones(1, 3, 4, 4, dtype=torch.complex64))
    >>> y.shape, y[0, 0, 2, 2].real.item()
    (torch.Size([1, 1, 4, 4]), 12.0)
    """

    maps: Tensor
    phases: Tensor | None
    code: Tensor | None
    mask: Tensor | None

    def __init__(
        self,
        coil_maps: Tensor,
        *,
        phases: Tensor | None = None,
        encoding: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> None:
        super().__init__()
        _check_maps(coil_maps, encoding)
        _, slices, coils, *space = coil_maps.shape
        shots = [] if encoding is None else [len(encoding)]
        _check_broadcast(phases, [slices, *space], "phases")
        _check_broadcast(mask, [coils, *shots, *space], "mask")
        # Inside, the origin comes first: then only sums over slices or coils are ever rolled.
        self.register_buffer("maps", _pairs(ifftshift(coil_maps, SPACE)))
        self.register_buffer("phases", phases)
        self.register_buffer("code", None if encoding is None else _pairs(encoding))
        self.register_buffer("mask", mask)
        self.modulated = tuple(axis for axis in SPACE if phases is not None and phases.shape[axis] > 1)
        self.still = tuple(axis for axis in SPACE if axis not in self.modulated)
        self.in_shape, self.out_shape = (slices, *space), (coils, *shots, *space)

    @property
    def coil_maps(self) -> Tensor:
        """The sensitivities, complex."""
        return _centred(torch.view_as_complex(self.maps))

    @property
    def acquired(self) -> Tensor | None:
        """Which samples were measured, or None where all were."""
        return None if self.mask is None else self.mask != 0

    def forward(self, x: Tensor) -> Tensor:
        """Add up the slices x, shape (batch, slice, row, column), in k-space."""
        _check_data(x, self.in_shape)
        y = _centred(self._add(ifftshift(x, SPACE)))
        return y if self.mask is None else y * self.mask.to(y.real.dtype)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the slices that k-space y, shape (batch, coil, (shot,) row, column), adds up to."""
        _check_data(y, self.out_shape)
        y = y if self.mask is None else y * self.mask.to(y.real.dtype)
        return _centred(self._separate(ifftshift(y, SPACE)))

    def normal(self, x: Tensor) -> Tensor:
        """Return H* H x: the samples in between need not be rolled."""
        _check_data(x, self.in_shape)
        y = self._add(ifftshift(x, SPACE))
        if self.mask is not None:
            y = y * ifftshift(self.mask.to(y.real.dtype).square(), SPACE)
        return _centred(self._separate(y))

    def restrict(self, keep: Tensor) -> SimultaneousMultiSlice:
        """Return the operator that measures only where `keep` is not zero."""
        return self._with(self.coil_maps, self.phases, keep if self.mask is None else self.mask * keep)

    def _add(self, x: Tensor) -> Tensor:
        """Return all of k-space of slices, the origin of both first."""
        y = _along(fftn, x[:, :, None] * _complex(self.maps, x), self.modulated)
        y = y if self.phases is None else y * self._turn(x)
        y = y.sum(1) if self.code is None else torch.einsum("ts,bsc...->bct...", _complex(self.code, x), y)
        return _along(fftn, y, self.still)

    def _separate(self, y: Tensor) -> Tensor:
        """Return the adjoint of `_add`."""
        y = _along(ifftn, y, self.still)
        y = y[:, None] if self.code is None else torch.einsum("ts,bct...->bsc...", _complex(self.code, y).conj(), y)
        y = y if self.phases is None else y * self._turn(y).conj()
        return (_complex(self.maps, y).conj() * _along(ifftn, y, self.modulated)).sum(2)

    def _turn(self, like: Tensor) -> Tensor:
        """Return exp(i phases) with an axis for the coils; in single precision only after the phase is reduced."""
        assert self.phases is not None
        turns = torch.remainder(ifftshift(self.phases, SPACE)[:, :, None], 2 * math.pi).to(like.real.dtype)
        return torch.polar(torch.ones_like(turns), turns)

    def __getitem__(self, rows: Rows) -> SimultaneousMultiSlice:
        """Return the operator of some entries of the batch."""
        phases, mask = (None if part is None else pick(part, rows) for part in (self.phases, self.mask))
        return self._with(pick(self.coil_maps, rows), phases, mask)

    def _with(self, maps: Tensor, phases: Tensor | None, mask: Tensor | None) -> SimultaneousMultiSlice:
        code = None if self.code is None else torch.view_as_complex(self.code)
        return SimultaneousMultiSlice(maps, phases=phases, encoding=code, mask=mask)


class NonCartesianMultiSlice(LinearOperator):
    r"""The sum of slices, each seen through its coils, at any points of k-space.

    .. math:: y_{ct} = F_t \sum_s E_{ts}\, S_{sc} \odot x_s

    takes slices x, shape (batch, slice, row, column), to samples (batch, coil, shot, count). A spoke with a phase of
    its own in every slice (radial CAIPIRINHA) is a shot of its own.

    Parameters
    ----------
    coil_maps
        S, complex, shape (1 or B, slice, coil, row, column).
    points
        Where each shot measures, radians per pixel, shape (1 or shot, 2, count); see `NonUniformFourier`.
    encoding
        E, by what each slice is multiplied in each shot, shape (shot, slice), real or complex. None: one shot
        that adds the slices.
    density
        How much of k-space each point stands for, shape (1 or shot, count), with which `backproject` is an image.
    eps
        Relative error of the transform.
    """

    maps: Tensor
    code: Tensor

    def __init__(
        self,
        coil_maps: Tensor,
        points: Tensor,
        *,
        encoding: Tensor | None = None,
        density: Tensor | None = None,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        _check_maps(coil_maps, encoding)
        _, slices, coils, *space = coil_maps.shape
        code = torch.ones(1, slices, dtype=coil_maps.dtype) if encoding is None else encoding
        if points.shape[0] not in (1, len(code)):
            raise InputError(f"The points are those of {points.shape[0]} shots, and the encoding has {len(code)}.")
        self.register_buffer("maps", _pairs(coil_maps))
        self.register_buffer("code", _pairs(code))
        self.fourier = NonUniformFourier(points, space=tuple(space), eps=eps, density=density)
        self.in_shape, self.out_shape = (slices, *space), (coils, len(code), points.shape[2])

    def forward(self, x: Tensor) -> Tensor:
        """Add up the slices x, shape (batch, slice, row, column), and transform them."""
        _check_data(x, self.in_shape)
        shots = torch.einsum("ts,bsc...->tbc...", _complex(self.code, x), x[:, :, None] * _complex(self.maps, x))
        y: Tensor = self.fourier(shots.flatten(1, 2))
        return y.reshape(len(y), len(x), -1, y.shape[-1]).permute(1, 2, 0, 3)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the slices that samples y, shape (batch, coil, shot, count), add up to."""
        _check_data(y, self.out_shape)
        return self._separate(self.fourier.adjoint(self._fold(y)), _complex(self.code, y).mH)

    def backproject(self, y: Tensor) -> Tensor:
        """Grid with the density compensation, and undo the encoding by its pseudo-inverse."""
        _check_data(y, self.out_shape)
        return self._separate(self.fourier.backproject(self._fold(y)), torch.linalg.pinv(_complex(self.code, y)))

    def _separate(self, shots: Tensor, decode: Tensor) -> Tensor:
        """Turn images of the shots, shape (shot, batch * coil, row, column), into slices."""
        shots = shots.reshape(len(shots), -1, *self.maps.shape[2:-1])
        images = torch.einsum("st,tbc...->bsc...", decode, shots)
        return (_complex(self.maps, shots).conj() * images).sum(2)

    def _fold(self, y: Tensor) -> Tensor:
        """Put the shots first, where the transform has its batch, and the batch with the coils."""
        return y.permute(2, 0, 1, 3).flatten(1, 2)

    def __getitem__(self, rows: Rows) -> NonCartesianMultiSlice:
        """Return the operator of some entries of the batch."""
        fourier, maps = self.fourier, torch.view_as_complex(pick(self.maps, rows))
        code = torch.view_as_complex(self.code)
        return NonCartesianMultiSlice(maps, fourier.points, encoding=code, density=fourier.density, eps=fourier.eps)


def _along(transform: Callable[..., Tensor], values: Tensor, axes: tuple[int, ...]) -> Tensor:
    return transform(values, dim=axes, norm="ortho") if axes else values


def _centred(values: Tensor) -> Tensor:
    """Put the origin in the middle again."""
    centred: Tensor = fftshift(values, SPACE)
    return centred


def _pairs(values: Tensor) -> Tensor:
    """Return complex numbers as pairs of real ones, which a module can keep."""
    return torch.view_as_real(values.to(torch.promote_types(values.dtype, torch.complex64))).contiguous()


def _complex(pairs: Tensor, like: Tensor) -> Tensor:
    return torch.view_as_complex(pairs.to(like.real.dtype))


def _check_maps(maps: Tensor, encoding: Tensor | None) -> None:
    if maps.ndim != 5 or not maps.is_complex():
        raise InputError(
            f"Coil maps of several slices are complex (1 or batch, slice, coil, row, column), and came as {maps.dtype} "
            f"{tuple(maps.shape)}."
        )
    if encoding is not None and (encoding.ndim != 2 or encoding.shape[1] != maps.shape[1]):
        raise InputError(
            f"The encoding has the shape {tuple(encoding.shape)}, and one row a shot and one column for each of the "
            f"{maps.shape[1]} slices are expected."
        )


def _check_broadcast(given: Tensor | None, inner: list[int], name: str) -> None:
    shape = inner if given is None else given.shape[1:]
    if len(shape) != len(inner) or any(m not in (1, n) for m, n in zip(shape, inner, strict=True)):
        raise InputError(
            f"The {name} of simultaneous slices came as (1 or batch, {', '.join(map(str, shape))}), and (1 or batch, "
            f"{', '.join(map(str, inner))}) is expected, where any axis may have length one."
        )


def _check_data(data: Tensor, inner: tuple[int | None, ...]) -> None:
    if tuple(data.shape[1:]) != inner:
        raise InputError(
            f"Simultaneous slices need data of shape (batch, {', '.join(map(str, inner))}), and got "
            f"{tuple(data.shape)}."
        )
