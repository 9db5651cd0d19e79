"""Zero-shot self-supervision: a network for one scan, that stops by samples which none of its steps saw."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.data.sampling import RandomSampling, measured_samples
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.reconstruct.learned import Preset, learned, unrolled
from pellucid.methods.reconstruct.tv import tv
from pellucid.methods.reconstruct.wavelet import wavelet
from pellucid.networks import ResNet
from pellucid.objectives import HeldOut, normalised_l1_l2
from pellucid.restorers import LeastSquares, Restorer, Units
from pellucid.restorers.least_squares import linear
from pellucid.solvers import implicit_conjugate_gradient
from pellucid.training import Adam

CARD = Card(
    title="Zero-shot self-supervised learning (ZS-SSL)",
    needs="measurements",
    assumes="one scan with samples to spare; noise of each sample its own",
    independent=True,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ Σ_k L(y_Λk, H_Λk F_θ(y_Θk; H_Θk)) until L(y_Γ, H_Γ F_θ(y_ΘΛ; H_ΘΛ)) is least",
    paper="Yaman, Hosseini, Akçakaya, ICLR 2022",
)
_CENTRE = 24  # samples along each axis of k-space, which hold most of the energy and the maps of the coils
_PENALTY, _ITERATIONS = 0.2, 5
_FEATURES, _BLOCKS = 24, 2  # of R: one scan does not tell enough for more
_RATE, _WARM_UP = 5e-3, 10
_INTERVAL, _PATIENCE, _STEPS = 20, 5, 160
_PASSES = 25  # through all divisions, the patience of the paper


def zs_ssl(
    example: Measurement,
    *,
    rng: torch.Generator,
    preset: Preset = "auto",
    start: Literal["classical", "backprojection"] = "classical",
    fraction: float = 0.2,
    reserved: float = 0.2,
    masks: int = 25,
    centre: int | None = None,
    tolerance: float = 1e-3,
) -> Method:
    """Train a network on one scan alone: samples Λ are predicted from Θ, and others, Γ, say when to stop.

    Ω = Θ ∪ Λ ∪ Γ. Γ is fixed, the rest is divided into Θ and Λ in K ways:
    min_θ Σ_k L(y_Λk, H_Λk F_θ(y_Θk; H_Θk)), with L the normalised l1-l2 distance. The weights of least L on Γ, where
    Θ and Λ are given, are kept; the image is then made of all of Ω.

    Parameters
    ----------
    example
        The scan, of a linear instrument.
    rng
        A generator on the CPU.
    preset
        Of the unrolled network that starts at the back-projection, as in `ssdu`.
    start
        ``classical``: one small unroll refines the images of total variation and of sparse wavelets (`Refined`).
        ``backprojection``: the unrolled network of the paper, which must learn all from this scan.
    fraction
        ρ = |Λ| / |Θ ∪ Λ|; 0.4 in the paper.
    reserved
        |Γ| / |Ω|.
    masks
        K.
    centre
        Width of the box at the peak of k-space that is always given; 4 in the paper. None: 24, or a quarter of the
        shortest axis.
    tolerance
        Of the classical images, of which there are 2 K: data with little noise need less.

    Returns
    -------
    Method
        With one stage. Transfer is nothing else than to load trained weights before the fit.

    Raises
    ------
    InputError
        Where the instrument is not linear, or too few samples were measured.

    Notes
    -----
    Three departures, made for scans of which an eighth is sampled and minutes on a CPU. A small ρ gives the network
    nearly as many samples as it has later. The centre, which holds most of the energy, and is known whenever there are
    maps of the coils, is never a target. The unrolled network of the paper must learn all from this scan; here it
    begins where total variation and wavelets ended.

    Single samples of lines that were measured tell little of whole lines that were not: on a phantom of which every
    fourth line was given, the refined image was worse than the classical ones.

    References
    ----------
    Yaman, Hosseini, Akçakaya, "Zero-shot self-supervised learning for MRI reconstruction", ICLR 2022.
    """
    width = 0
    if example.y.is_complex():
        width = min(_CENTRE, min(example.y.shape[2:]) // 4) if centre is None else centre
    gamma = RandomSampling(reserved, centre=width, masks=1)
    split = RandomSampling(fraction, centre=width, masks=masks, seed=1)
    gamma.check(example)
    left, _ = gamma(example, torch.Generator(example.y.device))
    split.check(left)
    objective = HeldOut(split, normalised_l1_l2)
    if start == "backprojection":
        method = learned(unrolled(example, rng, preset), objective, example, CARD, preset=preset, reserved=reserved)
        stage = replace(method.stages[0], interval=masks, patience=_PASSES)
        return replace(method, split=gamma, stages=(stage,))
    model = _refined(left, rng, tolerance, remembered=(masks + 2) * len(example.y))
    adam = Adam(rate=_RATE, warm_up=_WARM_UP)
    stage = Stage(model=model, objective=objective, patch=(), batch=1, adam=adam, steps=_STEPS)
    stage = replace(stage, interval=_INTERVAL, patience=_PATIENCE)
    return Method(
        model=model, restorer=model, prior=model, split=gamma, stages=(stage,), card=CARD, warnings=_doubts(example)
    )


class Refined(Restorer):
    """One unroll from where two classical methods ended: R learns what both get wrong.

        x(z) = argmin_x ½‖y − Hx‖² / L + µ/2 ‖x − z‖²,    z = m + s R(m / |m|, d / s, (x(m) − m) / s)

    m is the mean of the two images, d their difference, |·| a root mean square and s = |d|: corrections are in units of
    what the two disagree by, whether few samples are given or many. At first R is zero.

    Parameters
    ----------
    classical
        Two restorers without trained weights.
    network
        R, on three images with the real channels of each; the first image of the result is used.
    penalty
        µ at the start; it is learned, and kept positive by a softplus.
    iterations
        Of conjugate gradients, a fixed number, from z.
    remembered
        Measurements whose classical images are kept: as many as there are fixed divisions, which return again and
        again.
    """

    whole = True

    def __init__(
        self,
        classical: tuple[Restorer, Restorer],
        network: nn.Module,
        *,
        penalty: float,
        iterations: int,
        remembered: int,
    ) -> None:
        super().__init__()
        self.classical, self.network = nn.ModuleList(classical), network
        self.iterations, self.remembered = iterations, remembered
        self.raw_penalty = nn.Parameter(torch.tensor(penalty).expm1().log())
        self._memory: dict[float, tuple[Tensor, Tensor, Tensor, Tensor]] = {}

    def forward(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image, (batch, channel, *space)."""
        mean, difference, unit, smoothness = self._first(given)
        problem = LeastSquares(given, Units(operator=given.operator, smoothness=smoothness, image=unit))
        back, penalty = problem.back(), F.softplus(self.raw_penalty)

        def consistent(z: Tensor) -> Tensor:
            return implicit_conjugate_gradient(
                lambda x: problem.normal(x) + penalty * x, back + penalty * z, x=z, iterations=self.iterations
            )

        scale = _size(difference)
        seen = (mean / _size(mean), difference / scale, (consistent(mean) - mean) / scale)
        x = consistent(mean + scale * self._correction(torch.stack(seen, 2)))
        return x * unit

    def _correction(self, images: Tensor) -> Tensor:
        """Apply R to images, (batch, channel, image, *space)."""
        batch = images.flatten(0, 1)
        if not images.is_complex():
            out: Tensor = self.network(batch)[:, 0]
        else:
            parts = self.network(torch.view_as_real(batch).movedim(-1, 2).flatten(1, 2))[:, :2]
            out = torch.view_as_complex(parts.float().movedim(1, -1).contiguous())
        return out.reshape(images[:, :, 0].shape)

    @torch.no_grad()
    def _first(self, given: Measurement) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return mean and difference of the classical images in a unit, that unit, and L."""
        key = float(given.y.abs().sum(dtype=torch.float64))
        if key not in self._memory:
            units = Units.of(given)
            one, other = (restorer(given) / units.image for restorer in self.classical)
            while len(self._memory) >= self.remembered:
                self._memory.pop(next(iter(self._memory)))
            self._memory[key] = (one + other) / 2, one - other, units.image, units.smoothness
        return self._memory[key]


def _refined(example: Measurement, rng: torch.Generator, tolerance: float, *, remembered: int) -> Refined:
    """Return the network, with classical methods whose strengths predict held-out samples of the example best."""
    image = linear(example)[torch.zeros(1, dtype=torch.long)].backproject(example.y[:1])
    one, other = (
        method(example, rng=torch.Generator(example.y.device), tolerance=tolerance).restorer for method in (tv, wavelet)
    )
    channels = 6 if image.is_complex() else 3
    network = ResNet(channels, dims=image.ndim - 2, features=_FEATURES, blocks=_BLOCKS, tied=True).initialise(rng)
    nn.init.zeros_(next(network.last.parameters()))
    model = Refined((one, other), network, penalty=_PENALTY, iterations=_ITERATIONS, remembered=remembered)
    return model.to(example.y.device)


def _doubts(example: Measurement) -> tuple[str, ...]:
    """Return why samples that are held out may not tell of those that were never measured: one sentence or none."""
    measured = measured_samples(example)
    lines = (torch.equal(measured, measured.any(axis, True).expand_as(measured)) for axis in range(2, measured.ndim))
    if bool(measured.all()) or not any(lines):
        return ()
    return (
        "Whole lines were left out of this scan, and samples of the others tell little of them: the image may be worse "
        "than by --method wavelet; compare both.",
    )


def _size(x: Tensor) -> Tensor:
    """Return the root mean square of each sample, one where it is zero."""
    size = torch.linalg.vector_norm(x.flatten(1), dim=1).reshape(-1, *[1] * (x.ndim - 1)) / x[0].numel() ** 0.5
    return torch.where(size > 0, size, 1)
