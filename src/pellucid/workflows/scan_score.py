"""How well an image predicts measurements that nobody saw: neither a training nor the choice of a strength."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pellucid._math.seeds import generator
from pellucid.data.measurement import Listed, Measurement
from pellucid.data.sampling import RandomSampling
from pellucid.report.reconstruction import Score

RESERVED = 0.1  # of the samples
_SEED = 7
_CENTRE = 24  # samples of k-space along each axis, which hold most of the energy and the maps of the coils
_VIEWS = {"ct": 1, "tilt": 2}  # modalities whose views are held out whole, and the axes of a view
_SPECTRA = ("mri", "sms")


@dataclass(frozen=True, kw_only=True)
class Reserve:
    """A scan without the samples that only ever judge, and those samples.

    Parameters
    ----------
    left
        The scan without them.
    held
        Their weight is one, that of all others zero.
    whole
        Axes of the data that are held out together.
    """

    left: Measurement
    held: Measurement
    whole: int

    def errors(self, image: Tensor) -> Tensor:
        """Return, sample by sample, Σ|e|, Σ|y|, Σ|e|², Σ|y|² over its channels, e the error of its prediction."""
        weight = self.held.weight
        assert weight is not None
        with torch.no_grad():
            moduli = (self.held.operator(image) - self.held.y).abs(), self.held.y.abs()
        axes = (1, *range(self.held.y.ndim - self.whole, self.held.y.ndim))
        unseen = weight.expand(moduli[0].shape).amax(axes) > 0
        return torch.stack(
            [(weight * modulus.double() ** power).sum(axes)[unseen] for power in (1, 2) for modulus in moduli]
        )


def reserve(scan: Measurement, modality: str) -> Reserve:
    """Take a tenth of the samples of a scan away, always the same ones: a saved model never saw them either.

    Every entry of the batch loses the same samples, whichever entries were read. The centre of k-space stays.

    Raises
    ------
    InputError
        Where too few were measured.
    """
    whole, space = _VIEWS.get(modality, 0), scan.y.shape[2:]
    centre = min(_CENTRE, min(space) // 4) if modality in _SPECTRA else 0
    split = RandomSampling(RESERVED, whole=whole, centre=centre, masks=1, seed=_SEED)
    split.check(scan)
    alike = Listed(y=scan.y, operator=scan.operator, weight=scan.weight, noise=scan.noise, numbers=(0,) * len(scan.y))
    given, held = split(alike, generator(scan.y.device, _SEED))
    return Reserve(left=replace(scan, y=given.y, operator=given.operator), held=held, whole=whole)


def score(errors: Tensor, method: str, seconds: float) -> Score:
    """Return what the errors of samples say of a method.

    The mean modulus decides, not its square: a few samples hold most of the energy of a spectrum. Standard errors are
    those of means over samples, whose channels count as one.
    """
    error, error_se = _ratio(errors[0], errors[1])
    power, power_se = _ratio(errors[2], errors[3])
    return Score(
        method=method,
        error=error,
        error_se=error_se,
        relative_l2=power**0.5,
        relative_l2_se=power_se / (2 * power**0.5) if power > 0 else 0.0,
        seconds=seconds,
    )


def _ratio(over: Tensor, under: Tensor) -> tuple[float, float]:
    """Return Σa / Σb with its standard error to first order, over independent pairs."""
    total = float(under.sum())
    if total <= 0:
        return float("nan"), float("nan")
    ratio = float(over.sum()) / total
    return ratio, float((over - ratio * under).square().sum()) ** 0.5 / total


def better(errors: Tensor, other: Tensor) -> bool:
    """Whether errors are less than others of the same samples, by more than two standard errors of the difference."""
    less = other[0] - errors[0]
    return bool(less.sum() > 2 * (less - less.mean()).square().sum().sqrt())


def marked(scores: tuple[Score, ...], name: str) -> tuple[Score, ...]:
    """Return the scores, best first, with the chosen one marked."""
    return tuple(replace(score, chosen=score.method == name) for score in sorted(scores, key=lambda s: s.error))
