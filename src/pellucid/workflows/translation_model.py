"""A trained translation: what turns images of one kind into another kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pellucid._math.seeds import generator
from pellucid.errors import InputError
from pellucid.methods import card, checked, function
from pellucid.methods.generate.generative import Generative
from pellucid.training import package
from pellucid.workflows.kinds import LEAST, Look

METHODS = ("cyclegan", "c2gan", "pix2pix")


class Facts(BaseModel):
    """`model.json`.

    Parameters
    ----------
    method, settings
        Of the translation.
    side
        Pixels a side of what was trained on.
    source, target
        What is translated, and into what.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    schema_version: Literal[1] = 1
    task: Literal["translate"] = "translate"
    method: Literal["cyclegan", "c2gan", "pix2pix"]
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    side: int = Field(ge=LEAST, le=4096)
    source: Look
    target: Look

    def build(self, seed: int = 0) -> Generative:
        """Return the method, untrained.

        Raises
        ------
        InputError
            Where a setting is wrong.
        """
        given = checked(self.method, self.settings, "generate")
        if self.method == "c2gan":
            given["salient"] = (self.target.salient, self.source.salient)
        shape = (self.source.channels, self.side, self.side)
        made: Generative = function(self.method, "generate")(shape, generator("cpu", seed, 5), **given)
        return made


@dataclass(frozen=True, kw_only=True)
class TranslationModel:
    """The trained maps, and what they are for.

    Parameters
    ----------
    facts
        Method, settings and the two kinds.
    made
        The method with its weights; G is `made.model`.
    provenance
        How it was made.
    history
        The course of the training as a table.
    """

    facts: Facts
    made: Generative
    provenance: Mapping[str, Any] = field(default_factory=dict)
    history: str = ""

    def save(self, path: Path, *, overwrite: bool = False) -> Path:
        """Write the model package, a zip file, or a folder where `path` is one.

        Raises
        ------
        InputError
            Where the file exists already.
        """
        found, weights = card(self.facts.method, "generate"), self.made.model.state_dict()
        texts = {
            "model.json": self.facts.model_dump_json(indent=1),
            "stats.json": package.dumps({"parameters": sum(w.numel() for w in weights.values())}),
            "provenance.json": package.dumps(dict(self.provenance)),
            "history.csv": self.history,
            "README.md": "# A model of Pellucid\n\nUse it with `pellucid translate IMAGE --model MODEL -o FOLDER`. "
            f"What it makes is generated.\n\n- {found.title}; {found.paper}\n",
        }
        return package.save(path, texts, weights, overwrite=overwrite)

    @classmethod
    def load(cls, path: Path, device: torch.device) -> TranslationModel:
        """Read a model package; nothing in it is executed.

        Raises
        ------
        InputError
            Where it is not a package of Pellucid, or of another task.
        """
        texts, weights = package.load(path)
        described = package.loads(texts["model.json"])
        if not isinstance(described, dict) or described.get("task") != "translate":
            raise InputError(f"{path} is no model that translates: name one that `pellucid translate` wrote.")
        try:
            facts = Facts.model_validate(described)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"{path} is no model that this version can read: {where}: {first['msg']}.") from error
        provenance, made = package.loads(texts["provenance.json"]), facts.build()
        expected = {k: (v.shape, v.dtype) for k, v in made.model.state_dict().items()}
        found = {k: (v.shape, v.dtype) for k, v in weights.items() if v.isfinite().all()}
        if expected != found or not isinstance(provenance, dict):
            raise InputError(f"{path} holds weights that do not fit its method {facts.method}; train the model again.")
        made.model.load_state_dict(weights)
        made.model.to(device)
        return cls(facts=facts, made=made, provenance=provenance, history=texts["history.csv"])
