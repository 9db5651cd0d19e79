"""What can be checked of translated images without their truth, and what cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.data.measurement import Measurement
from pellucid.operators import Identity
from pellucid.restorers.transport import Transport
from pellucid.workflows.kinds import Look

GENERATED = (
    "The images are generated: they show what is usual in the target images, and nothing measured vouches for a detail."
)
CHECKED = 16  # images that are checked
_SIDE, _STEP = 256, 16  # pixels a side at most, and what sides are multiples of
_CYCLE, _KEPT, _UNLIKE = 0.7, 0.8, 0.3  # beyond these a translation is doubtful; 0.7 is half of the variance
_WIDE, _NARROW = 3.0, 0.2  # of what the input may have, in the units of the networks
_SAMPLE = 2**20  # grey values that are compared


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What was measured; None where it could not be.

    Parameters
    ----------
    cycle, cycle_back
        rms(y - F G y) over the contrast of y: what the translation loses; and that of target images there and back.
    unlike
        How far the grey values of translated source images and of target images lie apart (Wasserstein-1), over the
        contrast of the latter.
    correlation
        Of input and output.
    kept
        Part of the pixels that are content, or background, in both.
    span
        0.1 and 99.9 % of the input's values, where those that were learned from have -1 and 1.
    polarity
        1: content is bright in both kinds, or dark in both; -1: it changes sides; None: nobody knows.
    error, pairs
        rms(x - G y) over the contrast of x on pairs that were not trained on, and how many these are.
    """

    cycle: float | None
    cycle_back: float | None
    unlike: float | None
    correlation: float
    kept: float | None
    span: tuple[float, float]
    polarity: int | None
    error: float | None = None
    pairs: int = 0

    @property
    def doubts(self) -> list[str]:
        """Why the images should not be believed: whole sentences."""
        found, sign = [], 1 if self.correlation > 0 else -1
        if self.polarity is not None and sign != self.polarity:
            found.append(
                f"Content and background are swapped: input and output correlate by {self.correlation:+.2f}, and the "
                "polarity of the two kinds asks for the other sign; c2gan, told what content is and trained for "
                "minutes, prevents that."
            )
        elif self.polarity is None and sign < 0:
            found.append(
                "What is bright becomes dark, and which side is content is not known: look, and say so with "
                "--content-from and --content-to."
            )
        low, high = self.span
        if max(-low, high) > _WIDE or high - low < _NARROW:
            found.append(
                f"The input has another scale: its values go from {low:.2g} to {high:.2g}, where those of the images "
                "that were learned from go from -1 to 1."
            )
        if self.kept is not None and self.kept < _KEPT:
            found.append(f"Only {self.kept:.0%} of the pixels stay content or background: structure was moved.")
        if self.cycle is not None and self.cycle > _CYCLE:
            found.append(f"There and back loses {self.cycle:.2f} of the contrast: the output does not tell the input.")
        if self.unlike is not None and self.unlike > _UNLIKE:
            found.append(
                f"The output looks unlike the target: grey values are {self.unlike:.2f} of its contrast apart."
            )
        if self.error is not None and self.error > 1:
            found.append(f"On unseen pairs the error is {self.error:.2f} of the contrast: a flat image has 1.")
        return found

    def __str__(self) -> str:
        """Say what was checked, and what not."""
        told = [f"input and output correlate by {self.correlation:+.2f}"]
        if self.cycle is not None:
            told.append(f"there and back changes inputs by {self.cycle:.2f} of their contrast (forward consistency)")
        if self.cycle_back is not None:
            told.append(f"and target images by {self.cycle_back:.2f}")
        if self.unlike is not None:
            told.append(f"grey values are {self.unlike:.2f} of the contrast away from those of the target")
        known = "content kept: not checked, for its polarity is not known"
        told.append(known if self.kept is None else f"{self.kept:.0%} of the pixels stay content or background")
        if self.error is not None:
            told.append(f"the error on {self.pairs} unseen pairs is {self.error:.2f} of the contrast")
        return ", ".join(told)

    def as_dict(self) -> dict[str, Any]:
        """Return what was measured, in terms of JSON."""
        return asdict(self) | {"span": list(self.span)}


