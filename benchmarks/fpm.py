"""Fourier ptychography without a reference: how well LEDs are predicted that were held out; and what is resolved.

fpm_held_out: every ninth LED of the blood smear is left out, for three choices of the first; each method reconstructs
from the others. What the object gives under the LEDs that were left out is compared with what was recorded there: norm
of the difference of the amplitudes (square roots of the intensities) over that of the recorded ones, over the LEDs in
bright field and over those in dark field. `gradient descent` and `pupil known` use the pupil of an ideal lens with the
defocus that the file names. Seconds are those of one reconstruction; one thread.

fpm_resolution: the finest period of the spokes of a simulated star that is shown with a fifth of its contrast, in the
bright-field image and in the reconstruction, and λ / (NA + sin θ), θ the steepest LED: examples/fpm_simulated.py.

The data set fpm_bloodsmear is not part of this repository (its licence is GPL 2), and no picture of it is.

    PELLUCID_DATA=... python benchmarks/fpm.py
"""

import argparse
import os
import runpy
import time
from pathlib import Path

import torch

from measuring import record
from pellucid.data.measurement import Measurement
from pellucid.methods.reconstruct.gd import gd
from pellucid.restorers.embedded_pupil import EmbeddedPupil
from pellucid.workflows.modalities.fpm import fpm
from table import show

GEOMETRY = {"na": 0.1, "pixel_size_um": 1.845, "led_pitch_mm": 4.0, "led_distance_mm": 90.88, "slide_mm": 1.0}


def bright_field(given):
    """Return the bright-field image."""
    return given.operator.backproject(given.y), None


def descent(given):
    """Return what gradient descent finds."""
    return gd(given, rng=torch.Generator()).restorer(given), None


def known(given):
    """Return what alternating projections find with the pupil of an ideal lens."""
    return EmbeddedPupil(pupil=False)(given), None


def embedded(given):
    """Return what alternating projections find, and the aberration of the lens."""
    found, operator = EmbeddedPupil().recover(given)
    before, after = (op.fields.complex_pupil(given.y)[0] for op in (given.operator, operator))
    passes = before.abs() > 0
    ratio = torch.where(passes, after / torch.where(passes, before, 1), 0).sum(0) / passes.sum(0).clamp(min=1)
    return found, torch.where(passes.any(0), ratio, 1)


METHODS = {
    "bright-field image": bright_field,
    "gradient descent": descent,
    "EPRY, pupil known": known,
    "EPRY": embedded,
}


def held_out(measurement):
    """Return a row a method: errors of the LEDs that were held out."""
    y, operator = measurement.y, measurement.operator
    flat = operator(torch.ones(1, 1, *operator.fields.space, dtype=torch.complex64)).mean((0, 1, 3, 4))
    count = y.shape[2]
    rows = []
    for name, method in METHODS.items():
        left, power, seconds = torch.zeros(2), torch.zeros(2), 0.0
        for first in (1, 4, 7):
            held = torch.arange(first, count, 9)
            keep = torch.tensor([k for k in range(count) if k % 9 != first])
            start = time.perf_counter()
            x, aberration = method(Measurement(y=y[:, :, keep], operator=operator.views(keep)))
            seconds += (time.perf_counter() - start) / 3
            asked = operator.views(held)
            if aberration is not None:
                asked = asked.with_pupil(asked.fields.complex_pupil(y) * aberration)
            truth = y[:, :, held].sqrt()
            difference = (asked(x).sqrt() - truth).square().sum((0, 1, 3, 4))
            for kind, part in enumerate((flat[held] > 0.5, flat[held] <= 0.5)):
                left[kind] += difference[part].sum()
                power[kind] += truth.square().sum((0, 1, 3, 4))[part].sum()
        bright, dark = (left / power).sqrt().tolist()
        rows.append({"method": name, "bright": bright, "dark": dark, "seconds": seconds})
    return rows


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    star = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "fpm_simulated.py"))
    limit = star["WAVELENGTH"] / star["whole"]
    record.write("fpm_resolution", [{"before": star["before"], "after": star["after"], "limit": limit}])
    show("fpm_resolution")
    path = Path(os.environ["PELLUCID_DATA"], "fpm_bloodsmear", "bloodsmear_red.mat")
    record.write("fpm_held_out", held_out(fpm(path, recover_pupil=False, **GEOMETRY).measurement))
    show("fpm_held_out")


if __name__ == "__main__":
    main()
