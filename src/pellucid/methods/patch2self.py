"""Patch2Self: every volume of a series from the others."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.restorers import Restorer

CARD = Card(
    title="Patch2Self",
    needs="series",
    assumes="noise that is independent from volume to volume, with zero mean; it may be correlated within a volume",
    independent=False,
    stabilise=False,
    gives="image",
    equation="min_Φ_j ‖Φ_j(y without volume j) − y_j‖², Φ_j linear",
    paper="Fadnavis, Batson, Garyfallidis, NeurIPS 2020",
)
_FEWEST = 4  # volumes
_MOST = 4096  # coefficients of a volume
_CHUNK = 2**24  # numbers of patches that are gathered at once
_RIDGE = 1e-9  # of the mean variance: decides where volumes repeat one another


def patch2self(example: Measurement, *, rng: torch.Generator, patch: int = 1) -> Method:
    """Predict every volume of a series from the patches of all others, by linear regression.

    x̂_j = Φ_j(y_{−j}),  Φ_j = argmin ‖Φ_j(y_{−j}) − y_j‖²: with J the volumes of the series this is J-invariant
    (survey eq. 15), so that for noise that is independent from volume to volume
    E‖Φ_j(y_{−j}) − y_j‖² = E‖Φ_j(y_{−j}) − x_j‖² + E‖y_j − x_j‖², and the regression is as good as a supervised one.

    Parameters
    ----------
    example
        The series, (batch, volume, *space).
    rng
        Not used: nothing is drawn.
    patch
        Voxels along each axis of the patches; an odd number. One is the choice of the paper's experiments.

    Returns
    -------
    Method
        Without stages: the regression has a closed form.

    Raises
    ------
    InputError
        Where the series has fewer than four volumes, or the patches more coefficients than can be found.

    Notes
    -----
    All regressions come from one matrix. With Q the inverse of the covariance of all patches, the conditional mean of
    the block of volume j given the other blocks is −Q_jj⁻¹ Q_{j,−j}; the row of the central voxel is Φ_j. What a volume
    holds alone, such as the only one without diffusion weighting, cannot be predicted and is lost: leave it out.
    The series must be real: of a complex one give the magnitude.

    References
    ----------
    Fadnavis, Batson, Garyfallidis, "Patch2Self: denoising diffusion MRI with self-supervised learning", NeurIPS 2020.
    """
    volumes, dims = example.y.shape[1], example.y.ndim - 2
    if volumes < _FEWEST:
        raise InputError(
            f"{CARD.title} predicts a volume from others along T, {_FEWEST} or more in all; this image has {volumes}."
        )
    if patch % 2 == 0 or volumes * patch**dims > _MOST:
        raise InputError(
            f"Patches have an odd width and, over all volumes, up to {_MOST} voxels; {volumes} volumes of patches of "
            f"{' x '.join([str(patch)] * dims)} do not."
        )
    if example.y.is_complex():
        raise InputError(f"{CARD.title} regresses real series; leave the phase out, or use --method mppca.")
    model = Regression(volumes, (patch,) * dims)
    model.fit(example)
    return Method(model=model, restorer=model, card=CARD)


class Regression(Restorer):
    """A convolution that never looks at the volume it predicts.

    Parameters
    ----------
    volumes
        Of the series.
    patch
        Voxels along each axis.
    """

    kernel: Tensor
    bias: Tensor

    def __init__(self, volumes: int, patch: tuple[int, ...]) -> None:
        super().__init__()
        self.patch = patch
        self.register_buffer("kernel", torch.zeros(volumes, volumes, *patch))
        self.register_buffer("bias", torch.zeros(volumes))

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the prediction of every volume, (batch, volume, *space)."""
        y, dims = given.y, len(self.patch)
        reach = [p // 2 for p in reversed(self.patch) for _ in range(2)]
        convolve = F.conv2d if dims == 2 else F.conv3d
        return convolve(F.pad(y, reach, mode="replicate"), self.kernel.to(y), self.bias.to(y))

    def fit(self, data: Measurement) -> None:
        """Find the least squares over all voxels that count in every volume."""
        volumes, size = len(self.bias), math.prod(self.patch)
        total = torch.zeros(volumes * size, dtype=torch.float64, device=data.y.device)
        second, count = torch.outer(total, total), 0
        for rows in self._patches(data):
            total, second, count = total + rows.sum(0), second + rows.mT @ rows, count + len(rows)
        mean = total / max(count, 1)
        covariance = second / max(count, 1) - torch.outer(mean, mean)
        covariance.diagonal().add_(_RIDGE * covariance.diagonal().mean().clamp(min=_RIDGE))
        precision = torch.linalg.inv(covariance)
        blocks = precision.view(volumes, size, volumes * size)
        own = torch.stack([b[:, j * size : (j + 1) * size] for j, b in enumerate(blocks)])
        found = -torch.linalg.solve(own, blocks)[:, size // 2].view(volumes, volumes, size)
        found[torch.arange(volumes), torch.arange(volumes)] = 0
        centre = mean.view(volumes, size)
        self.bias = (centre[:, size // 2] - (found * centre).sum((1, 2))).to(self.bias)
        self.kernel = found.view(self.kernel.shape).to(self.kernel)

    def _patches(self, data: Measurement) -> Iterator[Tensor]:
        """Yield patches, (count, volume * voxel), in double precision: (voxel, volume) where they are one voxel."""
        for n, series in enumerate(data.y):
            counts = torch.ones_like(series[0], dtype=torch.bool)
            if data.weight is not None:
                counts = data.weight.expand_as(data.y)[n].bool().all(0)
            for axis, p in enumerate(self.patch):
                series = series.unfold(1 + axis, p, 1)
                counts = counts.narrow(axis, p // 2, series.shape[1 + axis])
            centres = counts.nonzero()
            for part in torch.split(centres, max(1, _CHUNK // (len(series) * math.prod(self.patch)))):
                rows = series[(slice(None), *part.unbind(1))]
                yield rows.transpose(0, 1).flatten(1).double()
