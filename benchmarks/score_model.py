"""One score, four uses: draws of the prior, denoising, inpainting and accelerated MRI, of heads that nobody has.

Images: random brains of 32 x 32 with texture and a smooth phase, complex, brightness near 0.6; 1000 train, 6 others are
judged. `score_model`, 16 features, 4000 steps of 16 images, mirrored at random, running mean of the weights.
`supervised` is the same network with the same loss, rate, steps and seed, trained at the one level 0.1. A seed is that
of the images, of the first weights and of the batches.

prior         256 draws, 100 levels, no corrector; `ancestral`: in steps that are not led. Sliced Wasserstein distances
              of patches, of 3 x 3 and of 12 x 12 pixels and less their means, to 256 fresh brains, beside those of 256
              brains that were trained on and of 256 more (the floors), and of draws from a normal distribution with
              mean and covariance of those trained on. `gradients`: mean modulus of differences of neighbours, over that
              of the fresh brains.
denoising     noise of 0.1 in each part, 24 brains; one pass of each network; `tv` as below.
inpainting    40 % of the pixels are kept, noise of 0.02 in modulus.
mri           4 birdcage coils, random lines, acceleration 4 with 4 lines in the centre, noise of 0.02 in modulus.

The last two: `mean` and `one` of 8 draws with the likelihood, 100 levels and 2 correctors; `replacement` likewise;
`dps` with 200 variance-preserving levels, no corrector, strength 0.5; `tv` at the strength best on the truth of each
image; `zero-filled`, the adjoint. PSNR in dB of the complex images, with the largest modulus of the truth as the range,
mean over the images. `coverage`: how often each part of the truth lies within 1.64 spreads: 90 % of a normal posterior,
or 83 % with 8 draws, of which mean and spread are. Seconds of one core; a training counts in the first row that needs
it, unless its weights were kept from another run.

    python benchmarks/score_model.py [--steps 4000] [--seed 0]
"""

import argparse
import math
import time
from functools import cache

import torch
from safetensors.torch import load_file, save_file

from measuring import record
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.simulate.brains import random_brain
from pellucid.data.simulate.coils import birdcage_coils
from pellucid.data.simulate.sampling import random_lines
from pellucid.methods.generate.score_model import score_model
from pellucid.methods.reconstruct.tv import tv
from pellucid.noise import Gaussian
from pellucid.objectives.denoising_score import DenoisingScore
from pellucid.operators import Identity, Sampling
from pellucid.operators.mri import Sense
from pellucid.restorers.diffusion import Diffusion, paired, parts, preserving
from pellucid.training import Plan, fit
from table import show

SIZE, TRAINED, JUDGED, DENOISED, DRAWN = 32, 1000, 6, 24, 256
LEVEL, NOISE = 0.1, 0.02
TASKS = ("denoising", "prior", "mri", "inpainting")
COLUMNS = ("psnr", "coverage", "distance", "distance_12", "gradients")
STRENGTHS = [10 ** (-k / 4) for k in range(4, 17)]


@cache
def brains(count, seed):
    """Return (count, 1, 32, 32), complex."""
    rng = torch.Generator().manual_seed(seed)
    return torch.cat([random_brain(SIZE, rng) for _ in range(count)])


def trained(images, steps, seed, name="score"):
    """Return the denoiser of all levels, or of one."""
    data = Measurement(y=images, operator=Identity())
    made = score_model(data, rng=torch.Generator().manual_seed(seed), features=16)
    objective = made.objective
    if name == "supervised":
        objective = DenoisingScore(math.log(LEVEL / float(made.model.deviation)), 0.0)
    path = record.HERE / "local" / f"score_model_{name}_{steps}_{seed}.safetensors"
    if path.exists():
        made.model.load_state_dict(load_file(path))
    else:
        # heads are taller than wide: exchanged rows and columns would make others
        source = Patches(data=data, patch=(SIZE, SIZE), batch=16, symmetries="mirrors")
        fit(made.model, objective, source, Plan(steps=steps, seed=seed, optimisers=made.optimisers))
        path.parent.mkdir(exist_ok=True)
        save_file(made.model.state_dict(), path)
    return made.model.eval()


def judged(seed):
    """Return the seed of the images that are judged."""
    return 200 + 100 * seed


def quality(found, truth):
    """Return the PSNR of each image, in dB."""
    error = (found - truth).abs().square().flatten(1).mean(1)
    return 20 * truth.abs().flatten(1).amax(1).log10() - 10 * error.log10()


def psnr(found, truth):
    """Return the mean of the images."""
    return float(quality(found, truth).mean())


def distance(a, b, size):
    """Return the mean Wasserstein distance of responses to 64 random filters of this size, of mean 0 and norm 1."""
    filters = torch.randn(64, 2, size, size, generator=torch.Generator().manual_seed(0))
    filters = filters - filters.mean((2, 3), keepdim=True)
    filters = filters / filters.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    one, other = (torch.conv2d(x, filters).movedim(1, 0).flatten(1).sort(1).values for x in (a, b))
    return float((one - other).abs().mean())


def gradients(x):
    """Return the mean modulus of differences of neighbours."""
    return float(x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean())


