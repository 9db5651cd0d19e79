"""A finished reconstruction: its image, what is said of it, and the model that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.image import Image
from pellucid.data.io import write
from pellucid.data.measurement import Measurement
from pellucid.methods import Method
from pellucid.report import reconstruction as page
from pellucid.restoration import Restoration
from pellucid.trust.consistency import consistency
from pellucid.workflows.account import account_of, first_image, learning_of
from pellucid.workflows.denoise import Report
from pellucid.workflows.scan import Scan
from pellucid.workflows.scan_model import ScanModel
from pellucid.workflows.teaching import Taught

DIRECT = ("adjoint", "fbp", "noise2inverse")  # methods that never look at the residual


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """What `reconstruct` returns.

    Parameters
    ----------
    restoration
        The image, with axes and pixel sizes, in the units of its quantity.
    account
        What the report says of it.
    summary
        The facts of `pellucid reconstruct --json`.
    model
        What was trained, or None.
    """

    restoration: Image
    account: page.Account
    summary: Mapping[str, Any]
    model: ScanModel | None = None

    @property
    def report(self) -> Report:
        """The page that says how well it explains the data."""
        return Report(page.page(self.account))

    @property
    def image(self) -> np.ndarray[Any, Any]:
        """The numbers of the image."""
        return np.asarray(self.restoration.data)

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the image; the suffix chooses the format."""
        return write(path, self.restoration, overwrite=overwrite, provenance=self.restoration.provenance)


def told(
    opened: Scan,
    measurement: Measurement,
    method: Method,
    restoration: Restoration,
    provenance: Mapping[str, Any],
    *,
    scores: tuple[page.Score, ...] = (),
    taught: Taught | None = None,
    beaten_by: str | None = None,
) -> Reconstruction:
    """Gather what is written and said of a reconstruction.

    Parameters
    ----------
    opened, measurement
        The scan, as it was read and where it was reconstructed.
    method, restoration
        What made the image, and the image.
    provenance
        What repeats it.
    scores
        Of the methods that were compared, the chosen one marked.
    taught
        What was trained.
    beaten_by
        A method that predicts better beyond doubt, or None.
    """
    found = consistency(measurement, restoration, fitted=provenance["method"] not in DIRECT)
    image = opened.image(restoration.image.cpu())
    first = opened.image(first_image(measurement, restoration).cpu())
    choice = getattr(method.restorer, "choice", None)
    provenance = dict(provenance) | found.as_dict() | ({} if choice is None else {"strength": choice.strength})
    learned = taught if taught is not None and taught.method is method else None
    warnings = opened.warnings + _doubts(learned, beaten_by)
    account = replace(
        account_of(opened, measurement, restoration, (first, image), found, choice, provenance),
        level="amber" if warnings else found.level,
        sentence=" ".join((found.sentence, *_prediction(scores))),
        scores=scores,
        learning=None if learned is None else learning_of(learned.histories),
        warnings=warnings,
    )
    summary = {
        "method": provenance["method"],
        "quantity": opened.quantity,
        "notes": list(opened.notes),
        **found.as_dict(),
        **{key: provenance[key] for key in ("generated",) if key in provenance},
        "scores": [asdict(score) for score in scores],
        "steps": [] if taught is None else [history.steps for history in taught.histories],
        "warnings": list(warnings),
        "verdict": account.level,
        "sentence": account.sentence,
    }
    model, image = None if taught is None else taught.model, replace(image, provenance=provenance)
    return Reconstruction(restoration=image, account=account, summary=summary, model=model)


def _doubts(learned: Taught | None, beaten_by: str | None) -> tuple[str, ...]:
    """Return what to doubt of an image by a learned method."""
    if learned is None or beaten_by is None:
        return () if learned is None else learned.warnings
    return (
        *learned.warnings,
        f"{beaten_by} predicts unseen measurements better than {learned.name}: train longer or on more scans, or "
        f"reconstruct with {beaten_by}.",
    )


def _prediction(scores: tuple[page.Score, ...]) -> tuple[str, ...]:
    """Say how well the chosen method predicts what it never saw."""
    if not scores:
        return ()
    own = next(score for score in scores if score.chosen)
    rest = ", ".join(f"{score.method} {score.error:.3g}" for score in scores if not score.chosen)
    return (
        f"It predicts measurements that it never saw with a mean error of {own.error:.3g} ± {own.error_se:.1g} of "
        f"their mean modulus{f', against {rest}' if rest else ''}.",
    )
