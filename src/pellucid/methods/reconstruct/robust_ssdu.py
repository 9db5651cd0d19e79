"""Self-supervision by data undersampling, from noisy samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling, measured_samples
from pellucid.data.splits import Split, along
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import CENTRE, Preset, learned, unrolled
from pellucid.objectives import HeldOut
from pellucid.objectives.energy import energy

CARD = Card(
    title="Robust self-supervision by data undersampling",
    needs="measurements",
    assumes="sampling that varies, or many coils; Gaussian noise, independent from sample to sample",
    independent=True,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ E‖H_Ω F_θ(ỹ_Θ; H_Θ) − t‖², ỹ = y + α w; t = y on Λ, y − w / α on Θ",
    paper="Robust SSDU: Millard, Chiew, arXiv:2210.01696, 2022",
)
_OUTER = 0.25  # of the measured samples, farthest from the centre, tell the noise


@dataclass(frozen=True)
class Recorrupted(Split):
    """Λ is held as it was measured; Θ is given with more noise, and held with that noise taken away, larger.

    Parameters
    ----------
    sampling
        Chooses Λ.
    alpha
        Strength of the further noise against that of the data.
    sigma
        Of the noise of the data; None takes their noise model, or else the edge of k-space.
    """

    sampling: RandomSampling
    alpha: float = 1.0
    sigma: float | None = None

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return (given, held); the weight of what is held brings the unit of what is given."""
        hidden, measured, y = self.sampling.hidden(batch, rng), measured_samples(batch), batch.y
        w = self.deviation(batch) * torch.randn(y.shape, generator=rng, dtype=y.dtype, device=y.device)
        seen = (y + self.alpha * w) * (measured & ~hidden)
        given = replace(batch, y=seen, operator=batch.operator.restrict(~hidden), noise=None)
        target = torch.where(hidden, y, y - w / self.alpha)
        unit = seen.abs().square().mean(tuple(range(1, y.ndim)), keepdim=True)
        trust = torch.where(hidden, 1.0, self.alpha**2 / (1 + self.alpha**2))
        weight = measured * trust / unit
        return given, replace(batch, y=target, weight=weight if batch.weight is None else weight * batch.weight)

    def deviation(self, batch: Measurement) -> Tensor | float:
        """Return the standard deviation of the noise, broadcastable to the data."""
        if self.sigma is not None:
            return self.sigma
        return outer_deviation(batch) if batch.noise is None else batch.noise.variance(batch.y).real.sqrt()


def robust_ssdu(
    example: Measurement,
    *,
    rng: torch.Generator,
    preset: Preset = "auto",
    fraction: float = 0.4,
    alpha: float = 1.0,
    sigma: float | None = None,
) -> Method:
    r"""Train an unrolled network as SSDU does, towards an image without the noise of the samples that it is given.

    SSDU tests Λ only, and a network that leaves the noise of Θ in the image pays for it only as far as that shows on
    Λ. Here noise w like that of the data is drawn, and

    .. math:: \tilde y = y + \alpha w, \qquad t = y \text{ on } Λ, \quad t = y − w / \alpha \text{ on } Θ.

    ỹ_Θ is given. The noise of y on Λ is independent of it, and so is that of t on Θ, whose covariance with that of ỹ
    is σ² − α σ² / α = 0. Therefore

        E‖H_Ω F(ỹ_Θ) − t‖² = E‖H_Ω (F(ỹ_Θ) − x)‖² + E‖t − H_Ω x‖²:

    the minimiser is that of the risk with noiseless targets on Ω, with any weights of the samples. Those of Θ count
    α² / (1 + α²), as their noise is that much stronger. At inference all samples are given as they are.

    Parameters
    ----------
    example
        Some of the data, of a linear instrument.
    rng
        A generator on the CPU.
    preset
        ``paper``: ten unrolls of 592,129 parameters. ``lite``: for a CPU. ``auto``: by the device.
    fraction
        ρ = |Λ| / |Ω|.
    alpha
        Strength of the further noise against that of the data.
    sigma
        Standard deviation of the noise of a sample, complex where they are; that of the data's noise model unless
        given, or else of each channel at the edge of k-space.

    Returns
    -------
    Method
        With one stage.

    Raises
    ------
    InputError
        Where the instrument is not linear, too few samples were measured, or the noise cannot be told.

    Notes
    -----
    The paper keeps t = y on Θ, where a network then learns E[y | ỹ], and corrects its answer by
    ((1 + α²) F − ỹ) / α², with a weight (1 + α²) / α² in the loss: as ((1 + α²) y − ỹ) / α² = y − w / α, that is the
    residual above. Corrected in training it holds for any F, such as images that many coils see, and inference needs
    no further noise. Λ is drawn anew each step. The paper's weights for the density of sampling are left out.

    References
    ----------
    Millard, Chiew, "Clean self-supervised MRI reconstruction from noisy, sub-sampled training data with Robust SSDU",
    arXiv:2210.01696.
    Pang, Zheng, Quan, Ji, "Recorrupted-to-Recorrupted: unsupervised deep learning for image denoising", CVPR 2021.
    """
    split = Recorrupted(RandomSampling(fraction, centre=CENTRE if example.y.is_complex() else 0), alpha, sigma)
    split.sampling.check(example)
    split.deviation(example)
    return learned(unrolled(example, rng, preset), HeldOut(split, energy), example, CARD, preset=preset)


def outer_deviation(batch: Measurement) -> Tensor:
    """Return σ of each channel of k-space on a grid, (batch, channel, 1, ..., 1), from the samples farthest out.

    Where there is no signal, |y|² is exponential with the median σ² log 2; the few samples with signal move it little.

    Raises
    ------
    InputError
        Where the data are not k-space on a grid.
    """
    y = batch.y
    if not y.is_complex() or y.ndim < 4:
        raise InputError(
            "Robust SSDU adds noise like that of the data, which is not known here and is only estimated in k-space "
            "on a Cartesian grid: give its standard deviation with --set sigma=..., or use --method ssdu."
        )
    measured = measured_samples(batch)
    radius = torch.zeros((), device=y.device)
    for axis, n in enumerate(y.shape[2:]):
        radius = radius + along(torch.linspace(-1, 1, n, device=y.device), axis, y.ndim - 2).square()
    radius = torch.where(measured, radius, torch.nan)
    outer = radius >= radius.flatten(1).nanquantile(1 - _OUTER, 1).view(-1, *[1] * (y.ndim - 1))
    power = torch.where(outer, y.abs().square(), torch.nan).flatten(2).nanmedian(2).values
    return (power / math.log(2)).sqrt().view(*y.shape[:2], *[1] * (y.ndim - 2))
