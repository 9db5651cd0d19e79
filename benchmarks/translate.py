"""Images of one kind turned into another: what keeps content in its place, and what a critic adds to pairs.

`content`: images of 32 x 32 pixels from -1 to 1. The first kind has bright content (0.6) on dark ground (-0.6) with
noise of 0.15; the second has dark, textured content (-0.6) on bright ground (0.6). Content takes half of the area
and has the same shapes as the background, so that both polarities look right: cycleGAN cannot know which is meant.
400 images of each kind, of other objects, train; 64 others, whose content is known, are judged: the correlation of
the output with the second kind of the same content without texture, and the part of the pixels that are content
or ground in both (`kept`), both with one half between. `cycle` is rms(y - F G y) over the contrast of y. Networks,
rates and seeds of both methods are the same; 400 steps of 4 images.

`filaments`: localisation microscopy from few localisations. Truth: two filaments with a Gaussian profile of 1.1
pixels on 64 x 64 pixels. Given: 30 localisations, about four pixels apart along them, each 0.7 pixels off and drawn as
a Gaussian of 0.7 pixels. 400 pairs train, 48 others are judged: PSNR and MS-SSIM (three scales, the first three of the
usual weights) with a range of one, means over the images; and the power beyond a quarter of the Nyquist frequency
over that of the truth (`detail`): below one is blur. `smoothed` is the sparse image through the Gaussian and the gain
that are best on the truth of what is judged. `supervised` is pix2pix without its critic. 1500 steps of 4 images.

Seconds are those of the processor, one thread. A row is written as soon as it is measured; rows that exist are skipped.

    python benchmarks/translate.py
"""

import argparse
import time

import torch
import torch.nn.functional as F

from measuring import record
from pellucid._math import seeds
from pellucid.data.measurement import Measurement, Paired, Unpaired
from pellucid.data.simulate.microtubules import filaments
from pellucid.methods.generate.c2gan import c2gan
from pellucid.methods.generate.cyclegan import cyclegan
from pellucid.methods.generate.pix2pix import pix2pix
from pellucid.objectives.translation import Salient
from pellucid.operators import Identity
from pellucid.training import Plan, fit
from table import show

SEEDS = (0, 1, 2, 3, 4)
SIZE, JUDGED, LOCALISATIONS = 64, 48, 30
PAIRED = {
    "supervised": {"adversarial": 0.0},
    "pix2pix": {},
    "pix2pix, spectral": {"content": "spectral"},
}


def smooth(count, length, rng):
    """Return Gaussian fields of unit variance, correlated over a length."""
    k = torch.fft.fftfreq(32)
    low = torch.exp(-2 * (torch.pi * length) ** 2 * (k[:, None] ** 2 + k**2))
    field = torch.fft.ifft2(torch.fft.fft2(torch.randn(count, 1, 32, 32, generator=rng)) * low).real
    return field / field.std()


def shapes(count, rng):
    """Return where content is, half of the area."""
    return torch.sigmoid(8 * smooth(count, 3.0, rng))


def first(content, rng):
    """Return bright content on dark, noisy ground."""
    return Measurement(y=1.2 * content - 0.6 + 0.15 * torch.randn(content.shape, generator=rng), operator=Identity())


def second(content, rng):
    """Return dark, textured content on bright ground."""
    return 0.6 - content * (1.2 + 0.2 * smooth(len(content), 1.0, rng))


class Others:
    """Draws four images of each kind, of other objects."""

    def __init__(self, given, images):
        self.given, self.images = given, images

    def draw(self, step):
        y, x = (some[torch.randperm(len(some), generator=step.rng)[:4]] for some in (self.given, self.images))
        return Unpaired(y=y, images=x, operator=Identity())


def keeping(method, seed, steps=400):
    """Return the row of a method that sees no pairs."""
    rng = seeds.generator("cpu", seed, 1)
    source = Others(first(shapes(400, rng), rng).y, second(shapes(400, rng), rng))
    content = shapes(64, rng)
    given, meant = first(content, rng), 0.6 - 1.2 * content
    draws = seeds.generator("cpu", seed, 2)
    if method == "cyclegan":
        made = cyclegan((1, 32, 32), draws, features=8)
    else:
        made = c2gan((1, 32, 32), draws, salient=(Salient(0.0, bright=False), Salient(0.0, bright=True)), features=8)
    start = time.process_time()
    fit(made.model, made.objective, source, Plan(steps=steps, seed=seed, optimisers=made.optimisers))
    seconds = time.process_time() - start
    with torch.no_grad():
        image = made.model(given)
        back = made.model.way(image)
    return {
        "method": method,
        "seed": seed,
        "correlation": float(torch.corrcoef(torch.stack([image.flatten(), meant.flatten()]))[0, 1]),
        "kept": float(((image < 0) == (content > 0.5)).float().mean()),
        "cycle": float((back - given.y).square().mean().sqrt() / given.y.std()),
        "steps": steps,
        "seconds": seconds,
    }


