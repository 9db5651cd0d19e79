"""Blurred, noisy images and nothing else: a denoiser that learned from them deconvolves them.

A microscope blurs, a camera adds noise: y = H x + w. Total variation finds min_x ½‖y − Hx‖² + λ Σ|∇x|: it believes that
objects are flat, and flattens what is textured. Plug-and-play priors put a denoiser D in place of a belief,

    x = argmin_x ½‖y − Hx‖² + ρ/2 ‖x − z + u‖²,   z = D(x + u),   u ← u + x − z,

and RED looks for the balance H*(Hx − y) + λ (x − D(x)) = 0. Here D is a network that Noise2Void trains on y itself: no
sharp and no clean image is ever seen. It learned what is noise and what is texture from blurred textures, and that is
enough; its own answer to y stays blurred, the iterations are not.

Total variation, the Wiener filter and RED get the strength that is best by the truth. Plug-and-play chooses its own
without it: a tenth of the pixels is hidden, and must be predicted.
"""

import numpy as np
import torch

from pellucid import methods
from pellucid.data.measurement import Measurement
from pellucid.data.patches import Patches
from pellucid.data.prepare import Standardisation
from pellucid.metrics import psnr
from pellucid.noise import Gaussian
from pellucid.operators import Identity
from pellucid.operators.blur import Blur
from pellucid.restorers import Recorded
from pellucid.training import Plan, fit

torch.set_num_threads(1)
SIGMA, WIDTH = 0.08, 1.2  # of the noise, where the brightest is one; of the blur, in pixels

# cells with striations, in four frames
rng = np.random.default_rng(0)
row, column = np.mgrid[:128, :128]
frames = np.zeros((4, 1, 128, 128), np.float32)
for frame in frames[:, 0]:
    for _ in range(9):
        y0, x0, radius = rng.uniform(0, 128), rng.uniform(0, 128), rng.uniform(10, 20)
        turn, period = rng.uniform(0, np.pi), rng.uniform(6, 10)
        stripes = 0.6 + 0.4 * np.sin(2 * np.pi / period * (row * np.sin(turn) + column * np.cos(turn)))
        np.maximum(frame, stripes / (1 + np.exp(np.hypot(row - y0, column - x0) - radius)), out=frame)
truth = torch.from_numpy(frames)

profile = torch.exp(-(torch.arange(-6.0, 7.0) ** 2) / (2 * WIDTH**2))
psf = profile[:, None] * profile / profile.sum() ** 2
operator, noise = Blur(psf[None, None]), Gaussian(SIGMA)
measurement = Measurement(
    y=noise.sample(operator(truth), torch.Generator().manual_seed(0)), operator=operator, noise=noise
)

# D, trained on the recorded images alone
units = Standardisation.of(measurement.y, noise, stabilise=False)
example = Measurement(y=units(measurement.y), operator=Identity(), noise=units.noise)
trained = methods.build(
    "noise2void", example, rng=torch.Generator().manual_seed(0), features=16, batch=8, rate=2e-3, fraction=0.01
)
(stage,) = trained.stages
source = Patches(data=example, patch=stage.patch, batch=stage.batch)
fit(stage.model, stage.objective, source, Plan(steps=250, optimisers={"model": stage.adam}))
denoiser = Recorded(trained.restorer, units)


def score(name, **settings):
    """Return the mean PSNR of a method, and the strength it used."""
    method = methods.function(name, "reconstruct")(measurement, rng=torch.Generator().manual_seed(0), **settings)
    with torch.no_grad():
        image = method.restorer(measurement)
    return psnr(image, truth, 1.0), float(method.restorer.strength)


def best(name, strengths, **settings):
    """Return the best PSNR over strengths: chosen by the truth, which nobody has."""
    return max(score(name, strength=strength, **settings) for strength in strengths)


with torch.no_grad():
    alone = psnr(denoiser(Measurement(y=measurement.y, operator=Identity())), truth, 1.0)
table = {
    "blurred, without noise": (psnr(operator(truth), truth, 1.0), 0.0),
    "recorded": (psnr(measurement.y, truth, 1.0), 0.0),
    "denoised, not deconvolved": (alone, 0.0),
    "Wiener, strength by the truth": best("wiener", (0.3, 0.1, 0.03, 0.01, 0.003)),
    "total variation, strength by the truth": best("tv", (0.1, 0.06, 0.04, 0.03, 0.02, 0.01, 0.005)),
    "plug-and-play, own denoiser": score("pnp", denoiser=denoiser, iterations=20),
    # held-out pixels choose 0.1 here, and 23.4 dB: they cannot see what the blur hides
    "RED, own denoiser, strength by the truth": best("red", (1.0, 0.316, 0.1), denoiser=denoiser, iterations=20),
}
for name, (decibels, strength) in table.items():
    print(f"{name:40} {decibels:5.2f} dB" + f"   strength {strength:.3g}" * (strength > 0))
total_variation = table["total variation, strength by the truth"][0]
assert table["plug-and-play, own denoiser"][0] > total_variation + 1
assert table["RED, own denoiser, strength by the truth"][0] > total_variation + 0.5
