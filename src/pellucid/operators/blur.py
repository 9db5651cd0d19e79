"""Convolution with a point-spread function."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

import torch
from scipy.fft import next_fast_len
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.weak import WeakTensorKeyDictionary

from pellucid._math.regions import mirror, view
from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Rows, pick

Boundary = Literal["circular", "reflect", "valid"]
_STRAY = 0.01  # of the light of a point
_DIRECT = 9  # taps up to which a plain sum is as fast as transforms
_OTFS = WeakTensorKeyDictionary()  # by PSF: (what it was made for, OTF); no state of any module


class Blur(LinearOperator):
    """y[i] = Σ_k psf[k] x[i - k + K // 2]: every point of the object becomes a copy of the PSF.

    Small kernels are summed directly, large ones multiplied in Fourier space.

    Parameters
    ----------
    psf
        Real, shape (1 or batch, 1 or channel, *kernel) with one to three kernel axes. Its centre is the entry
        K // 2 of an axis of length K, odd or even.
    boundary
        How the object goes on beyond the edges of x: periodically (``circular``), as its mirror image, in which the
        outermost pixels are not repeated (``reflect``), or not at all (``valid``): then y has only those
        N - K + 1 pixels of an axis that x explains.

    Raises
    ------
    InputError
        If the PSF is not of that shape; when called, if it is larger than the image.

    Examples
    --------
    >>> shift = Blur(torch.tensor([[[0.0, 0.0, 1.0]]]))
    >>> shift(torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])).tolist()
    [[[4.0, 1.0, 2.0, 3.0]]]
    """

    psf: Tensor

    def __init__(self, psf: Tensor, boundary: Boundary = "circular") -> None:
        super().__init__()
        if psf.ndim not in (3, 4, 5) or not psf.is_floating_point():
            raise InputError(
                "A PSF is real, of shape (1 or batch, 1 or channel, *kernel) with one to three kernel axes, but this "
                f"one is {psf.dtype} of shape {tuple(psf.shape)}; add the axes that lack or convert its numbers."
            )
        self.register_buffer("psf", psf)
        self.boundary: Boundary = boundary
        self.taps = tuple(psf.shape[2:])
        self.in_shape = self.out_shape = (None if psf.shape[1] == 1 else psf.shape[1], *(None,) * len(self.taps))

    @property
    def kernel(self) -> Tensor:
        """The PSF that is applied."""
        return self.psf

    @property
    def margins(self) -> tuple[tuple[int, int], ...]:
        """How many pixels before and after a region are blurred into it, on each axis."""
        return tuple((k - 1 - k // 2, k // 2) for k in self.taps)

    @property
    def reach(self) -> tuple[int, ...]:
        """How many pixels from its centre the PSF has all but a hundredth of its light, on each axis."""
        light = self.kernel.detach()[0, 0].double().cpu()
        found = []
        for axis, taps in enumerate(self.taps):
            profile = light.movedim(axis, 0).flatten(1).sum(1) if light.ndim > 1 else light
            distance = (torch.arange(taps) - taps // 2).abs()
            found.append(next(m for m in range(taps) if profile[distance > m].sum() <= _STRAY))
        return tuple(found)

    def asymmetry(self, axes: Sequence[int]) -> float:
        """Return which part of the light lies elsewhere where these axes of space are mirrored at the centre."""
        kernel = self.kernel.detach()
        places = [2 + axis for axis in axes]
        mirrored = kernel.flip(places)
        for place in places:
            mirrored = mirrored.roll(1 - kernel.shape[place] % 2, place)
        return float((kernel - mirrored).abs().sum() / kernel.abs().sum() / 2)

    def forward(self, x: Tensor) -> Tensor:
        """Blur x, (batch, channel, *space)."""
        space = self._space(x)
        if self._multiplies:
            return _filter(x, self.otf(space, x.dtype))
        for axis, place in self._extension(space, x.device):
            x = x.index_select(axis, place)
        return self._valid(x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return H* y, (batch, channel, *space)."""
        if self._multiplies:
            return _filter(y, self.otf(self._space(y), y.dtype).conj())
        x = self._valid_transpose(y)
        for axis, place in self._extension(tuple(y.shape[2:]), y.device):
            shape = (*x.shape[:axis], y.shape[axis], *x.shape[axis + 1 :])
            x = x.new_zeros(shape).index_add(axis, place, x)
        return x

    def normal(self, x: Tensor) -> Tensor:
        """Return H* H x: one multiplication in Fourier space where the image is periodic."""
        if not self._multiplies:
            return super().normal(x)
        otf = self.otf(self._space(x), x.dtype)
        return _filter(x, otf.real.square() + otf.imag.square())

    def otf(self, space: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the optical transfer function of an image of this size, (1 or batch, 1 or channel, *space).

        Zero frequency comes first; for a periodic image, H x = ifftn(otf · fftn(x)).

        Parameters
        ----------
        space
            Length of each axis, at least that of the kernel.
        dtype
            Of the image; for a real one, only the half of the spectrum is returned that `torch.fft.rfftn` has.
        """
        psf = self.kernel
        made_for = (psf._version, tuple(space), dtype)
        keep = not (psf.requires_grad and torch.is_grad_enabled())
        if keep and psf in _OTFS and _OTFS[psf][0] == made_for:
            kept: Tensor = _OTFS[psf][1]
            return kept
        axes = tuple(range(-len(self.taps), 0))
        padding = [size for n, k in zip(reversed(space), reversed(self.taps), strict=True) for size in (0, n - k)]
        centred = functional.pad(psf.to(dtype.to_real()), padding).roll([-(k // 2) for k in self.taps], axes)
        otf: Tensor = (torch.fft.fftn if dtype.is_complex else torch.fft.rfftn)(centred, dim=axes)
        if keep:
            _OTFS[psf] = (made_for, otf)
        return otf

    def crop(self, region: tuple[slice, ...]) -> Blur:
        """Return this operator: with ``valid`` edges, a part of x explains its part of y."""
        if self.boundary != "valid":
            raise InputError(f"A blur with {self.boundary} edges cannot be cut into tiles; use the boundary 'valid'.")
        return self

    def __getitem__(self, rows: Rows) -> Blur:
        """Return the blur of some entries of the batch."""
        return Blur(pick(self.kernel, rows), self.boundary)

    @property
    def _direct(self) -> bool:
        return prod(self.taps) <= _DIRECT

    @property
    def _multiplies(self) -> bool:
        return self.boundary == "circular" and not self._direct

    def _space(self, x: Tensor) -> tuple[int, ...]:
        space = tuple(x.shape[2:])
        if len(space) != len(self.taps) or any(k > n for k, n in zip(self.taps, space, strict=True)):
            raise InputError(
                f"The PSF {self.taps} does not fit an image {space}: it must have as many axes, none of them longer; "
                "crop the PSF around its centre."
            )
        return space

    def _extension(self, space: tuple[int, ...], device: torch.device) -> list[tuple[int, Tensor]]:
        """Return, for each axis to be extended, where its pixels come from."""
        if self.boundary == "valid":
            return []
        places = []
        for axis, (n, (before, after)) in enumerate(zip(space, self.margins, strict=True), start=2):
            circular = torch.arange(-before, n + after) % n
            place = circular if self.boundary == "circular" else mirror(-before, n + after, n)
            places.append((axis, place.to(device, non_blocking=True)))
        return places

    def _valid(self, x: Tensor) -> Tensor:
        """Convolve, and keep what no edge is missing for."""
        if self._direct:
            return _summed(x, self.kernel, transpose=False)
        inner = tuple(slice(b, n - a) for n, (b, a) in zip(x.shape[2:], self.margins, strict=True))
        space = [next_fast_len(n, real=True) for n in x.shape[2:]]
        return view(_filter(x, self.otf(space, x.dtype), space), inner)

    def _valid_transpose(self, y: Tensor) -> Tensor:
        """Return the transpose of `_valid`."""
        if self._direct:
            return _summed(y, self.kernel, transpose=True)
        y = functional.pad(y, [size for margin in reversed(self.margins) for size in margin])
        inner = tuple(slice(0, n) for n in y.shape[2:])
        space = [next_fast_len(n, real=True) for n in y.shape[2:]]
        return view(_filter(y, self.otf(space, y.dtype).conj(), space), inner)


class LearnableBlur(Blur):
    """A blur whose PSF is learned, as a softmax: positive, of unit sum.

    Parameters
    ----------
    psf
        Where learning starts; positive, since the gradient at zero is zero.
    boundary
        As in `Blur`.
    """

    def __init__(self, psf: Tensor, boundary: Boundary = "circular") -> None:
        super().__init__(psf, boundary)
        if not bool((psf > 0).all()):
            raise InputError(
                "A PSF that is learned starts from positive numbers, but this one has others; add a little."
            )
        del self.psf
        self.logits = nn.Parameter(psf.log())

    @property
    def kernel(self) -> Tensor:
        """The PSF that is applied."""
        return self.logits.flatten(2).softmax(-1).view_as(self.logits)


def _filter(x: Tensor, otf: Tensor, space: Sequence[int] | None = None) -> Tensor:
    """Multiply x, made longer with zeros to `space`, by `otf` in Fourier space."""
    space, axes = x.shape[2:] if space is None else space, tuple(range(2, x.ndim))
    forward, back = (torch.fft.fftn, torch.fft.ifftn) if x.is_complex() else (torch.fft.rfftn, torch.fft.irfftn)
    filtered: Tensor = back(forward(x, s=space, dim=axes) * otf, s=space, dim=axes)
    return filtered


def _summed(x: Tensor, psf: Tensor, *, transpose: bool) -> Tensor:
    """Convolve directly, without the edges; or apply the transpose of that."""
    if x.is_complex():
        return torch.complex(_summed(x.real, psf, transpose=transpose), _summed(x.imag, psf, transpose=transpose))
    (batch, channel), taps = x.shape[:2], psf.shape[2:]
    groups = 1 if psf.shape[:2] == (1, 1) else batch * channel
    kernels = psf.to(x.dtype) if transpose else psf.to(x.dtype).flip(tuple(range(2, psf.ndim)))
    kernels = kernels if groups == 1 else kernels.expand(batch, channel, *taps).reshape(groups, 1, *taps)
    convolve = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[len(taps)]
    padding = tuple(k - 1 for k in taps) if transpose else 0
    y: Tensor = convolve(x.reshape(-1, groups, *x.shape[2:]), kernels, padding=padding, groups=groups)
    return y.reshape(batch, channel, *y.shape[2:])
