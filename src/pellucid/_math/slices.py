"""Central slices of the Fourier transforms of real volumes, and back: half-space layout, trilinear interpolation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor


def disc(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frequencies (y, x) below that of Nyquist, (point, 2), and where `rfft2` has them, (point,).

    Examples
    --------
    >>> disc(3, torch.ones(()))[0].tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [-1.0, 0.0], [-1.0, 1.0]]
    """
    return _disc(size, like.dtype, like.device)


@cache  # how many points there are is for the device to tell, and the host waits for it: once
@torch.inference_mode(mode=False)
def _disc(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    y = torch.fft.fftfreq(size, 1 / size, dtype=dtype, device=device)
    x = torch.arange(size // 2 + 1, dtype=dtype, device=device)
    k = torch.stack(torch.meshgrid(y, x, indexing="ij"), -1).flatten(0, 1)
    (inside,) = torch.nonzero((k**2).sum(1) < size**2 / 4, as_tuple=True)
    return k[inside], inside


def spectrum(x: Tensor, padded: int) -> Tensor:
    """Return the transform of real volumes, (..., z, y, x), padded about their centre, which goes to the origin.

    The half-space of `torch.fft.rfftn`; axis by axis, so that no line of zeros is transformed.
    """
    y: Tensor = torch.fft.rfft(_about_origin(x, padded, -1))
    for axis in (-2, -3):
        y = torch.fft.fft(_about_origin(y, padded, axis), dim=axis)
    return y


def spectrum_adjoint(y: Tensor, size: int) -> Tensor:
    """Return the transpose of `spectrum`, over the real numbers, as volumes of edge `size`."""
    padded = y.shape[-2]
    for axis in (-3, -2):
        y = _about_centre(torch.fft.ifft(y, dim=axis, norm="forward"), size, axis)
    once = torch.arange(y.shape[-1], device=y.device) % (padded // 2) == 0
    y = y * torch.where(once, 1.0, 0.5).to(y.real.dtype)
    return _about_centre(torch.fft.irfft(y, n=padded, norm="forward"), size, -1)


def read_slices(spectra: Tensor, rotations: Tensor, points: Tensor) -> Tensor:
    """Read slices from spectra.

    Parameters
    ----------
    spectra
        As of `spectrum`, shape (1 or batch, P, P, P // 2 + 1) with an even P.
    rotations
        From the frame of the volume to that of the slice, (z, y, x), shape (1 or batch, view, 3, 3).
    points
        Of a slice, (y, x) in steps of the spectrum, shorter than P / 2; shape (point, 2).

    Returns
    -------
    Tensor
        Shape (batch, view, point). The gradient in the spectra is found slice by slice, in little memory; that in
        the rotations, where they require it, is left to automatic differentiation.
    """
    batch = max(spectra.shape[0], rotations.shape[0])
    rotations = rotations.expand(batch, -1, -1, -1)
    rows, owner = rotations.flatten(0, 1), _owner(spectra.shape[0], rotations)
    read = _read if rotations.requires_grad else _Read.apply
    values: Tensor = read(spectra, rows, owner, points)
    return values.reshape(*rotations.shape[:2], -1)


def put_slices(values: Tensor, rotations: Tensor, points: Tensor, padded: int) -> Tensor:
    """Return the transpose of `read_slices`: add slices, (batch, view, point), into spectra (batch, P, P, P // 2 + 1).

    Transpose over the real numbers: of the inner product Re <a, b>.
    """
    rotations = rotations.expand(values.shape[0], -1, -1, -1)
    rows, owner = rotations.flatten(0, 1), _owner(values.shape[0], rotations)
    shape = (values.shape[0], padded, padded, padded // 2 + 1)
    if rotations.requires_grad:
        return _add(values.new_zeros(shape), values.flatten(0, 1), rows, owner, points)
    spectra: Tensor = _Put.apply(values.flatten(0, 1), rows, owner, points, shape)  # type: ignore[no-untyped-call]
    return spectra


def _owner(volumes: int, rotations: Tensor) -> Tensor:
    """Return the volume of every (batch, view), shape (batch * view, 1)."""
    rows = rotations.shape[0] * rotations.shape[1]
    return torch.arange(volumes, device=rotations.device).repeat_interleave(rows // volumes)[:, None]


def _read(spectra: Tensor, rotations: Tensor, owner: Tensor, points: Tensor) -> Tensor:
    """Read (row, point) from (volume, P, P, P // 2 + 1)."""
    flat = spectra.reshape(-1)
    sign, corners = _corners(rotations, owner, points, *spectra.shape[:2])
    value: Any = 0
    for index, weight in corners:
        value = value + weight * flat.index_select(0, index.flatten()).view(index.shape)
    return torch.complex(value.real, sign * value.imag)


def _add(spectra: Tensor, values: Tensor, rotations: Tensor, owner: Tensor, points: Tensor) -> Tensor:
    """Add (row, point) into (volume, P, P, P // 2 + 1), in place."""
    sign, corners = _corners(rotations, owner, points, *spectra.shape[:2])
    values, flat = torch.complex(values.real, sign * values.imag), spectra.view(-1)
    for index, weight in corners:
        flat.index_add_(0, index.flatten(), (weight * values).flatten())
    return spectra


def _corners(
    rotations: Tensor, owner: Tensor, points: Tensor, volumes: int, padded: int
) -> tuple[Tensor, Iterator[tuple[Tensor, Tensor]]]:
    """Return index and weight of the 8 neighbours of each q = R^T (0, y, x), and -1 where they hold the conjugate.

    The half-space has no x below zero: there, the neighbours are those of -q.
    """
    q = points[:, :1] * rotations[:, None, 1] + points[:, 1:] * rotations[:, None, 2]
    sign = torch.where(q[..., 2] < 0, -1.0, 1.0).to(q.dtype)
    q = q * sign[..., None]
    low = q.detach().floor()
    kind = torch.int32 if volumes * padded**3 < 2**31 else torch.int64
    (z, y, x), above = low.to(kind).unbind(-1), (q - low).unbind(-1)
    near = [(1 - part, part) for part in above]
    planes = [torch.where(k < 0, k + padded, k) + padded * owner.to(kind) for k in (z, z + 1)]
    rows = [torch.where(k < 0, k + padded, k) for k in (y, y + 1)]

    def corners() -> Iterator[tuple[Tensor, Tensor]]:
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
            index = (planes[i] * padded + rows[j]) * (padded // 2 + 1) + x
            weight = near[0][i] * near[1][j]
            yield index, weight * near[2][0]
            yield index + 1, weight * near[2][1]

    return sign, corners()


class _Read(torch.autograd.Function):
    """`_read` in chunks of rows, with `_Put` for its derivative in the spectra."""

    @staticmethod
    def forward(ctx: Any, spectra: Tensor, rotations: Tensor, owner: Tensor, points: Tensor) -> Tensor:
        ctx.save_for_backward(rotations, owner, points)
        ctx.shape = spectra.shape
        spectra, step = spectra.contiguous(), _step(points)
        rows = zip(torch.split(rotations, step), torch.split(owner, step), strict=True)
        return torch.cat([_read(spectra, *row, points) for row in rows])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Put.apply(gradient, *ctx.saved_tensors, ctx.shape), None, None, None  # type: ignore[no-untyped-call]


class _Put(torch.autograd.Function):
    """`_add` in chunks of rows, with `_Read` for its derivative in the values."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, rotations: Tensor, owner: Tensor, points: Tensor, shape: tuple[int, ...]
    ) -> Tensor:
        ctx.save_for_backward(rotations, owner, points)
        step = _step(points)
        rows = zip(torch.split(values, step), torch.split(rotations, step), torch.split(owner, step), strict=True)
        spectra = values.new_zeros(shape)
        for row in rows:
            _add(spectra, *row, points)
        return spectra

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Read.apply(gradient, *ctx.saved_tensors), None, None, None, None  # type: ignore[no-untyped-call]


def _step(points: Tensor) -> int:
    """Return how many rows are looked up at once: on a processor, what its cache holds."""
    return max(1, 2 ** (16 if points.device.type == "cpu" else 22) // len(points))


def _about_origin(x: Tensor, padded: int, axis: int) -> Tensor:
    """Pad an axis with zeros, and bring its centre n // 2 to index 0."""
    size = x.shape[axis]
    before, after = torch.split(x, [size // 2, size - size // 2], axis)
    zeros = x.new_zeros([padded - size if k == axis % x.ndim else n for k, n in enumerate(x.shape)])
    return torch.cat((after, zeros, before), axis)


def _about_centre(x: Tensor, size: int, axis: int) -> Tensor:
    """Undo `_about_origin`."""
    after, before = size - size // 2, size // 2
    return torch.cat((x.narrow(axis, x.shape[axis] - before, before), x.narrow(axis, 0, after)), axis)
