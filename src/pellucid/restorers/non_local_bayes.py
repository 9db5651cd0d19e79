"""Groups of similar patches, each with its own Gaussian prior."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.restorers.base import Moments, Restorer

_STRIDE = 4  # pixels between patches that gather a group
_CHUNK = 2048  # groups at a time
_FLOOR = 1e-3  # least eigenvalue of the correlation of the noise


class NonLocalBayes(Moments):
    """Denoise each group of similar patches by Bayes' rule, its prior learned from the group itself.

    Patches p that look alike in a guide g are taken for draws of one Gaussian, whose mean m and covariance C are those
    of the group in the guide. With noise of covariance S, independent of the patch,

        E[x | p] = m + C (C + S)⁻¹ (p - m),      Cov[x | p] = S - S (C + S)⁻¹ S.

    Every pixel is the mean over the patches that hold it. The answer is the guide of the next pass.

    Parameters
    ----------
    guide
        Restores the image first.
    correlation
        Of the noise by shift, (2 r + 1, 2 r + 1), one in the centre.
    patch, radius, count
        Side of a patch; how far similar ones are looked for; how many make a group.
    passes
        How often.

    Notes
    -----
    S is the correlation of the noise times its variance at the mean of the group. The spread is the root of the mean
    posterior variance over the patches that hold a pixel. Volumes are restored plane by plane.

    References
    ----------
    Lebrun, Buades, Morel, "A nonlocal Bayesian image denoising algorithm", SIAM Journal on Imaging Sciences 6, 2013,
    equation 5.
    """

    correlation: Tensor

    def __init__(
        self, guide: Restorer, correlation: Tensor, *, patch: int = 7, radius: int = 8, count: int = 64, passes: int = 2
    ) -> None:
        super().__init__()
        self.guide, self.patch, self.radius, self.count, self.passes = guide, patch, radius, count, passes
        self.register_buffer("correlation", correlation)

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return mean and variance, (batch, 2, channel, *space)."""
        if given.noise is None:
            raise InputError(
                "Non-local Bayes needs to know how strong the noise is; no noise model came with the data."
            )
        marked = _spoilt(given.y, 2 * self.passes * (self.radius + self.patch - 1))
        guide = self.guide.explain(given, rng)[:, 0]
        marked = marked + 0 * guide
        y, image = (part.nan_to_num(0.0).float() for part in (given.y, guide))
        variance = torch.zeros_like(image)
        planes = image.shape[-2:]
        for _ in range(self.passes):
            strength = given.noise.variance(image).expand_as(image)
            flat = [part.reshape(-1, *planes) for part in (y, image, strength)]
            answers = [self._plane(*plane) for plane in zip(*flat, strict=True)]
            image, variance = (torch.stack(part).view(y.shape) for part in zip(*answers, strict=True))
        return torch.stack([image + marked, variance + marked], 1).to(given.y.dtype)

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the common period of the patches and the guide; planes are independent."""
        *planes, rows, columns = self.guide.stride(dims)
        return (*planes, math.lcm(rows, _STRIDE), math.lcm(columns, _STRIDE))

    def _plane(self, y: Tensor, guide: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and posterior variance of one plane, (row, column)."""
        places, usable = self._groups(guide)
        noisy, seen, level = (_patches(part, self.patch) for part in (y, guide, strength))
        total, square, count = torch.zeros_like(noisy), torch.zeros_like(noisy), torch.zeros_like(noisy[:, 0])
        shape = _covariance(self.correlation, self.patch).to(y)
        for at, use in zip(torch.split(places, _CHUNK), torch.split(usable, _CHUNK), strict=True):
            noise = level[at[:, 0]].mean(-1).view(-1, 1, 1) * shape
            means, variances = _posterior(noisy[at], seen[at], use, noise)
            weight = use.flatten().to(y.dtype)
            total.index_add_(0, at.flatten(), (means * use.unsqueeze(-1)).flatten(0, 1))
            square.index_add_(0, at.flatten(), (variances.unsqueeze(1) * use.unsqueeze(-1)).flatten(0, 1))
            count.index_add_(0, at.flatten(), weight)
        sums = (_images(part, y.shape, self.patch) for part in (total, square, count[:, None].expand_as(total)))
        mean, variance, often = sums
        return mean / often, variance / often

    def _groups(self, guide: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flat places of the patches of each group, itself first, and which of them exist."""
        height, width = (n - self.patch + 1 for n in guide.shape)
        rows, columns = (_corners(n, guide.device) for n in (height, width))
        reach = torch.arange(-self.radius, self.radius + 1, device=guide.device)
        windows = [corners[:, None] + torch.arange(self.patch, device=guide.device) for corners in (rows, columns)]
        padded = F.pad(guide, (self.radius,) * 4)
        distances = []
        for dy in range(2 * self.radius + 1):
            for dx in range(2 * self.radius + 1):
                other = padded[dy : dy + guide.shape[0], dx : dx + guide.shape[1]]
                square = (guide - other).square()
                distances.append(square[windows[0]].mean(1)[:, windows[1]].mean(2).flatten())
        shifts = torch.cartesian_prod(reach, reach)
        row, column = (part.flatten() for part in torch.meshgrid(rows, columns, indexing="ij"))
        to = torch.stack([row, column], 1).unsqueeze(1) + shifts
        outside = ((to < 0) | (to >= torch.tensor([height, width], device=guide.device))).any(-1)
        distance = torch.stack(distances, 1).masked_fill_(outside, torch.inf)
        distance[:, len(shifts) // 2] = -1.0
        nearest, best = distance.topk(min(self.count, len(shifts)), largest=False)
        usable = nearest < torch.inf
        flat = (row * width + column).unsqueeze(1) + (shifts[:, 0] * width + shifts[:, 1])[best]
        return torch.where(usable, flat, flat[:, :1]), usable


def _posterior(noisy: Tensor, seen: Tensor, use: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the posterior means, (group, patch, pixel), and variances, (group, pixel)."""
    weight = use.unsqueeze(-1).to(seen.dtype)
    number = weight.sum(1, keepdim=True)
    mean = (seen * weight).sum(1, keepdim=True) / number
    centred = (seen - mean) * weight
    prior = centred.mT @ centred / (number - 1).clamp(min=1)
    factor = torch.linalg.cholesky_ex(prior + noise).L
    gain = torch.cholesky_solve(noise, factor)  # (C + S)⁻¹ S
    means = noisy - (noisy - mean) @ gain
    variances = (noise - noise @ gain).diagonal(dim1=-2, dim2=-1)
    return means, variances


def _corners(count: int, device: torch.device) -> Tensor:
    """Return the places of every fourth patch, and of the last."""
    places = {*range(0, count, _STRIDE), count - 1}
    return torch.tensor(sorted(places), device=device)


def _patches(plane: Tensor, side: int) -> Tensor:
    """Return all patches of a plane, (place, pixel)."""
    return F.unfold(plane[None, None], side)[0].mT.contiguous()


def _images(patches: Tensor, size: torch.Size, side: int) -> Tensor:
    """Return the plane that is the sum of its patches."""
    return F.fold(patches.mT[None].contiguous(), size, side)[0, 0]


def _covariance(correlation: Tensor, side: int) -> Tensor:
    """Return the correlation of the noise between the pixels of a patch, made positive definite."""
    reach = correlation.shape[0] // 2
    ramp = torch.arange(side, device=correlation.device)
    pixel = torch.cartesian_prod(ramp, ramp)
    shift = pixel[:, None] - pixel
    inside = (shift.abs() <= reach).all(-1)
    index = (shift + reach).clamp(0, 2 * reach)
    values = torch.where(inside, correlation[index[..., 0], index[..., 1]], 0.0).double()
    eigenvalues, vectors = torch.linalg.eigh(values)
    definite: Tensor = (vectors * eigenvalues.clamp(min=_FLOOR)) @ vectors.mT
    return definite


def _spoilt(y: Tensor, reach: int) -> Tensor:
    """Return zero, and NaN within `reach` of a NaN in the same plane."""
    wide = (0 * y).flatten(0, -3).unsqueeze(1)
    for kernel in ((2 * reach + 1, 1), (1, 2 * reach + 1)):
        wide = F.avg_pool2d(wide, kernel, 1, (kernel[0] // 2, kernel[1] // 2))
    return wide.view(y.shape)
