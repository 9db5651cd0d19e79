"""What was measured, and through which instrument: the batch that objectives see."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from pellucid.noise.base import NoiseModel
from pellucid.operators.base import Operator


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A batch of recorded data with the operator and the noise that made it.

    There is no field for the truth: an objective cannot read what does not exist.

    Parameters
    ----------
    y
        Recorded data, shape (batch, channel, *space).
    operator
        H, what the instrument does to a noiseless object.
    weight
        How much each entry of `y` counts, broadcastable to `y`; None counts all alike.
    noise
        p(y | H x), in the units of `y`, or None where it is not known.
    """

    y: Tensor
    operator: Operator
    weight: Tensor | None = None
    noise: NoiseModel | None = None

    def with_y(self, y: Tensor) -> Measurement:
        """Return the same measurement with other recorded data."""
        return replace(self, y=y)


@dataclass(frozen=True, kw_only=True)
class Repeated(Measurement):
    """Independent recordings of one object; `y` and `operator` are those of the first shot."""

    shots: tuple[Measurement, ...] = ()

    @classmethod
    def of(cls, shots: tuple[Measurement, ...]) -> Repeated:
        """Return these recordings as one measurement."""
        first = shots[0]
        return cls(y=first.y, operator=first.operator, weight=first.weight, noise=first.noise, shots=shots)


@dataclass(frozen=True, kw_only=True)
class Listed(Measurement):
    """Recordings that are known by their number in the data set.

    Parameters
    ----------
    numbers
        One for each entry of the batch.
    """

    numbers: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Paired(Measurement):
    """A recording with its clean reference: for supervised references and evaluation only."""

    truth: Tensor


@dataclass(frozen=True, kw_only=True)
class Unpaired(Measurement):
    """Recordings beside images of other objects of the same kind: draws of both, matched by nothing.

    Parameters
    ----------
    images
        Clean images, (batch, channel, *space).
    """

    images: Tensor
