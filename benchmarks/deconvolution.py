"""Deconvolution: what it makes of the shared stacks, and what a blur costs above the transforms that it contains.

Three stacks. `bars`: hollow bars, synthetic, with truth and PSF; its PSNR is after the best factor, for data and truth
are of different units. `bead`: a real fluorescent shell in a wide-field stack with a computed PSF. `beads`: real beads
smaller than the resolution, with the PSF measured from themselves. Widths are those of the profiles through the
centre of mass at half of their maximum, in voxels; `hollow` is the value in the middle of the shell over that of its
rim, in the plane of the middle. Richardson-Lucy of scikit-image gets the same PSF and data,
with zeros beyond the edges as it comes.

Speed: one 256 x 256 image and one of 32 x 128 x 128, one thread; `bare` are the two transforms and the product on
tensors of the same size. Contenders take turns; the least time counts.

    PELLUCID_DATA=... python benchmarks/deconvolution.py [--rounds 30] [--only speed]
"""

import argparse
import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.fft import next_fast_len
from skimage.restoration import richardson_lucy

from measuring import record
from measuring.turns import fastest
from pellucid.data.io import read
from pellucid.methods import function
from pellucid.operators import Blur
from pellucid.report.picture import png
from pellucid.workflows.modalities.deconvolution import deconvolution
from table import show

METHODS = {
    "Wiener": ("wiener", {"strength": 0.01}),
    "Richardson-Lucy": ("rl", {"iterations": 100, "strength": 0.0}),
    "with total variation": ("rl", {"iterations": 100, "strength": 0.005}),
}
PICTURES = Path(__file__).parents[1] / "examples" / "pictures"


def numbers(path):
    return np.asarray(read(path, axes="ZYX").data, dtype=np.float64)


def results(image, **given):
    """Return the stack less its background, and what each method makes of it."""
    scan = deconvolution(image, axes="ZYX", **given)
    found = {"blurred": scan.measurement.y[0, 0].double().numpy()}
    for label, (name, settings) in METHODS.items():
        method = function(name, "reconstruct")(scan.measurement, rng=torch.Generator().manual_seed(0), **settings)
        with torch.no_grad():
            found[label] = np.asarray(scan.image(method.restorer(scan.measurement)).data, np.float64)
    blur = scan.measurement.operator.inner.outer
    psf = blur.psf[0, 0].double().numpy()
    odd = np.pad(psf, [(0, 1 - n % 2) for n in psf.shape])
    data = found["blurred"].clip(min=1e-6)
    found["scikit-image"] = data.max() * richardson_lucy(data / data.max(), odd, num_iter=100, clip=False)
    return found


def psnr(image, truth):
    scaled = image * (image * truth).sum() / (image * image).sum()
    return 20 * np.log10(truth.max() / np.sqrt(np.mean((scaled - truth) ** 2)))


def width(profile):
    """Return the full width at half maximum above the least value, in samples."""
    profile = (profile - profile.min()) / np.ptp(profile)
    above = np.flatnonzero(profile >= 0.5)
    ends = []
    for inner, outer in ((above[0], above[0] - 1), (above[-1], above[-1] + 1)):
        if not 0 <= outer < len(profile):
            return np.nan
        ends.append(inner + (outer - inner) * (profile[inner] - 0.5) / (profile[inner] - profile[outer]))
    return ends[1] - ends[0]


def shell(image):
    """Return widths along and across, and how hollow the middle is, of the only object in a stack."""
    bright = image * (image > image.max() / 4)
    centre = [
        round(float(np.average(np.arange(n), weights=bright.sum(tuple({0, 1, 2} - {a})))))
        for a, n in enumerate(image.shape)
    ]
    z, y, x = centre
    across = image[z, y]
    return {
        "along": width(image[:, y - 1 : y + 2, x - 1 : x + 2].mean((1, 2))),
        "across": width(across),
        "hollow": across[x] / across.max(),
    }


def bead(image, half=8):
    """Return widths along and across of the brightest bead; it has no shell."""
    z, y, x = np.unravel_index(image.argmax(), image.shape)
    return {"along": width(image[:, y, x]), "across": width(image[z, y, x - half : x + half + 1]), "hollow": np.nan}


def bars(data):
    """Yield a row a method; draw the stack."""
    truth = numbers(data / "actual.tif")
    found = results(data / "data.tif", psf=data / "kernel.tif")
    draw("deconv3d_bars.png", [*found.values(), truth], 14, 27)
    yield from ({"method": label, "psnr": psnr(image, truth)} for label, image in found.items())


def beads(data):
    """Yield a row for each stack of beads and method; draw one of them."""
    folder = data / "deconv3d_bead"
    found = results(folder / "data.tif", psf=folder / "kernel.tif")
    draw("deconv3d_bead.png", list(found.values()), 27, 31)
    yield from ({"stack": "bead", "method": label} | shell(image) for label, image in found.items())
    many = data / "deconv3d_psf_beads" / "bead_image_ZYX.tif"
    for label, image in results(many, beads=many).items():
        yield {"stack": "beads", "method": label} | bead(image)


def draw(name, images, plane, row):
    """Write a picture: a plane of each above its cut along the axis."""
    panels = []
    for image in images:
        top = np.percentile(image, 99.9)
        cuts = np.concatenate([image[plane], np.ones((2, image.shape[2])) * top, image[:, row]]).clip(0, top) / top
        panels.append(np.pad(np.kron(cuts, np.ones((2, 2))), ((2, 2), (2, 2)), constant_values=1))
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / name).write_bytes(png((255 * np.concatenate(panels, 1) ** 0.7).astype(np.uint8)))


def speed(rounds):
    """Yield what a blur takes, and the transforms that it contains."""
    rng = torch.Generator().manual_seed(0)
    for space, taps in (((256, 256), (33, 33)), ((32, 128, 128), (17, 33, 33))):
        x = torch.rand(1, 1, *space, generator=rng)
        psf = torch.rand(1, 1, *taps, generator=rng)
        axes = tuple(range(2, x.ndim))
        for boundary in ("circular", "reflect", "valid"):
            blur = Blur(psf, boundary)
            grown = [n + (k - 1) * (boundary == "reflect") for n, k in zip(space, taps, strict=True)]
            size = space if boundary == "circular" else [next_fast_len(n, real=True) for n in grown]
            otf, y = blur.otf(size), blur(x)

            def bare(otf=otf, size=size, axes=axes, x=x):
                return torch.fft.irfftn(torch.fft.rfftn(x, s=size, dim=axes) * otf, s=size, dim=axes)

            calls = {"forward": partial(blur, x), "adjoint": partial(blur.adjoint, y), "bare": bare}
            times = {name: 1e3 * value for name, value in fastest(calls, rounds).items()}
            ratios = {f"{name}_ratio": times[name] / times["bare"] for name in ("forward", "adjoint")}
            yield {"image": " x ".join(map(str, space)), "boundary": boundary} | times | ratios | {"rounds": rounds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", choices=["speed", "real"])
    options = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    if options.only != "real":
        record.write("blur_speed", speed(options.rounds))
        show("blur_speed")
    if options.only != "speed":
        data = Path(os.environ["PELLUCID_DATA"])
        for name, rows in (("deconvolution_bars", bars(data / "deconv3d_bars")), ("deconvolution_beads", beads(data))):
            record.write(name, rows)
            show(name)


if __name__ == "__main__":
    main()
