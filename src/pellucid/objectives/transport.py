"""Optimal transport between images and recordings that belong to other objects."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement, Unpaired
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.objectives.adversarial import critic_losses
from pellucid.objectives.base import Objective, Turn
from pellucid.objectives.divergences import Divergence
from pellucid.objectives.pool import Remembering
from pellucid.operators.base import pick
from pellucid.restorers.transport import Transport

_PERTURBATION = 0.1  # of the noise, for the divergence


class OptimalTransport(Objective[Transport]):
    r"""The dual of the cheapest way from recordings to images, at the cost ‖y − F x‖ + ‖x − G y‖ (survey eq. 41-45).

    .. math:: \min_{G, F} \max_{V_x, V_y} \; \lambda \, E\|x - G(F x + w)\|_1 + \mu \, E\|y - F G y\|_1
        + D(x \| G y) + D(y \| F x + w)

    G restores, F is the instrument: known, a blur that is learned, or a network; w is the noise of the recordings,
    which G must find in F x as well. Where F is known, nothing of the last term can be changed: its critic drops out
    (OT-cycleGAN). With two networks this is cycleGAN.

    Parameters
    ----------
    images, recordings
        The critics V_x and V_y; none for recordings where F is known, and none at all where D weighs nothing.
    divergence
        D; `wasserstein` with a penalty is the dual itself, `least_squares` what the papers' code has.
    cycle, adversarial
        λ and μ, and the weight of D. A small μ is for a known F that does not quite fit the recordings. At an
        adversarial weight of zero the cycle alone is minimised: with F known, images that F has recorded teach G,
        as simulated pairs would.
    identity
        Weight of E‖x − G x‖₁, which keeps the grey values of what is an image already.
    penalty
        Of the slope of the critics.

    Raises
    ------
    InputError
        Where there is a critic of recordings and nothing that could heed it, or the other way round.

    References
    ----------
    Sim, Oh, Kim, Jung, Ye, "Optimal transport driven CycleGAN for unsupervised learning in inverse problems", SIAM J.
    Imaging Sciences 13, 2020. Zhu, Park, Isola, Efros, "Unpaired image-to-image translation", ICCV 2017.
    """

    def __init__(
        self,
        images: nn.Module | None,
        recordings: nn.Module | None,
        divergence: Divergence,
        *,
        cycle: tuple[float, float] = (10.0, 10.0),
        adversarial: float = 1.0,
        identity: float = 0.0,
        penalty: float = 0.0,
    ) -> None:
        super().__init__()
        self.images, self.recordings, self.divergence = images, recordings, divergence
        self.cycle, self.adversarial, self.identity, self.penalty = cycle, adversarial, identity, penalty

    def terms(self, model: Transport, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return what the two maps minimise."""
        x, y = _draws(batch)
        recorded = model.record(x, batch, step.rng)
        restored, again = model(_both(batch, recorded)).chunk(2)
        back = (x - again).abs().mean()
        forth = (y - model.through(restored, batch)).abs().mean()
        terms = {"cycle": self.cycle[0] * back + self.cycle[1] * forth}
        if self.images is not None:
            terms["images"] = self.adversarial * self.divergence.generator_loss(self.images(restored))
        if self.recordings is not None:
            terms["recordings"] = self.adversarial * self.divergence.generator_loss(self.recordings(recorded))
        if self.identity:
            terms["identity"] = self.identity * (x - model(batch.with_y(x))).abs().mean()
        return terms | self.constraints(model, (x, y), (restored, recorded), step)

    def constraints(
        self, model: Transport, given: tuple[Tensor, Tensor], made: tuple[Tensor, Tensor], step: Step
    ) -> dict[str, Tensor]:
        """Return what else the maps heed, of images and recordings that were given and made: nothing here."""
        return {}

    def critic_terms(self, model: Transport, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return what the critics minimise, and their estimates of the distances."""
        x, y = _draws(batch)
        with torch.no_grad():
            restored, recorded = model(batch), model.record(x, batch, step.rng)
        terms: dict[str, Tensor] = {}
        pairs = (("image", self.images, x, restored), ("recording", self.recordings, y, recorded))
        for name, critic, data, made in pairs:
            if critic is None:
                continue
            if isinstance(critic, Remembering):
                made = critic.pool(made, step.rng)
            found = critic_losses(critic, (data, made), self.divergence, self.penalty, step.rng)
            terms |= {f"{name}_{term}": value for term, value in found.items()}
        return terms

    def turns(self, model: Transport) -> tuple[Turn, ...]:
        """Return the move of the critics, where there are any, and that of the maps."""
        if (self.recordings is not None) != any(True for _ in model.way.parameters()):
            raise InputError("A critic of recordings is for an instrument that is learned, and only for one.")
        maps = Turn("model", list(model.parameters()), lambda batch, step: self.terms(model, batch, step))
        judges = list(self.parameters())
        if not judges:
            return (maps,)
        return (Turn("critic", judges, lambda batch, step: self.critic_terms(model, batch, step)), maps)


class ForwardRisk(Objective[Transport]):
    r"""How far the restored images are from the noiseless recordings: a validation without truth.

    .. math:: E\|F G y - F x\|^2 / (N \sigma^2) = E\|y - F G y\|^2 / (N \sigma^2) - 1
        + 2 \operatorname{div}(F G)(y) / N

    The residual y - F G y above the noise says that G invents or loses; below the noise, or equal to it by chance, that
    says nothing. The divergence, by one random direction, makes the residual a risk (Stein).

    Notes
    -----
    Necessary and not sufficient: what F cannot see it cannot judge. Noise that grows with the signal has its variance
    at y.

    References
    ----------
    Ramani, Blu, Unser, "Monte-Carlo SURE", IEEE Transactions on Image Processing 17, 2008.
    """

    def terms(self, model: Transport, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the risk in units of the noise."""
        if batch.noise is None:
            raise InputError("The forward risk is judged by the noise, which is not known: give the noise model.")
        y, variance = batch.y, batch.noise.variance(batch.y)
        probe = torch.randn(y.shape, generator=step.rng, device=y.device, dtype=y.dtype)
        length = _PERTURBATION * variance.mean().sqrt()
        explained, moved = (model.through(model(batch.with_y(data)), batch) for data in (y, y + length * probe))
        slope = probe * (moved - explained) / length
        risk = (y - explained).square() - variance + 2 * variance * slope
        return {"risk": risk.mean() / variance.mean()}


def _both(batch: Measurement, recorded: Tensor) -> Measurement:
    """Return recordings with what was made like them, as one batch: a single volume is convolved slowly on a CPU."""
    rows = torch.arange(len(batch.y), device=batch.y.device).repeat(2)
    weight = None if batch.weight is None else pick(batch.weight, rows)
    return replace(batch, y=torch.cat([batch.y, recorded]), operator=batch.operator[rows], weight=weight)


def _draws(batch: Measurement) -> tuple[Tensor, Tensor]:
    if not isinstance(batch, Unpaired):
        raise InputError("Optimal transport needs clean images of other objects beside the recordings: give them.")
    return batch.images, batch.y
