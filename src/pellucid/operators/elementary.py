"""The operators that every instrument contains."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pellucid._math.regions import mirror, view
from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Rows, pick


class Identity(LinearOperator):
    """H x = x: the instrument that only adds noise.

    Examples
    --------
    >>> import torch
    >>> Identity()(torch.ones(1, 1, 2)).tolist()
    [[[1.0, 1.0]]]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x

    def adjoint(self, y: Tensor) -> Tensor:
        """Return y."""
        return y

    def restrict(self, keep: Tensor) -> Sampling:
        """Return `Sampling(keep)`."""
        return Sampling(keep)

    def crop(self, region: tuple[slice, ...]) -> Identity:
        """Return the identity of the part."""
        return self


class Sampling(LinearOperator):
    """H x = keep · x: some entries are measured, the others are zero.

    Parameters
    ----------
    keep
        Which entries are measured (bool), or a real weight for each; shape (1 or B, channel, *space), where
        an axis of length 1 broadcasts.

    Examples
    --------
    >>> import torch
    >>> Sampling(torch.tensor([[[True, False]]]))(torch.ones(1, 1, 2)).tolist()
    [[[1.0, 0.0]]]
    """

    keep: Tensor

    def __init__(self, keep: Tensor) -> None:
        super().__init__()
        self.register_buffer("keep", keep)
        self.in_shape = self.out_shape = tuple(None if n == 1 else n for n in keep.shape[1:])

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x by `keep`, shape (batch, channel, *space)."""
        return x * self.keep.to(x.real.dtype)

    def adjoint(self, y: Tensor) -> Tensor:
        """Multiply y by `keep`: a real diagonal is its own adjoint."""
        return self.forward(y)

    @property
    def acquired(self) -> Tensor:
        """Which entries are kept."""
        return self.keep != 0

    def restrict(self, keep: Tensor) -> Sampling:
        """Return the sampling of the entries that both keep."""
        return Sampling(self.keep * keep)

    def crop(self, region: tuple[slice, ...]) -> Sampling:
        """Return the sampling of a part of the image."""
        return Sampling(_part(self.keep, region))

    def __getitem__(self, rows: Rows) -> Sampling:
        """Return the sampling of some entries of the batch."""
        return Sampling(pick(self.keep, rows))


class Diagonal(LinearOperator):
    """H x = weight · x, with real or complex weights: a phase, an absorption, a coil.

    Parameters
    ----------
    weight
        A number without axes, or shape (1 or batch, channel, *space), where an axis of length 1 broadcasts.

    Examples
    --------
    >>> import torch
    >>> Diagonal(torch.tensor([[[1j, 2.0]]]))(torch.ones(1, 1, 2)).tolist()
    [[[1j, (2+0j)]]]
    """

    parts: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.paired = weight.is_complex()
        self.register_buffer("parts", torch.view_as_real(weight) if self.paired else weight)
        self.in_shape = self.out_shape = tuple(None if n == 1 else n for n in weight.shape[1:])

    @property
    def weight(self) -> Tensor:
        """What x is multiplied by."""
        return torch.view_as_complex(self.parts) if self.paired else self.parts

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x, (batch, channel, *space), by the weights, in the precision of x."""
        return x * self.weight.to(_precision(x, self.paired))

    def adjoint(self, y: Tensor) -> Tensor:
        """Multiply y by the conjugate weights."""
        return y * self.weight.conj().to(_precision(y, self.paired))

    def __getitem__(self, rows: Rows) -> Diagonal:
        """Return the multiplier of some entries of the batch."""
        return Diagonal(pick(self.weight, rows)) if self.weight.ndim else self

    def crop(self, region: tuple[slice, ...]) -> Diagonal:
        """Return the multiplier of a part of the image."""
        return Diagonal(_part(self.weight, region)) if self.weight.ndim else self


class Crop(LinearOperator):
    """H x = x[region]: the detector sees a part of the object.

    Parameters
    ----------
    space
        Length of each spatial axis of x.
    region
        One slice a spatial axis, with start and stop.

    Raises
    ------
    InputError
        If the region does not lie in the image.

    Examples
    --------
    >>> import torch
    >>> Crop((4,), (slice(1, 3),)).adjoint(torch.ones(1, 1, 2)).tolist()
    [[[0.0, 1.0, 1.0, 0.0]]]
    """

    def __init__(self, space: Sequence[int], region: tuple[slice, ...]) -> None:
        super().__init__()
        inside = len(space) == len(region) and all(
            0 <= part.start < part.stop <= n for part, n in zip(region, space, strict=True)
        )
        if not inside:
            raise InputError(f"The region {region} does not lie in an image {tuple(space)}; give one slice an axis.")
        self.space, self.region = tuple(space), region
        self.in_shape = (None, *space)
        self.out_shape = (None, *(part.stop - part.start for part in region))

    def forward(self, x: Tensor) -> Tensor:
        """Return the region of x, (batch, channel, *space)."""
        return view(x, self.region)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return y with zeros around it."""
        margins = [(part.start, n - part.stop) for part, n in zip(self.region, self.space, strict=True)]
        return functional.pad(y, [margin for pair in reversed(margins) for margin in pair])

    def backproject(self, y: Tensor) -> Tensor:
        """Return y, going on around it as its mirror image."""
        for axis, (part, n) in enumerate(zip(self.region, self.space, strict=True), start=2):
            place = mirror(-part.start, n - part.start, y.shape[axis])
            y = y.index_select(axis, place.to(y.device, non_blocking=True))
        return y


def _precision(x: Tensor, paired: bool) -> torch.dtype:
    return x.dtype.to_complex() if paired else x.real.dtype


def _part(parameter: Tensor, region: tuple[slice, ...]) -> Tensor:
    """Return a part of what varies over the image; an axis of length 1 serves every part."""
    spans = zip((slice(None), slice(None), *region), parameter.shape, strict=True)
    return parameter[tuple(slice(None) if n == 1 else span for span, n in spans)]
