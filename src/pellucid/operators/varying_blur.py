"""Blur by a point-spread function that changes over the field of view."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid._math.regions import Region, view
from pellucid.errors import InputError
from pellucid.operators.base import LinearOperator, Rows
from pellucid.operators.blur import Blur


class VaryingBlur(LinearOperator):
    """y = Σ_t psf_t * (w_t x): every point of the object becomes a PSF interpolated between those of a grid.

    The weights w_t interpolate linearly between the centres of equal tiles, and sum to one. As in `Blur` with
    ``valid`` edges, y has the N - K + 1 pixels of an axis that x explains.

    Parameters
    ----------
    psfs
        Real, shape (1 or batch, 1 or channel, *tiles, *kernel), with as many axes of tiles as of the kernel. Each PSF
        is that of the centre of its tile of x.

    Raises
    ------
    InputError
        If the PSFs are not of that shape.

    Notes
    -----
    The object is weighted, not the image: so every point of it has one PSF, of the sum that those of the grid have.

    References
    ----------
    Nagy, O'Leary, "Restoring images degraded by spatially variant blur", SIAM J. Sci. Comput. 19 (1998).

    Examples
    --------
    >>> left_and_right = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])[None, None]
    >>> VaryingBlur(left_and_right)(torch.eye(8)[None, 1:2]).tolist()
    [[[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]]
    """

    def __init__(self, psfs: Tensor) -> None:
        super().__init__()
        axes = (psfs.ndim - 2) // 2
        if psfs.ndim not in (4, 6, 8):
            raise InputError(
                "The PSFs of a varying blur have shape (1 or batch, 1 or channel, *tiles, *kernel), with as many axes "
                f"of tiles as of the kernel, but this is {tuple(psfs.shape)}; give one PSF a tile."
            )
        self.tiles, taps = tuple(psfs.shape[2 : 2 + axes]), psfs.shape[2 + axes :]
        self.blurs = nn.ModuleList(Blur(psf, "valid") for psf in psfs.flatten(2, 1 + axes).unbind(2))
        self.halo = tuple(k - 1 for k in taps)
        self.in_shape = self.out_shape = (None if psfs.shape[1] == 1 else psfs.shape[1], *(None,) * axes)

    def forward(self, x: Tensor) -> Tensor:
        """Blur x, (batch, channel, *space)."""
        space = tuple(x.shape[2:])
        if any(halo >= n for halo, n in zip(self.halo, space, strict=True)):
            raise InputError(f"PSFs of halo {self.halo} do not fit an image {space}; crop them around their centres.")
        whole = x.new_zeros(*x.shape[:2], *(n + h for n, h in zip(space, self.halo, strict=True)))
        for blur, region, weight in self._parts(space, x):
            part = functional.pad(view(x, region) * weight, self._around)
            view(whole, self._reached(region)).add_(blur(part))
        return view(whole, tuple(slice(h, n) for n, h in zip(space, self.halo, strict=True)))

    def adjoint(self, y: Tensor) -> Tensor:
        """Return H* y, (batch, channel, *space)."""
        space = tuple(n + h for n, h in zip(y.shape[2:], self.halo, strict=True))
        whole = functional.pad(y, self._around)
        x = y.new_zeros(*y.shape[:2], *space)
        for blur, region, weight in self._parts(space, y):
            back = blur.adjoint(view(whole, self._reached(region)))
            inner = tuple(slice(h, n - h) for n, h in zip(back.shape[2:], self.halo, strict=True))
            view(x, region).add_(view(back, inner) * weight)
        return x

    def __getitem__(self, rows: Rows) -> VaryingBlur:
        """Return the blur of some entries of the batch."""
        psfs = torch.stack([blur[rows].psf for blur in self._blurs], 2)
        return VaryingBlur(psfs.reshape(*psfs.shape[:2], *self.tiles, *psfs.shape[3:]))

    @property
    def _blurs(self) -> list[Blur]:
        return [blur for blur in self.blurs if isinstance(blur, Blur)]

    @property
    def _around(self) -> list[int]:
        return [h for halo in reversed(self.halo) for h in (halo, halo)]

    def _reached(self, region: Region) -> Region:
        """Return where the image of a region lies in y with a halo around it."""
        return tuple(slice(part.start, part.stop + h) for part, h in zip(region, self.halo, strict=True))

    def _parts(self, space: tuple[int, ...], like: Tensor) -> list[tuple[Blur, Region, Tensor]]:
        """Return the blur of each tile, the region in which it counts, and how much it counts there."""
        axes = [[_hat(t, tiles, n) for t in range(tiles)] for tiles, n in zip(self.tiles, space, strict=True)]
        parts = []
        for blur, hats in zip(self._blurs, product(*axes), strict=True):
            weight = torch.ones((), dtype=like.real.dtype, device=like.device)
            for _, hat in hats:
                weight = weight[..., None] * hat.to(weight, non_blocking=True)
            parts.append((blur, tuple(region for region, _ in hats), weight))
        return parts


def _hat(tile: int, tiles: int, length: int) -> tuple[slice, Tensor]:
    """Return where the linear interpolation between the centres of tiles counts one of them, and how much."""
    place = (torch.arange(length, dtype=torch.float64) + 0.5) * tiles / length - 0.5
    weight = (1 - (place.clamp(0, tiles - 1) - tile).abs()).clamp(min=0)
    inside = weight.nonzero()[:, 0]
    region = slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)
    return region, weight[region]
