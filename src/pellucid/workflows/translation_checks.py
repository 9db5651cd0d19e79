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
_MANY, _SIDE, _STEP = 16, 256, 16  # images that are checked, pixels a side at most, and what sides are multiples of
_CYCLE, _KEPT = 0.7, 0.8  # half of the variance; beyond these a translation is doubtful


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What was measured; None where it could not be.

    Parameters
    ----------
    cycle, cycle_back
        rms(y - F G y) over the contrast of y: what the translation loses; and that of target images there and back.
    correlation
        Of input and output.
    kept
        Part of the pixels that are content, or background, in both.
    polarity
        1: content is bright in both kinds, or dark in both; -1: it changes sides; None: nobody knows.
    error, pairs
        rms(x - G y) over the contrast of x on pairs that were not trained on, and how many these are.
    """

    cycle: float | None
    cycle_back: float | None
    correlation: float
    kept: float | None
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
                "polarity of the two kinds asks for the other sign; use --method c2gan."
            )
        elif self.polarity is None and sign < 0:
            found.append(
                "What is bright becomes dark, and which side is content is not known: look, and say so with "
                "--content-from and --content-to."
            )
        if self.kept is not None and self.kept < _KEPT:
            found.append(f"Only {self.kept:.0%} of the pixels stay content or background: structure was moved.")
        if self.cycle is not None and self.cycle > _CYCLE:
            found.append(f"There and back loses {self.cycle:.2f} of the contrast: the output does not tell the input.")
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
        known = "content kept: not checked, for its polarity is not known"
        told.append(known if self.kept is None else f"{self.kept:.0%} of the pixels stay content or background")
        if self.error is not None:
            told.append(f"the error on {self.pairs} unseen pairs is {self.error:.2f} of the contrast")
        return ", ".join(told)

    def as_dict(self) -> dict[str, Any]:
        """Return what was measured, in terms of JSON."""
        return asdict(self)


@torch.no_grad()
def check(
    model: nn.Module,
    looks: tuple[Look, Look],
    given: Sequence[Tensor],
    others: Sequence[Tensor],
    pairs: Sequence[tuple[Tensor, Tensor]] = (),
) -> Checks:
    """Measure what a translation does to images.

    Parameters
    ----------
    model
        G, and F where it is a `Transport`.
    looks
        Of what is translated, and of the target.
    given, others
        Planes of what is translated, and of the target, (channel, row, column), in the units of the networks.
    pairs
        Planes and their truth that were not trained on.
    """
    source, target = looks
    device = next(model.parameters()).device
    known = source.bright is not None and target.bright is not None
    loss, sums, same, pixels = [], torch.zeros(3), 0.0, 0
    for y in _middles(given, device):
        image = model(Measurement(y=y, operator=Identity()))
        if isinstance(model, Transport):
            loss.append(_relative(y, model.way(image)))
        a, b = (v.mean(1) - v.mean() for v in (y, image))
        sums += torch.stack([(a * b).sum(), (a * a).sum(), (b * b).sum()]).cpu()
        same += float(((source.salient(y) > 0.5) == (target.salient(image) > 0.5)).sum())
        pixels += image[:, :1].numel()
    back = []
    if isinstance(model, Transport):
        for x in _middles(others, device):
            again = model(Measurement(y=model.way(x), operator=Identity()))
            back.append(_relative(x, again))
    errors = [_relative(x, model(Measurement(y=y, operator=Identity()))) for y, x in _both(pairs, device)]
    return Checks(
        cycle=_mean(loss),
        cycle_back=_mean(back),
        correlation=float(sums[0] / (sums[1] * sums[2]).sqrt().clamp(min=1e-12)),
        kept=same / pixels if known else None,
        polarity=(1 if source.bright == target.bright else -1) if known else None,
        error=_mean(errors),
        pairs=len(errors),
    )


def _relative(truth: Tensor, found: Tensor) -> float:
    """Return the rms error over the contrast of what is meant."""
    return float((truth - found).square().mean().sqrt() / truth.std().clamp(min=1e-6))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _middles(planes: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Return the middle of some planes, spread evenly, (1, channel, *space)."""
    chosen = {round(k * (len(planes) - 1) / (_MANY - 1)) for k in range(_MANY)} if planes else ()
    return [_middle(planes[k]).to(device) for k in sorted(chosen)]


def _middle(plane: Tensor) -> Tensor:
    sides = [min(_SIDE, n // _STEP * _STEP) for n in plane.shape[1:]]
    row, column = ((n - side) // 2 for n, side in zip(plane.shape[1:], sides, strict=True))
    return plane[None, :, row : row + sides[0], column : column + sides[1]]


def _both(pairs: Sequence[tuple[Tensor, Tensor]], device: torch.device) -> list[tuple[Tensor, Tensor]]:
    return [(_middle(y).to(device), _middle(x).to(device)) for y, x in pairs[:_MANY]]
