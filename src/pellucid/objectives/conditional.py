"""A content loss beside a critic that sees what an image was made from."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement, Paired
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.objectives.adversarial import critic_losses
from pellucid.objectives.base import Objective, Turn
from pellucid.objectives.divergences import Divergence
from pellucid.restorers.base import Restorer

Content = Callable[[Tensor, Tensor], Tensor]
"""(x, G y) -> how far they are apart, a scalar."""


class ConditionalDistance(Objective[Restorer]):
    r"""Pairs of recordings with their truth: be near to it, and not to be told from it.

    .. math:: \min_G \max_V \; \lambda \, E\, c(x, G y) + \alpha \, D\big((x, y) \,\|\, (G y, y)\big)

    The critic judges an image together with what it was made from: an image that looks right and belongs to another
    recording is no draw of the pairs.

    Parameters
    ----------
    critic
        V, of the channels of x and y; None where D weighs nothing: then this is supervised learning.
    divergence
        D.
    content
        c.
    weight, adversarial
        λ and α.
    penalty
        Of the slope of the critic.

    References
    ----------
    Isola, Zhu, Zhou, Efros, "Image-to-image translation with conditional adversarial networks", CVPR 2017.
    """

    def __init__(
        self,
        critic: nn.Module | None,
        divergence: Divergence,
        content: Content,
        *,
        weight: float = 100.0,
        adversarial: float = 1.0,
        penalty: float = 0.0,
    ) -> None:
        super().__init__()
        self.critic, self.divergence, self.content = critic, divergence, content
        self.weight, self.adversarial, self.penalty = weight, adversarial, penalty

    def terms(self, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return what G minimises."""
        image = model(batch)
        terms = {"content": self.weight * self.content(_truth(batch), image)}
        if self.critic is not None:
            seen = torch.cat([image, batch.y], 1)
            terms["generator"] = self.adversarial * self.divergence.generator_loss(self.critic(seen))
        return terms

    def critic_terms(self, critic: nn.Module, model: Restorer, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return what the critic minimises, and its estimate of the distance."""
        with torch.no_grad():
            made = torch.cat([model(batch), batch.y], 1)
        data = torch.cat([_truth(batch), batch.y], 1)
        return critic_losses(critic, (data, made), self.divergence, self.penalty, step.rng)

    def turns(self, model: Restorer) -> tuple[Turn, ...]:
        """Return the move of the critic, where there is one, and that of G."""
        maker = Turn("model", list(model.parameters()), lambda batch, step: self.terms(model, batch, step))
        if (critic := self.critic) is None:
            return (maker,)
        judge = list(critic.parameters())
        return (Turn("critic", judge, lambda batch, step: self.critic_terms(critic, model, batch, step)), maker)


def absolute(x: Tensor, image: Tensor) -> Tensor:
    """Return the mean of |x − x̂|."""
    return (x - image).abs().mean()


def spectral(x: Tensor, image: Tensor) -> Tensor:
    """Return the mean of |x − x̂|, and that of |F(x − x̂)| where each frequency counts as |k| over the Nyquist one.

    A mean over pixels hardly sees what is fine; this does. F is unitary.

    Notes
    -----
    Nguyen, Xue, Li, Tian, Nehmetallah, "Deep learning approach for Fourier ptychography microscopy", Optics Express 26,
    2018, weigh the Fourier loss in the same spirit, with steps in place of a ramp.
    """
    dims = tuple(range(2, x.ndim))
    each = [torch.fft.fftfreq(n, 0.5, device=x.device) for n in x.shape[2:]]
    ramp = torch.stack(torch.meshgrid(*each, indexing="ij")).square().sum(0).sqrt()
    off: Tensor = torch.fft.fftn((x - image).float(), dim=dims, norm="ortho").abs()
    return absolute(x, image) + (ramp * off).mean()


def _truth(batch: Measurement) -> Tensor:
    if not isinstance(batch, Paired):
        raise InputError("This method learns from pairs: give the clean image of each recording.")
    return batch.truth
