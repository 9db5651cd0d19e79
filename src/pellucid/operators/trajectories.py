"""Where non-Cartesian scans measure k-space."""

from __future__ import annotations

import math

import torch
from torch import Tensor

GOLDEN_ANGLE = math.pi * (math.sqrt(5) - 1) / 2
"""Radians between spokes that any number of consecutive ones cover evenly (111.25 degrees)."""


def radial_trajectory(
    samples: int, angles: Tensor, *, delays: tuple[float, float, float] = (0.0, 0.0, 0.0), centre: float | None = None
) -> Tensor:
    r"""Return the points of straight lines through the centre of k-space, shifted by gradient delays.

    .. math:: k = \frac{2\pi}{n}\,\bigl(r\,1 + S\bigr)\, n_\theta, \qquad
        S = \begin{pmatrix} S_x & S_{xy} \\ S_{xy} & S_y \end{pmatrix}, \quad n_\theta = (\cos\theta, \sin\theta)

    with :math:`r = j - \mathrm{centre}` for sample j. A delay of the x, of the y gradient, and an oblique error shift a
    spoke by :math:`S n_\theta` samples [1]_, [2]_.

    Parameters
    ----------
    samples
        n, of a spoke; read-out oversampling included.
    angles
        Of the spokes, radians from x (columns) towards y (rows), shape (spoke,).
    delays
        S_x, S_y and S_xy, in samples.
    centre
        Sample at the centre of k-space without delays; half a sample before n / 2 unless given, so that a spoke is
        symmetric.

    Returns
    -------
    Tensor
        Radians per pixel of the field of view that n samples make, first along rows (y) and then along columns (x),
        spoke by spoke; (1, 2, spoke * sample) in double precision.

    References
    ----------
    .. [1] K. T. Block, M. Uecker, "Simple method for adaptive gradient-delay compensation in radial MRI", Proc. ISMRM
       19, 2011.
    .. [2] S. Rosenzweig, H. C. M. Holme, M. Uecker, "Simple auto-calibrated gradient delay estimation from few spokes
       using radial intersections (RING)", Magn. Reson. Med. 81, 2019.

    Examples
    --------
    >>> radial_trajectory(4, torch.zeros(1))[0, 1] / math.pi
    tensor([-0.7500, -0.2500,  0.2500,  0.7500], dtype=torch.float64)
    """
    r = torch.arange(samples, dtype=torch.float64) - ((samples - 1) / 2 if centre is None else centre)
    x, y = angles.double().cos()[:, None], angles.double().sin()[:, None]
    delay_x, delay_y, oblique = delays
    along_x = r * x + delay_x * x + oblique * y
    along_y = r * y + delay_y * y + oblique * x
    return torch.stack([along_y.flatten(), along_x.flatten()])[None] * (2 * math.pi / samples)
