"""The upper bound of learned reconstruction: targets are fully sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from pellucid.data.measurement import Measurement, Repeated
from pellucid.data.scans import Scans
from pellucid.data.source import Step
from pellucid.errors import InputError
from pellucid.methods.method import Card, Method
from pellucid.methods.reconstruct.learned import Preset, learned, unrolled
from pellucid.methods.supervised import Truth
from pellucid.objectives import HeldOut, normalised_l1_l2

CARD = Card(
    title="Supervised unrolled network (an upper bound)",
    needs="truth",
    assumes="a full recording of each object, which nobody has: only to see what the same network could reach",
    independent=False,
    stabilise=False,
    gives="image",
    trained=True,
    equation="min_θ Σ_n L(y_ref, H_ref F_θ(y; H)), y_ref the full recording",
    paper="Hammernik et al., MRM 2018; Aggarwal et al., IEEE TMI 2019; survey eq. 7",
)


@dataclass(frozen=True)
class Referenced:
    """Draws entries of recordings together with their references, the last of their shots.

    Parameters
    ----------
    recordings
        `Repeated`; `y` and `operator` are those of the recording, less what only validates.
    batch
        Entries a step.
    """

    recordings: Sequence[Measurement]
    batch: int = 1

    def __post_init__(self) -> None:
        """Check that there are references."""
        if not all(isinstance(recording, Repeated) for recording in self.recordings):
            raise InputError("Supervised training needs a full recording of each scan; give it with --pairs.")

    def draw(self, step: Step) -> Repeated:
        """Return (recording, reference) of the entries of this step."""
        references = [r.shots[-1] for r in self.recordings if isinstance(r, Repeated)]
        return Repeated.of((Scans(self.recordings, self.batch).draw(step), Scans(references, self.batch).draw(step)))


def supervised_unrolled(example: Measurement, *, rng: torch.Generator, preset: Preset = "auto") -> Method:
    """Train the unrolled network of the self-supervised methods on full recordings (survey eq. 7).

    min_θ Σ_n L(y_ref, H_ref F_θ(y; H)), with L the normalised l1-l2 distance.

    Parameters
    ----------
    example
        Some of the data, of a linear instrument; training has the reference as the second recording. Its operator
        says where they are compared: all of k-space, or the image where it is the identity.
    rng
        A generator on the CPU.
    preset
        ``paper``: ten unrolls of 592,129 parameters. ``lite``: for a CPU. ``auto``: by the device.

    Returns
    -------
    Method
        With one stage.

    Raises
    ------
    InputError
        Where the instrument is not linear, or too few samples were measured.

    References
    ----------
    Aggarwal, Mani, Jacob, "MoDL: model-based deep learning architecture for inverse problems", IEEE Transactions on
    Medical Imaging 38, 2019.
    """
    objective = HeldOut(Truth(), normalised_l1_l2)
    method = learned(unrolled(example, rng, preset), objective, example, CARD, preset=preset)
    return replace(method, stages=(replace(method.stages[0], source=Referenced),))
