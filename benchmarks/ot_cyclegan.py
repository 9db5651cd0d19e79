"""Deconvolution learned from recordings and clean images of other objects: OT-cycleGAN, its ablations, its bounds.

Images: two filaments with a Gaussian profile of 1.1 pixels on 40 x 40 pixels, peaks from 0.6 to 1. Recordings: a PSF
of 2 pixels (13 x 13 taps), mirrored edges, white noise of 0.02. 300 images and recordings of 300 others train; 64
others are judged: PSNR with a range of one, mean over the images. `residual` is rms(y − H x̂) over the noise of those
64, with the H that the method has. Every 100 steps the forward risk of 64 further recordings is estimated, without
their truth; the first PSNR is that of the weights where it is least (`chosen`), `last` that of the weights at the
end, which the method keeps. `supervised` has the truth of its recordings, with the same network, steps and L1.
Richardson-Lucy and total variation get the iterations and the strength that are best on the truth of what is judged.
`20 % too wide`: the method believes in a PSF of 2.4 pixels. `blind`: H is learned, 11 x 11 taps, from a flat kernel;
`tilted` has a PSF of 1.2 x 2.8 pixels at 30 degrees. Its correlation is that of two kernels less their means; an
isotropic Gaussian of 2.6 pixels, a plain guess, has 0.96 and 0.83. Seconds are those of the processor, one thread. A
row is written as soon as it is measured, and rows that exist are skipped. The course of a training is in a table of
its own.

    python benchmarks/ot_cyclegan.py [--steps 600] [--seed 0] [--only 'weight 0.1' blind]
"""

import argparse
import math
import time
from dataclasses import dataclass, field, replace

import torch

from measuring import record
from pellucid._math import seeds
from pellucid.data.measurement import Measurement, Unpaired
from pellucid.data.simulate.microtubules import filaments
from pellucid.data.source import Fixed
from pellucid.methods.reconstruct.ot_cyclegan import ot_cyclegan, standardised
from pellucid.noise import Gaussian
from pellucid.objectives import Objective
from pellucid.objectives.transport import ForwardRisk
from pellucid.operators import Blur, LearnableBlur
from pellucid.solvers import fista, richardson_lucy
from pellucid.solvers.total_variation import TotalVariation
from pellucid.training import Plan, Validation, fit
from table import show

BATCH = 10  # pairs of supervision, as many as there are patches of both kinds else
SIZE, TRAINED, JUDGED, NOISE, TAPS, WIDTH, INTERVAL = 40, 300, 64, 0.02, 13, 11, 100
RUNS = {  # the settings of what is learned
    "weight 0.1": {"adversarial": 0.1},
    "blind": {},
    "weight 1": {"adversarial": 1.0},
    "supervised": {"adversarial": 0.0},
    "blurred": None,
    "Richardson-Lucy": None,
    "cycle only": {"adversarial": 0.0},
    "total variation": None,
    "Richardson-Lucy, 20 % too wide": None,
    "cycle only, 20 % too wide": {"adversarial": 0.0},
    "weight 1, 20 % too wide": {"adversarial": 1.0},
    "blind, tilted": {},
    "weight 0.1, μ = λ / 10": {"adversarial": 0.1, "forward": 0.1},
    "weight 1, μ = λ / 10": {"adversarial": 1.0, "forward": 0.1},
    "cycle only, μ = λ / 10": {"adversarial": 0.0, "forward": 0.1},
    "cycle only, 20 % too wide, μ = λ / 10": {"adversarial": 0.0, "forward": 0.1},
    "weight 1, 20 % too wide, μ = λ / 10": {"adversarial": 1.0, "forward": 0.1},
    "weight 0.1, 20 % too wide": {"adversarial": 0.1},
}


def kernel(across, along, degrees=0.0):
    """Return a Gaussian PSF."""
    place = torch.arange(float(TAPS)) - TAPS // 2
    row, column = torch.meshgrid(place, place, indexing="ij")
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    psf = torch.exp(-(((cos * row + sin * column) / across) ** 2 + ((cos * column - sin * row) / along) ** 2) / 2)
    return (psf / psf.sum())[None, None]


def images(count, rng):
    """Return clean images of two filaments each."""
    place = torch.arange(SIZE, dtype=torch.float64) + 0.5
    pixels = torch.cartesian_prod(place, place)
    found = []
    for _ in range(count):
        chains = filaments(2, (SIZE, SIZE), rng, persistence_nm=100.0, step_nm=0.5)
        off = torch.stack([torch.cdist(pixels, chain).amin(1) for chain in chains])
        peak = 0.6 + 0.4 * torch.rand(2, 1, generator=rng, dtype=torch.float64)
        found.append((peak * torch.exp(-((off / 1.1) ** 2) / 2)).amax(0).view(1, SIZE, SIZE))
    return torch.stack(found).float()


@dataclass
class Case:
    """Images and recordings of one draw."""

    psf: torch.Tensor
    seed: int
    sharp: torch.Tensor = field(init=False)
    hidden: torch.Tensor = field(init=False)
    truth: torch.Tensor = field(init=False)

    def __post_init__(self):
        self.operator, self.noise = Blur(self.psf, "reflect"), Gaussian(NOISE)
        rng = seeds.generator("cpu", self.seed, 1)
        self.sharp, self.hidden, self.truth = (images(n, rng) for n in (TRAINED, TRAINED, JUDGED))
        self.train, self.test = (self.recorded(x, rng) for x in (self.hidden, self.truth))
        self.further = self.recorded(images(JUDGED, rng), rng)

    def recorded(self, x, rng):
        return Measurement(y=self.noise.sample(self.operator(x), rng), operator=self.operator, noise=self.noise)

    def psnr(self, image):
        return float(-10 * (image - self.truth).square().flatten(1).mean(1).log10().mean())


