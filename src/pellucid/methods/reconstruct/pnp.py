"""Plug-and-play priors."""

from __future__ import annotations

import torch

from pellucid.data.measurement import Measurement
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.strength import STRENGTHS, Rule, chosen
from pellucid.restorers import NonLocalMeans, PlugAndPlay, Restorer, Units

CARD = Card(
    title="Plug-and-play ADMM",
    needs="measurements",
    assumes="noise of one strength; a denoiser that knows such images (a trained model, or non-local means)",
    independent=False,
    stabilise=False,
    gives="image",
    equation="x = argmin ½‖y − Hx‖² + ρ/2 ‖x − z + u‖², z = D(x + u), u ← u + x − z",
    paper="Venkatakrishnan, Bouman, Wohlberg, GlobalSIP 2013; Ryu et al., ICML 2019",
)


def pnp(
    example: Measurement,
    *,
    rng: torch.Generator,
    denoiser: Restorer | None = None,
    strength: float | None = None,
    sigma: float = 0.05,
    iterations: int = 30,
    rule: Rule = "held_out",
) -> Method:
    """Alternate between the data and a denoiser: ADMM with D in place of a proximal map.

    Parameters
    ----------
    example
        The measurement, of a linear instrument.
    rng
        Draws what is held out.
    denoiser
        D, in the units of the image; non-local means unless given.
    strength
        ρ / ‖H‖², without units; chosen by `rule` unless given.
    sigma
        Noise that non-local means remove, as a part of max |H* y| / ‖H‖², which is about the largest value.
    iterations
        At most; it ends at a relative change of 1e-4.
    rule
        ``held_out``: the strength that predicts hidden measurements best. ``sure``, ``discrepancy``: where the noise
        is known.

    Returns
    -------
    Method
        Without stages.

    Raises
    ------
    InputError
        Where the instrument is not linear.

    References
    ----------
    Venkatakrishnan, Bouman, Wohlberg, "Plug-and-play priors for model based reconstruction", 2013.
    """
    units = Units.of(example)
    denoiser = NonLocalMeans(sigma * float(units.image)) if denoiser is None else denoiser
    iteration = PlugAndPlay(denoiser, 1.0, units=units, iterations=iterations)
    return chosen(example, iteration.solve, CARD, rng, strength=strength, rule=rule, strengths=STRENGTHS[::2])
