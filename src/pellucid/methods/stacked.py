"""A trained and a non-local restorer, mixed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.data.splits import Hiding, mask_of
from pellucid.methods.method import Card, Method
from pellucid.methods.noise2self import noise2self
from pellucid.methods.non_local_bayes import non_local_bayes
from pellucid.restorers.base import Moments
from pellucid.restorers.inference import posterior
from pellucid.restorers.mixture import Mixture

CARD = Card(
    title="Stacking of Noise2Self and non-local Bayes",
    needs="image",
    assumes="Gaussian noise of known strength (other noise is stabilised), independent from pixel to pixel",
    independent=True,
    stabilise=True,
    gives="image, spread",
    equation="x̂ = w F_θ(y) + (1 − w) G(y), with w of least Stein risk on pixels that were never a target",
    paper="Wolpert, Neural Networks 1992; weights as in Blu, Luisier, IEEE TIP 2007; the parts: see each",
)


def stacked(
    example: Measurement,
    *,
    rng: torch.Generator,
    features: int = 16,
    depth: int = 2,
    patch: int = 96,
    batch: int = 6,
    rate: float = 1e-3,
    flips: bool = True,
) -> Method:
    """Mix a network that was trained on the image itself with groups of similar patches.

    x̂ = w F_θ(y) + (1 − w) G(y): a network has a local prior learned from all of the image, non-local Bayes one for
    each group of patches that look alike. They err differently, so that the mixture beats both.

    Parameters
    ----------
    example
        Data of shape (batch, channel, *space), standardised, with its noise model.
    rng
        Draws the first weights; on the CPU.
    features, depth, patch, batch, rate, flips
        Of Noise2Self.

    Returns
    -------
    Method
        With a spread, that of the parts as if both erred alike.

    Raises
    ------
    InputError
        Where the image is smaller than the network's need, or the noise is not known.

    Notes
    -----
    w is found after the training on pixels that were never a target: on others the network knows the noise. There, and
    where the risk is measured, these pixels are all hidden at once, as they are for the risk of Noise2Self: one pass in
    place of sixteen.

    References
    ----------
    Wolpert, "Stacked generalization", Neural Networks 5, 1992.
    Blu, Luisier, "The SURE-LET approach to image denoising", IEEE Transactions on Image Processing 16, 2007.
    """
    first = noise2self(
        example, rng=rng, features=features, depth=depth, patch=patch, batch=batch, rate=rate, flips=flips
    )
    second = non_local_bayes(example, rng=rng)
    model = Mixture(first.restorer, second.restorer, lambda places: Hidden(first, places))
    return Method(model=model, restorer=model, stages=first.stages, finish=model.weigh, card=CARD)


class Hidden(Moments):
    """Noise2Self's posterior at given places, from one pass for each set of them, in which all of it is hidden.

    Parameters
    ----------
    method
        Noise2Self; its restorer takes sixteen passes, one for each class of its grid.
    places
        Sets of flat places, (batch, channel, count); elsewhere the answer is the recording.
    """

    whole = True

    def __init__(self, method: Method, places: Sequence[Tensor]) -> None:
        super().__init__()
        assert method.prior is not None
        assert isinstance(method.split, Hiding)
        self.prior, self.split, self.places = method.prior, method.split, places

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return mean and variance, (batch, 2, channel, *space)."""
        assert given.noise is not None
        rng = torch.Generator(given.y.device).manual_seed(0) if rng is None else rng
        answer = torch.stack([given.y, given.noise.variance(given.y).expand_as(given.y)], 1)
        for places in self.places:
            seen, _ = self.split.hide(given, places, rng)
            moments = self.prior.explain(seen, rng)
            here = posterior(moments, given.y, given.noise.variance(moments[:, 0]))
            answer = torch.where(mask_of(places, given.y).unsqueeze(1), here, answer)
        return answer

    def stride(self, dims: int) -> tuple[int, ...]:
        """Return the period of the network."""
        return self.prior.stride(dims)
