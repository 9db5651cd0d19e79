"""Noise2Inverse: foam at ten photons a bin, and two halves of the angles of real scans.

Foam: eight slices of a cylinder with 2,000 spherical voids, 256 x 256 pixels, 512 angles over a half circle, 363
bins. Sinograms are exact, from the chords of the voids, not computed with the operator that inverts them. Half of the
X-rays that meet the object are absorbed, and the beam has I0 = 10 photons a bin as in the paper: y = -log(max(n, 1) /
10), n Poisson. U-Nets of 16 features and depth 3 are trained on those noisy slices alone, 512 angles in K = 4 parts,
with a fixed number of steps. PSNR is against the reconstruction of the noiseless sinogram, as in the paper, its range
that image's maximum less its minimum; within the circle, over all slices. SSIM is of the middle slice. TV has the
strength that is best for the truth of the first slice, which nobody knows: the best that it can do. "all views": the
network answers to the one reconstruction from all 512 angles, in place of the mean of its answers to the four inputs.
Seeds: phantom and photons 7, weights 0.

Real: tooth (TomoPy, BSD; 181 angles, 640 columns) and dendrite (ToMoBAR, Apache-2.0; 360 angles, 1260 columns, also
with the mean of three columns in place of each: 180 angles a half are far too few for 1260). The even angles make one
image and the odd ones another. Rings are removed from each half by itself, and each has a network of its own, trained
on that half alone with K = 2: of one half nothing but the centre of rotation reaches the other. `detail`: pixels at
which the Fourier ring correlation of the two falls below 1/7; `low` and `high` are its means up to a half, and from
there to the whole, of the largest frequency. Two networks may put the same wrong thing into both, and rings that
remain are in both: this is agreement, not truth. `distance` is from one half's image to the FBP of the other half, in
units of that between the two FBPs. Where all that differs is noise, the distance of a perfect image is sqrt(1/2) =
0.71, and what a network loses or makes up adds to it; streaks of few views, which are opposite in even and odd ones,
take from it.

Seconds are those of one core. A row is written as soon as it is measured, and rows that exist are skipped; delete them
to measure again.

    PELLUCID_DATA=... python benchmarks/noise2inverse.py [--steps 400]
"""

import argparse
import math
import os
import time
from pathlib import Path

import numpy as np
import torch

from measuring import record
from pellucid.data.measurement import Measurement
from pellucid.data.prepare.tomography import without_rings
from pellucid.data.simulate.foam import foam_3d
from pellucid.methods.reconstruct.noise2inverse import noise2inverse
from pellucid.methods.reconstruct.tv import tv
from pellucid.metrics import frc, psnr, resolution, ssim
from pellucid.operators import Radon
from pellucid.training import Plan, fit
from pellucid.workflows.modalities.ct import ct
from table import show

DATA = Path(os.environ.get("PELLUCID_DATA", ""))
SIZE, SLICES, VIEWS, PHOTONS = 256, 8, 512, 10
STRENGTHS = [2.0**-k for k in range(2, 8)]
TOOTH, DENDRITE = DATA / "ct_tooth" / "tooth_slice.npz", DATA / "ct_dendrite" / "dend_sino.npz"
REAL = {  # file, columns that are joined, region that is compared
    "tooth": (TOOTH, 1, slice(185, 485)),
    "dendrite": (DENDRITE, 1, slice(210, 1050)),
    "dendrite, 420 columns": (DENDRITE, 3, slice(70, 350)),
}


def foam(seed=7):
    """Return the noisy scan, and the reconstruction of the noiseless one."""
    rng = torch.Generator().manual_seed(seed)
    phantom, angles = foam_3d(2000, rng, largest=0.3), math.pi * torch.arange(VIEWS) / VIEWS
    heights = torch.linspace(-0.6, 0.6, SLICES).tolist()
    y = torch.cat([phantom.slice(z).sinogram(angles, size=SIZE) for z in heights])
    y = y * attenuation(y)
    counts = torch.poisson(PHOTONS * torch.exp(-y), generator=rng).clamp(min=1)
    operator = Radon(angles[None].double(), space=(SIZE, SIZE))
    return Measurement(y=-torch.log(counts / PHOTONS).float(), operator=operator), operator.backproject(y.float())


def attenuation(lengths):
    """Return the attenuation per pixel at which half of the rays that meet the object pass, by bisection."""
    lengths, low, high = lengths[lengths > 0], 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if torch.exp(-middle * lengths).mean() > 0.5 else (low, middle)
    return low


