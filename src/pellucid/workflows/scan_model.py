"""A trained reconstruction: what turns new scans of the same kind into images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from pellucid.data.measurement import Measurement
from pellucid.errors import InputError
from pellucid.methods import Method, card, checked, function
from pellucid.training import package


class Facts(BaseModel):
    """`model.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: Literal[1] = 1
    task: Literal["reconstruct"] = "reconstruct"
    modality: str
    method: str
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    is_complex: bool
    dims: int = Field(ge=1, le=3)

    @classmethod
    def of(cls, modality: str, method: str, settings: Mapping[str, Any], example: Measurement) -> Facts:
        """Return the facts of a method that is made for data such as `example`."""
        image = example.operator[:1].backproject(example.y[:1])
        is_complex, dims = image.is_complex(), image.ndim - 2
        return cls(modality=modality, method=method, settings=dict(settings), is_complex=is_complex, dims=dims)

    @property
    def images(self) -> str:
        """What images it makes, in words."""
        return f"{'complex' if self.is_complex else 'real'} images of {self.dims} dimensions by {self.modality}"


@dataclass(frozen=True, kw_only=True)
class ScanModel:
    """The weights of a trained reconstruction, and what they are for.

    Parameters
    ----------
    facts
        Method, settings, and the kind of images.
    weights
        By name.
    provenance
        How it was made: hashes of the scans, seed, steps, versions.
    history
        The course of the training as a table.
    """

    facts: Facts
    weights: Mapping[str, Tensor]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    history: str = ""

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the model package, a zip file, or a folder where `path` is one.

        Raises
        ------
        InputError
            Where the file exists already.
        """
        found = card(self.facts.method, "reconstruct")
        texts = {
            "model.json": self.facts.model_dump_json(indent=1),
            "stats.json": package.dumps({"parameters": sum(w.numel() for w in self.weights.values())}),
            "provenance.json": package.dumps(dict(self.provenance)),
            "history.csv": self.history,
            "README.md": "# A model of Pellucid\n\nUse it with `pellucid reconstruct SCAN --modality "
            f"{self.facts.modality} --model MODEL`.\n\n- {found.title}; {found.paper}\n",
        }
        return package.save(Path(path), texts, self.weights, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> ScanModel:
        """Read a model package; nothing in it is executed.

        Raises
        ------
        InputError
            Where it is not a package of Pellucid, or was made to denoise.
        """
        texts, weights = package.load(Path(path))
        described = package.loads(texts["model.json"])
        if isinstance(described, dict) and "channels" in described:
            raise InputError(f"{path} is a model to denoise images, not to reconstruct scans: use `pellucid apply`.")
        if isinstance(described, dict) and described.get("task") == "translate":
            raise InputError(f"{path} is a model to translate images, not to reconstruct: use `pellucid translate`.")
        try:
            facts = Facts.model_validate(described)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"{path} is no model that this version can read: {where}: {first['msg']}.") from error
        if not card(facts.method, "reconstruct").trained:
            raise InputError(f"{path} is of {facts.method}, which has no weights; train a model again.")
        provenance = package.loads(texts["provenance.json"])
        if not isinstance(provenance, dict):
            raise InputError(f"The provenance of {path} is no table of facts; train the model again.")
        return cls(facts=facts, weights=weights, provenance=provenance, history=texts["history.csv"])

    def build(self, modality: str, example: Measurement) -> Method:
        """Return the trained method, made for data such as `example`.

        Raises
        ------
        InputError
            Where it was trained on another kind of scans, or weights and settings do not fit together.
        """
        facts = self.facts
        wanted = Facts.of(modality, facts.method, facts.settings, example)
        self._same_kind(wanted)
        given = checked(facts.method, facts.settings, "reconstruct")
        found: Method = function(facts.method, "reconstruct")(example, rng=torch.Generator().manual_seed(0), **given)
        self.put(found, wanted)
        return found

    def put(self, method: Method, wanted: Facts) -> None:
        """Take the weights over into a method for images of the same kind."""
        self._same_kind(wanted)
        expected = {k: (v.shape, v.dtype) for k, v in method.model.state_dict().items()}
        found = {k: (v.shape, v.dtype) for k, v in self.weights.items() if v.isfinite().all()}
        if expected != found:
            raise InputError(
                f"The weights of the model do not fit {wanted.method} as it is asked for here: it was trained with "
                f"{self._trained_with}, so give the same, or train another model."
            )
        method.model.load_state_dict(dict(self.weights))

    @property
    def _trained_with(self) -> str:
        """The flags that described its scans, and its settings, in words."""
        geometry = self.provenance.get("geometry")
        flags = [f"--{k.replace('_', '-')} {v}" for k, v in geometry.items()] if isinstance(geometry, dict) else []
        return ", ".join(flags + [f"{k}={v}" for k, v in self.facts.settings.items()]) or "no settings"

    def _same_kind(self, wanted: Facts) -> None:
        """Refuse scans of another kind."""
        if self.facts.images != wanted.images:
            raise InputError(f"The model makes {self.facts.images}, and here are {wanted.images}: train another one.")
