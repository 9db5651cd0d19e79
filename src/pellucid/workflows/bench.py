"""The data of one channel, prepared for training and for an honest comparison of methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pellucid._math.seeds import generator, mix
from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.patches import Patches
from pellucid.data.prepare import Standardisation
from pellucid.data.source import Fixed, Source
from pellucid.data.splits import Hiding, Reserved, mask_of
from pellucid.data.stack import Stack
from pellucid.errors import InputError
from pellucid.methods import Method, Stage
from pellucid.noise import Autocorrelation, Diagnosis, autocorrelation, diagnose, photon_transfer_repeats
from pellucid.noise.levels import Levels
from pellucid.objectives import HeldOut, Sure
from pellucid.operators import Identity
from pellucid.restorers import Restorer
from pellucid.training import Validation
from pellucid.trust import Calibration, Risk, by_error, calibrate, held_out_risk, stein_risks

_JUDGED = 2**18  # pixels of the blocks in which some pixels are never a training target
_LEAST = 32  # pixels a side
_DIAGNOSED = 2**22  # pixels that the diagnosis reads
_RESERVED = 0.05  # part of the judged pixels


@dataclass(frozen=True)
class Bench:
    """A sample of one channel, its noise, and the pixels on which methods are judged.

    Parameters
    ----------
    shots
        Recorded values, (block, channel, *space): one tensor, or two of the same object. The channels are the volumes
        of a series, or one.
    diagnosis
        The noise, from the first shot alone or from both.
    seed
        Chooses the pixels that are never a training target.
    calibration
        Signals and what was recorded of them, or None.
    whole
        Whether the sample is one whole plane or volume.
    """

    shots: tuple[Tensor, ...]
    diagnosis: Diagnosis
    seed: int
    calibration: tuple[Tensor, Tensor] | None = None
    whole: bool = True

    @classmethod
    def of(cls, stack: Stack, pairs: Stack | None, device: torch.device, seed: int, *, truth: bool = False) -> Bench:
        """Read a sample and diagnose it; with `truth` the pairs are clean, and tell nothing of the noise.

        Raises
        ------
        InputError
            Where the image is too small to tell its noise.
        """
        stacks = [stack] if pairs is None else [stack, pairs]
        _large_enough(stack)
        arrays = [s.sample(np.random.default_rng(mix(seed, 1))) for s in stacks]
        diagnosis = _diagnosed(arrays[:1] if truth else arrays)
        shots = tuple(torch.from_numpy(a.reshape(len(a), -1, *a.shape[-stack.dims :])).to(device) for a in arrays)
        whole = [tuple(a.shape[-stack.dims :]) for a in arrays[0]] == [stack.space(item) for item in stack.items]
        return cls(shots, diagnosis, seed, whole=whole and len(stack.items) == 1)

    @cached_property
    def judged(self) -> int:
        """Blocks, counted from the first, that hold pixels which are never a training target."""
        return max(1, min(len(self.shots[0]), _JUDGED // self.shots[0][0].numel()))

    @cached_property
    def places(self) -> tuple[Tensor, Tensor]:
        """Where those pixels lie, in all volumes of a series: half to rank and stop, the rest to report.

        They are (block, channel, count) each.
        """
        y = self.shots[0][: self.judged]
        rng = generator(y.device, self.seed, 2)
        order = torch.rand(y[:, :1].flatten(2).shape, generator=rng, device=y.device).argsort(-1)
        order = order.expand(-1, y.shape[1], -1)
        half = round(_RESERVED / 2 * order.shape[-1])
        return order[..., :half], order[..., half : 2 * half]

    @cached_property
    def weight(self) -> Tensor:
        """How much each judged pixel counts, with mean one: the squared slope of the stabiliser.

        That is one over the variance of its noise, bounded below two photons; so bright pixels do not drown the
        rest. It is taken at the mean of the neighbours, which knows nothing of the pixel itself.
        """
        y = self.shots[0][: self.judged]
        pool = F.avg_pool2d if y.ndim == 4 else F.avg_pool3d
        total, count = (pool(x, 3, 1, 1, divisor_override=1) for x in (y, torch.ones_like(y)))
        around = ((total - y) / (count - 1)).requires_grad_()
        (slope,) = torch.autograd.grad(self.units(True)(around).sum(), around)
        return slope.square() / slope.square().mean()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What saturation or coarse grey levels do to the image, in one sentence each."""
        some = self.shots[0][: max(1, _DIAGNOSED // self.shots[0][0].numel())]
        return Levels.of(some.double().cpu().numpy()).warnings(self.diagnosis.transfer.variance)

    def units(self, stabilise: bool) -> Standardisation:
        """Return the one standardisation of the input."""
        noise = self.diagnosis.transfer.noise.to(self.shots[0].device)
        wanted = stabilise and self.diagnosis.transfer.model == "poisson-gaussian"
        return Standardisation.of(self.shots[0], noise, stabilise=wanted).to(self.shots[0].device)

    def noise_pairs(self, units: Standardisation) -> tuple[Tensor, Tensor] | None:
        """Return the calibration in the units of a network."""
        return self.calibration and (units(self.calibration[0]), units(self.calibration[1]))

    def measurement(self, units: Standardisation) -> Measurement:
        """Return the sample in the units of a network; reserved pixels have no weight."""
        weight = torch.ones_like(self.shots[0], dtype=torch.bool)
        weight[: self.judged] = ~mask_of(torch.cat(self.places, -1), weight[: self.judged])
        shots = tuple(
            Measurement(y=units(y), operator=Identity(), weight=weight, noise=units.noise) for y in self.shots
        )
        return _joined(shots)

    def source(self, stage: Stage, data: Measurement) -> Source:
        """Return the patches of a stage."""
        rows, columns = stage.patch[-2:]
        oblong = "mirrors" if stage.symmetries == "all" and rows != columns else stage.symmetries
        return Patches(data=data, patch=stage.patch, batch=stage.batch, symmetries=oblong)

    def validation(self, method: Method, stage: Stage, data: Measurement, interval: int) -> Validation | None:
        """Return the objective of a stage on the ranking pixels: its own where it hides pixels, or else Stein's."""
        if not isinstance(stage.model, Restorer):
            return None
        parts = data.shots if isinstance(data, Repeated) else (data,)
        judged = tuple(Measurement(y=p.y[: self.judged], operator=p.operator, noise=p.noise) for p in parts)
        own = stage.objective
        if isinstance(own, HeldOut) and (isinstance(own.split, Hiding) or method.split is not None):
            held = HeldOut(Reserved(own.split, self.places[0]), own.distance)
            return Validation(objective=held, source=Fixed(_joined(judged)), interval=interval)
        return Validation(objective=Sure(), source=Fixed(self.ranking(data)), interval=interval)

    def ranking(self, data: Measurement) -> Measurement:
        """Return the judged blocks with weight on the ranking pixels alone."""
        y = data.y[: self.judged]
        return Measurement(y=y, operator=Identity(), noise=data.noise, weight=mask_of(self.places[0], y))

    def risks(self, method: Method, units: Standardisation) -> tuple[Risk, Risk]:
        """Return the risk in recorded units, on the ranking and on the reporting pixels."""
        data, rng = self._recorded(method, self.weight), generator(self.shots[0].device, self.seed, 3)
        if method.prior is None or method.split is None:
            ranking, reporting = stein_risks(method.restorer, data, self.places, units, rng=rng)
            return ranking, reporting
        state, prior, split = rng.get_state(), method.prior, method.split

        def risk(places: Tensor) -> Risk:
            rng.set_state(state)
            return held_out_risk(prior, split, data, places, units, rng=rng)

        return risk(self.places[0]), risk(self.places[1])

    def spread(self, method: Method, units: Standardisation, risk: Risk) -> Calibration | None:
        """Return how right the spread of a method is, or None where it has none or nothing can tell."""
        if self.diagnosis.correlation.correlated and method.card.needs == "image":
            return None
        if method.prior is None or method.split is None:
            return by_error(risk)
        data, rng = self._recorded(method), generator(self.shots[0].device, self.seed, 3)
        return calibrate(method.prior, method.split, data, self.places, units, rng=rng)

    def _recorded(self, method: Method, weight: Tensor | None = None) -> Measurement:
        """Return the judged blocks in recorded units: of repeats all, or else the first shot."""
        noise = self.diagnosis.transfer.noise.to(self.shots[0].device)
        shots = tuple(
            Measurement(y=y[: self.judged], operator=Identity(), noise=noise, weight=weight) for y in self.shots
        )
        return _joined(shots) if method.card.needs == "repeats" else shots[0]


def _joined(shots: tuple[Measurement, ...]) -> Measurement:
    """Return one measurement, or the repeats of it."""
    return Repeated.of(shots) if len(shots) > 1 else shots[0]


def _diagnosed(arrays: list[NDArray[np.float32]]) -> Diagnosis:
    """Diagnose the noise from planes of the sample."""
    planes = [a.reshape(-1, *a.shape[-2:]) for a in arrays]
    count = max(1, _DIAGNOSED // planes[0][0].size)
    step = max(1, len(planes[0]) // count)
    some = [p[::step][:count].astype(np.float64) for p in planes]
    if len(some) == 1:
        return diagnose(some[0])
    transfer = photon_transfer_repeats(*some)
    correlation: Autocorrelation = autocorrelation(some[0], transfer.variance_at)
    return Diagnosis(transfer=transfer, correlation=correlation)


def _large_enough(stack: Stack) -> None:
    smallest = min((stack.space(item) for item in stack.items), key=min)
    if min(smallest[-2:]) < _LEAST:
        raise InputError(
            f"{stack.images[0].name} has planes of {smallest[-2]} x {smallest[-1]} pixels, but the noise can only be "
            f"read from {_LEAST} x {_LEAST} or more; give a larger image."
        )