def normal(images, count, rng):
    """Return draws with the mean and the covariance of images."""
    flat = parts(images).flatten(1)
    mean = flat.mean(0)
    mix = torch.randn(count, len(flat), generator=rng) / (len(flat) - 1) ** 0.5
    return (mean + mix @ (flat - mean)).view(count, 2, SIZE, SIZE)


def measured(task, truth):
    """Return what is recorded of the truth."""
    rng = torch.Generator().manual_seed(7)
    if task == "inpainting":
        operator = Sampling((torch.rand(len(truth), 1, SIZE, SIZE, generator=rng) < 0.4).float())
    else:
        masks = [random_lines((SIZE, SIZE), 4, 4, rng) for _ in truth]
        operator = Sense(birdcage_coils(4, (SIZE, SIZE)), torch.cat(masks))
    y = operator(truth)
    noise = Gaussian(NOISE)
    y = torch.where(operator.acquired, noise.sample(y, rng), 0)
    return Measurement(y=y, operator=operator, noise=noise)


def total_variation(given, truth):
    """Return the best image of each entry over all strengths."""
    best, top = torch.zeros_like(truth), torch.full((len(truth),), -torch.inf)
    for strength in STRENGTHS:
        found = tv(given, rng=torch.Generator().manual_seed(0), strength=strength).restorer(given)
        value = quality(found, truth)
        best = torch.where((value > top).view(-1, 1, 1, 1), found, best)
        top = torch.maximum(value, top)
    return best


def reconstructions(given, truth, model):
    """Yield (method, facts)."""
    yield "zero-filled", {"psnr": psnr(given.operator.adjoint(given.y), truth)}
    yield "tv", {"psnr": psnr(total_variation(given, truth), truth)}
    levels = model.levels(100)
    samplers = {
        "mean": Diffusion(model, levels, correctors=2),
        "replacement": Diffusion(model, levels, guidance="replacement", correctors=2),
        "dps": Diffusion(model, preserving(200), guidance="dps", correctors=0, strength=0.5),
    }
    for name, sampler in samplers.items():
        mean, spread = sampler.estimate(given, torch.Generator().manual_seed(3))
        inside = parts(mean - truth).abs() <= 1.64 * spread / 2**0.5
        yield name, {"psnr": psnr(mean, truth), "coverage": float(inside.float().mean())}
        if name == "mean":
            yield "one", {"psnr": psnr(sampler.draw(given, torch.Generator().manual_seed(4)), truth)}


def priors(model, images, seed):
    """Yield (name, distances) of draws and of other images."""
    rng = torch.Generator().manual_seed(5)
    fresh, more = (parts(brains(DRAWN, judged(seed) + k)) for k in (1, 2))
    guidances = {"score": "likelihood", "ancestral": "dps"}  # of no data: the second one takes steps that are not led
    drawn = {
        name: Diffusion(model, model.levels(100), guidance=guidance, correctors=0).sample(fresh.shape, rng)
        for name, guidance in guidances.items()
    }
    others = {"trained on": parts(images[:DRAWN]), "brains": more, "normal": normal(images, DRAWN, rng)}
    for name, y in (drawn | others).items():
        facts = {"distance": distance(y, fresh, 3), "distance_12": distance(y, fresh, 12)}
        yield name, facts | {"gradients": gradients(y) / gradients(fresh)}


def denoisers(images, steps, seed):
    """Yield (method, facts) for noise of the one level."""
    truth = torch.cat([brains(JUDGED, judged(seed)), brains(DENOISED - JUDGED, judged(seed) + 3)])
    x = parts(truth)
    noisy = x + LEVEL * torch.randn(x.shape, generator=torch.Generator().manual_seed(5))
    for name in ("score", "supervised"):
        model = trained(images, steps, seed, name)
        with torch.no_grad():
            yield name, {"psnr": psnr(paired(model(noisy, torch.full((len(x),), LEVEL))), truth)}
    given = Measurement(y=paired(noisy), operator=Identity(), noise=Gaussian(2**0.5 * LEVEL))
    yield "tv", {"psnr": psnr(total_variation(given, truth), truth)}


def measure(task, steps, seed):
    """Yield (method, facts)."""
    images = brains(TRAINED, seed)
    if task == "prior":
        yield from priors(trained(images, steps, seed), images, seed)
    elif task == "denoising":
        yield from denoisers(images, steps, seed)
    else:
        truth = brains(JUDGED, judged(seed))
        yield from reconstructions(measured(task, truth), truth, trained(images, steps, seed))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--only", nargs="*", default=TASKS, choices=TASKS)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    seen = {(row["task"], row["steps"], row["seed"]) for row in record.read("score_model")}
    for task in chosen.only:
        if (task, str(chosen.steps), str(chosen.seed)) in seen:
            continue
        start = time.process_time()
        for method, facts in measure(task, chosen.steps, chosen.seed):
            row = {"task": task, "method": method, **dict.fromkeys(COLUMNS, "")} | facts
            row |= {"steps": chosen.steps, "seed": chosen.seed, "seconds": time.process_time() - start}
            record.append("score_model", row)
            print(row, flush=True)
            start = time.process_time()
    show("score_model")


if __name__ == "__main__":
    main()
