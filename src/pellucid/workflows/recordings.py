"""What belongs to one input: its second recording, its repeats, its phase."""

from __future__ import annotations

from dataclasses import replace

from pellucid.data.image import Image
from pellucid.data.prepare.pairs import matched
from pellucid.data.prepare.repeats import Takes, takes
from pellucid.data.series import with_phase
from pellucid.errors import InputError
from pellucid.methods import card, settings
from pellucid.workflows.options import Options


def recorded(image: Image, pair: Image | None, phase: Image | None, options: Options) -> Takes:
    """Say what is learned from and what is restored of one input.

    Raises
    ------
    InputError
        Where pair, phase or repeats do not fit the image, one another or the method.
    """
    needs = "image" if options.method == "auto" else card(options.method).needs
    if sum((pair is not None, phase is not None, options.repeats is not None)) > 1:
        raise InputError("--pairs, --repeats and --phase exclude each other: give one of them.")
    if needs == "series" and (pair is not None or options.repeats is not None):
        raise InputError(f"{options.method} takes a series as it is: leave --pairs and --repeats out.")
    if phase is not None:
        if needs != "series":
            raise InputError("A phase is of use to methods for series only, such as --method mppca.")
        image = with_phase(image, phase)
    if options.repeats is not None:
        return takes(image, options.repeats)
    if pair is None:
        return Takes(learned=(image,), image=image)
    pair = matched(image, pair, truth=needs == "truth")
    return Takes(learned=(image, pair), image=image, second=pair)


def with_settings(options: Options, *, phase: bool) -> Options:
    """Return the options with what the method must be told of the data."""
    if not phase or options.method == "auto" or "phase" not in settings(options.method):
        return options
    return replace(options, settings={**options.settings, "phase": True})
