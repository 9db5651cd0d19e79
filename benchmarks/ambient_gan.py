"""AmbientGAN: are images learned from measurements that no image can be restored from?

4000 images of 16 x 16 pixels with one to three Gaussian blobs (sigma 1.5 pixels), each measured once: half of the
pixels dropped; an 8 x 8 patch blocked; blurred (sigma 1 pixel) with noise of 0.1, or of 0.3; one projection along any
direction, which is known. `ambient` sees the measurements and knows p(H); `ignore` learns the measurements as if they
were images, which a projection is not; `unmeasure` restores each one first, knowing its H (holes are filled with the
Gaussian mean, sigma 1 pixel, of what is left around; a blur is undone by Wiener's filter, where the signal has a
twentieth of the measured power at least; a projection is smeared back), and learns these; `clean` learns the images.
One recipe for all, fixed steps. `distance` is the sliced Wasserstein distance (W1, 512 directions, 2000 images each) of
the draws to other clean images, `floor` that of yet others, `measured` that of the measurements, or of the restored
ones where these are no images; `intensity` is the mean of the draws over that of the images. Single thread; seconds are
of a core.

    python benchmarks/ambient_gan.py [--steps 800] [--seed 0] [--only drop:ambient]
"""

import argparse
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from measuring import record
from pellucid._math.seeds import generator
from pellucid.data.measurement import Measurement
from pellucid.methods.generate.ambient_gan import ambient_gan
from pellucid.methods.generate.w_gan import w_gan
from pellucid.noise import Gaussian
from pellucid.operators import Blur, Identity
from pellucid.operators.random import BlockedPatch, DroppedPixels, Known, RandomViews, View
from pellucid.training import Plan, fit

SPACE, COUNT, BATCH = (16, 16), 2000, 64


def blobs(count, rng):
    """Return images of one to three blobs of height one, sigma 1.5 pixels."""
    place = 2 + 11 * torch.rand(count, 3, 2, 1, generator=rng)
    there = torch.arange(3) < torch.randint(1, 4, (count, 1), generator=rng)
    lines = (-((torch.arange(16) - place) ** 2) / (2 * 1.5**2)).exp()
    return torch.einsum("nk,nki,nkj->nij", there.float(), lines[:, :, 0], lines[:, :, 1]).unsqueeze(1)


def gaussian(sigma):
    """Return a PSF of 7 x 7 pixels."""
    line = (-(torch.arange(-3.0, 4.0) ** 2) / (2 * sigma**2)).exp()
    return (line[:, None] * line / line.sum() ** 2)[None, None]


INSTRUMENTS = {
    "drop": (DroppedPixels(SPACE, 0.5), None),
    "patch": (BlockedPatch(SPACE, 8), None),
    "blur 0.1": (Known(Blur(gaussian(1.0))), Gaussian(0.1)),
    "blur 0.3": (Known(Blur(gaussian(1.0))), Gaussian(0.3)),
    "view": (RandomViews(SPACE), None),
}


def unmeasured(y, operator, noise):
    """Return an image for each measurement."""
    if isinstance(operator, View):
        return operator.radon.adjoint(y[:, :1, None]) / SPACE[0]
    if isinstance(operator, Blur):
        spectra = torch.fft.rfft2(y, norm="ortho")
        signal = 1 - noise.sigma**2 / spectra.abs().square().mean(0)
        signal = torch.where(signal > 0.05, signal, 0)
        return torch.fft.irfft2(spectra * signal / operator.otf(SPACE), SPACE, norm="ortho")
    keep, near = operator.acquired.float(), Blur(gaussian(1.0))
    return torch.where(keep > 0, y, near(y) / near(keep).clamp(min=1e-2))


@dataclass(frozen=True)
class Images:
    """A source of batches of a set."""

    images: Tensor

    def draw(self, step):
        rows = torch.randint(len(self.images), (BATCH,), generator=step.rng)
        return Measurement(y=self.images[rows], operator=Identity())


def distance(one, other):
    """Return the sliced Wasserstein distance, W1, of as many images."""
    ways = torch.randn(one[0].numel(), 512, generator=generator("cpu", 0))
    first, second = ((x.flatten(1) @ (ways / ways.norm(dim=0))).sort(0).values for x in (one, other))
    return (first - second).abs().mean().item()


def learned(name, device, y, operator, clean, rng):
    """Return what is learned, and from what."""
    shape, (instrument, noise) = (1, *SPACE), INSTRUMENTS[device]
    if name == "ambient":
        return ambient_gan(shape, rng, instrument=instrument, noise=noise, measured=tuple(y.shape[1:])), y
    data = {"ignore": lambda: y, "unmeasure": lambda: unmeasured(y, operator, noise), "clean": lambda: clean}[name]()
    return w_gan(shape, rng), data


def measure(device, name, steps, seed):
    """Return one row."""
    rng = generator("cpu", seed, 1)
    clean, test, other = (blobs(count, rng) for count in (2 * COUNT, COUNT, COUNT))
    instrument, noise = INSTRUMENTS[device]
    operator = instrument.draw(len(clean), rng)
    y = operator(clean) if noise is None else noise.sample(operator(clean), rng)
    made, data = learned(name, device, y, operator, clean, generator("cpu", seed, 2))
    start = time.process_time()
    plan = Plan(steps=steps, seed=seed, optimisers=made.optimisers, averaging=made.averaging)
    fit(made.model, made.objective, Images(data), plan)
    seconds = time.process_time() - start
    with torch.no_grad():
        draws = made.model.sample(COUNT, rng)
    row = {"instrument": device, "learns": name, "distance": distance(draws, test), "floor": distance(other, test)}
    seen = y if y.shape == clean.shape else unmeasured(y, operator, noise)
    row |= {"measured": distance(seen[:COUNT], test), "intensity": (draws.mean() / test.mean()).item()}
    return row | {"seed": seed, "steps": steps, "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=None, help="as drop:ambient")
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    runs = [(d, n) for n in ("ambient", "unmeasure", "ignore") for d in INSTRUMENTS] + [("drop", "clean")]
    runs.remove(("view", "ignore"))
    seen = {(r["instrument"], r["learns"], r["seed"], r["steps"]) for r in record.read("ambient_gan")}
    for device, name in runs:
        if chosen.only is not None and f"{device}:{name}" not in chosen.only:
            continue
        if (device, name, str(chosen.seed), str(chosen.steps)) in seen:
            continue
        row = measure(device, name, chosen.steps, chosen.seed)
        print(row, flush=True)
        record.append("ambient_gan", row)


if __name__ == "__main__":
    main()
