"""Magnetic resonance imaging with many receive coils."""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Rows, pick


class CoilMaps(LinearOperator):
    r"""H x = the image as each coil sees it, :math:`y_c = s_c x`.

    ``NonUniformFourier(points, space=...) @ CoilMaps(coil_maps)`` is non-Cartesian SENSE [1]_.

    Parameters
    ----------
    coil_maps
        Sensitivity s_c of each coil, complex, shape (1 or B, coil, *space); two or three spatial axes.

    References
    ----------
    .. [1] K. P. Pruessmann et al., "Advances in sensitivity encoding with arbitrary k-space trajectories", Magn.
       Reson. Med. 46, 2001.

    Examples
    --------
    >>> maps = torch.tensor([1, 2j]).reshape(1, 2, 1, 1)
    >>> CoilMaps(maps)(torch.ones(1, 1, 1, 1, dtype=torch.complex64)).flatten()
    tensor([1.+0.j, 0.+2.j])
    """

    pairs: Tensor

    def __init__(self, coil_maps: Tensor) -> None:
        super().__init__()
        _check_maps(coil_maps)
        self.register_buffer("pairs", torch.view_as_real(coil_maps.resolve_conj().contiguous()))
        self.in_shape, self.out_shape = (1, *coil_maps.shape[2:]), tuple(coil_maps.shape[1:])

    @property
    def coil_maps(self) -> Tensor:
        """The sensitivities, complex."""
        return torch.view_as_complex(self.pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x, shape (batch, 1, *space), by each map."""
        _check_data(x, self.in_shape)
        return self.coil_maps.to(_complex(x)) * x

    def adjoint(self, y: Tensor) -> Tensor:
        """Combine the images of the coils: sum_c conj(s_c) y_c."""
        _check_data(y, self.out_shape)
        return (self.coil_maps.to(_complex(y)).conj() * y).sum(1, keepdim=True)

    def __getitem__(self, rows: Rows) -> CoilMaps:
        """Return the maps of some entries of the batch."""
        return self if self.pairs.shape[0] == 1 else CoilMaps(pick(self.coil_maps, rows))


class Sense(LinearOperator):
    r"""H x = the k-space that each coil records on the Cartesian grid.

    .. math:: y_c = M F s_c x

    F is the centred, orthonormal Fourier transform, M a mask or weight in k-space (SENSE [1]_).

    Parameters
    ----------
    coil_maps
        Sensitivity s_c of each coil, complex, shape (1 or B, coil, *space); two or three spatial axes. Slices of
        a 2-D scan are the batch.
    mask
        Which samples are acquired, or a real weight for each; shape (1 or B, 1 or coil, *space), where an axis of
        length 1 broadcasts. None acquires all.

    Notes
    -----
    A centred transform is a plain one between two ramps of phase. The first is stored with the maps and the second
    with the mask, so no array is rolled; in `normal` the second cancels.

    References
    ----------
    .. [1] K. P. Pruessmann et al., "SENSE: sensitivity encoding for fast MRI", Magn. Reson. Med. 42, 1999.

    Examples
    --------
    >>> maps = torch.full((1, 4, 8, 8), 0.5, dtype=torch.complex64)
    >>> x = torch.randn(2, 1, 8, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    >>> torch.allclose(Sense(maps).adjoint(Sense(maps)(x)), x, atol=1e-6)
    True
    """

    mask: Tensor | None
    ramped_maps: Tensor
    ramped_mask: Tensor

    def __init__(self, coil_maps: Tensor, mask: Tensor | None = None) -> None:
        super().__init__()
        _check_maps(coil_maps)
        coils, *space = coil_maps.shape[1:]
        if mask is not None:
            _check_mask(mask, coil_maps.shape)
        before, after = (_ramp(tuple(space), centre).to(coil_maps) for centre in (0, 1))
        mask = None if mask is None else mask.to(coil_maps.real.dtype)
        self.register_buffer("mask", mask)
        self.register_buffer("ramped_maps", torch.view_as_real(coil_maps * before))
        self.register_buffer("ramped_mask", torch.view_as_real(after if mask is None else mask * after))
        self.axes = tuple(range(-len(space), 0))
        self.in_shape, self.out_shape = (1, *space), (coils, *space)

    @property
    def coil_maps(self) -> Tensor:
        """The sensitivities, complex."""
        maps = torch.view_as_complex(self.ramped_maps)
        return maps * _ramp(tuple(maps.shape[2:]), 0).to(maps).conj()

    def forward(self, x: Tensor) -> Tensor:
        """Return the k-space of x, shape (batch, 1, *space)."""
        _check_data(x, self.in_shape)
        images = torch.view_as_complex(self.ramped_maps).to(_complex(x)) * x
        return self._fft(images) * torch.view_as_complex(self.ramped_mask).to(images.dtype)

    def adjoint(self, y: Tensor) -> Tensor:
        """Combine the zero-filled images of the coils: sum_c conj(s_c) F* M y_c."""
        _check_data(y, self.out_shape)
        images = self._ifft(y * torch.view_as_complex(self.ramped_mask).to(y.dtype).conj())
        return self._combine(images)

    def normal(self, x: Tensor) -> Tensor:
        """Return sum_c conj(s_c) F* M² F s_c x."""
        _check_data(x, self.in_shape)
        images = torch.view_as_complex(self.ramped_maps).to(_complex(x)) * x
        if self.mask is not None:
            images = self._ifft(self._fft(images) * self.mask.square().to(x.real.dtype))
        return self._combine(images)

    @property
    def acquired(self) -> Tensor | None:
        """Which samples are acquired, or None where all are."""
        return None if self.mask is None else self.mask != 0

    def restrict(self, keep: Tensor) -> Sense:
        """Return the operator that acquires only where `keep` is not zero."""
        _check_mask(keep, self.ramped_maps.shape[:-1])
        keep = keep.to(self.ramped_maps.dtype)
        return self._with(
            mask=keep if self.mask is None else self.mask * keep, ramped_mask=self.ramped_mask * keep[..., None]
        )

    def __getitem__(self, rows: Rows) -> Sense:
        """Return the maps and the mask of some entries of the batch."""
        varying = [self.ramped_maps] if self.mask is None else [self.ramped_maps, self.mask]
        if all(len(part) == 1 for part in varying):
            return self
        maps = pick(self.ramped_maps, rows)
        if self.mask is None:
            return self._with(ramped_maps=maps)
        return self._with(ramped_maps=maps, mask=pick(self.mask, rows), ramped_mask=pick(self.ramped_mask, rows))

    def _with(self, **buffers: Tensor) -> Sense:
        """Return this operator with other maps or masks, whose ramps are not computed again."""
        other = copy(self)
        other._buffers = {**self._buffers, **buffers}
        return other

    def _fft(self, images: Tensor) -> Tensor:
        y: Tensor = torch.fft.fftn(images, dim=self.axes, norm="ortho")
        return y

    def _ifft(self, y: Tensor) -> Tensor:
        images: Tensor = torch.fft.ifftn(y, dim=self.axes, norm="ortho")
        return images

    def _combine(self, images: Tensor) -> Tensor:
        maps = torch.view_as_complex(self.ramped_maps).to(images.dtype)
        return (maps.conj() * images).sum(1, keepdim=True)


def _complex(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.complex64)


def _ramp(space: tuple[int, ...], centre: int) -> Tensor:
    """Return exp(2 pi i sum_d c (n - centre c) / N) with c = N // 2, exact to rounding, on the grid `space`."""
    turns = torch.zeros(space, dtype=torch.float64)
    for axis, n in enumerate(space):
        along = (n // 2 * (torch.arange(n) - centre * (n // 2)) % n).to(torch.float64) / n
        turns = turns + along.reshape(-1, *[1] * (len(space) - axis - 1))
    return torch.polar(torch.ones_like(turns), 2 * torch.pi * turns)


def _check_maps(coil_maps: Tensor) -> None:
    if not coil_maps.is_complex() or coil_maps.ndim not in (4, 5):
        raise InputError(
            "Coil maps need to be complex, of shape (1 or batch, coil, row, column) or (1 or batch, coil, plane, row, "
            f"column), but came as {str(coil_maps.dtype).removeprefix('torch.')} of shape {tuple(coil_maps.shape)}."
        )


def _check_mask(mask: Tensor, maps: torch.Size) -> None:
    batch = mask.ndim == len(maps) and (mask.shape[0] == 1 or maps[0] == 1 or mask.shape[0] == maps[0])
    if not batch or any(m not in (1, n) for m, n in zip(mask.shape[1:], maps[1:], strict=True)):
        raise InputError(
            f"A k-space mask of shape {tuple(mask.shape)} does not fit coil maps of shape {tuple(maps)}; give it the "
            "shape (1 or batch, 1 or coil, *space) of the same grid."
        )


def _check_data(data: Tensor, inner: tuple[int | None, ...]) -> None:
    if tuple(data.shape[1:]) != inner:
        raise InputError(
            f"These coils need data of shape (batch, {', '.join(map(str, inner))}), but they came as "
            f"{tuple(data.shape)}; make the number of coils and the grid fit the coil maps."
        )