def trained(scan, steps, **settings):
    """Return the method after its training, and the seconds of the processor."""
    start = time.process_time()
    method = noise2inverse(scan, rng=torch.Generator().manual_seed(0), features=16, rate=2e-3, **settings)
    (stage,) = method.stages
    fit(stage.model, stage.objective, stage.source([scan]), Plan(steps=steps, optimisers={"model": stage.adam}))
    return method, time.process_time() - start


def of_foam(name, scan, clean, steps):
    """Yield what a method makes of the foam: label, image, what was chosen, seconds of the processor."""
    if name == "FBP":
        yield name, scan.operator.backproject(scan.y), "", 0.0
    elif name == "TV":
        errors = {s: float((total_variation(scan, s, 1) - clean[:1]).square().mean()) for s in STRENGTHS}
        start, best = time.process_time(), min(errors, key=errors.get)
        yield name, total_variation(scan, best), f"strength {best:g}", time.process_time() - start
    else:
        method, seconds = trained(scan, steps, strategy=name[4:])
        with torch.no_grad():
            yield name, method.restorer(scan), f"{steps} steps", seconds
            yield f"{name}, all views", method.model(scan), f"{steps} steps", seconds


def total_variation(scan, strength, slices=SLICES):
    """Return the first slices of the foam, one by one."""
    parts = [Measurement(y=y[None], operator=scan.operator) for y in scan.y[:slices]]
    methods = [tv(part, rng=torch.Generator(), strength=strength) for part in parts]
    return torch.cat([method.restorer(part) for method, part in zip(methods, parts, strict=True)])


def simulated(steps):
    done = {row["method"] for row in record.read("noise2inverse_foam")}
    names = [name for name in ("FBP", "TV", "N2I X:1", "N2I 1:X") if name not in done]
    if not names:
        return
    scan, clean = foam()
    away = torch.arange(SIZE) - (SIZE - 1) / 2
    inside = away[:, None] ** 2 + away**2 < (SIZE / 2) ** 2
    span = float(clean.max() - clean.min())
    for name in names:
        for label, x, chosen, seconds in of_foam(name, scan, clean, steps):
            quality = {"PSNR": round(psnr(x[..., inside], clean[..., inside], span), 2)}
            quality["SSIM"] = round(ssim(x[4, 0] * inside, clean[4, 0] * inside, span), 3)
            row = {"method": label, **quality, "chosen": chosen, "seconds": round(seconds)}
            record.append("noise2inverse_foam", row)


def real(steps):
    done = {(row["scan"], row["method"]) for row in record.read("noise2inverse_real")}
    for scan, (path, bins, part) in REAL.items():
        if not path.exists() or {(scan, "FBP"), (scan, "N2I")} <= done:
            continue
        halves = [half(ct(path).measurement, views, bins) for views in (slice(0, None, 2), slice(1, None, 2))]
        first = [one.operator.backproject(one.y) for one in halves]
        learned, seconds = zip(*(trained(one, steps, parts=2) for one in halves), strict=True)
        with torch.no_grad():
            second = [method.restorer(one) for method, one in zip(learned, halves, strict=True)]
        first, second = ([x[0, 0, part, part].numpy() for x in images] for images in (first, second))
        for name, images, took in (("FBP", first, 0.0), ("N2I", second, sum(seconds))):
            record.append("noise2inverse_real", {"scan": scan, "method": name} | compared(images, first, took))


def half(scan, views, bins):
    """Return some views of a scan, without rings, with the mean of so many columns in place of each."""
    y = torch.from_numpy(without_rings(scan.y[:, :, views].numpy()))
    y = torch.nn.functional.avg_pool2d(y, (1, bins))
    centre, columns = (scan.operator.centre - (bins - 1) / 2) / bins, y.shape[3]
    angles = scan.operator.angles[:, views]
    return Measurement(y=y, operator=Radon(angles, space=(columns, columns), detector=columns, centre=centre))


def compared(images, raw, seconds):
    """Return how two images agree with one another, and each with the raw one of the other half."""
    frequency, correlation = frc(*images)
    low, high = (correlation[side].mean() for side in (frequency <= 0.25, frequency > 0.25))
    apart = [np.linalg.norm(images[k] - raw[1 - k]) / np.linalg.norm(raw[0] - raw[1]) for k in (0, 1)]
    return {
        "detail": round(resolution(frequency, correlation), 2),
        "low": round(low, 3),
        "high": round(high, 3),
        "distance": round(np.mean(apart), 3),
        "seconds": round(seconds),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400, help="of every training")
    steps = parser.parse_args().steps
    print(__doc__)
    torch.set_num_threads(1)
    simulated(steps)
    show("noise2inverse_foam")
    real(steps)
    show("noise2inverse_real")


if __name__ == "__main__":
    main()
