"""The Fourier transform on the Cartesian grid."""

from __future__ import annotations

from torch import Tensor

from pellucid._math.fft import fft, ifft
from pellucid.operators.base import LinearOperator


class Fourier(LinearOperator):
    r"""H x = the centred, orthonormal discrete Fourier transform of every channel.

    .. math:: y_k = N^{-1/2} \sum_n x_n e^{-2 \pi i k \cdot n / N}, \qquad H^* H = H H^* = 1

    Zero position and zero frequency lie at index n // 2 of an axis of length n. Measured at some frequencies only
    it is ``Fourier(dims).restrict(mask)``.

    Parameters
    ----------
    dims
        Number of spatial axes.

    Examples
    --------
    >>> import torch
    >>> Fourier(1)(torch.tensor([[[0, 0, 1, 0]]], dtype=torch.complex64)).real
    tensor([[[0.5000, 0.5000, 0.5000, 0.5000]]])
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.dims = dims
        self.in_shape = self.out_shape = (None,) * (1 + dims)

    def forward(self, x: Tensor) -> Tensor:
        """Transform x, shape (batch, channel, *space)."""
        return fft(x, self.dims)

    def adjoint(self, y: Tensor) -> Tensor:
        """Transform back: the inverse is the adjoint."""
        return ifft(y, self.dims)

    def normal(self, x: Tensor) -> Tensor:
        """Return x."""
        return x
