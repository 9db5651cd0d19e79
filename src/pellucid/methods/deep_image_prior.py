"""Deep image prior."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid._math.regions import up_to_multiple
from pellucid._math.seeds import generator
from pellucid.data.measurement import Measurement
from pellucid.data.splits import Split
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method, Stage
from pellucid.methods.recipe import pooling
from pellucid.networks import Hourglass, initialise
from pellucid.objectives import HeldOut
from pellucid.restorers.base import Moments
from pellucid.training import Adam

CARD = Card(
    title="Deep image prior",
    needs="image",
    assumes="noise that is independent from pixel to pixel, with zero mean; the stop tells it from the image",
    independent=True,
    stabilise=True,
    gives="image",
    equation="min_θ ‖F_θ(z) − y‖² from random θ and fixed random z, stopped at the least error on unseen pixels",
    paper="Ulyanov, Vedaldi, Lempitsky, CVPR 2018",
)
_INPUTS, _RANGE = 32, 0.1  # channels of z and their largest value
_SAME = 1e-4  # largest difference between thumbnails of one image, in standardised units


class _Everything(Split):
    """Nothing needs to be hidden from a network that never sees the data."""

    def __call__(self, batch: Measurement, rng: torch.Generator) -> tuple[Measurement, Measurement]:
        """Return the batch twice."""
        return batch, batch


class _Prior(Moments):
    """F_θ(z): one image, written as the weights of a network.

    Parameters
    ----------
    network
        Maps z, of uniform random numbers that the size of the image seeds, to the image.
    example
        The image it will be fitted to; its thumbnail is kept, to refuse any other.
    perturbation
        Standard deviation of what is added to z at each step of a fit.
    """

    whole = True
    thumbnail: Tensor

    def __init__(self, network: Hourglass, example: Measurement, perturbation: float) -> None:
        super().__init__()
        self.network, self.perturbation = network, perturbation
        self.space, self.z = tuple(example.y.shape[2:]), torch.empty(0)
        self.register_buffer("thumbnail", _thumbnail(example.y))

    def explain(self, given: Measurement, rng: torch.Generator | None = None) -> Tensor:
        """Return the image as the only moment, (1, 1, channel, *space)."""
        z = self._input(given.y)
        if rng is not None and torch.is_grad_enabled():
            z = z + self.perturbation * torch.randn(z.shape, generator=rng, device=z.device)
        image: Tensor = self.network(z)[(..., *(slice(n) for n in self.space))]
        return image.unsqueeze(1)

    def estimate(self, given: Measurement, rng: torch.Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the image, if `given` is what it was fitted to."""
        came = tuple(given.y.shape[2:])
        if came != self.space or not torch.allclose(_thumbnail(given.y), self.thumbnail, rtol=0, atol=_SAME):
            what = "another" if came == self.space else f"one of {' x '.join(map(str, came))}"
            raise InputError(
                f"A deep image prior holds the one image of {' x '.join(map(str, self.space))} pixels that it was "
                f"fitted to, but {what} came; denoise that one with a fit of its own."
            )
        return super().estimate(given, rng)

    def get_extra_state(self) -> Tensor:
        """Return the size of the image, for the model package."""
        return torch.tensor(self.space)

    def set_extra_state(self, state: Tensor) -> None:
        """Take over the size of the image."""
        self.space = tuple(state.tolist())

    def _input(self, like: Tensor) -> Tensor:
        """Return z, of a size that the network takes."""
        space = [max(up_to_multiple(n, s), 2 * s) for n, s in zip(self.space, self.network.stride, strict=True)]
        if [*self.z.shape[2:]] != space or self.z.device != like.device:
            rng = generator("cpu", *self.space)
            self.z = _RANGE * torch.rand(1, _INPUTS, *space, generator=rng).to(like.device)
        return self.z


def _thumbnail(y: Tensor) -> Tensor:
    """Return means over an eighth of the image along each axis."""
    pool = F.adaptive_avg_pool2d if y.ndim == 4 else F.adaptive_avg_pool3d
    return pool(y.float(), 8)


def deep_image_prior(
    example: Measurement,
    *,
    rng: torch.Generator,
    perturbation: float = 0.01,
    features: int = 16,
    skips: int = 4,
    depth: int = 5,
    rate: float = 1e-2,
) -> Method:
    """Fit a network with no data but one image, and stop before it fits the noise.

    min_θ ‖w ⊙ (F_θ(z) − y)‖², where z is fixed random noise and F a network that explains natural images with smaller
    and earlier steps than noise; w is zero on a few percent of the pixels. E|F_θ(z) − y|² = E|F_θ(z) − x|² + E|y − x|²
    on these, since F never saw their noise: the weights of the least error there are returned, in place of a number
    of steps that is known in advance.

    Parameters
    ----------
    example
        The whole image, (1, channel, *space), standardised.
    rng
        Draws the first weights; on the CPU.
    perturbation
        Standard deviation of the noise that is added to z at each step.
    features, skips, depth
        Of the hourglass: features at every level, features across, and levels.
    rate
        Learning rate.

    Returns
    -------
    Method
        Bound to this image: the network holds it.

    Raises
    ------
    InputError
        Where there are several images, or blocks of a larger one.

    Notes
    -----
    Made for minutes on a CPU: the paper has 128 features, a perturbation of 1/30 and about 2000 steps. With so much
    perturbation the same error is reached in three times the steps. The weights are averaged over steps, where the
    paper averages outputs. z is U(0, 0.1) in 32 channels, as there. Training cuts images larger than about 512 x 512
    pixels into blocks, and sizes down to multiples of 16; such an image is refused.

    Non-local means is often nearer to the truth: in the paper 30.3 dB, where a single fit reaches 29.2. On the middle
    of Confocal_FISH_2 of the FMD set it reaches 28.0, this 27.7 in 400 steps, and 28.1 with 64 features in 200.

    References
    ----------
    Ulyanov, Vedaldi, Lempitsky, "Deep image prior", CVPR 2018.
    """
    images, channels, *space = example.y.shape
    if images > 1:
        raise InputError(
            f"A deep image prior is fitted to one image in one piece, but {images} of {' x '.join(map(str, space))} "
            "pixels came: give a single one of no more than that, or choose another method."
        )
    network = Hourglass(
        (_INPUTS, channels), dims=len(space), features=features, skips=skips, depth=depth, pool=pooling(space)
    )
    initialise(network, rng)
    model = _Prior(network.to(example.y.device), example, perturbation)
    split = _Everything()
    stage = Stage(
        model=model,
        objective=HeldOut(split),
        patch=space,
        batch=1,
        adam=Adam(rate=rate),
        symmetries="none",
    )
    return Method(model=model, prior=model, restorer=model, split=split, stages=(stage,), card=CARD)
