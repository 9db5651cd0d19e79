"""Restore files with a model that is already trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pellucid.workflows.events import Watch
from pellucid.workflows.files import Paths, denoise_files
from pellucid.workflows.options import Options


def apply_files(
    model: Path,
    inputs: Paths,
    *,
    output: Path | None = None,
    axes: str | None = None,
    channel: str | None = None,
    device: str = "auto",
    dtype: Literal["float32", "input"] = "float32",
    overwrite: bool = False,
    watch: Watch,
    cancel: Callable[[], bool],
) -> list[dict[str, Any]]:
    """Apply a model package to files, with a report beside each output.

    Raises
    ------
    InputError
        In one sentence, such as that the model was made for other channels.
    """
    reading: dict[str, Any] = {"axes": axes, "channel": channel, "dtype": dtype, "output": output}
    options = Options(device=device)
    return denoise_files(inputs, options, model=model, overwrite=overwrite, watch=watch, cancel=cancel, **reading)
