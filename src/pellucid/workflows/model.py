"""A trained model: what turns new images of the same kind into restored ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pellucid.data.measurement import Measurement
from pellucid.data.prepare import Standardisation
from pellucid.errors import InputError
from pellucid.methods import Method, build
from pellucid.methods.recipe import FEW_PLANES
from pellucid.noise import Gaussian, NoiseModel, PoissonGaussian
from pellucid.operators import Identity
from pellucid.restorers import Recorded
from pellucid.training import package

SCHEMA = 1
_SIDE = 64  # pixels a side of the blank image that a method is rebuilt on: enough for the deepest network


class _Noise(BaseModel):
    """The noise in recorded units, as JSON."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    kind: Literal["gaussian", "poisson-gaussian"]
    gain: float = Field(0.0, ge=0)
    offset: float = 0.0
    sigma: float = Field(ge=0)


class _Channel(BaseModel):
    """One channel of a model, as JSON."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    name: str
    method: str
    settings: dict[str, str | int | float | bool]
    noise: _Noise
    stabilise: bool
    offset: float = Field(gt=-1e30, lt=1e30)
    scale: float = Field(gt=1e-30, lt=1e30)
    pool_planes: bool
    volumes: int = Field(1, ge=1, le=4096)


class _Card(BaseModel):
    """`model.json`."""

    model_config = ConfigDict(extra="forbid")
    schema_version: Literal[1]
    dims: Literal[2, 3]
    channels: list[_Channel] = Field(min_length=1, max_length=64)


@dataclass(frozen=True, kw_only=True)
class Channel:
    """What restores one channel.

    Parameters
    ----------
    facts
        Method, settings, noise and scale: what `model.json` keeps.
    method
        The fitted method.
    standardisation
        From recorded units to those of the method.
    """

    facts: _Channel
    method: Method
    standardisation: Standardisation

    @property
    def restorer(self) -> Recorded:
        """The rule of inference, in recorded units."""
        return Recorded(self.method.restorer, self.standardisation)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained model, one restorer a channel.

    Parameters
    ----------
    dims
        2 where planes are restored, 3 where volumes are.
    channels
        In the order of the images.
    provenance
        How it was made: held-out risk, versions, seed, steps, device, hashes of the data.
    history
        The course of the training as a table.
    """

    dims: int
    channels: tuple[Channel, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    history: str = ""

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.channels[0].standardisation.device

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model package, a zip file, or a folder where `path` is one.

        Raises
        ------
        InputError
            Where the file exists already.
        """
        card = _Card(schema_version=SCHEMA, dims=self.dims, channels=[c.facts for c in self.channels])  # type: ignore[arg-type]
        weights = {
            f"{i}.{name}": value
            for i, c in enumerate(self.channels)
            for name, value in c.method.model.state_dict().items()
        }
        texts = {
            "model.json": card.model_dump_json(indent=1),
            "stats.json": package.dumps(
                [c.facts.model_dump(include={"noise", "offset", "scale"}) for c in self.channels]
            ),
            "provenance.json": package.dumps(dict(self.provenance)),
            "history.csv": self.history,
            "README.md": self._readme(),
        }
        return package.save(Path(path), texts, weights, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path, device: torch.device | str = "cpu") -> Model:
        """Read a model package; nothing in it is executed.

        Raises
        ------
        InputError
            Where it is not a package of Pellucid, or its parts do not fit together.
        """
        texts, weights = package.load(Path(path))
        if '"task":"reconstruct"' in texts["model.json"].replace(" ", ""):
            raise InputError(
                f"{path} is a model to reconstruct scans, not to denoise: use `pellucid reconstruct`, or give its PSF "
                "to `pellucid sample`."
            )
        if '"task":"translate"' in texts["model.json"].replace(" ", ""):
            raise InputError(f"{path} is a model to translate images, not to denoise: use `pellucid translate`.")
        try:
            card = _Card.model_validate_json(texts["model.json"])
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"{path} is no model that this version can read: {where}: {first['msg']}.") from error
        channels = []
        for i, facts in enumerate(card.channels):
            own = {k.removeprefix(f"{i}."): weights.pop(k) for k in list(weights) if k.startswith(f"{i}.")}
            channels.append(_rebuild(facts, card.dims, own, torch.device(device), path))
        provenance = package.loads(texts["provenance.json"])
        if weights or not isinstance(provenance, dict):
            raise InputError(f"{path} holds parts that belong to none of its channels; train the model again.")
        return cls(dims=card.dims, channels=tuple(channels), provenance=provenance, history=texts["history.csv"])

    def _readme(self) -> str:
        lines = ["# A model of Pellucid", "", "Apply it with `pellucid apply MODEL IMAGE`.", ""]
        for c in self.channels:
            lines.append(f"- channel {c.facts.name}: {c.method.card.title}; {c.method.card.paper}")
        return "\n".join(lines) + "\n"


def channel(
    name: str,
    method_name: str,
    settings: Mapping[str, Any],
    method: Method,
    standardisation: Standardisation,
    like: torch.Tensor,
) -> Channel:
    """Gather what a fitted method needs to be saved; it was made for data such as `like`, (batch, channel, *space)."""
    noise = standardisation.recorded
    assert noise is not None
    kind = "gaussian" if isinstance(noise, Gaussian) else "poisson-gaussian"
    numbers = {k: float(getattr(noise, k)) for k in ("gain", "offset", "sigma") if hasattr(noise, k)}
    facts = _Channel(
        name=name,
        method=method_name,
        settings=dict(settings),
        noise=_Noise(kind=kind, **numbers),  # type: ignore[arg-type]
        stabilise=standardisation.stabiliser is not None,
        offset=standardisation.offset,
        scale=standardisation.scale,
        pool_planes=like.ndim == 5 and like.shape[2] >= FEW_PLANES,
        volumes=like.shape[1],
    )
    return Channel(facts=facts, method=method, standardisation=standardisation)


def _rebuild(
    facts: _Channel, dims: int, weights: dict[str, torch.Tensor], device: torch.device, path: str | Path
) -> Channel:
    """Return the channel that `model.json` and the weights describe."""
    n = facts.noise
    noise: Gaussian | PoissonGaussian = (
        Gaussian(n.sigma) if n.kind == "gaussian" else PoissonGaussian(n.gain, n.offset, n.sigma)
    )
    units = Standardisation(noise, facts.offset, facts.scale, stabilise=facts.stabilise).to(device)
    planes = [FEW_PLANES if facts.pool_planes else FEW_PLANES - 1] if dims == 3 else []
    blank = torch.zeros(1, facts.volumes, *planes, _SIDE, _SIDE, device=device)
    inside: NoiseModel | None = units.noise
    example = Measurement(y=blank, operator=Identity(), noise=inside)
    method = build(facts.method, example, rng=torch.Generator().manual_seed(0), **facts.settings)
    expected = {k: (v.shape, v.dtype) for k, v in method.model.state_dict().items()}
    found = {k: (v.shape, v.dtype) for k, v in weights.items() if v.isfinite().all()}
    if expected != found:
        raise InputError(f"{path} holds weights that do not fit its method {facts.method}; train the model again.")
    method.model.load_state_dict(weights)
    return Channel(facts=facts, method=method, standardisation=units)
