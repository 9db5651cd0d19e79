"""Density compensation: how much of Fourier space each measured point stands for."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.operators.nufft import NonUniformFourier


def density_compensation(points: Tensor, space: tuple[int, ...], *, iterations: int = 20, eps: float = 1e-4) -> Tensor:
    r"""Return weights that make a gridded image of samples at any points, by iteration [1]_.

    .. math:: w \leftarrow w / (A\, \mathrm{diag}(t)\, A^* w) \quad \Rightarrow \quad A^* \mathrm{diag}(w) A \approx 1

    with A the transform of twice the field of view, all distances between two points of the image, and t the triangle
    that counts how often each occurs.

    Parameters
    ----------
    points
        Radians per pixel, shape (1 or B, dims, count); see `NonUniformFourier`.
    space
        Shape of the image.
    iterations
        Number of iterations.
    eps
        Relative error of the transforms.

    Returns
    -------
    Tensor
        Weights, one where a point stands for one sample of the Cartesian grid; (1 or B, count).

    Notes
    -----
    The paper designs a kernel; that of the triangle is never negative, so neither are the weights.

    References
    ----------
    .. [1] J. G. Pipe, P. Menon, "Sampling density compensation in MRI: rationale and an iterative numerical solution",
       Magn. Reson. Med. 41, 1999.
    """
    operator = NonUniformFourier(points, space=tuple(2 * n for n in space), eps=eps)
    triangle = torch.ones((), device=points.device)
    for n in space:
        triangle = triangle[..., None] * (1 - (torch.arange(2 * n, device=points.device) - n).abs() / n)
    weights = torch.ones(points.shape[0], 1, points.shape[2], dtype=torch.complex64, device=points.device)
    for _ in range(iterations):
        weights = weights / operator(operator.adjoint(weights) * triangle).real
    found: Tensor = weights[:, 0].real / 2 ** len(space)
    return found
