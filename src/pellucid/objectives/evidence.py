"""The evidence lower bound: how likely the data are under a generative model with codes."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid._math.ranks import shared_mean
from pellucid.data.measurement import Measurement
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.noise import NoiseModel
from pellucid.objectives.base import Objective
from pellucid.restorers.variational import Variational


class Evidence(Objective[Variational]):
    """min −E_q log p(y | H g(z)) + Σ max(β KL(q(z_l | y) ‖ p(z_l)), free), an entry of y (survey eq. 19-22).

    With β = 1 and no free nats this is an upper bound of −log p(y). The noise model of the measurement is
    p(y | x), and its operator H: so the images g(z) have no noise, and are not blurred (DivNoising).

    Parameters
    ----------
    annealing
        Part of the budget in which β grows from zero to one: without it a code may be unlearned at the start.
    free
        Nats an entry of y that each code may tell at no cost, so that none collapses to its prior.
    noise
        p(y | x) in place of that of the measurement, such as one learned from a calibration.

    Notes
    -----
    Both parts are means, the likelihood over the entries that have weight: these stand for those that have none, as
    the inside of a patch for its edges. Where entries were never measured, this bounds −log p of a whole recording of
    the same quality, not of the measured part alone, for which the divergence would count more by the share of all.

    References
    ----------
    Kingma, Welling, "Auto-encoding variational Bayes", ICLR 2014.
    Prakash, Krull, Jug, "Fully unsupervised diversity denoising with convolutional variational autoencoders", ICLR
    2021.
    Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling, "Improved variational inference with inverse autoregressive
    flow", NeurIPS 2016: free nats.
    """

    def __init__(self, annealing: float = 0.1, free: float = 0.0, noise: NoiseModel | None = None) -> None:
        super().__init__()
        self.annealing, self.free, self.noise = annealing, free, noise

    def terms(self, model: Variational, batch: Measurement, step: Step) -> dict[str, Tensor]:
        """Return the likelihood of the entries that have weight, and the divergence of the codes, an entry of y.

        Raises
        ------
        InputError
            Where the noise is not known.
        """
        noise = self.noise or batch.noise
        if noise is None:
            raise InputError("The evidence of an image needs its noise model; none came with the measurement.")
        image, divergences = model.drawn(batch, step.rng)
        loss = -noise.log_prob(batch.y, batch.operator(image))
        weight = torch.ones_like(loss) if batch.weight is None else batch.weight.expand_as(loss).to(loss.dtype)
        beta = min(1.0, step.progress / self.annealing) if self.annealing else 1.0
        told = torch.stack([divergence.sum() for divergence in divergences])
        nats = shared_mean(told, torch.full_like(told, loss.numel()))
        return {
            "likelihood": shared_mean((loss * weight).sum(), weight.sum()),
            "divergence": (beta * nats).clamp(min=self.free).sum(),
        }
