"""Real CT: what the reconstruction of three quarters of the angles of a tooth says of the others; two pictures.

The tooth (TomoPy, BSD) has 181 angles and 640 columns, white and dark fields. Every fourth angle is held out; strengths
and numbers of iterations are chosen on held-out rays of the others. The error is the norm of the difference between
predicted and measured line integrals, relative to that of the measured ones, and to that of their noise, which is found
in the white fields. scikit-image's `iradon` has the same ramp filter and the same angles.

The pictures are examples/pictures/ct_tooth.png, FBP and TV of all angles, and ct_dendrite.png, FBP of a growing
dendrite (ToMoBAR, Apache-2.0) as it comes and without rings, Hann window.

    PELLUCID_DATA=... python benchmarks/ct_real.py
"""

import os
import time
from pathlib import Path

import numpy as np
import torch
from skimage.transform import iradon

from measuring import record
from pellucid.data.measurement import Measurement
from pellucid.methods.reconstruct.cg import cg
from pellucid.methods.reconstruct.fbp import fbp
from pellucid.methods.reconstruct.sirt import sirt
from pellucid.methods.reconstruct.tv import tv
from pellucid.report.picture import png
from pellucid.workflows.modalities.ct import ct
from table import show

DATA = Path(os.environ.get("PELLUCID_DATA", ""))
PICTURES = Path(__file__).parents[1] / "examples" / "pictures"
METHODS = {"FBP": fbp, "CG": cg, "SIRT": sirt, "TV": tv}
MIDDLE = slice(185, 485)
TOOTH, DENDRITE = DATA / "ct_tooth" / "tooth_slice.npz", DATA / "ct_dendrite" / "dend_sino.npz"


def reconstructed(method, measurement):
    return method(measurement, rng=torch.Generator().manual_seed(0)).restorer(measurement)


def part(measurement, indices):
    """Return the measurement at some of the angles."""
    weight, operator = measurement.weight[:, :, indices], measurement.operator.views(indices)
    return Measurement(y=measurement.y[:, :, indices], operator=operator, weight=weight)


def theirs(measurement):
    """Return scikit-image's filtered back-projection, moved onto our pixels: it turns about pixel n // 2."""
    operator = measurement.operator
    size = operator.space[0]
    shift = float(operator.centre) - size // 2
    y = measurement.y[0, 0].double()
    frequency = torch.fft.rfftfreq(2 * size, dtype=torch.float64)
    middle = 0.5 * (operator.angles[0].cos() - operator.angles[0].sin())  # of our image, off their pixel
    moved = torch.fft.rfft(y, 2 * size) * torch.exp(2j * np.pi * frequency * (shift + middle[:, None]))
    sinogram = torch.fft.irfft(moved, 2 * size)[:, :size]
    image = iradon(
        sinogram.numpy().T, np.rad2deg(operator.angles[0].numpy()), filter_name=operator.window, output_size=size
    )
    return torch.from_numpy(image).float()[None, None]


def tooth():
    whole = ct(TOOTH).measurement
    count = whole.y.shape[2]
    held = torch.arange(1, count, 4)
    given = torch.tensor([k for k in range(count) if k % 4 != 1])
    some, others = part(whole, given), part(whole, held)
    noise = torch.linalg.vector_norm(whole.noise.sigma[:, :, held])
    contenders = {name: lambda m, method=method: reconstructed(method, m) for name, method in METHODS.items()}
    for name, solve in ({"scikit-image's iradon": theirs} | contenders).items():
        start = time.perf_counter()
        off = torch.linalg.vector_norm(others.operator(solve(some)) - others.y)
        seconds = time.perf_counter() - start
        row = {"method": name, "error": float(off / torch.linalg.vector_norm(others.y)), "noise": float(off / noise)}
        yield row | {"seconds": seconds}


def agreement():
    """Yield how far filtered back-projection is from scikit-image's, around the tooth."""
    for window in ("ramp", "hann"):
        whole = ct(TOOTH, window=window).measurement
        ours, other = (image[0, 0, MIDDLE, MIDDLE] for image in (reconstructed(fbp, whole), theirs(whole)))
        yield {"window": window, "difference": float(torch.linalg.vector_norm(ours - other) / other.norm())}


def draw(name, panels):
    """Write panels side by side, all on the grey scale of the first."""
    low, high = np.percentile(panels[0], (1, 99.7))
    grey = np.clip((np.concatenate(panels, 1) - low) / (high - low), 0, 1)
    (PICTURES / name).write_bytes(png((255 * grey).astype(np.uint8)))
    print(f"{PICTURES / name}: {(PICTURES / name).stat().st_size // 1024} KiB")


def pictures():
    measurement = ct(TOOTH).measurement
    draw("ct_tooth.png", [reconstructed(m, measurement)[0, 0, MIDDLE, MIDDLE].numpy() for m in (fbp, tv)])
    slices = [ct(DENDRITE, ring=ring, window="hann").measurement for ring in (False, True)]
    halves = [torch.nn.functional.avg_pool2d(reconstructed(fbp, m), 3)[0, 0, 70:350, 70:350] for m in slices]
    draw("ct_dendrite.png", [half.numpy() for half in halves])


if __name__ == "__main__":
    print(__doc__)
    torch.set_num_threads(1)
    PICTURES.mkdir(exist_ok=True)
    pictures()
    record.write("ct_agreement", list(agreement()))
    show("ct_agreement")
    record.write("ct_tooth", list(tooth()))
    show("ct_tooth")
