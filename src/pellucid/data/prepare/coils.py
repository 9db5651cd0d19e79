"""Coil maps from calibration data: how sensitive each receive coil is at each point of the image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pellucid._math.fft import ifft
from pellucid.data.prepare.calibration import calibration_data, patches
from pellucid.errors import InputError

_SOFT = 0.1  # width of the edge below the crop, in units of the eigenvalue
_TILE = 1 << 22  # numbers of the image-space covariance held at a time


def coil_maps(kspace: Tensor, *, widest: int = 24, kernel: int = 6) -> Tensor:
    """Return coil maps from the fully sampled centre of k-space.

    ESPIRiT where the centre is wide enough for its kernels, else the ratio of low-resolution images.

    Parameters
    ----------
    kspace
        Samples on the Cartesian grid, uncropped, zero where nothing was measured; shape (batch, coil, *space).
        Each slice of the batch has maps of its own.
    widest
        Samples of the centre that are used along each axis, at most.
    kernel
        Width of the ESPIRiT kernels in samples.

    Returns
    -------
    Tensor
        Complex maps of unit root sum of squares, zero where there is no signal, shape (batch, coil, *space).

    Raises
    ------
    InputError
        Where k-space has no fully sampled centre.
    """
    data, space = calibration_data(kspace, widest), tuple(kspace.shape[2:])
    if min(data.shape[2:]) >= kernel + 2:
        return espirit(data, space, kernel=kernel)
    return low_resolution_maps(data, space)


def espirit(
    calibration: Tensor, space: tuple[int, ...], *, kernel: int = 6, threshold: float = 0.02, crop: float = 0.9
) -> Tensor:
    r"""Return coil maps by ESPIRiT [1]_: the eigenvectors, to eigenvalue one, of what the calibration data allow.

    Every patch p of k-space, `kernel` samples wide in all coils, lies in the span U of the singular vectors of the
    calibration data above a threshold. To put each patch of a k-space on that span, and average, is a convolution, in
    the image a matrix at each point r:

    .. math:: G(r) = K^{-1} \sum_{a,b} (U U^*)_{a b}\, e^{-2 \pi i (b - a) \cdot r / N}, \qquad G(r)\, s(r) = s(r)

    Parameters
    ----------
    calibration
        Fully sampled centre of k-space, shape (batch, coil, *region), two or three axes.
    space
        Shape of the maps: that of the whole k-space.
    kernel
        Width of a patch in samples.
    threshold
        Singular values below this part of the largest are noise.
    crop
        Where the eigenvalue is below, there is no signal: the maps fall to zero there, smoothly.

    Returns
    -------
    Tensor
        Complex maps of unit root sum of squares where there is signal, shape (batch, coil, *space).

    Notes
    -----
    The phase of a map is not determined; here the principal component of the coils is real and positive, since one
    coil may see nothing of a region. The paper crops at a hard edge.

    References
    ----------
    .. [1] M. Uecker et al., "ESPIRiT—an eigenvalue approach to autocalibrating parallel MRI: where SENSE meets
       GRAPPA", Magn. Reson. Med. 71, 2014.
    """
    _check(calibration, space, kernel)
    batch, coils = calibration.shape[:2]
    covariance = _covariance(_signal_space(calibration, kernel, threshold)).to(calibration.dtype)
    waves = [_waves(n, kernel).to(covariance) for n in space]
    reference = _principal_component(calibration)
    maps = calibration.new_empty(batch, coils, *space)
    rows = max(1, _TILE // (batch * coils**2 * math.prod(space[1:])))
    for start in range(0, space[0], rows):
        part = slice(start, start + rows)
        matrices = covariance
        for wave in (waves[0][:, part], *waves[1:]):
            matrices = torch.tensordot(matrices, wave, ([3], [0]))
        values, vectors = torch.linalg.eigh(matrices.movedim((1, 2), (-2, -1)))
        s = vectors[..., -1].movedim(-1, 1)
        phase = torch.einsum("bc,bc...->b...", reference.conj(), s).sgn()
        weight = ((values[..., -1] - crop) / _SOFT + 1).clamp(0, 1)
        maps[:, :, part] = s * (phase.conj() * weight**2 * (3 - 2 * weight))[:, None]
    return maps


def low_resolution_maps(calibration: Tensor, space: tuple[int, ...], *, crop: float = 0.05) -> Tensor:
    r"""Return low-resolution images over their root sum of squares, :math:`s_c = m_c / (\sum |m_c|^2)^{1/2}`.

    The phase of the object is in these maps, which makes the image real where that phase is smooth.

    Parameters
    ----------
    calibration
        Fully sampled centre of k-space, shape (batch, coil, *region), two or three axes.
    space
        Shape of the maps: that of the whole k-space.
    crop
        Where the root sum of squares is below this part of its maximum, the maps are zero.

    Returns
    -------
    Tensor
        Complex maps, shape (batch, coil, *space).
    """
    _check(calibration, space, 1)
    grid = calibration.new_zeros(*calibration.shape[:2], *space)
    inner = [slice(n // 2 - w // 2, n // 2 - w // 2 + w) for n, w in zip(space, calibration.shape[2:], strict=True)]
    grid[:, :, *inner] = calibration
    for axis, width in enumerate(calibration.shape[2:], start=2):
        window = torch.zeros(space[axis - 2], dtype=calibration.real.dtype, device=calibration.device)
        window[inner[axis - 2]] = torch.hann_window(width + 2, periodic=False).to(window)[1:-1]
        grid = grid * window.reshape(-1, *[1] * (grid.ndim - 1 - axis))
    images = ifft(grid, len(space))
    size = torch.linalg.vector_norm(images, dim=1, keepdim=True)
    seen = size > crop * size.amax(tuple(range(2, size.ndim)), keepdim=True)
    return torch.where(seen, images / size, 0)


def _signal_space(calibration: Tensor, kernel: int, threshold: float) -> Tensor:
    """Return the projection on the span of the patches, shape (batch, coil, *kernel, coil, *kernel)."""
    dims = calibration.ndim - 2
    rows = patches(calibration.to(torch.complex128), (kernel,) * dims)
    values, vectors = torch.linalg.eigh(rows.mT @ rows.conj())
    signal = vectors * (values > threshold**2 * values[:, -1:])[:, None]
    projection: Tensor = signal @ signal.mH
    shape = (calibration.shape[1], *[kernel] * dims)
    return projection.reshape(-1, *shape, *shape)


def _covariance(projection: Tensor) -> Tensor:
    """Sum a projection over the pairs of samples at each distance: (batch, coil, coil, *(2 kernel - 1))."""
    dims = (projection.ndim - 3) // 2
    kernel = projection.shape[-1]
    index = torch.arange(kernel, device=projection.device)
    distance = (index - index[:, None] + kernel - 1).flatten()
    at = torch.nn.functional.one_hot(distance, 2 * kernel - 1).to(projection) / kernel
    for left in range(dims, 0, -1):  # axes: batch, coil, `left` of a, coil, `left` of b, then distances
        projection = projection.movedim((2, 3 + left), (-2, -1)).flatten(-2) @ at
    return projection


def _waves(length: int, kernel: int) -> Tensor:
    """Return exp(-2 pi i d r / N) for each distance d and centred position r."""
    distance = torch.arange(1 - kernel, kernel, dtype=torch.float64)
    position = torch.arange(length, dtype=torch.float64) - length // 2
    turns = distance[:, None] * position / length
    return torch.polar(torch.ones_like(turns), -2 * torch.pi * turns)


def _principal_component(calibration: Tensor) -> Tensor:
    """Return the combination of coils with the most energy, shape (batch, coil)."""
    samples = calibration.flatten(2).to(torch.complex128)
    _, vectors = torch.linalg.eigh(samples @ samples.mH)
    strongest: Tensor = vectors[..., -1].to(calibration.dtype)
    return strongest


def _check(calibration: Tensor, space: tuple[int, ...], kernel: int) -> None:
    region = tuple(calibration.shape[2:])
    if len(region) != len(space) or any(not kernel <= w <= n for w, n in zip(region, space, strict=True)):
        raise InputError(
            f"Coil maps of shape {tuple(space)} need calibration data of at least {kernel} and at most as many samples "
            f"along each axis, but they have the shape {region}; give a wider centre of k-space or a narrower kernel."
        )
    if not bool((calibration != 0).any()):
        raise InputError("The calibration data are all zero; give the k-space that was measured.")
