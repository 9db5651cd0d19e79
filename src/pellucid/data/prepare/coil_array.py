"""The receive coils as one array: their noise made white, and fewer of them that hold nearly all of the signal."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.errors import InputError


def whitening(noise: Tensor) -> Tensor:
    r"""Return the matrix that makes the noise of the coils independent and of variance one.

    .. math:: \Psi = \langle n n^* \rangle = L L^*, \qquad W = L^{-1}

    Apply it to k-space with `mix_coils`; coil maps are then estimated from what comes out. The variance is that of
    a complex sample, half of it in each of its parts.

    Parameters
    ----------
    noise
        Samples recorded without signal, complex, shape (coil, sample).

    Returns
    -------
    Tensor
        Shape (coil, coil).

    Raises
    ------
    InputError
        Where the samples are too few, or a coil is dead.

    References
    ----------
    .. [1] P. B. Roemer et al., "The NMR phased array", Magn. Reson. Med. 16, 1990.
    """
    coils, count = noise.shape
    if count < 2 * coils:
        raise InputError(
            f"The noise of {coils} coils needs at least {2 * coils} samples of each, but {count} came; record more."
        )
    samples = noise.to(torch.complex128)
    covariance = samples @ samples.mH / count
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if int(failed):
        raise InputError("The noise of the coils is not independent: one is dead, or twice there; leave it out.")
    inverse: Tensor = torch.linalg.inv(factor)
    return inverse.to(noise.dtype)


def compression(kspace: Tensor, count: int) -> Tensor:
    """Return the matrix to the `count` virtual coils that hold most of the energy: the principal components.

    Apply it with `mix_coils`. Whiten the noise before, so that energy means signal.

    Parameters
    ----------
    kspace
        Samples to learn from, such as calibration data, shape (batch, coil, *samples); one matrix serves the batch.
    count
        Number of virtual coils.

    Returns
    -------
    Tensor
        Orthonormal rows, shape (count, coil).

    References
    ----------
    .. [1] M. Buehrer et al., "Array compression for MRI with large coil arrays", Magn. Reson. Med. 57, 2007.
    """
    coils = kspace.shape[1]
    if not 1 <= count <= coils:
        raise InputError(f"{coils} coils can be compressed to between 1 and {coils} virtual coils, not {count}.")
    samples = kspace.transpose(0, 1).flatten(1).to(torch.complex128)
    _, vectors = torch.linalg.eigh(samples @ samples.mH)
    rows: Tensor = vectors.flip(1)[:, :count].mH
    return rows.to(kspace.dtype)


def mix_coils(matrix: Tensor, kspace: Tensor) -> Tensor:
    """Return new coils, each a combination of the old ones.

    Parameters
    ----------
    matrix
        One row for each new coil, shape (new, coil).
    kspace
        k-space, images or maps, shape (batch, coil, *space).
    """
    return torch.einsum("nc,bc...->bn...", matrix.to(kspace.dtype), kspace)
