"""How to reconstruct: everything but the scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.errors import InputError
from pellucid.methods import card, checked
from pellucid.workflows.options import Options
from pellucid.workflows.scan_files import expand
from pellucid.workflows.scan_model import ScanModel

AUTO = "auto"
BUDGET = 600.0
_STARTED = ("zs_ssl",)  # methods that go on from the weights of a model; others only use it
_DENOISED = ("pnp", "red")  # methods whose model is a denoiser
_FROM_PYTHON = ("truth", "repeats")


@dataclass(frozen=True, kw_only=True)
class Request:
    """How to reconstruct.

    Parameters
    ----------
    modality
        A name from `pellucid.workflows.scan.modalities()`.
    method
        A name from ``pellucid.methods.names("reconstruct")``, or ``auto``; None takes the usual one of the modality,
        or that of the model.
    settings
        Of the method, by name.
    geometry
        What the file may not say, by the names of the modality.
    train
        A folder of scans, or one, to train on; the scan itself unless given.
    clean
        A folder of clean images of other objects, or one, for methods that learn from both.
    model
        A trained model: a reconstruction, or a denoiser for ``pnp`` and ``red``.
    seconds, steps
        Budget of a training: time, or steps of each stage in its place.
    device, seed
        As in `Options`.
    """

    modality: str
    method: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    geometry: Mapping[str, Any] = field(default_factory=dict)
    train: Path | None = None
    clean: Path | None = None
    model: Path | None = None
    seconds: float | None = None
    steps: int | None = None
    device: str = "auto"
    seed: int = 0

    @property
    def learns(self) -> bool:
        """Whether something is trained."""
        return self.method == AUTO or (self.method is not None and card(self.method, "reconstruct").trained)

    @property
    def goes_on(self) -> bool:
        """Whether a training begins with the weights of the model."""
        return self.model is not None and self.method in _STARTED

    @property
    def applies(self) -> bool:
        """Whether the model reconstructs without training."""
        return self.model is not None and self.method not in (*_STARTED, *_DENOISED)

    @property
    def unpaired(self) -> bool:
        """Whether the method learns from clean images, beside scans of other objects."""
        return self.method not in (None, AUTO) and card(str(self.method), "reconstruct").needs == "unpaired"

    @property
    def options(self) -> Options:
        """What a training needs of it."""
        seconds = None if self.steps is not None else self.seconds or BUDGET
        return Options(settings=self.settings, device=self.device, seed=self.seed, seconds=seconds, steps=self.steps)

    def check(self) -> ScanModel | None:
        """Check what does not depend on a scan; return the model of a reconstruction.

        Raises
        ------
        InputError
            In one sentence.
        """
        if self.method not in (None, AUTO):
            if card(self.method, "reconstruct").needs in _FROM_PYTHON:
                raise InputError(
                    f"{self.method} needs more than a scan, true images or repetitions of it: it is there for "
                    "simulations, from Python."
                )
            checked(self.method, self.settings, "reconstruct")
        elif self.settings:
            raise InputError("Settings belong to one method; name it with --method.")
        if self.unpaired and self.clean is None and not self.applies:
            raise InputError(f"{self.method} learns from clean images of other objects: add --clean FOLDER.")
        if self.clean is not None and not self.unpaired:
            raise InputError("--clean is for methods that learn from clean images: leave it out, or see ot_cyclegan.")
        training = {"--train": self.train, "--clean": self.clean, "--budget": self.seconds, "--steps": self.steps}
        given = [flag for flag, value in training.items() if value is not None]
        if given and (self.applies or not self.learns):
            what = "a model is used as it is" if self.applies else f"{self.method or 'the usual method'} is not trained"
            raise InputError(f"{given[0]} is for a training, but {what}: leave it out, or name a learned --method.")
        expand([folder for folder in (self.train, self.clean) if folder is not None])
        return self._model()

    def _model(self) -> ScanModel | None:
        if self.model is None or self.method in _DENOISED:
            return None
        model = ScanModel.load(self.model)
        if self.method == AUTO:
            raise InputError("--method auto trains a network of its own: leave out --model, or leave out --method.")
        if not self.goes_on and self.method not in (None, model.facts.method):
            raise InputError(
                f"{self.model} is a model of {model.facts.method}, not of {self.method}: leave out --method."
            )
        if self.settings and not self.goes_on:
            raise InputError("A model has its settings already: leave out --set.")
        return model
