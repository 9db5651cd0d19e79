"""Slice-GRAPPA: simultaneous slices are pulled apart in k-space, by kernels from scans of each slice alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from pellucid.data.measurement import Measurement
from pellucid.data.prepare.calibration import acquired
from pellucid.data.prepare.grappa import solve_kernels
from pellucid.errors import InputError
from pellucid.operators.sms import caipi_phases

_FRAMES = 8  # at a time: their patches are many times as large


@dataclass(frozen=True, kw_only=True)
class Multiband(Measurement):
    """Slices that were measured together, with scans of each alone.

    Parameters
    ----------
    single_band, shifts
        Calibration data and CAIPI shifts, as for `slice_grappa`.
    """

    single_band: Tensor
    shifts: Tensor | None


def slice_grappa(
    kspace: Tensor,
    calibration: Tensor,
    *,
    shifts: Tensor | None = None,
    split: bool = True,
    kernel: tuple[int, int] = (5, 5),
    tikhonov: float = 1e-3,
) -> Tensor:
    r"""Separate simultaneous slices, and fill the lines left out in the plane, by one convolution for each slice.

    With A_j the patches of the scan of slice j alone, and T_z the samples of slice z at their centres, the kernel of
    slice z is, by slice-GRAPPA [1]_ and by split-slice GRAPPA [2]_,

    .. math::
        \arg\min_w \bigl|\textstyle\sum_j A_j w - T_z\bigr|^2 + \lambda |w|^2, \qquad
        \arg\min_w \textstyle\sum_j |A_j w - \delta_{jz} T_z|^2 + \lambda |w|^2

    The second asks in so many words that the other slices do not leak into slice z.

    Parameters
    ----------
    kspace
        Multiband samples on the Cartesian grid, shape (batch, coil, row, column). Rows that were left out are zero;
        the others lie at equal distances R.
    calibration
        Fully sampled centre of k-space of every slice alone, shape (slice, coil, row, column), of the same spacing,
        without CAIPI phase. One set of kernels serves the batch, such as the frames of a series.
    shifts
        CAIPI shift of each slice, as a part of the field of view along the rows; see `caipi_phases`. None: no shift.
    split
        Whether by split-slice GRAPPA.
    kernel
        Odd numbers of samples of a patch along rows and columns; rows are R apart.
    tikhonov
        :math:`\lambda` over the mean squared norm of a column of the patches.

    Returns
    -------
    Tensor
        k-space of each slice, all rows, without CAIPI phase; shape (batch, slice, coil, row, column).

    Raises
    ------
    InputError
        Where rows are left out at random, or calibration or kernel do not fit.

    Notes
    -----
    Rows that were left out are predicted from the acquired rows around them, with a kernel for each of the R
    distances, in the same step (the papers fill them by a second one).

    References
    ----------
    .. [1] K. Setsompop et al., "Blipped-controlled aliasing in parallel imaging for simultaneous multislice echo planar
       imaging with reduced g-factor penalty", Magn. Reson. Med. 67, 2012.
    .. [2] S. F. Cauley et al., "Interslice leakage artifact reduction technique for simultaneous multislice
       acquisitions", Magn. Reson. Med. 72, 2014.
    """
    rows, step = _rows(kspace)
    _check(kspace, calibration, kernel, step)
    shifts = torch.zeros(len(calibration)) if shifts is None else shifts
    weights = _kernels(calibration * _turns(shifts, calibration), step, split, kernel, tikhonov).to(kspace.dtype)
    separate = torch.cat([_convolved(part, weights, rows, step) for part in torch.split(kspace, _FRAMES)])
    return separate * _turns(shifts, separate[0]).conj()


def _convolved(kspace: Tensor, weights: Tensor, rows: Tensor, step: int) -> Tensor:
    """Return k-space of each slice, still moved; shape (batch, slice, coil, row, column)."""
    slices, offsets, coils = weights.shape[:3]
    margin = [width // 2 for width in weights.shape[4:]]
    # A margin of R rows, so that the first and the last rows too lie near one that is predicted from.
    data = pad(kspace, (0, 0, step, step))
    found = conv2d(data, weights.flatten(0, 2), padding=(margin[0] * step, margin[1]), dilation=(step, 1))
    found = found.reshape(len(kspace), slices, offsets, coils, *data.shape[2:])
    separate = torch.zeros_like(found[:, :, 0])
    centres = torch.cat([rows[:1] - step, rows, rows[-1:] + step]) + step
    for number, offset in enumerate(_offsets(step)):
        inside = centres[(centres + offset >= 0) & (centres + offset < data.shape[2])]
        separate[..., inside + offset, :] = found[:, :, number, :, inside]
    return separate[..., step : step + kspace.shape[2], :]


def _rows(kspace: Tensor) -> tuple[Tensor, int]:
    """Return the rows that were acquired, and their distance."""
    rows = acquired(kspace).flatten(0, 1).any(0).any(1).nonzero()[:, 0]
    steps = torch.unique(rows.diff()).tolist()
    if len(steps) != 1:
        raise InputError(
            "Slice-GRAPPA needs multiband k-space with rows at equal distances, but they are "
            f"{', '.join(map(str, steps)) or 'missing'}; separate irregular sampling with coil maps (cg, tv)."
        )
    return rows, steps[0]


def _offsets(step: int) -> range:
    """Return the distances of the predicted rows from the row at the centre of a patch."""
    return range(-((step - 1) // 2), step // 2 + 1)


def _turns(shifts: Tensor, like: Tensor) -> Tensor:
    """Return exp(i phases) for k-space of shape (slice, coil, row, column)."""
    phases = caipi_phases(shifts.to(like.device), like.shape[2])[0, :, None]
    return torch.polar(torch.ones_like(phases), phases).to(like.dtype)


def _kernels(calibration: Tensor, step: int, split: bool, kernel: tuple[int, int], tikhonov: float) -> Tensor:
    """Return the kernels, shape (slice, offset, coil, source coil, *kernel), in double precision."""
    patches, targets = zip(*(_equations(data.to(torch.complex128), step, kernel) for data in calibration), strict=True)
    if split:
        gram = torch.stack([a.mH @ a for a in patches]).sum(0)
        right = torch.stack([a.mH @ t for a, t in zip(patches, targets, strict=True)])
    else:
        together = torch.stack(patches).sum(0)
        gram = together.mH @ together
        right = together.mH @ torch.stack(targets)
    weights = solve_kernels(gram, right, tikhonov)  # (slice, source, offset * coil)
    coils = calibration.shape[1]
    return weights.mT.reshape(len(calibration), -1, coils, coils, *kernel)


def _equations(data: Tensor, step: int, kernel: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the patches of one slice, (position, coil * samples), and what they are to predict."""
    reach, aside = (kernel[0] // 2) * step, kernel[1] // 2
    windows = data.unfold(1, 2 * reach + 1, 1)[..., ::step].unfold(2, kernel[1], 1)
    rows, columns = windows.shape[1:3]
    inner = data[:, :, aside : aside + columns]
    targets = torch.stack([inner[:, reach + o : reach + o + rows] for o in _offsets(step)])
    return windows.permute(1, 2, 0, 3, 4).flatten(0, 1).flatten(1), targets.flatten(0, 1).flatten(1).mT


def _check(kspace: Tensor, calibration: Tensor, kernel: tuple[int, int], step: int) -> None:
    coils = kspace.shape[1]
    if calibration.ndim != 4 or calibration.shape[1] != coils:
        raise InputError(
            f"The calibration of slices of {coils} coils needs the shape (slice, {coils}, row, column), but came as "
            f"{tuple(calibration.shape)}; give one scan of each slice alone."
        )
    least = ((kernel[0] - 1) * step + 2, kernel[1] + 1)
    region = tuple(calibration.shape[2:])
    if any(k % 2 == 0 for k in kernel) or any(n < m for n, m in zip(region, least, strict=True)):
        raise InputError(
            f"A kernel of {kernel[0]} x {kernel[1]} with rows {step} apart needs odd widths and calibration data of at "
            f"least {least[0]} x {least[1]} samples, but they are {region[0]} x {region[1]}; give more of them."
        )
