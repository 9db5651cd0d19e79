"""Marchenko-Pastur PCA of image series, and its variant with one noise level for all (NORDIC)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.restorers import Restorer

CARD = Card(
    title="Marchenko-Pastur PCA (MPPCA)",
    needs="series",
    assumes="noise that is independent from volume to volume and equally strong in all; structure that repeats itself",
    independent=False,
    stabilise=False,
    gives="image",
    equation="X̂ = X Σ_{i≤p} v_i v_iᴴ; beyond p the eigenvalues of XᴴX follow the Marchenko-Pastur law",
    paper="Veraart et al., NeuroImage 2016; threshold=common: Moeller et al., NeuroImage 2021 (NORDIC)",
)
_FEWEST = 4  # volumes
_STEP = 2  # voxels from window to window
_CHUNK = 2**22  # numbers of the windows that are computed at once


def mppca(
    example: Measurement,
    *,
    rng: torch.Generator,
    threshold: Literal["window", "common"] = "window",
    window: int | None = None,
    phase: bool = False,
) -> Method:
    """Keep the principal components of a window of a series that noise alone cannot explain; nothing is trained.

    X holds the M voxels of a window in its rows and the N volumes in its columns. For pure noise the eigenvalues of
    XᴴX lie between σ²(√M − √N)² and σ²(√M + √N)² (Marchenko, Pastur 1967). p is the least number of components for
    which those that are left, λ_{p+1} ≥ ... ≥ λ_m with m = min(M, N), fit into an interval of that width,

        λ_{p+1} − λ_m ≤ 4 σ̂² √((M − p)(N − p)),    σ̂² = Σ_{i>p} λ_i / ((M − p)(N − p)),

    and X̂ = X Σ_{i≤p} v_i v_iᴴ (Veraart et al. 2016, equations 10-12).

    Parameters
    ----------
    example
        The series, (batch, volume, *space); complex, or with `phase`.
    rng
        Not used: nothing is drawn.
    threshold
        ``window``: each window finds its own noise level, as above. ``common``: one σ for all, and what lies below
        the largest singular value of noise, σ(√M + √N), is removed: as in NORDIC, for noise of one strength.
    window
        Voxels along each axis; without it, so many that a window holds as many voxels as the series volumes.
    phase
        Whether the volumes are the real parts of a complex series, followed by as many imaginary ones. The option
        ``--phase`` sets it.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        Where the series has fewer than four volumes.

    Notes
    -----
    The noise level counts the degrees of freedom that the signal took, in both dimensions (Cordero-Grande et al.
    2019). Windows overlap, at every second voxel, and their answers are averaged with the weight 1/(1 + p) (Manjón
    et al. 2013), where the paper keeps the voxel in the middle. Voxels that never change, as in a masked background,
    do not count and stay as they are. NORDIC takes its σ from scans of noise, or from the g-factors of the coils; here
    it is the median over the windows. The magnitude of weak signals is biased (Rician): give the phase, so that
    the noise is Gaussian.

    References
    ----------
    Veraart, Novikov, Christiaens, Ades-aron, Sijbers, Fieremans, "Denoising of diffusion MRI using random matrix
    theory", NeuroImage 142, 2016.
    Moeller et al., "NOise reduction with DIstribution Corrected (NORDIC) PCA in dMRI with complex-valued
    parameter-free locally low-rank processing", NeuroImage 226, 2021.
    Cordero-Grande, Christiaens, Hutter, Price, Hajnal, "Complex diffusion-weighted image estimation via matrix
    recovery under general noise models", NeuroImage 200, 2019.
    Manjón et al., "Diffusion weighted image denoising using overcomplete local PCA", PLOS ONE 8, 2013.
    """
    volumes, dims = example.y.shape[1] // (2 if phase else 1), example.y.ndim - 2
    if volumes < _FEWEST:
        raise InputError(
            f"{CARD.title} compares the volumes of a series along T, {_FEWEST} or more; this image has {volumes}."
        )
    model = LowRank(window or next(n for n in range(2, volumes + 2) if n**dims >= volumes), phase=phase)
    if threshold == "common":
        model.sigma = model.noise_level(example.y).median().to(model.sigma)
    return Method(model=model, restorer=model, card=CARD)


class LowRank(Restorer):
    """Windows of a series, each without the components that are noise.

    Parameters
    ----------
    window
        Voxels along each axis.
    phase
        Whether volumes are real parts, followed by imaginary ones.

    Attributes
    ----------
    sigma
        The one standard deviation of the noise, of |n| where the data are complex; 0 where every window finds its own.
    """

    sigma: Tensor
    whole = True  # mirror images beyond the edges would repeat their noise, and there is no noise that repeats itself

    def __init__(self, window: int, *, phase: bool = False) -> None:
        super().__init__()
        self.window, self.phase = window, phase
        self.register_buffer("sigma", torch.zeros((), dtype=torch.float64))

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the series, (batch, volume, *space)."""
        image = torch.stack([self._restored(series) for series in self._complex(given.y)])
        return torch.cat([image.real, image.imag], 1) if self.phase else image

    def noise_level(self, y: Tensor) -> Tensor:
        """Return the standard deviation of the noise that each window of y, (batch, volume, *space), finds."""
        found = [_components(part).sigma for series in self._complex(y) for part, _ in self._windows(series)]
        return torch.cat(found)

    def _complex(self, y: Tensor) -> Tensor:
        return torch.complex(*y.float().chunk(2, 1)) if self.phase else y

    def _windows(self, series: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield windows of (volume, *space): (count, voxel, volume), and their flat places (count, voxel)."""
        places, flat = _places(series.shape[1:], self.window, series.device), series.flatten(1).T
        for part in torch.split(places, max(1, _CHUNK // (places.shape[1] * len(series)))):
            yield flat[part], part

    def _restored(self, series: Tensor) -> Tensor:
        flat = series.flatten(1).T
        total, weights = torch.zeros_like(flat), torch.zeros(len(flat), 1, dtype=series.real.dtype, device=flat.device)
        for x, places in self._windows(series):
            found = _components(x, self.sigma)
            weight = 1 / (1 + found.rank.to(weights.dtype))
            answers = found.image * weight[:, None, None]
            total.index_add_(0, places.flatten(), answers.flatten(0, 1))
            weights.index_add_(0, places.flatten(), weight[:, None].expand(places.shape).reshape(-1, 1))
        return (total / weights).T.reshape(series.shape)


class _Components(NamedTuple):
    """Windows without noise, how many components each kept, and the standard deviation of its noise."""

    image: Tensor
    rank: Tensor
    sigma: Tensor


def _components(x: Tensor, sigma: Tensor | None = None) -> _Components:
    """Divide windows (count, voxel, volume) into signal and noise; a sigma above 0 is the noise of all.

    The eigenvalues are those of XᴴX in double precision: noise a thousand times weaker than the signal is still seen.
    """
    varies = (x != x[..., :1]).any(2, keepdim=True)
    rows = (x * varies).to(torch.complex128 if x.is_complex() else torch.float64)
    values, vectors = torch.linalg.eigh(rows.mH @ rows)
    values, vectors = values.flip(1).clamp(min=0), vectors.flip(2)
    rank, variance = _signal(values, varies.sum((1, 2)).unsqueeze(1), sigma)
    kept = vectors * (torch.arange(values.shape[1], device=x.device) < rank[:, None]).unsqueeze(1)
    image = torch.where(varies, x @ (kept @ kept.mH).to(x.dtype), x)
    return _Components(image, rank, variance.sqrt())


def _signal(values: Tensor, voxels: Tensor, sigma: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return how many of the eigenvalues (count, volume), largest first, are signal, and the noise variance."""
    count = values.shape[1]
    p = torch.arange(count, device=values.device)
    least = voxels.clamp(max=count)
    values = values * (p < least)
    left = ((voxels - p) * (count - p)).clamp(min=1).to(values.dtype)
    variance = values.flip(1).cumsum(1).flip(1) / left
    smallest = values.gather(1, (least - 1).clamp(min=0))
    signal = values - smallest > 4 * variance * left.sqrt()
    rank = signal.long().cumprod(1).sum(1).clamp(max=count - 1)
    found = variance.gather(1, rank[:, None]).squeeze(1)
    if sigma is not None:
        edge = sigma**2 * (voxels.to(values.dtype).sqrt() + count**0.5).square()
        rank = torch.where(sigma > 0, (values > edge).sum(1), rank)
    return rank, found


def _places(space: Sequence[int], window: int, device: torch.device) -> Tensor:
    """Return the flat places of windows, (count, voxel), at every second voxel and the end; no larger than space."""
    flat = torch.zeros(1, 1, dtype=torch.long, device=device)
    for size in space:
        side = min(window, size)
        corner = torch.tensor([*range(0, size - side, _STEP), size - side], device=device)
        along = corner[:, None] + torch.arange(side, device=device)
        flat = (flat[:, None, :, None] * size + along[None, :, None, :]).flatten(0, 1).flatten(1)
    return flat
