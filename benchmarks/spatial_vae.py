"""spatial-VAE: poses and shape of a particle with a hinge, in the plane.

Seven Gaussian blobs of 1.2 pixels in 20 x 20: a body of four and an arm of three, which is bent by N(0, 0.4²) radians
about its root. 1500 images, each bent, turned and then shifted by N(0, 1) pixels on its own; white noise of σ = 0.3,
whose variance is 1 / 0.55 of that of the images. Angles are N(0, (π/4)²), or any, as `angles` says; `ctf`: any angle,
and each image behind its own contrast transfer function (4 Å a pixel, defocus 1 to 2 µm, 300 kV), 0.55 again.

spatial-VAE is told the noise, the transfer functions and the deviations of angles and shifts, and has one code;
`turns` is in how many turns the encoder looks at an image: with one it is the plain encoder of the first paper.
Settings were chosen on images of another seed. One thread, batches of 32; `seconds` are those of the processor.

`resultant` is |mean exp(i (angle - truth))|, one where all angles are right but for the frame of the reference. `apart`
is the same without the part of the error that is proportional to the bend: the truth counts angles from the body, but
whether body or arm turned is not in the images, nor in the model, whose frame turns with both. `independent` needs no
truth: where angles are N(0, (π/4)²), the frame is the one in which they do not correlate with the code, as the prior
says, so that their slope on the code is taken off. Shifts and the code are scored by their correlation with shift and
bend (the smaller one of rows and columns; the sign of the code is free). A pull is an error, apart from the bend too,
in units of the deviation that the model gives, by medians: one where that is right. `PSNR` is that of the noiseless
images that the posterior's mean makes, with the range of the truth; beside it that of the data, as they are, on their
first ten principal components, and of the mean image.

`hand`: the 100 noise-free images of cryoem_toy_hand from all sides, means of 2 x 2 pixels, told a noise of a tenth of
their deviation; two codes. `unexplained` is what remains of their variance about the mean image, beside that of five
principal components: as many numbers an image as angle, shift and codes. Runs where PELLUCID_DATA is set.

    [PELLUCID_DATA=...] python benchmarks/spatial_vae.py [--only gaussian any plain ctf hand long] [--seed 0]
"""

import argparse
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from measuring import record
from pellucid._math.rotations import from_euler
from pellucid.data import io
from pellucid.data.measurement import Measurement
from pellucid.data.scans import Scans
from pellucid.methods.generate.spatial_vae import spatial_vae
from pellucid.noise import Gaussian
from pellucid.operators import Blur, Identity
from pellucid.operators.ctf import ctf
from pellucid.training import Plan, fit
from table import show

SIZE, IMAGES, SIGMA, SNR = 20, 1500, 0.3, 0.55
RUNS = {  # name: angles, turns, steps
    "gaussian": [("N(0, π/4)", 8, 700)],
    "any": [("any", 8, 700)],
    "plain": [("N(0, π/4)", 1, 1500), ("any", 1, 1500)],
    "ctf": [("any, CTF", 8, 700)],
    "long": [("N(0, π/4)", 8, 2000)],
}


@dataclass(frozen=True)
class Truth:
    """What made the images."""

    clean: Tensor
    angle: Tensor
    shift: Tensor
    bend: Tensor


def about_z(angle):
    """Return the matrices that turn (z, y, x) counter-clockwise on the screen."""
    return from_euler(torch.stack((torch.zeros_like(angle), torch.zeros_like(angle), angle), -1))


def hinged(angles, rng):
    """Return the images without noise, brighter or darker at will, and what made them."""
    body = torch.tensor([[0.0, 0, -5], [0, 0, -3], [0, 0, -1], [0, 0, 1]])
    arm, root = torch.tensor([[0.0, -2, 2], [0, -4, 2], [0, -6, 2]]), torch.tensor([0, 0, 1.5])
    masses = torch.tensor([1.6, 1.3, 1, 1, 1, 1, 1])
    bend, shift = 0.4 * torch.randn(IMAGES, generator=rng), torch.randn(IMAGES, 2, generator=rng)
    angle = torch.rand(IMAGES, generator=rng) * 2 * math.pi
    if angles == "N(0, π/4)":
        angle = math.pi / 4 * torch.randn(IMAGES, generator=rng)
    blobs = torch.cat([body.expand(IMAGES, -1, -1), (arm - root) @ about_z(bend).mT + root], 1)
    blobs = blobs - (masses[:, None] * blobs).sum(1, keepdim=True) / masses.sum()
    at = (blobs @ about_z(angle).mT)[..., 1:] + shift[:, None]
    pixels = torch.arange(SIZE) - SIZE // 2
    row, column = (torch.exp(-0.5 * ((pixels - at[..., k, None]) / 1.2) ** 2) for k in (0, 1))
    return Truth(torch.einsum("b,nby,nbx->nyx", masses, row, column)[:, None], angle, shift, bend)


def measured(angles, seed):
    """Return images as recorded, and what made them."""
    rng = torch.Generator().manual_seed(seed)
    truth, operator = hinged(angles, rng), Identity()
    if angles.endswith("CTF"):
        defocus = 1 + torch.rand(IMAGES, generator=rng)
        transfer = ctf(SIZE, pixel_size_angstrom=4.0, defocus_um=defocus)[:, None]
        operator = Blur(torch.fft.fftshift(torch.fft.irfft2(transfer, s=(SIZE, SIZE)), (-2, -1)))
    brightness = SNR**0.5 * SIGMA / operator(truth.clean).std()
    truth, noise = Truth(truth.clean * brightness, truth.angle, truth.shift, truth.bend), Gaussian(SIGMA)
    return Measurement(y=noise.sample(operator(truth.clean), rng), operator=operator, noise=noise), truth


