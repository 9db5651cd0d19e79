"""DivNoising beside Noise2Void on real images, and its draws against the truth of simulated ones.

Real: 256 x 256 crops of the confocal and two-photon images of the Fluorescence Microscopy Denoising set, truth fitted
by a line (`paired.py`); images _1 are for reporting, 2 and 3 for development, whose rows are kept apart. The noise is
Pellucid's own reading of the frame. Steps are fixed: 200 of DivNoising with its 32 draws, 300 of Noise2Void; the
processor's seconds hold all that `denoise` does, and other work on the machine makes them longer. Simulated:
y = 4 Poisson(x / 4) + N(0, 5²) of Set12 images (01 to 04 for reporting); `within` is the part of the pixels whose truth
lies within x_hat ± 1.645 spread of 128 draws, without calibration, `kl` what the codes tell of a pixel, in nats, and
the rest the PSNR of the mean of as many draws, and of their mode.
Behind a blur: the middle 128 x 128 pixels of Set12 images through a Gaussian PSF of 1.5 pixels, with noise N(0, 10²);
1200 steps at a rate of 0.005, chosen on image 05, the PSF and the noise known. Richardson-Lucy has the best of 10 to 80
iterations, chosen by the truth.
Filaments: fourteen of a hundred photons on 128 x 128 pixels over a ground of two, Gaussian PSF of 2 pixels, Poisson
noise and read noise of one photon, both known; `pellucid deconvolve --method divnoising` with 1000 steps and 64 draws;
seeds 1 and 2. Richardson-Lucy has the best of 5 to 200 iterations, chosen by the truth;
`rl` and `tv` choose their strength themselves, as in `pellucid deconvolve`. PSNR: peak is the range of the truth.
Single thread. Rows that exist are skipped. The variable PELLUCID_DATA names the data's folder.

    python benchmarks/divnoising.py [--development] [--set NAME=VALUE ...]
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch

import pellucid as pl
from measuring import record
from paired import recordings
from pellucid._math.seeds import generator
from pellucid.data.image import Image
from pellucid.data.measurement import Measurement
from pellucid.data.simulate.microtubules import filaments
from pellucid.data.source import Fixed
from pellucid.methods import function
from pellucid.methods.registry import checked
from pellucid.metrics import psnr
from pellucid.noise import Gaussian, PoissonGaussian
from pellucid.operators import Identity
from pellucid.operators.blur import Blur
from pellucid.solvers.richardson_lucy import richardson_lucy
from pellucid.training import Plan, Validation, fit
from pellucid.trust import covered
from pellucid.workflows.learn import Job, learn
from pellucid.workflows.options import Options
from pellucid.workflows.sampling import posterior
from table import show

STEPS = {"divnoising": 200, "noise2void": 300}
DRAWS = (2, 4, 8, 32, 128)


def real(method, settings, noisy, truth):
    """Return what is measured of a recording."""
    start = time.process_time()
    options = {"method": method, "steps": STEPS[method], "settings": settings, "device": "cpu"}
    restored = pl.denoise(noisy.astype(np.float32), **options).image
    return {"psnr": psnr(restored, truth, 255.0), "seconds": time.process_time() - start, "steps": STEPS[method]}


def simulated(settings, truth):
    """Return what is measured of the draws for a simulated recording."""
    rng = np.random.default_rng(0)
    image = Image(data=(4 * rng.poisson(truth / 4) + rng.normal(0, 5, truth.shape)).astype(np.float32), axes="YX")
    options = Options(method="divnoising", steps=STEPS["divnoising"], settings=settings, device="cpu")
    lesson = learn([image], [], 2, Job(options=options, deadline=None))[0][0]
    where = np.stack(np.meshgrid(*map(np.arange, truth.shape), indexing="ij"))
    given = torch.from_numpy(np.concatenate([image.data[None], where.astype(np.float32)])).unsqueeze(0)
    draws = np.empty((max(DRAWS), *truth.shape))

    def keep(number, draw):
        draws[number] = draw[0, 0].numpy()

    with torch.no_grad():
        maps = posterior(lesson.restorer, given, seed=0, draws=max(DRAWS), likeliest=True, keep=keep)
        _, divergences = lesson.method.model.drawn(
            Measurement(y=lesson.standardisation(given[:, :1]), operator=Identity()), generator("cpu", 0)
        )
    mean, spread, likeliest = maps[0, :, 0].double().numpy()
    told = sum(float(divergence.sum()) for divergence in divergences) / truth.size
    row = {"within": covered(mean - truth, spread**2), "kl": told, "mode": psnr(likeliest, truth, 255.0)}
    return row | {f"draws_{n}": psnr(np.mean(draws[:n], 0), truth, 255.0) for n in DRAWS}


def blurred(settings, truth):
    """Return what is measured of draws of what lies behind a blur."""
    truth = truth[64:-64, 64:-64]
    x, scale, rng = torch.from_numpy(truth).float()[None, None], float(truth.std()), generator("cpu", 0)
    row = torch.exp(-0.5 * (torch.arange(-5, 6) / 1.5) ** 2)
    blur = Blur((torch.outer(row, row) / row.sum() ** 2)[None, None], "reflect")
    y = blur(x) + 10 * torch.randn(x.shape, generator=rng)
    data = Measurement(y=(y - y.mean()) / scale, operator=blur, noise=Gaussian(10 / scale))
    method = function("divnoising")(data, rng=generator("cpu", 1), **checked("divnoising", {"rate": 5e-3} | settings))
    (stage,), start = method.stages, time.process_time()
    fit(stage.model, stage.objective, Fixed(data), Plan(steps=1200, optimisers={"model": stage.adam}))
    with torch.no_grad():
        one, (mean, spread) = method.model.draw(data, rng), method.model.estimate(data)
        light = y.clamp(min=0)
        lucy = [richardson_lucy(blur, blur.adjoint, light, light.clamp(min=1), iterations=n) for n in (10, 20, 40, 80)]

    def score(image):
        return psnr(image[0, 0].double().numpy(), truth, 255.0)

    found = {name: score(part * scale + y.mean()) for name, part in (("mean", mean), ("one", one))}
    off = (mean * scale + y.mean() - x)[0, 0].double().numpy()
    within = covered(off, (spread * scale)[0, 0].double().numpy() ** 2)
    told = {"recorded": score(y), "richardson_lucy": max(map(score, lucy))}
    return told | found | {"within": within, "seconds": time.process_time() - start}


def filaments_behind(seed):
    """Return what is measured of draws of what lies behind a blur, of filaments that a camera of known noise saw."""
    rng = generator("cpu", seed)
    x, noise = 100 * drawn(128, 14, rng) + 2, PoissonGaussian(1.0, 0.0, 1.0)
    row = torch.exp(-0.5 * (torch.arange(-6, 7) / 2) ** 2)
    blur = Blur((torch.outer(row, row) / row.sum() ** 2)[None, None], "reflect")
    data = Measurement(y=noise.sample(blur(x), rng), operator=blur, noise=noise)
    peak, truth, start = float(x.max() - x.min()), x[0, 0].double().numpy(), time.process_time()

    def score(image):
        return psnr(image[0, 0].double().numpy(), truth, peak)

    method = function("divnoising", "reconstruct")(data, rng=generator("cpu", 1), draws=64)
    (stage,) = method.stages
    plan, (objective, source) = Plan(steps=1000, optimisers={"model": stage.adam}), stage.judge([data])
    validation = Validation(objective=objective, source=source, interval=stage.interval)
    fit(stage.model, stage.objective, stage.source([data]), plan, validation=validation)
    light = data.y.clamp(min=0)
    with torch.no_grad():
        one, (mean, spread) = method.model.draw(data, rng), method.model.estimate(data)
        seconds, counts = time.process_time() - start, (5, 10, 20, 30, 40, 60, 80, 120, 200)
        lucy = [richardson_lucy(blur, blur.adjoint, light, light.clamp(min=1), iterations=n) for n in counts]
    own = {name: function(name, "reconstruct")(data, rng=generator("cpu", 1)).restorer(data) for name in ("rl", "tv")}
    told = {"recorded": score(data.y), "richardson_lucy": max(map(score, lucy))}
    told |= {name: score(image.detach()) for name, image in own.items()} | {"mean": score(mean), "one": score(one)}
    within = covered((mean - x)[0, 0].double().numpy(), spread[0, 0].double().numpy() ** 2)
    return told | {"within": within, "seconds": seconds}


def drawn(size, count, rng):
    """Return filaments with a Gaussian profile of 1.1 pixels and peaks from 0.6 to 1, (1, 1, size, size)."""
    place = torch.arange(size, dtype=torch.float64) + 0.5
    pixels, image = torch.cartesian_prod(place, place), torch.zeros(size * size, dtype=torch.float64)
    for chain in filaments(count, (size, size), rng, persistence_nm=100.0, step_nm=0.5):
        peak = 0.6 + 0.4 * torch.rand(1, generator=rng, dtype=torch.float64)
        image = torch.maximum(image, peak * torch.exp(-((torch.cdist(pixels, chain).amin(1) / 1.1) ** 2) / 2))
    return image.view(1, 1, size, size).float()


RUNS = {"fmd": {"divnoising_fmd": real}, "set12": {"divnoising_draws": simulated, "divnoising_blur": blurred}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of DivNoising")
    parser.add_argument("--only", default="", help="images whose name contains this")
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    settings = dict(pair.split("=", 1) for pair in chosen.set)
    ending = "_development" if chosen.development else ""
    for name, noisy, truth in recordings(Path(os.environ["PELLUCID_DATA"]), development=chosen.development):
        kind, _, title = name.partition(" ")
        title = " ".join([title, *chosen.set])
        for table, measure in RUNS.get(kind, {}).items():
            done = {(row["image"], row.get("setting")) for row in record.read(table + ending)}
            for method in STEPS if kind == "fmd" else (None,):
                if chosen.only in f"{name} {table}" and (title, method) not in done:
                    start = {"image": title} | ({"setting": method} if method else {})
                    given = settings if method != "noise2void" else {}
                    row = start | (measure(method, given, noisy, truth) if method else measure(given, truth))
                    print(row, flush=True)
                    record.append(table + ending, row)
    for seed in [0] if chosen.development else [1, 2]:
        table = "divnoising_behind" + ending
        if chosen.only in f"{seed} {table}" and str(seed) not in {row["seed"] for row in record.read(table)}:
            row = {"seed": seed} | filaments_behind(seed)
            print(row, flush=True)
            record.append(table, row)
    for table in (*(table for tables in RUNS.values() for table in tables), "divnoising_behind"):
        show(table + ending)


if __name__ == "__main__":
    main()
