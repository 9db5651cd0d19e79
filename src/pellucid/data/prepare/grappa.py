"""GRAPPA: missing samples of k-space from their neighbours in all coils."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from pellucid.data.prepare.calibration import acquired, calibration_region, patches
from pellucid.errors import InputError

_PATTERNS = 500  # of acquired neighbours, more than any regular sampling has


def grappa(
    kspace: Tensor,
    calibration: Tensor | None = None,
    *,
    kernel: tuple[int, ...] | None = None,
    tikhonov: float = 1e-3,
) -> Tensor:
    r"""Fill k-space by GRAPPA [1]_: each missing sample is a linear combination of the acquired ones around it.

    .. math:: y_c(k) = \sum_{c', d} w_{c c' d}\; y_{c'}(k + d), \qquad
        w = \arg\min \sum_{k \in \mathrm{ACS}} |w p(k) - y(k)|^2 + \lambda |w|^2

    with a kernel w for every pattern of acquired neighbours d that occurs. What was acquired is not changed.

    Parameters
    ----------
    kspace
        Samples on the Cartesian grid, zero where nothing was measured; shape (batch, coil, *space). Lines may be
        missing along one axis or several, regularly.
    calibration
        Fully sampled data of the same grid spacing, shape (batch, coil, *region); None takes the fully sampled centre
        of `kspace`.
    kernel
        Odd width along each axis of the neighbourhood; None reaches the next acquired line to each side, and two
        samples along an axis on which none is missing.
    tikhonov
        :math:`\lambda` over the mean energy of a sample of the calibration data.

    Returns
    -------
    Tensor
        k-space of the same shape. Samples further from all others than the lines are from each other stay zero
        (partial Fourier, corners).

    Raises
    ------
    InputError
        Where there are no calibration data, or the sampling is random.

    References
    ----------
    .. [1] M. A. Griswold et al., "Generalized autocalibrating partially parallel acquisitions (GRAPPA)", Magn.
       Reson. Med. 47, 2002.
    """
    if calibration is None:
        calibration = kspace[:, :, *calibration_region(acquired(kspace), widest=None)]
    calibration = calibration.expand(len(kspace), *[-1] * (kspace.ndim - 1))
    return torch.stack([_fill(y, data, kernel, tikhonov) for y, data in zip(kspace, calibration, strict=True)])


def solve_kernels(gram: Tensor, right: Tensor, tikhonov: float) -> Tensor:
    r"""Return the weights w that predict targets t from sources A, :math:`\min |A w - t|^2 + \lambda |w|^2`.

    Parameters
    ----------
    gram
        A* A, shape (..., source, source).
    right
        A* t, shape (..., source, target).
    tikhonov
        :math:`\lambda` over the mean squared norm of a column of A.

    Returns
    -------
    Tensor
        Shape (..., source, target).
    """
    energy = gram.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
    ridge = tikhonov * energy * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    weights: Tensor = torch.linalg.solve(gram + ridge, right)
    return weights


def _fill(kspace: Tensor, calibration: Tensor, kernel: tuple[int, ...] | None, tikhonov: float) -> Tensor:
    """Fill one slice, shape (coil, *space)."""
    sampled = acquired(kspace[None])[0, 0]
    gaps = _gaps(sampled)
    kernel = kernel or tuple(5 if gap == 1 else 2 * gap - 1 for gap in gaps)
    _check(kernel, tuple(calibration.shape[1:]))
    rows = patches(calibration[None].to(torch.complex128), kernel)[0]
    gram, size = rows.mH @ rows, math.prod(kernel)
    coils = torch.arange(len(kspace), device=kspace.device)[:, None] * size
    margin = [width // 2 for width in reversed(kernel) for _ in range(2)]
    padded = pad(kspace, margin)
    grid = torch.arange(padded[0].numel(), device=kspace.device).reshape(padded.shape[1:])
    corner, offset = (grid[tuple(slice(n) for n in shape)].flatten() for shape in (sampled.shape, kernel))
    patterns, which, missing = _patterns(sampled, kernel, gaps)
    filled = kspace.flatten(1).clone()
    for number, pattern in enumerate(patterns):
        sources = (coils + pattern.nonzero().flatten()).flatten()
        right = gram[sources][:, coils[:, 0] + size // 2]
        weights = solve_kernels(gram[sources][:, sources], right, tikhonov).to(kspace.dtype)
        at = missing[which == number]
        around = padded.flatten(1)[:, corner[at, None] + offset[pattern]]
        filled[:, at] = (around.transpose(0, 1).flatten(1) @ weights).mT
    return filled.reshape(kspace.shape)


def _patterns(sampled: Tensor, kernel: tuple[int, ...], gaps: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the patterns of acquired neighbours, which one each missing sample has, and where those samples are."""
    for axis, (width, gap) in enumerate(zip(kernel, gaps, strict=True)):  # beyond an axis without gaps lie zeros
        first, last = ((gap == 1) & sampled.narrow(axis, at, 1) for at in (0, sampled.shape[axis] - 1))
        sampled = torch.cat((*[first] * (width // 2), sampled, *[last] * (width // 2)), axis)
    for axis, width in enumerate(kernel):
        sampled = sampled.unfold(axis, width, 1)
    windows = sampled.flatten(0, len(kernel) - 1)
    near = windows
    for axis, (width, gap) in enumerate(zip(kernel, gaps, strict=True), start=1):
        reach = min(width // 2, max(gap, 2) - 1)
        near = near.narrow(axis, width // 2 - reach, 2 * reach + 1)
    windows, near = windows.flatten(1), near.flatten(1).any(1)
    missing = (near & ~windows[:, windows.shape[1] // 2]).nonzero().flatten()
    patterns, which = torch.unique(windows[missing], dim=0, return_inverse=True)
    if len(patterns) > _PATTERNS:
        raise InputError(
            "GRAPPA needs lines missing regularly, but the samples of this k-space have more than "
            f"{_PATTERNS} arrangements of neighbours; reconstruct random sampling with coil maps (cg, wavelet, tv)."
        )
    return patterns, which, missing


def _gaps(sampled: Tensor) -> list[int]:
    """Return the largest step from one acquired line to the next, along each axis."""
    steps = []
    for axis in range(sampled.ndim):
        lines = sampled.movedim(axis, 0).flatten(1).any(1).nonzero().flatten()
        steps.append(int(lines.diff().max()) if len(lines) > 1 else 1)
    return steps


def _check(kernel: tuple[int, ...], region: tuple[int, ...]) -> None:
    if len(kernel) != len(region) or any(w % 2 == 0 or w > n for w, n in zip(kernel, region, strict=False)):
        raise InputError(
            f"A GRAPPA kernel of {' x '.join(map(str, kernel))} needs odd widths and calibration data (ACS) at least "
            f"as wide, but they are {' x '.join(map(str, region))}; give more calibration lines or a narrower kernel."
        )
