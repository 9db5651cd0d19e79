"""Whose checkpoints lie in the folder of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pellucid.errors import InputError
from pellucid.training import checkpoint
from pellucid.workflows.events import Event
from pellucid.workflows.files import forget
from pellucid.workflows.learn import Job

_FREE = ("versions", "device", "steps", "seconds")  # what a resumed run may change


def begin(job: Job, provenance: Mapping[str, Any]) -> None:
    """Note what the checkpoints of a job belong to; where it goes on, refuse those of another one.

    Its budget, device and versions may differ.

    Raises
    ------
    InputError
        In one sentence.
    """
    if job.folder is None:
        return
    note = job.folder / "request.safetensors"
    facts = {key: value for key, value in provenance.items() if key not in _FREE}
    if job.resume and note.is_file():
        begun = checkpoint.load(note)[1]
        other = [key for key in facts | begun if facts.get(key) != begun.get(key)]
        if other:
            raise InputError(
                f"{job.folder} holds a run on other files or with other settings ({', '.join(other)}): repeat its "
                "command with --resume, or leave out --resume to start anew."
            )
        return
    if job.resume:
        job.watch(Event("read", f"There is nothing to go on from in {job.folder}: the training starts anew."))
    forget(job)
    checkpoint.save(note, {}, facts)
