"""A statistical distance between what was measured and what a model explains, told by a critic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.objectives.base import Objective, Turn
from pellucid.objectives.divergences import Divergence

Model = TypeVar("Model", bound=nn.Module)

Made = Callable[[Model, Measurement, torch.Generator], Tensor]
"""(model, batch, rng) -> what the model would have measured, shaped like `batch.y`: N(H x) of its own draws x."""


class StatisticalDistance(Objective[Model], Generic[Model]):
    """min over the model, max over the critic: D(what was measured ‖ what the model makes) (survey eq. 27-40).

    Every adversarial method is this objective: GAN, f-GAN and W-GAN compare images; AmbientGAN, CryoGAN and MRI-GAN
    compare measurements of images, made by a random instrument.

    Parameters
    ----------
    critic
        V: maps (batch, channel, *space) to one number a sample, or one a patch.
    made
        Makes samples; its gradient is the model's.
    divergence
        D.
    penalty
        λ of the gradient penalty, which keeps the slope of a Wasserstein critic near one: of the mean, where there is
        a number for each patch.
    moves
        Of the critic, for each of the model.

    References
    ----------
    Nowozin, Cseke, Tomioka, "f-GAN", NeurIPS 2016. Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS
    2017.
    """

    def __init__(
        self,
        critic: nn.Module,
        made: Made[Model],
        divergence: Divergence,
        *,
        penalty: float = 0.0,
        moves: int = 1,
    ) -> None:
        super().__init__()
        self.critic, self.made, self.divergence = critic, made, divergence
        self.penalty, self.moves = penalty, moves

    def terms(self, model: Model, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return what the model minimises."""
        return {"generator": self.divergence.generator_loss(self.critic(self.made(model, batch, step.rng)))}

    def critic_terms(self, model: Model, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return what the critic minimises, and its estimate of the distance: a constant, which only the log reads."""
        with torch.no_grad():
            samples = self.made(model, batch, step.rng)
        return critic_losses(self.critic, (batch.y, samples), self.divergence, self.penalty, step.rng)

    def turns(self, model: Model) -> tuple[Turn, ...]:
        """Return the moves of the critic, and that of the model."""
        return (
            Turn(
                "critic",
                list(self.critic.parameters()),
                lambda batch, step: self.critic_terms(model, batch, step),
                self.moves,
            ),
            Turn("model", list(model.parameters()), lambda batch, step: self.terms(model, batch, step)),
        )


def critic_losses(
    critic: nn.Module, pair: tuple[Tensor, Tensor], divergence: Divergence, penalty: float, rng: torch.Generator
) -> dict[str, Tensor]:
    """Return what a critic of data and samples minimises, and what its bound tells of the distance."""
    data, samples = pair
    bound = divergence.bound(critic(data), critic(samples))
    terms = {"critic": -bound} | divergence.estimate(bound)
    if penalty:
        terms["penalty"] = penalty * gradient_penalty(critic, data, samples, rng)
    return terms


def gradient_penalty(critic: nn.Module, data: Tensor, samples: Tensor, rng: torch.Generator) -> Tensor:
    """Return the mean of (‖∇V‖ − 1)² at points between data and samples, one a sample (Gulrajani et al., eq. 3).

    Of a critic that judges patches, V is the mean over those of a sample, as in the bound.
    """
    part = torch.rand(len(data), *[1] * (data.ndim - 1), generator=rng, device=data.device, dtype=data.dtype)
    between = torch.lerp(samples.to(data.dtype), data, part).requires_grad_()
    with torch.autocast(data.device.type, enabled=False):
        value = len(data) * critic(between).mean()
    (slope,) = torch.autograd.grad(value, between, create_graph=True)
    return ((slope.flatten(1).square().sum(1) + 1e-12).sqrt() - 1).square().mean()