@torch.no_grad()
def check(
    model: nn.Module,
    looks: tuple[Look, Look],
    given: Sequence[Tensor],
    kinds: tuple[Sequence[Tensor], Sequence[Tensor]] = ((), ()),
    pairs: Sequence[tuple[Tensor, Tensor]] = (),
) -> Checks:
    """Measure what a translation does to images.

    Parameters
    ----------
    model
        G, and F where it is a `Transport`.
    looks
        Of what is translated, and of the target.
    given
        Planes of what is translated, (channel, row, column), in the units of the networks.
    kinds
        Planes of source and target that were learned from.
    pairs
        Planes and their truth that were not trained on.
    """
    source, target = looks
    device = next(model.parameters()).device

    def translated(y: Tensor) -> Tensor:
        image: Tensor = model(Measurement(y=y, operator=Identity()))
        return image

    ys, sources, xs = ([_middle(plane).to(device) for plane in planes] for planes in (given, *kinds))
    images = [translated(y) for y in ys]
    forth, back = [], []
    if isinstance(model, Transport):
        forth = [_relative(y, model.way(image)) for y, image in zip(ys, images, strict=True)]
        back = [_relative(x, translated(model.way(x))) for x in xs]
    errors = [_relative(x.to(device), translated(y.to(device))) for y, x in map(_both, pairs)]
    ends = _quantiles(ys, torch.tensor([0.001, 0.999]))
    sides = source.bright, target.bright
    known = None not in sides
    same = [((source.salient(y) > 0.5) == (target.salient(x) > 0.5)).float() for y, x in zip(ys, images, strict=True)]
    return Checks(
        cycle=_mean(forth),
        cycle_back=_mean(back),
        unlike=_apart([translated(y) for y in sources], xs) if xs else None,
        correlation=_correlation(ys, images),
        kept=float(torch.cat([part.flatten() for part in same]).mean()) if known else None,
        span=(float(ends[0]), float(ends[1])),
        polarity=(1 if sides[0] == sides[1] else -1) if known else None,
        error=_mean(errors),
        pairs=len(errors),
    )


def _correlation(ys: Sequence[Tensor], images: Sequence[Tensor]) -> float:
    """Return that of two lists of images, each less its mean; of several channels, of their means."""
    both = [[v.mean(1) - v.mean() for v in pair] for pair in zip(ys, images, strict=True)]
    a, b = (torch.cat([pair[k].flatten() for pair in both]) for k in (0, 1))
    return float((a * b).sum() / (a.norm() * b.norm()).clamp(min=1e-12))


def _apart(images: Sequence[Tensor], others: Sequence[Tensor]) -> float:
    """Return the least way that grey values must go from one set to the other, over the contrast of the other."""
    a, b = (_quantiles(some, torch.linspace(0, 1, 101)) for some in (images, others))
    return float((a - b).abs().mean() / torch.cat([v.flatten() for v in others]).std().clamp(min=1e-6))


def _quantiles(values: Sequence[Tensor], levels: Tensor) -> Tensor:
    found = torch.cat([v.flatten().cpu() for v in values])
    return found[:: max(1, len(found) // _SAMPLE)].quantile(levels)


def _relative(truth: Tensor, found: Tensor) -> float:
    """Return the rms error over the contrast of what is meant."""
    return float((truth - found).square().mean().sqrt() / truth.std().clamp(min=1e-6))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _middle(plane: Tensor) -> Tensor:
    sides = [min(_SIDE, n // _STEP * _STEP) for n in plane.shape[1:]]
    row, column = ((n - side) // 2 for n, side in zip(plane.shape[1:], sides, strict=True))
    return plane[None, :, row : row + sides[0], column : column + sides[1]]


def _both(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return _middle(pair[0]), _middle(pair[1])
