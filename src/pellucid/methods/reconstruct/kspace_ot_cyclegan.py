"""OT-cycleGAN between accelerated scans and fully sampled images of other objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pellucid._math import seeds
from pellucid.data.measurement import Measurement, Unpaired
from pellucid.data.scans import Scans
from pellucid.data.source import Step
from pellucid.data.unpaired import compared
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import Preset, learned, unrolled
from pellucid.networks import PatchCritic, initialise
from pellucid.objectives.divergences import DIVERGENCES
from pellucid.objectives.transport import OptimalTransport
from pellucid.restorers.diffusion import parts
from pellucid.restorers.least_squares import linear
from pellucid.restorers.transport import OwnInstruments
from pellucid.training import Adam

CARD = Card(
    title="k-space OT-cycleGAN",
    needs="unpaired",
    assumes="fully sampled images of other objects of the same kind, contrast and matrix",
    independent=True,
    stabilise=False,
    gives="image, generated",
    trained=True,
    equation="min_G max_V λ (E‖x − G(H x + w; H)‖₁ + E‖y − H G(y; H)‖₁) + D(x ‖ G y), H = mask · Fourier · coils",
    paper="Oh, Sim, Chung, Sunwoo, Ye, IEEE TCI 2020; Sim et al., SIAM J. Imaging Sciences 2020; survey eq. 41-45",
)
_FEATURES, _HALVINGS = 16, 3  # of the critic
_BRIGHT = 0.99  # quantile of the moduli, which is the unit


class Parts(nn.Module):
    """A critic of real channels, asked about complex images: their (Re, Im).

    Parameters
    ----------
    critic
        V.
    """

    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, x: Tensor) -> Tensor:
        """Return V(x), x of shape (batch, 1, *space)."""
        value: Tensor = self.critic(parts(x))
        return value


@dataclass(frozen=True)
class Beside:
    """Draws an entry of the scans, and an image of another object.

    Parameters
    ----------
    recordings
        As of `Scans`.
    images
        Clean ones, (number, 1, *space), in the unit of the recordings.
    """

    recordings: Sequence[Measurement]
    images: Tensor

    def draw(self, step: Step) -> Unpaired:
        """Return the scan and the image of this step."""
        given = Scans(self.recordings).draw(step)
        row = torch.randint(len(self.images), (1,), generator=seeds.generator("cpu", step.rng.initial_seed(), 2))
        image = self.images[row].to(given.y.device, non_blocking=True)
        return Unpaired(y=given.y, images=image, operator=given.operator, weight=given.weight, noise=given.noise)


def kspace_ot_cyclegan(
    example: Measurement,
    *,
    rng: torch.Generator,
    clean: Sequence[Tensor] = (),
    preset: Preset = "auto",
    adversarial: float = 0.1,
) -> Method:
    """Train an unrolled network G so that H G y = y and G(H x) = x, and that G y looks like the full images x.

    min_G max_V λ (E‖x − G(H x + w; H)‖₁ + E‖y − H G(y; H)‖₁) + D(x ‖ G y): the dual of the transport between
    accelerated scans and full images at the cost ‖y − H x‖ + ‖x − G y‖ (survey eq. 41-45). Each scan has its own H, the
    mask and the coils, which is known: there is no critic of recordings, and no second network.

    Parameters
    ----------
    example
        Some of the data, of a linear instrument.
    rng
        A generator on the CPU: draws the first weights.
    clean
        Full images of other objects, (number, 1, *space) each; without them the method only restores.
    preset
        Of G. ``paper``: ten unrolls of 592,129 parameters. ``lite``: for a CPU. ``auto``: by the device.
    adversarial
        Weight of D where λ is ten.

    Returns
    -------
    Method
        With one stage. Samples that are never a target choose its weights.

    Raises
    ------
    InputError
        Where the data are no scan, the instrument is not linear, or the clean images are none of such objects or of
        another matrix.

    Notes
    -----
    H is exactly known here, so that simulation does as well: the first term alone is supervision by scans that are
    simulated from the clean images (`benchmarks/kspace_ot_cyclegan.py`). Both need images of the same kind, and `ssdu`
    none. Clean images are as bright as the scans: the brightest hundredth of all |H* H x| begins where that of |H* y|
    does. Real images have no phase, and teach none. Noise w is added where it is known.

    Departures: G is the unrolled network of SSDU, which is given H, in place of a U-Net on the zero-filled image; the
    paper's images are those of the whole magnitude. Least squares in place of W1, no image pool, running mean of the
    weights.

    References
    ----------
    Oh, Sim, Chung, Sunwoo, Ye, "Unpaired deep learning for accelerated MRI using optimal transport driven CycleGAN",
    IEEE Transactions on Computational Imaging 6, 2020.
    """
    if not example.y.is_complex():
        raise InputError("k-space OT-cycleGAN is for MRI scans; these data are real, and no scan: use --method tv.")
    model = unrolled(example, rng, preset)
    method = learned(model, _transport(example, adversarial, rng), example, CARD, preset=preset)
    (stage,) = method.stages
    if not clean:
        return replace(method, stages=())
    first = linear(example)[:1].backproject(example.y[:1])
    space = first.shape[2:]
    others = [tuple(image.shape[2:]) for image in clean if image.shape[2:] != space]
    if others:
        raise InputError(
            f"The scans have the matrix {tuple(space)}, and clean images {others[0]}: crop or resample these."
        )
    compared(linear(example).backproject(example.y), clean, [4 * 2**_HALVINGS] * len(space))
    images = torch.cat(list(clean)).to(first.dtype)

    def source(scans: Sequence[Measurement]) -> Beside:
        unit = torch.cat([_bright(each, each.y) for each in scans]).mean()
        seen = torch.cat([_bright(each, each.operator(x)) for each, x in _matched(scans, images)]).mean()
        recordings = [_divided(each, float(unit)) for each in scans]
        return Beside(recordings, images / float(seen))

    adam = replace(stage.adam, betas=(0.5, 0.99))
    critic = Adam(rate=0.4 * adam.rate, betas=adam.betas, warm_up=adam.warm_up)
    stage = replace(stage, model=OwnInstruments(model), adam=adam, critic=critic, source=source)
    return replace(method, stages=(stage,))


def _transport(example: Measurement, adversarial: float, rng: torch.Generator) -> OptimalTransport:
    """Return the objective, with a critic of images."""
    image = linear(example)[:1].backproject(example.y[:1])
    channels = 2 if image.is_complex() else 1
    critic = PatchCritic(channels, dims=image.ndim - 2, features=_FEATURES, halvings=_HALVINGS)
    initialise(critic, rng).to(example.y.device)
    return OptimalTransport(Parts(critic), None, DIVERGENCES["least_squares"], adversarial=adversarial)


def _matched(scans: Sequence[Measurement], images: Tensor) -> list[tuple[Measurement, Tensor]]:
    """Return scans with as many images as they have entries, from the first on, again and again."""
    found, first = [], 0
    for scan in scans:
        rows = torch.arange(first, first + len(scan.y)) % len(images)
        found.append((scan, images[rows].to(scan.y.device)))
        first += len(scan.y)
    return found


def _bright(scan: Measurement, y: Tensor) -> Tensor:
    """Return where the brightest hundredth of each |H* y| begins."""
    moduli = linear(scan).adjoint(y).abs().flatten(1)
    return moduli.kthvalue(max(1, round(_BRIGHT * moduli.shape[1])), 1).values


def _divided(scan: Measurement, unit: float) -> Measurement:
    """Return a scan in another unit."""
    noise = None if scan.noise is None else scan.noise.rescale(0.0, unit)
    return replace(scan, y=scan.y / unit, noise=noise)
