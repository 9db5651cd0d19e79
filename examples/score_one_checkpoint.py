"""One network, four uses: drawing, denoising, filling in and deblurring, from nothing but clean images.

The score ∇ log p_σ(x) = (D(x; σ) − x) / σ² of rings, learned by taking noise of all levels away, is a prior for any
linear instrument: it is trained once and never sees one. Each answer comes with draws from the posterior, so with a
spread. A larger case, beside total variation and a supervised network: `benchmarks/score_model.py`.
"""

import tempfile

import torch
from safetensors.torch import load_file, save_file

from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.methods.generate.score_model import score_model
from pellucid.noise import Gaussian
from pellucid.operators import Identity, Sampling
from pellucid.operators.blur import Blur
from pellucid.restoration import restore
from pellucid.restorers.diffusion import Diffusion
from pellucid.training import Plan, fit

torch.set_num_threads(1)
SIZE, NOISE = 16, 0.05
rng = torch.Generator().manual_seed(0)


def rings(count):
    """Return rings of one width, anywhere."""
    axis = torch.arange(SIZE, dtype=torch.float32)
    place = 4 + 8 * torch.rand(2, count, 1, 1, 1, generator=rng)
    away = torch.hypot(axis[:, None] - place[0], axis - place[1])
    return torch.exp(-((away - 3.5) ** 2) / 2)


def error(found):
    """Return the root mean square error."""
    return float((found - truth).square().mean().sqrt())


clean = Measurement(y=rings(400), operator=Identity())
made = score_model(clean, rng=rng, features=8)
plan = Plan(steps=800, optimisers=made.optimisers)
fit(made.model, made.objective, Patches(data=clean, patch=(SIZE, SIZE), batch=16), plan)
with tempfile.TemporaryDirectory() as folder:
    save_file(made.model.state_dict(), f"{folder}/score.safetensors")
    model = score_model(clean, rng=rng, features=8).model
    model.load_state_dict(load_file(f"{folder}/score.safetensors"))
sampler = Diffusion(model, model.levels(40), draws=6)

drawn = Diffusion(model, model.levels(40), correctors=0).sample((16, 1, SIZE, SIZE), rng)
truth = rings(16)
print(f"brightness of draws {float(drawn.mean()):.3f}, of rings {float(clean.y.mean()):.3f}")

noisy = truth + 0.3 * torch.randn(truth.shape, generator=rng)
with torch.no_grad():
    denoised = model(noisy, torch.full((16,), 0.3))
print(f"denoised: error {error(noisy):.3f} -> {error(denoised):.3f}")
assert error(denoised) < 0.5 * error(noisy)

profile = torch.exp(-(torch.arange(-4.0, 5.0) ** 2) / 4)
instruments = {
    "filled in": Sampling((torch.rand(16, 1, SIZE, SIZE, generator=rng) < 0.4).float()),
    "deblurred": Blur((profile[:, None] * profile / profile.sum() ** 2)[None, None]),
}
for name, operator in instruments.items():
    y = operator(truth)
    y = y + NOISE * operator(torch.ones_like(y)).ne(0) * torch.randn(y.shape, generator=rng)
    given = Measurement(y=y, operator=operator, noise=Gaussian(NOISE))
    found = restore(given, sampler, rng=rng)
    print(f"{name}: error {error(y):.3f} -> {error(found.image):.3f}, spread {float(found.spread.mean()):.3f}")
    assert error(found.image) < error(y)