class Supervised(Objective):
    """E‖x − G y‖₁ with the truth x of y."""

    def terms(self, model, batch, step):
        return {"error": (batch.images - model(batch)).abs().mean()}


@dataclass
class Pairs:
    """Draws recordings with their truth."""

    case: Case

    def draw(self, step):
        rows = torch.randperm(TRAINED, generator=step.rng)[:BATCH]
        train = self.case.train
        return Unpaired(y=train.y[rows], images=self.case.hidden[rows], operator=train.operator, noise=train.noise)


def classical(case, name, operator):
    """Return the best image of a method that learns nothing, by the truth, and what was best."""
    y = case.test.y
    if name == "blurred":
        return y, ""
    found = []
    if "Richardson-Lucy" in name:
        x, y = torch.full_like(y, float(y.mean())), y.clamp(min=0)
        for count in range(10, 301, 10):
            x = richardson_lucy(operator, operator.adjoint, y, x, strength=0.0, iterations=10)
            found.append((x, f"{count} iterations"))
    else:
        back = operator.adjoint(y)
        for k in range(5):
            strength, prox = 1.2e-3 * 2**-k, TotalVariation(positive=True).warm(10)

            def shrunk(v, step, strength=strength, prox=prox):
                return prox(v, strength * step)

            x = fista(lambda x: operator.normal(x) - back, shrunk, y, torch.ones(()), iterations=200, tolerance=1e-4)
            found.append((x, f"strength {strength:.2g}"))
    return max(found, key=lambda pair: case.psnr(pair[0]))


def correlation(a, b):
    """Return that of two kernels less their means, the smaller one with zeros around it."""
    size = max(a.shape[-1], b.shape[-1])
    a, b = (torch.nn.functional.pad(k, [(size - k.shape[-1]) // 2] * 4) for k in (a, b))
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def believed(case, name):
    """Return the instrument that a method is told."""
    if "blind" in name:
        return LearnableBlur(torch.full((1, 1, WIDTH, WIDTH), WIDTH**-2.0), "reflect")
    return Blur(kernel(2.4, 2.4), "reflect") if "too wide" in name else case.operator


def learned(case, name, settings, steps):
    """Return the facts of a row of a learned method, and its course."""
    operator, paired = believed(case, name), name == "supervised"
    example = replace(case.train, operator=operator)
    made = ot_cyclegan(example, rng=seeds.generator("cpu", case.seed, 2), clean=[case.sharp], **settings)
    (stage,) = made.stages
    model, course = stage.model, []

    def quality():
        with torch.no_grad():
            image = made.restorer(case.test)
            left = float((case.test.y - model.way(image)).square().mean().sqrt()) / NOISE
        return {"psnr": case.psnr(image), "residual": left}

    def watch(row):
        if "validation" in row:
            course.append({"step": int(row["step"])} | quality() | {"risk": row["validation"]})
            print(*course[-1].values(), flush=True)

    start = time.process_time()
    history = fit(
        model,
        Supervised() if paired else stage.objective,
        Pairs(case) if paired else stage.source([example]),
        Plan(steps=steps, seed=case.seed, optimisers={"model": stage.adam, "critic": stage.critic}),
        validation=Validation(
            objective=ForwardRisk(),
            source=Fixed(standardised(replace(case.further, operator=operator), operator)),
            interval=INTERVAL,
        ),
        watch=watch,
    )
    seconds = time.process_time() - start
    same = f"{correlation(model.way.kernel.detach(), case.psf[0, 0]):.3f}" if "blind" in name else ""
    facts = quality() | {"last": f"{course[-1]['psnr']:.2f}", "chosen": history.best, "kernel": same}
    return facts | {"steps": steps, "seconds": seconds}, course


def measure(name, steps, seed):
    """Return a row, and the course of a training."""
    case = Case(kernel(1.2, 2.8, 30.0) if "tilted" in name else kernel(2.0, 2.0), seed)
    if RUNS[name] is not None:
        return learned(case, name, RUNS[name], steps)
    start, operator = time.process_time(), believed(case, name)
    image, chosen = classical(case, name, operator)
    residual = float((case.test.y - operator(image)).square().mean().sqrt()) / NOISE
    facts = {"psnr": case.psnr(image), "residual": residual, "last": "", "chosen": chosen, "kernel": "", "steps": ""}
    return facts | {"seconds": time.process_time() - start}, []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS))
    options = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    for name in options.only:
        run = {"method": name, "seed": options.seed}
        if not any(row["method"] == name and int(row["seed"]) == options.seed for row in record.read("ot_cyclegan")):
            row, course = measure(name, options.steps, options.seed)
            for point in course:
                record.append("ot_cyclegan_course", run | point)
            record.append("ot_cyclegan", run | row)
            show("ot_cyclegan")
    show("ot_cyclegan_course")


if __name__ == "__main__":
    main()