def psnr(images, clean):
    """Return decibels, with the range of the truth."""
    error = (images - clean).square().mean()
    return 10 * math.log10(float((clean.max() - clean.min()) ** 2 / error))


def principal(y, count):
    """Return the images on their first principal components."""
    mean = y.mean(0)
    axes = torch.linalg.svd((y - mean).flatten(1), full_matrices=False)[2][:count]
    return mean + ((y - mean).flatten(1) @ axes.mT @ axes).view_as(y)


def correlation(a, b):
    return abs(float(torch.corrcoef(torch.stack((a, b)))[0, 1]))


def apart(values, bend):
    """Return values (image, ...) without their mean and their slope on the bend."""
    known = torch.stack((torch.ones_like(bend), bend), 1)
    return values - known @ torch.linalg.lstsq(known, values).solution


def pull(error, deviation):
    """Return the width of a Gaussian that has the median of these errors, in units of their deviations."""
    return float((error / deviation).abs().median() / 0.6745)


@torch.no_grad()
def scores(model, data, truth):
    found = model.poses(data)
    images = model.render(found.angle, found.shift, found.latent)
    off = torch.polar(torch.ones(IMAGES), found.angle - truth.angle)
    turned = apart(torch.angle(off * off.mean().conj())[:, None], truth.bend)[:, 0]
    independent = apart(found.angle[:, None], found.latent[:, 0])[:, 0] - truth.angle
    moved = (about_z(-found.angle)[:, 1:, 1:] @ (found.shift - truth.shift)[..., None])[..., 0]
    return {
        "resultant": float(off.mean().abs()),
        "apart": float(torch.polar(torch.ones(IMAGES), turned).mean().abs()),
        "independent": float(torch.polar(torch.ones(IMAGES), independent).mean().abs()),
        "shift": min(correlation(found.shift[:, k], truth.shift[:, k]) for k in (0, 1)),
        "code": correlation(found.latent[:, 0], truth.bend),
        "angle_pull": pull(turned, found.spreads[:, 0]),
        "shift_pull": pull(apart(moved, truth.bend), found.spreads[:, 1:3]),
        "psnr": psnr(images, truth.clean),
        "pca": psnr(principal(data.y, 10), truth.clean),
        "mean": psnr(data.y.mean(0), truth.clean),
    }


def learned(data, steps, batch=32, seed=0, **settings):
    """Return the model, and the seconds of a processor that it took."""
    made = spatial_vae(data, rng=torch.Generator().manual_seed(seed), **settings)
    start = time.process_time()
    fit(made.model, made.objective, Scans([data], batch), Plan(steps=steps, seed=seed, optimisers=made.optimisers))
    return made.model, time.process_time() - start


def hinge(angles, turns, steps, seed=0):
    """Return the row of one run."""
    data, truth = measured(angles, seed)
    rotation = {"N(0, π/4)": math.pi / 4}.get(angles, math.pi if turns == 1 else None)
    model, seconds = learned(data, steps, seed=seed, latent=1, shift=1.0, rotation=rotation, turns=turns)
    key = dict(zip(("angles", "turns", "steps"), keyed(angles, turns, steps, seed), strict=True))
    return key | scores(model, data, truth) | {"seconds": seconds}


def keyed(angles, turns, steps, seed):
    """Return what names the row of a run."""
    return angles + f", seed {seed}" * bool(seed), str(turns), str(steps)


@torch.no_grad()
def unexplained(images, y):
    return float((images - y).square().sum() / (y.mean(0) - y).square().sum())


def hand(folder, steps=500):
    """Return the row of the images that come with cryoDRGN."""
    y = torch.as_tensor(io.read(folder / "cryoem_toy_hand" / "hand.mrcs").data[:]).float().reshape(100, 1, 64, 64)
    y = F.avg_pool2d(y, 2)
    data = Measurement(y=y, operator=Identity(), noise=Gaussian(0.1 * float(y.std())))
    model, seconds = learned(data, steps, batch=16, latent=2)
    found = model.poses(data)
    left = unexplained(model.render(found.angle, found.shift, found.latent), y)
    return {"turns": 8, "steps": steps, "left": left, "pca": unexplained(principal(y, 5), y), "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=["gaussian", "any", "plain", "ctf", "hand", "long"])
    parser.add_argument("--seed", type=int, default=0, help="of images, first weights and batches")
    args = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    done = {(row["angles"], row["turns"], row["steps"]) for row in record.read("spatial_vae")}
    for run in (run for name in args.only for run in RUNS.get(name, ())):
        if keyed(*run, args.seed) not in done:
            record.append("spatial_vae", hinge(*run, args.seed))
    show("spatial_vae")
    if "hand" in args.only and "PELLUCID_DATA" in os.environ and not record.read("spatial_vae_hand"):
        record.append("spatial_vae_hand", hand(Path(os.environ["PELLUCID_DATA"])))
    show("spatial_vae_hand")


if __name__ == "__main__":
    main()
