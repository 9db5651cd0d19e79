"""One score, four uses: draws of the prior, denoising, inpainting and accelerated MRI, of heads that nobody has.

Images: random brains of 32 x 32 with texture and a smooth phase, complex, brightness near 0.6; 1000 train, 6 others are
judged. `score_model`, 16 features, 3000 steps of 16 images with the eight symmetries of the plane, running mean of the
weights. `supervised` is the same network with the same loss, steps and seed, trained at the one level 0.1.

prior         64 draws, 100 levels, one corrector. Sliced Wasserstein distance of 3 x 3 patches to 64 fresh brains,
              beside that of 64 brains more (the floor), and of draws from a normal distribution with the mean and the
              covariance of the training images.
denoising     noise of 0.1 in each part; one pass of either network, over 64 brains more.
inpainting    40 % of the pixels are kept, noise of 0.02 in modulus.
mri           4 birdcage coils, random lines, acceleration 4 with 4 lines in the centre, noise of 0.02 in modulus.

The last two: `mean` and `one` of 8 draws with the likelihood, 100 levels and 2 correctors; `replacement` likewise;
`dps` with 200 variance-preserving levels, no corrector, strength 0.5; `tv` at the strength best on the truth of each
image; `zero-filled`, the adjoint. PSNR in dB of the complex images, with the largest modulus of the truth as the range,
mean over the images. `coverage`: how often each part of the truth lies within 1.64 spreads. Single thread.

    python benchmarks/score_model.py [--steps 3000]
"""

import argparse
import time

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
from pellucid.restorers.diffusion import Diffusion, exploding, paired, parts, preserving
from pellucid.training import Plan, fit
from table import show

SIZE, TRAINED, JUDGED, DRAWN = 32, 1000, 6, 64
LEVEL, NOISE = 0.1, 0.02
STRENGTHS = [10 ** (-k / 4) for k in range(4, 17)]


def brains(count, seed):
    """Return (count, 1, 32, 32), complex."""
    rng = torch.Generator().manual_seed(seed)
    return torch.cat([random_brain(SIZE, rng) for _ in range(count)])


def trained(images, steps, level=None):
    """Return the denoiser, its largest and its smallest level; trained at one level where it is given."""
    rng = torch.Generator().manual_seed(0)
    made = score_model(Measurement(y=images, operator=Identity()), rng=rng, features=16)
    first, last = made.objective.first, made.objective.last
    objective = made.objective if level is None else DenoisingScore(level, level)
    path = record.HERE / "local" / f"score_model_{steps}_{level}.safetensors"
    if path.exists():
        made.model.load_state_dict(load_file(path))
    else:
        source = Patches(data=Measurement(y=images, operator=Identity()), patch=(SIZE, SIZE), batch=16)
        history = fit(made.model, objective, source, Plan(steps=steps, optimisers=made.optimisers))
        print(f"trained for {history.seconds:.0f} s", flush=True)
        path.parent.mkdir(exist_ok=True)
        save_file(made.model.state_dict(), path)
    return made.model.eval(), first, last


def quality(found, truth):
    """Return the PSNR of each image, in dB."""
    error = (found - truth).abs().square().flatten(1).mean(1)
    return 20 * truth.abs().flatten(1).amax(1).log10() - 10 * error.log10()


def psnr(found, truth):
    """Return the mean of the images."""
    return float(quality(found, truth).mean())


def distance(a, b):
    """Return the mean Wasserstein distance of the responses to 64 random filters of 3 x 3 pixels and norm one."""
    filters = torch.randn(64, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    filters = (filters / filters.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).to(a)
    one, other = (torch.conv2d(x, filters).movedim(1, 0).flatten(1).sort(1).values for x in (a, b))
    return float((one - other).abs().mean())


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


def reconstructions(given, truth, model, first, last):
    """Yield (method, PSNR, coverage)."""
    yield "zero-filled", psnr(given.operator.adjoint(given.y), truth), ""
    yield "tv", psnr(total_variation(given, truth), truth), ""
    levels = exploding(100, first, last)
    samplers = {
        "mean": Diffusion(model, levels, correctors=2),
        "replacement": Diffusion(model, levels, guidance="replacement", correctors=2),
        "dps": Diffusion(model, preserving(200), guidance="dps", correctors=0, strength=0.5),
    }
    for name, sampler in samplers.items():
        mean, spread = sampler.estimate(given, torch.Generator().manual_seed(3))
        inside = parts(mean - truth).abs() <= 1.64 * spread / 2**0.5
        yield name, psnr(mean, truth), float(inside.float().mean())
        if name == "mean":
            yield "one", psnr(sampler.draw(given, torch.Generator().manual_seed(4)), truth), ""


def measure(steps, seed):
    """Yield (task, method, facts)."""
    images, truth = brains(TRAINED, 0), brains(JUDGED, seed)
    model, first, last = trained(images, steps)
    for task in ("mri", "inpainting"):
        for name, value, inside in reconstructions(measured(task, truth), truth, model, first, last):
            yield task, name, {"psnr": value, "coverage": inside}
    rng = torch.Generator().manual_seed(5)
    fresh, more = (parts(brains(DRAWN, seed + k)) for k in (1, 2))
    drawn = Diffusion(model, exploding(100, first, last)).sample(fresh.shape, rng)
    for name, y in (("score", drawn), ("brains", more), ("normal", normal(images, DRAWN, rng))):
        yield "prior", name, {"distance": distance(y, fresh)}
    x = parts(judged := torch.cat([truth, brains(DRAWN, seed + 3)]))
    noisy = x + LEVEL * torch.randn(x.shape, generator=rng)
    for name, network in (("score", model), ("supervised", trained(images, steps, LEVEL)[0])):
        with torch.no_grad():
            found = network(noisy, torch.full((len(x),), LEVEL))
        yield "denoising", name, {"psnr": psnr(paired(found), judged)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=200, help="of the judged images")
    chosen = parser.parse_args()
    print(__doc__)
    torch.set_num_threads(1)
    start = time.perf_counter()
    for task, method, facts in measure(chosen.steps, chosen.seed):
        row = {"task": task, "method": method, "psnr": "", "coverage": "", "distance": ""} | facts
        row |= {"steps": chosen.steps, "seconds": time.perf_counter() - start}
        record.append("score_model", row)
        print(row, flush=True)
        start = time.perf_counter()
    show("score_model")


if __name__ == "__main__":
    main()
