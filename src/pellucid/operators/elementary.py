"""The operators that every instrument contains."""

from __future__ import annotations

from torch import Tensor

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

    def restrict(self, keep: Tensor) -> Sampling:
        """Return the sampling of the entries that both keep."""
        return Sampling(self.keep * keep)

    def crop(self, region: tuple[slice, ...]) -> Sampling:
        """Return the sampling of a part of the image."""
        free = (slice(None), slice(None))
        spans = zip((*free, *region), self.keep.shape, strict=True)
        return Sampling(self.keep[tuple(slice(None) if n == 1 else span for span, n in spans)])

    def __getitem__(self, rows: Rows) -> Sampling:
        """Return the sampling of some entries of the batch."""
        return Sampling(pick(self.keep, rows))