def pairs(count, rng):
    """Return few localisations with the filaments that they lie on, from -1 to 1."""
    place = torch.arange(SIZE, dtype=torch.float64) + 0.5
    pixels = torch.cartesian_prod(place, place)
    few, truth = [], []
    for _ in range(count):
        points = filaments(2, (SIZE, SIZE), rng, persistence_nm=100.0, step_nm=0.5).flatten(0, 1)
        points = points[((points > 0) & (points < SIZE)).all(1)]
        off = torch.cdist(pixels, points).amin(1)
        chosen = points[torch.randint(len(points), (LOCALISATIONS,), generator=rng)]
        found = chosen + 0.7 * torch.randn(chosen.shape, generator=rng, dtype=torch.float64)
        truth.append(torch.exp(-((off / 1.1) ** 2) / 2).view(1, SIZE, SIZE))
        spots = torch.exp(-((torch.cdist(pixels, found) / 0.7) ** 2) / 2).sum(1).clamp(max=1)
        few.append(spots.view(1, SIZE, SIZE))
    return tuple(2 * torch.stack(some).float() - 1 for some in (few, truth))


def ms_ssim(image, truth):
    """Return the mean multi-scale structural similarity of images from 0 to 1 (Wang, Simoncelli, Bovik 2003)."""
    ramp = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2))
    window = (ramp[:, None] * ramp / ramp.sum() ** 2)[None, None]
    found = torch.ones(len(image))
    weights = torch.tensor([0.0448, 0.2856, 0.3001]) / 0.6305
    for scale, weight in enumerate(weights):
        if scale:
            image, truth = (F.avg_pool2d(x, 2) for x in (image, truth))
        means = [F.conv2d(x, window) for x in (image, truth, image * image, truth * truth, image * truth)]
        a, b = means[:2]
        spread = means[2] - a * a + means[3] - b * b
        alike = (2 * (means[4] - a * b) + 0.03**2) / (spread + 0.03**2)
        if scale == len(weights) - 1:
            alike = alike * (2 * a * b + 0.01**2) / (a * a + b * b + 0.01**2)
        found = found * alike.flatten(1).mean(1).clamp(min=0) ** weight
    return float(found.mean())


def scores(image, truth):
    """Return what a row says of images, brought to 0 to 1."""
    image, truth = (image + 1) / 2, (truth + 1) / 2
    k = torch.fft.fftfreq(SIZE, 0.5)
    fine = (k[:, None] ** 2 + k**2).sqrt() > 0.25
    power = [(torch.fft.fft2(x).abs().square() * fine).sum() for x in (image, truth)]
    return {
        "psnr": float(-10 * (image - truth).square().flatten(1).mean(1).log10().mean()),
        "ms_ssim": ms_ssim(image, truth),
        "detail": float(power[0] / power[1]),
    }


def smoothed(few, truth):
    """Return the sparse images through the Gaussian and the gain that are best on the truth."""
    k = torch.fft.fftfreq(SIZE)
    y, best = (few + 1) / 2, []
    for width in (0.5, 1.0, 1.5, 2.0, 3.0):
        low = torch.exp(-2 * (torch.pi * width) ** 2 * (k[:, None] ** 2 + k**2))
        blurred = torch.fft.ifft2(torch.fft.fft2(y) * low).real
        gain = (blurred * (truth + 1) / 2).sum() / blurred.square().sum()
        best.append(2 * gain * blurred - 1)
    return max(best, key=lambda image: scores(image, truth)["psnr"])


class Pairs:
    """Draws four pairs."""

    def __init__(self, few, truth):
        self.few, self.truth = few, truth

    def draw(self, step):
        rows = torch.randperm(len(self.few), generator=step.rng)[:4]
        return Paired(y=self.few[rows], truth=self.truth[rows], operator=Identity())


def filling(method, seed, steps):
    """Return the row of a method on pairs."""
    rng = seeds.generator("cpu", seed, 3)
    source, (few, truth) = Pairs(*pairs(400, rng)), pairs(JUDGED, rng)
    start = time.process_time()
    if method in PAIRED:
        made = pix2pix((1, SIZE, SIZE), seeds.generator("cpu", seed, 4), **PAIRED[method])
        fit(made.model, made.objective, source, Plan(steps=steps, seed=seed, optimisers=made.optimisers))
        with torch.no_grad():
            image = made.model(Measurement(y=few, operator=Identity()))
    else:
        image = smoothed(few, truth) if method == "smoothed" else few
    return (
        {"method": method}
        | scores(image, truth)
        | {"steps": steps if method in PAIRED else ""}
        | {"seconds": time.process_time() - start}
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500, help="of the methods on pairs")
    options = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    for seed in SEEDS:
        for method in ("cyclegan", "c2gan"):
            if (method, str(seed)) not in {(row["method"], row["seed"]) for row in record.read("translate_content")}:
                record.append("translate_content", keeping(method, seed))
                show("translate_content")
    for method in ("sparse", "smoothed", *PAIRED):
        if method not in {row["method"] for row in record.read("translate_filaments")}:
            record.append("translate_filaments", filling(method, 0, options.steps))
            show("translate_filaments")


if __name__ == "__main__":
    main()
